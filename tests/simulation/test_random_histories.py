"""Random histories keep every promise, the same seed tells the same story, and what should happen does happen."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.history import draw, play
from tests.simulation.oracles import violations

SEEDS = range(1000, 1048)
REGRESSIONS = (7, 13, 14, 17, 41, 44, 46, 48, 50, 222, 1005, 1144)


@pytest.mark.parametrize("first", range(SEEDS.start, SEEDS.stop, 6))
def test_whatever_happens_the_promises_hold(first):
    for seed in range(first, first + 6):
        assert violations(play(draw(seed))) == [], f"make sim SEED={seed} tells the story"


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_seeds_that_once_found_a_bug_find_none(seed):
    assert violations(play(draw(seed))) == [], f"make sim SEED={seed} tells the story"


def test_a_seed_always_tells_the_same_story():
    once, again = play(draw(1001)), play(draw(1001))
    assert once.story == again.story and once.steps == again.steps and len(once.story) > 10


def test_the_histories_reach_what_they_are_meant_to_prove():
    seen: Counter[str] = Counter()
    for seed in range(1000, 1030):
        history = play(draw(seed))
        seen["crash"] += history.crashes
        for report in history.reports:
            seen.update({k: v for k, v in report.operations.items() if v})
            seen.update({k: v for k, v in report.outcomes.items() if v})
        seen.update(
            word for line in history.story for word in ("merges", "deletes", "restores", "clears") if word in line
        )
    missing = {"crash", "unknown", "conflicted", "withdrawn", "created", "updated", "merges", "deletes", "restores"} - {
        k for k, n in seen.items() if n
    }
    assert not missing
