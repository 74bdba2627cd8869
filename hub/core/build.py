"""Build one rule of a mapping from its declaration: choose the word, make the tables, compose the closures."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from hub.core import values
from hub.core.entities import Entity, Model
from hub.core.errors import Place
from hub.core.expressions import Expression, evaluate, parse
from hub.core.model import ABSENT, Raw, Value
from hub.core.rules import FieldRule, PairRule, ReadExpression, RefRule, Step, Unlisted, WriteExpression
from hub.core.shapes import Block, Findings, did_you_mean
from hub.core.transforms import WORDS, Options, Tools, Word, itself, loses

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


def build(draft: Draft, found: Findings) -> FieldRule | None:
    """The rule, or None after its problems were noted."""
    before = len(found.errors)
    kind = _kind(draft, found)
    _check_sources(draft, found)
    if len(found.errors) > before or kind is None:
        return None
    if kind == "ref":
        return _reference(draft, found)
    word = _word(draft, kind, found)
    if word is None:
        return None
    _check_keys(draft, kind, word, found)
    if len(found.errors) > before:
        return None
    rule = _value_rule(draft, kind, word, found)
    return rule if len(found.errors) == before else None


def _kind(draft: Draft, found: Findings) -> str | None:
    """The canonical type at the path: the model's, for fields of one's own what the declaration says."""
    spec = draft.spec
    declared = draft.entity.kind_of(draft.path)
    own = draft.path.startswith("custom.") and draft.path not in draft.entity.fields
    if declared is None and spec["value"] and draft.direction == "write":
        declared, own = "text", True  # a computed field that only the remote has
    if declared is None:
        found.error(draft.place, 10, f"{draft.entity.name} has no field `{draft.path}`", draft.entity.hint(draft.path))
        return None
    if not own:
        return declared
    if spec["kind"] and spec["kind"] not in values.KINDS:
        hint = did_you_mean(spec["kind"], values.KINDS, 20)
        found.error(spec.place("kind"), 19, f"there is no canonical type `{spec['kind']}`", hint)
        return None
    if spec["ref"]:
        return "ref"
    return spec["kind"] or (WORDS[spec["as"]].kinds[0] if spec["as"] else "set" if spec["separator"] else declared)


_SOURCES = ("field", "association", "value")


def _check_sources(draft: Draft, found: Findings) -> None:
    spec = draft.spec
    named = [k for k in _SOURCES if k in spec]
    if "value" in spec:
        _check_value(draft, found)
    elif len(named) != 1:
        text = (
            f"`{draft.path}` names no remote field"
            if not named
            else f"`{draft.path}` names two sources: {', '.join(named)}"
        )
        found.error(draft.place, 14, text, f"Write one: `{draft.path}: {{field: RemoteName}}`.")
    for key, needs in (("label", "association"), ("object", "ref"), ("back", "values")):
        if key in spec and needs not in spec:
            found.error(spec.node.at(key), 24, f"`{key}` has no meaning without `{needs}`")


def _check_value(draft: Draft, found: Findings) -> None:
    spec = draft.spec
    if draft.direction == "both":
        hint = "An expression has no way back: add `direction: read` or `direction: write`."
        found.error(spec.node.at("value"), 25, f"`{draft.path}` is computed and flows both ways", hint)
    if draft.direction == "write" and "field" not in spec:
        found.error(draft.place, 14, f"`{draft.path}` names no remote field to write", "Add `field: RemoteName`.")
    if draft.direction == "read" and "field" in spec:
        hint = "Leave `field` out; write record.Name in the expression."
        found.error(spec.node.at("field"), 24, "a computed value is not read from `field`", hint)


def _reference(draft: Draft, found: Findings) -> FieldRule | None:
    spec = draft.spec
    if not spec["ref"]:
        found.error(
            draft.place, 21, f"`{draft.path}` is a reference: `ref` is missing", "Add `ref: customer` and `object: …`."
        )
        return None
    if spec["ref"] not in draft.model.entities:
        hint = did_you_mean(spec["ref"], draft.model.entities)
        found.error(spec.place("ref"), 21, f"there is no entity `{spec['ref']}`", hint)
    target = spec["object"] or spec["association"]
    if not target:
        found.error(draft.place, 21, f"`{draft.path}` does not say to which object it refers", "Add `object: …`.")
        return None
    for key in ("as", "values", "back", "separator", "currency", "written", "length", "default", "value"):
        if key in spec:
            found.error(spec.node.at(key), 24, f"`{key}` has no meaning on a reference")
    return RefRule(
        **_common(draft, "ref"),
        names=(_remote_name(draft),),
        decode=itself,
        encode=itself,
        entity=spec["ref"],
        object=target,
    )


def _remote_name(draft: Draft) -> str:
    spec = draft.spec
    if spec["association"]:
        return f"@{spec['association']}" + (f".{spec['label']}" if spec["label"] else "")
    return str(spec["field"])


def _common(draft: Draft, kind: str) -> dict[str, Any]:
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


def _word(draft: Draft, kind: str, found: Findings) -> Word | None:
    spec = draft.spec
    if "as" in spec and not spec["as"]:
        return None
    word = WORDS[spec["as"] or kind]
    if kind not in word.kinds and not (draft.direction == "write" and spec["value"]):
        fitting = ", ".join(w.name for w in WORDS.values() if kind in w.kinds)
        found.error(
            spec.place("as"),
            17,
            f"`as: {word.name}` gives {word.kinds[0]}, but `{draft.path}` is {kind}",
            f"Fitting: {fitting}.",
        )
        return None
    if draft.writes and not word.two_way:
        hint = "Add `direction: read`, or use a word with a way back."
        found.error(
            spec.place("as"), 18, f"`as: {word.name}` has no way back, but `{draft.path}` is also written", hint
        )
        return None
    if draft.writes and draft.reads and (lost := loses(word, kind)):
        found.warn(spec.place("as"), 30, f"`as: {word.name}` loses {lost} when `{draft.path}` is written")
    return word


def _check_keys(draft: Draft, kind: str, word: Word, found: Findings) -> None:
    spec = draft.spec
    fits = {"separator": kind == "set", "currency": kind == "money", "region": kind == "phone"}
    for key, fit in fits.items():
        if key in spec and not fit:
            found.error(spec.node.at(key), 24, f"`{key}` has no meaning on a field of type {kind}")
    if "ref" in spec:
        found.error(spec.node.at("ref"), 24, f"`ref` has no meaning on a field of type {kind}")
    if "length" in spec and kind not in ("text", "name", "url"):
        found.error(
            spec.node.at("length"), 24, f"`length` has no meaning on a field of type {kind}: a cut would break it"
        )
    if "written" in spec and spec["written"] not in word.written:
        known = ", ".join(word.written)
        hint = f"Known: {known}." if known else f"`as: {word.name}` is written in one form only."
        found.error(
            spec.place("written"), 29, f"`{spec['written']}` is not a form that `as: {word.name}` is written in", hint
        )
    if kind == "money" and not spec["currency"]:
        found.error(
            draft.place, 22, f"`{draft.path}` has no currency", "Add `currency: EUR` or `currency: {field: …}`."
        )
    if "default" in spec and not draft.writes:
        found.error(spec.node.at("default"), 24, "`default` has no meaning on a field that is only read")


# ---------------------------------------------------------------- closures


def _value_rule(draft: Draft, kind: str, word: Word, found: Findings) -> FieldRule | None:
    spec = draft.spec
    options = Options(kind, spec["separator"], spec["region"], spec["written"] or "", draft.tools)
    decode, encode = word.decode(options), word.encode(options) if word.encode else itself
    if spec["value"]:
        return _computed(draft, kind, word, encode, found)
    steps = [Step(f"as: {word.name}", spec.place("as") if "as" in spec else spec.place("field"), decode)]
    made: dict[str, Any] = {"names": (_remote_name(draft),)}
    rule: type[FieldRule] = FieldRule
    if kind == "money":
        rule, step, encode, made["names"] = _money(draft, decode, encode)
        steps = [step]
    if "values" in spec:
        steps, encode = _table(draft, kind, steps, encode, found)
    if spec["length"]:
        encode = _cutting(encode, spec["length"])
        made["length"] = spec["length"]
    default = _default(draft, kind, found)
    steps += _endings(draft, default)
    lost = loses(word, kind) or ("what is longer than the field" if spec["length"] else "")
    return rule(
        **_common(draft, kind), **made, decode=_chain(steps), encode=encode, steps=tuple(steps), default=default,
        loses=lost, word=word.name,
    )  # fmt: skip


def _chain(steps: list[Step]) -> Closure:
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


def _endings(draft: Draft, default: Value) -> list[Step]:
    steps = []
    if default is not None:
        steps.append(Step("default", draft.spec.place("default"), lambda v: None if v == default else v))
    empty = draft.spec["on_empty"]
    if empty and empty["read"] == "ignore":
        steps.append(Step("on_empty", draft.spec.place("on_empty"), lambda v: ABSENT if v is None else v))
    return steps


def _default(draft: Draft, kind: str, found: Findings) -> Value:
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


def _cutting(encode: Closure, length: int) -> Closure:
    def cut(value: Value) -> Raw:
        raw = encode(value)
        return raw[:length].rstrip() if isinstance(raw, str) else raw

    return cut


def _money(draft: Draft, decode: Closure, encode: Closure) -> tuple[type[FieldRule], Step, Closure, tuple[str, ...]]:
    """The two forms of an amount: in one fixed currency, or beside a field that names the currency."""
    currency = draft.spec["currency"]
    code, beside, otherwise = currency["code"], currency["field"], currency["default"]
    place = draft.spec.place("currency")

    def fixed(raw: Raw) -> Value:
        amount = decode(raw)
        return None if amount is None else {"amount": values.padded(amount, code), "currency": code}

    def pair(raw: Raw) -> Value:
        amount = decode(raw[0])
        return None if amount is None else values.money({"amount": amount, "currency": raw[1] or otherwise})

    def write_fixed(value: Value) -> Raw:
        if value["currency"] != code:
            raise ValueError(f"an amount in {code}, found one in {value['currency']}; amounts are never converted")
        return encode(value["amount"])

    def write_pair(value: Value) -> Raw:
        return [encode(value["amount"]), value["currency"]]

    if beside:
        return PairRule, Step("as: money", place, pair), write_pair, (draft.spec["field"], beside)
    return FieldRule, Step("as: money", place, fixed), write_fixed, (draft.spec["field"],)


def _table(draft: Draft, kind: str, steps: list[Step], encode: Closure, found: Findings) -> tuple[list[Step], Closure]:
    """A value table between the remote's own values and canonical ones."""
    spec = draft.spec
    there = _entries(draft, kind, found)
    back = _way_back(draft, kind, there, found)
    place, unknown = spec.place("values"), spec["unknown"] or ("keep" if kind == "set" else "hold")
    known = tuple(there)
    item_kind = "text" if kind == "set" else kind

    def read(raw: Raw) -> Value:
        held = values.text(raw)
        if held is None or held in there:
            return None if held is None else there[held]
        if unknown == "hold":
            raise Unlisted(held, known, place)
        return ABSENT if unknown == "ignore" else values.tidy(item_kind, held)

    def write(value: Value) -> Raw:
        if value in back:
            return back[value]
        if unknown == "hold":
            raise Unlisted(str(value), tuple(map(str, back)), place)
        return ABSENT if unknown == "ignore" else value

    if kind != "set":
        return [Step("values", place, read)], write
    split = steps[0]
    read_all = lambda many: values.many([v for o in many or () if (v := read(o)) is not ABSENT])  # noqa: E731
    write_all = lambda many: encode([back[o] for o in many if o in back])  # noqa: E731
    return [split, Step("values", place, read_all)], write_all


