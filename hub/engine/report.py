"""What a run did, from what is stored: the figures add up or the report says that they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.core.errors import HubError
from hub.engine.context import Hub
from hub.store import runs
from hub.store.db import Tx
from hub.store.operations import counts_of_run

OUTCOMES = ("unchanged", "applied", "conflicted", "waiting", "held", "skipped", "dead")
DONE = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "archive": "deleted",
    "merge": "merged",
    "associate": "associated",
}
OPERATIONS = (
    "created",
    "updated",
    "deleted",
    "merged",
    "associated",
    "failed",
    "unknown",
    "dead",
    "withdrawn",
    "pending",
)
LEFT = ("conflicted", "waiting", "held", "dead", "pending")


@dataclass(slots=True)
class Report:
    """One run in figures. `spokes`: the same per connection. `read` = the sum of `outcomes` and `pending`."""

    run: str
    sync: str
    state: str
    kind: str = "run"
    read: int = 0
    pending: int = 0
    taken: int = 0
    moved: int = 0
    carried: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    operations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OPERATIONS, 0))
    api_calls: int = 0
    error: str = ""
    spokes: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: Mapping[str, HubError] = field(default_factory=dict)

    @property
    def left_behind(self) -> bool:
        """Something of this run still waits for somebody, or failed."""
        some = sum(self.outcomes[o] for o in LEFT if o in self.outcomes) + self.pending + self.moved
        some += sum(self.carried.get(o, 0) for o in LEFT)
        ops = self.operations
        return bool(some or ops["failed"] or ops["unknown"] or ops["pending"] or ops["dead"])

    def as_json(self) -> dict[str, Any]:
        """With the stable keys of `run --json`."""
        names = ("run", "sync", "state", "kind", "read", "carried", "outcomes", "operations", "api_calls", "error")
        return {**{n: getattr(self, n) for n in names}, "moved": self.moved, "spokes": self.spokes}


def _spoke() -> dict[str, Any]:
    return {
        "read": 0,
        "outcomes": dict.fromkeys(OUTCOMES, 0),
        "operations": dict.fromkeys(OPERATIONS, 0),
        "api_calls": 0,
        "error": "",
    }


def report(hub: Hub, run: str, *, moved: int = 0, problems: Mapping[str, HubError] | None = None) -> Report:
    """Query what a run did."""
    with hub.store.read() as tx:
        row = runs.get(tx, run)
        told = Report(run, row.sync, row.state, row.kind, moved=moved, error=row.error, problems=problems or {})
        _read(tx, told)
        _sent(tx, told)
    return told


def _read(tx: Tx, told: Report) -> None:
    for row in runs.spokes(tx, told.run):
        spoke = told.spokes.setdefault(row.connection, _spoke())
        spoke["error"] = row.error
        spoke["api_calls"] += row.api_calls
        told.api_calls += row.api_calls
        _count(told, spoke, "unchanged", row.unchanged)
    for connection, outcome, n in runs.outcomes(tx, told.run):
        spoke = told.spokes.setdefault(connection, _spoke())
        _count(told, spoke, outcome or "pending", n)
    for _connection, outcome, n in runs.carried(tx, told.run):
        told.carried[outcome or "pending"] = told.carried.get(outcome or "pending", 0) + n


def _count(told: Report, spoke: dict[str, Any], outcome: str, n: int) -> None:
    told.read += n
    spoke["read"] += n
    if outcome == "pending":
        told.pending += n
    elif outcome == "taken":
        told.taken += n
    else:
        told.outcomes[outcome] += n
        spoke["outcomes"][outcome] += n


def _sent(tx: Tx, told: Report) -> None:
    for connection, action, state, n in counts_of_run(tx, told.run):
        name = DONE[action] if state == "done" else "pending" if state == "sent" else state
        told.operations[name] += n
        told.spokes.setdefault(connection, _spoke())["operations"][name] += n
