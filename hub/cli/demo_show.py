"""How the demo talks: headings with the command that does the same, small tables, progress bars, and promises that are checked.

A terminal gets colour and bars; a pipe gets plain lines. With --json nothing is told until the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hub.cli.output import coloured, paint, say

PHASES = {"read": "reading", "settled": "deciding", "written": "writing"}
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that was shown and compared: what was expected, and what was found."""

    text: str
    kept: bool
    expected: str
    found: str


@dataclass
class Stage:
    """Where the demo plays. `progress` is handed to the engine; `kept` tells whether every promise was."""

    quiet: bool = False
    promises: list[Promise] = field(default_factory=list)
    steps: int = 0
    _bars: Any = None
    _tasks: dict[str, Any] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        return all(p.kept for p in self.promises)

    # -- words

    def say(self, text: str = "") -> None:
        if not self.quiet:
            say(text)
            sys.stdout.flush()

    def step(self, title: str, *commands: str) -> None:
        """A heading, and what a person would type for it."""
        self.steps += 1
        self.say()
        self.say(paint(f"{self.steps:>2}  {title}", "bold"))
        for command in commands:
            self.say(f"    {paint(f'$ {command}', 'cyan')}")

    def line(self, text: str) -> None:
        self.say(f"    {text}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: bool = False) -> None:
        """Aligned columns, the first one named by its rows. `right`: numbers."""
        from rich.cells import cell_len

        texts = [list(columns), *[[_cell(c) for c in row] for row in rows]]
        widths = [max(cell_len(row[n]) for row in texts) for n in range(len(columns))]
        for number, row in enumerate(texts):
            cells = []
            for n, (text, width) in enumerate(zip(row, widths, strict=True)):
                pad = " " * (width - cell_len(text))
                cells.append(pad + text if right and n else text + pad)
            line = f"    {'   '.join(cells).rstrip()}"
            self.say(paint(line, "dim") if number == 0 else line)

    def promise(self, text: str, found: Any, expected: Any = True) -> None:
        """Say that something holds only if it does."""
        kept = found == expected
        self.promises.append(Promise(text, kept, _cell(expected), _cell(found)))
        mark = paint("✓", "green") if kept else paint("✗", "red")
        self.line(f"{mark} {text}" + ("" if kept else f": expected {_short(expected)}, found {_short(found)}"))

    # -- bars

    @contextmanager
    def bars(self, **totals: int) -> Iterator[None]:
        """Show bars for what the engine does meanwhile. `totals`: how many will be read, settled, written; none, no bar."""
        wanted = {name: total for name, total in totals.items() if total}
        if self.quiet or not wanted or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield
            return
        with _progress() as self._bars:
            self._tasks = {n: self._bars.add_task(PHASES.get(n, n), total=total) for n, total in wanted.items()}
            try:
                yield
            finally:
                self._bars, self._tasks, self._read = None, {}, {}

    def progress(self, event: str, facts: Mapping[str, object]) -> None:
        """Takes the engine's events. `read` counts up per connection; the others say how many more."""
        bars, task = self._bars, self._tasks.get(event)
        if bars is None or task is None:
            return
        if event == "read":
            self._read[str(facts["connection"])] = _number(facts.get("read"))
            bars.update(task, completed=sum(self._read.values()))
        else:
            bars.advance(task, _number(facts.get("records")))


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, width=WIDTH, no_color=not coloured(sys.stderr))
    columns = (
        TextColumn("    {task.description:<9}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return (
        f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else "–" if value is None else str(value)
    )


def _short(value: Any) -> str:
    text = _cell(value)
    return text if len(text) <= 300 else f"{text[:300]} …"
