"""The in-memory connector against the conformance suite: the reference answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hub.connect.clock import ManualClock
from hub.connect.conformance import ConnectorTests, Sample
from hub.connect.connector import Connector, Context
from hub.connect.memory import FieldProfile, MemoryConnector, MemoryRemote, ObjectProfile

CONTACT = ObjectProfile(
    fields=(
        FieldProfile("name", required=True),
        FieldProfile("email", type="email", unique=True),
        FieldProfile("phone", type="phone"),
        FieldProfile("level", type="choice", choices=("gold", "silver")),
        FieldProfile("score", type="number"),
        FieldProfile("notes", length=3000),
        FieldProfile("amount", type="money", round=2),
        FieldProfile("seen", type="datetime"),
    ),
    unique_key="hub_key",
    field_history=True,
    find_by=("email", "name"),
    page_size=10,
    write_batch=20,
)
SAMPLE = Sample(
    create={"name": "Ana", "email": "ana@example.org", "phone": "+34 600", "level": "gold", "score": 1.5},
    edit={"name": "Eva", "score": 2},
    clear="phone",
    text_field="notes",
    find_by=("email",),
    key_field="hub_key",
    reject={"level": "bronze", "score": "many", "email": "nobody"},
    required=("name",),
    missing_id="co9999999",
    values={"amount": ["0.10", "12345678901234567.89", "-3.00"], "seen": ["2026-02-28T23:59:59.999Z"]},
)


class _Clock(ManualClock):
    """The clock of the suite, seen through the function that it hands to sandboxes."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    def now(self) -> float:
        return self._read()


class MemorySandbox:
    """Gives the invented system the levers that the suite pulls."""

    profile = CONTACT

    def __init__(self, clock: Callable[[], float]) -> None:
        self.remote = MemoryRemote({"contacts": self.profile}, _Clock(clock), random.Random(1))
        self.remote.token = "right-token"
        self.calls: list[tuple[str, str]] = []

    def __enter__(self) -> MemorySandbox:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def config(self) -> dict[str, Any]:
        return {"remote": "a", "auth": {"kind": "token", "token": self.remote.token}}

    def seed(self, object: str, fields: Mapping[str, Any]) -> str:
        return self.remote.create(object, fields)

    def edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        self.remote.edit(object, id, fields)

    def remove(self, object: str, id: str) -> None:
        self.remote.delete(object, id)

    def merge(self, object: str, a: str, b: str) -> str:
        return self.remote.merge(object, a, b)

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        return self.remote.rows(object)


class MemoryTests(ConnectorTests):
    connector = MemoryConnector
    sandbox = MemorySandbox
    samples = {"contacts": SAMPLE}
    http = False
    page_size = 10

    def make(self, connection: str, config: Mapping[str, Any], context: Context, sandbox: Any) -> Connector:
        return MemoryConnector(connection, config, context, remote=sandbox.remote)


class TestMemory(MemoryTests):
    """The most capable product."""


class Coarse(MemorySandbox):
    profile = replace(
        CONTACT, conditional_write="coarse", resolution=1, deletes="flag", receipts="version", field_history=False
    )


class TestCoarseStamps(MemoryTests):
    """Whole seconds, deleted records as flags, merges that make a third record."""

    sandbox = Coarse


class Meagre(MemorySandbox):
    profile = replace(
        CONTACT,
        conditional_write="none",
        deletes="sweep",
        receipts="none",
        field_history=False,
        unique_key="",
        delta=False,
        merge_makes_new_id=True,
        find_by=("email",),
    )


class TestMeagre(MemoryTests):
    """A product that can do next to nothing."""

    sandbox = Meagre
    samples = {"contacts": replace(SAMPLE, key_field="")}
