"""A field as it was declared, and what every rule takes over from its declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.core import values
from hub.core.entities import Entity, Model
from hub.core.errors import Place
from hub.core.model import ABSENT, Raw, Value
from hub.core.rules import Step
from hub.core.shapes import Block, Findings
from hub.core.transforms import Tools

Closure = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A field as it was declared, with what it is checked against."""

    path: str
    place: Place
    spec: Block
    entity: Entity
    model: Model
    tools: Tools

    @property
    def direction(self) -> str:
        return str(self.spec["direction"])

    @property
    def writes(self) -> bool:
        return self.direction != "read"

    @property
    def reads(self) -> bool:
        return self.direction != "write"


def remote_name(draft: Draft) -> str:
    spec = draft.spec
    if spec["association"]:
        return f"@{spec['association']}" + (f".{spec['label']}" if spec["label"] else "")
    return str(spec["field"])


def common(draft: Draft, kind: str) -> dict[str, Any]:
    spec, empty = draft.spec, draft.spec["on_empty"]
    return {
        "path": draft.path,
        "kind": kind,
        "place": draft.place,
        "readable": draft.reads,
        "writable": draft.writes,
        "required": spec["required"],
        "empty_read": empty["read"] if empty else "clear",
        "empty_write": empty["write"] if empty else "clear",
    }


def chain(steps: list[Step]) -> Closure:
    """All steps as one closure."""
    calls = [step.apply for step in steps]
    if len(calls) == 1:
        return calls[0]
    if len(calls) == 2:
        first, second = calls
        return lambda raw: second(first(raw))

    def run(raw: Raw) -> Value:
        for call in calls:
            raw = call(raw)
        return raw

    return run


def endings(draft: Draft, default: Value) -> list[Step]:
    steps = []
    if default is not None:
        steps.append(Step("default", draft.spec.place("default"), lambda v: None if v == default else v))
    empty = draft.spec["on_empty"]
    if empty and empty["read"] == "ignore":
        steps.append(Step("on_empty", draft.spec.place("on_empty"), lambda v: ABSENT if v is None else v))
    return steps


def default_of(draft: Draft, kind: str, found: Findings) -> Value:
    spec = draft.spec
    if "default" not in spec:
        return None
    try:
        held = spec["default"]
        if kind == "money" and not isinstance(held, dict):
            held = {"amount": held, "currency": spec["currency"]["code"] or spec["currency"]["default"]}
        made = values.tidy(kind, held)
        if made is None:
            found.error(spec.place("default"), 26, "the default is empty", "Leave it out.")
        return made
    except ValueError as error:
        found.error(spec.place("default"), 26, f"the default of `{draft.path}` is not {kind}", f"Expected {error}.")
        return None


def cutting(encode: Closure, length: int) -> Closure:
    def cut(value: Value) -> Raw:
        raw = encode(value)
        return raw[:length].rstrip() if isinstance(raw, str) else raw

    return cut
