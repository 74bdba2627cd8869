"""A hub between two computed systems that hold the same people, with its database in a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from bench.computed import NAMES, Computed
from hub.connect.clock import MemoryTokens, SystemClock
from hub.connect.connector import Context
from hub.connect.limits import NoLimits
from hub.connect.pool import InOrder
from hub.core.compile import mapping_of
from hub.core.model import Guards, Limit, MatchRule, Spoke, Sync
from hub.engine.context import Hub
from hub.jobs.ids import Ids
from hub.store.db import Store
from hub.store.vault import Vault

PATHS = (
    "given_name",
    "family_name",
    "email",
    "phones[mobile]",
    "job_title",
    "address.street",
    "address.city",
    "address.postal_code",
    "department",
)
NAME = "people"


@contextmanager
def pair(each: int) -> Iterator[Hub]:
    """Two sides of `each` records."""
    clock = SystemClock()
    with TemporaryDirectory(prefix="accordant-bench-") as folder:
        store = Store(f"sqlite:///{folder}/accordant.db", vault=Vault(bytes(32)), now=clock.now)
        store.create()
        context = Context(clock, MemoryTokens(), NoLimits())
        sides = {name: Computed(name, {"count": each}, context) for name in ("left", "right")}
        yield Hub(store, sides, {NAME: _sync()}, clock, Ids(clock.now), pool=InOrder())
        store.close()


def _sync() -> Sync:
    fields = dict(zip(PATHS, NAMES, strict=True))
    mapping = mapping_of(
        {
            "connector": "computed",
            "object": "person",
            "entity": "customer",
            "set": {"kind": "person"},
            "fields": {**fields, "email": {"field": "mail", "as": "email"}},
        },
        "computed.person",
    )
    match = (MatchRule(("email",), "link"), MatchRule(("family_name", "phones[mobile]"), "review"))
    spokes = (Spoke("left", mapping), Spoke("right", mapping))
    return Sync(NAME, "customer", "person", spokes, match=match, guards=Guards(Limit(), Limit(), Limit()))
