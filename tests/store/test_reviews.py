"""What waits for a person: conflicts, match reviews and dead letters."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from hub.core.model import Held
from hub.store import reviews
from hub.store import tables as t
from tests.store.kit import NOON, ask, do

# ---------------------------------------------------------------- conflicts


def hold(store, id="x-1", golden="g-1", path="given_name", **claims):
    held = Held(path, claims or {"a/person/1": " Ana "}, {"was": None})
    return do(
        store,
        reviews.save_hold,
        id=id,
        sync="people",
        golden=golden,
        held=held,
        shown={"a": "Ana"},
        rule="hold",
        run="r-1",
    )


def open_(store, *goldens):
    return ask(store, reviews.open_conflicts, list(goldens) or ["g-1"])


def test_a_conflict_comes_back_with_both_values(store):
    assert hold(store) is True
    held, decided = open_(store)
    assert held == {"g-1": [Held("given_name", {"a/person/1": " Ana "}, {"was": None})]} and decided == {}
    shown = ask(store, reviews.conflict, "x-1")
    assert shown == ask(store, reviews.conflicts)[0]
    assert (shown["claims"], shown["shown"], shown["hub_value"]) == (
        {"a/person/1": " Ana "},
        {"a": "Ana"},
        {"was": None},
    )
    assert all(type(name) is str for name in shown)
    assert ask(store, reviews.conflict, "x-2") is None and open_(store, "g-2") == ({}, {})


def test_a_conflict_that_goes_on_is_renewed_and_not_opened_twice(store):
    hold(store)
    assert hold(store, "x-2", b="Eva") is False
    (only,) = ask(store, reviews.conflicts)
    assert only["id"] == "x-1" and only["claims"] == {"b": "Eva"}
    assert hold(store, "x-3", path="title") is True and hold(store, "x-4", golden="g-2") is True


@pytest.mark.parametrize("state", ["open", "decided"])
def test_the_database_knows_one_live_conflict_per_field(store, state):
    hold(store)
    row = {"golden": "g-1", "path": "given_name", "sync": "people"}
    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.add(t.conflict, [{**row, "id": "x-2", "state": state}])
    with store.begin() as tx:
        tx.add(t.conflict, [{**row, "id": f"x-{n}", "state": "resolved"} for n in (3, 4)])


def test_one_person_decides_and_the_second_one_is_told_that_it_was_too_late(store):
    hold(store)
    assert do(store, reviews.decide_conflict, "x-1", {"amount": "1.10"}, "ana") is True
    assert do(store, reviews.decide_conflict, "x-1", "other", "eva") is False
    held, decided = open_(store)
    assert decided == {"g-1": {"given_name": ({"amount": "1.10"}, "ana")}} and held.keys() == {"g-1"}
    assert ask(store, reviews.conflicts) == []
    assert [c["id"] for c in ask(store, reviews.conflicts, state="decided")] == ["x-1"]


def test_a_closed_conflict_makes_room_for_the_next_one(store, clock):
    hold(store)
    clock.advance(5)
    do(store, reviews.close_conflict, "g-1", "given_name", "resolved")
    assert open_(store) == ({}, {}) and ask(store, reviews.conflict, "x-1")["decided_at"] == NOON + 5
    assert hold(store, "x-2") is True
    do(store, reviews.close_conflict, "g-1", "given_name", "closed")
    states = {c["id"]: c["state"] for c in ask(store, reviews.conflicts, state="")}
    assert states == {"x-1": "resolved", "x-2": "closed"}


def test_conflicts_are_listed_by_sync_state_and_golden_record(store):
    hold(store)
    hold(store, "x-2", golden="g-2")
    assert [c["id"] for c in ask(store, reviews.conflicts, golden="g-2")] == ["x-2"]
    assert ask(store, reviews.conflicts, "orders") == []


# ---------------------------------------------------------------- match reviews


def question(store, id="m-1", remote="1", candidates=("g-1", "g-2"), **rest):
    row = {
        "id": id,
        "sync": "people",
        "connection": "a",
        "object": "person",
        "remote_id": remote,
        "reason": "ambiguous",
    }
    do(store, reviews.open_review, {**row, "place": "", "candidates": list(candidates), **rest})


def test_a_record_is_asked_about_once_with_the_newest_candidates(store):
    question(store)
    question(store, "m-2", candidates=["g-3"], reason="other")
    question(store, "m-3", remote="2")
    first, second = ask(store, reviews.reviews)
    assert (first["id"], first["candidates"], first["reason"]) == ("m-1", ["g-3"], "other")
    assert second["id"] == "m-3" and ask(store, reviews.review, "m-1") == first
    assert ask(store, reviews.review, "m-9") is None and ask(store, reviews.reviews, "orders") == []


def test_one_person_answers_and_what_all_persons_answered_is_known(store, clock):
    for n in (1, 2, 3):
        question(store, f"m-{n}", remote=str(n))
    assert do(store, reviews.answer_review, "m-1", "accepted", "g-1", "ana") is True
    assert do(store, reviews.answer_review, "m-1", "rejected", "", "eva") is False
    do(store, reviews.answer_review, "m-2", "rejected", "", "ana")
    found = ask(store, reviews.answers, "a", "person", ["1", "2", "3"])
    assert found == {"1": ("accepted", "g-1"), "2": ("rejected", "")}
    clock.advance(1)
    question(store, "m-9", remote="2")
    do(store, reviews.answer_review, "m-9", "accepted", "g-2", "ana")
    assert ask(store, reviews.answers, "a", "person", ["2"]) == {"2": ("accepted", "g-2")}


def test_a_question_that_answered_itself_is_closed(store):
    question(store)
    question(store, "m-2", remote="2")
    do(store, reviews.close_reviews, "a", "person", ["1", "7"])
    assert [r["id"] for r in ask(store, reviews.reviews)] == ["m-2"]
    assert ask(store, reviews.answers, "a", "person", ["1"]) == {}


def test_golden_records_under_review_are_named_with_the_object(store):
    question(store)
    question(store, "m-2", remote="2", candidates=["g-1"], object="lead")
    question(store, "m-3", remote="3", candidates=["g-4"])
    do(store, reviews.answer_review, "m-3", "rejected", "", "ana")
    assert ask(store, reviews.under_review, ["g-1", "g-4"]) == {("g-1", "a", "person"), ("g-1", "a", "lead")}


# ---------------------------------------------------------------- dead letters


def failure(store, id="e-1", **rest):
    row = {
        "id": id,
        "sync": "people",
        "run": "r-1",
        "connection": "b",
        "object": "person",
        "remote_id": "7",
        "golden": "g-1",
    }
    row |= {"path": "email", "action": "update", "value": '"x"', "code": "E-VALUE", "vendor_code": "V1", "text": "no"}
    do(store, reviews.letter, {**row, **rest})


def letters(store, **options):
    return ask(store, reviews.letters, **options)


def test_the_same_failure_again_is_counted(store, clock):
    failure(store)
    clock.advance(5)
    failure(store, "e-2", text="still no", run="r-2", value='"y"')
    (only,) = letters(store)
    assert (only["id"], only["count"], only["text"], only["value"]) == ("e-1", 2, "still no", '"y"')
    assert (only["first_at"], only["last_at"], only["run"]) == (NOON, NOON + 5, "r-2")


@pytest.mark.parametrize("name", ["golden", "connection", "object", "remote_id", "path", "action"])
def test_a_failure_of_something_else_is_a_letter_of_its_own(store, name):
    failure(store)
    failure(store, "e-2", **{name: "other"})
    assert len(letters(store)) == 2


def test_words_of_a_system_are_kept_whatever_is_in_them(store):
    failure(store, text="bad \x00 value", value='"\\u0000"')
    failure(store, "e-2", text="worse \x00")
    assert letters(store)[0]["text"].startswith("worse")


def test_what_was_refused_is_not_sent_again_until_somebody_says_so(store):
    failure(store)
    failure(store, "e-2", path="", value="")
    failure(store, "e-3", path="title", action="read")
    failure(store, "e-4", golden="g-2", value="null")
    blocked = {("g-1", "b"): {"email": "x", "": None}, ("g-2", "b"): {"email": None}}
    assert ask(store, reviews.blocked, ["g-1", "g-2", "g-3"]) == blocked
    do(store, reviews.set_letter, "e-1", "dismissed")
    assert ask(store, reviews.blocked, ["g-1"])["g-1", "b"]["email"] == "x"
    do(store, reviews.set_letter, "e-2", "resolved")
    assert ask(store, reviews.blocked, ["g-1"]) == {("g-1", "b"): {"email": "x"}}


def test_a_letter_is_set_once(store):
    failure(store)
    assert do(store, reviews.set_letter, "e-1", "retried") is True
    assert do(store, reviews.set_letter, "e-1", "dismissed") is False
    assert letters(store) == [] and len(letters(store, state="retried")) == 1
    assert letters(store, sync="orders", state="") == []


def test_a_write_that_arrived_ends_the_letters_of_its_fields_and_of_the_whole_record(store):
    for n, (path, connection) in enumerate([("email", "b"), ("", "b"), ("title", "b"), ("email", "c")]):
        failure(store, f"e-{n}", path=path, connection=connection)
    do(store, reviews.resolve_letters, "g-1", "b", ["email"])
    assert {(e["path"], e["connection"]) for e in letters(store)} == {("title", "b"), ("email", "c")}


def test_writes_that_arrived_end_their_letters_in_bulk(store):
    for n, (golden, path) in enumerate([("g-1", "email"), ("g-1", "title"), ("g-2", ""), ("g-3", "email")]):
        failure(store, f"e-{n}", golden=golden, path=path)
    do(
        store,
        reviews.resolve_many,
        [("g-1", "b", ["title"]), ("g-2", "b", ()), ("g-3", "c", ["email"]), ("g-9", "b", ())],
    )
    do(store, reviews.resolve_many, [])
    assert {(e["golden"], e["path"]) for e in letters(store)} == {("g-1", "email"), ("g-3", "email")}


def test_a_record_that_was_understood_at_last_ends_its_letters_about_reading(store):
    failure(store, action="read")
    failure(store, "e-2", action="update")
    failure(store, "e-3", action="read", remote_id="8")
    do(store, reviews.resolve_read_letters, "b", "person", ["7"])
    assert {e["id"] for e in letters(store)} == {"e-2", "e-3"}
