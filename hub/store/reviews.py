"""What waits for a person: conflicts, match reviews and dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import select, update

from hub.core.model import Held, Raw, Value
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.plain import as_dict
from hub.store.query import Query, among, given

_c, _r, _e = t.conflict.c, t.review.c, t.error.c
_UNSOLVED = _c.state.in_(["open", "decided"])

# ---------------------------------------------------------------- conflicts


OPEN_CONFLICTS = Query(select(t.conflict).where(among(_c.golden, "goldens"), _UNSOLVED).order_by(_c.path))


def open_conflicts(
    tx: Tx, goldens: Sequence[str]
) -> tuple[dict[str, list[Held]], dict[str, dict[str, tuple[Value, str]]]]:
    """({golden: open holds}, {golden: {path: (value, by)}} decided by a person and not applied yet)."""
    held: dict[str, list[Held]] = {}
    decided: dict[str, dict[str, tuple[Value, str]]] = {}
    for row in tx.rows(OPEN_CONFLICTS, goldens=goldens):
        held.setdefault(row.golden, []).append(Held(row.path, loads(row.claims), loads(row.hub_value)))
        if row.state == "decided":
            decided.setdefault(row.golden, {})[row.path] = (loads(row.value), row.by)
    return held, decided


_THIS = (_c.golden == given("golden"), _c.path == given("path"))
RENEW = Query(
    update(t.conflict)
    .where(*_THIS, _c.state == "open")
    .values(claims=given("claims"), shown=given("shown"), hub_value=given("hub_value"))
)
CLOSE_CONFLICT = Query(
    update(t.conflict).where(*_THIS, _UNSOLVED).values(state=given("state"), decided_at=given("now"))
)


def save_hold(
    tx: Tx, *, id: str, sync: str, golden: str, held: Held, shown: Mapping[str, Value], rule: str, run: str
) -> bool:
    """Open a conflict, or renew its claims. True if it is new."""
    values = {"claims": dumps(held.claims), "shown": dumps(shown), "hub_value": dumps(held.golden)}
    renewed = tx.run(RENEW, golden=golden, path=held.path, **values)
    if not renewed:
        row = {"id": id, "sync": sync, "golden": golden, "path": held.path, "rule": rule, "run": run, "at": tx.now}
        tx.add(t.conflict, [{**row, **values}])
    return not renewed


def close_conflict(tx: Tx, golden: str, path: str, state: str) -> None:
    """End a conflict: `closed` by itself, or `resolved` by a person."""
    tx.run(CLOSE_CONFLICT, golden=golden, path=path, state=state, now=tx.now)


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


@cache
def _conflicts(by: tuple[str, ...]) -> Query:
    return Query(select(t.conflict).where(*(_c[name] == given(name) for name in by)).order_by(_c.at, _c.id))


def conflicts(tx: Tx, sync: str = "", state: str = "open", golden: str = "") -> list[dict[str, Any]]:
    by = _given(sync=sync, state=state, golden=golden)
    return [_shown(row) for row in tx.rows(_conflicts(tuple(by)), **by)]


def _given(**by: str) -> dict[str, str]:
    """Those that are not left open."""
    return {name: value for name, value in by.items() if value}


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


@cache
def _reviews(by: tuple[str, ...]) -> Query:
    return Query(select(t.review).where(*(_r[name] == given(name) for name in by)).order_by(_r.at, _r.id))


def reviews(tx: Tx, sync: str = "", state: str = "open") -> list[dict[str, Any]]:
    by = _given(sync=sync, state=state)
    return [{**as_dict(row), "candidates": loads(row.candidates)} for row in tx.rows(_reviews(tuple(by)), **by)]


def review(tx: Tx, id: str) -> dict[str, Any] | None:
    row = tx.one(select(t.review).where(t.review.c.id == id))
    return {**as_dict(row), "candidates": loads(row.candidates)} if row else None


def answer_review(tx: Tx, id: str, state: str, golden: str, by: str) -> bool:
    r = t.review.c
    return bool(tx.run(update(t.review).where(r.id == id, r.state == "open").values(state=state, golden=golden, by=by)))


_THESE = (_r.connection == given("connection"), _r.object == given("object"), among(_r.remote_id, "ids"))
CLOSE_REVIEWS = Query(update(t.review).where(*_THESE, _r.state == "open").values(state="closed"))
ANSWERS = Query(
    select(_r.remote_id, _r.state, _r.golden)
    .where(*_THESE, _r.state.in_(["accepted", "rejected"]))
    .order_by(_r.at, _r.id)
)
ASKED = Query(select(_r.remote_id, _r.candidates).where(*_THESE, _r.state == "open"))
CANDIDATES = Query(select(_r.connection, _r.object, _r.candidates).where(_r.state == "open"))


def close_reviews(tx: Tx, connection: str, object: str, remote_ids: Sequence[str]) -> None:
    """The question answered itself: the record is linked now."""
    tx.run(CLOSE_REVIEWS, connection=connection, object=object, ids=remote_ids)


def answers(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{remote id: (accepted | rejected, golden)}: what persons answered about these records."""
    rows = tx.rows(ANSWERS, connection=connection, object=object, ids=ids)
    return {row[0]: (row[1], row[2]) for row in rows}


