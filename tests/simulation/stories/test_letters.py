"""Stories of what fails for good: it becomes a dead letter of its own, and everything else goes on."""

from __future__ import annotations

import pytest

from hub.core.errors import Reject, Retry, Stop
from hub.engine import repair
from hub.engine.sweep import sweep
from tests.simulation.stories.kit import adds_up, fail, heal, letters, lost_values, open_operations, settle_down, silent
from tests.simulation.world import F, mapping, profile, spoke, sync, world

STRICT = profile(fields={"title": F("title", choices=("Clerk", "Chief"))})


def linked(b=STRICT, **fields):
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": b})
    row = {"first": "Ana", "last": "Díaz", "mail": "ana@example.org", "title": "Clerk", **fields}
    a = w.person("a", **row)
    w.runs(2)
    return w, a


def test_a_refused_field_becomes_a_dead_letter_of_its_own_and_the_rest_is_sent():
    w, a = linked()
    w.edit("a", a, title="Wizard", first="Anna", phone="+34600100200")
    told = w.run()
    adds_up(told)
    row = w.only("b")
    assert (row["first"], row["phone"], row["title"]) == ("Anna", "+34600100200", "Clerk")
    (letter,) = letters(w)
    assert (letter["path"], letter["connection"], letter["code"]) == ("job_title", "b", "E-VALUE")
    assert told.state == "partial" and told.operations["updated"] == 1
    silent(w)


def test_a_refused_field_is_sent_again_once_a_person_corrects_it():
    w, a = linked()
    w.edit("a", a, title="Wizard")
    w.runs(2)
    w.edit("a", a, title="Chief")
    w.run()
    assert w.only("b")["title"] == "Chief" and not letters(w)
    silent(w)


def test_a_refused_value_is_retried_when_a_person_says_so_after_b_was_taught_it():
    w, a = linked()
    w.edit("a", a, title="Wizard")
    w.run()
    w["b"]._tables["person"].profile = profile()
    silent(w)
    (letter,) = letters(w)
    repair.retry_letter(w.hub, letter["id"], by="ana")
    w.run()
    assert w.only("b")["title"] == "Wizard" and not letters(w)
    silent(w)


def test_a_dismissed_dead_letter_is_not_sent_again_and_not_shown():
    w, a = linked()
    w.edit("a", a, title="Wizard")
    w.run()
    (letter,) = letters(w)
    repair.dismiss_letter(w.hub, letter["id"], by="ana")
    assert not letters(w)
    silent(w)
    w.edit("a", a, first="Anna")
    w.run()
    assert w.only("b")["first"] == "Anna" and w.only("b")["title"] == "Clerk"


def test_a_create_with_a_refused_field_is_created_without_it():
    w, _ = linked(title="Wizard")
    assert w.only("b")["first"] == "Ana" and w.only("b")["title"] is None
    assert [e["path"] for e in letters(w)] == ["job_title"]
    silent(w)


def test_a_create_without_a_field_that_the_remote_requires_is_a_dead_letter_and_is_not_repeated():
    w, a = linked(profile(fields={"phone": F("phone", required=True)}))
    assert not w.rows("b") and len(letters(w)) >= 1
    silent(w)
    w.edit("a", a, phone="+34600100200")
    w.run()
    assert w.only("b")["phone"] == "+34600100200" and not letters(w)
    silent(w)


def test_an_edit_of_b_after_our_value_was_refused_there_still_travels():
    w, a = linked()
    w.edit("a", a, title="Wizard")
    w.run()
    (b,) = w.rows("b")
    w.edit("b", b, title="Chief")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"
    assert lost_values(w) == [("job_title", "Wizard", "conflict")]


def test_one_refused_record_in_a_batch_stops_only_itself():
    w = world(sync(spoke("a"), spoke("b", mapping=mapping(job_title="title"))), profiles={"b": STRICT})
    for n in range(10):
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org", title="Clerk" if n != 4 else "Wizard")
    adds_up(w.run())
    assert len(w.rows("b")) == 10 and len(letters(w)) == 1
    silent(w)


def test_a_poison_record_that_breaks_the_decision_stops_only_itself(monkeypatch):
    from hub.engine import apply

    real = apply.decide

    def breaks(golden, sides, *rest, **options):
        if any((s.reading.fields if s.reading else {}).get("first") == "Poison" for s in sides):
            raise ZeroDivisionError
        return real(golden, sides, *rest, **options)

    monkeypatch.setattr(apply, "decide", breaks)
    w = world(sync(spoke("a"), spoke("b")))
    for n in range(10):
        w.person("a", first=f"N{n}" if n != 4 else "Poison", mail=f"p{n}@example.org")
    told = w.run()
    adds_up(told)
    assert told.outcomes["dead"] == 1 and told.state == "partial"
    assert len(w.rows("b")) == 9
    (letter,) = letters(w)
    assert letter["code"] == "X-BUG" and "ZeroDivisionError" in letter["text"]
    silent(w)
    monkeypatch.undo()
    repair.retry_letter(w.hub, letter["id"])
    w.run()
    assert len(w.rows("b")) == 10 and not letters(w)


