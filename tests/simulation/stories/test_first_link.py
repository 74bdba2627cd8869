"""Stories of the first meeting of two systems that both have data: matched, filled, never doubled, never cleared."""

from __future__ import annotations

import pytest

from hub.core.model import MatchRule, Policy
from tests.simulation.stories.kit import (
    adds_up,
    agree,
    audited,
    conflicts,
    golden_count,
    kill,
    letters,
    lost_values,
    meddle,
    open_reviews,
    resolve,
    settle_down,
    silent,
)
from tests.simulation.world import spoke, sync, world


def test_two_populated_systems_with_500_people_of_whom_300_are_common_are_linked_and_none_is_doubled():
    w = world(sync(spoke("a"), spoke("b")))
    for n in range(400):
        w.person("a", first=f"N{n}", last="Gil", mail=f"p{n}@example.org", title="Clerk")
    for n in range(100, 500):
        w.person("b", first=f"N{n}", last="Gil", mail=f"P{n}@Example.org", phone=f"+3460010{n:04d}")
    told = w.run()
    adds_up(told)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 500
    assert told.operations["created"] == 200 and len(audited(w, "linked")) == 300
    agree(w, "first", "last", "mail", "phone", "title")
    before = w.written()
    adds_up(w.run())
    assert w.written() == before


def test_both_sides_create_the_same_person_at_once_and_the_two_become_one():
    w = world(sync(spoke("a"), spoke("b")))
    w.run()
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.person("b", first="Ana", last="Díaz", mail="ana@example.org", phone="+34600100200")
    adds_up(w.run())
    assert golden_count(w) == 1
    for remote in "ab":
        assert (w.only(remote)["title"], w.only(remote)["phone"]) == ("Clerk", "+34600100200")
    silent(w)


def test_b_creates_the_person_between_our_read_and_our_create_and_the_look_before_it_finds_them():
    w = world(sync(spoke("a"), spoke("b")))
    w.run()
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    meddle(w, "b", "before:find", lambda: w.person("b", first="Ana", last="Díaz", mail="ana@example.org"))
    w.run()
    settle_down(w)
    assert golden_count(w) == 1 and w.only("b")["title"] == "Clerk"


def test_b_creates_the_person_after_our_look_and_the_duplicate_answer_makes_it_a_match():
    w = world(sync(spoke("a"), spoke("b")))
    w.run()
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    meddle(w, "b", "before:write", lambda: w.person("b", first="Ana", last="Díaz", mail="ana@example.org"))
    w.run()
    settle_down(w)
    assert golden_count(w) == 1 and w.only("b")["title"] == "Clerk"
    assert not letters(w)


def test_an_empty_side_is_filled_and_never_clears_the_other():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.person("b", last="Díaz", mail="ana@example.org", phone="+34600100200")
    settle_down(w)
    for remote in "ab":
        row = w.only(remote)
        assert [row[n] for n in ("first", "last", "title", "phone")] == ["Ana", "Díaz", "Clerk", "+34600100200"]


@pytest.mark.parametrize(
    ("policy", "stands"),
    [
        (Policy(first_link={"default": ("b", "a")}), "Chief"),
        (Policy(first_link={"default": ("non_empty", "a")}), "Clerk"),
        (Policy(first_link={"default": ("a",)}, ownership={"job_title": "b"}), "Chief"),
        (Policy(conflicts={"default": ("b",)}), "Chief"),
    ],
    ids=["ranked", "non_empty, then ranked", "the owner before any policy", "the policy for conflicts as default"],
)
def test_two_values_that_differ_at_the_first_link_are_decided_by_rule_and_the_loser_is_audited(policy, stands):
    w = world(sync(spoke("a"), spoke("b"), policy=policy))
    w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.person("b", first="Ana", mail="ana@example.org", title="Chief")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == stands
    (loser,) = {"Clerk", "Chief"} - {stands}
    assert lost_values(w) == [("job_title", loser, "first_link")]


def test_two_values_that_differ_at_the_first_link_wait_on_hold_while_the_rest_is_filled():
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(first_link={"default": ("hold",)})))
    w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.person("b", last="Díaz", mail="ana@example.org", title="Chief")
    w.runs(2)
    assert w.only("a")["last"] == "Díaz" and w.only("b")["first"] == "Ana"
    assert (w.only("a")["title"], w.only("b")["title"]) == ("Clerk", "Chief")
    silent(w)
    resolve(w, keep="b")
    w.run()
    assert w.only("a")["title"] == "Chief"
    silent(w)
    assert not conflicts(w)


def test_tags_of_both_sides_are_united_at_the_first_link():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", mail="ana@example.org", tags="gold;north")
    w.person("b", mail="ana@example.org", tags="gold;vip")
    settle_down(w)
    assert w.only("a")["tags"] == w.only("b")["tags"] == "gold;north;vip"


def test_three_populated_systems_meet_and_each_person_is_one():
    w = world(sync(spoke("a"), spoke("b"), spoke("c")))
    for remote in "abc":
        w.person(remote, first="Ana", last="Díaz", mail="ana@example.org")
        w.person(remote, first="Luis", last=f"From {remote}", mail=f"luis.{remote}@example.org")
    settle_down(w)
    assert golden_count(w) == 4
    agree(w, "first", "last", "mail")
    assert {len(w.rows(r)) for r in "abc"} == {4}


def test_a_kill_in_the_middle_of_the_first_link_doubles_nobody():
    w = world(sync(spoke("a"), spoke("b")))
    w.hub.settle_batch = 10
    for n in range(30):
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org")
    for n in range(15, 45):
        w.person("b", last=f"L{n}", mail=f"p{n}@example.org")
    for event, nth in (("settle", 2), ("settle", 2), ("intent", 1), ("written", 1)):
        kill(w, event, nth)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 45
    agree(w, "first", "last", "mail")


def test_a_record_that_matches_two_people_is_held_and_creates_nothing_anywhere():
    rules = (MatchRule(("email",), "link"), MatchRule(("phones[mobile]",), "link"))
    w = world(sync(spoke("a"), spoke("b"), match=rules))
    w.person("a", first="Ana", mail="ana@example.org")
    w.person("a", first="Luis", phone="+34600100200")
    w.person("b", first="A or L", mail="ana@example.org", phone="+34600100200")
    w.runs(2)
    (one,) = open_reviews(w)
    assert one["reason"] == "ambiguous" and len(one["candidates"]) == 2
    assert len(w.rows("a")) == 2 and len(w.rows("b")) == 1
    silent(w)
