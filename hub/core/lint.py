"""Does a mapping keep what passes through it? Sample values go round, and what comes back changed is a warning.

PutGet: a canonical value that is written and read again is the same. GetPut: a remote value that is read and written
again is the same. Losses are allowed (a short field, a picklist that folds two options into one), but never unsaid.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from typing import Any

from hub.core.errors import Problem, Reject
from hub.core.mapping import NO_REFS, Mapping
from hub.core.model import ABSENT, Raw, Value
from hub.core.rules import FieldRule

_LONG = "Straße und Hausnummer " * 20

SAMPLES: Map[str, tuple[Value, ...]] = {
    "text": ("Ana Díaz", "McX", "007", "two\nlines", _LONG.strip()),
    "name": ("Ana Díaz", "van der Berg", "ÅSE", _LONG.strip()),
    "email": ("ana@example.org", "a.b+c@sub.example.co"),
    "phone": ("+493012345678", "+12025550123;ext=12"),
    "url": ("https://example.org/a?b=C", "example.org"),
    "domain": ("example.org",),
    "country": ("DE", "US", "GB", "KR", "CI"),
    "language": ("de", "pt-BR", "zh-Hans-CN"),
    "number": ("0", "-12.5", "0.1", "12345678901234567890.123456789", "1000000"),
    "integer": (0, -7, 2**60),
    "date": ("2024-02-29", "1899-12-31"),
    "datetime": ("2026-01-31T10:00:00.000Z", "2026-01-31T10:11:12.345Z", "1965-05-05T05:05:05.000Z"),
    "bool": (True, False),
    "consent": (True, False),
    "set": (["a", "b"], ["one"], ["with space"]),
}


def validate_round_trip(mapping: Mapping) -> list[Problem]:
    """What this mapping loses, one warning per field."""
    found = []
    for rule in mapping.rules.values():
        if rule.readable and rule.writable and rule.kind != "ref":
            lost = next(_losses(rule), None)
            if lost is not None:
                hint = f"It loses {rule.loses}." if rule.loses else "If that is meant, leave it as it is."
                found.append(Problem(rule.place, "M031", f"`{rule.path}` {lost}", hint, "warning"))
    return found


def samples(rule: FieldRule) -> tuple[Value, ...]:
    """Canonical values that the rule should carry: its table's, else those of its kind."""
    if rule.table:
        known = tuple(dict.fromkeys(v for v in rule.table.values() if v is not None))
        return tuple([v] for v in known) if rule.kind == "set" else known
    if rule.kind == "money":
        codes = (rule.currency,) if rule.currency else ("EUR", "JPY", "KWD")
        return tuple({"amount": {"JPY": "1250", "KWD": "12.500"}.get(c, "12.50"), "currency": c} for c in codes)
    return SAMPLES.get(rule.kind, ())


def _losses(rule: FieldRule) -> Iterator[str]:
    for value in samples(rule):
        back = _read(rule, _write(rule, value))
        if back is not ABSENT and back != value:
            yield f"does not come back: {_shown(value)} is read again as {_shown(back)}"
    for raw, held in (rule.table or {}).items():
        given: Raw = [raw] if rule.kind == "set" else raw
        again = _write(rule, [held] if rule.kind == "set" else held)
        if held is not None and again is not ABSENT and again not in (raw, given):
            yield f"folds values: {_shown(raw)} is written back as {_shown(again)}"


def _write(rule: FieldRule, value: Value) -> Raw:
    try:
        return rule.to_remote(value, {rule.path: value}, "", NO_REFS)
    except Reject:
        return ABSENT


def _read(rule: FieldRule, raw: Raw) -> Value:
    try:
        return rule.to_canonical(raw, "", NO_REFS)
    except Reject:
        return "(refused)"


def _shown(value: Any) -> str:
    text = str(value) if not isinstance(value, str) else value
    return f"`{text[:40]}…`" if len(text) > 40 else f"`{text}`"
