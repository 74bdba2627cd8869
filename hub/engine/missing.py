"""Compare a spoke's whole list with the records that we know of it, and look those up by id that it does not name.

Absence alone is no proof of a delete, and a list that is suddenly short allows none.
"""

from __future__ import annotations

from hub.core.model import Spoke
from hub.engine import guards
from hub.engine.context import Hub, Run
from hub.engine.pull import get, take_in
from hub.store import records


def look_for_missing(hub: Hub, run: Run) -> tuple[dict[str, int], dict[str, str]]:
    """After every spoke was read whole: look up what was not listed. Returns {connection: how many were looked up} and
    {connection: why its list is not believed}; the latter are guards of the run, too."""
    missing: dict[str, int] = {}
    short: dict[str, str] = {}
    for spoke in run.sync.spokes:
        if spoke.connection not in run.failed_pulls:
            _look_up(hub, run, spoke, missing, short)
    return missing, short


def _look_up(hub: Hub, run: Run, spoke: Spoke, looked_up: dict[str, int], short: dict[str, str]) -> None:
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
        short[spoke.connection] = text
        run.guarded[f"{spoke.connection}.sweep"] = text
        return
    looked_up[spoke.connection] = len(missing)
    size = hub.connectors[spoke.connection].capabilities(spoke.object).read_batch
    for n in range(0, len(missing), size):
        take_in(hub, run, spoke, get(hub, run, spoke, missing[n : n + size]))
