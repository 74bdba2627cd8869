"""People work in HubSpot while it is read, with a lagging index: in the end the reader knows what HubSpot holds."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hub.core.errors import Retry
from tests.contract.hubspot_kit import LINKED, kit

SLOW = replace(LINKED, slow=True)


class Reader:
    """Believes the newest stamp, and asks directly where one version has two contents."""

    def __init__(self, hs):
        self.hs, self.known, self.cursor = hs, {}, ""

    def take(self, record):
        old = self.known.get(record.id)
        if old and record.stamp < old.stamp:
            return
        if old and record.version == old.version and record.fields != old.fields:
            [record] = [r for r in self.hs.hubspot.get("contacts", [record.id], LINKED) if r.id == record.id]
        self.known[record.id] = record

    def pull(self, want, stop_after, meanwhile):
        """Read, but break off after some pages; people go on between pages."""
        for number, page in enumerate(self.hs.hubspot.changes("contacts", self.cursor, want)):
            for record in page.records:
                self.take(record)
            self.cursor = page.cursor
            meanwhile()
            if number == stop_after:
                return

    def view(self):
        live = {id: r.fields for id, r in self.known.items() if r.kind == "updated"}
        return {id: {n: v for n, v in fields.items() if v is not None} for id, fields in live.items()}


class People:
    """Do anything that people do, at random."""

    def __init__(self, hs, seed):
        self.hs, self.random, self.count = hs, random.Random(seed), 0
        self.companies = [hs.sandbox.seed("companies", {"name": n}) for n in "ABC"]
        self.removed = []

    def work(self, steps):
        for _ in range(steps):
            self.hs.clock.advance(self.random.choice((0, 0, 0, 0.001, 0.5, 3)))
            self.random.choice(
                (self.add, self.add, self.edit, self.edit, self.edit, self.move, self.remove, self.rare)
            )()

    def someone(self):
        return self.random.choice(self.hs.sandbox.account.table("contacts").ids or [0])

    def add(self):
        self.count += 1
        company = self.random.choice([None, *self.companies])
        self.hs.sandbox.seed("contacts", {"email": f"p{self.count}@example.org"}, company=company)

    def edit(self):
        self.count += 1
        if id := self.someone():
            field = self.random.choice(("phone", "lastname", "firstname"))
            self.hs.sandbox.edit("contacts", str(id), {field: self.random.choice(("", str(self.count)))})

    def move(self):
        if id := self.someone():
            company = self.random.choice([None, *self.companies])
            self.hs.sandbox.edit("contacts", str(id), {"@companies.primary": company})

    def remove(self):
        if id := self.someone():
            self.hs.sandbox.remove("contacts", str(id))
            self.removed.append(str(id))

    def rare(self):
        a, b = self.someone(), self.someone()
        if self.random.random() < 0.5 and a != b:
            self.hs.sandbox.merge("contacts", str(a), str(b))
        elif self.removed:
            self.hs.sandbox.restore("contacts", self.removed.pop())


@pytest.mark.parametrize("seed", range(6))
def test_whatever_people_do_meanwhile_the_reader_ends_with_the_truth(seed):
    for hs in kit(lag=20.0):
        people, reader, chance = People(hs, seed), Reader(hs), random.Random(seed)
        hs.sandbox.fault("cut", times=None, chance=0.05)
        hs.sandbox.fault("drop", times=None, chance=0.05)
        people.work(450)
        for _ in range(25):
            try:
                reader.pull(chance.choice((LINKED, SLOW)), chance.choice((0, 1, 99)), lambda: people.work(8))  # noqa: B023
            except Retry:
                continue
            hs.clock.advance(chance.choice((0, 5, 70)))
        hs.sandbox.faults.clear()
        for _ in range(2):
            hs.clock.advance(100)
            reader.pull(SLOW, 99, lambda: None)
        held = hs.sandbox.rows("contacts")
        names = LINKED.fields
        assert reader.view() == {id: {n: row[n] for n in names if row.get(n) is not None} for id, row in held.items()}
