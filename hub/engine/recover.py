"""Recover: operations whose intent is committed and whose answer was lost are looked up before anything else is done.

Creates are looked for by key with a strongly consistent read, and adopted or repeated. Updates and deletes are judged by
a direct read, which goes through settle like any other. An intent never turns into a blind repeat.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.connect.connector import Connector
from hub.core.errors import HubError
from hub.core.model import Record, Spoke
from hub.engine import receipts
from hub.engine.apply import Verdicts
from hub.engine.batch import load
from hub.engine.context import Hub, Run, ends_run
from hub.engine.look import Overwritten, lost_to
from hub.engine.pull import ask, get, take_in
from hub.store import operations, records, reviews
from hub.store.db import Tx, dumps
from hub.store.operations import Operation


def recover(hub: Hub, run: Run) -> None:
    """Find out what became of every write that was under way when an earlier run ended, or whose answer was lost."""
    with hub.store.begin() as tx:
        run.hold(tx)
        found = operations.in_state(tx, run.sync.name, ("sent", "unknown"))
        operations.mark(tx, [o.id for o in found if o.state == "sent"], "unknown", why="the answer was lost")
    for spoke in run.sync.spokes:
        mine = [o for o in found if (o.connection, o.object) == (spoke.connection, spoke.object)]
        if not mine:
            continue
        try:
            _one_spoke(hub, run, spoke, mine)
        except HubError as problem:
            if ends_run(problem):
                raise
            run.problems[spoke.connection] = problem


def _one_spoke(hub: Hub, run: Run, spoke: Spoke, found: Sequence[Operation]) -> None:
    connector = hub.connectors[spoke.connection]
    size = connector.capabilities(spoke.object).read_batch
    creates = [o for o in found if o.action == "create"]
    others = [o for o in found if o.action != "create"]
    for n in range(0, len(creates), size):
        _creates(hub, run, spoke, connector, creates[n : n + size])
    for n in range(0, len(others), size):
        _updates(hub, run, spoke, connector, others[n : n + size])


def _creates(hub: Hub, run: Run, spoke: Spoke, connector: Connector, batch: Sequence[Operation]) -> None:
    keyed = bool(spoke.key_field) and connector.capabilities(spoke.object).unique_key
    if not keyed:
        _without_key(hub, run, spoke, batch)
        return
    keys = [o.key for o in batch]
    rows = ask(hub, run, spoke, lambda want: connector.find_key(spoke.object, spoke.key_field, keys, want))
    by_key = {r.key: r for r in rows if r.key and r.kind == "updated"}
    take_in(hub, run, spoke, [r for r in by_key.values()])
    with hub.store.begin() as tx:
        run.hold(tx)
        # Found ones are adopted by settle, where their key is recognised; the others certainly do not exist.
        again = [o.id for o in batch if o.key not in by_key]
        operations.mark(tx, again, "pending", why="it had not arrived")


def _without_key(hub: Hub, run: Run, spoke: Spoke, batch: Sequence[Operation]) -> None:
    """The remote has no field for our key: a record that matches will be linked by the rules; else a person decides."""
    with hub.store.begin() as tx:
        run.hold(tx)
        for o in batch:
            reviews.letter(tx, _letter(hub, run, spoke, o))


def _letter(hub: Hub, run: Run, spoke: Spoke, o: Operation) -> dict[str, object]:
    return {
        "id": hub.new_id("e"),
        "sync": run.sync.name,
        "run": run.id,
        "connection": o.connection,
        "object": o.object,
        "remote_id": "",
        "golden": o.golden,
        "path": "",
        "action": "create",
        "value": dumps(o.raw),
        "code": "E-UNKNOWN",
        "vendor_code": "",
        "text": f"{spoke.connection} did not say whether it created this record, and it has no field for our key. "
        "It is not sent twice. Next: look for it there; accordant errors retry ID creates it again.",
    }


def _updates(hub: Hub, run: Run, spoke: Spoke, connector: Connector, batch: Sequence[Operation]) -> None:
    ids = sorted({o.remote_id for o in batch})
    rows = get(hub, run, spoke, ids)
    lost = lost_to(spoke, connector, batch)
    if lost:
        _reapply(hub, run, spoke, batch, lost)
    _take_in_anyway(hub, run, spoke, rows)


def _reapply(hub: Hub, run: Run, spoke: Spoke, batch: Sequence[Operation], lost: dict[str, Overwritten]) -> None:
    with hub.store.begin() as tx:
        run.hold(tx)
        v = Verdicts(hub, run, tx)
        state = load(tx, run, sorted({o.golden for o in batch}))
        for o in batch:
            if o.id in lost:
                receipts.reapply(v, state, o, lost[o.id])
        v.write(state)


def _take_in_anyway(hub: Hub, run: Run, spoke: Spoke, rows: Sequence[Record]) -> None:
    """Also a row that looks unchanged must be settled: it tells whether the write arrived."""
    with hub.store.begin() as tx:
        run.hold(tx)
        _forget(tx, spoke, [r.id for r in rows])
    take_in(hub, run, spoke, rows)


def _forget(tx: Tx, spoke: Spoke, ids: Sequence[str]) -> None:
    records.clear_hash(tx, [(spoke.connection, spoke.object, i) for i in ids])
