"""The proof itself is tested: each broken engine is noticed by a law, each law can be broken, and the whole engine passes.

Seeds that noticed a mutant when they were pinned come first, the cheap ones before the others. A change of the engine or
of the world shifts the dice; then some more seeds are drawn, and what survives them too fails the build by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from tests.simulation.proof.laws import LAWS
from tests.simulation.proof.mutants import MUTANTS
from tests.simulation.proof.mutants.kit import Mutant, instead
from tests.simulation.proof.mutants.pins import PINS
from tests.simulation.proof.shrink import judged

BUDGET = range(400)
NAMES = {law.__name__ for law in LAWS}
WANTED = (
    *("no_intent_before_create", "cursor_before_rows", "no_overlap", "delete_by_absence", "last_writer_wins"),
    *("echo_by_time", "unresolved_is_null", "form_is_what_we_sent", "lease_is_dropped", "unknown_is_repeated"),
    *("loser_is_forgotten", "counts_from_memory", "child_before_parent", "retry_without_retry_after"),
    "audit_after_the_write_only",
)


@cache
def broken(name: str, seed: int) -> frozenset[str]:
    return frozenset(MUTANTS[name].broken_by(seed))


def whole_engine_passes(seed: int) -> bool:
    return not judged(seed)[1]


def notice(names: Sequence[str], laws: frozenset[str]) -> bool:
    """Whether a seed of these mutants breaks one of the laws: a pinned one, or one more within the budget."""
    if any(broken(name, seed) & laws for name in names for seed in PINS[name]):
        return True
    return any(broken(name, seed) & laws and whole_engine_passes(seed) for name in names for seed in BUDGET)


@pytest.mark.parametrize("name", sorted(name for name in MUTANTS if name in PINS))
def test_an_engine_without_this_rule_breaks_a_law(name):
    assert notice([name], MUTANTS[name].laws), f"{name} survives: {MUTANTS[name].rule}"


@pytest.mark.parametrize("name", sorted(name for name, one in MUTANTS.items() if one.script))
def test_an_engine_without_this_rule_fails_its_scripted_story(name):
    assert MUTANTS[name].fails_its_script(), f"{name} survives: {MUTANTS[name].rule}"


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_each_mutant_has_a_killer_and_says_which_rule_it_takes_away(name):
    one = MUTANTS[name]
    assert name in PINS or one.script is not None
    assert (name in PINS) <= bool(one.laws) and one.laws <= NAMES
    assert one.rule.endswith(".")


@pytest.mark.parametrize("seed", sorted({seed for seeds in PINS.values() for seed in seeds}))
def test_the_whole_engine_passes_where_the_broken_ones_fail(seed):
    assert judged(seed)[1] == [], f"make sim SEED={seed} tells the story"


@pytest.mark.parametrize("name", sorted(name for name, one in MUTANTS.items() if one.script))
def test_the_whole_engine_passes_the_scripted_stories(name):
    script = MUTANTS[name].script
    assert script is not None
    script()


@pytest.mark.parametrize("law", sorted(NAMES))
def test_each_law_is_broken_by_some_mutant(law):
    those = sorted(name for name in PINS if law in MUTANTS[name].laws)
    assert notice(those, frozenset({law})), f"nothing breaks {law}"


def test_every_pin_belongs_to_a_mutant():
    assert PINS.keys() <= MUTANTS.keys()


def test_the_promised_mutants_are_there_and_one_for_each_story():
    assert len(MUTANTS) >= 25 and set(WANTED) <= MUTANTS.keys()
    assert {n for one in MUTANTS.values() for n in one.stories} >= set(range(1, 18))


def test_an_exception_of_a_mutants_own_making_is_no_law():
    def fails(*args: object, **rest: object) -> None:
        raise KeyError("a bug of the mutant")

    from hub.engine import run

    made = Mutant("clumsy", "Nothing.", frozenset(NAMES), (), lambda: [instead(run, "settle", fails)])
    assert made.broken_by(1) == {"bug"} and not made.is_noticed_at(1)


def test_what_is_raised_below_a_story_is_no_assertion_of_it():
    def story() -> None:
        int("no number, said below")

    def below() -> None:
        story()

    made = Mutant("clumsy", "Nothing.", frozenset(), (), list, below)
    with pytest.raises(ValueError, match="no number"):
        made.fails_its_script()
    assert Mutant("clumsy", "Nothing.", frozenset(), (), list, story).fails_its_script()
