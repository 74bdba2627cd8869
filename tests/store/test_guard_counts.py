"""What counts towards a guard, and rows as plain dictionaries."""

from __future__ import annotations

from typing import Any

import orjson

from hub.store import operations, reviews, runs
from hub.store.db import Store
from tests.store.kit import ask, do, operation

SINCE = 0.0


def sent(store: Store, run: str, trigger: str, *ids: str) -> None:
    made = [operation(id, run=run) for id in ids]
    do(store, runs.start, run, "people", trigger, "run", "")
    do(store, operations.plan_out, made)
    do(store, operations.send, run, made)


def used(store: Store) -> Any:
    return ask(store, operations.used, "people", "b", ("update",), SINCE)


def test_what_a_run_sent_counts_towards_the_guard(store: Store) -> None:
    sent(store, "r-1", "schedule", "o-1", "o-2")
    assert used(store) == 2


def test_what_an_applied_plan_sent_does_not_count_for_it_was_read_and_allowed(store: Store) -> None:
    sent(store, "r-1", "plan", "o-1", "o-2")
    sent(store, "r-2", "person", "o-3")
    assert used(store) == 1


def test_what_waits_was_not_sent_and_does_not_count(store: Store) -> None:
    do(store, operations.plan_out, [operation("o-1")])
    assert used(store) == 0


def test_questions_can_be_put_into_the_file_of_a_plan(store: Store) -> None:
    names = ("id", "sync", "connection", "object", "remote_id", "reason", "place")
    do(store, reviews.open_review, {**dict.fromkeys(names, "x"), "candidates": ["g-1"]})
    (found,) = ask(store, reviews.reviews)
    assert orjson.loads(orjson.dumps(found))["candidates"] == ["g-1"]
    assert {type(name) for name in found} == {str}