def asked(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """{remote id: golden records that it may be}: what persons are asked about these records and have not answered."""
    return {row[0]: loads(row[1]) for row in tx.rows(ASKED, connection=connection, object=object, ids=ids)}


def under_review(tx: Tx, goldens: Sequence[str]) -> set[tuple[str, str, str]]:
    """(golden, connection, object): a record there may be this golden record; nothing is created meanwhile."""
    wanted = set(goldens)
    found = set()
    for row in tx.rows(CANDIDATES):
        found |= {(g, row[0], row[1]) for g in loads(row[2]) if g in wanted}
    return found


# ---------------------------------------------------------------- dead letters


_SAME = ("golden", "connection", "object", "remote_id", "path", "action")
COUNT_UP = Query(
    update(t.error)
    .where(_e.state == "open", *(_e[name] == given(name) for name in _SAME))
    .values(count=_e["count"] + 1, last_at=given("now"), run=given("run"), text=given("text"), value=given("value"))
)


def letter(tx: Tx, row: Mapping[str, Any]) -> None:
    """Keep what failed for good until a person deals with it; the same failure again is counted."""
    same = {name: row[name] for name in _SAME}
    if not tx.run(COUNT_UP, **same, now=tx.now, run=row["run"], text=fits(row["text"]), value=row["value"]):
        tx.add(t.error, [{**row, "first_at": tx.now, "last_at": tx.now}])


BLOCKED = Query(
    select(_e.golden, _e.connection, _e.path, _e.value).where(
        among(_e.golden, "goldens"), _e.state.in_(["open", "dismissed"]), _e.action != "read"
    )
)


def blocked(tx: Tx, goldens: Sequence[str]) -> dict[tuple[str, str], dict[str, Raw]]:
    """{(golden, connection): {path: raw value refused}}; path "" is the whole record. The same is not sent again."""
    found: dict[tuple[str, str], dict[str, Raw]] = {}
    for row in tx.rows(BLOCKED, goldens=goldens):
        found.setdefault((row[0], row[1]), {})[row[2]] = loads(row[3]) if row[3] else None
    return found


RESOLVE = Query(
    update(t.error)
    .where(
        _e.golden == given("golden"),
        _e.connection == given("connection"),
        among(_e.path, "paths"),
        _e.state == "open",
    )
    .values(state=given("state"), last_at=given("now"))
)
LETTERED = Query(select(_e.golden).where(among(_e.golden, "goldens"), _e.state == "open").distinct())
RESOLVE_READ = Query(
    update(t.error)
    .where(
        _e.connection == given("connection"),
        _e.object == given("object"),
        among(_e.remote_id, "ids"),
        _e.action == "read",
        _e.state == "open",
    )
    .values(state="resolved", last_at=given("now"))
)


def resolve_letters(tx: Tx, golden: str, connection: str, paths: Sequence[str], state: str = "resolved") -> None:
    """It worked after all: the letters of these paths (and of the whole record) are done with."""
    tx.run(RESOLVE, golden=golden, connection=connection, paths=[*paths, ""], state=state, now=tx.now)


def resolve_many(tx: Tx, rows: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """The same for many (golden, connection, paths); costs one look-up where there are no letters."""
    if not rows:
        return
    lettered = {row[0] for row in tx.rows(LETTERED, goldens={golden for golden, _, _ in rows})}
    for golden, connection, paths in rows:
        if golden in lettered:
            resolve_letters(tx, golden, connection, paths)


def resolve_read_letters(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> None:
    tx.run(RESOLVE_READ, connection=connection, object=object, ids=ids, now=tx.now)


@cache
def _letters(by: tuple[str, ...]) -> Query:
    return Query(select(t.error).where(*(_e[name] == given(name) for name in by)).order_by(_e.last_at.desc(), _e.id))


def letters(tx: Tx, sync: str = "", state: str = "open") -> list[dict[str, Any]]:
    by = _given(sync=sync, state=state)
    return [as_dict(row) for row in tx.rows(_letters(tuple(by)), **by)]


def set_letter(tx: Tx, id: str, state: str) -> bool:
    e = t.error.c
    return bool(tx.run(update(t.error).where(e.id == id, e.state == "open").values(state=state, last_at=tx.now)))
