"""What measurements share: CPU time of this process, medians of interleaved rounds, peak memory, rows of the table."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

__all__ = ["Row", "child", "cpu", "cpu_of", "machine", "median", "peak_mb", "table", "timed"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure. `budget` and `aim` as numbers; `more`: more is better. `how`: what it was measured on."""

    what: str
    value: float
    budget: float | None = None
    aim: float | None = None
    unit: str = ""
    more: bool = False
    how: str = ""

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        if self._reaches(self.aim):
            return "aim"
        return "met" if self._reaches(self.budget) else "SHORT"

    def _reaches(self, bound: float | None) -> bool:
        return bound is not None and (self.value >= bound if self.more else self.value <= bound)

    def cells(self) -> tuple[str, ...]:
        sign = "≥" if self.more else "≤"
        bound = [f"{sign} {b:g}" if b is not None else "" for b in (self.budget, self.aim)]
        return (self.what, f"{self.value:.3g}{self.unit}", *bound, self.verdict, self.how)


def cpu() -> float:
    """CPU seconds of this process, all threads, system time included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """(CPU seconds, result)."""
    start = cpu()
    result = work()
    return cpu() - start, result


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(wall seconds, result)."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_mb() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(module: str, **arguments: Any) -> Any:
    """Run `python -m MODULE` with arguments as JSON in a process of its own; its last line is the answer, as JSON."""
    command = [sys.executable, "-m", module, json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    """What ran beside the measurement: wall times mean little at a high load."""
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {load}"


def table(rows: Sequence[Row], *, notes: Mapping[str, str] | None = None) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | measured | at least | aim | | on |", "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    lines += [f"{name}: {text}" for name, text in (notes or {}).items()]
    return "\n".join(lines)
