"""The hub finds out that a promise is broken, in sums, links and the audit log, pauses, and does not cry twice."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import text

from hub.core.errors import Refused
from hub.engine import reconcile, repair, selfcheck
from hub.engine.report import Report
from hub.engine.selfcheck import self_check
from hub.engine.selfcheck_runs import report_adds_up
from hub.engine.status import status
from hub.engine.sweep import sweep
from hub.jobs.scheduler import Scheduler
from hub.jobs.tasks import tasks_of
from hub.store import audit, checks, records, runs
from hub.store import tables as t
from tests.simulation import history
from tests.simulation.history import History, draw, play
from tests.simulation.proof import course
from tests.simulation.proof.mutants.reading import counts_from_memory
from tests.simulation.selfcheck_kit import at_rest, breaks, by_hand, kinds, state
from tests.simulation.stories.kit import heal, nothing, unreachable
from tests.simulation.world import World, spoke, sync
from tests.store import postgres

# ---------------------------------------------------------------- normal life gives no finding


def checked_all_along(h: History, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play a history with a check after each of its runs, and a full one at the end. Returns what was found."""
    found: list[str] = []
    run_once = history.run_once

    def look(full: bool) -> None:
        hub = h.world.hub
        hooks = hub.hook, hub.store.hook
        hub.hook = hub.store.hook = nothing
        found.extend(f"{f.invariant} {f.kind}: {f.text}" for f in self_check(hub, full=full).findings)
        hub.hook, hub.store.hook = hooks

    def then_look(h: History) -> None:
        run_once(h)
        look(full=False)

    monkeypatch.setattr(history, "run_once", then_look)
    play(h)
    look(full=True)
    return found


@pytest.mark.parametrize("seed", [*range(2000, 2012), 1005, 1144, 222])
def test_whatever_normal_life_brings_the_hub_finds_no_fault_in_itself(seed, monkeypatch):
    assert checked_all_along(draw(seed), monkeypatch) == []


def test_nor_does_it_where_deletes_are_passed_on(monkeypatch):
    deleted = 0
    for seed in (1008, 1014, 1021, 1039):
        h = draw(seed)
        one = h.world.hub.syncs["people"]
        able = tuple(replace(s, writes=frozenset({"create", "update", "delete"})) for s in one.spokes)
        h.world.hub.syncs = {"people": replace(one, spokes=able, policy=replace(one.policy, deletes="delete"))}
        assert checked_all_along(h, monkeypatch) == []
        monkeypatch.undo()
        deleted += sum(e.who == "hub" and e.action == "delete" for r in h.world.remotes.values() for e in r.log)
    assert deleted


@pytest.mark.parametrize("seed", [54, 258, 297, 300, 303])
def test_nor_does_it_with_several_objects_operators_restores_and_clocks_that_jump(seed, monkeypatch):
    h, found = course.draw(seed), []
    run_one = course._run

    def then_look(h: Any, name: str) -> None:
        run_one(h, name)
        hub = h.scene.hub
        hooks = hub.hook, hub.store.hook
        hub.hook = hub.store.hook = nothing
        found.extend(f"{f.invariant} {f.kind}: {f.text}" for f in self_check(hub, full=h.calm).findings)
        hub.hook, hub.store.hook = hooks

    monkeypatch.setattr(course, "_run", then_look)
    course.play(h)
    assert found == []


def test_a_check_of_a_store_on_postgresql_finds_no_fault_and_a_break(monkeypatch):
    monkeypatch.setattr(checks, "PAGE", 1)
    with postgres.schema() as url:
        w = at_rest_on(url)
        with closing(w.hub.store):
            rows = len(w.ask(audit.entries))
            whole = self_check(w.hub, full=True)
            assert (whole.findings, whole.rows, whole.runs) == ([], rows, 5)
            assert self_check(w.hub).findings == []
            by_hand(w, t.audit.update().where(t.audit.c.seq == 2).values(actor="nobody"))
            breaks(w, "I9 chain")


