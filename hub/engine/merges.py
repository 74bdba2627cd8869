"""Follow merges and conversions that happened inside a spoke, before anything else of these records is decided.

Links re-point to the survivor. Where two golden records turn out to be one, the survivor's stays; what the other spokes
hold twice becomes a secondary link there: readable, never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hub.core.model import Golden, Link, Pair
from hub.engine.batch import link_id, wake_linked
from hub.engine.context import Run
from hub.engine.pull import fingerprint, row_hash
from hub.store import agenda, audit, goldens, operations, records, reviews
from hub.store.db import Tx, dumps, loads
from hub.store.records import Outcome, Pending

MOVED = ("merged_into", "converted_into")


def follow(tx: Tx, run: Run, ids: Sequence[str]) -> list[str]:
    """Carry out the merges pending for these golden records. Returns the golden ids to decide now."""
    moved = [(link, row) for link, row in records.pending_of_goldens(tx, ids) if row.kind in MOVED]
    touched = set(ids)
    for link_name, row in sorted(moved, key=lambda found: found[1].seq):
        link = goldens.link(tx, link_name)
        assert link is not None
        touched |= _one(tx, run, link, row)
    return sorted(touched - _merged(tx, touched))


def _merged(tx: Tx, ids: set[str]) -> set[str]:
    return {g.id for g in goldens.load(tx, sorted(ids)).values() if g.state == "merged"}


def _one(tx: Tx, run: Run, link: Link, row: Pending) -> set[str]:
    if link.state not in ("linked", "suspended"):
        _end_row(tx, run, row, "unchanged", "its link has ended before")
        return {link.golden}
    if row.kind == "converted_into":
        goldens.save_links(tx, [replace(link, state="ended", why="converted", version=row.version, stamp=row.stamp)])
        _end_row(tx, run, row, "applied", "converted")
        _note(tx, run, link, "converted", str(row.into))
        return {link.golden}
    of_link = [o.id for o in operations.of_goldens(tx, [link.golden]) if o.link == link.id]
    operations.mark(tx, of_link, "withdrawn", why="its record was merged")
    survivor = _survivor(tx, link, row)
    ended = replace(link, state="ended", why="merged", version=row.version, stamp=row.stamp)
    if survivor is None:
        goldens.save_links(tx, [ended])
        _end_row(tx, run, row, "applied", "merged into a record that is not known")
        return {link.golden}
    _end_row(tx, run, row, "applied", f"merged into {survivor}")
    target = goldens.links_by_record(tx, link.connection, link.object, [survivor]).get(survivor)
    _note(tx, run, link, "merged in the spoke", survivor)
    target = target or _ours(tx, run, link, survivor)
    if target is None or target.state not in ("linked", "suspended"):
        return _repoint(tx, link, ended, survivor, target)
    if target.golden == link.golden:
        goldens.save_links(tx, [ended])
        if link.primary and not target.primary:
            _promote(tx, run, link, target)
        return {link.golden}
    return _unite(tx, run, keep=target, lose=ended)


def _ours(tx: Tx, run: Run, link: Link, survivor: str) -> Link | None:
    """The survivor may be what we created for another golden record, its answer lost: its key tells. Then it is linked to
    that one first, on the base of what was sent, so that two golden records are united and none takes a form for a value."""
    row = records.pending_for(tx, link.connection, link.object, [survivor]).get(survivor)
    o = operations.by_key(tx, [row.key]).get(row.key) if row is not None and row.key else None
    if o is None or o.state not in ("sent", "unknown", "done") or run.restored:
        return None
    place = (link.connection, link.object)
    if any(
        (k.connection, k.object) == place and k.state == "linked" for k in goldens.links_of(tx, [o.golden])[o.golden]
    ):
        return None
    base = {f.path: Pair(f.after, f.raw, False) for f in o.fields}
    name = link_id(link.connection, link.object, survivor)
    made = Link(name, o.golden, link.connection, link.object, survivor, base=base)
    goldens.save_links(tx, [made])
    operations.end(tx, [(o.id, "done", "", survivor)])
    reviews.resolve_many(tx, [(o.golden, link.connection, [f.path for f in o.fields])])
    _note(tx, run, made, "adopted by key", "it is the survivor of a merge", o.id)
    return made


def _survivor(tx: Tx, link: Link, row: Pending) -> str | None:
    """The end of the chain of merges that begins here."""
    seen = {link.remote_id}
    current = row.into[0][1] if row.into else None
    while current and current not in seen:
        seen.add(current)
        pending = records.pending_for(tx, link.connection, link.object, [current]).get(current)
        if pending is not None and pending.kind == "merged_into" and pending.into:
            current = pending.into[0][1]
            continue
        known = records.one(tx, link.connection, link.object, current)
        if known is None or known.disposition != "merged_into":
            return current
        into = _into(known.reason)
        current = into or current
        if not into:
            return current
    return current


def _into(reason: str) -> str | None:
    """The survivor that was noted in a record's reason, as JSON."""
    if not reason.startswith("["):
        return None
    found = loads(reason)
    return str(found[0][1]) if found else None


