"""db: the version of the tables, backups, and what follows a restore."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import ago, as_json, moment, say
from hub.cli.session import By, Json, opened, who
from hub.core.errors import HubError, Refused

if TYPE_CHECKING:
    from hub.jobs.assemble import Assembly
    from hub.store.db import Store

Yes = Annotated[bool, typer.Option("--yes", help="Answer the prompt with yes.")]
AFTER = (
    "Everything is read and compared with the next runs: accordant run --all",
    "Creates and deletes wait until you let them go: accordant db release",
)


def upgrade_database(ctx: typer.Context, json: Json = False) -> int:
    """Bring the tables to this program's version. What is stored stays."""
    from hub.store import schema

    with opened(ctx) as project:
        before = schema.upgrade(project.unchecked_store)
    same = before == schema.HEAD
    text = f"The database has version {schema.HEAD}" + (" already." if same else f", before: {before or 'empty'}.")
    as_json({"before": before, "version": schema.HEAD, "changed": not same}) if json else say(text)
    return exits.OK


def check_database(ctx: typer.Context, json: Json = False) -> int:
    """Whether the tables are those of this program."""
    from hub.store import schema

    with opened(ctx) as project:
        found = schema.version(project.unchecked_store)
        good = found == schema.HEAD
        if json:
            as_json({"ok": good, "version": found, "needed": schema.HEAD})
        elif good:
            say(f"The database has version {found}, as it should.")
        else:
            schema.check(project.unchecked_store)
    return exits.OK if good else exits.REFUSED


# ---------------------------------------------------------------- backup


def backup_database(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file; it is never written over another.")],
    json: Json = False,
) -> int:
    """Copy the database into a file, also while runs are under way. Keep .accordant/key apart from it."""
    from hub.store import copies, schema

    with opened(ctx) as project:
        url = _server(project)
        if url:
            raise _by_hand("backed up", f"pg_dump --format=custom --no-owner --file='{file}' '{url}'")
        size = copies.copy_to(_path_of(project.store), file)
        at = project.clock.now()
    if json:
        as_json({"backup": str(file.absolute()), "bytes": size, "version": schema.HEAD, "at": moment(at)})
        return exits.OK
    say(f"{file} holds the database as it is now ({size / 1e6:.1f} MB), readable by you alone.")
    say("Secrets and personal values in it open only with .accordant/key: keep that, and keep it elsewhere.")
    return exits.OK


# ---------------------------------------------------------------- restore


def restore_database(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup, as `accordant db backup` makes it.")],
    yes: Yes = False,
    by: By = "",
    json: Json = False,
) -> int:
    """Set the database back to a backup. The replaced one is kept; creates and deletes then wait for `db release`."""
    from hub.engine import reconcile
    from hub.store import copies

    with opened(ctx) as project:
        url = _server(project)
        if url:
            command = f"pg_restore --clean --if-exists --no-owner --dbname='{url}' '{file}'"
            raise _by_hand("restored", f"{command} && accordant db restored")
        database, now = _path_of(project.unchecked_store), project.clock.now()
        in_use = _check_idle(project, database)
        draft, kept = _beside(database, "restoring", now), _beside(database, "before-restore", now)
        try:
            newest = _prepare(project, file, draft, f"person:{by or who()}")
            _confirm(f"Set {database} back to {file}, the state of {ago(newest, now)}?", yes)
            project.unchecked_store.close()  # its file may be replaced by another one
            saved = in_use and copies.keep_aside(database, kept)
            copies.put_back(draft, database)
        finally:
            copies.remove(draft)
        since = reconcile.current(project.unchecked_store)
    if json:
        as_json(
            {
                "restored": str(file.absolute()),
                "database": str(database),
                "state_of": moment(newest) if newest else None,
                "kept": str(kept) if saved else None,
                "since": moment(since.at) if since else None,
            }
        )
        return exits.OK
    say(f"The database is that of {file}, the state of {ago(newest, now)}.")
    if saved:
        say(f"What it replaced is kept: {kept}")
    for line in AFTER:
        say(line)
    return exits.OK


def _beside(database: Path, what: str, now: float) -> Path:
    """A new name beside the database that says what it is and of when."""
    name = f"{database.name}.{what}-{moment(now).replace('-', '').replace(':', '')}"
    names = (name, *(f"{name}-{n}" for n in range(2, 100)))
    return next((p for p in map(database.with_name, names) if not p.exists()), database.with_name(name))


