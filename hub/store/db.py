"""Open the database and hand out transactions. The few differences between SQLite and PostgreSQL live here.

SQLite: WAL, BEGIN IMMEDIATE, a busy time-out of 30 s and one writer at a time per process. A transaction is a `with`
block of the engine; nothing below opens one by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Engine, Table, create_engine, event, insert
from sqlalchemy import exc as sa_errors
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import ColumnElement, any_, bindparam
from sqlalchemy.types import Text as TextType

from hub.core.errors import Refused, Retry, Stop
from hub.store.tables import metadata
from hub.store.vault import Vault


def dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def loads(text: str | bytes | None) -> Any:
    return None if text is None else orjson.loads(text)


def fits(value: Any) -> Any:
    """Text as PostgreSQL can hold it: without NUL."""
    return value.replace("\x00", "") if isinstance(value, str) and "\x00" in value else value


class Tx:
    """One open transaction. `rows`, `one` and `value` read; `add`, `upsert` and `run` write, always in bulk.

    `notes["after"]`: what to call once it is committed and the connection is free again.
    """

    def __init__(self, connection: Connection, store: Store) -> None:
        self.connection, self.store = connection, store
        self.dialect = connection.dialect.name
        self.now = store.now()
        self.notes: dict[str, Any] = {}

    def rows(self, statement: Any, parameters: Any = None) -> Sequence[Any]:
        return self.connection.execute(statement, parameters or {}).fetchall()

    def one(self, statement: Any, parameters: Any = None) -> Any:
        return self.connection.execute(statement, parameters or {}).first()

    def value(self, statement: Any, parameters: Any = None) -> Any:
        row = self.one(statement, parameters)
        return row[0] if row else None

    def run(self, statement: Any, parameters: Any = None) -> int:
        return self.connection.execute(statement, parameters if parameters is not None else {}).rowcount

    def add(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.connection.execute(insert(table), list(rows))

    def upsert(self, table: Table, rows: Sequence[Mapping[str, Any]], update: Iterable[str] | None = None) -> None:
        """Insert, or update the named columns (default: all given) where the primary key is there already."""
        if not rows:
            return
        keys = [c.name for c in table.primary_key.columns]
        names = [n for n in (update if update is not None else rows[0]) if n not in keys]
        make: Any = sqlite.insert if self.dialect == "sqlite" else postgresql.insert
        statement = make(table)
        if names:
            statement = statement.on_conflict_do_update(
                index_elements=keys, set_={n: statement.excluded[n] for n in names}
            )
        else:
            statement = statement.on_conflict_do_nothing(index_elements=keys)
        self.connection.execute(statement, list(rows))

    def add_new(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert; rows that break any unique rule are left out."""
        if rows:
            make: Any = sqlite.insert if self.dialect == "sqlite" else postgresql.insert
            self.connection.execute(make(table).on_conflict_do_nothing(), list(rows))

    def among(self, column: Column[Any], values: Iterable[Any]) -> ColumnElement[bool]:
        """`column` is one of `values`: an array parameter on PostgreSQL (one plan for any number), IN on SQLite."""
        wanted = list(values)
        if self.dialect == "postgresql":
            return column == any_(bindparam(None, wanted, type_=postgresql.ARRAY(TextType), unique=True))
        return column.in_(wanted)


class Store:
    """The database of one hub. `hook(event)` is called around commits, for tests that crash there."""

    def __init__(
        self,
        url: str,
        *,
        vault: Vault,
        now: Callable[[], float],
        hook: Callable[[str], None] = lambda event: None,
    ) -> None:
        self.url, self.vault, self.now, self.hook = url, vault, now, hook
        self.engine = _engine(url)
        self._writer = threading.RLock() if self.engine.dialect.name == "sqlite" else None
        self._memory = ":memory:" in url or url == "sqlite://"

    def create(self) -> None:
        """Make all tables at once, for tests and overlays; production goes through migrations."""
        with translated(self.url):
            metadata.create_all(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """A writing transaction: committed at the end of the block, rolled back on any exception."""
        with self._one_writer(), translated(self.url), self.engine.connect() as connection:
            with connection.begin() as transaction:
                tx = Tx(connection, self)
                yield tx
                self.hook("before:commit")
                transaction.commit()
            self.hook("after:commit")
        for work in tx.notes.get("after", ()):
            work()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Reading only; sees one consistent state."""
        guard = self._one_writer() if self._memory else nullcontext()
        with guard, translated(self.url), self.engine.connect() as connection:
            connection.execution_options(reading=True)
            yield Tx(connection, self)
            connection.rollback()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if self._writer is None:
            yield
            return
        with self._writer:
            yield

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn the driver's troubles into ours: locked → Retry, disk full or unreachable → Stop."""
    try:
        yield
    except sa_errors.OperationalError as error:
        text = str(error.orig).lower()
        where = _shown(url)
        if "locked" in text or "busy" in text:
            raise Retry(
                "the database is locked by another process",
                where=where,
                unchanged="This step was rolled back; nothing is half done",
                next="end the other process (accordant status names who holds a sync), then run again",
                code="E-LOCKED",
                after=5,
            ) from error
        if "full" in text or "no space" in text or "disk i/o" in text:
            raise Stop(
                "the disk is full: the database cannot be written",
                where=where,
                unchanged="This step was rolled back and no remote call was made for it",
                next="free some room, then run again; the run continues where it stopped",
                code="E-DISK",
            ) from error
        if "readonly" in text or "read-only" in text or "unable to open" in text:
            raise Stop(
                f"the database cannot be opened for writing ({str(error.orig)[:80]})",
                where=where,
                unchanged="Nothing was changed",
                next="check that the folder exists and belongs to the user who runs accordant",
                code="E-DATABASE",
            ) from error
        if "no such table" in text or "no such column" in text:
            raise Refused(
                "the database has not been prepared for this version",
                where=where,
                unchanged="Nothing was changed",
                next="accordant db upgrade",
                code="E-SCHEMA",
            ) from error
        raise Retry(
            f"the database did not answer ({type(error.orig).__name__})",
            where=where,
            unchanged="This step was rolled back",
            next="check that the database is running, then run again",
            code="E-DATABASE",
        ) from error
    except sa_errors.DatabaseError as error:
        if "malformed" in str(error.orig).lower() or "not a database" in str(error.orig).lower():
            raise Stop(
                "the database file is damaged",
                where=_shown(url),
                unchanged="Nothing was changed",
                next="restore a backup: accordant db restore",
                code="E-DATABASE",
            ) from error
        raise


def _shown(url: str) -> str:
    """A database URL without its password."""
    head, _, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://{tail}" if head else url


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True)
    memory = ":memory:" in url or url == "sqlite://"
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30}, **options)

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "busy_timeout=30000",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            if not memory or not pragma.startswith("journal"):
                raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if not connection.get_execution_options().get("reading") else "BEGIN"
        )

    return engine
