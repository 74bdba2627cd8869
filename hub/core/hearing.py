"""What one link says about one field, measured against its base: an edit, our own write come back, or nothing new.

Only the value decides, never a timer or a user name. A value that cannot be read as a canonical one is reported and
leaves the base alone, so that the same news is heard again once the mapping or the missing parent is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from hub.core.errors import Reject
from hub.core.intervals import UNKNOWN, Interval, at, between
from hub.core.model import ABSENT, UNRESOLVED, Missing, Pair, Raw, Refs, Rule, Side, Value
from hub.core.values import options

QUIET = "quiet"  # nothing was edited; `pair` may hold a renewed form
EDIT = "edit"  # a person changed the field since the base
NEW = "new"  # the base is unknown: this is the first time that the field is read
UNREADABLE = "unreadable"  # refers to a record that is not linked yet, or holds a value that the mapping does not know


@dataclass(frozen=True, slots=True)
class Heard:
    """One link's word on one field. `base` is the pair before, `pair` the pair that follows if nothing is asked for.

    `value` is what its people want, for an edit or a first reading. `text` says why it is unreadable.
    """

    side: Side
    rule: Rule
    what: str
    raw: Raw
    base: Pair | None
    value: Value = None
    pair: Pair | None = None
    text: str = ""

    @property
    def link(self) -> str:
        return self.side.link.id

    @property
    def connection(self) -> str:
        return self.side.link.connection

    @property
    def asks(self) -> bool:
        return self.what in (EDIT, NEW)

    @property
    def untouched(self) -> bool:
        """The very value that stands for the base: nobody edited, whatever the mapping makes of it today."""
        return self.what == QUIET and self.base is not None and self.base.seen and self.raw == self.base.form

    @property
    def point(self) -> str:
        """The moment of the edit, where the spoke has field history: by path, or by the remote fields' names."""
        points = self.side.reading.points if self.side.reading is not None else {}
        names = (self.rule.path, *self.rule.remote_names()) if points else ()
        return max((points[n] for n in names if n in points), default="")

    @property
    def time(self) -> Interval:
        """When the value was entered, as far as the reading tells. What our own user wrote is no evidence."""
        reading = self.side.reading
        if self.point:
            return at(self.point)
        if reading is None or reading.by_us or not reading.stamp:
            return UNKNOWN
        return between(reading.after, reading.stamp)

    @property
    def mark(self) -> str:
        """A short mark of this link and raw value; where two differ, so do the readings."""
        return mark(self.link, self.raw)

    @property
    def own_pair(self) -> Pair:
        """The base of a side whose value was heard: writing back is due wherever the golden value is another."""
        return Pair(self.value, self.raw)


def mark(link: str, raw: Raw) -> str:
    return f"{crc32(f'{link} {raw!r}'.encode()):08x}"


def alike(kind: str, a: Value, b: Value) -> bool:
    """Equal as canonical values; an empty set is an empty set however it is written."""
    return bool(a == b) or (kind == "set" and not a and not b)


def readable(side: Side, rule: Rule) -> bool:
    """Whether this spoke's word on this field counts at all."""
    return rule.readable and side.direction != "write"


def canonical(rule: Rule, raw: Raw, side: Side, refs: Refs) -> Value:
    """The canonical value, ABSENT or UNRESOLVED; UNRESOLVED too where the value is not known any more."""
    try:
        return rule.to_canonical(raw, side.link.connection, refs)
    except Reject:
        return UNRESOLVED


def hear(side: Side, rule: Rule, refs: Refs) -> Heard | None:
    """What this link's reading says about the field; None if the field was not read."""
    raw = rule.raw(side.reading.fields) if side.reading is not None else ABSENT
    if raw is ABSENT:
        return None
    base = side.link.base.get(rule.path) or _intended(side, rule, refs)
    if base is not None and base.seen and raw == base.form:
        return Heard(side, rule, QUIET, raw, base, pair=base)
    try:
        value = rule.to_canonical(raw, side.link.connection, refs)
    except Reject as error:
        return Heard(side, rule, UNREADABLE, raw, base, text=error.explain())
    if isinstance(value, Missing):
        return _without_value(side, rule, raw, base, value)
    return _with_value(side, rule, raw, base, value, refs)


