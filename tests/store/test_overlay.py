"""A plan settles in a copy: whole, private, and gone afterwards."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hub.store import audit, goldens, operations, records, reviews, runs, secrets
from hub.store import tables as t
from hub.store.audit import Entry
from hub.store.overlay import CHUNK, overlay
from hub.store.records import Outcome
from hub.store.tables import metadata
from tests.store.kit import ask, do, golden, link, operation, put_golden, put_pending, row
from tests.store.test_reviews import failure, hold, question


@pytest.fixture
def temp(tmp_path, monkeypatch) -> Path:
    """Where copies are made."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def fill(store) -> None:
    """A row in every table."""
    put_golden(store, "g-1", link("g-1", "1"))
    do(store, goldens.add_keys, "people", [("k", "g-1", True)])
    put_pending(store, row("1"), row("2"))
    do(
        store,
        records.settle_rows,
        "r-1",
        [Outcome(ask(store, records.pending_for, "a", "person", ["2"])["2"], "held", keep=True)],
    )
    do(store, operations.plan_out, [operation("o-1", raw={"first": "naïve \x00"})])
    hold(store)
    question(store)
    failure(store)
    do(store, runs.start, "r-1", "people", "person", "run", "")
    do(store, runs.touch_spoke, "r-1", "a", "person")
    do(store, runs.save_cursor, "people", "a", "person", cursor="c")
    do(store, runs.take_lease, "sync:people", "somebody", 60.0)
    do(store, runs.set_sync, "people", applied=True)
    do(store, runs.set_connection, "a", org="o")
    do(store, audit.write, [Entry("settled", golden="g-1", changes=[{"field": "x", "after": "Ana"}])])
    do(store, audit.seal)
    do(store, secrets.put, "token", "swordfish")
    with store.begin() as tx:
        tx.add(t.agenda, [{"record": "golden:g-1", "reason": "x", "sync": "people"}])
        tx.add(t.waiter, [{"target": "a|p|1", "record": "golden:g-1", "sync": "people"}])
        tx.add(t.hint, [{"connection": "a", "object": "person", "remote_id": "1"}])
        tx.add(t.restore, [{"by": "Ana"}])
        tx.add(t.check, [{"name": "audit"}])
        tx.add(t.finding, [{"id": "f-1", "what": "x"}])


def contents(store) -> dict[str, list[tuple]]:
    with store.read() as tx:
        return {
            table.name: sorted(
                tuple(bytes(v) if isinstance(v, memoryview) else v for v in r) for r in tx.rows(select(table))
            )
            for table in metadata.sorted_tables
        }


def test_a_copy_holds_everything_but_the_leases(store, temp):
    fill(store)
    before = contents(store)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    with overlay(store) as copy:
        copied = contents(copy)
        assert copied.pop("ac_lease") == []
        assert copied == {name: rows for name, rows in before.items() if name != "ac_lease"}
        assert ask(copy, secrets.get, "token") == "swordfish"
        assert ask(copy, audit.verify).bad is None
        assert ask(copy, audit.entries)[0]["changes"][0]["after"] == "Ana"


def test_what_is_done_in_a_copy_does_not_reach_the_store(store, temp):
    fill(store)
    before = contents(store)
    with overlay(store) as copy:
        do(copy, goldens.save, "people", [golden("g-2")], {})
        put_pending(copy, row("9"))
        do(copy, runs.take_lease, "sync:people", "plan", 60.0)
        do(copy, audit.write, [Entry("settled", golden="g-2", changes=[{"field": "x"}])])
        assert do(copy, audit.seal) == 1
    assert contents(store) == before


def test_the_copy_is_private_while_it_lives_and_leaves_no_file(store, temp):
    with overlay(store) as copy:
        put_golden(copy, "g-1")
        names = os.listdir(temp)
        assert names
        for name in names:
            assert stat.S_IMODE(os.stat(temp / name).st_mode) == 0o600, name
    assert os.listdir(temp) == []


def test_a_plan_that_fails_leaves_no_file_either(store, temp):
    with pytest.raises(RuntimeError), overlay(store) as copy:
        put_golden(copy, "g-1")
        raise RuntimeError
    assert os.listdir(temp) == []


def test_a_copy_that_cannot_be_made_leaves_no_file(store, temp, monkeypatch):
    monkeypatch.setattr("hub.store.overlay._backup", lambda *a: 1 / 0)
    monkeypatch.setattr("hub.store.overlay._copy_rows", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError), overlay(store):
        pass
    assert os.listdir(temp) == []


def test_more_rows_than_one_helping_are_all_copied(shared, temp):
    rows = CHUNK + 1
    with shared.begin() as tx:
        tx.add(t.waiter, [{"target": f"t-{n}", "record": "r"} for n in range(rows)])
    with overlay(shared) as copy, copy.read() as tx:
        assert tx.value(select(func.count()).select_from(t.waiter)) == rows


def test_a_copy_shows_one_moment_although_others_write_meanwhile(postgres_store, temp, monkeypatch):
    """What is written after the copying began is not in it."""
    store = postgres_store
    fill(store)
    real = type(store).read

    def reading(self):
        context = real(self)
        if self is not store:
            return context
        return _then(context, lambda: put_golden(store, "g-late", link("g-late", "late")))

    monkeypatch.setattr(type(store), "read", reading)
    with overlay(store) as copy:
        monkeypatch.undo()
        assert ask(copy, goldens.get, "g-late") is None and ask(copy, goldens.link, "a/person/late") is None
    assert ask(store, goldens.get, "g-late")


class _then:
    """A transaction of which the first question is followed by something that another one does."""

    def __init__(self, context, work):
        self.context, self.work = context, work

    def __enter__(self):
        tx = self.context.__enter__()
        tx.rows(select(t.sync_state))
        self.work()
        return tx

    def __exit__(self, *trouble):
        return self.context.__exit__(*trouble)


def test_reviews_of_a_copy_can_be_listed(store, temp):
    fill(store)
    with overlay(store) as copy:
        assert (
            len(ask(copy, reviews.conflicts)) == len(ask(copy, reviews.reviews)) == len(ask(copy, reviews.letters)) == 1
        )
