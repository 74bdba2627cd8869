"""Workers that sleep through the end of their lease, and wake when another one has done their work.

The sleeper is stopped at each of its steps in turn, except between the statements of a transaction: there it holds the
database's own lock, and nobody can take over before it lets go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hub.core.errors import Refused
from hub.engine.context import LEASE_SECONDS, Calls
from tests.simulation.crashes.course import Stage
from tests.simulation.crashes.pictures import leave_alone, nothing, watch
from tests.simulation.crashes.scenes import Act
from tests.simulation.world import World, connectors

IN_FLIGHT = "before:write"
"""Asleep here the write is on its way already, and no check of ours can call it back."""


@dataclass(slots=True)
class Sleeper:
    """A world whose process falls asleep at its n-th step, while another one does the act that was under way."""

    w: World
    at: int
    meanwhile: Act | None = None
    steps: int = 0
    act: Act | None = None
    asleep_at: str = ""
    writes: int = 0

    def __post_init__(self) -> None:
        watch(self.w, self.step)

    def step(self, event: str) -> None:
        if event == "before:commit" or self.asleep_at:
            return
        self.steps += 1
        if self.steps == self.at:
            self.asleep_at = event
            self._sleep()

    def _sleep(self) -> None:
        w, hooks = self.w, self._hooks()
        leave_alone(w)
        w.clock.advance(LEASE_SECONDS + 1)
        assert self.act is not None
        self.act(another(w))
        if self.meanwhile is not None:
            w.clock.advance(1)
            self.meanwhile(w)
        self.writes = w.written()
        w.hub.hook, w.hub.store.hook = hooks[0], hooks[1]
        for remote, hook in zip(w.remotes.values(), hooks[2:], strict=True):
            remote.hook = hook

    def _hooks(self) -> list[Any]:
        return [self.w.hub.hook, self.w.hub.store.hook, *(r.hook for r in self.w.remotes.values())]


def another(w: World) -> World:
    """A second process over the same database and the same systems."""
    calls = Calls()
    hub = replace(
        w.hub,
        holder="another worker",
        new_id=lambda prefix: f"{w.hub.new_id(prefix)}w",
        hook=nothing,
        calls=calls,
        connectors=connectors(w.remotes, w.clock, calls),
    )
    return World(w.remotes, hub, w.clock, w.rng)


def woken(on: Stage, at: int, meanwhile: Act | None = None) -> tuple[str, list[str]]:
    """Where the worker fell asleep ("" if it has fewer steps), and what does not hold after it woke."""
    w = on.first_process()
    w.hub.is_alive = lambda holder: True
    sleeper = Sleeper(w, at, meanwhile)
    for n, act in enumerate(on.scene.acts):
        sleeper.act = act
        found: list[str] = []
        try:
            act(w)
        except Refused as problem:
            if problem.code != "S-FENCED":
                found.append(f"it is told {problem.code}, not S-FENCED: {problem.explain()}")
        if sleeper.asleep_at:
            allowed = sleeper.asleep_at == IN_FLIGHT
            if w.written() > sleeper.writes and not allowed:
                found.append(f"it made {w.written() - sleeper.writes} writes after it woke")
            leave_alone(w)
            return sleeper.asleep_at, found + on.finished(w, n + 1, alike=meanwhile is None)
    return "", []


def zombies(on: Stage, meanwhile: Act | None = None, stride: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Each step at which a worker fell asleep, and what did not hold."""
    at = 1
    while (told := woken(on, at, meanwhile))[0]:
        yield f"asleep at step {at}, {told[0]}", told[1]
        at += stride
