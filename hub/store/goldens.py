"""Golden records, their links and the match keys by which records find each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update

from hub.core.model import Golden, Link, Pair, Source
from hub.store import tables as t
from hub.store.db import Tx, dumps, loads
from hub.store.query import Query, among, given

Ref = tuple[str, str, str]
_g, _k, _m = t.golden.c, t.link.c, t.match_key.c


def encode_base(base: Mapping[str, Pair]) -> str:
    return dumps({p: [b.agreed, b.form] if b.seen else [b.agreed, b.form, False] for p, b in base.items()})


def decode_base(text: str) -> dict[str, Pair]:
    return {p: Pair(*b) for p, b in loads(text).items()}


def _golden(row: Any) -> Golden:
    return Golden(
        id=row.id,
        entity=row.entity,
        kind=row.kind,
        fields=loads(row.fields),
        sources={p: Source(*s) for p, s in loads(row.sources).items()},
        state=row.state,
        origin=tuple(loads(row.origin) or ("", "", "", 0)),
    )


def _link(row: Any) -> Link:
    return Link(
        id=row.id,
        golden=row.golden,
        connection=row.connection,
        object=row.object,
        remote_id=row.remote_id,
        state=row.state,
        why=row.why,
        primary=row.main,
        base=decode_base(row.base),
        version=row.version,
        stamp=row.stamp,
    )


_LOAD = select(t.golden).where(among(_g.id, "ids")).order_by(_g.id)
LOAD, LOAD_LOCKED = Query(_LOAD), Query(_LOAD.with_for_update())


def load(tx: Tx, ids: Sequence[str]) -> dict[str, Golden]:
    """These golden records. A writing transaction on PostgreSQL locks their rows, in id order, until it ends."""
    return {row.id: _golden(row) for row in tx.rows(LOAD if tx.reading else LOAD_LOCKED, ids=ids)}


ONE = Query(select(t.golden).where(_g.id == given("id")))
SYNC_OF = Query(select(_g.sync).where(_g.id == given("id")))


def get(tx: Tx, id: str) -> Golden | None:
    row = tx.one(ONE, id=id)
    return _golden(row) if row else None


def sync_of(tx: Tx, id: str) -> str:
    return str(tx.value(SYNC_OF, id=id) or "")


def survivor(tx: Tx, id: str) -> str:
    """The golden record that stayed when this one was merged away, or the same one."""
    while into := tx.value(select(t.golden.c.merged_into).where(t.golden.c.id == id)):
        id = str(into)
    return id


def save(tx: Tx, sync: str, goldens: Sequence[Golden], origin_parts: Mapping[str, str]) -> None:
    """Insert or update golden records. `origin_parts`: {golden id: first part of its create keys}."""
    rows = [
        {
            "id": g.id,
            "sync": sync,
            "entity": g.entity,
            "kind": g.kind,
            "fields": dumps(g.fields),
            "sources": dumps({p: [s.by, s.stamp, s.run, s.after, s.form] for p, s in g.sources.items()}),
            "state": g.state,
            "origin": dumps(g.origin),
            "origin_part": origin_parts.get(g.id, ""),
        }
        for g in goldens
    ]
    tx.upsert(t.golden, rows, update=["fields", "sources", "state", "kind"])


MERGED = Query(update(t.golden).where(_g.id == given("id")).values(state="merged", merged_into=given("into")))
BY_ORIGIN_PART = Query(select(t.golden).where(_g.origin_part == given("part")))


def mark_merged(tx: Tx, id: str, into: str) -> None:
    tx.run(MERGED, id=id, into=into)


def by_origin_part(tx: Tx, part: str) -> list[Golden]:
    """Golden records whose create keys begin with this part."""
    return [_golden(row) for row in tx.rows(BY_ORIGIN_PART, part=part)]


# ---------------------------------------------------------------- links


LINKS_OF = Query(select(t.link).where(among(_k.golden, "goldens")).order_by(_k.id))
PLACES_OF = Query(select(_k.golden, _k.connection, _k.object, _k.state).where(among(_k.golden, "goldens")))
_THESE = (_k.connection == given("connection"), _k.object == given("object"), among(_k.remote_id, "ids"))
BY_RECORD = Query(select(t.link).where(*_THESE))
LINK = Query(select(t.link).where(_k.id == given("id")))
READ_TIMES = Query(select(_k.id, _k.read_at).where(among(_k.id, "ids")))


def links_of(tx: Tx, goldens: Sequence[str]) -> dict[str, list[Link]]:
    """All links of these golden records, in a fixed order."""
    found: dict[str, list[Link]] = {g: [] for g in goldens}
    for row in tx.rows(LINKS_OF, goldens=goldens):
        found[row.golden].append(_link(row))
    return found


def places_of(tx: Tx, goldens: Sequence[str]) -> dict[str, list[tuple[str, str, str]]]:
    """(connection, object, state) of each link of these golden records: where they are, without what they agreed on."""
    found: dict[str, list[tuple[str, str, str]]] = {g: [] for g in goldens}
    for row in tx.rows(PLACES_OF, goldens=goldens):
        found[row[0]].append((row[1], row[2], row[3]))
    return found


def links_by_record(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, Link]:
    """{remote id: link} of any state."""
    rows = tx.rows(BY_RECORD, connection=connection, object=object, ids=ids)
    return {row.remote_id: _link(row) for row in rows}


def link(tx: Tx, id: str) -> Link | None:
    row = tx.one(LINK, id=id)
    return _link(row) if row else None


def read_times(tx: Tx, ids: Sequence[str]) -> dict[str, float]:
    """{link id: when its version was read}, in seconds since the epoch."""
    return {row[0]: row[1] for row in tx.rows(READ_TIMES, ids=ids)}


def _saving_links(insert: Callable[..., Any]) -> Any:
    statement = insert(t.link).values({column.name: given(column.name) for column in _k})
    new = statement.excluded
    values = {column.name: new[column.name] for column in _k if column.name != "id"}
    values["read_at"] = case((new.read_at > 0, new.read_at), else_=_k.read_at)
    return statement.on_conflict_do_update(index_elements=["id"], set_=values)


SAVE_LINKS = Query(_saving_links)


def save_links(tx: Tx, links: Sequence[Link], read_at: Mapping[str, float] = {}) -> None:
    """Insert or update whole links. Ended ones are written before linked ones, for the sake of the unique rule.

    `read_at`: when the version of a link was read, where that is news.
    """
    rows = [
        {
            "id": k.id,
            "golden": k.golden,
            "connection": k.connection,
            "object": k.object,
            "remote_id": k.remote_id,
            "state": k.state,
            "why": k.why,
            "main": k.primary,
            "base": encode_base(k.base),
            "version": k.version,
            "stamp": k.stamp,
            "read_at": read_at.get(k.id, 0.0),
        }
        for k in sorted(links, key=lambda k: (k.state == "linked" and k.primary, k.id))
    ]
    tx.many(SAVE_LINKS, rows)


RESTAMP = Query(
    update(t.link)
    .where(
        _k.connection == given("connection"),
        _k.object == given("object"),
        _k.remote_id == given("id"),
        or_(_k.state == "linked", _k.state == "suspended"),
    )
    .values(version=given("version"), stamp=given("stamp"), read_at=given("now"))
)


def restamp(tx: Tx, connection: str, object: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Set (remote id, version, stamp) on the links of records of which nothing else changed."""
    changed = [{"id": i, "version": v, "stamp": s} for i, v, s in rows]
    tx.many(RESTAMP, changed, connection=connection, object=object, now=tx.now)


