"""A compiled mapping: how one object of one connector holds one entity, in both directions.

`read` is the hot path: a function generated once per mapping from its checked rules, so that a declarative mapping costs
little more than one written by hand. The rules themselves (`mapping.rules[path]`) do the same one field at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any

from hub.core import values
from hub.core.errors import Place, Reject
from hub.core.expressions import alike
from hub.core.model import ABSENT, UNRESOLVED, Fields, FieldWrite, Raw, Refs, Value
from hub.core.rules import FieldRule, RefRule, remote_id


class NoRefs:
    """No record is linked to any other."""

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return None

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        return None


NO_REFS = NoRefs()
Read = Callable[[Fields, str, Refs], dict[str, Value]]


@dataclass(frozen=True, slots=True)
class Traced:
    """What one rule made of a record: the raw value, the value after each step, the outcome or the problem."""

    path: str
    remote: tuple[str, ...]
    place: Place
    raw: Raw
    steps: tuple[tuple[str, Place, Value], ...]
    value: Value
    problem: Reject | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """`set`: constants on the canonical side. `only`: constants on the remote side. `rules`: {canonical path: rule}.
    `fingerprint` changes exactly when the meaning changes, not with comments or layout. `also`: remote fields that are
    read for another reason than a rule, such as a spoke's `where`."""

    name: str
    connector: str
    object: str
    entity: str
    set: Map[str, Value]
    only: Map[str, Raw]
    rules: Map[str, FieldRule]
    fingerprint: str = ""
    place: Place = Place()
    also: tuple[str, ...] = ()
    _read: Read = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", generate(self.rules))

    @property
    def kind(self) -> str:
        """The kind of entity that this mapping is for, "" if it does not say."""
        return str(self.set.get("kind") or "")

    def reads(self) -> tuple[str, ...]:
        """The remote fields to ask for: also those only written, since their base must be known."""
        return tuple(dict.fromkeys((*(n for rule in self.rules.values() for n in rule.names), *self.only, *self.also)))

    def writes(self) -> tuple[str, ...]:
        """The remote fields that the hub may write; those of `only` on create alone."""
        return tuple(dict.fromkeys((*(n for rule in self.rules.values() for n in rule.written_names()), *self.only)))

    def matches_only(self, fields: Fields) -> bool:
        """Whether a record is on this mapping's side of the split. A field that was not read is no evidence against."""
        return all(fields.get(n, ABSENT) is ABSENT or alike(fields[n], held) for n, held in self.only.items())

    def raw_of(self, writes: Iterable[FieldWrite]) -> dict[str, Raw]:
        """The remote fields, by name, that hold what these writes say."""
        raw: dict[str, Raw] = {}
        for write in writes:
            raw |= self.rules[write.path].spread(write.raw)
        return raw

    def read(self, fields: Fields, connection: str, refs: Refs) -> dict[str, Value]:
        """All canonical values that the record speaks of; fields that were not read are not in it, references without a
        link are UNRESOLVED. Raises Reject for the first value that a rule cannot read."""
        try:
            return self._read(fields, connection, refs)
        except ValueError:
            _values, refused = self.read_each(fields, connection, refs)
            if not refused:
                raise
            raise next(iter(refused.values())) from None

    def read_each(self, fields: Fields, connection: str, refs: Refs) -> tuple[dict[str, Value], dict[str, Reject]]:
        """Like `read`, but goes on after a refused field: the values, and {path: what was wrong}."""
        found: dict[str, Value] = {}
        refused: dict[str, Reject] = {}
        for path, rule in self.rules.items():
            if not rule.readable:
                continue
            try:
                value = rule.to_canonical(rule.raw(fields), connection, refs)
            except Reject as error:
                refused[path] = error
                continue
            if value is not ABSENT:
                found[path] = value
        return found, refused

    def write(self, fields: Fields, connection: str, refs: Refs) -> dict[str, Any]:
        """The remote fields of a whole golden record, as a create sends them; what is empty is left out."""
        out: dict[str, Any] = {}
        for path, rule in self.rules.items():
            if not rule.writable:
                continue
            raw = rule.to_remote(fields.get(path), fields, connection, refs)
            if raw is not UNRESOLVED:
                out.update({n: v for n, v in rule.spread(raw).items() if v is not None})
        return {**out, **self.only}

    def explain(self, fields: Fields, connection: str = "", refs: Refs | None = None) -> list[Traced]:
        """What each rule makes of a record, step by step."""
        return [_trace(rule, fields, connection, refs or NO_REFS) for rule in self.rules.values()]


def _trace(rule: FieldRule, fields: Fields, connection: str, refs: Refs) -> Traced:
    raw = rule.raw(fields)
    steps: list[tuple[str, Place, Value]] = []
    problem, value = None, raw
    try:
        for step in rule.steps if raw is not ABSENT else ():
            value = step.apply(value)
            steps.append((step.label, step.place, value))
        value = rule.to_canonical(raw, connection, refs)
    except ValueError as error:
        problem, value = rule.refuse("read", error), ABSENT
    except Reject as error:
        problem, value = error, ABSENT
    return Traced(rule.path, rule.names, rule.place, raw, tuple(steps), value, problem)


# ---------------------------------------------------------------- the generated reader


def generate(rules: Map[str, FieldRule]) -> Read:
    """One function that reads a whole record. Its text is built from `repr`s and fixed phrases only; whatever people
    wrote reaches it as a bound object or a quoted constant, never as code."""
    bound: dict[str, Any] = {"ABSENT": ABSENT, "UNRESOLVED": UNRESOLVED, "remote_id": remote_id}
    lines = ["def read(fields, connection, refs):", " out = {}", " get = fields.get", " golden = refs.golden"]
    for number, rule in enumerate(r for r in rules.values() if r.readable):
        bound[f"rule{number}"], bound[f"decode{number}"] = rule, rule.decode
        lines += _lines(rule, number)
    code = compile("\n".join([*lines, " return out"]), "<mapping>", "exec")
    exec(code, bound)  # noqa: S102  (see the docstring: nothing in the text is anybody's input)
    made: Read = bound["read"]
    return made


def _lines(rule: FieldRule, number: int) -> list[str]:
    path = repr(rule.path)
    if type(rule) is FieldRule:
        head = [f" v = get({rule.names[0]!r}, ABSENT)", " if v is not ABSENT:"]
        if "ignore" not in (rule.empty_read, rule.unknown):
            return [*head, f"  out[{path}] = {_inline(rule, number)}"]
        return [*head, f"  v = decode{number}(v)", f"  if v is not ABSENT: out[{path}] = v"]
    if isinstance(rule, RefRule) and rule.empty_read == "clear":
        head = [f" v = get({rule.names[0]!r}, ABSENT)", " if v is not ABSENT:", "  v = remote_id(v)"]
        return [*head, f"  out[{path}] = None if v is None else golden(connection, {rule.object!r}, v) or UNRESOLVED"]
    head = [f" v = rule{number}.to_canonical(rule{number}.raw(fields), connection, refs)"]
    return [*head, f" if v is not ABSENT: out[{path}] = v"]


def _inline(rule: FieldRule, number: int) -> str:
    """The value of `v` in one expression. The commonest case of text and truth is spelled out: it saves a call."""
    call = f"None if v is None else decode{number}(v)"
    if rule.decode is values.text:
        return f"(v.strip() or None) if v.__class__ is str and v.isascii() and '\\0' not in v else {call}"
    if rule.decode is values.name:
        return f"v if v.__class__ is str and v.isascii() and v.isalnum() else {call}"
    if rule.decode is values.truth:
        return f"v if v is True or v is False else {call}"
    return call
