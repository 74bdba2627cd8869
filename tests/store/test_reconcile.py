"""After a restore: nothing that would let a record pass as unchanged is left, and nothing decided before is sent."""

from __future__ import annotations

from hub.core.model import Pair
from hub.store import agenda, audit, goldens, operations, reconcile, records, reviews, runs
from hub.store.records import Outcome
from tests.store.kit import NOON, ask, do, link, operation, put_golden, put_pending, row
from tests.store.test_reviews import hold

LEASE = "sync:people"


def old_state(store) -> None:
    """What a backup may hold."""
    put_golden(store, "g-1", link("g-1", "1", version="7"), link("g-1", "9", "b", state="ended", why="deleted"))
    put_pending(store, row("1"), row("2"))
    waits = ask(store, records.pending_for, "a", "person", ["2"])["2"]
    do(store, records.settle_rows, "r-1", [Outcome(waits, "held", hash="h", fingerprint="f", keep=True)])
    states = ("pending", "sent", "unknown", "done")
    made = [operation(f"{a}-{s}", action=a, state=s, key=f"{a}{s}") for a in ("create", "update") for s in states]
    do(store, operations.plan_out, made)
    do(store, runs.start, "r-1", "people", "person", "run", "")
    do(store, runs.save_cursor, "people", "a", "person", cursor="c", covers="s", full_done=True, slow_at=5.0)
    do(store, runs.set_sync, "people", applied=True, swept_at=5.0)
    do(store, agenda.add, "people", [("golden:g-1", "moved"), (agenda.record(("a", "person", "2")), "reviewed")])


def begin(store, by="person:ana"):
    do(store, reconcile.begin, by)


def test_no_base_no_hash_and_no_cursor_is_left(store):
    old_state(store)
    begin(store)
    links = ask(store, goldens.links_of, ["g-1"])["g-1"]
    assert [(k.remote_id, k.base, k.state) for k in links] == [("1", {}, "linked"), ("9", {}, "ended")]
    assert ask(store, records.known, "a", "person", ["2"])["2"].hash == ""
    assert ask(store, records.payloads, [("a", "person", "2")]) == {}
    found = ask(store, runs.cursor, "a", "person")
    assert (found.cursor, found.covers, found.full_done, found.slow_at) == ("", "", False, 0.0)
    assert ask(store, reconcile.not_compared, ["people", "orders"]) == ["people", "orders"]


def test_what_was_read_and_not_settled_is_taken_away_and_still_accounted_for(store):
    old_state(store)
    begin(store)
    assert ask(store, records.pending_for, "a", "person", ["1"]) == {}
    assert sorted(ask(store, runs.outcomes, "r-1")) == [("a", "held", 1), ("a", "taken", 1)]
    assert ask(store, agenda.records, "people", 10) == []
    assert ask(store, agenda.goldens, "people", "", 10) == [("g-1", "moved")]


def test_only_creates_under_way_outlive_a_restore_and_each_intent_has_its_end_in_the_log(store):
    old_state(store)
    begin(store)
    states = {o.id: o.state for o in ask(store, operations.in_state, "people", ("pending", "sent", "unknown"))}
    assert states == {"create-sent": "sent", "create-unknown": "unknown"}
    assert ask(store, operations.one, "create-done").state == "done"
    assert ask(store, operations.one, "create-pending").state == "withdrawn"
    told = {(e["action"], e["op"], e["actor"]) for e in ask(store, audit.entries)}
    assert told == {
        ("forgotten update", "update-sent", "hub"),
        ("forgotten update", "update-unknown", "hub"),
        ("restored", "", "person:ana"),
    }


def test_a_decision_that_had_not_taken_effect_is_open_again(store):
    hold(store)
    assert do(store, reviews.decide_conflict, "x-1", "Ana", "person:eva")
    begin(store)
    (found,) = ask(store, reviews.conflicts, "", "open")
    assert (found["value"], found["by"]) == (None, "")


def test_leases_and_runs_of_the_old_state_count_for_nothing(store, clock):
    do(store, runs.start, "r-1", "people", "person", "run", "")
    fence = do(store, runs.take_lease, LEASE, "somebody", 60.0)
    assert ask(store, reconcile.leases) == ["somebody"]
    begin(store)
    assert ask(store, reconcile.leases) == [] and ask(store, runs.get, "r-1").state == "failed"
    first = do(store, runs.take_lease, LEASE, "another", 60.0)
    clock.advance(1)
    begin(store)
    second = do(store, runs.take_lease, LEASE, "another", 60.0)
    assert fence < int(NOON * 1000) < first < second


def test_the_mode_lasts_until_the_release_and_remembers_the_newest_restore(store, clock):
    assert ask(store, reconcile.current) is None and do(store, reconcile.release, "person:ana") == 0
    begin(store)
    clock.advance(60)
    begin(store, "person:eva")
    assert ask(store, reconcile.current) == reconcile.Restored(NOON + 60, "person:eva")
    assert do(store, reconcile.release, "person:ana") == 2
    assert ask(store, reconcile.current) is None
    assert [e["action"] for e in ask(store, audit.entries)] == ["restored", "restored", "released"]


def test_what_waits_for_the_release_is_counted_by_sync_system_and_action(store):
    made = [operation("1", action="create"), operation("2", action="create", connection="a"), operation("3")]
    made += [operation("4", action="delete", sync="orders"), operation("5", action="create", state="done")]
    do(store, operations.plan_out, made)
    everything = [("orders", "b", "delete", 1), ("people", "a", "create", 1), ("people", "b", "create", 1)]
    assert ask(store, reconcile.held_operations) == everything
    assert ask(store, reconcile.held_operations, "orders") == everything[:1]


def test_a_sync_counts_as_compared_once_it_was_swept_since(store):
    begin(store)
    do(store, runs.set_sync, "people", swept_at=NOON)
    assert ask(store, reconcile.not_compared, ["people", "orders"]) == ["orders"]


def test_setting_back_a_link_touches_nothing_else_of_it(store):
    put_golden(store, "g-1", link("g-1", "1", version="7", stamp="s", base={"x": Pair("1", "1")}))
    before = ask(store, goldens.link, "a/person/1")
    begin(store)
    after = ask(store, goldens.link, "a/person/1")
    assert (after.version, after.stamp, after.state) == (before.version, before.stamp, before.state)
