"""Stories of plain edits: who may change a field, who wins, and what becomes of the value that did not."""

from __future__ import annotations

from hub.core.model import Policy
from tests.simulation.stories.kit import (
    adds_up,
    agree,
    conflicts,
    heal,
    lost_values,
    open_operations,
    resolve,
    settle_down,
    silent,
    unreachable,
)
from tests.simulation.world import mapping, spoke, sync, world

HOLD = Policy(conflicts={"default": ("hold",)})


def two(**options):
    """One person, linked and at rest in a and b."""
    w = world(sync(spoke("a", **options.pop("a", {})), spoke("b", **options.pop("b", {})), **options))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    adds_up(w.run())
    (b,) = w.rows("b")
    return w, a, b


def test_an_edit_travels_to_the_other_side_and_nothing_else_is_written():
    w, a, _ = two()
    before = w.written()
    w.edit("a", a, title="Head of sales")
    adds_up(w.run())
    assert w.only("b")["title"] == "Head of sales"
    (call,) = w["b"].writes[-1:]
    assert call.write.fields == {"title": "Head of sales"} and w.written() == before + 1
    silent(w)


def test_erp_owns_a_field_and_a_person_edits_it_in_b_so_b_is_written_back_and_the_edit_is_audited():
    w, _, b = two(policy=Policy(ownership={"job_title": "a"}))
    w.edit("b", b, title="Chief")
    w.runs(2)
    assert w.only("a")["title"] == w.only("b")["title"] == "Clerk"
    assert lost_values(w) == [("job_title", "Chief", "ownership")]
    assert not any("title" in c.write.fields for c in w["a"].writes)
    silent(w)


def test_the_owner_edits_while_b_edits_too_and_the_owner_stands():
    w, a, b = two(policy=Policy(ownership={"job_title": "a"}))
    w.edit("b", b, title="Chief")
    w.edit("a", a, title="Director")
    w.runs(2)
    assert w.only("a")["title"] == w.only("b")["title"] == "Director"
    assert ("job_title", "Chief", "ownership") in lost_values(w)
    silent(w)


def test_the_owner_clears_its_field_and_b_is_cleared_too():
    w, a, _ = two(policy=Policy(ownership={"job_title": "a"}))
    w.edit("a", a, title=None)
    w.run()
    assert w.only("b")["title"] is None
    silent(w)


def test_others_may_fill_a_field_that_its_owner_left_empty():
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(ownership={"job_title": "a"})))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.run()
    (b,) = w.rows("b")
    w.edit("b", b, title="Chief")
    w.run()
    assert w.only("a")["title"] == "Chief"
    silent(w)


def test_a_read_only_field_is_edited_twice_in_a_and_does_not_conflict_with_itself():
    only_read = {"field": "title", "direction": "read"}
    w = world(
        sync(spoke("a", mapping=mapping(job_title=only_read)), spoke("b"), policy=HOLD),
    )
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    for title in ("Chief", "Director"):
        w.edit("a", a, title=title)
        w.run()
        assert not conflicts(w)
        assert w.only("b")["title"] == title
    silent(w)


def test_an_edit_of_a_field_that_b_is_only_written_is_reported_and_left():
    only_written = {"field": "title", "direction": "write"}
    w = world(sync(spoke("a"), spoke("b", mapping=mapping(job_title=only_written))))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    (b,) = w.rows("b")
    w.run()
    w.edit("b", b, title="Chief")
    w.run()
    assert w.only("a")["title"] == "Clerk" and w.only("b")["title"] == "Chief"
    silent(w)


def test_three_people_edit_the_same_field_in_one_run_and_one_decision_with_three_values_writes_back_two():
    w = world(sync(spoke("a"), spoke("b"), spoke("c"), policy=HOLD))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    (b,), (c,) = w.rows("b"), w.rows("c")
    for remote, id, title in (("a", a, "One"), ("b", b, "Two"), ("c", c, "Three")):
        w.edit(remote, id, title=title)
    told = w.run()
    adds_up(told)
    assert told.outcomes["conflicted"] == 3
    (one,) = conflicts(w)
    assert sorted(one["shown"].values()) == ["One", "Three", "Two"] and one["hub_value"] == "Clerk"
    before = w.written()
    resolve(w, keep="b")
    adds_up(w.run())
    assert [w.only(r)["title"] for r in "abc"] == ["Two", "Two", "Two"]
    assert w.written() == before + 2
    assert sorted(v for _, v, _ in lost_values(w)) == ["One", "Three"]
    assert not conflicts(w)
    silent(w)


def test_three_people_edit_between_two_reads_and_which_is_newest_is_not_knowable_so_a_person_decides():
    w = world(sync(spoke("a"), spoke("b"), spoke("c"), policy=Policy(clock_tolerance=0.1)))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.run()
    (b,), (c,) = w.rows("b"), w.rows("c")
    for remote, id, title in (("a", a, "One"), ("b", b, "Two"), ("c", c, "Three")):
        w.edit(remote, id, title=title)
    w.run()
    # All three were edited between the same two reads: which is newer is not knowable without history.
    (one,) = conflicts(w)
    resolve(w, value="Four")
    w.run()
    assert [w.only(r)["title"] for r in "abc"] == ["Four"] * 3
    assert one["path"] == "job_title"
    silent(w)


def test_an_edit_made_and_taken_back_while_it_is_still_pending_sends_nothing():
    w, a, _ = two()
    w["b"].hook = lambda event: None
    w.edit("a", a, title="Chief")
    w.edit("a", a, title="Clerk")
    before = w.written()
    adds_up(w.run())
    assert w.written() == before and w.only("b")["title"] == "Clerk"
    silent(w)


def test_an_edit_taken_back_before_it_could_be_sent_withdraws_the_write():
    w, a, _ = two()
    w.edit("a", a, title="Chief")
    unreachable(w, "b")
    w.run()
    w.edit("a", a, title="Clerk")
    heal(w)
    before = w.written()
    adds_up(w.run())
    assert w.written() == before and w.only("b")["title"] == "Clerk"
    assert not open_operations(w)
    silent(w)


def test_different_fields_edited_on_two_sides_at_once_both_arrive():
    w, a, b = two(policy=HOLD)
    w.edit("a", a, title="Chief")
    w.edit("b", b, phone="+34 600 100 200")
    w.runs(2)
    assert not conflicts(w)
    agree(w, "first", "last", "mail", "title")
    assert w.only("b")["title"] == "Chief" and w.only("a")["phone"] == "+34600100200"
    settle_down(w)


def test_tags_added_on_both_sides_unite_and_a_removed_one_goes_everywhere():
    w, a, b = two()
    w.edit("a", a, tags="gold;north")
    w.run()
    w.edit("a", a, tags="gold;north;vip")
    w.edit("b", b, tags="gold")
    w.runs(2)
    assert w.only("a")["tags"] == w.only("b")["tags"] == "gold;vip"
    assert not conflicts(w)
    silent(w)
