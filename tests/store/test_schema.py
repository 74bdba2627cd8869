"""Migrations and the tables in code make the same schema, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from hub.core.errors import Refused
from hub.store import schema
from hub.store.db import Store
from hub.store.tables import metadata
from hub.store.vault import Vault
from tests.store import postgres
from tests.store.kit import KEY, Clock


@pytest.fixture(params=["sqlite", "postgresql"])
def two_stores(request: Any, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two empty databases of one kind."""

    def made(url: str) -> Store:
        return Store(url, vault=Vault(KEY), now=Clock().now)

    if request.param == "sqlite":
        pair = made(f"sqlite:///{tmp_path / 'one.db'}"), made(f"sqlite:///{tmp_path / 'two.db'}")
        yield pair
        for store in pair:
            store.close()
        return
    request.getfixturevalue("postgres_url")
    with postgres.schema() as one, postgres.schema() as two:
        pair = made(one), made(two)
        yield pair
        for store in pair:
            store.close()


def described(store: Store) -> dict[str, Any]:
    """All tables with their columns, keys and indexes, as the database tells them."""
    found: dict[str, Any] = {}
    with store.engine.connect() as connection:
        look = inspect(connection)
        for table in look.get_table_names():
            if table == schema.VERSION_TABLE:
                continue
            found[table] = {
                "columns": {c["name"]: _column(c) for c in look.get_columns(table)},
                "key": look.get_pk_constraint(table)["constrained_columns"],
                "unique": sorted((u["name"], u["column_names"]) for u in look.get_unique_constraints(table)),
                "indexes": sorted(_index(i) for i in look.get_indexes(table)),
            }
        if connection.dialect.name == "sqlite":
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'"))
            found["without rowid"] = sorted(row[0] for row in rows)
        connection.rollback()
    return found


def _column(c: Any) -> tuple[Any, ...]:
    return (repr(c["type"]), c["nullable"], str(c["default"]), c.get("autoincrement"))


def _index(i: Any) -> tuple[str, str, bool, str]:
    options = i.get("dialect_options", {})
    where = next((str(v) for k, v in options.items() if k.endswith("_where")), "")
    return (i["name"], ",".join(map(str, i["column_names"])), bool(i["unique"]), where)


def test_migrations_and_tables_in_code_make_the_same_schema(two_stores):
    migrated, created = two_stores
    schema.upgrade(migrated)
    created.create()
    one, two = described(migrated), described(created)
    assert set(one) - {"without rowid"} == {table.name for table in metadata.sorted_tables}
    for name, table in two.items():
        assert one[name] == table, name


def test_an_upgraded_database_is_accepted_and_keeps_its_version_when_upgraded_again(two_stores):
    store, _ = two_stores
    assert schema.version(store) == ""
    assert schema.upgrade(store) == ""
    schema.check(store)
    assert schema.upgrade(store) == schema.HEAD == schema.version(store)


def test_an_empty_database_is_refused_with_the_command_that_prepares_it(two_stores):
    store, _ = two_stores
    with pytest.raises(Refused) as refused:
        schema.check(store)
    assert refused.value.code == "E-SCHEMA" and refused.value.next == "accordant db upgrade"


def test_a_database_of_a_newer_program_is_refused(two_stores):
    store, _ = two_stores
    schema.upgrade(store)
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer") as refused:
        schema.check(store)
    assert "newer accordant" in refused.value.next


def test_tables_without_a_version_are_not_migrated_over(two_stores):
    store, _ = two_stores
    store.create()
    assert schema.version(store) == "unknown"
    with pytest.raises(Refused, match="no version"):
        schema.upgrade(store)


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
