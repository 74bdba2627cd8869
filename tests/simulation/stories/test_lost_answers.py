"""Stories of answers that never came: what was written is found again, and nothing is sent twice blindly."""

from __future__ import annotations

import pytest

from hub.core.errors import Retry, Unknown
from hub.engine import repair
from tests.simulation.stories.kit import (
    adds_up,
    conflicts,
    fail,
    golden_count,
    golden_of,
    heal,
    kill,
    letters,
    links,
    lose_answers,
    meddle,
    open_operations,
    open_reviews,
    resolve,
    settle_down,
    silent,
)
from tests.simulation.world import F, mapping, profile, spoke, sync, world

CUTS = profile(fields={"title": F("title", length=6)})


def test_a_create_times_out_after_commit_and_is_found_by_its_key_and_not_repeated():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    lose_answers(w, "b")
    told = w.run()
    assert told.operations["unknown"] == 1 and told.state == "partial"
    adds_up(w.run())
    assert len(w.rows("b")) == 1 and len(w["b"].writes) == 1
    assert not open_operations(w)
    silent(w)


def test_a_create_times_out_before_commit_and_is_sent_again():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    fail(w, "b", Unknown("the connection broke"), "before:write")
    w.run()
    assert not w.rows("b")
    adds_up(w.run())
    assert len(w.rows("b")) == 1
    silent(w)


def test_a_create_without_e_mail_is_committed_but_answer_and_look_up_fail_and_the_next_pull_knows_it_by_its_key():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz")
    lose_answers(w, "b")
    w.run()
    fail(w, "b", Retry("busy"), "before:find_key", times=99)
    adds_up(w.run())
    assert len(w.rows("a")) == len(w.rows("b")) == 1
    assert golden_count(w) == 1
    heal(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1 and golden_count(w) == 1
    assert not open_operations(w) and not letters(w)


def test_an_update_times_out_after_b_stored_it_cut_and_a_keeps_the_long_value():
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": CUTS})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.run()
    lose_answers(w, "b")
    w.edit("a", a, title="abcdefgh")
    w.run()
    assert w.only("b")["title"] == "abcdef"
    settle_down(w)
    assert w.only("a")["title"] == "abcdefgh" and w.only("b")["title"] == "abcdef"
    assert not conflicts(w)


def test_a_create_times_out_at_a_cutting_b_and_a_is_not_cut_by_its_adoption():
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": CUTS})
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="abcdefgh")
    lose_answers(w, "b")
    w.run()
    settle_down(w)
    assert w.only("a")["title"] == "abcdefgh" and w.only("b")["title"] == "abcdef"
    assert len(w["b"].writes) == 1


def test_a_create_times_out_and_b_is_edited_before_it_is_adopted_and_the_edit_reaches_a():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    lose_answers(w, "b")
    w.run()
    (b,) = w.rows("b")
    w.edit("b", b, title="Chief")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"


def test_an_update_that_never_arrived_is_found_out_and_sent_again():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    fail(w, "b", Unknown("the connection broke"), "before:write")
    w.edit("a", a, title="Chief")
    w.run()
    assert w.only("b")["title"] == "Clerk"
    settle_down(w)
    assert w.only("b")["title"] == "Chief"


def test_an_update_is_unknown_and_a_person_edits_the_field_in_b_meanwhile_so_both_values_are_kept():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    lose_answers(w, "b")
    w.edit("a", a, title="Chief")
    w.run()
    (b,) = w.rows("b")
    w.edit("b", b, title="Director")
    settle_down(w)
    # Nobody can tell whether our write arrived before the edit: a person decides between the two.
    (one,) = conflicts(w)
    assert set(one["shown"].values()) | {one["hub_value"]} == {"Chief", "Director"}
    resolve(w, keep="b")
    w.run()
    assert w.only("a")["title"] == w.only("b")["title"] == "Director"
    silent(w)


