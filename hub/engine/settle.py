"""Settle: turn pending changes into decisions, one transaction per batch.

Linked records first, in golden order, all pending changes of a golden record together; then records without a link, each
spoke in turn; rows that carry a create key last. What is on the agenda is looked at beside the inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import DatabaseError

from hub.core.model import Spoke
from hub.engine import creates, merges
from hub.engine.apply import Verdicts, decide_and_apply
from hub.engine.batch import Batch, load, load_refs
from hub.engine.context import Hub, Run
from hub.engine.resolve import resolve_rows
from hub.store import agenda, records
from hub.store.db import Tx
from hub.store.records import Pending

T = TypeVar("T")


def settle(hub: Hub, run: Run) -> None:
    """Settle all that is pending for this run's sync, and plan the operations that follow."""
    _wake_records(hub, run)
    _linked(hub, run)
    for with_key in (False, True):
        for spoke in _in_order(run):
            _unlinked(hub, run, spoke, with_key=with_key)
    _wake_records(hub, run)
    _linked(hub, run)
    creates.plan_creates(hub, run)


def _in_order(run: Run) -> list[Spoke]:
    """After a restore, systems without a field for our keys come behind: what we created there is known only by its likeness
    to what others hold."""
    return sorted(run.sync.spokes, key=lambda spoke: run.restored and not spoke.key_field)


def _wake_records(hub: Hub, run: Run) -> None:
    """Records that waited and may go on now come back into the inbox with the raw values kept for them."""
    while True:
        with hub.store.begin() as tx:
            run.hold(tx)
            rows = agenda.records(tx, run.sync.name, hub.settle_batch)
            refs = sorted({ref for ref, _ in rows})
            agenda.done(tx, [agenda.record(ref) for ref in refs])
            _requeue(tx, run, refs)
        if not rows:
            return


def _requeue(tx: Tx, run: Run, refs: Sequence[tuple[str, str, str]]) -> None:
    kept = records.payloads(tx, refs)
    for connection, object in sorted({(c, o) for c, o, _ in kept}):
        ids = [i for c, o, i in kept if (c, o) == (connection, object)]
        waiting = records.pending_for(tx, connection, object, ids)
        rows = [
            Pending(0, connection, object, i, fields=fields, version=version, stamp=stamp)
            for (c, o, i), (fields, version, stamp) in sorted(kept.items())
            if (c, o) == (connection, object) and i not in waiting
        ]
        records.add_pending(tx, run.sync.name, run.id, rows)


def _linked(hub: Hub, run: Run) -> None:
    """Golden records with pending changes or on the agenda, in id order, batch by batch."""
    after = ""
    while True:
        with hub.store.read() as tx:
            ids = _next_ids(tx, run, after, hub.settle_batch)
        if not ids:
            return
        hub.hook("settle")
        _bisecting(ids, lambda part: _settle_goldens(hub, run, part), lambda id, why: _set_aside(hub, run, id, why))
        after = ids[-1]
        hub.progress("settled", {"records": len(ids)})


def _next_ids(tx: Tx, run: Run, after: str, limit: int) -> list[str]:
    changed = records.next_linked(tx, run.sync.name, after, limit)
    due = [id for id, _ in agenda.goldens(tx, run.sync.name, after, limit)]
    return sorted({*changed, *due})[:limit]


def _settle_goldens(hub: Hub, run: Run, ids: Sequence[str]) -> None:
    with hub.store.begin() as tx:
        run.hold(tx)
        agenda.done(tx, [agenda.golden(i) for i in ids])
        ids = merges.follow(tx, run, ids)
        batch = load(tx, run, ids)
        rows = records.pending_of_goldens(tx, ids)
        load_refs(tx, batch, [row for _, row in rows])
        by_golden: dict[str, list[tuple[str, Pending]]] = {i: [] for i in batch.goldens}
        golden_of = {link.id: link.golden for links in batch.links.values() for link in links}
        for link, row in rows:
            by_golden[golden_of[link]].append((link, row))
        verdicts = Verdicts(hub, run, tx)
        for golden_id in sorted(by_golden):
            decide_and_apply(verdicts, batch, batch.goldens[golden_id], dict(by_golden[golden_id]))
        verdicts.write(batch)


def _unlinked(hub: Hub, run: Run, spoke: Spoke, *, with_key: bool) -> None:
    after = 0
    while True:
        with hub.store.read() as tx:
            rows = records.next_unlinked(
                tx, run.sync.name, spoke.connection, spoke.object, after, hub.settle_batch, with_key=with_key
            )
        if not rows:
            return
        hub.hook("settle")
        _bisecting(
            rows, lambda part: _settle_rows(hub, run, spoke, part), lambda row, why: _set_aside(hub, run, row, why)
        )
        after = rows[-1].seq
        hub.progress("settled", {"records": len(rows)})


def _settle_rows(hub: Hub, run: Run, spoke: Spoke, rows: Sequence[Pending]) -> None:
    with hub.store.begin() as tx:
        run.hold(tx)
        verdicts = Verdicts(hub, run, tx)
        resolved = resolve_rows(verdicts, spoke, rows)
        batch = load(tx, run, [*resolved.golden_of.values()])
        resolved.add_to(batch)
        load_refs(tx, batch, rows)
        mine: dict[str, dict[str, Pending]] = {}
        for link, row in resolved.rows:
            mine.setdefault(resolved.golden_of[row.remote_id], {})[link] = row
        for golden_id in sorted(mine):
            decide_and_apply(verdicts, batch, batch.goldens[golden_id], mine[golden_id])
        verdicts.write(batch)


def _bisecting(items: Sequence[T], work: Callable[[Sequence[T]], None], set_aside: Callable[[T, str], None]) -> None:
    """Do a batch; if the database refuses it, do its halves, so that one poisoned record stops only itself."""
    try:
        work(items)
    except DatabaseError as error:
        if len(items) == 1:
            set_aside(items[0], type(error.orig).__name__)
            return
        middle = len(items) // 2
        _bisecting(items[:middle], work, set_aside)
        _bisecting(items[middle:], work, set_aside)


def _set_aside(hub: Hub, run: Run, item: str | Pending, why: str) -> None:
    """What cannot be stored is a dead letter with its raw values kept; the others have gone on."""
    with hub.store.begin() as tx:
        run.hold(tx)
        v = Verdicts(hub, run, tx)
        golden = item if isinstance(item, str) else ""
        rows = [row for _, row in records.pending_of_goldens(tx, [item])] if isinstance(item, str) else [item]
        text = (
            f"this record cannot be stored ({why}); nothing of it was changed. Next: report it with this id [X-STORE]"
        )
        for row in rows:
            v.outcome(row, "dead", text)
        found = rows[0] if rows else None
        v.letter(
            connection=found.connection if found else "",
            object=found.object if found else "",
            remote_id=found.remote_id if found else "",
            golden=golden,
            action="read",
            code="X-STORE",
            text=text,
        )
        v.write(Batch(run))
