"""What the demo compares before it calls a promise kept: the two systems' own rows, not what the hub says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.cli.demo_world import Person, World
from hub.core.errors import Reject
from hub.core.model import ABSENT, Spoke, Sync
from hub.core.values import fold
from hub.engine.batch import BatchRefs

OBJECTS = {"sf": {"people": "Contact", "companies": "Account"}, "hs": {"people": "contacts", "companies": "companies"}}
LABELS = {"sf": "Salesforce", "hs": "HubSpot"}
HOME = {"sf": "AccountId", "hs": "@companies.primary"}
Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Systems:
    """The two sandboxes, seen from outside the hub."""

    boxes: Mapping[str, Any]

    def rows(self, system: str, what: str) -> Rows:
        found: Rows = self.boxes[system].rows(OBJECTS[system][what])
        return found

    def everything(self) -> dict[tuple[str, str], Rows]:
        """All rows with their stamps: equal before and after means that nobody wrote."""
        return {(s, what): self.rows(s, what) for s in self.boxes for what in OBJECTS[s]}

    def counts(self) -> dict[str, dict[str, int]]:
        return {s: {what: len(self.rows(s, what)) for what in OBJECTS[s]} for s in self.boxes}

    def calls(self) -> int:
        return sum(len(box.calls) for box in self.boxes.values())

    def writes_since(self, calls: Mapping[str, int]) -> list[str]:
        """What was asked of the systems since then that is no reading."""
        return [
            f"{method} {path}"
            for name, box in self.boxes.items()
            for method, path in box.calls[calls[name] :]
            if method != "GET" and not path.endswith(("/search", "/batch/read", "/token"))
        ]

    def marks(self) -> dict[str, int]:
        return {name: len(box.calls) for name, box in self.boxes.items()}

    def bugs(self) -> list[str]:
        return [repr(bug) for box in self.boxes.values() for bug in box.bugs]


# ---------------------------------------------------------------- who is where


def _names(sync: Sync, system: str) -> dict[str, str]:
    """{canonical path: remote name} of the fields that tell people apart."""
    spoke = spoke_of(sync, system)
    return {path: spoke.mapping.rules[path].remote_names()[0] for path in ("email", "phones[mobile]")}


def spoke_of(sync: Sync, system: str) -> Spoke:
    return next(s for s in sync.spokes if s.connection == system)


def headcount(sync: Sync, systems: Systems) -> dict[str, Counter[tuple[str, str]]]:
    """Per system how often each person is there, by what tells people apart."""
    found = {}
    for system in systems.boxes:
        names, counted = _names(sync, system), Counter[tuple[str, str]]()
        rules = spoke_of(sync, system).mapping.rules
        for row in systems.rows(system, "people").values():
            for path, name in names.items():
                value = rules[path].to_canonical(row.get(name), system, BatchRefs())
                if value:
                    counted["mobile" if path != "email" else "email", str(value)] += 1
        found[system] = counted
    return found


def wrong_headcounts(sync: Sync, systems: Systems, world: World, people: Iterable[Person]) -> list[str]:
    """People who are not in both systems exactly once. Whoever has a second Salesforce record is there twice."""
    counted = headcount(sync, systems)
    twice = {p.number for p in world.common("email")[-len(world.twins) :]} if world.twins else set()
    wrong = []
    for p in people:
        kind, name = p.known_by()
        told = (kind, name if kind == "email" else international(name))
        for system, counts in counted.items():
            expected = 2 if system == "sf" and p.number in twice else 1
            if counts[told] != expected:
                wrong.append(f"{p.given} {p.family} {counts[told]} times in {LABELS[system]}")
    return wrong


def international(number: str) -> str:
    return f"+49{number[1:]}"


def lost(systems: Systems, world: World) -> list[str]:
    """Records that people made and that are gone."""
    ids = {"people": world.person_ids, "companies": world.company_ids}
    return [
        f"{LABELS[s]} {id}"
        for what, of in ids.items()
        for s in of
        for id in of[s].values()
        if id not in systems.rows(s, what)
    ]


# ---------------------------------------------------------------- do they agree


@dataclass(slots=True)
class Agreement:
    """How many values two systems hold alike, and the places where they do not."""

    records: int = 0
    values: int = 0
    differ: list[str] = field(default_factory=list)


def agreement(sync: Sync, systems: Systems, what: str, pairs: Mapping[str, Mapping[str, str]]) -> Agreement:
    """Compare linked records field by field, as the mappings read them. `pairs`: {golden: {system: id}}."""
    spokes = {s: spoke_of(sync, s) for s in systems.boxes}
    rows = {s: systems.rows(s, what) for s in systems.boxes}
    shared = _shared(spokes)
    found = Agreement()
    for pair in pairs.values():
        if len(pair) < len(spokes):
            continue
        found.records += 1
        for path in shared:
            told = [_value(spokes[s], path, rows[s].get(id, {})) for s, id in sorted(pair.items())]
            if ABSENT in told:
                continue
            found.values += 1
            if told[0] != told[1] and not spokes["sf"].mapping.rules[path].same(*told):
                found.differ.append(f"{path} of {' and '.join(pair.values())}")
    return found


def _shared(spokes: Mapping[str, Spoke]) -> list[str]:
    """Fields that flow both ways in both systems. References are compared by what they lead to, not here."""
    mine = [
        {p for p, r in s.mapping.rules.items() if r.readable and r.writable and not getattr(r, "object", "")}
        for s in spokes.values()
    ]
    return sorted(set.intersection(*mine))


def _value(spoke: Spoke, path: str, row: Mapping[str, Any]) -> Any:
    rule = spoke.mapping.rules[path]
    try:
        return rule.to_canonical(rule.raw(row), spoke.connection, BatchRefs())
    except Reject:
        return ABSENT


def homes(systems: Systems, pairs: Mapping[str, Mapping[str, str]]) -> tuple[int, list[str]]:
    """How many linked people are at the same company in both systems, by its name; and those who are not."""
    names = {
        s: {id: fold(row.get("Name") or row.get("name") or "") for id, row in systems.rows(s, "companies").items()}
        for s in systems.boxes
    }
    people = {s: systems.rows(s, "people") for s in systems.boxes}
    same, differ = 0, []
    for pair in pairs.values():
        if len(pair) == len(names):
            told = {s: names[s].get(people[s].get(id, {}).get(HOME[s]) or "", "") for s, id in pair.items()}
            same += len(set(told.values())) == 1
            if len(set(told.values())) > 1:
                differ.append(" / ".join(f"{LABELS[s]}: {name or '(none)'}" for s, name in sorted(told.items())))
    return same, differ
