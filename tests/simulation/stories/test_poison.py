"""What the database will not take stops only itself, and records that come back find their place taken."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from hub.engine import repair
from hub.store import goldens, reviews
from tests.simulation.world import F, profile, spoke, sync, world


@pytest.fixture
def w():
    return world(sync(spoke("a"), spoke("b")))


def _refusing(monkeypatch, word):
    save = goldens.save

    def refuse(tx, name, found, parts):
        if any(word in str(g.fields.values()) for g in found):
            raise IntegrityError("insert", {}, ValueError(word))
        save(tx, name, found, parts)

    monkeypatch.setattr(goldens, "save", refuse)


def test_a_record_that_cannot_be_stored_is_a_dead_letter_and_the_others_go_on(w, monkeypatch):
    for n in range(20):
        w.person("a", first=f"N{n}", last="poison" if n == 7 else "Li", mail=f"p{n}@example.org")
    _refusing(monkeypatch, "poison")
    told = w.run()
    assert (told.outcomes["applied"], told.outcomes["dead"], told.state) == (19, 1, "partial")
    assert len(w.rows("b")) == 19
    (letter,) = w.ask(reviews.letters)
    assert letter["code"] == "X-STORE" and "Next:" in letter["text"]


def test_a_dead_letter_goes_through_when_it_is_tried_again(w, monkeypatch):
    w.person("a", first="Ana", last="poison", mail="ana@example.org")
    _refusing(monkeypatch, "poison")
    w.run()
    monkeypatch.undo()
    (letter,) = w.ask(reviews.letters)
    repair.retry_letter(w.hub, letter["id"])
    w.runs(2)
    assert w.only("b")["last"] == "poison" and not w.ask(reviews.letters)


def test_a_linked_record_that_cannot_be_stored_any_more_keeps_what_it_had(w, monkeypatch):
    a = w.person("a", first="Ana", last="Li", mail="ana@example.org")
    w.runs(2)
    _refusing(monkeypatch, "poison")
    w.edit("a", a, last="poison")
    assert w.run().outcomes["dead"] == 1
    assert w.only("b")["last"] == "Li" and w.run().state == "ok"


def test_a_restored_record_whose_place_was_taken_is_read_and_never_written():
    lax = profile(fields={"mail": F("mail", "email", lower=True, trim=True)}, find_by=("mail",))
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": lax})
    a = w.person("a", first="Ana", last="Li", mail="ana@example.org")
    w.runs(2)
    b = min(w.rows("b"))
    w["b"].delete("person", b)
    w.run()
    again = w.person("b", first="Ana", last="Li", mail="ana@example.org")
    w.run()
    # The record that a person entered anew is linked by now; then the deleted one comes back.
    w["b"].restore("person", b)
    w.runs(2)
    links = {k.remote_id: k for k in w.ask(goldens.links_of, [w.ask(goldens.search, "Ana")[0].id]).popitem()[1]}
    assert links[again].primary and links[b].state == "linked" and not links[b].primary
    w.edit("a", a, title="Boss")
    w.runs(2)
    assert w.rows("b")[again]["title"] == "Boss" and w.rows("b")[b].get("title") is None


def test_a_number_too_large_and_half_a_character_do_not_stop_a_pull(w):
    w.person("a", first="Ana", last="Li", mail="ana@example.org")
    w.person("a", first="Bo", last="Li", mail="bo@example.org", phone=2**70, title="half \ud800 a sign")
    w.person("a", first="Cy", last="Li", mail="cy@example.org")
    told = w.run()
    assert told.read == 3 and {"ana@example.org", "cy@example.org"} <= {r["mail"] for r in w.rows("b").values()}
    assert w.runs(2)[-1].operations["created"] == 0
