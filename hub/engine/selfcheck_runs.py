"""Do the sums of runs and spokes add up (I5), is there one link each (I4), and was nothing written without a cause (I3)?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hub.core.model import Spoke, Sync
from hub.engine.context import Hub
from hub.engine.report import OUTCOMES, Report
from hub.engine.selfcheck_base import BUG, MOST, Finding, record, some
from hub.store import checks, goldens, reconcile, states
from hub.store.db import Tx

STATES = ("pending", "sent", "done", "failed", "dead", "unknown", "withdrawn")


# ---------------------------------------------------------------- one run


def of_run(tx: Tx, run: Any) -> Iterator[Finding]:
    """All that can be seen of one run that has ended."""
    yield from some(sums(tx, run))
    yield from some(without_cause(tx, run))
    yield from some(come_back(tx, run))


def sums(tx: Tx, run: Any) -> Iterator[Finding]:
    """I5: each change has one outcome, each operation one state, and no figure is below zero."""

    def finding(what: str) -> Finding:
        return Finding("I5", "sums", run.sync, f"run {run.id}", what, BUG, run.ended or run.started, key=what)

    for connection, outcome, pending, n in checks.outcome_counts(tx, run.id):
        if outcome not in (*OUTCOMES, "taken", ""):
            yield finding(f'{n} changes of {connection} ended as "{outcome}", which is no outcome')
        elif pending != (outcome == ""):
            state = "wait and have an outcome" if pending else "were settled without an outcome"
            yield finding(f"{n} changes of {connection} {state}")
    for connection, state, n in checks.operation_counts(tx, run.id):
        if state not in STATES:
            yield finding(f'{n} operations for {connection} are "{state}", which is no state')
    for row in checks.figures(tx, run.id):
        if row.unchanged < 0 or row.api_calls < 0:
            yield finding(f"{row.connection} {row.object} counts {row.unchanged} unchanged and {row.api_calls} calls")


def report_adds_up(told: Report) -> Iterator[Finding]:
    """I5: what the report of a run says is the sum of its parts."""
    parts = {
        "outcomes": (sum(told.outcomes.values()) + told.pending + told.taken, told.read),
        "spokes": (sum(s["read"] for s in told.spokes.values()), told.read),
    }
    for name in told.operations:
        parts[name] = (sum(s["operations"][name] for s in told.spokes.values()), told.operations[name])
    for name in told.outcomes:
        parts[f"{name} records"] = (sum(s["outcomes"][name] for s in told.spokes.values()), told.outcomes[name])
    for name, (found, wanted) in parts.items():
        if found != wanted:
            what = f"its {name} add up to {found}, and it says {wanted}"
            yield Finding("I5", "report", told.sync, f"run {told.run}", what, BUG, key=what)


def without_cause(tx: Tx, run: Any) -> Iterator[Finding]:
    """I3: after a run that found nothing to do, a run wrote although nothing was read, decided or configured since.

    Proven only where the store shows that there was nothing: what is on the agenda is not kept once it is done, so every
    other row in the audit log since then counts as a possible cause.
    """
    if run.kind != "run" or not checks.own_writes(tx, run.id) or not checks.read_nothing(tx, run.id):
        return
    before = checks.run_before(tx, run)
    if before is None or before.kind not in checks.SETTLING or before.state != "ok" or before.mapping != run.mapping:
        return
    quiet = checks.read_nothing(tx, before.id) and checks.wrote_nothing(tx, before.id)
    if quiet and not checks.anything_else_since(tx, run.id, before.started):
        n = checks.own_writes(tx, run.id)
        what = f"it carried out {n} operations, although nothing had changed since run {before.id}, which had nothing to do"
        next = f"see what it wrote: accordant runs show {run.id}; then report this"
        yield Finding("I3", "no cause", run.sync, f"run {run.id}", what, next, run.started)


def come_back(tx: Tx, run: Any) -> Iterator[Finding]:
    """I8: a record that was read alive after its link ended as deleted has its link again."""
    for row in checks.alive_again(tx, run.id, MOST):
        end = checks.end_of(tx, row.golden, row.connection, row.remote_id)
        if end is None or row.at <= end.at:
            continue
        what = f"it counts as deleted for {row.golden}, and was read alive since"
        next = f"accordant records show {row.golden}, then accordant records resync {row.golden}"
        place = record(row.connection, row.object, row.remote_id)
        yield Finding("I8", "alive", run.sync, place, what, next, row.at)


# ---------------------------------------------------------------- a sync as it stands


def of_sync(tx: Tx, hub: Hub, sync: Sync) -> Iterator[Finding]:
    """What must hold between runs: nothing left in the middle, and every record in one state."""
    last = checks.last_complete(tx, sync.name)
    if last is not None and not checks.in_time(tx, last):
        last = None
    if last is not None:
        yield from some(left_over(tx, sync, last))
    for spoke in sync.spokes:
        yield from some(records_add_up(tx, sync, spoke))
        if last is not None:
            yield from unchanged_add_up(tx, hub, sync, spoke, last)


def left_over(tx: Tx, sync: Sync, last: Any) -> Iterator[Finding]:
    """I5: what was there before a complete run began, it has dealt with."""
    for row in checks.left_sent(tx, sync.name, last.started, MOST):
        what = (
            f"its {row.action} of {record(row.connection, row.object, row.remote_id)} is under way since {row.sent_run}"
        )
        what += f", and {last.id} did not look what became of it"
        yield Finding("I5", "left sent", sync.name, f"operation {row.id}", what, BUG, row.at)
    if reconcile.current(tx) is not None and reconcile.not_compared(tx, [sync.name]):
        return  # after a restore a run settles nothing until everything was read
    for spoke in sync.spokes:
        for row in checks.left_pending(tx, sync.name, spoke.connection, spoke.object, last.started, MOST):
            place = record(spoke.connection, spoke.object, row.remote_id)
            what = f"its change was read in {row.run} and never settled, not by {last.id} either"
            next = f"accordant records find {row.remote_id}; {BUG}"
            yield Finding("I5", "left pending", sync.name, place, what, next, row.at, key=str(row.seq))


def records_add_up(tx: Tx, sync: Sync, spoke: Spoke) -> Iterator[Finding]:
    """I5: the states of a spoke's records are as many as its records; none took part without having a link."""
    connection, object = spoke.connection, spoke.object
    total, known = sum(states.counts(tx, connection, object).values()), checks.record_count(tx, connection, object)
    if total != known:
        what = f"its states add up to {total}, and {known} records are known"
        yield Finding("I5", "states", sync.name, record(connection, object, ""), what, BUG)
    for row in checks.unaccounted(tx, connection, object, MOST):
        what = f'it counts as "{row.disposition}", and it is linked to nothing'
        next = f"let it be looked at again: accordant run {sync.name} --full; {BUG}"
        yield Finding("I5", "no link", sync.name, record(connection, object, row.remote_id), what, next)


