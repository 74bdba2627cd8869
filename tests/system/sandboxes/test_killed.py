"""SIGKILL at any moment, with failing remotes: nothing is doubled, nothing is lost, and the audit log stays whole."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.system.sandboxes.killing import Executioner, People, run_and_kill, stir
from tests.system.sandboxes.world import PLAIN, World

KILLS = 10
MOST_RUNS = 4
MEDDLING = 0.1
COMMANDS = (("run", "customers"),) * 4 + (("run", "customers", "--full"), ("sweep", "customers"))


def plain(path: str, value: Any) -> str:
    """A value as both sides would write it."""
    told = str(value or "").strip()
    if path == "mobile":
        return "".join(c for c in told if c.isdigit())
    return told.lower() if path == "email" else told


def by_name(world: World) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Each person's two records. A person who is not there exactly once on each side is a failure."""
    left, right = {}, {}
    for found, rows, name in (
        (left, world.sf.rows("Contact"), "LastName"),
        (right, world.hs.rows("contacts"), "lastname"),
    ):
        for row in rows.values():
            assert row[name] not in found, f"{row[name]} is there twice"
            found[row[name]] = row
    assert set(left) == set(right)
    for name in left:
        yield name, left[name], right[name]


def in_force(world: World) -> dict[tuple[str, str], str]:
    """{(person, field): value}, on which both sides agree."""
    found = {}
    for name, left, right in by_name(world):
        for path, (sf, hs) in PLAIN.items():
            told, other = plain(path, left.get(sf)), plain(path, right.get(hs))
            assert told == other, (name, path, told, other)
            found[name, path] = told
        company = left["AccountId"] and world.sf.rows("Account")[left["AccountId"]]["Name"]
        employer = right["@companies.primary"] and world.hs.rows("companies")[right["@companies.primary"]]["name"]
        assert company == employer, (name, company, employer)
    return found


def check_nothing_lost(people: People, held: Mapping[tuple[str, str], str], log: str) -> None:
    """Each value is in force, was replaced on its own side, or stands in the log."""
    for n, typed in enumerate(people.typed):
        later = any((t.side, t.name, t.path) == (typed.side, typed.name, typed.path) for t in people.typed[n + 1 :])
        kept = held[typed.name, typed.path] == plain(typed.path, typed.value)
        assert later or kept or not typed.value or plain(typed.path, typed.value) in log, typed


def until_quiet(world: World) -> None:
    """At most so many runs, the last of which writes nothing."""
    for _ in range(MOST_RUNS):
        with world.watched() as writes:
            answer = world.run("customers", code=None)
        assert answer.code in (0, 4), (answer.err, answer.out)
        if not writes():
            return
    raise AssertionError(f"still writing after {MOST_RUNS} runs: {writes()}")


def decide_all(world: World, chance: random.Random) -> None:
    """A person answers every open question. Where a killed run had taken in one side already, its claim is the hub's."""
    for conflict in world.conflicts():
        keep = chance.choice([*conflict["claims"], "hub"])
        assert world("conflicts", "resolve", conflict["id"], "--keep", keep).code == 0


def states_of_operations(world: World) -> dict[str, int]:
    engine = create_engine(f"sqlite:///{world.root}/accordant.db")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM ac_operation GROUP BY state")).all()
    engine.dispose()
    return dict(rows)


@pytest.mark.parametrize("seed", range(5))
def test_ten_kills_with_failing_systems_double_and_lose_nothing(world: World, seed: int) -> None:
    chance = random.Random(seed)
    # Without a second look at the last minutes, a cursor that ran ahead of what is stored would lose something.
    world.change("config/connections.yaml", ("timeout: 5", "timeout: 5\n    overlap: 0"))
    people = People(world, chance)
    people.found_companies(3)
    for _ in range(8):
        people.arrive()
    world.run()

    def meddle() -> None:
        if chance.random() < MEDDLING and world.sf.faults:
            people.edit(chance.choice(["sf", "hs"]))

    executioner = Executioner(world.sandboxes, meddle)
    stir(world)
    codes = []
    for _ in range(KILLS):
        people.work()
        codes.append(run_and_kill(world, executioner, chance, chance.choice(COMMANDS)))
    for sandbox in world.sandboxes:
        sandbox.faults.clear()

    until_quiet(world)
    decide_all(world, chance)
    until_quiet(world)
    held = in_force(world)
    check_nothing_lost(people, held, world("audit", "export").out.lower())
    world.check_silent("customers", "--full")
    world.verified()
    assert world("errors", "list", "--json").json["errors"] == []
    assert not {"sent", "unknown", "pending"} & set(states_of_operations(world))
    assert world("sweep", "customers", "--json").json["sweep"] == {"repaired": {}, "missing": {}, "short": {}}
    assert sum(code == -9 for code in codes) >= KILLS // 3, codes
