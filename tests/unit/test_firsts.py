"""First readings of a field, a changed mapping, and values that go back and forth."""

from __future__ import annotations

import pytest

from hub.core.model import ABSENT, FieldChange, Golden, Held, Lost, Pair, Policy
from tests.unit.small_hub import FakeRule, Lookup, golden, link, side, stamp, verdict

HOLD = Policy(conflicts={"default": ("hold",)})
OLD = golden({"x": "old"})
A, B, C = (link(n, {"x": "old"}) for n in "abc")


def new(name: str, value: object, **rest: object):
    """A side that reads the field for the first time."""
    return side(link(name), {"x": value}, **rest)


def held(**claims: object):
    return (Held("x", claims, "old"),)


# ---------------------------------------------------------------- first readings


def test_the_first_record_founds_the_golden_one():
    d = verdict(Golden("g1", "customer", "person"), new("a", "1"))
    assert d.changes == (FieldChange("x", None, "1", "a", "founded"),) and d.outcome == {"a": "applied"}


def test_one_empty_side_is_filled_and_never_clears():
    d = verdict(OLD, new("b", None), side(A))
    assert d.golden == OLD and d.bases["b"]["x"] == Pair(None, None) and d.due[0].fields[0].raw == "old"
    other_way = verdict(golden({"x": None}), new("b", "full"), side(link("a", {"x": None})))
    assert other_way.golden.fields["x"] == "full" and other_way.due[0].link == "a" and other_way.lost == ()


def test_a_field_that_is_empty_everywhere_gets_a_base():
    d = verdict(golden({"y": "1"}), side(link("a"), {"x": None}, {"x": FakeRule("x")}))
    assert d.bases == {"a": {"x": Pair(None, None)}} and "x" not in d.golden.fields


def test_an_ignored_value_is_not_written_over_until_golden_changes():
    class Ignores(FakeRule):
        def to_canonical(self, raw, connection, refs):
            return ABSENT

    d = verdict(OLD, side(link("b"), {"x": "other"}, {"x": Ignores("x")}))
    assert d.bases == {"b": {"x": Pair("old", "other")}} and d.due == () and d.lost == ()


def test_two_values_that_differ_need_a_policy_for_first_links():
    d = verdict(OLD, new("b", "theirs"), side(A), policy=Policy(first_link={"default": ("a",)}))
    assert d.lost == (Lost("x", "theirs", "b", "first_link", "first_link.default: a"),) and d.due[0].link == "b"
    d = verdict(OLD, new("b", "theirs"), side(A), policy=Policy(first_link={"default": ("b",)}))
    assert d.golden.fields["x"] == "theirs" and [(p.value, p.connection) for p in d.lost] == [("old", "a")]
    assert d.changes[0].reason == "first_link" and d.due[0].link == "a"


def test_without_a_policy_for_first_links_that_for_conflicts_decides():
    d = verdict(OLD, new("b", "theirs"), side(A), policy=Policy(conflicts={"default": ("b",)}))
    assert d.golden.fields["x"] == "theirs" and d.lost[0].rule == "conflicts.default: b"


def test_newest_cannot_know_when_a_first_reading_was_entered():
    policy = Policy(first_link={"default": ("newest",)})
    d = verdict(OLD, new("b", "theirs", at=900, after=None), side(A), policy=policy)
    assert d.holds == (Held("x", {"b": "theirs"}, "old"),) and d.outcome == {"b": "conflicted"}
    assert d.due == () and d.bases == {}


def test_the_owner_decides_before_the_policy():
    d = verdict(
        golden({"x": "old"}, by="b"),
        new("a", "owner"),
        side(B),
        policy=Policy(ownership={"x": "a"}, first_link={"x": ("b",)}),
    )
    assert d.golden.fields["x"] == "owner" and d.lost[0].rule == "ownership.x: a"


def test_many_first_readings_at_once_agree_by_type_before_anything_else():
    rule = {"x": FakeRule("x", cut=6)}
    sides = new("a", "abcdef", rules=rule), new("b", "abcdefgh"), new("c", None)
    d = verdict(Golden("g1", "customer", "person"), *sides, policy=HOLD)
    assert d.golden.fields["x"] == "abcdefgh" and d.golden.sources["x"].by == "b"
    assert d.bases["a"]["x"] == Pair("abcdefgh", "abcdef") and [w.link for w in d.due] == ["c"]


def test_a_first_reading_joins_an_open_conflict_if_it_differs():
    d = verdict(OLD, side(A), side(B), new("c", "3"), new("d", "old"), held=held(a="1", b="2"))
    assert d.holds == held(a="1", b="2", c="3") and d.outcome == {"c": "conflicted", "d": "applied"}


def test_first_readings_that_say_nothing_new_are_no_part_of_a_conflict_and_get_their_base():
    same = {"x": FakeRule("x", lower=True)}
    quiet = new("d", None), new("e", "OLD", rules=same)
    opened = verdict(OLD, side(A, {"x": "1"}), side(B, {"x": "2"}), *quiet)
    still = verdict(OLD, side(A), side(B), *quiet, held=held(a="1", b="2"))
    for d in (opened, still):
        assert d.holds == held(a="1", b="2") and d.due == ()
        assert d.bases == {"d": {"x": Pair(None, None)}, "e": {"x": Pair("old", "OLD")}}
        assert (d.outcome["d"], d.outcome["e"]) == ("applied", "applied")


