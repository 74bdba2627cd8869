"""Operations: intended writes, journalled before they are sent. Operation, intent and receipt are one row.

States: pending (decided) → sent (the intent is committed; from here it counts as our write) → done | failed | dead |
unknown (the answer was lost) ; withdrawn (no longer wanted, or taken back to settle).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, func, select, update

from hub.core.model import FieldWrite, Pair, Value
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.goldens import decode_base, encode_base

OPEN = ("pending", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class Operation:
    """One intended write. `fields`: what changes, canonically; `raw`: by remote name; `bases`: the link's pairs of these
    fields as they were before (an intent's old values)."""

    id: str
    sync: str
    run: str
    connection: str
    object: str
    action: str
    golden: str
    seq: int = 0
    link: str = ""
    remote_id: str = ""
    fields: tuple[FieldWrite, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)
    bases: Mapping[str, Pair] = field(default_factory=dict)
    key: str = ""
    generation: int = 0
    version: str = ""
    stamp: str = ""
    state: str = "pending"
    why: str = ""
    error: str = ""
    attempts: int = 0
    sent_run: str = ""


def _from(row: Any) -> Operation:
    return Operation(
        id=row.id,
        sync=row.sync,
        run=row.run,
        connection=row.connection,
        object=row.object,
        action=row.action,
        golden=row.golden,
        seq=row.seq,
        link=row.link,
        remote_id=row.remote_id,
        fields=tuple(FieldWrite(*f) for f in loads(row.fields)),
        raw=loads(row.raw),
        bases=decode_base(row.bases),
        key=row.key,
        generation=row.generation,
        version=row.version,
        stamp=row.stamp,
        state=row.state,
        why=row.why,
        error=row.error,
        attempts=row.attempts,
        sent_run=row.sent_run,
    )


def _row(tx: Tx, o: Operation) -> dict[str, Any]:
    return {
        "id": o.id,
        "seq": o.seq,
        "sync": o.sync,
        "run": o.run,
        "connection": o.connection,
        "object": o.object,
        "action": o.action,
        "golden": o.golden,
        "link": o.link,
        "remote_id": o.remote_id,
        "fields": dumps([[f.path, f.before, f.after, f.raw, f.reason] for f in o.fields]),
        "raw": dumps(o.raw),
        "bases": encode_base(o.bases),
        "key": o.key,
        "generation": o.generation,
        "version": o.version,
        "stamp": o.stamp,
        "state": o.state,
        "why": o.why,
        "attempts": o.attempts,
        "at": tx.now,
    }


def plan_out(tx: Tx, operations: Sequence[Operation]) -> None:
    """Journal new operations, in order."""
    if not operations:
        return
    last = int(tx.value(select(func.max(t.operation.c.seq))) or 0)
    tx.add(t.operation, [{**_row(tx, o), "seq": last + n} for n, o in enumerate(operations, 1)])


def pending(
    tx: Tx, sync: str, connection: str, object: str, actions: Iterable[str], limit: int, after: int = 0
) -> list[Operation]:
    """Operations that wait to be sent, in the order in which they were decided."""
    o = t.operation.c
    query = (
        select(t.operation)
        .where(
            o.sync == sync,
            o.connection == connection,
            o.object == object,
            o.state == "pending",
            o.action.in_(list(actions)),
            o.seq > after,
        )
        .order_by(o.seq)
        .limit(limit)
    )
    return [_from(r) for r in tx.rows(query)]


def in_state(tx: Tx, sync: str, states: Iterable[str], connection: str = "") -> list[Operation]:
    o = t.operation.c
    query = select(t.operation).where(o.sync == sync, o.state.in_(list(states))).order_by(o.seq)
    if connection:
        query = query.where(o.connection == connection)
    return [_from(r) for r in tx.rows(query)]


def of_goldens(tx: Tx, goldens: Sequence[str], states: Iterable[str] = OPEN) -> list[Operation]:
    """Open operations of these golden records."""
    o = t.operation.c
    query = select(t.operation).where(tx.among(o.golden, goldens), o.state.in_(list(states))).order_by(o.seq)
    return [_from(r) for r in tx.rows(query)]


def intents(found: Sequence[Operation]) -> dict[str, dict[str, list[Value]]]:
    """{link id: {path: values}} of writes that may have reached the remote."""
    wanted: dict[str, dict[str, list[Value]]] = {}
    for operation in found:
        if operation.state in ("sent", "unknown") and operation.link:
            paths = wanted.setdefault(operation.link, {})
            for f in operation.fields:
                paths.setdefault(f.path, []).append(f.after)
    return wanted


def unknown_creates(tx: Tx, connection: str, object: str) -> list[Operation]:
    """Creates that carry no key and whose answer was lost."""
    o = t.operation.c
    query = select(t.operation).where(
        o.connection == connection, o.object == object, o.action == "create", o.state.in_(["sent", "unknown"])
    )
    return [_from(r) for r in tx.rows(query.order_by(o.seq))]


def by_key(tx: Tx, keys: Sequence[str]) -> dict[str, Operation]:
    """Creates that carry one of these create keys, the newest of each."""
    query = select(t.operation).where(tx.among(t.operation.c.key, keys)).order_by(t.operation.c.seq)
    return {row.key: _from(row) for row in tx.rows(query)}


def one(tx: Tx, id: str) -> Operation | None:
    row = tx.one(select(t.operation).where(t.operation.c.id == id))
    return _from(row) if row else None


def mark(tx: Tx, ids: Sequence[str], state: str, *, why: str = "", run: str = "", error: str = "") -> None:
    """Move operations to another state."""
    if not ids:
        return
    values: dict[str, Any] = {"state": state, "why": fits(why), "ended_at": tx.now if state not in OPEN else 0.0}
    if run:
        values["sent_run"] = run
    if error:
        values["error"] = fits(error)
    if state == "sent":
        values["attempts"] = t.operation.c.attempts + 1
    tx.run(update(t.operation).where(tx.among(t.operation.c.id, ids)).values(**values))


def move(tx: Tx, old: str, new: str) -> None:
    """Open operations of a golden record that was merged away belong to the one that stays."""
    o = t.operation.c
    tx.run(update(t.operation).where(o.golden == old, o.state.in_(["sent", "unknown"])).values(golden=new))


def send(tx: Tx, run: str, operations: Sequence[Operation]) -> None:
    """Commit the intents: what is about to be sent, and the version and old values seen."""
    o = t.operation.c
    tx.many(
        update(t.operation)
        .where(o.id == bindparam("b_id"))
        .values(
            state="sent",
            sent_run=run,
            attempts=o.attempts + 1,
            version=bindparam("b_version"),
            stamp=bindparam("b_stamp"),
            raw=bindparam("b_raw"),
            fields=bindparam("b_fields"),
            bases=bindparam("b_bases"),
        ),
        [
            {
                "b_id": x.id,
                "b_version": x.version,
                "b_stamp": x.stamp,
                "b_raw": dumps(x.raw),
                "b_fields": dumps([[f.path, f.before, f.after, f.raw, f.reason] for f in x.fields]),
                "b_bases": encode_base(x.bases),
            }
            for x in operations
        ],
    )


def end(tx: Tx, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Write (operation id, state, error, remote id) in bulk."""
    if not rows:
        return
    o = t.operation.c
    tx.many(
        update(t.operation)
        .where(o.id == bindparam("b_id"))
        .values(
            state=bindparam("b_state"), error=bindparam("b_error"), remote_id=bindparam("b_remote"), ended_at=tx.now
        ),
        [{"b_id": i, "b_state": s, "b_error": e, "b_remote": r} for i, s, e, r in rows],
    )


def used(tx: Tx, sync: str, connection: str, actions: Iterable[str], since: float) -> int:
    """How many operations of this sync were sent to this spoke since then. Those of an applied plan do not count: a
    person has read them, and the plan was their allowance."""
    o, r = t.operation.c, t.run.c
    of_plans = select(r.id).where(r.sync == sync, r.trigger == "plan")
    query = select(func.count()).where(
        o.sync == sync,
        o.connection == connection,
        o.action.in_(list(actions)),
        o.state.in_(["sent", "unknown", "done"]),
        o.at >= since,
        o.sent_run.not_in(of_plans),
    )
    return int(tx.value(query) or 0)


def count_pending(tx: Tx, sync: str, connection: str, actions: Iterable[str]) -> int:
    o = t.operation.c
    query = select(func.count()).where(
        o.sync == sync, o.connection == connection, o.state == "pending", o.action.in_(list(actions))
    )
    return int(tx.value(query) or 0)


def counts_of_run(tx: Tx, run: str) -> list[tuple[str, str, str, int]]:
    """(connection, action, state, how many) for the operations that a run decided or sent."""
    o = t.operation.c
    query = (
        select(o.connection, o.action, o.state, func.count())
        .where((o.run == run) | (o.sent_run == run))
        .group_by(o.connection, o.action, o.state)
    )
    return [(r[0], r[1], r[2], r[3]) for r in tx.rows(query)]
