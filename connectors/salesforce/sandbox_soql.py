"""The sandbox's SOQL: read a query strictly.

The subset: a list of columns (dotted ones reach into the parent) or COUNT(); WHERE with AND, OR, NOT and parentheses over
=, !=, <, >, <=, >=, LIKE, IN, NOT IN, INCLUDES and EXCLUDES; ORDER BY several columns; LIMIT. Anything else is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.sandbox_schema import Column
from connectors.salesforce.sandbox_store import Store
from connectors.salesforce.sandbox_values import Refusal

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')
        |(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
        |(?P<date>\d{4}-\d\d-\d\d)(?![\dT])
        |(?P<number>-?\d+(?:\.\d+)?)(?![\w.])
        |(?P<word>[A-Za-z][\w.]*)
        |(?P<sign><=|>=|!=|<>|[=<>(),]))""",
    re.VERBOSE | re.DOTALL,
)
_UNESCAPE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
ORDERED = {"<": lt, ">": gt, "<=": le, ">=": ge}
_KINDS = {
    "instant": ("datetime",),
    "date": ("date",),
    "number": ("int", "double", "currency", "percent"),
    "flag": ("boolean",),
}
_LITERAL_OF = {type: literal for literal, types in _KINDS.items() for type in types}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison, or a group of conditions (`op` is AND, OR or NOT and `values` are the members)."""

    op: str
    column: str = ""
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    object: str
    columns: tuple[str, ...]
    count: bool = False
    where: Condition | None = None
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None


def malformed(what: str) -> Refusal:
    return Refusal("MALFORMED_QUERY", what)


class Parser:
    """Reads one query. The words of the language are known by their place, so columns may be called anything."""

    def __init__(self, text: str, store: Store) -> None:
        self._store = store
        self._tokens = list(_tokens(text))
        self._next = 0

    def parse(self) -> Query:
        self._expect("SELECT")
        columns, count = self._columns()
        self._expect("FROM")
        object = self._take("word")
        if object not in self._store.tables:
            raise Refusal("INVALID_TYPE", f"sObject type '{object}' is not supported.")
        self._table = self._store.tables[object]
        for name in columns:
            self._column(name)
        where = self._any() if self._accept("WHERE") else None
        order = tuple(self._order()) if self._accept("ORDER") else ()
        limit = int(self._take("number")) if self._accept("LIMIT") else None
        if self._next < len(self._tokens):
            raise malformed(f"unexpected token: {self._tokens[self._next][1]}")
        return Query(object, tuple(columns), count, where, order, limit)

    # -- clauses

    def _columns(self) -> tuple[list[str], bool]:
        first = self._take("word")
        if first.upper() == "COUNT" and self._accept("("):
            self._expect(")")
            return [], True
        names = [first]
        while self._accept(","):
            names.append(self._take("word"))
        if len({n.lower() for n in names}) != len(names):
            raise malformed("duplicate field selected")
        return names, False

    def _order(self) -> Iterator[tuple[str, bool]]:
        self._expect("BY")
        while True:
            column = self._column(self._take("word"))
            if not column.filterable:
                raise malformed(f"field '{column.name}' can not be sorted in a query call")
            yield column.name, bool(self._accept("DESC")) or bool(self._accept("ASC") and False)
            if not self._accept(","):
                return

    def _any(self) -> Condition:
        return self._group("OR", lambda: self._group("AND", self._one))

    def _group(self, word: str, member: Callable[[], Condition]) -> Condition:
        members = [member()]
        while self._accept(word):
            members.append(member())
        return members[0] if len(members) == 1 else Condition(word, values=tuple(members))

    def _one(self) -> Condition:
        if self._accept("NOT"):
            return Condition("NOT", values=(self._one(),))
        if self._accept("("):
            inner = self._any()
            self._expect(")")
            return inner
        name = self._take("word")
        if "." in name:
            raise malformed(f"this sandbox does not filter by a parent's field: {name}")
        column = self._column(name)
        if not column.filterable:
            raise Refusal("INVALID_FIELD", f"field '{column.name}' can not be filtered in a query call")
        return self._comparison(column)

    def _comparison(self, column: Column) -> Condition:
        op = self._operator()
        if op in ("IN", "NOT IN", "INCLUDES", "EXCLUDES"):
            self._expect("(")
            values = [self._literal(column)]
            while self._accept(","):
                values.append(self._literal(column))
            self._expect(")")
            return Condition(op, column.name, tuple(values))
        if op in ORDERED and column.type == "boolean":
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.name}")
        return Condition(op, column.name, (self._literal(column),))

    def _operator(self) -> str:
        kind, text = self._peek()
        self._next += 1
        word = text.upper()
        if word == "NOT":
            self._expect("IN")
            return "NOT IN"
        if (kind == "sign" and text in ("=", "!=", "<>", *ORDERED)) or word in ("IN", "LIKE", "INCLUDES", "EXCLUDES"):
            return "!=" if text == "<>" else word
        raise malformed(f"unexpected token: {text}")

    def _literal(self, column: Column) -> Any:
        kind, text = self._peek()
        self._next += 1
        if kind == "word" and text.lower() == "null":
            return None
        kind = "flag" if kind == "word" and text.lower() in ("true", "false") else kind
        if kind not in ("text", *_KINDS):
            raise malformed(f"unexpected token: {text}")
        if kind != _LITERAL_OF.get(column.type, "text"):
            raise Refusal("INVALID_FIELD", f"value of filter criterion for field '{column.name}' is of the wrong type")
        return _READ[kind](column, text)

    # -- tokens

    def _column(self, name: str) -> Column:
        table = self._table
        *parents, last = name.split(".")
        for parent in parents:
            found = next((c for c in table.kind.columns.values() if c.relation == parent), None)
            if found is None:
                raise Refusal("INVALID_FIELD", f"Didn't understand relationship '{parent}' in field path")
            table = self._store.tables[found.refers[0]]
        column = table.kind.visible(last)
        if column is None:
            words = f"\n{name}\n^\nERROR at Row:1:Column:1\nNo such column '{last}' on entity '{table.kind.name}'."
            raise Refusal("INVALID_FIELD", words)
        return column

    def _peek(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise malformed("unexpected token: <EOF>")
        return self._tokens[self._next]

    def _take(self, kind: str) -> str:
        found, text = self._peek()
        if found != kind:
            raise malformed(f"unexpected token: {text}")
        self._next += 1
        return text

    def _accept(self, word: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next][1].upper() == word:
            self._next += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise malformed(f"unexpected token: {self._peek()[1]}, expected {word}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, text = 0, text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise malformed(f"unexpected character at {at}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _read_text(column: Column, text: str) -> str:
    value = re.sub(r"\\(.)", lambda m: _UNESCAPE.get(m[1], m[1]), text[1:-1], flags=re.DOTALL)
    if column.type in ("id", "reference"):
        if not soql.is_id(value):
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return soql.id18(value)
    return value


_READ: dict[str, Callable[[Column, str], Any]] = {
    "text": _read_text,
    "instant": lambda column, text: soql.from_epoch(soql.to_epoch(text)).replace("Z", "+0000"),
    "date": lambda column, text: text,
    "number": lambda column, text: float(text),
    "flag": lambda column, text: text.lower() == "true",
}
