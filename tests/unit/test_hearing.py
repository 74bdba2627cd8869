"""What one link says about one field."""

from __future__ import annotations

import pytest

from hub.core.hearing import EDIT, NEW, QUIET, UNREADABLE, Heard, alike, claim, hear, readable
from hub.core.intervals import UNKNOWN, at, between
from hub.core.model import Pair
from tests.unit.small_hub import FakeRule, Lookup, link, side, stamp

LOWER, CUT = FakeRule("x", lower=True), FakeRule("x", cut=6)


def heard(raw: object, base: Pair | None, rule: FakeRule | None = None, **rest: object) -> Heard | None:
    one = link("a", {} if base is None else {"x": base})
    return hear(side(one, {"x": raw}, **rest), rule or FakeRule("x"), Lookup())


@pytest.mark.parametrize(
    ("raw", "base", "rule", "what", "pair"),
    [
        ("v", Pair("v", "v"), None, QUIET, Pair("v", "v")),
        (" v", Pair("v", "v"), None, QUIET, Pair("v", " v")),
        ("w", Pair("v", "v"), None, EDIT, None),
        (None, Pair("v", "v"), None, EDIT, None),
        ("v", None, None, NEW, None),
        (None, None, None, NEW, None),
        ("V", Pair("v", "v"), LOWER, QUIET, Pair("v", "V")),
        ("abcdef ", Pair("abcdefgh", "abcdef"), CUT, QUIET, Pair("abcdefgh", "abcdef ")),
        ("abcde", Pair("abcdefgh", "abcdef"), CUT, EDIT, None),
        ("abcdef", Pair("abcdefgh", "abcdefgh", seen=False), CUT, QUIET, Pair("abcdefgh", "abcdef")),
        ("abcdefgh", Pair("abcdefgh", "abcdefgh", seen=False), CUT, QUIET, Pair("abcdefgh", "abcdefgh")),
        (None, Pair("v", "v", seen=False), None, EDIT, None),
        ("w", Pair("v", "v", seen=False), None, EDIT, None),
        ("?", Pair("web", "W"), FakeRule("x", knows={"W": "web"}), UNREADABLE, None),
        ("W", Pair("web", "V"), FakeRule("x", knows={"W": "web"}), EDIT, None),
    ],
)
def test_a_raw_value_is_measured_against_its_base(raw, base, rule, what, pair):
    h = heard(raw, base, rule)
    assert (h.what, h.pair) == (what, pair)


@pytest.mark.parametrize(
    ("raw", "intents", "pair"),
    [
        ("new", ["new"], Pair("new", "new")),
        ("one", ["one", "two"], Pair("one", "one")),
        ("abcdef", ["abcdefgh"], Pair("abcdefgh", "abcdef")),
        ("abcdef", ["abcdefgh", "abcdefxy"], Pair("abcdefxy", "abcdef")),
        ("abcdef", ["abcdef", "abcdefgh"], Pair("abcdef", "abcdef")),
        ("old", ["new"], Pair("old", "old")),
        ("old ", ["old but longer"], Pair("old", "old ")),
    ],
)
def test_a_value_that_stands_for_an_intent_is_our_write(raw, intents, pair):
    h = heard(raw, Pair("old", "old"), CUT, intents={"x": intents})
    assert (h.what, h.pair) == (QUIET, pair)


def test_a_value_that_stands_for_no_intent_is_an_edit():
    assert heard("mine", Pair("old", "old"), CUT, intents={"x": ["new"]}).what == EDIT


def test_a_null_that_we_sent_is_our_write_and_one_that_we_did_not_send_is_an_edit():
    assert heard(None, Pair("old", "old"), intents={"x": [None]}).pair == Pair(None, None)
    assert heard(None, Pair("old", "old"), intents={"x": ["new"]}).what == EDIT


def test_an_open_intent_is_the_base_of_a_record_that_we_created():
    rule = FakeRule("x", knows={"W": "web", "F": "fax"})
    assert heard("W", None, rule, intents={"x": ["web"]}).pair == Pair("web", "W")
    edited = heard("F", None, rule, intents={"x": ["web"]})
    assert (edited.what, edited.base) == (EDIT, Pair("web", "W", seen=False))
    assert heard("F", None, rule, intents={"x": ["unknown to the remote"]}).what == NEW


def test_a_field_that_was_not_read_says_nothing():
    assert hear(side(link("a"), {"y": "1"}), FakeRule("x"), Lookup()) is None
    assert hear(side(link("a"), None), FakeRule("x"), Lookup()) is None


def test_an_ignored_empty_value_can_be_filled_and_an_ignored_value_is_left():
    ignores = FakeRule("x", ignore_empty=True)
    assert heard(None, Pair("v", "v"), ignores).pair == Pair("v", None)
    assert (heard(None, None, ignores).what, heard(None, None, ignores).value) == (NEW, None)


def test_the_time_of_an_edit_is_an_interval_a_point_or_unknown():
    assert heard("w", Pair("v", "v")).time == between(stamp(50), stamp(100))
    assert heard("w", Pair("v", "v"), points={"x": stamp(70)}).time == at(stamp(70))
    assert heard("w", Pair("v", "v"), by_us=True).time == UNKNOWN
    assert heard("w", Pair("v", "v"), after=None).time == between("", stamp(100))
    assert claim(side(link("a", {"x": "v"})), FakeRule("x"), "w", Lookup()).time == UNKNOWN


def test_a_mark_tells_links_and_raw_values_apart():
    marks = {heard(raw, None).mark for raw in ("1", 1, None, "None", ["1"])}
    assert len(marks) == 5
    assert heard("1", None).mark == heard("1", Pair("v", "v")).mark


def test_a_claim_is_an_edit_or_a_first_reading_or_cannot_be_read():
    rule = FakeRule("x", knows={"W": "web"})
    said = [
        claim(side(link("a", base)), rule, raw, Lookup()).what
        for base, raw in (({"x": "v"}, "W"), ({}, "W"), ({}, "?"))
    ]
    assert said == [EDIT, NEW, UNREADABLE]


def test_empty_sets_are_alike_and_other_empty_values_are_not():
    assert alike("set", None, []) and not alike("text", None, "") and alike("text", "a", "a")


def test_a_spoke_or_field_that_is_only_written_is_not_heard():
    assert readable(side(link("a")), FakeRule("x"))
    assert not readable(side(link("a"), direction="write"), FakeRule("x"))
    assert not readable(side(link("a")), FakeRule("x", readable=False))
