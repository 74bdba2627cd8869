"""Stories of remotes that rewrite what they are given: their form is no edit, and it never travels."""

from __future__ import annotations

import pytest

from hub.core.model import Policy
from tests.simulation.stories.kit import adds_up, audited, conflicts, settle_down, silent
from tests.simulation.world import F, mapping, profile, spoke, sync, world

HOLD = Policy(conflicts={"default": ("hold",)})
CUTS = profile(fields={"title": F("title", length=6)})
LOWERS = profile(fields={"title": F("title", lower=True)})


def at_rest(title="abcdefgh", b=CUTS, **options):
    w = world(sync(spoke("a"), spoke("b"), **options), profiles={"b": b})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title=title)
    w.run()
    w.run()
    (id,) = w.rows("b")
    return w, a, id


@pytest.mark.parametrize(("receipts", "conditional"), [("body", "strong"), ("version", "coarse"), ("none", "none")])
@pytest.mark.parametrize(
    ("title", "kept"),
    [
        (F("title", length=6), "abcdefgh"),
        (F("title", lower=True), "Head OF Sales"),
        (F("title", trim=True), "Head of sales"),
        (F("title", length=6, lower=True), "ABCDEFGH"),
    ],
)
def test_values_that_a_remote_rewrites_do_not_ping_pong(title, kept, receipts, conditional):
    b = profile(fields={"title": title}, receipts=receipts, conditional_write=conditional)
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": b})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title=kept)
    settle_down(w)
    assert w.only("a")["title"] == kept
    w.edit("a", a, title=kept + " two")
    settle_down(w)
    assert w.only("a")["title"] == kept + " two"
    w.edit("b", next(iter(w.rows("b"))), phone="+34600100200")
    settle_down(w)
    assert w.only("a")["title"] == kept + " two" and w.only("a")["phone"] == "+34600100200"


def test_automation_of_b_that_rewrites_what_we_wrote_is_an_edit_once_and_then_there_is_rest():
    def stamp_title(id, fields):
        return {"title": "VIP"} if fields.get("title") == "Clerk" else {}

    w = world(sync(spoke("a"), spoke("b")), profiles={"b": profile(after_write=stamp_title)})
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "VIP"


@pytest.mark.parametrize(
    ("b", "title", "form"), [(CUTS, "abcdefgh", "abcdef"), (LOWERS, "ABCDEFGH", "abcdefgh")], ids=["cut", "lower"]
)
def test_b_holds_a_cut_or_lower_cased_form_and_someone_adds_a_blank_there_so_nothing_travels(b, title, form):
    w, _, id = at_rest(title=title, b=b)
    assert w.only("b")["title"] == form
    rewrites_no_more(w, "b")
    before = w.written()
    w.edit("b", id, title=form + " ")
    adds_up(w.run())
    assert w.written() == before and w.only("a")["title"] == title
    silent(w)


def rewrites_no_more(w, remote):
    """From now on this remote keeps values as people type them."""
    w[remote]._tables["person"].profile = profile()


def test_a_real_edit_of_a_cut_form_travels():
    w, _, id = at_rest()
    w.edit("b", id, title="xyz")
    w.run()
    assert w.only("a")["title"] == "xyz"
    silent(w)


def test_y_is_written_to_b_and_a_person_puts_x_back_whose_hash_was_last_settled_and_it_is_an_edit():
    w, a, b = at_rest(title="x", b=profile())
    w.edit("a", a, title="y")
    w.run()
    assert w.only("b")["title"] == "y"
    w.edit("b", b, title="x")
    w.run()
    assert w.only("a")["title"] == "x"
    silent(w)


@pytest.mark.parametrize("receipts", ["version", "none"])
def test_x_put_back_before_our_first_read_is_an_edit_where_receipts_have_no_body(receipts):
    w, a, b = at_rest(title="x", b=profile(receipts=receipts))
    w.edit("a", a, title="y")
    w.run()
    w.edit("b", b, title="x")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "x"


