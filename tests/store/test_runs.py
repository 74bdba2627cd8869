"""Runs, leases, cursors, and the state of syncs and connections; who waits for whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from hub.core.errors import Refused
from hub.store import agenda, records, runs
from hub.store import tables as t
from hub.store.records import Outcome
from tests.store.kit import NOON, ask, do, row

LEASE = "sync:people"


def take(store, holder, **options):
    return do(store, runs.take_lease, LEASE, holder, 60.0, **options)


def hold(store, fence):
    do(store, runs.hold_lease, LEASE, fence, 60.0)


def holder(store):
    return ask(store, runs.lease_holder, LEASE)


# ---------------------------------------------------------------- leases


def test_a_second_holder_is_refused_and_told_who_holds_it_for_how_long(store, clock):
    fence = take(store, "one")
    clock.advance(20)
    with pytest.raises(Refused) as refused:
        take(store, "two")
    assert refused.value.code == "S-BUSY" and "people" in refused.value.what and "one" in refused.value.what
    assert "40 s" in refused.value.why and "accordant status people" in refused.value.next
    hold(store, fence)
    assert holder(store) == "one"


def test_the_same_holder_keeps_its_fence_and_renews_the_time(store, clock):
    first = take(store, "one")
    clock.advance(50)
    assert take(store, "one") == first
    clock.advance(50)
    assert holder(store) == "one"


def test_a_zombie_whose_lease_went_to_another_is_refused_and_its_transaction_undone(store, clock):
    old = take(store, "one")
    clock.advance(61)
    new = take(store, "two")
    assert new == old + 1
    with pytest.raises(Refused) as refused, store.begin() as tx:
        records.add_pending(tx, "people", "r-1", [row("1")])
        runs.hold_lease(tx, LEASE, old, 60.0)
    assert refused.value.code == "S-FENCED"
    assert ask(store, records.pending_for, "a", "person", ["1"]) == {}
    do(store, runs.drop_lease, LEASE, old)
    assert holder(store) == "two", "a zombie must not give away what is another's"


def test_an_expired_lease_that_nobody_took_still_holds(store, clock):
    fence = take(store, "one")
    clock.advance(1000)
    assert holder(store) == ""
    hold(store, fence)
    assert holder(store) == "one"


def test_a_lease_is_taken_over_from_the_dead_at_once(store):
    old = take(store, "one")
    new = take(store, "two", take_over=True)
    assert holder(store) == "two"
    with pytest.raises(Refused):
        hold(store, old)
    hold(store, new)


def test_a_lease_given_back_is_free_and_its_old_fence_is_worth_nothing_once_taken_again(store):
    old = take(store, "one")
    do(store, runs.drop_lease, LEASE, old)
    assert holder(store) == ""
    assert take(store, "one") == old + 1
    with pytest.raises(Refused):
        hold(store, old)


def test_leases_of_different_names_do_not_meet(store):
    take(store, "one")
    assert do(store, runs.take_lease, "sync:orders", "two", 60.0) == 1


def test_of_many_who_come_first_at_once_exactly_one_gets_the_lease(shared):
    def come(n):
        try:
            return take(shared, f"holder {n}")
        except Refused:
            return None

    with ThreadPoolExecutor(8) as threads:
        fences = [f for f in threads.map(come, range(8)) if f is not None]
    assert len(fences) == 1
    hold(shared, fences[0])


# ---------------------------------------------------------------- runs


def start(store, id, sync="people"):
    do(store, runs.start, id, sync, "person", "run", "fp")


def test_a_run_is_begun_and_finished(store, clock):
    start(store, "r-1")
    row = ask(store, runs.get, "r-1")
    assert (row.state, row.sync, row.trigger, row.kind, row.started, row.mapping) == (
        *("running", "people", "person", "run"),
        NOON,
        "fp",
    )
    clock.advance(3)
    do(store, runs.finish, "r-1", "failed", "words \x00 of the system")
    row = ask(store, runs.get, "r-1")
    assert (row.state, row.ended) == ("failed", NOON + 3) and row.error.startswith("words")
    assert ask(store, runs.get, "r-9") is None


def test_runs_that_a_crash_left_running_are_ended_and_others_left_alone(store):
    for id, sync in (("r-1", "people"), ("r-2", "people"), ("r-3", "orders"), ("r-4", "people")):
        start(store, id, sync)
    do(store, runs.finish, "r-2", "ok")
    do(store, runs.end_interrupted, "people", "r-4")
    assert {r.id: r.state for r in ask(store, runs.latest)} == {
        "r-1": "failed",
        "r-2": "ok",
        "r-3": "running",
        "r-4": "running",
    }


def test_the_latest_runs_come_first(store, clock):
    for n in range(4):
        start(store, f"r-{n}", "people" if n % 2 else "orders")
        clock.advance(1)
    assert [r.id for r in ask(store, runs.latest, limit=3)] == ["r-3", "r-2", "r-1"]
    assert [r.id for r in ask(store, runs.latest, "people")] == ["r-3", "r-1"]


def test_only_a_run_under_way_can_be_cancelled(store):
    start(store, "r-1")
    assert ask(store, runs.is_cancelled, "r-1") is False
    assert do(store, runs.ask_to_cancel, "r-1") is True and ask(store, runs.is_cancelled, "r-1") is True
    do(store, runs.finish, "r-1", "cancelled")
    assert do(store, runs.ask_to_cancel, "r-1") is False and ask(store, runs.is_cancelled, "r-9") is False


def test_what_a_spoke_counts_is_added_up(store):
    for _ in range(2):
        do(store, runs.touch_spoke, "r-1", "a", "person")
    do(store, runs.touch_spoke, "r-1", "b", "person")
    do(store, runs.add_to_spoke, "r-1", "a", "person", unchanged=3)
    do(store, runs.add_to_spoke, "r-1", "a", "person", unchanged=2, calls=4)
    do(store, runs.spoke_ended, "r-1", "b", "person", pulled=False, error="no \x00 route")
    one, two = ask(store, runs.spokes, "r-1")
    assert (one.connection, one.unchanged, one.api_calls, one.pulled, one.error) == ("a", 5, 4, False, "")
    assert two.connection == "b" and two.error.startswith("no ")


def test_outcomes_are_counted_for_the_run_that_read_and_the_one_that_settled(store):
    def work(tx, run, *rows):
        records.add_pending(tx, "people", run, rows)

    def settle(tx, run, ids, outcome):
        found = records.pending_for(tx, "a", "person", ids)
        records.settle_rows(tx, run, [Outcome(p, outcome) for p in found.values()])

    do(store, work, "r-1", row("1"), row("2"), row("3"), row("4"))
    do(store, settle, "r-1", ["1"], "applied")
    do(store, settle, "r-2", ["2"], "held")
    taken = ask(store, records.pending_for, "a", "person", ["3"])
    do(store, records.replace_pending, "r-2", list(taken.values()))
    assert sorted(ask(store, runs.outcomes, "r-1")) == [
        ("a", "", 1),
        ("a", "applied", 1),
        ("a", "held", 1),
        ("a", "taken", 1),
    ]
    assert ask(store, runs.carried, "r-2") == [("a", "held", 1)]
    assert ask(store, runs.carried, "r-1") == [] and ask(store, runs.outcomes, "r-2") == []


# ---------------------------------------------------------------- cursors and states


def test_a_cursor_moves_part_by_part(store):
    assert ask(store, runs.cursor, "a", "person") == runs.Cursor()
    do(store, runs.save_cursor, "people", "a", "person", cursor="c1", pulled_at=1.5)
    do(store, runs.save_cursor, "people", "a", "person", covers="s1", full_done=True, slow_at=2.5, fingerprint="f")
    assert ask(store, runs.cursor, "a", "person") == runs.Cursor("c1", "s1", True, 2.5, 1.5, "f")
    do(store, runs.save_cursor, "people", "b", "person", cursor="c2")
    assert [(c.connection, c.cursor) for c in ask(store, runs.cursors)] == [("a", "c1"), ("b", "c2")]


def test_a_sync_and_a_connection_have_a_state_before_anything_was_said_about_them(store):
    fresh = ask(store, runs.sync_state, "people")
    assert (fresh["paused"], fresh["applied"], fresh["mode"]) == (False, False, "normal")
    do(store, runs.set_sync, "people", paused=True, reason="holiday")
    do(store, runs.set_sync, "people", applied=True)
    stored = ask(store, runs.sync_state, "people")
    assert stored.keys() == fresh.keys() and (stored["paused"], stored["reason"], stored["applied"]) == (
        True,
        "holiday",
        True,
    )
    blank = ask(store, runs.connection_state, "a")
    do(store, runs.set_connection, "a", state="paused", reason="sign-in")
    now = ask(store, runs.connection_state, "a")
    assert now.keys() == blank.keys() and (blank["state"], now["state"], now["at"]) == ("ok", "paused", NOON)


# ---------------------------------------------------------------- agenda


def test_the_agenda_names_golden_records_in_order_apart_from_those_to_be_created(store):
    rows = [(agenda.golden(g), "owner") for g in ("g-2", "g-1", "g-3")] + [(agenda.golden("g-1"), agenda.CREATES)]
    do(store, agenda.add, "people", [*rows, (agenda.record(("a", "person", "1")), "linked")])
    do(store, agenda.add, "people", rows)
    do(store, agenda.add, "orders", [(agenda.golden("g-0"), "owner")])
    assert ask(store, agenda.goldens, "people", "", 2) == [("g-1", "owner"), ("g-2", "owner")]
    assert ask(store, agenda.goldens, "people", "g-2", 2) == [("g-3", "owner")]
    assert ask(store, agenda.goldens, "people", "", 9, creates=True) == [("g-1", "creates")]
    do(store, agenda.done, [agenda.golden("g-1"), agenda.golden("g-2")])
    do(store, agenda.done, [])
    assert [g for g, _ in ask(store, agenda.goldens, "people", "", 9)] == ["g-3"]
    assert ask(store, agenda.goldens, "people", "", 9, creates=True) == [("g-1", "creates")]
    do(store, agenda.done, [agenda.golden("g-1")], creates=True)
    assert ask(store, agenda.goldens, "people", "", 9, creates=True) == []


@pytest.mark.parametrize("id", ["1", "a|b:c", "golden:x", "é𝕏 "])
def test_the_agenda_names_remote_records_whatever_their_id(store, id):
    ref = ("a", "person", id)
    do(store, agenda.add, "people", [(agenda.record(ref), "linked"), (agenda.golden("g-1"), "x")])
    assert ask(store, agenda.records, "people", 9) == [(ref, "linked")]
    assert ask(store, agenda.records, "orders", 9) == []


def test_who_waits_for_a_link_is_woken_by_it_once(store):
    child = agenda.record(("a", "person", "1"))
    do(store, agenda.wait, "people", [("a|org|5", child), ("a|org|6", child), ("a|org|5", agenda.golden("g-1"))])
    do(store, agenda.wait, "people", [("a|org|5", child)])
    assert sorted(ask(store, agenda.waits_of, child)) == ["a|org|5", "a|org|6"]
    assert do(store, agenda.wake, ["a|org|5", "a|org|9"]) == 2
    assert ask(store, agenda.records, "people", 9) == [(("a", "person", "1"), "linked:a|org|5")]
    assert ask(store, agenda.goldens, "people", "", 9) == [("g-1", "linked:a|org|5")]
    assert ask(store, agenda.waits_of, child) == ["a|org|6"]
    assert do(store, agenda.wake, ["a|org|5"]) == 0 and do(store, agenda.wake, []) == 0
    with store.read() as tx:
        assert tx.value(select(func.count()).select_from(t.waiter)) == 1
