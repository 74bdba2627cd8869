"""Keep calls below a vendor's limits, and stop calling a system that is down.

`MemoryBuckets` shares rate limits inside one process (pyrate-limiter does the counting, the Clock does the waiting).
`Breaker` guards one connection: after too many failures it refuses at once until one probe has gone well.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from hub.connect.connector import Clock
from hub.core.errors import Retry

if TYPE_CHECKING:
    from pyrate_limiter import InMemoryBucket


class NoLimits:
    """Buckets that never make anybody wait."""

    def acquire(self, name: str, rate: float, per: float, weight: int = 1) -> None:
        return None


class MemoryBuckets:
    """Rate limits in memory: a sliding window per bucket name and rate."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, int, int], InMemoryBucket] = {}

    def acquire(self, name: str, rate: float, per: float, weight: int = 1) -> None:
        """Wait until `weight` calls fit. More than a whole window holds is let through in portions."""
        if rate <= 0 or per <= 0:
            raise ValueError(f"a rate needs to be above zero: {rate} in {per} s for {name}")
        # A limit below one call per window is one call in a longer window.
        limit, window = (int(rate), per) if rate >= 1 else (1, per / rate)
        key = (name, limit, max(1, round(window * 1000)))
        while weight > 0:
            portion = min(weight, limit)
            while wait := self._try(key, portion):
                self._clock.sleep(wait)
            weight -= portion

    def _try(self, key: tuple[str, int, int], weight: int) -> float:
        """Take `weight` now and return 0, or return the seconds to wait before asking again."""
        from pyrate_limiter import InMemoryBucket, Rate, RateItem

        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = InMemoryBucket([Rate(key[1], key[2])])
            newest = bucket.peek(0)
            # The window counts by time, so a clock that was set back must not unsort it.
            now = max(int(self._clock.now() * 1000), newest.timestamp if newest else 0)
            bucket.leak(now)
            item = RateItem(key[0], now, weight)
            if bucket.put(item):
                return 0.0
            wait = bucket.waiting(item)
            assert isinstance(wait, int), "an in-memory bucket answers at once"
            return max(wait, 1) / 1000


class Breaker:
    """A circuit breaker for one connection.

    It opens when half of the last `window` calls failed, refuses for `pause` seconds (doubled after each failed probe,
    at most `longest`), then lets one call through as a probe. Its outcome closes or re-opens the breaker.
    """

    def __init__(self, clock: Clock, *, window: int = 20, share: float = 0.5, pause: float = 30, longest: float = 900):
        self._clock = clock
        self._calls: deque[bool] = deque(maxlen=window)
        self._limit = max(1, round(window * share))
        self._first, self._longest = pause, longest
        self._pause = pause
        self._until: float | None = None
        self._probing = False
        self._lock = threading.Lock()

    @property
    def state(self) -> str:
        """closed | open | half-open."""
        if self._until is None:
            return "closed"
        return "half-open" if self._probing or self._clock.now() >= self._until else "open"

    def before(self) -> None:
        """Call it before each call. Raises Retry while the breaker is open."""
        with self._lock:
            if self._until is None:
                return
            left = self._until - self._clock.now()
            if left <= 0:
                # A probe that never reports back must not close the door for ever: the next one may try after a pause.
                self._probing, self._until = True, self._clock.now() + self._pause
                return
            raise Retry(
                "the connection is paused because too many calls failed",
                after=left,
                why=f"{self._calls.count(False)} of the last {len(self._calls)} calls failed",
                unchanged="Nothing was sent",
                next="wait, or run `accordant connections test` to see what the system answers",
                code="E-BREAKER",
            )

    def ok(self) -> None:
        """The call was answered, whatever the answer says about the record."""
        with self._lock:
            if self._until is not None:
                self._calls.clear()
                self._until, self._probing, self._pause = None, False, self._first
            self._calls.append(True)

    def failed(self) -> None:
        """The system did not answer, or answered that it is broken."""
        with self._lock:
            self._calls.append(False)
            if self._probing:
                self._pause = min(self._pause * 2, self._longest)
                self._until, self._probing = self._clock.now() + self._pause, False
            elif self._until is None and self._calls.count(False) >= self._limit:
                self._until = self._clock.now() + self._pause
