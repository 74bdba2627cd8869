"""What every decision must keep to, whatever was asked. Each law looks at the question and the answer alone.

A law says what is wrong, as sentences. What a side holds and what its people entered is worked out here anew, from raw
values and bases, so that the heart is not believed about itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hub.core.errors import Reject
from hub.core.model import ABSENT, Decision, Link, Missing, Pair, Reading, Rule, Side
from tests.unit.core.decisions.form import Case

Law = Callable[[Case, Decision], Iterator[str]]
EMPTY: tuple[Any, ...] = (None, "", [], {})
UNKNOWN = object()
LATER = "2026-03-01T13:00:00.000Z"


# ---------------------------------------------------------------- what the sides say


def canonical(case: Case, side: Side, rule: Rule, raw: Any) -> Any:
    """The canonical value, UNKNOWN where it was not read, is ignored or cannot be read."""
    try:
        value = ABSENT if raw is ABSENT else rule.to_canonical(raw, side.link.connection, case.refs)
    except Reject:
        return UNKNOWN
    return UNKNOWN if isinstance(value, Missing) else value


def equal(a: Any, b: Any) -> bool:
    return bool(a == b) or (a in (None, []) and b in (None, []))


def speaks(side: Side) -> bool:
    """Whether the side's reading may bear on the golden record."""
    if side.reading is None or side.reading.kind == "deleted" or side.direction == "write":
        return False
    back = side.reading.kind == "restored" and side.link.state == "ended" and side.link.why in ("", "deleted")
    return side.link.state in ("linked", "suspended") or back


def said(case: Case, path: str) -> Iterator[tuple[Side, Rule, Any, Any]]:
    """Each side that speaks of the field: its rule, the raw value and what it means."""
    for side in case.sides:
        rule = side.rules.get(path)
        if rule is not None and rule.readable and speaks(side) and side.reading is not None:
            raw = rule.raw(side.reading.fields)
            if raw is not ABSENT:
                yield side, rule, raw, canonical(case, side, rule, raw)


def is_edit(case: Case, side: Side, rule: Rule, raw: Any, value: Any) -> bool:
    """Another value than the one that stood there, and nothing that we may have written."""
    base = _known(side, rule)
    if value is UNKNOWN or base is None or raw == base.form:
        return False
    form = base.agreed if base.form is UNKNOWN else canonical(case, side, rule, base.form)
    stood = [form, *([] if base.seen else [base.agreed])]
    ours = [v for v in side.intents.get(rule.path, ()) if rule.same(v, value) or equal(v, value)]
    forgiven = not base.seen and any(v is not UNKNOWN and rule.same(v, value) for v in stood)
    return not ours and not forgiven and not any(equal(v, value) for v in stood)


def _known(side: Side, rule: Rule) -> Pair | None:
    """The base; of a record that we made and did not read yet, what we meant it to hold."""
    intents = side.intents.get(rule.path, ())
    return side.link.base.get(rule.path) or (Pair(intents[-1], UNKNOWN, seen=False) if intents else None)


def paths(case: Case) -> list[str]:
    return sorted({path for side in case.sides for path in side.rules} | case.golden.fields.keys())


def kind(case: Case, path: str) -> str:
    return next((s.rules[path].kind for s in case.sides if path in s.rules), "text")


def links_after(case: Case, made: Decision) -> dict[str, Link]:
    moved = {link.id: link for link in made.links}
    found = {s.link.id: moved.get(s.link.id, s.link) for s in case.sides}
    return {id: replace(link, base=made.bases.get(id, link.base)) for id, link in found.items()}


def writes(made: Decision) -> Iterator[tuple[str, Any]]:
    for due in made.due:
        for write in due.fields:
            yield due.link, write


# ---------------------------------------------------------------- the laws


def no_value_is_invented(case: Case, made: Decision) -> Iterator[str]:
    """Every golden value came from a side, from what the hub had, from a claim or from a person's decision."""
    for path, value in made.golden.fields.items():
        told = [case.golden.fields.get(path), *(v for _, _, _, v in said(case, path)), *_claimed(case, path)]
        told += [case.resolved[path][0]] if path in case.resolved else []
        if isinstance(value, list):
            parts = {one for v in told if isinstance(v, list) for one in v}
            if not set(value) <= parts:
                yield f"{path}: {value} holds an option that nobody named"
        elif not any(equal(value, v) for v in told):
            yield f"{path}: nobody ever said {value!r}"


