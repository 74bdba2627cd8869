"""Backups of an embedded database: whole, private, made and put back while others use it."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from hub.core.errors import HubError, Refused
from hub.store import copies, runs
from hub.store.db import Store
from hub.store.vault import Vault
from tests.store.kit import KEY, NOON, ask, do


def opened(path: Path) -> Store:
    return Store(f"sqlite:///{path}", vault=Vault(KEY), now=lambda: NOON)


def path_of(store: Store) -> Path:
    return Path(str(store.engine.url.database))


def syncs(store: Store) -> list[str]:
    with store.read() as tx:
        return [row[0] for row in tx.connection.exec_driver_sql("SELECT name FROM ac_sync ORDER BY name").fetchall()]


def note(store: Store, name: str) -> None:
    do(store, runs.set_sync, name, applied=True)


def test_a_copy_holds_what_is_committed_and_not_yet_in_the_file_itself(file_store, tmp_path):
    note(file_store, "people")  # still in the log beside the file
    size = copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    assert size == (tmp_path / "copy.db").stat().st_size
    assert syncs(opened(tmp_path / "copy.db")) == ["people"]
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_copy_is_one_file_that_can_be_moved_by_itself(file_store, tmp_path):
    note(file_store, "people")
    copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    (tmp_path / "away").mkdir()
    os.rename(tmp_path / "copy.db", tmp_path / "away" / "copy.db")
    assert syncs(opened(tmp_path / "away" / "copy.db")) == ["people"]


def test_no_copy_is_written_over_a_file_that_is_there(file_store, tmp_path):
    (tmp_path / "copy.db").write_text("dear")
    with pytest.raises(Refused) as caught:
        copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    assert caught.value.code == "E-FILE" and (tmp_path / "copy.db").read_text() == "dear"


def test_a_copy_that_fails_leaves_no_file(tmp_path):
    (tmp_path / "broken.db").write_bytes(b"not a database, however long it may be" * 100)
    with pytest.raises(HubError) as caught:
        copies.copy_to(tmp_path / "broken.db", tmp_path / "copy.db")
    assert caught.value.code == "E-BACKUP" and not (tmp_path / "copy.db").exists()
    with pytest.raises(HubError, match="cannot be used"):
        copies.copy_to(tmp_path / "broken.db", tmp_path / "no" / "such" / "copy.db")


def test_a_copy_made_while_others_write_is_the_state_after_some_transaction(file_store, tmp_path):
    """Each transaction writes two rows: a copy has both or neither."""
    stop, path = threading.Event(), path_of(file_store)

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            with file_store.begin() as tx:
                runs.set_sync(tx, f"a{n:05d}", applied=True)
                runs.set_sync(tx, f"b{n:05d}", applied=True)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(10):
            copies.copy_to(path, tmp_path / f"{n}.db")
    finally:
        stop.set()
        writer.join()
    for n in range(10):
        found = syncs(opened(tmp_path / f"{n}.db"))
        assert [x[1:] for x in found if x[0] == "a"] == [x[1:] for x in found if x[0] == "b"]


def test_programs_that_have_the_database_open_see_the_old_state_come_back(file_store, tmp_path):
    note(file_store, "people")
    copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    note(file_store, "orders")
    other = opened(path_of(file_store))
    assert syncs(other) == ["orders", "people"]
    copies.put_back(tmp_path / "copy.db", path_of(file_store))
    assert syncs(other) == syncs(file_store) == ["people"]
    note(other, "leads")
    assert syncs(file_store) == ["leads", "people"]
    assert ask(file_store, runs.sync_state, "orders")["applied"] is False


def test_a_missing_database_is_made_from_the_copy(file_store, tmp_path):
    note(file_store, "people")
    copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    copies.put_back(tmp_path / "copy.db", tmp_path / "new.db")
    assert syncs(opened(tmp_path / "new.db")) == ["people"]
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


def test_a_damaged_database_is_kept_as_it_is_and_replaced(file_store, tmp_path):
    note(file_store, "people")
    copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"\x00\x01 nothing of use" * 500)
    (tmp_path / "damaged.db-wal").write_bytes(b"of another time")
    assert copies.keep_aside(damaged, tmp_path / "kept.db")
    copies.put_back(tmp_path / "copy.db", damaged)
    assert syncs(opened(damaged)) == ["people"]
    assert (tmp_path / "kept.db").read_bytes().startswith(b"\x00\x01 nothing")


def test_nothing_is_kept_of_a_database_that_holds_nothing(tmp_path):
    assert not copies.keep_aside(tmp_path / "none.db", tmp_path / "kept.db")
    (tmp_path / "empty.db").touch()
    assert not copies.keep_aside(tmp_path / "empty.db", tmp_path / "kept.db")
    assert not (tmp_path / "kept.db").exists()


def test_a_writer_at_work_is_waited_for_and_then_the_old_state_is_put_back(file_store, tmp_path):
    note(file_store, "people")
    path = path_of(file_store)
    copies.copy_to(path, tmp_path / "copy.db")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO ac_sync (name, paused, applied, next_at, swept_at) VALUES ('late', 0, 0, 0, 0)")
    work = threading.Thread(target=copies.put_back, args=(tmp_path / "copy.db", path))
    work.start()
    other.execute("COMMIT")
    work.join(20)
    other.close()
    assert not work.is_alive() and syncs(file_store) == ["people"]


def test_a_restore_that_dies_in_the_middle_leaves_the_database_as_it_was(file_store, tmp_path, monkeypatch):
    note(file_store, "people")
    copies.copy_to(path_of(file_store), tmp_path / "copy.db")
    note(file_store, "orders")

    class Dying(sqlite3.Connection):
        def backup(self, target, **options):
            super().backup(target, pages=1, progress=self.die, sleep=0.0)

        def die(self, status, left, total):
            raise KeyboardInterrupt

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **o: real(*a, **{**o, "factory": Dying}))
    with pytest.raises(KeyboardInterrupt):
        copies.put_back(tmp_path / "copy.db", path_of(file_store))
    monkeypatch.undo()
    assert syncs(file_store) == ["orders", "people"]
