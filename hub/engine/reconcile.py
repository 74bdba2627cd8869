"""Reconcile mode: after the hub's database was restored from a backup, nothing that it remembers is trusted.

Everything is read again and compared. Values that can be told apart go on; what cannot is a conflict. Creates and deletes
are decided and shown, and sent only after a person has released them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.core.errors import Refused
from hub.engine.context import Hub, Run
from hub.store import reconcile as store
from hub.store.db import Store
from hub.store.reconcile import HELD, Restored

__all__ = ["HELD", "Restored", "begin", "current", "may_settle", "note_held", "release", "unread"]

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

    Raises Refused if the hub is not in the mode, or if a system was not read whole since, unless `unread_too`.
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
        missing = [] if unread_too else store.unread(tx, _places(hub))
        if missing:
            raise Refused(
                "since the restore these were not read whole: " + ", ".join(f"{c} {o}" for c, o in missing),
                why="a record that is there and was not read would be created a second time",
                unchanged="Creates and deletes still wait",
                next="accordant run --all, then release again",
                code="S-RECONCILE",
            )
        store.release(tx, f"person:{who}")
    return found


def unread(hub: Hub) -> list[tuple[str, str]]:
    """(connection, object) of every sync that was not read whole yet, since the restore."""
    with hub.store.read() as tx:
        return store.unread(tx, _places(hub))


def _places(hub: Hub) -> list[tuple[str, str]]:
    found = [(spoke.connection, spoke.object) for sync in hub.syncs.values() for spoke in sync.spokes]
    return list(dict.fromkeys(found))


def may_settle(hub: Hub, run: Run) -> bool:
    """Whether this run may decide anything. After a restore only one may that has all sides to compare."""
    if not run.restored:
        return True
    with hub.store.read() as tx:
        missing = store.unread(tx, [(spoke.connection, spoke.object) for spoke in run.sync.spokes])
    if missing:
        run.notices["restored"] = (
            "the hub's database was restored, and nothing is decided before every system was read whole. Not read yet: "
            f"{', '.join(f'{c} {o}' for c, o in missing)}. Next: accordant run {run.sync.name} [S-RECONCILE]"
        )
    return not missing


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
