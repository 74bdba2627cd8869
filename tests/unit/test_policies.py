from __future__ import annotations

import pytest

from hub.core import expressions
from hub.core.errors import Reject
from hub.core.hearing import EDIT, Heard
from hub.core.model import Policy, Source
from hub.core.policies import Candidate, choose, source_time
from tests.unit.small_hub import FakeRule, link, side, stamp


def asked(name: str, value: object, at: float = 100, after: float | None = 50, **rest: object) -> Candidate:
    one = side(link(name, {"x": "old"}, **rest), {"x": value}, at=at, after=after)
    return Candidate(value, (Heard(one, FakeRule("x"), EDIT, value, one.link.base["x"], value),))


def chosen(*chain: object, of: list[Candidate]) -> tuple[object, str]:
    choice = choose(chain, of, Policy())
    return (choice.winner.value if choice.winner else None), choice.entry


EARLY, LATE = asked("a", "1", at=100, after=90), asked("b", "2", at=200, after=190)
VAGUE = asked("c", "3", at=205, after=None)
GOLDEN = Candidate("0", (), Source("d", stamp(10), "r", stamp(5)), golden=True)


@pytest.mark.parametrize(
    ("chain", "candidates", "winner", "entry"),
    [
        (("newest",), [EARLY, LATE], "2", "newest"),
        (("newest",), [EARLY, VAGUE], None, "undecided"),
        (("newest", "a"), [EARLY, VAGUE], "1", "a"),
        (("newest", "hold"), [EARLY, VAGUE], None, "hold"),
        (("hold", "newest"), [EARLY, LATE], None, "hold"),
        (("z", "b"), [EARLY, LATE], "2", "b"),
        (("d",), [EARLY, GOLDEN], "0", "d"),
        (("newest", "c"), [EARLY, LATE, VAGUE], "3", "c"),
        (("newest", "a"), [EARLY, LATE, VAGUE], None, "undecided"),
        (("non_empty",), [EARLY, asked("b", None)], "1", "non_empty"),
        (("non_empty", "b"), [EARLY, LATE, asked("c", "")], "2", "b"),
        (("non_empty", "b"), [asked("a", None), asked("b", "")], "", "b"),
        ((), [EARLY, LATE], None, "undecided"),
    ],
)
def test_a_chain_narrows_the_choice_from_left_to_right(chain, candidates, winner, entry):
    assert chosen(*chain, of=candidates) == (winner, entry)


def test_of_two_records_of_one_spoke_the_primary_one_speaks_for_it():
    second = asked("a2", "2", connection="a", primary=False)
    assert chosen("a", of=[EARLY, second]) == ("1", "a")


def test_versions_written_by_our_own_user_are_no_evidence():
    ours = side(link("b", {"x": "old"}), {"x": "2"}, at=200, after=190, by_us=True)
    candidate = Candidate("2", (Heard(ours, FakeRule("x"), EDIT, "2", ours.link.base["x"], "2"),))
    assert chosen("newest", of=[EARLY, candidate]) == (None, "undecided")


def test_field_history_narrows_an_edit_to_a_point():
    one = side(link("b", {"x": "old"}), {"x": "2"}, at=900, after=50, points={"x": stamp(300)}, by_us=True)
    candidate = Candidate("2", (Heard(one, FakeRule("x"), EDIT, "2", one.link.base["x"], "2"),))
    assert chosen("newest", of=[EARLY, candidate]) == ("2", "newest")


def test_a_persons_decision_is_a_moment_and_an_edit_of_unknown_start_is_open():
    assert source_time(Source("person:kim", stamp(5))).after == source_time(Source("person:kim", stamp(5))).until
    assert source_time(Source("a", stamp(5))).after == float("-inf")
    assert source_time(None) == source_time(Source("a"))


def test_an_expression_names_the_value_of_a_connection():
    larger, problems = expressions.parse("a if number(a) > number(b) else b", known=lambda name: True)
    assert problems == []
    assert chosen(larger, of=[asked("a", "7"), asked("b", "9")])[0] == "9"


def test_an_expression_that_invents_a_value_or_fails_decides_nothing():
    class Invents:
        source = "a + b"

        def evaluate(self, *, names):
            return names["a"] + names["b"]

    class Fails:
        def evaluate(self, *, names):
            raise Reject("it cannot be computed")

    assert chosen(Invents(), "b", of=[EARLY, LATE]) == ("2", "b")
    assert chosen(Fails(), "a", of=[EARLY, LATE]) == ("1", "a")


def test_an_expression_is_cited_as_it_is_written():
    class First:
        source = "golden"

        def evaluate(self, *, names):
            return names["golden"]

    assert chosen(First(), of=[EARLY, GOLDEN]) == ("0", "golden")
