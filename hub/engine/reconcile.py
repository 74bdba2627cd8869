"""Reconcile mode: after the hub's database was restored from a backup, nothing that it remembers is trusted.

Everything is read again and compared. Values that can be told apart go on; what cannot is a conflict. Creates and deletes
are decided and shown, and sent only after a person has released them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.core.errors import Refused
from hub.engine.context import Hub, Run
from hub.engine.intake import read_all, read_only_hinted
from hub.engine.missing import look_for_missing
from hub.store import reconcile as store
from hub.store import runs
from hub.store.db import Store
from hub.store.reconcile import HELD, Restored

__all__ = ["HELD", "Restored", "begin", "current", "may_settle", "not_compared", "note_held", "release"]

WORDS = {"create": "creates", "delete": "deletes", "archive": "archives"}


def begin(database: Store, by: str = "hub") -> None:
    """Mark the database as restored, in one transaction. Leases that it remembers count for nothing.

    Call it before anything else runs on a restored database; doing it twice does no harm.
    """
    with database.begin() as tx:
        store.begin(tx, by)


def current(database: Store) -> Restored | None:
    """The restore that nobody has released yet, or None."""
    with database.read() as tx:
        return store.current(tx)


def release(hub: Hub, who: str, *, unread_too: bool = False) -> Restored:
    """End the mode: creates and deletes go on with the next run. Returns the restore that it was about.

    Raises Refused if the hub is not in the mode, or if a sync has not compared everything since, unless `unread_too`.
    """
    with hub.store.begin() as tx:
        found = store.current(tx)
        if found is None:
            raise Refused(
                "nothing waits for a release: the database was not restored, or somebody released it",
                unchanged="Nothing was changed",
                next="accordant status",
                code="S-NONE",
            )
        missing = [] if unread_too else store.not_compared(tx, sorted(hub.syncs))
        if missing:
            raise Refused(
                f"since the restore not everything was read and compared by {', '.join(missing)}",
                why="a record that is there and was not read would be created a second time",
                unchanged="Creates and deletes still wait",
                next="accordant run --all, then release again",
                code="S-RECONCILE",
            )
        store.release(tx, f"person:{who}")
    return found


def not_compared(hub: Hub) -> list[str]:
    """The syncs that have not read and compared everything since the restore."""
    with hub.store.read() as tx:
        return store.not_compared(tx, sorted(hub.syncs))


def read_as_due(hub: Hub, run: Run) -> None:
    """Read the spokes of a run: what changed, or only what hints name, or, the first time after a restore, everything."""
    if run.restored and _is_due(hub, run):
        run.full, run.only_hints = True, False
        read_all(hub, run)
        look_for_missing(hub, run)
        note_compared(hub, run)
    elif run.only_hints:
        read_only_hinted(hub, run)
    else:
        read_all(hub, run)


def _is_due(hub: Hub, run: Run) -> bool:
    with hub.store.read() as tx:
        return bool(store.not_compared(tx, [run.sync.name]))


def note_compared(hub: Hub, run: Run) -> None:
    """Every spoke was read whole, and what was not listed was looked up. After a restore that counts only if all answered."""
    if run.restored and run.failed_pulls:
        return
    with hub.store.begin() as tx:
        run.hold(tx)
        runs.set_sync(tx, run.sync.name, swept_at=tx.now)


def may_settle(hub: Hub, run: Run) -> bool:
    """Whether this run may decide anything. After a restore only one may that has all sides to compare."""
    if not run.restored or not _is_due(hub, run):
        return True
    run.notices["restored"] = (
        "the hub's database was restored, and nothing is decided before everything was read and compared. "
        f"Next: accordant run {run.sync.name} [S-RECONCILE]"
    )
    return False


def note_held(hub: Hub, run: Run) -> None:
    """Say what this run did not send because of the restore."""
    if not run.restored:
        return
    with hub.store.read() as tx:
        found = store.held_operations(tx, run.sync.name)
    if found:
        run.held["restored"] = (
            f"{held_text({(c, a): n for _, c, a, n in found})} wait, for the hub's database was restored. "
            f"Next: accordant plan {run.sync.name} shows them, accordant db release lets them go [S-RECONCILE]"
        )


def held_text(found: Mapping[tuple[str, str], int] | Mapping[Any, int]) -> str:
    """{(connection, action): how many} in words."""
    return ", ".join(f"{n} {WORDS[action]} in {connection}" for (connection, action), n in sorted(found.items()))
