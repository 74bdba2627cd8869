"""How far long work is: one line that renews itself on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from hub.cli.output import note, span

EVERY_TERMINAL, EVERY_PLAIN = 0.1, 5.0
WORDS = {"read": "reading", "settled": "settling", "written": "writing"}


class Progress:
    """Takes the engine's events. `read` says how many in all; `settled` and `written` say how many more.

    An estimate of the time left is given only where the total is known.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, stream: Any = None) -> None:
        self._clock, self._stream = clock, stream or sys.stderr
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, str], float] = {}
        self._done: dict[tuple[str, str], int] = {}
        self._last = float("-inf")
        self._open = False

    def __call__(self, event: str, facts: dict[str, object]) -> None:
        if event not in WORDS:
            return
        with self._lock:
            now = self._clock()
            key = (event, str(facts.get("connection", "")))
            self._begun.setdefault(key, now)
            self._done[key] = _number(facts.get("read")) or self._done.get(key, 0) + _number(facts.get("records"))
            if now - self._last >= (EVERY_TERMINAL if self._stream.isatty() else EVERY_PLAIN):
                self._last = now
                self._show(self._line(key, _number(facts.get("total")), now))

    def _line(self, key: tuple[str, str], total: int, now: float) -> str:
        done, seconds = self._done[key], now - self._begun[key]
        parts = [f"{WORDS[key[0]]} {key[1]} {done:,}".replace("  ", " ")]
        rate = done / seconds if seconds >= 1 else 0.0
        if total >= done and total:
            parts[0] += f" / {total:,}"
            parts.append(f"{100 * done // total} %")
        if rate:
            parts.append(f"{rate:,.0f}/s")
            if total > done:
                parts.append(f"about {span((total - done) / rate)} left")
        return " · ".join(parts)

    def _show(self, line: str) -> None:
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[2K{line}")
            self._stream.flush()
            self._open = True
        else:
            note(line)

    def close(self) -> None:
        """Take the line away, so that the result stands alone."""
        with self._lock:
            if self._open:
                self._stream.write("\r\x1b[2K")
                self._stream.flush()
                self._open = False


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