def _repoint(tx: Tx, link: Link, ended: Link, survivor: str, refused: Link | None) -> set[str]:
    """The survivor has no live link: it takes the loser's place, with its base."""
    goldens.save_links(tx, [ended])
    if refused is None or refused.state == "ended":
        new = replace(
            link, id=link_id(link.connection, link.object, survivor), remote_id=survivor, version="", stamp=""
        )
        goldens.save_links(tx, [new])
        records.clear_hash(tx, [(link.connection, link.object, survivor)])
    return {link.golden}


def _promote(tx: Tx, run: Run, loser: Link, survivor: Link) -> None:
    """A record that was one too many is the only one now. It takes the loser's place and its base, so that what it holds
    itself is heard: in its own fields the surviving record wins."""
    goldens.save_links(tx, [replace(survivor, primary=True, base=loser.base)])
    connection, object, remote_id = survivor.connection, survivor.object, survivor.remote_id
    if records.pending_for(tx, connection, object, [remote_id]):
        return
    spoke = run.spoke(connection, object)
    fields: dict[str, Any] = {}
    for path, pair in survivor.base.items():
        if spoke is not None and path in spoke.mapping.rules:
            fields |= spoke.mapping.rules[path].spread(pair.form)
    row = Pending(
        0, connection, object, remote_id, fields=fields, version=survivor.version, stamp=survivor.stamp, at=tx.now
    )
    records.add_pending(tx, run.sync.name, run.id, [row])


def _unite(tx: Tx, run: Run, *, keep: Link, lose: Link) -> set[str]:
    """Two golden records are one: the survivor's golden stays and takes over the other's links and missing values."""
    both = goldens.load(tx, sorted([keep.golden, lose.golden]))
    staying, going = both[keep.golden], both[lose.golden]
    links = goldens.links_of(tx, [staying.id, going.id])
    occupied = {(k.connection, k.object) for k in links[staying.id] if k.state == "linked" and k.primary}
    moved = [replace(lose, golden=staying.id)]
    for link in links[going.id]:
        if link.id != lose.id:
            primary = link.primary and (link.connection, link.object) not in occupied
            moved.append(replace(link, golden=staying.id, primary=primary))
    goldens.save_links(tx, moved)
    goldens.save(tx, run.sync.name, [_fill(staying, going)], {})
    goldens.mark_merged(tx, going.id, staying.id)
    goldens.move_keys(tx, going.id, staying.id)
    _withdraw(tx, run, going.id, moved)
    operations.move(tx, going.id, staying.id)
    agenda.add(tx, run.sync.name, [(agenda.golden(staying.id), "merged")])
    # The survivor may be found where it was not before, and by those who waited for the other one.
    wake_linked(tx, [k for k in (*moved, *links[going.id]) if k.state == "linked"])
    return {staying.id, going.id}


def _fill(staying: Golden, going: Golden) -> Golden:
    """Survivorship: what the survivor does not have, it takes over."""
    extra = {p: v for p, v in going.fields.items() if v is not None and staying.fields.get(p) is None}
    return replace(
        staying,
        fields={**staying.fields, **extra},
        sources={**staying.sources, **{p: s for p, s in going.sources.items() if p in extra}},
    )


def _withdraw(tx: Tx, run: Run, golden: str, links: Sequence[Link]) -> None:
    """Nothing is sent for a golden record that is no more; what was claimed in its open conflicts is heard again by the
    survivor."""
    pending = [o.id for o in operations.of_goldens(tx, [golden], ("pending",))]
    operations.mark(tx, pending, "withdrawn", why="merged")
    held, _ = reviews.open_conflicts(tx, [golden])
    for one in held.get(golden, ()):
        claimed = [k for k in links if k.id in one.claims]
        agenda.add(
            tx, run.sync.name, [(agenda.record((k.connection, k.object, k.remote_id)), "merged") for k in claimed]
        )
        reviews.close_conflict(tx, golden, one.path, "closed")


def _end_row(tx: Tx, run: Run, row: Pending, outcome: str, reason: str) -> None:
    spoke = run.spoke(row.connection, row.object)
    told = row_hash(row.kind, row.into, row.key, row.fields)
    text = dumps(row.into) if row.kind == "merged_into" else reason
    records.settle_rows(tx, run.id, [Outcome(row, outcome, text, "", told, fingerprint(spoke) if spoke else "")])


def _note(tx: Tx, run: Run, link: Link, action: str, why: str, op: str = "") -> None:
    entry = audit.Entry(
        action,
        golden=link.golden,
        run=run.id,
        connection=link.connection,
        object=link.object,
        remote_id=link.remote_id,
        why=why,
        op=op,
    )
    audit.write(tx, [entry])