def _prepare(project: Assembly, file: Path, draft: Path, by: str) -> float:
    """A checked copy of the backup, marked as restored before anybody can use it. Returns the moment of its last entry."""
    from hub.engine import reconcile
    from hub.store import audit, copies, schema, secrets
    from hub.store.db import Store

    if not file.is_file():
        raise _no_backup(file, "there is no such file")
    copies.copy_to(file, draft)
    copy = Store(f"sqlite:///{draft}", vault=project.unchecked_store.vault, now=project.clock.now)
    try:
        version = schema.version(copy)
        if version in ("", "unknown") or version > schema.HEAD:
            told = f"it has version {version}, which is newer than {schema.HEAD}" if version > schema.HEAD else ""
            raise _no_backup(file, told or "it has no tables of Accordant")
        schema.upgrade(copy)
        secrets.check_key(copy)
        with copy.read() as tx:
            verdict = audit.verify(tx)
            newest = max((e["at"] for e in audit.entries(tx, limit=1, newest=True)), default=0.0)
        if verdict.bad is not None:
            raise _no_backup(file, f"its audit log was changed: row {verdict.bad}, {verdict.why}")
        reconcile.begin(copy, by)
    finally:
        copy.close()
    return float(newest)


def _no_backup(file: Path, why: str) -> Refused:
    return Refused(
        "this file is no backup that can be restored",
        where=str(file),
        why=why[:1].upper() + why[1:],
        unchanged="The database was not changed",
        next="name another backup",
        code="E-BACKUP",
    )


def _check_idle(project: Assembly, database: Path) -> bool:
    """Nobody works with the database that is to be replaced. False if it holds nothing; one that cannot be read has no
    runs."""
    from hub.jobs.ids import is_alive
    from hub.store import reconcile, schema

    if not database.is_file():
        return False
    try:
        if schema.version(project.unchecked_store) == "":
            return False
        with project.unchecked_store.read() as tx:
            holders = [h for h in reconcile.leases(tx) if is_alive(h)]
    except HubError as problem:
        if problem.code == "E-LOCKED":
            raise
        return True
    if holders:
        raise Refused(
            f"a sync is being run by {holders[0]}",
            unchanged="The database was not changed",
            next="wait for it, or stop it: accordant runs list, accordant runs cancel RUN",
            code="S-BUSY",
        )
    return True


def mark_restored(ctx: typer.Context, yes: Yes = False, by: By = "", json: Json = False) -> int:
    """Say that the database was restored by other means (pg_restore, a copied file): nothing it remembers is trusted."""
    from hub.engine import reconcile

    with opened(ctx) as project:
        _confirm("Forget what the hub remembers of every system, and read and compare everything again?", yes)
        reconcile.begin(project.store, f"person:{by or who()}")
        since = reconcile.current(project.store)
    if json:
        as_json({"since": moment(since.at) if since else None})
        return exits.OK
    for line in AFTER:
        say(line)
    return exits.OK


# ---------------------------------------------------------------- release


def release_database(
    ctx: typer.Context,
    unread: Annotated[
        bool, typer.Option("--unread", help="Also if some sync has not read and compared everything since.")
    ] = False,
    by: By = "",
    json: Json = False,
) -> int:
    """After a restore: let creates and deletes go on, with the next run. See them first: accordant plan SYNC."""
    from hub.engine import reconcile

    with opened(ctx) as project:
        found = reconcile.release(project.hub, by or who(), unread_too=unread)
    if json:
        as_json({"released": True, "since": moment(found.at)})
        return exits.OK
    say("Creates and deletes are sent again with the next run, within the guards.")
    return exits.OK


# ---------------------------------------------------------------- what they share


def _server(project: Assembly) -> str:
    """The address of a database on a server, without its password; "" for an embedded one."""
    from sqlalchemy import make_url

    url = make_url(project.project.database)
    if url.get_backend_name() == "sqlite":
        return ""
    return url.set(drivername="postgresql", password=None).render_as_string()


def _path_of(store: Store) -> Path:
    return Path(str(store.engine.url.database))


def _by_hand(done: str, command: str) -> Refused:
    return Refused(
        f"a database on PostgreSQL is {done} by PostgreSQL's own tools",
        unchanged="Nothing was done",
        next=command,
        code="E-DATABASE",
    )


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise HubError(
            "this replaces what the hub remembers, and nobody is here to ask",
            unchanged="The database was not changed",
            next="say it again with --yes",
            code="E-USAGE",
        )
    typer.confirm(question, abort=True, err=True)


DATABASE: tuple[tuple[str, Any], ...] = (
    ("upgrade", upgrade_database),
    ("check", check_database),
    ("backup", backup_database),
    ("restore", restore_database),
    ("restored", mark_restored),
    ("release", release_database),
)