def _entries(draft: Draft, kind: str, found: Findings) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for raw, held in draft.spec["values"].items():
        place = draft.spec.at("values").entries[raw].place
        try:
            made[raw.strip()] = values.tidy("text" if kind == "set" else kind, held)
        except ValueError as error:
            found.error(place, 26, f"`{held}` does not fit `{draft.path}`", f"Expected {error}.")
    if not draft.spec["values"]:
        found.error(draft.spec.place("values"), 28, "the value table is empty", "Add lines `remote: canonical`.")
    return made


def _way_back(draft: Draft, kind: str, there: Map[str, Value], found: Findings) -> dict[Value, Raw]:
    """{canonical: remote}. Where several remote values meet one, `back` must say which one is written."""
    chosen = draft.spec["back"] or {}
    made: dict[Value, Raw] = {}
    for name, raw in chosen.items():
        place = draft.spec.at("back").entries[name].place
        held = values.tidy("text" if kind == "set" else kind, name)
        if held not in there.values():
            hint = did_you_mean(name, [str(v) for v in there.values()])
            found.error(
                draft.spec.at("back").at(name), 20, f"`back` names `{name}`, which `values` does not give", hint
            )
        elif there.get(str(raw)) != held:
            found.error(
                place, 20, f"`{raw}` is written for `{name}`, but is not read as `{name}`", "Add it to `values`."
            )
        made[held] = str(raw)
    for raw, held in there.items():
        if held is None or (held in made and str(held) in chosen):
            continue
        if held in made and draft.writes:
            hint = f"Say which one is written: back: {{{held}: {made[held]}}}."
            place = draft.spec.at("values").at(raw)
            found.error(place, 20, f"`{made[held]}` and `{raw}` are both read as `{held}`", hint)
        made.setdefault(held, raw)
    return made


# ---------------------------------------------------------------- computed values


def _computed(draft: Draft, kind: str, word: Word, encode: Closure, found: Findings) -> FieldRule | None:
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
    steps = [Step("value", expression.place, decode), *_endings(draft, None)]
    return ReadExpression(
        **_common(draft, kind), names=expression.record_names, decode=_chain(steps), encode=itself, steps=tuple(steps),
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
        **_common(draft, kind), names=(draft.spec["field"],), decode=values.TIDY[kind], steps=steps,
        encode=_cutting(encode, length) if length else encode, length=length, expression=expression, word=word.name,
        default=_default(draft, kind, found),
    )  # fmt: skip
