"""When was a value entered? Only as an interval is that known, and two intervals that overlap cannot be ordered.

A person changed a field at some moment after the last read that still showed the old value and no later than the stamp
of the version that shows the new one. Everything here compares such intervals and never guesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import inf
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds since the epoch: the value was entered after `after` and not after `until`."""

    after: float = -inf
    until: float = inf

    def before(self, other: Interval, tolerance: float) -> bool:
        """Surely earlier, even if each of the two clocks is wrong by `tolerance` seconds."""
        return self.until + tolerance < other.after - tolerance


UNKNOWN = Interval()


@lru_cache(maxsize=4096)
def seconds(stamp: str) -> float | None:
    """An RFC 3339 stamp as seconds, or None where there is none or it cannot be read."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def between(after: str, stamp: str) -> Interval:
    """The interval between two stamps; an end that is missing is open."""
    first, last = seconds(after), seconds(stamp)
    return Interval(-inf if first is None else first, inf if last is None else last)


def at(stamp: str) -> Interval:
    """A moment that is known exactly, as from a field's history."""
    return between(stamp, stamp)


def latest(intervals: Iterable[Interval]) -> Interval:
    """When a value that several people entered was entered last. An entry of unknown time may be the last one."""
    found = list(intervals)
    return Interval(max(i.after for i in found), max(i.until for i in found))


def newest(timed: Sequence[tuple[T, Interval]], tolerance: float) -> list[T]:
    """Those that are not surely older than another one: exactly one where the newest is knowable."""
    return [item for item, own in timed if not any(own.before(other, tolerance) for _, other in timed)]
