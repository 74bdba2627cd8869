"""Operations: intended writes, journalled before they are sent. Operation, intent and receipt are one row.

States: pending (decided) → sent (the intent is committed; from here it counts as our write) → done | failed | dead |
unknown (the answer was lost) ; withdrawn (no longer wanted, or taken back to settle).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import func, select, update

from hub.core.model import FieldWrite, Pair, Value
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.goldens import decode_base, encode_base
from hub.store.query import Query, among, given

OPEN = ("pending", "sent", "unknown")
LOST = ("sent", "unknown")
_o = t.operation.c


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


LAST = Query(select(func.max(_o.seq)))


def plan_out(tx: Tx, operations: Sequence[Operation]) -> None:
    """Journal new operations, in order."""
    if not operations:
        return
    last = int(tx.value(LAST) or 0)
    tx.add(t.operation, [{**_row(tx, o), "seq": last + n} for n, o in enumerate(operations, 1)])


_PENDING = (_o.sync == given("sync"), _o.connection == given("connection"), _o.state == "pending")
PENDING = Query(
    select(t.operation)
    .where(*_PENDING, _o.object == given("object"), among(_o.action, "actions"), _o.seq > given("after"))
    .order_by(_o.seq)
    .limit(given("limit"))
)
COUNT_PENDING = Query(select(func.count()).where(*_PENDING, among(_o.action, "actions")))


def pending(
    tx: Tx, sync: str, connection: str, object: str, actions: Iterable[str], limit: int, after: int = 0
) -> list[Operation]:
    """Operations that wait to be sent, in the order in which they were decided."""
    wanted = {"sync": sync, "connection": connection, "object": object, "actions": actions}
    return [_from(row) for row in tx.rows(PENDING, **wanted, limit=limit, after=after)]


_IN_STATE = select(t.operation).where(_o.sync == given("sync"), among(_o.state, "states")).order_by(_o.seq)
IN_STATE, IN_STATE_THERE = Query(_IN_STATE), Query(_IN_STATE.where(_o.connection == given("connection")))


def in_state(tx: Tx, sync: str, states: Iterable[str], connection: str = "") -> list[Operation]:
    if connection:
        return [_from(row) for row in tx.rows(IN_STATE_THERE, sync=sync, states=states, connection=connection)]
    return [_from(row) for row in tx.rows(IN_STATE, sync=sync, states=states)]


OF_GOLDENS = Query(select(t.operation).where(among(_o.golden, "goldens"), among(_o.state, "states")).order_by(_o.seq))


def of_goldens(tx: Tx, goldens: Sequence[str], states: Iterable[str] = OPEN) -> list[Operation]:
    """Open operations of these golden records."""
    return [_from(row) for row in tx.rows(OF_GOLDENS, goldens=goldens, states=states)]


def intents(found: Sequence[Operation]) -> dict[str, dict[str, list[Value]]]:
    """{link id: {path: values}} of writes that may have reached the remote."""
    wanted: dict[str, dict[str, list[Value]]] = {}
    for operation in found:
        if operation.state in ("sent", "unknown") and operation.link:
            paths = wanted.setdefault(operation.link, {})
            for f in operation.fields:
                paths.setdefault(f.path, []).append(f.after)
    return wanted


UNKNOWN_CREATES = Query(
    select(t.operation)
    .where(
        _o.connection == given("connection"),
        _o.object == given("object"),
        _o.action == "create",
        _o.state.in_(LOST),
    )
    .order_by(_o.seq)
)
BY_KEY = Query(select(t.operation).where(among(_o.key, "keys")).order_by(_o.seq))
ONE = Query(select(t.operation).where(_o.id == given("id")))


def unknown_creates(tx: Tx, connection: str, object: str) -> list[Operation]:
    """Creates that carry no key and whose answer was lost."""
    return [_from(row) for row in tx.rows(UNKNOWN_CREATES, connection=connection, object=object)]


def by_key(tx: Tx, keys: Sequence[str]) -> dict[str, Operation]:
    """Creates that carry one of these create keys, the newest of each."""
    return {row.key: _from(row) for row in tx.rows(BY_KEY, keys=keys)}


def one(tx: Tx, id: str) -> Operation | None:
    row = tx.one(ONE, id=id)
    return _from(row) if row else None


@cache
def _marking(names: tuple[str, ...], *, sent: bool) -> Query:
    values: dict[str, Any] = {name: given(name) for name in names}
    return Query(
        update(t.operation).where(among(_o.id, "ids")).values(values | ({"attempts": _o.attempts + 1} if sent else {}))
    )


def mark(tx: Tx, ids: Sequence[str], state: str, *, why: str = "", run: str = "", error: str = "") -> None:
    """Move operations to another state."""
    if not ids:
        return
    values: dict[str, Any] = {"state": state, "why": fits(why), "ended_at": tx.now if state not in OPEN else 0.0}
    if run:
        values["sent_run"] = run
    if error:
        values["error"] = fits(error)
    tx.run(_marking(tuple(values), sent=state == "sent"), ids=ids, **values)


MOVE = Query(update(t.operation).where(_o.golden == given("old"), _o.state.in_(LOST)).values(golden=given("new")))


def move(tx: Tx, old: str, new: str) -> None:
    """Open operations of a golden record that was merged away belong to the one that stays."""
    tx.run(MOVE, old=old, new=new)


SEND = Query(
    update(t.operation)
    .where(_o.id == given("id"))
    .values(
        state="sent",
        sent_run=given("run"),
        attempts=_o.attempts + 1,
        version=given("version"),
        stamp=given("stamp"),
        raw=given("raw"),
        fields=given("fields"),
        bases=given("bases"),
    )
)


def send(tx: Tx, run: str, operations: Sequence[Operation]) -> None:
    """Commit the intents: what is about to be sent, and the version and old values seen."""
    intents = [
        {
            "id": o.id,
            "version": o.version,
            "stamp": o.stamp,
            "raw": dumps(o.raw),
            "fields": dumps([[f.path, f.before, f.after, f.raw, f.reason] for f in o.fields]),
            "bases": encode_base(o.bases),
        }
        for o in operations
    ]
    tx.many(SEND, intents, run=run)


END = Query(
    update(t.operation)
    .where(_o.id == given("id"))
    .values(state=given("state"), error=given("error"), remote_id=given("remote"), ended_at=given("now"))
)


def end(tx: Tx, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Write (operation id, state, error, remote id) in bulk."""
    tx.many(END, [{"id": i, "state": s, "error": e, "remote": r} for i, s, e, r in rows], now=tx.now)


