"""Read what changed: queries, their pages, and the cursor.

A pull is one query ordered by (SystemModstamp, Id). queryAll brings deleted and merged rows in the same answer, so that a
pull in which nothing changed is a single call. Transactions may commit after the stamp that they carry: the next pull
starts `overlap` seconds before this one did, and sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.salesforce import errors, soql
from connectors.salesforce.objects import traits
from connectors.salesforce.transport import Answer, Transport
from hub.connect.connector import Context, Page, Want
from hub.core.errors import Reject, Retry, Stop
from hub.core.model import Fields, Record

# Beyond this difference our own clock says nothing about the vendor's.
TRUSTED_SKEW = 600.0


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: everything before is covered. While a pull is under way also `bound`, which `since` will become, and the
    row (`at`, `id`) up to which it has come."""

    since: str = ""
    bound: str = ""
    at: str = ""
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Cursor:
        try:
            held = orjson.loads(text) if text else {}
            cursor = cls(**held)
            for stamp in (cursor.since, cursor.bound, cursor.at):
                soql.instant(stamp or "2000-01-01T00:00:00.000Z")
        except (TypeError, ValueError) as error:
            raise Reject("the cursor is not one of this connector", next="Run the sync once with --full.") from error
        return cursor

    def __str__(self) -> str:
        return orjson.dumps({k: v for k in self.__slots__ if (v := getattr(self, k))}).decode()

    def where(self) -> str:
        """The clause that selects what this cursor does not cover yet."""
        if self.at:
            at = soql.instant(self.at)
            return f"SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {soql.quote(self.id)})"
        return f"SystemModstamp >= {soql.instant(self.since)}" if self.since else ""


