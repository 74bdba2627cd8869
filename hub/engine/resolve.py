"""Find the golden record of rows that have no link: by create key, by a person's answer, by match rule, or a new one.

Ambiguous is never guessed: what could be two records is held for a person, and nothing is created anywhere meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from hub.core import match
from hub.core.errors import Reject
from hub.core.model import ABSENT, UNRESOLVED, Golden, Link, Pair, Spoke
from hub.engine.apply import Verdicts, in_scope
from hub.engine.batch import Batch, BatchRefs, link_id, load_refs
from hub.engine.keys import match_keys
from hub.engine.lookalikes import lookalikes
from hub.engine.pull import GONE
from hub.store import goldens, operations, reviews
from hub.store.db import dumps
from hub.store.operations import Operation
from hub.store.records import Pending


@dataclass(slots=True)
class Resolved:
    """Rows that found their golden record, with the links made for them."""

    rows: list[tuple[str, Pending]] = field(default_factory=list)
    golden_of: dict[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    founded: dict[str, Golden] = field(default_factory=dict)

    def take(self, row: Pending, link: Link) -> None:
        self.rows.append((link.id, row))
        self.golden_of[row.remote_id] = link.golden
        self.links.append(link)

    def add_to(self, batch: Batch) -> None:
        """The new links and golden records are not in the database yet: the batch must know them all the same."""
        for golden in self.founded.values():
            batch.goldens.setdefault(golden.id, golden)
        for link in self.links:
            batch.links.setdefault(link.golden, []).append(link)


def resolve_rows(v: Verdicts, spoke: Spoke, rows: Sequence[Pending]) -> Resolved:
    """Link, hold or found each of these rows of one spoke, in reading order."""
    found = Resolved()
    rest = [row for row in rows if not _plain_end(v, spoke, row)]
    rest = _by_key(v, spoke, rest, found)
    rest = _by_answer(v, spoke, rest, found)
    rest = _by_content(v, spoke, rest, found) if not spoke.key_field else rest
    _by_rule(v, spoke, rest, found)
    for link in found.links:
        v.links[link.id] = link
        v.opened.append(link)
    reviews.close_reviews(v.tx, spoke.connection, spoke.object, list(found.golden_of))
    return found


def _plain_end(v: Verdicts, spoke: Spoke, row: Pending) -> bool:
    """Rows that need no golden record: gone ones, and those out of scope."""
    if row.kind in GONE:
        v.outcome(row, "unchanged", dumps(row.into) if row.into else "gone before it was linked")
        return True
    if not in_scope(spoke, row):
        place = spoke.where_place if spoke.mapping.matches_only(row.fields) else spoke.mapping.place
        v.outcome(row, "skipped", "out of scope (where)", str(place))
        return True
    if spoke.direction == "write":
        v.outcome(row, "skipped", "this spoke is only written", str(spoke.place))
        return True
    return False


# ---------------------------------------------------------------- by create key


def _by_key(v: Verdicts, spoke: Spoke, rows: Sequence[Pending], found: Resolved) -> list[Pending]:
    """A record that carries one of our create keys is what we created, whatever became of the answer."""
    keyed = [row for row in rows if row.key]
    if not keyed:
        return list(rows)
    ours = operations.by_key(v.tx, [row.key for row in keyed])
    rest = [row for row in rows if not row.key]
    for row in keyed:
        operation = ours.get(row.key)
        if operation is not None and operation.state not in ("sent", "unknown", "done"):
            operation = (
                None  # not made by this write, which was never sent or was refused: it is older than what we know
            )
        link = _adopt(v, spoke, row, operation, found) if operation else _by_origin(v, spoke, row, found)
        if link is None:
            rest.append(row)
        else:
            found.take(row, link)
    return rest


def _adopt(v: Verdicts, spoke: Spoke, row: Pending, operation: Operation, found: Resolved) -> Link:
    """Link what we created. Where its golden record was merged meanwhile into one that has a record here, it is one too
    many: it is read, never written."""
    v.ended.append((operation.id, "done", "", row.remote_id))
    v.arrived.append((operation.golden, spoke.connection, [f.path for f in operation.fields]))
    where = {"connection": spoke.connection, "object": spoke.object, "remote_id": row.remote_id, "op": operation.id}
    v.note("adopted by key", operation.golden, **where)
    # After a restore an intent is no evidence: much may have been written and edited since.
    base = {} if v.run.restored else created_base(operation)
    link = new_link(spoke, row.remote_id, operation.golden, base)
    return replace(link, primary=not _has_one(v, spoke, operation.golden, found))


def _has_one(v: Verdicts, spoke: Spoke, golden: str, found: Resolved) -> bool:
    """Whether this golden record has a record in the spoke already."""
    return golden in found.golden_of.values() or _is_taken(v, golden, spoke)


def created_base(operation: Operation) -> dict[str, Pair]:
    """The base of a record that we created: what was sent, until a read shows what became of it."""
    return {f.path: Pair(f.after, f.raw, False) for f in operation.fields}


def _by_origin(v: Verdicts, spoke: Spoke, row: Pending, found: Resolved) -> Link | None:
    """After a restore the hub does not know its own operation any more; the key still names the origin."""
    part = match.origin_part(row.key)
    candidates = goldens.by_origin_part(v.tx, part) if part else []
    for golden in candidates:
        if golden.state == "live" and not _has_one(v, spoke, golden.id, found):
            v.note("recognised by key", golden.id, connection=spoke.connection, remote_id=row.remote_id)
            return new_link(spoke, row.remote_id, golden.id, {})
    return None


def _is_taken(v: Verdicts, golden: str, spoke: Spoke) -> bool:
    return bool(_taken(v, spoke, {golden}))


def new_link(spoke: Spoke, remote_id: str, golden: str, base: dict[str, Pair]) -> Link:
    return Link(
        id=link_id(spoke.connection, spoke.object, remote_id),
        golden=golden,
        connection=spoke.connection,
        object=spoke.object,
        remote_id=remote_id,
        base=base,
    )


# ---------------------------------------------------------------- by a person's answer


def _by_answer(v: Verdicts, spoke: Spoke, rows: Sequence[Pending], found: Resolved) -> list[Pending]:
    answers = reviews.answers(v.tx, spoke.connection, spoke.object, [row.remote_id for row in rows])
    unsure = operations.unknown_creates(v.tx, spoke.connection, spoke.object) if answers else []
    lost, rest = {o.golden: o for o in unsure}, []
    for row in rows:
        answer, golden = answers.get(row.remote_id, ("", ""))
        if golden:  # it may have been merged away since the question was asked
            golden = goldens.survivor(v.tx, golden)
        if answer == "accepted" and golden and not _is_taken(v, golden, spoke):
            # It is the create whose answer was lost: what was sent is what both sides agreed on then.
            made = _adopt(v, spoke, row, lost[golden], found) if golden in lost else None
            found.take(row, made or new_link(spoke, row.remote_id, golden, {}))
            v.note("linked", golden, "accepted by a person", connection=spoke.connection, remote_id=row.remote_id)
        elif answer == "rejected":
            _found_golden(v, spoke, row, found)
        else:
            rest.append(row)
    return rest


# ---------------------------------------------------------------- by what was sent


def _by_content(v: Verdicts, spoke: Spoke, rows: Sequence[Pending], found: Resolved) -> list[Pending]:
    """Where a remote has no field for our key, a create whose answer was lost is known by all that was sent. What agrees
    with it only in part is a question for a person: it may be ours, edited since. It stays one, whatever is edited next."""
    lost = operations.unknown_creates(v.tx, spoke.connection, spoke.object)
    if not lost or not rows:
        return list(rows)
    refs, rest = _refs(v, rows), []
    asked = reviews.asked(v.tx, spoke.connection, spoke.object, [row.remote_id for row in rows])
    for row in rows:
        says, before = canonical(spoke, row, refs), asked.get(row.remote_id, ())
        alike = [(o, _agreement(spoke, o, says)) for o in lost if o.golden not in found.golden_of.values()]
        whole = [o for o, share in alike if share == 1.0]
        partly = [o for o, share in alike if share >= 0.5 or o.golden in before]
        if len(whole) == 1 and not _has_one(v, spoke, whole[0].golden, found):
            found.take(row, _adopt(v, spoke, row, whole[0], found))
        elif partly:
            _hold_for_review(v, spoke, row, [o.golden for o in partly], "it looks like a create whose answer was lost")
        else:
            rest.append(row)
    return rest


def _agreement(spoke: Spoke, o: Operation, says: dict[str, object]) -> float:
    """The share of the values sent that a record has, by the type's own rule."""
    sent = [f for f in o.fields if f.after is not None and f.path in spoke.mapping.rules]
    same = [f for f in sent if spoke.mapping.rules[f.path].same(says.get(f.path), f.after)]
    return len(same) / len(sent) if sent else 0.0


