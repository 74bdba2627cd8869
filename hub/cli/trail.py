"""audit: who changed what, when and why; and the proof that nobody edited the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, moment, paint, say, shown
from hub.cli.session import Json, opened

OfRecord = Annotated[str, typer.Option("--record", help="Only entries of this golden record.")]
OfRun = Annotated[str, typer.Option("--run", help="Only entries of this run.")]
OfAction = Annotated[str, typer.Option("--action", help="Only entries of this kind, such as settled.")]


def show_audit(
    ctx: typer.Context,
    record: OfRecord = "",
    run: OfRun = "",
    action: OfAction = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 50,
    json: Json = False,
) -> int:
    """The newest entries, with every field before and after."""
    from hub.store import audit

    with opened(ctx) as project, project.store.read() as tx:
        found = audit.entries(tx, golden=record, run=run, action=action, limit=limit, newest=True)
    if json:
        as_json({"entries": [_dated(e) for e in found]})
        return exits.OK
    for entry in found:
        _show(entry)
    if not found:
        say("No entries.")
    return exits.OK


def _dated(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "at": moment(entry["at"])}


def _show(e: Mapping[str, Any]) -> None:
    where = "/".join(x for x in (e["connection"], e["object"], e["remote_id"]) if x)
    about = "  ".join(x for x in (e["golden"], where, e["why"]) if x)
    say(f"{e['seq']:>6}  {moment(e['at'])}  {e['actor']}  {e['action']}  {about}")
    for c in e["changes"]:
        say(f"            {_change(c)}")
    if e.get("erased"):
        say("            (the values were erased)")


def _change(c: Mapping[str, Any]) -> str:
    reason = " · ".join(str(c[n]) for n in ("by", "reason", "rule") if c.get(n))
    if "lost" in c:
        return f"{c['field']}: {shown(c['lost'])} did not win  {reason}"
    if "after" in c:
        return f"{c['field']}: {shown(c.get('before'))} → {shown(c['after'])}  {reason}"
    rest = ", ".join(f"{n} {shown(v)}" for n, v in c.items() if n != "field")
    return f"{c.get('field', '')}: {rest}"


def verify_audit(
    ctx: typer.Context,
    checkpoint: Annotated[str, typer.Option("--checkpoint", help="ROWS:HEAD noted at an earlier verify.")] = "",
    json: Json = False,
) -> int:
    """Walk the hash chain. Any row that was changed, added or removed is named."""
    from hub.store import audit

    with opened(ctx) as project, project.store.read() as tx:
        verdict = audit.verify(tx, _checkpoint(checkpoint))
    good = verdict.bad is None
    told = {
        "ok": good,
        "rows": verdict.rows,
        "unsealed": verdict.unsealed,
        "head": verdict.head,
        "bad": verdict.bad,
        "why": verdict.why,
        "checkpoint": f"{verdict.rows}:{verdict.head}",
    }
    if json:
        as_json(told)
    elif good:
        say(f"{paint('✓', 'green')} the chain is whole: {verdict.rows:,} rows, {verdict.unsealed:,} not sealed yet")
        say(f"Note this elsewhere, to find a cut end later: --checkpoint {verdict.rows}:{verdict.head}")
    else:
        say(f"{paint('✗', 'red')} row {verdict.bad}: {verdict.why}. The {verdict.rows:,} rows before it are whole.")
    return exits.OK if good else exits.ERROR


def _checkpoint(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    rows, _, head = text.partition(":")
    if not rows.isdecimal() or not head:
        raise typer.BadParameter("a checkpoint looks like 1204:9f2c…, as `accordant audit verify` prints it")
    return int(rows), head


def export_audit(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A file; JSON lines (default: standard output).")
    ] = None,
    record: OfRecord = "",
    run: OfRun = "",
    json: Json = False,
) -> int:
    """Every entry, oldest first: as JSON lines, or with --json as one document. Holds personal values."""
    from hub.store import audit

    with opened(ctx) as project, project.store.read() as tx:
        if json:
            found = [_dated(e) for e in _all(audit, tx, record, run)]
            as_json({"entries": found})
        else:
            _write_lines(out, (_dated(e) for e in _all(audit, tx, record, run)))
    return exits.OK


def _all(audit: Any, tx: Any, record: str, run: str) -> Iterator[dict[str, Any]]:
    after = 0
    while rows := audit.entries(tx, golden=record, run=run, limit=1_000, after=after):
        yield from rows
        after = rows[-1]["seq"]


def _write_lines(out: Path | None, entries: Iterator[dict[str, Any]]) -> None:
    import json
    import os

    if out is None:
        for entry in entries:
            say(json.dumps(entry, ensure_ascii=False, default=str))
        return
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        lines = (json.dumps(entry, ensure_ascii=False, default=str) + "\n" for entry in entries)
        number = sum(1 for line in lines if file.write(line))
    say(f"{number:,} entries written to {out}, which holds personal values.")


AUDIT = (("show", show_audit), ("verify", verify_audit), ("export", export_audit))
