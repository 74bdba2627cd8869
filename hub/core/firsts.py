"""The first time that a side's field is read: after a match, a newly mapped field, a restored hub.

The same by the type's own rule agrees, before anything else, and the richer value stands. An empty side is filled and
never clears another. Only two values that truly differ need a rule: the owner, then the policy for first links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.core.ballot import Answer, Question, accept, hold, lose, owner, owner_holds
from hub.core.hearing import Heard, readable
from hub.core.model import Lost, Rule, Source, Value
from hub.core.policies import EMPTY, Candidate, choose


@dataclass(slots=True)
class _Group:
    """Values that are the same by type; `value` is the richest of them."""

    value: Value
    asks: list[Heard] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    source: Source | None = None
    golden: bool = False

    def same(self, other: _Group) -> bool:
        return any(rule.same(self.value, other.value) for rule in (*self.rules, *other.rules))

    def join(self, other: _Group) -> None:
        self.value = (self.rules or other.rules)[0].richer(self.value, other.value)
        self.asks += other.asks
        self.rules += other.rules

    def candidate(self) -> Candidate:
        return Candidate(self.value, tuple(self.asks), self.source, self.golden)


def settle_firsts(q: Question, a: Answer, news: Sequence[Heard]) -> None:
    """Bring sides of unknown base and the golden value together."""
    if a.hold is not None:
        return _join_hold(q, a, news)
    cleared = a.change if a.value in EMPTY else None
    valued = [h for h in news if h.value not in EMPTY]
    groups = _grouped(q, a, valued) if valued else []
    if len(groups) == 1:
        _agree(q, a, groups[0].candidate(), "founded" if q.founding else "first_link")
    elif groups and q.restored:
        _differ_from_memory(q, a, groups, news)
    elif groups:
        _differ(q, a, groups)
    if cleared is not None and a.value not in EMPTY:
        text = "a first reading fills what was cleared elsewhere"
        a.lost.append(Lost(q.path, cleared.after, cleared.winner, "first_link", text))
    for h in news:
        if h.value in EMPTY:
            a.agree(h, h.value)


def _join_hold(q: Question, a: Answer, news: Sequence[Heard]) -> None:
    assert a.hold is not None
    claims = {h.link: h.raw for h in news if h.value not in EMPTY and not h.rule.same(h.value, a.value)}
    a.hold = replace(a.hold, claims={**a.hold.claims, **claims})
    a.conflicted |= claims.keys()
    join_frozen(a, [h for h in news if h.link not in claims])


def join_frozen(a: Answer, news: Sequence[Heard]) -> None:
    """Sides that are read for the first time while the field is frozen, and contest nothing: they will be told what is
    decided, for which they need a base."""
    for h in news:
        a.agree(h, h.value if h.value in EMPTY else a.value)


def _grouped(q: Question, a: Answer, valued: Sequence[Heard]) -> list[_Group]:
    groups = [_Group(h.value, [h], [h.rule]) for h in valued]
    if groups and a.value not in EMPTY:
        by = a.source.by if a.source is not None else ""
        rules = [s.rules[q.path] for s in q.sides if s.link.connection == by and s.link.state == "linked"]
        groups.insert(0, _Group(a.value, rules=rules, source=a.source, golden=True))
    return _joined(groups)


def _joined(groups: list[_Group]) -> list[_Group]:
    """Join what is the same until nothing more is: a richer value may be the same as yet another one."""
    for i, one in enumerate(groups):
        for other in groups[i + 1 :]:
            if one.same(other):
                one.join(other)
                return _joined([g for g in groups if g is not other])
    return groups


def _agree(q: Question, a: Answer, winner: Candidate, reason: str, rule: str = "") -> bool:
    return not winner.asks or accept(q, a, winner, reason, rule)


def _differ(q: Question, a: Answer, groups: Sequence[_Group]) -> None:
    found = [g.candidate() for g in groups]
    winner, rule = _winner(q, a, found)
    if winner is None:
        hold(q, a, [h for c in found if not c.golden for h in c.asks])
    elif _agree(q, a, winner, "first_link", rule):
        lose(q, a, [c for c in found if c is not winner], "first_link", rule)


def _differ_from_memory(q: Question, a: Answer, groups: Sequence[_Group], news: Sequence[Heard]) -> None:
    """The hub was set back to a backup, and each side may have been edited since, by a person or by us. Only where the
    golden value is surely out of date does a newer one take its place by itself; else a person decides."""
    fresh = [g for g in groups if not g.golden]
    memory = next((g for g in groups if g.golden), None)
    outdated = memory is not None and _is_outdated(q, memory, fresh, news)
    contenders = [g.candidate() for g in (fresh if outdated else groups)]
    winner, rule = (contenders[0], "") if len(contenders) == 1 else _by_owner(q, a, contenders)
    if winner is not None:
        if _agree(q, a, winner, "restored", rule):
            losers = [h for g in groups for h in g.asks if h not in winner.asks]
            for h in losers:
                a.lose(q, h, "restored", rule)
        return
    hold(q, a, [h for g in fresh for h in g.asks])
    for h in memory.asks if memory is not None else ():
        a.agree(h, a.value)


def _is_outdated(q: Question, memory: _Group, fresh: Sequence[_Group], news: Sequence[Heard]) -> bool:
    """The golden value came from a side that says otherwise now, or no side holds it any more."""
    by = memory.source.by if memory.source is not None else ""
    moved_on = any(h.connection == by for g in fresh for h in g.asks) and all(h.connection != by for h in memory.asks)
    sides = {s.link.id for s in q.sides if s.link.state == "linked" and readable(s, s.rules[q.path])}
    return moved_on or (not memory.asks and sides <= {h.link for h in news})


def _winner(q: Question, a: Answer, found: Sequence[Candidate]) -> tuple[Candidate | None, str]:
    winner, rule = _by_owner(q, a, found)
    if winner is not None:
        return winner, rule
    choice = choose(_chain(q), found, q.policy)
    return choice.winner, q.cite("first_link", choice.entry)


def _by_owner(q: Question, a: Answer, found: Sequence[Candidate]) -> tuple[Candidate | None, str]:
    name = owner(q)
    own = [c for c in found if name and any(h.connection == name for h in c.asks)]
    if name and not own:
        own = [c for c in found if c.golden and (c.by(name) or owner_holds(q, a, ()))]
    return (own[0], q.cite("ownership", name)) if len(own) == 1 else (None, "")


def _chain(q: Question) -> Sequence[Any]:
    """Without a policy for first links, that for conflicts decides."""
    first, later = q.policy.first_link, q.policy.conflicts
    return first.get(q.path) or first.get("default") or later.get(q.path) or later.get("default") or ()
