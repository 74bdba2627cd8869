"""Push: send the operations that settle decided, in the remote's own batches.

For each batch: look again where the remote cannot check for us, commit the intents, write, and commit the receipts. What
moved meanwhile goes back to settle. Deletes are sent last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from hub.connect.connector import Connector, Receipt, Write
from hub.core.errors import HubError, Refused, Reject, Retry, Stop, Unknown
from hub.core.model import Spoke
from hub.engine import guards, look, receipts, reconcile
from hub.engine.context import Hub, Run, ends_run
from hub.engine.signature import signature
from hub.store import audit, operations, runs
from hub.store.operations import Operation

PHASES = (("create",), ("update",), ("associate",), ("delete", "archive"))
WINDOW = 2_000
LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """One batch for one spoke."""

    spoke: Spoke
    operations: tuple[Operation, ...]


def push(hub: Hub, run: Run) -> None:
    """Send all pending operations of the run's sync that guards, plans and pauses allow."""
    spokes = [s for s in run.sync.spokes if s.direction != "read"]
    closed = {s.connection: _closed(hub, run, s) for s in spokes}
    for phase in PHASES:
        jobs = (job for spoke in spokes for job in _jobs(hub, run, spoke, phase, closed[spoke.connection]))
        hub.pool.each(lambda job: _send_noting(hub, run, job), jobs)
    reconcile.note_held(hub, run)


def _closed(hub: Hub, run: Run, spoke: Spoke) -> set[str]:
    """Actions that may not be sent to this spoke in this run, and why it is said elsewhere."""
    closed: set[str] = set()
    held = reconcile.HELD if run.restored else ()
    closed |= set(held)
    for tripped in guards.check(hub, run, spoke, but=held):
        run.guarded[f"{spoke.connection}.{tripped.kind}"] = tripped.text
        closed |= set(guards.ACTIONS[tripped.kind])
    if run.link_only:
        closed |= {"create", "update", "associate", "delete", "archive"}
    with hub.store.read() as tx:
        first_done = runs.cursor(tx, spoke.connection, spoke.object).full_done
    if not first_done or spoke.connection in run.failed_pulls or run.only_hints:
        closed.add("create")
    return closed


def _jobs(hub: Hub, run: Run, spoke: Spoke, phase: tuple[str, ...], closed: set[str]) -> Iterator[Job]:
    actions = [a for a in phase if a not in closed]
    if not actions:
        return
    size = hub.connectors[spoke.connection].capabilities(spoke.object).write_batch
    after = 0
    while True:
        with hub.store.read() as tx:
            found = operations.pending(tx, run.sync.name, spoke.connection, spoke.object, actions, WINDOW, after)
        found = [o for o in found if _is_allowed(run, o)] if run.allowed is not None else found
        if not found:
            return
        after = found[-1].seq
        for n in range(0, len(found), size):
            if spoke.connection in run.problems:
                return
            yield Job(spoke, tuple(found[n : n + size]))


def _is_allowed(run: Run, operation: Operation) -> bool:
    allowed = run.allowed is None or signature(operation) in run.allowed
    run.moved += not allowed
    return allowed


def _send_noting(hub: Hub, run: Run, job: Job) -> None:
    """Send one batch; a connection that must pause is noted, and its other batches are not begun."""
    if job.spoke.connection in run.problems:
        return
    try:
        send(hub, run, job.spoke, job.operations)
    except HubError as problem:
        # Intents that are committed stay open: the next run looks before it does anything else.
        if ends_run(problem):
            raise
        run.problems[job.spoke.connection] = problem


def send(hub: Hub, run: Run, spoke: Spoke, batch: Sequence[Operation]) -> None:
    """One batch, from the last look to the receipts."""
    connector = hub.connectors[spoke.connection]
    hub.hook("push")
    batch = look.before_writing(hub, run, spoke, connector, batch)
    if not batch:
        return
    with hub.store.begin() as tx:
        run.hold(tx)
        operations.send(tx, run.id, batch)
        audit.write(tx, [_intent(run, o) for o in batch])
    hub.hook("intent")
    try:
        answers = _write(hub, run, connector, spoke, batch)
    except Unknown as problem:
        answers = [Receipt(o.id, "unknown", o.remote_id, error=problem) for o in batch]
    except (Retry, Stop) as problem:
        if not ends_run(problem):
            receipts.take_back(hub, run, spoke, batch, problem)
        raise
    hub.hook("written")
    answers = look.with_forms(hub, run, spoke, batch, _without_key_field(run, spoke, answers))
    overwritten = look.after_writing(hub, spoke, connector, batch, answers)
    try:
        receipts.store(hub, run, spoke, batch, answers, overwritten)
    except Refused as problem:
        if problem.code == "S-FENCED":
            receipts.own_up(hub, run, batch, overwritten or look.lost_to(spoke, connector, batch))
        raise
    facts: dict[str, object] = {"connection": spoke.connection, "records": len(batch)}
    hub.progress("written", facts)