_OF_PLANS = select(t.run.c.id).where(t.run.c.sync == given("sync"), t.run.c.trigger == "plan")
USED = Query(
    select(func.count()).where(
        _o.sync == given("sync"),
        _o.connection == given("connection"),
        among(_o.action, "actions"),
        _o.state.in_([*LOST, "done"]),
        _o.at >= given("since"),
        _o.sent_run.not_in(_OF_PLANS),
    )
)


def used(tx: Tx, sync: str, connection: str, actions: Iterable[str], since: float) -> int:
    """How many operations of this sync were sent to this spoke since then. Those of an applied plan do not count: a
    person has read them, and the plan was their allowance."""
    return int(tx.value(USED, sync=sync, connection=connection, actions=actions, since=since) or 0)


def count_pending(tx: Tx, sync: str, connection: str, actions: Iterable[str]) -> int:
    return int(tx.value(COUNT_PENDING, sync=sync, connection=connection, actions=actions) or 0)


COUNTS_OF_RUN = Query(
    select(_o.connection, _o.action, _o.state, func.count())
    .where((_o.run == given("run")) | (_o.sent_run == given("run")))
    .group_by(_o.connection, _o.action, _o.state)
)


def counts_of_run(tx: Tx, run: str) -> list[tuple[str, str, str, int]]:
    """(connection, action, state, how many) for the operations that a run decided or sent."""
    return [(r[0], r[1], r[2], r[3]) for r in tx.rows(COUNTS_OF_RUN, run=run)]
