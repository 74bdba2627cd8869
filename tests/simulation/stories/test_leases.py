"""Stories of two workers at one sync: the second is refused and named, and a zombie writes nothing any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.core.errors import Refused, Retry, Unknown
from hub.engine import repair
from hub.engine.run import run_sync
from hub.store import runs
from tests.simulation.stories.kit import LEASE, adds_up, kill, letters, lost_values, on, settle_down, silent
from tests.simulation.world import World, new_ids, profile, spoke, sync, world


def one_person() -> World:
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    return w


def another_worker(w: World):
    """A second process over the same database and the same systems."""
    ids = new_ids()
    return replace(w.hub, holder="worker-2", new_id=lambda prefix: f"{prefix}2-{ids(prefix)}", hook=lambda event: None)


def test_a_second_run_beside_the_first_is_refused_and_says_who_holds_the_sync():
    w = one_person()
    refused = []

    def second() -> None:
        with pytest.raises(Refused) as error:
            run_sync(another_worker(w), "people")
        refused.append(error.value)

    w.hub.hook = on("push", second)
    adds_up(w.run())
    (error,) = refused
    assert error.code == "S-BUSY" and "hub (run r-000001)" in str(error)
    assert "Nothing was read or written" in error.explain()
    assert len(w.rows("b")) == 1
    silent(w)


@pytest.mark.parametrize("event", ["page", "settle", "push"])
def test_a_zombie_whose_lease_has_expired_writes_nothing(event):
    w = one_person()

    def fall_asleep() -> None:
        w.clock.advance(LEASE)
        run_sync(another_worker(w), "people")

    w.hub.hook = on(event, fall_asleep)
    with pytest.raises(Refused) as error:
        w.run()
    assert error.value.code == "S-FENCED"
    assert len(w.rows("b")) == 1 and len(w["b"].writes) == 1
    w.hub.hook = lambda happened: None
    settle_down(w)
    assert len(w["b"].writes) == 1


def test_a_zombie_that_wakes_after_its_intent_is_found_by_its_key_and_its_answer_is_not_stored_twice():
    w = one_person()

    def fall_asleep() -> None:
        w.clock.advance(LEASE)
        run_sync(another_worker(w), "people")

    w.hub.hook = on("written", fall_asleep)
    with pytest.raises(Refused):
        w.run()
    w.hub.hook = lambda happened: None
    settle_down(w)
    assert len(w.rows("b")) == 1 and len(w["b"].writes) == 1


def busy_once(w: World, seconds: float, meanwhile=lambda: None):
    """b asks for patience, and so much time passes before its next answer."""

    def refuse() -> None:
        w.clock.advance(seconds)
        meanwhile()
        raise Retry("busy", after=1.0)

    w["b"].hook = on("before:write", refuse)


def test_a_worker_that_waited_for_a_busy_system_renews_its_lease_before_it_writes():
    w = one_person()
    refused = []

    def second() -> None:
        w.clock.advance(LEASE - 30)
        with pytest.raises(Refused) as error:
            run_sync(another_worker(w), "people")
        refused.append(error.value.code)

    busy_once(w, LEASE - 30)
    w.hub.hook = on("written", second)
    adds_up(w.run())
    assert refused == ["S-BUSY"] and len(w["b"].writes) == 1


def test_a_worker_that_was_replaced_while_it_waited_for_a_busy_system_does_not_write_any_more():
    w = one_person()
    busy_once(w, LEASE, lambda: run_sync(another_worker(w), "people") and None)
    with pytest.raises(Refused) as error:
        w.run()
    assert error.value.code == "S-FENCED"
    assert len(w.rows("b")) == 1 and len(w["b"].writes) == 1
    settle_down(w)
    assert len(w["b"].writes) == 1


@pytest.mark.parametrize("answer_lost", [False, True])
def test_an_edit_that_a_zombies_write_under_way_ran_over_is_kept_and_told(answer_lost):
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": profile(conditional_write="none", field_history=True)})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(2)
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")

    def fall_asleep() -> None:
        w.clock.advance(LEASE)
        w["b"].hook = on("after:write", lose) if answer_lost else lambda event: None
        run_sync(another_worker(w), "people")
        w.edit("b", b, title="Boss")

    def lose() -> None:
        # The other worker's write is answered; the zombie's, which comes after the edit, is not.
        if w.only("b")["title"] == "Chief" and "Boss" in {e.before.get("title") for e in w["b"].log}:
            raise Unknown("the connection broke")
        w["b"].hook = on("after:write", lose)

    w["b"].hook = on("before:write", fall_asleep)
    with pytest.raises(Refused):
        w.run()
    assert ("job_title", "Boss") in {(field, value) for field, value, _ in lost_values(w)}
    assert [(e["path"], e["code"]) for e in letters(w)] == [("job_title", "C-OVERWRITTEN")]


def test_a_killed_run_is_shown_as_failed_once_the_next_one_takes_its_work_over():
    w = one_person()
    kill(w, "push")
    told = w.run()
    with w.hub.store.read() as tx:
        states = {r.id: r.state for r in runs.latest(tx, "people")}
    assert states["r-000001"] == "failed" and states[told.run] == "ok"
    assert len(w.rows("b")) == 1


def test_a_killed_run_blocks_the_next_one_only_until_its_lease_ends():
    w = one_person()
    kill(w, "push")
    w.clock.advance(-LEASE)
    with pytest.raises(Refused, match="is being run by"):
        run_sync(w.hub, "people")
    w.clock.advance(LEASE)
    w.run()
    assert len(w.rows("b")) == 1


def test_a_paused_sync_is_refused_and_says_how_to_go_on():
    w = one_person()
    repair.pause(w.hub, "people", reason="migration")
    with pytest.raises(Refused, match="paused: migration") as error:
        w.run()
    assert error.value.next == "accordant resume people" and w.written() == 0
    repair.resume(w.hub, "people")
    w.run()
    assert len(w.rows("b")) == 1


def test_a_cancelled_run_stops_before_anything_is_sent_and_the_next_one_goes_on():
    w = one_person()
    w.hub.hook = on("settle", lambda: repair.cancel(w.hub, "r-000001"))
    with pytest.raises(Refused, match="cancelled"):
        w.run()
    assert w.written() == 0
    with w.hub.store.read() as tx:
        assert runs.get(tx, "r-000001").state == "cancelled"
    w.hub.hook = lambda happened: None
    adds_up(w.run())
    assert len(w.rows("b")) == 1


def test_two_syncs_run_side_by_side_without_a_shared_lease():
    from tests.simulation.stories.test_references import OBJECTS, firms, people

    w = world(firms(), people(), objects=OBJECTS)
    w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    w.person("a", first="Ana", mail="ana@example.org")
    w.hub.hook = on("push", lambda: run_sync(another_worker(w), "firms"))
    w.run("people")
    assert len(w.rows("b")) == 1 and len(w["b"].rows("org")) == 1