def _intent(run: Run, o: Operation) -> audit.Entry:
    changes = [{"field": f.path, "before": f.before, "after": f.after} for f in o.fields]
    return audit.Entry(
        f"intent {o.action}",
        golden=o.golden,
        run=run.id,
        connection=o.connection,
        object=o.object,
        remote_id=o.remote_id,
        op=o.id,
        changes=changes,
    )


def _write(hub: Hub, run: Run, connector: Connector, spoke: Spoke, batch: Sequence[Operation]) -> list[Receipt]:
    """Write, and write again where the remote certainly did nothing and asked for patience."""
    writes = [as_write(o, spoke) for o in batch]

    def call(writes: Sequence[Write]) -> list[Receipt]:
        run.hold_on(hub)
        return connector.write(spoke.object, writes)

    def wait(state: RetryCallState) -> float:
        problem = state.outcome.exception() if state.outcome else None
        after = problem.after if isinstance(problem, Retry) else None
        return after if after is not None else min(2.0**state.attempt_number, 30.0)

    def too_long(state: RetryCallState) -> bool:
        return wait(state) > LONGEST_WAIT

    retrying = Retrying(
        retry=retry_if_exception(lambda problem: isinstance(problem, Retry) and not ends_run(problem)),
        wait=wait,
        stop=lambda state: stop_after_attempt(4)(state) or too_long(state),
        sleep=hub.clock.sleep,
        reraise=True,
    )
    return _again(hub, call, writes, retrying(call, writes))


def _again(
    hub: Hub, call: Callable[[Sequence[Write]], list[Receipt]], writes: Sequence[Write], answers: list[Receipt]
) -> list[Receipt]:
    """Rows that a remote did not take this time (a locked row) are sent once more, a little later."""
    late = {r.op for r in answers if r.status == "retry"}
    if not late:
        return answers
    waits = [e.after for r in answers if r.status == "retry" and isinstance(e := r.error, Retry) and e.after]
    hub.clock.sleep(min(max(waits, default=1.0), LONGEST_WAIT))
    try:
        second = call([w for w in writes if w.op in late])
    except Unknown as problem:
        second = [Receipt(op, "unknown", error=problem) for op in sorted(late)]
    except HubError as problem:
        if ends_run(problem):
            raise
        second = [Receipt(op, "retry", error=problem) for op in sorted(late)]
    return [r for r in answers if r.op not in late] + second


def _without_key_field(run: Run, spoke: Spoke, answers: Sequence[Receipt]) -> list[Receipt]:
    """Without the field for our keys nothing can be created safely: creates wait, and that is said once, not per record."""

    def names_it(error: HubError | None) -> bool:
        return isinstance(error, Reject) and spoke.key_field in error.fields

    refused = [r for r in answers if r.status == "rejected" and names_it(r.error)]
    if not refused:
        return list(answers)
    problem = Stop(
        f"{spoke.object} does not take the key field {spoke.key_field}",
        where=spoke.connection,
        why=(refused[0].error or Reject("")).explain(),
        unchanged="No record was created there; they wait",
        next="accordant doctor says how to make the field",
        code="E-KEY-FIELD",
    )
    run.problems[spoke.connection] = problem
    return [replace(r, status="retry", error=problem) if r in refused else r for r in answers]


def as_write(o: Operation, spoke: Spoke) -> Write:
    """An operation in the connector's words."""
    action = "delete" if o.action == "archive" else o.action
    return Write(
        op=o.id,
        action=action,  # type: ignore[arg-type]
        fields=o.raw,
        id=o.remote_id,
        key_field=spoke.key_field if o.action == "create" else "",
        key=o.key if o.action == "create" and spoke.key_field else "",
        version=o.version,
        stamp=o.stamp,
        careful=spoke.protocol == "careful",
    )
