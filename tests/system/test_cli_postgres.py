"""The same commands on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store import schema
from tests.store import postgres
from tests.system.cli_project import Project, make, type_in


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres.schema() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    """A project whose database is PostgreSQL, named by the environment as one does with passwords."""
    made = make(tmp_path / "shop", first_run="apply")
    made.write("config/accordant.yaml", "database: ${DATABASE_URL}\n")
    return made


def test_commands_work_on_postgresql_as_they_do_on_sqlite(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    unready = project("status")
    assert unready.code == 6
    assert "accordant db upgrade" in unready.err and "[E-SCHEMA]" in unready.err
    assert project("db", "upgrade", "--json").json == {"before": "", "version": schema.HEAD, "changed": True}
    assert project("secrets", "set", "left-token", stdin="letmein").code == 0
    planned = project("plan", "customers", "--json")
    assert planned.code == 2
    assert planned.json["counts"]["left"]["create"] == 1
    assert project("run", "customers").code == 0
    project.left.edit("contact", project.names["ana"], {"Title": "L"})
    project.right.edit("person", project.names["ana2"], {"title": "R"})
    assert project("run", "customers").code == 4
    found = project("status", "--json").json["syncs"][0]
    assert found["records"]["conflict"] == 2
    assert found["open"]["conflicts"] == 1
    assert project("explain", "Diaz", "job_title", "--json").json["next"].startswith("accordant conflicts resolve")
    assert project("errors", "list", "--json").json == {"causes": [], "errors": []}
    assert project("doctor", "--self-check").code == 0
    assert project("audit", "verify").code == 0
    assert project("audit", "export", "--json").json["entries"]


def test_init_makes_the_tables_of_a_project_that_names_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "accordant.yaml").write_text("database: ${DATABASE_URL}\n")
    with postgres.schema() as fresh:
        monkeypatch.setenv("DATABASE_URL", fresh)
        answer = type_in("init", str(tmp_path), "--json")
        assert answer.code == 0, answer.err
        assert answer.json["database"] == schema.HEAD
        assert type_in("--project", str(tmp_path), "db", "check").code == 0


def test_a_database_that_does_not_answer_is_one_message_without_its_password(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://hub:hunter2@127.0.0.1:9/none?connect_timeout=2")
    answer = project("status", "--json")
    assert answer.code == 1
    assert answer.json["error"]["code"] == "E-DATABASE"
    assert "hunter2" not in answer.out + answer.err and "Traceback" not in answer.err
