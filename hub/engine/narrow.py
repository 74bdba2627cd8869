"""Narrow down when a contested field was edited, where the spoke keeps a history of its fields.

A record's stamp says only that something of it changed by then. Before records are settled that changed in several
spokes at once, those spokes that have a history are asked when each edited field got its value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.connect.connector import Connector, FieldVersion
from hub.core.model import ABSENT, Link, Spoke
from hub.engine.context import Hub, Run
from hub.store import goldens, records
from hub.store.records import Pending


def narrow(hub: Hub, run: Run) -> None:
    """Ask for the moments of edits that `newest` will have to compare."""
    if not any("newest" in chain for chain in run.sync.policy.conflicts.values()):
        return
    with hub.store.read() as tx:
        contested = records.contested(tx, run.sync.name)
    for spoke in run.sync.spokes:
        connector = hub.connectors[spoke.connection]
        mine = [r for r in contested if (r.connection, r.object) == (spoke.connection, spoke.object)]
        if not mine or not connector.capabilities(spoke.object).field_history or spoke.connection in run.failed_pulls:
            continue
        size = connector.capabilities(spoke.object).read_batch
        for n in range(0, len(mine), size):
            _one_batch(hub, run, spoke, connector, mine[n : n + size])


def _one_batch(hub: Hub, run: Run, spoke: Spoke, connector: Connector, rows: Sequence[Pending]) -> None:
    with hub.store.read() as tx:
        links = goldens.links_by_record(tx, spoke.connection, spoke.object, [r.remote_id for r in rows])
    edited = {r.remote_id: _edited(spoke, links[r.remote_id], r) for r in rows if r.remote_id in links}
    names = sorted({name for paths in edited.values() for name in paths.values()})
    if not names:
        return
    history = connector.history(spoke.object, sorted(edited), names)
    points = {
        r.seq: found for r in rows if (found := _points(r, edited.get(r.remote_id, {}), history.get(r.remote_id, {})))
    }
    with hub.store.begin() as tx:
        run.hold(tx)
        records.set_points(tx, points)


def _edited(spoke: Spoke, link: Link, row: Pending) -> dict[str, str]:
    """{path: remote name} of the fields of one remote value whose raw value is not the base's form."""
    found = {}
    for path, rule in spoke.mapping.rules.items():
        names, pair = rule.remote_names(), link.base.get(path)
        raw = rule.raw(row.fields) if rule.readable else ABSENT
        if len(names) == 1 and pair is not None and raw is not ABSENT and raw != pair.form:
            found[path] = names[0]
    return found


def _points(row: Pending, edited: Mapping[str, str], history: Mapping[str, Sequence[FieldVersion]]) -> dict[str, str]:
    """When each edited field got the value that was read: the newest entry of the history that holds it."""
    points = {}
    for path, name in edited.items():
        entry = next((e for e in history.get(name, ()) if e.value == row.fields.get(name)), None)
        if entry is not None:
            points[path] = entry.stamp
    return points
