"""Stories of a hub that was set back to an older backup: it forgot, the remotes did not."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.model import Policy
from hub.engine import reconcile, repair
from hub.store import reconcile as store
from tests.simulation.stories.kit import (
    adds_up,
    agree,
    audited,
    backup,
    conflicts,
    golden_count,
    golden_of,
    heal,
    kill,
    links,
    lose_answers,
    lost_values,
    open_operations,
    open_reviews,
    release,
    resolve,
    restore,
    settle_down,
    unreachable,
)
from tests.simulation.world import F, World, profile, spoke, sync, world

FIELDS = ("first", "last", "mail", "title")


def with_backup(*, copying: bool = True, **options: Any) -> tuple[World, str, str, Any]:
    w = world(options.pop("sync", None) or sync(spoke("a"), spoke("b")), **options)
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(2)
    (b,) = w.rows("b")
    return w, a, b, backup(w) if copying else None


def held(w: World) -> dict[tuple[str, str], int]:
    return {(c, a): n for _, c, a, n in w.ask(store.held_operations)}


# ---------------------------------------------------------------- what was created since


def test_records_created_after_the_backup_are_recognised_by_key_and_none_is_doubled():
    w, _, _, copy = with_backup()
    w.person("a", first="Luis", last="Gil")
    w.person("b", first="Eva", last="Sanz")
    w.runs(2)
    assert len(w.rows("a")) == len(w.rows("b")) == 3
    restore(w, copy)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 3
    agree(w, *FIELDS)
    assert not held(w)


def test_a_record_created_after_the_backup_and_edited_since_keeps_its_edit():
    w, _, _, copy = with_backup()
    luis = w.person("a", first="Luis", last="Gil", mail="luis@example.org", title="Clerk")
    w.runs(2)
    twin = next(id for id, row in w.rows("b").items() if row["mail"] == "luis@example.org")
    restore(w, copy)
    w.edit("b", twin, title="Boss")
    w.run()
    (open_,) = conflicts(w)
    assert {*open_["shown"].values(), open_["hub_value"]} == {"Boss", "Clerk"}
    assert w["a"].version("person", luis).fields["title"] == "Clerk"
    resolve(w, keep="b")
    settle_down(w)
    agree(w, *FIELDS)
    assert w["a"].version("person", luis).fields["title"] == "Boss"


def test_new_records_wait_for_the_release_and_flow_with_the_next_run():
    w, _, _, copy = with_backup()
    restore(w, copy)
    w.person("a", first="Luis", last="Gil")
    w.person("b", first="Eva", last="Sanz")
    for _ in range(3):
        told = w.run()
        adds_up(told)
        assert told.state == "waiting" and "[S-RECONCILE]" in told.error
        assert "1 creates in a" in told.error and "1 creates in b" in told.error
    assert (len(w.rows("a")), len(w.rows("b"))) == (2, 2) and held(w) == {("a", "create"): 1, ("b", "create"): 1}
    release(w)
    told = w.run()
    adds_up(told)
    assert told.state == "ok" and told.operations["created"] == 2
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 3


def test_a_create_that_was_under_way_at_the_time_of_the_backup_is_not_repeated():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz")
    kill(w, "intent")
    copy = backup(w)
    w.runs(2)
    restore(w, copy)
    settle_down(w)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1


def test_a_create_under_way_at_the_backup_is_adopted_without_taking_its_intent_for_evidence():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", title="Clerk")
    kill(w, "intent")
    copy = backup(w)
    w.runs(2)
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    w.runs(2)
    w.edit("b", b, title="Clerk")  # a person puts back what the intent says
    restore(w, copy)
    w.run()
    (open_,) = conflicts(w)
    assert {*open_["shown"].values(), open_["hub_value"]} == {"Chief", "Clerk"}


def test_a_record_with_a_key_of_ours_founds_nothing_while_its_origin_cannot_be_read():
    w, _, _, copy = with_backup()
    w.person("a", first="Luis", last="Gil")
    w.runs(2)
    restore(w, copy)
    unreachable(w, "a")
    told = w.run()
    assert told.state == "partial" and "[S-RECONCILE]" in told.error and golden_count(w) == 1
    assert told.read == told.pending + sum(told.outcomes.values())
    heal(w)
    settle_down(w)
    assert golden_count(w) == 2 and not held(w)
    agree(w, *FIELDS)


def test_what_a_person_deleted_after_the_backup_is_not_created_again_before_somebody_looks():
    w, _, _, copy = with_backup()
    luis = w.person("a", first="Luis", last="Gil")
    w.runs(2)
    w["a"].delete("person", luis)
    w.runs(2)
    restore(w, copy)
    w.runs(2)
    assert len(w.rows("a")) == 1 and len(w.rows("b")) == 2
    (question,) = open_reviews(w)
    assert "key of ours" in question["reason"] and not held(w)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == 1
    repair.answer_match(w.hub, question["id"], by="ana")  # it is a record of its own
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 2


def test_a_person_unlinked_after_the_backup_is_a_decision_that_the_backup_does_not_know_and_nobody_gets_a_twin():
    w, a, _, copy = with_backup()
    repair.unlink(w.hub, golden_of(w, "a", a), "b")
    restore(w, copy)
    settle_down(w)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1


# ---------------------------------------------------------------- systems without a field for our keys


def keyless(name: str = "b") -> tuple[World, Any]:
    """One system has no field for create keys, and nobody has an e-mail by which to match."""
    spokes = [spoke(n, key_field="" if n == name else "hub_key") for n in "ab"]
    w = world(sync(*spokes), profiles={name: profile(unique_key="")})
    w.person("a", first="Ana", last="Díaz")
    w.runs(2)
    return w, backup(w)


@pytest.mark.parametrize("remote", ["a", "b"])
@pytest.mark.parametrize("without", ["a", "b"])
def test_without_a_key_a_record_that_says_all_that_was_sent_and_no_more_is_recognised_by_that(remote, without):
    w, copy = keyless(without)
    w.person(remote, first="Luis", last="Gil", title="Clerk")
    w.runs(2)
    restore(w, copy)
    settle_down(w)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 2
    assert not open_reviews(w) and not conflicts(w)


def test_without_a_key_a_record_that_was_edited_since_is_a_question_and_nobody_gets_a_twin():
    w, copy = keyless()
    luis = w.person("a", first="Luis", last="Gil", title="Clerk")
    w.runs(2)
    twin = next(id for id, row in w.rows("b").items() if row["last"] == "Gil")
    w.edit("b", twin, title="Boss", phone="+34600100200")
    restore(w, copy)
    w.run()
    (question,) = open_reviews(w)
    assert question["candidates"] == [golden_of(w, "a", luis)] and "before the restore" in question["reason"]
    release(w)
    w.runs(2)
    assert len(w.rows("a")) == len(w.rows("b")) == 2
    repair.answer_match(w.hub, question["id"], golden=question["candidates"][0], by="ana")
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 2
    assert w["a"].version("person", luis).fields["phone"] == "+34600100200"


def test_without_a_key_somebody_new_who_is_like_nobody_is_new():
    w, copy = keyless()
    w.person("a", first="Luis", last="Gil", title="Clerk")
    w.runs(2)
    restore(w, copy)
    w.person("b", first="Eva", last="Sanz", title="Clerk")
    w.run()
    assert not open_reviews(w) and golden_count(w) == 3 and held(w) == {("a", "create"): 1}


def test_without_a_key_a_record_that_says_all_that_was_sent_and_more_is_a_question():
    w, copy = keyless()
    w.person("a", first="Luis", last="Gil")
    w.runs(2)
    twin = next(id for id, row in w.rows("b").items() if row["last"] == "Gil")
    w.edit("b", twin, phone="+34600100200")
    restore(w, copy)
    w.run()
    assert len(open_reviews(w)) == 1 and not held(w)


@pytest.mark.parametrize("gone", ["Clerk", "Boss"])
def test_without_a_key_two_who_could_both_be_meant_are_a_question(gone):
    w, copy = keyless()
    for title in ("Clerk", "Boss"):
        w.person("a", first="Luis", last="Gil", title=title)
    w.runs(2)
    restore(w, copy)
    for id, row in list(w.rows("b").items()):
        if row["title"] == gone:
            w["b"].delete("person", id)
    w.run()
    (question,) = open_reviews(w)
    assert len(question["candidates"]) == 2 and not held(w)


# ---------------------------------------------------------------- edits


def test_the_hub_is_restored_and_edits_made_in_a_before_and_after_reach_b():
    w, a, _, copy = with_backup()
    w.edit("a", a, title="Chief")
    w.runs(2)
    restore(w, copy)
    w.edit("a", a, first="Anna")
    settle_down(w)
    for remote in "ab":
        assert (w.only(remote)["title"], w.only(remote)["first"]) == ("Chief", "Anna")


def test_rows_whose_hashes_still_match_are_heard_a_value_put_back_stands_in_a_conflict():
    w, a, b, copy = with_backup()
    w.edit("a", a, title="Chief")
    w.runs(2)
    w.edit("a", a, title="Clerk")  # as it was at the backup, and b has not heard of it
    restore(w, copy)
    adds_up(w.run())
    (open_,) = conflicts(w)
    assert open_["shown"] == {f"b/person/{b}": "Chief"} and open_["hub_value"] == "Clerk"
    assert (w.only("a")["title"], w.only("b")["title"]) == ("Clerk", "Chief")
    resolve(w, keep="hub")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Clerk"


def test_an_edit_of_the_side_that_only_received_the_value_is_a_conflict_and_both_values_stay():
    w, _, b, copy = with_backup()
    restore(w, copy)
    w.edit("b", b, title="Boss")
    for remote in "ab":  # newer, so that the record in question is not the last of the list, which is read each time
        w.person(remote, first="Luis", last="Gil", mail="luis@example.org")
    adds_up(w.run())
    (open_,) = conflicts(w)
    assert {*open_["shown"].values(), open_["hub_value"]} == {"Boss", "Clerk"}
    resolve(w, keep="b")
    settle_down(w)
    agree(w, *FIELDS)
    assert w.by_mail("a", "ana@example.org")["title"] == "Boss"


def test_edits_in_both_sides_are_one_conflict_with_both_values_whatever_the_policies_say():
    ranked = Policy(conflicts={"default": ("a", "b")}, first_link={"default": ("non_empty", "a", "b")})
    w, a, b, copy = with_backup(sync=sync(spoke("a"), spoke("b"), policy=ranked))
    w.edit("b", b, title="Boss")
    restore(w, copy)
    w.edit("a", a, title="Chief")
    adds_up(w.run())
    (open_,) = conflicts(w)
    assert sorted(open_["shown"].values()) == ["Boss", "Chief"]
    assert (w.only("a")["title"], w.only("b")["title"]) == ("Chief", "Boss")
    resolve(w, keep="b")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"


def test_the_owner_of_a_field_needs_no_person():
    owned = Policy(ownership={"job_title": "b"})
    w, a, b, copy = with_backup(sync=sync(spoke("a"), spoke("b"), policy=owned))
    restore(w, copy)
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss" and not conflicts(w)
    assert ("job_title", "Chief", "restored") in lost_values(w)


def test_a_value_that_nobody_holds_any_more_gives_way_whoever_it_came_from():
    hold = Policy(conflicts={"default": ("hold",)})
    w, a, b, _ = with_backup(sync=sync(spoke("a"), spoke("b"), policy=hold))
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    w.run()
    resolve(w, value="Decided")
    settle_down(w)
    copy = backup(w)  # the golden value came from a person
    w.edit("a", a, title="Later")
    w.runs(2)
    assert w.only("b")["title"] == "Later"
    restore(w, copy)
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Later" and not conflicts(w)


def test_the_loser_of_an_automatic_decision_stands_in_the_audit_log():
    w, a, _, copy = with_backup()
    restore(w, copy)
    w.edit("a", a, title="Chief")
    settle_down(w)
    assert ("job_title", "Clerk", "restored") in lost_values(w) and w.only("b")["title"] == "Chief"


def test_a_decision_that_had_not_taken_effect_at_the_backup_is_asked_for_again():
    hold = Policy(conflicts={"default": ("hold",)})
    w, a, b, _ = with_backup(sync=sync(spoke("a"), spoke("b"), policy=hold))
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    w.run()
    resolve(w, keep="a")
    copy = backup(w)
    w.runs(2)
    w.edit("a", a, title="Later")
    w.runs(2)
    restore(w, copy)
    w.runs(2)
    assert w.only("a")["title"] == w.only("b")["title"] == "Later"
    assert not conflicts(w, "decided")


def test_a_cut_form_in_b_is_only_a_form_after_a_restore_as_well():
    short = profile(fields={"title": F("title", length=6)})
    w, a, _, copy = with_backup(profiles={"b": short})
    w.edit("a", a, title="Director of Everything")
    w.runs(2)
    assert w.only("b")["title"] == "Direct"
    restore(w, copy)
    settle_down(w)
    assert w.only("a")["title"] == "Director of Everything" and not conflicts(w)


def test_a_field_that_is_empty_on_one_side_is_filled_and_nobody_is_cleared():
    w, a, _, copy = with_backup()
    w["a"].clear("person", a, "title")
    restore(w, copy)
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Clerk"


def test_an_update_that_was_waiting_at_the_backup_is_not_sent_any_more():
    w, a, b, _ = with_backup()
    w.edit("a", a, title="Chief")
    kill(w, "push")
    copy = backup(w)
    w.runs(2)
    w.edit("b", b, title="Boss")
    w.runs(2)
    restore(w, copy)
    assert all(o.action == "create" for o in open_operations(w))
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"


def test_an_update_whose_answer_was_lost_at_the_backup_is_judged_by_what_is_read():
    w, a, b, _ = with_backup()
    w.edit("a", a, title="Chief")
    lose_answers(w, "b")
    w.run()
    copy = backup(w)
    heal(w)
    w.edit("b", b, first="Anita")
    w.runs(2)
    restore(w, copy)
    assert [e["op"] for e in audited(w, "forgotten update")]
    settle_down(w)
    for remote in "ab":
        assert (w.only(remote)["title"], w.only(remote)["first"]) == ("Chief", "Anita")


def test_a_change_that_was_read_and_not_settled_at_the_backup_is_read_again():
    w, a, _, _ = with_backup()
    w.edit("a", a, title="Chief")
    kill(w, "settle")
    copy = backup(w)
    w.runs(2)
    w.edit("a", a, title="Boss")
    w.runs(2)
    restore(w, copy)
    told = w.run()
    adds_up(told)
    assert not told.carried and w.only("a")["title"] == w.only("b")["title"] == "Boss"


# ---------------------------------------------------------------- deletes


ALL = frozenset({"create", "update", "delete"})


def deleting(**options: Any) -> tuple[World, str, str, Any]:
    """Deletes go on to the other side."""
    one = sync(spoke("a", writes=ALL), spoke("b", writes=ALL), policy=Policy(deletes="delete"))
    return with_backup(sync=one, **options)


def test_a_delete_waits_for_the_release_and_then_goes_on():
    w, a, _, copy = deleting()
    restore(w, copy)
    w["a"].delete("person", a)
    told = w.run()
    adds_up(told)
    assert told.state == "waiting" and "1 deletes in b" in told.error and len(w.rows("b")) == 1
    release(w)
    adds_up(w.run())
    assert not w.rows("b")


def test_what_was_edited_since_the_backup_is_not_deleted_but_held():
    w, a, b, copy = deleting()
    restore(w, copy)
    w["a"].delete("person", a)
    w.edit("b", b, title="Boss")
    told = w.run()
    adds_up(told)
    release(w)
    w.runs(3)
    assert len(w.rows("b")) == 1 and w.only("b")["title"] == "Boss" and not held(w)


@pytest.mark.parametrize("deletes", ["tombstone", "flag", "sweep"])
def test_what_was_deleted_after_the_backup_is_found_gone_however_the_remote_tells(deletes):
    w, a, _, copy = deleting(profiles={"a": profile(deletes=deletes)})
    for n in range(3):
        w.person("a", first=f"N{n}")
    w.runs(2)
    w["a"].delete("person", a)
    w.clock.advance(90_000)
    restore(w, copy)
    w.run()
    assert links(w, "a").get(a) is None or links(w, "a")[a].state == "ended"
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 3


def test_a_record_deleted_and_taken_back_after_the_backup_is_deleted_nowhere():
    w, a, _, copy = deleting()
    w["a"].delete("person", a)
    w.clock.advance(5)
    w["a"].restore("person", a)
    w.runs(2)
    restore(w, copy)
    settle_down(w)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1 and links(w, "a")[a].state == "linked"


def test_a_create_refused_because_the_forgotten_record_is_there_does_not_pass_off_its_values_as_what_was_agreed():
    """The list of b is cut, so that the restored hub meets its own record only by the refusal. Base unknown, nothing cleared."""
    w, _, _, copy = with_backup()
    new = w.person("a", first="Luis", last="Gil", mail="luis@example.org")
    w.runs(2)
    restore(w, copy)
    w["b"].truncate["person"] = 0
    w.edit("a", new, title="Chief")
    w.run()
    reconcile.release(w.hub, "ana", unread_too=True)
    w.runs(3)
    w["b"].truncate.clear()
    settle_down(w)
    assert w.rows("a")[new]["title"] == w.by_mail("b", "luis@example.org")["title"] == "Chief"
