"""What the stories share: deaths at chosen moments, lost answers, and the questions asked at the end of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from hub.core.errors import HubError, Retry, Unknown
from hub.engine import reconcile, repair
from hub.engine.report import Report
from hub.store import audit, goldens, operations, reviews
from hub.store.operations import Operation
from tests.simulation.world import World

LEASE = 301


class Killed(BaseException):
    """The process dies here: nothing may catch it, nothing is tidied up."""


def nothing(event: str) -> None:
    """A hook that lets everything pass."""


def on(event: str, work: Callable[[], None], nth: int = 1) -> Callable[[str], None]:
    """A hook that does `work` once, when `event` comes for the nth time."""
    left = nth

    def hook(happened: str) -> None:
        nonlocal left
        if happened == event:
            left -= 1
            if left == 0:
                work()

    return hook


def die() -> None:
    raise Killed


def kill(w: World, event: str, nth: int = 1, *, at: str = "") -> None:
    """A run that is killed at an event of the engine, or of the remote `at`; then its lease runs out."""
    target: Any = w[at] if at else w.hub
    target.hook = on(event, die, nth)
    with pytest.raises(Killed):
        w.run()
    target.hook = nothing
    w.clock.advance(LEASE)


def fail(w: World, remote: str, error: HubError, *events: str, times: int = 1) -> None:
    """The next calls of these kinds end in this error."""
    left = times

    def hook(happened: str) -> None:
        nonlocal left
        if happened in events and left:
            left -= 1
            raise error

    w[remote].hook = hook


def lose_answers(w: World, remote: str, times: int = 1) -> None:
    """The remote carries out the next writes, and its answers are lost."""
    fail(w, remote, Unknown("the connection broke"), "after:write", times=times)


def unreachable(w: World, remote: str) -> None:
    """Every call of this remote fails before it does anything."""

    def hook(happened: str) -> None:
        if happened.startswith("before:"):
            raise Retry("no route to the remote", after=100.0)

    w[remote].hook = hook


def heal(w: World) -> None:
    w.hub.hook = nothing
    for remote in w.remotes.values():
        remote.hook = nothing


def meddle(w: World, remote: str, event: str, work: Callable[[], object], nth: int = 1) -> None:
    """A person acts on a remote just before or after one of the hub's calls."""
    w[remote].hook = on(event, lambda: (work(), None)[1], nth)


# ---------------------------------------------------------------- at the end


def adds_up(told: Report) -> None:
    """Every record read has exactly one outcome, and every operation one state."""
    assert told.pending == 0, f"{told.pending} changes were read and not settled"
    assert told.read == sum(told.outcomes.values()) + told.taken
    spokes = told.spokes.values()
    assert told.read == sum(s["read"] for s in spokes) + told.taken
    for name, n in told.operations.items():
        assert n == sum(s["operations"][name] for s in spokes)


def silent(w: World, runs: int = 1) -> None:
    """Nothing changes any more: runs read, find nothing, and write nothing anywhere."""
    before = w.written()
    for _ in range(runs):
        adds_up(w.run())
    assert w.written() == before, [c for r in w.remotes.values() for c in r.writes][before:]


def settle_down(w: World) -> None:
    """Faults have ended: at most three runs bring agreement, then there is silence."""
    heal(w)
    for _ in range(3):
        before = w.written()
        told = w.run()
        adds_up(told)
        if w.written() == before and not told.outcomes["applied"]:
            break
    silent(w, 1)


def agree(w: World, *names: str) -> None:
    """All spokes hold the same values in these fields, record by record."""
    held = {r: sorted([[row.get(n) or "" for n in names] for row in w.rows(r).values()]) for r in w.remotes}
    first, *others = held.values()
    assert all(other == first for other in others), held


def conflicts(w: World, state: str = "open") -> list[dict[str, Any]]:
    return list(w.ask(reviews.conflicts, "", state))


def resolve(w: World, *, keep: str = "", value: Any = None) -> None:
    """A person decides the one open conflict."""
    (one,) = conflicts(w)
    repair.resolve_conflict(w.hub, one["id"], keep=keep, value=value, by="ana")


def letters(w: World) -> list[dict[str, Any]]:
    return list(w.ask(reviews.letters))


def open_reviews(w: World) -> list[dict[str, Any]]:
    return list(w.ask(reviews.reviews))


def audited(w: World, action: str = "") -> list[dict[str, Any]]:
    return list(w.ask(audit.entries, action=action, limit=100_000))


def lost_values(w: World) -> list[tuple[str, Any, str]]:
    """(field, value, reason) of everything that a person entered and that did not win, from the audit log."""
    return [(c["field"], c["lost"], c.get("reason", "")) for e in audited(w) for c in e["changes"] if "lost" in c]


def links(w: World, remote: str) -> dict[str, Any]:
    """{remote id: link} of one spoke."""
    return dict(w.ask(goldens.links_by_record, remote, "person", list(w[remote]._tables["person"].rows)))


def golden_of(w: World, remote: str, id: str) -> str:
    return str(links(w, remote)[id].golden)


def golden_count(w: World) -> int:
    return int(w.ask(goldens.count, "people"))


def open_operations(w: World) -> list[Operation]:
    return list(w.ask(operations.in_state, "people", operations.OPEN))


def backup(w: World) -> sqlite3.Connection:
    """A copy of the hub's database, as it is now."""
    copy = sqlite3.connect(":memory:")
    with w.hub.store.engine.connect() as source:
        source.connection.driver_connection.backup(copy)
    return copy


def restore(w: World, copy: sqlite3.Connection) -> None:
    """The hub's database goes back to the copy, and is marked as restored; the remotes do not go back."""
    set_back(w, copy)
    reconcile.begin(w.hub.store)


def set_back(w: World, copy: sqlite3.Connection) -> None:
    with w.hub.store.engine.connect() as target:
        copy.backup(target.connection.driver_connection)


def release(w: World) -> None:
    """A person lets creates and deletes go on."""
    reconcile.release(w.hub, "ana")
