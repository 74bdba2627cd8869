"""A small world: invented systems in memory, a real hub with a real store, and a clock that only moves when told to."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Connector, Context
from hub.connect.limits import NoLimits
from hub.connect.memory import MemoryConnector
from hub.connect.memory_remote import MemoryRemote
from hub.connect.profiles import FieldProfile, ObjectProfile
from hub.core.compile import mapping_of
from hub.core.model import Guards, Limit, MatchRule, Policy, Spoke, Sync
from hub.engine.context import Calls, Hub
from hub.engine.report import Report
from hub.engine.run import run_sync
from hub.store.db import Store, Tx
from hub.store.vault import Vault

KEY = bytes(range(32))
NO_GUARDS = Guards(Limit(), Limit(), Limit())
F = FieldProfile

PERSON = ObjectProfile(
    fields=(
        F("first", trim=True),
        F("last", trim=True),
        F("mail", "email", lower=True, trim=True, unique=True),
        F("phone"),
        F("title"),
        F("tags", "choices"),
    ),
    unique_key="hub_key",
    field_history=False,
)

MAPPING: dict[str, Any] = {
    "connector": "memory",
    "object": "person",
    "entity": "customer",
    "set": {"kind": "person"},
    "fields": {
        "given_name": "first",
        "family_name": "last",
        "email": {"field": "mail", "as": "email"},
        "phones[mobile]": "phone",
        "job_title": "title",
        "tags": {"field": "tags", "as": "set", "separator": ";"},
    },
}


def mapping(**changes: Any) -> Any:
    """The usual mapping with some fields replaced (None takes one away)."""
    fields = {**MAPPING["fields"], **changes}
    data = {**MAPPING, "fields": {k: v for k, v in fields.items() if v is not None}}
    return mapping_of(data, "memory.person")


def spoke(connection: str, **options: Any) -> Spoke:
    options.setdefault("mapping", mapping())
    options.setdefault("key_field", "hub_key")
    return Spoke(connection, **options)


def sync(*spokes: Spoke, **options: Any) -> Sync:
    options.setdefault("match", (MatchRule(("email",), "link"), MatchRule(("family_name", "phones[mobile]"), "review")))
    options.setdefault("guards", NO_GUARDS)
    options.setdefault("policy", Policy())
    options.setdefault("fingerprint", "1")
    name = options.pop("name", "people")
    return Sync(name, "customer", "person", tuple(spokes), **options)


@dataclass(slots=True)
class World:
    """Remotes by name, and the hub that keeps them in agreement."""

    remotes: dict[str, MemoryRemote]
    hub: Hub
    clock: ManualClock
    rng: random.Random
    reports: list[Report] = field(default_factory=list)

    def __getitem__(self, name: str) -> MemoryRemote:
        return self.remotes[name]

    def run(self, name: str = "people", **options: Any) -> Report:
        """One run, a minute after the last one."""
        self.clock.advance(60)
        self.reports.append(run_sync(self.hub, name, **options))
        return self.reports[-1]

    def runs(self, n: int = 3) -> list[Report]:
        return [self.run() for _ in range(n)]

    def person(self, remote: str, **fields: Any) -> str:
        return self.remotes[remote].create("person", fields)

    def edit(self, remote: str, id: str, **fields: Any) -> None:
        self.clock.advance(1)
        self.remotes[remote].edit("person", id, fields)

    def rows(self, remote: str) -> dict[str, dict[str, Any]]:
        return self.remotes[remote].rows("person")

    def only(self, remote: str) -> dict[str, Any]:
        """The fields of the one record that a remote holds."""
        rows = self.rows(remote)
        assert len(rows) == 1, f"{remote} holds {len(rows)} records: {rows}"
        return next(iter(rows.values()))

    def by_mail(self, remote: str, mail: str) -> dict[str, Any]:
        return next(r for r in self.rows(remote).values() if r.get("mail") == mail)

    def written(self) -> int:
        """How many write calls the hub has made in all."""
        return sum(len(r.writes) for r in self.remotes.values())

    def with_sync(self, *syncs: Sync, profiles: Mapping[str, ObjectProfile] | None = None) -> None:
        """Change the configuration between runs; a connection that is new brings an empty remote with it."""
        self.hub.syncs = {s.name: s for s in syncs}
        for name in dict.fromkeys(k.connection for one in syncs for k in one.spokes):
            if name not in self.remotes:
                objects = {k.object: (profiles or {}).get(name, PERSON) for s in syncs for k in s.spokes}
                self.remotes[name] = MemoryRemote(objects, self.clock, random.Random(name), name=name)
        self.hub.connectors = connectors(self.remotes, self.clock, self.hub.calls)

    def ask(self, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Ask the store."""
        with self.hub.store.read() as tx:
            return question(tx, *args, **options)


def world(
    *syncs: Sync,
    profiles: Mapping[str, ObjectProfile] | None = None,
    seed: int = 0,
    url: str = "sqlite://",
    objects: Sequence[str] | Mapping[str, ObjectProfile] = ("person",),
    store: Store | None = None,
    wrap: Callable[[Connector], Connector] = lambda connector: connector,
) -> World:
    """A world for these syncs; `profiles` by connection (default: the usual person)."""
    clock = ManualClock()
    rng = random.Random(seed)
    names = dict.fromkeys(s.connection for one in syncs for s in one.spokes)
    remotes = {
        n: MemoryRemote(
            {o: _profile_of(o, n, objects, profiles or {}) for o in objects}, clock, random.Random(f"{seed}{n}"), name=n
        )
        for n in names
    }
    if store is None:
        store = Store(url, vault=Vault(KEY, rng.randbytes), now=clock.now)
        store.create()
    calls = Calls()
    hub = Hub(store, {}, {s.name: s for s in syncs}, clock, new_ids(), calls=calls)
    hub.connectors = connectors(remotes, clock, calls, wrap)
    return World(remotes, hub, clock, rng)


def _profile_of(
    object: str, connection: str, objects: Sequence[str] | Mapping[str, ObjectProfile], by: Mapping[str, ObjectProfile]
) -> ObjectProfile:
    """How an object behaves in a connection: the same everywhere where `objects` says it, else as `profiles` says."""
    if isinstance(objects, Mapping):
        return objects[object]
    return by.get(connection, PERSON)


def connectors(
    remotes: Mapping[str, MemoryRemote],
    clock: ManualClock,
    calls: Calls,
    wrap: Callable[[Connector], Connector] = lambda connector: connector,
) -> dict[str, Connector]:
    found: dict[str, Connector] = {}
    for name, remote in remotes.items():
        context = Context(clock, MemoryTokens(), NoLimits(), on_call=lambda what, n=name: calls.add(n))
        found[name] = wrap(MemoryConnector(name, {}, context, remote=remote))
    return found


def new_ids() -> Callable[[str], str]:
    count = itertools.count(1)
    return lambda prefix: f"{prefix}-{next(count):06d}"


def profile(**changes: Any) -> ObjectProfile:
    """The usual person with other switches; `fields` by name replaces single fields."""
    fields = {f.name: f for f in PERSON.fields} | changes.pop("fields", {})
    return replace(PERSON, fields=tuple(fields.values()), **changes)


__all__ = ["Tx", "World", "connectors", "mapping", "new_ids", "profile", "spoke", "sync", "world"]
