"""Stories of links: what belongs together stays together, what was parted stays parted, and nobody gets a twin."""

from __future__ import annotations

from typing import Any

from hub.core import expressions
from hub.engine import repair
from tests.simulation.stories.kit import (
    adds_up,
    audited,
    golden_count,
    golden_of,
    kill,
    letters,
    links,
    open_reviews,
    settle_down,
    silent,
)
from tests.simulation.world import F, profile, spoke, sync, world


def linked(*names: str, **options):
    w = world(sync(*(spoke(n) for n in names or ("a", "b")), **options))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.run()
    (b,) = w.rows("b")
    return w, a, b


# ---------------------------------------------------------------- unlink


def test_a_person_unlinks_a_and_b_then_edits_b_and_neither_side_creates_a_twin():
    w, a, b = linked()
    repair.unlink(w.hub, golden_of(w, "a", a), "b")
    w.edit("b", b, title="Chief")
    w.edit("a", a, title="Boss")
    for _ in range(3):
        adds_up(w.run())
    w.run(full=True)
    assert len(w.rows("a")) == len(w.rows("b")) == 1
    assert w.only("a")["title"] == "Boss" and w.only("b")["title"] == "Chief"
    silent(w)


def test_both_sides_of_an_unlinked_pair_are_never_linked_again_by_rule():
    w, a, b = linked()
    repair.unlink(w.hub, golden_of(w, "a", a), "b")
    w.edit("b", b, mail="other@example.org")
    w.run()
    w.edit("b", b, mail="ana@example.org")
    w.runs(2)
    assert links(w, "b")[b].state == "refused"
    assert len(w.rows("a")) == len(w.rows("b")) == 1
    silent(w)


def test_identity_is_the_link_and_not_the_e_mail_so_a_changed_address_makes_no_second_record():
    w, a, _ = linked()
    w.edit("a", a, mail="ana.diaz@example.net")
    w.run()
    assert w.only("b")["mail"] == "ana.diaz@example.net"
    silent(w)


# ---------------------------------------------------------------- duplicates


def test_two_records_of_one_person_in_a_match_one_golden_and_the_second_waits_for_a_person():
    profiles = {"a": _without_unique_mail()}
    w = world(sync(spoke("a"), spoke("b")), profiles=profiles)
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.person("a", first="Ana", last="Diaz", mail="ana@example.org")
    told = w.run()
    adds_up(told)
    assert told.outcomes["held"] == 1 and told.state == "partial"
    (one,) = open_reviews(w)
    assert one["reason"] == "duplicate inside a"
    w.runs(2)
    assert len(w.rows("b")) == 1 and golden_count(w) == 1
    silent(w)


def two_with_one_address(**profiles):
    """Two people who share an address in a; a person says that they are two."""
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": _without_unique_mail(), **profiles})
    w.person("a", first="Ana", last="Díaz", mail="home@example.org")
    w.person("a", first="Ramón", last="Díaz", mail="home@example.org")
    w.run()
    (one,) = open_reviews(w)
    repair.answer_match(w.hub, one["id"])
    w.runs(2)
    assert golden_count(w) == 2 and not open_reviews(w)
    return w


def test_a_held_duplicate_that_a_person_rejects_becomes_a_record_of_its_own():
    w = two_with_one_address(b=_without_unique_mail())
    assert sorted(r["first"] for r in w.rows("b").values()) == ["Ana", "Ramón"]
    silent(w)


def test_a_create_whose_address_is_taken_in_the_target_is_held_and_named_and_adopts_nobody():
    w = two_with_one_address()
    assert [r["first"] for r in w.rows("b").values()] == ["Ana"]
    (letter,) = letters(w)
    assert letter["code"] == "E-DUPLICATE" and "Nothing was created" in letter["text"]
    silent(w)


def test_a_weak_rule_asks_a_person_and_creates_nothing_meanwhile_until_the_match_is_accepted():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", phone="+34600100200")
    w.person("b", first="A.", last="Díaz", phone="+34600100200", title="Chief")
    w.runs(2)
    assert len(w.rows("a")) == len(w.rows("b")) == 1
    (one,) = open_reviews(w)
    repair.answer_match(w.hub, one["id"], golden=one["candidates"][0])
    w.runs(2)
    assert w.only("a")["title"] == "Chief" and len(w.rows("b")) == 1
    assert not open_reviews(w)
    silent(w)


