"""Cursors of the three connectors: text and back without loss, never backwards, and one from the future reads all again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.hubspot.reads import Position, position
from connectors.salesforce.changes import Cursor
from hub.connect.clock import ManualClock, MemoryTokens, to_stamp
from hub.connect.connector import Context, Page, Want
from hub.connect.limits import NoLimits
from hub.connect.memory import MemoryConnector, _Cursor, _Feed
from hub.connect.memory_remote import MemoryRemote
from hub.connect.profiles import FieldProfile, ObjectProfile
from hub.core.errors import HubError, Reject

CALM = settings(max_examples=50, derandomize=True, deadline=None)
STAMP = st.integers(1_600_000_000, 1_800_000_000).map(lambda s: to_stamp(float(s)))
ID = st.text("pe0123456789", min_size=1, max_size=12)
FEED = st.builds(
    _Feed, STAMP | st.just(""), ID | st.just(""), STAMP, st.sampled_from(["idle", "open", "closed"]), st.booleans()
)
MEMORY = st.builds(_Cursor, STAMP | st.just(""), st.dictionaries(st.sampled_from(["rows", "gone"]), FEED))
SALESFORCE = st.builds(Cursor, STAMP | st.just(""), STAMP | st.just(""), STAMP | st.just(""), ID | st.just(""))
PART = st.dictionaries(
    st.sampled_from(["start", "from", "after", "id", "pass"]), st.integers(0, 2**45) | ID, max_size=4
)
HUBSPOT = st.builds(Position, st.integers(0, 2**45), PART, PART, PART, PART)


@CALM
@given(MEMORY)
def test_a_cursor_in_memory_comes_back_as_it_was_written(cursor):
    assert _Cursor.read(cursor.text(), 2e9) == cursor
    assert _Cursor.read(cursor.text(), 2e9).text() == cursor.text()


@CALM
@given(SALESFORCE)
def test_a_cursor_of_salesforce_comes_back_as_it_was_written(cursor):
    assert Cursor.parse(str(cursor)) == cursor and str(Cursor.parse(str(cursor))) == str(cursor)


@CALM
@given(HUBSPOT)
def test_a_cursor_of_hubspot_comes_back_as_it_was_written(cursor):
    assert position(cursor.text()) == cursor and position(cursor.text()).text() == cursor.text()


@pytest.mark.parametrize("text", ["nonsense", "[1]", "7", '"x"', '{"sinze": "2026"}', "{"])
def test_what_is_no_cursor_is_refused_with_advice(text):
    for read in (lambda t: _Cursor.read(t, 2e9), Cursor.parse, position):
        with pytest.raises(HubError) as refused:
            read(text)
        assert refused.value.next


def test_a_stamp_that_is_none_is_no_cursor_of_salesforce():
    for name in ("since", "bound", "at"):
        with pytest.raises(Reject):
            Cursor.parse(f'{{"{name}": "soon"}}')


@CALM
@given(MEMORY, st.integers(1_600_000_000, 1_800_000_000))
def test_a_cursor_from_beyond_what_the_clock_can_say_reads_all_again(cursor, now):
    known = _Cursor.read(cursor.text(), float(now))
    beyond = any(max(f.high, f.since) > to_stamp(float(now)) for f in cursor.feeds.values())
    assert known == (_Cursor() if beyond else cursor)


# ---------------------------------------------------------------- as pages are read

PERSON = (FieldProfile("name"),)
STEPS = st.lists(
    st.sampled_from(["create", "edit", "delete", "wait", "read a page", "read all"]), min_size=3, max_size=20
)


class Reader:
    """A connector, the cursor of the last page that was kept, and the rows that came so far."""

    def __init__(self, page_size: int, lag: float, deletes: str) -> None:
        profile = ObjectProfile(fields=PERSON, page_size=page_size, lag=lag, deletes=deletes)
        self.clock = ManualClock(1_700_000_000.0)
        self.remote = MemoryRemote({"person": profile}, self.clock, random.Random(1), name="a")
        context = Context(self.clock, MemoryTokens(), NoLimits(), on_call=lambda what: None)
        self.connector = MemoryConnector("a", {}, context, remote=self.remote)
        self.cursor = ""
        self.held: dict[str, Any] = {}
        self.cursors: list[str] = []

    def pages(self) -> Iterator[Page]:
        return self.connector.changes("person", self.cursor, Want(fields=("name",)))

    def keep(self, page: Page) -> None:
        for record in page.records:
            self.held[record.id] = record.fields.get("name") if record.kind == "updated" else None
        self.cursor = page.cursor
        self.cursors.append(page.cursor)

    def do(self, step: str, n: int) -> None:
        ids = sorted(self.remote.rows("person"))
        self.clock.advance(0.4)
        if step == "create":
            self.remote.create("person", {"name": f"n{n}"})
        elif step == "edit" and ids:
            self.remote.edit("person", ids[n % len(ids)], {"name": f"n{n}"})
        elif step == "delete" and ids:
            self.remote.delete("person", ids[n % len(ids)])
        elif step == "wait":
            self.clock.advance(100)
        elif step == "read a page":
            self.keep(next(self.pages()))
        elif step == "read all":
            for page in self.pages():
                self.keep(page)


@CALM
@given(STEPS, st.integers(1, 3), st.sampled_from([0.0, 3.0]), st.sampled_from(["tombstone", "flag"]))
def test_whatever_is_read_page_by_page_all_arrives_and_the_cursor_never_goes_back(steps, size, lag, deletes):
    reader = Reader(size, lag, deletes)
    for n, step in enumerate(steps):
        reader.do(step, n)
    reader.clock.advance(100)
    reader.do("read all", 0)
    assert {id: name for id, name in reader.held.items() if name is not None} == {
        id: row["name"] for id, row in reader.remote.rows("person").items()
    }
    between = [c for c in (_Cursor.read(text, 2e9) for text in reader.cursors) if not c.began]
    for before, after in pairwise(between):
        assert all(after.feeds[name].since >= feed.since for name, feed in before.feeds.items())


@CALM
@given(STEPS, st.integers(1, 3))
def test_with_a_cursor_from_the_future_everything_is_read_again(steps, size):
    reader = Reader(size, 0.0, "flag")
    for n, step in enumerate(["create", *steps, "read all"]):
        reader.do(step, n)
    reader.held.clear()
    reader.clock.advance(100)
    future = to_stamp(reader.clock.now() + 1_000_000)
    reader.cursor = _Cursor("", {"rows": _Feed(future, "", future)}).text()
    reader.do("read all", 0)
    assert {id for id, name in reader.held.items() if name is not None} == set(reader.remote.rows("person"))


@CALM
@given(STEPS, st.integers(1, 3), st.integers(0, 30))
def test_reading_again_from_any_earlier_cursor_loses_nothing(steps, size, which):
    reader = Reader(size, 3.0, "tombstone")
    for n, step in enumerate([*steps, "read all"]):
        reader.do(step, n)
    kept = dict(reader.held)
    reader.cursor = ["", *reader.cursors][which % (len(reader.cursors) + 1)]
    reader.clock.advance(100)
    reader.do("read all", 0)
    assert {k: v for k, v in reader.held.items() if v is not None} == {
        id: row["name"] for id, row in reader.remote.rows("person").items()
    }
    assert kept.keys() <= reader.held.keys()
