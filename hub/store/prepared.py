"""A statement as the driver takes it: its text, the order of its parameters, and how its rows are read.

SQLAlchemy compiles a statement once; after that a call goes straight to the driver, because what SQLAlchemy does at each
call costs more than the databases' own work. Values are sent and read as SQLAlchemy does it: lists, truth values, bytes.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

Rows = Sequence[Mapping[str, Any]]
Convert = Callable[[Any], Any]


@dataclass(slots=True)
class Prepared:
    """One statement on one kind of database.

    `order`: the names of its parameters where the driver wants them by position. `sent`: how to convert what a call gives.
    `types`: of the columns that it reads.
    """

    text: str
    order: tuple[str, ...] | None
    sent: Mapping[str, Convert]
    types: Sequence[TypeEngine[Any]]
    dialect: Dialect
    _read: Convert | None = field(default=None, init=False)

    def rows(self, raw: Any, values: Mapping[str, Any]) -> list[Any]:
        """All rows, with their columns by name and position."""
        cursor = raw.execute(self.text, self._arguments(values))
        return list(map(self._read or self._reader(cursor.description), cursor.fetchall()))

    def first(self, raw: Any, values: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        cursor = raw.execute(self.text, self._arguments(values))
        row = cursor.fetchone()
        return None if row is None else (self._read or self._reader(cursor.description))(row)

    def run(self, raw: Any, values: Mapping[str, Any]) -> int:
        """Write. Returns how many rows of the table it touched."""
        return int(raw.execute(self.text, self._arguments(values)).rowcount)

    def each(self, raw: Any, rows: Rows) -> int:
        """Write once for each row of parameters."""
        cursor = raw.cursor()
        cursor.executemany(self.text, self._by_position(rows))
        return int(cursor.rowcount)

    def _arguments(self, values: Mapping[str, Any]) -> Any:
        if self.sent:
            values = {**values, **{name: convert(values[name]) for name, convert in self.sent.items()}}
        return values if self.order is None else [values[name] for name in self.order]

    def _by_position(self, rows: Rows) -> Sequence[Any]:
        if self.order is None:
            return rows
        if len(self.order) == 1:
            return [(row[self.order[0]],) for row in rows]
        return list(map(itemgetter(*self.order), rows))

    def _reader(self, description: Sequence[Any]) -> Convert:
        """What makes a row of the driver one with names. It is the same at every call."""
        row: Any = namedtuple("Row", [column[0] for column in description], rename=True)  # type: ignore[misc]
        make = row._make
        found = [(n, _receiving(t, self.dialect, description[n][1])) for n, t in enumerate(self.types)]
        converts = [(n, convert) for n, convert in found if convert is not None]
        self._read = (lambda row: make(_converted(row, converts))) if converts else make
        return self._read


def _converted(row: Sequence[Any], converts: Sequence[tuple[int, Convert]]) -> list[Any]:
    values = list(row)
    for n, convert in converts:
        values[n] = convert(values[n])
    return values


def _receiving(type_: TypeEngine[Any], dialect: Dialect, code: Any) -> Convert | None:
    return type_.dialect_impl(dialect).result_processor(dialect, code)


def prepare(statement: Any, dialect: Dialect) -> Prepared:
    """Compile a statement. What is not `given` becomes part of its text: databases then plan it once and for good."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{type(statement).__name__} is no statement with parameters")
    if compiled.isinsert and compiled.insert_prefetch:
        raise TypeError(f"{compiled.insert_prefetch[0]} has a default, which the statement must give")
    sent = {
        name: convert
        for name, bind in compiled.binds.items()
        if isinstance(bind.type, TypeDecorator) and (convert := bind.type.bind_processor(dialect)) is not None
    }
    types = [column.type for column in getattr(statement, "selected_columns", ())]
    order = tuple(compiled.positiontup) if compiled.positional and compiled.positiontup is not None else None
    return Prepared(compiled.string, order, sent, types, dialect)
