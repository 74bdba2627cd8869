"""Where work is handed over: the queue port, and its engine inside one process.

A job is only a wake-up: it names a task and what it is about, and the tables say what there is to do. Losing every job
loses no work.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from hub.store.db import Tx

Task = Callable[[str], object]


class Queue(Protocol):
    """`lock`: jobs with the same lock never run at once. `once`: while a job with the same word waits, no second one is
    taken in. Higher `priority` first. `not_before`: seconds since the epoch. `tx`: take it in when this commits."""

    def submit(
        self,
        task: str,
        ref: str,
        *,
        lock: str = "",
        once: str = "",
        priority: int = 0,
        not_before: float = 0.0,
        tx: Tx | None = None,
    ) -> None: ...
    def cancel(self, ref: str) -> int: ...
    def stats(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """Sorts by what is to be run first."""

    rank: int
    number: int
    task: str
    ref: str
    lock: str = ""
    once: str = ""
    not_before: float = 0.0


class InProcess:
    """The queue of one process: threads, and nothing that outlives them.

    `failed(job, error)` is told of each job that raised; the queue goes on.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        *,
        size: int = 4,
        now: Callable[[], float] = time.time,
        failed: Callable[[Job, Exception], None] = lambda job, error: None,
    ) -> None:
        self._tasks, self._now, self._failed = tasks, now, failed
        self._executor = ThreadPoolExecutor(size, thread_name_prefix="accordant-job")
        self._size = size
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: dict[int, Job] = {}
        self._done: Counter[str] = Counter()
        self._timer: threading.Timer | None = None
        self._open = True

    def submit(
        self,
        task: str,
        ref: str,
        *,
        lock: str = "",
        once: str = "",
        priority: int = 0,
        not_before: float = 0.0,
        tx: Tx | None = None,
    ) -> None:
        if task not in self._tasks:
            raise KeyError(f"there is no task {task}; known: {', '.join(sorted(self._tasks))}")
        job = Job(-priority, next(self._numbers), task, ref, lock, once, not_before)
        if tx is None:
            self._take_in(job)
        else:
            tx.notes.setdefault("after", []).append(lambda: self._take_in(job))

    def _take_in(self, job: Job) -> None:
        with self._changed:
            if not self._open or (job.once and any(w.once == job.once for w in self._waiting)):
                return
            self._waiting.append(job)
            self._start()

    def cancel(self, ref: str) -> int:
        """Forget the jobs that wait for this; how many there were. A running one is asked to end by its run."""
        with self._changed:
            kept = [w for w in self._waiting if w.ref != ref]
            dropped = len(self._waiting) - len(kept)
            self._waiting = kept
        return dropped

    def stats(self) -> Mapping[str, int]:
        with self._changed:
            return {"waiting": len(self._waiting), "running": len(self._running), **self._done}

    def running(self) -> list[Job]:
        with self._changed:
            return list(self._running.values())

    def stop(self, seconds: float) -> bool:
        """Take nothing in any more, and wait for what runs. False if something still runs then."""
        with self._changed:
            self._open = False
            self._waiting.clear()
            if self._timer:
                self._timer.cancel()
            self._executor.shutdown(wait=False, cancel_futures=True)
            return self._changed.wait_for(lambda: not self._running, timeout=seconds)

    # -- under the lock

    def _start(self) -> None:
        """Start what may run now; wake up again when the next job is due."""
        while len(self._running) < self._size and (job := self._next()) is not None:
            self._waiting.remove(job)
            self._running[job.number] = job
            self._executor.submit(self._run, job)
        self._wake_later()

    def _next(self) -> Job | None:
        locked = {r.lock for r in self._running.values() if r.lock}
        now = self._now()
        return min((w for w in self._waiting if w.not_before <= now and w.lock not in locked), default=None)

    def _wake_later(self) -> None:
        due = min((w.not_before for w in self._waiting if w.not_before > self._now()), default=None)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = threading.Timer(max(0.0, due - self._now()), self._woken)
            self._timer.daemon = True
            self._timer.start()

    def _woken(self) -> None:
        with self._changed:
            if self._open:
                self._start()

    def _run(self, job: Job) -> None:
        outcome = "done"
        try:
            self._tasks[job.task](job.ref)
        except Exception as error:  # the edge of a worker: one job must not stop the others
            outcome = "failed"
            self._failed(job, error)
        finally:
            with self._changed:
                self._running.pop(job.number, None)
                self._done[outcome] += 1
                if self._open:
                    self._start()
                self._changed.notify_all()