def at_rest_on(url: str) -> World:
    from tests.simulation.world import world

    w = world(sync(spoke("a"), spoke("b")), url=url)
    for n in range(3):
        w.person("a", first="Ana", last=f"Diaz{n}", mail=f"ana{n}@example.org", title="Clerk")
    w.runs()
    w.edit("a", "pe0000001", title="Chief")
    w["a"].clear("person", "pe0000002", "title")
    w.runs(2)
    return w


# ---------------------------------------------------------------- a finding pauses, once


def tampered() -> World:
    w = at_rest()
    by_hand(w, t.audit.update().where(t.audit.c.seq == 2).values(why="because"))
    return w


def test_a_paused_sync_does_not_run_and_status_says_why_and_what_to_do():
    w = tampered()
    breaks(w, "I9 chain")
    with pytest.raises(Refused) as refused:
        w.run()
    assert refused.value.code == "S-PAUSED" and "audit row 2" in refused.value.what
    told = status(w.hub)
    assert told["syncs"][0]["state"] == "paused" and "self-check I9: audit row 2" in told["syncs"][0]["reason"]
    assert "audit row 2" in told["needs_you"][0]["what"] and told["needs_you"][0]["next"] == "accordant resume people"


def test_whoever_resumes_has_seen_the_finding_and_it_does_not_pause_again():
    w = tampered()
    breaks(w, "I9 chain")
    repair.resume(w.hub, "people")
    again = self_check(w.hub, full=True)
    assert kinds(again) == ["I9 chain"] and again.known == {again.findings[0].id} and again.paused == []
    assert state(w) == (False, "")
    w.run()


def test_a_new_finding_pauses_although_an_old_one_was_accepted():
    w = tampered()
    breaks(w, "I9 chain")
    repair.resume(w.hub, "people")
    w.run()
    by_hand(w, t.audit.update().where(t.audit.c.seq == 4).values(why="because"))
    again = self_check(w.hub, full=True)
    assert [f.place for f in again.findings if f.id not in again.known] == ["audit row 4"]
    assert again.paused == ["people"] and "audit row 4" in state(w)[1]


def test_what_was_mended_is_forgotten_and_pauses_again_when_it_breaks_again():
    w = at_rest()
    good = t.audit.update().where(t.audit.c.seq == 2)
    was = w.ask(audit.entries)[1]["why"]
    for _ in range(2):
        by_hand(w, good.values(why="because"))
        assert self_check(w.hub, full=True).paused == ["people"]
        repair.resume(w.hub, "people")
        by_hand(w, good.values(why=was))
        assert self_check(w.hub, full=True).findings == []
        assert w.ask(checks.findings) == [] and len(w.ask(checks.findings, gone=True)) == 1


def test_a_persons_pause_keeps_its_reason_and_the_finding_is_added():
    w = tampered()
    repair.pause(w.hub, "people", reason="we move house")
    assert self_check(w.hub).paused == ["people"]
    assert state(w)[1].startswith("we move house; self-check I9: audit row 2")


def test_a_run_that_is_under_way_is_asked_to_end():
    w = tampered()
    with w.hub.store.begin() as tx:
        runs.start(tx, "r-9", "people", "person", "run", "1")
    self_check(w.hub)
    assert w.ask(runs.is_cancelled, "r-9")


def test_a_broken_log_stops_all_syncs_and_a_broken_sync_only_itself():
    w = at_rest()
    w.with_sync(w.hub.syncs["people"], sync(spoke("c"), name="others"))
    by_hand(w, t.run.update().where(t.run.c.id == "r-000001").values(state="ok"))
    by_hand(w, t.inbox.update().where(t.inbox.c.seq == 1).values(outcome="vanished"))
    assert self_check(w.hub).paused == ["people"]
    by_hand(w, t.audit.update().where(t.audit.c.seq == 2).values(why="because"))
    assert self_check(w.hub).paused == ["others", "people"]
    assert "vanished" in state(w)[1] and "; self-check I9" in state(w)[1]


