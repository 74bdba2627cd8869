"""The question of one field and the answer that grows: accepting a value, refusing others, asking a person.

What `merge`, `firsts` and `kinds` share. Every way in which a value may lose goes through here, so that none is lost
without a base that makes writing back due and an entry for the audit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hub.core.hearing import EDIT, NEW, Heard, alike, canonical, readable
from hub.core.intervals import seconds
from hub.core.model import FieldChange, Held, Lost, Missing, Note, Pair, Policy, Refs, Side, Source, Value
from hub.core.policies import EMPTY, Candidate
from hub.core.values import options

Versions = Sequence[tuple[Value, str, str]]  # settled versions of a field, oldest first: value, by, stamp
DAY = 24 * 3600.0
STANDING = ("ownership", "consent")
"""Rules that decide the same however often they are asked."""
PATIENCE = 2
"""So often a value that a standing rule refuses is written over, before it is left alone."""


@dataclass(slots=True)
class Question:
    """One field of one golden record, and all that bears on it. `sides`: every link that maps it, in link order.

    `restored`: the hub was set back to a backup, so that the golden value is a memory that no base vouches for.
    """

    path: str
    kind: str
    value: Value
    source: Source | None
    sides: Sequence[Side]
    policy: Policy
    refs: Refs
    run: str = ""
    now: str = ""
    founding: bool = False
    hold: Held | None = None
    decision: tuple[Value, str] | None = None
    recent: Versions = ()
    refused: Versions = ()
    restored: bool = False

    def cite(self, section: str, entry: str) -> str:
        """The rule that decided, as a person finds it in the file."""
        table: Mapping[str, object] = getattr(self.policy, section)
        if self.path not in table and section == "first_link" and "default" not in table:
            return self.cite("conflicts", entry)
        key = self.path if self.path in table else "default"
        places = self.policy.rule_places
        place = places.get(f"{section}.{key}") or places.get(key)
        return f"{section}.{key}: {entry}" + (f" ({place})" if place else "")


@dataclass(slots=True)
class Answer:
    """What becomes of the field. `pairs`: new bases by link id; `applied`, `conflicted`, `waiting`, `refused`: link ids
    whose reading had that effect."""

    value: Value
    source: Source | None
    change: FieldChange | None = None
    lost: list[Lost] = field(default_factory=list)
    pairs: dict[str, Pair] = field(default_factory=dict)
    hold: Held | None = None
    closed: bool = False
    notes: list[Note] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)
    conflicted: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def lose(self, q: Question, h: Heard, reason: str, rule: str) -> None:
        """This side's value does not stand: it is kept for the audit, and writing back to it is due; but not for ever."""
        if reason in STANDING and _keeps_coming_back(q, h):
            text = f"{h.connection} keeps putting its own value into {q.path} after each write of ours; it is left as it is"
            self.notes.append(Note("parked", q.path, h.connection, text, place=h.rule.place))
            self.agree(h, self.value)
            return
        self.pairs[h.link] = h.own_pair
        self.applied.add(h.link)
        self.lost.append(Lost(q.path, h.value, h.connection, reason, rule))

    def agree(self, h: Heard, value: Value) -> None:
        self.pairs[h.link] = Pair(value, h.raw)
        self.applied.add(h.link)


def _keeps_coming_back(q: Question, h: Heard) -> bool:
    """The same value of the same system has lost to the same golden value again and again: no person types like that."""
    return sum(by == h.connection and alike(q.kind, h.value, value) for value, by, _ in q.refused) >= PATIENCE


def candidates(q: Question, a: Answer, asks: Sequence[Heard], *, golden: bool) -> list[Candidate]:
    """The distinct values asked for; the golden value too, if no side that edits had seen it."""
    values: list[Value] = []
    for h in asks:
        if not any(alike(q.kind, h.value, v) for v in values):
            values.append(h.value)
    counts = golden and not any(had_seen(q, h, a.value) for h in asks if h.what == EDIT)
    if counts and all(h.what == NEW for h in asks):
        counts = a.value not in EMPTY
    if counts and not any(alike(q.kind, a.value, v) for v in values):
        values.append(a.value)
    found = []
    for v in values:
        own = counts and alike(q.kind, a.value, v)
        supporters = tuple(h for h in asks if alike(q.kind, h.value, v))
        found.append(Candidate(v, supporters, a.source if own else None, own))
    return found


def had_seen(q: Question, h: Heard, value: Value) -> bool:
    if h.base is None:
        return False
    return alike(q.kind, h.base.agreed, value) or alike(q.kind, canonical(h.rule, h.base.form, h.side, q.refs), value)


def accept(q: Question, a: Answer, winner: Candidate, reason: str, rule: str = "") -> bool:
    """Let a value into the golden record. False if it was parked instead."""
    told = a.change is not None or alike(q.kind, a.value, q.value)
    if told and alike(q.kind, winner.value, a.value):
        for h in winner.asks:
            a.agree(h, a.value)
        return True
    best = _speaker(q, winner)
    writers = _alternates(q, winner.value, best.connection)
    if writers:
        text = (
            f"{q.path} goes back and forth between two values, written by {' and '.join(writers)}; it is left as it is"
        )
        a.notes.append(Note("parked", q.path, "", text, place=best.rule.place))
        hold(q, a, winner.asks)
        return False
    if reason == "edit" and q.founding:
        reason = "founded"
    if alike(q.kind, winner.value, q.value):
        a.change, a.value, a.source = None, q.value, q.source
    else:
        a.change = FieldChange(q.path, q.value, winner.value, best.connection, reason, rule)
        a.value, a.source = winner.value, _source(q, best, winner.value)
    for h in winner.asks:
        a.agree(h, winner.value)
    return True


