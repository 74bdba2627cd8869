"""Open the database and hand out transactions. The few differences between SQLite and PostgreSQL live here.

SQLite: WAL, BEGIN IMMEDIATE, a busy time-out of 30 s and one writer at a time per process. A transaction is a `with`
block of the engine; nothing below opens one by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, create_engine, event, func, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import ColumnElement, any_, bindparam

from hub.store.bulk import COUNTED, Prepared, Rows, Shapes, prepare
from hub.store.plain import dumps, fits, loads
from hub.store.tables import metadata
from hub.store.troubles import translated
from hub.store.vault import Vault

__all__ = ["Store", "Tx", "dumps", "fits", "loads", "translated"]

PATIENCE = 30
"""Seconds that a transaction waits for another one's lock."""


class Tx:
    """One open transaction. `rows`, `one` and `value` read; `add`, `upsert` and `run` write, always in bulk.

    `notes["after"]`: what to call once it is committed and the connection is free again.
    """

    def __init__(self, connection: Connection, store: Store, *, reading: bool = False) -> None:
        self.connection, self.store, self.reading = connection, store, reading
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

    def many(self, statement: Any, rows: Rows) -> int:
        """Run a statement once for each row of parameters. Returns how many rows of the table it touched."""
        if not rows:
            return 0
        return self._each(statement, prepare(statement, tuple(rows[0]), self.connection), rows)

    def add(self, table: Table, rows: Rows) -> None:
        self._shaped(("add", table.name), lambda: insert(table), rows)

    def upsert(self, table: Table, rows: Rows, update: Iterable[str] | None = None) -> None:
        """Insert, or update the named columns (default: all given) where the primary key is there already."""
        if not rows:
            return
        keys = [c.name for c in table.primary_key.columns]
        names = tuple(n for n in (update if update is not None else rows[0]) if n not in keys)

        def make() -> Any:
            statement = self.insert(table)
            if not names:
                return statement.on_conflict_do_nothing(index_elements=keys)
            return statement.on_conflict_do_update(index_elements=keys, set_={n: statement.excluded[n] for n in names})

        self._shaped(("upsert", table.name, names), make, rows)

    def add_new(self, table: Table, rows: Rows) -> int:
        """Insert; rows that break any unique rule are left out. Returns how many went in."""
        return self._shaped(("new", table.name), lambda: self.insert(table).on_conflict_do_nothing(), rows)

    def _shaped(self, key: tuple[Any, ...], make: Callable[[], Any], rows: Rows) -> int:
        if not rows:
            return 0
        names = tuple(rows[0])
        prepared = self.store.shapes.of((*key, names), lambda: prepare(make(), names, self.connection))
        return self._each(None if prepared else make(), prepared, rows)

    def _each(self, statement: Any, prepared: Prepared | None, rows: Rows) -> int:
        rows = self._storable(rows)
        if prepared is not None:
            return prepared.run(self.connection, rows)
        return self.connection.execute(statement, rows, execution_options=COUNTED).rowcount

    def insert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT."""
        return (sqlite.insert if self.dialect == "sqlite" else postgresql.insert)(table)

    def _storable(self, rows: Rows) -> list[Mapping[str, Any]]:
        """PostgreSQL's text holds no NUL."""
        if self.dialect == "sqlite":
            return list(rows)
        return [{n: fits(v) if _has_nul(v) else v for n, v in row.items()} if _any_nul(row) else row for row in rows]

    def among(self, column: Column[Any], values: Iterable[Any]) -> ColumnElement[bool]:
        """`column` is one of `values`, as one parameter and one statement for any number of them."""
        wanted = list(values)
        if self.dialect == "postgresql":
            return column == any_(bindparam(None, wanted, type_=postgresql.ARRAY(column.type), unique=True))
        # Not a join: SQLite might walk the table and look into the list for each of its rows.
        listed = func.json_each(bindparam(None, dumps(wanted), unique=True))
        return column.in_(select(literal_column("value")).select_from(listed))


def _has_nul(value: Any) -> bool:
    return isinstance(value, str) and "\x00" in value


def _any_nul(row: Mapping[str, Any]) -> bool:
    return any(_has_nul(value) for value in row.values())


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
        self.shapes = Shapes()
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
        """Reading only, without locks; sees one consistent state."""
        guard = self._one_writer() if self._memory else nullcontext()
        with guard, translated(self.url), self.engine.connect() as connection:
            if self._writer is None:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            else:
                connection.execution_options(reading=True)
            yield Tx(connection, self, reading=True)
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


def _engine(url: str) -> Engine:
    return _sqlite(url) if url.startswith("sqlite") else _postgresql(url)


def _postgresql(url: str) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_size=8, max_overflow=8, pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.autocommit = True
        raw.execute(f"SET lock_timeout = '{PATIENCE}s'")
        raw.autocommit = False

    return engine


def _sqlite(url: str) -> Engine:
    memory = ":memory:" in url or url == "sqlite://"
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "timeout": PATIENCE}, hide_parameters=True, **options
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"busy_timeout={PATIENCE * 1000}",
            "foreign_keys=ON",
            "cache_size=-16000",
            "wal_autocheckpoint=4000",
        ):
            if not memory or not pragma.startswith("journal"):
                raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if not connection.get_execution_options().get("reading") else "BEGIN"
        )

    return engine
