"""The append-only audit log: who changed what, when and why, in a hash chain that shows any later edit.

Rows are inserted unchained and sealed in order by one sealer (`seal`). Personal values are encrypted under a key of the
person and bound to their row; the chain covers the ciphertext, so that destroying the key (`erase`) leaves it whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import func, select, update

from hub.core.errors import Stop
from hub.store import tables as t
from hub.store.db import Tx, dumps, fits, loads
from hub.store.query import Query, among, given

_a, _p = t.audit.c, t.person_key.c

HELPING = 2_000
"""Rows that are sealed at once."""
COVERED = ("at", "run", "actor", "action", "golden", "connection", "object", "remote_id", "op", "why")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to write. `changes`: [{"field", "before", "after", ...}]; encrypted when it stands in the database."""

    action: str
    golden: str = ""
    actor: str = "hub"
    run: str = ""
    connection: str = ""
    object: str = ""
    remote_id: str = ""
    op: str = ""
    why: str = ""
    changes: Sequence[Mapping[str, Any]] = ()


def write(tx: Tx, entries: Sequence[Entry]) -> None:
    """Append, in this transaction."""
    if not entries:
        return
    keys = person_keys(tx, sorted({e.golden for e in entries if e.golden and e.changes}))
    tx.add(t.audit, [_row(tx, e, keys) for e in entries])


def _row(tx: Tx, e: Entry, keys: Mapping[str, bytes | None]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "at": tx.now,
        "run": e.run,
        "actor": e.actor,
        "action": e.action,
        "golden": e.golden,
        "connection": e.connection,
        "object": e.object,
        "remote_id": e.remote_id,
        "op": e.op,
        "why": fits(e.why),
    }
    return {**row, "changes": _sealed(tx, e, keys, _about(row)) if e.changes else None}


def _about(row: Mapping[str, Any]) -> str:
    """What the values of a row are bound to: all else that the row says."""
    return "audit:" + dumps([row[name] for name in COVERED])


def _sealed(tx: Tx, e: Entry, keys: Mapping[str, bytes | None], about: str) -> bytes:
    if not e.golden:
        return tx.store.vault.seal(dumps(list(e.changes)).encode(), about)
    key = keys[e.golden]
    if key is None:  # an erased person's values are not written down again, only which fields they were in
        bare = [{"field": c["field"]} for c in e.changes if "field" in c]
        return tx.store.vault.seal(dumps(bare).encode(), about)
    return tx.store.vault.seal_with(key, dumps(list(e.changes)).encode(), about)


def person_keys(tx: Tx, goldens: Sequence[str]) -> dict[str, bytes | None]:
    """The data keys of these persons, None for the erased ones; made where there is none yet."""
    keys = _stored_keys(tx, goldens)
    new = {g: tx.store.vault.new_person(g) for g in goldens if g not in keys}
    if tx.add_new(t.person_key, [{"golden": g, "wrapped": wrapped} for g, (_, wrapped) in new.items()]) < len(new):
        return _stored_keys(tx, goldens)  # another transaction was first
    return keys | {g: key for g, (key, _) in new.items()}


STORED_KEYS = Query(select(_p.golden, _p.wrapped).where(among(_p.golden, "goldens")))


def _stored_keys(tx: Tx, goldens: Sequence[str]) -> dict[str, bytes | None]:
    if not goldens:
        return {}
    vault, found = tx.store.vault, tx.rows(STORED_KEYS, goldens=goldens)
    return {row[0]: vault.person(row[1], row[0]) if row[1] is not None else None for row in found}


def erase(tx: Tx, goldens: Sequence[str]) -> int:
    """Destroy the keys of these persons for good: their values in the log cannot be read any more, the chain stays whole.

    Returns how many keys there were.
    """
    p = t.person_key.c
    gone = tx.run(update(t.person_key).where(tx.among(p.golden, goldens), p.wrapped.is_not(None)).values(wrapped=None))
    tx.add_new(t.person_key, [{"golden": g, "wrapped": None} for g in goldens])
    return gone


def _hash(prev: str, row: Any) -> str:
    body = dumps([getattr(row, name) for name in COVERED]).encode()
    digest = hashlib.sha256(b"\x01" + prev.encode() + body)
    digest.update(row.changes or b"")
    return digest.hexdigest()


UNSEALED = Query(select(t.audit).where(_a.hash == "").order_by(_a.seq).limit(given("limit")))
HASH_BEFORE = Query(select(_a.hash).where(_a.seq < given("seq")).order_by(_a.seq.desc()).limit(1))
CHAIN = Query(update(t.audit).where(_a.seq == given("seq")).values(prev=given("prev"), hash=given("hash")))