def test_first_readings_beside_a_conflict_get_their_base_once_it_closes():
    d = verdict(OLD, side(A, {"x": "old"}), new("c", "old"), new("d", None), held=held(a="1"))
    assert d.closed == ("x",) and d.bases == {"c": {"x": Pair("old", "old")}, "d": {"x": Pair(None, None)}}
    assert [w.link for w in d.due] == ["d"]


def test_an_edit_and_a_first_reading_in_one_decision_are_both_heard():
    d = verdict(OLD, side(A, {"x": "edited"}), new("b", "theirs"), policy=HOLD)
    assert d.golden.fields["x"] == "edited" and d.holds == (Held("x", {"b": "theirs"}, "edited"),)


# ---------------------------------------------------------------- a changed mapping


def remapped(by: str, **options: object):
    """`a` and `b` founded on raw W = web; then the table of `a` says that W is internet."""
    old = {"x": FakeRule("x", knows={"W": "web"})}
    first = verdict(Golden("g1", "customer", "person"), side(link(by), {"x": "W"}, old))
    a = link("a", {"x": Pair("web", "W")})
    return verdict(first.golden, side(a, {"x": "W"}, {"x": FakeRule("x", knows={"W": "internet"}, **options)}))


def test_a_newly_mapped_value_enters_where_the_spoke_is_its_origin():
    d = remapped("a")
    assert d.golden.fields["x"] == "internet" and d.changes[0].reason == "mapping" and d.changes[0].rule == "m.yaml:7:3"


def test_a_newly_mapped_value_of_another_spoke_changes_nothing():
    d = remapped("b")
    assert d.golden.fields["x"] == "web" and d.changes == () and d.due == ()


def test_a_cut_form_is_not_taken_for_a_changed_mapping():
    rule = {"x": FakeRule("x", cut=6)}
    first = verdict(golden({"x": "abcdefgh"}, by="a"), side(link("a"), {"x": "abcdef"}, rule))
    again = verdict(first.golden, side(link("a", first.bases["a"]), {"x": "abcdef"}, rule))
    assert again.golden.fields["x"] == "abcdefgh" and again.changes == ()


def test_a_refused_value_of_a_read_only_field_does_not_come_back_as_a_changed_mapping():
    read = {"x": FakeRule("x", writable=False)}
    founded = verdict(Golden("g1", "customer", "person"), side(link("a"), {"x": "1"}, read))
    b, policy = link("b", {"x": "1"}), Policy(ownership={"x": "b"})
    refused = verdict(founded.golden, side(link("a", founded.bases["a"]), {"x": "2"}, read), side(b), policy=policy)
    assert refused.lost[0].value == "2"
    again = verdict(refused.golden, side(link("a", refused.bases["a"]), {"x": "2"}, read), side(b), policy=policy)
    assert again.golden.fields["x"] == "1" and again.changes == ()


# ---------------------------------------------------------------- back and forth


def alternating(*versions: tuple[str, str, float], policy: Policy | None = None):
    recent = {"x": [(v, by, stamp(at)) for v, by, at in versions]}
    return verdict(
        golden({"x": "p"}, by="b"),
        side(link("a", {"x": "p"}), {"x": "q"}),
        side(link("b", {"x": "p"})),
        recent=recent,
        policy=policy,
    )


def test_a_field_that_two_writers_change_back_and_forth_is_parked():
    d = alternating(("p", "b", 100), ("q", "a", 200), ("p", "b", 300))
    assert d.holds == (Held("x", {"a": "q"}, "p"),) and d.due == () and d.outcome == {"a": "conflicted"}
    assert d.notes[0].what == "parked" and "a and b" in d.notes[0].text
    assert "q" not in d.notes[0].text.split(), "values are personal and do not belong into notes"


@pytest.mark.parametrize("versions", [
    [("q", "a", 200), ("p", "b", 300)],
    [("p", "b", 100), ("r", "a", 200), ("p", "b", 300)],
    [("p", "b", 100), ("q", "a", 200), ("p", "person:kim", 300)],
    [("p", "a", 100), ("q", "a", 200), ("p", "a", 300)],
    [("p", "b", -90_000), ("q", "a", 200), ("p", "b", 300)],
])  # fmt: skip
def test_other_changes_of_mind_are_let_through(versions):
    assert alternating(*versions).golden.fields["x"] == "q"


def test_a_parked_field_stays_parked_while_nothing_else_happens():
    recent = {"x": [("p", "b", stamp(100)), ("q", "a", stamp(200)), ("p", "b", stamp(300))]}
    parked = (Held("x", {"a": "q"}, "p"),)
    a, b = link("a", {"x": "p"}), link("b", {"x": "p"})
    still = verdict(golden({"x": "p"}, by="b"), side(a), side(b), held=parked, recent=recent)
    assert still.holds == parked and still.closed == () and still.bases == {}
    back = verdict(golden({"x": "p"}, by="b"), side(a, {"x": "p"}), side(b), held=parked, recent=recent)
    assert back.holds == () and back.closed == ("x",)


def test_references_are_compared_as_golden_ids():
    refs = Lookup({("a", "Account", "001"): "g8", ("a", "Account", "002"): "g9", ("b", "Account", "77"): "g9"})
    rule = {"x": FakeRule("x", "ref")}
    a, b = link("a", {"x": Pair("g8", "001")}), link("b", {"x": Pair("g8", "70")})
    d = verdict(golden({"x": "g8"}), side(a, {"x": "002"}, rule), side(b, rules=rule), refs=refs)
    assert d.golden.fields["x"] == "g9" and d.due[0].fields[0].raw == "77"
