"""Statements that are asked again and again: written with SQLAlchemy once, and carried out by the driver alone.

A module of the store keeps each of its questions as a constant, with `given` where a call puts a value in:

    HOLDER = Query(select(t.lease).where(t.lease.c.name == given("name")))
    row = tx.one(HOLDER, name="sync:people")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Column, Dialect, Table, Text, bindparam, func, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import any_
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import TypeDecorator, TypeEngine

from hub.store.plain import dumps
from hub.store.prepared import Prepared, prepare


class Query:
    """One statement with named parameters, compiled at its first use on each kind of database.

    `statement` may be a function that writes it, for what only the INSERT of the database knows (ON CONFLICT).
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._prepared: dict[str, Prepared] = {}

    def on(self, dialect: Dialect) -> Prepared:
        """The statement as this database's driver takes it."""
        found = self._prepared.get(dialect.name)
        if found is None:
            found = self._prepared[dialect.name] = prepare(self._written(dialect), dialect)
        return found

    def _written(self, dialect: Dialect) -> Any:
        if not callable(self._statement):
            return self._statement
        return self._statement(sqlite.insert if dialect.name == "sqlite" else postgresql.insert)


class given(BindParameter[Any]):
    """A parameter that every call of the statement gives. All other values stand in its text."""

    inherit_cache = True

    def __init__(self, name: str, type_: TypeEngine[Any] | None = None) -> None:
        super().__init__(name, required=False, type_=type_)


@compiles(given)
def _parameter(element: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_bindparam(element, **{**options, "literal_binds": False}))


class Listed(TypeDecorator[Any]):
    """Any number of values as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(postgresql.ARRAY(self.item) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else dumps(list(value))


class among(FunctionElement[Any]):
    """`column` is one of some values: of those in the parameter with this name, or of these.

    It is one statement for any number of them.
    """

    inherit_cache = True
    name = "among"

    def __init__(self, column: Column[Any], values: str | Iterable[Any]) -> None:
        listed = Listed(column.type)
        if isinstance(values, str):
            super().__init__(column, given(values, listed))
        else:
            super().__init__(column, bindparam(None, list(values), type_=listed, unique=True))


@compiles(among, "postgresql")
def _array(element: Any, compiler: Any, **options: Any) -> str:
    column, listed = element.clauses
    return str(compiler.process(column == any_(listed), **options))


@compiles(among, "sqlite")
def _json(element: Any, compiler: Any, **options: Any) -> str:
    # Not a join: SQLite might walk the table and look into the list for each of its rows.
    column, listed = element.clauses
    values: Any = select(literal_column("value")).select_from(func.json_each(listed))
    return str(compiler.process(column.in_(values), **options))


@cache
def inserting(table: Table, names: tuple[str, ...], *, new: bool = False) -> Query:
    """An INSERT of these columns. `new`: rows that break any unique rule are left out."""
    values = _values(table, names)
    if not new:
        return Query(insert(table).values(values))
    return Query(lambda insert: insert(table).values(values).on_conflict_do_nothing())


@cache
def upserting(table: Table, names: tuple[str, ...], update: tuple[str, ...] | None = None) -> Query:
    """An INSERT of these columns that updates some of them (default: all) where the primary key is there already."""
    keys = [column.name for column in table.primary_key.columns]
    changed = [name for name in (names if update is None else update) if name not in keys]

    def write(insert: Callable[..., Any]) -> Any:
        statement = insert(table).values(_values(table, names))
        if not changed:
            return statement.on_conflict_do_nothing(index_elements=keys)
        new = {name: statement.excluded[name] for name in changed}
        return statement.on_conflict_do_update(index_elements=keys, set_=new)

    return Query(write)


def _values(table: Table, names: tuple[str, ...]) -> dict[str, Any]:
    """These columns as parameters, and the defaults of the others."""
    defaults = {c.name: c.default for c in table.columns if c.default is not None and c.name not in names}
    values: dict[str, Any] = {name: given(name) for name in names}
    for name, default in defaults.items():
        if not isinstance(default, ScalarElementColumnDefault):
            raise TypeError(f"{table.name}.{name} has a default that is computed for each row")
        values[name] = default.arg
    return values
