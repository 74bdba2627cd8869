"""What a process that is killed leaves behind: the database as last committed, and the remotes as they are.

Nothing else outlives a process, so that two kills with no commit and no write between them leave the same picture, and
whatever comes after it is the same too. A scene is therefore played once, its pictures are taken at every step, and each
is taken up by a new process: no step is left out, and none is played twice. That a kill leaves just this picture is a
test of its own.
"""

from __future__ import annotations

import copy
import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connect.clock import ManualClock
from hub.connect.memory_remote import MemoryRemote, Row, Table
from hub.engine.context import Calls
from hub.store.db import Store
from hub.store.vault import Vault
from tests.simulation.world import KEY, World, connectors

Step = Callable[[str], None]


def nothing(event: str) -> None:
    """A hook that lets everything pass."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`act`: the act of the scene under way, which is done again; `event`: the first step that left this picture;
    `process`: how many processes there had been."""

    image: bytes
    remotes: Mapping[str, MemoryRemote]
    now: float
    act: int = 0
    event: str = "the beginning"
    process: int = 0


def copy_of(remote: MemoryRemote) -> MemoryRemote:
    """A remote of its own that holds the same, undisturbed."""
    twin = copy.copy(remote)
    twin._tables = {name: _table(table) for name, table in remote._tables.items()}
    twin.log, twin.writes, twin.truncate = list(remote.log), list(remote.writes), dict(remote.truncate)
    twin.random, twin.hook = copy.copy(remote.random), nothing
    return twin


def _table(table: Table) -> Table:
    rows = {
        id: Row(list(r.versions), {name: list(entries) for name, entries in r.history.items()})
        for id, r in table.rows.items()
    }
    held = {name: {value: set(ids) for value, ids in by.items()} for name, by in table.held.items()}
    twin = Table(table.profile, rows, made=table.made)
    twin.held = held
    return twin


def driver(store: Store) -> Any:
    """The one connection of a store in memory."""
    with store.engine.connect() as connection:
        return connection.connection.driver_connection


def picture_of(w: World) -> Picture:
    """What there is now, between two runs."""
    return Picture(driver(w.hub.store).serialize(), {n: copy_of(r) for n, r in w.remotes.items()}, w.clock.now())


def new_process(like: World, picture: Picture) -> World:
    """A new process over what a picture holds, configured like another world."""
    number = picture.process + 1
    clock, chance = ManualClock(picture.now), random.Random(number)
    # One connection for all processes of a scene, of which one lives at a time: what SQLAlchemy compiled once is kept.
    store = copy.copy(like.hub.store)
    store.vault, store.now, store.hook = Vault(KEY, chance.randbytes), clock.now, nothing
    with closing(sqlite3.connect(":memory:")) as source:
        source.deserialize(picture.image)
        source.backup(driver(store))
    remotes = {name: copy_of(remote) for name, remote in picture.remotes.items()}
    for remote in remotes.values():
        remote.clock = clock
    calls = Calls()
    hub = replace(
        like.hub,
        store=store,
        connectors=connectors(remotes, clock, calls),
        clock=clock,
        new_id=_ids(number),
        holder=f"process {number}",
        is_alive=lambda holder: False,
        calls=calls,
        hook=nothing,
    )
    return World(remotes, hub, clock, chance)


def _ids(process: int) -> Callable[[str], str]:
    made = 0

    def new(prefix: str) -> str:
        nonlocal made
        made += 1
        return f"{prefix}-{process:02d}{made:05d}"

    return new


def watch(w: World, step: Step) -> None:
    """Have `step` called at every step of the engine, the store and the remotes, beside what was hooked there before."""

    def both(first: Step) -> Step:
        return step if first is nothing else lambda event: (step(event), first(event))[1]

    w.hub.hook, w.hub.store.hook = both(w.hub.hook), both(w.hub.store.hook)
    for remote in w.remotes.values():
        remote.hook = both(remote.hook)


def leave_alone(w: World) -> None:
    w.hub.hook = w.hub.store.hook = nothing
    for remote in w.remotes.values():
        remote.hook = nothing


@dataclass(slots=True)
class Camera:
    """Takes a picture at each step of a world that leaves another one than the step before. `act` is told by the player;
    `at`: for each step, which of the pictures it leaves."""

    w: World
    process: int = 1
    act: int = 0
    steps: int = 0
    commits: int = 0
    taken: list[Picture] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    image: bytes = b""
    _last: Any = None
    _copies: dict[str, tuple[Any, MemoryRemote]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._driver = driver(self.w.hub.store)
        self.image = self._driver.serialize()
        watch(self.w, self.step)

    _driver: Any = None

    def step(self, event: str) -> None:
        self.steps += 1
        if event == "after:commit":
            self.commits += 1
            self.image = self._driver.serialize()
        done = {name: (len(r.log), len(r.writes)) for name, r in self.w.remotes.items()}
        now = (self.act, self.commits, done)
        if now != self._last:
            self._last = now
            remotes = {name: self._copy(name, mark) for name, mark in done.items()}
            where = f"{event} (step {self.steps}, act {self.act + 1})"
            self.taken.append(Picture(self.image, remotes, self.w.clock.now(), self.act, where, self.process))
        self.at.append(len(self.taken) - 1)

    def _copy(self, name: str, mark: Any) -> MemoryRemote:
        if name not in self._copies or self._copies[name][0] != mark:
            self._copies[name] = (mark, copy_of(self.w.remotes[name]))
        return self._copies[name][1]