def claim(side: Side, rule: Rule, raw: Raw, refs: Refs) -> Heard:
    """A claim in an open conflict that this link has not renewed: it stands as it was made."""
    base = side.link.base.get(rule.path)
    value = canonical(rule, raw, side, refs)
    if isinstance(value, Missing):
        return Heard(side, rule, UNREADABLE, raw, base)
    return Heard(side, rule, NEW if base is None else EDIT, raw, base, value)


def _intended(side: Side, rule: Rule, refs: Refs) -> Pair | None:
    """The base of a record that we created and have not read yet: what we meant it to hold."""
    intents = side.intents.get(rule.path, ())
    if not intents:
        return None
    try:
        form = rule.to_remote(intents[-1], {rule.path: intents[-1]}, side.link.connection, refs)
    except Reject:
        return None
    return None if isinstance(form, Missing) else Pair(intents[-1], form, seen=False)


def _without_value(side: Side, rule: Rule, raw: Raw, base: Pair | None, value: Missing) -> Heard:
    if value is UNRESOLVED:
        return Heard(side, rule, UNREADABLE, raw, base)
    if base is not None:
        return Heard(side, rule, QUIET, raw, base, pair=Pair(base.agreed, raw))
    # An empty field that is ignored may be filled; a value that is ignored must not be written over unasked.
    if raw in (None, "", [], {}):
        return Heard(side, rule, NEW, raw, None, None)
    return Heard(side, rule, QUIET, raw, None, pair=None, text="ignored")


def _with_value(side: Side, rule: Rule, raw: Raw, base: Pair | None, value: Value, refs: Refs) -> Heard:
    sent = _our_write(side, rule, base, value, refs)
    if sent is not ABSENT:
        return Heard(side, rule, QUIET, raw, base, value, Pair(sent, raw))
    if base is None:
        return Heard(side, rule, NEW, raw, None, value)
    if _is_form(side, rule, base, raw, value, refs):
        return Heard(side, rule, QUIET, raw, base, value, Pair(base.agreed, raw))
    return Heard(side, rule, EDIT, raw, base, value)


def _our_write(side: Side, rule: Rule, base: Pair | None, value: Value, refs: Refs) -> Value:
    """The intent that this value stands for, newest first, or ABSENT: the same value, then the same by its type."""
    intents = list(reversed(side.intents.get(rule.path, ())))
    if not intents:
        return ABSENT
    exact = next((v for v in intents if alike(rule.kind, v, value)), ABSENT)
    if exact is not ABSENT:
        return exact
    if base is not None and base.seen and alike(rule.kind, canonical(rule, base.form, side, refs), value):
        return ABSENT
    return next((v for v in intents if _became(rule, v, value, side, base, refs)), ABSENT)


def _became(rule: Rule, sent: Value, value: Value, side: Side, base: Pair | None, refs: Refs) -> bool:
    """Whether a remote may have made `value` of what we sent."""
    if value is None or sent is None:
        return value is sent
    if rule.kind != "set":
        return rule.same(sent, value)
    # A remote drops options that it does not know. One that it held before, a person took away.
    held = canonical(rule, base.form, side, refs) if base is not None and base.seen else None
    return options(value) <= options(sent) and not (options(sent) - options(value)) & options(held)


def _is_form(side: Side, rule: Rule, base: Pair, raw: Raw, value: Value, refs: Refs) -> bool:
    """Whether this raw value still stands for the base, in another spelling."""
    form = canonical(rule, base.form, side, refs)
    if not isinstance(form, Missing) and alike(rule.kind, form, value):
        return True
    if base.seen:
        return False
    if raw == base.form or alike(rule.kind, base.agreed, value):
        return True
    sent = base.agreed if isinstance(form, Missing) else form
    return any(_became(rule, v, value, side, None, refs) for v in (sent, base.agreed))