def test_a_match_that_a_person_rejects_gives_each_side_the_others_record():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", phone="+34600100200")
    w.person("b", first="Luis", last="Díaz", phone="+34600100200")
    w.run()
    (one,) = open_reviews(w)
    repair.answer_match(w.hub, one["id"])
    w.runs(3)
    for remote in ("a", "b"):
        assert sorted(r["first"] for r in w.rows(remote).values()) == ["Ana", "Luis"]
    silent(w)


def _without_unique_mail():
    return profile(fields={"mail": F("mail", "email", lower=True, trim=True)})


# ---------------------------------------------------------------- scope


def where(text: str) -> Any:
    """The scope of a spoke, as a sync file would have it."""
    made, problems = expressions.parse(text, condition=True)
    assert made is not None, problems
    return made


def scoped(**options):
    w = world(sync(spoke("a", where=where("record.title != null")), spoke("b"), **options))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.run()
    (b,) = w.rows("b")
    return w, a, b


def test_a_record_leaves_the_scope_and_comes_back_to_the_same_link_and_edits_made_meanwhile_are_merged():
    w, a, b = scoped()
    w.edit("a", a, title=None)
    told = w.run()
    adds_up(told)
    assert told.outcomes["skipped"] == 1
    assert links(w, "a")[a].state == "suspended"
    assert w.only("b")["title"] == "Clerk"
    w.edit("b", b, first="Anna")
    w.edit("a", a, last="Díaz Gil")
    w.run()
    assert w.only("a")["first"] == "Ana" and w.only("b")["last"] == "Díaz"
    w.edit("a", a, title="Clerk")
    w.runs(2)
    assert links(w, "a")[a].state == "linked" and golden_count(w) == 1
    for remote in ("a", "b"):
        row = w.only(remote)
        assert (row["first"], row["last"], row["title"]) == ("Anna", "Díaz Gil", "Clerk")
    silent(w)


def test_a_record_that_never_was_in_scope_is_skipped_and_the_rule_is_named():
    w = world(sync(spoke("a", where=where("record.title != null")), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    told = w.run()
    adds_up(told)
    assert told.outcomes["skipped"] == 1 and told.state == "ok"
    assert not w.rows("b") and golden_count(w) == 0
    silent(w)


def test_a_record_is_not_created_where_it_would_be_out_of_scope_at_once():
    w = world(sync(spoke("a"), spoke("b", where=where("record.title != null"))))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.run()
    assert not w.rows("b")
    w.edit("a", a, title="Clerk")
    w.run()
    assert w.only("b")["title"] == "Clerk"
    silent(w)


def test_a_widened_scope_reads_everything_again_and_brings_what_was_left_out():
    w = world(sync(spoke("a", where=where("record.title != null")), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.person("a", first="Luis", last="Gil", mail="luis@example.org", title="Clerk")
    w.run()
    assert len(w.rows("b")) == 1
    w.with_sync(sync(spoke("a"), spoke("b")))
    w.run()
    assert len(w.rows("b")) == 2
    silent(w)


# ---------------------------------------------------------------- new spokes


def test_a_spoke_with_many_populated_records_joins_a_running_sync_and_none_is_doubled_and_nobody_cleared():
    w = world(sync(spoke("a"), spoke("b")))
    for n in range(300):
        w.person("a", first=f"N{n}", last="Gil", mail=f"p{n}@example.org", title="Clerk")
    w.run()
    three = sync(spoke("a"), spoke("b"), spoke("c"))
    w.with_sync(three)
    for n in range(300):
        w.person("c", last="Gil", mail=f"P{n}@example.org", phone=f"+3460010{n:04d}")
    told = w.run()
    adds_up(told)
    assert [len(w.rows(r)) for r in "abc"] == [300, 300, 300]
    for remote in "abc":
        for row in w.rows(remote).values():
            assert row["first"] and row["title"] == "Clerk" and row["phone"]
    assert told.operations["created"] == 0
    silent(w)
    assert len(audited(w, "linked")) == 300


def test_an_empty_spoke_that_joins_is_filled_once():
    w, _, _ = linked()
    w.with_sync(sync(spoke("a"), spoke("b"), spoke("c")))
    adds_up(w.run())
    assert w.only("c")["mail"] == "ana@example.org"
    settle_down(w)


def test_a_create_that_was_planned_before_a_look_alike_turned_up_there_is_not_sent():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", phone="7")
    kill(w, "push")
    w.person("b", first="Ana", last="Díaz", phone="7")
    w.run()
    assert len(w.rows("b")) == 1
    (one,) = open_reviews(w)
    repair.answer_match(w.hub, one["id"], golden=one["candidates"][0], by="ana")
    w.runs(2)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 1
