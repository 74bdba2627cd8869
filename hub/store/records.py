"""What the spokes reported: every record ever seen, and the inbox of changes that wait to be settled.

A page is stored in one transaction with its cursor (`store_page`). At most one row per record is pending; a newer row is
laid over it field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, bindparam, func, select, update

from hub.core.errors import Reject
from hub.core.model import Fields
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored about one remote record. `seen`: the run that read it last, with "=" if it was unchanged then."""

    hash: str = ""
    fingerprint: str = ""
    version: str = ""
    stamp: str = ""
    disposition: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A row of the inbox that waits to be settled."""

    seq: int
    connection: str
    object: str
    remote_id: str
    fields: Fields = field(default_factory=dict)
    kind: str = "updated"
    into: tuple[tuple[str, str], ...] = ()
    version: str = ""
    stamp: str = ""
    after: str = ""
    key: str = ""
    by_us: bool = False
    direct: bool = False
    points: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    at: float = 0.0

    @property
    def ref(self) -> tuple[str, str, str]:
        return (self.connection, self.object, self.remote_id)


def known(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, Known]:
    """What is stored about these records. Raises Reject if an id is none that can be stored."""
    _check_ids(connection, object, ids)
    r = t.record.c
    query = select(r.remote_id, r.hash, r.fingerprint, r.version, r.stamp, r.disposition, r.seen).where(
        r.connection == connection, r.object == object, tx.among(r.remote_id, ids)
    )
    return {row[0]: Known(*row[1:]) for row in tx.rows(query)}


def _check_ids(connection: str, object: str, ids: Sequence[str]) -> None:
    text = "".join(ids)
    if "\x00" in text or text != fits(text):
        bad = next(i for i in ids if i != fits(i))
        raise Reject(
            f"{connection} names a {object} record by {bad!a}, which is no text that can be stored",
            where=f"{connection} {object}",
            unchanged="Nothing of this page was stored, and the position in the feed stays before it",
            next="correct the id of that record in the remote system",
            code="E-ID",
        )


def _pending(row: Any) -> Pending:
    return Pending(
        seq=row.seq,
        connection=row.connection,
        object=row.object,
        remote_id=row.remote_id,
        fields=loads(row.payload) or {},
        kind=row.kind,
        into=tuple(tuple(x) for x in loads(row.into)) if row.into != "[]" else (),
        version=row.version,
        stamp=row.stamp,
        after=row.after,
        key=row.key,
        by_us=row.by_us,
        direct=row.direct,
        points=loads(row.points) if row.points != "{}" else {},
        run=row.run,
        at=row.at,
    )


def pending_for(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, Pending]:
    """The pending rows of these records."""
    i = t.inbox.c
    query = (
        select(t.inbox)
        .with_hint(t.inbox, "INDEXED BY ac_inbox_pending", "sqlite")
        .where(i.pending, i.connection == connection, i.object == object, tx.among(i.remote_id, ids))
    )
    return {row.remote_id: _pending(row) for row in tx.rows(query)}


def add_pending(tx: Tx, sync: str, run: str, rows: Sequence[Pending]) -> None:
    """Put new changes into the inbox. The caller has taken older pending rows of the same records away."""
    tx.add(t.inbox, [_inbox_row(tx, sync, run, p) for p in rows])


def _inbox_row(tx: Tx, sync: str, run: str, p: Pending) -> dict[str, Any]:
    return {
        "sync": sync,
        "connection": p.connection,
        "object": p.object,
        "remote_id": p.remote_id,
        "run": run,
        "payload": dumps(p.fields),
        "kind": p.kind,
        "into": dumps(p.into),
        "version": p.version,
        "stamp": p.stamp,
        "after": p.after,
        "key": p.key,
        "points": dumps(p.points) if p.points else "{}",
        "by_us": p.by_us,
        "direct": p.direct,
        "pending": True,
        "at": tx.now,
    }


def replace_pending(tx: Tx, run: str, old: Sequence[Pending]) -> None:
    """Older pending rows give way to newer ones: of this run they go, of an earlier run they end as `taken`."""
    same = [p.seq for p in old if p.run == run]
    earlier = [p.seq for p in old if p.run != run]
    if same:
        tx.run(t.inbox.delete().where(tx.among(t.inbox.c.seq, same)))
    if earlier:
        tx.run(
            update(t.inbox)
            .where(tx.among(t.inbox.c.seq, earlier))
            .values(pending=False, outcome="taken", settled_run=run, payload=None)
        )


def mark_seen(tx: Tx, connection: str, object: str, ids: Sequence[str], mark: str) -> None:
    """Note that this run has read these records."""
    if ids:
        r = t.record.c
        tx.run(
            update(t.record)
            .where(r.connection == connection, r.object == object, tx.among(r.remote_id, ids))
            .values(seen=mark)
        )


def note_new(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember records that are read for the first time, and their `seen` mark."""
    tx.upsert(t.record, rows, update=["seen"])


