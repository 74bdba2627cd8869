"""The short way for a field that is heard for the first time says exactly what the long way says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import plan
from hub.core.model import Decision, Golden, Pair, Policy, Source
from tests.unit.small_hub import FakeRule, link, side, stamp, verdict

PATHS = ("city", "email", "name", "tags", "title")
values = st.sampled_from([None, "", "a", "A", " a ", "ab", "abc", "abcd"])


def the_long_way(decide: Callable[[], Decision]) -> Decision:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_plain_first", lambda *args: False)
        return decide()


@st.composite
def cases(draw: st.DrawFn) -> Callable[[], Decision]:
    """One side that is read, perhaps beside another one that is not, with any golden record and any bases."""
    rules = {
        "city": FakeRule("city", lower=draw(st.booleans())),
        "email": FakeRule("email", lower=True, ignore_empty=draw(st.booleans())),
        "name": FakeRule("name", cut=2),
        "tags": FakeRule("tags", kind="set"),
        "title": FakeRule("title", knows={"a": "1", "ab": "2"}),
    }
    held = draw(st.dictionaries(st.sampled_from(PATHS), st.sampled_from([None, "a", "ab", "1"]), max_size=4))
    base = {p: Pair(draw(values), draw(values), draw(st.booleans())) for p in draw(st.sets(st.sampled_from(PATHS)))}
    fields = draw(st.dictionaries(st.sampled_from(PATHS), values))
    sources = {p: Source(draw(st.sampled_from("ab")), stamp(5), "r0") for p in held}
    golden = Golden("g1", "customer", "person", {**held, **({"tags": ["a"]} if "tags" in held else {})}, sources)
    sides = [side(link("a", base), fields, rules, by_us=draw(st.booleans()))]
    if draw(st.booleans()):
        known = {p: Pair(v, ";".join(v) if isinstance(v, list) else v) for p, v in golden.fields.items()}
        sides.append(side(link("b", known), None, rules))
    recent: dict[str, Any] = {"city": [("a", "a", stamp(1)), ("ab", "b", stamp(2)), ("a", "a", stamp(3))]}
    policy = Policy(ownership=draw(st.sampled_from([{}, {"default": "b"}, {"city": "a"}])))
    rest = {"recent": recent} if draw(st.booleans()) else {}
    return lambda: verdict(golden, *sides, policy=policy, **rest)


@given(cases())
def test_both_ways_decide_alike(decide: Callable[[], Decision]) -> None:
    assert decide() == the_long_way(decide)


def test_the_short_way_is_taken_for_a_new_record() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "merge_field", lambda q, heard: pytest.fail(f"{q.path} went the long way"))
        decision = verdict(Golden("g1", "customer", "person"), side(link("a"), {"city": "Ulm", "name": None}))
    assert [(c.path, c.after, c.reason) for c in decision.changes] == [("city", "Ulm", "founded")]
    assert decision.outcome == {"a": "applied"}
    assert decision.bases["a"] == {"city": Pair("Ulm", "Ulm"), "name": Pair(None, None)}


def test_a_first_value_that_differs_goes_the_long_way() -> None:
    golden = Golden("g1", "customer", "person", {"city": "Bonn"}, {"city": Source("b", stamp(1))})
    both = side(link("a"), {"city": "Ulm"}), side(link("b", {"city": Pair("Bonn", "Bonn")}))
    decision = verdict(golden, *both, policy=Policy(first_link={"default": ("a",)}))
    assert [(x.path, x.value, x.connection, x.reason) for x in decision.lost] == [("city", "Bonn", "b", "first_link")]