def test_a_delete_whose_answer_was_lost_is_not_sent_twice_and_its_link_ends():
    from hub.core.model import Policy

    both = {"writes": frozenset({"create", "update", "delete"})}
    w = world(sync(spoke("a", **both), spoke("b", **both), policy=Policy(deletes="delete")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.run()
    w.run()
    (b,) = w.rows("b")
    lose_answers(w, "b")
    w["a"].delete("person", a)
    w.run()
    settle_down(w)
    assert not w.rows("a") and not w.rows("b")
    assert sum(c.write.action == "delete" for c in w["b"].writes) == 1
    assert links(w, "b")[b].state == "ended"


def test_a_create_in_a_remote_without_key_field_whose_answer_was_lost_waits_for_a_person_unless_it_matches():
    w = world(sync(spoke("a"), spoke("b", key_field="")), profiles={"b": profile(unique_key="")})
    w.person("a", first="Ana", last="Díaz")
    fail(w, "b", Unknown("the connection broke"), "before:write")
    w.run()
    w.runs(3)
    assert not w.rows("b") and [e["code"] for e in letters(w)] == ["E-UNKNOWN"]
    assert len(open_operations(w)) == 1


def test_a_create_in_a_remote_without_key_field_whose_answer_was_lost_is_recognised_by_its_e_mail():
    w = world(sync(spoke("a"), spoke("b", key_field="")), profiles={"b": profile(unique_key="")})
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    lose_answers(w, "b")
    w.run()
    w.runs(3)
    assert len(w.rows("a")) == len(w.rows("b")) == 1 and golden_count(w) == 1
    assert not open_operations(w)
    silent(w)


def test_a_person_shortens_our_value_in_b_before_our_first_read_and_a_receipt_tells_that_it_is_an_edit():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    (b,) = w.rows("b")
    w.edit("a", a, title="Head of sales")
    w.run()
    w.edit("b", b, title="Head of")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Head of"


@pytest.mark.parametrize("event", ["page", "settle", "push", "intent", "written", "receipts"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_at_any_step_of_the_engine_creates_nothing_twice_and_loses_no_edit(event, nth):
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.person("b", first="Luis", last="Gil", mail="luis@example.org")
    kill(w, event, nth)
    w.edit("a", a, title="Chief")
    settle_down(w)
    for remote in ("a", "b"):
        found = {r["mail"]: r["title"] for r in w.rows(remote).values()}
        assert found == {"ana@example.org": "Chief", "luis@example.org": None} and len(w.rows(remote)) == 2
    assert golden_count(w) == 2


@pytest.mark.parametrize("event", ["before:write", "after:write", "before:changes", "after:changes", "before:find"])
def test_a_kill_around_any_call_of_b_creates_nothing_twice(event):
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    kill(w, event, at="b")
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1
    assert sum(c.write.action == "create" and c.status == "done" for c in w["b"].writes) == 1


def test_a_kill_while_recovering_from_a_kill_still_creates_once():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    kill(w, "written")
    kill(w, "after:find_key", at="b")
    kill(w, "settle")
    settle_down(w)
    assert len(w["b"].writes) == 1 and len(w.rows("b")) == 1


def test_a_duplicated_key_cannot_arise_because_the_create_key_follows_from_the_origin():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.run()
    (key,) = {r["hub_key"] for r in w.rows("b").values()}
    again = world(sync(spoke("a"), spoke("b")), seed=9)
    again.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    again.run()
    assert {r["hub_key"] for r in again.rows("b").values()} == {key}


def test_a_person_edits_between_our_read_and_our_conditional_write_and_nothing_is_overwritten():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.run()
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    meddle(w, "b", "before:write", lambda: w.edit("b", b, phone="+34600100200", first="Anna"))
    w.run()
    settle_down(w)
    for remote in ("a", "b"):
        row = w.only(remote)
        assert (row["title"], row["phone"], row["first"]) == ("Chief", "+34600100200", "Anna")


def test_a_refused_field_names_itself_while_its_answer_is_lost_and_the_rest_still_arrives():
    strict = profile(fields={"title": F("title", choices=("Clerk",))})
    w = world(sync(spoke("a"), spoke("b", mapping=mapping())), profiles={"b": strict})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    lose_answers(w, "b")
    w.edit("a", a, title="Chief", first="Anna")
    w.run()
    settle_down(w)
    assert w.only("b")["first"] == "Anna" and w.only("b")["title"] == "Clerk"
    assert [e["path"] for e in letters(w)] == ["job_title"]


def test_a_letter_about_a_create_is_closed_when_the_create_whose_answer_was_lost_is_found_by_its_key():
    needs_title = mapping(job_title={"field": "title", "required": True})
    w = world(sync(spoke("a"), spoke("b", mapping=needs_title)))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.run()
    assert [e["path"] for e in letters(w)] == ["job_title"]
    lose_answers(w, "b")
    w.edit("a", a, title="Clerk")
    w.run()
    settle_down(w)
    assert w.only("b")["title"] == "Clerk" and not letters(w)


def test_a_letter_about_a_field_is_closed_when_its_corrected_value_is_found_to_have_arrived():
    strict = profile(fields={"title": F("title", choices=("Clerk", "Boss"))})
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": strict})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.edit("a", a, title="Chief")
    w.run()
    assert [e["path"] for e in letters(w)] == ["job_title"]
    lose_answers(w, "b")
    w.edit("a", a, title="Boss")
    w.run()
    settle_down(w)
    assert w.only("b")["title"] == "Boss" and not letters(w)


def test_a_keyless_create_whose_answer_was_lost_stays_a_question_however_much_is_edited_until_a_person_answers():
    w = world(sync(spoke("a"), spoke("b", key_field="")), profiles={"b": profile(unique_key="")})
    w.person("a", first="Ana", last="Díaz", title="Clerk", phone="+34600100200")
    kill(w, "after:write", at="b")
    (b,) = w.rows("b")
    for edit in ({"title": "Chief"}, {"phone": "+34600100999"}, {"first": "Anna"}, {"last": "Diaz"}):
        w.edit("b", b, **edit)
        w.run()
        assert [r["candidates"] for r in open_reviews(w)] == [[golden_of(w, "a", next(iter(w.rows("a"))))]]
    assert golden_count(w) == 1 and len(w.rows("a")) == len(w.rows("b")) == 1
    (review,) = open_reviews(w)
    repair.answer_match(w.hub, review["id"], golden=review["candidates"][0], by="ana")
    settle_down(w)
    assert golden_count(w) == 1 and len(w.rows("a")) == len(w.rows("b")) == 1
    assert not open_operations(w) and not letters(w)


def test_the_base_of_a_create_that_a_person_recognised_is_what_was_sent():
    """Without a key, and edited since, it is a question. The answer makes it ours, with its lower-cased name a form of ours."""
    keyless = profile(unique_key="", fields={"first": F("first", lower=True)})
    w = world(sync(spoke("a"), spoke("b", key_field="")), profiles={"b": keyless})
    a = w.person("a", first="Ana", last="Díaz", phone="1", title="Clerk")
    lose_answers(w, "b")
    w.run()
    heal(w)
    (b,) = w.rows("b")
    w.edit("b", b, phone="2")
    w.edit("a", a, first="Eva")
    w.run()
    (one,) = open_reviews(w)
    repair.answer_match(w.hub, one["id"], golden=one["candidates"][0], by="ana")
    settle_down(w)
    assert (w.only("a")["first"], w.only("b")["first"]) == ("Eva", "eva")
    assert w.only("a")["phone"] == "2"
