"""Which writes a link needs to agree with the golden record, and what a record looks like where it is not yet.

A write is due where the golden value is not the agreed one and the remote does not hold it already. A field that was
never read is never written. What cannot be written is said, and the rest of the record goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hub.core.errors import Reject
from hub.core.hearing import alike, canonical, readable
from hub.core.model import (
    ABSENT,
    UNRESOLVED,
    Fields,
    FieldWrite,
    Golden,
    Lost,
    Missing,
    Note,
    Pair,
    Raw,
    Refs,
    Rule,
    Side,
)
from hub.core.policies import EMPTY


@dataclass(slots=True)
class Owed:
    """What one link is owed. `pairs`: bases renewed without a write; `refused`: some value cannot be written."""

    writes: list[FieldWrite] = field(default_factory=list)
    pairs: dict[str, Pair] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    refused: bool = False


def pushes(side: Side, rule: Rule) -> bool:
    """Whether the hub may write this field of this record."""
    may_write = side.direction != "read" and "update" in side.writes
    return may_write and rule.writable and side.link.primary and side.link.state == "linked"


def owed(
    side: Side,
    base: Mapping[str, Pair],
    golden: Golden,
    refs: Refs,
    *,
    frozen: Collection[str] = (),
) -> Owed:
    """Compare one link's base with the golden record. `frozen`: paths in conflict.

    The answer depends on what is stored alone, so that asking again gives equal writes; the reason of each is whoever
    entered the value.
    """
    found = Owed()
    if side.link.state != "linked":
        return found
    for path in sorted(side.rules):
        rule, pair = side.rules[path], base.get(path)
        if path in frozen:
            continue
        if pair is not None and rule.readable and pair.agreed == golden.fields.get(path):
            continue
        if pair is not None and readable(side, rule) and not pushes(side, rule):
            _follow(found, rule, pair, golden)
        elif not rule.readable:
            _owe_unread(found, side, rule, pair, golden, refs)
        elif pair is not None and pushes(side, rule):
            _owe(found, side, rule, pair, golden, refs)
    return found


def _follow(found: Owed, rule: Rule, pair: Pair, golden: Golden) -> None:
    """What is only read agrees with whatever the hub has: it will never be told."""
    value = golden.fields.get(rule.path)
    if not alike(rule.kind, pair.agreed, value):
        found.pairs[rule.path] = Pair(value, pair.form, pair.seen)


def _owe(found: Owed, side: Side, rule: Rule, pair: Pair, golden: Golden, refs: Refs) -> None:
    value = golden.fields.get(rule.path)
    if alike(rule.kind, pair.agreed, value):
        return
    if not alike(rule.kind, canonical(rule, pair.form, side, refs), value):
        raw = _remote(found, side.link.connection, rule, golden, refs)
        if raw is UNRESOLVED:
            return
        if raw is not ABSENT and raw != pair.form:
            source = golden.sources.get(rule.path)
            found.writes.append(FieldWrite(rule.path, pair.agreed, value, raw, source.by if source else ""))
            return
    found.pairs[rule.path] = Pair(value, pair.form, pair.seen)


def _remote(found: Owed, connection: str, rule: Rule, golden: Golden, refs: Refs) -> Raw:
    """The raw value to send; ABSENT for nothing to say; UNRESOLVED, with a note, for what cannot be sent now."""
    value = golden.fields.get(rule.path)
    try:
        raw = rule.to_remote(value, golden.fields, connection, refs)
    except Reject as error:
        found.refused = True
        found.notes.append(Note("unknown_value", rule.path, connection, error.explain(), place=rule.place))
        return UNRESOLVED
    if raw is UNRESOLVED:
        target = ("golden", str(getattr(rule, "entity", "")), str(value))
        text = f"{rule.path} waits: the record that it refers to is not in {connection} yet"
        found.notes.append(Note("unresolved", rule.path, connection, text, target, rule.place))
    elif rule.required and raw in (ABSENT, *EMPTY):
        text = f"{rule.path} is required by {connection} and the golden record has no value; give it a `default`"
        found.notes.append(Note("required", rule.path, connection, text, place=rule.place))
        return UNRESOLVED
    return raw


# ---------------------------------------------------------------- fields that are only written


def _owe_unread(found: Owed, side: Side, rule: Rule, pair: Pair | None, golden: Golden, refs: Refs) -> None:
    """A field that cannot be read back is compared raw: its agreed value is what was last sent."""
    if pair is None or not pushes(side, rule):
        return
    raw = _remote(found, side.link.connection, rule, golden, refs)
    if raw in (ABSENT, UNRESOLVED) or raw == pair.agreed:
        return
    if raw == pair.form:
        found.pairs[rule.path] = Pair(raw, pair.form, pair.seen)
    else:
        found.writes.append(FieldWrite(rule.path, pair.agreed, raw, raw))


def watch(side: Side, golden: Golden, refs: Refs, frozen: Collection[str] = ()) -> Owed:
    """What a reading says about fields that the spoke is only written: a person's edit there is drift."""
    found = Owed()
    reading = side.reading
    if reading is None:
        return found
    for path in sorted(side.rules):
        rule = side.rules[path]
        raw = ABSENT if readable(side, rule) or path in frozen else rule.raw(reading.fields)
        if raw is not ABSENT:
            _watch(found, side, rule, raw, golden, refs)
    return found


