"""Run the tests that lie beside mappings: NAME.test.yaml with records, what they should become, and what is written back.

A value that came out wrong is told with the step of the mapping that changed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.core import values
from hub.core.errors import Place, Problem, Reject
from hub.core.mapping import Mapping, Traced
from hub.core.model import UNRESOLVED, Value
from hub.core.rules import FieldRule
from hub.core.shapes import Anything, Block, Findings, Key, ListOf, MapOf, Shape, Text
from hub.core.tree import Node
from hub.settings import yaml

TEST = Shape(
    "a mapping test",
    (
        Key("name", Text(), "what it shows, as a sentence", required=True, example="e-mail is tidied"),
        Key("record", MapOf(Anything()), "the remote record; fields left out count as not read"),
        Key("canonical", MapOf(Anything()), "what it becomes"),
        Key("back", MapOf(Anything()), "what is written of it"),
        Key("refused", ListOf(Text(), lone=True), "fields whose value must be refused"),
        Key("note", Anything(), "a remark for people"),
    ),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as expected. `step` and `step_place`: what in the mapping made it so."""

    field: str
    expected: str
    got: str
    place: Place
    step: str = ""
    step_place: Place = Place()


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one test. `problems`: the file itself is wrong."""

    mapping: str
    name: str
    place: Place
    differences: tuple[Difference, ...] = ()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def passed(self) -> bool:
        return not self.differences and not self.problems


class TestRefs:
    """References in tests: `Account/001` stands for the golden record that is linked to Account 001."""

    __test__ = False

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return f"{object}/{remote_id}"

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        kind, _, id = golden_id.partition("/")
        return id if kind == object else None


_REFS = TestRefs()


def run_tests(root: Path, mappings: Map[str, Mapping], only: Iterable[str] = ()) -> list[Result]:
    """The tests of all mappings of a project, or of those named."""
    chosen = set(only)
    found: list[Result] = []
    for path in sorted((root / "mappings").glob("*.test.yaml")):
        name = path.name.removesuffix(".test.yaml")
        if not chosen or name in chosen:
            found += _file(path, path.relative_to(root).as_posix(), name, mappings.get(name))
    return found


def _file(path: Path, shown: str, name: str, mapping: Mapping | None) -> list[Result]:
    node, problems = yaml.read(path, shown)
    place = Place(shown, 1, 1)
    if mapping is None:
        problems = [
            *problems,
            Problem(place, "T001", f"there is no mapping `{name}` beside this file", "Rename the file."),
        ]
    found = Findings("T")
    blocks = ListOf(TEST).read(node, found) if node is not None else []
    problems = [*problems, *found.problems]
    if problems or mapping is None:
        return [Result(name, "(the file)", place, (), tuple(problems))]
    return [run_test(block, mapping) for block in blocks]


def run_test(test: Block, mapping: Mapping) -> Result:
    wrong: list[Difference] = []
    if "record" in test:
        wrong += _reading(test, mapping)
    if "back" in test:
        wrong += _writing(test, mapping)
    return Result(mapping.name, test["name"], test.place(), tuple(wrong))


# ---------------------------------------------------------------- reading


def _reading(test: Block, mapping: Mapping) -> list[Difference]:
    traces = {t.path: t for t in mapping.explain(test["record"], "test", _REFS)}
    got, refused = mapping.read_each(test["record"], "test", _REFS)
    wrong = _refusals(test, refused, traces)
    if "canonical" not in test:
        return wrong
    expected = test.at("canonical")
    got = {**got, **mapping.set}
    for path, node in expected.entries.items():
        rule = mapping.rules.get(path)
        if path not in refused and not _is_value(node, got.get(path), rule.kind if rule else "text"):
            wrong.append(_difference(path, node, got, traces.get(path)))
    for path, value in got.items():
        if path not in expected.entries and value is not None and path not in mapping.set:
            wrong.append(_extra(path, value, traces.get(path), expected.place))
    return wrong


def _is_value(node: Node, got: Value, kind: str) -> bool:
    try:
        return bool(expected_value(node, kind) == got)
    except ValueError:
        return False


def expected_value(node: Node, kind: str) -> Value:
    """What a test expects, read as the field's type."""
    if node.form == "scalar":
        return None if node.empty else values.tidy(kind, node.text)
    return values.tidy(kind, _texts(node))


