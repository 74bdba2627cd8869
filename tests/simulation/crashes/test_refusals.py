"""A database that is full, locked or gone at any commit ends the run with one clear error, and the next run completes."""

from __future__ import annotations

import pytest

from tests.simulation.crashes.course import Stage
from tests.simulation.crashes.refusals import TROUBLES, really_full, refused
from tests.simulation.crashes.scenes import SCENES, Scene

STRIDE = 6
"""The tests play every sixth commit of each scene, others for each trouble; the command plays them all."""


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_trouble_of_the_database_at_any_commit_ends_the_run_and_the_next_one_completes(scene):
    on = Stage(scene, "history")
    for n, (name, trouble) in enumerate(TROUBLES.items()):
        for number in range(1 + n, on.camera.commits + 1, STRIDE):
            assert refused(on, trouble, number) == [], f"{name}, at commit {number} of {on.camera.commits}"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_every_single_commit_of_an_update_may_meet_trouble(trouble):
    on = Stage(SCENES["both are edited"], "history")
    for number in range(1, on.camera.commits + 1):
        assert refused(on, TROUBLES[trouble], number) == [], f"at commit {number} of {on.camera.commits}"


def test_a_database_that_sqlite_itself_cannot_let_grow_ends_the_run_and_the_next_one_completes():
    def build(manners):
        w = SCENES["one is created"].build(manners)
        for n in range(40):
            w.person("a", first=f"Bo{n}", last=f"Li{n}", mail=f"bo{n}@example.org", title="Clerk" * 30)
        return w

    on = Stage(
        Scene("many are created", "A database that cannot grow is told, and nothing is half done.", build), "history"
    )
    met = {number: really_full(on, number) for number in range(1, on.camera.commits + 1)}
    assert {number: wrong for number, wrong in met.items() if wrong} == {}
    assert sum(wrong is not None for wrong in met.values()) > len(met) // 2