def _speaker(q: Question, winner: Candidate) -> Heard:
    """Of the sides that stand for a value, the one that it is said to come from."""
    if len(winner.asks) == 1:
        return winner.asks[0]
    return min(winner.asks, key=lambda h: (not alike(q.kind, h.value, winner.value), not h.side.link.primary, h.link))


def _source(q: Question, h: Heard, value: Value) -> Source:
    reading, form = h.side.reading, h.mark if _says(q.kind, h.value, value) else ""
    if reading is None:
        return Source(h.connection, run=q.run, form=form)
    point = h.point
    if point:
        return Source(h.connection, point, q.run, point, form)
    return Source(h.connection, reading.stamp, q.run, "" if reading.by_us else reading.after, form)


def _says(kind: str, said: Value, value: Value) -> bool:
    """Whether the golden value holds all that this side says. If not, what is left over was there before, and is not news
    of a changed mapping when it is read again."""
    return options(said) <= options(value) if kind == "set" else alike(kind, said, value)


def lose(q: Question, a: Answer, losers: Sequence[Candidate], reason: str, rule: str) -> None:
    for c in losers:
        for h in c.asks:
            a.lose(q, h, reason, rule)
        if c.golden and (c.source is not None or c.value is not None):
            a.lost.append(Lost(q.path, c.value, c.source.by if c.source is not None else "", reason, rule))


def _alternates(q: Question, value: Value, writer: str) -> list[str]:
    """The writers, if this change would be the fourth in a day between the same two values. People may change minds."""
    if not q.recent or q.kind in ("set", "consent"):
        return []
    by_machines = [v for v in q.recent if not v[1].startswith("person:")]
    last = sorted(by_machines, key=lambda v: seconds(v[2]) or 0.0)[-3:]
    if len(last) < 3 or not (last[0][0] == last[2][0] == q.value != value == last[1][0]):
        return []
    first, now = seconds(last[0][2]), seconds(q.now)
    writers = sorted({by for _, by, _ in last} | {writer})
    recent = first is not None and (now is None or now - first <= DAY)
    return writers if recent and len(writers) > 1 else []


# ---------------------------------------------------------------- holds


def hold(q: Question, a: Answer, asks: Sequence[Heard], stuck: Mapping[str, object] | None = None) -> None:
    """Freeze the field: the golden value stays, bases stay, each side's claim is kept as it was read."""
    a.hold = Held(q.path, {h.link: h.raw for h in asks} | dict(stuck or {}), a.value)
    for h in asks:
        a.pairs.pop(h.link, None)
        a.conflicted.add(h.link)
        # A base known only from an open intent is kept now: the intent may be gone when the claim is looked at again.
        if h.base is not None and q.path not in h.side.link.base:
            a.pairs[h.link] = h.base


# ---------------------------------------------------------------- ownership


def owner(q: Question) -> str:
    return q.policy.ownership.get(q.path) or q.policy.ownership.get("default", "")


def by_owner(q: Question, a: Answer, asks: Sequence[Heard], everyone: Sequence[Heard]) -> tuple[list[Heard], bool]:
    """The asks that may be considered, and whether they are the owner's. Others are refused while the owner has a say."""
    name = owner(q)
    own = [h for h in asks if h.connection == name]
    if not name or not (own or owner_holds(q, a, everyone)):
        return list(asks), False
    rule = q.cite("ownership", name)
    stands = [h.value for h in own] or [a.value]
    # A first reading fills an empty field even where the owner cleared it: nobody is cleared by being linked.
    filling = [] if own or a.value not in EMPTY else [h for h in asks if h.what == NEW]
    for h in asks:
        if h in own or h in filling:
            continue
        if any(alike(q.kind, h.value, v) for v in stands):
            a.agree(h, h.value)
        else:
            a.lose(q, h, "ownership", rule)
    unseen = own and a.source is not None and not any(had_seen(q, h, a.value) for h in own)
    if unseen and a.source is not None and a.source.by != name and a.value not in (None, *stands):
        a.lost.append(Lost(q.path, a.value, a.source.by, "ownership", rule))
    return own or filling, bool(own)


def owner_holds(q: Question, a: Answer, everyone: Sequence[Heard]) -> bool:
    """Whether the owner has a record here with a value, or cleared the field itself."""
    name = owner(q)
    sides = [s for s in q.sides if s.link.connection == name and s.link.state in ("linked", "suspended")]
    sides = [s for s in sides if readable(s, s.rules[q.path])]
    if not sides:
        return False
    if q.source is not None and q.source.by == name:
        return True
    asked = {h.link: h.value for h in everyone if h.asks}
    return any(_holds_value(q, a, s, asked) for s in sides)


def _holds_value(q: Question, a: Answer, side: Side, asked: Mapping[str, Value]) -> bool:
    if side.link.id in asked:
        return asked[side.link.id] not in EMPTY
    base = a.pairs.get(side.link.id) or side.link.base.get(q.path)
    if base is None:
        return False
    value = canonical(side.rules[q.path], base.form, side, q.refs)
    return (base.agreed if isinstance(value, Missing) else value) not in EMPTY
