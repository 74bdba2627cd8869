"""What the spokes reported: every record ever seen, and the inbox of changes that wait to be settled.

A page is stored in one transaction with its cursor (`store_page`). At most one row per record is pending; a newer row is
laid over it field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, and_, func, select, update

from hub.core.errors import Reject
from hub.core.model import Fields
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.query import Query, among, given

_i, _k, _r = t.inbox.c, t.link.c, t.record.c
_THESE = (_r.connection == given("connection"), _r.object == given("object"), among(_r.remote_id, "ids"))
_SPOKE = (_r.connection == given("connection"), _r.object == given("object"))
_OF_LINK = and_(_i.connection == _k.connection, _i.object == _k.object, _i.remote_id == _k.remote_id)
GONE = ("deleted", "merged_into", "converted_into")


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


KNOWN = Query(
    select(_r.remote_id, _r.hash, _r.fingerprint, _r.version, _r.stamp, _r.disposition, _r.seen).where(*_THESE)
)


def known(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, Known]:
    """What is stored about these records. Raises Reject if an id is none that can be stored."""
    _check_ids(connection, object, ids)
    rows = tx.rows(KNOWN, connection=connection, object=object, ids=ids)
    return {row[0]: Known(*row[1:]) for row in rows}


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


PENDING = Query(
    select(t.inbox)
    .with_hint(t.inbox, "INDEXED BY ac_inbox_pending", "sqlite")
    .where(_i.pending, _i.connection == given("connection"), _i.object == given("object"), among(_i.remote_id, "ids"))
)


def pending_for(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, Pending]:
    """The pending rows of these records."""
    rows = tx.rows(PENDING, connection=connection, object=object, ids=ids)
    return {row.remote_id: _pending(row) for row in rows}


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


REPLACE = Query(t.inbox.delete().where(among(_i.seq, "seqs")))
TAKEN = Query(
    update(t.inbox)
    .where(among(_i.seq, "seqs"))
    .values(pending=False, outcome="taken", settled_run=given("run"), payload=None)
)


def replace_pending(tx: Tx, run: str, old: Sequence[Pending]) -> None:
    """Older pending rows give way to newer ones: of this run they go, of an earlier run they end as `taken`."""
    same = [p.seq for p in old if p.run == run]
    earlier = [p.seq for p in old if p.run != run]
    if same:
        tx.run(REPLACE, seqs=same)
    if earlier:
        tx.run(TAKEN, seqs=earlier, run=run)


SEEN = Query(update(t.record).where(*_THESE).values(seen=given("mark")))


def mark_seen(tx: Tx, connection: str, object: str, ids: Sequence[str], mark: str) -> None:
    """Note that this run has read these records."""
    if ids:
        tx.run(SEEN, connection=connection, object=object, ids=ids, mark=mark)


def note_new(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember records that are read for the first time, and their `seen` mark."""
    tx.upsert(t.record, rows, update=["seen"])


MANY = 4_000
"""From so many pending rows on, `next_linked` walks the links and not the inbox."""
_WAITING = and_(_i.pending, _i.sync == given("sync"))
HOW_MANY = Query(select(func.count()).select_from(select(_i.seq).where(_WAITING).limit(given("many")).subquery()))


def _goldens_after(query: Select[Any]) -> Query:
    return Query(query.where(_k.golden > given("after")).distinct().order_by(_k.golden).limit(given("limit")))


LINKED_OF_FEW = _goldens_after(select(_k.golden).join_from(t.inbox, t.link, and_(_WAITING, _OF_LINK)))
LINKED_OF_MANY = _goldens_after(select(_k.golden).where(select(_i.seq).where(_WAITING, _OF_LINK).exists()))


def next_linked(tx: Tx, sync: str, after: str, limit: int) -> list[str]:
    """Golden ids, in order, whose links have pending changes.

    A few changes are joined and sorted at each call. Of very many that would take ever longer with their number, so the
    links are then walked in order until enough with a change are found.
    """
    few = int(tx.value(HOW_MANY, sync=sync, many=MANY)) < MANY
    rows = tx.rows(LINKED_OF_FEW if few else LINKED_OF_MANY, sync=sync, after=after, limit=limit)
    return [row[0] for row in rows]


PENDING_OF_GOLDENS = Query(
    select(_k.id.label("link_id"), t.inbox)
    .join_from(t.link, t.inbox, _OF_LINK)
    .where(_i.pending, among(_k.golden, "goldens"))
)


def pending_of_goldens(tx: Tx, goldens: Sequence[str]) -> list[tuple[str, Pending]]:
    """(link id, pending row) for every pending change of these golden records."""
    return [(row.link_id, _pending(row)) for row in tx.rows(PENDING_OF_GOLDENS, goldens=goldens)]


_UNLINKED = (
    select(t.inbox)
    .outerjoin(t.link, _OF_LINK)
    .where(
        _i.pending,
        _i.sync == given("sync"),
        _i.connection == given("connection"),
        _i.object == given("object"),
        _k.id.is_(None),
        _i.seq > given("after"),
    )
    .order_by(_i.seq)
    .limit(given("limit"))
)
UNLINKED = {True: Query(_UNLINKED.where(_i.key != "")), False: Query(_UNLINKED.where(_i.key == ""))}


def next_unlinked(
    tx: Tx, sync: str, connection: str, object: str, after: int, limit: int, *, with_key: bool
) -> list[Pending]:
    """Pending rows of records that have no link, in reading order."""
    rows = tx.rows(UNLINKED[with_key], sync=sync, connection=connection, object=object, after=after, limit=limit)
    return [_pending(row) for row in rows]


