"""Runs, cursors, leases, and the state of syncs and connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from hub.core.errors import Refused
from hub.store import tables as t
from hub.store.db import Tx, fits
from hub.store.plain import as_dict
from hub.store.query import Query, given

# ---------------------------------------------------------------- leases


LEASE = Query(select(t.lease).where(t.lease.c.name == given("name")))
LEASE_LOCKED = Query(select(t.lease).where(t.lease.c.name == given("name")).with_for_update())
TAKE = Query(
    update(t.lease)
    .where(t.lease.c.name == given("name"))
    .values(holder=given("holder"), fence=given("fence"), expires=given("expires"))
)
_OURS = update(t.lease).where(t.lease.c.name == given("name"), t.lease.c.fence == given("fence"))
RENEW = Query(_OURS.values(expires=given("expires")))
DROP = Query(_OURS.values(holder="", expires=0.0))


def take_lease(tx: Tx, name: str, holder: str, seconds: float, *, take_over: bool = False) -> int:
    """Take or refresh a lease; the fence grows with each new holder. Raises Refused and names who holds it.

    `take_over`: the holder is known to be dead, so its lease counts for nothing.
    """
    # The row is there before it is locked: two who come first at once must not both find nothing.
    tx.add_new(t.lease, [{"name": name}])
    row = tx.one(LEASE_LOCKED, name=name)
    if row.holder not in ("", holder) and row.expires > tx.now and not take_over:
        raise Refused(
            f"sync {name.partition(':')[2]} is being run by {row.holder}",
            why=f"Its lease ends in {int(row.expires - tx.now)} s unless it is renewed",
            unchanged="Nothing was read or written",
            next=f"wait for it, or look: accordant status {name.partition(':')[2]}",
            code="S-BUSY",
            holder=row.holder,
        )
    fence = int(row.fence) + (0 if row.holder == holder else 1)
    tx.run(TAKE, name=name, holder=holder, fence=fence, expires=tx.now + seconds)
    return fence


def hold_lease(tx: Tx, name: str, fence: int, seconds: float) -> None:
    """Check inside a transaction that the lease is still ours, and renew it. Raises Refused for a zombie."""
    if not tx.run(RENEW, name=name, fence=fence, expires=tx.now + seconds):
        raise Refused(
            f"this worker lost the lease of {name.partition(':')[2]} to another one",
            unchanged="Its transaction was rolled back",
            next="nothing: the other worker carries on",
            code="S-FENCED",
        )


def drop_lease(tx: Tx, name: str, fence: int) -> None:
    tx.run(DROP, name=name, fence=fence)


def lease_holder(tx: Tx, name: str) -> str:
    row = tx.one(LEASE, name=name)
    return str(row.holder) if row and row.expires > tx.now else ""


# ---------------------------------------------------------------- runs


def start(tx: Tx, id: str, sync: str, trigger: str, kind: str, mapping: str) -> None:
    tx.add(
        t.run,
        [{"id": id, "sync": sync, "trigger": trigger, "kind": kind, "started": tx.now, "mapping": mapping}],
    )


INTERRUPTED = Query(
    update(t.run)
    .where(t.run.c.sync == given("sync"), t.run.c.state == "running", t.run.c.id != given("but"))
    .values(state="failed", ended=given("now"), error="interrupted; the next run took its work over")
)


def end_interrupted(tx: Tx, sync: str, but: str) -> None:
    """Runs of this sync that a crash left as running have failed; their work goes on."""
    tx.run(INTERRUPTED, sync=sync, but=but, now=tx.now)


FINISH = Query(
    update(t.run)
    .where(t.run.c.id == given("id"))
    .values(state=given("state"), ended=given("now"), error=given("error"))
)


def finish(tx: Tx, id: str, state: str, error: str = "") -> None:
    tx.run(FINISH, id=id, state=state, now=tx.now, error=fits(error))


RUN = Query(select(t.run).where(t.run.c.id == given("id")))


def get(tx: Tx, id: str) -> Any:
    return tx.one(RUN, id=id)


def latest(tx: Tx, sync: str = "", limit: int = 20) -> Sequence[Any]:
    query = select(t.run).order_by(t.run.c.started.desc(), t.run.c.id.desc()).limit(limit)
    return tx.rows(query.where(t.run.c.sync == sync) if sync else query)


def ask_to_cancel(tx: Tx, id: str) -> bool:
    r = t.run.c
    return bool(tx.run(update(t.run).where(r.id == id, r.state == "running").values(cancel=True)))


CANCELLED = Query(select(t.run.c.cancel).where(t.run.c.id == given("id")))


def is_cancelled(tx: Tx, id: str) -> bool:
    return bool(tx.value(CANCELLED, id=id))


def touch_spoke(tx: Tx, run: str, connection: str, object: str) -> None:
    tx.add_new(t.run_spoke, [{"run": run, "connection": connection, "object": object}])


_s = t.run_spoke.c
_OF_SPOKE = update(t.run_spoke).where(
    _s.run == given("run"), _s.connection == given("connection"), _s.object == given("object")
)
COUNT_UP = Query(_OF_SPOKE.values(unchanged=_s.unchanged + given("unchanged"), api_calls=_s.api_calls + given("calls")))
SPOKE_ENDED = Query(_OF_SPOKE.values(pulled=given("pulled"), error=given("error")))
SPOKES = Query(select(t.run_spoke).where(_s.run == given("run")).order_by(_s.connection, _s.object))


def add_to_spoke(tx: Tx, run: str, connection: str, object: str, *, unchanged: int = 0, calls: int = 0) -> None:
    """Add to what one spoke of a run counts, in the transaction of the page or batch."""
    tx.run(COUNT_UP, run=run, connection=connection, object=object, unchanged=unchanged, calls=calls)


def spoke_ended(tx: Tx, run: str, connection: str, object: str, *, pulled: bool, error: str = "") -> None:
    tx.run(SPOKE_ENDED, run=run, connection=connection, object=object, pulled=pulled, error=fits(error))


def spokes(tx: Tx, run: str) -> Sequence[Any]:
    return tx.rows(SPOKES, run=run)


_i = t.inbox.c
OUTCOMES = Query(
    select(_i.connection, _i.outcome, func.count()).where(_i.run == given("run")).group_by(_i.connection, _i.outcome)
)
CARRIED = Query(
    select(_i.connection, _i.outcome, func.count())
    .where(_i.settled_run == given("run"), _i.settled_run != _i.run, ~_i.pending, _i.outcome != "taken")
    .group_by(_i.connection, _i.outcome)
)


def outcomes(tx: Tx, run: str) -> list[tuple[str, str, int]]:
    """(connection, outcome, how many) of the changed records that a run read; "" is still pending."""
    return [(r[0], r[1], r[2]) for r in tx.rows(OUTCOMES, run=run)]


def carried(tx: Tx, run: str) -> list[tuple[str, str, int]]:
    """(connection, outcome, how many) of changes that an earlier run read and this one settled."""
    return [(r[0], r[1], r[2]) for r in tx.rows(CARRIED, run=run)]


# ---------------------------------------------------------------- cursors


@dataclass(frozen=True, slots=True)
class Cursor:
    cursor: str = ""
    covers: str = ""
    full_done: bool = False
    slow_at: float = 0.0
    pulled_at: float = 0.0
    fingerprint: str = ""


CURSOR = Query(
    select(t.cursor).where(t.cursor.c.connection == given("connection"), t.cursor.c.object == given("object"))
)


def cursor(tx: Tx, connection: str, object: str) -> Cursor:
    row = tx.one(CURSOR, connection=connection, object=object)
    if not row:
        return Cursor()
    return Cursor(row.cursor, row.covers, row.full_done, row.slow_at, row.pulled_at, row.fingerprint)


def save_cursor(tx: Tx, sync: str, connection: str, object: str, **values: Any) -> None:
    row = {"sync": sync, "connection": connection, "object": object, **values}
    tx.upsert(t.cursor, [row])


def cursors(tx: Tx) -> Sequence[Any]:
    return tx.rows(select(t.cursor).order_by(t.cursor.c.connection, t.cursor.c.object))


# ---------------------------------------------------------------- syncs and connections


SYNC = Query(select(t.sync_state).where(t.sync_state.c.name == given("name")))
CONNECTION = Query(select(t.connection_state).where(t.connection_state.c.name == given("name")))


def sync_state(tx: Tx, name: str) -> Mapping[str, Any]:
    row = tx.one(SYNC, name=name)
    if row:
        return as_dict(row)
    return {
        "name": name,
        "paused": False,
        "reason": "",
        "applied": False,
        "next_at": 0.0,
        "swept_at": 0.0,
        "mode": "normal",
    }


def set_sync(tx: Tx, name: str, **values: Any) -> None:
    tx.upsert(t.sync_state, [{"name": name, **values}])


def connection_state(tx: Tx, name: str) -> Mapping[str, Any]:
    row = tx.one(CONNECTION, name=name)
    return as_dict(row) if row else {"name": name, "org": "", "state": "ok", "reason": "", "at": 0.0}


def set_connection(tx: Tx, name: str, **values: Any) -> None:
    tx.upsert(t.connection_state, [{"name": name, "at": tx.now, **values}])
