"""Matching and the names that follow from an origin: the same for every spelling, in every order, and never a guess."""

from __future__ import annotations

import unicodedata
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.match import create_key, golden_id, keys, origin_part, verdict
from hub.core.model import MatchRule

CALM = settings(max_examples=60, derandomize=True, deadline=None)
RULES = (MatchRule(("email",), "link"), MatchRule(("family_name", "phones[mobile]"), "review"))
WORD = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=8)
VALUE = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
GOLDEN = st.sampled_from(["g1", "g2", "g3"])
CANDIDATES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["link", "review"]), GOLDEN), max_size=6)
ORIGIN = st.tuples(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.integers(0, 3))


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """A value, and the same one as another system writes it: other spaces, letters composed otherwise, ASCII in capitals."""
    value = draw(VALUE)
    form = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), value)
    spaced = draw(st.sampled_from([" ", "  ", "\t", "\u00a0"])).join(["", *form.split(), ""])
    return value, spaced.upper() if value.isascii() and draw(st.booleans()) else spaced


def of(fields: dict[str, Any]) -> list[str]:
    return [key for key, _, _ in keys(RULES, fields, "people")]


@CALM
@given(spellings(), spellings())
def test_a_key_is_the_same_for_every_spelling(mail, name):
    one = of({"email": mail[0], "family_name": name[0], "phones[mobile]": "+49"})
    other = of({"email": mail[1], "family_name": name[1], "phones[mobile]": " +49 "})
    assert one == other and len(one) == 2


@CALM
@given(VALUE, VALUE)
def test_two_values_share_a_key_only_if_they_are_one_value_without_case_and_spaces(a, b):
    def plain(text: str) -> str:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        return " ".join(folded.split())

    assert (of({"email": a}) == of({"email": b})) == (plain(a) == plain(b))


@CALM
@given(VALUE, VALUE, VALUE)
def test_matching_is_mutual(a, b, phone):
    """Two records meet by the same keys, whichever of the two is there first."""
    one = {"email": a, "family_name": b, "phones[mobile]": phone}
    other = {"email": b, "family_name": b, "phones[mobile]": phone}
    shared = set(of(one)) & set(of(other))

    def judged(first: dict[str, Any], second: dict[str, Any]) -> str:
        known = {key for key, _, _ in keys(RULES, first, "people")}
        found = [(index, decide, "g1") for key, decide, index in keys(RULES, second, "people") if key in known]
        return verdict(found, set()).kind

    assert judged(one, other) == judged(other, one) != ("new" if shared else "link")


@CALM
@given(CANDIDATES, st.sets(GOLDEN), st.randoms(use_true_random=False))
def test_a_verdict_does_not_depend_on_the_order_and_never_guesses(candidates, taken, dice):
    shuffled = list(candidates)
    dice.shuffle(shuffled)
    found = verdict(candidates, taken, "a")
    assert verdict(shuffled, taken, "a") == found
    strong = {golden for _, decide, golden in candidates if decide == "link"}
    assert (found.kind == "link") == (len(strong) == 1 and not strong & taken)
    assert (found.kind == "new") == (not candidates)
    assert found.golden in (strong if found.kind == "link" else {None})
    assert set(found.candidates) <= {golden for _, _, golden in candidates}


@CALM
@given(CANDIDATES, st.sets(GOLDEN), GOLDEN)
def test_one_more_candidate_by_a_strong_rule_never_makes_a_link_to_another_record(candidates, taken, more):
    before, after = verdict(candidates, taken), verdict([*candidates, (0, "link", more)], taken)
    if before.kind == "link" and before.golden != more:
        assert (after.kind, after.reason) == ("review", "ambiguous")


@CALM
@given(
    st.sets(st.tuples(st.text(max_size=4), ORIGIN, st.tuples(st.text(max_size=4), st.text(max_size=4))), max_size=12)
)
def test_each_origin_and_target_has_a_key_of_its_own(asked):
    made = {create_key(*one) for one in asked}
    assert len(made) == len(asked)
    assert len({origin_part(key) for key in made}) == len({(workspace, origin) for workspace, origin, _ in asked})
    assert all(len(key) <= 64 and origin_part(f" {key} ") for key in made)
    assert {golden_id(w, o)[1:] for w, o, _ in asked} == {origin_part(key)[1:] for key in made}


@CALM
@given(st.text(min_size=2, max_size=6), st.text(max_size=4))
def test_the_parts_of_an_origin_never_run_into_each_other(text, rest):
    origins = [(text[:at], text[at:], rest, 0) for at in range(len(text) + 1)]
    origins += [(text, rest[:at], rest[at:], 0) for at in range(len(rest) + 1)]
    made = [create_key("w", origin, ("b", "contacts")) for origin in set(origins)]
    assert len(set(made)) == len(made) and len({origin_part(key) for key in made}) == len(made)


@CALM
@given(ORIGIN, st.lists(st.tuples(WORD, WORD), min_size=2, max_size=5, unique=True), st.data())
def test_a_create_key_does_not_depend_on_what_was_created_before(origin, targets, data):
    first = {target: create_key("w", origin, target) for target in targets}
    again = {target: create_key("w", origin, target) for target in data.draw(st.permutations(targets))}
    assert first == again
