"""A history with ten deaths: people work, systems fail now and then, processes die, and in the end all must be in order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hub.engine.report import report
from hub.engine.selfcheck import self_check
from hub.store import runs
from hub.store.db import Store
from hub.store.vault import Vault
from tests.simulation.history import History, act, draw
from tests.simulation.oracles import violations
from tests.simulation.world import KEY
from tests.system.kills.killing import Moment, draw_moment, run_until

CALM = 4


def begin(seed: int, url: str) -> History:
    """The people and systems of a seed, over a database of their own."""
    h = draw(seed)
    h.rates.crash, h.rates.edit, h.rates.fault = 0.0, 0.01, 0.02
    h.world.hub.store = Store(url, vault=Vault(KEY), now=h.world.clock.now)
    h.world.hub.store.create()
    for _ in range(12):
        act(h)
    return h


def die(h: History, deaths: int) -> Counter[str]:
    """So many runs that are killed, with people at work between them. Returns how many died in which way."""
    died: Counter[str] = Counter()
    chance = random.Random(f"{h.seed}/deaths")
    while died.total() < deaths:
        for _ in range(chance.randint(1, 3)):
            act(h)
        moment = draw_moment(chance)
        if _run(h, moment):
            died[moment.kind] += 1
    return died


def _run(h: History, moment: Moment) -> int:
    """Nothing of the database may be open in the process that is forked."""
    h.world.hub.store.close()
    h.world.clock.advance(60)
    return run_until(h.world, moment)


def wrong(h: History) -> list[str]:
    """Let calm return; then everything that does not hold."""
    h.calm = True
    for _ in range(CALM):
        h.world.clock.advance(4000)
        before = h.world.written()
        _run(h, Moment())
        h.quiet_writes = h.world.written() - before
        if not h.quiet_writes:
            break
    hub = h.world.hub
    with hub.store.read() as tx:
        ended = [r.id for r in runs.latest(tx, "people", 1_000)]
    h.reports = [report(hub, id) for id in ended]
    found = violations(h)
    found += [f"self-check {f.invariant} {f.kind}: {f.text}" for f in self_check(hub, full=True).findings]
    hub.store.close()
    return found


@contextmanager
def database(kind: str, folder: str, seed: int) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/{seed}.db"
        return
    from tests.store.postgres import schema

    with schema() as url:
        yield url
