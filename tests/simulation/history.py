"""One random history from one seed: people edit, the hub runs, calls fail, the process dies anywhere; then calm.

Everything is drawn from the seed: the remotes' manners, the policy, the rates, and every step. The same seed gives the
same history. What must hold is in `oracles`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.core.errors import HubError, Reject, Retry, Unknown
from hub.core.model import MatchRule, Policy, Sync
from hub.engine.context import Calls
from hub.engine.report import Report
from tests.simulation.world import NO_GUARDS, F, World, connectors, profile, spoke, sync, world

PATHS = {"first": "given_name", "phone": "phones[mobile]", "title": "job_title"}


class Crash(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class Rates:
    """Chances per step."""

    edit: float
    fault: float
    crash: float


@dataclass(slots=True)
class History:
    """A world under way, with what happened as sentences."""

    seed: int
    rng: random.Random
    world: World
    rates: Rates
    story: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    crashes: int = 0
    steps: int = 0
    number: int = 0
    calm: bool = False
    quiet_writes: int = -1
    typed: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return sorted(self.world.remotes)

    def say(self, text: str) -> None:
        self.story.append(text)

    def token(self) -> str:
        self.number += 1
        return f"{self.number:03d}Xyz"


def draw(seed: int) -> History:
    """The world of a seed."""
    rng = random.Random(seed)
    names = ["a", "b", "c"][: rng.choice([2, 2, 3])]
    profiles = {n: _manners(rng) for n in names}
    one = sync(
        *(spoke(n, key_field="hub_key" if profiles[n].unique_key else "") for n in names),
        policy=_policy(rng, names),
        match=(MatchRule(("email",), "link"),),
        guards=NO_GUARDS,
        slow_every=rng.choice([0.0, 3600.0]),
    )
    w = world(one, profiles=profiles, seed=seed)
    rates = Rates(
        edit=rng.choice([0.0, 0.02, 0.1, 0.25]),
        fault=rng.choice([0.0, 0.02, 0.1, 0.3]),
        crash=rng.choice([0.0, 0.002, 0.01, 0.03]),
    )
    history = History(seed, rng, w, rates)
    _wire(history)
    return history


def _manners(rng: random.Random) -> Any:
    """How one remote behaves."""
    strength = rng.choice(["strong", "none", "coarse"])
    resolution = 1.0 if strength == "coarse" else rng.choice([0.001, 1.0])
    lag = rng.choice([0.0, 3.0, 30.0])
    fields = {
        "first": F("first", trim=True, lower=rng.random() < 0.2),
        "mail": F("mail", "email", lower=True, trim=True, unique=rng.random() < 0.5),
        "title": F("title", trim=True, lower=rng.random() < 0.2, length=rng.choice([None, None, 5])),
    }
    return profile(
        fields=fields,
        conditional_write=strength,
        resolution=resolution,
        lag=lag,
        unique_key=rng.choice(["hub_key", "hub_key", "hub_key", ""]),
        find_by=("mail",),
        # Without any way to be conditional a lost update cannot be told, so such a remote keeps a history here.
        field_history=strength != "strong",
        receipts=rng.choice(["body", "body", "version", "none"]),
        deletes=rng.choice(["tombstone", "flag"]),
        page_size=rng.choice([3, 100]),
        merge_makes_new_id=rng.random() < 0.3,
    )


def _policy(rng: random.Random, names: list[str]) -> Policy:
    chain = rng.choice([("newest", *names), tuple(names), ("hold",), ("newest", "hold")])
    ownership = {"job_title": rng.choice(names)} if rng.random() < 0.2 else {}
    return Policy(ownership=ownership, conflicts={"default": chain}, first_link={"default": ("non_empty", *names)})


def _wire(h: History) -> None:
    """Faults and crashes at every step of the engine, the store and the remotes."""
    h.world.hub.hook = lambda event: _step(h, event)
    h.world.hub.store.hook = lambda event: _step(h, event)
    h.world.hub.is_alive = lambda holder: False
    for name, remote in h.world.remotes.items():
        remote.hook = lambda event, name=name: _remote_step(h, name, event)


def _step(h: History, event: str) -> None:
    h.steps += 1
    if not h.calm and h.rng.random() < h.rates.crash:
        h.crashes += 1
        h.say(f"the process dies at {event}")
        raise Crash(event)


def _remote_step(h: History, name: str, event: str) -> None:
    h.world.clock.advance(0.05)
    _step(h, f"{name} {event}")
    if h.calm:
        return
    if h.rng.random() < h.rates.edit:
        act(h)
    if h.rng.random() < h.rates.fault:
        when, verb = event.split(":")
        if verb == "write" and h.rng.random() < 0.6:
            h.say(f"{name} does not answer a write ({'after' if when == 'after' else 'before'} doing it)")
            raise Unknown("no answer")
        if when == "before":
            h.say(f"{name} is busy at {verb}")
            raise Retry("busy", after=h.rng.choice([None, 1.0, 600.0]))


# ---------------------------------------------------------------- what people do


def act(h: History) -> None:
    """One person does one thing in one remote."""
    name = h.rng.choice(h.names)
    rows = h.world.rows(name)
    verb = h.rng.choices(
        [_create, _edit, _clear, _delete, _restore, _merge, _revert], weights=[3, 12, 2, 1, 0.5, 0.5, 1]
    )[0]
    if verb in (_create, _restore) or rows:
        h.world.clock.advance(h.rng.choice([0.0, 0.3, 2.0, 20.0]))
        try:
            verb(h, name, rows)
        except (Reject, HubError):
            return


def _create(h: History, name: str, rows: dict[str, Any]) -> None:
    serial = h.token()
    fields = {"first": h.token(), "last": serial, "phone": h.token(), "title": h.token()}
    if h.rng.random() < 0.7:
        fields["mail"] = f"{serial}@example.org"
    if h.rng.random() < 0.3:
        # The same person is entered in a second system at about the same time.
        other = h.rng.choice(h.names)
        if other != name and "mail" in fields:
            twin = h.world.person(other, **{**fields, "phone": h.token()})
            h.say(f"a person enters {serial} in {other} ({twin})")
    made = h.world.person(name, **fields)
    h.say(f"a person enters {serial} in {name} ({made}): {fields}")


def _edit(h: History, name: str, rows: dict[str, Any]) -> None:
    id = h.rng.choice(sorted(rows))
    fields = {h.rng.choice(["first", "phone", "title"]): h.token()}
    h.world[name].edit("person", id, fields)
    h.say(f"a person edits {id} in {name}: {fields}")


def _revert(h: History, name: str, rows: dict[str, Any]) -> None:
    """Put back an earlier value."""
    id = h.rng.choice(sorted(rows))
    earlier = [e for e in h.world[name].log if e.id == id and e.who == "person" and e.before]
    if earlier:
        entry = h.rng.choice(earlier)
        fields = {k: v for k, v in entry.before.items() if k in ("first", "phone", "title")}
        if fields:
            h.world[name].edit("person", id, fields)
            h.say(f"a person puts back {fields} in {name} ({id})")


def _clear(h: History, name: str, rows: dict[str, Any]) -> None:
    id = h.rng.choice(sorted(rows))
    field = h.rng.choice(["phone", "title"])
    h.world[name].clear("person", id, field)
    h.say(f"a person clears {field} of {id} in {name}")


def _delete(h: History, name: str, rows: dict[str, Any]) -> None:
    id = h.rng.choice(sorted(rows))
    h.world[name].delete("person", id)
    h.say(f"a person deletes {id} in {name}")


def _restore(h: History, name: str, rows: dict[str, Any]) -> None:
    gone = [e.id for e in h.world[name].log if e.action == "delete"]
    if gone:
        id = h.rng.choice(gone)
        h.world[name].restore("person", id)
        h.say(f"a person restores {id} in {name}")


def _merge(h: History, name: str, rows: dict[str, Any]) -> None:
    if len(rows) > 1:
        winner, loser = h.rng.sample(sorted(rows), 2)
        survivor = h.world[name].merge("person", winner, loser)
        h.say(f"a person merges {loser} into {winner} in {name} (survivor {survivor})")


# ---------------------------------------------------------------- the course of a history


def play(h: History, rounds: int = 8) -> History:
    """Hostile rounds, then calm ones until nothing should move any more."""
    for _ in range(h.rng.randrange(6)):
        _try_act(h, _create)
    for _ in range(rounds):
        for _ in range(h.rng.randrange(4)):
            act(h)
        run_once(h)
    h.calm = True
    h.say("calm")
    for _ in range(3):
        run_once(h)
    before = h.world.written()
    for _ in range(2):
        run_once(h)
    h.quiet_writes = h.world.written() - before
    return h


def _try_act(h: History, verb: Callable[..., None]) -> None:
    verb(h, h.rng.choice(h.names), {})


def run_once(h: History) -> None:
    """One run, a little later; after a crash a new hub stands on the same store."""
    h.world.clock.advance(h.rng.choice([5.0, 60.0, 4000.0]) if not h.calm else 4000.0)
    try:
        report = h.world.run()
        h.reports.append(report)
        h.say(f"run {report.run}: {report.state} {_short(report)}")
    except Crash:
        restart(h)
    except HubError as problem:
        h.say(f"the run fails: {problem.what}")


def restart(h: History) -> None:
    hub = h.world.hub
    hub.calls = Calls()
    hub.connectors = connectors(h.world.remotes, h.world.clock, hub.calls)


def _short(report: Report) -> dict[str, Any]:
    found = {k: v for k, v in report.outcomes.items() if v} | {k: v for k, v in report.operations.items() if v}
    return found


def the_sync(h: History) -> Sync:
    return h.world.hub.syncs["people"]