def _texts(node: Node) -> Any:
    if node.form == "map":
        return {k: n.text for k, n in node.entries.items()}
    return [n.text for n in node.items]


def _refusals(test: Block, refused: Map[str, Reject], traces: Map[str, Traced]) -> list[Difference]:
    wanted = set(test["refused"] or ())
    wrong = []
    for path in sorted(refused.keys() - wanted):
        error = refused[path]
        wrong.append(
            Difference(path, "a value", f"refused: {error.why}", test.place("record"), "refused", traces[path].place)
        )
    for path in sorted(wanted - refused.keys()):
        wrong.append(Difference(path, "to be refused", "it was read", test.place("refused")))
    return wrong


def _difference(path: str, node: Node, got: Map[str, Value], trace: Traced | None) -> Difference:
    shown = _shown(got[path]) if path in got else "nothing (the record does not hold its field)"
    label, place = _culprit(trace)
    return Difference(path, _written(node), shown, node.place, label, place)


def _extra(path: str, value: Value, trace: Traced | None, place: Place) -> Difference:
    label, step_place = _culprit(trace)
    return Difference(path, "nothing", _shown(value), place, label, step_place)


def _culprit(trace: Traced | None) -> tuple[str, Place]:
    """The last step that changed the value, else the rule itself."""
    if trace is None:
        return "", Place()
    before, found = trace.raw, ("field", trace.place)
    for label, place, value in trace.steps:
        if value != before or type(value) is not type(before):
            found = (label, place)
        before = value
    return found


# ---------------------------------------------------------------- writing


def _writing(test: Block, mapping: Mapping) -> list[Difference]:
    golden = _golden(test, mapping)
    expected = test.at("back")
    writers = {name: rule for rule in mapping.rules.values() for name in rule.written_names()}
    try:
        got = mapping.write(golden, "test", _REFS)
    except Reject as error:
        return [Difference("back", "a record", f"refused: {error.why}", expected.place, "refused", Place())]
    wrong = []
    for name, node in expected.entries.items():
        if not _is_raw(node, got.get(name)):
            wrong.append(_back_difference(name, node, got, writers.get(name)))
    for name in got.keys() - expected.entries.keys() - mapping.only.keys():
        rule = writers[name]
        if rule.path in golden:
            wrong.append(Difference(name, "nothing", _shown(got[name]), expected.place, rule.word, rule.place))
    return wrong


def _golden(test: Block, mapping: Mapping) -> dict[str, Value]:
    """The golden record that is written: the expected one, else what was read."""
    if "canonical" not in test:
        found, _ = mapping.read_each(test["record"] or {}, "test", _REFS)
        return {k: v for k, v in found.items() if v is not UNRESOLVED}
    made = {}
    for path, node in test.at("canonical").entries.items():
        rule = mapping.rules.get(path)
        try:
            made[path] = expected_value(node, rule.kind if rule else "text")
        except ValueError:
            made[path] = node.value
    return made


def _is_raw(node: Node, got: Any) -> bool:
    if node.form == "scalar" and not node.empty:
        return bool(node.text == got if isinstance(got, str) else node.plain and node.value == got)
    return bool(node.value == got)


def _back_difference(name: str, node: Node, got: Map[str, Any], rule: FieldRule | None) -> Difference:
    shown = _shown(got[name]) if name in got else "nothing"
    if rule is None:
        return Difference(name, _written(node), f"{shown} (no field of the mapping writes it)", node.place)
    return Difference(name, _written(node), shown, node.place, rule.word or "field", rule.place)


def _shown(value: Any) -> str:
    kind = {int: "number", float: "number", bool: "true or false"}.get(type(value))
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return f"{text} ({kind})" if kind else text


def _written(node: Node) -> str:
    return f'"{node.text}"' if node.form == "scalar" and not node.empty else str(node.value)
