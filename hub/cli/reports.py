"""status and runs: is all well, and what came of each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import ago, as_json, count, moment, paint, say, span, table
from hub.cli.session import By, Json, opened, who
from hub.cli.show import show_report
from hub.core.errors import Refused

MARKS = {"in sync": ("●", "green"), "pending": ("◐", "yellow"), "running": ("▶", "cyan"), "not applied": ("○", "dim")}
RECORD_WORDS = {"in_sync": "in sync", "conflict": "conflicts"}


def status(
    ctx: typer.Context,
    sync: Annotated[str | None, typer.Argument(metavar="[SYNC]", help="One sync (default: all).")] = None,
    json: Json = False,
) -> int:
    """Is all well? What needs you comes first; then each sync with its records by state."""
    from hub.engine import status as engine

    with opened(ctx) as project:
        found = engine.status(project.hub, [sync] if sync else ())
    as_json(_dated(found)) if json else _show_status(found)
    return exits.OK


def _dated(found: Mapping[str, Any]) -> dict[str, Any]:
    """Moments as text, for JSON."""
    syncs = [
        {**s, "next_run": _when(s["next_run"]), "swept_at": _when(s["swept_at"]), **_parts(s)} for s in found["syncs"]
    ]
    restored = {**found["restored"], "at": moment(found["restored"]["at"])} if found["restored"] else None
    return {**found, "restored": restored, "at": moment(found["at"]), "syncs": syncs}


def _parts(sync: Mapping[str, Any]) -> dict[str, Any]:
    last = sync["last_run"]
    spokes = {n: {**s, "pulled_at": _when(s["pulled_at"])} for n, s in sync["spokes"].items()}
    told = {**last, "started": _when(last["started"]), "ended": _when(last["ended"])} if last else None
    return {"last_run": told, "spokes": spokes}


def _when(seconds: float | None) -> str | None:
    return moment(seconds) if seconds else None


def _show_status(found: Mapping[str, Any]) -> None:
    now, needs = found["at"], found["needs_you"]
    if not found["syncs"]:
        say("No sync is configured yet. Add one in config/syncs/, then: accordant validate")
        return
    well = sum(s["state"] in ("in sync", "running", "pending") for s in found["syncs"])
    say(
        f"{well} of {count(len(found['syncs']), 'sync')} well"
        + (f"; {count(len(needs), 'thing')} for you:" if needs else ".")
    )
    for need in needs:
        say(f"  {paint('▲', 'red')} {need['what']}")
        say(f"    {need['next']}")
    for sync in found["syncs"]:
        say()
        _show_sync(sync, now)


def _show_sync(sync: Mapping[str, Any], now: float) -> None:
    mark, colour = MARKS.get(sync["state"], ("■", "red"))
    lag = "" if sync["lag"] is None else f" · read {span(sync['lag'])} ago"
    last = sync["last_run"]
    ran = f" · last run {last['state']} {ago(last['ended'] or last['started'], now)}" if last else " · never run"
    ahead = f" · next in {span(sync['next_run'] - now)}" if sync["next_run"] else ""
    held = f" · held by {sync['holder']}" if sync["holder"] else ""
    say(f"{paint(mark, colour)} {sync['sync']}: {sync['state']}{ran}{lag}{ahead}{held}")
    for name, spoke in sync["spokes"].items():
        parts = [f"{RECORD_WORDS.get(s, s)} {n:,}" for s, n in spoke["records"].items() if n]
        say(f"    {name}: {' · '.join(parts) or 'nothing read yet'}")
        if spoke["reread"]:
            say("      its mapping or scope changed: the next run reads everything again")
    waiting = [f"{c}: {a} {n:,}" for c, ops in sorted(sync["operations"].items()) for a, n in sorted(ops.items())]
    if waiting:
        say(f"    to be written: {', '.join(waiting)}")


# ---------------------------------------------------------------- runs


def list_runs(
    ctx: typer.Context,
    sync: Annotated[str, typer.Option("--sync", help="Only runs of this sync.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 20,
    json: Json = False,
) -> int:
    """The newest runs."""
    from hub.store import runs

    with opened(ctx) as project, project.store.read() as tx:
        if sync:
            project.hub.sync(sync)
        found = [_run(row) for row in runs.latest(tx, sync, limit)]
    if json:
        as_json({"runs": found})
    else:
        rows = [
            (r["run"], r["sync"], r["kind"], r["state"], r["trigger"], r["started"], r["seconds"], r["error"][:80])
            for r in found
        ]
        table(("run", "sync", "kind", "state", "trigger", "started", "seconds", "problem"), rows, right=("seconds",))
    return exits.OK


def _run(row: Any) -> dict[str, Any]:
    seconds = round(row.ended - row.started, 1) if row.ended else None
    return {
        "run": row.id,
        "sync": row.sync,
        "kind": row.kind,
        "state": row.state,
        "trigger": row.trigger,
        "started": moment(row.started),
        "ended": moment(row.ended),
        "seconds": seconds,
        "error": row.error,
    }


RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run, as `accordant runs list` names it.")]


def show_run(ctx: typer.Context, run: RunId, json: Json = False) -> int:
    """What one run read, decided and wrote, from what is stored."""
    from hub.engine.report import report
    from hub.store import runs

    with opened(ctx) as project:
        with project.store.read() as tx:
            row = runs.get(tx, run)
        if row is None:
            raise Refused(
                f'there is no run "{run}"', unchanged="Nothing was done", next="accordant runs list", code="S-NONE"
            )
        found = report(project.hub, run).as_json()
    told = {**_run(row), **found}
    if json:
        as_json(told)
        return exits.OK
    show_report(told)
    say(f"  {told['kind']}, triggered by {told['trigger']}; {told['started']} to {told['ended'] or 'now'}")
    return exits.OK


def cancel_run(ctx: typer.Context, run: RunId, by: By = "", json: Json = False) -> int:
    """Ask a run to end at its next step. What it settled stays; the next run goes on from there."""
    from hub.engine import repair

    with opened(ctx) as project:
        repair.cancel(project.hub, run, by=by or who())
    text = f"{run} ends at its next step. What it settled stays; nothing more is sent."
    as_json({"run": run, "cancel": True}) if json else say(text)
    return exits.OK


RUNS = (("list", list_runs), ("show", show_run), ("cancel", cancel_run))
