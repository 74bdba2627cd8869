"""Stories of a hub that was set back to an older backup: it forgot, the remotes did not."""

from __future__ import annotations

from hub.engine import repair
from tests.simulation.stories.kit import agree, backup, golden_count, golden_of, kill, restore, settle_down
from tests.simulation.world import spoke, sync, world


def with_backup():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(2)
    (b,) = w.rows("b")
    return w, a, b, backup(w)


def test_records_created_after_the_backup_are_recognised_by_key_and_none_is_doubled():
    w, _, _, copy = with_backup()
    w.person("a", first="Luis", last="Gil")
    w.person("b", first="Eva", last="Sanz")
    w.runs(2)
    assert len(w.rows("a")) == len(w.rows("b")) == 3
    restore(w, copy)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 3
    agree(w, "first", "last", "mail", "title")


def test_the_hub_is_restored_and_edits_made_in_a_before_and_after_reach_b():
    w, a, _, copy = with_backup()
    w.edit("a", a, title="Chief")
    w.runs(2)
    restore(w, copy)
    w.edit("a", a, first="Anna")
    settle_down(w)
    for remote in "ab":
        assert (w.only(remote)["title"], w.only(remote)["first"]) == ("Chief", "Anna")


def test_a_create_that_was_under_way_at_the_time_of_the_backup_is_not_repeated():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz")
    kill(w, "intent")
    copy = backup(w)
    w.runs(2)
    restore(w, copy)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1


def test_a_person_unlinked_after_the_backup_is_a_decision_that_the_backup_does_not_know_and_nobody_gets_a_twin():
    w, a, _, copy = with_backup()
    repair.unlink(w.hub, golden_of(w, "a", a), "b")
    restore(w, copy)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1
