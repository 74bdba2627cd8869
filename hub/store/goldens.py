"""Golden records, their links and the match keys by which records find each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select, update

from hub.core.model import Golden, Link, Pair, Source
from hub.store import tables as t
from hub.store.db import Tx, dumps, loads

Ref = tuple[str, str, str]


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


def load(tx: Tx, ids: Sequence[str]) -> dict[str, Golden]:
    """These golden records. A writing transaction on PostgreSQL locks their rows, in id order, until it ends."""
    query = select(t.golden).where(tx.among(t.golden.c.id, ids)).order_by(t.golden.c.id)
    if tx.dialect == "postgresql" and not tx.reading:
        query = query.with_for_update()
    return {row.id: _golden(row) for row in tx.rows(query)}


def get(tx: Tx, id: str) -> Golden | None:
    row = tx.one(select(t.golden).where(t.golden.c.id == id))
    return _golden(row) if row else None


def sync_of(tx: Tx, id: str) -> str:
    return str(tx.value(select(t.golden.c.sync).where(t.golden.c.id == id)) or "")


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


def mark_merged(tx: Tx, id: str, into: str) -> None:
    tx.run(update(t.golden).where(t.golden.c.id == id).values(state="merged", merged_into=into))


def by_origin_part(tx: Tx, part: str) -> list[Golden]:
    """Golden records whose create keys begin with this part."""
    return [_golden(r) for r in tx.rows(select(t.golden).where(t.golden.c.origin_part == part))]


# ---------------------------------------------------------------- links


def links_of(tx: Tx, goldens: Sequence[str]) -> dict[str, list[Link]]:
    """All links of these golden records, in a fixed order."""
    found: dict[str, list[Link]] = {g: [] for g in goldens}
    query = select(t.link).where(tx.among(t.link.c.golden, goldens)).order_by(t.link.c.id)
    for row in tx.rows(query):
        found[row.golden].append(_link(row))
    return found


def places_of(tx: Tx, goldens: Sequence[str]) -> dict[str, list[tuple[str, str, str]]]:
    """(connection, object, state) of each link of these golden records: where they are, without what they agreed on."""
    k = t.link.c
    found: dict[str, list[tuple[str, str, str]]] = {g: [] for g in goldens}
    for row in tx.rows(select(k.golden, k.connection, k.object, k.state).where(tx.among(k.golden, goldens))):
        found[row[0]].append((row[1], row[2], row[3]))
    return found


def links_by_record(tx: Tx, connection: str, object: str, ids: Sequence[str]) -> dict[str, Link]:
    """{remote id: link} of any state."""
    k = t.link.c
    query = select(t.link).where(k.connection == connection, k.object == object, tx.among(k.remote_id, ids))
    return {row.remote_id: _link(row) for row in tx.rows(query)}


def link(tx: Tx, id: str) -> Link | None:
    row = tx.one(select(t.link).where(t.link.c.id == id))
    return _link(row) if row else None


def read_times(tx: Tx, ids: Sequence[str]) -> dict[str, float]:
    """{link id: when its version was read}, in seconds since the epoch."""
    return {r[0]: r[1] for r in tx.rows(select(t.link.c.id, t.link.c.read_at).where(tx.among(t.link.c.id, ids)))}


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
    statement = tx.insert(t.link)
    new = statement.excluded
    values = {n: new[n] for n in (rows[0] if rows else ()) if n != "id"}
    values["read_at"] = case((new.read_at > 0, new.read_at), else_=t.link.c.read_at)
    tx.many(statement.on_conflict_do_update(index_elements=["id"], set_=values), rows)


def restamp(tx: Tx, connection: str, object: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Set (remote id, version, stamp) on the links of records of which nothing else changed."""
    if rows:
        k = t.link.c
        tx.many(
            update(t.link)
            .where(
                k.connection == connection,
                k.object == object,
                k.remote_id == bindparam("b_id"),
                or_(k.state == "linked", k.state == "suspended"),
            )
            .values(version=bindparam("b_version"), stamp=bindparam("b_stamp"), read_at=tx.now),
            [{"b_id": i, "b_version": v, "b_stamp": s} for i, v, s in rows],
        )