CONTESTED = Query(
    select(_k.golden)
    .join_from(t.inbox, t.link, _OF_LINK)
    .where(_i.pending, _i.sync == given("sync"), _i.kind == "updated")
    .group_by(_k.golden)
    .having(func.count() > 1)
    .limit(given("limit"))
)


def contested(tx: Tx, sync: str, limit: int = 10_000) -> list[Pending]:
    """Pending rows of golden records that changed in more than one linked record."""
    ids = [row[0] for row in tx.rows(CONTESTED, sync=sync, limit=limit)]
    return [row for _, row in pending_of_goldens(tx, ids)] if ids else []


POINTS = Query(update(t.inbox).where(_i.seq == given("seq")).values(points=given("points")))


def set_points(tx: Tx, points: Mapping[int, Mapping[str, str]]) -> None:
    """Note on pending rows when single fields were edited."""
    tx.many(POINTS, [{"seq": seq, "points": dumps(found)} for seq, found in points.items()])


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


SETTLED = Query(
    update(t.inbox)
    .where(_i.seq == given("seq"))
    .values(
        pending=False,
        outcome=given("outcome"),
        reason=given("reason"),
        place=given("place"),
        settled_run=given("run"),
        payload=None,
    )
)


def settle_rows(tx: Tx, run: str, outcomes: Sequence[Outcome]) -> None:
    """Write the outcomes into the inbox and what is now known into the records."""
    ended = [{"seq": o.row.seq, "outcome": o.outcome, "reason": o.reason, "place": o.place} for o in outcomes]
    tx.many(SETTLED, ended, run=run)
    tx.upsert(t.record, [_record_row(o) for o in outcomes])


def _record_row(o: Outcome) -> dict[str, Any]:
    gone = o.row.kind in GONE
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


LACKING = Query(select(_r.remote_id, _r.lacks).where(*_THESE, _r.lacks != ""))


def lacking(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, set[str]]:
    """{remote id: mapped remote names that the version last settled did not show}, for those records that lack any."""
    rows = tx.rows(LACKING, connection=connection, object=object, ids=ids)
    return {row[0]: set(loads(row[1])) for row in rows}


def after_write(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """A receipt clears the settled hash and sets the version, so that the next read of the record is looked at."""
    tx.upsert(t.record, [{"hash": "", **row} for row in rows], update=["hash", "version", "stamp"])


RESTAMP = Query(
    update(t.record).where(*_SPOKE, _r.remote_id == given("id")).values(version=given("version"), stamp=given("stamp"))
)


def restamp(tx: Tx, connection: str, object: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Set (remote id, version, stamp) of records of which nothing else changed."""
    changed = [{"id": i, "version": v, "stamp": s} for i, v, s in rows]
    tx.many(RESTAMP, changed, connection=connection, object=object)


def forget_hashes(tx: Tx, connection: str = "", object: str = "") -> None:
    """Make the next full read look at every record again."""
    query = update(t.record).values(hash="")
    if connection:
        query = query.where(t.record.c.connection == connection, t.record.c.object == object)
    tx.run(query)


CLEAR_HASH = Query(update(t.record).where(*_SPOKE, _r.remote_id == given("id")).values(hash=""))


def clear_hash(tx: Tx, refs: Iterable[tuple[str, str, str]]) -> None:
    """Make the next read of these records look at them again."""
    tx.many(CLEAR_HASH, [{"connection": c, "object": o, "id": i} for c, o, i in refs])


PAYLOADS = Query(select(_r.remote_id, _r.payload, _r.version, _r.stamp).where(*_THESE, _r.payload.is_not(None)))


def payloads(tx: Tx, refs: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[Fields, str, str]]:
    """Raw values kept for records that wait or are held: {ref: (fields, version, stamp)}."""
    found = {}
    for connection, object in {(c, o) for c, o, _ in refs}:
        ids = [i for c, o, i in refs if (c, o) == (connection, object)]
        for row in tx.rows(PAYLOADS, connection=connection, object=object, ids=ids):
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


ONE = Query(select(t.record).where(*_SPOKE, _r.remote_id == given("id")))


def one(tx: Tx, connection: str, object: str, remote_id: str) -> Any:
    return tx.one(ONE, connection=connection, object=object, id=remote_id)


def last_outcome(tx: Tx, connection: str, object: str, remote_id: str) -> Any:
    """The newest inbox row of a record."""
    i = t.inbox.c
    return tx.one(
        select(t.inbox)
        .where(i.connection == connection, i.object == object, i.remote_id == remote_id)
        .order_by(i.seq.desc())
        .limit(1)
    )


_READ = select(_i.seq).where(
    _i.connection == _r.connection, _i.object == _r.object, _i.remote_id == _r.remote_id, _i.run == given("run")
)
NOT_LISTED = Query(
    select(_r.remote_id)
    .where(*_SPOKE, _r.disposition.not_in(GONE), _r.seen != given("all"), ~_READ.exists())
    .order_by(_r.remote_id)
)
LIVE = Query(select(func.count()).where(*_SPOKE, _r.disposition.not_in(GONE)))


def not_listed(tx: Tx, connection: str, object: str, run: str) -> list[str]:
    """Live records that this run's complete reading did not name."""
    rows = tx.rows(NOT_LISTED, connection=connection, object=object, run=run, all=f"{run}=all")
    return [row[0] for row in rows]


def live_count(tx: Tx, connection: str, object: str) -> int:
    return int(tx.value(LIVE, connection=connection, object=object) or 0)


def drop_old_payloads(tx: Tx, before: float) -> int:
    """Settled inbox rows older than this keep their outcome, not their values."""
    i = t.inbox.c
    return tx.run(
        update(t.inbox).where(i.pending.is_(False), i.at < before, i.payload.is_not(None)).values(payload=None)
    )
