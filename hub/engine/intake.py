"""Intake: read every spoke of a run, several at a time. A spoke that cannot be read is noted; the others go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hub.core.errors import HubError
from hub.core.model import Spoke
from hub.engine.context import Hub, Run, ends_run
from hub.engine.hints import read_hinted
from hub.engine.pull import flush_calls, pull
from hub.store import hints, runs


def read_all(hub: Hub, run: Run) -> None:
    """Read what changed in each spoke since its cursor, then the records that hints name."""

    def both(spoke: Spoke) -> None:
        pull(hub, run, spoke)
        read_hinted(hub, run, spoke)

    hub.pool.each(lambda spoke: _noting(hub, run, spoke, both, pulled=True), run.sync.spokes)


def read_only_hinted(hub: Hub, run: Run) -> None:
    """Read only the records that hints name. If one of them is new, or a spoke was never read whole, everything is read
    after all: whether a record is missing somewhere can be told only by one who has read what is there."""
    if _all_read_whole(hub, run):
        one = partial(read_hinted, hub, run)
        hub.pool.each(lambda spoke: _noting(hub, run, spoke, one, pulled=False), run.sync.spokes)
        with hub.store.read() as tx:
            if not hints.any_unlinked(tx, run.sync.name):
                return
    run.only_hints = False
    read_all(hub, run)


def _all_read_whole(hub: Hub, run: Run) -> bool:
    with hub.store.read() as tx:
        return all(runs.cursor(tx, spoke.connection, spoke.object).full_done for spoke in run.sync.spokes)


def _noting(hub: Hub, run: Run, spoke: Spoke, read: Callable[[Spoke], None], *, pulled: bool) -> None:
    error = ""
    try:
        read(spoke)
    except HubError as problem:
        if ends_run(problem):
            raise
        error = problem.explain()
        run.failed_pulls[spoke.connection] = error
        run.problems[spoke.connection] = problem
    with hub.store.begin() as tx:
        run.hold(tx)
        runs.spoke_ended(tx, run.id, spoke.connection, spoke.object, pulled=pulled and not error, error=error)
        flush_calls(hub, tx, run, spoke)
