"""A worker that sleeps through the end of its lease writes nothing after it wakes, and what was on its way is not lost."""

from __future__ import annotations

import pytest

from tests.simulation.crashes.course import Stage
from tests.simulation.crashes.scenes import SCENES
from tests.simulation.crashes.zombies import IN_FLIGHT, zombies


@pytest.mark.parametrize(
    ("scene", "manners"), [("one is created", "strong"), ("both are edited", "history"), ("a delete goes on", "strong")]
)
def test_a_worker_that_falls_asleep_at_any_step_is_refused_when_it_wakes(scene, manners):
    found = dict(zombies(Stage(SCENES[scene], manners)))
    assert len(found) > 30 and any(place.endswith(IN_FLIGHT) for place in found)
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def edit_b(w):
    for id in w.rows("b"):
        w.edit("b", id, title=f"Late {id}", phone="9")


@pytest.mark.parametrize("scene", ["both are edited", "an answer is lost"])
def test_what_people_enter_before_a_sleeper_wakes_is_kept_even_where_its_write_was_on_its_way(scene):
    found = dict(zombies(Stage(SCENES[scene], "history"), edit_b))
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
