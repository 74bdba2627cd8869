"""doctor --self-check, and the check that `serve` makes by itself: what is broken pauses, and everybody who asks is told."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from hub.jobs.assemble import Assembly
from hub.store import tables as t
from hub.web.app import make_app
from hub.web.serve import Service
from tests.system.cli_project import Project, make
from tests.system.test_cli_serve import ask, until


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop").applied()


def tamper(project: Project) -> None:
    """Somebody changes a sealed row of the audit log."""
    with Assembly(project.root) as opened, opened.store.begin() as tx:
        assert tx.run(update(t.audit).where(t.audit.c.seq == 1).values(why="because"))


def self_check(project: Project) -> tuple[int, Any]:
    answer = project("doctor", "--self-check", "--json")
    return answer.code, answer.json["self_check"]


def test_a_sound_hub_is_told_to_be_so(project: Project) -> None:
    code, told = self_check(project)
    assert (code, told["ok"], told["full"], told["findings"], told["paused"]) == (0, True, True, [], [])
    assert told["rows"] > 0 and told["runs"] > 0
    text = project("doctor", "--self-check").out
    assert "audit: the chain is whole" in text and "writes: each was sent once, in order, and for a reason" in text


def test_a_broken_promise_pauses_the_sync_and_every_command_says_so(project: Project) -> None:
    tamper(project)
    code, told = self_check(project)
    assert code == 1 and told["paused"] == ["customers"]
    (finding,) = told["findings"]
    assert {n: finding[n] for n in ("invariant", "kind", "sync", "place", "level", "known")} == {
        "invariant": "I9",
        "kind": "chain",
        "sync": "",
        "place": "audit row 1",
        "level": "broken",
        "known": False,
    }
    assert finding["since"] > 0 and finding["next"].startswith("accordant audit verify")
    assert project("run", "customers").code == 6
    shown = project("status").out
    assert "self-check I9: audit row 1" in shown and "accordant resume customers" in shown


def test_who_resumes_is_not_stopped_by_the_same_finding_again(project: Project) -> None:
    tamper(project)
    assert self_check(project)[1]["paused"] == ["customers"]
    assert project("resume", "customers").code == 0
    code, told = self_check(project)
    assert code == 1 and told["paused"] == [] and told["findings"][0]["known"] is True
    assert project("run", "customers").code == 0


def test_the_text_names_the_finding_the_next_step_and_the_pause(project: Project) -> None:
    tamper(project)
    text = project("doctor", "--self-check").out
    assert "✗ audit: I9 audit row 1: it, or the row before it, was changed" in text
    assert "restore a backup" in text and "accordant resume customers" in text


def test_without_the_option_the_doctor_changes_nothing(project: Project) -> None:
    tamper(project)
    assert "self_check" not in project("doctor", "--json").json
    assert project("run", "customers").code == 0


def test_health_tells_of_the_last_check_and_is_not_ok_after_it_has_paused(project: Project) -> None:
    with Assembly(project.root) as opened:
        app = make_app(opened)
        assert ask(app, "/health").json()["self_check"] == {"at": None, "broken": 0, "warnings": 0}
        tamper(project)
        self_check(project)
        answer = ask(app, "/health")
        assert answer.status_code == 503
        assert answer.json()["self_check"]["broken"] == 1 and answer.json()["self_check"]["at"] > 0
        assert answer.json()["problems"] == ["customers: paused by the self-check"]
        project("resume", "customers")
        assert ask(app, "/health").status_code == 200


def test_a_pause_by_a_person_is_no_alarm(project: Project) -> None:
    project("pause", "customers")
    with Assembly(project.root) as opened:
        assert ask(make_app(opened), "/health").status_code == 200


def test_serve_checks_the_hub_by_itself(project: Project) -> None:
    tamper(project)
    stopping = threading.Event()
    with Assembly(project.root, cancelled=stopping.is_set) as opened:
        service = Service(opened, stopping, lambda event, **facts: None)
        service.start()
        try:
            told = until(
                lambda: "paused" in project("status", "--json").out and project("status", "--json").json, "pause"
            )
        finally:
            service.stop()
    assert told["syncs"][0]["state"] == "paused" and "audit row 1" in told["syncs"][0]["reason"]


def test_how_often_it_checks_must_be_a_time(project: Project) -> None:
    settings = project.root / "config" / "accordant.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "self_check: often\n", encoding="utf-8")
    answer = project("validate")
    assert answer.code == 3 and "accordant.yaml" in answer.out + answer.err and "self_check" in settings.read_text()
