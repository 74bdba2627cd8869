"""Sweep: compare a spoke with all that is known of it, and repair what its cursor missed.

First the ordinary pull, then a reading of everything: what that finds on top is the repair count, and it is an alarm.
Records that a complete listing does not name are looked up one by one: absence alone is no proof of a delete, and a list
that is suddenly short allows none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.core.model import Spoke
from hub.engine import guards
from hub.engine.context import Hub, Run
from hub.engine.intake import read_all
from hub.engine.pull import get, take_in
from hub.engine.push import push
from hub.engine.reconcile import may_settle
from hub.engine.recover import recover
from hub.engine.report import Report, report
from hub.engine.run import check_not_paused, running
from hub.engine.settle import settle
from hub.store import records, runs


@dataclass(slots=True)
class Swept:
    """What a sweep found. `repaired`: changes that the cursors had missed, per connection; `missing`: records that were
    not listed and were looked up; `short`: spokes whose list was too short to believe."""

    repaired: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    short: dict[str, str] = field(default_factory=dict)


def sweep(hub: Hub, name: str, *, trigger: str = "person") -> tuple[Report, Swept]:
    """Compare every spoke of a sync in full, settle what differs and push what follows."""
    check_not_paused(hub, name)
    found = Swept()
    with running(hub, name, trigger=trigger, kind="sweep") as run:
        recover(hub, run)
        read_all(hub, run)
        before = _changed(hub, run)
        run.full = True
        read_all(hub, run)
        after = _changed(hub, run)
        found.repaired = {c: n - before.get(c, 0) for c, n in after.items() if n > before.get(c, 0)}
        for spoke in run.sync.spokes:
            if spoke.connection not in run.failed_pulls:
                _look_for_missing(hub, run, spoke, found)
        if may_settle(hub, run):
            settle(hub, run)
            push(hub, run)
        with hub.store.begin() as tx:
            run.hold(tx)
            runs.set_sync(tx, name, swept_at=tx.now)
        problems = run.problems
    return report(hub, run.id, problems=problems), found


def _changed(hub: Hub, run: Run) -> dict[str, int]:
    with hub.store.read() as tx:
        found: dict[str, int] = {}
        for connection, _, n in runs.outcomes(tx, run.id):
            found[connection] = found.get(connection, 0) + n
    return found


def _look_for_missing(hub: Hub, run: Run, spoke: Spoke, found: Swept) -> None:
    with hub.store.read() as tx:
        known = records.live_count(tx, spoke.connection, spoke.object)
        missing = records.not_listed(tx, spoke.connection, spoke.object, run.id)
    if not missing:
        return
    if guards.too_many_gone(len(missing), known):
        text = (
            f"{spoke.connection} lists {known - len(missing)} of {known} {spoke.object} records. That looks like a "
            f"missing permission or a cut list, not like {len(missing)} deletions. Nothing was deleted. "
            f"Next: accordant connections test {spoke.connection}. [S-SHORT]"
        )
        found.short[spoke.connection] = text
        run.guarded[f"{spoke.connection}.sweep"] = text
        return
    found.missing[spoke.connection] = len(missing)
    connector = hub.connectors[spoke.connection]
    size = connector.capabilities(spoke.object).read_batch
    for n in range(0, len(missing), size):
        take_in(hub, run, spoke, get(hub, run, spoke, missing[n : n + size]))
