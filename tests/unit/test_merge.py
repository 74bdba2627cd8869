"""One field, several sides: edits, conflicts, ownership, holds, first readings. Tables of small cases."""

from __future__ import annotations

import pytest

from hub.core.errors import Place
from hub.core.model import FieldChange, Held, Lost, Pair, Policy, Source
from tests.unit.small_hub import FakeRule, golden, link, side, stamp, verdict

HOLD = Policy(conflicts={"default": ("hold",)})
OLD = golden({"x": "old"})
A, B, C = (link(n, {"x": "old"}) for n in "abc")


def new(name: str, value: object, **rest: object):
    """A side that reads the field for the first time."""
    return side(link(name), {"x": value}, **rest)


# ---------------------------------------------------------------- edits


def test_an_edit_changes_golden_and_says_where_it_came_from():
    d = verdict(OLD, side(A, {"x": "new"}), side(B))
    assert d.changes == (FieldChange("x", "old", "new", "a", "edit"),)
    source = d.golden.sources["x"]
    assert (source.by, source.stamp, source.after, source.run) == ("a", stamp(100), stamp(50), "r1")
    assert d.bases == {"a": {"x": Pair("new", "new")}}
    assert [(w.link, w.fields[0].before, w.fields[0].after) for w in d.due] == [("b", "old", "new")]


def test_a_field_that_was_not_read_is_left_alone():
    d = verdict(OLD, side(A, {"y": "1"}, {"x": FakeRule("x")}), side(B))
    assert (d.golden, d.bases, d.due, d.outcome) == (OLD, {}, (), {"a": "unchanged"})


def test_a_cleared_field_is_an_edit():
    d = verdict(OLD, side(A, {"x": None}), side(B))
    assert d.golden.fields == {"x": None} and d.due[0].fields[0].raw is None


def test_a_clear_that_the_mapping_ignores_only_renews_the_form():
    d = verdict(OLD, side(A, {"x": None}, {"x": FakeRule("x", ignore_empty=True)}), side(B))
    assert d.golden == OLD and d.bases == {"a": {"x": Pair("old", None)}} and d.due == ()


def test_another_spelling_renews_the_form_alone():
    d = verdict(OLD, side(A, {"x": " old "}))
    assert d.bases == {"a": {"x": Pair("old", " old ")}} and d.outcome == {"a": "unchanged"}


def test_the_same_edit_on_two_sides_is_no_conflict():
    d = verdict(OLD, side(A, {"x": "new"}), side(B, {"x": "new"}), policy=HOLD)
    assert d.golden.fields["x"] == "new" and d.holds == () and d.due == ()


def test_an_edit_that_equals_golden_only_agrees():
    d = verdict(golden({"x": "new"}, by="b"), side(A, {"x": "new"}), side(link("b", {"x": "new"})))
    assert d.changes == () and d.golden.sources["x"].by == "b" and d.bases == {"a": {"x": Pair("new", "new")}}


def test_our_write_comes_back_and_is_no_edit():
    changed = golden({"x": "Sent Value"}, by="b")
    rule = {"x": FakeRule("x", lower=True)}
    d = verdict(changed, side(A, {"x": "sent value"}, rule, intents={"x": ["older", "Sent Value"]}))
    assert d.bases == {"a": {"x": Pair("Sent Value", "sent value")}} and d.changes == () and d.due == ()


def test_an_older_intent_that_is_read_leaves_the_newer_one_due():
    d = verdict(golden({"x": "two"}, by="b"), side(A, {"x": "one"}, intents={"x": ["one", "two"]}))
    assert d.bases["a"]["x"] == Pair("one", "one") and d.due[0].fields[0].raw == "two"


def test_a_read_that_still_shows_the_old_value_leaves_the_write_due():
    d = verdict(golden({"x": "new"}, by="b"), side(A, {"x": "old"}, intents={"x": ["new"]}))
    assert d.bases == {} and d.due[0].fields[0].raw == "new"