# ---------------------------------------------------------------- by match rule


def _by_rule(v: Verdicts, spoke: Spoke, rows: Sequence[Pending], found: Resolved) -> None:
    """Match rules over what the row says canonically; rows of one batch see each other's new golden records."""
    refs = _refs(v, rows)
    paths = {path for rule in v.run.sync.match for path in rule.when}
    keyed = [(row, match_keys(v.run.sync, _said(spoke, row, refs, paths))) for row in rows]
    names = sorted({key for _, keys in keyed for key, _, _ in keys})
    by_key: dict[str, list[str]] = {}
    for key, golden, _strong in goldens.candidates(v.tx, names):
        by_key.setdefault(key, []).append(golden)
    taken = _taken(v, spoke, {g for many in by_key.values() for g in many}) | set(found.golden_of.values())
    alike = _lookalikes(v, spoke, rows, refs)
    for row, keys in keyed:
        candidates = [(index, decide, golden) for key, decide, index in keys for golden in by_key.get(key, ())]
        verdict = match.verdict(candidates, taken)
        if verdict.kind == "link" and verdict.golden:
            golden = verdict.golden
            found.take(row, new_link(spoke, row.remote_id, golden, {}))
            rule = str(v.run.sync.match[candidates[0][0]].place) if candidates else ""
            v.note("linked", golden, f"{verdict.reason} ({rule})", connection=spoke.connection, remote_id=row.remote_id)
        elif verdict.kind == "review":
            _hold_for_review(v, spoke, row, verdict.candidates, verdict.reason)
            continue
        elif v.run.restored and match.origin_part(row.key):
            _hold_for_review(
                v, spoke, row, (), "it carries a key of ours, and what it was made for is not known any more"
            )
            continue
        elif row.remote_id in alike:
            likely, surely = alike[row.remote_id]
            if not surely or likely[0] in taken:
                _hold_for_review(v, spoke, row, likely, "it may be a record that we created before the restore")
                continue
            golden = likely[0]
            found.take(row, new_link(spoke, row.remote_id, golden, {}))
            v.note("recognised by content", golden, connection=spoke.connection, remote_id=row.remote_id)
        else:
            golden = _found_golden(v, spoke, row, found)
        taken.add(golden)
        for key, _decide, _index in keys:
            if golden not in by_key.setdefault(key, []):
                by_key[key].append(golden)