def test_several_findings_are_told_as_one_reason_that_counts_them():
    w = at_rest()
    by_hand(w, t.inbox.update().where(t.inbox.c.seq == 1).values(outcome="vanished"))
    by_hand(w, t.operation.update().where(t.operation.c.seq == 1).values(state="lost"))
    assert len(self_check(w.hub).findings) == 2
    assert state(w)[1].endswith("(and 1 more: accordant doctor --self-check)")


# ---------------------------------------------------------------- every hour, by itself


class AtOnce:
    """A queue that does each job when it is handed over."""

    def __init__(self, tasks: Mapping[str, Any]) -> None:
        self.tasks = tasks

    def submit(self, task: str, ref: str, **options: Any) -> None:
        self.tasks[task](ref)

    def cancel(self, ref: str) -> int:
        return 0

    def stats(self) -> Mapping[str, int]:
        return {}


def test_the_hourly_job_finds_what_broke_since_the_last_hour_and_pauses():
    w = at_rest()
    project: Any = SimpleNamespace(hub=w.hub)
    made = Scheduler(w.hub.syncs, AtOnce(tasks_of(project)))
    job = made._scheduler.get_job("self-check:hub")

    def next_hour(last: datetime | None) -> datetime:
        """The job is carried out at its time, by the hub's own clock."""
        now = datetime.fromtimestamp(w.clock.now(), UTC)
        due = job.trigger.get_next_fire_time(last, now) if last else now
        w.clock.advance((due - now).total_seconds())
        job.func(*job.args)
        return due

    first = next_hour(None)
    assert w.ask(checks.checked_at, "all") == w.clock.now() and state(w) == (False, "")
    w.run()
    by_hand(w, t.audit.update().where(t.audit.c.seq == 2).values(why="because"))
    second = next_hour(first)
    assert second - first == timedelta(hours=1)
    assert state(w)[0] and "audit row 2" in state(w)[1]


# ---------------------------------------------------------------- only what is new is looked at


def test_each_run_is_looked_at_once_and_a_full_check_looks_at_all_of_them():
    w = at_rest(runs=3)
    assert self_check(w.hub).runs == 3
    assert self_check(w.hub).runs == 0
    w.run()
    assert self_check(w.hub).runs == 1
    assert self_check(w.hub, full=True).runs == 4


def test_a_run_under_way_is_left_alone_until_it_has_ended():
    w = at_rest(runs=2)
    by_hand(w, t.run.update().where(t.run.c.id == w.reports[-1].run).values(state="running"))
    assert self_check(w.hub).runs == 1
    by_hand(w, t.run.update().where(t.run.c.id == w.reports[-1].run).values(state="ok"))
    assert self_check(w.hub).runs == 1


def test_a_clock_that_was_set_back_hides_no_run_and_accuses_none():
    w = at_rest(people=3)
    w.run(full=True)
    assert self_check(w.hub).findings == []
    w.clock.advance(-7_200)
    for title in ("Chief", "Head"):
        w.edit("a", "pe0000001", title=title)
        w.run()
    assert self_check(w.hub).findings == []
    last = w.run().run
    by_hand(w, t.run_spoke.update().where(t.run_spoke.c.run == last).values(unchanged=-1))
    assert f"run {last}" in [f.place for f in breaks(w, "I5 sums", full=False).findings]


def test_only_new_rows_of_the_audit_log_are_verified_and_some_old_ones_in_turn(monkeypatch):
    w = at_rest(people=4)
    total = len(w.ask(audit.entries))
    monkeypatch.setattr(selfcheck, "REREAD", 3)
    assert self_check(w.hub).rows == total
    assert self_check(w.hub).rows == 0
    assert w.ask(checks.position, "audit")["again"] == 3
    w.edit("a", "pe0000001", title="Chief")
    w.run()
    assert self_check(w.hub).rows == len(w.ask(audit.entries)) - total
    assert self_check(w.hub, full=True).rows == len(w.ask(audit.entries))


