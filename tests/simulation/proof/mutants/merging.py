"""Mutants of deciding: bases, ownership, conflicts, holds, sets, first links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hub.core import dues, firsts, hearing, kinds, merge
from hub.core.ballot import Answer
from hub.core.hearing import alike
from hub.core.model import UNRESOLVED, Pair
from hub.core.rules import RefRule
from hub.core.values import options
from hub.engine import apply
from tests.simulation.proof.mutants.kit import Patch, around, breaks, instead
from tests.simulation.stories import test_edits, test_forms, test_holds


@breaks("edits_are_never_lost", "silence")
def last_writer_wins() -> Iterator[Patch]:
    """There is no base: whatever a system reports is an edit of every field, the last one stands, and that is that."""

    def record_wise(decide: Any, golden: Any, sides: Sequence[Any], policy: Any, **rest: Any) -> Any:
        blind = [
            replace(s, link=replace(s.link, base={p: Pair(None, None) for p in s.link.base})) if s.reading else s
            for s in sides
        ]
        found = decide(golden, blind, replace(policy, conflicts={"default": ("newest", *"abcd")}), **rest)
        return replace(found, lost=())

    yield around(apply, "decide", record_wise)


@breaks("nothing_is_amplified", "all_agree", "edits_are_never_lost")
def unresolved_is_null() -> Iterator[Patch]:
    """A reference to a record that is not linked yet is read as no reference."""

    def emptied(to_canonical: Any, self: Any, raw: Any, connection: str, refs: Any) -> Any:
        value = to_canonical(self, raw, connection, refs)
        return None if value is UNRESOLVED else value

    yield around(RefRule, "to_canonical", emptied)


@breaks("edits_are_never_lost")
def loser_is_forgotten() -> Iterator[Patch]:
    """The value that loses a conflict is kept nowhere."""
    yield around(apply, "decide", lambda decide, *args, **rest: replace(decide(*args, **rest), lost=()))


@breaks("nothing_is_amplified", "edits_are_never_lost", "all_agree")
def unknown_base_is_null() -> Iterator[Patch]:
    """A field that was never agreed on counts as agreed before: what a side lacks clears the others."""

    def known(decide: Any, golden: Any, sides: Sequence[Any], policy: Any, **rest: Any) -> Any:
        sure = [
            replace(
                s,
                link=replace(s.link, base={p: s.link.base.get(p, Pair(golden.fields.get(p), "?")) for p in s.rules}),
            )
            if s.reading
            else s
            for s in sides
        ]
        return decide(golden, sure, policy, **rest)

    yield around(apply, "decide", known)


@breaks(
    "edits_are_never_lost",
    "all_agree",
    stories=(1,),
    script=test_edits.test_erp_owns_a_field_and_a_person_edits_it_in_b_so_b_is_written_back_and_the_edit_is_audited,
)
def not_written_back() -> Iterator[Patch]:
    """An edit of a field that another system owns is refused, and stays where it was made."""

    def leave(lose: Any, self: Any, q: Any, h: Any, reason: str, rule: str) -> None:
        if reason == "ownership":
            self.agree(h, h.value)
        else:
            lose(self, q, h, reason, rule)

    yield around(Answer, "lose", leave)


@breaks("edits_are_never_lost", "all_agree")
def losers_stay_as_they_are() -> Iterator[Patch]:
    """A side whose value lost is not written back."""

    def leave(lose: Any, self: Any, q: Any, h: Any, reason: str, rule: str) -> None:
        lose(self, q, h, reason, rule)
        self.pairs[h.link] = Pair(self.value, h.raw)

    yield around(Answer, "lose", leave)


@breaks("forms_stay_at_home", stories=(7,))
def another_spelling_is_an_edit() -> Iterator[Patch]:
    """A raw value other than the form is an edit, though both mean the same."""

    def only_raw(side: Any, rule: Any, base: Any, raw: Any, value: Any, refs: Any) -> bool:
        return not base.seen and (raw == base.form or alike(rule.kind, base.agreed, value))

    yield instead(hearing, "_is_form", only_raw)


@breaks(
    "forms_stay_at_home",
    stories=(9,),
    script=test_forms.test_first_link_of_a_long_value_and_its_cut_form_and_the_richer_stands_though_b_is_ranked_first,
)
def first_link_by_rank_alone() -> Iterator[Patch]:
    """Two values that are the same by type are ranked like any others when records are linked: the cut one may stand."""
    yield instead(firsts, "_joined", lambda groups: groups)


@breaks(
    stories=(10,),
    script=test_forms.test_golden_becomes_equal_to_what_b_already_holds_and_a_later_edit_of_b_is_no_conflict,
)
def agreement_needs_a_write() -> Iterator[Patch]:
    """A side that holds the golden value already does not agree to it before it is written there."""

    def first_alone(accept: Any, q: Any, a: Answer, winner: Any, *rest: Any) -> bool:
        taken = bool(accept(q, a, winner, *rest))
        for h in winner.asks[1:] if taken else ():
            a.pairs.pop(h.link, None)
        return taken

    yield around(merge, "accept", first_alone)
    yield instead(dues, "_owe", partial(_write_only, dues._owe))


def _write_only(owe: Any, found: Any, *rest: Any) -> None:
    before = dict(found.pairs)
    owe(found, *rest)
    found.pairs.clear()
    found.pairs.update(before)


@breaks(
    stories=(11,),
    script=test_forms.test_b_does_not_know_an_option_and_an_option_added_in_b_leaves_it_everywhere_else,
)
def a_set_against_what_was_agreed() -> Iterator[Patch]:
    """A set's edit is measured against what was agreed: an option that a system does not know counts as removed there."""

    def from_agreed(q: Any, h: Any) -> tuple[set[str], set[str]]:
        was, now = options(h.base.agreed) if h.base is not None else set(), options(h.value)
        return now - was, was - now

    yield instead(kinds, "_edit", from_agreed)


@breaks(
    "all_agree",
    "edits_are_never_lost",
    stories=(16,),
    script=test_holds.test_a_hold_is_open_and_a_takes_its_edit_back_then_the_hold_is_resolved_and_all_sides_agree,
)
def claims_are_never_withdrawn() -> Iterator[Patch]:
    """What a side asked for when a conflict was opened stands, though its people took it back since."""

    def all_claims(claims: Any, q: Any, a: Any, heard: Sequence[Any]) -> Any:
        if q.hold is None:
            return claims(q, a, heard)
        return claims(q, a, [h for h in heard if h.link not in q.hold.claims])

    yield around(merge, "_claims", all_claims)


@breaks(
    stories=(17,),
    script=test_edits.test_a_read_only_field_is_edited_twice_in_a_and_does_not_conflict_with_itself,
)
def read_only_never_agrees() -> Iterator[Patch]:
    """What agreed is only noted where the hub may write: a field that is only read stays as it was at first."""

    def forget(agree: Any, self: Any, h: Any, value: Any) -> None:
        agree(self, h, value)
        if not h.rule.writable and h.base is not None:
            self.pairs[h.link] = h.base

    yield around(Answer, "agree", forget)
    yield instead(dues, "_follow", lambda *args: None)
