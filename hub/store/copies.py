"""Copies of an embedded database: made while it is in use, whole, private, and put back in one step.

SQLite copies pages under its own locks, so that a copy is the state after some transaction and never one in the middle.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from hub.core.errors import HubError, Refused

SIDES = ("-wal", "-shm", "-journal")
RETRY = 0.05
"""Seconds between two tries while somebody else writes."""


def copy_to(database: Path, target: Path) -> int:
    """Copy a database into a new file that only its owner may read. Returns its size in bytes.

    Raises Refused if the file is there already; a copy that fails leaves none.
    """
    with _told(target):
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise Refused(
                "the file is there already, and no backup is written over another one",
                where=str(target),
                unchanged="Nothing was written",
                next="name a new file",
                code="E-FILE",
            ) from None
        try:
            with closing(_reading(database)) as source, closing(sqlite3.connect(target)) as made:
                source.backup(made, sleep=RETRY)
                made.execute("PRAGMA journal_mode=DELETE")  # one file, that can be moved by itself
            _sync(target)
        except BaseException:
            remove(target)
            raise
        return target.stat().st_size


def put_back(copy: Path, database: Path) -> None:
    """Make the database what the copy is, in one transaction: programs that have it open see the new state from then on.

    A database that is missing, or too damaged for that, is replaced as a file.
    """
    with _told(database):
        try:
            if not database.is_file():
                raise sqlite3.DatabaseError("not there")
            with closing(_reading(copy)) as source, closing(sqlite3.connect(database, timeout=30.0)) as target:
                target.execute("PRAGMA synchronous=FULL")
                source.backup(target, sleep=RETRY)
        except sqlite3.DatabaseError as problem:
            if isinstance(problem, sqlite3.OperationalError):
                raise
            for side in SIDES:
                with suppress(FileNotFoundError):
                    os.unlink(f"{database}{side}")
            os.replace(copy, database)
        _sync(database)


def keep_aside(database: Path, target: Path) -> bool:
    """Keep what is about to be replaced: as a copy, or the damaged file as it is. False if there is nothing to keep."""
    if not database.is_file() or not database.stat().st_size:
        return False
    try:
        copy_to(database, target)
    except HubError as problem:
        if problem.code != "E-BACKUP":
            raise
        with _told(target):
            os.link(database, target)
    return True


def remove(path: Path) -> None:
    for name in (str(path), *(f"{path}{side}" for side in SIDES)):
        with suppress(FileNotFoundError):
            os.unlink(name)


def _reading(path: Path) -> sqlite3.Connection:
    found = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=30.0)
    found.execute("PRAGMA schema_version").fetchone()  # a file that is no database fails here
    return found


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.absolute()))


def _sync(path: Path) -> None:
    """The bytes are on the disk before anybody is told that they are."""
    for name, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        handle = os.open(name, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system or SQLite says of a file, as a message for a person."""
    try:
        yield
    except OSError as error:
        raise HubError(
            f"the file cannot be used: {error.strerror}",
            where=str(path),
            unchanged="The database was not changed",
            next="name a place that you may write to, with room enough",
            code="E-FILE",
        ) from error
    except sqlite3.Error as error:
        raise HubError(
            "the database file cannot be copied: it is damaged, in use for too long, or no database",
            where=str(path),
            why=f"SQLite says: {error}",
            unchanged="The database was not changed",
            next="accordant db check; a damaged one is replaced by accordant db restore FILE",
            code="E-BACKUP",
        ) from error