LINKED = and_(_k.state == "linked", _k.main)
LINKED_COUNT = Query(
    select(func.count()).where(_k.connection == given("connection"), _k.object == given("object"), LINKED)
)
TARGETS = Query(select(_k.remote_id, _k.golden).where(*_THESE, _k.state != "refused"))
REMOTES = Query(select(_k.connection, _k.object, _k.golden, _k.remote_id).where(among(_k.golden, "goldens"), LINKED))
MISSING = Query(
    select(_g.id)
    .outerjoin(t.link, and_(_k.golden == _g.id, _k.connection == given("connection"), _k.object == given("object")))
    .where(_g.sync == given("sync"), _g.state == "live", _k.id.is_(None), _g.id > given("after"))
    .order_by(_g.id)
    .limit(given("limit"))
)
COUNT = Query(select(func.count()).where(_g.sync == given("sync"), _g.state == "live"))


def linked_count(tx: Tx, connection: str, object: str) -> int:
    return int(tx.value(LINKED_COUNT, connection=connection, object=object) or 0)


def ref_targets(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, str]:
    """{(connection, object, remote id): golden id}; refused links do not count."""
    found: dict[Ref, str] = {}
    by: dict[tuple[str, str], list[str]] = {}
    for connection, object, remote_id in refs:
        by.setdefault((connection, object), []).append(remote_id)
    for (connection, object), ids in by.items():
        rows = tx.rows(TARGETS, connection=connection, object=object, ids=ids)
        found.update({(connection, object, row[0]): row[1] for row in rows})
    return found


