from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.match import Verdict, create_key, golden_id, keys, origin_part, verdict
from hub.core.model import ABSENT, UNRESOLVED, MatchRule

EMAIL = MatchRule(("email",), "link")
NAME = MatchRule(("family_name", "phones[mobile]"), "review")
ORIGIN = ("a", "Contact", "003", 0)


def key(fields: dict, *rules: MatchRule, prefix: str = "customers") -> list[str]:
    return [k for k, _, _ in keys(rules or (EMAIL,), fields, prefix)]


def test_equal_values_share_a_key_whatever_their_case_spaces_or_letter_forms():
    spelled = ["Ana  Díaz", " ana díaz ", "ANA DI\u0301AZ", "\uff41na díaz"]
    assert len({key({"email": s})[0] for s in spelled}) == 1
    assert key({"email": "ana diaz"}) != key({"email": "ana díaz"})


def test_a_rule_needs_all_of_its_fields():
    assert keys((EMAIL, NAME), {"family_name": "Díaz", "email": "x@y.z"}, "s") == [
        (key({"email": "x@y.z"}, prefix="s")[0], "link", 0)
    ]
    assert [k[1:] for k in keys((EMAIL, NAME), {"family_name": "D", "phones[mobile]": "+341"}, "s")] == [("review", 1)]


@pytest.mark.parametrize("empty", [None, "", "  ", [], {}, ABSENT, UNRESOLVED])
def test_an_empty_value_makes_no_key(empty):
    assert key({"email": empty}) == []


def test_a_rule_without_fields_matches_nothing():
    assert key({"email": "x"}, MatchRule((), "link")) == []


def test_keys_of_another_sync_or_rule_differ_and_reordering_rules_keeps_them():
    other = MatchRule(("login",), "link")
    fields = {"email": "x", "login": "x"}
    assert len(set(key(fields, EMAIL, other))) == 2
    assert key(fields, prefix="a") != key(fields, prefix="b")
    assert set(key(fields, EMAIL, other)) == set(key(fields, other, EMAIL))


def test_a_key_is_short_and_does_not_tell_the_value():
    long = key({"email": "x" * 5000 + "@example.org"})[0]
    assert len(long) <= 64 and "example" not in long


@given(st.lists(st.text(min_size=1), min_size=2, max_size=3))
def test_values_never_run_into_each_other(values):
    rule = MatchRule(tuple(f"f{i}" for i in range(len(values))), "link")
    joined = {**dict.fromkeys(rule.when, "-"), "f0": "".join(values)}
    split = dict(zip(rule.when, values, strict=True))
    if joined != split and all(v.strip() for v in values):
        assert key(split, rule) != key(joined, rule)


@pytest.mark.parametrize(
    ("candidates", "taken", "expected"),
    [
        ([], set(), Verdict("new")),
        ([(0, "link", "g1")], set(), Verdict("link", "g1", ("g1",), "match rule 1")),
        ([(2, "link", "g1"), (1, "link", "g1")], set(), Verdict("link", "g1", ("g1",), "match rule 2")),
        ([(0, "link", "g1"), (1, "review", "g2")], set(), Verdict("link", "g1", ("g1",), "match rule 1")),
        ([(0, "link", "g1")], {"g1"}, Verdict("review", None, ("g1",), "duplicate inside a")),
        ([(0, "link", "g2"), (1, "link", "g1")], {"g1"}, Verdict("review", None, ("g1", "g2"), "ambiguous")),
        ([(1, "review", "g1")], set(), Verdict("review", None, ("g1",), "the rule asks for a person")),
        ([(1, "review", "g1")], {"g1"}, Verdict("review", None, ("g1",), "duplicate inside a")),
    ],
)
def test_a_verdict_never_guesses(candidates, taken, expected):
    assert verdict(candidates, taken, "a") == expected


def test_the_order_of_candidates_does_not_matter():
    some = [(1, "link", "g2"), (0, "link", "g1"), (0, "review", "g3")]
    assert verdict(some, set()) == verdict(some[::-1], set())


def test_a_create_key_names_its_origin_and_its_target():
    key = create_key("w", ORIGIN, ("b", "contacts"))
    assert key == create_key("w", ORIGIN, ("b", "contacts")) and len(key) <= 64
    assert key != create_key("w", ORIGIN, ("c", "contacts"))
    assert origin_part(key) == origin_part(create_key("w", ORIGIN, ("c", "contacts")))
    assert key.split("-") == [origin_part(key), key[26:]]


def test_another_generation_workspace_or_origin_has_another_key():
    base = create_key("w", ORIGIN, ("b", "contacts"))
    others = [
        ("w2", ORIGIN),
        ("w", ("a", "Contact", "003", 1)),
        ("w", ("a", "Contact", "004", 0)),
        ("w", ("ab", "", "", 0)),
    ]
    assert len({base, *(create_key(w, o, ("b", "contacts")) for w, o in others)}) == 5
    assert len({origin_part(create_key(w, o, ("b", "contacts"))) for w, o in others}) == 4


@pytest.mark.parametrize("text", ["", "o12", "hello-world", "o" + "g" * 24 + "-t" + "0" * 24, "o" + "0" * 24])
def test_what_people_write_into_the_key_field_is_no_key_of_ours(text):
    assert origin_part(text) == ""


def test_a_key_is_recognised_with_blanks_around_it():
    key = create_key("w", ORIGIN, ("b", "contacts"))
    assert origin_part(f" {key} ") == origin_part(key) != ""


def test_a_golden_id_follows_from_its_origin():
    assert golden_id("w", ORIGIN) == golden_id("w", ORIGIN) != golden_id("w2", ORIGIN)
    assert golden_id("w", ORIGIN)[1:] == origin_part(create_key("w", ORIGIN, ("b", "c")))[1:]
