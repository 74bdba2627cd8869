"""What must be looked at again although its source did not change, and who waits for whom.

A row names a golden record ("golden:ID") or a remote one ("record:CONNECTION|OBJECT|ID") and the reason. It is written in
the transaction that caused it, and read by settle beside the inbox.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from hub.store import tables as t
from hub.store.db import Tx

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


def goldens(tx: Tx, sync: str, after: str, limit: int, *, creates: bool = False) -> list[tuple[str, str]]:
    """(golden id, reason) that wait, in id order: to be decided again, or (`creates`) to be created where missing."""
    a = t.agenda.c
    query = (
        select(a.record, a.reason)
        .where(
            a.sync == sync,
            a.record.like("golden:%"),
            a.record > golden(after),
            (a.reason == CREATES) if creates else (a.reason != CREATES),
        )
        .order_by(a.record)
        .limit(limit)
    )
    return [(r[0].removeprefix("golden:"), r[1]) for r in tx.rows(query)]


def records(tx: Tx, sync: str, limit: int) -> list[tuple[Ref, str]]:
    """(remote record, reason) that wait."""
    a = t.agenda.c
    query = (
        select(a.record, a.reason)
        .where(a.sync == sync, a.record >= "record:", a.record.like("record:%"))
        .order_by(a.record)
        .limit(limit)
    )
    return [(ref_of(r[0]), r[1]) for r in tx.rows(query)]


def done(tx: Tx, names: Sequence[str], *, creates: bool = False) -> None:
    """Take these records off the agenda (`creates`: only off the list of those to be created)."""
    a = t.agenda.c
    if names:
        reason = (a.reason == CREATES) if creates else (a.reason != CREATES)
        tx.run(t.agenda.delete().where(tx.among(a.record, names), reason))


def wait(tx: Tx, sync: str, rows: Sequence[tuple[str, str]]) -> None:
    """(target, record): wake `record` when `target` gets a link. A target is "CONNECTION|OBJECT|ID" for a remote record
    whose golden is awaited, or "golden|ID|CONNECTION" for a golden record awaited in a spoke."""
    tx.add_new(t.waiter, [{"target": target, "record": r, "sync": sync} for target, r in rows])


def wake(tx: Tx, targets: Sequence[str]) -> int:
    """These targets have a link now: everybody who waits for them goes on the agenda."""
    if not targets:
        return 0
    w = t.waiter.c
    found = tx.rows(select(w.target, w.record, w.sync).where(tx.among(w.target, targets)))
    if found:
        tx.add_new(t.agenda, [{"record": row[1], "reason": f"linked:{row[0]}", "sync": row[2]} for row in found])
        tx.run(t.waiter.delete().where(tx.among(w.target, targets)))
    return len(found)


def waits_of(tx: Tx, name: str) -> list[str]:
    """What a record waits for."""
    w = t.waiter.c
    return [r[0] for r in tx.rows(select(w.target).where(w.record == name))]