def unchanged_add_up(tx: Tx, hub: Hub, sync: Sync, spoke: Spoke, last: Any) -> Iterator[Finding]:
    """I5: as many records are counted as unchanged as carry the mark of that. Seen only until the next run marks them."""
    connection, object = spoke.connection, spoke.object
    sharing = [
        s.name for s in hub.syncs.values() if any((p.connection, p.object) == (connection, object) for p in s.spokes)
    ]
    if checks.newest_run_of(tx, sharing) != last.id or checks.restored_since(tx, last.started):
        return
    counted = sum(r.unchanged for r in checks.figures(tx, last.id) if (r.connection, r.object) == (connection, object))
    marked = checks.marked(tx, connection, object, last.id)
    # A record that settle took up once more after it was counted carries another mark by now.
    if not marked <= counted <= marked + checks.changes_in(tx, connection, object, last.id):
        what = f"it counts {counted} unchanged records of {connection} {object}, and {marked} are marked as such"
        yield Finding(
            "I5", "unchanged", sync.name, f"run {last.id}", what, BUG, last.ended, key=f"{connection} {object}"
        )


# ---------------------------------------------------------------- links


def links(tx: Tx, syncs: Sequence[str]) -> Iterator[Finding]:
    """I4: a golden record has one record in each object, and every link leads to a golden record."""
    for row in states.doubled_links(tx, MOST):
        what = f"it is linked to {row.links} records of {row.connection} {row.object}"
        next = f"accordant records show {row.golden}; unlink the one too many: accordant records unlink {row.golden} "
        sync = goldens.sync_of(tx, row.golden)
        where = f"{row.golden} in {row.connection} {row.object}"
        yield Finding("I4", "doubled", sync if sync in syncs else "", where, what, next + row.connection)
    for row in states.lost_links(tx, MOST):
        what = f"it leads to {row.golden}, which is not there"
        yield Finding("I4", "lost", "", f"link {row.id}", what, "restore the database from a backup")
