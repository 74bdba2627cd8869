"""A database that is full, locked or gone at any commit ends the run with one clear error, and the next run completes."""

from __future__ import annotations

import pytest

from tests.simulation.crashes.course import Stage
from tests.simulation.crashes.refusals import TROUBLES, refused
from tests.simulation.crashes.scenes import SCENES

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
