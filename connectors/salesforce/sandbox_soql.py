"""The sandbox's SOQL: parse a query strictly, and answer it from a table's indexes.

The subset: a list of columns (dotted ones reach into the parent) or COUNT(); WHERE with AND, OR, NOT and parentheses over
=, !=, <, >, <=, >=, LIKE, IN, NOT IN, INCLUDES and EXCLUDES; ORDER BY several columns; LIMIT. Anything else is malformed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.sandbox_schema import Column
from connectors.salesforce.sandbox_store import Refusal, Row, Store, Table

Test = Callable[[Row], bool]
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
_ORDERED = {"<": lt, ">": gt, "<=": le, ">=": ge}
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
        if op in _ORDERED and column.type == "boolean":
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.name}")
        return Condition(op, column.name, (self._literal(column),))

    def _operator(self) -> str:
        kind, text = self._peek()
        self._next += 1
        word = text.upper()
        if word == "NOT":
            self._expect("IN")
            return "NOT IN"
        if (kind == "sign" and text in ("=", "!=", "<>", *_ORDERED)) or word in ("IN", "LIKE", "INCLUDES", "EXCLUDES"):
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


# ---------------------------------------------------------------- answering


def answer(query: Query, store: Store, *, deleted: bool) -> Sequence[Row]:
    """The rows that a query selects, in order."""
    table = store.tables[query.object]
    test = compile_condition(query.where, table) if query.where else None
    rows: Iterable[Row] = candidates(query.where, table)
    if not deleted and table.kind.has_deleted:
        rows = (r for r in rows if not r["IsDeleted"])
    found = [r for r in rows if test(r)] if test else list(rows)
    for name, descending in reversed(query.order):
        if query.order[0] != ("SystemModstamp", False) or query.order[1:] not in ((), (("Id", False),)):
            found.sort(key=lambda r: (r[name] is not None, _folded(r[name], name)), reverse=descending)
    return found[: query.limit]


def candidates(where: Condition | None, table: Table) -> Iterator[Row]:
    """Rows that can satisfy the condition, by stamp and id; an index narrows them where it can."""
    ids = _named_ids(where, table) if where else None
    if ids is not None:
        rows = [table.rows[i] for i in ids if i in table.rows]
        yield from sorted(rows, key=lambda r: (r["SystemModstamp"], r["Id"]))
        return
    first = bisect_left(table.order, (_lowest(where) or "", ""))
    for _, id in table.order[first:]:
        yield table.rows[id]


def _named_ids(where: Condition, table: Table) -> set[str] | None:
    """The only ids that can satisfy the condition, None if any could."""
    if where.op in ("AND", "OR"):
        parts = [_named_ids(member, table) for member in where.values]
        known = [p for p in parts if p is not None]
        if where.op == "AND":
            return min(known, key=len) if known else None
        return set().union(*known) if len(known) == len(parts) else None
    if where.op not in ("=", "IN") or None in where.values:
        return None
    if where.column == "Id":
        return set(where.values)
    if where.column in table.keyed:
        return {id for v in where.values for id in table.keyed[where.column].get(v.lower(), ())}
    return None


def _lowest(where: Condition | None) -> str | None:
    """A stamp below which no row can satisfy the condition, None if there is none."""
    if where is None:
        return None
    if where.op in ("AND", "OR"):
        parts = [_lowest(member) for member in where.values]
        known = [p for p in parts if p is not None]
        if where.op == "AND":
            return max(known, default=None)
        return min(known) if len(known) == len(parts) else None
    if where.column == "SystemModstamp" and where.op in (">", ">=", "="):
        return str(where.values[0])
    return None


def compile_condition(where: Condition, table: Table) -> Test:
    """A condition as a function of a row."""
    if where.op in ("AND", "OR", "NOT"):
        tests = [compile_condition(member, table) for member in where.values]
        if where.op == "AND":
            return lambda row: all(t(row) for t in tests)
        if where.op == "OR":
            return lambda row: any(t(row) for t in tests)
        return lambda row: not tests[0](row)
    return _compile_comparison(where)


def _compile_comparison(where: Condition) -> Test:
    name, op, values = where.column, where.op, where.values
    folded = {_folded(v, name) for v in values}
    value = _folded(values[0], name)
    if op in ("=", "IN"):
        return lambda row: _folded(row[name], name) in folded
    if op in ("!=", "NOT IN"):
        return lambda row: _folded(row[name], name) not in folded
    if op == "LIKE":
        pattern = _like(str(value or ""))
        return lambda row: row[name] is not None and bool(pattern.match(row[name]))
    if op in ("INCLUDES", "EXCLUDES"):
        return lambda row: (op == "EXCLUDES") != any(v in (row[name] or "").lower().split(";") for v in folded)
    compare = _ORDERED[op]
    return lambda row: row[name] is not None and value is not None and compare(_folded(row[name], name), value)


def _folded(value: Any, name: str) -> Any:
    """Text compares without regard to case, ids and stamps as they are."""
    return value.lower() if isinstance(value, str) and not name.endswith(("Id", "stamp", "Date")) else value


def _like(pattern: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in pattern) + r"\Z", re.IGNORECASE | re.DOTALL)
