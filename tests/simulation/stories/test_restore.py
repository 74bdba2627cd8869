"""Stories of a hub that was set back to an older backup: it forgot, the remotes did not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from hub.core.errors import Refused
from hub.core.model import Policy
from hub.engine import reconcile, repair
from hub.engine.planning import plan
from hub.engine.status import status
from hub.engine.sweep import sweep
from hub.store import audit, runs
from hub.store import reconcile as store
from hub.store.db import Store
from hub.store.tables import metadata
from tests.simulation.stories.kit import (
    LEASE,
    Killed,
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
    nothing,
    on,
    open_operations,
    open_reviews,
    release,
    resolve,
    restore,
    set_back,
    settle_down,
    unreachable,
)
from tests.simulation.world import F, World, profile, spoke, sync, world
from tests.store import postgres

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


# ---------------------------------------------------------------- the mode


def test_the_mode_is_on_from_the_restore_to_the_release_and_both_are_audited():
    w, _, _, copy = with_backup()
    assert reconcile.current(w.hub.store) is None
    restore(w, copy)
    since = reconcile.current(w.hub.store)
    assert since is not None and since.at == w.clock.now()
    w.run()
    release(w)
    assert reconcile.current(w.hub.store) is None
    assert [(e["action"], e["actor"]) for e in audited(w) if e["action"] in ("restored", "released")] == [
        ("restored", "hub"),
        ("released", "person:ana"),
    ]
    assert w.ask(audit.verify).bad is None


def test_nothing_is_released_before_everything_was_read_and_compared():
    w, _, _, copy = with_backup()
    restore(w, copy)
    with pytest.raises(Refused, match="not everything was read") as caught:
        release(w)
    assert caught.value.code == "S-RECONCILE" and reconcile.current(w.hub.store) is not None
    assert reconcile.not_compared(w.hub) == ["people"]
    unreachable(w, "b")
    w.run()
    with pytest.raises(Refused, match="people"):
        release(w)
    reconcile.release(w.hub, "ana", unread_too=True)
    assert reconcile.current(w.hub.store) is None


def test_a_release_without_a_restore_is_refused():
    w, _, _, _ = with_backup()
    with pytest.raises(Refused) as caught:
        release(w)
    assert caught.value.code == "S-NONE"


def test_updates_flow_while_creates_wait():
    w, a, _, copy = with_backup()
    restore(w, copy)
    w.person("a", first="Luis", last="Gil")
    w.run()
    w.edit("a", a, title="Chief")
    told = w.run()
    adds_up(told)
    assert told.operations["updated"] == 1 and told.state == "waiting"
    assert [r["title"] for r in w.rows("b").values()] == ["Chief"]


def test_a_guard_is_not_tripped_by_creates_that_wait_anyway():
    from hub.core.model import Guards, Limit

    one = sync(spoke("a"), spoke("b"), guards=Guards(Limit(2), Limit(), Limit()))
    w = world(one)
    w.person("a", first="Ana", last="Díaz")
    w.runs(2)
    copy = backup(w)
    restore(w, copy)
    for n in range(5):
        w.person("a", first=f"N{n}")
    assert w.run().state == "waiting"
    release(w)
    told = w.run()
    assert told.state == "refused" and len(w.rows("b")) == 1


def test_the_first_sweep_after_a_restore_holds_the_same_back():
    w, a, _, copy = with_backup()
    restore(w, copy)
    w.person("a", first="Luis", last="Gil")
    w.edit("a", a, title="Chief")
    told, _ = sweep(w.hub, "people")
    adds_up(told)
    assert told.state == "waiting" and len(w.rows("b")) == 1 and w.only("b")["title"] == "Chief"


def test_a_plan_made_in_the_mode_shows_what_a_release_would_send():
    w, _, _, copy = with_backup()
    restore(w, copy)
    w.person("a", first="Luis", last="Gil")
    w.run()
    shown = plan(w.hub, "people")
    assert [(o["action"], o["connection"]) for o in shown["operations"]] == [("create", "b")]
    assert len(w.rows("b")) == 1


def test_status_says_so_before_anything_else():
    w, _, _, copy = with_backup()
    assert status(w.hub)["restored"] is None
    restore(w, copy)
    w.person("a", first="Luis", last="Gil")
    told = status(w.hub)
    assert told["restored"]["to_compare"] == ["people"] and "to read" in told["needs_you"][0]["what"]
    assert told["needs_you"][0]["next"] == "accordant run --all"
    w.run()
    told = status(w.hub)
    assert told["restored"]["held"] == {"b": {"create": 1}} and told["needs_you"][0]["next"] == "accordant db release"
    assert "1 creates in b" in told["needs_you"][0]["what"]
    release(w)
    assert status(w.hub)["restored"] is None


# ---------------------------------------------------------------- again, and deaths


def test_restored_twice_from_the_same_backup_and_once_more_from_one_made_meanwhile():
    w, _, _, copy = with_backup()
    w.person("a", first="Luis", last="Gil")
    w.runs(2)
    restore(w, copy)
    w.run()
    meanwhile = backup(w)
    restore(w, copy)
    w.person("b", first="Eva", last="Sanz")
    settle_down(w)
    restore(w, meanwhile)
    settle_down(w)
    release(w)
    assert reconcile.current(w.hub.store) is None
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 3
    agree(w, *FIELDS)


def test_a_worker_of_the_time_before_cannot_write_into_the_restored_database():
    w, _, _, copy = with_backup()
    w.runs(3)
    with w.hub.store.begin() as tx:
        fence = runs.take_lease(tx, "sync:people", "zombie", LEASE)
    restore(w, copy)
    w.runs(3)
    with pytest.raises(Refused) as caught, w.hub.store.begin() as tx:
        runs.hold_lease(tx, "sync:people", fence, LEASE)
    assert caught.value.code == "S-FENCED"


def test_a_backup_made_in_the_middle_of_a_run_can_be_restored():
    w, a, _, _ = with_backup()
    w.edit("a", a, title="Chief")
    copies: list[Any] = []
    w.hub.hook = on("push", lambda: copies.append(backup(w)))
    w.run()
    w.hub.hook = nothing
    restore(w, copies[0])
    adds_up(w.run())  # no lease of that run is waited for
    assert w.ask(runs.latest, "people", 5)[1].state == "failed"
    settle_down(w)
    agree(w, *FIELDS)


def busy() -> tuple[World, Any]:
    """Everything that a restore meets: edits before and after, records made before and after, work under way."""
    w, a, _, _ = with_backup()
    w.edit("a", a, title="Chief")
    kill(w, "push")
    copy = backup(w)
    luis = w.person("a", first="Luis", last="Gil")
    w.runs(2)
    set_back(w, copy)
    w.edit("a", a, first="Anna")
    w.edit("a", luis, title="New")
    w.person("b", first="Eva", last="Sanz", mail="eva@example.org")
    return w, copy


def steps(w: World, work: Any, at: int) -> int:
    """Do `work`, and die at its n-th step. Returns how many steps there were."""
    made = 0

    def step(event: str) -> None:
        nonlocal made
        made += 1
        if made == at:
            raise Killed

    w.hub.hook = w.hub.store.hook = step
    for remote in w.remotes.values():
        remote.hook = step
    try:
        work()
    except Killed:
        w.clock.advance(LEASE)
    heal(w)
    w.hub.store.hook = nothing
    return made


def is_well(w: World) -> None:
    settle_down(w)
    assert (len(w.rows("a")), len(w.rows("b"))) == (2, 3)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 3
    agree(w, *FIELDS)
    assert {r["title"] for r in w.rows("b").values()} == {"Chief", "New", None} and not conflicts(w)


def test_a_kill_at_any_step_of_the_marking_leaves_it_done_or_undone():
    w, _ = busy()
    whole = steps(w, lambda: reconcile.begin(w.hub.store), at=0)
    is_well(w)
    for at in range(1, whole + 1):
        w, _ = busy()
        steps(w, lambda w=w: reconcile.begin(w.hub.store), at)
        reconcile.begin(w.hub.store)  # as the operator does who saw it die
        is_well(w)


def test_a_kill_at_any_step_of_the_first_run_after_a_restore_loses_and_doubles_nothing():
    w, _ = busy()
    reconcile.begin(w.hub.store)
    whole = steps(w, w.run, at=0)
    is_well(w)
    for at in range(1, whole + 1, 2):
        w, _ = busy()
        reconcile.begin(w.hub.store)
        steps(w, w.run, at)
        is_well(w)


# ---------------------------------------------------------------- on PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[Store]]]:
    """A database on a server, and the stores to close when all is over, the self-check included."""
    with postgres.schema() as url:
        stores: list[Store] = []
        yield url, stores
        for one in stores:
            one.close()


def test_on_postgresql_a_restored_hub_doubles_nobody_and_holds_creates_and_deletes(server):
    url, stores = server
    both = sync(spoke("a", writes=ALL), spoke("b", writes=ALL), policy=Policy(deletes="delete"))
    w, a, _, _ = with_backup(sync=both, url=url, copying=False)
    stores.append(w.hub.store)
    gone = w.person("a", first="Gone", last="Away")
    w.runs(2)
    with w.hub.store.read() as tx:
        rows = {t.name: [dict(r._mapping) for r in tx.rows(select(t))] for t in metadata.sorted_tables}
    w.person("a", first="Luis", last="Gil")
    w.edit("a", a, title="Chief")
    w.runs(2)
    with w.hub.store.begin() as tx:
        for table in metadata.sorted_tables:
            tx.run(table.delete())
            tx.add(table, rows[table.name])
    reconcile.begin(w.hub.store)
    w["a"].delete("person", gone)
    w.person("b", first="Eva", last="Sanz")
    told = w.run()
    adds_up(told)
    assert told.state == "waiting" and held(w) == {("a", "create"): 1, ("b", "delete"): 1}
    assert (len(w.rows("a")), len(w.rows("b"))) == (2, 4)
    release(w)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 3
    agree(w, *FIELDS)
