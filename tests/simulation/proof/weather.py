"""What befalls the hub at its steps: deaths, lost and refused answers, people who edit in between; and, between two runs,
lists cut short, fields taken away, clocks that jump, tokens that end, a database set back to an old copy."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from functools import partial
from typing import Any

from hub.connect.faults import FAULTS, Faulty
from hub.core.errors import HubError, Refused, Retry, SignIn, Unknown
from hub.engine import hints, reconcile
from hub.engine.context import LEASE_SECONDS
from hub.engine.run import run_sync
from tests.simulation.proof import people
from tests.simulation.proof.history import Crash, History
from tests.simulation.proof.kept import everything_kept
from tests.simulation.proof.scene import connect

PARTIAL = ("partial_retry", "partial_unknown", "moved", "duplicate_page", "reordered", "stale")


def begin(h: History) -> None:
    """Every step of the engine, the store and the remotes comes by here."""
    hub = h.scene.hub
    hub.hook = hub.store.hook = partial(step, h)
    hub.is_alive = lambda holder: False
    restart(h)
    for name, remote in h.scene.remotes.items():
        remote.hook = partial(_remote_step, h, name)


def step(h: History, event: str) -> None:
    """One step of the process: it may die here."""
    h.steps += 1
    h.step += 1
    if h.calm or h.asleep or h.dice.random() >= h.rates.crash:
        return
    if h.event(f"{h.round}.{h.step}.crash") is not None:
        h.crashes += 1
        h.say(f"the process dies at {event}")
        raise Crash(event)


def before_run(h: History, name: str) -> None:
    """A new run knows nothing of what the last one was told."""
    h.running, h.overtaken = name, False
    h.not_before.clear()
    for remote in h.scene.remotes.values():
        remote.seen.told.clear()


def _remote_step(h: History, name: str, event: str) -> None:
    h.scene.clock.advance(0.05)
    if event == "before:write":
        _watch(h, name)
    step(h, f"{name} {event}")
    if h.calm or h.asleep:
        return
    if "sleep" in h.scene.wild and h.dice.random() < 0.01:
        _sleep(h, name, event)
    drawn = h.dice.random()
    if drawn < h.rates.act:
        dice = h.event(f"{h.round}.{h.step}.act")
        if dice is not None:
            people.act(h, dice)
            h.count("edits in between")
    if h.dice.random() < h.rates.fault:
        dice = h.event(f"{h.round}.{h.step}.fault")
        if dice is not None:
            _fault(h, dice, name, event)


def _sleep(h: History, name: str, event: str) -> None:
    """The worker sleeps until its lease is over. Another one takes the sync over and does a whole run, undisturbed."""
    if h.event(f"{h.round}.{h.step}.sleep") is None:
        return
    h.say(f"the worker sleeps at {name} {event}, and another one takes over")
    h.count("takeovers")
    h.scene.clock.advance(LEASE_SECONDS)
    h.asleep = True
    try:
        h.reports.append((h.running, run_sync(replace(h.scene.hub, holder="another"), h.running)))
    except HubError as problem:
        h.say(f"the other worker's run fails: {problem.what}")
    h.asleep, h.overtaken = False, True
    h.say("the first worker wakes up")


def _watch(h: History, name: str) -> None:
    """A write arrives."""
    if h.scene.clock.now() < h.not_before.get(name, 0.0) and not h.asleep:
        h.hasty.append(f"{name} was written to before the time that it had asked for")
    if h.overtaken and not h.asleep:
        h.late.append(f"{name} was written to by a worker whose work another one had taken over")


def _fault(h: History, dice: random.Random, name: str, event: str) -> None:
    when, verb = event.split(":")
    if verb == "write" and dice.random() < 0.6:
        h.say(f"{name} does not answer a write ({'after' if when == 'after' else 'before'} doing it)")
        h.count("lost answers")
        raise Unknown("no answer")
    if when == "before":
        if "token" in h.scene.wild and dice.random() < 0.3:
            h.say(f"{name} does not take the token any more, at {verb}")
            h.count("tokens")
            raise SignIn("the token has expired", unchanged="Nothing was read", next="sign in again")
        after = dice.choice([None, 1.0, 600.0])
        h.say(f"{name} is busy at {verb}")
        if verb == "write" and "partial" not in h.scene.wild:
            # Not of a call that only reads back, nor of the second half of a batch: there the hub goes on with the next.
            h.not_before[name] = h.scene.clock.now() + (after or 0.0)
        raise Retry("busy", after=after)


class Partial:
    """Batches that are carried out by halves, pages told twice, out of order or with older versions among them."""

    def __init__(self, h: History) -> None:
        self.h = h

    def next(self, verb: str) -> str:
        h, possible = self.h, [f for f in FAULTS[verb] if f in PARTIAL]
        if h.calm or h.asleep or not possible or h.dice.random() >= h.rates.fault:
            return ""
        dice = h.event(f"{h.round}.{h.step}.{verb}.partial")
        if dice is None:
            return ""
        fault = dice.choice(possible)
        h.say(f"{verb}: {fault.replace('_', ' ')}")
        h.count(fault)
        return fault


def restart(h: History) -> None:
    """A new process stands on the same store."""
    connect(h.scene)
    if "partial" in h.scene.wild:
        h.scene.hub.connectors = {n: Faulty(c, Partial(h)) for n, c in h.scene.hub.connectors.items()}


# ---------------------------------------------------------------- between two runs


def turn(h: History) -> None:
    """The weather of a round: each kind of trouble that is on may begin or end."""
    for kind, begins in TURNS.items():
        if kind in h.scene.wild:
            dice = h.event(f"{h.round}.{kind}")
            if dice is not None and dice.random() < 0.4:
                begins(h, dice)


def _truncate(h: History, dice: random.Random) -> None:
    name, object = dice.choice(h.scene.pairs())
    short = h.scene.remotes[name].truncate
    if object in short:
        del short[object]
    else:
        short[object] = dice.randrange(3)
        h.say(f"{name} lists only {short[object]} of its {object} records")
        h.count("truncated")


def _hide(h: History, dice: random.Random) -> None:
    """A field is hidden from our user, or shown again."""
    name = dice.choice(h.scene.holds["person"])
    field = dice.choice(["phone", "title"])
    table = h.scene.remotes[name]._tables["person"]
    now_hidden = not next(f.hidden for f in table.profile.fields if f.name == field)
    fields = tuple(replace(f, hidden=now_hidden) if f.name == field else f for f in table.profile.fields)
    table.profile = replace(table.profile, fields=fields)
    h.say(f"{name} {'hides' if now_hidden else 'shows'} {field}")
    h.count("hidden")


def _jump(h: History, dice: random.Random) -> None:
    """A clock is set, forwards or back: the hub's own, or a remote's."""
    seconds = dice.choice([-90.0, -4.0, 4.0, 90.0])
    name = dice.choice([*h.scene.names, "hub"])
    if name == "hub":
        h.scene.hub_clock.skew += seconds
    else:
        h.scene.remotes[name].skew += seconds
    h.say(f"the clock of {name} is set by {seconds:+.0f} s")
    h.count("jumps")


def _hint(h: History, dice: random.Random) -> None:
    """Notices of changes arrive: some late, some twice, some of records that nobody has."""
    for _ in range(dice.randrange(1, 4)):
        name, object = dice.choice(h.scene.pairs())
        ids = [e.id for e in h.scene.remotes[name].log if e.object == object]
        some = [dice.choice([*ids, "pe9999999"]) for _ in range(dice.randrange(1, 4))]
        hints.hear(h.scene.hub, name, object, some * dice.choice([1, 2]))
        h.say(f"{name} says that {object} {', '.join(some)} changed")
        h.count("hints")


TURNS: dict[str, Any] = {"truncated": _truncate, "hidden": _hide, "jumps": _jump, "hints": _hint}


def end(h: History) -> None:
    """All trouble ends: fields are shown, lists are whole."""
    for name in h.scene.names:
        remote = h.scene.remotes[name]
        remote.truncate.clear()
        for table in remote._tables.values():
            shown = tuple(replace(f, hidden=False) if f.hidden else f for f in table.profile.fields)
            if shown != table.profile.fields:
                table.profile = replace(table.profile, fields=shown)


def copy(h: History) -> sqlite3.Connection:
    """A copy of the hub's database, as it is now."""
    made = sqlite3.connect(":memory:")
    with h.scene.hub.store.engine.connect() as source:
        source.connection.driver_connection.backup(made)  # type: ignore[union-attr]
    return made


