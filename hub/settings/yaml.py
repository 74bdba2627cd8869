"""Strict reading of YAML with the place of every word.

It takes the events of PyYAML's C parser and builds a tree itself, so that nothing is resolved behind the reader's back:
`NO`, `007`, `12:30:45` and dates stay text. Refused: doubled keys, anchors outside `x-` blocks, cycles and alias bombs,
tags, merge keys, several documents, deep nesting, large files, tabs, other encodings, and invisible letters that make a
file read differently from how it looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from hub.core.errors import Place, Problem
from hub.core.tree import Node

MOST_BYTES = 1_048_576
MOST_NODES = 50_000
DEEPEST = 32

_Parser: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_TAB = re.compile(r"^ *\t", re.MULTILINE)
# What the parser says, and what it means to a person.
_PLAIN_WORDS = (
    ("mapping values are not allowed", "a second `:` in one line", 'Put the value in quotes: label: "Ship to: home".'),
    ("could not find expected ':'", "a key without its `:`", "Write `key: value`, with a space after the colon."),
    (
        "did not find expected key",
        "this line is not indented like its neighbours",
        "Give keys of one block the same indentation.",
    ),
    (
        "did not find expected '-' indicator",
        "this line is not indented like its neighbours",
        "Start each list entry with `- `.",
    ),
    (
        "did not find expected ',' or",
        "a bracket or brace is not closed, or a comma is missing",
        "Close it on the same line.",
    ),
    ("maximum nesting depth", f"more than {DEEPEST} levels of nesting", "Flatten it."),
    ("block mapping", "this line is not indented like its neighbours", "Give keys of one block the same indentation."),
    ("block collection", "keys and list entries are mixed at one level", "Indent the list under its key."),
    (
        "block sequence entries are not allowed",
        "a list entry stands where a value was expected",
        "Put the list on lines of its own.",
    ),
    ("unexpected end of stream", "a quote is not closed", "Close it with the same kind of quote."),
    (
        "found character that cannot start any token",
        "a letter that needs quotes here (such as @ or `)",
        "Quote the value.",
    ),
    ("unknown escape", "an unknown escape in a quoted text", "Use single quotes, or double the backslash."),
    ("undefined alias", "an alias to an anchor that is not defined above", "Write the value out."),
)


@dataclass(slots=True)
class _Open:
    """A block or list that is being read. `before`: how many nodes there were when it began."""

    place: Place
    is_map: bool
    anchor: str | None
    before: int
    event: Event
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    key: tuple[str, Place] | None = None


def read(path: Path, shown: str) -> tuple[Node | None, list[Problem]]:
    """The tree in a file, or what is wrong with it. `shown` is the path as people know it."""
    place = Place(shown, 1, 1)
    try:
        if path.stat().st_size > MOST_BYTES:
            return None, [Problem(place, "Y010", f"the file is larger than {MOST_BYTES:,} bytes", "Split it.")]
        data = path.read_bytes()
    except OSError as error:
        return None, [Problem(Place(shown), "Y011", f"the file cannot be read: {error.strerror}")]
    return read_bytes(data, shown)


def read_bytes(data: bytes, shown: str = "") -> tuple[Node | None, list[Problem]]:
    """The same for the content of a file."""
    text, problem = _decode(data, shown)
    problems = [problem] if problem else _letters(text, shown)
    if problems:
        return None, problems
    reader = _Reader(shown)
    try:
        reader.run(text)
    except yaml.MarkedYAMLError as error:
        reader.problems.append(_syntax(error, text, shown))
    except yaml.YAMLError as error:
        reader.problems.append(Problem(Place(shown, 1, 1), "Y001", f"the file cannot be read as YAML: {error}"))
    return (None if reader.problems else reader.root or Node(Place(shown, 1, 1), plain=True)), reader.problems


def _decode(data: bytes, shown: str) -> tuple[str, Problem | None]:
    place, hint = Place(shown, 1, 1), "Save the file as UTF-8 without a byte order mark."
    if len(data) > MOST_BYTES:
        return "", Problem(place, "Y010", f"the file is larger than {MOST_BYTES:,} bytes", "Split it.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", Problem(place, "Y012", "the file is in UTF-16", hint)
    if data.startswith(b"\xef\xbb\xbf"):
        return "", Problem(place, "Y012", "the file starts with a byte order mark", hint)
    try:
        return data.decode(), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        return "", Problem(Place(shown, line, column), "Y012", "a byte that is not UTF-8", hint)


def _letters(text: str, shown: str) -> list[Problem]:
    """Letters that have no place in a file that people review."""
    found = []
    for pattern, code, what, hint in (
        (_CONTROL, "Y013", "a control character", "Remove it."),
        (
            _UNSEEN,
            "Y014",
            "an invisible character that can make the text read differently from how it looks",
            "Remove it.",
        ),
        (_TAB, "Y015", "a tab in the indentation", "Indent with spaces."),
    ):
        for match in list(pattern.finditer(text))[:20]:
            at = match.end() - 1
            place = Place(shown, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
            shown_as = "" if code == "Y015" else f" (U+{ord(match.group()[-1]):04X})"
            found.append(Problem(place, code, what + shown_as, hint))
    return found


def _syntax(error: yaml.MarkedYAMLError, text: str, shown: str) -> Problem:
    mark: Any = error.problem_mark or error.context_mark
    if error.context_mark and "expected ':'" in (error.problem or ""):
        mark = error.context_mark  # the parser notices a missing colon only in the next line
    place = Place(shown, mark.line + 1, mark.column + 1) if mark else Place(shown, 1, 1)
    if re.search(r"[\[{,][^\n]{0,200}\w\[\w+\]", text[max(0, mark.index - 200) : mark.index + 200] if mark else ""):
        hint = 'Inside {…} and […] quote it: {"phones[mobile]": hold}.'
        return Problem(place, "Y001", "a name with brackets inside brackets", hint)
    said = f"{error.problem or ''} {error.context or ''}"
    for part, what, hint in _PLAIN_WORDS:
        if part in said:
            return Problem(place, "Y001", what, hint)
    return Problem(place, "Y001", f"the file cannot be read as YAML here: {error.problem}")


class _Reader:
    """Builds the tree from parser events, without recursion."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.problems: list[Problem] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.root: Node | None = None
        self.documents = 0
        self.count = 0

    def run(self, text: str) -> None:
        for event in yaml.parse(text, Loader=_Parser):
            if isinstance(event, DocumentStartEvent):
                self.document(event)
            elif isinstance(event, CollectionEndEvent):
                self.close()
            elif isinstance(event, AliasEvent):
                self.alias(event)
            elif isinstance(event, NodeEvent):
                self.node(event)
            if self.documents > 1 or len(self.stack) > DEEPEST or self.count > MOST_NODES:
                return

    def error(self, event: Event, code: str, text: str, hint: str = "") -> None:
        self.problems.append(Problem(self.place(event), code, text, hint))

    def place(self, event: Event) -> Place:
        mark: Any = event.start_mark
        return Place(self.shown, mark.line + 1, mark.column + 1)

    def document(self, event: Event) -> None:
        self.documents += 1
        if self.documents > 1:
            self.error(event, "Y004", "a second document in one file", "Put it into a file of its own.")

    def node(self, event: Any) -> None:
        if event.tag is not None:
            self.error(event, "Y005", f"a tag `{event.tag[:60]}`", "Leave it out; the hub knows the types by itself.")
        if event.anchor and not self.free():
            hint = "Anchors belong into a block whose name starts with `x-`. Or write the value out where it is used."
            self.error(event, "Y006", f"an anchor `&{event.anchor}` outside an `x-` block", hint)
        self.grow(1, event)
        if isinstance(event, ScalarEvent):
            self.scalar(event)
        else:
            self.open(event)

    def grow(self, by: int, event: Event) -> None:
        self.count += by
        if self.count > MOST_NODES:
            text = f"more than {MOST_NODES:,} values, those behind an alias counted each time"
            self.error(event, "Y007", text, "Split the file.")

    def free(self) -> bool:
        """Whether the parser is inside a top-level `x-` block."""
        return bool(self.stack) and self.stack[0].key is not None and self.stack[0].key[0].startswith("x-")

    def alias(self, event: Any) -> None:
        node, size = self.anchors.get(event.anchor, (Node(self.place(event), plain=True), 0))
        if not size and all(block.anchor != event.anchor for block in self.stack):
            self.error(event, "Y006", f"the alias `*{event.anchor}` has no anchor above it", "Write the value out.")
        if any(block.anchor == event.anchor for block in self.stack):
            self.error(event, "Y008", f"the alias `*{event.anchor}` contains itself", "Write the value out.")
        self.grow(size, event)
        self.attach(node, event)

    def open(self, event: Any) -> None:
        is_map = isinstance(event, MappingStartEvent)
        self.stack.append(_Open(self.place(event), is_map, event.anchor, self.count - 1, event))
        if len(self.stack) == DEEPEST + 1:
            self.error(event, "Y009", f"more than {DEEPEST} levels of nesting", "Flatten it.")

    def close(self) -> None:
        done = self.stack.pop()
        form: Any = "map" if done.is_map else "list"
        node = Node(done.place, form, items=tuple(done.items), entries=done.entries, keys=done.keys)
        self.keep(done.anchor, node, self.count - done.before)
        self.attach(node, done.event)

    def scalar(self, event: Any) -> None:
        plain = event.style is None or event.style == ""
        inset = {"'": 1, '"': 1, "|": -1, ">": -1}.get(event.style or "", 0)
        node = Node(self.place(event), text=event.value, plain=plain, inset=inset)
        self.keep(event.anchor, node, 1)
        self.attach(node, event)

    def keep(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor:
            self.anchors[anchor] = (node, size)

    def attach(self, node: Node, event: Event) -> None:
        """Put a finished node where it belongs: key, value, list entry or root."""
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if not top.is_map:
            top.items.append(node)
        elif top.key is None:
            top.key = self.key(node, event, top)
        else:
            top.entries[top.key[0]], top.keys[top.key[0]] = node, top.key[1]
            top.key = None

    def key(self, node: Node, event: Event, top: _Open) -> tuple[str, Place]:
        if node.form != "scalar":
            self.error(
                event, "Y002", "a key that is a list or a block", "A key is one word; quote it if it holds brackets."
            )
            return "?", node.place
        if node.text == "<<" and node.plain:
            self.error(event, "Y005", "a merge key `<<`", "Write the keys out.")
        if node.text in top.entries:
            first = top.keys[node.text]
            self.error(
                event, "Y003", f"the key `{node.text}` stands here twice (first in line {first.line})", "Remove one."
            )
        return node.text, self.place(event)
