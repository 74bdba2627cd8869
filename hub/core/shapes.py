"""Declared shapes of files: which keys there are, what they hold, what they are for.

One declaration serves three readers: checking a file (every problem with its place, "did you mean"), defaults, and the
JSON Schema that editors use. A shape reads a tree and never stops at the first problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.core.errors import Place, Problem
from hub.core.tree import Node, is_number

# Of one block; a file that is of another kind altogether need not be told key by key.
_MOST_UNKNOWN = 20


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was most likely meant, or ""."""
    import difflib

    if len(word) > 80:
        return ""
    known = sorted(set(known))
    folded = {k.lower().replace("_", "").replace("-", ""): k for k in known}
    found = difflib.get_close_matches(word, known, 1, 0.6) or [
        folded[k] for k in difflib.get_close_matches(word.lower().replace("_", ""), folded, 1, 0.7)
    ]
    return found[0] if found else ""


def did_you_mean(word: str, known: Iterable[str], limit: int = 12) -> str:
    """A hint: the nearest name, else the names there are."""
    known = sorted(set(known))
    close = nearest(word, known)
    if close:
        return f"Did you mean `{close}`?"
    shown = ", ".join(known[:limit])
    more = f" … ({len(known)} in all)" if len(known) > limit else ""
    return f"Known: {shown}{more}." if known else ""


@dataclass(slots=True)
class Findings:
    """Collects problems. `area` is the letter of their codes: M mapping, S sync, C connections, P project."""

    area: str = "M"
    problems: list[Problem] = field(default_factory=list)

    def error(self, place: Place, number: int, text: str, hint: str = "", *, area: str = "") -> None:
        self.problems.append(Problem(place, f"{area or self.area}{number:03d}", text, hint))

    def warn(self, place: Place, number: int, text: str, hint: str = "", *, area: str = "") -> None:
        self.problems.append(Problem(place, f"{area or self.area}{number:03d}", text, hint, "warning"))

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.problems if p.level == "error"]


