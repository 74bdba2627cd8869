"""What the self-check asks of the store, one function per question, and what it remembers between two checks.

Nothing here decides: rows come back, and the engine says whether they may be so. Long answers are streamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, exists, func, literal, or_, select

from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.plain import as_dict

PAGE = 500
GONE = ("deleted", "merged_into", "converted_into")
COMPLETE = ("ok", "partial", "waiting", "refused")
"""How a run ends that went through all of its steps."""
SETTLING = ("run", "sweep")


# ---------------------------------------------------------------- what is remembered


def position(tx: Tx, name: str) -> dict[str, Any]:
    """How far a check has come; empty before the first one."""
    return dict(loads(tx.value(select(t.check.c.position).where(t.check.c.name == name))) or {})


def save_position(tx: Tx, name: str, found: Mapping[str, Any]) -> None:
    tx.upsert(t.check, [{"name": name, "position": dumps(dict(found)), "at": tx.now}])


def checked_at(tx: Tx, name: str) -> float:
    """When a check was last carried out, 0 for never."""
    return float(tx.value(select(t.check.c.at).where(t.check.c.name == name)) or 0.0)


def findings(tx: Tx, *, gone: bool = False) -> list[dict[str, Any]]:
    """What was found and still stands (`gone`: also what does not any more), the oldest first."""
    f = t.finding.c
    query = select(t.finding).order_by(f.first_at, f.id)
    return [as_dict(row) for row in tx.rows(query if gone else query.where(f.state != "gone"))]


def known(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """{id: state} of these findings, as far as they were met before."""
    f = t.finding.c
    return {row[0]: row[1] for row in tx.rows(select(f.id, f.state).where(tx.among(f.id, ids)))}


def keep(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note findings; when one was first met stays as it is."""
    made = [{**row, "what": fits(row["what"]), "first_at": tx.now, "last_at": tx.now} for row in rows]
    tx.upsert(t.finding, made, update=["level", "what", "next", "state", "since", "last_at"])


def mark_gone(tx: Tx, but: Sequence[str]) -> int:
    """A full check met only these: whatever else was noted does not stand any more."""
    f = t.finding.c
    return tx.run(t.finding.update().where(f.state != "gone", ~tx.among(f.id, but)).values(state="gone"))


def told_at(tx: Tx, kind: str) -> dict[str, float]:
    """{place: when a finding of this kind was last new there}."""
    f = t.finding.c
    query = select(f.place, func.max(f.first_at)).where(f.kind == kind).group_by(f.place)
    return {row[0]: float(row[1]) for row in tx.rows(query)}


def _streamed(tx: Tx, query: Select[Any]) -> Iterator[Sequence[Any]]:
    result = tx.connection.execute(query.execution_options(yield_per=PAGE))
    for rows in result.partitions():
        yield list(rows)


# ---------------------------------------------------------------- the audit chain


def chain(tx: Tx, after: int, limit: int) -> Iterator[Any]:
    """Audit rows behind this one, in order."""
    a, left = t.audit.c, limit
    while left > 0 and (rows := tx.rows(select(t.audit).where(a.seq > after).order_by(a.seq).limit(min(left, 5_000)))):
        yield from rows
        after, left = rows[-1].seq, left - len(rows)


def audit_hash(tx: Tx, seq: int) -> str | None:
    """The seal of one audit row, None if there is no such row."""
    found = tx.value(select(t.audit.c.hash).where(t.audit.c.seq == seq))
    return None if found is None else str(found)


# ---------------------------------------------------------------- runs


def runs_after(tx: Tx, sync: str, started: float, id: str, limit: int = 200) -> Sequence[Any]:
    """Runs of a sync that began later, in order, up to the first one that is still under way."""
    r = t.run.c
    later = or_(r.started > started, and_(r.started == started, r.id > id))
    query = select(t.run).where(r.sync == sync, r.kind != "plan", later).order_by(r.started, r.id).limit(limit)
    found = []
    for row in tx.rows(query):
        if row.state == "running":
            break
        found.append(row)
    return found


def run_before(tx: Tx, run: Any) -> Any:
    """The run of the same sync before this one."""
    r = t.run.c
    earlier = or_(r.started < run.started, and_(r.started == run.started, r.id < run.id))
    query = select(t.run).where(r.sync == run.sync, r.kind != "plan", earlier)
    return tx.one(query.order_by(r.started.desc(), r.id.desc()).limit(1))


def last_complete(tx: Tx, sync: str) -> Any:
    """The newest run of a sync that settled everything, None if there is none."""
    r = t.run.c
    query = select(t.run).where(r.sync == sync, r.kind.in_(SETTLING), r.state.in_(COMPLETE))
    return tx.one(query.order_by(r.started.desc(), r.id.desc()).limit(1))


