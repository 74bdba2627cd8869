"""What the laws of deciding found, each as the shortest story that shows it."""

from __future__ import annotations

import pytest

from hub.core import values
from hub.core.errors import Reject
from hub.core.mapping import NO_REFS
from hub.core.model import Golden, Lost, Pair, Policy
from tests.unit.core.decisions.form import rules_of
from tests.unit.small_hub import SmallHub, golden, link, rules, side, verdict

MONEY = rules_of('{"annual_revenue": {"currency": "EUR"}}')
FIVE = {"amount": "5.00", "currency": "EUR"}


def test_a_clear_that_gives_way_to_a_newcomer_is_kept_as_lost_and_the_newcomer_is_not_cleared():
    hub = SmallHub({n: rules("x") for n in "abc"})
    for name in "ab":
        hub.join(name, x="old")
    hub.run()
    hub.edit("a", x=None)
    hub.join("c", x="old")
    decision = hub.settle()
    assert decision.lost == (Lost("x", None, "a", "first_link", "a first reading fills what was cleared elsewhere"),)
    assert decision.changes == () and decision.golden.sources["x"].by == "a"
    hub.push()
    assert [hub.remotes[n]["x"] for n in "abc"] == ["old"] * 3 and hub.run() == 0


def test_a_clear_against_an_edit_and_a_newcomer_loses_nothing_in_silence():
    policy = Policy(conflicts={"default": ("a", "b")}, first_link={"default": ("c",)})
    sides = [side(link("a", {"x": "old"}), {"x": None}), side(link("b", {"x": "old"}), {"x": "b's"})]
    decision = verdict(golden({"x": "old"}), *sides, side(link("c"), {"x": "c's"}), policy=policy)
    assert decision.golden.fields == {"x": "c's"}
    assert sorted((p.connection, p.value, p.reason) for p in decision.lost) == [
        ("a", None, "first_link"),
        ("b", "b's", "conflict"),
    ]


def test_what_a_remote_adds_to_a_set_by_itself_never_travels_as_if_the_mapping_had_changed():
    """B puts option a into whatever it is sent; a person adds c there. Only c is news, also at the next reading."""
    hub = SmallHub(
        {n: rules_of('{"tags": {"separator": ";"}}') for n in "ab"}, store={"b": lambda path, raw: f"a;{raw}"}
    )
    hub.join("a", tags="b")
    hub.join("b", tags=None)
    hub.run()
    assert hub.remotes["b"]["tags"] == "a;b"
    hub.edit("b", tags="a;b;c")
    hub.run()
    for _ in range(2):
        assert hub.run() == 0
    assert hub.golden.fields["tags"] == ["b", "c"] and hub.remotes["a"]["tags"] == "b;c"


def test_an_option_that_a_changed_table_gives_still_enters_where_the_spoke_is_the_source():
    old = '{"tags": {"separator": ";", "values": {"X": "x"}, "unknown": "keep"}}'
    new = old.replace('"x"', '"ex"')
    hub = SmallHub({"a": rules_of(old), "b": rules_of('{"tags": {"separator": ";"}}')})
    hub.join("a", tags="X")
    hub.join("b", tags="z")
    hub.run()
    hub.edit("a", tags="X;z;y")
    hub.run()
    hub.spokes["a"] = rules_of(new)
    decision = hub.settle()
    assert [c.reason for c in decision.changes] == ["mapping"] and "ex" in decision.golden.fields["tags"]


@pytest.mark.parametrize(
    ("field", "sent", "form"),
    [
        ('{"annual_revenue": {"currency": "EUR"}}', FIVE, 5),
        ('{"last_contacted_at": {"as": "epoch_s"}}', "2026-01-31T10:00:00.000Z", 1769853600),
    ],
)
@pytest.mark.parametrize("seen", [True, False])
def test_a_value_that_cannot_be_read_where_the_spoke_is_only_written_is_drift_and_stops_nothing(
    field, sent, form, seen
):
    found = rules_of(field)
    (path,) = found
    one = side(
        link("b", {path: Pair(sent, form, seen)}), {path: {"odd": 1}}, found, direction="write", intents={path: [sent]}
    )
    decision = verdict(golden({path: sent}), one)
    assert [n.what for n in decision.notes] == ["drift"] and decision.golden.fields == {path: sent}


def test_values_that_an_earlier_mapping_left_are_the_same_as_nothing_else():
    for kind, value in (("money", FIVE), ("set", ["a"]), ("datetime", "2026-01-31T10:00:00.000Z"), ("bool", True)):
        for left in ("text", 7, ["x"], ["y"], False):
            if left != value:
                assert not values.same(kind, left, value) and not values.same(kind, value, left)
                assert values.same(kind, left, left)


def test_a_field_that_was_text_and_becomes_a_set_keeps_its_words_and_is_not_spelled_into_letters():
    as_set = rules_of('{"custom.likes": {"kind": "set", "separator": ";"}}')
    base = {"custom.likes": Pair("tea;coffee", "tea;coffee")}
    read = {"custom.likes": "tea;coffee"}
    for others in ([], [side(link("c"), {"custom.likes": "milk"}, as_set)]):
        sides = [side(link(n, base), read, as_set) for n in "ab"]
        record = verdict(
            Golden("g1", "customer", "person"), side(link("a"), read, rules_of('{"custom.likes": {}}'))
        ).golden
        decision = verdict(record, *sides, *others)
        assert decision.golden.fields["custom.likes"] == ["coffee", *["milk"] * len(others), "tea"]
        assert all(len(f.raw.split(";")) == 3 for due in decision.due for f in due.fields)


def test_a_kept_value_that_is_the_remote_s_word_for_another_one_is_not_written():
    (rule,) = rules_of('{"lead_source": {"values": {"Web": "internet", "Fax": "Fax"}, "unknown": "keep"}}').values()
    assert rule.to_canonical("Web", "a", NO_REFS) == "internet"
    with pytest.raises(Reject) as refused:
        rule.to_remote("Web", {}, "a", NO_REFS)
    assert "the remote's word for another one" in refused.value.explain()
    assert [rule.to_remote(v, {}, "a", NO_REFS) for v in ("internet", "Fax", "Fair")] == ["Web", "Fax", "Fair"]


@pytest.mark.parametrize(("word", "made"), [("lower", "ana maría"), ("upper", "ANA MARÍA"), ("title", "Ana María")])
def test_a_name_has_single_spaces_however_its_letters_are_written(word, made):
    direction = ', "direction": "read"' if word == "title" else ""
    (rule,) = rules_of(f'{{"given_name": {{"as": "{word}"{direction}}}}}').values()
    assert rule.to_canonical(" Ana  María ", "a", NO_REFS) == made


def test_text_without_digits_has_none_of_them_and_is_empty():
    (rule,) = rules_of('{"tax_id": {"as": "digits", "direction": "read"}}').values()
    assert rule.to_canonical("A-12 3", "a", NO_REFS) == "123" and rule.to_canonical("none", "a", NO_REFS) is None
