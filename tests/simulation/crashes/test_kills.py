"""A process that is killed at any step, once or twice, loses and doubles nothing, and the scene ends as it would have."""

from __future__ import annotations

import pytest

from tests.simulation.crashes.course import Stage, kills, kills_twice
from tests.simulation.crashes.pictures import driver, watch
from tests.simulation.crashes.scenes import MANNERS, SCENES
from tests.simulation.history import Crash

FIRST, SECOND = 9, 7
"""Of pairs of kills the tests play every ninth and seventh, others in each scene; the command plays them all."""


def broken(histories):
    return {place: found for place, found in histories if found}


@pytest.mark.parametrize("manners", MANNERS)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_kill_at_any_step_changes_nothing_of_how_a_scene_ends(scene, manners):
    on = Stage(scene, manners)
    assert on.wrong == [] and on.camera.steps > 35 and len(on.pictures) > 12
    assert broken(kills(on)) == {}, scene.proves


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_kill_while_the_next_process_recovers_from_a_kill_changes_nothing_either(scene):
    on = Stage(scene, "history")
    on.pictures = on.pictures[sum(map(ord, scene.name)) % FIRST :]
    assert broken(kills_twice(on, FIRST, SECOND)) == {}, scene.proves


def test_a_picture_is_what_a_kill_leaves():
    """The ground of the method: an exception that nothing catches, at each step, leaves just what the picture shows."""
    on = Stage(SCENES["both are edited"], "history")
    for number, shown in enumerate(on.camera.at, 1):
        left = _killed(on, number)
        picture = on.pictures[shown]
        assert left.hub.store and _dump(driver(left.hub.store).serialize()) == _dump(picture.image), number
        assert {n: r.log for n, r in left.remotes.items()} == {n: r.log for n, r in picture.remotes.items()}
        assert {n: r.writes for n, r in left.remotes.items()} == {n: r.writes for n, r in picture.remotes.items()}


def _killed(on: Stage, number: int):
    w = on.first_process()
    left = number

    def step(event: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash(event)

    watch(w, step)
    with pytest.raises(Crash):
        for act in on.scene.acts:
            act(w)
    return w


def _dump(image: bytes) -> list[tuple[str, list[tuple[object, ...]]]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(image)
        tables = [name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [(name, copy.execute(f"SELECT * FROM {name}").fetchall()) for name in tables]