def _of_run(run: str) -> tuple[Any, Any]:
    """Inbox rows that a run read, and those that it took over: two conditions, for an index serves only one of them."""
    i = t.inbox.c
    return i.run == run, and_(i.settled_run == run, i.settled_run != i.run, ~i.pending)


def in_time(tx: Tx, run: Any) -> bool:
    """Whether the cursors that a run moved stand where it left them, or later: else the clock was set back since, and runs
    that began after it look as if they had begun before."""
    s, c = t.run_spoke.c, t.cursor.c
    earlier = (
        select(literal(1))
        .join_from(t.run_spoke, t.cursor, and_(c.connection == s.connection, c.object == s.object))
        .where(s.run == run.id, s.pulled, c.pulled_at < run.started)
    )
    return tx.one(earlier.limit(1)) is None


def restored_since(tx: Tx, moment: float) -> bool:
    """Whether the database was set back from a backup at that moment or later."""
    return tx.one(select(t.restore.c.seq).where(t.restore.c.at >= moment).limit(1)) is not None


def outcome_counts(tx: Tx, run: str) -> list[tuple[str, str, bool, int]]:
    """(connection, outcome, pending, how many) of the changes that a run read or took over."""
    i, found = t.inbox.c, []
    for part in _of_run(run):
        query = select(i.connection, i.outcome, i.pending, func.count()).where(part)
        found += [tuple(r) for r in tx.rows(query.group_by(i.connection, i.outcome, i.pending))]
    return found


def operation_counts(tx: Tx, run: str) -> list[tuple[str, str, int]]:
    """(connection, state, how many) of the operations that a run decided."""
    o = t.operation.c
    query = select(o.connection, o.state, func.count()).where(o.run == run).group_by(o.connection, o.state)
    return [tuple(r) for r in tx.rows(query)]


def figures(tx: Tx, run: str) -> Sequence[Any]:
    """(connection, object, unchanged, api_calls) of a run."""
    s = t.run_spoke.c
    return tx.rows(select(s.connection, s.object, s.unchanged, s.api_calls).where(s.run == run))


def marked(tx: Tx, connection: str, object: str, run: str) -> int:
    """Records that carry the mark of this run as read and unchanged, and of which it has nothing pending."""
    r, i = t.record.c, t.inbox.c
    waits = exists().where(
        i.pending,
        i.connection == r.connection,
        i.object == r.object,
        i.remote_id == r.remote_id,
        i.run == run,
    )
    mine = and_(r.connection == connection, r.object == object, r.seen.in_([f"{run}=", f"{run}=all"]), ~waits)
    return int(tx.value(select(func.count()).where(mine)) or 0)


def changes_in(tx: Tx, connection: str, object: str, run: str) -> int:
    """How many changes of an object a run put into the inbox."""
    i = t.inbox.c
    mine = and_(i.run == run, i.connection == connection, i.object == object)
    return int(tx.value(select(func.count()).where(mine)) or 0)


def newest_run_of(tx: Tx, syncs: Sequence[str]) -> str:
    """The run of these syncs that began last, whatever became of it."""
    r = t.run.c
    query = select(r.id).where(r.sync.in_(list(syncs)), r.kind != "plan")
    return str(tx.value(query.order_by(r.started.desc(), r.id.desc()).limit(1)) or "")


def record_count(tx: Tx, connection: str, object: str) -> int:
    r = t.record.c
    return int(tx.value(select(func.count()).where(r.connection == connection, r.object == object)) or 0)


# ---------------------------------------------------------------- what was left in the middle


def left_sent(tx: Tx, sync: str, began: float, limit: int) -> Sequence[Any]:
    """Operations that are still `sent`, by a run from before the moment at which a later one looked after all of them."""
    o, r = t.operation.c, t.run.c
    query = (
        select(o.id, o.connection, o.object, o.remote_id, o.action, o.at, o.sent_run)
        .outerjoin(t.run, r.id == o.sent_run)
        .where(o.state == "sent", o.sync == sync, or_(r.started.is_(None), r.started < began))
        .order_by(o.seq)
        .limit(limit)
    )
    return tx.rows(query)


def left_pending(tx: Tx, sync: str, connection: str, object: str, began: float, limit: int) -> Sequence[Any]:
    """Changes that were in the inbox before a complete run began, and wait still."""
    i = t.inbox.c
    query = (
        select(i.seq, i.remote_id, i.run, i.at)
        .where(i.pending, i.sync == sync, i.connection == connection, i.object == object, i.at < began)
        .order_by(i.seq)
        .limit(limit)
    )
    return tx.rows(query)


