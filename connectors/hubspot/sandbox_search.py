"""The sandbox's search: HubSpot's limits and operators over the index, which may lag behind.

The two queries that a sync lives on (by modified stamp, by id) use the index's order; anything else looks at every copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.hubspot.records import to_ms
from connectors.hubspot.sandbox_account import Account, Refuse
from connectors.hubspot.sandbox_table import Copy, Table

CAP = 10_000
OPERATORS = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY"}
OPERATORS |= {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}
Filters = list[Mapping[str, Any]]


def _problem(text: str) -> Refuse:
    return Refuse(400, "VALIDATION_ERROR", f"There was a problem with the request: {text}")


def search(account: Account, object: str, body: Mapping[str, Any]) -> tuple[int, list[Copy], int | None]:
    """(total, one page of copies, offset of the next page)."""
    table = account.table(object)
    limit, after = _page(body)
    groups = _groups(account, object, body)
    sort = _sort(body)
    table.index.catch_up()
    ids = _fast(table, groups, sort)
    if ids is None:
        ids = _slow(table, groups, sort)
    end = after + limit
    copies = [table.index.copies[id] for id in ids[after:end]]
    return len(ids), copies, end if end < len(ids) else None


def _page(body: Mapping[str, Any]) -> tuple[int, int]:
    limit, after = body.get("limit", 10), str(body.get("after") or "0")
    if not isinstance(limit, int) or not 1 <= limit <= 200:
        raise _problem("limit must be between 1 and 200")
    if not after.isdigit() or int(after) + limit > CAP:
        raise _problem("you can not page beyond 10000 results")
    return limit, int(after)


def _groups(account: Account, object: str, body: Mapping[str, Any]) -> list[Filters]:
    groups = [list(g.get("filters") or ()) for g in body.get("filterGroups") or ()]
    if len(groups) > 5 or any(len(g) > 6 for g in groups) or sum(map(len, groups)) > 18:
        raise _problem("too many filters")
    for f in (f for g in groups for f in g):
        if f.get("propertyName") not in account.properties[object]:
            raise _problem(f"property {f.get('propertyName')} does not exist")
        if f.get("operator") not in OPERATORS:
            raise _problem(f"operator {f.get('operator')} is not known")
        if f["operator"] in ("IN", "NOT_IN") and not isinstance(f.get("values"), list):
            raise _problem("IN needs a list of values")
        if len(f.get("values") or ()) > 100:
            raise _problem("at most 100 values")
    return groups


def _sort(body: Mapping[str, Any]) -> tuple[str, bool]:
    sorts = body.get("sorts") or []
    if len(sorts) > 1:
        raise _problem("only one sort is allowed")
    if not sorts:
        return "hs_object_id", False
    if isinstance(sorts[0], str):
        return sorts[0].lstrip("-"), sorts[0].startswith("-")
    return str(sorts[0]["propertyName"]), sorts[0].get("direction") == "DESCENDING"


def _fast(table: Table, groups: list[Filters], sort: tuple[str, bool]) -> list[int] | None:
    """The answer straight from the index's order, None if the query is another one."""
    if len(groups) != 1 or sort[1]:
        return None
    asked = {(f["propertyName"], f["operator"]): f.get("value") for f in groups[0]}
    stamp, low = (table.stamp_name, "GTE"), asked.get((table.stamp_name, "GTE"))
    if asked.keys() == {stamp} and sort[0] == table.stamp_name:
        return [id for _, id in table.index.by_stamp(to_ms(str(low)))]
    if asked.keys() == {stamp, ("hs_object_id", "NOT_IN")} and sort[0] == table.stamp_name:
        out = {int(id) for f in groups[0] for id in f.get("values") or ()}
        return [id for _, id in table.index.by_stamp(to_ms(str(low))) if id not in out]
    if asked.keys() == {("hs_object_id", "GT")} and sort[0] == "hs_object_id":
        return table.index.after_id(int(str(asked["hs_object_id", "GT"])))
    if asked.keys() == {(table.stamp_name, "EQ"), ("hs_object_id", "GT")} and sort[0] == "hs_object_id":
        at, last = to_ms(str(asked[table.stamp_name, "EQ"])), int(str(asked["hs_object_id", "GT"]))
        return [id for _, id in table.index.by_stamp(at, at) if id > last]
    return None


def _slow(table: Table, groups: list[Filters], sort: tuple[str, bool]) -> list[int]:
    copies = list(table.index.copies.values())
    hits = [c for c in copies if not groups or any(all(_matches(table, c, f) for f in g) for g in groups)]
    hits.sort(key=lambda c: (_sortable(table, c, sort[0]), c.id), reverse=sort[1])
    return [c.id for c in hits]


def _sortable(table: Table, copy: Copy, name: str) -> tuple[int, str]:
    value = copy.props.get(name, "")
    return (int(value), "") if value.isdigit() else (0, value)


def _matches(table: Table, copy: Copy, f: Mapping[str, Any]) -> bool:
    name, operator = str(f["propertyName"]), str(f["operator"])
    if name == "hs_lastmodifieddate" and table.object == "contacts":
        return False
    have = copy.props.get(name)
    if operator == "HAS_PROPERTY" or operator == "NOT_HAS_PROPERTY":
        return (have is not None) is (operator == "HAS_PROPERTY")
    if have is None:
        return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
    return COMPARE[operator](have, f)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float(to_ms(text))


def _order(have: str, other: Any) -> float:
    try:
        return _number(have) - _number(str(other))
    except ValueError:
        return (have.lower() > str(other).lower()) - (have.lower() < str(other).lower())


def _among(have: str, values: list[str]) -> bool:
    # Upper-case values never match text: HubSpot compares them with the lower-cased value.
    return have.lower() in values


def _token(have: str, value: Any) -> bool:
    return str(value or "").strip("*").lower() in have.lower()


COMPARE: Mapping[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "EQ": lambda have, f: _order(have, f.get("value")) == 0,
    "NEQ": lambda have, f: _order(have, f.get("value")) != 0,
    "LT": lambda have, f: _order(have, f.get("value")) < 0,
    "LTE": lambda have, f: _order(have, f.get("value")) <= 0,
    "GT": lambda have, f: _order(have, f.get("value")) > 0,
    "GTE": lambda have, f: _order(have, f.get("value")) >= 0,
    "BETWEEN": lambda have, f: _order(have, f.get("value")) >= 0 >= _order(have, f.get("highValue")),
    "IN": lambda have, f: _among(have, f["values"]),
    "NOT_IN": lambda have, f: not _among(have, f["values"]),
    "CONTAINS_TOKEN": lambda have, f: _token(have, f.get("value")),
    "NOT_CONTAINS_TOKEN": lambda have, f: not _token(have, f.get("value")),
}
