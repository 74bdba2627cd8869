"""plan, apply, run, sweep, pause, resume: what moves data, or says what would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, error_json, note, say, show_error
from hub.cli.session import By, Interrupt, Json, opened, who, working
from hub.cli.show import show_plan, show_report
from hub.core.errors import ConfigError, HubError, Place, Problem

if TYPE_CHECKING:
    from hub.jobs.assemble import Assembly

SyncName = Annotated[str, typer.Argument(metavar="SYNC", help="The sync's name, as in config/syncs/.")]
Full = Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")]
Sample = Annotated[int, typer.Option("--sample", min=0, help="How many operations to show.")]
MOST_PLAN_BYTES = 1 << 30


def plan(
    ctx: typer.Context,
    sync: SyncName,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Store the plan, to be applied later.")] = None,
    full: Full = False,
    sample: Sample = 20,
    json: Json = False,
) -> int:
    """Show what a run would change, field by field, deletes and cost included. Nothing is written."""
    with working(ctx) as (project, _):
        project.check_accounts(sync)
        found = _planned(project, sync, full=full)
        if out is not None:
            store_plan(out, found)
    if json:
        as_json({**found, "file": str(out) if out else ""})
    else:
        show_plan(found, sample=sample)
        _tell_problems(found["problems"])
        if out is not None:
            say(f"Stored in {out} (it holds personal values). Apply it: accordant apply {out}")
    return exits.of_plan(found)


def _planned(project: Assembly, name: str, *, full: bool = False) -> dict[str, Any]:
    """The engine's plan, and which systems are read whole for it although they were read before."""
    from hub.engine import planning
    from hub.engine.status import is_reread

    with project.store.read() as tx:
        again = [s.connection for s in project.hub.sync(name).spokes if is_reread(tx, s)]
    return {**planning.plan(project.hub, name, full=full), "reread": again}


def store_plan(path: Path, found: Mapping[str, Any]) -> None:
    """A plan holds personal values: only its owner may read it."""
    import orjson

    from hub.jobs.folder import write_private

    try:
        write_private(path, orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str))
    except OSError as error:
        raise HubError(
            f"the plan cannot be stored in {path}: {error.strerror}",
            unchanged="Nothing was written anywhere",
            next="name a folder that exists and that you may write to",
            code="E-FILE",
        ) from error


def read_plan(path: Path) -> dict[str, Any]:
    import orjson

    try:
        if path.stat().st_size > MOST_PLAN_BYTES:
            raise ValueError("it is too large")
        found = orjson.loads(path.read_bytes())
        if not isinstance(found, dict) or "operations" not in found:
            raise ValueError("it is no plan")
    except OSError as error:
        raise HubError(
            f"the plan {path} cannot be read: {error.strerror}",
            unchanged="Nothing was written",
            next="make one: accordant plan SYNC -o FILE",
            code="E-FILE",
        ) from error
    except ValueError as error:
        problem = Problem(
            Place(str(path)), "E-PLAN", f"this file is not a plan: {error}", "accordant plan SYNC -o FILE"
        )
        raise ConfigError([problem], unchanged="Nothing was written", next=problem.hint) from error
    return found


def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plan that `accordant plan -o FILE` stored.")],
    strict: Annotated[bool, typer.Option("--strict", help="Refuse as a whole if anything moved since.")] = False,
    json: Json = False,
) -> int:
    """Carry out a stored plan: its operations and no others. What moved since is skipped."""
    from hub.engine import planning

    stored = read_plan(file)
    with working(ctx) as (project, interrupt):
        name = str(stored.get("sync", ""))
        project.check_accounts(name)
        interrupt.on_first = lambda: cancel_running(project, name, interrupt)
        report = planning.apply(project.hub, stored, strict=strict)
    _tell_report(report, json)
    return exits.of_report(report)


# ---------------------------------------------------------------- run


def run(
    ctx: typer.Context,
    sync: Annotated[str | None, typer.Argument(metavar="[SYNC]", help="The sync's name.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every sync, each after those that it comes `after`.")] = False,
    full: Full = False,
    yes: Annotated[bool, typer.Option("--yes", help="Answer prompts with yes. Never lifts a guard.")] = False,
    json: Json = False,
) -> int:
    """Read what changed, settle it, and write what follows. The first run of a sync may only plan: see `first_run`."""
    if bool(sync) == every:
        raise HubError(
            "name one sync, or say --all", unchanged="Nothing was done", next="accordant status", code="E-USAGE"
        )
    with working(ctx) as (project, interrupt):
        if sync:
            told, code = run_one(project, sync, interrupt, full=full, quiet=json)
        else:
            results = [_run_of_all(project, name, interrupt, full, json) for name in in_order(project.hub.syncs)]
            told, code = {"runs": [result for result, _ in results]}, exits.worst(code for _, code in results)
    if json:
        as_json(told)
    return code


def in_order(syncs: Mapping[str, Any]) -> list[str]:
    """Each sync after those that it comes `after`; otherwise by name."""
    found: list[str] = []

    def add(name: str) -> None:
        if name in found or name not in syncs:
            return
        for before in sorted(syncs[name].after):
            add(before)
        found.append(name)

    for name in sorted(syncs):
        add(name)
    return found


