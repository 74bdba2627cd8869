"""Stories of reading: order does not matter, a partial row clears nothing, and what is not read is not null."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hub.core.model import Record
from hub.engine.pull import fingerprint, put_away, sort_out, take_in, wanted
from hub.engine.run import run_sync, running
from hub.engine.sweep import sweep
from tests.simulation.stories.kit import adds_up, agree, conflicts, heal, kill, links, settle_down, silent, unreachable
from tests.simulation.world import F, mapping, profile, spoke, sync, world


def linked(**options):
    w = world(sync(spoke("a"), spoke("b")), **options)
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk", phone="+34600100200")
    w.runs(2)
    (b,) = w.rows("b")
    return w, a, b


# ---------------------------------------------------------------- three states


def test_a_field_that_is_cleared_is_cleared_everywhere():
    w, a, _ = linked()
    w["a"].clear("person", a, "title")
    w.run()
    assert w.only("b")["title"] is None
    silent(w)


def test_a_field_that_our_user_may_not_read_any_more_is_absent_and_clears_nothing():
    w, a, _ = linked()
    hidden = {"title": F("title", hidden=True)}
    w["a"]._tables["person"].profile = profile(fields=hidden)
    w.edit("a", a, first="Anna")
    settle_down(w)
    assert w.only("b")["title"] == "Clerk" and w.only("b")["first"] == "Anna"


def test_a_field_that_becomes_readable_again_after_it_was_edited_unseen_travels():
    w, a, _ = linked()
    w["a"]._tables["person"].profile = profile(fields={"title": F("title", hidden=True)})
    w.edit("a", a, title="Chief")
    w.runs(2)
    assert w.only("b")["title"] == "Clerk"
    w["a"]._tables["person"].profile = profile()
    w.edit("a", a, first="Anna")
    settle_down(w)
    assert w.only("b")["title"] == "Chief" and w.only("b")["first"] == "Anna"


def test_on_empty_ignore_keeps_the_value_of_the_others_when_a_is_cleared():
    keep = {"field": "title", "on_empty": {"read": "ignore", "write": "clear"}}
    w = world(sync(spoke("a", mapping=mapping(job_title=keep)), spoke("b")))
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(2)
    w["a"].clear("person", a, "title")
    w.runs(2)
    assert w.only("b")["title"] == "Clerk"
    silent(w)


# ---------------------------------------------------------------- partial, late, doubled, shuffled


class Feed:
    """Puts rows into the inbox as a webhook's read would: in any order, any number of times, in part."""

    def __init__(self, w, remote: str) -> None:
        self.w, self.remote = w, remote
        self.spoke = next(s for s in w.hub.sync("people").spokes if s.connection == remote)

    def row(self, id: str, *names: str, direct: bool = False) -> Record:
        version = self.w[self.remote].version("person", id)
        fields = {n: version.fields.get(n) for n in names or self.spoke.mapping.reads()}
        return Record(
            "person", id, fields, str(version.number), version.stamp, key=version.fields["hub_key"], direct=direct
        )

    def bring(self, *rows: Record) -> None:
        with running(self.w.hub, "people", trigger="webhook", kind="hint") as run, self.w.hub.store.begin() as tx:
            put_away(tx, run, self.spoke, sort_out(tx, run, self.spoke, fingerprint(self.spoke), rows, ""))


def test_a_full_row_is_pending_and_a_newer_partial_one_arrives_and_the_pending_field_is_not_lost():
    w, a, _ = linked()
    feed = Feed(w, "a")
    w.edit("a", a, title="Chief")
    feed.bring(feed.row(a))
    w.edit("a", a, first="Anna")
    feed.bring(feed.row(a, "first"))
    settle_down(w)
    assert w.only("b")["title"] == "Chief" and w.only("b")["first"] == "Anna"