def _lookalikes(
    v: Verdicts, spoke: Spoke, rows: Sequence[Pending], refs: BatchRefs
) -> dict[str, tuple[list[str], bool]]:
    if not v.run.restored or spoke.key_field:
        return {}
    return lookalikes(v, spoke, {row.remote_id: canonical(spoke, row, refs) for row in rows})


def _said(spoke: Spoke, row: Pending, refs: BatchRefs, paths: Iterable[str]) -> dict[str, object]:
    """What a row says of these paths, as far as it can be read."""
    said: dict[str, object] = {}
    for path in paths:
        rule = spoke.mapping.rules.get(path)
        if rule is not None and rule.readable:
            with suppress(Reject):
                value = rule.to_canonical(rule.raw(row.fields), spoke.connection, refs)
                if value is not ABSENT and value is not UNRESOLVED:
                    said[path] = value
    return said


def canonical(spoke: Spoke, row: Pending, refs: BatchRefs) -> dict[str, object]:
    """What a row says, as far as it can be read; a value that cannot is left out here and reported by decide."""
    try:
        values = spoke.mapping.read(row.fields, spoke.connection, refs)
    except Reject:
        values, _refused = spoke.mapping.read_each(row.fields, spoke.connection, refs)
    return {path: value for path, value in values.items() if value is not ABSENT and value is not UNRESOLVED}


def _refs(v: Verdicts, rows: Sequence[Pending]) -> BatchRefs:
    batch = Batch(v.run)
    load_refs(v.tx, batch, rows)
    return batch.refs


def _taken(v: Verdicts, spoke: Spoke, candidates: set[str]) -> set[str]:
    """Golden records that have a record of this spoke already."""
    here = [(spoke.connection, spoke.object, state) for state in ("linked", "suspended")]
    places = goldens.places_of(v.tx, sorted(candidates)) if candidates else {}
    return {g for g, mine in places.items() if any(place in here for place in mine)}


def _hold_for_review(v: Verdicts, spoke: Spoke, row: Pending, candidates: Sequence[str], reason: str) -> None:
    """Ask a person. Meanwhile nothing is created in this place for the candidates, not even what was planned before."""
    here = (spoke.connection, spoke.object)
    planned = operations.of_goldens(v.tx, sorted(set(candidates)), ("pending",)) if candidates else []
    creates = [o.id for o in planned if o.action == "create" and (o.connection, o.object) == here]
    operations.mark(v.tx, creates, "withdrawn", why="a record that is there may be this one")
    text = reason.replace("<connection>", spoke.connection)
    v.outcome(row, "held", f"match needs a person: {text}")
    reviews.open_review(
        v.tx,
        {
            "id": v.hub.new_id("m"),
            "sync": v.run.sync.name,
            "connection": spoke.connection,
            "object": spoke.object,
            "remote_id": row.remote_id,
            "candidates": sorted(set(candidates)),
            "reason": text,
            "place": "",
        },
    )
    v.note("match review", connection=spoke.connection, object=spoke.object, remote_id=row.remote_id, why=text)


def _found_golden(v: Verdicts, spoke: Spoke, row: Pending, found: Resolved) -> str:
    """A new golden record, founded by this row. Its id follows from its origin, so that a restored hub finds the same."""
    origin = (spoke.connection, spoke.object, row.remote_id, 0)
    golden = Golden(
        id=match.golden_id(v.hub.workspace, origin),
        entity=v.run.sync.entity,
        kind=v.run.sync.kind,
        origin=origin,
    )
    found.founded[golden.id] = golden
    key = match.create_key(v.hub.workspace, origin, (spoke.connection, spoke.object))
    v.founded[golden.id] = match.origin_part(key)
    found.take(row, new_link(spoke, row.remote_id, golden.id, {}))
    return golden.id
