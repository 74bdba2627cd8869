"""Decide everything that follows from the pending changes of one golden record, without doing any of it.

`decide` looks only at its arguments and returns a Decision: the new golden record, each link's new base, what lost, what
is held for a person, and which writes each spoke needs now. Nothing here talks to a system or a database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.core.ballot import Answer, Question, Versions
from hub.core.dues import Owed, owed, render, watch
from hub.core.hearing import EDIT, NEW, Heard, alike, canonical, hear, mark, readable
from hub.core.merge import SPECIAL, merge_field
from hub.core.model import (
    ABSENT,
    Decision,
    Due,
    FieldChange,
    Golden,
    Held,
    Link,
    Lost,
    Missing,
    Note,
    Pair,
    Policy,
    Refs,
    Rule,
    Side,
    Source,
    Value,
)
from hub.core.policies import EMPTY

__all__ = ["decide", "render"]

# What a link's reading led to, worst first: a record has one outcome.
WORST_FIRST = ("held", "conflicted", "waiting", "applied")


@dataclass(slots=True)
class _Work:
    """What is gathered on the way to a Decision. `fields`, `sources`: what enters the golden record; `marks`: the outcomes
    that each link's reading could have."""

    golden: Golden
    sides: list[Side]
    refs: Refs
    policy: Policy
    was: Mapping[str, Link]
    before: Mapping[str, Value] = field(default_factory=dict)
    restored: bool = False
    heard: dict[str, list[Heard]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    fields: dict[str, Value] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    changes: dict[str, FieldChange] = field(default_factory=dict)
    bases: dict[str, dict[str, Pair]] = field(default_factory=dict)
    due: dict[str, Due] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    marks: dict[str, set[str]] = field(default_factory=dict)

    @property
    def frozen(self) -> list[str]:
        return [path for path, a in self.answers.items() if a.hold is not None]

    def mark(self, links: set[str], outcome: str) -> None:
        for link in links:
            self.marks.setdefault(link, set()).add(outcome)

    def renew(self, link: str, pairs: Mapping[str, Pair]) -> None:
        self.bases.setdefault(link, {}).update(pairs)


def decide(
    golden: Golden,
    sides: Sequence[Side],
    policy: Policy,
    *,
    refs: Refs,
    run: str = "",
    now: str = "",
    held: Sequence[Held] = (),
    resolved: Mapping[str, tuple[Value, str]] | None = None,
    recent: Mapping[str, Versions] | None = None,
    refused: Mapping[str, Versions] | None = None,
    restored: bool = False,
) -> Decision:
    """Decide about one golden record.

    `sides`: all its links, in any order, with what they reported. `held`: its open conflicts. `resolved`: {path: (value,
    "person:NAME")} decisions that take effect now. `recent`: {path: settled versions of a day (value, by, stamp)}.
    `refused`: {path: values that lost lately (value, by, stamp)}.
    `restored`: the hub was set back to a backup: where a base is unknown, two values that differ are never ranked.
    """
    ordered = sorted(sides, key=lambda s: s.link.id)
    was = {s.link.id: s.link for s in ordered}
    work = _Work(golden, [_moved(s) for s in ordered], refs, policy, was, golden.fields, restored)
    holds = {h.path: h for h in held}
    resolved, recent = resolved or {}, recent or {}
    _listen(work, {*holds, *resolved, *recent}, run)
    for path in sorted({*work.heard, *holds, *resolved}):
        heard = work.heard.get(path, ())
        if path in holds or path in resolved or not _idle(work, path, heard):
            q = _question(work, path, run, now)
            q.hold, q.decision, q.recent = holds.get(path), resolved.get(path), recent.get(path, ())
            q.refused = (refused or {}).get(path, ())
            work.answers[path] = merge_field(q, heard)
    _take_answers(work)
    _take_dues(work)
    _take_deletes(work)
    return _decision(work)


def _moved(side: Side) -> Side:
    """The side with its link as it is after its reading: ended by a delete, or open again."""
    link, reading = side.link, side.reading
    if reading is None:
        return side
    if reading.kind == "deleted" and link.state in ("linked", "suspended"):
        return replace(side, link=replace(link, state="ended", why="deleted"))
    back = reading.kind == "restored" and link.state == "ended" and link.why in ("", "deleted")
    if back or (link.state == "suspended" and reading.kind != "deleted"):
        return replace(side, link=replace(link, state="linked", why=""))
    return side


def _listens(side: Side) -> bool:
    return side.reading is not None and side.reading.kind != "deleted" and side.link.state == "linked"


def _listen(work: _Work, contested: Collection[str], run: str) -> None:
    """Hear what every side says. Where one side speaks alone, the commonest case is dealt with at once."""
    speaking = [s for s in work.sides if _listens(s) and s.direction != "write"]
    for side in speaking:
        alone = len(speaking) == 1 and not side.reading.points  # type: ignore[union-attr]
        for path, rule in side.rules.items():
            if not rule.readable:
                continue
            known = not alone or path in contested or path in side.link.base or path in side.intents
            if known or not _plain_first(work, side, rule, run):
                h = hear(side, rule, work.refs)
                if h is not None:
                    work.heard.setdefault(path, []).append(h)


def _plain_first(work: _Work, side: Side, rule: Rule, run: str) -> bool:
    """A field is read for the first time, by one side, and nothing stands against its value: what `merge_field` would
    answer, without ceremony. False, and nothing is done, where that has more to consider."""
    reading, link, path = side.reading, side.link, rule.path
    assert reading is not None
    raw = rule.raw(reading.fields)
    if raw is ABSENT:
        return True
    if rule.kind in SPECIAL or (len(work.sides) > 1 and _kind(work, path) in SPECIAL):
        return False
    value, was = canonical(rule, raw, side, work.refs), work.golden.fields.get(path)
    if isinstance(value, Missing):
        return False
    if value in EMPTY or was in EMPTY:
        if value not in EMPTY:
            reason = "first_link" if work.golden.fields else "founded"
            work.changes[path] = FieldChange(path, was, value, link.connection, reason)
            after = "" if reading.by_us else reading.after
            source = Source(link.connection, reading.stamp, run, after, mark(link.id, raw))
            work.fields[path], work.sources[path] = value, source
    elif value != was:
        return False
    work.bases.setdefault(link.id, {})[path] = Pair(value, raw)
    work.marks.setdefault(link.id, set()).add("applied")
    return True


def _kind(work: _Work, path: str) -> str:
    """The type of a field, as the first side that may speak of it says."""
    return next((r.kind for s in work.sides if (r := s.rules.get(path)) is not None and readable(s, r)), "text")


def _idle(work: _Work, path: str, heard: Sequence[Heard]) -> bool:
    """Whether nothing was said about the field, and the mapping still makes of it what it made before."""
    source, value = work.golden.sources.get(path), work.golden.fields.get(path)
    for h in heard:
        if not h.untouched:
            return False
        origin = source is not None and source.form == h.mark
        if origin and not alike(h.rule.kind, canonical(h.rule, h.raw, h.side, work.refs), value):
            return False
    return True


def _question(work: _Work, path: str, run: str, now: str) -> Question:
    golden = work.golden
    return Question(
        path=path,
        kind=_kind(work, path),
        value=golden.fields.get(path),
        source=golden.sources.get(path),
        sides=[s for s in work.sides if path in s.rules],
        policy=work.policy,
        refs=work.refs,
        run=run,
        now=now,
        founding=not golden.fields,
        restored=work.restored,
    )


def _take_answers(work: _Work) -> None:
    fields, sources = {**work.golden.fields, **work.fields}, {**work.golden.sources, **work.sources}
    for path, a in work.answers.items():
        if a.change is not None:
            work.changes[path] = a.change
        if a.change is not None or a.source != sources.get(path):
            fields[path] = a.value
            if a.source is not None:
                sources[path] = a.source
        for link, pair in a.pairs.items():
            work.renew(link, {path: pair})
        work.lost += a.lost
        work.notes += a.notes
        work.mark(a.applied, "applied")
        work.mark(a.conflicted, "conflicted")
        work.mark(a.waiting, "waiting")
        work.mark(a.refused, "held")
    if fields != work.golden.fields or sources != work.golden.sources:
        work.golden = replace(work.golden, fields=fields, sources=sources)


def _take_dues(work: _Work) -> None:
    for side in work.sides:
        id = side.link.id
        if _listens(side):
            seen = watch(side, work.golden, work.refs, work.frozen)
            work.renew(id, seen.pairs)
            _report(work, side, seen)
        base = {**side.link.base, **work.bases.get(id, {})}
        found = owed(side, base, work.golden, work.refs, frozen=work.frozen)
        work.renew(id, found.pairs)
        _report(work, side, found)
        if found.writes:
            work.due[id] = Due(id, "update", tuple(found.writes))


def _report(work: _Work, side: Side, found: Owed) -> None:
    work.notes += found.notes
    work.lost += found.lost
    if found.refused:
        work.mark({side.link.id}, "held")
    if found.lost:
        work.mark({side.link.id}, "applied")


# ---------------------------------------------------------------- deletes


def _take_deletes(work: _Work) -> None:
    """A delete goes on to the others only where nobody edited and nothing is open; else a person decides."""
    ended = [s for s in work.sides if s.link.state == "ended" and work.was[s.link.id].state != "ended"]
    work.mark({s.link.id for s in ended}, "applied")
    gone = [s for s in ended if s.link.primary and work.was[s.link.id].state == "linked"]
    back = any(s.link.state == "linked" and work.was[s.link.id].state == "ended" for s in work.sides)
    passes_on = bool(gone) and work.policy.deletes in ("delete", "archive")
    waiting = [s for s in work.sides if s.deleting and s.link.state == "linked"]
    if back or not (passes_on or waiting):
        return
    edits = {h.link for path, many in work.heard.items() for h in many if _edited(work, path, h)}
    if work.policy.delete_against_edit == "hold" and (edits or work.frozen or any(_unseen(work, s) for s in gone)):
        _hold_delete(work, {s.link.id for s in gone} if passes_on else edits)
        return
    for side in work.sides:
        action = side.deleting or (work.policy.deletes if passes_on and "delete" in side.writes else "")
        if action and side.link.state == "linked" and side.link.primary:
            work.due[side.link.id] = Due(side.link.id, action)


def _edited(work: _Work, path: str, h: Heard) -> bool:
    """Whether somebody edited here, or may have since the backup that the hub was set back to."""
    if h.what != NEW or not work.restored:
        return h.what == EDIT
    was = work.before.get(path)
    return not alike(h.rule.kind, h.value, was) and not (h.value in EMPTY or h.rule.same(h.value, was))


def _unseen(work: _Work, side: Side) -> bool:
    """Whether the hub holds edits that the deleting side never saw: its people deleted without knowing them."""
    linked = replace(side, link=replace(side.link, state="linked"))
    return bool(owed(linked, side.link.base, work.golden, work.refs).writes)


def _hold_delete(work: _Work, links: set[str]) -> None:
    connections = {s.link.connection for s in work.sides if s.link.id in links}
    text = "deleted on one side and edited on another: nothing is deleted until a person decides"
    work.notes.append(Note("delete_against_edit", "", min(connections, default=""), text))
    work.mark(links, "held")


# ---------------------------------------------------------------- the answer


def _decision(work: _Work) -> Decision:
    bases = {}
    for side in work.sides:
        new = {**side.link.base, **work.bases.get(side.link.id, {})}
        if side.link.id in work.bases and new != side.link.base:
            bases[side.link.id] = new
    answers = work.answers.values()
    return Decision(
        golden=work.golden,
        bases=bases,
        links=tuple(s.link for s in work.sides if s.link is not work.was[s.link.id]),
        changes=tuple(work.changes[path] for path in sorted(work.changes)),
        lost=tuple(work.lost),
        due=tuple(work.due[id] for id in sorted(work.due)),
        holds=tuple(a.hold for a in answers if a.hold is not None),
        closed=tuple(path for path, a in work.answers.items() if a.closed),
        outcome={s.link.id: _outcome(work, s.link.id) for s in work.sides if s.reading is not None},
        notes=tuple(work.notes),
    )


def _outcome(work: _Work, link: str) -> str:
    marks = work.marks.get(link, set())
    return next((outcome for outcome in WORST_FIRST if outcome in marks), "unchanged")
