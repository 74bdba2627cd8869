"""The database's troubles in our words: what the drivers raise, and the error that a person can act upon.

Broken rules of single rows (IntegrityError, DataError) pass through: settle finds the record that causes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Dialect, make_url
from sqlalchemy import exc as sa_errors

from hub.core.errors import HubError, Refused, Reject, Retry, Stop


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble: the error to raise, and its words."""

    kind: type[HubError]
    code: str
    what: str
    unchanged: str
    next: str
    facts: Mapping[str, Any] = field(default_factory=dict)


LOCKED = Trouble(
    Retry,
    "E-LOCKED",
    "the database is locked by another process",
    "This step was rolled back; nothing is half done",
    "end the other process (accordant status names who holds a sync), then run again",
    {"after": 5},
)
FULL = Trouble(
    Stop,
    "E-DISK",
    "the disk is full or failing: the database cannot be written",
    "This step was rolled back; a write whose answer could not be stored is looked up by the next run",
    "free some room, then run again; the run continues where it stopped",
)
CLOSED = Trouble(
    Stop,
    "E-DATABASE",
    "the database cannot be opened for writing",
    "Nothing was changed",
    "check that it exists and that the user who runs accordant may write it",
)
OTHER_SCHEMA = Trouble(
    Refused,
    "E-SCHEMA",
    "the database has not been prepared for this version",
    "Nothing was changed",
    "accordant db upgrade",
)
DAMAGED = Trouble(
    Stop,
    "E-DATABASE",
    "the database file is damaged, or is no database",
    "Nothing was changed",
    "put the newest good copy of the database in its place, then run again",
)
SILENT = Trouble(
    Retry,
    "E-DATABASE",
    "the database did not answer",
    "This step is stored whole or not at all, and the next run finds out which",
    "check that the database is running, then run again",
)

# By the beginning of SQLite's error name and of PostgreSQL's SQLSTATE; by words where a driver gives neither.
SQLITE = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_FULL": FULL,
    "SQLITE_IOERR": FULL,
    "SQLITE_READONLY": CLOSED,
    "SQLITE_CANTOPEN": CLOSED,
    "SQLITE_PERM": CLOSED,
    "SQLITE_AUTH": CLOSED,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_NOTADB": DAMAGED,
}
POSTGRESQL = {
    "40": LOCKED,
    "55P03": LOCKED,
    "53100": FULL,
    "58030": FULL,
    "25006": CLOSED,
    "28": CLOSED,
    "3D": CLOSED,
    "42501": CLOSED,
    "42P01": OTHER_SCHEMA,
    "42703": OTHER_SCHEMA,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
WORDS = {
    "no such table": OTHER_SCHEMA,
    "no such column": OTHER_SCHEMA,
    "has no column": OTHER_SCHEMA,
    "authentication failed": CLOSED,
    "role ": CLOSED,
    "does not exist": CLOSED,
}


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise our errors for the driver's, with the database named."""
    try:
        yield
    except sa_errors.DBAPIError as error:
        trouble = _trouble(error)
        if trouble is None:
            raise
        raise _ours(trouble, url, str(getattr(error.orig, "sqlite_errorname", "") or type(error.orig).__name__)) from (
            error
        )
    except sa_errors.TimeoutError as error:
        raise _ours(SILENT, url, "all connections are in use") from error
    except UnicodeEncodeError as error:
        raise Reject(
            "a text cannot be stored: it holds half a character (a lone surrogate)",
            where=shown(url),
            unchanged="This step was rolled back",
            next="correct the name or id in the system that it came from",
            code="E-TEXT",
        ) from error


def of_driver(error: Exception, words: str, dialect: Dialect) -> BaseException:
    """What SQLAlchemy would have raised for this error of the driver, had the statement gone through it."""
    base = dialect.loaded_dbapi.Error
    return sa_errors.DBAPIError.instance(words, None, error, base, hide_parameters=True, dialect=dialect)


def _trouble(error: sa_errors.DBAPIError) -> Trouble | None:
    orig: Any = error.orig
    name, state = getattr(orig, "sqlite_errorname", None) or "", getattr(orig, "sqlstate", None) or ""
    for known, table in ((name, SQLITE), (state, POSTGRESQL)):
        for beginning, trouble in table.items():
            if known.startswith(beginning):
                return trouble
    if isinstance(error, (sa_errors.IntegrityError, sa_errors.DataError)):
        return None
    if not state:
        text = str(orig).lower()
        for word, trouble in WORDS.items():
            if word in text:
                return trouble
    return SILENT if isinstance(error, (sa_errors.OperationalError, sa_errors.InterfaceError)) else None


def _ours(trouble: Trouble, url: str, why: str) -> HubError:
    return trouble.kind(
        trouble.what,
        where=shown(url),
        why=f"The driver says {why}",
        unchanged=trouble.unchanged,
        next=trouble.next,
        code=trouble.code,
        **trouble.facts,
    )


def shown(url: str) -> str:
    """A database URL without its password."""
    return make_url(url).render_as_string(hide_password=True)