def linked_count(tx: Tx, connection: str, object: str) -> int:
    k = t.link.c
    query = select(func.count()).where(k.connection == connection, k.object == object, k.state == "linked", k.main)
    return int(tx.value(query) or 0)


def ref_targets(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, str]:
    """{(connection, object, remote id): golden id}; refused links do not count."""
    found: dict[Ref, str] = {}
    k = t.link.c
    by: dict[tuple[str, str], list[str]] = {}
    for connection, object, remote_id in refs:
        by.setdefault((connection, object), []).append(remote_id)
    for (connection, object), ids in by.items():
        query = select(k.remote_id, k.golden).where(
            k.connection == connection,
            k.object == object,
            tx.among(k.remote_id, ids),
            k.state != "refused",
        )
        found.update({(connection, object, row[0]): row[1] for row in tx.rows(query)})
    return found


def ref_remotes(tx: Tx, goldens: Sequence[str]) -> dict[Ref, str]:
    """{(connection, object, golden id): remote id} of the linked primary records."""
    k = t.link.c
    query = select(k.connection, k.object, k.golden, k.remote_id).where(
        tx.among(k.golden, goldens), k.state == "linked", k.main
    )
    return {(row[0], row[1], row[2]): row[3] for row in tx.rows(query)}


def missing_in(tx: Tx, sync: str, connection: str, object: str, after: str, limit: int) -> list[str]:
    """Live golden records of a sync that have no link at all in this object."""
    g, k = t.golden.c, t.link.c
    query = (
        select(g.id)
        .outerjoin(t.link, and_(k.golden == g.id, k.connection == connection, k.object == object))
        .where(g.sync == sync, g.state == "live", k.id.is_(None), g.id > after)
        .order_by(g.id)
        .limit(limit)
    )
    return [row[0] for row in tx.rows(query)]


def count(tx: Tx, sync: str) -> int:
    g = t.golden.c
    return int(tx.value(select(func.count()).where(g.sync == sync, g.state == "live")) or 0)


# ---------------------------------------------------------------- match keys


def candidates(tx: Tx, keys: Sequence[str]) -> list[tuple[str, str, bool]]:
    """(key, golden id, strong) for each golden record that carries one of these keys."""
    m = t.match_key.c
    query = select(m.key, m.golden, m.strong).where(tx.among(m.key, keys)).order_by(m.key, m.golden)
    return [(row[0], row[1], row[2]) for row in tx.rows(query)]


def keys_of(tx: Tx, goldens: Sequence[str]) -> dict[str, dict[str, bool]]:
    """{golden: {key: strong}}."""
    m = t.match_key.c
    found: dict[str, dict[str, bool]] = {}
    for row in tx.rows(select(m.golden, m.key, m.strong).where(tx.among(m.golden, goldens))):
        found.setdefault(row[0], {})[row[1]] = row[2]
    return found


def add_keys(tx: Tx, sync: str, rows: Sequence[tuple[str, str, bool]]) -> None:
    """Add (key, golden, strong). A strong key that another golden record has stays with that one."""
    tx.add_new(t.match_key, [{"key": k, "golden": g, "strong": s, "sync": sync} for k, g, s in rows])


def drop_keys(tx: Tx, rows: Sequence[tuple[str, str]]) -> None:
    m = t.match_key.c
    tx.many(
        t.match_key.delete().where(m.key == bindparam("b_key"), m.golden == bindparam("b_golden")),
        [{"b_key": key, "b_golden": golden} for key, golden in rows],
    )


def move_keys(tx: Tx, old: str, new: str) -> None:
    """A merged golden record's keys go to the one that stays."""
    m = t.match_key.c
    mine = tx.rows(select(m.key, m.strong, m.sync).where(m.golden == old))
    tx.run(t.match_key.delete().where(m.golden == old))
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