MANY = 4_000
"""From so many pending rows on, `next_linked` walks the links and not the inbox."""


def next_linked(tx: Tx, sync: str, after: str, limit: int) -> list[str]:
    """Golden ids, in order, whose links have pending changes.

    A few changes are joined and sorted at each call. Of very many that would take ever longer with their number, so the
    links are then walked in order until enough with a change are found.
    """
    i, k = t.inbox.c, t.link.c
    of_link = and_(i.pending, i.sync == sync, *(i[n] == k[n] for n in ("connection", "object", "remote_id")))
    some = select(i.seq).where(i.pending, i.sync == sync).limit(MANY).subquery()
    if int(tx.value(select(func.count()).select_from(some))) < MANY:
        query = select(k.golden).join_from(t.inbox, t.link, of_link)
    else:
        query = select(k.golden).where(select(i.seq).where(of_link).exists())
    query = query.where(k.golden > after).distinct().order_by(k.golden).limit(limit)
    return [row[0] for row in tx.rows(query)]


def pending_of_goldens(tx: Tx, goldens: Sequence[str]) -> list[tuple[str, Pending]]:
    """(link id, pending row) for every pending change of these golden records."""
    i, k = t.inbox.c, t.link.c
    query = (
        select(k.id.label("link_id"), t.inbox)
        .join_from(
            t.link,
            t.inbox,
            and_(i.connection == k.connection, i.object == k.object, i.remote_id == k.remote_id),
        )
        .where(i.pending, tx.among(k.golden, goldens))
    )
    return [(row.link_id, _pending(row)) for row in tx.rows(query)]


def next_unlinked(
    tx: Tx, sync: str, connection: str, object: str, after: int, limit: int, *, with_key: bool
) -> list[Pending]:
    """Pending rows of records that have no link, in reading order."""
    i, k = t.inbox.c, t.link.c
    query = (
        select(t.inbox)
        .outerjoin(t.link, and_(i.connection == k.connection, i.object == k.object, i.remote_id == k.remote_id))
        .where(
            i.pending,
            i.sync == sync,
            i.connection == connection,
            i.object == object,
            k.id.is_(None),
            i.seq > after,
            (i.key != "") if with_key else (i.key == ""),
        )
        .order_by(i.seq)
        .limit(limit)
    )
    return [_pending(row) for row in tx.rows(query)]


def contested(tx: Tx, sync: str, limit: int = 10_000) -> list[Pending]:
    """Pending rows of golden records that changed in more than one linked record."""
    i, k = t.inbox.c, t.link.c
    of_link = and_(i.connection == k.connection, i.object == k.object, i.remote_id == k.remote_id)
    busy = (
        select(k.golden)
        .join_from(t.inbox, t.link, of_link)
        .where(i.pending, i.sync == sync, i.kind == "updated")
        .group_by(k.golden)
        .having(func.count() > 1)
        .limit(limit)
    )
    ids = [row[0] for row in tx.rows(busy)]
    return [row for _, row in pending_of_goldens(tx, ids)] if ids else []


