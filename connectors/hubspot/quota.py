"""Stay below HubSpot's limits: as configured, as HubSpot announces them, and with a share of the day left for others."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.connect.connector import Context
from hub.core.errors import ConfigError, Place, Problem, Retry

HEADERS = ("max", "remaining", "daily", "daily-remaining")


class Quota:
    """What one connection may use. `seen`: what HubSpot last said, by the ends of its header names."""

    def __init__(self, connection: str, limits: Mapping[str, Any], context: Context) -> None:
        self.connection, self.context = connection, context
        self.burst, self.search = float(limits.get("burst") or 100), float(limits.get("search") or 5)
        self.reserve = share(limits.get("reserve"))
        self.zone = ZoneInfo("UTC")
        self.seen: dict[str, int] = {}
        self._ends = 0.0  # when the day that `seen` speaks of is over

    def set_zone(self, name: str) -> None:
        """The account's time zone, by which its day ends. One that this machine does not know counts as UTC."""
        with suppress(ZoneInfoNotFoundError, ValueError):
            self.zone = ZoneInfo(name)

    def wait(self, *, search: bool) -> None:
        """Wait until a call fits. HubSpot counts searches twice: among all calls, and per second."""
        if search:
            self.context.buckets.acquire("search", self.search, 1)
        self.context.buckets.acquire("burst", min(self.burst, self.seen.get("max", self.burst)), 10)

    def keep_reserve(self) -> None:
        """Raise Retry until midnight if only the reserve of the day's calls is left."""
        most, left = self.seen.get("daily", 0), self.seen.get("daily-remaining", 0)
        if not self.reserve or not most or self.context.clock.now() >= self._ends or left > most * self.reserve:
            return
        raise Retry(
            "only the reserve of today's HubSpot calls is left",
            after=self.until_midnight(),
            where=self.connection,
            why=f"{left} of {most} calls are left, {self.reserve:.0%} are kept for others",
            unchanged="Nothing was sent",
            next="it goes on after midnight; lower limits.reserve or run less often if this recurs",
            code="E-LIMIT",
        )

    def note(self, headers: Mapping[str, str]) -> None:
        for name in HEADERS:
            text = headers.get(f"x-hubspot-ratelimit-{name}", "")
            if text.isdigit() and (name != "max" or int(text)):
                self.seen[name] = int(text)
                self._ends = self.context.clock.now() + self.until_midnight()

    def until_midnight(self) -> float:
        """Seconds until the account's day ends, which is when HubSpot counts anew."""
        now = datetime.fromtimestamp(self.context.clock.now(), self.zone)
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.timestamp() - now.timestamp()


def share(text: Any) -> float:
    """`20%` or 0.2 as a share; nothing is none. Raises ConfigError."""
    try:
        number = float(str(text or 0).strip().removesuffix("%")) / (100 if "%" in str(text) else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        said = f'limits.reserve is "{text}"; it is a share such as 20%'
        raise ConfigError([Problem(Place(), "E-OPTION", said, "write 20%")])
    return number
