"""Hints: records of which somebody says that they changed. A hint is no more than a name; what it names is read again.

One row per record, however often it is named. `heard` counts on, so that a hint that comes while its record is being read
is not dropped with the ones that were there before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select

from hub.store import tables as t
from hub.store.db import Tx
from hub.store.query import Query, given


@dataclass(frozen=True, slots=True)
class Hint:
    """A record to read again, and how often it was named so far."""

    remote_id: str
    heard: int


def _hearing(insert: Callable[..., Any]) -> Any:
    values = {"connection": given("connection"), "object": given("object"), "remote_id": given("id")}
    statement = insert(t.hint).values(**values, heard=1, at=given("now"))
    keys = ["connection", "object", "remote_id"]
    return statement.on_conflict_do_update(index_elements=keys, set_={"heard": t.hint.c.heard + 1})


HEAR = Query(_hearing)


def hear(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> None:
    """Note these records. Those that are noted already keep the time at which they were first named."""
    # In one order, so that two who note the same records at once do not wait for each other.
    rows = [{"id": i} for i in sorted(set(ids))]
    tx.many(HEAR, rows, connection=connection, object=object, now=tx.now)


_h = t.hint.c
_OBJECT = (_h.connection == given("connection"), _h.object == given("object"))
WAITING = Query(
    select(_h.remote_id, _h.heard)
    .where(*_OBJECT, _h.remote_id > given("after"))
    .order_by(_h.remote_id)
    .limit(given("limit"))
)
DROP = Query(t.hint.delete().where(*_OBJECT, _h.remote_id == given("id"), _h.heard == given("heard")))


def waiting(tx: Tx, connection: str, object: str, after: str, limit: int) -> list[Hint]:
    """Hints of one object, in the order of their ids."""
    rows = tx.rows(WAITING, connection=connection, object=object, after=after, limit=limit)
    return [Hint(row[0], row[1]) for row in rows]


def drop(tx: Tx, connection: str, object: str, hints: Sequence[Hint]) -> None:
    """These have been read. One that was named again meanwhile stays."""
    read = [{"id": one.remote_id, "heard": one.heard} for one in hints]
    tx.many(DROP, read, connection=connection, object=object)


def counts(tx: Tx) -> list[tuple[str, str, int, float]]:
    """(connection, object, how many hints wait, since when)."""
    h = t.hint.c
    query = select(h.connection, h.object, func.count(), func.min(h.at)).group_by(h.connection, h.object)
    return [(row[0], row[1], row[2], row[3]) for row in tx.rows(query.order_by(h.connection, h.object))]


def any_unlinked(tx: Tx, sync: str) -> bool:
    """Whether a change waits to be settled whose record has no link yet."""
    i, k = t.inbox.c, t.link.c
    linked = exists().where(k.connection == i.connection, k.object == i.object, k.remote_id == i.remote_id)
    return tx.one(select(i.seq).where(i.pending, i.sync == sync, i.kind == "updated", ~linked).limit(1)) is not None