def _claimed(case: Case, path: str) -> Iterator[Any]:
    for held in case.held:
        if held.path == path:
            for side in case.sides:
                if side.link.id in held.claims and path in side.rules:
                    yield canonical(case, side, side.rules[path], held.claims[side.link.id])


def what_is_written_is_the_golden_value(case: Case, made: Decision) -> Iterator[str]:
    """What a side is sent reads there as the golden value, its cut, or the field's default where there is none."""
    sides = {s.link.id: s for s in case.sides}
    for link, write in writes(made):
        side, rule = sides[link], sides[link].rules[write.path]
        if not rule.readable:
            continue
        value, back = made.golden.fields.get(write.path), canonical(case, side, rule, write.raw)
        if not equal(write.after, value):
            yield f"{link} {write.path}: {write.after!r} is due, golden is {value!r}"
        known = rule.kind == "set" and {*(back or ())} <= {*(value or ())}
        lossy = bool(getattr(rule, "loses", ""))
        if value in EMPTY and write.raw in EMPTY:
            continue
        if back is UNKNOWN or not (known or lossy or equal(back, value) or rule.same(back, value)):
            yield f"{link} {write.path}: {write.raw!r} does not read as {value!r}"


def what_nobody_touched_stays(case: Case, made: Decision) -> Iterator[str]:
    """A field that every side still holds as it was, in whatever spelling, keeps its value and its provenance."""
    open_ = {h.path for h in case.held} | set(case.resolved)
    for path in paths(case):
        moved = [side for side, rule, raw, value in said(case, path) if _moved(case, side, rule, raw, value)]
        unseen = [s for s in case.sides if path in s.link.base and not s.link.base[path].seen]
        if path in open_ or moved or unseen:
            continue
        if made.golden.fields.get(path) != case.golden.fields.get(path):
            yield f"{path} changed, and nobody had touched it"
        if made.golden.sources.get(path) != case.golden.sources.get(path):
            yield f"{path} has another source, and nobody had touched it"


def _moved(case: Case, side: Side, rule: Rule, raw: Any, value: Any) -> bool:
    base = side.link.base.get(rule.path)
    return base is None or (raw != base.form and not equal(value, canonical(case, side, rule, base.form)))


def only_people_clear(case: Case, made: Decision) -> Iterator[str]:
    """A golden value becomes empty only where a person emptied it: by an edit, a claim or a decision."""
    for change in made.changes:
        if change.after not in EMPTY or change.before in EMPTY:
            continue
        path = change.path
        cleared = [s for s, rule, raw, v in said(case, path) if v in EMPTY and is_edit(case, s, rule, raw, v)]
        claimed = [v for v in _claimed(case, path) if v in EMPTY]
        decided = path in case.resolved and case.resolved[path][0] in EMPTY
        taken_away = kind(case, path) == "set"  # an option each, by several people
        if not (cleared or claimed or decided or taken_away):
            yield f"{path} was emptied by {change.reason}, and nobody had"
    for link, write in writes(made):
        empties = write.raw in EMPTY and write.before not in EMPTY
        if empties and made.golden.fields.get(write.path) not in EMPTY and kind(case, write.path) != "set":
            yield f"{link} {write.path} would be emptied, and golden is not empty"


def what_loses_is_kept(case: Case, made: Decision) -> Iterator[str]:
    """An edit stands in the golden record, or in a conflict, or among the lost values with where it was entered."""
    for path in paths(case):
        lost = [p.value for p in made.lost if p.path == path]
        held = [canonical(case, s, s.rules[path], h.claims[s.link.id])
                for h in made.holds if h.path == path for s in case.sides if s.link.id in h.claims]  # fmt: skip
        stands = made.golden.fields.get(path)
        for side, rule, raw, value in said(case, path):
            if not is_edit(case, side, rule, raw, value) or rule.kind == "set":
                continue
            same = any(equal(value, v) for v in (stands, *lost, *held)) or rule.same(value, stands)
            same = same or (value in EMPTY and case.golden.fields.get(path) in EMPTY)
            if not same:
                yield f"{path}: {value!r}, entered in {side.link.id}, is nowhere any more"


