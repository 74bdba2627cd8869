"""The world of one seed: which systems, objects, syncs and policies there are, and what kinds of trouble are on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connect.clock import ManualClock
from hub.connect.connector import Receipt, Write
from hub.connect.memory_remote import MemoryRemote, Version
from hub.core.compile import Surroundings, mapping_of
from hub.core.entities import STANDARD
from hub.core.model import MatchRule, Policy, Spoke, Sync
from hub.engine.context import Calls, Hub
from hub.store.db import Store
from hub.store.vault import Vault
from tests.simulation.proof.vendors import VENDORS, Vendor, objects
from tests.simulation.world import KEY, NO_GUARDS, connectors, new_ids

TROUBLES = (
    *("hidden", "truncated", "token", "skew", "jumps", "restore", "hints"),
    *("partial", "clash", "validation", "automation", "deletes", "mails", "sleep"),
)
"""What a seed may switch on; each is on in about a third of the histories."""

ENTITIES = {
    "org": ("customer", "organization"),
    "person": ("customer", "person"),
    "order": ("order", ""),
    "lead": ("lead", ""),
}
SYNC_OF = {"org": "firms", "person": "people", "order": "orders", "lead": "leads"}
MATCH = {"org": "website", "person": "email", "order": "number", "lead": "email"}
REVIEW = (MatchRule(("family_name", "phones[mobile]"), "review"),)
FIELDS: dict[str, dict[str, str]] = {
    "org": {"name": "name", "website": "site", "address.city": "city"},
    "person": {
        "given_name": "first",
        "family_name": "last",
        "email": "mail",
        "phones[mobile]": "phone",
        "job_title": "title",
        "tags": "tags",
        "custom.code": "code",
        "custom.level": "level",
    },
    "order": {"number": "number", "total": "amount", "status": "status", "note": "note"},
    "lead": {"given_name": "first", "family_name": "last", "email": "mail"},
}
OBJECTS = ("org", "person", "order", "lead")
MODEL = STANDARD.extend(
    "order", fields={"number": "text", "total": "number", "status": "text", "note": "text", "customer": "ref"}
).extend("lead", fields={"given_name": "name", "family_name": "name", "email": "email"})
REFERENCES = {
    "person": ("organization", "org", "org", "customer"),
    "order": ("customer", "buyer", "person", "customer"),
}
RULES: dict[str, Any] = {
    "mail": {"field": "mail", "as": "email"},
    "tags": {"field": "tags", "as": "set", "separator": ";"},
    "amount": {"field": "amount", "as": "decimal"},
}


class HubClock:
    """The hub's own clock, which need not be right."""

    def __init__(self, true: ManualClock) -> None:
        self.true, self.skew = true, 0.0

    def now(self) -> float:
        return self.true.now() + self.skew

    def sleep(self, seconds: float) -> None:
        self.true.sleep(seconds)


@dataclass(slots=True)
class Seen:
    """What our user last saw of a record by reading it, as numbers of versions: what an unseen edit is measured by.
    `told`: the records that were handed out since somebody last emptied it."""

    number: dict[tuple[str, str], int] = field(default_factory=dict)
    overwritten: list[tuple[str, str, str, Any]] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)


class Remote(MemoryRemote):
    """A remote that notes which edits our writes went over without ever having shown them to us."""

    seen: Seen

    def search(self, object: str, *where: Any, **how: Any) -> list[Version]:
        return self._telling(object, super().search(object, *where, **how))

    def gone(self, object: str, *where: Any) -> list[Version]:
        return self._telling(object, super().gone(object, *where))

    def lookup(self, object: str, *where: Any, **how: Any) -> list[Version]:
        return self._telling(object, super().lookup(object, *where, **how))

    def _telling(self, object: str, found: list[Version]) -> list[Version]:
        self.seen.told |= {(object, version.id) for version in found}
        return found

    def read(self, object: str, ids: Any) -> list[Version | None]:
        found = super().read(object, ids)
        self.seen.told |= {(object, id) for id in ids}
        for version in found:
            if version is not None:
                self.seen.number[object, version.id] = version.number
        return found

    def write(self, object: str, write: Write) -> Receipt:
        known = self.seen.number.get((object, write.id), 0)
        if write.action == "update":
            row = self._table(object).rows.get(write.id)
            if row is not None and row.now.number > known:
                old = row.now.fields
                self.seen.overwritten += [(object, write.id, n, old.get(n)) for n in write.fields]
        receipt = super().write(object, write)
        self.seen.number[object, receipt.id] = self._table(object).rows[receipt.id].now.number
        return receipt


@dataclass(slots=True)
class Scene:
    """All that a history plays in."""

    vendors: dict[str, Vendor]
    remotes: dict[str, Remote]
    holds: dict[str, list[str]]
    hub: Hub
    clock: ManualClock
    hub_clock: HubClock
    wild: frozenset[str]
    url: str = "sqlite://"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return sorted(self.remotes)

    @property
    def objects(self) -> list[str]:
        return [o for o in OBJECTS if o in self.holds]

    def rows(self, name: str, object: str) -> dict[str, dict[str, Any]]:
        return self.remotes[name].rows(object)

    def pairs(self) -> list[tuple[str, str]]:
        """Every (connection, object) that takes part."""
        return [(n, o) for o in self.objects for n in self.holds[o]]

    def written(self) -> int:
        return sum(len(r.writes) for r in self.remotes.values())


