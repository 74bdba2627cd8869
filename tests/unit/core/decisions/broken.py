"""Hearts that decide otherwise, one rule each. The stored decisions must notice every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hub.core import ballot, dues, firsts, hearing, intervals, kinds, merge, plan, policies
from hub.core.model import ABSENT, UNRESOLVED, Pair

Break = Callable[[pytest.MonkeyPatch], None]


def the_oldest_wins(patch: pytest.MonkeyPatch) -> None:
    def oldest(left: list[Any], policy: Any) -> list[Any]:
        later = policies._newest(left, policy)
        return [c for c in left if c not in later] or left

    patch.setitem(policies._NAMED, "newest", oldest)


def clocks_are_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(intervals.Interval, "before", lambda self, other, tolerance: self.until < other.after)


def our_own_versions_are_evidence(patch: pytest.MonkeyPatch) -> None:
    def time(self: Any) -> Any:
        reading = self.side.reading
        return intervals.between(reading.after, reading.stamp) if reading is not None else intervals.UNKNOWN

    patch.setattr(hearing.Heard, "time", property(time))


def field_history_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hearing.Heard, "point", "")


def empty_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(policies._NAMED, "non_empty", lambda left, policy: [c for c in left if c.value is None])


def the_last_rank_wins(patch: pytest.MonkeyPatch) -> None:
    original = policies.choose
    for module in (merge, firsts):
        patch.setattr(module, "choose", lambda chain, found, policy: original(tuple(reversed(chain)), found, policy))


def nothing_is_held(patch: pytest.MonkeyPatch) -> None:
    original = policies.choose

    def decided(chain: Any, found: Any, policy: Any) -> Any:
        choice = original([e for e in chain if e != "hold"], found, policy)
        return choice if choice.winner is not None else policies.Choice(found[0], "first")

    for module in (merge, firsts):
        patch.setattr(module, "choose", decided)


def nobody_owns(patch: pytest.MonkeyPatch) -> None:
    for module in (ballot, firsts, merge):
        patch.setattr(module, "owner", lambda q: "")


def an_owner_owns_for_ever(patch: pytest.MonkeyPatch) -> None:
    for module in (ballot, firsts):
        patch.setattr(module, "owner_holds", lambda *a: True)


def first_links_go_by_the_conflict_policy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(firsts, "_chain", lambda q: q.policy.conflicts.get(q.path) or q.policy.conflicts.get("default") or ())


def the_poorer_value_stands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(firsts._Group, "join", lambda self, other: self.asks.extend(other.asks))


def an_empty_side_clears(patch: pytest.MonkeyPatch) -> None:
    for module in (plan, firsts):
        patch.setattr(module, "EMPTY", ())


def losers_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    original = ballot.Answer.lose

    def forget(self: Any, *args: Any) -> None:
        original(self, *args)
        self.lost.pop()

    patch.setattr(ballot.Answer, "lose", forget)


def losers_are_left_as_they_are(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hearing.Heard, "own_pair", property(lambda self: self.base or Pair(self.value, self.raw)))


def the_golden_value_is_no_candidate(patch: pytest.MonkeyPatch) -> None:
    original = ballot.candidates
    patch.setattr(merge, "candidates", lambda q, a, asks, golden: original(q, a, asks, golden=False))


def our_write_comes_back_as_an_edit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hearing, "_our_write", lambda *a: ABSENT)


def another_form_is_an_edit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hearing, "_is_form", lambda *a: False)


def sets_conflict_like_text(patch: pytest.MonkeyPatch) -> None:
    for module in (plan, merge):
        patch.setattr(module, "SPECIAL", {"consent": kinds.merge_consent})


def the_latest_consent_wins(patch: pytest.MonkeyPatch) -> None:
    for module in (plan, merge):
        patch.setattr(module, "SPECIAL", {"set": kinds.merge_set})


def anybody_may_opt_in_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kinds, "_may", lambda q, a, h: True)


def an_option_that_is_not_known_there_is_removed(patch: pytest.MonkeyPatch) -> None:
    def edit(q: Any, h: Any) -> tuple[set[str], set[str]]:
        was, now = {*((h.base.agreed if h.base else None) or ())}, {*(h.value or ())}
        return now - was, was - now

    patch.setattr(kinds, "_edit", edit)


def deletes_beat_edits(patch: pytest.MonkeyPatch) -> None:
    original = plan.decide
    patch.setattr(
        "tests.unit.core.decisions.form.decide",
        lambda golden, sides, policy, **rest: original(
            golden, sides, replace(policy, delete_against_edit="delete"), **rest
        ),
    )


def an_edit_that_the_deleter_never_saw_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "_unseen", lambda work, side: False)


def a_restored_record_stays_gone(patch: pytest.MonkeyPatch) -> None:
    original = plan._moved
    patch.setattr(plan, "_moved", lambda s: s if s.reading and s.reading.kind == "restored" else original(s))


def a_suspended_record_stays_away(patch: pytest.MonkeyPatch) -> None:
    original = plan._moved
    patch.setattr(plan, "_moved", lambda s: s if s.link.state == "suspended" else original(s))


def secondary_records_are_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        dues, "pushes", lambda side, rule: side.direction != "read" and "update" in side.writes and rule.writable
    )


def what_is_only_read_does_not_follow(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dues, "_follow", lambda *a: None)


def what_is_held_already_is_written_again(patch: pytest.MonkeyPatch) -> None:
    original = hearing.canonical
    patch.setattr(
        dues, "canonical", lambda rule, raw, *rest: UNRESOLVED if rule.writable else original(rule, raw, *rest)
    )


def drift_is_not_seen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "watch", lambda *a: dues.Owed())


def a_field_may_go_back_and_forth(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ballot, "_alternates", lambda *a: [])


def a_changed_mapping_is_not_applied(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merge, "_remapped", lambda *a: None)


def an_open_hold_goes_by_the_policy(patch: pytest.MonkeyPatch) -> None:
    def by_policy(q: Any, a: Any, asks: Any, stuck: Any) -> None:
        merge._contest(q, a, asks, asks)

    patch.setattr(merge, "_frozen", by_policy)


def a_claim_cannot_be_taken_back(patch: pytest.MonkeyPatch) -> None:
    original = merge._claims

    def stubborn(q: Any, a: Any, heard: Any) -> Any:
        return original(q, a, [h for h in heard if h.asks])

    patch.setattr(merge, "_claims", stubborn)


BROKEN: dict[str, Break] = {
    one.__name__: one
    for one in list(globals().values())
    if callable(one) and getattr(one, "__module__", "") == __name__ and one.__name__ != "Break"
}
