"""connections, connector, discover and doctor: the systems on the other side, and whether all is in place."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, count, error_json, paint, say, show_error, table
from hub.cli.session import Json, opened
from hub.core.errors import HubError, Refused

Connection = Annotated[str, typer.Argument(metavar="CONNECTION", help="A connection, as in config/connections.yaml.")]


def list_connections(ctx: typer.Context, json: Json = False) -> int:
    """The connections of this project, and how they stand."""
    from hub.store import runs

    with opened(ctx) as project, project.store.read() as tx:
        found = []
        for name, settings in sorted(project.project.connections.items()):
            state = runs.connection_state(tx, name)
            auth = str((settings.config.get("auth") or {}).get("kind", ""))
            syncs = [s.name for s in project.project.syncs.values() if any(p.connection == name for p in s.spokes)]
            found.append(
                {
                    "connection": name,
                    "connector": settings.connector,
                    "auth": auth,
                    "org": state["org"],
                    "state": state["state"],
                    "reason": state["reason"],
                    "syncs": syncs,
                    "place": str(settings.place),
                }
            )
    if json:
        as_json({"connections": found})
    else:
        rows = [
            (c["connection"], c["connector"], c["auth"], c["org"], c["state"], ", ".join(c["syncs"])) for c in found
        ]
        table(("connection", "connector", "auth", "account", "state", "syncs"), rows)
    return exits.OK


def test_connection(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[CONNECTION]", help="One connection (default: all).")] = None,
    json: Json = False,
) -> int:
    """Sign in, and say who answered and which permissions are missing."""
    results, codes = [], []
    with opened(ctx) as project:
        known = project.project.connections
        if name and name not in known:
            raise _unknown(name, sorted(known))
        for one in [name] if name else sorted(known):
            result, code = _test(project, one, quiet=json)
            results.append(result)
            codes.append(code)
    if json:
        as_json({"connections": results})
    return exits.worst(codes)


def _test(project: Any, name: str, *, quiet: bool) -> tuple[dict[str, Any], int]:
    try:
        who = project.sign_in(name)
    except HubError as problem:
        if not quiet:
            show_error(problem)
        return {"connection": name, "ok": False, "error": error_json(problem)}, exits.of_error(problem)
    if not quiet:
        mark = paint("✗", "red") if who.missing else paint("✓", "green")
        user = f" as {who.user}" if who.user else ""
        say(f"{mark} {name}: {who.label or who.org}{user}")
        for scope in who.missing:
            say(f"    the permission {scope} is missing: grant it, then test again")
    told = {"connection": name, "ok": not who.missing, "org": who.org, "user": who.user, "label": who.label}
    code = exits.ERROR if who.missing else exits.OK
    return {**told, "granted": list(who.granted), "missing": list(who.missing)}, code


def _unknown(name: str, known: list[str]) -> Refused:
    return Refused(
        f'there is no connection "{name}"',
        unchanged="Nothing was done",
        next=f"use one of: {', '.join(known) or '(none is configured in config/connections.yaml)'}",
        code="S-NAME",
    )


def discover(
    ctx: typer.Context,
    connection: Connection,
    object: Annotated[str | None, typer.Argument(metavar="[OBJECT]", help="One object: show its fields.")] = None,
    json: Json = False,
) -> int:
    """The objects of a system, or the fields of one of them."""
    from dataclasses import asdict

    with opened(ctx) as project:
        connector = project.connectors[connection]
        if object is None:
            names = list(connector.objects())
            if json:
                as_json({"connection": connection, "objects": names})
            else:
                for name in names:
                    say(name)
            return exits.OK
        info, able = connector.describe(object), connector.capabilities(object)
    if json:
        able_json = {**asdict(able), "writes": sorted(able.writes)}
        as_json({"connection": connection, **asdict(info), "capabilities": able_json})
        return exits.OK
    say(f"{info.name}  {info.label}  ({count(len(info.fields), 'field')})")
    rows = [(f.name, f.type, f.label, _traits(f), ", ".join(f.choices or f.refers_to)[:80]) for f in info.fields]
    table(("field", "type", "label", "traits", "values or target"), rows)
    return exits.OK


def _traits(f: Any) -> str:
    traits = [name for name in ("required", "unique") if getattr(f, name)]
    traits += ["read only"] if not f.writable else []
    return ", ".join([*traits, *([f"{f.length} letters"] if f.length else [])])


# ---------------------------------------------------------------- installed connectors


def list_connectors(ctx: typer.Context, json: Json = False) -> int:
    """Which connectors are installed, and what each wants to know."""
    from hub.connect.registry import connector_class, connector_names

    found = [_connector(connector_class(name)) for name in connector_names()]
    if json:
        as_json({"connectors": found})
        return exits.OK
    for one in found:
        say(f"{one['connector']}  {one['label']}")
        for kind, options in one["auth"].items():
            needed = "".join(f", {o['name']}: …" for o in options if o["required"])
            say(f"    auth: {{kind: {kind}{needed}}}")
        for o in one["options"]:
            flag = (
                "required" if o["required"] else f"default {o['default']}" if o["default"] not in (None, (), "") else ""
            )
            say(f"    {o['name']}: {o['help']}{f' ({flag})' if flag else ''}")
    return exits.OK


def _connector(made: Any) -> dict[str, Any]:
    return {
        "connector": made.name,
        "label": made.label,
        "sandbox": bool(made.sandbox),
        "options": [_option(o) for o in made.options],
        "auth": {kind: [_option(o) for o in options] for kind, options in made.auth_kinds.items()},
    }


def _option(o: Any) -> dict[str, Any]:
    names = ("name", "help", "default", "required", "secret", "example")
    return {**{n: getattr(o, n) for n in names}, "type": o.type.__name__, "choices": list(o.choices)}


# ---------------------------------------------------------------- doctor

MARKS = {"ok": ("✓", "green"), "note": ("·", "dim"), "warning": ("!", "yellow"), "broken": ("✗", "red")}


PROMISES = {
    "prevented": "lost updates prevented",
    "nearly": "lost updates nearly prevented",
    "detected": "lost updates detected",
    "narrowed": "lost updates made rare",
}


def doctor(
    ctx: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended here: missing key, its mode, old schema.")
    ] = False,
    self_check: Annotated[
        bool, typer.Option("--self-check", help="Also check that the hub kept its promises; pause what is broken.")
    ] = False,
    fields: Annotated[bool, typer.Option("--fields", help="Show the guarantee of every field.")] = False,
    json: Json = False,
) -> int:
    """Is everything in place: key, files, database, sign-ins, permissions, fields; and what is promised."""
    from hub.jobs.doctor import examine

    with opened(ctx) as project:
        mended = _fix(project) if fix else []
        found = examine(project, self_check=self_check)
    if json:
        as_json({**found.as_json(), "fixed": mended})
        return exits.ERROR if found.broken else exits.OK
    for text in mended:
        say(f"{paint('✓', 'green')} mended: {text}")
    for f in found.findings:
        say(f"{paint(*MARKS[f.level])} {f.text if f.text.startswith(f'{f.about}:') else f'{f.about}: {f.text}'}")
        if f.next and f.next not in f.text:
            say(f"    {f.next}")
    for g in found.guarantees:
        _show_guarantee(g, fields)
    return exits.ERROR if found.broken else exits.OK


def _fix(project: Any) -> list[str]:
    from hub.jobs.folder import KEY, key_is_private, make_key
    from hub.store import schema

    mended = []
    fresh = not (project.root / "accordant.db").exists() and not project.env.get("ACCORDANT_KEY")
    if fresh and make_key(project.root):
        mended.append(f"{KEY} was made")
    if not key_is_private(project.root):
        (project.root / KEY).chmod(0o600)
        mended.append(f"{KEY} is private now")
    before = schema.version(project.unchecked_store)
    if before != schema.HEAD:
        schema.upgrade(project.unchecked_store)
        mended.append(f"the database was brought from {before or 'empty'} to {schema.HEAD}")
    return mended


def _show_guarantee(g: Any, fields: bool) -> None:
    word = PROMISES.get(g["guarantee"], g["guarantee"])
    say(f"  {g['sync']} → {g['connection']} {g['object']}: {word}: {g['means']}")
    say(f"      creates: {g['creates']} · deletes: {g['deletes']} · protocol: {g['protocol']}")
    for path, word in g["fields"].items() if fields else ():
        say(f"      {path}: {word}")
