"""Writes that are due, records that are not there yet, and fields that are only written."""

from __future__ import annotations

import pytest

from hub.core.model import FieldWrite, Golden, Lost, Pair
from hub.core.plan import render
from tests.unit.small_hub import FakeRule, Lookup, golden, link, rules, side, verdict

NEW = golden({"x": "new"}, by="b")
A = link("a", {"x": "old"})


def due(*sides: object, of: Golden = NEW, **rest: object):
    return [(w.link, w.action, [(f.path, f.raw) for f in w.fields]) for w in verdict(of, *sides, **rest).due]


def test_a_write_is_due_where_golden_is_not_what_was_agreed():
    d = verdict(NEW, side(A))
    assert d.due[0].fields == (FieldWrite("x", "old", "new", "new", "b"),) and d.bases == {} and d.outcome == {}


@pytest.mark.parametrize(
    "case",
    [
        side(A, direction="read"),
        side(A, writes=frozenset({"create"})),
        side(A, rules={"x": FakeRule("x", writable=False)}),
        side(link("a", {"x": "old"}, primary=False)),
    ],
    ids=["read only spoke", "no updates", "read only field", "secondary"],
)
def test_what_is_only_read_is_never_written_and_follows_the_hub(case):
    d = verdict(NEW, case)
    assert d.due == () and d.bases == {"a": {"x": Pair("new", "old")}}


@pytest.mark.parametrize(("state", "why"), [("suspended", ""), ("ended", "deleted"), ("refused", "")])
def test_a_link_that_is_not_live_is_neither_written_nor_brought_up_to_date(state, why):
    d = verdict(NEW, side(link("a", {"x": "old"}, state=state, why=why)))
    assert d.due == () and d.bases == {}


def test_a_field_that_was_never_read_is_never_written():
    assert due(side(link("a", {}), rules=rules("x"))) == []


def test_an_agreement_is_renewed_without_a_write_where_the_remote_holds_the_value_already():
    d = verdict(NEW, side(link("a", {"x": Pair("old", "new ")})))
    assert d.due == () and d.bases == {"a": {"x": Pair("new", "new ")}}


def test_or_where_it_would_be_written_as_it_is():
    cut = {"x": _Cuts("x")}
    d = verdict(golden({"x": "abcdefgh"}), side(link("a", {"x": Pair("abcdefxy", "abcdef")}), rules=cut))
    assert d.due == () and d.bases == {"a": {"x": Pair("abcdefgh", "abcdef")}}


class _Cuts(FakeRule):
    def to_remote(self, value, fields, connection, refs):
        return value[:6]


def test_a_value_that_is_not_told_to_the_remote_counts_as_agreed():
    class Keeps(FakeRule):
        def to_remote(self, value, fields, connection, refs):
            from hub.core.model import ABSENT

            return value if value is not None else ABSENT

    d = verdict(golden({"x": None}), side(A, rules={"x": Keeps("x")}))
    assert d.due == () and d.bases == {"a": {"x": Pair(None, "old")}}


def test_a_value_that_the_remote_does_not_know_is_said_and_the_rest_is_written():
    paths = {"x": FakeRule("x", knows={"O": "old"}), "y": FakeRule("y")}
    a = link("a", {"x": Pair("old", "O"), "y": "1"})
    d = verdict(golden({"x": "new", "y": "2"}), side(a, {"y": "1"}, paths))
    assert [f.path for f in d.due[0].fields] == ["y"] and d.outcome == {"a": "held"}
    assert [(n.what, n.path, n.connection) for n in d.notes] == [("unknown_value", "x", "a")]


def test_a_reference_waits_for_its_parent_in_that_spoke():
    d = verdict(golden({"x": "g9"}), side(link("a", {"x": Pair("g8", "001")}), rules={"x": FakeRule("x", "ref")}))
    assert d.due == () and d.bases == {} and d.notes[0].waits_for == ("golden", "", "g9")
    refs = Lookup({("a", "Account", "009"): "g9"})
    assert due(
        side(link("a", {"x": Pair("g8", "001")}), rules={"x": FakeRule("x", "ref")}), of=golden({"x": "g9"}), refs=refs
    ) == [("a", "update", [("x", "009")])]


def test_a_required_field_is_not_cleared():
    d = verdict(golden({"x": None}), side(A, rules={"x": FakeRule("x", required=True)}))
    assert d.due == () and d.bases == {} and d.notes[0].what == "required"


# ---------------------------------------------------------------- records that are not there yet


def test_a_new_record_holds_what_the_golden_one_has():
    paths = {**rules("x", "y"), "z": FakeRule("z", writable=False)}
    writes, notes = render(golden({"x": "1", "y": None, "z": "3"}), paths, "b", Lookup())
    assert writes == (FieldWrite("x", None, "1", "1"),) and notes == ()


