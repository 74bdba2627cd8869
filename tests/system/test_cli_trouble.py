"""What goes wrong gives one clear message, the right exit code and no stack trace."""

from __future__ import annotations

import base64
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hub.store.engines
from hub.store import runs, schema
from hub.store.db import Store
from hub.store.vault import Vault
from tests.system.cli_project import Answer, Project, make, type_in


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop", first_run="apply")


def one_message(answer: Answer, code: str) -> str:
    """The single error that was told, and that it is one: no trace, one code, a next step."""
    lines = [line for line in answer.err.splitlines() if not line.startswith("reading")]
    assert len(lines) == 1, answer.err
    assert f"[{code}]" in lines[0]
    assert "Next:" in lines[0] and "Traceback" not in lines[0]
    return lines[0]


# ---------------------------------------------------------------- sign-in and accounts


def test_a_refused_token_exits_5_and_the_other_system_is_still_read(project: Project) -> None:
    project.left.token = "changed"
    answer = project("run", "customers", "--json")
    assert answer.code == 5
    assert answer.json["state"] == "partial"
    assert answer.json["spokes"]["right"]["outcomes"]["applied"] == 2
    assert "E-AUTH" in answer.json["spokes"]["left"]["error"]


def test_status_says_that_a_system_could_not_be_read_and_what_to_do(project: Project) -> None:
    project.left.token = "changed"
    project("run", "customers")
    found = project("status", "--json").json
    assert found["syncs"][0]["state"] == "broken"
    assert "refused the token" in found["needs_you"][0]["what"]
    assert found["needs_you"][0]["next"] == "set auth.token of the connection left"
    project.left.token = "letmein"
    project("run", "customers")
    assert project("status", "--json").json["needs_you"] == []


def test_a_plan_with_a_refused_token_exits_5(project: Project) -> None:
    project.left.token = "changed"
    answer = project("plan", "customers")
    assert answer.code == 5
    assert answer.err.count("left:") == 1


def test_connections_test_tells_a_refused_token_and_exits_5(project: Project) -> None:
    project.left.token = "changed"
    answer = project("connections", "test", "left", "--json")
    assert answer.code == 5
    assert answer.json["connections"][0]["error"]["code"] == "E-AUTH"


def test_another_account_behind_a_connection_is_refused(project: Project) -> None:
    assert project("run", "customers").code == 0
    project.right.name = "another shop"
    project.change("config/connections.yaml", "remote: right", "remote: right\n    limits: {reserve: 10%}")
    answer = project("run", "customers")
    assert answer.code == 6
    assert "another account" in one_message(answer, "S-ORG")


def test_an_account_is_only_asked_again_when_its_settings_changed(project: Project) -> None:
    project("run", "customers")
    asked: list[str] = []
    project.right.hook = asked.append
    project("run", "customers")
    assert "before:check" not in asked


def test_a_secret_that_is_not_set_names_the_command_that_sets_it(project: Project) -> None:
    project.change("config/connections.yaml", "secret:left-token", "secret:never-set")
    answer = project("connections", "test", "left")
    assert answer.code == 3
    assert "config/connections.yaml:4" in answer.err and "accordant secrets set never-set" in answer.err


# ---------------------------------------------------------------- two at once


@contextmanager
def another_process_holds(project: Project, holder: str) -> Iterator[None]:
    key = base64.urlsafe_b64decode((project.root / ".accordant" / "key").read_bytes())
    store = Store(f"sqlite:///{project.root}/accordant.db", vault=Vault(key), now=__import__("time").time)
    with store.begin() as tx:
        runs.take_lease(tx, "sync:customers", holder, 300)
    store.close()
    yield


def test_a_second_run_beside_the_first_is_refused_and_names_the_holder(project: Project) -> None:
    with another_process_holds(project, "process 1 on elsewhere since 1 (run r-first)"):
        answer = project("run", "customers")
        assert answer.code == 6
        assert "process 1 on elsewhere since 1 (run r-first)" in one_message(answer, "S-BUSY")
        assert project("status", "--json").json["syncs"][0]["state"] == "running"


def test_nobody_waits_for_a_run_whose_process_died(project: Project) -> None:
    import socket

    gone = 2**22 + 1  # above the largest process id
    with another_process_holds(project, f"process {gone} on {socket.gethostname()} since 1 (run r-dead)"):
        assert project("status", "--json").json["syncs"][0]["holder"] == ""
        assert project("run", "customers").code == 0


