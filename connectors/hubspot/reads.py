"""Reading what changed: one full pass, then deltas by search, plus the feeds that know no time filter.

A delta asks for everything modified since the last read began, minus an overlap for the search index, which lags and
fills out of order. It moves on by stamp, not by page number: paging by number skips a row whenever an earlier one is
edited meanwhile, and ends at 10,000 rows. Rows that share one stamp are split by id.
The clock that counts is HubSpot's own, taken from the Date header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.hubspot import associations
from connectors.hubspot.api import Answer, Api, Call
from connectors.hubspot.records import Shape, deleted, stamp, to_iso, to_ms
from hub.connect.connector import Page
from hub.core.errors import Reject, Stop
from hub.core.model import Record

LIST_PAGE, SEARCH_PAGE, MOST_VALUES = 100, 200, 100


@dataclass(slots=True)
class Position:
    """A cursor. `bound`: ms up to which deltas are covered, 0 before the full pass is through.

    The rest is where an unfinished part stands: `full` (start, after), `delta` (start, from, and stamp and id while
    one stamp is being split), `archived` (newest seen, and its pass), `links` (after, of the association pass).
    """

    bound: int = 0
    full: dict[str, Any] = field(default_factory=dict)
    delta: dict[str, Any] = field(default_factory=dict)
    archived: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        parts = {name: value for name in Position.__slots__ if (value := getattr(self, name))}
        return orjson.dumps(parts).decode()


def position(cursor: str) -> Position:
    """A cursor's text, taken apart. Raises Reject on a text that is not one of ours."""
    try:
        parts = orjson.loads(cursor) if cursor else {}
        return Position(**parts)
    except (orjson.JSONDecodeError, TypeError) as error:
        next = "run the sync with --full"
        raise Reject("the cursor is not one of HubSpot's", why=str(error), next=next, code="E-CURSOR") from error


Step = Iterator[tuple[list[Record], bool]]


