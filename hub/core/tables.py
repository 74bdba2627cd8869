"""Value tables: a remote's own options ↔ canonical ones, checked so that every way there has a way back."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from hub.core import values
from hub.core.draft import Closure, Draft
from hub.core.errors import Place
from hub.core.model import ABSENT, Raw, Value
from hub.core.rules import Step, Unlisted
from hub.core.shapes import Findings, did_you_mean


@dataclass(frozen=True, slots=True)
class Table:
    """A value table between the remote's own values and canonical ones. Of a set, each value is looked up."""

    kind: str
    there: Map[str, Value]
    back: Map[Value, Raw]
    unknown: str
    place: Place

    def read(self, raw: Raw) -> Value:
        held = values.text(raw)
        if held is None or held in self.there:
            return None if held is None else self.there[held]
        if self.unknown == "hold":
            raise Unlisted(held, tuple(self.there), self.place)
        return ABSENT if self.unknown == "ignore" else values.tidy("text" if self.kind == "set" else self.kind, held)

    def write(self, value: Value) -> Raw:
        if value in self.back:
            return self.back[value]
        if self.unknown == "hold":
            raise Unlisted(str(value), tuple(map(str, self.back)), self.place)
        if self.unknown == "keep" and isinstance(value, str) and self.there.get(value, value) != value:
            raise ValueError("a value that is not, as it is written, the remote's word for another one in `values`")
        return ABSENT if self.unknown == "ignore" else value

    def read_all(self, many: list[str] | None) -> Value:
        return values.many([v for one in many or () if (v := self.read(one)) is not ABSENT])

    def steps(self, before: list[Step]) -> list[Step]:
        if self.kind == "set":
            return [*before, Step("values", self.place, self.read_all)]
        return [Step("values", self.place, self.read)]

    def encoder(self, encode: Closure) -> Closure:
        if self.kind != "set":
            return self.write
        return lambda many: encode([self.back[one] for one in many if one in self.back])


def table_of(draft: Draft, kind: str, found: Findings) -> Table:
    there = _entries(draft, kind, found)
    unknown = draft.spec["unknown"] or ("keep" if kind == "set" else "hold")
    return Table(kind, there, _way_back(draft, kind, there, found), unknown, draft.spec.place("values"))


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
