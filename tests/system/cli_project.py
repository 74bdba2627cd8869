"""Projects for tests of the command line: two invented systems in memory, or the two sandboxes, and a way to type commands."""

from __future__ import annotations

import contextlib
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.cli import run
from hub.connect.clock import SystemClock
from hub.connect.memory import FieldProfile, MemoryConnector, MemoryRemote, ObjectProfile

BASE = "database: sqlite:///accordant.db\n"
CONNECTIONS = """\
connections:
  left:
    connector: memory
    auth: {kind: token, token: secret:left-token}
    remote: left
  right:
    connector: memory
    auth: {kind: none}
    remote: right
"""
LEFT = """\
connector: memory
object: contact
entity: customer
set: {kind: person}
fields:
  email: {field: Email, as: email}
  family_name: {field: LastName, required: true}
  job_title: Title
"""
RIGHT = """\
connector: memory
object: person
entity: customer
set: {kind: person}
fields:
  email: {field: mail, as: email}
  family_name: last
  job_title: title
"""
SYNC = """\
sync: customers
entity: customer
kind: person
spokes:
  - {connection: left, mapping: left.contact, key_field: Key, where: "record.LastName != 'Hidden'"}
  - {connection: right, mapping: right.person, key_field: key}
match:
  - {when: email, decide: link}
  - {when: family_name, decide: review}
conflicts: {default: [newest], job_title: hold}
first_link: {default: [non_empty, left]}
guards: {creates: 500, updates: 500, deletes: 20}
first_run: FIRST
"""


@dataclass
class Answer:
    """What one command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Project:
    """A project folder with the systems behind its connections."""

    root: Path
    left: MemoryRemote
    right: MemoryRemote
    names: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        return type_in("--project", str(self.root), *words, stdin=stdin)

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text)

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def applied(self) -> Project:
        """The same after its first runs: what it holds is in agreement."""
        self.change("config/syncs/customers.yaml", "first_run: plan", "first_run: apply")
        for _ in range(2):
            answer = self("run", "customers")
        assert answer.code == 0, answer
        return self


class _Stdin(io.StringIO):
    def isatty(self) -> bool:
        return False


def type_in(*words: str, stdin: str = "") -> Answer:
    """Type one command line."""
    import sys

    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = _Stdin(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(words))
    finally:
        sys.stdin = before
    return Answer(code, out.getvalue(), err.getvalue())


def _object(*names: str, key: str, longest: int | None = None) -> ObjectProfile:
    """An object with text fields; longer text than `longest` is refused."""
    return ObjectProfile(tuple(FieldProfile(n, length=longest, cuts=False) for n in names), unique_key=key)


def make(root: Path, *, first_run: str = "plan") -> Project:
    """A project with two systems of two records each; one person is in both."""
    clock = SystemClock()
    left = MemoryRemote(
        {"contact": _object("Email", "LastName", "Title", key="Key")}, clock, random.Random(1), name="left"
    )
    right = MemoryRemote(
        {"person": _object("mail", "last", "title", key="key", longest=20)}, clock, random.Random(2), name="right"
    )
    left.token = "letmein"
    MemoryConnector.remotes.update(left=left, right=right)
    assert type_in("init", str(root)).code == 0
    made = Project(root, left, right)
    made.write("config/connections.yaml", CONNECTIONS)
    made.write("mappings/left.contact.yaml", LEFT)
    made.write("mappings/right.person.yaml", RIGHT)
    made.write("config/syncs/customers.yaml", SYNC.replace("FIRST", first_run))
    assert made("secrets", "set", "left-token", stdin="letmein\n").code == 0
    made.names = {
        "ana": left.create("contact", {"Email": "ANA@example.org", "LastName": "Diaz", "Title": "Head"}),
        "bo": left.create("contact", {"Email": "bo@example.org", "LastName": "Berg", "Title": "Clerk"}),
        "ana2": right.create("person", {"mail": "ana@example.org", "last": "Diaz"}),
        "cy": right.create("person", {"mail": "cy@example.org", "last": "Cole", "title": "Chief"}),
    }
    return made