def ref_remotes(tx: Tx, goldens: Sequence[str]) -> dict[Ref, str]:
    """{(connection, object, golden id): remote id} of the linked primary records."""
    return {(row[0], row[1], row[2]): row[3] for row in tx.rows(REMOTES, goldens=goldens)}


def missing_in(tx: Tx, sync: str, connection: str, object: str, after: str, limit: int) -> list[str]:
    """Live golden records of a sync that have no link at all in this object."""
    rows = tx.rows(MISSING, sync=sync, connection=connection, object=object, after=after, limit=limit)
    return [row[0] for row in rows]


def count(tx: Tx, sync: str) -> int:
    return int(tx.value(COUNT, sync=sync) or 0)


# ---------------------------------------------------------------- match keys


CANDIDATES = Query(select(_m.key, _m.golden, _m.strong).where(among(_m.key, "keys")).order_by(_m.key, _m.golden))
KEYS_OF = Query(select(_m.golden, _m.key, _m.strong).where(among(_m.golden, "goldens")))
DROP_KEYS = Query(t.match_key.delete().where(_m.key == given("key"), _m.golden == given("golden")))


def candidates(tx: Tx, keys: Sequence[str]) -> list[tuple[str, str, bool]]:
    """(key, golden id, strong) for each golden record that carries one of these keys."""
    return [(row[0], row[1], row[2]) for row in tx.rows(CANDIDATES, keys=keys)]


def keys_of(tx: Tx, goldens: Sequence[str]) -> dict[str, dict[str, bool]]:
    """{golden: {key: strong}}."""
    found: dict[str, dict[str, bool]] = {}
    for row in tx.rows(KEYS_OF, goldens=goldens):
        found.setdefault(row[0], {})[row[1]] = row[2]
    return found


def add_keys(tx: Tx, sync: str, rows: Sequence[tuple[str, str, bool]]) -> None:
    """Add (key, golden, strong). A strong key that another golden record has stays with that one."""
    tx.add_new(t.match_key, [{"key": k, "golden": g, "strong": s, "sync": sync} for k, g, s in rows])


def drop_keys(tx: Tx, rows: Sequence[tuple[str, str]]) -> None:
    tx.many(DROP_KEYS, [{"key": key, "golden": golden} for key, golden in rows])


OF_OLD = Query(select(_m.key, _m.strong, _m.sync).where(_m.golden == given("old")))
DROP_OLD = Query(t.match_key.delete().where(_m.golden == given("old")))


def move_keys(tx: Tx, old: str, new: str) -> None:
    """A merged golden record's keys go to the one that stays."""
    mine = tx.rows(OF_OLD, old=old)
    tx.run(DROP_OLD, old=old)
    tx.add_new(t.match_key, [{"key": row[0], "golden": new, "strong": row[1], "sync": row[2]} for row in mine])


def search(tx: Tx, text: str, limit: int = 20) -> list[Golden]:
    """Golden records whose id begins with `text`, or whose values contain it."""
    g = t.golden.c
    like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    query = (
        select(t.golden)
        .where((g.id.startswith(text, autoescape=True)) | (func.lower(g.fields).like(like.lower(), escape="\\")))
        .order_by(g.id)
        .limit(limit)
    )
    return [_golden(r) for r in tx.rows(query)]