def test_an_old_row_is_verified_again_in_its_turn(monkeypatch):
    w = at_rest(people=4)
    monkeypatch.setattr(selfcheck, "REREAD", 3)
    self_check(w.hub)
    by_hand(w, t.audit.update().where(t.audit.c.seq == 5).values(why="because"))
    assert [kinds(self_check(w.hub)) for _ in range(2)] == [[], ["I9 chain"]]


def test_pages_of_any_size_see_the_same(monkeypatch):
    w = at_rest(people=7)
    monkeypatch.setattr(checks, "PAGE", 2)
    by_hand(w, t.audit.update().where(t.audit.c.action == "done create").values(action="drift"))
    assert {f.place for f in self_check(w.hub).findings if f.kind == "journal"} == {
        f"operation {o.id}" for o in w.ask(lambda tx: tx.rows(t.operation.select()))
    }


# ---------------------------------------------------------------- I9: the chain


def test_a_removed_row_and_rows_that_were_sealed_anew_are_found():
    w = at_rest()
    by_hand(w, t.audit.delete().where(t.audit.c.seq == 2))
    found = self_check(w.hub, full=True)
    assert "audit row 3" in [f.place for f in found.findings]


def test_an_end_that_was_cut_off_after_it_was_verified_is_found():
    w = at_rest()
    self_check(w.hub)
    last = max(e["seq"] for e in w.ask(audit.entries))
    by_hand(w, t.audit.delete().where(t.audit.c.seq == last))
    found = self_check(w.hub)
    assert "I9 chain" in kinds(found) and found.paused == ["people"]
    assert f"audit row {last}" in state(w)[1]


def test_an_end_that_was_written_anew_by_somebody_who_can_seal_is_found():
    w = at_rest()
    self_check(w.hub)
    last = max(e["seq"] for e in w.ask(audit.entries))
    by_hand(w, t.audit.update().where(t.audit.c.seq == last).values(why="because", hash=""))
    with w.hub.store.begin() as tx:
        audit.seal(tx)
    assert w.ask(audit.verify).bad is None, "the chain by itself shows nothing"
    assert kinds(self_check(w.hub, full=True)) == ["I9 chain"]


def test_breaks_behind_a_break_are_found_too():
    w = at_rest(people=3)
    by_hand(w, t.audit.update().where(t.audit.c.seq.in_([2, 5])).values(why="because"))
    assert [f.place for f in breaks(w, "I9 chain").findings] == ["audit row 2", "audit row 5"]


# ---------------------------------------------------------------- I5: sums


def test_a_change_with_an_outcome_that_is_none_is_found():
    w = at_rest()
    by_hand(w, t.inbox.update().where(t.inbox.c.seq == 1).values(outcome="vanished"))
    assert "vanished" in breaks(w, "I5 sums").findings[0].what


def test_a_change_that_was_settled_without_an_outcome_is_found():
    w = at_rest()
    by_hand(w, t.inbox.update().where(t.inbox.c.seq == 1).values(outcome=""))
    breaks(w, "I5 sums")


def test_an_operation_in_a_state_that_is_none_is_found():
    w = at_rest()
    by_hand(w, t.operation.update().where(t.operation.c.seq == 1).values(state="lost"))
    assert '"lost"' in breaks(w, "I5 sums").findings[0].what


def test_a_figure_below_zero_is_found():
    w = at_rest()
    by_hand(w, t.run_spoke.update().where(t.run_spoke.c.run == "r-000001").values(unchanged=-1))
    breaks(w, "I5 sums")


