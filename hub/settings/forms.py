"""Small texts with a form of their own: durations, limits, times of day, cron lines."""

from __future__ import annotations

import re
from typing import Any

from hub.core.model import Limit

_UNITS = {"s": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_NAMES = {n: str(i) for i, n in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
_NAMES |= {n: str(i) for i, n in enumerate("sun mon tue wed thu fri sat".split())}  # noqa: SIM905


def duration(text: str) -> float:
    """Seconds of `5 minutes`, `30s`, `1 h`."""
    match = _DURATION.fullmatch(text.strip().lower())
    unit = match and (_UNITS.get(match[2]) or _UNITS.get(match[2].removesuffix("s")))
    if not match or not unit:
        raise ValueError("Write a number with s, minutes, hours or days, such as `5 minutes`.")
    return float(match[1]) * unit


def interval(text: str) -> float:
    """A duration between two runs: not zero, not more than a year."""
    seconds = duration(text)
    if not 1 <= seconds <= 366 * 86_400:
        raise ValueError("It must be between 1 second and 366 days.")
    return seconds


def share(text: str) -> float:
    """0.2 of `20%`."""
    match = _PERCENT.fullmatch(text.strip())
    if not match or float(match[1]) > 100:
        raise ValueError("Write a share from 0% to 100%.")
    return float(match[1]) / 100


def limit(text: str) -> Limit:
    """A guard: `500`, `20%` or `none`."""
    if text.strip() == "none":
        return Limit()
    if re.fullmatch("[0-9]{1,9}", text.strip()):
        return Limit(count=int(text))
    try:
        return Limit(share=share(text))
    except ValueError as error:
        raise ValueError("Write a number such as 500, a share such as 20%, or none.") from error


def daily(text: str) -> tuple[str, str]:
    """("02:30", "Europe/Berlin") of `02:30 Europe/Berlin`; UTC if no zone is named."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    clock, _, zone = text.strip().partition(" ")
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", clock):
        raise ValueError("Write a time of day and a zone, such as `02:30 Europe/Berlin`.")
    try:
        ZoneInfo(zone.strip() or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"There is no time zone `{zone.strip()}`; zones are named like Europe/Berlin.") from error
    return clock, zone.strip() or "UTC"


def cron(text: str) -> str:
    """Five fields of a cron line, checked: numbers in range, and a day that some month has."""
    parts = text.lower().split()
    if len(parts) != 5:
        raise ValueError("Write five fields: minute hour day month weekday, such as `0 6 * * mon-fri`.")
    sets = [_cron_field(part, *field) for part, field in zip(parts, _CRON, strict=True)]
    days, months = sets[2], sets[3]
    if parts[4] == "*" and not any(day <= _LONGEST_MONTH[month - 1] for day in days for month in months):
        raise ValueError("No month has such a day, so it would never run.")
    return " ".join(parts)


def _cron_field(part: str, name: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for piece in part.split(","):
        span, _, step = piece.partition("/")
        low, dash, high = span.partition("-")
        ends = [str(least), str(most)] if span == "*" else [_NAMES.get(e, e) for e in (low, high if dash else low)]
        if not all(e.isdecimal() for e in ends) or (step and not re.fullmatch("[1-9][0-9]*", step)):
            raise ValueError(f"`{part}` is no {name}: write numbers from {least} to {most}, *, lists and ranges.")
        first, last = int(ends[0]), most if step and not dash and span != "*" else int(ends[1])
        if not least <= first <= last <= most:
            raise ValueError(f"`{part}` is no {name}: it must lie between {least} and {most}.")
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def percentages(value: Any) -> Any:
    """The same data, with `20%` as 0.2."""
    if isinstance(value, dict):
        return {k: percentages(v) for k, v in value.items()}
    return share(value) if isinstance(value, str) and _PERCENT.fullmatch(value.strip()) else value
