"""init, secrets and serve: what is done once, and what then runs by itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli import exits
from hub.cli.output import as_json, say
from hub.cli.session import By, Json, opened, session, who
from hub.core.errors import HubError, Refused

if TYPE_CHECKING:
    from hub.settings.connections import ConnectionSettings


def init(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The folder (default: here).")] = None,
    example: Annotated[
        bool, typer.Option("--example", help="With the example mappings and syncs of Salesforce and HubSpot.")
    ] = False,
    json: Json = False,
) -> int:
    """Make a project: folders, settings, a private key, an empty database. What is there stays."""
    from hub.jobs.assemble import Assembly
    from hub.jobs.folder import copy_examples, make_project
    from hub.store import schema

    mine = session(ctx)
    root = (folder or mine.project or Path.cwd()).resolve()
    try:
        made = copy_examples(root) if example else []
        made += make_project(root)
    except OSError as error:
        raise HubError(
            f"the project cannot be made: {error.strerror}",
            where=str(root),
            unchanged="What could be made stays",
            next="name a folder that you may write to",
            code="E-FILE",
        ) from error
    with Assembly(root, mine.env) as project:
        if schema.version(project.unchecked_store) == "":
            schema.upgrade(project.unchecked_store)
        version = schema.version(project.store)
    if json:
        as_json({"project": str(root), "made": made, "database": version})
        return exits.OK
    say(f"Project {root}: " + (", ".join(made) if made else "everything was there"))
    say("Keep .accordant/key safe: without it, stored secrets and the audit log cannot be read.")
    if example:
        say(
            "Next: name your accounts in config/connections.yaml, then: accordant validate && accordant test && accordant doctor"
        )
    else:
        say("Next: accordant connector list, then config/connections.yaml, then: accordant doctor")
        say("Or begin with files that work: accordant init --example")
    return exits.OK


# ---------------------------------------------------------------- secrets


def set_secret(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `secret:NAME` in config/connections.yaml.")],
    by: By = "",
    json: Json = False,
) -> int:
    """Store a secret, encrypted. The value comes from a hidden prompt, or from standard input."""
    import re

    from hub.store import audit, secrets

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise HubError(
            f'"{name}" is not a name for a secret',
            unchanged="Nothing was stored",
            next="use letters, digits, points, - and _",
            code="E-USAGE",
        )
    with opened(ctx) as project:
        store = project.store
        value = _value(name)
        with store.begin() as tx:
            secrets.put(tx, name, value)
            audit.write(tx, [audit.Entry("secret set", actor=f"person:{by or who()}", why=name)])
    as_json({"secret": name, "stored": True}) if json else say(f"secret:{name} is stored, encrypted.")
    return exits.OK


def _value(name: str) -> str:
    import getpass

    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read()
    value = value.rstrip("\r\n")
    if not value:
        raise HubError(
            "the secret is empty",
            unchanged="Nothing was stored",
            next=f"type it at the prompt, or: accordant secrets set {name} < FILE",
            code="E-USAGE",
        )
    return value


def list_secrets(ctx: typer.Context, json: Json = False) -> int:
    """The names of stored secrets, and of those that the files ask for. Never their values."""
    from hub.store import secrets

    with opened(ctx) as project:
        with project.store.read() as tx:
            stored = secrets.names(tx)
        wanted = _wanted(project.project.connections)
    names = sorted({*stored, *wanted})
    if json:
        as_json({"secrets": [{"secret": n, "stored": n in stored, "used_at": wanted.get(n, [])} for n in names]})
        return exits.OK
    for one in names:
        state = "stored" if one in stored else f"missing: accordant secrets set {one}"
        say(f"{one}  {state}  {', '.join(wanted.get(one, []))}".rstrip())
    if not names:
        say("No secrets.")
    return exits.OK


def _wanted(connections: Mapping[str, ConnectionSettings]) -> dict[str, list[str]]:
    """{name: places} of `secret:NAME` in the connections."""
    found: dict[str, list[str]] = {}

    def walk(value: object, path: str, settings: ConnectionSettings) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else str(key), settings)
        elif isinstance(value, str) and value.startswith("secret:"):
            place = settings.places.get(path, settings.place)
            found.setdefault(value.removeprefix("secret:"), []).append(str(place))

    for settings in connections.values():
        walk(dict(settings.config), "", settings)
    return found


# ---------------------------------------------------------------- serve


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port.")] = 8080,
) -> int:
    """Run the schedules, and answer GET /health, until stopped."""
    from hub.jobs.assemble import Assembly
    from hub.web.serve import serve as run

    mine = session(ctx)
    with Assembly(mine.root(), mine.env) as project:
        if project.project.work != "embedded":
            raise Refused(
                "work: {engine: distributed} is not supported by this version",
                where="config/accordant.yaml",
                unchanged="Nothing was started",
                next="set work: {engine: embedded}",
                code="S-ENGINE",
            )
    run(mine.root(), mine.env, host=host, port=port, verbose=mine.verbose)
    return exits.OK


SECRETS = (("set", set_secret), ("list", list_secrets))