def set_scene(rng: random.Random, seed: int, url: str = "sqlite://") -> Scene:
    """Draw the world of a seed."""
    names = list("abcd"[: rng.choice([2, 2, 2, 3, 3, 4])])
    wild = frozenset(t for t in TROUBLES if rng.random() < 0.3)
    vendors = {n: rng.choice(VENDORS) for n in names}
    holds = _holdings(rng, names)
    clock = ManualClock()
    profiles = {n: objects(vendors[n], rng, wild) for n in names}
    remotes = {n: _remote(n, profiles[n], clock, seed, rng if "skew" in wild else None) for n in names}
    hub_clock = HubClock(clock)
    hub_clock.skew = rng.choice([-200.0, 200.0]) if "skew" in wild else 0.0
    store = Store(url, vault=Vault(KEY, random.Random(seed).randbytes), now=hub_clock.now)
    store.create()
    # An order without its customer is no order, in some histories.
    required = random.Random(f"{seed}/required").random() < 0.3
    syncs = {SYNC_OF[o]: _sync(rng, o, holds, profiles, wild, required and o == "order") for o in holds}
    hub = Hub(store, {}, syncs, hub_clock, new_ids(), calls=Calls())
    scene = Scene(vendors, remotes, holds, hub, clock, hub_clock, wild, url)
    connect(scene)
    return scene


def connect(scene: Scene, wrap: Callable[[Any], Any] = lambda connector: connector) -> None:
    """Fresh connectors, as after a restart."""
    scene.hub.calls = Calls()
    scene.hub.connectors = connectors(scene.remotes, scene.clock, scene.hub.calls, scene.extra.get("wrap", wrap))


def _holdings(rng: random.Random, names: list[str]) -> dict[str, list[str]]:
    """Which systems hold which objects; people are everywhere."""
    holds = {}
    kinds = rng.choice([(), (), (), ("org",), ("org",), ("order",), ("lead",), ("org", "order")])
    for object in OBJECTS:
        if object == "person" or object in kinds:
            some = names if object == "person" or len(names) == 2 else sorted(rng.sample(names, len(names) - 1))
            holds[object] = list(some)
    return holds


def _remote(name: str, profiles: Any, clock: ManualClock, seed: int, skewed: random.Random | None) -> Remote:
    skew = skewed.choice([-300.0, -30.0, 30.0, 300.0]) if skewed else 0.0
    remote = Remote(profiles, clock, random.Random(f"{seed}{name}"), name=name, skew=skew)
    remote.seen = Seen()
    return remote


def _sync(
    rng: random.Random, object: str, holds: dict[str, list[str]], profiles: Any, wild: frozenset[str], required: bool
) -> Sync:
    entity, kind = ENTITIES[object]
    names = holds[object]
    chain = rng.choice([("newest", *names), tuple(names), ("hold",), ("newest", "hold")])
    owned = {"job_title": rng.choice(names)} if object == "person" and rng.random() < 0.2 else {}
    deleting = "deletes" in wild and rng.random() < 0.7
    policy = Policy(
        ownership=owned,
        conflicts={"default": chain},
        first_link={"default": ("non_empty", *names)},
        deletes="delete" if deleting else rng.choice(["unlink", "unlink", "ignore"]),
    )
    writes = frozenset({"create", "update", "delete"} if deleting else {"create", "update"})
    spokes = tuple(_spoke(n, object, holds, profiles[n][object], writes, required) for n in names)
    made = Sync(
        SYNC_OF[object],
        entity,
        kind,
        spokes,
        match=(MatchRule((MATCH[object],), "link"), *(REVIEW if object == "person" and rng.random() < 0.3 else ())),
        policy=policy,
        guards=NO_GUARDS,
        slow_every=rng.choice([0.0, 3600.0]),
        fingerprint="1",
    )
    return replace(made, after=("firms",) if object == "person" and "org" in holds else ())


def _spoke(
    name: str, object: str, holds: dict[str, list[str]], profile: Any, writes: frozenset[str], required: bool
) -> Spoke:
    fields: dict[str, Any] = {path: RULES.get(raw, raw) for path, raw in FIELDS[object].items()}
    if object in REFERENCES:
        path, raw, target, entity = REFERENCES[object]
        if name in holds.get(target, ()):
            fields[path] = {"field": raw, "ref": entity, "object": target, "required": required}
    entity, kind = ENTITIES[object]
    data: dict[str, Any] = {"connector": "memory", "object": object, "entity": entity, "fields": fields}
    if kind:
        data["set"] = {"kind": kind}
    return Spoke(
        name, mapping_of(data, f"memory.{object}", Surroundings(MODEL)), writes=writes, key_field=profile.unique_key
    )
