"""errors: what failed for good. Told by cause first, for one cause often stops many records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, count, moment, say
from hub.cli.session import By, Json, opened, who
from hub.core.errors import HubError

if TYPE_CHECKING:
    from hub.jobs.assemble import Assembly

OfSync = Annotated[str, typer.Option("--sync", help="Only those of this sync.")]
OfCode = Annotated[str, typer.Option("--code", help="Only those with this code.")]
OfField = Annotated[str, typer.Option("--field", help="Only those of this field.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Errors, as `accordant errors list` names them.")
]


def list_errors(
    ctx: typer.Context,
    sync: OfSync = "",
    code: OfCode = "",
    field: OfField = "",
    state: Annotated[str, typer.Option("--state", help="open, retried, dismissed or resolved.")] = "open",
    json: Json = False,
) -> int:
    """What failed for good and waits for a person, by cause."""
    from hub.store import reviews, states

    with opened(ctx) as project, project.store.read() as tx:
        found = [_letter(e) for e in reviews.letters(tx, sync, state) if _fits(e, code, field)]
        causes = [_cause(g) for g in states.error_groups(tx, sync, state) if _fits(g, code, field)]
    if json:
        as_json({"causes": causes, "errors": found})
        return exits.OK
    say(count(len(found), f"{state} error") + (f" from {count(len(causes), 'cause')}:" if found else "."))
    for cause in causes:
        _show_cause(cause, [e for e in found if _cause_of(e) == _cause_of(cause)])
    if found and state == "open":
        say("Again: accordant errors retry ID… or --all. Never again: accordant errors dismiss ID… --why TEXT")
    return exits.OK


def _letter(e: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "id",
        "sync",
        "run",
        "connection",
        "object",
        "remote_id",
        "golden",
        "path",
        "action",
        "code",
        "vendor_code",
        "text",
        "count",
        "state",
    )
    return {**{n: e[n] for n in names}, "first_at": moment(e["first_at"]), "last_at": moment(e["last_at"])}


def _cause(g: Mapping[str, Any]) -> dict[str, Any]:
    return {**g, "first_at": moment(g["first_at"]), "last_at": moment(g["last_at"])}


def _cause_of(e: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(e[n] for n in ("sync", "connection", "object", "code", "path"))


def _fits(e: Mapping[str, Any], code: str, field: str) -> bool:
    return (not code or e["code"] == code) and (not field or e["path"] == field)


def _show_cause(cause: Mapping[str, Any], letters: Sequence[Mapping[str, Any]]) -> None:
    where = f"{cause['connection']} {cause['object']} {cause['path']}".rstrip()
    say(f"[{cause['code']}] {where}: {count(cause['records'], 'record')}, last {cause['last_at']}")
    say(f"    {cause['example']}")
    for one in letters[:5]:
        say(f"    {one['id']}  {one['remote_id'] or one['golden']}")
    if len(letters) > 5:
        say(f"    … and {len(letters) - 5:,} more: --json lists all")


# ---------------------------------------------------------------- deciding


def _chosen(
    project: Assembly, ids: Sequence[str], every: bool, sync: str, code: str, field: str
) -> list[dict[str, Any]]:
    """The errors that are meant: those named, or all that fit."""
    from hub.store import reviews

    if bool(ids) == every:
        raise HubError(
            "name the errors, or say --all (with --sync, --code or --field)",
            unchanged="Nothing was changed",
            next="accordant errors list",
            code="E-USAGE",
        )
    with project.store.read() as tx:
        found = reviews.letters(tx, sync)
    if every:
        return [e for e in found if _fits(e, code, field)]
    known = {e["id"]: e for e in found}
    return [known.get(id, {"id": id, "sync": sync}) for id in ids]


def _each(project: Assembly, letters: Sequence[Mapping[str, Any]], do: Callable[[str], None]) -> dict[str, Any]:
    for letter in letters:
        do(letter["id"])
    syncs = sorted({str(e["sync"]) for e in letters if e["sync"]})
    return {"errors": [e["id"] for e in letters], "next": [f"accordant run {name}" for name in syncs]}


def retry_errors(
    ctx: typer.Context,
    ids: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="All that fit the other options.")] = False,
    sync: OfSync = "",
    code: OfCode = "",
    field: OfField = "",
    by: By = "",
    json: Json = False,
) -> int:
    """Try again in the next run, with today's mappings."""
    from hub.engine import repair

    with opened(ctx) as project:
        letters = _chosen(project, ids or (), every, sync, code, field)
        told = _each(project, letters, lambda id: repair.retry_letter(project.hub, id, by=by or who()))
    return _tell(told, f"{count(len(letters), 'error')} will be tried again in the next run", json)


def dismiss_errors(
    ctx: typer.Context,
    ids: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="All that fit the other options.")] = False,
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit log.")] = "",
    sync: OfSync = "",
    code: OfCode = "",
    field: OfField = "",
    by: By = "",
    json: Json = False,
) -> int:
    """Put errors away: the same value is not sent again."""
    from hub.engine import repair

    with opened(ctx) as project:
        letters = _chosen(project, ids or (), every, sync, code, field)
        told = _each(project, letters, lambda id: repair.dismiss_letter(project.hub, id, by=by or who(), why=why))
    return _tell({**told, "next": []}, f"{count(len(letters), 'error')} put away", json)


def _tell(told: Mapping[str, Any], text: str, json: bool) -> int:
    if json:
        as_json(told)
    else:
        say(f"{text}: {', '.join(told['next'])}" if told["next"] else f"{text}.")
    return exits.OK


ERRORS = (("list", list_errors), ("retry", retry_errors), ("dismiss", dismiss_errors))
