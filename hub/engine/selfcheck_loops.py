"""Does the hub write the same values into a field over and over again (I3)?

What people enter is new; what a remote makes of our writes comes back. So writes count from the last one that brought a
value not written there before, from a person's decision, and from the last time that this very loop was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.engine.selfcheck_base import Finding, record
from hub.store import audit, checks
from hub.store.db import Tx, dumps, loads

FAST, FAST_WINDOW = 4, 600.0
SLOW, SLOW_WINDOW = 12, 24 * 3600.0
READ = 500
"""So many decisions about a record are looked at to learn who caused the writes."""


@dataclass(slots=True)
class Loop:
    """One field of one record as it was written. `begun`: when a value was new there; `times`: when known ones came back."""

    place: str
    path: str
    connection: str
    begun: float = 0.0
    times: list[float] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def written(self, value: str, at: float) -> None:
        if value in self.seen:
            self.times.append(at)
        else:
            self.seen.add(value)
            self.begun, self.times = at, []

    @property
    def too_often(self) -> bool:
        """Known values came back more than FAST times in FAST_WINDOW seconds, or more than SLOW times in all."""
        close = (b - a <= FAST_WINDOW for a, b in zip(self.times, self.times[FAST:], strict=False))
        return len(self.times) > SLOW or any(close)

    def after(self, moment: float) -> Loop:
        return replace(self, begun=max(self.begun, moment), times=[at for at in self.times if at > moment])


def loops(tx: Tx, sync: str, run: Any, goldens: Sequence[str], told: Mapping[str, float]) -> Iterator[Finding]:
    """Fields of these golden records that go round in the day before this run ended. `told`: {place: when that was said}."""
    since, until = run.ended - SLOW_WINDOW, run.ended
    if tx.now - until > SLOW_WINDOW:
        return
    for golden in sorted({g for _, g in checks.busy_links(tx, goldens, since, until, FAST)}):
        writes = checks.writes_of(tx, golden, since, until)
        written = {(path, o.connection) for o in writes for path, *_ in loads(o.fields)}
        for loop in _loops(writes, {place: at for place, at in told.items() if at < until}):
            if loop.too_often:
                yield from _judged(tx, sync, golden, loop, {c for path, c in written if path == loop.path})


def _loops(writes: Sequence[Any], told: Mapping[str, float]) -> list[Loop]:
    found: dict[tuple[str, str], Loop] = {}
    for o in writes:
        for path, _before, after, *_ in loads(o.fields):
            place = f"{record(o.connection, o.object, o.remote_id)} {path}"
            if o.ended_at > told.get(place, 0.0):
                loop = found.setdefault((o.link, path), Loop(place, path, o.connection))
                loop.written(dumps(after), o.ended_at)
    return list(found.values())


def _judged(tx: Tx, sync: str, golden: str, loop: Loop, written: set[str]) -> Iterator[Finding]:
    """Proven where every system that brought a value had been written itself; else one may change it by itself."""
    entries = audit.entries(tx, golden=golden, action="settled", limit=READ, newest=True)
    said = [(e["at"], c.get("by", "")) for e in entries for c in e["changes"] if c["field"] == loop.path]
    loop = loop.after(max((at for at, by in said if by.startswith("person:")), default=0.0))
    if not loop.too_often:
        return
    sources = {by for at, by in said if at > loop.begun}
    others = sorted(sources - written - {""})
    who = sorted(sources) or [loop.connection]
    n, minutes = len(loop.times), max(1, round((loop.times[-1] - loop.times[0]) / 60))
    what = f"the hub wrote values that it had written there before, {n} times in {minutes} min"
    what += f"; they come from {', '.join(others)}" if others else f"; {' and '.join(who)} changes them each time"
    next = f"accordant explain {golden} {loop.path}; end the automation that changes it there, or map it one way"
    unread = any("erased" in e or "unreadable" in e for e in entries)
    level = "warning" if others or unread else "broken"
    first = loop.times[0]
    yield Finding("I3", "loop", sync, loop.place, what, next, first, level, key=str(round(first)))
