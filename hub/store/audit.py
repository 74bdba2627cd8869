"""The append-only audit log: who changed what, when and why, in a hash chain that shows any later edit.

Rows are inserted unchained and sealed in order by one sealer (`seal`). Personal values are encrypted under a key of the
person, and the chain covers the ciphertext, so that destroying the key leaves the chain whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, update

from hub.core.errors import Stop
from hub.store import tables as t
from hub.store.db import Tx, dumps, loads

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


def _row(tx: Tx, e: Entry, keys: Mapping[str, bytes]) -> dict[str, Any]:
    sealed = None
    if e.changes:
        plain = dumps(list(e.changes)).encode()
        about = f"audit:{e.golden}"
        key = keys.get(e.golden)
        sealed = tx.store.vault.seal_with(key, plain, about) if key else tx.store.vault.seal(plain, about)
    return {
        "at": tx.now,
        "run": e.run,
        "actor": e.actor,
        "action": e.action,
        "golden": e.golden,
        "connection": e.connection,
        "object": e.object,
        "remote_id": e.remote_id,
        "op": e.op,
        "why": e.why,
        "changes": sealed,
    }


def person_keys(tx: Tx, goldens: Sequence[str]) -> dict[str, bytes]:
    """The data keys of these persons; made where there is none yet."""
    if not goldens:
        return {}
    p, vault = t.person_key.c, tx.store.vault
    stored = {r[0]: r[1] for r in tx.rows(select(p.golden, p.wrapped).where(tx.among(p.golden, goldens)))}
    keys = {g: vault.person(w, g) for g, w in stored.items() if w is not None}
    made = []
    for golden in goldens:
        if golden not in stored:
            keys[golden], wrapped = vault.new_person(golden)
            made.append({"golden": golden, "wrapped": wrapped})
    tx.add(t.person_key, made)
    return keys


def _hash(prev: str, row: Any) -> str:
    body = dumps([getattr(row, name) for name in COVERED]).encode()
    digest = hashlib.sha256(b"\x01" + prev.encode() + body)
    digest.update(row.changes or b"")
    return digest.hexdigest()


def seal(tx: Tx, limit: int = 100_000) -> int:
    """Chain the rows that are not chained yet, in order. Returns how many. One sealer at a time (the caller's lease)."""
    a = t.audit.c
    waiting = tx.rows(select(t.audit).where(a.hash == "").order_by(a.seq).limit(limit))
    if not waiting:
        return 0
    prev = str(tx.value(select(a.hash).where(a.seq < waiting[0].seq).order_by(a.seq.desc()).limit(1)) or "")
    links = []
    for row in waiting:
        found = _hash(prev, row)
        links.append({"b_seq": row.seq, "b_prev": prev, "b_hash": found})
        prev = found
    tx.connection.execute(
        update(t.audit).where(a.seq == bindparam("b_seq")).values(prev=bindparam("b_prev"), hash=bindparam("b_hash")),
        links,
    )
    return len(links)


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
    a = t.audit.c
    prev, rows, unsealed = "", 0, 0
    met = checkpoint is None or checkpoint[0] == 0
    for row in _batches(tx):
        if not row.hash:
            unsealed += 1
            continue
        if unsealed:
            return Verdict(rows, unsealed, prev, row.seq, "a sealed row follows unsealed ones")
        if row.prev != prev or row.hash != _hash(prev, row):
            return Verdict(rows, unsealed, prev, row.seq, "the row or the one before it was changed, added or removed")
        prev, rows = row.hash, rows + 1
        if checkpoint and rows == checkpoint[0]:
            met = row.hash == checkpoint[1]
            if not met:
                return Verdict(rows, unsealed, prev, row.seq, "the chain differs from the checkpoint")
    del a
    if not met:
        return Verdict(rows, unsealed, prev, rows, "the chain is shorter than the checkpoint: its end was cut off")
    return Verdict(rows, unsealed, prev)


def _batches(tx: Tx, size: int = 5_000) -> Iterator[Any]:
    a, after = t.audit.c, 0
    while rows := tx.rows(select(t.audit).where(a.seq > after).order_by(a.seq).limit(size)):
        yield from rows
        after = rows[-1].seq


def settled_lately(tx: Tx, goldens: Sequence[str], since: float, fewest: int) -> list[str]:
    """Which of these golden records were settled with changes at least so often since then."""
    a = t.audit.c
    query = (
        select(a.golden)
        .where(tx.among(a.golden, goldens), a.action == "settled", a.at >= since)
        .group_by(a.golden)
        .having(func.count() >= fewest)
    )
    return [row[0] for row in tx.rows(query)]


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
    a = t.audit.c
    query = select(t.audit).order_by(a.seq.desc() if newest else a.seq).limit(limit)
    if after:
        query = query.where(a.seq > after)
    for column, value in ((a.golden, golden), (a.run, run), (a.action, action)):
        if value:
            query = query.where(column == value)
    rows = tx.rows(query)
    keys = _opening_keys(tx, sorted({r.golden for r in rows if r.golden and r.changes}))
    return [_opened(tx, row, keys) for row in rows]


def _opening_keys(tx: Tx, goldens: Sequence[str]) -> dict[str, bytes | None]:
    p = t.person_key.c
    found: dict[str, bytes | None] = {}
    for row in tx.rows(select(p.golden, p.wrapped).where(tx.among(p.golden, goldens))) if goldens else ():
        found[row[0]] = tx.store.vault.person(row[1], row[0]) if row[1] is not None else None
    return found


def _opened(tx: Tx, row: Any, keys: Mapping[str, bytes | None]) -> dict[str, Any]:
    entry = {name: getattr(row, name) for name in ("seq", *COVERED)}
    entry["hash"] = row.hash
    entry["changes"] = []
    if row.changes:
        about, key = f"audit:{row.golden}", keys.get(row.golden, b"")
        try:
            vault = tx.store.vault
            if key:
                entry["changes"] = loads(vault.open_with(key, row.changes, about))
            elif key == b"":
                entry["changes"] = loads(vault.open(row.changes, about))
            else:
                entry["erased"] = True
        except Stop:
            entry["unreadable"] = True
    return entry