def nothing_is_written_over_unseen(case: Case, made: Decision) -> Iterator[str]:
    """What a write replaces is a value that the hub has had, or one that is kept as lost."""
    sides = {s.link.id: s for s in case.sides}
    for link, write in writes(made):
        side, rule, path = sides[link], sides[link].rules[write.path], write.path
        base = side.link.base.get(path)
        raw = rule.raw(side.reading.fields) if side.reading is not None else ABSENT
        if not rule.readable or raw is ABSENT or (base is not None and raw == base.form):
            continue
        value = canonical(case, side, rule, raw)
        if value is UNKNOWN:
            continue  # what the mapping cannot read is told in a note, and stays in the record's row
        had = [case.golden.fields.get(path), made.golden.fields.get(path), *side.intents.get(path, ())]
        had += [base.agreed, canonical(case, side, rule, base.form)] if base is not None else []
        kept = [p.value for p in made.lost if p.path == path]
        if rule.kind == "set":
            gone = {*(value or ())} - {*(made.golden.fields.get(path) or ())}
            if gone - {one for v in (*had, *kept) if isinstance(v, list) for one in v}:
                yield f"{link} {path}: options {sorted(gone)} are written over, and nobody knew them"
        elif value in EMPTY or any(
            equal(value, v) or (v is not UNKNOWN and rule.same(value, v)) for v in (*had, *kept)
        ):
            continue
        else:
            yield f"{link} {path}: {raw!r} is written over and kept nowhere"


def what_is_held_already_is_not_written(case: Case, made: Decision) -> Iterator[str]:
    """Nothing is sent to a side that holds it: by the raw value, or by what that value means there."""
    sides, after = {s.link.id: s for s in case.sides}, links_after(case, made)
    for link, write in writes(made):
        side, rule, pair = sides[link], sides[link].rules[write.path], after[link].base.get(write.path)
        if pair is None:
            yield f"{link} {write.path} is written, and its base is not known"
            continue
        if write.raw == pair.form:
            yield f"{link} {write.path}: {write.raw!r} is written where it stands already"
        if rule.readable and equal(canonical(case, side, rule, pair.form), write.after):
            yield f"{link} {write.path}: {pair.form!r} means {write.after!r} already"


def writes_keep_to_their_place(case: Case, made: Decision) -> Iterator[str]:
    """Only primary, linked records of spokes that may be written, and no field that is in conflict."""
    sides, after = {s.link.id: s for s in case.sides}, links_after(case, made)
    frozen = {h.path for h in made.holds}
    for link, write in writes(made):
        side, rule = sides[link], sides[link].rules[write.path]
        may = side.direction != "read" and "update" in side.writes and rule.writable
        if not may or not after[link].primary or after[link].state != "linked" or write.path in frozen:
            yield f"{link} {write.path} is written"


def an_owner_s_word_stands(case: Case, made: Decision) -> Iterator[str]:
    """While the owner has a value here, what others enter never becomes the golden value, save another form of it; and
    where the owner itself emptied it, what a newcomer brings with it."""
    for path in paths(case):
        name = case.policy.ownership.get(path) or case.policy.ownership.get("default")
        before, after = case.golden.fields.get(path), made.golden.fields.get(path)
        if not name or path in case.resolved or kind(case, path) in ("consent", "set") or before in EMPTY:
            continue
        theirs = [s for s in case.sides if s.link.connection == name and path in s.rules]
        holding = [s for s in theirs if _holds(case, s, path)]
        if not holding or equal(before, after):
            continue
        own = [s.link.base[path].agreed for s in holding]
        own += [v for s, _, _, v in said(case, path) if s in theirs]
        own += [canonical(case, s, s.rules[path], h.claims[s.link.id])
                for s in theirs for h in case.held if h.path == path and s.link.id in h.claims]  # fmt: skip
        if any(v in EMPTY for v in own):
            own += [v for s, _, _, v in said(case, path) if path not in s.link.base]
        if not any(_one_value(case, path, v, after) for v in (before, *own)):
            yield f"{path}: {after!r} stands, {name} owns the field and said {own}"


def _one_value(case: Case, path: str, a: Any, b: Any) -> bool:
    rules = [s.rules[path] for s in case.sides if path in s.rules]
    return equal(a, b) or (a is not UNKNOWN and any(rule.same(a, b) for rule in rules))