def _run_of_all(
    project: Assembly, name: str, interrupt: Interrupt, full: bool, quiet: bool
) -> tuple[dict[str, Any], int]:
    """One of several: what stops it does not stop the others, except an interruption."""
    try:
        return run_one(project, name, interrupt, full=full, quiet=quiet)
    except HubError as problem:
        if problem.code == "S-CANCELLED":
            raise
        show_error(problem)
        return {"sync": name, "state": "refused", "error": error_json(problem)}, exits.of_error(problem)


def run_one(
    project: Assembly, name: str, interrupt: Interrupt, *, full: bool, quiet: bool
) -> tuple[dict[str, Any], int]:
    """Run one sync as its `first_run` says. Returns what happened, and the exit code."""
    from hub.engine.run import check_not_paused, run_sync
    from hub.store import runs

    hub = project.hub
    check_not_paused(hub, name)
    project.check_accounts(name)
    with hub.store.read() as tx:
        fresh = not runs.sync_state(tx, name)["applied"]
    if fresh and hub.sync(name).first_run == "plan":
        return _first_plan(project, name, quiet)
    interrupt.on_first = lambda: cancel_running(project, name, interrupt)
    link_only = fresh and hub.sync(name).first_run == "link_only"
    report = run_sync(hub, name, full=full, link_only=link_only)
    if not quiet:
        show_report(report.as_json())
    return report.as_json(), exits.of_report(report)


def _first_plan(project: Assembly, name: str, quiet: bool) -> tuple[dict[str, Any], int]:
    """A sync that was never applied says first what it would do."""
    from hub.jobs.folder import private_file

    found = _planned(project, name)
    failed = exits.of_plan({**found, "first": True})
    told = {**found["report"], "state": "planned", "plan": "", "counts": found["counts"], "problems": found["problems"]}
    if failed != exits.CHANGES:
        if not quiet:
            _tell_problems(found["problems"])
        return told, failed
    stamp = f"{project.clock.now():.0f}"
    path = private_file(project.root, "plans", f"{name}-{stamp}.plan")
    store_plan(path, found)
    command = f"accordant apply {_short(path)}"
    if not quiet:
        show_plan(found, sample=20)
        say(f"{name} was never applied, and its first_run is `plan`: nothing was written. To carry the plan out:")
        say(f"  {command}")
    return {**told, "plan": str(path), "next": command}, exits.CHANGES


def _short(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def cancel_running(project: Assembly, name: str, interrupt: Interrupt) -> None:
    """Ask the run that is under way to end at its next step. Runs beside it, in a thread of its own."""
    from hub.engine.repair import cancel
    from hub.store import runs

    with project.store.read() as tx:
        running = [r.id for r in runs.latest(tx, name, 1) if r.state == "running"]
    for id in running:
        cancel(project.hub, id, by=who())


def _tell_report(report: Any, json: bool) -> None:
    if json:
        as_json(report.as_json())
    else:
        show_report(report.as_json())


def _tell_problems(problems: Mapping[str, str]) -> None:
    for connection, text in sorted(problems.items()):
        note(f"problem: {text}" if text.startswith(f"{connection}:") else f"problem: {connection}: {text}")


# ---------------------------------------------------------------- sweep, pause, resume


def sweep(ctx: typer.Context, sync: SyncName, json: Json = False) -> int:
    """Compare each system with all that is known of it, and repair what was missed."""
    from dataclasses import asdict

    from hub.engine.sweep import sweep as compare

    with working(ctx) as (project, interrupt):
        project.check_accounts(sync)
        interrupt.on_first = lambda: cancel_running(project, sync, interrupt)
        report, swept = compare(project.hub, sync)
    if json:
        as_json({**report.as_json(), "sweep": asdict(swept)})
        return exits.of_report(report)
    show_report(report.as_json())
    for connection, number in sorted(swept.repaired.items()):
        say(
            f"  {connection}: {number:,} changes that the cursor had missed. That is an alarm: more than none is a fault."
        )
    for connection, number in sorted(swept.missing.items()):
        say(f"  {connection}: {number:,} records were not listed, and were looked up one by one")
    for text in _each(swept.short):
        note(text)
    return exits.of_report(report)


def _each(found: Mapping[str, str]) -> Sequence[str]:
    return [found[name] for name in sorted(found)]


def pause(
    ctx: typer.Context,
    sync: SyncName,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who see it paused.")] = "",
    by: By = "",
    json: Json = False,
) -> int:
    """Stop a sync until it is resumed. What changed meanwhile is not lost."""
    from hub.engine import repair

    with opened(ctx) as project:
        repair.pause(project.hub, sync, reason=reason, by=by or who())
    return _done({"sync": sync, "paused": True, "reason": reason}, f"{sync} is paused.", json)


def resume(ctx: typer.Context, sync: SyncName, by: By = "", json: Json = False) -> int:
    """Let a paused sync run again."""
    from hub.engine import repair

    with opened(ctx) as project:
        repair.resume(project.hub, sync, by=by or who())
    return _done({"sync": sync, "paused": False, "reason": ""}, f"{sync} runs again: accordant run {sync}", json)


def _done(told: Mapping[str, Any], text: str, json: bool) -> int:
    as_json(told) if json else say(text)
    return exits.OK
