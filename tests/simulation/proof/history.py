"""What is kept of one history while it plays: its dice, its story as sentences, and which of its events are left out.

Every event (an act of a person, a fault, a death, a turn of the weather) has a name of its own, `round.step`, and dice of
its own, so that leaving one out changes none of the others: that is what makes a failing history shrink.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

from hub.engine.report import Report
from tests.simulation.proof.scene import Scene


class Crash(BaseException):
    """The process dies here."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Chances per step."""

    act: float
    fault: float
    crash: float


@dataclass(slots=True)
class History:
    """A scene under way.

    `skip`: events to leave out; `happened`: events in order; `reports`: finished runs, with the name of each one's sync;
    `forgotten`: what the hub's own store said before it was set back to an older copy; `gaps`: the times that it then
    lacks; `escaped`: what went wrong with a run after all trouble had ended.

    Of the run under way: `running`, the name of its sync; `not_before`, when each system wants to be called again;
    `asleep`, whether its worker sleeps; `overtaken`, whether another one has taken its work over. `hasty` and `late`:
    writes that came too early, and after that; `told`: for each finished run, how many records the systems handed out.
    """

    seed: int
    scene: Scene
    rates: Rates
    rounds: int
    skip: frozenset[str] = frozenset()
    happened: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    reports: list[tuple[str, Report]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    crashes: int = 0
    calm: bool = False
    round: int = 0
    step: int = 0
    dice: random.Random = field(default_factory=random.Random)
    quiet_writes: list[str] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    backup_at: float = 0.0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    escaped: list[str] = field(default_factory=list)
    running: str = ""
    not_before: dict[str, float] = field(default_factory=dict)
    asleep: bool = False
    overtaken: bool = False
    hasty: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    typed: int = 0

    def say(self, text: str) -> None:
        self.story.append(text)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def event(self, name: str) -> random.Random | None:
        """The dice of an event, or None if it is left out."""
        if name in self.skip:
            return None
        self.happened.append(name)
        return random.Random(f"{self.seed}/{name}")

    def token(self, dice: random.Random) -> str:
        """A value that nobody else in this history types."""
        self.typed += 1
        return f"{self.round:02d}{self.typed:03d}{dice.choice('XYZ')}yz"

    def digest(self) -> str:
        """What happened and what was decided, as one number: equal on every replay."""
        seen = hashlib.blake2b(digest_size=12)
        for line in self.story:
            seen.update(line.encode())
        for name in self.scene.names:
            for call in self.scene.remotes[name].writes:
                write = call.write
                fields = sorted(write.fields.items())
                seen.update(f"{name} {call.object} {write.action} {write.id} {fields!r} {call.status}".encode())
        return seen.hexdigest()


def facts(report: Report) -> dict[str, Any]:
    """The figures of a report that are not zero."""
    return {k: v for k, v in report.outcomes.items() if v} | {k: v for k, v in report.operations.items() if v}