class Pull:
    """One pull of one object. `overlap`: seconds the search index may lag; `pages`: of an association pass."""

    def __init__(self, api: Api, shape: Shape, cursor: str, *, slow: bool, overlap: float, pages: int) -> None:
        self.api, self.shape = api, shape
        self.at = position(cursor)
        self.slow, self.overlap, self.most = slow, int(overlap * 1000), pages
        self.total: int | None = None
        self.covers = ""

    def pages(self) -> Iterator[Page]:
        """The steps that are due, one after the other; each page can be resumed from."""
        steps = self._steps()
        for step in steps:
            for records, done in step():
                last = done and step is steps[-1]
                yield Page(records, self.at.text(), last, self.total, self.covers if last else "")
                if self.api.context.cancelled():
                    return

    def _steps(self) -> list[Callable[[], Step]]:
        full = not self.at.bound
        steps: list[Callable[[], Step]] = [self._full if full else self._delta]
        if self.slow:
            steps.append(self._archived)
        if self.slow and not full and self.shape.associations:
            steps.append(self._links)
        return steps

    # -- everything, once

    def _full(self) -> Step:
        after = str(self.at.full.get("after") or "")
        start = int(self.at.full.get("start") or 0)
        while True:
            rows, following, answer = self._list(after)
            start = start or answer.date
            if not following:
                self.at.full, self.at.bound = {}, start
                self.covers = to_iso(start)
                yield self._records(rows), True
                return
            self.at.full = {"start": start, "after": following}
            yield self._records(rows), False
            after = following

    def _list(self, after: str, *, archived: bool = False) -> tuple[list[dict[str, Any]], str, Answer]:
        query = [("limit", str(LIST_PAGE)), ("archived", str(archived).lower())]
        names = self.shape.news if archived else self.shape.properties
        query.append(("properties", ",".join(names)))
        if after:
            query.append(("after", after))
        path = self.api.paths.objects(self.shape.object)
        answer = self.api.rows(Call(f"{self.shape.object} list", "GET", path, query=tuple(query), bulk=True))
        return list(answer.body["results"]), advanced(answer, after), answer

    # -- what changed since

    def _delta(self) -> Step:
        at = self.at.delta
        low, start = int(at.get("from") or max(0, self.at.bound - self.overlap)), int(at.get("start") or 0)
        split = str(at.get("id") or "")
        given: set[tuple[str, str]] = set()
        while True:
            rows, more, answer = self._search(low, split, given)
            if answer.date < self.at.bound - self.overlap:
                # HubSpot's clock went back behind the cursor: nothing that it says about "since" can be relied on.
                self.at = Position(archived=self.at.archived)
                yield from self._full()
                return
            start = start or answer.date
            fresh = [r for r in rows if (r["id"], self._stamp(r)) not in given]
            if split:
                # This stamp is through when a page by id is not full; then go on behind it.
                low, split, more = (low, rows[-1]["id"], True) if more else (low + 1, "", True)
            elif more:
                last = self._stamp(rows[-1])
                given = {(r["id"], last) for r in rows if self._stamp(r) == last}
                low, split = to_ms(last), "0" if len(given) == len(rows) else ""
            if not more:
                self.at.delta, self.at.bound = {}, max(start, self.at.bound)
                self.covers = to_iso(self.at.bound - self.overlap)
                yield self._records(fresh), True
                return
            self.at.delta = {"start": start, "from": low, "id": split}
            yield self._records(fresh), False

    def _search(self, low: int, split: str, given: set[tuple[str, str]]) -> tuple[list[dict[str, Any]], bool, Answer]:
        filters: list[dict[str, Any]] = [
            {"propertyName": self.shape.modified, "operator": "EQ" if split else "GTE", "value": str(low)}
        ]
        # A row that is left out here and edited meanwhile has a stamp of after our start: the next pull reads it.
        known = sorted(id for id, _ in given)[:MOST_VALUES]
        if split:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": split})
        elif known and self.api.can_exclude:
            filters.append({"propertyName": "hs_object_id", "operator": "NOT_IN", "values": known})
        try:
            answer = self._ask(filters, sort="hs_object_id" if split else self.shape.modified)
        except Reject:
            if filters[-1]["operator"] != "NOT_IN":
                raise
            # Nobody promises this operator for ids. Without it, a few rows are read twice.
            self.api.can_exclude = False
            answer = self._ask(filters[:-1], sort=self.shape.modified)
        self.total = self.total if self.total is not None else answer.body.get("total")
        return list(answer.body["results"]), bool(advanced(answer, "")), answer

    def _ask(self, filters: list[dict[str, Any]], *, sort: str) -> Answer:
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": self.shape.properties,
            "limit": SEARCH_PAGE,
        }
        path = self.api.paths.objects(self.shape.object, "/search")
        return self.api.rows(Call(f"{self.shape.object} search", "POST", path, body=body, search=True, bulk=True))

    def _stamp(self, row: dict[str, Any]) -> str:
        return str(row["properties"].get(self.shape.modified) or row["updatedAt"])

    # -- what has no time filter

    def _archived(self) -> Step:
        """Archived records. Those not newer than the newest of earlier passes are old news."""
        at = dict(self.at.archived)
        newest, top, start = str(at.get("newest") or ""), str(at.get("top") or ""), int(at.get("start") or 0)
        after = str(at.get("after") or "")
        while True:
            rows, following, answer = self._list(after, archived=True)
            start = start or answer.date
            gone = [(stamp(r.get("archivedAt") or r.get("updatedAt")), r) for r in rows]
            top = max([top, *(when for when, _ in gone)])
            records = [record for when, raw in gone if when > newest for record in self._gone(raw, when)]
            if not following:
                # What was archived during this pass may have been missed by it: leave it for the next one.
                self.at.archived = {"newest": max(newest, min(top, to_iso(start - self.overlap)))}
                yield records, True
                return
            self.at.archived = {"newest": newest, "top": top, "start": start, "after": following}
            yield records, False
            after = following

    def _gone(self, raw: dict[str, Any], when: str) -> list[Record]:
        """An archived record, and those merged into it, which nothing else would ever tell of."""
        return [deleted(self.shape.object, str(raw["id"]), when), *self.shape.losers(raw)]

    def _links(self) -> Step:
        """Associations change without moving the record's stamp: read records again, a part in each slow pull."""
        after = str(self.at.links.get("after") or "")
        for page in range(1, self.most + 1):
            rows, following, _ = self._list(after)
            done = not following or page == self.most
            self.at.links = {"after": following} if following else {}
            yield self._records(rows), done
            if done:
                return
            after = following

    # -- rows to records

    def _records(self, rows: list[dict[str, Any]]) -> list[Record]:
        records = []
        for raw in rows:
            records.append(self.shape.record(raw))
            records += self.shape.losers(raw)
        return with_associations(self.api, self.shape, records)


def advanced(answer: Answer, after: str) -> str:
    """Where the next page starts, "" at the end. Raises Stop if HubSpot sends us in a circle."""
    following = str(((answer.body.get("paging") or {}).get("next") or {}).get("after") or "")
    if following and following == after:
        raise Stop("HubSpot's paging does not advance", why=f"after {after} comes {following}", next="try again later")
    return following


def with_associations(api: Api, shape: Shape, records: list[Record]) -> list[Record]:
    """The records with those associations filled in that no property mirrors."""
    from dataclasses import replace

    live = [r.id for r in records if r.kind == "updated"]
    for a in shape.apart if live else ():
        found = associations.linked(api, a, live)
        records = [
            replace(r, fields={**r.fields, a.field: associations.one(found.get(r.id))}) if r.kind == "updated" else r
            for r in records
        ]
    return records
