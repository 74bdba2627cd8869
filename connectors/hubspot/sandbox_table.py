"""The sandbox's records of one object, and the search index that trails behind them.

A record's properties are never changed in place, so that the index can hold an old state without a copy.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from connectors.hubspot.records import modified, to_iso


@dataclass(frozen=True, slots=True)
class Version:
    """One entry of a property's history."""

    value: str
    at: int
    source: str
    by: str

    def json(self) -> dict[str, Any]:
        return {"value": self.value, "timestamp": to_iso(self.at), "sourceType": self.source, "sourceId": self.by}


@dataclass(slots=True)
class Row:
    """One record. Times in ms since the epoch."""

    id: int
    created: int
    updated: int
    props: Mapping[str, str] = field(default_factory=dict)
    archived: int | None = None
    history: dict[str, list[Version]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copy:
    """A record as the search index knows it."""

    id: int
    created: int
    updated: int
    props: Mapping[str, str]
    turn: int

    archived: None = None


class Index:
    """What search sees: copies of records, each of which appears when its own lag is over."""

    def __init__(self, now: Callable[[], int], lag: Callable[[], int]) -> None:
        self.now, self.lag = now, lag
        self.copies: dict[int, Copy] = {}
        self.ids: list[int] = []
        self.stamps: list[tuple[int, int]] = []
        self._turns: dict[int, int] = {}
        self._turn = 0
        self._waiting: list[tuple[int, int, int, Copy | None]] = []

    def publish(self, id: int, row: Row | None) -> None:
        """Tell of a new state, or with None that the record is gone."""
        self._turn += 1
        copy = Copy(row.id, row.created, row.updated, row.props, self._turn) if row else None
        heappush(self._waiting, (self.now() + self.lag(), self._turn, id, copy))

    def catch_up(self) -> None:
        """Let in what is due by now."""
        now = self.now()
        while self._waiting and self._waiting[0][0] <= now:
            _, turn, id, copy = heappop(self._waiting)
            # With different lags a newer state may be here already.
            if turn > self._turns.get(id, 0):
                self._turns[id] = turn
                self._replace(id, copy)

    def _replace(self, id: int, copy: Copy | None) -> None:
        old = self.copies.pop(id, None)
        if old:
            del self.stamps[bisect_left(self.stamps, (old.updated, id))]
            if not copy:
                del self.ids[bisect_left(self.ids, id)]
        if copy:
            self.copies[id] = copy
            insort(self.stamps, (copy.updated, id))
            if not old:
                insort(self.ids, id)

    def by_stamp(self, low: int, high: int | None = None) -> list[tuple[int, int]]:
        start = bisect_left(self.stamps, (low, 0))
        end = len(self.stamps) if high is None else bisect_right(self.stamps, (high, 1 << 62))
        return self.stamps[start:end]

    def after_id(self, id: int) -> list[int]:
        return self.ids[bisect_right(self.ids, id) :]


class Table:
    """The live and archived records of one object."""

    def __init__(self, object: str, now: Callable[[], int], lag: Callable[[], int]) -> None:
        self.object, self.now = object, now
        self.stamp_name = modified(object)
        self.rows: dict[int, Row] = {}
        self.ids: list[int] = []
        self.archived: dict[int, Row] = {}
        self.archived_ids: list[int] = []
        self.aliases: dict[int, int] = {}
        self.claims: dict[tuple[str, str], int] = {}
        self.index = Index(now, lag)
        self.next_id = 101

    def new(self) -> Row:
        row = Row(self.next_id, self.now(), self.now())
        self.next_id += 1
        return row

    def find(self, id: str, *, archived: bool = False) -> Row | None:
        """A record by id; an old id leads to the record it was merged into."""
        if not id.isdigit():
            return None
        number = int(id)
        while number in self.aliases:
            number = self.aliases[number]
        return (self.archived if archived else self.rows).get(number)

    def put(self, row: Row, changes: Mapping[str, str], source: str, by: str, *, touch: bool = True) -> None:
        """Store property changes ("" clears) and tell the index. Without `touch` the modified stamp stays."""
        if touch:
            row.updated = self.now()
        self._claim(row, changes)
        for name, value in changes.items():
            if value != row.props.get(name, ""):
                row.history.setdefault(name, []).append(Version(value, self.now(), source, by))
        props = {**row.props, **changes}
        props[self.stamp_name] = to_iso(row.updated)
        row.props = {name: value for name, value in props.items() if value != ""}
        if row.id not in self.rows:
            self.rows[row.id] = row
            insort(self.ids, row.id)
        self.index.publish(row.id, row)

    def take(self, row: Row) -> None:
        """Remove a live record from the lists."""
        del self.rows[row.id]
        del self.ids[bisect_left(self.ids, row.id)]
        held = [(name, row.props.get(name, "")) for name in self.unique_names()]
        held += [("email", other) for other in row.props.get("hs_additional_emails", "").split(";")]
        for claim in held:
            if self.claims.get(claim) == row.id:
                del self.claims[claim]
        self.index.publish(row.id, None)

    def archive(self, row: Row) -> None:
        self.take(row)
        row.archived = self.now()
        self.archived[row.id] = row
        insort(self.archived_ids, row.id)

    def restore(self, row: Row) -> None:
        del self.archived[row.id]
        del self.archived_ids[bisect_left(self.archived_ids, row.id)]
        row.archived = None
        self.put(row, {}, "CRM_UI", "")
        self._claim(row, dict(row.props))

    # -- unique values

    def unique_names(self) -> set[str]:
        return {"accordant_id"} | ({"email"} if self.object == "contacts" else set())

    def holder(self, name: str, value: str) -> int | None:
        return self.claims.get((name, value))

    def _claim(self, row: Row, changes: Mapping[str, str]) -> None:
        for name in self.unique_names() & changes.keys():
            old = row.props.get(name)
            if old and self.claims.get((name, old)) == row.id:
                del self.claims[name, old]
            if changes[name]:
                self.claims[name, changes[name]] = row.id
        for other in filter(None, changes.get("hs_additional_emails", "").split(";")):
            self.claims["email", other] = row.id

    def page(self, after: int, size: int, *, archived: bool) -> tuple[list[Row], bool]:
        """Records behind `after` by id, and whether there are more."""
        ids, rows = (self.archived_ids, self.archived) if archived else (self.ids, self.rows)
        start = bisect_right(ids, after)
        return [rows[id] for id in ids[start : start + size]], len(ids) > start + size
