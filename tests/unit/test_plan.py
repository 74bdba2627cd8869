"""Whole decisions: links, deletes, outcomes, and what the answer must always look like."""

from __future__ import annotations

import pytest

from hub.core.model import Due, Held, Pair, Policy
from tests.unit.small_hub import FakeRule, golden, link, side, verdict

OLD = golden({"x": "old"})
A, B, C = (link(n, {"x": "old"}) for n in "abc")
ALL = frozenset({"create", "update", "delete"})
DELETE = Policy(deletes="delete")


def gone(name: str = "a", **rest: object):
    return side(link(name, {"x": "old"}, **rest), {}, kind="deleted")


def test_nothing_new_gives_nothing():
    d = verdict(OLD, side(A), side(B))
    assert d.golden is OLD and (d.bases, d.links, d.changes, d.due, d.outcome) == ({}, (), (), (), {})


def test_bases_are_complete_for_the_links_that_changed():
    a = link("a", {"x": "old", "y": Pair("1", "1 ", seen=False)})
    d = verdict(golden({"x": "old", "y": "1"}), side(a, {"x": "new"}), side(B))
    assert d.bases == {"a": {"x": Pair("new", "new"), "y": Pair("1", "1 ", seen=False)}}


# ---------------------------------------------------------------- deletes


@pytest.mark.parametrize("policy", ["ignore", "unlink"])
def test_a_delete_ends_its_link_and_touches_nothing_else(policy):
    d = verdict(OLD, gone(), side(B, writes=ALL), policy=Policy(deletes=policy))
    assert [(k.id, k.state, k.why) for k in d.links] == [("a", "ended", "deleted")]
    assert d.due == () and d.golden == OLD and d.outcome == {"a": "applied"}


@pytest.mark.parametrize("policy", ["delete", "archive"])
def test_a_delete_is_passed_on_where_the_sync_says_so_and_the_spoke_allows_it(policy):
    second = side(link("d", {"x": "old"}, primary=False), writes=ALL)
    d = verdict(OLD, gone(), side(B, writes=ALL), side(C), second, policy=Policy(deletes=policy))
    assert d.due == (Due("b", policy),)


def test_a_delete_takes_the_place_of_an_update():
    d = verdict(
        golden({"x": "old", "y": "9"}), gone(), side(link("b", {"x": "old", "y": "1"}), writes=ALL), policy=DELETE
    )
    assert d.due == (Due("b", "delete"),)


def test_a_delete_against_an_edit_is_held_and_the_edit_is_kept():
    d = verdict(OLD, gone(), side(B, {"x": "new"}, writes=ALL), side(C, writes=ALL), policy=DELETE)
    assert [(w.link, w.action) for w in d.due] == [("c", "update")] and d.golden.fields["x"] == "new"
    assert d.outcome == {"a": "held", "b": "applied"} and [n.what for n in d.notes] == ["delete_against_edit"]


def test_an_edit_that_the_deleting_side_had_not_got_yet_counts_as_well():
    d = verdict(golden({"x": "newer"}, by="b"), gone(), side(link("b", {"x": "newer"}), writes=ALL), policy=DELETE)
    assert d.due == () and d.outcome == {"a": "held"}


def test_an_open_conflict_keeps_everything():
    held = (Held("x", {"b": "1", "c": "2"}, "old"),)
    d = verdict(OLD, gone(), side(B, writes=ALL), side(C, writes=ALL), policy=DELETE, held=held)
    assert d.due == () and d.outcome == {"a": "held"} and d.holds == held


def test_a_sync_may_say_that_deletes_win():
    policy = Policy(deletes="delete", delete_against_edit="delete")
    d = verdict(OLD, gone(), side(B, {"x": "new"}, writes=ALL), policy=policy)
    assert d.due == (Due("b", "delete"),)


def test_a_delete_of_a_surplus_or_out_of_scope_record_is_not_passed_on():
    for rest in ({"primary": False}, {"state": "suspended"}):
        d = verdict(OLD, gone(**rest), side(B, writes=ALL), policy=DELETE)
        assert d.due == () and d.links[0].state == "ended"


def test_two_deletes_at_once_leave_nothing_to_delete_between_them():
    d = verdict(OLD, gone("a"), gone("b"), side(C, writes=ALL), policy=DELETE)
    assert d.due == (Due("c", "delete"),) and d.outcome == {"a": "applied", "b": "applied"}


