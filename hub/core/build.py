"""Build one rule of a mapping from its declaration: choose the word, make the tables, compose the closures."""

from __future__ import annotations

from typing import Any

from hub.core import values
from hub.core.computed import computed
from hub.core.draft import Closure, Draft, chain, common, cutting, default_of, endings, remote_name
from hub.core.model import Raw, Value
from hub.core.rules import FieldRule, PairRule, RefRule, Step
from hub.core.shapes import Findings, did_you_mean
from hub.core.tables import table_of
from hub.core.transforms import WORDS, Options, Word, itself, loses


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
        **common(draft, "ref"),
        names=(remote_name(draft),),
        decode=itself,
        encode=itself,
        entity=spec["ref"],
        object=target,
    )


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
        return computed(draft, kind, word, encode, found)
    steps = [Step(f"as: {word.name}", spec.place("as") if "as" in spec else spec.place("field"), decode)]
    made: dict[str, Any] = {"names": (remote_name(draft),)}
    rule: type[FieldRule] = FieldRule
    if kind == "money":
        rule, step, encode, made["names"] = _money(draft, decode, encode)
        made["currency"] = spec["currency"]["code"] or ""
        steps = [step]
    if "values" in spec:
        table = table_of(draft, kind, found)
        steps, encode = table.steps(steps), table.encoder(encode)
        made |= {"table": table.there, "unknown": table.unknown}
    if spec["length"]:
        encode = cutting(encode, spec["length"])
        made["length"] = spec["length"]
    default = default_of(draft, kind, found)
    steps += endings(draft, default)
    lost = loses(word, kind) or ("what is longer than the field" if spec["length"] else "")
    return rule(
        **common(draft, kind), **made, decode=chain(steps), encode=encode, steps=tuple(steps), default=default,
        loses=lost, word=word.name,
    )  # fmt: skip


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
