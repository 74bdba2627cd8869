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

# ---------------------------------------------------------------- leases


def take_lease(tx: Tx, name: str, holder: str, seconds: float, *, take_over: bool = False) -> int:
    """Take or refresh a lease; the fence grows with each new holder. Raises Refused and names who holds it.

    `take_over`: the holder is known to be dead, so its lease counts for nothing.
    """
    c = t.lease.c
    # The row is there before it is locked: two who come first at once must not both find nothing.
    tx.add_new(t.lease, [{"name": name}])
    query = select(t.lease).where(c.name == name)
    row = tx.one(query.with_for_update() if tx.dialect == "postgresql" else query)
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
    tx.run(update(t.lease).where(c.name == name).values(holder=holder, fence=fence, expires=tx.now + seconds))
    return fence


def hold_lease(tx: Tx, name: str, fence: int, seconds: float) -> None:
    """Check inside a transaction that the lease is still ours, and renew it. Raises Refused for a zombie."""
    c = t.lease.c
    held = tx.run(update(t.lease).where(c.name == name, c.fence == fence).values(expires=tx.now + seconds))
    if not held:
        raise Refused(
            f"this worker lost the lease of {name.partition(':')[2]} to another one",
            unchanged="Its transaction was rolled back",
            next="nothing: the other worker carries on",
            code="S-FENCED",
        )


def drop_lease(tx: Tx, name: str, fence: int) -> None:
    c = t.lease.c
    tx.run(update(t.lease).where(c.name == name, c.fence == fence).values(holder="", expires=0.0))


def lease_holder(tx: Tx, name: str) -> str:
    row = tx.one(select(t.lease).where(t.lease.c.name == name))
    return str(row.holder) if row and row.expires > tx.now else ""


# ---------------------------------------------------------------- runs


def start(tx: Tx, id: str, sync: str, trigger: str, kind: str, mapping: str) -> None:
    tx.add(
        t.run,
        [{"id": id, "sync": sync, "trigger": trigger, "kind": kind, "started": tx.now, "mapping": mapping}],
    )


def end_interrupted(tx: Tx, sync: str, but: str) -> None:
    """Runs of this sync that a crash left as running have failed; their work goes on."""
    r = t.run.c
    tx.run(
        update(t.run)
        .where(r.sync == sync, r.state == "running", r.id != but)
        .values(state="failed", ended=tx.now, error="interrupted; the next run took its work over")
    )


def finish(tx: Tx, id: str, state: str, error: str = "") -> None:
    tx.run(update(t.run).where(t.run.c.id == id).values(state=state, ended=tx.now, error=fits(error)))


def get(tx: Tx, id: str) -> Any:
    return tx.one(select(t.run).where(t.run.c.id == id))


def latest(tx: Tx, sync: str = "", limit: int = 20) -> Sequence[Any]:
    query = select(t.run).order_by(t.run.c.started.desc(), t.run.c.id.desc()).limit(limit)
    return tx.rows(query.where(t.run.c.sync == sync) if sync else query)


def ask_to_cancel(tx: Tx, id: str) -> bool:
    r = t.run.c
    return bool(tx.run(update(t.run).where(r.id == id, r.state == "running").values(cancel=True)))


def is_cancelled(tx: Tx, id: str) -> bool:
    return bool(tx.value(select(t.run.c.cancel).where(t.run.c.id == id)))


def touch_spoke(tx: Tx, run: str, connection: str, object: str) -> None:
    tx.add_new(t.run_spoke, [{"run": run, "connection": connection, "object": object}])


def add_to_spoke(tx: Tx, run: str, connection: str, object: str, *, unchanged: int = 0, calls: int = 0) -> None:
    """Add to what one spoke of a run counts, in the transaction of the page or batch."""
    c = t.run_spoke.c
    tx.run(
        update(t.run_spoke)
        .where(c.run == run, c.connection == connection, c.object == object)
        .values(unchanged=c.unchanged + unchanged, api_calls=c.api_calls + calls)
    )


def spoke_ended(tx: Tx, run: str, connection: str, object: str, *, pulled: bool, error: str = "") -> None:
    c = t.run_spoke.c
    tx.run(
        update(t.run_spoke)
        .where(c.run == run, c.connection == connection, c.object == object)
        .values(pulled=pulled, error=fits(error))
    )


def spokes(tx: Tx, run: str) -> Sequence[Any]:
    c = t.run_spoke.c
    return tx.rows(select(t.run_spoke).where(c.run == run).order_by(c.connection, c.object))


def outcomes(tx: Tx, run: str) -> list[tuple[str, str, int]]:
    """(connection, outcome, how many) of the changed records that a run read; "" is still pending."""
    i = t.inbox.c
    query = select(i.connection, i.outcome, func.count()).where(i.run == run).group_by(i.connection, i.outcome)
    return [(r[0], r[1], r[2]) for r in tx.rows(query)]


def carried(tx: Tx, run: str) -> list[tuple[str, str, int]]:
    """(connection, outcome, how many) of changes that an earlier run read and this one settled."""
    i = t.inbox.c
    query = (
        select(i.connection, i.outcome, func.count())
        .where(i.settled_run == run, i.settled_run != i.run, ~i.pending, i.outcome != "taken")
        .group_by(i.connection, i.outcome)
    )
    return [(r[0], r[1], r[2]) for r in tx.rows(query)]


# ---------------------------------------------------------------- cursors


@dataclass(frozen=True, slots=True)
class Cursor:
    cursor: str = ""
    covers: str = ""
    full_done: bool = False
    slow_at: float = 0.0
    pulled_at: float = 0.0
    fingerprint: str = ""


def cursor(tx: Tx, connection: str, object: str) -> Cursor:
    c = t.cursor.c
    row = tx.one(select(t.cursor).where(c.connection == connection, c.object == object))
    if not row:
        return Cursor()
    return Cursor(row.cursor, row.covers, row.full_done, row.slow_at, row.pulled_at, row.fingerprint)


def save_cursor(tx: Tx, sync: str, connection: str, object: str, **values: Any) -> None:
    row = {"sync": sync, "connection": connection, "object": object, **values}
    tx.upsert(t.cursor, [row])


def cursors(tx: Tx) -> Sequence[Any]:
    return tx.rows(select(t.cursor).order_by(t.cursor.c.connection, t.cursor.c.object))


# ---------------------------------------------------------------- syncs and connections


def sync_state(tx: Tx, name: str) -> Mapping[str, Any]:
    row = tx.one(select(t.sync_state).where(t.sync_state.c.name == name))
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
    row = tx.one(select(t.connection_state).where(t.connection_state.c.name == name))
    return as_dict(row) if row else {"name": name, "org": "", "state": "ok", "reason": "", "at": 0.0}


def set_connection(tx: Tx, name: str, **values: Any) -> None:
    tx.upsert(t.connection_state, [{"name": name, "at": tx.now, **values}])
