"""The journal of intended writes: planned, sent, ended, and counted."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hub.core.model import FieldWrite, Pair
from hub.store import operations, runs
from hub.store import tables as t
from hub.store.db import Tx
from tests.store.kit import NOON, ask, do, operation

WRITE = FieldWrite("given_name", None, "Ana\x00\ud800", {"first": "Ana", "n": 2**70}, "edit")


def plan(store, *found):
    do(store, operations.plan_out, list(found))


def one(store, id="o-1"):
    return ask(store, operations.one, id)


def ids(found):
    return [o.id for o in found]


def pending(store, *actions, after=0, limit=10):
    return ids(ask(store, operations.pending, "people", "b", "person", actions or ["update"], limit, after))


def test_an_operation_comes_back_as_it_was_planned(store):
    said = operation(
        "o-1",
        action="create",
        link="b/person/1",
        remote_id="1",
        fields=(WRITE,),
        raw={"first": "Ana", "gone": None, "more": {}},
        bases={"given_name": Pair(None, "", False)},
        key="k-1",
        generation=2,
        version="v",
        stamp="s",
        why="because",
        attempts=1,
        seq=1,
    )
    plan(store, said)
    assert one(store) == said
    assert one(store, "o-2") is None
    plan(store)


def test_operations_wait_in_the_order_in_which_they_were_decided(store):
    plan(store, operation("z"), operation("a"))
    plan(
        store,
        operation("m"),
        operation("c", action="create"),
        operation("x", connection="c"),
        operation("y", object="l"),
    )
    assert pending(store) == ["z", "a", "m"]
    assert pending(store, limit=2) == ["z", "a"]
    assert pending(store, after=one(store, "a").seq) == ["m"]
    assert pending(store, "create", "update") == ["z", "a", "m", "c"]


def test_what_is_sent_stands_in_the_journal_with_the_version_and_the_values_seen(store):
    plan(store, operation("o-1"), operation("o-2"))
    seen = operation("o-1", version="v2", stamp="s2", raw={"first": "x"}, fields=(WRITE,), bases={"p": Pair(1, 2)})
    do(store, operations.send, "r-2", [seen])
    now = one(store)
    assert (now.state, now.sent_run, now.attempts, now.version, now.stamp) == ("sent", "r-2", 1, "v2", "s2")
    assert (now.raw, now.fields, now.bases) == ({"first": "x"}, (WRITE,), {"p": Pair(1, 2)})
    assert one(store, "o-2").state == "pending" and pending(store) == ["o-2"]
    do(store, operations.send, "r-2", [])


def test_operations_end_in_bulk_each_in_its_own_state(store):
    plan(store, *(operation(f"o-{n}") for n in (1, 2, 3)))
    do(store, operations.end, [("o-1", "done", "", "77"), ("o-2", "dead", "refused \x00 by b", "")])
    do(store, operations.end, [])
    assert (one(store).state, one(store).remote_id) == ("done", "77")
    assert one(store, "o-2").state == "dead" and one(store, "o-2").error.startswith("refused ")
    assert one(store, "o-3").state == "pending"


@pytest.mark.parametrize("state", ["pending", "sent", "unknown", "done", "withdrawn"])
def test_operations_are_marked_with_the_reason(store, state):
    plan(store, operation("o-1"), operation("o-2"))
    do(store, operations.mark, ["o-1"], state, why="moved", run="r-3", error="text")
    do(store, operations.mark, [], state)
    now = one(store)
    assert (now.state, now.why, now.sent_run, now.error) == (state, "moved", "r-3", "text")
    assert now.attempts == (state == "sent")
    with store.read() as tx:
        ended = tx.value(select(t.operation.c.ended_at).where(t.operation.c.id == "o-1"))
    assert ended == (0.0 if state in operations.OPEN else NOON)
    assert one(store, "o-2").state == "pending"


def test_open_operations_are_found_by_state_and_by_golden_record(store):
    plan(store, operation("o-1"), operation("o-2", "g-2"), operation("o-3", connection="c"), operation("o-4", sync="x"))
    do(store, operations.mark, ["o-2"], "unknown")
    do(store, operations.mark, ["o-3"], "done")
    assert ids(ask(store, operations.in_state, "people", ("pending", "unknown"))) == ["o-1", "o-2"]
    assert ids(ask(store, operations.in_state, "people", ("done",), "c")) == ["o-3"]
    assert ids(ask(store, operations.in_state, "people", ("done",), "b")) == []
    assert ids(ask(store, operations.of_goldens, ["g-1", "g-2"])) == ["o-1", "o-2", "o-4"]
    assert ids(ask(store, operations.of_goldens, ["g-1"], ("done",))) == ["o-3"]


def test_values_of_writes_that_may_have_arrived_are_intents_of_their_link(store):
    plan(store, *(operation(f"o-{n}", link="b/person/1", fields=(WRITE,)) for n in (1, 2, 3)), operation("o-4"))
    do(store, operations.mark, ["o-1"], "sent")
    do(store, operations.mark, ["o-2", "o-4"], "unknown")
    found = ask(store, operations.of_goldens, ["g-1"])
    assert operations.intents(found) == {"b/person/1": {"given_name": [WRITE.after, WRITE.after]}}


def test_creates_are_found_by_their_key_and_the_newest_stands_for_it(store):
    plan(store, operation("o-1", key="k"), operation("o-2", key="k"), operation("o-3", key="l"))
    assert {k: o.id for k, o in ask(store, operations.by_key, ["k", "m"]).items()} == {"k": "o-2"}
    assert ask(store, operations.by_key, []) == {}


def test_creates_whose_answer_was_lost_are_found_per_object(store):
    plan(
        store,
        *(operation(f"o-{n}", action="create") for n in (1, 2)),
        operation("o-3"),
        operation("o-4", action="create"),
    )
    do(store, operations.mark, ["o-1", "o-3"], "unknown")
    do(store, operations.mark, ["o-2"], "sent")
    assert ids(ask(store, operations.unknown_creates, "b", "person")) == ["o-1", "o-2"]
    assert ask(store, operations.unknown_creates, "b", "lead") == []


def test_only_operations_under_way_move_to_the_golden_record_that_stays(store):
    plan(store, operation("o-1"), operation("o-2"), operation("o-3"))
    do(store, operations.mark, ["o-1"], "sent")
    do(store, operations.mark, ["o-2"], "done")
    do(store, operations.move, "g-1", "g-9")
    assert [one(store, f"o-{n}").golden for n in (1, 2, 3)] == ["g-9", "g-1", "g-1"]


def test_guards_count_what_was_sent_lately_and_what_waits(store, clock):
    def begin_plan(tx: Tx) -> None:
        runs.start(tx, "r-plan", "people", "plan", "run", "")

    do(store, begin_plan)
    plan(store, operation("old"))
    do(store, operations.mark, ["old"], "done")
    clock.advance(100)
    plan(
        store, *(operation(n) for n in ("sent", "unknown", "dead", "waits", "planned")), operation("c", action="create")
    )
    for id in ("sent", "unknown", "dead"):
        do(store, operations.mark, [id], id)
    do(store, operations.mark, ["planned"], "done", run="r-plan")
    assert ask(store, operations.used, "people", "b", ["update"], clock.now() - 50) == 2
    assert ask(store, operations.used, "people", "b", ["update"], clock.now() - 200) == 3
    assert ask(store, operations.used, "people", "c", ["update"], 0.0) == 0
    assert ask(store, operations.count_pending, "people", "b", ["update"]) == 1
    assert ask(store, operations.count_pending, "people", "b", ["update", "create"]) == 2


def test_a_run_counts_what_it_decided_and_what_it_sent(store):
    plan(store, operation("o-1"), operation("o-2", run="r-0"), operation("o-3", run="r-0"))
    do(store, operations.mark, ["o-1", "o-2"], "done", run="r-1")
    plan(store, operation("o-4", action="create"))
    assert sorted(ask(store, operations.counts_of_run, "r-1")) == [
        ("b", "create", "pending", 1),
        ("b", "update", "done", 2),
    ]
    assert ask(store, operations.counts_of_run, "r-0") == [("b", "update", "done", 1), ("b", "update", "pending", 1)]