def set_back(h: History, made: sqlite3.Connection) -> None:
    """The hub's database goes back to the copy; the remotes do not."""
    with h.scene.hub.store.engine.connect() as target:
        made.backup(target.connection.driver_connection)  # type: ignore[arg-type]


__all__ = ["before_run", "begin", "copy", "end", "restart", "set_back", "step", "turn"]


def go_back(h: History, made: sqlite3.Connection) -> None:
    """The hub is restored from its copy. What its replaced database knew is kept beside, as an operator would keep it."""
    with h.scene.hub.store.read() as tx:
        h.forgotten |= everything_kept(tx)
    set_back(h, made)
    restart(h)
    while True:  # an operator who sees the command die runs it again
        try:
            reconcile.begin(h.scene.hub.store)
            break
        except Crash:
            continue
    h.gaps.append((h.backup_at, h.scene.clock.now()))
    h.say("the hub's database is set back to the copy")
    h.count("restores of the hub")


def release(h: History) -> None:
    """The operator lets creates and deletes go again after a restore, if all has been read."""
    if reconcile.current(h.scene.hub.store) is None:
        return
    try:
        reconcile.release(h.scene.hub, "operator")
        h.say("the operator releases creates and deletes")
        h.count("releases")
    except Refused as problem:
        h.say(f"no release yet: {problem.what}")
