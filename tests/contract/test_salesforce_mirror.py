"""Whatever people do and whenever the reader is cut off, what Salesforce reported adds up to what it holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from connectors.salesforce import Salesforce
from connectors.salesforce.sandbox import SalesforceSandbox
from hub.connect.clock import ManualClock
from hub.connect.sandbox import on
from hub.core.errors import HubError
from tests.contract.salesforce_world import CONTACT, World


class Mirror:
    """A reader that stores every page with its cursor, and is interrupted between any two pages."""

    def __init__(self, sf: Salesforce, chance: random.Random) -> None:
        self.sf, self.chance = sf, chance
        self.rows: dict[str, dict[str, Any]] = {}
        self.merged: dict[str, str] = {}
        self.cursor = ""

    def pull(self, between: Callable[[], None], *, patience: float = 0.7) -> None:
        try:
            for page in self.sf.changes("Contact", self.cursor, CONTACT):
                for record in page.records:
                    self.take(record.id, record)
                self.cursor = page.cursor
                between()
                if self.chance.random() > patience:
                    return
        except HubError:
            return

    def take(self, id: str, record: Any) -> None:
        if record.kind == "updated":
            self.rows[id] = dict(record.fields)
        else:
            self.rows.pop(id, None)
            self.merged.update((id, survivor) for _, survivor in record.into)


class People:
    """Persons who create, edit, delete, undelete and merge contacts."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance, self.made, self.gone = world, chance, 0, [""]

    def act(self) -> None:
        org, live = self.world.sandbox, sorted(self.world.sandbox.rows("Contact"))
        self.made += 1
        what = self.chance.random()
        if what < 0.35 or len(live) < 3:
            self.world.contact(self.made)
        elif what < 0.8:
            org.edit("Contact", self.chance.choice(live), {"FirstName": f"Edit {self.made}"})
        elif what < 0.88:
            self.gone.append(self.chance.choice(live))
            org.remove("Contact", self.gone[-1])
        elif what < 0.92 and self.gone[-1]:
            org.undelete("Contact", self.gone.pop())
        else:
            org.merge("Contact", *self.chance.sample(live, 2))

    def busy(self) -> None:
        for _ in range(self.chance.randrange(4)):
            self.act()
            self.world.clock.advance(self.chance.choice((0, 0, 0.4, 1, 7)))


@pytest.mark.parametrize("seed", range(8))
def test_an_interrupted_reader_ends_with_exactly_what_is_there(seed: int) -> None:
    chance, clock = random.Random(seed), ManualClock()
    lag = chance.choice((0.0, 20.0, 100.0))
    with SalesforceSandbox(seed=seed, clock=clock.now, lag=lambda: chance.random() * lag) as sandbox:
        world = World(sandbox, clock)
        people, sf = People(world, chance), world.connect()
        mirror = Mirror(sf, chance)
        sandbox.rest.pages.size = chance.choice((1, 3, 10))
        sandbox.fault("drop", when=on("GET", "/query"), chance=0.05, times=None)
        for _ in range(60):
            people.busy()
            mirror.pull(people.busy)
            clock.advance(chance.choice((0, 1, 30, 200)))
            if chance.random() < 0.1:
                sandbox.expire_tokens()
        sandbox.faults.clear()
        clock.advance(lag + 1)
        mirror.pull(lambda: None, patience=1.0)
        mirror.pull(lambda: None, patience=1.0)
        held = {i: {n: r[n] for n in CONTACT.fields} for i, r in sandbox.rows("Contact").items()}
        assert mirror.rows == held
        assert all(id not in held or sandbox.rows("Contact")[id]["MasterRecordId"] is None for id in mirror.merged)
        assert not sandbox.bugs
        assert people.made > 60


@pytest.mark.parametrize("seed", range(3))
def test_a_reader_without_the_overlap_would_lose_late_commits(seed: int) -> None:
    """The overlap earns its keep: the same walk without it ends wrong for some seed."""
    chance, clock = random.Random(seed), ManualClock()
    with SalesforceSandbox(seed=seed, clock=clock.now, lag=lambda: 50.0) as sandbox:
        world = World(sandbox, clock)
        mirror = Mirror(world.connect(overlap=0), chance)
        for n in range(5):
            world.contact(n)
            clock.advance(20)
            mirror.pull(lambda: None, patience=1.0)
        clock.advance(60)
        mirror.pull(lambda: None, patience=1.0)
        assert len(mirror.rows) < len(sandbox.rows("Contact")) == 5
