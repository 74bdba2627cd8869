"""Computed values: an expression over the remote record, to read, or over the golden record, to write."""

from __future__ import annotations

from hub.core import values
from hub.core.draft import Closure, Draft, chain, common, cutting, default_of, endings
from hub.core.expressions import Expression, evaluate, parse
from hub.core.model import Raw, Value
from hub.core.rules import FieldRule, ReadExpression, Step, WriteExpression
from hub.core.shapes import Findings
from hub.core.transforms import Word, itself


def computed(draft: Draft, kind: str, word: Word, encode: Closure, found: Findings) -> FieldRule | None:
    entity = draft.entity
    written = draft.direction == "write"

    def known(name: str) -> bool:
        return written and entity.kind_of(name) is not None

    def numeric(name: str) -> bool:
        return entity.kind_of(name) in ("number", "integer")

    expression, problems = parse(draft.spec.at("value"), known=known, numbers=numeric)
    found.problems += problems
    if expression is None:
        return None
    if written:
        return _written(draft, kind, word, encode, expression, found)
    decode = _reading(expression, kind)
    steps = [Step("value", expression.place, decode), *endings(draft, None)]
    return ReadExpression(
        **common(draft, kind), names=expression.record_names, decode=chain(steps), encode=itself, steps=tuple(steps),
        word=word.name,
    )  # fmt: skip


def _reading(expression: Expression, kind: str) -> Closure:
    names = expression.record_names

    def decode(raw: Raw) -> Value:
        return values.tidy(kind, evaluate(expression, record=dict(zip(names, raw or (), strict=True))))

    return decode


def _written(
    draft: Draft, kind: str, word: Word, encode: Closure, expression: Expression, found: Findings
) -> FieldRule | None:
    if expression.record_names:
        found.error(expression.place, 25, "a computed value to write looks at `record`", "Use canonical names here.")
        return None
    length = draft.spec["length"]
    steps = (Step(f"as: {word.name}", draft.spec.place("field"), values.TIDY[kind]),)
    return WriteExpression(
        **common(draft, kind), names=(draft.spec["field"],), decode=values.TIDY[kind], steps=steps,
        encode=cutting(encode, length) if length else encode, length=length, expression=expression, word=word.name,
        default=default_of(draft, kind, found),
    )  # fmt: skip
