"""Migrations make the very tables that the program works with, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from hub.core.errors import Refused
from hub.store import schema
from hub.store.db import Store
from hub.store.tables import metadata
from hub.store.vault import Vault
from tests.store import postgres

NOW = 1_700_000_000.0


def open_store(path: Path) -> Store:
    return Store(f"sqlite:///{path}", vault=Vault(bytes(32)), now=lambda: NOW)


def anatomy(store: Store) -> dict[str, Any]:
    """Every table with columns, keys and indexes, as the database itself tells them."""
    look = inspect(store.engine)
    found: dict[str, Any] = {}
    with store.engine.connect() as connection:
        connection.execution_options(reading=True)
        for name in sorted(look.get_table_names()):
            columns = connection.execute(text(f"PRAGMA table_info({name})")).fetchall()
            partial = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :t AND sql IS NOT NULL"),
                {"t": name},
            ).fetchall()
            rowid = "WITHOUT ROWID" in str(
                connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :t"), {"t": name}).scalar()
            )
            unique = sorted(tuple(u["column_names"]) for u in look.get_unique_constraints(name))
            found[name] = {
                "columns": [(*c[1:5], bool(c[5])) for c in columns],
                "indexes": sorted((i[0], " ".join(i[1].split())) for i in partial),
                "unique": unique,
                "without_rowid": rowid,
            }
    return found


def test_a_migrated_database_is_the_one_that_the_program_describes(tmp_path: Path) -> None:
    migrated, described = open_store(tmp_path / "a.db"), open_store(tmp_path / "b.db")
    schema.upgrade(migrated)
    described.create()
    made = anatomy(migrated)
    made.pop(schema.VERSION_TABLE)
    wanted = anatomy(described)
    assert made.keys() == wanted.keys()
    for name, table in wanted.items():
        assert made[name] == table, name


def test_the_migration_makes_the_same_on_postgresql() -> None:
    with postgres.schema() as migrated, postgres.schema() as described:
        one, two = (Store(url, vault=Vault(bytes(32)), now=lambda: NOW) for url in (migrated, described))
        schema.upgrade(one)
        two.create()
        made, wanted = pg_anatomy(one), pg_anatomy(two)
        one.close()
        two.close()
    assert {name: t for name, t in made.items() if name != schema.VERSION_TABLE} == wanted


def pg_anatomy(store: Store) -> dict[str, Any]:
    look = inspect(store.engine)
    with store.engine.connect() as connection:
        indexes = connection.execute(
            text("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexdef")
        ).fetchall()
        here = str(connection.execute(text("SELECT current_schema()")).scalar())
    found: dict[str, Any] = {}
    for name in look.get_table_names():
        columns = [
            (c["name"], str(c["type"]), getattr(c["type"], "collation", None), c["nullable"], c["default"])
            for c in look.get_columns(name)
        ]
        mine = [definition.replace(f"{here}.", "") for table, definition in indexes if table == name]
        found[name] = {"columns": [tuple(str(x).replace(f"{here}.", "") for x in c) for c in columns], "indexes": mine}
    return found


def test_head_is_the_newest_revision_in_the_folder() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    assert scripts.get_heads() == [schema.HEAD]


def test_upgrading_twice_changes_nothing_and_keeps_what_is_stored(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    assert schema.upgrade(store) == ""
    with store.begin() as tx:
        tx.add(metadata.tables["ac_sync"], [{"name": "customers"}])
    assert schema.upgrade(store) == schema.HEAD
    with store.read() as tx:
        assert tx.value(text("SELECT count(*) FROM ac_sync")) == 1


def test_a_database_that_was_not_prepared_is_refused_with_the_command(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    with pytest.raises(Refused, match="has not been prepared") as caught:
        schema.check(store)
    assert caught.value.next == "accordant db upgrade"


def test_tables_without_a_version_are_not_touched(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    store.create()
    assert schema.version(store) == "unknown"
    with pytest.raises(Refused, match="no version"):
        schema.upgrade(store)


def test_a_failed_migration_leaves_no_half_made_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "a.db")
    from alembic import op

    real, made = op.create_table, []

    def fail_in_the_middle(name: str, *columns: Any, **options: Any) -> Any:
        made.append(name)
        if len(made) > 5:
            raise RuntimeError("the power went")
        return real(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fail_in_the_middle)
    with pytest.raises(RuntimeError, match="power"):
        schema.upgrade(store)
    assert schema.version(store) == ""
    assert inspect(create_engine(f"sqlite:///{tmp_path}/a.db")).get_table_names() == []