# ---------------------------------------------------------------- the database


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that do not wait for a lock."""
    monkeypatch.setattr(hub.store.engines, "PATIENCE", 0)


def test_a_locked_database_is_told_and_exits_1(project: Project, impatient: None) -> None:
    holder = sqlite3.connect(project.root / "accordant.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        answer = project("pause", "customers")
    finally:
        holder.close()
    assert answer.code == 1
    assert "locked by another process" in one_message(answer, "E-LOCKED")


def test_a_database_of_an_older_version_names_the_upgrade(project: Project) -> None:
    with sqlite3.connect(project.root / "accordant.db") as db:
        db.execute("UPDATE ac_version SET version_num = '0000'")
    answer = project("status")
    assert answer.code == 6
    assert "accordant db upgrade" in one_message(answer, "E-SCHEMA")
    assert project("db", "check", "--json").json == {"ok": False, "version": "0000", "needed": schema.HEAD}


def test_a_database_of_a_newer_version_is_left_alone(project: Project) -> None:
    with sqlite3.connect(project.root / "accordant.db") as db:
        db.execute("UPDATE ac_version SET version_num = '9999'")
    assert "newer" in one_message(project("status"), "E-SCHEMA")
    assert project("db", "check").code == 6


def test_a_file_that_is_no_database_is_told(project: Project) -> None:
    for name in ("accordant.db-wal", "accordant.db-shm"):
        (project.root / name).unlink(missing_ok=True)
    (project.root / "accordant.db").write_bytes(b"not a database, but long enough to be looked at " * 50)
    assert project("status").code == 1


def test_upgrade_makes_an_empty_database_ready(project: Project) -> None:
    for path in project.root.glob("accordant.db*"):
        path.unlink()
    assert project("db", "upgrade", "--json").json == {"before": "", "version": schema.HEAD, "changed": True}
    assert project("db", "upgrade", "--json").json["changed"] is False


# ---------------------------------------------------------------- key and folder


def test_a_missing_key_says_how_to_get_one(project: Project) -> None:
    (project.root / ".accordant" / "key").unlink()
    answer = project("status")
    assert answer.code == 1
    assert "there is no master key" in one_message(answer, "E-KEY")


@pytest.mark.parametrize("text", ["", "short", "!" * 44])
def test_a_key_that_is_none_is_refused(project: Project, text: str) -> None:
    (project.root / ".accordant" / "key").write_text(text)
    one_message(project("status"), "E-KEY")


def test_the_key_may_come_from_the_environment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    key = (project.root / ".accordant" / "key").read_text().strip()
    (project.root / ".accordant" / "key").unlink()
    monkeypatch.setenv("ACCORDANT_KEY", key)
    assert project("run", "customers").code == 0


def test_another_key_does_not_open_the_secrets(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORDANT_KEY", base64.urlsafe_b64encode(os.urandom(32)).decode())
    answer = project("connections", "test", "left")
    assert answer.code == 1
    assert "cannot be opened with this master key" in answer.err


def test_a_folder_that_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    answer = type_in("--project", str(tmp_path), "status")
    assert answer.code == 1
    assert "accordant init DIR" in one_message(answer, "E-PROJECT")


# ---------------------------------------------------------------- files


def test_invalid_files_exit_3_with_every_problem_and_its_place(project: Project) -> None:
    project.change("config/syncs/customers.yaml", "entity: customer", "entity: custmer")
    answer = project("run", "customers")
    assert answer.code == 3
    assert re.search(r"config/syncs/customers\.yaml:2:9 error\[\w+\]: there is no entity `custmer`", answer.err)
    assert "customer" in answer.err
    assert "1 error" in answer.err


def test_invalid_files_as_json_carry_the_same_problems(project: Project) -> None:
    project.write("config/syncs/customers.yaml", "sync: customers\nsync: twice\n")
    answer = project("status", "--json")
    assert answer.code == 3
    problem = answer.json["error"]["problems"][0]
    assert (problem["file"], problem["line"], problem["level"]) == ("config/syncs/customers.yaml", 2, "error")


# ---------------------------------------------------------------- names and words


def test_an_unknown_sync_names_those_that_exist(project: Project) -> None:
    for command in ("plan", "run", "sweep", "status", "pause", "resume"):
        answer = project(command, "custmers")
        assert answer.code == 1, command
        assert "use one of: customers" in one_message(answer, "S-NAME")


@pytest.mark.parametrize("words", [["runn"], ["run", "--ful", "x"], ["conflicts", "list", "extra"], ["secrets", "set"]])
def test_a_word_that_is_not_understood_exits_1_and_never_2(project: Project, words: list[str]) -> None:
    answer = project(*words)
    assert answer.code == 1
    assert "--help" in one_message(answer, "E-USAGE")


def test_errors_are_json_too_where_json_was_asked_for(project: Project) -> None:
    answer = project("run", "none", "--json")
    assert answer.code == 1
    assert answer.json["error"]["code"] == "S-NAME"
    assert set(answer.json["error"]) == {"code", "what", "where", "why", "unchanged", "next"}


# ---------------------------------------------------------------- bugs


def test_a_bug_is_one_message_and_a_private_file_without_values(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.engine import status

    def break_down(*_: object) -> None:
        raise RuntimeError("no idea what to do with ana@example.org and token=abc123")

    monkeypatch.setattr(status, "status", break_down)
    answer = project("status", "--json")
    assert answer.code == 1
    assert answer.json["error"]["code"] == "X-BUG"
    assert "Traceback" not in answer.err and "ana@" not in answer.err
    (kept,) = (project.root / ".accordant" / "log").glob("*.txt")
    text = kept.read_text()
    assert "RuntimeError" in text and "break_down" in text
    assert "ana@example.org" not in text and "abc123" not in text
    assert kept.stat().st_mode & 0o077 == 0


def test_no_answer_holds_the_secret(project: Project) -> None:
    project.left.token = "changed"
    for words in (["run", "customers"], ["doctor"], ["connections", "test"], ["status"], ["audit", "export"]):
        answer = project(*words)
        assert "letmein" not in answer.out + answer.err, words


def test_answers_as_json_are_whole_even_when_something_failed(project: Project) -> None:
    project.left.token = "changed"
    for words in (["plan", "customers"], ["run", "customers"], ["sweep", "customers"], ["doctor"], ["status"]):
        json.loads(project(*words, "--json").out)
