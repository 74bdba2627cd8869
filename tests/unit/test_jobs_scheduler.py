"""When syncs run: intervals, cron lines as cron means them, sweeps in their zone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.core.model import Schedule, Sync
from hub.jobs import scheduler
from hub.jobs.scheduler import Scheduler

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday


def fires(trigger: Any, number: int, start: datetime = NOON) -> list[datetime]:
    found: list[datetime] = []
    previous, now = None, start
    for _ in range(number):
        previous = trigger.get_next_fire_time(previous, now)
        assert previous is not None
        found.append(previous)
        now = previous + timedelta(microseconds=1)
    return found


# ---------------------------------------------------------------- runs


def test_a_sync_that_never_ran_is_due_at_once() -> None:
    trigger = scheduler.run_trigger(Schedule(every=300), now=lambda: NOON)
    assert fires(trigger, 2) == [NOON, NOON + timedelta(minutes=5)]


def test_a_sync_that_ran_lately_waits_for_the_rest_of_its_interval() -> None:
    last = (NOON - timedelta(minutes=2)).timestamp()
    trigger = scheduler.run_trigger(Schedule(every=300), last, lambda: NOON)
    assert fires(trigger, 1) == [NOON + timedelta(minutes=3)]


def test_a_sync_that_ran_long_ago_is_due_once_not_for_every_interval_missed() -> None:
    last = (NOON - timedelta(days=3)).timestamp()
    trigger = scheduler.run_trigger(Schedule(every=300), last, lambda: NOON)
    assert fires(trigger, 2) == [NOON, NOON + timedelta(minutes=5)]


def test_a_sync_without_a_schedule_never_runs_by_itself() -> None:
    assert scheduler.run_trigger(Schedule()) is None
    assert scheduler.sweep_trigger(Schedule()) is None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("0 6 * * *", ["2026-11-26T06:00", "2026-11-27T06:00"]),
        ("0 6 * * 0", ["2026-11-29T06:00", "2026-12-06T06:00"]),  # Sunday is 0
        ("0 6 * * 7", ["2026-11-29T06:00", "2026-12-06T06:00"]),  # and 7
        ("0 6 * * mon-fri", ["2026-11-26T06:00", "2026-11-27T06:00", "2026-11-30T06:00"]),
        ("0 6 * * 1-5", ["2026-11-26T06:00", "2026-11-27T06:00", "2026-11-30T06:00"]),
        ("*/30 12 * * 3", ["2026-11-25T12:00", "2026-11-25T12:30", "2026-12-02T12:00"]),
        ("0 0 1 * mon", ["2026-11-30T00:00", "2026-12-01T00:00", "2026-12-07T00:00"]),  # either of both
    ],
)
def test_a_cron_line_means_what_it_means_to_cron(line: str, wanted: list[str]) -> None:
    found = fires(scheduler.cron_trigger(line), len(wanted))
    assert [f.strftime("%Y-%m-%dT%H:%M") for f in found] == wanted


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"),
        ("0", "sun"),
        ("7", "sun"),
        ("5-7", "sun,fri,sat"),
        ("*/2", "sun,tue,thu,sat"),
        ("mon,3", "mon,wed"),
        ("1-5/2", "mon,wed,fri"),
    ],
)
def test_weekdays_are_counted_from_sunday(field: str, days: str) -> None:
    assert scheduler.weekdays(field) == days


def test_a_sweep_keeps_its_hour_when_the_clocks_change() -> None:
    trigger = scheduler.sweep_trigger(Schedule(sweep_at="02:30", zone="Europe/Berlin"))
    start = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    found = fires(trigger, 2, start)
    assert [f.astimezone(UTC).strftime("%d %H:%M") for f in found][-1] == "30 00:30"


# ---------------------------------------------------------------- the scheduler


class Noting:
    """A queue that only writes down what it was given."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, str, dict[str, Any]]] = []

    def submit(self, task: str, ref: str, **options: Any) -> None:
        self.jobs.append((task, ref, options))

    def cancel(self, ref: str) -> int:
        return 0

    def stats(self) -> dict[str, int]:
        return {}


SYNCS = {
    "customers": Sync("customers", "customer", "person", (), schedule=Schedule(every=3600, sweep_at="02:30")),
    "orders": Sync("orders", "order", "", ()),
}


def test_due_work_goes_to_the_queue_once_and_under_the_lock_of_its_sync() -> None:
    queue = Noting()
    made = Scheduler(SYNCS, queue)
    made._due("run", "customers")
    made._due("sweep", "customers")
    assert queue.jobs == [
        ("run", "customers", {"lock": "sync:customers", "once": "run:customers"}),
        ("sweep", "customers", {"lock": "sync:customers", "once": "sweep:customers"}),
    ]


def test_when_a_sync_runs_next_is_told_at_the_start() -> None:
    told: dict[str, float] = {}
    last = (datetime.now(UTC) - timedelta(minutes=10)).timestamp()
    made = Scheduler(SYNCS, Noting(), last_run=lambda sync: last, told=told.__setitem__)
    made.start()
    try:
        assert made.running
        assert abs(told["customers"] - (last + 3600)) < 1
        assert "orders" not in told and made.next_at("orders") == 0.0
    finally:
        made.stop()
    assert not made.running


def test_what_is_due_at_once_does_not_wait_for_a_whole_interval() -> None:
    queue, handed_over = Noting(), threading.Event()
    queue.submit = lambda *job, **options: handed_over.set()  # type: ignore[method-assign]
    made = Scheduler({"customers": SYNCS["customers"]}, queue)
    made.start()
    try:
        assert handed_over.wait(30)
    finally:
        made.stop()


def test_missed_times_are_made_up_for_once_and_never_overlap() -> None:
    made = Scheduler(SYNCS, Noting())
    made.start()
    try:
        for job in made._scheduler.get_jobs():
            assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, scheduler.GRACE)
    finally:
        made.stop()


# ---------------------------------------------------------------- the hub checks itself


def check_job(**options: Any) -> Any:
    return Scheduler(SYNCS, Noting(), **options)._scheduler.get_job("self-check:hub")


def test_the_hub_checks_itself_every_hour_and_at_once_if_it_never_did() -> None:
    trigger = check_job().trigger
    assert trigger.interval == timedelta(hours=1)
    assert trigger.start_date <= datetime.now(UTC)


def test_a_check_lately_is_not_repeated_at_every_start() -> None:
    lately = datetime.now(UTC) - timedelta(minutes=10)
    trigger = check_job(check_every=1800.0, last_check=lately.timestamp()).trigger
    assert trigger.interval == timedelta(minutes=30)
    assert abs(trigger.start_date - (lately + timedelta(minutes=30))) < timedelta(seconds=1)


def test_a_check_goes_to_the_queue_without_the_lock_of_any_sync() -> None:
    queue = Noting()
    Scheduler(SYNCS, queue)._due("self-check", "hub")
    assert queue.jobs == [("self-check", "hub", {"lock": "self-check", "once": "self-check:hub"})]


@pytest.mark.parametrize(("given", "wanted"), [({}, 3600.0), ({"self_check": "15 minutes"}, 900.0)])
def test_how_often_is_said_in_the_settings(given: dict[str, Any], wanted: float) -> None:
    assert scheduler.check_interval(given) == wanted
