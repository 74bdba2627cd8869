"""One statement for many rows, handed to the driver as it is: what SQLAlchemy does for each row costs more than the row.

A statement is still written with SQLAlchemy and compiled by it, once; only the rows go past it. What it would have to work
on row by row (lists that expand into the text, values computed for a column) keeps its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import ScalarElementColumnDefault

Rows = Sequence[Mapping[str, Any]]
COUNTED: dict[str, Any] = {"preserve_rowcount": True}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement's text. `order`: names of its parameters where the driver wants them by position; `fixed`: values that
    are the same for all rows."""

    text: str
    order: tuple[str, ...] | None
    fixed: Mapping[str, Any]

    def run(self, connection: Connection, rows: Rows) -> int:
        return connection.exec_driver_sql(self.text, self._arguments(rows), execution_options=COUNTED).rowcount

    def _arguments(self, rows: Rows) -> list[Any]:
        whole = [{**self.fixed, **row} for row in rows] if self.fixed else rows
        if self.order is None:
            return list(whole)
        if len(self.order) == 1:
            return [(row[self.order[0]],) for row in whole]
        return list(map(itemgetter(*self.order), whole))


def prepare(statement: Any, names: Sequence[str], connection: Connection) -> Prepared | None:
    """The statement for rows with these names, or None if it is one that SQLAlchemy must see through."""
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(names))
    if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params or compiled.literal_execute_params:
        return None
    fixed = {n: v for n, v in compiled.params.items() if n not in names}
    for column in compiled.insert_prefetch if compiled.isinsert else ():
        if not isinstance(column.default, ScalarElementColumnDefault):
            return None
        fixed[column.key] = column.default.arg
    order = tuple(compiled.positiontup) if compiled.positional and compiled.positiontup is not None else None
    return Prepared(compiled.string, order, fixed)


class Shapes:
    """Statements by what they do to which columns, compiled once. There are as many as there are places in the code."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Prepared | None] = {}

    def of(self, key: tuple[Any, ...], make: Callable[[], Prepared | None]) -> Prepared | None:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]
