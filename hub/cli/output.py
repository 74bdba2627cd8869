"""What people see: results on standard output, everything else on standard error, JSON whole and with stable keys."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.core.errors import ConfigError, HubError

COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


def coloured(stream: Any = None) -> bool:
    stream = stream or sys.stdout
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: Any = None) -> str:
    """Colour for terminals; it never says anything that the words do not say."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if colour and coloured(stream) else text


def say(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """A line beside the result: progress, hints."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def as_json(value: Any) -> None:
    """The result as one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """A table for a terminal, tab-separated lines for a pipe."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *texts]:
            say("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in texts:
        made.add_row(*(Text(cell) for cell in row))
    Console(no_color=not coloured()).print(made)


def count(number: int, one: str, many: str = "") -> str:
    """`1 record`, `1,204 records`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shown(value: Any) -> str:
    """A canonical value in words."""
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, Mapping) and set(value) == {"amount", "currency"}:
        return f"{value['amount']} {value['currency']}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def moment(seconds: float) -> str:
    """An instant in RFC 3339, UTC, whole seconds; "" for never."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def ago(seconds: float, now: float) -> str:
    if not seconds:
        return "never"
    return f"{span(max(0.0, now - seconds))} ago"


def span(seconds: float) -> str:
    """`8 s`, `4 min`, `2 h 4 min`, `3 d 2 h`."""
    whole = int(seconds)
    for size, unit, small, small_unit in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


# ---------------------------------------------------------------- errors


def error_json(problem: HubError) -> dict[str, Any]:
    """One error as `--json` tells it."""
    found: dict[str, Any] = {
        "code": problem.code,
        "what": problem.what,
        "where": problem.where,
        "why": problem.why,
        "unchanged": problem.unchanged,
        "next": problem.next,
    }
    if isinstance(problem, ConfigError):
        found["problems"] = [problem_json(p) for p in problem.problems]
    return found


def problem_json(problem: Any) -> dict[str, Any]:
    place = problem.place
    return {
        "file": place.path,
        "line": place.line,
        "column": place.column,
        "level": problem.level,
        "code": problem.code,
        "text": problem.text,
        "hint": problem.hint,
    }


def show_error(problem: HubError) -> None:
    """One message on standard error; for files, one line per problem and their sum."""
    if not isinstance(problem, ConfigError):
        note(f"{paint('error', 'red', sys.stderr)}: {problem.explain()}")
        return
    for one in problem.problems:
        note(problem_line(one))
    note(" ".join(part for part in (sums(problem.problems) + ".", _sentence(problem.unchanged)) if part))


def problem_line(problem: Any) -> str:
    head = str(problem.place) or "project"
    level = paint(problem.level, "red" if problem.level == "error" else "yellow", sys.stderr)
    hint = f"\n    {problem.hint}" if problem.hint else ""
    return f"{head} {level}[{problem.code}]: {problem.text}{hint}"


def sums(problems: Sequence[Any]) -> str:
    errors = sum(p.level == "error" for p in problems)
    warnings = len(problems) - errors
    return count(errors, "error") + (f", {count(warnings, 'warning')}" if warnings else "")


def _sentence(text: str) -> str:
    return text if not text or text.endswith(".") else text + "."