def test_an_unsent_delete_stays_due_while_nothing_happens():
    ended = link("a", {"x": "old"}, state="ended", why="deleted")
    d = verdict(OLD, side(ended), side(B, writes=ALL, deleting="delete"), policy=DELETE)
    assert d.due == (Due("b", "delete"),)


def test_an_unsent_delete_is_withdrawn_when_the_record_is_restored():
    ended = link("a", {"x": "old"}, state="ended", why="deleted")
    d = verdict(OLD, side(ended, {"x": "old"}, kind="restored"), side(B, writes=ALL, deleting="delete"), policy=DELETE)
    assert d.due == () and d.links[0].state == "linked" and d.notes == ()


def test_a_delete_that_is_told_again_changes_nothing():
    ended = link("a", {"x": "old"}, state="ended", why="deleted")
    d = verdict(OLD, side(ended, {}, kind="deleted"), side(B, writes=ALL), policy=DELETE)
    assert d.links == () and d.due == () and d.outcome == {"a": "unchanged"}


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(
    ("state", "why"), [("refused", ""), ("ended", "unlinked"), ("ended", "merged"), ("ended", "converted")]
)
def test_a_link_that_people_or_merges_ended_is_not_reopened(state, why):
    closed = link("a", {"x": "old"}, state=state, why=why)
    for kind in ("updated", "restored"):
        d = verdict(OLD, side(closed, {"x": "new"}, kind=kind), side(B))
        assert d.golden == OLD and d.links == () and d.outcome == {"a": "unchanged"}


def test_an_update_of_a_deleted_record_is_not_believed_unless_it_was_restored():
    ended = link("a", {"x": "old"}, state="ended", why="deleted")
    assert verdict(OLD, side(ended, {"x": "new"}), side(B)).golden == OLD
    back = verdict(OLD, side(ended, {"x": "new"}, kind="restored"), side(B))
    assert back.golden.fields["x"] == "new" and (back.links[0].state, back.links[0].why) == ("linked", "")


def test_a_suspended_record_that_reports_again_is_linked_again_and_merged_by_its_old_base():
    asleep = link("a", {"x": "old"}, state="suspended")
    d = verdict(golden({"x": "hub"}, by="b"), side(asleep, {"x": "old"}))
    assert d.links[0].state == "linked" and d.lost == () and d.due[0].fields[0].raw == "hub"


def test_a_secondary_record_is_read_and_never_written():
    d = verdict(OLD, side(A), side(link("a2", {"x": "old"}, connection="a", primary=False), {"x": "new"}))
    assert d.golden.fields["x"] == "new" and [w.link for w in d.due] == ["a"]


# ---------------------------------------------------------------- outcomes


def test_a_record_has_the_worst_of_its_outcomes():
    rules = {
        "bad": FakeRule("bad", knows={}),
        "open": FakeRule("open"),
        "org": FakeRule("org", "ref", required=True),
        "x": FakeRule("x"),
    }
    held = (Held("open", {"a": "1", "b": "2"}, None),)
    said = {"bad": "?", "open": "1", "org": "001", "x": "new"}
    outcomes = []
    for missing in ("", "bad", "open", "org", "x"):
        said.pop(missing, None)
        base = {"x": "old", "open": None}
        open_now = held if "open" in said else ()
        d = verdict(OLD, side(link("a", base), said, rules), side(link("b", base), rules=rules), held=open_now)
        outcomes.append(d.outcome["a"])
    assert outcomes == ["held", "conflicted", "waiting", "applied", "unchanged"]


def test_only_links_that_reported_have_an_outcome():
    assert verdict(OLD, side(A, {"x": "new"}), side(B)).outcome == {"a": "applied"}


def test_a_first_link_that_only_agrees_is_applied():
    assert verdict(OLD, side(link("b"), {"x": "old"}), side(A)).outcome == {"b": "applied"}


def test_a_decision_takes_effect_without_any_reading():
    d = verdict(OLD, side(A), side(B), resolved={"x": ("by hand", "person:kim")})
    assert d.golden.fields["x"] == "by hand" and [w.link for w in d.due] == ["a", "b"] and d.outcome == {}


def test_a_hold_about_a_field_that_no_mapping_has_any_more_closes_with_its_values_kept():
    d = verdict(OLD, side(A), side(B), held=(Held("gone", {"a": "1", "b": "2"}, None),))
    assert d.holds == () and d.closed == ("gone",) and [p.value for p in d.lost] == ["1", "2"]
