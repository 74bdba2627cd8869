"""How long the command line takes to answer, whole process, CPU and wall."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from bench.measure import Row, median, timed

ROUNDS = 9
COMMANDS = ("--version", "--help")


def measure() -> list[Row]:
    return [row for command in COMMANDS for row in _one(command)]


def _one(command: str) -> list[Row]:
    rounds = [_start(command) for _ in range(ROUNDS)]
    wall, spent = median(r[0] for r in rounds), median(r[1] for r in rounds)
    how = f"wall {wall * 1000:.0f} ms, median of {ROUNDS}"
    return [Row(f"start: accordant {command}, CPU", spent * 1000, 300, 150, " ms", how=how)]


def _start(command: str) -> tuple[float, float]:
    before = _children()
    accordant = Path(sys.executable).with_name("accordant")
    wall, _ = timed(lambda: subprocess.run([accordant, command], stdout=subprocess.DEVNULL, check=True))
    return wall, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
