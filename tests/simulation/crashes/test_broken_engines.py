"""Each way of being stopped can find something: an engine without one rule fails at some step, and not without a stop."""

from __future__ import annotations

import pytest

from tests.simulation.crashes import broken
from tests.simulation.crashes.course import Stage, kills, kills_twice
from tests.simulation.crashes.refusals import refusals
from tests.simulation.crashes.scenes import BY_MAIL, SCENES, Scene
from tests.simulation.crashes.zombies import zombies
from tests.simulation.world import profile, spoke, sync, world

KEYLESS = "no key and no match field"


def twice_around_the_write(on: Stage):
    """A first kill just before the first write or just after it, and a second one anywhere."""
    at = next(n for n, p in enumerate(on.pictures) if p.event.startswith("after:write"))
    on.pictures = on.pictures[at - 1 : at + 1]
    return kills_twice(on)


def refusals_before(on: Stage):
    return refusals(on, "the connection breaks before the commit")


CASES = {
    "no intent": (broken.no_intent, KEYLESS, kills),
    "no recovery": (broken.no_recovery, "one is created", kills),
    "a recovery that can be stopped once": (broken.recovery_forgets, KEYLESS, twice_around_the_write),
    "no fence": (broken.no_fence, "one is created", zombies),
    "limping on": (broken.limps_on, "one is created", refusals_before),
    "a blind repeat": (broken.repeats_what_it_could_not_store, KEYLESS, refusals_before),
}


@pytest.mark.parametrize("name", CASES)
def test_an_engine_that_breaks_a_rule_of_crash_safety_is_found_out_by_a_stop_and_only_by_one(name):
    mutant, scene, model = CASES[name]
    with mutant():
        on = Stage(SCENES[scene], "history")
        assert on.wrong == [], "undisturbed, nothing shows"
        assert next((place for place, found in model(on) if found), None), f"{name} survives"


def test_a_cursor_that_runs_ahead_of_its_rows_is_found_out_where_nothing_is_read_twice():
    def build(manners):
        one = sync(spoke("a"), spoke("b"), match=BY_MAIL)
        w = world(one, profiles={"a": profile(**manners, overlap=0.0), "b": profile(**manners)})
        w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
        w.clock.advance(1)
        w.person("a", first="Bo", last="Li", mail="bo@example.org")
        return w

    scene = Scene("two are created, and read once", "What the cursor has passed is stored.", build)
    assert [place for place, found in kills(Stage(scene, "strong")) if found] == []
    with broken.cursor_before_rows():
        assert [place for place, found in kills(Stage(scene, "strong")) if found] != []


def test_a_recovery_that_can_be_stopped_once_is_not_found_out_by_single_kills():
    with broken.recovery_forgets():
        assert [place for place, found in kills(Stage(SCENES[KEYLESS], "history")) if found] == []
