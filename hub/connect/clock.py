"""Clocks, stamps and a token store for one process.

Time is always passed in: `SystemClock` in production, `ManualClock` in tests and simulations, where sleeping is a jump.
Stamps are RFC 3339 in UTC with milliseconds, so that they sort as text.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class ManualClock:
    """A clock that only moves when told to. `slept` keeps every wait, for tests that look at them."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = float(start)
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._now += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody having waited for it."""
        with self._lock:
            self._now += seconds


class MemoryTokens:
    """A TokenStore that forgets when the process ends."""

    def __init__(self, tokens: dict[str, str] | None = None) -> None:
        self._tokens = dict(tokens or {})

    def load(self, name: str) -> str | None:
        return self._tokens.get(name)

    def save(self, name: str, value: str) -> None:
        self._tokens[name] = value


def to_stamp(seconds: float, resolution: float = 0.001) -> str:
    """Seconds since the epoch as a stamp, rounded down to `resolution` seconds (never finer than a millisecond)."""
    step = max(1, round(resolution * 1000))
    ms = round(seconds * 1_000_000) // 1000 // step * step
    whole = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def from_stamp(stamp: str) -> float:
    """A stamp as seconds since the epoch. Raises ValueError on text that is no stamp, or names no zone."""
    moment = datetime.fromisoformat(stamp)
    if moment.tzinfo is None:
        raise ValueError(f"a stamp needs a zone: {stamp!r}")
    return moment.timestamp()