def _holds(case: Case, side: Side, path: str) -> bool:
    """Whether the owner has, and keeps, a value in this field."""
    base, rule = side.link.base.get(path), side.rules.get(path)
    if rule is None or not rule.readable or side.direction == "write" or side.link.state not in ("linked", "suspended"):
        return False
    if base is None or base.agreed in EMPTY or (side.reading is not None and side.reading.kind == "deleted"):
        return False
    raws = [base.form, *(h.claims[side.link.id] for h in case.held if h.path == path and side.link.id in h.claims)]
    raws += [rule.raw(side.reading.fields)] if side.reading is not None and speaks(side) else []
    values = [canonical(case, side, rule, raw) for raw in raws if raw is not ABSENT]
    return all(v is not UNKNOWN and v not in EMPTY for v in values)


def an_opt_out_stands(case: Case, made: Decision) -> Iterator[str]:
    """Nobody is opted in again but by a person in a spoke that may, or by a decision in the hub."""
    for change in made.changes:
        if kind(case, change.path) != "consent" or change.path in case.resolved:
            continue
        if change.before is not True or change.after is True:
            continue
        allowed = case.policy.consent_opt_in_from
        asked = [s for s, _, _, v in said(case, change.path) if v is not True and s.link.connection in allowed]
        claims = [s for s in case.sides for h in case.held if h.path == change.path and s.link.id in h.claims]
        if not asked and not any(s.link.connection in allowed for s in claims):
            yield f"{change.path} became {change.after!r}, and nobody who may opt in had"


def every_reading_has_one_outcome(case: Case, made: Decision) -> Iterator[str]:
    """I5: one outcome for each side that was read, and none for the others."""
    read = {s.link.id for s in case.sides if s.reading is not None}
    if set(made.outcome) != read:
        yield f"outcomes of {sorted(made.outcome)}, readings of {sorted(read)}"
    yield from (f"{id} is {o}" for id, o in made.outcome.items() if o not in OUTCOMES)


OUTCOMES = ("held", "conflicted", "waiting", "applied", "unchanged")
LAWS: Mapping[str, Law] = {
    law.__name__: law
    for law in (
        no_value_is_invented,
        what_is_written_is_the_golden_value,
        what_nobody_touched_stays,
        only_people_clear,
        what_loses_is_kept,
        nothing_is_written_over_unseen,
        what_is_held_already_is_not_written,
        writes_keep_to_their_place,
        an_owner_s_word_stands,
        an_opt_out_stands,
        every_reading_has_one_outcome,
    )
}


# ---------------------------------------------------------------- the case after its decision


def carried_out(case: Case, made: Decision) -> Case:
    """The same record once everything was stored and sent, each side read again as it stands now."""
    after = links_after(case, made)
    gone = {due.link for due in made.due if due.action != "update"}
    sent = {(link, write.path): Pair(write.after, write.raw) for link, write in writes(made)}
    sides = []
    for side in case.sides:
        id = side.link.id
        link = replace(
            after[id], base=dict(after[id].base) | {path: pair for (k, path), pair in sent.items() if k == id}
        )
        link = replace(link, state="ended", why="deleted") if id in gone else link
        reading = (
            Reading(_stands(side, link, made, sent), stamp=LATER, version="v9") if link.state == "linked" else None
        )
        sides.append(replace(side, link=link, reading=reading, intents={}, deleting=""))
    return replace(case, golden=made.golden, sides=tuple(sides), held=made.holds, resolved={}, recent={})


def _stands(side: Side, link: Link, made: Decision, sent: Mapping[tuple[str, str], Pair]) -> dict[str, Any]:
    """What a remote holds now: what was sent, else what was read or is claimed, else the form that is known."""
    claims = {h.path: h.claims[link.id] for h in made.holds if link.id in h.claims}
    fields: dict[str, Any] = {}
    for path, rule in side.rules.items():
        raw = link.base[path].form if path in link.base else ABSENT
        raw = claims.get(path, raw)
        if side.reading is not None and side.reading.kind != "deleted" and (link.id, path) not in sent:
            read = rule.raw(side.reading.fields)
            raw = raw if read is ABSENT else read
        fields |= rule.spread(raw)
    return fields
