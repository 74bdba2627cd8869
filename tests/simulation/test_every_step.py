"""Kill the process at every single step of small scenarios, and once more while it recovers: nothing may be lost or doubled."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hub.core.model import MatchRule, Policy
from tests.simulation.history import Crash, History, Rates, restart
from tests.simulation.oracles import violations
from tests.simulation.world import World, profile, spoke, sync, world


def _one_is_created(w: World) -> None:
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")


def _one_has_no_mail(w: World) -> None:
    w.person("b", first="Bo", last="Li", phone="7")


def _both_are_linked_and_edited(w: World) -> None:
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", phone="1")
    b = w.person("b", first="Ana", last="Díaz", mail="ana@example.org")
    w.hub.hook, hook = (lambda event: None), w.hub.hook
    w.run()
    w.hub.hook = hook
    w.edit("a", a, phone="2")
    w.edit("b", b, title="Boss")


def _one_is_deleted(w: World) -> None:
    _both_are_linked_and_edited(w)
    w["a"].delete("person", min(w.rows("a")))


def _two_are_merged(w: World) -> None:
    for n in "12":
        w.person("a", first=f"Ana{n}", last=f"Díaz{n}", mail=f"ana{n}@example.org")
    w.run()
    first, second = sorted(w.rows("a"))
    w["a"].merge("person", first, second)


SCENES: dict[str, Callable[[World], None]] = {
    scene.__name__.strip("_"): scene
    for scene in (_one_is_created, _one_has_no_mail, _both_are_linked_and_edited, _one_is_deleted, _two_are_merged)
}
MANNERS = {
    "strong": profile(conditional_write="strong"),
    "history": profile(conditional_write="none", field_history=True, receipts="version"),
}
# Every step where nothing protects but the engine; every third where the remote's own conditions help.
STRIDE = {"history": 1, "strong": 3}


def _stage(scene: str, manners: str) -> History:
    one = sync(
        spoke("a"),
        spoke("b"),
        match=(MatchRule(("email",), "link"),),
        policy=Policy(conflicts={"default": ("newest", "a", "b")}),
    )
    w = world(one, profiles={"a": MANNERS[manners], "b": MANNERS[manners]})
    w.hub.is_alive = lambda holder: False
    SCENES[scene](w)
    return History(0, random.Random(0), w, Rates(0, 0, 0))


def _run_and_die(h: History, at: int) -> int:
    """One run that dies at its n-th step. Returns how many steps it made."""
    steps = 0

    def step(event: str) -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            raise Crash(event)

    h.world.hub.hook = h.world.hub.store.hook = step
    for remote in h.world.remotes.values():
        remote.hook = step
    try:
        h.world.run()
    except Crash:
        restart(h)
    return steps


def _calm_down(h: History) -> list[str]:
    h.world.hub.hook = h.world.hub.store.hook = lambda event: None
    for remote in h.world.remotes.values():
        remote.hook = lambda event: None
    for _ in range(3):
        h.reports.append(h.world.run())
    before = h.world.written()
    h.world.run()
    h.quiet_writes = h.world.written() - before
    return violations(h)


@pytest.mark.parametrize("manners", MANNERS)
@pytest.mark.parametrize("scene", SCENES)
def test_a_kill_at_any_step_loses_and_doubles_nothing(scene, manners):
    whole = _run_and_die(_stage(scene, manners), at=0)
    assert whole > 10
    for at in range(1, whole + 1, STRIDE[manners]):
        h = _stage(scene, manners)
        _run_and_die(h, at)
        assert _calm_down(h) == [], f"killed at step {at} of {whole}"


def test_a_kill_while_recovering_from_a_kill_loses_and_doubles_nothing():
    whole = _run_and_die(_stage("one_is_created", "strong"), at=0)
    for first in range(1, whole + 1, 4):
        for second in range(2, 14, 4):
            h = _stage("one_is_created", "strong")
            _run_and_die(h, first)
            _run_and_die(h, second)
            assert _calm_down(h) == [], f"killed at step {first}, then at step {second}"
