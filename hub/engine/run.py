"""One run of a sync: take the lease, recover, pull, settle, push, and say what came of it.

A run can be killed anywhere: the next one takes over what is left, from the tables alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hub.core.errors import HubError, Refused, SignIn
from hub.engine.context import LEASE_SECONDS, Hub, Run, lease_name
from hub.engine.narrow import narrow
from hub.engine.push import push
from hub.engine.reconcile import may_settle, read_as_due
from hub.engine.recover import recover
from hub.engine.report import Report, report
from hub.engine.settle import settle
from hub.store import audit, reconcile, runs


@contextmanager
def running(hub: Hub, name: str, *, trigger: str, kind: str, full: bool = False) -> Iterator[Run]:
    """Hold the lease of a sync and keep a run's row; what is raised inside ends the run as failed."""
    sync = hub.sync(name)
    id = hub.new_id("r")
    lease = lease_name(name)
    with hub.store.begin() as tx:
        dead = not hub.is_alive(runs.lease_holder(tx, lease))
        fence = runs.take_lease(tx, lease, f"{hub.holder} (run {id})", LEASE_SECONDS, take_over=dead)
        runs.end_interrupted(tx, name, id)
        runs.start(tx, id, name, trigger, kind, sync.fingerprint)
        for spoke in sync.spokes:
            runs.touch_spoke(tx, id, spoke.connection, spoke.object)
        restored = reconcile.current(tx) is not None
    run = Run(id, sync, fence, kind=kind, full=full, restored=restored)
    try:
        yield run
    except HubError as problem:
        _finish(hub, run, "cancelled" if problem.code == "S-CANCELLED" else "failed", problem.explain())
        raise
    except Exception as bug:  # whatever it is, nobody must wait for the lease of a run that has ended
        _finish(hub, run, "failed", f"{type(bug).__name__} [X-BUG]")
        raise
    else:
        _finish(hub, run, *_state(hub, run))


def _finish(hub: Hub, run: Run, state: str, error: str) -> None:
    """Write the end of a run, unless another worker owns the sync by now."""
    try:
        with hub.store.begin() as tx:
            run.hold(tx)
            audit.seal(tx)
            runs.finish(tx, run.id, state, error)
            runs.drop_lease(tx, run.lease, run.fence)
    except Refused:
        return


def run_sync(
    hub: Hub,
    name: str,
    *,
    trigger: str = "person",
    full: bool = False,
    allowed: frozenset[str] | None = None,
    link_only: bool = False,
    only_hints: bool = False,
) -> Report:
    """Run a sync once and report. Raises Refused if it is paused or run by somebody else.

    `only_hints`: read no more than the records that hints name, settle them and push what follows. Creates wait for the
    next whole run, unless a hinted record is new, which makes this run a whole one.
    """
    check_not_paused(hub, name)
    if only_hints:
        _check_applied(hub, name)
    with running(hub, name, trigger=trigger, kind="hints" if only_hints else "run", full=full) as run:
        run.allowed = allowed
        run.link_only = link_only
        run.only_hints = only_hints
        walk(hub, run)
        moved = run.moved
    return report(hub, run.id, moved=moved, problems=run.problems)


def walk(hub: Hub, run: Run) -> None:
    """The three straight steps, after what an earlier run left open."""
    recover(hub, run)
    read_as_due(hub, run)
    check_cancelled(hub, run)
    if not may_settle(hub, run):
        return
    narrow(hub, run)
    settle(hub, run)
    check_cancelled(hub, run)
    push(hub, run)
    with hub.store.begin() as tx:
        run.hold(tx)
        runs.set_sync(tx, run.sync.name, applied=True)


def check_not_paused(hub: Hub, name: str) -> None:
    hub.sync(name)
    with hub.store.read() as tx:
        state = runs.sync_state(tx, name)
    if state["paused"]:
        raise Refused(
            f"sync {name} is paused{': ' + state['reason'] if state['reason'] else ''}",
            unchanged="Nothing was read or written",
            next=f"accordant resume {name}",
            code="S-PAUSED",
        )


def _check_applied(hub: Hub, name: str) -> None:
    with hub.store.read() as tx:
        if runs.sync_state(tx, name)["applied"]:
            return
    raise Refused(
        f"{name} was never applied, and what is named to it waits for its first run",
        unchanged="Nothing was read or written; the hints stay",
        next=f"accordant run {name}",
        code="S-FIRST",
    )


def check_cancelled(hub: Hub, run: Run) -> None:
    with hub.store.read() as tx:
        if not runs.is_cancelled(tx, run.id):
            return
    raise Refused(
        f"run {run.id} was cancelled",
        unchanged="What was settled before stays; nothing more was sent",
        next=f"accordant run {run.sync.name} goes on from here",
        code="S-CANCELLED",
    )


def _state(hub: Hub, run: Run) -> tuple[str, str]:
    """How the run ended: `ok` only if every spoke could be read and no record is left behind."""
    told = report(hub, run.id, moved=run.moved, problems=run.problems)
    text = "; ".join([*(p.explain() for p in run.problems.values()), *run.drift.values()])
    text = "; ".join(filter(None, [text, *run.notices.values(), *run.held.values()]))
    if run.guarded:
        return "refused", "; ".join([*run.guarded.values(), text]).strip("; ")
    if run.failed_pulls and len(run.failed_pulls) == len(run.sync.spokes):
        return "failed", text
    if run.problems and all(isinstance(p, SignIn) for p in run.problems.values()):
        return "partial", text
    if run.held and not (run.problems or run.drift or run.notices):
        return "waiting", text
    return ("partial" if run.problems or run.drift or run.notices or told.left_behind else "ok"), text
