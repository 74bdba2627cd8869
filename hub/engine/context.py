"""What the engine works with: the hub and the run, handed down from the edge; nothing below reaches for a global."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.connect.connector import Clock, Connector
from hub.connect.pool import InOrder, Pool
from hub.core.errors import HubError, Refused
from hub.core.model import Spoke, Sync
from hub.store import runs
from hub.store.db import Store, Tx

LEASE_SECONDS = 300.0
LONGEST_CALL = 60.0
OUR_OWN = frozenset({"S-FENCED", "S-CANCELLED", "E-DISK", "E-LOCKED", "E-DATABASE", "E-SCHEMA"})


class Calls:
    """Counts API calls per connection between two flushes into the run's own figures."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: dict[str, int] = {}

    def add(self, connection: str) -> None:
        with self._lock:
            self._count[connection] = self._count.get(connection, 0) + 1

    def take(self, connection: str) -> int:
        with self._lock:
            return self._count.pop(connection, 0)


@dataclass(slots=True)
class Hub:
    """A store, connectors, syncs, and the ports. `hook(event)` is called at the engine's own steps: simulations crash or
    meddle there. `progress(event, facts)` tells a person who watches. `is_alive(holder)` is False where the holder of a
    lease is known to have died (its process on this machine is gone): then nobody waits for the lease to end."""

    store: Store
    connectors: Mapping[str, Connector]
    syncs: Mapping[str, Sync]
    clock: Clock
    new_id: Callable[[str], str]
    workspace: str = "default"
    holder: str = "hub"
    is_alive: Callable[[str], bool] = lambda holder: True
    pool: Pool = field(default_factory=InOrder)
    calls: Calls = field(default_factory=Calls)
    hook: Callable[[str], None] = lambda event: None
    progress: Callable[[str, dict[str, object]], None] = lambda event, facts: None
    settle_batch: int = 200

    def sync(self, name: str) -> Sync:
        try:
            return self.syncs[name]
        except KeyError:
            raise Refused(
                f'there is no sync "{name}"',
                unchanged="Nothing was done",
                next=f"use one of: {', '.join(sorted(self.syncs)) or '(none is configured)'}",
                code="S-NAME",
            ) from None


@dataclass(slots=True)
class Run:
    """One execution of a sync. `allowed`: signatures of an applied plan's operations, or None for no restriction.

    `only_hints`: of the spokes only records are read that hints name. `notices`: what a person should know of this run.
    `restored`: the database was restored and not released since. `held`: what was not sent because of that.
    """

    id: str
    sync: Sync
    fence: int
    kind: str = "run"
    full: bool = False
    allowed: frozenset[str] | None = None
    link_only: bool = False
    only_hints: bool = False
    restored: bool = False
    guarded: dict[str, str] = field(default_factory=dict)
    failed_pulls: dict[str, str] = field(default_factory=dict)
    problems: dict[str, HubError] = field(default_factory=dict)
    drift: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, set[str]] = field(default_factory=dict)
    moved: int = 0
    held_until: float = 0.0

    @property
    def lease(self) -> str:
        return lease_name(self.sync.name)

    @property
    def mark(self) -> str:
        """How a record is marked that this run has read and found unchanged; another mark if all records are read."""
        return f"{self.id}={'all' if self.full else ''}"

    def hold(self, tx: Tx) -> None:
        """Inside a transaction: we still own this sync, or nothing of the transaction happens."""
        runs.hold_lease(tx, self.lease, self.fence, LEASE_SECONDS)
        until = tx.now + LEASE_SECONDS
        tx.notes.setdefault("after", []).append(lambda: setattr(self, "held_until", until))

    def hold_on(self, hub: Hub) -> None:
        """Before a call that writes: the lease must outlast the call, however long we waited or slept. Raises Refused
        if another worker has taken over: it has looked for this write, and may have made it."""
        if hub.clock.now() > self.held_until - LONGEST_CALL:
            with hub.store.begin() as tx:
                self.hold(tx)

    def spoke(self, connection: str, object: str) -> Spoke | None:
        for spoke in self.sync.spokes:
            if spoke.connection == connection and spoke.object == object:
                return spoke
        return None


def ends_run(problem: HubError) -> bool:
    """Whether a trouble is that of our own database or lease, not of the one spoke at which it was met. Nothing more is
    asked of any spoke then: what came of it could not be stored."""
    return problem.code in OUR_OWN


def lease_name(sync: str) -> str:
    return f"sync:{sync}"