class Reader:
    """Turns the rows of one connection into records."""

    def __init__(self, transport: Transport, context: Context, overlap: float) -> None:
        self._transport, self._context, self._overlap = transport, context, overlap

    # -- changes

    def changes(self, object: str, text: str, want: Want) -> Iterator[Page]:
        cursor, restarts = Cursor.parse(text), 3
        columns, to_record = self.columns(object, want), self.record(object, want)
        while True:
            try:
                for page in self._pull(object, cursor, columns, to_record):
                    cursor = Cursor.parse(page.cursor)
                    yield page
                    if page.last or self._context.cancelled():
                        return
            except Reject as error:
                # A locator lives for two days or until many others were opened: ask again from the last row.
                if error.vendor_code != "INVALID_QUERY_LOCATOR" or not restarts:
                    raise
                restarts -= 1

    def _pull(
        self, object: str, start: Cursor, columns: Sequence[str], to_record: Callable[[Fields], Record]
    ) -> Iterator[Page]:
        query = soql.select(object, columns, start.where(), "SystemModstamp, Id")
        bound, at = start.bound, (start.at, start.id)
        for answer in self.pages(object, query, deleted=traits(object).has_deleted):
            bound = bound or self._bound(answer)
            if start.since > _date(answer):
                # Another org answers, or its clock was set back: only reading everything again is safe.
                yield from self._pull(object, Cursor(), columns, to_record)
                return
            records = [to_record(row) for row in answer.body["records"]]
            # A row edited during the pull carries a newer stamp than its place in the order; it proves no position.
            at = max((at, *((r.stamp, r.id) for r in records if r.stamp < bound)))
            done = answer.body["done"]
            cursor = Cursor(since=bound) if done else Cursor(start.since, bound, *at)
            yield Page(
                records, str(cursor), last=done, total=answer.body.get("totalSize"), covers=bound if done else ""
            )

    def _bound(self, answer: Answer) -> str:
        """Where the next pull must start: the vendor's time as the query was asked, less the overlap.

        Its Date header is younger than the query by the time that the answer took. If its clock should run ahead for a
        moment, ours, where it can be trusted, holds the bound back.
        """
        now = self._context.clock.now()
        theirs = soql.from_http_date(answer.headers.get("Date") or "")
        asked = (now if theirs is None else theirs) - answer.elapsed
        ours = now - answer.elapsed
        if abs(asked - ours) <= TRUSTED_SKEW:
            asked = min(asked, ours)
        return soql.from_epoch(asked - self._overlap)

    # -- rows

    def pages(self, object: str, query: str, *, deleted: bool = False) -> Iterator[Answer]:
        """All pages of a query. Raises Retry if fewer rows came than were announced."""
        verb = "/queryAll" if deleted else "/query"
        answer = self._transport.read("GET", verb, params={"q": query}, what=f"{object} query")
        announced, seen, url = None, 0, ""
        while True:
            body = answer.body
            if not isinstance(body, dict) or not isinstance(body.get("records"), list) or "done" not in body:
                raise errors.broken("rows are missing", where=f"{self._transport.connection} {object}", write=False)
            announced = body.get("totalSize") if announced is None else announced
            seen += len(body["records"])
            if body["done"] and announced is not None and seen < announced:
                raise Retry(
                    "Salesforce sent fewer rows than it announced",
                    where=f"{self._transport.connection} {object}",
                    why=f"{seen} of {announced}",
                    unchanged="The cursor was not moved.",
                )
            yield answer
            if body["done"]:
                return
            url, last = _local(body.get("nextRecordsUrl")), url
            if url == last or not body["records"]:
                raise errors.broken(
                    "the pages do not go on", where=f"{self._transport.connection} {object}", write=False
                )
            answer = self._transport.read("GET", url, what=f"{object} next page")

    def rows(self, object: str, query: str, *, deleted: bool = False) -> Iterator[Fields]:
        for answer in self.pages(object, query, deleted=deleted):
            yield from answer.body["records"]

    def columns(self, object: str, want: Want) -> list[str]:
        """What to select: what is wanted, and what is needed to tell who changed a row and what became of it."""
        own = ["Id", "SystemModstamp", "LastModifiedById", *traits(object).columns]
        keyed = [want.key_field] if want.key_field else []
        return list(dict.fromkeys([*own, *want.fields, *keyed]))

    def record(self, object: str, want: Want, *, direct: bool = False) -> Callable[[Fields], Record]:
        """A function from row to record, made once per read."""
        pick, key_field, us = _picker(want.fields), want.key_field, self._transport.signed_in().user
        stamp, id18, fate = soql.stamp, soql.id18, _fate

        def to_record(row: Fields) -> Record:
            version = stamp(row["SystemModstamp"])
            kind, into = fate(row)
            return Record(
                object=object,
                id=id18(row["Id"]),
                fields=pick(row) if kind == "updated" else {},
                version=version,
                stamp=version,
                kind=kind,
                into=into,
                key=row.get(key_field) if key_field else None,
                by_us=bool(us) and row.get("LastModifiedById") == us,
                direct=direct,
            )

        return to_record


def _date(answer: Answer) -> str:
    """The vendor's time as a stamp; later than everything if it does not say."""
    theirs = soql.from_http_date(answer.headers.get("Date") or "")
    return "9999" if theirs is None else soql.from_epoch(theirs)


def _fate(row: Fields) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What became of a row: its kind and its survivors."""
    if row.get("IsDeleted"):
        survivor = row.get("MasterRecordId")
        if not survivor:
            return "deleted", ()
        return "merged_into", ((row["attributes"]["type"], soql.id18(survivor)),)
    if row.get("IsConverted"):
        made = ((name, row.get(f"Converted{name}Id")) for name in ("Contact", "Account", "Opportunity"))
        return "converted_into", tuple((name, soql.id18(id)) for name, id in made if id)
    return "updated", ()


def _picker(names: Sequence[str]) -> Callable[[Fields], dict[str, Any]]:
    """A function that takes the named fields out of a row; dotted names reach into the parent."""
    dotted = [n for n in names if "." in n]
    if not dotted:
        return lambda row: {n: row[n] for n in names}
    return lambda row: {n: _reach(row, n) for n in names}


def _reach(row: Mapping[str, Any], name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if value else None
    return value


def _local(url: Any) -> str:
    """The path of the next page, refused if it leads anywhere but to the same instance."""
    if not isinstance(url, str) or not url.startswith("/services/data/"):
        raise Stop(
            "the next page is not on this instance", unchanged="The cursor was not moved.", next="Check the host."
        )
    return url