def test_a_value_that_cannot_be_read_keeps_its_field_back_and_the_rest_of_the_record_goes_on():
    dated = mapping(job_title=None, birth_date={"field": "title", "as": "date"})
    w = world(sync(spoke("a", mapping=dated), spoke("b", mapping=dated)))
    a = w.person("a", first="Ana", mail="ana@example.org", title="1980-02-01")
    w.runs(2)
    w.edit("a", a, title="in spring", first="Anna")
    told = w.run()
    adds_up(told)
    assert told.outcomes["held"] == 1
    assert w.only("b")["first"] == "Anna" and w.only("b")["title"] == "1980-02-01"
    assert [(e["path"], e["action"]) for e in letters(w)] == [("birth_date", "read")]
    silent(w)
    w.edit("a", a, title="1981-03-04")
    w.run()
    assert w.only("b")["title"] == "1981-03-04" and not letters(w)


def test_a_locked_row_is_tried_again_a_little_later():
    w, a = linked()
    w.edit("a", a, title="Chief")
    fail(w, "b", Retry("the row is locked", after=2.0), "before:write", times=2)
    adds_up(w.run())
    assert w.only("b")["title"] == "Chief"
    silent(w)


def test_a_limit_that_lasts_longer_than_a_run_leaves_the_write_for_the_next_one():
    w, a = linked()
    w.edit("a", a, title="Chief")
    fail(w, "b", Retry("daily limit", after=7200.0), "before:write", times=9)
    told = w.run()
    assert told.state == "partial" and [o.state for o in open_operations(w)] == ["pending"]
    heal(w)
    adds_up(w.run())
    assert w.only("b")["title"] == "Chief"
    silent(w)


def test_refused_credentials_pause_the_connection_and_the_others_go_on():
    w = world(sync(spoke("a"), spoke("b"), spoke("c")))
    w.person("a", first="Ana", mail="ana@example.org")
    fail(w, "b", Stop("the credentials were revoked"), "before:changes", "before:write", times=99)
    told = w.run()
    assert told.state == "partial"
    assert not w.rows("b") and len(w.rows("c")) == 1
    heal(w)
    repair.resume(w.hub, "people")
    settle_down(w)
    assert len(w.rows("b")) == 1


class Ruled(F):
    """A field with a validation rule whose refusal names no field."""

    def _text(self, value):
        if value == "Wizard":
            raise Reject("a validation rule failed")
        return super()._text(value)


def test_a_record_refused_without_a_named_field_is_dead_lettered_whole_and_sent_again_after_an_edit():
    w, a = linked(profile(fields={"title": Ruled("title")}))
    w.edit("a", a, title="Wizard", first="Anna")
    w.run()
    assert w.only("b")["first"] == "Ana"
    assert [(e["path"], e["text"].startswith("a validation rule failed")) for e in letters(w)] == [("", True)]
    silent(w)
    w.edit("a", a, title="Chief")
    w.run()
    assert (w.only("b")["first"], w.only("b")["title"]) == ("Anna", "Chief") and not letters(w)
    silent(w)


@pytest.mark.parametrize("receipts", ["body", "version", "none"])
def test_a_field_that_b_forbids_us_to_write_is_named_and_the_rest_arrives(receipts):
    b = profile(fields={"title": F("title", read_only=True)}, receipts=receipts)
    w, a = linked(b)
    assert [e["path"] for e in letters(w)] == ["job_title"]
    w.edit("a", a, first="Anna")
    settle_down(w)
    assert w.only("b")["first"] == "Anna" and w.only("b")["title"] is None


def test_a_create_refused_for_one_field_and_then_as_a_whole_is_not_tried_again_by_a_sweep():
    """A full reading looks for what is missing; it does not knock again at a door that has been shut."""
    b = profile(fields={"title": F("title", choices=("Clerk",)), "phone": F("phone", unique=True)})
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": b})
    w.person("b", first="Luis", last="Gil", mail="luis@example.org", phone="7")
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", phone="7", title="Wizard")
    w.runs(2)
    assert {x["code"] for x in letters(w)} == {"E-VALUE", "E-DUPLICATE"}
    before = w.written()
    w.clock.advance(60)
    sweep(w.hub, "people")
    assert w.written() == before


def test_two_fields_are_refused_one_after_the_other_and_what_is_left_still_arrives():
    """Products name the first thing that they do not like; the second one shows when the first is gone."""
    b = profile(fields={"title": F("title", choices=("Clerk",)), "mail": F("mail", "email", unique=True)})
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(fields={"mail": F("mail")}), "b": b})
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(2)
    w["b"].create("person", {"first": "Eva", "mail": "eva@example.org"})
    w.run()
    w.edit("a", a, title="Wizard", mail="eva@example.org", phone="7", first="Anna")
    w.run()
    ours = next(r for r in w.rows("b").values() if r["mail"] == "ana@example.org")
    assert (ours["first"], ours["phone"], ours["title"]) == ("Anna", "7", "Clerk")
    assert {x["path"] for x in letters(w)} == {"job_title", "email"}
    silent(w)
