"""Short words for the tests of the store: a clock, records, and one call per question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.core.model import Golden, Link, Pair, Source
from hub.store import goldens, records
from hub.store.db import Store, Tx
from hub.store.operations import Operation
from hub.store.records import Pending

KEY = bytes(range(32))
NOON = 1_772_366_400.0


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


def do(store: Store, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call one function of the store in a writing transaction of its own."""
    with store.begin() as tx:
        return work(tx, *args, **options)


def ask(store: Store, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Ask one question in a reading transaction of its own."""
    with store.read() as tx:
        return question(tx, *args, **options)


def row(id: str, connection: str = "a", object: str = "person", **rest: Any) -> Pending:
    """A change that waits."""
    rest.setdefault("fields", {"first": f"name of {id}"})
    return Pending(0, connection, object, id, **rest)


def golden(id: str, **rest: Any) -> Golden:
    rest.setdefault("fields", {"given_name": f"name of {id}"})
    rest.setdefault("sources", {"given_name": Source("a", "2026-03-01T10:00:00.000Z", "r-1")})
    return Golden(id, "customer", "person", **rest)


def link(golden: str, remote_id: str, connection: str = "a", **rest: Any) -> Link:
    object = rest.pop("object", "person")
    rest.setdefault("base", {"given_name": Pair("Ana", " Ana ")})
    return Link(f"{connection}/{object}/{remote_id}", golden, connection, object, remote_id, **rest)


def operation(id: str, golden: str = "g-1", **rest: Any) -> Operation:
    values = {"sync": "people", "run": "r-1", "connection": "b", "object": "person", "action": "update"} | rest
    return Operation(id=id, golden=golden, **values)


def put_golden(store: Store, id: str, *links: Link, sync: str = "people", **rest: Any) -> None:
    """A golden record with links, in one transaction."""

    def work(tx: Tx) -> None:
        goldens.save(tx, sync, [golden(id, **rest)], {id: f"part-{id}"})
        goldens.save_links(tx, list(links))

    do(store, work)


def put_pending(store: Store, *rows: Pending, sync: str = "people", run: str = "r-1") -> None:
    do(store, records.add_pending, sync, run, list(rows))