class Type(Protocol):
    """What a key may hold: reads a node into plain data, and says so as JSON Schema."""

    def read(self, node: Node, found: Findings) -> Any: ...
    def schema(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a block, declared once."""

    name: str
    type: Type
    help: str
    required: bool = False
    default: Any = None
    example: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was read: values by key (defaults filled in), and the nodes they came from."""

    values: Mapping[str, Any]
    node: Node

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def __contains__(self, key: str) -> bool:
        return key in self.node.entries

    def place(self, key: str = "") -> Place:
        """Where the value of `key` stands, else the block."""
        return self.node.entries[key].place if key in self.node.entries else self.node.place

    def at(self, key: str) -> Node:
        return self.node.entries[key]


@dataclass(frozen=True, slots=True)
class Text:
    """Text, if `choices` one of them, if `pattern` of that form (`form` says it in words)."""

    choices: tuple[str, ...] = ()
    pattern: str = ""
    form: str = ""

    def read(self, node: Node, found: Findings) -> str:
        if node.form != "scalar" or node.empty:
            found.error(node.place, 3, f"found {node.describe()}, expected {self.form or 'text'}")
            return ""
        if self.choices and node.text not in self.choices:
            found.error(
                node.place, 4, f"`{node.text}` is not one of {', '.join(self.choices)}", _hint(node, self.choices)
            )
        elif self.pattern and not re.fullmatch(self.pattern, node.text):
            found.error(node.place, 5, f"`{node.text[:60]}` is not {self.form}")
        else:
            return node.text
        return ""

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string", "pattern": f"^{self.pattern}$"} if self.pattern else {"type": "string"}


def _hint(node: Node, known: Iterable[str]) -> str:
    close = nearest(node.text, known)
    return f"Did you mean `{close}`?" if close else ""


@dataclass(frozen=True, slots=True)
class Bool:
    def read(self, node: Node, found: Findings) -> bool:
        if node.form == "scalar" and node.plain and node.text in ("true", "false"):
            return node.text == "true"
        found.error(node.place, 3, f"found {node.describe()}, expected true or false", "Write it without quotes.")
        return False

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Integer:
    least: int = 0
    most: int = 10**9

    def read(self, node: Node, found: Findings) -> int:
        if (
            node.form == "scalar"
            and re.fullmatch(r"-?[0-9]{1,18}", node.text)
            and self.least <= int(node.text) <= self.most
        ):
            return int(node.text)
        found.error(node.place, 3, f"found {node.describe()}, expected a whole number from {self.least} to {self.most}")
        return self.least

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Parsed:
    """Text of a form that `parse` knows; its ValueError says what was expected."""

    parse: Callable[[str], Any]
    form: str

    def read(self, node: Node, found: Findings) -> Any:
        if node.form != "scalar" or node.empty:
            found.error(node.place, 3, f"found {node.describe()}, expected {self.form}")
            return None
        try:
            return self.parse(node.text)
        except ValueError as error:
            found.error(node.place, 5, f"`{node.text[:60]}` is not {self.form}", str(error))
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer", "number"], "description": self.form}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value of any plain type, as JSON would read it."""

    def read(self, node: Node, found: Findings) -> Any:
        if node.form != "scalar":
            found.error(node.place, 3, f"found {node.describe()}, expected one value")
            return None
        return node.value

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean", "null"]}


@dataclass(frozen=True, slots=True)
class Anything:
    def read(self, node: Node, found: Findings) -> Any:
        return node.value

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; a single value counts as a list of one where `lone`."""

    item: Type
    lone: bool = False
    least: int = 0

    def read(self, node: Node, found: Findings) -> list[Any]:
        if node.form == "list":
            if len(node.items) < self.least:
                found.error(node.place, 3, f"found an empty list, expected at least {self.least} entry")
            return [self.item.read(n, found) for n in node.items]
        if self.lone and not node.empty:
            return [self.item.read(node, found)]
        found.error(
            node.place, 3, f"found {node.describe()}, expected a list", "Write it as [one, two] or as lines with -."
        )
        return []

    def schema(self) -> dict[str, Any]:
        many: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.least:
            many["minItems"] = self.least
        return {"anyOf": [self.item.schema(), many]} if self.lone else many


@dataclass(frozen=True, slots=True)
class MapOf:
    """A block whose keys are free names."""

    item: Type

    def read(self, node: Node, found: Findings) -> dict[str, Any]:
        if node.form == "map":
            return {k: self.item.read(n, found) for k, n in node.entries.items()}
        if not node.empty:
            found.error(node.place, 3, f"found {node.describe()}, expected a block of `name: value`")
        return {}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.item.schema()}


@dataclass(frozen=True, slots=True)
class Shape:
    """A block with declared keys. `short`: a lone scalar stands for {short: scalar}. `x-…` keys are free for anchors."""

    title: str
    keys: tuple[Key, ...]
    short: str = ""
    free: bool = False

    def read(self, node: Node, found: Findings) -> Block:
        if self.short and node.form == "scalar" and not node.empty:
            node = Node(node.place, "map", entries={self.short: node}, keys={self.short: node.place})
        if node.form != "map":
            found.error(node.place, 3, f"found {node.describe()}, expected {self.title}", f"Keys: {self._names()}.")
            node = Node(node.place, "map")
        else:
            self._check(node, found)
        values = {
            k.name: k.type.read(node.entries[k.name], found) if k.name in node.entries else k.default for k in self.keys
        }
        return Block(values, node)

    def _names(self) -> str:
        return ", ".join(k.name for k in self.keys)

    def _check(self, node: Node, found: Findings) -> None:
        known = {k.name for k in self.keys}
        unknown = [] if self.free else [n for n in node.keys if n not in known and not n.startswith("x-")]
        for name in unknown[:_MOST_UNKNOWN]:
            text = f"unknown key `{name[:60]}` in {self.title}"
            found.error(node.keys[name], 1, text, did_you_mean(name, known, 30))
        for key in self.keys:
            if key.required and key.name not in node.entries:
                example = f"For example: {key.name}: {key.example}" if key.example else ""
                found.error(node.place, 2, f"{self.title} lacks `{key.name}` ({key.help})", example)

    def schema(self) -> dict[str, Any]:
        block: dict[str, Any] = {
            "type": "object",
            "properties": {k.name: _with_help(k) for k in self.keys},
            "required": [k.name for k in self.keys if k.required],
            "additionalProperties": self.free,
            "patternProperties": {"^x-": {}},
        }
        lone = next((k.type.schema() for k in self.keys if k.name == self.short), None)
        return {"anyOf": [lone, block]} if lone is not None else block


def _with_help(key: Key) -> dict[str, Any]:
    made = {"description": key.help, **key.type.schema()}
    if key.default is not None and isinstance(key.default, str | int | bool):
        made["default"] = key.default
    if key.example:
        made["examples"] = [key.example]
    return made


def plain_number(text: str) -> str:
    """A check for `Parsed`: a number as JSON writes it."""
    if is_number(text):
        return text
    raise ValueError("Write it as 12 or 12.5.")
