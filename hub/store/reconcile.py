"""Set a database back after a restore: it remembers an old state, and what it says about the remotes is out of date.

Everything that would let a record pass as unchanged is forgotten, so that all is read and compared again. The rows of
`restore` say since when, and who let creates and deletes go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select, update

from hub.store import audit
from hub.store import tables as t
from hub.store.db import Tx
from hub.store.operations import OPEN
from hub.store.query import Query

WHY = "the hub's database was restored from a backup"
HELD = ("create", "delete", "archive")
"""What is not sent before a person lets it go."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that nobody has released yet."""

    at: float
    by: str


_r = t.restore.c
CURRENT = Query(select(_r.at, _r.by).where(_r.released_at == 0.0).order_by(_r.seq.desc()).limit(1))


def current(tx: Tx) -> Restored | None:
    """The newest restore, if the hub is still in reconcile mode."""
    row = tx.one(CURRENT)
    return Restored(row[0], row[1]) if row else None


def held_operations(tx: Tx, sync: str = "") -> list[tuple[str, str, str, int]]:
    """(sync, connection, action, how many) of the operations that wait for the release."""
    o = t.operation.c
    query = select(o.sync, o.connection, o.action, func.count()).where(o.state == "pending", o.action.in_(HELD))
    query = query.group_by(o.sync, o.connection, o.action).order_by(o.sync, o.connection, o.action)
    return [(row[0], row[1], row[2], row[3]) for row in tx.rows(query.where(o.sync == sync) if sync else query)]


def not_compared(tx: Tx, syncs: Iterable[str]) -> list[str]:
    """Which of these syncs have not read and compared everything since the restore."""
    c = t.sync_state.c
    done = {row[0] for row in tx.rows(select(c.name).where(c.swept_at > 0.0))}
    return [name for name in syncs if name not in done]


def leases(tx: Tx) -> list[str]:
    """Who holds a lease now."""
    c = t.lease.c
    return [row[0] for row in tx.rows(select(c.holder).where(c.holder != "", c.expires > tx.now).order_by(c.holder))]


def begin(tx: Tx, by: str) -> None:
    """Forget what an old state says about the remotes, and note the restore. Raises nothing: it may be done again."""
    tx.add(t.restore, [{"at": tx.now, "by": by, "released_at": 0.0, "released_by": ""}])
    _end_work(tx)
    _forget(tx)
    audit.write(tx, [*_open_intents(tx), audit.Entry("restored", actor=by, why=WHY)])
    _withdraw(tx)


def release(tx: Tx, by: str) -> int:
    """End the mode. Returns how many restores were open."""
    r = t.restore.c
    released = tx.run(update(t.restore).where(r.released_at == 0.0).values(released_at=tx.now, released_by=by))
    if released:
        audit.write(tx, [audit.Entry("released", actor=by, why="creates and deletes are sent again")])
    return released


def _end_work(tx: Tx) -> None:
    """No run of the old state goes on. Fences leap ahead of all that a worker of any other state could hold."""
    c, r = t.lease.c, t.run.c
    ahead = int(tx.now * 1000)
    tx.run(update(t.lease).values(holder="", expires=0.0, fence=case((c.fence < ahead, ahead), else_=c.fence + 1)))
    tx.run(update(t.run).where(r.state == "running").values(state="failed", ended=tx.now, error=WHY))


def _forget(tx: Tx) -> None:
    """Bases, hashes, cursors, and values that were read and not settled: all of it is read again."""
    i, a, x = t.inbox.c, t.agenda.c, t.conflict.c
    tx.run(update(t.link).values(base="{}"))
    tx.run(update(t.record).values(hash="", payload=None, seen=""))
    tx.run(update(t.cursor).values(cursor="", covers="", full_done=False, slow_at=0.0))
    tx.run(update(t.sync_state).values(swept_at=0.0))
    tx.run(update(t.inbox).where(i.pending).values(pending=False, outcome="taken", reason=WHY, payload=None))
    tx.run(t.agenda.delete().where(a.record >= "record:", a.record.like("record:%")))
    # A decision that had not taken effect may have done so since, and have been overtaken.
    decided = update(t.conflict).where(x.state == "decided")
    tx.run(decided.values(state="open", value="null", by="", decided_at=0.0))


def _open_intents(tx: Tx) -> Sequence[audit.Entry]:
    """Each intent has its end in the log, also one of which nobody knows any more whether it arrived."""
    o = t.operation.c
    where = (o.state.in_(["sent", "unknown"]), o.action != "create")
    return [
        audit.Entry(
            f"forgotten {row.action}",
            golden=row.golden,
            connection=row.connection,
            object=row.object,
            remote_id=row.remote_id,
            op=row.id,
            why=WHY,
        )
        for row in tx.rows(select(t.operation).where(*where).order_by(o.seq))
    ]


def _withdraw(tx: Tx) -> None:
    """What was decided on the old state is not sent. Creates under way are looked up by their keys, as ever."""
    o = t.operation.c
    ended = (o.state == "pending") | (o.state.in_(OPEN) & (o.action != "create"))
    tx.run(update(t.operation).where(ended).values(state="withdrawn", why=WHY, ended_at=tx.now))