def set_points(tx: Tx, points: Mapping[int, Mapping[str, str]]) -> None:
    """Note on pending rows when single fields were edited."""
    if points:
        tx.many(
            update(t.inbox).where(t.inbox.c.seq == bindparam("b_seq")).values(points=bindparam("b_points")),
            [{"b_seq": seq, "b_points": dumps(found)} for seq, found in points.items()],
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one pending row ended. `lacks`: remote names that are mapped and were not shown. `keep`: its raw values are
    needed again (it waits, is held, in conflict or dead)."""

    row: Pending
    outcome: str
    reason: str = ""
    place: str = ""
    hash: str = ""
    fingerprint: str = ""
    lacks: tuple[str, ...] = ()
    keep: bool = False


def settle_rows(tx: Tx, run: str, outcomes: Sequence[Outcome]) -> None:
    """Write the outcomes into the inbox and what is now known into the records."""
    if not outcomes:
        return
    i = t.inbox.c
    tx.many(
        update(t.inbox)
        .where(i.seq == bindparam("b_seq"))
        .values(
            pending=False,
            outcome=bindparam("b_outcome"),
            reason=bindparam("b_reason"),
            place=bindparam("b_place"),
            settled_run=run,
            payload=None,
        ),
        [{"b_seq": o.row.seq, "b_outcome": o.outcome, "b_reason": o.reason, "b_place": o.place} for o in outcomes],
    )
    tx.upsert(t.record, [_record_row(o) for o in outcomes])


def _record_row(o: Outcome) -> dict[str, Any]:
    gone = o.row.kind in ("deleted", "merged_into", "converted_into")
    return {
        "connection": o.row.connection,
        "object": o.row.object,
        "remote_id": o.row.remote_id,
        "hash": o.hash,
        "fingerprint": o.fingerprint,
        "lacks": dumps(o.lacks) if o.lacks else "",
        "version": o.row.version,
        "stamp": o.row.stamp,
        "disposition": o.row.kind if gone else o.outcome,
        "reason": o.reason,
        "place": o.place,
        "payload": dumps(o.row.fields) if o.keep else None,
        "seen": o.row.run,
    }


def lacking(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, set[str]]:
    """{remote id: mapped remote names that the version last settled did not show}, for those records that lack any."""
    r = t.record.c
    here = (r.connection == connection) & (r.object == object) & (r.lacks != "")
    return {
        row[0]: set(loads(row[1]))
        for row in tx.rows(select(r.remote_id, r.lacks).where(here, tx.among(r.remote_id, ids)))
    }


def after_write(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """A receipt clears the settled hash and sets the version, so that the next read of the record is looked at."""
    tx.upsert(t.record, [{"hash": "", **row} for row in rows], update=["hash", "version", "stamp"])


def restamp(tx: Tx, connection: str, object: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Set (remote id, version, stamp) of records of which nothing else changed."""
    if rows:
        r = t.record.c
        tx.many(
            update(t.record)
            .where(r.connection == connection, r.object == object, r.remote_id == bindparam("b_id"))
            .values(version=bindparam("b_version"), stamp=bindparam("b_stamp")),
            [{"b_id": i, "b_version": v, "b_stamp": s} for i, v, s in rows],
        )


def forget_hashes(tx: Tx, connection: str = "", object: str = "") -> None:
    """Make the next full read look at every record again."""
    query = update(t.record).values(hash="")
    if connection:
        query = query.where(t.record.c.connection == connection, t.record.c.object == object)
    tx.run(query)


def clear_hash(tx: Tx, refs: Iterable[tuple[str, str, str]]) -> None:
    """Make the next read of these records look at them again."""
    r = t.record.c
    tx.many(
        update(t.record)
        .where(
            r.connection == bindparam("b_connection"),
            r.object == bindparam("b_object"),
            r.remote_id == bindparam("b_id"),
        )
        .values(hash=""),
        [{"b_connection": c, "b_object": o, "b_id": i} for c, o, i in refs],
    )


def payloads(tx: Tx, refs: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[Fields, str, str]]:
    """Raw values kept for records that wait or are held: {ref: (fields, version, stamp)}."""
    r = t.record.c
    found = {}
    for connection, object in {(c, o) for c, o, _ in refs}:
        ids = [i for c, o, i in refs if (c, o) == (connection, object)]
        query = select(r.remote_id, r.payload, r.version, r.stamp).where(
            r.connection == connection, r.object == object, tx.among(r.remote_id, ids), r.payload.is_not(None)
        )
        for row in tx.rows(query):
            found[(connection, object, row[0])] = (loads(row[1]), row[2], row[3])
    return found


def dispositions(tx: Tx, connection: str, object: str) -> dict[str, int]:
    """How many records of a spoke stand in which disposition."""
    r = t.record.c
    query = (
        select(r.disposition, func.count())
        .where(r.connection == connection, r.object == object)
        .group_by(r.disposition)
    )
    return {row[0]: row[1] for row in tx.rows(query)}


def find(tx: Tx, text: str, limit: int = 50) -> list[Any]:
    """Records by remote id."""
    r = t.record.c
    return list(tx.rows(select(t.record).where(r.remote_id == text).limit(limit)))


def one(tx: Tx, connection: str, object: str, remote_id: str) -> Any:
    r = t.record.c
    return tx.one(select(t.record).where(r.connection == connection, r.object == object, r.remote_id == remote_id))


def last_outcome(tx: Tx, connection: str, object: str, remote_id: str) -> Any:
    """The newest inbox row of a record."""
    i = t.inbox.c
    return tx.one(
        select(t.inbox)
        .where(i.connection == connection, i.object == object, i.remote_id == remote_id)
        .order_by(i.seq.desc())
        .limit(1)
    )


def not_listed(tx: Tx, connection: str, object: str, run: str) -> list[str]:
    """Live records that this run's complete reading did not name."""
    r, i = t.record.c, t.inbox.c
    read = select(i.seq).where(
        i.connection == r.connection, i.object == r.object, i.remote_id == r.remote_id, i.run == run
    )
    query = select(r.remote_id).where(
        r.connection == connection,
        r.object == object,
        r.disposition.not_in(["deleted", "merged_into", "converted_into"]),
        r.seen != f"{run}=all",
        ~read.exists(),
    )
    return [row[0] for row in tx.rows(query.order_by(r.remote_id))]


def live_count(tx: Tx, connection: str, object: str) -> int:
    r = t.record.c
    return int(
        tx.value(
            select(func.count()).where(
                r.connection == connection,
                r.object == object,
                r.disposition.not_in(["deleted", "merged_into", "converted_into"]),
            )
        )
        or 0
    )


def drop_old_payloads(tx: Tx, before: float) -> int:
    """Settled inbox rows older than this keep their outcome, not their values."""
    i = t.inbox.c
    return tx.run(
        update(t.inbox).where(i.pending.is_(False), i.at < before, i.payload.is_not(None)).values(payload=None)
    )
