"""When syncs run by themselves. APScheduler only tells when a time has come; the work goes through the queue.

Its job store is memory: the schedules stand in the syncs' files and are read anew at each start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.core.model import Schedule, Sync
from hub.jobs.queue import Queue
from hub.settings.forms import interval

GRACE = 300
CHECK, HUB = "self-check", "hub"
CHECK_EVERY = 3600.0
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Scheduler:
    """Submits a run or a sweep when it is due. `next_at(sync)` is when it runs next, in seconds, 0 for never.

    `told(sync, at)` is called whenever that changes. Every `check_every` seconds the hub checks itself; `last_check` is
    when it did so last, 0 for never.
    """

    def __init__(
        self,
        syncs: Mapping[str, Sync],
        queue: Queue,
        *,
        last_run: Callable[[str], float] = lambda sync: 0.0,
        told: Callable[[str, float], None] = lambda sync, at: None,
        check_every: float = CHECK_EVERY,
        last_check: float = 0.0,
    ) -> None:
        from apscheduler.jobstores.memory import MemoryJobStore
        from apscheduler.schedulers.background import BackgroundScheduler

        self._queue, self._told = queue, told
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE},
            timezone=UTC,
        )
        for name, sync in sorted(syncs.items()):
            self._add("run", name, run_trigger(sync.schedule, last_run(name)))
            self._add("sweep", name, sweep_trigger(sync.schedule))
        self._add(CHECK, HUB, run_trigger(Schedule(every=check_every), last_check))

    def _add(self, task: str, sync: str, trigger: Any) -> None:
        if trigger is not None:
            # What is due at once would be put off by a whole interval: its moment has passed when the scheduler starts.
            first = {"next_run_time": trigger.start_date} if hasattr(trigger, "interval") else {}
            self._scheduler.add_job(self._due, trigger, args=(task, sync), id=f"{task}:{sync}", **first)

    def _due(self, task: str, sync: str) -> None:
        # A sweep and a run of one sync hold the same lease, so they must not start beside each other.
        lock = CHECK if task == CHECK else f"sync:{sync}"
        self._queue.submit(task, sync, lock=lock, once=f"{task}:{sync}")
        if task == "run":
            self._told(sync, self.next_at(sync))

    def next_at(self, sync: str) -> float:
        job = self._scheduler.get_job(f"run:{sync}")
        moment = getattr(job, "next_run_time", None)
        return moment.timestamp() if moment else 0.0

    def start(self) -> None:
        self._scheduler.start()
        for job in self._scheduler.get_jobs():
            task, _, sync = job.id.partition(":")
            if task == "run":
                self._told(sync, self.next_at(sync))

    @property
    def running(self) -> bool:
        return bool(self._scheduler.running)

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def check_interval(settings: Mapping[str, Any]) -> float:
    """Seconds between two checks of the hub by itself, as config/accordant.yaml says."""
    given = settings.get("self_check")
    return CHECK_EVERY if given is None else interval(str(given))


# ---------------------------------------------------------------- triggers


def run_trigger(
    schedule: Schedule, last_run: float = 0.0, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Any:
    """When the next runs are. A sync that was not run for longer than `every` is due at once."""
    from apscheduler.triggers.interval import IntervalTrigger

    if schedule.every:
        moment = now()
        due = datetime.fromtimestamp(last_run, UTC) + timedelta(seconds=schedule.every) if last_run else moment
        return IntervalTrigger(seconds=max(1, round(schedule.every)), start_date=max(due, moment), timezone=UTC)
    return cron_trigger(schedule.cron, schedule.zone) if schedule.cron else None


def sweep_trigger(schedule: Schedule) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    if not schedule.sweep_at:
        return None
    hour, _, minute = schedule.sweep_at.partition(":")
    return CronTrigger(hour=int(hour), minute=int(minute), timezone=schedule.zone)


def cron_trigger(line: str, zone: str = "UTC") -> Any:
    """Five fields, as cron means them: Sunday is 0 and 7, and a restricted day and weekday mean either of both.

    APScheduler counts weekdays from Monday and takes both together, so neither may reach it as it stands.
    """
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    minute, hour, day, month, weekday = line.split()

    def at(day: str, weekday: str) -> Any:
        return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=zone)

    if day.startswith("*") or weekday.startswith("*"):
        return at(day, weekdays(weekday))
    return OrTrigger([at(day, "*"), at("*", weekdays(weekday))])


def weekdays(field: str) -> str:
    """`1-5` → `mon,tue,wed,thu,fri`."""
    if field == "*":
        return field
    numbers = {name: number for number, name in enumerate(DAYS)}
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        first = 0 if span == "*" else numbers.get(low, -1) if low in numbers else int(low)
        last = 6 if span == "*" or (step and not dash) else first
        if dash:
            last = numbers[high] if high in numbers else int(high)
        found |= {number % 7 for number in range(first, last + 1, int(step or 1))}
    return ",".join(DAYS[number] for number in sorted(found))
