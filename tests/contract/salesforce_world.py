"""What the Salesforce tests share: a sandbox on an invented clock, and a connection to it that counts its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connectors.salesforce import Salesforce
from connectors.salesforce.sandbox import SalesforceSandbox
from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Context, Page, Want, Write
from hub.connect.limits import NoLimits
from hub.core.model import Record

KEY = "Accordant_Id__c"
CONTACT = Want(("FirstName", "LastName", "Email"), key_field=KEY)
ACCOUNT = Want(("Name", "Website"), key_field=KEY)


@dataclass
class World:
    """One sandbox, one clock for both sides, and as many connections as a test wants."""

    sandbox: SalesforceSandbox
    clock: ManualClock
    asked: list[str] = field(default_factory=list)
    tokens: MemoryTokens = field(default_factory=MemoryTokens)

    def connect(self, kind: str = "client_credentials", **more: Any) -> Salesforce:
        config = self.sandbox.config(kind)
        config["auth"] |= more.pop("auth", {})
        context = Context(self.clock, self.tokens, NoLimits(), on_call=self.asked.append)
        return Salesforce("sf", config | more, context)

    def contact(self, n: int = 0, **fields: Any) -> str:
        return self.sandbox.seed("Contact", {"LastName": f"Person {n}", "Email": f"p{n}@example.org", **fields})

    def calls(self, part: str = "/services/data/") -> int:
        return sum(part in path for _, path in self.sandbox.calls)


def drain(connector: Salesforce, object: str, cursor: str = "", want: Want = CONTACT) -> tuple[list[Record], str]:
    """All records of one pull, and the cursor that it leaves."""
    pages: list[Page] = list(connector.changes(object, cursor, want))
    assert pages[-1].last and not any(p.last for p in pages[:-1])
    return [r for p in pages for r in p.records], pages[-1].cursor


def create(n: int, **fields: Any) -> Write:
    return Write(f"op{n}", "create", {"LastName": f"New {n}", **fields}, key_field=KEY, key=f"key-{n}")


def update(record: Record, **fields: Any) -> Write:
    return Write(f"up-{record.id}", "update", fields, record.id, version=record.version, stamp=record.stamp)
