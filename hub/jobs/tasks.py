"""What jobs do, by name. A task gets a reference and finds in the tables what there is to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hub.core.errors import Refused
from hub.jobs.queue import Task
from hub.jobs.scheduler import CHECK

if TYPE_CHECKING:
    from hub.jobs.assemble import Assembly


def tasks_of(project: Assembly) -> Mapping[str, Task]:
    return {
        "run": lambda sync: run(project, sync),
        "sweep": lambda sync: sweep(project, sync),
        CHECK: lambda _hub: check(project),
    }


def run(project: Assembly, sync: str) -> None:
    """One scheduled run of a sync."""
    from hub.engine.run import run_sync

    link_only = _check_first_run(project, sync)
    project.check_accounts(sync)
    run_sync(project.hub, sync, trigger="schedule", link_only=link_only)


def sweep(project: Assembly, sync: str) -> None:
    """The full comparison of a sync that is applied."""
    from hub.engine.sweep import sweep as compare

    if not _is_applied(project, sync):
        return
    project.check_accounts(sync)
    compare(project.hub, sync, trigger="schedule")


def check(project: Assembly) -> None:
    """The hub checks itself: what is new since the last time."""
    from hub.engine.selfcheck import self_check

    self_check(project.hub)


def _is_applied(project: Assembly, sync: str) -> bool:
    from hub.store import runs

    with project.store.read() as tx:
        return bool(runs.sync_state(tx, sync)["applied"])


def _check_first_run(project: Assembly, sync: str) -> bool:
    """Whether this run only links. A sync whose first run is to be planned waits for a person."""
    first = project.hub.sync(sync).first_run
    if _is_applied(project, sync):
        return False
    if first == "plan":
        raise Refused(
            f"{sync} was never applied, and its first_run is `plan`",
            unchanged="Nothing was read or written",
            next=f"accordant run {sync} makes the plan; accordant apply FILE carries it out",
            code="S-FIRST",
        )
    return first == "link_only"
