"""What a file says, with the place of every word: the form in which YAML reaches the rest of the hub.

A scalar keeps its text. Whether `NO`, `007` or `12:30` means text, number or truth is for the reader to say that asks
for it; `value` answers by the rules of JSON where nobody does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.core.errors import Place

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `plain`: a scalar without quotes. `inset`: columns between `place` and the first letter of the text, -1
    if the text starts on the next line."""

    place: Place = Place()
    form: Literal["scalar", "list", "map"] = "scalar"
    text: str = ""
    plain: bool = False
    inset: int = 0
    items: tuple[Node, ...] = ()
    entries: Mapping[str, Node] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Nothing was written: `key:`, `key: ~` or `key: null`."""
        return self.form == "scalar" and self.plain and self.text in ("", "~", "null")

    @property
    def value(self) -> Any:
        """The plain data, scalars read as JSON would."""
        if self.form == "map":
            return {k: n.value for k, n in self.entries.items()}
        if self.form == "list":
            return [n.value for n in self.items]
        return _scalar(self.text) if self.plain else self.text

    def at(self, key: str) -> Place:
        """Where the key stands, else where the map starts."""
        return self.keys.get(key, self.place)

    def within(self, line: int, offset: int) -> Place:
        """The place of a letter of this scalar's text: `line` from 0, `offset` from 0."""
        if not self.place.line:
            return self.place
        if self.inset < 0:
            return Place(self.place.path, self.place.line + 1 + line, offset + 1)
        column = self.place.column + self.inset + offset if line == 0 else offset + 1
        return Place(self.place.path, self.place.line + line, column)

    def describe(self) -> str:
        """What stands here, for a message."""
        if self.form != "scalar":
            return "a list" if self.form == "list" else "a block of keys"
        return "nothing" if self.empty else f"`{self.text[:40]}`"

    def walk(self) -> Iterator[Node]:
        yield self
        for child in (*self.items, *self.entries.values()):
            yield from child.walk()


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def is_number(text: str) -> bool:
    """A number by the rules of JSON."""
    return bool(_NUMBER.fullmatch(text))


_NOWHERE = Place()


def plant(data: Any, place: Place = _NOWHERE) -> Node:
    """Plain data as a tree in which everything stands at `place`: for tests and for code that builds mappings."""
    if isinstance(data, Mapping):
        entries = {str(k): plant(v, place) for k, v in data.items()}
        return Node(place, "map", entries=entries, keys=dict.fromkeys(entries, place))
    if isinstance(data, list | tuple):
        return Node(place, "list", items=tuple(plant(v, place) for v in data))
    if isinstance(data, str):
        return Node(place, text=data)
    text = (
        {True: "true", False: "false", None: "null"}.get(data)
        if data is None or data is True or data is False
        else None
    )
    return Node(place, text=str(data) if text is None else text, plain=True)