def _watch(found: Owed, side: Side, rule: Rule, raw: Raw, golden: Golden, refs: Refs) -> None:
    pair = side.link.base.get(rule.path)
    value = canonical(rule, raw, side, refs) if rule.readable else raw
    typed = rule.readable and not isinstance(value, Missing)
    if isinstance(value, Missing):
        value = raw
    sent = [v for v in reversed(side.intents.get(rule.path, ())) if v == value or (typed and rule.same(v, value))]
    if sent:
        found.pairs[rule.path] = Pair(sent[0], raw)
    elif pair is None:
        _watch_first(found, side, rule, raw, value, golden, refs)
    elif raw == pair.form or (not pair.seen and (not rule.readable or (typed and rule.same(pair.agreed, value)))):
        found.pairs[rule.path] = Pair(pair.agreed, raw)
    elif not rule.readable or not alike(rule.kind, canonical(rule, pair.form, side, refs), value):
        _drift(found, side, rule, Pair(value, raw), pair, golden)
    else:
        found.pairs[rule.path] = Pair(pair.agreed, raw)


def _watch_first(found: Owed, side: Side, rule: Rule, raw: Raw, value: object, golden: Golden, refs: Refs) -> None:
    """The first reading of a field that is only written: an empty one is filled, another value gives way to ours."""
    wanted = golden.fields.get(rule.path)
    if not rule.readable:
        wanted = _remote(Owed(), side.link.connection, rule, golden, refs)
    if wanted in (ABSENT, UNRESOLVED, *EMPTY):
        value = None if rule.readable else raw
    elif value not in EMPTY and not alike(rule.kind, value, wanted):
        found.lost.append(Lost(rule.path, value, side.link.connection, "first_link", "direction: write"))
    found.pairs[rule.path] = Pair(value, raw)


def _drift(found: Owed, side: Side, rule: Rule, now: Pair, pair: Pair, golden: Golden) -> None:
    """Reported and left, or written over: the sync says which. A value that is about to be written over is kept."""
    connection = side.link.connection
    text = f"{rule.path} was edited in {connection}, where it is only written"
    found.notes.append(Note("drift", rule.path, connection, text, place=rule.place))
    due = rule.readable and not alike(rule.kind, pair.agreed, golden.fields.get(rule.path))
    if side.drift == "overwrite" or due:
        found.lost.append(Lost(rule.path, now.agreed, connection, "drift", f"drift: {side.drift}"))
        found.pairs[rule.path] = now


# ---------------------------------------------------------------- records that are not there yet


def render(
    golden: Golden, rules: Mapping[str, Rule], connection: str, refs: Refs, skip: Collection[str] = ()
) -> tuple[tuple[FieldWrite, ...], tuple[Note, ...]]:
    """The golden record as a new record of a connection, without the paths of `skip`, and what stands in the way.

    A Note `required` or `unknown_value` means that it must not be created like this; one with `waits_for`, that a
    field is missing until the record that it refers to is there.
    """
    found = Owed()
    fields: Fields = golden.fields
    for path in sorted(rules):
        rule = rules[path]
        if path in skip or not rule.writable:
            continue
        raw = _remote(found, connection, rule, golden, refs)
        if raw in (ABSENT, UNRESOLVED, *EMPTY):
            continue
        found.writes.append(FieldWrite(path, None, fields.get(path) if rule.readable else raw, raw))
    return tuple(found.writes), tuple(found.notes)