def test_golden_becomes_equal_to_what_b_already_holds_and_a_later_edit_of_b_is_no_conflict():
    w, a, b = at_rest(title="Clerk", b=profile(), policy=HOLD)
    before = w.written()
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Chief")
    w.run()
    assert w.written() == before
    w.edit("b", b, title="Boss")
    w.run()
    assert not conflicts(w)
    assert w.only("a")["title"] == "Boss"
    silent(w)


class Lenient(F):
    """A multi-select that drops in silence what is not on its list."""

    def _choices(self, value):
        parts = value.split(";") if isinstance(value, str) else value
        return ";".join(sorted(p for p in parts if p in self.choices)) or None


def test_b_does_not_know_an_option_and_an_option_added_in_b_leaves_it_everywhere_else():
    tags = Lenient("tags", "choices", choices=("b", "x", "y"))
    w = world(sync(spoke("a"), spoke("b"), spoke("c")), profiles={"b": profile(fields={"tags": tags})})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", tags="x;y")
    w.run()
    (b,) = w.rows("b")
    w.edit("a", a, tags="x;y;z")
    settle_down(w)
    assert w.only("c")["tags"] == "x;y;z" and w.only("b")["tags"] == "x;y"
    w.edit("b", b, tags="x;y;b")
    settle_down(w)
    assert w.only("a")["tags"] == w.only("c")["tags"] == "b;x;y;z"
    assert w.only("b")["tags"] == "b;x;y"


def test_first_link_of_a_long_value_and_its_cut_form_and_the_richer_stands_though_b_is_ranked_first():
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(first_link={"default": ("b", "a")})), profiles={"b": CUTS})
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="abcdefgh")
    w.person("b", first="Ana", last="Díaz", mail="ana@example.org", title="abcdefgh")
    settle_down(w)
    assert w.only("a")["title"] == "abcdefgh" and w.only("b")["title"] == "abcdef"
    assert not w["a"].writes


def test_phones_of_another_spelling_are_the_same_and_the_one_that_says_more_stands():
    phone = mapping(**{"phones[mobile]": {"field": "phone", "as": "phone"}})
    w = world(sync(spoke("a", mapping=phone), spoke("b", mapping=phone)))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", phone="600 100 200")
    w.person("b", first="Ana", last="Díaz", mail="ana@example.org", phone="+34 600-100-200")
    settle_down(w)
    assert not w["b"].writes and [c.write.fields for c in w["a"].writes] == [{"phone": "+34600100200"}]


def test_money_rounded_by_b_leaves_the_exact_amount_in_a():
    money = {"field": "fee", "as": "money", "currency": "EUR"}
    fee = mapping(**{"custom.fee": {**money, "kind": "money"}})
    profiles = {
        "a": profile(fields={"fee": F("fee", "money")}),
        "b": profile(fields={"fee": F("fee", "money", round=1)}),
    }
    w = world(sync(spoke("a", mapping=fee), spoke("b", mapping=fee)), profiles=profiles)
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", fee="12.34")
    settle_down(w)
    assert str(w.only("a")["fee"]) == "12.34" and float(w.only("b")["fee"]) == 12.3


def test_a_product_that_fills_a_field_again_after_each_write_is_written_over_twice_and_then_left_alone():
    """The owner says empty, a workflow in b says Auto, whatever we do. Without an end this would go on for ever."""
    filling = profile(after_write=lambda id, fields: {} if fields.get("title") else {"title": "Auto"})
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(ownership={"job_title": "a"})), profiles={"b": filling})
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(2)
    w.clock.advance(60)
    w["a"].clear("person", a, "title")
    w.runs(6)
    assert [c.write.fields for c in w["b"].writes if c.write.action == "update"] == [{"title": None}] * 3
    assert w.only("a")["title"] is None and w.only("b")["title"] == "Auto"
    assert "keeps putting its own value" in audited(w, "parked")[0]["why"]
    silent(w, 3)
    w.edit("a", a, title="Chief")
    w.runs(2)
    assert w.only("b")["title"] == "Chief"
