"""How each kind of database is opened: SQLAlchemy's engine for it, with a pool of connections that are set up alike."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from hub.store.troubles import of_driver

PATIENCE = 30
"""Seconds that a transaction waits for another one's lock."""
STATEMENTS = 512
"""Statements that a connection to SQLite keeps ready: more than there are in the code."""
PRAGMAS = ("synchronous=NORMAL", "foreign_keys=ON", "cache_size=-16000", "wal_autocheckpoint=4000")


def is_memory(url: str) -> bool:
    """Whether a database lives in this process only, in its one connection."""
    return ":memory:" in url or url == "sqlite://"


def opened(url: str) -> Engine:
    """The engine of a database. It connects at its first use."""
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
    options: dict[str, Any] = {"poolclass": StaticPool} if is_memory(url) else {}
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": PATIENCE, "cached_statements": STATEMENTS},
        hide_parameters=True,
        **options,
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves
        raw.execute(f"PRAGMA busy_timeout={PATIENCE * 1000}")
        for pragma in PRAGMAS if is_memory(url) else ("journal_mode=WAL", *PRAGMAS):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if raw.in_transaction:  # a transaction of the store has begun it
            return
        words = "BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE"
        try:
            raw.execute(words)
        except sqlite3.Error as error:
            raise of_driver(error, words, connection.dialect) from error

    return engine
