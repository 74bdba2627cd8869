"""db backup, restore, restored and release."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url

from hub.engine import reconcile
from hub.jobs.assemble import Assembly
from hub.store import runs
from tests.store import postgres
from tests.system.cli_project import Project, make, type_in


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = make(tmp_path / "shop")
    found("secrets", "set", "left-token", stdin="letmein")
    return found.applied()


@pytest.fixture
def backup(project: Project, tmp_path: Path) -> Path:
    file = tmp_path / "backup.db"
    assert project("db", "backup", str(file)).code == 0
    return file


def mode_of(project: Project) -> bool:
    with Assembly(project.root) as assembly:
        return reconcile.current(assembly.store) is not None


def left(project: Project) -> set[str]:
    """Files beside the database."""
    return {p.name for p in project.root.iterdir() if p.is_file()}


# ---------------------------------------------------------------- backup


def test_a_backup_is_a_private_file_and_is_never_written_over_another(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    answer = project("db", "backup", str(file), "--json")
    assert answer.code == 0
    told = answer.json
    assert (told["backup"], told["bytes"]) == (str(file), file.stat().st_size) and told["version"] and told["at"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = project("db", "backup", str(file), "--json")
    assert again.code == 6 and again.json["error"]["code"] == "E-FILE"


def test_a_backup_says_that_the_key_is_not_in_it(project: Project, tmp_path: Path) -> None:
    answer = project("db", "backup", str(tmp_path / "b.db"))
    assert ".accordant/key" in answer.out
    assert b"letmein" not in (tmp_path / "b.db").read_bytes()


def test_a_backup_into_a_folder_that_is_not_there_says_so(project: Project, tmp_path: Path) -> None:
    answer = project("db", "backup", str(tmp_path / "no" / "b.db"))
    assert answer.code == 1 and "[E-FILE]" in answer.err


# ---------------------------------------------------------------- restore


def test_a_restored_hub_doubles_nobody_and_lets_creates_go_only_after_the_release(
    project: Project, backup: Path
) -> None:
    ana = project.names["ana"]
    project.left.create("contact", {"LastName": "Later", "Email": "later@example.org"})
    assert project("run", "customers").code == 0
    held = (len(project.left.rows("contact")), len(project.right.rows("person")))
    project.left.edit("contact", ana, {"Title": "Chief"})

    answer = project("db", "restore", str(backup), "--yes", "--json")
    assert answer.code == 0, answer
    told = answer.json
    assert told["database"] == str(project.root / "accordant.db") and told["state_of"] and told["since"]
    assert Path(told["kept"]).name.startswith("accordant.db.before-restore-") and Path(told["kept"]).is_file()
    assert stat.S_IMODE((project.root / "accordant.db").stat().st_mode) == 0o600
    assert not [n for n in left(project) if "restoring" in n]

    status = project("status")
    assert (
        "restored from a backup" in status.out.splitlines()[1] and "accordant run --all" in status.out.splitlines()[2]
    )
    project.right.create("person", {"last": "New", "mail": "new@example.org"})
    run = project("run", "customers", "--json")
    assert run.code == 4 and run.json["state"] == "waiting" and "[S-RECONCILE]" in run.json["error"]
    assert (len(project.left.rows("contact")), len(project.right.rows("person"))) == (held[0], held[1] + 1)
    shown = project("status", "--json").json
    assert shown["restored"]["held"] == {"left": {"create": 1}} and shown["restored"]["at"].endswith("Z")
    assert "1 creates in left" in shown["needs_you"][0]["what"]
    doctor = project("doctor", "--json").json
    assert [f["next"] for f in doctor["findings"] if "restored" in f["text"]] == ["accordant db release"]

    assert project("db", "release", "--json").json["released"] is True
    assert project("run", "customers").code == 0
    assert len(project.left.rows("contact")) == held[0] + 1
    assert project.right.rows("person")[project.names["ana2"]]["title"] == "Chief"
    assert project("audit", "verify").code == 0 and project("doctor", "--self-check").code == 0


def test_without_yes_and_without_a_person_nothing_is_replaced(project: Project, backup: Path) -> None:
    before = left(project)
    answer = project("db", "restore", str(backup))
    assert answer.code == 1 and "--yes" in answer.err and left(project) == before and not mode_of(project)


def test_a_file_that_is_no_backup_is_refused_and_nothing_is_left_behind(
    project: Project, backup: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE cats (name)")
    text = tmp_path / "text.db"
    text.write_text("dear diary " * 1000)
    newer = Path(shutil.copy(backup, tmp_path / "newer.db"))
    with sqlite3.connect(newer) as made:
        made.execute("UPDATE ac_version SET version_num = '9999'")
    forged = Path(shutil.copy(backup, tmp_path / "forged.db"))
    with sqlite3.connect(forged) as made:
        made.execute("UPDATE ac_audit SET why = 'nothing to see' WHERE seq = 2")
    before = left(project)
    for file, words in (
        (tmp_path / "none.db", "no such file"),
        (other, "no tables of Accordant"),
        (text, "SQLite says"),
        (newer, "newer"),
        (forged, "row 2"),
    ):
        answer = project("db", "restore", str(file), "--yes", "--json")
        assert answer.json["error"]["code"] == "E-BACKUP" and answer.code in (1, 6), answer
        assert words in answer.err, answer.err
    assert left(project) == before and not mode_of(project)


def test_a_backup_of_another_key_is_refused(project: Project, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = project.root / ".accordant" / "key"
    other = type_in("init", str(project.root.parent / "second"))
    assert other.code == 0
    shutil.copy(project.root.parent / "second" / ".accordant" / "key", key)
    answer = project("db", "restore", str(backup), "--yes")
    assert answer.code != 0 and "[E-KEY]" in answer.err
    assert not [n for n in left(project) if "restor" in n]


def test_while_a_run_holds_a_sync_nothing_is_restored(project: Project, backup: Path) -> None:
    with Assembly(project.root) as assembly, assembly.store.begin() as tx:
        runs.take_lease(tx, "sync:customers", "process 1 on another-machine since 1", 600.0)
    answer = project("db", "restore", str(backup), "--yes")
    assert answer.code == 6 and "another-machine" in answer.err and "[S-BUSY]" in answer.err and not mode_of(project)


def test_a_run_of_a_process_that_died_stands_in_nobodys_way(project: Project, backup: Path) -> None:
    import socket

    with Assembly(project.root) as assembly, assembly.store.begin() as tx:
        runs.take_lease(tx, "sync:customers", f"process 999999 on {socket.gethostname()} since 1", 600.0)
    assert project("db", "restore", str(backup), "--yes").code == 0


def test_a_damaged_database_and_a_lost_one_are_restored_as_well(project: Project, backup: Path) -> None:
    database = project.root / "accordant.db"
    database.write_bytes(b"the disk ate it " * 4096)
    answer = project("db", "restore", str(backup), "--yes", "--json")
    assert answer.code == 0, answer
    assert Path(answer.json["kept"]).read_bytes().startswith(b"the disk ate it")
    assert project("run", "customers").code == 0 and mode_of(project)
    for name in ("accordant.db", "accordant.db-wal", "accordant.db-shm"):
        (project.root / name).unlink(missing_ok=True)
    answer = project("db", "restore", str(backup), "--yes", "--json")
    assert answer.code == 0 and answer.json["kept"] is None and mode_of(project)


def test_a_program_that_is_open_meanwhile_goes_on_with_the_restored_state(project: Project, backup: Path) -> None:
    with Assembly(project.root) as assembly:
        with assembly.store.read() as tx:
            assert not reconcile.current(assembly.store) and runs.latest(tx)
        assert project("db", "restore", str(backup), "--yes").code == 0
        assert reconcile.current(assembly.store) is not None


# ---------------------------------------------------------------- restored and release


def test_a_database_that_was_put_back_by_other_means_is_marked_by_hand(project: Project, backup: Path) -> None:
    for name in ("accordant.db-wal", "accordant.db-shm"):
        (project.root / name).unlink(missing_ok=True)
    shutil.copy(backup, project.root / "accordant.db")
    assert project("db", "restored").code == 1
    assert not mode_of(project)
    answer = project("db", "restored", "--yes", "--by", "ana", "--json")
    assert answer.code == 0 and answer.json["since"] and mode_of(project)
    assert "person:ana" in project("audit", "show", "--json").out


def test_nothing_is_released_before_it_was_compared_unless_a_person_insists(project: Project, backup: Path) -> None:
    assert project("db", "release").code == 1  # nothing to release
    project("db", "restore", str(backup), "--yes")
    answer = project("db", "release", "--json")
    assert answer.code == 6 and answer.json["error"]["code"] == "S-RECONCILE" and "accordant run --all" in answer.err
    assert project("db", "release", "--unread").code == 0 and not mode_of(project)


def test_the_restored_file_belongs_to_its_owner_alone_whatever_the_umask(project: Project, backup: Path) -> None:
    before = os.umask(0)
    try:
        answer = project("db", "restore", str(backup), "--yes", "--json")
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(answer.json["kept"]).stat().st_mode) == 0o600
    assert stat.S_IMODE((project.root / "accordant.db").stat().st_mode) == 0o600


# ---------------------------------------------------------------- PostgreSQL


def test_on_postgresql_the_commands_name_its_own_tools_and_the_mode_is_begun_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.schema() as url:
        project = make(tmp_path / "shop", first_run="apply")
        project.write("config/accordant.yaml", "database: ${DATABASE_URL}\n")
        secret = make_url(url).set(password="swordfish").render_as_string(hide_password=False)
        monkeypatch.setenv("DATABASE_URL", secret)
        for words, tool in (
            (("backup", "/tmp/b.dump"), "pg_dump --format=custom"),
            (("restore", "/tmp/b.dump"), "pg_restore --clean"),
        ):
            answer = project("db", *words)
            assert (
                answer.code == 6 and tool in answer.err and "/tmp/b.dump" in answer.err and "[E-DATABASE]" in answer.err
            )
            assert "swordfish" not in answer.err and "psycopg" not in answer.err
        monkeypatch.setenv("DATABASE_URL", url)
        assert project("db", "upgrade").code == 0
        project("secrets", "set", "left-token", stdin="letmein")
        project("run", "customers")
        assert project("db", "restored", "--yes").code == 0 and mode_of(project)
        project.left.create("contact", {"LastName": "Later", "Email": "later@example.org"})
        run = project("run", "customers", "--json").json
        assert run["operations"]["created"] == 0 and "[S-RECONCILE]" in run["error"]
        assert project("db", "release").code == 0
        assert project("run", "customers", "--json").json["operations"]["created"] == 1