@pytest.mark.parametrize(
    ("raw", "pair", "outcome"),
    [
        ("abcdefgh", Pair("abcdefgh", "abcdefgh"), "unchanged"),
        ("abcdef", Pair("abcdefgh", "abcdef"), "unchanged"),
        ("xyz", Pair("xyz", "xyz"), "applied"),
    ],
)
def test_what_we_sent_is_only_believed_once_it_was_seen(raw, pair, outcome):
    sent = link("a", {"x": Pair("abcdefgh", "abcdefgh", seen=False)})
    d = verdict(golden({"x": "abcdefgh"}, by="b"), side(sent, {"x": raw}, {"x": FakeRule("x", cut=6)}))
    assert d.bases["a"]["x"] == pair and d.outcome["a"] == outcome


# ---------------------------------------------------------------- values that cannot be read


def test_an_unknown_value_is_held_with_its_place_and_the_other_fields_flow():
    rules = {"x": FakeRule("x", knows={"W": "web"}), "y": FakeRule("y")}
    a = link("a", {"x": Pair("web", "W"), "y": "1"})
    d = verdict(golden({"x": "web", "y": "1"}), side(a, {"x": "Fax", "y": "2"}, rules))
    note = d.notes[0]
    assert (note.what, note.path, note.connection, note.place) == ("unknown_value", "x", "a", Place("m.yaml", 7, 3))
    assert d.golden.fields == {"x": "web", "y": "2"} and d.outcome == {"a": "held"}
    assert d.bases["a"]["x"] == Pair("web", "W")


def test_a_value_that_was_settled_stays_settled_when_the_table_forgets_it():
    d = verdict(OLD, side(A, {"x": "old"}, {"x": FakeRule("x", knows={})}))
    assert d.notes == () and d.outcome == {"a": "unchanged"}


def test_an_unresolved_reference_never_clears_and_names_what_it_waits_for():
    a = link("a", {"x": Pair("g7", "007")})
    d = verdict(golden({"x": "g7"}), side(a, {"x": "008"}, {"x": FakeRule("x", "ref", object="Account")}))
    assert d.golden.fields == {"x": "g7"} and d.bases == {} and d.notes[0].waits_for == ("a", "Account", "008")


# ---------------------------------------------------------------- conflicts


def test_newest_wins_where_it_is_knowable_and_the_loser_is_kept_and_written_back():
    sides = side(A, {"x": "early"}, at=100, after=50), side(B, {"x": "late"}, at=300, after=200)
    policy = Policy(conflicts={"x": ("newest",)}, rule_places={"x": Place("s.yaml", 9, 20)})
    d = verdict(OLD, *sides, policy=policy)
    rule = "conflicts.x: newest (s.yaml:9:20)"
    assert d.lost == (Lost("x", "early", "a", "conflict", rule),)
    assert d.changes == (FieldChange("x", "old", "late", "b", "conflict", rule),)
    assert d.bases["a"]["x"] == Pair("early", "early") and d.due[0].link == "a"
    assert d.outcome == {"a": "applied", "b": "applied"}


def test_what_no_policy_decides_is_held():
    d = verdict(OLD, side(A, {"x": "1"}), side(B, {"x": "2"}))
    assert d.holds == (Held("x", {"a": "1", "b": "2"}, "old"),) and d.golden == OLD and d.due == ()


def test_golden_is_a_candidate_only_if_no_editing_side_had_seen_it():
    recent = golden({"x": "hub"}, by="c", at=90, after=80)
    d = verdict(recent, side(A, {"x": "1"}), policy=HOLD)
    assert d.holds == (Held("x", {"a": "1"}, "hub"),)
    seen = verdict(recent, side(link("a", {"x": "hub"}), {"x": "1"}), side(B, {"x": "2"}), policy=HOLD)
    assert seen.holds == (Held("x", {"a": "1", "b": "2"}, "hub"),)


