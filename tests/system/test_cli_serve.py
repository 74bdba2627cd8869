"""serve: health, page, schedules, and an end that loses nothing. And what the command line loads and how it is stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.jobs.assemble import Assembly
from hub.web.serve import Service
from tests.system.cli_project import Project, make

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop").applied()


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait until something is true; long, because the machine may be busy."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never came: {what}")


# ---------------------------------------------------------------- the application


@pytest.fixture
def assembly(project: Project) -> Iterator[Assembly]:
    with Assembly(project.root) as opened:
        yield opened


def ask(app: Any, path: str, host: str = "localhost") -> Any:
    import asyncio

    import httpx

    async def once() -> Any:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.get(path)

    return asyncio.run(once())


def test_health_answers_with_every_sync(assembly: Assembly) -> None:
    from hub.web.app import make_app

    answer = ask(make_app(assembly), "/health")
    assert answer.status_code == 200
    assert {"ok", "database", "syncs", "problems"} <= set(answer.json())
    assert answer.json()["syncs"][0]["sync"] == "customers"


def test_health_is_503_when_a_sync_is_broken(project: Project, assembly: Assembly) -> None:
    from hub.web.app import make_app

    project.left.token = project.right.token = "changed"
    project("run", "customers")
    answer = ask(make_app(assembly), "/health")
    assert answer.status_code == 503
    assert answer.json()["problems"]


def test_health_is_503_when_the_database_does_not_fit(assembly: Assembly) -> None:
    from sqlalchemy import text

    from hub.web.app import make_app

    app = make_app(assembly)
    assert ask(app, "/health").status_code == 200
    with assembly.store.begin() as tx:
        tx.run(text("DROP TABLE ac_sync"))
    assert ask(app, "/health").status_code == 503
    assert ask(app, "/").status_code == 503


def test_health_is_503_when_the_scheduler_stands(assembly: Assembly) -> None:
    from hub.web.app import make_app

    assert ask(make_app(assembly, extra=lambda: {"scheduler": "stopped"}), "/health").status_code == 503


def test_the_page_has_strict_headers_and_no_values_of_records(assembly: Assembly) -> None:
    from hub.web.app import make_app

    answer = ask(make_app(assembly), "/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "customers" in answer.text and "ana@example.org" not in answer.text


def test_a_foreign_host_name_gets_nothing_from_a_loopback_server(assembly: Assembly) -> None:
    from hub.web.app import make_app

    app = make_app(assembly, loopback_only=True)
    assert ask(app, "/", "evil.example").status_code == 421
    assert ask(app, "/health", "127.0.0.1:8080").status_code == 200
    assert ask(make_app(assembly), "/health", "hub.example").status_code == 200


# ---------------------------------------------------------------- schedules


def service(project: Project, stopping: threading.Event, told: list[Any]) -> Service:
    assembly = Assembly(project.root, cancelled=stopping.is_set)
    return Service(assembly, stopping, lambda event, **facts: told.append((event, facts)))


def test_a_scheduled_sync_runs_by_itself(project: Project) -> None:
    project.change("config/syncs/customers.yaml", "first_run: apply", "first_run: apply\nschedule: {every: 1 second}")
    project.left.edit("contact", project.names["bo"], {"Title": "Lead"})
    made = service(project, threading.Event(), [])
    made.start()
    try:
        until(lambda: "Lead" in [r.get("title") for r in project.right.rows("person").values()], "the scheduled run")
        assert project("status", "--json").json["syncs"][0]["next_run"] or made.queue.stats()["running"]
    finally:
        assert made.stop()
    assert {r["trigger"] for r in project("runs", "list", "--json").json["runs"]} == {"person", "schedule"}


def test_a_sync_that_waits_for_its_plan_is_not_run_by_a_schedule(tmp_path: Path) -> None:
    project = make(tmp_path / "shop")
    project.change("config/syncs/customers.yaml", "first_run: plan", "first_run: plan\nschedule: {every: 1 second}")
    told: list[Any] = []
    made = service(project, threading.Event(), told)
    made.start()
    try:
        until(lambda: [f for e, f in told if e == "job failed"], "the refusal")
    finally:
        made.stop()
    assert ("job failed", {"task": "run", "sync": "customers", "code": "S-FIRST"}) in told
    assert not project.left.writes and not project.right.writes


def test_stopping_asks_a_run_to_end_and_waits_for_it(project: Project) -> None:
    project.change("config/syncs/customers.yaml", "first_run: apply", "first_run: apply\nschedule: {every: 1 hour}")
    reading, go_on = threading.Event(), threading.Event()

    def slow(event: str) -> None:
        reading.set()
        assert go_on.wait(60)

    project.right.hook = slow
    stopping = threading.Event()
    made = service(project, stopping, [])
    made.scheduler._due("run", "customers")
    assert reading.wait(60)
    threading.Timer(0.2, go_on.set).start()
    assert made.stop() is True
    assert stopping.is_set()
    (last,) = project("runs", "list", "--limit", "1", "--json").json["runs"]
    assert last["state"] == "cancelled"
    project.right.hook = lambda event: None
    assert project("run", "customers").code == 0


# ---------------------------------------------------------------- as a process


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "accordant", "--project", str(project), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A project without connections, for processes of their own."""
    from tests.system.cli_project import type_in

    assert type_in("init", str(tmp_path / "shop")).code == 0
    return tmp_path / "shop"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_until_it_is_told_to_stop(empty: Path, sent: signal.Signals) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(empty, "serve", "--port", str(port))

    def healthy() -> Any:
        assert process.poll() is None, process.communicate()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            return None

    assert until(healthy, "an answer")["scheduler"] == "running"
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_one_message(empty: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(empty, "serve", "--port", str(taken.getsockname()[1]))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "[E-PORT]" in err and "Traceback" not in err


HEAVY = (
    "sqlalchemy",
    "rich",
    "fastapi",
    "alembic",
    "yaml",
    "structlog",
    "cryptography",
    "httpx",
    "hubspot",
    "apscheduler",
)


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_help_and_version_load_nothing_heavy(words: list[str]) -> None:
    script = f"import sys, hub.cli; hub.cli.run({words!r}); print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_the_installed_command_prints_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "accordant", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("accordant ")


def test_every_command_has_help_with_an_explanation() -> None:
    import typer

    from hub.cli.app import GROUPS, TOP, app
    from tests.system.cli_project import type_in

    for words in [[n] for n, _ in TOP] + [[g, n] for g, _, commands in GROUPS for n, _ in commands]:
        answer = type_in(*words, "--help")
        assert answer.code == 0, words
        assert f"accordant {' '.join(words)}" in answer.out
    assert typer.main.get_command(app).name == "accordant"


# ---------------------------------------------------------------- Ctrl-C


def test_ctrl_c_lets_a_run_end_at_its_next_step_and_exits_130(project: Project) -> None:
    pressed = threading.Event()

    def press(event: str) -> None:
        if not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # the request is stored by a thread of its own

    project.left.edit("contact", project.names["bo"], {"Title": "Lead"})
    project.right.hook = press
    answer = project("run", "customers")
    assert answer.code == 130
    assert "Press Ctrl-C again to stop at once" in answer.err and "[S-CANCELLED]" in answer.err
    assert "Lead" not in [r.get("title") for r in project.right.rows("person").values()]
    assert project("run", "customers").code == 0
    assert "Lead" in [r.get("title") for r in project.right.rows("person").values()]


def test_ctrl_c_in_a_plan_stops_at_once(project: Project) -> None:
    def press(event: str) -> None:
        project.right.hook = lambda event: None
        os.kill(os.getpid(), signal.SIGINT)

    project.right.hook = press
    answer = project("plan", "customers")
    assert answer.code == 130
    assert "Interrupted" in answer.err


SLOW_RUN = """
import pathlib, sys, time
from tests.system.cli_project import make
from hub.cli import run
project = make(pathlib.Path(sys.argv[1]), first_run="apply")
def slow(event):
    if event == "before:changes":
        print("reading", flush=True)
        time.sleep(120)
project.right.hook = slow
sys.exit(run(["--project", sys.argv[1], "run", "customers"]))
"""


def test_ctrl_c_twice_stops_at_once_and_nobody_waits_for_what_it_held(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN, str(tmp_path / "shop")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    assert process.stdout.readline().strip() == "reading"
    process.send_signal(signal.SIGINT)
    lines = iter(process.stderr.readline, "")
    assert any("Press Ctrl-C again" in line for line in lines)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    process.communicate()
    found = subprocess.run(
        [sys.executable, "-m", "accordant", "--project", str(tmp_path / "shop"), "status", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout)["syncs"][0]["holder"] == ""
