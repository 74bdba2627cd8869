"""What waits for a person: conflicts, match reviews and dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from hub.core.model import Held, Raw, Value
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.plain import as_dict

# ---------------------------------------------------------------- conflicts


def open_conflicts(
    tx: Tx, goldens: Sequence[str]
) -> tuple[dict[str, list[Held]], dict[str, dict[str, tuple[Value, str]]]]:
    """({golden: open holds}, {golden: {path: (value, by)}} decided by a person and not applied yet)."""
    c = t.conflict.c
    held: dict[str, list[Held]] = {}
    decided: dict[str, dict[str, tuple[Value, str]]] = {}
    for row in tx.rows(
        select(t.conflict).where(tx.among(c.golden, goldens), c.state.in_(["open", "decided"])).order_by(c.path)
    ):
        held.setdefault(row.golden, []).append(Held(row.path, loads(row.claims), loads(row.hub_value)))
        if row.state == "decided":
            decided.setdefault(row.golden, {})[row.path] = (loads(row.value), row.by)
    return held, decided


def save_hold(
    tx: Tx, *, id: str, sync: str, golden: str, held: Held, shown: Mapping[str, Value], rule: str, run: str
) -> bool:
    """Open a conflict, or renew its claims. True if it is new."""
    c = t.conflict.c
    values = {"claims": dumps(held.claims), "shown": dumps(shown), "hub_value": dumps(held.golden)}
    renewed = tx.run(
        update(t.conflict).where(c.golden == golden, c.path == held.path, c.state == "open").values(**values)
    )
    if not renewed:
        row = {"id": id, "sync": sync, "golden": golden, "path": held.path, "rule": rule, "run": run, "at": tx.now}
        tx.add(t.conflict, [{**row, **values}])
    return not renewed


def close_conflict(tx: Tx, golden: str, path: str, state: str) -> None:
    """End a conflict: `closed` by itself, or `resolved` by a person."""
    c = t.conflict.c
    tx.run(
        update(t.conflict)
        .where(c.golden == golden, c.path == path, c.state.in_(["open", "decided"]))
        .values(state=state, decided_at=tx.now)
    )


def decide_conflict(tx: Tx, id: str, value: Value, by: str) -> bool:
    """A person decided. It takes effect in the next settle. False if it was not open (somebody else was faster)."""
    c = t.conflict.c
    return bool(
        tx.run(
            update(t.conflict)
            .where(c.id == id, c.state == "open")
            .values(state="decided", value=dumps(value), by=by, decided_at=tx.now)
        )
    )


def conflicts(tx: Tx, sync: str = "", state: str = "open", golden: str = "") -> list[dict[str, Any]]:
    c = t.conflict.c
    query = select(t.conflict).order_by(c.at, c.id)
    for column, value in ((c.sync, sync), (c.state, state), (c.golden, golden)):
        if value:
            query = query.where(column == value)
    return [_shown(row) for row in tx.rows(query)]


def conflict(tx: Tx, id: str) -> dict[str, Any] | None:
    row = tx.one(select(t.conflict).where(t.conflict.c.id == id))
    return _shown(row) if row else None


def _shown(row: Any) -> dict[str, Any]:
    found = as_dict(row)
    for name in ("claims", "shown", "hub_value", "value"):
        found[name] = loads(found[name])
    return found


# ---------------------------------------------------------------- match reviews


def open_review(tx: Tx, row: Mapping[str, Any]) -> None:
    """Ask a person whether a record is one of `candidates`. One open question per record."""
    r = t.review.c
    known = tx.one(
        select(r.id).where(
            r.connection == row["connection"],
            r.object == row["object"],
            r.remote_id == row["remote_id"],
            r.state == "open",
        )
    )
    values = {**row, "candidates": dumps(row["candidates"]), "at": tx.now}
    if known:
        values.pop("id")
        tx.run(update(t.review).where(r.id == known[0]).values(**values))
    else:
        tx.add(t.review, [values])


def reviews(tx: Tx, sync: str = "", state: str = "open") -> list[dict[str, Any]]:
    r = t.review.c
    query = select(t.review).order_by(r.at, r.id)
    for column, value in ((r.sync, sync), (r.state, state)):
        if value:
            query = query.where(column == value)
    return [{**as_dict(row), "candidates": loads(row.candidates)} for row in tx.rows(query)]


def review(tx: Tx, id: str) -> dict[str, Any] | None:
    row = tx.one(select(t.review).where(t.review.c.id == id))
    return {**as_dict(row), "candidates": loads(row.candidates)} if row else None


def answer_review(tx: Tx, id: str, state: str, golden: str, by: str) -> bool:
    r = t.review.c
    return bool(tx.run(update(t.review).where(r.id == id, r.state == "open").values(state=state, golden=golden, by=by)))


def close_reviews(tx: Tx, connection: str, object: str, remote_ids: Sequence[str]) -> None:
    """The question answered itself: the record is linked now."""
    r = t.review.c
    tx.run(
        update(t.review)
        .where(r.connection == connection, r.object == object, tx.among(r.remote_id, remote_ids), r.state == "open")
        .values(state="closed")
    )


def answers(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{remote id: (accepted | rejected, golden)}: what persons answered about these records."""
    r = t.review.c
    query = (
        select(r.remote_id, r.state, r.golden)
        .where(
            r.connection == connection,
            r.object == object,
            tx.among(r.remote_id, ids),
            r.state.in_(["accepted", "rejected"]),
        )
        .order_by(r.at, r.id)
    )
    return {row[0]: (row[1], row[2]) for row in tx.rows(query)}