def test_a_side_whose_form_is_only_a_cut_had_seen_the_golden_value():
    b = link("b", {"x": Pair("abcdefgh", "abcdef")})
    d = verdict(golden({"x": "abcdefgh"}), side(b, {"x": "abc"}, {"x": FakeRule("x", cut=6)}), policy=HOLD)
    assert d.golden.fields["x"] == "abc" and d.holds == ()


def test_golden_can_win_by_rank_and_can_lose():
    recent = golden({"x": "hub"}, by="c")
    wins = verdict(recent, side(A, {"x": "1"}), policy=Policy(conflicts={"default": ("c",)}))
    assert wins.golden == recent and wins.lost[0].value == "1" and wins.due[0].fields[0].raw == "hub"
    loses = verdict(recent, side(A, {"x": "1"}), policy=Policy(conflicts={"default": ("a",)}))
    assert loses.golden.fields["x"] == "1" and [(p.value, p.connection) for p in loses.lost] == [("hub", "c")]


def test_golden_can_win_as_the_newest_where_its_interval_is_known():
    recent = golden({"x": "hub"}, by="c", at=500, after=400)
    d = verdict(recent, side(A, {"x": "1"}, at=100), policy=Policy(conflicts={"default": ("newest",)}))
    assert d.golden.fields["x"] == "hub" and d.lost[0].value == "1"


def test_a_path_has_its_own_chain_and_the_default_serves_the_rest():
    policy = Policy(conflicts={"default": ("b",), "x": ("a",)})
    a, b = link("a", {"x": "0", "y": "0"}), link("b", {"x": "0", "y": "0"})
    d = verdict(
        golden({"x": "0", "y": "0"}), side(a, {"x": "a", "y": "a"}), side(b, {"x": "b", "y": "b"}), policy=policy
    )
    assert d.golden.fields == {"x": "a", "y": "b"}
    assert {p.rule for p in d.lost} == {"conflicts.x: a", "conflicts.default: b"}


# ---------------------------------------------------------------- ownership

OWNED = Policy(ownership={"x": "a"}, rule_places={"ownership.x": Place("s.yaml", 4, 1)})


def test_an_edit_by_another_than_the_owner_is_written_back_and_kept():
    d = verdict(OLD, side(A), side(B, {"x": "mine"}), policy=OWNED)
    assert d.lost == (Lost("x", "mine", "b", "ownership", "ownership.x: a (s.yaml:4:1)"),)
    assert d.golden == OLD and d.due[0].link == "b" and d.due[0].fields[0].raw == "old"


def test_the_owner_wins_over_any_other_edit_whatever_the_policy_for_conflicts():
    d = verdict(OLD, side(A, {"x": "owner"}, at=60), side(B, {"x": "mine"}, at=900, after=800), policy=OWNED)
    assert d.golden.fields["x"] == "owner" and d.changes[0].reason == "ownership" and d.lost[0].value == "mine"


def test_the_owner_wins_over_a_golden_value_that_it_had_not_seen():
    d = verdict(golden({"x": "filled"}, by="b"), side(A, {"x": "owner"}), policy=OWNED)
    assert d.golden.fields["x"] == "owner" and [(p.value, p.connection) for p in d.lost] == [("filled", "b")]


def test_until_the_owner_has_a_value_others_may_fill_the_field():
    empty = link("a", {"x": None})
    d = verdict(golden({"x": None}, by="b"), side(empty), side(link("b", {"x": None}), {"x": "filled"}), policy=OWNED)
    assert d.golden.fields["x"] == "filled" and d.lost == () and d.due[0].link == "a"
    without = verdict(OLD, side(B, {"x": "filled"}), policy=OWNED)
    assert without.golden.fields["x"] == "filled"


def test_the_owners_own_clear_wins_and_stays():
    cleared = verdict(OLD, side(A, {"x": None}), side(B, {"x": "mine"}), policy=OWNED)
    assert cleared.golden.fields == {"x": None} and cleared.lost[0].value == "mine"
    a, b = link("a", cleared.bases["a"]), link("b", {"x": None})
    later = verdict(cleared.golden, side(a), side(b, {"x": "again"}), policy=OWNED)
    assert later.golden.fields == {"x": None} and later.lost[0].reason == "ownership"


