"""Sets never conflict, and consent only ever becomes stricter unless a sync says who may loosen it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.kinds import opted_out
from hub.core.model import Golden, Held, Lost, Pair, Policy
from tests.unit.small_hub import FakeRule, golden, link, side, verdict

TAGS = {"tags": FakeRule("tags", "set")}
OUT = {"email_opt_out": FakeRule("email_opt_out", "consent")}
EMPTY = Golden("g1", "customer", "person")


def tagged(name: str, now: str | None, before: str = "a;b", **rest: object):
    base = {"tags": Pair(before.split(";"), before)}
    return side(link(name, base), None if now is None else {"tags": now}, rest.pop("rules", TAGS), **rest)


def tags(*sides: object, value: str = "a;b", **rest: object):
    return verdict(golden({"tags": value.split(";")}), *sides, **rest)


# ---------------------------------------------------------------- sets


def test_additions_and_removals_of_two_sides_are_merged():
    d = tags(tagged("a", "a;b;x"), tagged("b", "b;y"))
    assert d.golden.fields["tags"] == ["b", "x", "y"] and d.changes[0].reason == "union" and d.holds == ()
    assert sorted((w.link, w.fields[0].raw) for w in d.due) == [("a", "b;x;y"), ("b", "b;x;y")]


def test_what_one_side_added_is_not_removed_by_another():
    d = tags(tagged("a", "a;b;x"), tagged("b", "a", before="a;b;x"), value="a;b;x")
    assert d.golden.fields["tags"] == ["a", "x"]


def test_an_edit_is_measured_against_the_form_and_not_against_what_was_agreed():
    knows = {"tags": FakeRule("tags", "set", knows={"a": "a", "b": "b"})}
    partial = link("b", {"tags": Pair(["a", "z"], "a")})
    d = verdict(golden({"tags": ["a", "z"]}), side(partial, {"tags": "a;b"}, knows))
    assert d.golden.fields["tags"] == ["a", "b", "z"] and d.due == ()
    assert d.bases["b"]["tags"] == Pair(["a", "b", "z"], "a;b")


def test_a_change_of_the_hub_that_a_spoke_has_not_got_yet_stays_due():
    d = tags(tagged("b", "a;b;x"), value="a;b;hub")
    assert d.golden.fields["tags"] == ["a", "b", "hub", "x"] and d.due[0].fields[0].raw == "a;b;hub;x"


def test_first_readings_are_united():
    d = verdict(
        golden({"tags": ["a"]}),
        side(link("a", {"tags": Pair(["a"], "a")}), None, TAGS),
        side(link("b"), {"tags": "b"}, TAGS),
    )
    assert d.golden.fields["tags"] == ["a", "b"] and [w.link for w in d.due] == ["a", "b"] and d.lost == ()


def test_the_first_record_founds_the_set():
    d = verdict(EMPTY, side(link("a"), {"tags": "b;a"}, TAGS))
    assert d.golden.fields["tags"] == ["a", "b"] and d.changes[0].reason == "founded" and d.due == ()


def test_the_last_option_can_be_removed_and_empty_is_empty_in_either_spelling():
    d = tags(tagged("a", ""), tagged("b", None, before="a;b"))
    assert d.golden.fields["tags"] == [] and d.due[0].fields[0].raw is None
    again = verdict(d.golden, side(link("a", d.bases["a"]), {"tags": ""}, TAGS))
    assert again.bases == {} and again.due == () and again.changes == ()


def test_a_set_that_its_owner_keeps_is_not_edited_by_others():
    d = tags(tagged("a", None), tagged("b", "a;b;x"), policy=Policy(ownership={"tags": "a"}))
    assert d.golden.fields["tags"] == ["a", "b"]
    assert d.lost == (Lost("tags", ["a", "b", "x"], "b", "ownership", "ownership.tags: a"),) and d.due[0].link == "b"


def test_an_option_that_a_remote_dropped_from_our_write_was_not_removed_by_a_person():
    sent = link("b", {"tags": Pair(["a", "z"], "a;z", seen=False)})
    d = verdict(golden({"tags": ["a", "z"]}, by="a"), side(sent, {"tags": "a"}, TAGS))
    assert d.golden.fields["tags"] == ["a", "z"] and d.bases["b"]["tags"] == Pair(["a", "z"], "a")


def test_an_option_that_was_there_before_our_write_was_removed_by_a_person():
    d = tags(tagged("b", "a", intents={"tags": [["a", "b", "z"]]}), value="a;b;z")
    assert d.golden.fields["tags"] == ["a", "z"]


def test_a_newly_mapped_option_is_added_and_none_is_removed():
    first = verdict(EMPTY, side(link("a"), {"tags": "a;B"}, TAGS))
    renamed = {"tags": _Renames("tags", "set")}
    d = verdict(first.golden, side(link("a", first.bases["a"]), {"tags": "a;B"}, renamed))
    assert d.golden.fields["tags"] == ["B", "a", "b"] and d.changes[0].reason == "mapping"


class _Renames(FakeRule):
    def to_canonical(self, raw, connection, refs):
        return sorted(v.lower() for v in raw.split(";"))


def test_an_old_conflict_about_what_is_a_set_now_closes_into_a_union():
    d = tags(tagged("a", None), tagged("b", None), held=(Held("tags", {"a": "a;b;x", "b": "a;b;y"}, None),))
    assert d.golden.fields["tags"] == ["a", "b", "x", "y"] and d.closed == ("tags",) and d.holds == ()


OPTIONS = st.sets(st.sampled_from("abcdef"))


@settings(max_examples=100, deadline=None)
@given(OPTIONS, OPTIONS, OPTIONS)
def test_no_option_is_invented_and_none_vanishes_that_nobody_removed(before, one, two):
    def said(options):
        return ";".join(sorted(options)) or None

    sides = [
        side(link(n, {"tags": Pair(sorted(before), said(before))}), {"tags": said(s)}, TAGS)
        for n, s in (("a", one), ("b", two))
    ]
    merged = set(verdict(golden({"tags": sorted(before)}), *sides).golden.fields["tags"] or ())
    added, removed = (one | two) - before, (before - one) | (before - two)
    assert merged == (before | added) - removed


# ---------------------------------------------------------------- consent


def consents(name: str, now: object, before: object = False, **rest: object):
    base = {"email_opt_out": Pair(before, before)} if before is not ... else {}
    return side(link(name, base), None if now is ... else {"email_opt_out": now}, OUT, **rest)


def consent(*sides: object, value: object = False, opt_in_from: tuple[str, ...] = (), **rest: object):
    return verdict(golden({"email_opt_out": value}), *sides, policy=Policy(consent_opt_in_from=opt_in_from, **rest))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("email_opt_out", True, True),
        ("email_opt_out", False, False),
        ("consent.sms_opt_in", False, True),
        ("sms_opt_in", None, False),
    ],
)
def test_whether_a_value_says_no_depends_on_what_the_field_asks(path, value, expected):
    assert opted_out(path, value) is expected


def test_an_opt_out_wins_from_any_side_over_ownership_and_later_edits():
    out = consents("a", True, at=60)
    later = consents("b", None, at=900, after=800)
    d = consent(out, later, ownership={"default": "b"}, conflicts={"default": ("b",)})
    assert d.golden.fields == {"email_opt_out": True} and d.golden.sources["email_opt_out"].by == "a"
    assert d.due[0].link == "b" and d.holds == ()


def test_an_opt_in_is_not_accepted_and_written_back():
    d = consent(consents("a", False, before=True), value=True)
    assert d.golden.fields == {"email_opt_out": True} and d.due[0].fields[0].raw is True
    assert [(p.value, p.reason) for p in d.lost] == [(False, "consent")] and "opt_in_from" in d.lost[0].rule


def test_a_spoke_that_the_sync_names_may_opt_in_again():
    d = consent(consents("a", False, before=True), consents("b", ..., before=True), value=True, opt_in_from=("a",))
    assert d.golden.fields == {"email_opt_out": False} and d.lost == () and d.due[0].link == "b"


def test_it_may_not_opt_in_over_an_opt_out_that_it_has_not_seen():
    d = consent(consents("a", False, before=None), value=True, opt_in_from=("a",))
    assert d.golden.fields == {"email_opt_out": True} and d.lost[0].value is False


def test_an_opt_out_beats_an_opt_in_of_the_same_run():
    d = consent(consents("a", False, before=None), consents("b", True, before=None), value=None, opt_in_from=("a",))
    assert d.golden.fields == {"email_opt_out": True} and [p.connection for p in d.lost] == ["a"]


def test_of_two_spokes_that_may_speak_an_answer_beats_a_cleared_field():
    d = consent(consents("a", None), consents("b", False, before=None), opt_in_from=("a", "b"))
    assert d.golden.fields == {"email_opt_out": False} and d.due[0].link == "a" and d.lost[0].connection == "a"


def test_clearing_an_opt_out_does_not_take_it_back_and_clearing_an_opt_in_is_allowed():
    kept = consent(consents("a", None, before=True), value=True)
    assert kept.golden.fields == {"email_opt_out": True} and kept.due[0].link == "a" and kept.lost[0].value is None
    assert consent(consents("a", None)).golden.fields == {"email_opt_out": None}


def test_at_first_link_an_opt_out_wins_and_a_known_consent_fills_an_unknown_one():
    d = consent(consents("b", True, before=...), consents("a", ...))
    assert d.golden.fields == {"email_opt_out": True} and d.due[0].link == "a"
    d = consent(consents("b", False, before=...), value=True)
    assert d.golden.fields == {"email_opt_out": True} and d.due[0].link == "b"
    d = consent(consents("b", False, before=...), consents("a", ..., before=None), value=None)
    assert d.golden.fields == {"email_opt_out": False} and d.lost == ()
    d = consent(consents("b", None, before=...), value=True)
    assert d.due[0].fields[0].raw is True and d.lost == ()


def test_a_changed_mapping_can_opt_out_but_never_in():
    class Flipped(FakeRule):
        def to_canonical(self, raw, connection, refs):
            return not raw

    for raw, expected in ((True, True), (False, True)):
        first = verdict(EMPTY, side(link("a"), {"email_opt_out": raw}, OUT))
        again = side(
            link("a", first.bases["a"]), {"email_opt_out": raw}, {"email_opt_out": Flipped("email_opt_out", "consent")}
        )
        assert verdict(first.golden, again).golden.fields["email_opt_out"] is expected
