"""All commands in one table, and what happens around each: options before the command, errors, exit codes."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli import database, demo, exits, files, letters, operate, people, recording, reports, setup, systems, trail
from hub.cli.output import as_json, error_json, note, show_error
from hub.cli.session import Session
from hub.core.errors import HubError

STOPPED = "Interrupted. What was stored before stays; the next run goes on from there."
EPILOG = "Exit codes: " + " · ".join(f"{code} {text}" for code, text in exits.MEANING.items())
app = typer.Typer(
    name="accordant",
    help="Keep customers and orders in agreement between CRMs, ERPs and shops.",
    epilog=EPILOG,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"accordant {version('accordant')}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    project: Annotated[
        Path | None, typer.Option("--project", help="The project's folder (default: ACCORDANT_PROJECT, else here).")
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log what is done, to standard error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = Session(project=project, verbose=verbose)


TOP: tuple[tuple[str, Any], ...] = (
    ("init", setup.init),
    ("demo", demo.demo),
    ("doctor", systems.doctor),
    ("discover", systems.discover),
    ("validate", files.validate),
    ("test", files.test),
    ("try", files.try_mapping),
    ("plan", operate.plan),
    ("apply", operate.apply),
    ("run", operate.run),
    ("sweep", operate.sweep),
    ("status", reports.status),
    ("pause", operate.pause),
    ("resume", operate.resume),
    ("explain", recording.explain),
    ("serve", setup.serve),
)
GROUPS: tuple[tuple[str, str, tuple[tuple[str, Any], ...]], ...] = (
    (
        "connections",
        "The accounts on the other side.",
        (("list", systems.list_connections), ("test", systems.test_connection)),
    ),
    ("runs", "What was run, and what came of it.", reports.RUNS),
    ("records", "Single records: find, look at, read again, part.", recording.RECORDS),
    ("conflicts", "Fields that changed to different values in two places.", people.CONFLICTS),
    ("matches", "Records that may be the same.", people.MATCHES),
    ("errors", "What failed for good and waits for a person.", letters.ERRORS),
    ("audit", "Who changed what, when and why.", trail.AUDIT),
    ("secrets", "Tokens and passwords, encrypted in the database.", setup.SECRETS),
    ("db", "The database: version, backups, and what follows a restore.", database.DATABASE),
    ("connector", "The connectors that are installed.", (("list", systems.list_connectors),)),
    ("schema", "JSON Schema of the files, for editors.", (("export", files.export_schema),)),
)

for _name, _function in TOP:
    app.command(_name)(_function)
for _name, _help, _commands in GROUPS:
    group = typer.Typer(help=_help, no_args_is_help=True, rich_markup_mode=None)
    for _sub, _function in _commands:
        group.command(_sub)(_function)
    app.add_typer(group, name=_name)


def invoke(arguments: list[str]) -> int:
    """Run a command line. Every error ends here: as one message, as JSON where asked for, and as an exit code."""
    usage = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="accordant", standalone_mode=False)
        if code == exits.INTERRUPTED:
            note(STOPPED)
        return code if isinstance(code, int) else exits.OK
    except HubError as problem:
        return _told(problem, arguments)
    except (KeyboardInterrupt, typer.Abort):
        note(STOPPED)
        return exits.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return exits.ERROR
    except Exception as problem:
        if isinstance(problem, usage):
            return _usage(problem, arguments)
        return _told(_bug(problem, arguments), arguments)


def _told(problem: HubError, arguments: list[str]) -> int:
    show_error(problem)
    if "--json" in arguments:
        as_json({"error": error_json(problem)})
    return exits.of_error(problem)


def _usage(problem: Any, arguments: list[str]) -> int:
    """A command line that was not understood."""
    if type(problem).__name__ == "NoArgsIsHelpError":
        note(problem.format_message())
        return exits.ERROR
    path = problem.ctx.command_path if getattr(problem, "ctx", None) else "accordant"
    wrong = HubError(
        problem.format_message().rstrip("."), unchanged="Nothing was done", next=f"{path} --help", code="E-USAGE"
    )
    return _told(wrong, arguments)


def _bug(problem: Exception, arguments: list[str]) -> HubError:
    from hub.cli.log import bug

    project = next((Path(b) for a, b in pairwise(arguments) if a == "--project"), None)
    try:
        root = Session(project=project).root()
    except HubError:
        root = None
    return bug(problem, root)
