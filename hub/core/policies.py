"""Which of several values wins: chains of policies, tried left to right until one value is left.

`newest` drops what is surely older, `non_empty` drops what is empty, a connection's name takes its value, an expression
names a value. Each may only narrow the choice; what no entry can decide is held for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.core import expressions
from hub.core.errors import Reject
from hub.core.hearing import Heard, alike
from hub.core.intervals import UNKNOWN, Interval, between, latest, newest
from hub.core.model import Policy, Source, Value

EMPTY: tuple[Value, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One value that could win, with the links that ask for it. `source`: set where it is the golden value itself."""

    value: Value
    asks: tuple[Heard, ...] = ()
    source: Source | None = None
    golden: bool = False

    @property
    def time(self) -> Interval:
        times = [h.time for h in self.asks]
        if self.golden:
            times.append(source_time(self.source))
        return latest(times)

    def by(self, connection: str) -> bool:
        return any(h.connection == connection for h in self.asks) or (
            self.source is not None and self.source.by == connection
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """The winner, or None: then a person must decide. `entry`: the policy that settled it, as written."""

    winner: Candidate | None
    entry: str


def source_time(source: Source | None) -> Interval:
    """When the golden value was entered: a person's decision at one moment, an edit in its interval."""
    if source is None or not source.stamp:
        return UNKNOWN
    return between(source.stamp if source.by.startswith("person:") else source.after, source.stamp)


def choose(chain: Sequence[Any], candidates: Sequence[Candidate], policy: Policy) -> Choice:
    """Narrow the candidates entry by entry."""
    left = list(candidates)
    for entry in chain:
        if entry == "hold":
            return Choice(None, "hold")
        left = _narrow(entry, left, policy) or left
        if len(left) == 1:
            return Choice(left[0], label(entry))
    return Choice(None, "undecided")


def label(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(getattr(entry, "source", "expression"))


def _narrow(entry: Any, left: list[Candidate], policy: Policy) -> list[Candidate]:
    if not isinstance(entry, str):
        return _computed(entry, left)
    named = _NAMED.get(entry)
    return named(left, policy) if named is not None else _ranked(entry, left)


def _newest(left: list[Candidate], policy: Policy) -> list[Candidate]:
    return newest([(c, c.time) for c in left], policy.clock_tolerance)


def _non_empty(left: list[Candidate], policy: Policy) -> list[Candidate]:
    return [c for c in left if c.value not in EMPTY]


_NAMED: Mapping[str, Callable[[list[Candidate], Policy], list[Candidate]]] = {
    "newest": _newest,
    "non_empty": _non_empty,
}


def _ranked(connection: str, left: list[Candidate]) -> list[Candidate]:
    mine = [c for c in left if c.by(connection)]
    if len(mine) < 2:
        return mine
    return [c for c in mine if any(h.connection == connection and h.side.link.primary for h in c.asks)] or mine


def _computed(entry: Any, left: list[Candidate]) -> list[Candidate]:
    """An expression over the candidates by connection (and `golden`) answers with one of their values."""
    names: dict[str, Value] = {h.connection: c.value for c in left for h in c.asks}
    for c in left:
        if c.golden:
            names.setdefault("golden", c.value)
            if c.source is not None:
                names.setdefault(c.source.by, c.value)
    try:
        answer = _evaluate(entry, names)
    except Reject:
        return []
    return [c for c in left if c.asks or c.golden if alike("", c.value, answer)]


def _evaluate(entry: Any, names: Mapping[str, Value]) -> Value:
    if isinstance(entry, expressions.Expression):
        return expressions.evaluate(entry, names=names)
    return entry.evaluate(names=names)
