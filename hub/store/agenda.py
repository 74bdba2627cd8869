"""What must be looked at again although its source did not change, and who waits for whom.

A row names a golden record ("golden:ID") or a remote one ("record:CONNECTION|OBJECT|ID") and the reason. It is written in
the transaction that caused it, and read by settle beside the inbox.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from hub.store import tables as t
from hub.store.db import Tx
from hub.store.query import Query, among, given

Ref = tuple[str, str, str]


def golden(id: str) -> str:
    return f"golden:{id}"


def record(ref: Ref) -> str:
    return "record:" + "|".join(ref)


def ref_of(name: str) -> Ref:
    connection, object, remote_id = name.removeprefix("record:").split("|", 2)
    return (connection, object, remote_id)


def add(tx: Tx, sync: str, rows: Sequence[tuple[str, str]]) -> None:
    """Put (record, reason) on the agenda of a sync."""
    tx.add_new(t.agenda, [{"record": r, "reason": why, "sync": sync} for r, why in rows])


CREATES = "creates"
_a, _w = t.agenda.c, t.waiter.c
_GOLDENS = (
    select(_a.record, _a.reason)
    .where(_a.sync == given("sync"), _a.record.like("golden:%"), _a.record > given("after"))
    .order_by(_a.record)
    .limit(given("limit"))
)
GOLDENS = {True: Query(_GOLDENS.where(_a.reason == CREATES)), False: Query(_GOLDENS.where(_a.reason != CREATES))}
RECORDS = Query(
    select(_a.record, _a.reason)
    .where(_a.sync == given("sync"), _a.record >= "record:", _a.record.like("record:%"))
    .order_by(_a.record)
    .limit(given("limit"))
)
_DONE = t.agenda.delete().where(among(_a.record, "names"))
DONE = {True: Query(_DONE.where(_a.reason == CREATES)), False: Query(_DONE.where(_a.reason != CREATES))}


def goldens(tx: Tx, sync: str, after: str, limit: int, *, creates: bool = False) -> list[tuple[str, str]]:
    """(golden id, reason) that wait, in id order: to be decided again, or (`creates`) to be created where missing."""
    rows = tx.rows(GOLDENS[creates], sync=sync, after=golden(after), limit=limit)
    return [(r[0].removeprefix("golden:"), r[1]) for r in rows]


def records(tx: Tx, sync: str, limit: int) -> list[tuple[Ref, str]]:
    """(remote record, reason) that wait."""
    return [(ref_of(r[0]), r[1]) for r in tx.rows(RECORDS, sync=sync, limit=limit)]


def done(tx: Tx, names: Sequence[str], *, creates: bool = False) -> None:
    """Take these records off the agenda (`creates`: only off the list of those to be created)."""
    if names:
        tx.run(DONE[creates], names=names)


def wait(tx: Tx, sync: str, rows: Sequence[tuple[str, str]]) -> None:
    """(target, record): wake `record` when `target` gets a link. A target is "CONNECTION|OBJECT|ID" for a remote record
    whose golden is awaited, or "golden|ID|CONNECTION" for a golden record awaited in a spoke."""
    tx.add_new(t.waiter, [{"target": target, "record": r, "sync": sync} for target, r in rows])


WAITERS = Query(select(_w.target, _w.record, _w.sync).where(among(_w.target, "targets")))
WOKEN = Query(t.waiter.delete().where(among(_w.target, "targets")))
WAITS_OF = Query(select(_w.target).where(_w.record == given("name")))


def wake(tx: Tx, targets: Sequence[str]) -> int:
    """These targets have a link now: everybody who waits for them goes on the agenda."""
    if not targets:
        return 0
    found = tx.rows(WAITERS, targets=targets)
    if found:
        tx.add_new(t.agenda, [{"record": row[1], "reason": f"linked:{row[0]}", "sync": row[2]} for row in found])
        tx.run(WOKEN, targets=targets)
    return len(found)


def waits_of(tx: Tx, name: str) -> list[str]:
    """What a record waits for."""
    return [r[0] for r in tx.rows(WAITS_OF, name=name)]
