"""Open the database and hand out transactions. The few differences between SQLite and PostgreSQL live here.

SQLite: WAL, BEGIN IMMEDIATE, a busy time-out of 30 s and one writer at a time per process. A transaction is a `with`
block of the engine; nothing below opens one by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Dialect, Table
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from hub.store.engines import is_memory, opened
from hub.store.plain import dumps, fits, loads
from hub.store.prepared import Prepared, Rows
from hub.store.query import Query, among, inserting, upserting
from hub.store.tables import metadata
from hub.store.troubles import of_driver, translated
from hub.store.vault import Vault

__all__ = ["Store", "Tx", "dumps", "fits", "loads", "translated"]

T = TypeVar("T")


class Tx:
    """One open transaction. `rows`, `one` and `value` read; `add`, `upsert`, `run` and `many` write.

    A statement is a Query, which goes to the driver as it was compiled once, or one of SQLAlchemy, built for this call.
    `notes["after"]`: what to call once it is committed and the connection is free again.
    """

    def __init__(self, store: Store, link: PoolProxiedConnection, *, reading: bool) -> None:
        self.store, self.reading = store, reading
        self.dialect = store.engine.dialect.name
        self.now = store.now()
        self.notes: dict[str, Any] = {}
        self._link = link
        self._raw: Any = link.driver_connection

    @cached_property
    def connection(self) -> Connection:
        """SQLAlchemy's view of this transaction, for what is not a Query."""
        return Connection(self.store.engine, self._link)

    def rows(self, statement: Any, /, **given: Any) -> Sequence[Any]:
        if isinstance(statement, Query):
            return self._do(statement, Prepared.rows, given)
        return self.connection.execute(statement, given).fetchall()

    def one(self, statement: Any, /, **given: Any) -> Any:
        if isinstance(statement, Query):
            return self._do(statement, Prepared.first, given)
        return self.connection.execute(statement, given).first()

    def value(self, statement: Any, /, **given: Any) -> Any:
        row = self.one(statement, **given)
        return row[0] if row else None

    def run(self, statement: Any, /, **given: Any) -> int:
        """Returns how many rows of the table it touched."""
        if isinstance(statement, Query):
            return self._do(statement, Prepared.run, given)
        return self.connection.execute(statement, given).rowcount

    def many(self, statement: Any, rows: Rows, /, **same: Any) -> int:
        """Run it once for each row of parameters; `same` are those that all rows have. Returns as `run` does."""
        if not rows:
            return 0
        whole = self._storable([{**same, **row} for row in rows] if same else rows)
        if isinstance(statement, Query):
            return self._do(statement, Prepared.each, whole)
        return self.connection.execute(statement, whole, execution_options={"preserve_rowcount": True}).rowcount

    def add(self, table: Table, rows: Rows) -> None:
        if rows:
            self.many(inserting(table, tuple(rows[0])), rows)

    def upsert(self, table: Table, rows: Rows, update: Iterable[str] | None = None) -> None:
        """Insert, or update the named columns (default: all given) where the primary key is there already."""
        if rows:
            self.many(upserting(table, tuple(rows[0]), None if update is None else tuple(update)), rows)

    def add_new(self, table: Table, rows: Rows) -> int:
        """Insert; rows that break any unique rule are left out. Returns how many went in."""
        return self.many(inserting(table, tuple(rows[0]), new=True), rows) if rows else 0

    def among(self, column: Column[Any], values: Iterable[Any]) -> ColumnElement[Any]:
        """`column` is one of `values`, as one parameter and one statement for any number of them."""
        return among(column, values)

    def say(self, words: str) -> None:
        """Tell the database something that has neither parameters nor rows."""
        self._try(words, self._raw.execute, words)

    def commit(self) -> None:
        self._try("COMMIT", self._raw.commit)

    def _do(self, query: Query, work: Callable[..., T], *values: Any) -> T:
        prepared = query.on(self.store.engine.dialect)
        return self._try(prepared.text, work, prepared, self._raw, *values)

    def _try(self, words: str, work: Callable[..., T], *values: Any) -> T:
        try:
            return work(*values)
        except self.store.driver_error as error:
            raise self._refused(error, words) from error

    def _refused(self, error: Exception, words: str) -> BaseException:
        """The error to raise for one of the driver. A connection that is lost is not used again."""
        dialect = self.store.engine.dialect
        if self._link.is_valid and dialect.is_disconnect(error, self._raw, None):  # type: ignore[arg-type]
            self._link.invalidate(error)
        return of_driver(error, words, dialect)

    def _storable(self, rows: Rows) -> Rows:
        """PostgreSQL's text holds no NUL."""
        if self.dialect == "sqlite":
            return rows
        return [{n: fits(v) if _has_nul(v) else v for n, v in row.items()} if _any_nul(row) else row for row in rows]


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
        self.engine = opened(url)
        self.driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        self._writer = threading.RLock() if self.engine.dialect.name == "sqlite" else None
        self._memory = is_memory(url)

    def create(self) -> None:
        """Make all tables at once, for tests and overlays; production goes through migrations."""
        with translated(self.url), self._open(reading=False) as tx:
            for words in _tables(self.engine.dialect):
                tx.say(words)
            tx.commit()

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """A writing transaction: committed at the end of the block, rolled back on any exception."""
        with self._one_writer(), translated(self.url), self._open(reading=False) as tx:
            yield tx
            self.hook("before:commit")
            tx.commit()
            self.hook("after:commit")
        for work in tx.notes.get("after", ()):
            work()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Reading only, without locks; sees one consistent state."""
        guard = self._one_writer() if self._memory else nullcontext()
        with guard, translated(self.url), self._open(reading=True) as tx:
            yield tx

    @contextmanager
    def _open(self, *, reading: bool) -> Iterator[Tx]:
        """A transaction on a connection of the pool, which rolls back what is not committed when it gets it back."""
        link = self._taken()
        try:
            tx = Tx(self, link, reading=reading)
            if self._writer is not None:
                tx.say("BEGIN" if reading else "BEGIN IMMEDIATE")
            elif reading:
                tx.connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield tx
        finally:
            link.close()

    def _taken(self) -> PoolProxiedConnection:
        try:
            return self.engine.raw_connection()
        except self.driver_error as error:
            raise of_driver(error, "CONNECT", self.engine.dialect) from error

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if self._writer is None:
            yield
            return
        with self._writer:
            yield

    def close(self) -> None:
        self.engine.dispose()


_TABLES: dict[str, list[str]] = {}


def _tables(dialect: Dialect) -> list[str]:
    """What makes all tables and indexes that are not there yet. Compiled once: a process may make many databases."""
    if dialect.name not in _TABLES:
        tables = metadata.sorted_tables
        indexes = sorted((i for table in tables for i in table.indexes), key=lambda i: str(i.name))
        made: list[ExecutableDDLElement] = [CreateTable(table, if_not_exists=True) for table in tables]
        made += [CreateIndex(index, if_not_exists=True) for index in indexes]
        _TABLES[dialect.name] = [str(one.compile(dialect=dialect)) for one in made]
    return _TABLES[dialect.name]