def seal(tx: Tx, limit: int = 1_000_000) -> int:
    """Chain the rows that are not chained yet, in order, a helping at a time. Returns how many."""
    if tx.dialect == "postgresql":
        # Wait for writers under way: a row of theirs has an earlier number than rows that are committed already.
        tx.say(f"LOCK TABLE {t.audit.name} IN SHARE ROW EXCLUSIVE MODE")
    sealed, prev = 0, None
    while waiting := tx.rows(UNSEALED, limit=min(HELPING, limit - sealed)):
        if prev is None:
            prev = str(tx.value(HASH_BEFORE, seq=waiting[0].seq) or "")
        prev = _chain(tx, waiting, prev)
        sealed += len(waiting)
    return sealed


def _chain(tx: Tx, rows: Sequence[Any], prev: str) -> str:
    """Seal these rows behind `prev`. Returns the last hash."""
    links = []
    for row in rows:
        found = _hash(prev, row)
        links.append({"seq": row.seq, "prev": prev, "hash": found})
        prev = found
    tx.many(CHAIN, links)
    return prev


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found. `bad`: the first row that does not fit, or None. `unsealed`: rows not chained yet."""

    rows: int
    unsealed: int
    head: str
    bad: int | None = None
    why: str = ""


def verify(tx: Tx, checkpoint: tuple[int, str] | None = None) -> Verdict:
    """Walk the chain. `checkpoint`: (rows, head) noted elsewhere earlier: a shorter or other chain is found out."""
    prev, rows, unsealed = "", 0, 0
    met = checkpoint is None or checkpoint[0] == 0
    for row in _batches(tx):
        if not row.hash:
            unsealed += 1
            continue
        if unsealed:
            return Verdict(rows, unsealed, prev, row.seq, "a sealed row follows unsealed ones")
        if not follows(prev, row):
            return Verdict(rows, unsealed, prev, row.seq, "the row or the one before it was changed, added or removed")
        prev, rows = row.hash, rows + 1
        if checkpoint and rows == checkpoint[0]:
            met = row.hash == checkpoint[1]
            if not met:
                return Verdict(rows, unsealed, prev, row.seq, "the chain differs from the checkpoint")
    if not met:
        return Verdict(rows, unsealed, prev, rows, "the chain is shorter than the checkpoint: its end was cut off")
    return Verdict(rows, unsealed, prev)


def follows(prev: str, row: Any) -> bool:
    """Whether a sealed row is whole and stands right behind the one with this hash."""
    return bool(row.prev == prev and row.hash == _hash(prev, row))


AFTER = Query(select(t.audit).where(_a.seq > given("after")).order_by(_a.seq).limit(given("limit")))


def _batches(tx: Tx, size: int = 5_000) -> Iterator[Any]:
    after = 0
    while rows := tx.rows(AFTER, after=after, limit=size):
        yield from rows
        after = rows[-1].seq


SETTLED_LATELY = Query(
    select(_a.golden)
    .where(among(_a.golden, "goldens"), _a.action == "settled", _a.at >= given("since"))
    .group_by(_a.golden)
    .having(func.count() >= given("fewest"))
)


def settled_lately(tx: Tx, goldens: Sequence[str], since: float, fewest: int) -> list[str]:
    """Which of these golden records were settled with changes at least so often since then."""
    return [row[0] for row in tx.rows(SETTLED_LATELY, goldens=goldens, since=since, fewest=fewest)]


@cache
def _entries(by: tuple[str, ...], *, newest: bool) -> Query:
    query = select(t.audit).where(_a.seq > given("after"), *(_a[name] == given(name) for name in by))
    return Query(query.order_by(_a.seq.desc() if newest else _a.seq).limit(given("limit")))


def entries(
    tx: Tx,
    *,
    golden: str = "",
    run: str = "",
    action: str = "",
    limit: int = 200,
    newest: bool = False,
    after: int = 0,
) -> list[dict[str, Any]]:
    """Rows above `after` with their changes opened, where the person's key still exists."""
    by = {name: value for name, value in (("golden", golden), ("run", run), ("action", action)) if value}
    rows = tx.rows(_entries(tuple(by), newest=newest), after=after, limit=limit, **by)
    keys = _stored_keys(tx, sorted({r.golden for r in rows if r.golden and r.changes}))
    return [_opened(tx, row, keys) for row in rows]


def _opened(tx: Tx, row: Any, keys: Mapping[str, bytes | None]) -> dict[str, Any]:
    entry = {name: getattr(row, name) for name in ("seq", *COVERED)}
    entry["hash"] = row.hash
    entry["changes"] = []
    if row.changes:
        key, vault = keys.get(row.golden), tx.store.vault
        try:
            opened = vault.open_with(key, row.changes, _about(entry)) if key else vault.open(row.changes, _about(entry))
            entry["changes"] = loads(opened)
        except Stop:
            entry["erased" if row.golden in keys and key is None else "unreadable"] = True
    return entry