def under_review(tx: Tx, goldens: Sequence[str]) -> set[tuple[str, str, str]]:
    """(golden, connection, object): a record there may be this golden record; nothing is created meanwhile."""
    wanted = set(goldens)
    r = t.review.c
    found = set()
    for row in tx.rows(select(r.connection, r.object, r.candidates).where(r.state == "open")):
        found |= {(g, row[0], row[1]) for g in loads(row[2]) if g in wanted}
    return found


# ---------------------------------------------------------------- dead letters


def letter(tx: Tx, row: Mapping[str, Any]) -> None:
    """Keep what failed for good until a person deals with it; the same failure again is counted."""
    e = t.error.c
    same = [
        e.state == "open",
        *(getattr(e, n) == row[n] for n in ("golden", "connection", "object", "remote_id", "path", "action")),
    ]
    seen = {
        "count": e.count + 1,
        "last_at": tx.now,
        "run": row["run"],
        "text": fits(row["text"]),
        "value": row["value"],
    }
    if not tx.run(update(t.error).where(*same).values(**seen)):
        tx.add(t.error, [{**row, "first_at": tx.now, "last_at": tx.now}])


def blocked(tx: Tx, goldens: Sequence[str]) -> dict[tuple[str, str], dict[str, Raw]]:
    """{(golden, connection): {path: raw value refused}}; path "" is the whole record. The same is not sent again."""
    e = t.error.c
    found: dict[tuple[str, str], dict[str, Raw]] = {}
    query = select(e.golden, e.connection, e.path, e.value).where(
        tx.among(e.golden, goldens), e.state.in_(["open", "dismissed"]), e.action != "read"
    )
    for row in tx.rows(query):
        found.setdefault((row[0], row[1]), {})[row[2]] = loads(row[3]) if row[3] else None
    return found


def resolve_letters(tx: Tx, golden: str, connection: str, paths: Sequence[str], state: str = "resolved") -> None:
    """It worked after all: the letters of these paths (and of the whole record) are done with."""
    e = t.error.c
    tx.run(
        update(t.error)
        .where(e.golden == golden, e.connection == connection, e.path.in_([*paths, ""]), e.state == "open")
        .values(state=state, last_at=tx.now)
    )


def resolve_many(tx: Tx, rows: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """The same for many (golden, connection, paths); costs one look-up where there are no letters."""
    if not rows:
        return
    e = t.error.c
    query = select(e.golden).where(tx.among(e.golden, {golden for golden, _, _ in rows}), e.state == "open").distinct()
    lettered = {row[0] for row in tx.rows(query)}
    for golden, connection, paths in rows:
        if golden in lettered:
            resolve_letters(tx, golden, connection, paths)


def resolve_read_letters(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> None:
    e = t.error.c
    tx.run(
        update(t.error)
        .where(
            e.connection == connection,
            e.object == object,
            tx.among(e.remote_id, ids),
            e.action == "read",
            e.state == "open",
        )
        .values(state="resolved", last_at=tx.now)
    )


def letters(tx: Tx, sync: str = "", state: str = "open") -> list[dict[str, Any]]:
    e = t.error.c
    query = select(t.error).order_by(e.last_at.desc(), e.id)
    for column, value in ((e.sync, sync), (e.state, state)):
        if value:
            query = query.where(column == value)
    return [as_dict(row) for row in tx.rows(query)]


def set_letter(tx: Tx, id: str, state: str) -> bool:
    e = t.error.c
    return bool(tx.run(update(t.error).where(e.id == id, e.state == "open").values(state=state, last_at=tx.now)))