def test_an_owner_whose_link_ended_owns_nothing_any_more():
    gone = link("a", {"x": "old"}, state="ended", why="deleted")
    assert verdict(OLD, side(gone), side(B, {"x": "new"}), policy=OWNED).golden.fields["x"] == "new"


def test_an_owner_that_saw_the_golden_value_overrules_nobody():
    d = verdict(golden({"x": "old"}, by="b"), side(A, {"x": "owner"}), policy=OWNED)
    assert d.lost == () and d.changes[0].reason == "edit"


def test_an_owner_that_was_never_read_does_not_own_yet():
    d = verdict(golden({"x": "old"}, by="b"), side(link("a")), side(B, {"x": "new"}), policy=OWNED)
    assert d.golden.fields["x"] == "new"


def test_one_record_of_the_owner_with_a_value_is_enough():
    empty = link("a2", {"x": None}, connection="a", primary=False)
    d = verdict(golden({"x": "old"}, by="b"), side(empty), side(A), side(B, {"x": "new"}), policy=OWNED)
    assert d.golden.fields["x"] == "old" and d.lost[0].value == "new"


def test_first_readings_in_conflict_may_fill_what_the_owner_cleared():
    cleared = golden({"x": None}, by="a")
    claims = (Held("x", {"b": "1", "c": "2"}, None),)
    a = side(link("a", {"x": None}))
    both = verdict(cleared, a, new("b", "1"), new("c", "2"), held=claims, policy=OWNED)
    assert both.holds == claims and both.lost == () and both.bases == {}
    agreed = verdict(cleared, a, new("b", "2"), new("c", "2"), held=claims, policy=OWNED)
    assert agreed.golden.fields["x"] == "2" and agreed.closed == ("x",) and agreed.due[0].link == "a"


def test_an_owner_that_is_read_for_the_first_time_owns_at_once():
    d = verdict(golden({"x": "old"}, by="b"), new("a", "owner"), side(B, {"x": "mine"}), policy=OWNED)
    assert d.golden.fields["x"] == "owner" and {p.value for p in d.lost} == {"mine", "old"}


# ---------------------------------------------------------------- holds


def held(**claims: object):
    return (Held("x", claims, "old"),)


def test_an_open_hold_keeps_the_field_out_of_every_write():
    ahead = link("c", {"x": "other"})
    d = verdict(OLD, side(A), side(B), side(ahead), held=held(a="1", b="2"))
    assert d.holds == held(a="1", b="2") and d.due == () and d.bases == {} and d.outcome == {}


def test_a_later_reading_replaces_a_claim():
    d = verdict(OLD, side(A, {"x": "1b"}), side(B), held=held(a="1", b="2"))
    assert d.holds == held(a="1b", b="2") and d.outcome == {"a": "conflicted"}


def test_a_third_side_joins_an_open_conflict():
    d = verdict(OLD, side(A), side(B), side(C, {"x": "3"}), held=held(a="1", b="2"))
    assert d.holds == held(a="1", b="2", c="3")


def test_a_side_that_is_not_part_of_the_conflict_is_unchanged():
    d = verdict(OLD, side(A), side(B), side(C, {"x": "old"}), held=held(a="1", b="2"))
    assert d.outcome == {"c": "unchanged"} and d.holds == held(a="1", b="2")


def test_a_hold_closes_when_only_one_value_is_asked_for():
    d = verdict(OLD, side(A, {"x": "old"}), side(B), side(C), held=held(a="1", b="2"))
    assert d.closed == ("x",) and d.holds == () and d.golden.fields["x"] == "2"
    assert d.bases == {"b": {"x": Pair("2", "2")}} and [w.link for w in d.due] == ["a", "c"]


