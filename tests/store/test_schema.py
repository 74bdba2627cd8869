"""Versions of the schema, and what the tables promise to the code that walks them, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.core.errors import Refused
from hub.store import schema
from hub.store.db import Store
from hub.store.vault import Vault
from tests.store import postgres
from tests.store.kit import KEY, Clock


@pytest.fixture(params=["sqlite", "postgresql"])
def blank(request: Any, tmp_path: Path) -> Iterator[Store]:
    """A database without any table."""
    with ExitStack() as stack:
        sqlite = request.param == "sqlite"
        url = f"sqlite:///{tmp_path / 'hub.db'}" if sqlite else stack.enter_context(postgres.schema())
        made = Store(url, vault=Vault(KEY), now=Clock().now)
        yield made
        made.close()


def test_an_upgraded_database_is_accepted_and_keeps_its_version_when_upgraded_again(blank):
    store = blank
    assert schema.version(store) == ""
    assert schema.upgrade(store) == ""
    schema.check(store)
    assert schema.upgrade(store) == schema.HEAD == schema.version(store)


def test_an_empty_database_is_refused_with_the_command_that_prepares_it(blank):
    store = blank
    with pytest.raises(Refused) as refused:
        schema.check(store)
    assert refused.value.code == "E-SCHEMA" and refused.value.next == "accordant db upgrade"


def test_a_database_of_a_newer_program_is_refused(blank):
    store = blank
    schema.upgrade(store)
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer") as refused:
        schema.check(store)
    assert "newer accordant" in refused.value.next


def test_text_sorts_by_code_point_on_postgresql(postgres_store):
    """Walks by id compare the database's order with Python's."""
    with postgres_store.engine.connect() as connection:
        loose = connection.execute(
            text(
                "SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_collation c ON c.oid = attcollation "
                "WHERE attrelid::regclass::text LIKE 'ac_%' AND attnum > 0 AND collname != 'C' "
                "AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                "current_schema()::regnamespace)"
            )
        ).all()
    assert loose == []
