"""The queue of one process: order, locks, once, later, and an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from hub.jobs.queue import InProcess, Job
from hub.store.db import Store
from hub.store.vault import Vault

PATIENCE = 10.0


class Work:
    """A task that notes what it did, and can be held up."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, ref: str) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.started.release()
        assert self.gate.wait(PATIENCE)
        with self._lock:
            self.done.append(ref)
            self._now -= 1

    def wait_started(self, number: int = 1) -> None:
        for _ in range(number):
            assert self.started.acquire(timeout=PATIENCE)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def make(work: Work) -> Iterator[Callable[..., InProcess]]:
    made: list[InProcess] = []

    def queue(**options: object) -> InProcess:
        made.append(InProcess({"work": work}, **options))  # type: ignore[arg-type]
        return made[-1]

    yield queue
    work.gate.set()
    for one in made:
        one.stop(PATIENCE)


def finish(queue: InProcess, number: int) -> None:
    """Wait until so many jobs are done."""
    with queue._changed:
        assert queue._changed.wait_for(lambda: sum(queue._done.values()) >= number, PATIENCE)


def test_jobs_run_and_are_counted(make: Callable[..., InProcess], work: Work) -> None:
    queue = make()
    work.gate.set()
    for ref in "abc":
        queue.submit("work", ref)
    finish(queue, 3)
    assert sorted(work.done) == ["a", "b", "c"]
    assert queue.stats() == {"waiting": 0, "running": 0, "done": 3}


def test_jobs_with_one_lock_never_run_at_once(make: Callable[..., InProcess], work: Work) -> None:
    queue = make(size=4)
    for ref in "abc":
        queue.submit("work", ref, lock="sync:x")
    work.wait_started()
    assert queue.stats()["running"] == 1
    work.gate.set()
    finish(queue, 3)
    assert work.most == 1
    assert work.done == ["a", "b", "c"]


def test_other_locks_run_beside_it(make: Callable[..., InProcess], work: Work) -> None:
    queue = make(size=4)
    queue.submit("work", "a", lock="x")
    queue.submit("work", "b", lock="y")
    work.wait_started(2)
    assert work.most == 2


def test_a_job_that_waits_already_is_not_taken_in_twice(make: Callable[..., InProcess], work: Work) -> None:
    queue = make(size=1)
    queue.submit("work", "a", once="run:a")
    work.wait_started()
    for _ in range(3):
        queue.submit("work", "a", once="run:a")
    assert queue.stats()["waiting"] == 1
    work.gate.set()
    finish(queue, 2)
    assert work.done == ["a", "a"]


def test_higher_priority_goes_first(make: Callable[..., InProcess], work: Work) -> None:
    queue = make(size=1)
    queue.submit("work", "now")
    work.wait_started()
    queue.submit("work", "low", priority=-1)
    queue.submit("work", "plain")
    queue.submit("work", "high", priority=5)
    work.gate.set()
    finish(queue, 4)
    assert work.done == ["now", "high", "plain", "low"]


def test_a_job_waits_for_its_time(make: Callable[..., InProcess], work: Work) -> None:
    now = [100.0]
    queue = make(now=lambda: now[0])
    work.gate.set()
    queue.submit("work", "later", not_before=5_000.0)
    queue.submit("work", "soon")
    finish(queue, 1)
    assert work.done == ["soon"] and queue.stats()["waiting"] == 1
    now[0] = 5_000.0
    queue._woken()
    finish(queue, 2)
    assert work.done == ["soon", "later"]


def test_a_delayed_job_wakes_the_queue_by_itself(make: Callable[..., InProcess], work: Work) -> None:
    import time

    queue = make()
    work.gate.set()
    queue.submit("work", "a", not_before=time.time() + 0.05)
    finish(queue, 1)
    assert work.done == ["a"]


def test_what_waits_can_be_cancelled(make: Callable[..., InProcess], work: Work) -> None:
    queue = make(size=1)
    queue.submit("work", "a")
    work.wait_started()
    queue.submit("work", "b")
    queue.submit("work", "b")
    assert queue.cancel("b") == 2
    assert queue.cancel("b") == 0


def test_a_job_that_fails_is_told_and_the_others_go_on() -> None:
    told: list[tuple[str, str]] = []
    done = threading.Event()

    def broken(ref: str) -> None:
        raise ValueError(ref)

    def failed(job: Job, error: Exception) -> None:
        told.append((job.ref, str(error)))

    queue = InProcess({"broken": broken, "good": lambda ref: done.set()}, size=1, failed=failed)
    queue.submit("broken", "a")
    queue.submit("good", "b")
    assert done.wait(PATIENCE)
    assert queue.stop(PATIENCE)
    assert told == [("a", "a")]
    assert queue.stats() == {"waiting": 0, "running": 0, "failed": 1, "done": 1}


def test_an_unknown_task_is_refused_where_it_is_submitted(make: Callable[..., InProcess]) -> None:
    with pytest.raises(KeyError, match="there is no task"):
        make().submit("wrk", "a")


def test_stopping_waits_for_what_runs_and_drops_what_waits(make: Callable[..., InProcess], work: Work) -> None:
    queue = make(size=1)
    queue.submit("work", "a")
    work.wait_started()
    queue.submit("work", "b")
    assert queue.stop(0.01) is False
    work.gate.set()
    assert queue.stop(PATIENCE) is True
    queue.submit("work", "c")
    assert work.done == ["a"]


def test_a_job_of_a_transaction_starts_once_it_is_committed(make: Callable[..., InProcess], work: Work) -> None:
    store = Store("sqlite://", vault=Vault(bytes(32)), now=lambda: 1.0)
    queue = make()
    work.gate.set()
    with store.begin() as tx:
        queue.submit("work", "a", tx=tx)
        assert queue.stats()["waiting"] == 0 and work.done == []
    finish(queue, 1)
    assert work.done == ["a"]


def test_a_job_of_a_transaction_that_fails_never_starts(make: Callable[..., InProcess], work: Work) -> None:
    store = Store("sqlite://", vault=Vault(bytes(32)), now=lambda: 1.0)
    queue = make()
    with pytest.raises(ZeroDivisionError), store.begin() as tx:
        queue.submit("work", "a", tx=tx)
        raise ZeroDivisionError
    assert queue.stats() == {"waiting": 0, "running": 0}
