"""The Salesforce connector: the hub's verbs, said in REST.

Here is only what ties the parts together. Signing in is in auth.py, traffic in transport.py, reading in changes.py,
writing in writes.py, and what each refusal means in errors.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from connectors.salesforce import errors, objects, soql
from connectors.salesforce.auth import KINDS
from connectors.salesforce.changes import Reader
from connectors.salesforce.transport import Transport
from connectors.salesforce.writes import Writer
from hub.connect.connector import (
    Capabilities,
    Connector,
    Context,
    Identity,
    ObjectInfo,
    Option,
    Page,
    Receipt,
    Want,
    Write,
)
from hub.core.errors import Reject
from hub.core.model import Record

_NEEDED = {"Account": ("createable", "updateable"), "Contact": ("createable", "updateable"), "User": ("queryable",)}


class Salesforce(Connector):
    """Accounts, contacts, leads, users and every other object of one Salesforce org."""

    name = "salesforce"
    label = "Salesforce"
    sandbox = "connectors.salesforce.sandbox:SalesforceSandbox"
    auth_kinds = KINDS
    options = (
        Option(
            "login_url",
            "Where to sign in: the org's My Domain host, or the common login host.",
            default="https://login.salesforce.com",
            example="https://acme.my.salesforce.com",
        ),
        Option("api_version", "Version of the REST API.", default="68.0"),
        Option("overlap", "Seconds that each pull reads again, for transactions that commit late.", int, default=120),
        Option("page_size", "Records per page of a query, 200 to 2,000.", int, default=2_000),
        Option("timeout", "Seconds to wait for an answer.", int, default=60),
    )

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(connection, config, context)
        self._transport = Transport(connection, config, context)
        overlap = config.get("overlap")
        self._reader = Reader(self._transport, context, 120.0 if overlap is None else float(overlap))
        self._writer = Writer(self._transport)

    def check(self) -> Identity:
        grant = self._transport.signed_in()
        found = {o["name"]: o for o in self._catalogue()}
        rights = [
            (f"{o}: {right}", bool(found.get(o, {}).get(right))) for o, needs in _NEEDED.items() for right in needs
        ]
        return Identity(
            org=grant.org,
            user=grant.user,
            label=grant.base.split("://")[1],
            granted=tuple(r for r, held in rights if held),
            missing=tuple(r for r, held in rights if not held),
        )

    def objects(self) -> Sequence[str]:
        return [o["name"] for o in self._catalogue() if o["queryable"]]

    def _catalogue(self) -> list[Mapping[str, Any]]:
        return list(self._transport.read("GET", "/sobjects", what="list of objects").body["sobjects"])

    def describe(self, object: str) -> ObjectInfo:
        path = f"/sobjects/{soql.name(object)}/describe"
        return objects.info(self._transport.read("GET", path, what=f"{object} describe").body)

    def capabilities(self, object: str) -> Capabilities:
        return objects.capabilities(object)

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        return self._reader.changes(object, cursor, want)

    # -- reads by value

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        asked = list(dict.fromkeys(soql.id18(i) for i in ids))
        real = [i for i in asked if soql.is_id(i)]
        batches = (real[n : n + objects.READ_BATCH] for n in range(0, len(real), objects.READ_BATCH))
        found = {r.id: r for batch in batches for r in self._by_id(object, batch, want)}
        missing = [i for i in real if i not in found]
        found |= {r.id: r for r in self._departed(object, missing, want)}
        # Neither there nor in the recycle bin: never was, or purged.
        return [found.get(i) or Record(object, i, kind="deleted", direct=True) for i in asked]

    def _by_id(self, object: str, ids: Sequence[str], want: Want) -> Iterable[Record]:
        columns, to_record = self._reader.columns(object, want), self._reader.record(object, want, direct=True)
        path, body = f"/composite/sobjects/{soql.name(object)}", {"ids": ids, "fields": columns}
        rows = self._transport.read("POST", path, body=body, what=f"{object} read by id").body
        if not isinstance(rows, list) or len(rows) != len(ids):
            # A record that is not mentioned would be taken for deleted.
            raise errors.broken("rows are missing", where=f"{self.connection} {object}", write=False)
        return (to_record(row) for row in rows if row)

    def _departed(self, object: str, ids: Sequence[str], want: Want) -> Iterable[Record]:
        """What the recycle bin says about records that a read by id did not find."""
        columns, to_record = self._reader.columns(object, want), self._reader.record(object, want, direct=True)
        for part in soql.chunks(ids):
            query = soql.select(object, columns, soql.among("Id", part))
            bin = objects.traits(object).has_deleted
            yield from (to_record(row) for row in self._reader.rows(object, query, deleted=bin))

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        columns, to_record = self._reader.columns(object, want), self._reader.record(object, want)
        queries = (soql.select(object, columns, soql.among(by, part)) for part in soql.chunks(dict.fromkeys(values)))
        return [to_record(row) for query in queries for row in self._reader.rows(object, query)]

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        # A query sees every committed row at once: there is no index to lag behind.
        return self.find(object, key_field, keys, Want(want.fields, key_field, want.slow))

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        query = soql.select(object, ["Id"], order="Id")
        for answer in self._reader.pages(object, query):
            yield [soql.id18(row["Id"]) for row in answer.body["records"]]

    # -- writes

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        if not objects.traits(object).writable:
            raise Reject(f"{object} is never written", where=self.connection, next="Map it with `direction: read`.")
        soql.name(object)
        return self._writer.write(object, batch)

    def minimum_calls(self, object: str, *, read: int, written: int, created: int) -> int:
        """Pages to read, careful updates (`written`) with their read-back inside, and for each collection of creates a
        look-up before and a read-back after it."""
        pages = max(1, ceil(read / objects.PAGE))
        return pages + ceil(written / objects.COMPOSITE) + 3 * ceil(created / objects.COLLECTION)

    def close(self) -> None:
        self._transport.close()