def unaccounted(tx: Tx, connection: str, object: str, limit: int) -> Sequence[Any]:
    """Records that count as taken part, and have neither a link nor anything pending."""
    r, k, i = t.record.c, t.link.c, t.inbox.c
    link = and_(k.connection == r.connection, k.object == r.object, k.remote_id == r.remote_id)
    inbox = and_(i.pending, i.connection == r.connection, i.object == r.object, i.remote_id == r.remote_id)
    query = (
        select(r.remote_id, r.disposition)
        .select_from(t.record.outerjoin(t.link, link).outerjoin(t.inbox, inbox))
        .where(
            r.connection == connection,
            r.object == object,
            r.disposition.in_(["applied", "unchanged", "conflicted"]),
            k.id.is_(None),
            i.seq.is_(None),
        )
        .limit(limit)
    )
    return tx.rows(query)


# ---------------------------------------------------------------- what was written

COLUMNS = ("id", "seq", "run", "sent_run", "sync", "connection", "object", "action", "golden", "link", "remote_id")
MORE = ("fields", "key", "state", "at", "ended_at")


def _operations() -> Select[Any]:
    return select(*(t.operation.c[n] for n in (*COLUMNS, *MORE)))


def sent_in(tx: Tx, run: str) -> Iterator[Sequence[Any]]:
    """Pages of the operations that a run sent last."""
    yield from _streamed(tx, _operations().where(t.operation.c.sent_run == run))


def ended_in(tx: Tx, run: str) -> Iterator[Sequence[Any]]:
    """Pages of the operations that an earlier run sent, and of which this one found out what became of them."""
    o, a = t.operation.c, t.audit.c
    named = select(a.op).where(a.run == run, a.op != "")
    yield from _streamed(tx, _operations().where(o.id.in_(named), o.sent_run != run))


def nameless(tx: Tx, run: str, limit: int) -> Sequence[Any]:
    """Audit rows of a run that name an operation which is not there."""
    o, a = t.operation.c, t.audit.c
    query = (
        select(a.seq, a.at, a.action, a.op, a.connection, a.object, a.remote_id)
        .outerjoin(t.operation, o.id == a.op)
        .where(a.run == run, a.op != "", o.id.is_(None))
        .order_by(a.seq)
        .limit(limit)
    )
    return tx.rows(query)


def journal(tx: Tx, goldens: Sequence[str], ops: Sequence[str]) -> list[Any]:
    """(op, seq, at, action, run, golden) of the audit rows about these operations of these golden records, in order."""
    a = t.audit.c
    query = select(a.op, a.seq, a.at, a.action, a.run, a.golden).where(tx.among(a.golden, goldens), tx.among(a.op, ops))
    return list(tx.rows(query.order_by(a.seq)))


def journal_of(tx: Tx, op: str) -> list[Any]:
    """The same of one operation, wherever it stands: its golden record may be another one by now. Walks the whole log."""
    a = t.audit.c
    query = select(a.op, a.seq, a.at, a.action, a.run, a.golden).where(a.op == op).order_by(a.seq)
    return list(tx.rows(query))


def overtaken(tx: Tx, run: str, started: float, goldens: Sequence[str], after: int) -> Sequence[Any]:
    """(id, link, seq, golden, fields) of writes decided after `after` and sent in this run or before it."""
    o, r = t.operation.c, t.run.c
    query = (
        select(o.id, o.link, o.seq, o.golden, o.fields)
        .join(t.run, r.id == o.sent_run)
        .where(
            tx.among(o.golden, goldens),
            o.seq > after,
            o.state == "done",
            o.link != "",
            o.action.in_(["update", "associate"]),
            or_(o.sent_run == run, r.started < started),
        )
    )
    return tx.rows(query)


def busy_links(tx: Tx, goldens: Sequence[str], since: float, until: float, more_than: int) -> list[tuple[str, str]]:
    """(link, golden) that were written more than so often in this time."""
    o = t.operation.c
    query = (
        select(o.link, o.golden)
        .where(*_written(tx, goldens, since, until))
        .group_by(o.link, o.golden)
        .having(func.count() > more_than)
    )
    return [(row[0], row[1]) for row in tx.rows(query)]


def _written(tx: Tx, goldens: Sequence[str], since: float, until: float) -> list[Any]:
    o = t.operation.c
    times = (o.ended_at > since, o.ended_at <= until)
    return [tx.among(o.golden, goldens), o.state == "done", o.link != "", o.action != "create", *times]


