"""Guards: limits that stop mass damage before it begins.

A guard counts the operations of one sync and spoke over a rolling 24 hours. What would exceed it is not sent at all: a
half-done mass change helps nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hub.core.model import Limit, Spoke
from hub.engine.context import Hub, Run
from hub.store import goldens, operations
from hub.store.db import Tx

DAY = 24 * 3600.0
FEWEST_GONE, SHARE_GONE = 20, 0.02
ACTIONS = {"creates": ("create",), "updates": ("update", "associate"), "deletes": ("delete", "archive", "merge")}


@dataclass(frozen=True, slots=True)
class Tripped:
    """A guard that stopped operations."""

    connection: str
    kind: str
    wanted: int
    used: int
    allowed: int

    @property
    def text(self) -> str:
        return (
            f"{self.connection}: {self.wanted} {self.kind} wait, {self.used} were sent in the last 24 h, "
            f"and the guard allows {self.allowed}"
        )


def check(hub: Hub, run: Run, spoke: Spoke, *, but: Collection[str] = ()) -> list[Tripped]:
    """Which guards of this spoke the pending operations would break. An applied plan carries its own allowance.

    `but`: actions that are not sent anyway.
    """
    if run.allowed is not None:
        return []
    found = []
    with hub.store.read() as tx:
        for kind, all_of in ACTIONS.items():
            actions = tuple(a for a in all_of if a not in but)
            tripped = _one(tx, run, spoke, kind, actions, getattr(run.sync.guards, kind))
            if tripped is not None:
                found.append(tripped)
    return found


def _one(tx: Tx, run: Run, spoke: Spoke, kind: str, actions: tuple[str, ...], limit: Limit) -> Tripped | None:
    wanted = operations.count_pending(tx, run.sync.name, spoke.connection, actions)
    if not wanted:
        return None
    allowed = limit.allows(goldens.linked_count(tx, spoke.connection, spoke.object))
    if allowed is None:
        return None
    used = operations.used(tx, run.sync.name, spoke.connection, actions, tx.now - DAY)
    return Tripped(spoke.connection, kind, wanted, used, allowed) if wanted + used > allowed else None


def too_many_gone(gone: int, known: int) -> bool:
    """Whether so many records that are not found look like a lost permission or a cut list rather than like deletes."""
    return gone > max(FEWEST_GONE, SHARE_GONE * known)
