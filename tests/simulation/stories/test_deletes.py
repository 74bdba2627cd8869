"""Stories of deletes: proof before belief, an edit beats a delete, a short list deletes nobody, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.errors import Unknown
from hub.core.model import Policy
from hub.engine.sweep import sweep
from tests.simulation.stories.kit import (
    adds_up,
    audited,
    fail,
    golden_count,
    heal,
    links,
    meddle,
    open_operations,
    settle_down,
    silent,
    unreachable,
)
from tests.simulation.world import profile, spoke, sync, world

ALL = {"writes": frozenset({"create", "update", "delete"})}
DELETE = Policy(deletes="delete")


def linked(policy: Policy = DELETE, *names: str, profiles: Any = None, **options: Any):
    w = world(sync(*(spoke(n, **ALL) for n in names or ("a", "b")), policy=policy, **options), profiles=profiles)
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.run()
    w.run()
    (b,) = w.rows("b")
    return w, a, b


def deletes(w, remote="b"):
    return [c for c in w[remote].writes if c.write.action == "delete" and c.status == "done"]


def test_a_delete_in_a_only_parts_the_link_by_default_and_is_not_undone_by_creating_again():
    w, a, b = linked(Policy())
    w["a"].delete("person", a)
    adds_up(w.run())
    assert not w.rows("a") and len(w.rows("b")) == 1
    assert links(w, "a")[a].state == "ended" and links(w, "a")[a].why == "deleted"
    w.edit("b", b, title="Chief")
    w.runs(2)
    assert not w.rows("a")
    silent(w)


def test_a_delete_goes_on_where_the_sync_says_so_and_is_read_once_more_before_it_is_sent():
    w, a, _ = linked(DELETE, "a", "b", "c")
    w["a"].delete("person", a)
    told = w.run()
    adds_up(told)
    assert not any(w.rows(r) for r in "abc") and told.operations["deleted"] == 2
    assert len(deletes(w)) == 1
    assert {e["remote_id"] for e in audited(w, "done delete")} == {
        deletes(w)[0].write.id,
        *(c.write.id for c in deletes(w, "c")),
    }
    silent(w)


def test_a_delete_was_decided_and_b_is_edited_before_it_is_sent_so_nothing_is_deleted():
    w, a, b = linked()
    w["a"].delete("person", a)
    meddle(w, "b", "before:get", lambda: w.edit("b", b, title="Chief"))
    w.run()
    settle_down(w)
    assert w.only("b")["title"] == "Chief" and not deletes(w)
    assert not open_operations(w)


def test_a_delete_waits_for_an_unreachable_b_and_an_edit_there_withdraws_it():
    w, a, b = linked()
    w["a"].delete("person", a)
    unreachable(w, "b")
    w.run()
    assert [o.action for o in open_operations(w)] == ["delete"]
    w.edit("b", b, title="Chief")
    heal(w)
    settle_down(w)
    assert w.only("b")["title"] == "Chief" and not deletes(w)
    assert not open_operations(w)


def test_a_delete_that_never_arrived_is_found_out_and_sent_again():
    w, a, b = linked()
    fail(w, "b", Unknown("the connection broke"), "before:write")
    w["a"].delete("person", a)
    w.run()
    assert len(w.rows("b")) == 1
    settle_down(w)
    assert not w.rows("b") and len(deletes(w)) == 1 and not open_operations(w)
    assert links(w, "b")[b].state == "ended"


@pytest.mark.parametrize("unreachable_meanwhile", [False, True])
def test_a_delete_that_never_arrived_is_not_sent_again_once_somebody_edited_elsewhere(unreachable_meanwhile):
    w, a, _ = linked(DELETE, "a", "b", "c")
    fail(w, "b", Unknown("the connection broke"), "before:write")
    unreachable(w, "c")
    w["a"].delete("person", a)
    w.run()
    heal(w)
    (c,) = w.rows("c")
    w.edit("c", c, title="Chief")
    if unreachable_meanwhile:
        unreachable(w, "b")
        w.run()
    settle_down(w)
    assert w.only("b")["title"] == w.only("c")["title"] == "Chief"
    assert not deletes(w) and not deletes(w, "c") and not open_operations(w)


def test_a_delete_that_waits_is_sent_later_if_nobody_edits():
    w, a, _ = linked()
    w["a"].delete("person", a)
    unreachable(w, "b")
    w.run()
    heal(w)
    settle_down(w)
    assert not w.rows("b") and len(deletes(w)) == 1


def test_delete_in_a_against_edit_in_b_in_one_run_is_held_and_never_resolved_by_deleting():
    w, a, b = linked()
    w["a"].delete("person", a)
    w.edit("b", b, title="Chief")
    told = w.run()
    adds_up(told)
    assert told.outcomes["held"] >= 1 and told.state == "partial"
    w.runs(2)
    assert w.only("b")["title"] == "Chief" and not deletes(w)
    silent(w)


def test_delete_in_a_and_undelete_a_day_later_while_b_was_edited_is_the_same_link_again_with_bs_edit():
    w, a, b = linked(Policy())
    w["a"].delete("person", a)
    w.run()
    w.edit("b", b, title="Chief")
    w.run()
    w.clock.advance(24 * 3600)
    w["a"].restore("person", a)
    settle_down(w)
    assert links(w, "a")[a].state == "linked" and golden_count(w) == 1
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"
    assert len(w.rows("a")) == len(w.rows("b")) == 1


def test_undelete_in_a_takes_back_a_delete_that_was_not_sent_yet():
    w, a, _ = linked()
    w["a"].delete("person", a)
    unreachable(w, "b")
    w.run()
    heal(w)
    w["a"].restore("person", a)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 1
    assert not deletes(w) and not open_operations(w)


def test_an_old_row_that_arrives_after_its_delete_does_not_revive_the_link():
    w, a, _ = linked(Policy(), profiles={"a": profile(lag=5.0)})
    w["a"].edit("person", a, {"title": "Chief"})
    w["a"].delete("person", a)
    for _ in range(4):
        w.run()
    assert links(w, "a")[a].state == "ended"
    silent(w)


# ---------------------------------------------------------------- sweeps


def test_a_silent_delete_is_found_by_a_sweep_and_proved_by_a_direct_read():
    w, a, _ = linked(DELETE, profiles={"a": profile(deletes="sweep")})
    w["a"].delete("person", a)
    w.runs(2)
    assert len(w.rows("b")) == 1
    told, found = sweep(w.hub, "people")
    adds_up(told)
    assert found.missing == {"a": 1}
    assert not w.rows("b")
    silent(w)


@pytest.mark.parametrize("shown", [0, 40])
def test_a_side_that_suddenly_lists_little_or_nothing_deletes_nobody_and_says_why(shown):
    w = world(sync(spoke("a", **ALL), spoke("b", **ALL), policy=DELETE))
    for n in range(100):
        w.clock.advance(1)
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org")
    w.run()
    w["a"].truncate = {"person": shown}
    told, found = sweep(w.hub, "people")
    assert "S-SHORT" in found.short["a"] and told.state == "refused"
    w.run(full=True)
    assert len(w.rows("a")) == len(w.rows("b")) == 100
    w["a"].truncate = {}
    silent(w)


def test_a_listing_that_misses_a_few_live_records_deletes_nobody_because_the_direct_read_finds_them():
    w = world(sync(spoke("a", **ALL), spoke("b", **ALL), policy=DELETE))
    for n in range(30):
        w.clock.advance(1)
        w.person("a", first=f"N{n}", mail=f"p{n}@example.org")
    w.run()
    w["a"].truncate = {"person": 25}
    told, found = sweep(w.hub, "people")
    adds_up(told)
    assert found.missing == {"a": 5} and told.state == "ok"
    assert len(w.rows("a")) == len(w.rows("b")) == 30


class Dice:
    """Chance that was decided beforehand: the first version shows late, the others at once."""

    def __init__(self, *rolls: float) -> None:
        self.rolls = list(rolls)

    def random(self) -> float:
        return self.rolls.pop(0) if self.rolls else 1.0


def test_a_sweep_repairs_what_the_cursor_missed_and_says_how_many():
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(late=(0.5, 500.0), overlap=0.0)})
    w.run()
    w["a"].random = Dice(0.0)
    w.person("a", first="Ana", mail="ana@example.org")
    w.clock.advance(100)
    w.person("a", first="Luis", mail="luis@example.org")
    w.run()
    w.clock.advance(500)
    w.run()
    assert [r["first"] for r in w.rows("b").values()] == ["Luis"]
    told, found = sweep(w.hub, "people")
    adds_up(told)
    assert found.repaired == {"a": 1}
    assert sorted(r["first"] for r in w.rows("b").values()) == ["Ana", "Luis"]
    silent(w)


def test_a_sweep_where_nothing_was_missed_repairs_nothing_and_writes_nothing():
    w, _, _ = linked()
    before = w.written()
    told, found = sweep(w.hub, "people")
    adds_up(told)
    assert (found.repaired, found.missing, found.short) == ({}, {}, {}) and w.written() == before


def test_what_the_hub_deleted_on_a_persons_behalf_is_linked_again_when_somebody_restores_it():
    """Its contents are what they were when it was settled last, so that nothing but its being there is news."""
    w, a, b = linked(profiles={"b": profile(delta=False, deletes="sweep")})
    w["a"].delete("person", a)
    w.run()
    assert deletes(w) and links(w, "b")[b].state == "ended"
    w.clock.advance(60)
    w["b"].restore("person", b)
    w.runs(2)
    assert links(w, "b")[b].state == "linked"
