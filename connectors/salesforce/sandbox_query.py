"""The sandbox's answers to queries: rows found by index, in order, cut into pages that a locator leads through."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from connectors.salesforce.sandbox_soql import ORDERED, Condition, Parser, Query
from connectors.salesforce.sandbox_store import Row, Store, Table
from connectors.salesforce.sandbox_values import Refusal
from hub.connect.sandbox import Request, Response

Test = Callable[[Row], bool]
LOCATOR_LIFE = 2 * 24 * 3600.0


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
    compare = ORDERED[op]
    return lambda row: row[name] is not None and value is not None and compare(_folded(row[name], name), value)


def _folded(value: Any, name: str) -> Any:
    """Text compares without regard to case, ids and stamps as they are."""
    return value.lower() if isinstance(value, str) and not name.endswith(("Id", "stamp", "Date")) else value


def _like(pattern: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in pattern) + r"\Z", re.IGNORECASE | re.DOTALL)


# ---------------------------------------------------------------- pages


class Pages:
    """Queries and the pages of their answers. `size`: rows on a page unless the caller asks for fewer."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self.store, self._now = store, now
        self.locators: dict[str, tuple[float, Table, list[str], tuple[str, ...]]] = {}
        self.size = 2_000
        self.most_locators = 1_000
        self._made = 0

    def query(self, request: Request) -> Response:
        return self._query(request, deleted=False)

    def query_all(self, request: Request) -> Response:
        return self._query(request, deleted=True)

    def _query(self, request: Request, *, deleted: bool) -> Response:
        query = Parser(request.get("q"), self.store).parse()
        rows = answer(query, self.store, deleted=deleted)
        if query.count:
            return Response(200, {"totalSize": len(rows), "done": True, "records": []})
        self._made += 1
        locator = f"01g{self._made:012d}"
        ids = [r["Id"] for r in rows]
        self.locators[locator] = (self._now(), self.store.tables[query.object], ids, query.columns)
        while len(self.locators) > self.most_locators:
            del self.locators[next(iter(self.locators))]
        return self._page(request, locator, 0)

    def next_page(self, request: Request, locator: str, start: str) -> Response:
        held = self.locators.get(locator)
        if held is None or self._now() - held[0] > LOCATOR_LIFE:
            raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(request, locator, int(start))

    def _page(self, request: Request, locator: str, start: int) -> Response:
        _, table, ids, columns = self.locators[locator]
        asked = re.search(r"batchSize=(\d+)", request.headers.get("sforce-query-options", ""))
        size = min(2_000, max(200, int(asked[1]))) if asked else self.size
        end = start + size
        # A page holds the rows as they are when it is fetched, in the order of when the query was made.
        records = [show(self.store, table, table.rows[id], columns) for id in ids[start:end]]
        body = {"totalSize": len(ids), "done": end >= len(ids), "records": records}
        if end < len(ids):
            root = request.path[: request.path.index("/", len("/services/data/"))]
            body["nextRecordsUrl"] = f"{root}/query/{locator}-{end}"
        else:
            del self.locators[locator]
        return Response(200, body)


def show(store: Store, table: Table, row: Row, columns: tuple[str, ...] | list[str]) -> Row:
    """A row as an answer shows it."""
    kind = table.kind.name
    shown: Row = {"attributes": {"type": kind, "url": f"/services/data/v68.0/sobjects/{kind}/{row['Id']}"}}
    for name in columns:
        if "." in name:
            _show_parent(store, shown, table, row, name)
        else:
            shown[name] = row[name]
    return shown


def _show_parent(store: Store, shown: Row, table: Table, row: Row, name: str) -> None:
    relation, _, rest = name.partition(".")
    column = next(c for c in table.kind.columns.values() if c.relation == relation)
    parents = store.tables[column.refers[0]]
    parent = parents.rows.get(row[column.name] or "")
    if parent is None:
        shown.setdefault(relation, None)
        return
    shown[relation] = (shown.get(relation) or {}) | show(store, parents, parent, [rest])
