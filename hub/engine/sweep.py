"""Sweep: compare a spoke with all that is known of it, and repair what its cursor missed.

First the ordinary pull, then a reading of everything: what that finds on top is the repair count, and it is an alarm.
Records that a complete listing does not name are looked up one by one: absence alone is no proof of a delete, and a list
that is suddenly short allows none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.engine.context import Hub, Run
from hub.engine.intake import read_all
from hub.engine.missing import look_for_missing
from hub.engine.push import push
from hub.engine.reconcile import may_settle, note_compared
from hub.engine.recover import recover
from hub.engine.report import Report, report
from hub.engine.run import check_not_paused, running
from hub.engine.settle import settle
from hub.store import runs


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
        found.missing, found.short = look_for_missing(hub, run)
        note_compared(hub, run)
        if may_settle(hub, run):
            settle(hub, run)
            push(hub, run)
        problems = run.problems
    return report(hub, run.id, problems=problems), found


def _changed(hub: Hub, run: Run) -> dict[str, int]:
    with hub.store.read() as tx:
        found: dict[str, int] = {}
        for connection, _, n in runs.outcomes(tx, run.id):
            found[connection] = found.get(connection, 0) + n
    return found