def writes_of(tx: Tx, golden: str, since: float, until: float) -> Sequence[Any]:
    """(id, link, connection, seq, ended_at, fields) of what was written for a golden record in this time, in order."""
    o = t.operation.c
    query = select(o.id, o.link, o.connection, o.object, o.remote_id, o.seq, o.ended_at, o.fields)
    return tx.rows(query.where(*_written(tx, [golden], since, until)).order_by(o.seq))


def twice_created(tx: Tx, keys: Sequence[str]) -> Sequence[Any]:
    """(key, connection, object, remote_id) of finished creates that share a key, where they made different records."""
    o = t.operation.c
    done = and_(tx.among(o.key, keys), o.action == "create", o.state == "done", o.remote_id != "")
    shared = select(o.key).where(done).group_by(o.key).having(func.count(o.remote_id.distinct()) > 1)
    query = select(o.key, o.connection, o.object, o.remote_id).where(done, o.key.in_(shared)).order_by(o.seq)
    return tx.rows(query)


# ---------------------------------------------------------------- deletes, and what came back


def link_story(tx: Tx, golden: str, before: int) -> Sequence[Any]:
    """(seq, at, action, why, connection, remote_id) of what became of the links of a golden record, up to an audit row."""
    a = t.audit.c
    query = select(a.seq, a.at, a.action, a.why, a.connection, a.remote_id).where(
        a.golden == golden, a.seq < before, a.action.like("link %")
    )
    return tx.rows(query.order_by(a.seq))


def end_of(tx: Tx, golden: str, connection: str, remote_id: str) -> Any:
    """(seq, at) of the audit row by which the link of a record last ended, by a delete there or by our own."""
    a = t.audit.c
    ends = or_(a.action.in_(["link ended"]), a.action.like("% delete"), a.action.like("% archive"))
    query = select(a.seq, a.at).where(
        a.golden == golden, a.connection == connection, a.remote_id == remote_id, ends, ~a.action.like("intent%")
    )
    return tx.one(query.order_by(a.seq.desc()).limit(1))


def alive_again(tx: Tx, run: str, limit: int) -> list[Any]:
    """Records that this run read alive, at a newer version than the delete that ended their link."""
    i, k = t.inbox.c, t.link.c
    of_link = and_(k.connection == i.connection, k.object == i.object, k.remote_id == i.remote_id)
    query = (
        select(k.id, k.golden, k.connection, k.object, k.remote_id, i.at)
        .join_from(t.inbox, t.link, of_link)
        .where(
            ~i.pending,
            k.state == "ended",
            k.why == "deleted",
            i.kind.not_in(GONE),
            i.outcome.not_in(["taken", "skipped", "dead"]),
            or_(i.direct, i.stamp == "", i.stamp > k.stamp),
        )
        .limit(limit)
    )
    return [row for part in _of_run(run) for row in tx.rows(query.where(part))]


def took_in_others(tx: Tx, golden: str) -> bool:
    """Whether other golden records were merged into this one: part of its past is theirs."""
    return tx.one(select(literal(1)).where(t.golden.c.merged_into == golden).limit(1)) is not None


# ---------------------------------------------------------------- writes without a cause


def read_nothing(tx: Tx, run: str) -> bool:
    """Whether a run read no change and took none over."""
    return all(tx.one(select(t.inbox.c.seq).where(part).limit(1)) is None for part in _of_run(run))


def wrote_nothing(tx: Tx, run: str) -> bool:
    """Whether a run neither decided nor sent anything."""
    o = t.operation.c
    return all(tx.one(select(o.id).where(part).limit(1)) is None for part in (o.run == run, o.sent_run == run))


def own_writes(tx: Tx, run: str) -> int:
    """How many operations a run both decided and carried out."""
    o = t.operation.c
    query = select(func.count()).where(o.run == run, o.sent_run == run, o.state == "done")
    return int(tx.value(query) or 0)


def anything_else_since(tx: Tx, run: str, moment: float) -> bool:
    """Whether the audit log holds anything but this run's own rows from that moment to the end of the run."""
    a = t.audit.c
    first, last = tx.one(select(func.min(a.seq), func.max(a.seq)).where(a.run == run))
    if first is None:
        return True
    between = select(a.seq).where(a.seq > first, a.seq < last, a.run != run).limit(1)
    if tx.one(between) is not None:
        return True
    latest = tx.value(select(func.max(a.at)).where(a.seq < first))
    newest = tx.value(select(a.at).where(a.seq < first).order_by(a.seq.desc()).limit(1))
    # Where the clock was set back meanwhile, times say nothing about what came after what.
    return newest is not None and (newest >= moment or newest < latest)