def test_an_older_row_after_a_newer_one_is_superseded():
    w, a, _ = linked()
    feed = Feed(w, "a")
    w.edit("a", a, title="Chief")
    old = feed.row(a)
    w.edit("a", a, title="Boss")
    feed.bring(feed.row(a))
    feed.bring(old)
    w.run()
    assert w.only("b")["title"] == "Boss"
    feed.bring(old)
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_and_duplicated_rows_lead_to_the_same_end(seed):
    w, a, _ = linked()
    rng, feed, rows = random.Random(seed), Feed(w, "a"), []
    for n in range(5):
        w.edit("a", a, **{rng.choice(["title", "first", "phone"]): f"+3460010{n:04d}"})
        rows.append(feed.row(a, *rng.choice([(), ("title",), ("first", "phone")])))
    rows = rows + rng.sample(rows, 3)
    rng.shuffle(rows)
    for row in rows:
        feed.bring(row)
        if rng.random() < 0.3:
            w.run()
    settle_down(w)
    agree(w, "first", "last", "mail", "phone", "title")
    assert not conflicts(w)
    assert w.only("b")["title"] == w["a"].version("person", a).fields["title"]


def test_two_versions_of_a_row_within_one_coarse_stamp_are_decided_by_a_direct_read():
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(resolution=60, conditional_write="coarse")})
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(2)
    w.clock.advance(120 - w.clock.now() % 60)
    w["a"].edit("person", a, {"title": "Chief"})
    run_sync(w.hub, "people")
    assert w.only("b")["title"] == "Chief"
    w["a"].edit("person", a, {"title": "Boss"})
    run_sync(w.hub, "people")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"


def test_an_edit_that_shows_late_in_the_index_is_found_within_the_overlap():
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(lag=30.0)}, seed=3)
    for n in range(20):
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org")
        if n % 4 == 0:
            w.run()
    settle_down(w)
    assert len(w.rows("b")) == 20


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_kill_between_pages_reads_the_rest_later_and_no_cursor_outruns_what_is_stored(nth):
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(page_size=5)})
    for n in range(20):
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org")
    kill(w, "page", nth)
    settle_down(w)
    assert len(w.rows("b")) == 20


def test_more_rows_than_a_page_on_one_stamp_are_all_read():
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(page_size=5, resolution=60)})
    for n in range(23):
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org")
    settle_down(w)
    assert len(w.rows("b")) == 23


def test_one_side_is_unreachable_and_the_other_is_read_and_nothing_is_created_until_it_answers():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", mail="ana@example.org")
    unreachable(w, "b")
    told = w.run()
    adds_up(told)
    assert told.state == "partial" and told.spokes["b"]["error"]
    heal(w)
    settle_down(w)
    assert len(w.rows("b")) == 1


def test_a_remote_without_a_delta_is_read_whole_and_is_silent_all_the_same():
    w, a, _ = linked(profiles={"a": profile(delta=False)})
    w.edit("a", a, title="Chief")
    w.run()
    assert w.only("b")["title"] == "Chief"
    silent(w)


def test_a_full_re_read_of_unchanged_records_writes_nothing():
    w, _, _ = linked()
    before = w.written()
    told = w.run(full=True)
    adds_up(told)
    assert w.written() == before and told.outcomes["applied"] == 0


def test_an_edit_whose_stamp_is_older_because_the_clock_was_set_back_is_found_by_a_full_reading():
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": profile(delta=False, deletes="sweep")})
    w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(3)
    (b,) = w.rows("b")
    w["b"].skew -= 500
    w.edit("b", b, title="Chief")
    w.runs(2)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"


def test_an_older_row_that_a_lagging_list_tells_again_still_changes_nothing():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(2)
    old = w.hub.connectors["a"].get("person", [a], wanted(w.hub.syncs["people"].spokes[0]))[0]
    w.edit("a", a, title="Chief")
    w.runs(2)
    with running(w.hub, "people", trigger="test", kind="run") as run:
        take_in(w.hub, run, run.sync.spokes[0], [replace(old, direct=False)])
    w.runs(2)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"


@pytest.mark.parametrize("what", ["an edit after our own write", "a delete"])
def test_what_happens_after_the_clock_was_set_back_is_found_by_a_sweep(what):
    w, a, b = linked()
    w.edit("a", a, title="Chief")
    w.run()
    w["b"].skew -= 500
    if what == "a delete":
        w["b"].delete("person", b)
    else:
        w.edit("b", b, title="Boss")
    w.run()
    w.clock.advance(4000)
    sweep(w.hub, "people")
    if what == "a delete":
        assert links(w, "b")[b].state == "ended"
    else:
        assert w.only("a")["title"] == "Boss"