def test_a_report_that_is_not_the_sum_of_its_spokes_is_found():
    told = Report("r-1", "people", "ok", read=3, spokes={"a": {"read": 2, "outcomes": {}, "operations": {}}})
    told.spokes["a"] |= {"outcomes": dict.fromkeys(told.outcomes, 0), "operations": dict.fromkeys(told.operations, 0)}
    told.outcomes["applied"] = 3
    assert [f.what for f in report_adds_up(told)] == [
        "its spokes add up to 2, and it says 3",
        "its applied records add up to 0, and it says 3",
    ]


def test_records_that_a_sweep_counts_twice_are_found():
    w = at_rest(people=5)
    sweep(w.hub, "people")
    assert self_check(w.hub, full=True).findings == []
    with counts_from_memory():
        sweep(w.hub, "people")
    assert {f.key for f in breaks(w, "I5 unchanged").findings} == {"a person", "b person"}


def test_a_write_that_a_later_run_did_not_look_after_is_found():
    w = at_rest()
    w.edit("a", "pe0000001", title="Chief")
    w.run()
    by_hand(w, t.operation.update().where(t.operation.c.action == "update").values(state="sent"))
    assert self_check(w.hub, full=True).findings == [], "as after a crash: the next run looks"
    with mock.patch("hub.engine.run.recover"):
        w.run()
    breaks(w, "I5 left sent")


def test_a_change_that_a_complete_run_left_in_the_inbox_is_found():
    w = at_rest(people=2)
    with mock.patch("hub.engine.run.settle"):
        w.edit("a", "pe0000001", title="Chief")
        w.run()
        assert self_check(w.hub).findings == [], "it waits for the next run"
        w.edit("a", "pe0000002", title="Chief")
        w.run()
        w.run()
    assert "pe0000001" in breaks(w, "I5 left pending").findings[0].place


def test_changes_that_wait_until_a_restored_hub_has_read_everything_are_none():
    w = at_rest(people=2)
    reconcile.begin(w.hub.store)
    for silent in ("b", "a"):
        heal(w)
        unreachable(w, silent)
        w.edit("a", "pe0000001", title=f"Chief while {silent} is silent")
        w.run()
    assert self_check(w.hub, full=True).findings == []
    heal(w)
    w.runs(2)
    assert self_check(w.hub, full=True).findings == []


def test_a_record_that_took_part_and_has_no_link_any_more_is_found():
    w = at_rest(people=2)
    by_hand(w, t.link.delete().where(t.link.c.connection == "a", t.link.c.remote_id == "pe0000002"))
    assert breaks(w, "I5 no link").findings[0].place == "a person pe0000002"


def test_records_whose_states_do_not_add_up_are_found():
    w = at_rest(people=2)
    by_hand(w, text("DROP INDEX ac_inbox_pending"))
    with w.hub.store.begin() as tx:
        for _ in range(2):
            row = records.Pending(0, "a", "person", "pe0000001", fields={}, at=tx.now)
            records.add_pending(tx, "people", "r-x", [row])
    checked = self_check(w.hub)
    assert "I5 states" in kinds(checked) and checked.paused == ["people"]


# ---------------------------------------------------------------- I4: links


def test_a_golden_record_with_two_records_in_one_object_is_found():
    w = at_rest(people=2)
    golden = w.ask(lambda tx: tx.value(t.link.select().with_only_columns(t.link.c.golden)))
    by_hand(w, text("DROP INDEX ac_link_one"), t.link.update().where(t.link.c.connection == "a").values(golden=golden))
    assert golden in breaks(w, "I4 doubled").findings[0].place


def test_a_link_that_leads_nowhere_is_found():
    w = at_rest()
    by_hand(w, t.golden.delete())
    breaks(w, "I4 lost")


def test_two_live_records_under_one_create_key_are_found():
    w = at_rest(people=2)
    one, two = w.ask(lambda tx: tx.rows(t.operation.select().order_by(t.operation.c.seq)))
    by_hand(w, t.operation.update().where(t.operation.c.id == two.id).values(key=one.key))
    found = breaks(w, "I4 twins").findings[0]
    assert one.key in found.what and one.remote_id in found.what and two.remote_id in found.what
