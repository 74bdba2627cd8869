"""conflicts and matches: questions that the hub asks a person, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, count, moment, say, shown
from hub.cli.session import By, Json, opened, who
from hub.core.errors import HubError

if TYPE_CHECKING:
    from hub.jobs.assemble import Assembly

OfSync = Annotated[str, typer.Option("--sync", help="Only those of this sync.")]


def list_conflicts(
    ctx: typer.Context,
    sync: OfSync = "",
    state: Annotated[str, typer.Option("--state", help="open, decided, resolved or closed.")] = "open",
    json: Json = False,
) -> int:
    """Fields that changed to different values in two places."""
    from hub.store import reviews

    with opened(ctx) as project, project.store.read() as tx:
        found = [_conflict(c) for c in reviews.conflicts(tx, sync, state)]
    if json:
        as_json({"conflicts": found})
        return exits.OK
    say(count(len(found), f"{state} conflict") + ("" if found else "."))
    for one in found:
        say(f"{one['id']}  {one['golden']} {one['path']}  since {one['at']}  {one['rule']}")
        for side, value in sorted(one["claims"].items()):
            say(f"    {side}: {shown(value)}")
        say(f"    hub: {shown(one['hub_value'])}")
    if found and state == "open":
        say(f"Decide: accordant conflicts resolve {found[0]['id']} --keep CONNECTION, or --value VALUE")
    return exits.OK


def _conflict(c: Mapping[str, Any]) -> dict[str, Any]:
    claims = {link.split("/", 1)[0]: value for link, value in c["shown"].items()}
    names = ("id", "sync", "golden", "path", "state", "hub_value", "rule", "run", "value", "by")
    return {**{n: c[n] for n in names}, "claims": claims, "at": moment(c["at"]), "decided_at": moment(c["decided_at"])}


def resolve_conflict(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The conflict, as `accordant conflicts list` names it.")],
    keep: Annotated[str, typer.Option("--keep", help="The connection whose value counts, or `hub`.")] = "",
    value: Annotated[str | None, typer.Option("--value", help="Another value; JSON, else taken as text.")] = None,
    by: By = "",
    json: Json = False,
) -> int:
    """Decide a conflict. It takes effect in the next run; the other values stay in the audit log."""
    from hub.engine import repair

    if bool(keep) == (value is not None):
        raise HubError(
            "say whose value counts",
            unchanged="Nothing was decided",
            next=f"accordant conflicts resolve {id} --keep CONNECTION, or --value VALUE",
            code="E-USAGE",
        )
    with opened(ctx) as project:
        chosen = None if value is None else _tidied(project, id, value)
        found = repair.resolve_conflict(project.hub, id, keep=keep, value=chosen, by=by or who())
    told = {"id": id, "sync": found["sync"], "golden": found["golden"], "path": found["path"], "state": "decided"}
    return _answered(told, f"{found['path']} of {found['golden']} is decided.", json)


def _tidied(project: Assembly, id: str, text: str) -> Any:
    """What was typed, as the field's type holds it."""
    from hub.core import values
    from hub.store import reviews

    with project.store.read() as tx:
        conflict = reviews.conflict(tx, id) or {"sync": "", "path": ""}
    sync = project.hub.syncs.get(conflict["sync"])
    rules = [s.mapping.rules.get(conflict["path"]) for s in (sync.spokes if sync else ())]
    kind = next((rule.kind for rule in rules if rule is not None), "text")
    try:
        return values.tidy(kind, _value(text)) if kind in values.KINDS else _value(text)
    except ValueError as error:
        raise HubError(
            f"this value does not fit {conflict['path']}",
            why=f"expected {error}",
            unchanged="Nothing was decided",
            next=f"accordant conflicts resolve {id} --value VALUE",
            code="E-VALUE",
        ) from error


def _value(text: str) -> Any:
    """Lists, objects and null as JSON, everything else as text."""
    import json

    if not text.startswith(("{", "[", "null", "true", "false", '"')):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _answered(told: Mapping[str, Any], text: str, json: bool) -> int:
    command = f"accordant run {told['sync']}"
    if json:
        as_json({**told, "next": command})
    else:
        say(f"{text} It takes effect in the next run: {command}")
    return exits.OK


# ---------------------------------------------------------------- matches


def list_matches(
    ctx: typer.Context,
    sync: OfSync = "",
    state: Annotated[str, typer.Option("--state", help="open, accepted, rejected or closed.")] = "open",
    json: Json = False,
) -> int:
    """Records that may be ones that the hub knows already."""
    from hub.engine.planning import shown_name
    from hub.store import goldens, reviews

    with opened(ctx) as project, project.store.read() as tx:
        found = [{**r, "at": moment(r["at"])} for r in reviews.reviews(tx, sync, state)]
        known = goldens.load(tx, sorted({g for r in found for g in r["candidates"]}))
    for one in found:
        one["names"] = {g: shown_name(known[g].fields) for g in one["candidates"] if g in known}
    if json:
        as_json({"matches": found})
        return exits.OK
    say(count(len(found), f"{state} match", f"{state} matches") + ("" if found else "."))
    for one in found:
        say(f"{one['id']}  {one['connection']} {one['object']} {one['remote_id']}: {one['reason']}")
        for golden in one["candidates"]:
            say(f"    {golden}  {one['names'].get(golden, '')}".rstrip())
    if found and state == "open":
        say(
            f"The same: accordant matches accept {found[0]['id']}. Not the same: accordant matches reject {found[0]['id']}"
        )
    return exits.OK


MatchId = Annotated[str, typer.Argument(metavar="ID", help="The match, as `accordant matches list` names it.")]


def accept_match(
    ctx: typer.Context,
    id: MatchId,
    golden: Annotated[str, typer.Option("--with", help="Which one, where there are several candidates.")] = "",
    by: By = "",
    json: Json = False,
) -> int:
    """They are the same: the record is linked in the next run."""
    from hub.engine import repair
    from hub.store import reviews

    with opened(ctx) as project:
        with project.store.read() as tx:
            review = reviews.review(tx, id)
        candidates = review["candidates"] if review and review["state"] == "open" else []
        if not golden and len(candidates) > 1:
            raise HubError(
                f"{id} has {len(candidates)} candidates",
                unchanged="Nothing was decided",
                next=f"accordant matches accept {id} --with {'|'.join(candidates)}",
                code="E-USAGE",
            )
        found = repair.answer_match(project.hub, id, golden=golden or next(iter(candidates), "none"), by=by or who())
    told = {"id": id, "sync": found["sync"], "state": "accepted", "golden": golden or candidates[0]}
    return _answered(told, f"{id} is accepted.", json)


def reject_match(ctx: typer.Context, id: MatchId, by: By = "", json: Json = False) -> int:
    """They are not the same: the record becomes one of its own."""
    from hub.engine import repair

    with opened(ctx) as project:
        found = repair.answer_match(project.hub, id, by=by or who())
    told = {"id": id, "sync": found["sync"], "state": "rejected", "golden": ""}
    return _answered(told, f"{id} is rejected.", json)


CONFLICTS = (("list", list_conflicts), ("resolve", resolve_conflict))
MATCHES = (("list", list_matches), ("accept", accept_match), ("reject", reject_match))
