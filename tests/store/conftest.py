"""One store on each database: SQLite in memory, SQLite in a file, PostgreSQL."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from hub.store.db import Store
from hub.store.tables import metadata
from hub.store.vault import Vault
from tests.store import postgres
from tests.store.kit import KEY, Clock

DATABASES = ("memory", "file", "postgresql")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A schema with all tables, for the whole session."""
    with postgres.schema() as url:
        made = Store(url, vault=Vault(KEY), now=Clock().now)
        made.create()
        made.close()
        yield url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hub.db'}"


@pytest.fixture(scope="session")
def template(tmp_path_factory: Any) -> Path:
    """A SQLite file with all tables and no row: copying it is much faster than making them."""
    path: Path = tmp_path_factory.mktemp("store") / "template.db"
    made = Store(f"sqlite:///{path}", vault=Vault(KEY), now=Clock().now)
    made.create()
    made.close()
    return path


@pytest.fixture
def file_store(file_url: str, clock: Clock, template: Path) -> Iterator[Store]:
    """A store in a SQLite file."""
    shutil.copy(template, str(make_url(file_url).database))
    made = Store(file_url, vault=Vault(KEY), now=clock.now)
    yield made
    made.close()


@pytest.fixture
def postgres_store(postgres_url: str, clock: Clock) -> Iterator[Store]:
    """A store on PostgreSQL, empty."""
    made = Store(postgres_url, vault=Vault(KEY), now=clock.now)
    _empty(made)
    yield made
    made.close()


def _empty(store: Store) -> None:
    # Deleting a few rows is faster than truncating twenty tables with all their indexes.
    clear = [f"DELETE FROM {table.name}" for table in metadata.sorted_tables]
    restart = [f"ALTER SEQUENCE {name}_seq_seq RESTART" for name in ("ac_audit", "ac_inbox")]
    with store.engine.begin() as connection:
        connection.execute(text("; ".join(clear + restart)))


@pytest.fixture(params=DATABASES)
def store(request: Any, clock: Clock) -> Iterator[Store]:
    """An empty store, on each database in turn."""
    if request.param == "memory":
        made = Store("sqlite://", vault=Vault(KEY), now=clock.now)
        with closing(sqlite3.connect(request.getfixturevalue("template"))) as source, made.engine.connect() as target:
            source.backup(target.connection.driver_connection)
        yield made
        made.close()
    else:
        yield request.getfixturevalue({"file": "file_store", "postgresql": "postgres_store"}[request.param])


@pytest.fixture(params=["file", "postgresql"])
def shared(request: Any) -> Store:
    """An empty store that several connections can use at once."""
    found: Store = request.getfixturevalue(f"{request.param}_store".replace("postgresql", "postgres"))
    return found
