"""`accordant serve`: schedules, queue and pages in one process, until somebody stops it.

SIGTERM or Ctrl-C: no new run begins, the calls under way are finished and stored (20 s at most), then it ends.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hub.core.errors import HubError
from hub.jobs.assemble import Assembly
from hub.jobs.queue import InProcess, Job
from hub.jobs.scheduler import Scheduler, check_interval
from hub.jobs.tasks import tasks_of
from hub.store import checks, runs

PATIENCE = 20.0


class Service:
    """The parts that work by themselves. `say(event, facts)` is the log."""

    def __init__(self, project: Assembly, stopping: threading.Event, say: Callable[..., None]) -> None:
        self.project, self.stopping, self.say = project, stopping, say
        project.hub.connectors  # noqa: B018  (made here, once, before several threads ask for them)
        self.queue = InProcess(tasks_of(project), failed=self._failed)
        self.scheduler = Scheduler(
            project.project.syncs,
            self.queue,
            last_run=self._last_run,
            told=self._next,
            check_every=check_interval(project.project.settings),
            last_check=self._last_check(),
        )

    def _failed(self, job: Job, error: Exception) -> None:
        code = error.code if isinstance(error, HubError) else "X-BUG"
        self.say("job failed", task=job.task, sync=job.ref, code=code)

    def _last_run(self, sync: str) -> float:
        with self.project.store.read() as tx:
            found = [r.started for r in runs.latest(tx, sync, 1)]
        return float(found[0]) if found else 0.0

    def _last_check(self) -> float:
        with self.project.store.read() as tx:
            return checks.checked_at(tx, "all")

    def _next(self, sync: str, at: float) -> None:
        with self.project.store.begin() as tx:
            runs.set_sync(tx, sync, next_at=at)

    def health(self) -> dict[str, Any]:
        return {"scheduler": "running" if self.scheduler.running else "stopped", "jobs": dict(self.queue.stats())}

    def start(self) -> None:
        self.scheduler.start()
        self.say("started", total=len(self.project.project.syncs))

    def stop(self) -> bool:
        """False if something was still running when patience ended."""
        self.stopping.set()
        self.scheduler.stop()
        for job in self.queue.running():
            self._ask_to_end(job.ref)
        done = self.queue.stop(PATIENCE)
        self.say("stopped", state="clean" if done else "at once")
        return done

    def _ask_to_end(self, sync: str) -> None:
        with self.project.store.begin() as tx:
            for row in runs.latest(tx, sync, 1):
                runs.ask_to_cancel(tx, row.id)


def serve(root: Path, env: Mapping[str, str], *, host: str, port: int, verbose: bool) -> None:
    """Serve until stopped. Raises HubError if it cannot start."""
    import uvicorn

    from hub.web.app import LOOPBACK, make_app

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again after it has ended; without a handler that would end us before the runs do.
        signal.signal(number, lambda *_: stopping.set())
    with Assembly(root, env, cancelled=stopping.is_set) as project:
        service = Service(project, stopping, _log(verbose))
        app = make_app(project, loopback_only=host in LOOPBACK, extra=service.health)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        listening = _listen(host, port)
        service.start()
        at = listening.getsockname()[1]
        sys.stderr.write(f"Serving on http://{host}:{at} (health: /health). Stop with Ctrl-C.\n")
        try:
            server.run(sockets=[listening])
        finally:
            clean = service.stop()
    if not clean:
        os._exit(1)


def _listen(host: str, port: int) -> socket.socket:
    """The port is taken before anything runs, so that a second `serve` changes nothing."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise HubError(
            f"port {port} of {host} cannot be used: {error.strerror or error}",
            unchanged="Nothing was run",
            next="stop what listens there, or choose another port: accordant serve --port NUMBER",
            code="E-PORT",
        ) from error


def _log(verbose: bool) -> Callable[..., None]:
    """One structured line per event on standard error; without -v only what failed."""
    import structlog

    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.KeyValueRenderer()],
    )

    def say(event: str, **facts: Any) -> None:
        if verbose or event == "job failed":
            log.info(event, **facts)

    return say