def test_a_hold_closes_when_the_sides_come_to_agree():
    d = verdict(OLD, side(A, {"x": "2"}), side(B), held=held(a="1", b="2"))
    assert d.closed == ("x",) and d.golden.fields["x"] == "2" and d.due == ()


def test_a_hold_against_golden_stays_open_with_one_claim():
    d = verdict(golden({"x": "hub"}, by="c"), side(A, {"x": "1"}), held=(Held("x", {"a": "1"}, "hub"),))
    assert d.holds == (Held("x", {"a": "1"}, "hub"),)


def test_a_hold_whose_claims_are_all_taken_back_closes_without_a_change():
    d = verdict(OLD, side(A, {"x": "old"}), side(B, {"x": "old"}), held=held(a="1", b="2"))
    assert d.closed == ("x",) and d.golden == OLD and d.lost == ()


def test_a_hold_is_never_decided_by_a_policy_that_could_decide_it_later():
    newest = Policy(conflicts={"default": ("newest",)})
    d = verdict(
        OLD, side(A, {"x": "1"}, at=60), side(B, {"x": "2"}, at=900, after=800), held=held(a="1", b="2"), policy=newest
    )
    assert d.holds == held(a="1", b="2")


def test_the_claim_of_a_deleted_record_is_dropped_and_kept_for_the_audit():
    d = verdict(OLD, side(A, {}, kind="deleted"), side(B), held=held(a="1", b="2"))
    assert (
        d.closed == ("x",) and d.golden.fields["x"] == "2" and [(p.value, p.connection) for p in d.lost] == [("1", "a")]
    )


def test_a_claim_that_cannot_be_read_any_more_stays_open():
    rules = {"x": FakeRule("x", knows={"2": "2"})}
    d = verdict(OLD, side(A, rules=rules), side(B, rules=rules), held=held(a="1", b="2"))
    assert d.holds == held(a="1", b="2")


def test_the_other_fields_of_a_record_in_conflict_flow():
    a, b = link("a", {"x": "old", "y": "0"}), link("b", {"x": "old", "y": "0"})
    d = verdict(golden({"x": "old", "y": "0"}), side(a, {"x": "1", "y": "9"}), side(b, {"x": "2"}), policy=HOLD)
    assert d.golden.fields == {"x": "old", "y": "9"} and [f.path for w in d.due for f in w.fields] == ["y"]
    assert d.outcome == {"a": "conflicted", "b": "conflicted"}


def test_a_person_decides_and_every_side_gives_way():
    d = verdict(OLD, side(A), side(B), side(C), held=held(a="1", b="2"), resolved={"x": ("2", "person:kim")})
    assert d.golden.sources["x"] == Source("person:kim", stamp(1000), "r1")
    assert d.changes == (FieldChange("x", "old", "2", "person:kim", "decision", "person:kim"),)
    assert d.lost == (Lost("x", "1", "a", "decision", "person:kim"),)
    assert d.holds == () and [w.link for w in d.due] == ["a", "c"] and d.bases["b"]["x"] == Pair("2", "2")


def test_a_person_may_decide_for_a_value_that_nobody_asked_for():
    d = verdict(OLD, side(A), side(B), held=held(a="1", b="2"), resolved={"x": ("3", "person:kim")})
    assert d.golden.fields["x"] == "3" and len(d.lost) == 2 and [w.link for w in d.due] == ["a", "b"]


def test_a_decision_against_an_unseen_golden_value_keeps_that_value_too():
    d = verdict(
        golden({"x": "hub"}, by="c"), side(A), held=(Held("x", {"a": "1"}, "hub"),), resolved={"x": ("1", "person:kim")}
    )
    assert [(p.value, p.connection) for p in d.lost] == [("hub", "c")]


def test_a_decision_against_a_first_reading_keeps_the_golden_value_for_the_audit():
    d = verdict(OLD, new("b", "theirs"), held=held(b="theirs"), resolved={"x": ("theirs", "person:kim")})
    assert d.golden.fields["x"] == "theirs" and [(p.value, p.reason) for p in d.lost] == [("old", "decision")]
