"""The course of a history: hostile rounds, then calm ones, until nothing should move any more."""

from __future__ import annotations

import random
from typing import Any

from hub.core.errors import HubError
from hub.engine.report import Report
from hub.engine.run import run_sync
from hub.engine.sweep import sweep
from tests.simulation.proof import people, weather
from tests.simulation.proof.history import Crash, History, Rates, facts
from tests.simulation.proof.scene import SYNC_OF, set_scene

CALM_ROUNDS = 3
GOING = ("delete", "merge", "convert")


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
        _turn(h)
        kept = _backup(h, kept)
        _acts(h, 3)
        _operator(h)
        _release(h)
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


def _turn(h: History) -> None:
    try:
        weather.turn(h)
    except Crash:
        weather.restart(h)


def _operator(h: History) -> None:
    dice = h.event(f"{h.round}.operator")
    if dice is not None and dice.random() < 0.3:
        try:
            people.decide(h, dice)
        except Crash:
            weather.restart(h)


def _release(h: History) -> None:
    dice = h.event(f"{h.round}.release") if "restore" in h.scene.wild else None
    if dice is not None and dice.random() < 0.4:
        try:
            weather.release(h)
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
        try:
            weather.go_back(h, kept)
        except Crash:
            weather.restart(h)
        return None
    return kept


def _run(h: History, name: str) -> None:
    """One run, a little later; after a death a new hub stands on the same store."""
    dice = h.event(f"{h.round}.run.{name}") if not h.calm else random.Random(0)
    if dice is None:
        return
    h.scene.clock.advance(dice.choice([5.0, 60.0, 4000.0]) if not h.calm else 4000.0)
    kind = "sweep" if dice.random() < 0.1 or (h.calm and h.round % 2 == 0 and _needs_sweeps(h)) else "run"
    if kind == "run" and not h.calm and "hints" in h.scene.wild and dice.random() < 0.3:
        kind = "run for hints"
    weather.before_run(h, name)
    try:
        report = _one_run(h, name, kind)
        if h.overtaken:
            h.late.append(f"run {report.run} came to its end, though another worker had taken its work over")
        h.reports.append((name, report))
        h.told[report.run] = sum(len(r.seen.told) for r in h.scene.remotes.values())
        h.say(f"{kind} {report.run} of {name}: {report.state} {facts(report)}")
        for what, n in facts(report).items():
            h.counts[what] = h.counts.get(what, 0) + n
    except Crash:
        weather.restart(h)
    except HubError as problem:
        h.say(f"the run of {name} fails: {problem.what}")
        if h.calm:
            h.escaped.append(f"in calm the run of {name} fails: {problem.explain()}")
    h.overtaken = False
    # Whatever else a run may raise is a bug of the engine: it ends the history, and the laws see it.


def _needs_sweeps(h: History) -> bool:
    """Whether something happened in this history that only a reading of everything brings to light."""
    if any(h.counts.get(kind) for kind in ("hidden", "truncated", "jumps")):
        return True
    blind = {(n, o) for n, o in h.scene.pairs() if h.scene.remotes[n].profile(o).deletes == "sweep"}
    going = {(n, e.object) for n in h.scene.names for e in h.scene.remotes[n].log if e.action in GOING}
    return not blind.isdisjoint(going)


def _one_run(h: History, name: str, kind: str) -> Report:
    if kind == "sweep":
        return sweep(h.scene.hub, name)[0]
    return run_sync(h.scene.hub, name, only_hints=kind == "run for hints")


def _calm_down(h: History) -> None:
    """All trouble ends. At most three rounds bring agreement; then nothing is written any more."""
    h.calm = True
    h.say("calm")
    weather.end(h)
    _round(h, 1)
    weather.release(h)
    people.retry_all(h)
    people.answer_all(h)
    _round(h, CALM_ROUNDS)
    if random.Random(f"{h.seed}/resolve").random() < 0.5:
        people.resolve_all(h)
        _round(h, CALM_ROUNDS)
    before = {n: len(r.writes) for n, r in h.scene.remotes.items()}
    _round(h, 2)
    for n, remote in h.scene.remotes.items():
        late = [c for c in remote.writes[before[n] :]]
        h.quiet_writes += [f"{n}: {c.write.action} {c.object} {c.write.id} {dict(c.write.fields)}" for c in late]


def _round(h: History, times: int) -> None:
    for _ in range(times):
        _next_round(h)
        for name in _syncs(h):
            _run(h, name)
