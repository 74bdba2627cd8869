"""The course of a history: hostile rounds, then calm ones, until nothing should move any more."""

from __future__ import annotations

import random
from typing import Any

from hub.core.errors import HubError
from hub.engine.run import run_sync
from hub.engine.sweep import sweep
from tests.simulation.proof import people, weather
from tests.simulation.proof.history import Crash, History, Rates, facts
from tests.simulation.proof.scene import SYNC_OF, set_scene

CALM_ROUNDS = 3


def draw(seed: int, skip: frozenset[str] = frozenset(), url: str = "sqlite://") -> History:
    """The scene of a seed, before anything happens."""
    rng = random.Random(seed)
    scene = set_scene(rng, seed, url)
    rates = Rates(
        act=rng.choice([0.0, 0.02, 0.1, 0.25]),
        fault=rng.choice([0.0, 0.02, 0.1, 0.3]),
        crash=rng.choice([0.0, 0.002, 0.01, 0.03]),
    )
    h = History(seed, scene, rates, rounds=rng.choice([3, 4, 5, 8]), skip=skip)
    weather.begin(h)
    return h


def play(h: History) -> History:
    """All of it."""
    kept: Any = None
    _acts(h, random.Random(f"{h.seed}/first").choice([2, 4, 7]), enter=True)
    for _ in range(h.rounds):
        _next_round(h)
        weather.turn(h)
        kept = _backup(h, kept)
        _acts(h, 3)
        _operator(h)
        for name in _syncs(h):
            _run(h, name)
    _calm_down(h)
    return h


def _next_round(h: History) -> None:
    h.round, h.step = h.round + 1, 0
    h.dice = random.Random(f"{h.seed}/{h.round}")


def _syncs(h: History) -> list[str]:
    return [SYNC_OF[o] for o in h.scene.objects]


def _acts(h: History, most: int, *, enter: bool = False) -> None:
    """What people do between two runs."""
    for n in range(1, most + 1):
        dice = h.event(f"{h.round}.{'first' if enter else 'between'}.{n}")
        if dice is None or (not enter and dice.random() < 0.4):
            continue
        if enter:
            people.act(h, dice, people.enter)
        else:
            people.act(h, dice)


def _operator(h: History) -> None:
    dice = h.event(f"{h.round}.operator")
    if dice is not None and dice.random() < 0.3:
        try:
            people.decide(h, dice)
        except Crash:
            weather.restart(h)


def _backup(h: History, kept: Any) -> Any:
    """Take a copy of the hub's database in one round, and set it back in a later one."""
    if "restore" not in h.scene.wild:
        return None
    dice = h.event(f"{h.round}.backup")
    if dice is None:
        return kept
    if kept is None and dice.random() < 0.5:
        h.backup_at = h.scene.clock.now()
        h.say("the hub's database is copied")
        return weather.copy(h)
    if kept is not None and dice.random() < 0.4:
        weather.go_back(h, kept)
        return None
    return kept


def _run(h: History, name: str) -> None:
    """One run, a little later; after a death a new hub stands on the same store."""
    dice = h.event(f"{h.round}.run.{name}") if not h.calm else random.Random(0)
    if dice is None:
        return
    h.scene.clock.advance(dice.choice([5.0, 60.0, 4000.0]) if not h.calm else 4000.0)
    sweeping = dice.random() < 0.1 or (h.calm and h.round % 2 == 0)
    try:
        report = sweep(h.scene.hub, name)[0] if sweeping else run_sync(h.scene.hub, name)
        h.reports.append((name, report))
        h.say(f"{'sweep' if sweeping else 'run'} {report.run} of {name}: {report.state} {facts(report)}")
        for what, n in facts(report).items():
            h.counts[what] = h.counts.get(what, 0) + n
    except Crash:
        weather.restart(h)
    except HubError as problem:
        h.say(f"the run of {name} fails: {problem.what}")
        if h.calm:
            h.escaped.append(f"in calm the run of {name} fails: {problem.explain()}")
    # Whatever else a run may raise is a bug of the engine: it ends the history, and the laws see it.


def _calm_down(h: History) -> None:
    h.calm = True
    h.say("calm")
    weather.end(h)
    people.retry_all(h)
    for _ in range(CALM_ROUNDS):
        _next_round(h)
        for name in _syncs(h):
            _run(h, name)
    before = {n: len(r.writes) for n, r in h.scene.remotes.items()}
    _next_round(h)
    _next_round(h)
    for _ in range(2):
        h.round += 1
        for name in _syncs(h):
            _run(h, name)
    for n, remote in h.scene.remotes.items():
        h.quiet_writes += [
            f"{n}: {c.write.action} {c.object} {c.write.id} {dict(c.write.fields)}" for c in remote.writes[before[n] :]
        ]
