"""Stories of conflicts on hold: both values wait, the rest flows, a person decides, and that stays decided."""

from __future__ import annotations

import pytest

from hub.core.errors import Refused
from hub.core.model import Policy
from hub.engine import repair
from tests.simulation.stories.kit import (
    adds_up,
    audited,
    conflicts,
    heal,
    lost_values,
    open_operations,
    resolve,
    silent,
    unreachable,
)
from tests.simulation.world import spoke, sync, world

HOLD = Policy(conflicts={"default": ("hold",)})


def in_conflict(*names: str):
    """A title edited differently in a and b; further spokes only look on."""
    w = world(sync(*(spoke(n) for n in ("a", "b", *names)), policy=HOLD))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    adds_up(w.run())
    return w, a, b


def titles(w):
    return {r: w.only(r)["title"] for r in w.remotes}


def test_a_conflict_on_hold_waits_with_both_values_and_freezes_that_field_alone():
    w, a, _ = in_conflict()
    (one,) = conflicts(w)
    assert sorted(one["shown"].values()) == ["Boss", "Chief"] and one["hub_value"] == "Clerk"
    assert titles(w) == {"a": "Chief", "b": "Boss"}
    w.edit("a", a, first="Anna")
    adds_up(w.run())
    assert w.only("b")["first"] == "Anna"
    assert titles(w) == {"a": "Chief", "b": "Boss"}
    silent(w)
    assert len(conflicts(w)) == 1


@pytest.mark.parametrize(("keep", "value"), [("a", "Chief"), ("b", "Boss"), ("hub", "Clerk")])
def test_a_resolved_conflict_is_written_to_those_who_lost_and_stays_resolved(keep, value):
    w, _, _ = in_conflict()
    resolve(w, keep=keep)
    adds_up(w.run())
    assert set(titles(w).values()) == {value}
    assert {v for _, v, _ in lost_values(w)} == {"Chief", "Boss"} - {value}
    silent(w)
    assert not conflicts(w)


def test_a_person_may_decide_for_a_value_that_nobody_had():
    w, _, _ = in_conflict()
    resolve(w, value="Director")
    adds_up(w.run())
    assert titles(w) == {"a": "Director", "b": "Director"}
    (decided,) = audited(w, "conflict decided")
    assert decided["actor"] == "person:ana"
    silent(w)


def test_a_conflict_that_was_decided_cannot_be_decided_again():
    w, _, _ = in_conflict()
    (one,) = conflicts(w)
    repair.resolve_conflict(w.hub, one["id"], keep="a")
    with pytest.raises(Refused, match="no open conflict"):
        repair.resolve_conflict(w.hub, one["id"], keep="b")


def test_keeping_a_spoke_that_has_no_value_in_the_conflict_is_refused_and_names_those_that_have():
    w, _, _ = in_conflict()
    (one,) = conflicts(w)
    with pytest.raises(Refused) as refused:
        repair.resolve_conflict(w.hub, one["id"], keep="zz")
    assert "a, b, hub" in refused.value.next
    assert len(conflicts(w)) == 1


def test_a_hold_is_open_and_a_takes_its_edit_back_so_b_stands_everywhere():
    w, a, _ = in_conflict("c")
    w.edit("a", a, title="Clerk")
    w.runs(2)
    assert not conflicts(w)
    assert set(titles(w).values()) == {"Boss"}
    silent(w)


def test_a_hold_is_open_and_a_takes_its_edit_back_then_the_hold_is_resolved_and_all_sides_agree():
    w, a, _ = in_conflict("c")
    (one,) = conflicts(w)
    w.edit("a", a, title="Clerk")
    repair.resolve_conflict(w.hub, one["id"], keep="a")
    w.runs(2)
    assert len(set(titles(w).values())) == 1
    silent(w)
    assert not conflicts(w)


