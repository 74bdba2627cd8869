"""Stories of reconcile mode: what a restored hub holds back, what it says, and deaths on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from hub.core.errors import Refused
from hub.core.model import Policy
from hub.engine import reconcile
from hub.engine.planning import plan
from hub.engine.status import status
from hub.engine.sweep import sweep
from hub.store import audit, runs
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
    heal,
    kill,
    nothing,
    on,
    release,
    restore,
    set_back,
    settle_down,
    unreachable,
)
from tests.simulation.stories.test_restore import ALL, FIELDS, held, with_backup
from tests.simulation.world import World, spoke, sync, world
from tests.store import postgres

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
