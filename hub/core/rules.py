"""One field of a mapping, both ways: plain fields, references, amounts of money, and computed values.

A rule holds two closures, `decode` (raw to canonical) and `encode` (canonical to raw), made once when the mapping is
compiled. It turns their ValueErrors into a Reject that names the field, the place in the file and what to do. Values
themselves are never put into messages: they may be personal.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from hub.core import values
from hub.core.errors import Place, Reject
from hub.core.expressions import Expression, evaluate
from hub.core.model import ABSENT, UNRESOLVED, Fields, Missing, Raw, Refs, Value


@dataclass(frozen=True, slots=True)
class Step:
    """One step from raw to canonical, for `try` and for tests: what it is called, where it stands, what it does."""

    label: str
    place: Place
    apply: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A canonical field that one remote field holds; see `hub.core.model.Rule` for the methods.

    `empty_read` and `empty_write`: clear | ignore. `loses`: what a round trip loses, in words. `derived`: the value that
    is written is computed from other fields (`value_of`), not held in the golden record. `table`: remote → canonical, with
    `unknown`: what other values do. `currency`: the one fixed currency of an amount.
    """

    path: str
    kind: str
    place: Place
    names: tuple[str, ...]
    decode: Callable[[Raw], Value]
    encode: Callable[[Value], Raw]
    steps: tuple[Step, ...] = ()
    readable: bool = True
    writable: bool = True
    required: bool = False
    default: Value = None
    empty_read: str = "clear"
    empty_write: str = "clear"
    length: int | None = None
    loses: str = ""
    word: str = ""
    table: Map[str, Value] | None = None
    unknown: str = ""
    currency: str = ""

    @property
    def derived(self) -> bool:
        return False

    def remote_names(self) -> tuple[str, ...]:
        return self.names

    def written_names(self) -> tuple[str, ...]:
        return self.names if self.writable else ()

    def raw(self, fields: Fields) -> Raw:
        return fields.get(self.names[0], ABSENT)

    def spread(self, raw: Raw) -> dict[str, Any]:
        return {} if raw is ABSENT else {self.names[0]: raw}

    def value_of(self, fields: Fields) -> Value:
        """What this rule wants written of a golden record."""
        return fields.get(self.path)

    def to_canonical(self, raw: Raw, connection: str, refs: Refs) -> Value:
        if raw is ABSENT:
            return ABSENT
        try:
            return self.decode(raw)
        except ValueError as error:
            raise self.refuse("read", error) from error

    def to_remote(self, value: Value, fields: Fields, connection: str, refs: Refs) -> Raw:
        if not self.writable or value is ABSENT:
            return ABSENT
        if value is None:
            value = self.default
            if value is None:
                return ABSENT if self.empty_write == "ignore" else self.nothing()
        try:
            return self.encode(value)
        except (ValueError, KeyError, TypeError) as error:
            raise self.refuse("write", error) from error

    def nothing(self) -> Raw:
        """The raw value that clears the field."""
        return None

    def same(self, a: Value, b: Value) -> bool:
        return values.same(self.kind, a, b, length=self.length)

    def richer(self, a: Value, b: Value) -> Value:
        return values.richer(self.kind, a, b)

    def refuse(self, way: str, error: Exception) -> Reject:
        """The error for a value that this rule cannot carry."""
        remote = ", ".join(self.names)
        what = (
            f"`{remote}` cannot be read as `{self.path}`"
            if way == "read"
            else f"`{self.path}` cannot be written to `{remote}`"
        )
        return Reject(
            what,
            fields=self.names,
            where=str(self.place),
            why=_reason(error),
            unchanged="This field was left as it is on both sides; the other fields go on",
            next=_advice(error, self.place),
        )


class Unlisted(ValueError):
    """A value that a table does not list."""

    def __init__(self, found: str, known: tuple[str, ...], place: Place) -> None:
        shown = ", ".join(known[:20]) + (f" … ({len(known)} in all)" if len(known) > 20 else "")
        super().__init__(f"found `{found[:60]}`, the table knows: {shown}")
        self.place = place


def _reason(error: Exception) -> str:
    return (
        str(error)
        if isinstance(error, Unlisted)
        else f"expected {error}"
        if isinstance(error, ValueError)
        else "it has another type"
    )


def _advice(error: Exception, place: Place) -> str:
    if isinstance(error, Unlisted):
        return f"add it to the table at {error.place}, or set `unknown: keep` or `unknown: ignore` there"
    return "correct the value in the system it comes from, or change the rule"


@dataclass(frozen=True, slots=True)
class RefRule(FieldRule):
    """A reference to a record of `entity` that `object` holds in the same connection."""

    entity: str = ""
    object: str = ""

    def to_canonical(self, raw: Raw, connection: str, refs: Refs) -> Value:
        if raw is ABSENT:
            return ABSENT
        held = remote_id(raw)
        if held is None:
            return ABSENT if self.empty_read == "ignore" else None
        return refs.golden(connection, self.object, held) or UNRESOLVED

    def to_remote(self, value: Value, fields: Fields, connection: str, refs: Refs) -> Raw:
        if not self.writable or isinstance(value, Missing):
            return UNRESOLVED if value is UNRESOLVED and self.writable else ABSENT
        if value is None:
            return ABSENT if self.empty_write == "ignore" else None
        return refs.remote(connection, self.object, value) or UNRESOLVED


def remote_id(raw: Raw) -> str | None:
    """The id in a raw reference: text, a number, or a list of which the first counts."""
    if raw.__class__ is str:
        return str(raw).strip() or None
    if isinstance(raw, list | tuple):
        return remote_id(raw[0]) if raw else None
    return None if raw is None or raw is False else str(raw)


@dataclass(frozen=True, slots=True)
class PairRule(FieldRule):
    """An amount and its currency in two remote fields; raw is [amount, currency]. Clearing leaves the currency alone."""

    def raw(self, fields: Fields) -> Raw:
        held = [fields.get(name, ABSENT) for name in self.names]
        return ABSENT if ABSENT in held else held

    def spread(self, raw: Raw) -> dict[str, Any]:
        if raw is ABSENT or raw is None:
            return {}
        amount, currency = raw
        return {self.names[0]: amount} if currency is None else dict(zip(self.names, raw, strict=True))

    def nothing(self) -> Raw:
        return [None, None]


@dataclass(frozen=True, slots=True)
class ReadExpression(FieldRule):
    """A value computed from several remote fields; raw is the list of what they hold. Never written."""

    def raw(self, fields: Fields) -> Raw:
        held = [fields.get(name, ABSENT) for name in self.names]
        return ABSENT if ABSENT in held else held

    def spread(self, raw: Raw) -> dict[str, Any]:
        return {} if raw is ABSENT or raw is None else dict(zip(self.names, raw, strict=True))


@dataclass(frozen=True, slots=True)
class WriteExpression(FieldRule):
    """A remote field whose value is computed from the golden record. What the remote holds never flows back."""

    expression: Expression | None = None

    @property
    def derived(self) -> bool:
        return True

    def value_of(self, fields: Fields) -> Value:
        assert self.expression is not None
        try:
            return values.tidy(self.kind, evaluate(self.expression, names=fields))
        except ValueError as error:
            raise self.refuse("write", error) from error

    def to_remote(self, value: Value, fields: Fields, connection: str, refs: Refs) -> Raw:
        return FieldRule.to_remote(self, self.value_of(fields), fields, connection, refs)
