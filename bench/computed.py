"""A system that is computed, not held: record N is a function of N. So a million records cost no memory of their own.

Its two sides (`left`, `right`) hold the same people. It counts writes and refuses them: nothing here should be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.connect.connector import (
    Capabilities,
    Connector,
    Context,
    Identity,
    ObjectInfo,
    Page,
    Receipt,
    Want,
    Write,
)
from hub.core.model import Record

PAGE = 200
STAMP = "2026-01-01T00:00:00.000Z"
NAMES = ("first", "last", "mail", "phone", "title", "street", "city", "zip", "note")
TITLES = ("Buyer", "Clerk", "Director", "Engineer", "Owner")


def fields(n: int) -> dict[str, Any]:
    held = n if n % 10 >= 7 else n % 1000  # seven of ten phones are one of a thousand
    return {
        "first": f"Given{n % 997}",
        "last": f"Family{n}",
        "mail": f"p{n}@customers.example",
        "phone": f"+4930{10_000_000 + held}",
        "title": TITLES[n % 5],
        "street": f"High Street {n % 300}",
        "city": "Leeds",
        "zip": f"{n % 90_000 + 10_000}",
        "note": None,
    }


class Computed(Connector):
    """`count` records, all with one stamp."""

    name = "computed"

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(connection, config, context)
        self.count, self.writes = int(config["count"]), 0

    def check(self) -> Identity:
        return Identity(org=self.connection)

    def objects(self) -> Sequence[str]:
        return ("person",)

    def describe(self, object: str) -> ObjectInfo:
        return ObjectInfo(object, object)

    def capabilities(self, object: str) -> Capabilities:
        return Capabilities(conditional_write="strong", deletes="sweep", receipts="body", read_batch=PAGE)

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        start = int(cursor or 0)
        while True:
            end = min(start + PAGE, self.count)
            self.context.on_call("changes")
            page = [self._record(object, n) for n in range(start, end)]
            yield Page(page, str(end), last=end == self.count, total=self.count)
            start = end
            if start == self.count:
                return

    def _record(self, object: str, n: int) -> Record:
        return Record(object, str(n), fields(n), version="1", stamp=STAMP)

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        return [self._record(object, int(i)) for i in ids]

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        self.writes += len(batch)
        raise AssertionError("nothing differs, so nothing may be written")