def test_a_hold_is_open_and_both_sides_come_to_the_same_value_so_it_closes_by_itself():
    w, a, b = in_conflict("c")
    w.edit("a", a, title="Head")
    w.edit("b", b, title="Head")
    w.runs(2)
    assert set(titles(w).values()) == {"Head"} and not conflicts(w)
    silent(w)


def test_a_later_edit_renews_its_sides_claim_and_does_not_open_a_second_conflict():
    w, a, _ = in_conflict()
    w.edit("a", a, title="Captain")
    w.run()
    (one,) = conflicts(w)
    assert sorted(one["shown"].values()) == ["Boss", "Captain"]
    resolve(w, keep="a")
    w.run()
    assert set(titles(w).values()) == {"Captain"}
    silent(w)


def test_a_third_spoke_that_edits_joins_the_open_conflict():
    w, _, _ = in_conflict("c")
    (c,) = w.rows("c")
    w.edit("c", c, title="Queen")
    w.run()
    (one,) = conflicts(w)
    assert sorted(one["shown"].values()) == ["Boss", "Chief", "Queen"]
    resolve(w, keep="c")
    w.run()
    assert set(titles(w).values()) == {"Queen"}
    silent(w)


def test_a_record_created_in_a_third_spoke_while_a_field_is_in_conflict_is_created_without_that_field():
    w, _, _ = in_conflict()
    w.with_sync(sync(spoke("a"), spoke("b"), spoke("c"), policy=HOLD))
    w.run()
    assert w.only("c")["first"] == "Ana" and w.only("c")["title"] is None
    resolve(w, keep="b")
    w.runs(2)
    assert set(titles(w).values()) == {"Boss"}
    silent(w)


def test_an_unsent_write_of_a_field_that_comes_into_conflict_is_withdrawn():
    w = world(sync(spoke("a"), spoke("b"), spoke("c"), policy=HOLD))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    (b,) = w.rows("b")
    unreachable(w, "c")
    w.edit("a", a, title="Chief")
    w.run()
    assert [o.raw for o in open_operations(w) if o.connection == "c"] == [{"title": "Chief"}]
    w.edit("a", a, title="Captain")
    w.edit("b", b, title="Boss")
    w.run()
    assert len(conflicts(w)) == 1
    assert not open_operations(w)
    heal(w)
    w.run()
    assert titles(w)["c"] == "Clerk"
    resolve(w, keep="b")
    w.run()
    assert set(titles(w).values()) == {"Boss"}
    silent(w)


def test_a_conflict_decided_while_one_side_is_unreachable_reaches_it_later():
    w, _, _ = in_conflict()
    unreachable(w, "b")
    resolve(w, keep="a")
    w.run()
    assert titles(w)["b"] == "Boss"
    heal(w)
    w.run()
    assert set(titles(w).values()) == {"Chief"}
    silent(w)


def test_ranked_spokes_decide_at_once_and_the_value_that_lost_is_in_the_audit_log():
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(conflicts={"default": ("b", "a")})))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    w.runs(2)
    assert set(titles(w).values()) == {"Boss"} and not conflicts(w)
    assert lost_values(w) == [("job_title", "Chief", "conflict")]
    silent(w)


def test_a_side_that_is_read_for_the_first_time_during_a_hold_is_told_what_is_decided():
    w = world(sync(spoke("a"), spoke("b"), policy=HOLD))
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(2)
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    w.run()
    w.with_sync(sync(spoke("a"), spoke("b"), spoke("c"), policy=HOLD))
    c = w.person("c", first="Eve", mail="ana@example.org", title="Clerk")
    w.run()
    for _ in range(2):
        one = min(conflicts(w), key=lambda x: x["path"] != "job_title")
        repair.resolve_conflict(w.hub, one["id"], keep="a" if one["path"] == "job_title" else "hub", by="ana")
        w.run()
    w.run()
    assert [w.rows(n)[i]["title"] for n, i in (("a", a), ("b", b), ("c", c))] == ["Chief"] * 3
