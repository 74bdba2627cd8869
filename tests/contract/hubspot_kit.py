"""A HubSpot sandbox and a connector that talks to it, on an invented clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.hubspot import HubSpot
from connectors.hubspot.sandbox import HubSpotSandbox
from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Context, Page, Want, Write
from hub.connect.limits import NoLimits

FIELDS = ("email", "firstname", "lastname", "phone", "tags")
WANT = Want(FIELDS, key_field="accordant_id", slow=False)
SLOW = Want(FIELDS, key_field="accordant_id", slow=True)
LINKED = Want((*FIELDS, "@companies.primary"), key_field="accordant_id", slow=False)


@dataclass
class Kit:
    sandbox: HubSpotSandbox
    clock: ManualClock
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    calls: list[str] = field(default_factory=list)
    hubspot: HubSpot = None

    def connect(self, **config: Any) -> HubSpot:
        context = Context(self.clock, self.tokens, NoLimits(), on_call=self.calls.append)
        self.hubspot = HubSpot("hs", {**self.sandbox.config(), **config}, context)
        return self.hubspot

    def people(self, count: int, **more: Any) -> list[str]:
        """So many contacts, one a second."""
        made = []
        for n in range(count):
            properties = {"email": f"p{n}@example.org", "firstname": "Ana", "lastname": f"Nr {n}", **more}
            made.append(self.sandbox.seed("contacts", properties))
            self.clock.advance(1)
        return made

    def pull(self, cursor: str = "", want: Want = WANT, object: str = "contacts") -> tuple[list[Any], str]:
        """Everything that one pull brings, and the cursor after it."""
        pages = list(self.hubspot.changes(object, cursor, want))
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        return [record for page in pages for record in page.records], pages[-1].cursor

    def pages(self, cursor: str = "", want: Want = WANT, object: str = "contacts") -> list[Page]:
        return list(self.hubspot.changes(object, cursor, want))


def kit(*, lag: float = 0.0, auth: str = "private_app", **config: Any) -> Iterator[Kit]:
    """For fixtures: started, connected and stopped."""
    clock = ManualClock()
    with HubSpotSandbox(seed=1, clock=clock.now, lag=lag, auth=auth) as sandbox:
        made = Kit(sandbox, clock)
        made.connect(**config)
        yield made
        made.hubspot.close()
        assert not sandbox.bugs, sandbox.bugs


def create(op: str = "op-1", **fields: Any) -> Write:
    key = fields.pop("key", f"key-{op}")
    return Write(op, "create", fields, key_field="accordant_id", key=key)


def update(id: str, op: str = "op-1", **fields: Any) -> Write:
    return Write(op, "update", fields, id=id)
