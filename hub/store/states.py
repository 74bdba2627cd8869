"""In which state each record of a spoke is, and what a person has to look at: the questions behind `status`.

Every row of ac_record is in exactly one state, so the states of a spoke add up to the records that it ever showed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from hub.store import tables as t
from hub.store.db import Tx
from hub.store.plain import as_dict

STATES = ("in_sync", "pending", "conflict", "failed", "excluded", "deleted")
GONE = ("deleted", "merged_into", "converted_into")
OPEN = ("pending", "sent", "unknown")


def _state(connection: str, object: str) -> ColumnElement[str]:
    """The state of a record of this spoke, the first that fits. Needs the record's link and pending inbox row beside it."""
    r, k, i = t.record.c, t.link.c, t.inbox.c
    e, c, o = t.error.c, t.conflict.c, t.operation.c
    linked = k.state == "linked"
    letters = select(e.remote_id).where(
        e.connection == connection, e.object == object, e.state == "open", e.remote_id != ""
    )
    refused = select(e.golden).where(e.connection == connection, e.state == "open", e.golden != "")
    conflicts = select(c.golden).where(c.state == "open")
    waiting = select(o.link).where(o.state.in_(OPEN), o.link != "")
    return case(
        (r.disposition.in_(GONE), "deleted"),
        (or_(r.remote_id.in_(letters), and_(linked, k.golden.in_(refused))), "failed"),
        (and_(linked, k.golden.in_(conflicts)), "conflict"),
        (or_(r.disposition == "skipped", k.state.in_(["suspended", "refused"])), "excluded"),
        (i.seq.is_not(None), "pending"),
        (r.disposition.in_(["waiting", "held"]), "pending"),
        (and_(r.disposition == "", k.id.is_(None)), "pending"),  # linked without ever having been read: we created it
        (k.id.in_(waiting), "pending"),
        (linked, "in_sync"),
        else_="excluded",
    )


def _joined(*columns: Any) -> Select[Any]:
    r, k, i = t.record.c, t.link.c, t.inbox.c
    link = and_(k.connection == r.connection, k.object == r.object, k.remote_id == r.remote_id)
    inbox = and_(i.pending, i.connection == r.connection, i.object == r.object, i.remote_id == r.remote_id)
    return select(*columns).select_from(t.record.outerjoin(t.link, link).outerjoin(t.inbox, inbox))


def counts(tx: Tx, connection: str, object: str) -> dict[str, int]:
    """How many records of a spoke are in which state; all six states are named."""
    r, state = t.record.c, _state(connection, object).label("state")
    query = _joined(state, func.count()).where(r.connection == connection, r.object == object).group_by(state)
    return {**dict.fromkeys(STATES, 0), **{row[0]: row[1] for row in tx.rows(query)}}


def one(tx: Tx, connection: str, object: str, remote_id: str) -> str:
    """The state of one record, "" if it was never seen."""
    r = t.record.c
    query = _joined(_state(connection, object)).where(
        r.connection == connection, r.object == object, r.remote_id == remote_id
    )
    return str(tx.value(query) or "")


def in_state(tx: Tx, connection: str, object: str, state: str, limit: int) -> Sequence[Any]:
    """Records of a spoke in one state: (remote_id, golden, disposition, reason, place)."""
    r, k = t.record.c, t.link.c
    query = (
        _joined(r.remote_id, func.coalesce(k.golden, "").label("golden"), r.disposition, r.reason, r.place)
        .where(r.connection == connection, r.object == object, _state(connection, object) == state)
        .order_by(r.remote_id)
        .limit(limit)
    )
    return tx.rows(query)


def open_counts(tx: Tx, sync: str) -> dict[str, int]:
    """What waits for a person in a sync."""
    found = {}
    for name, table in (("conflicts", t.conflict), ("matches", t.review), ("errors", t.error)):
        query = select(func.count()).select_from(table).where(table.c.sync == sync, table.c.state == "open")
        found[name] = int(tx.value(query) or 0)
    return found


def open_operations(tx: Tx, sync: str) -> dict[str, dict[str, int]]:
    """{connection: {action: how many}} of operations that are decided and not carried out."""
    o = t.operation.c
    query = (
        select(o.connection, o.action, func.count())
        .where(o.sync == sync, o.state.in_(OPEN))
        .group_by(o.connection, o.action)
    )
    found: dict[str, dict[str, int]] = {}
    for connection, action, number in tx.rows(query):
        found.setdefault(connection, {})[action] = number
    return found


def error_groups(tx: Tx, sync: str = "", state: str = "open") -> list[Mapping[str, Any]]:
    """Dead letters by cause: one row per connection, code and field, with how many records it stops."""
    e = t.error.c
    query = (
        select(
            e.sync,
            e.connection,
            e.object,
            e.code,
            e.path,
            func.count().label("records"),
            func.min(e.first_at).label("first_at"),
            func.max(e.last_at).label("last_at"),
            func.min(e.text).label("example"),
        )
        .where(e.state == state)
        .group_by(e.sync, e.connection, e.object, e.code, e.path)
        .order_by(func.count().desc(), e.connection, e.code)
    )
    return [as_dict(row) for row in tx.rows(query.where(e.sync == sync) if sync else query)]


def doubled_links(tx: Tx, limit: int = 20) -> Sequence[Any]:
    """Golden records with two primary links in one object: there must be none."""
    k = t.link.c
    query = (
        select(k.golden, k.connection, k.object, func.count().label("links"))
        .where(k.state == "linked", k.main)
        .group_by(k.golden, k.connection, k.object)
        .having(func.count() > 1)
        .limit(limit)
    )
    return tx.rows(query)


def lost_links(tx: Tx, limit: int = 20) -> Sequence[Any]:
    """Links whose golden record is not there: there must be none."""
    k, g = t.link.c, t.golden.c
    query = (
        select(k.id, k.golden)
        .outerjoin(t.golden, g.id == k.golden)
        .where(g.id.is_(None), k.state == "linked")
        .limit(limit)
    )
    return tx.rows(query)
