"""The stored cases: reading them, comparing them with what is decided today, and writing them down again.

A decision may change only if the change log names its case in the section of the version that is being made. What was
decided when a case was first stored, or at the last release, is in `baseline.txt`; so an edit of the files by hand is
found out like any other.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.unit.core.decisions.form import Case, read_case, tell

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
LOG = ROOT / "CHANGELOG.md"
BASELINE = HERE / "baseline.txt"
WIDTH = 118
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAMED = re.compile(r"^- decision `(?P<id>[a-z0-9-]+)`: (?P<why>\S.*)$", re.MULTILINE)


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes everything out, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True)
class Stored:
    """One stored case: `data` as in the file, `decision` as it was, None if it was never computed."""

    file: str
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def decision(self) -> list[str] | None:
        told = self.data.get("decision")
        return None if told is None else str(told).splitlines()

    @property
    def digest(self) -> str:
        """Of the question and the answer: a case that was made to ask something else is another decision too."""
        asked = {k: v for k, v in self.data.items() if k not in ("title", "decision")}
        text = json.dumps([asked, self.decision], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def case(self) -> Case:
        return read_case(self.data)

    def today(self) -> list[str]:
        """What is decided now; a case that cannot be decided any more says so."""
        try:
            return tell(self.case, self.case.decide())
        except Exception as problem:
            return [f"raises {type(problem).__name__}: {problem}"]


@dataclass(frozen=True)
class Change:
    """A decision that is not what it was."""

    case: Stored
    now: list[str]

    @property
    def text(self) -> str:
        """The difference, as people read it."""
        was = self.case.decision or []
        lines = unified_diff(was, self.now, "stored", "decided now", lineterm="", n=99)
        head = f"{self.case.id} ({self.case.file}): {self.case.data.get('title', 'drawn at random')}"
        return "\n".join([head, *(f"    {line}" for line in list(lines)[3:])])


def load(folder: Path = HERE) -> list[Stored]:
    """All stored cases, in the order of the files."""
    found = []
    for file in sorted(folder.glob("*.yaml")):
        found += [Stored(file.name, data) for data in yaml.load(file.read_text(), _LOADER) or ()]
    return found


def changes(cases: list[Stored]) -> list[Change]:
    """The cases whose decision is another one today."""
    answers = ((case, case.today()) for case in cases)
    return [Change(case, now) for case, now in answers if now != case.decision]


# ---------------------------------------------------------------- what may change


def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def named(log: str, of: str) -> dict[str, str]:
    """{case id: why} of the decisions that the change log names in the section of a version."""
    start = re.search(rf"^## \[{re.escape(of)}\].*$", log, re.MULTILINE)
    if start is None:
        return {}
    rest = log[start.end() :]
    end = re.search(r"^## ", rest, re.MULTILINE)
    return {m["id"]: m["why"] for m in _NAMED.finditer(rest[: end.start()] if end else rest)}


def baseline(folder: Path = HERE) -> dict[str, str]:
    file = folder / BASELINE.name
    lines = file.read_text().splitlines() if file.exists() else ()
    return dict(line.split() for line in lines)


def unexplained(cases: list[Stored], folder: Path, log: str) -> Iterator[str]:
    """Cases that are not what they were in the baseline, or are gone, without a line in the change log."""
    known, allowed = baseline(folder), named(log, version())
    now = {case.id: case.digest for case in cases}
    for id, digest in known.items():
        if id not in allowed and now.get(id) != digest:
            yield f"{id} is gone" if id not in now else f"{id} is not what it was"
    for id in sorted(set(now) - set(known)):
        yield f"{id} is new and not in {BASELINE.name}"


def advice(ids: list[str]) -> str:
    lines = "\n".join(f"    - decision `{id}`: why" for id in ids[:10])
    more = f"\n    … and {len(ids) - 10} more" if len(ids) > 10 else ""
    return (
        f"{len(ids)} decisions changed. If that is meant, say why in CHANGELOG.md under {version()}, `Changed decisions`:\n"
        f"{lines}{more}\nand run: python -m tests.unit.core.decisions --accept"
    )


# ---------------------------------------------------------------- writing


def accept(folder: Path = HERE, log: str | None = None) -> tuple[list[str], list[str]]:
    """Write down what is decided today: (ids written, ids refused because the change log does not name them).

    New cases need no line. Nothing is written if any is refused.
    """
    cases = load(folder)
    allowed = named(LOG.read_text() if log is None else log, version())
    found = changes(cases)
    refused = [c.case.id for c in found if c.case.decision is not None and c.case.id not in allowed]
    if refused:
        return [], refused
    now = {c.case.id: c.now for c in found}
    made = [Stored(c.file, {**c.data, "decision": "\n".join(now.get(c.id) or c.decision or ())}) for c in cases]
    for file in dict.fromkeys(c.file for c in made if c.id in now):
        write(folder / file, [c.data for c in made if c.file == file])
    known = baseline(folder)
    write_baseline(folder, {c.id: known.get(c.id, c.digest) for c in made} | known)
    return list(now), []


def release(folder: Path = HERE) -> int:
    """Take what is stored for the baseline of the next version."""
    cases = load(folder)
    write_baseline(folder, {c.id: c.digest for c in cases})
    return len(cases)


def write_baseline(folder: Path, digests: Mapping[str, str]) -> None:
    (folder / BASELINE.name).write_text("".join(f"{id} {digests[id]}\n" for id in sorted(digests)))


def write(file: Path, cases: Sequence[Mapping[str, Any]]) -> None:
    """One file of cases: what fits in one line stands in one line, and a decision has a line for each fact."""
    file.write_text("\n".join("\n".join(_lines(data)) + "\n" for data in cases))


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    start = "- "
    for key, value in data.items():
        if key == "decision":
            yield "  decision: |"
            yield from (f"    {line}" for line in value.splitlines())
        else:
            yield from _entry(start, key, value)
        start = "  "


def _entry(indent: str, key: str, value: Any) -> Iterator[str]:
    line = f"{indent}{_flow(key)}: {_flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, dict):
        yield line
        return
    yield f"{indent}{_flow(key)}:"
    for name, part in value.items():
        yield from _entry(f"{' ' * len(indent)}  ", name, part)


def _flow(value: Any) -> str:
    text = yaml.dump(value, Dumper=Dumper, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return str(text).removesuffix("...\n").strip()