def test_a_new_record_is_made_without_the_fields_in_conflict():
    writes, _ = render(golden({"x": "1", "y": "2"}), rules("x", "y"), "b", Lookup(), skip={"x"})
    assert [w.path for w in writes] == ["y"]


def test_what_stands_in_the_way_of_a_new_record_is_named():
    paths = {
        "x": FakeRule("x", required=True),
        "org": FakeRule("org", "ref", required=True),
        "source": FakeRule("source", knows={}),
    }
    writes, notes = render(golden({"org": "g9", "source": "web"}), paths, "b", Lookup())
    assert writes == () and [(n.what, n.path) for n in notes] == [
        ("unresolved", "org"),
        ("unknown_value", "source"),
        ("required", "x"),
    ]
    assert notes[0].waits_for == ("golden", "", "g9") and all(n.connection == "b" for n in notes)


# ---------------------------------------------------------------- fields that are only written

LABEL = {"label": FakeRule("label", readable=False, wanted=lambda fields: f"{fields.get('x')}!")}


def labelled(said: str | None, base: Pair | None, **rest: object):
    one = link("a", {"label": base} if base else {})
    return side(one, None if said is None else {"label": said}, LABEL, **rest)


def test_a_computed_field_is_due_when_what_it_is_made_of_changed():
    d = verdict(NEW, labelled(None, Pair("old!", "old!")))
    assert d.due[0].fields == (FieldWrite("label", "old!", "new!", "new!"),)
    assert verdict(NEW, labelled(None, Pair("new!", "cut"))).due == ()


def test_a_new_record_carries_its_computed_fields():
    writes, _ = render(NEW, LABEL, "a", Lookup())
    assert writes == (FieldWrite("label", None, "new!", "new!"),)


def test_an_edit_of_a_computed_field_is_drift_and_nothing_is_written():
    d = verdict(NEW, labelled("mine", Pair("new!", "new!")))
    assert [n.what for n in d.notes] == ["drift"] and d.due == () and d.bases == {} and d.golden == NEW
    assert "mine" not in d.notes[0].text and d.outcome == {"a": "unchanged"}


def test_drift_can_be_written_over_and_the_value_is_kept():
    d = verdict(NEW, labelled("mine", Pair("new!", "new!"), drift="overwrite"))
    assert d.due[0].fields[0].raw == "new!" and d.lost == (Lost("label", "mine", "a", "drift", "drift: overwrite"),)
    assert d.outcome == {"a": "applied"}


def test_what_the_remote_made_of_our_computed_value_is_no_drift():
    d = verdict(NEW, labelled("NEW!", Pair("new!", "new!", seen=False)))
    assert d.notes == () and d.bases["a"]["label"] == Pair("new!", "NEW!") and d.due == ()
    d = verdict(NEW, labelled("new!", Pair("old!", "old!"), intents={"label": ["new!"]}))
    assert d.bases["a"]["label"] == Pair("new!", "new!") and d.due == ()


def test_a_computed_field_that_is_read_for_the_first_time_is_filled_or_gives_way():
    assert due(labelled("", None)) == [("a", "update", [("label", "new!")])]
    d = verdict(NEW, labelled("mine", None))
    assert (
        d.lost == (Lost("label", "mine", "a", "first_link", "direction: write"),) and d.due[0].fields[0].raw == "new!"
    )


def test_a_spoke_that_is_only_written_never_changes_golden():
    written = side(A, {"x": "mine"}, direction="write")
    d = verdict(golden({"x": "old"}), written)
    assert d.golden.fields == {"x": "old"} and [n.what for n in d.notes] == ["drift"] and d.due == ()
    first = verdict(golden({"x": "old"}), side(link("a"), {"x": "mine"}, direction="write"))
    assert first.lost[0].value == "mine" and first.due[0].fields[0].raw == "old"


def test_a_spoke_that_is_only_written_is_not_cleared_by_a_first_link():
    d = verdict(Golden("g1", "customer", "person", {"y": "1"}), side(link("a"), {"x": "mine"}, direction="write"))
    assert d.due == () and d.lost == ()


def test_drift_that_a_due_write_will_cover_is_kept():
    d = verdict(NEW, side(A, {"x": "mine"}, direction="write"))
    assert d.due[0].fields[0].raw == "new" and d.lost[0].value == "mine"


def test_another_spelling_in_a_written_spoke_is_no_drift():
    d = verdict(golden({"x": "old"}), side(A, {"x": " old"}, direction="write"))
    assert d.notes == () and d.bases == {"a": {"x": Pair("old", " old")}}
