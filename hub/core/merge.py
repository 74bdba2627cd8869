"""Merge what all links of a golden record say about one field into one value, without losing what a person entered.

`merge_field` takes every reading of the field at once, so that the order in which they came does not matter. An edit
that does not win is answered with a base that makes writing back due, and is named in `lost`; what nobody may decide
but a person is frozen in a hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hub.core.ballot import Answer, Question, accept, by_owner, candidates, had_seen, hold, lose, owner
from hub.core.firsts import join_frozen, settle_firsts
from hub.core.hearing import EDIT, NEW, QUIET, UNREADABLE, Heard, alike, canonical, claim
from hub.core.kinds import merge_consent, merge_set, opted_out
from hub.core.model import FieldChange, Lost, Missing, Note, Pair, Raw, Source, Value
from hub.core.policies import EMPTY, Candidate, choose
from hub.core.values import options

SPECIAL: Mapping[str, Callable[[Question, Answer, Sequence[Heard]], None]] = {
    "set": merge_set,
    "consent": merge_consent,
}


def merge_field(q: Question, heard: Sequence[Heard]) -> Answer:
    """Merge one field. `heard`: what was read of it, in link order."""
    a = Answer(_now_a_set(q, heard) if q.kind == "set" else q.value, q.source)
    for h in heard:
        _note(q, a, h)
    asks, stuck = _claims(q, a, heard)
    if q.decision is not None:
        _decided(q, a, asks, *q.decision)
    elif q.kind in SPECIAL:
        a.closed = q.hold is not None
        SPECIAL[q.kind](q, a, asks)
    elif q.hold is not None:
        _frozen(q, a, asks, stuck)
    else:
        _contest(q, a, [h for h in asks if h.what == EDIT], asks)
        settle_firsts(q, a, [h for h in asks if h.what == NEW])
    if a.hold is None and a.change is None and q.decision is None:
        _remapped(q, a, heard)
    # A value that the mapping ignores is not written over until the golden value changes again.
    a.pairs |= {h.link: Pair(a.value, h.raw) for h in heard if h.what == QUIET and h.pair is None}
    return a


def _now_a_set(q: Question, heard: Sequence[Heard]) -> Value:
    """The golden set. Of a field that was text before, it is what the untouched sides hold, read as options."""
    if q.value is None or isinstance(q.value, list):
        return q.value
    held = (options(canonical(h.rule, h.raw, h.side, q.refs)) for h in heard if h.untouched)
    return sorted(set().union(*held))


def _note(q: Question, a: Answer, h: Heard) -> None:
    """Renew the base of a quiet side; report what cannot be read."""
    if h.what == QUIET and h.pair is not None:
        a.pairs[h.link] = h.pair
    if h.what != UNREADABLE:
        return
    if h.text:
        a.refused.add(h.link)
        a.notes.append(Note("unknown_value", q.path, h.connection, h.text, place=h.rule.place))
        return
    target = (h.connection, str(getattr(h.rule, "object", "")), str(h.raw))
    text = f"{q.path} refers to {target[1] or 'a record'} {target[2]} of {h.connection}, which is not linked yet"
    a.notes.append(Note("unresolved", q.path, h.connection, text, target, h.rule.place))
    if h.rule.required:
        a.waiting.add(h.link)


def _claims(q: Question, a: Answer, heard: Sequence[Heard]) -> tuple[list[Heard], dict[str, Raw]]:
    """All that is asked for: new readings, and in an open conflict the claims that they do not replace or withdraw.

    A claim that cannot be read any more is `stuck`: it stays open as it is.
    """
    asks = [h for h in heard if h.asks]
    stuck: dict[str, Raw] = {}
    if q.hold is None:
        return asks, stuck
    spoken = {h.link for h in heard if h.what != UNREADABLE}
    sides = {s.link.id: s for s in q.sides if s.link.state in ("linked", "suspended")}
    for link, raw in sorted(q.hold.claims.items()):
        if link in spoken:
            continue
        if link not in sides:
            a.lost.append(Lost(q.path, raw, link.partition("/")[0], "conflict", "the record that asked for it is gone"))
            continue
        old = claim(sides[link], sides[link].rules[q.path], raw, q.refs)
        if old.what == UNREADABLE:
            stuck[link] = raw
        else:
            asks.append(old)
    return sorted(asks, key=lambda h: h.link), stuck


# ---------------------------------------------------------------- edits


def _contest(q: Question, a: Answer, edits: Sequence[Heard], everyone: Sequence[Heard]) -> None:
    """Edits against each other, and against a golden value that no editing side had seen."""
    mine, owned = by_owner(q, a, edits, everyone) if edits else ([], False)
    if not mine:
        return
    found = candidates(q, a, mine, golden=not owned)
    if len(found) == 1:
        overruled = owned and bool(a.lost)
        accept(q, a, found[0], "ownership" if overruled else "edit", q.cite("ownership", owner(q)) if overruled else "")
        return
    table = q.policy.conflicts
    choice = choose(table.get(q.path) or table.get("default") or (), found, q.policy)
    if choice.winner is None:
        hold(q, a, [h for c in found for h in c.asks])
        return
    rule = q.cite("conflicts", choice.entry)
    if accept(q, a, choice.winner, "conflict", rule):
        lose(q, a, [c for c in found if c is not choice.winner], "conflict", rule)


# ---------------------------------------------------------------- holds and decisions


def _frozen(q: Question, a: Answer, asks: Sequence[Heard], stuck: Mapping[str, Raw]) -> None:
    """An open conflict: it closes by itself once no more than one value is asked for."""
    claims = [h for h in asks if h.what == EDIT or not _says_nothing_new(q, h)]
    mine, owned = by_owner(q, a, claims, asks)
    found = candidates(q, a, mine, golden=not owned) if mine else []
    if len(found) > 1 or stuck:
        hold(q, a, mine, stuck)
        join_frozen(a, [h for h in asks if h not in claims])
        return
    if found and not accept(q, a, found[0], "ownership" if owned else "edit"):
        return
    a.closed = True
    settle_firsts(q, a, [h for h in asks if h not in claims])


def _says_nothing_new(q: Question, h: Heard) -> bool:
    return h.value in EMPTY or alike(q.kind, h.value, q.value) or h.rule.same(h.value, q.value)


def _decided(q: Question, a: Answer, asks: Sequence[Heard], value: Value, by: str) -> None:
    """A person's decision takes effect: every claim gives way to it."""
    for h in asks:
        if alike(q.kind, h.value, value):
            a.agree(h, value)
        else:
            a.lose(q, h, "decision", by)
    contended = bool(asks) and not any(had_seen(q, h, q.value) or alike(q.kind, h.value, q.value) for h in asks)
    if not alike(q.kind, value, q.value):
        if contended and q.source is not None:
            a.lost.append(Lost(q.path, q.value, q.source.by, "decision", by))
        a.change = FieldChange(q.path, q.value, value, by, "decision", by)
    a.value, a.source = value, Source(by, q.now, q.run)


# ---------------------------------------------------------------- a changed mapping


def _remapped(q: Question, a: Answer, heard: Sequence[Heard]) -> None:
    """Nobody edited, but a table or transform changed: the value enters only from the reading that golden came from."""
    for h in heard:
        if not h.untouched or q.source is None or q.source.form != h.mark:
            continue
        value = _newly_mapped(q, h, canonical(h.rule, h.raw, h.side, q.refs))
        if value not in EMPTY:
            ask = Heard(h.side, h.rule, EDIT, h.raw, h.base, value)
            accept(q, a, Candidate(value, (ask,)), "mapping", str(h.rule.place))


def _newly_mapped(q: Question, h: Heard, value: Value) -> Value:
    """What the value says now that it did not say before; None if nothing. It never clears, nor gives consent."""
    agreed = h.base.agreed if h.base is not None else None
    if isinstance(value, Missing) or alike(q.kind, value, q.value):
        return None
    if q.kind == "set":
        new = options(value) - options(agreed)
        return sorted(options(q.value) | new) if new else None
    if q.kind == "consent" and not opted_out(q.path, value):
        return None
    return value
