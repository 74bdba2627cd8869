"""Locked, full, missing or broken databases: one clear error each, and nothing half done."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event, func, make_url, select, text
from sqlalchemy.exc import IntegrityError

from hub.core.errors import Refused, Reject, Retry, Stop
from hub.store import goldens, records, runs
from hub.store import tables as t
from hub.store.db import Store
from hub.store.tables import metadata
from hub.store.vault import Vault
from tests.store.kit import KEY, Clock, ask, do, golden, put_golden, put_pending, row

HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
database.execute("INSERT INTO ac_agenda (record, reason) VALUES ('golden:x', 'held')")
print("held", flush=True)
sys.stdin.readline()
database.execute("COMMIT")
"""


def open_(url) -> Store:
    return Store(url, vault=Vault(KEY), now=Clock().now)


@contextmanager
def another_process(store) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the write lock of a SQLite file until it reads a line."""
    path = make_url(store.url).database
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            if process.poll() is None:
                process.communicate("\n")


def impatient(store) -> None:
    """New connections of this store wait 20 ms for a lock."""
    store.engine.dispose()

    @event.listens_for(store.engine, "connect")
    def _hurry(raw, _record):
        if store.engine.dialect.name == "sqlite":
            raw.execute("PRAGMA busy_timeout=20")
        else:
            raw.autocommit = True
            raw.execute("SET lock_timeout = '20ms'")
            raw.autocommit = False


# ---------------------------------------------------------------- locks


def test_a_writer_waits_until_another_process_is_done_and_sees_what_it_did(file_store):
    begun = threading.Event()
    file_store.engine.dispose()

    @event.listens_for(file_store.engine, "connect")
    def _listen(raw, _record):
        raw.set_trace_callback(lambda statement: begun.set() if statement == "BEGIN IMMEDIATE" else None)

    def write():
        with file_store.begin() as tx:
            return tx.value(select(func.count()).select_from(t.agenda))

    with another_process(file_store) as process, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(write)
        assert begun.wait(20) and not waiting.done()
        process.communicate("\n")
        assert waiting.result(timeout=20) == 1


def test_a_reader_does_not_wait_for_another_process_and_sees_nothing_unfinished(file_store):
    impatient(file_store)
    with another_process(file_store), file_store.read() as tx:
        assert tx.rows(select(t.agenda)) == []


def test_a_lock_that_another_process_never_gives_up_is_told_and_can_be_tried_again(file_store):
    impatient(file_store)
    with another_process(file_store):
        with pytest.raises(Retry) as told:
            put_pending(file_store, row("1"))
        assert told.value.code == "E-LOCKED" and told.value.after and "hub.db" in told.value.where
        assert told.value.unchanged and told.value.next
    put_pending(file_store, row("1"))


def test_a_row_that_another_transaction_never_gives_up_is_told_alike_on_postgresql(postgres_store):
    impatient(postgres_store)
    put_golden(postgres_store, "g-1")
    with postgres_store.begin() as tx:
        goldens.load(tx, ["g-1"])
        with pytest.raises(Retry) as told:
            do(postgres_store, goldens.load, ["g-1"])
    assert told.value.code == "E-LOCKED"
    assert do(postgres_store, goldens.load, ["g-1"])


def test_a_deadlock_ends_one_of_the_two_with_a_lock_error(postgres_store):
    for id in ("g-1", "g-2"):
        put_golden(postgres_store, id)
    both = threading.Barrier(2, timeout=20)

    def work(first, second):
        try:
            with postgres_store.begin() as tx:
                goldens.load(tx, [first])
                both.wait()
                goldens.load(tx, [second])
        except Retry as told:
            return told.code
        return "done"

    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(work, *pair) for pair in (("g-1", "g-2"), ("g-2", "g-1"))]
        assert sorted(e.result(timeout=30) for e in ends) == ["E-LOCKED", "done"]


def test_two_batches_that_name_the_same_records_in_any_order_do_not_deadlock(postgres_store):
    ids = [f"g-{n:02d}" for n in range(20)]
    for id in ids:
        put_golden(postgres_store, id)

    def work(mine):
        for n in range(10):
            with postgres_store.begin() as tx:
                found = goldens.load(tx, mine)
                goldens.save(tx, "people", [golden(id, fields={"n": n}) for id in found], {})
        return len(found)

    with ThreadPoolExecutor(3) as threads:
        ends = [threads.submit(work, mine) for mine in (ids, ids[::-1], ids[10:] + ids[:10])]
        assert [e.result(timeout=60) for e in ends] == [20, 20, 20]


def test_a_writing_process_has_one_writer_at_a_time_and_none_is_lost(shared):
    """Threads of one process never meet a locked database."""
    impatient(shared)
    if shared.engine.dialect.name == "postgresql":
        shared.engine.dispose()
    do(shared, runs.touch_spoke, "r-1", "a", "person")

    def add(_n):
        for _ in range(10):
            with shared.begin() as tx:
                tx.run(text("UPDATE ac_run_spoke SET unchanged = unchanged + 1"))

    if shared.engine.dialect.name == "sqlite":
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(add, range(4)))
    else:
        for n in range(4):
            add(n)
    assert ask(shared, runs.spokes, "r-1")[0].unchanged == 40


# ---------------------------------------------------------------- full disk


def fill_up(store) -> None:
    """The disk has no room for what a large transaction needs."""
    if store.engine.dialect.name == "sqlite":
        store.engine.dispose()

        @event.listens_for(store.engine, "connect")
        def _limit(raw, _record):
            pages = raw.execute("PRAGMA page_count").fetchone()[0]
            raw.execute(f"PRAGMA max_page_count={pages + 2}")

        return
    with store.engine.begin() as connection:
        connection.execute(text(FULL))


FULL = """
CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM ac_inbox) > 20 THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER no_room AFTER INSERT ON ac_inbox FOR EACH ROW EXECUTE FUNCTION no_room()
"""


def make_room(store) -> None:
    if store.engine.dialect.name == "postgresql":
        with store.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER IF EXISTS no_room ON ac_inbox"))


def test_a_full_disk_stops_with_advice_and_leaves_nothing_half_done(shared):
    put_pending(shared, row("1"))
    fill_up(shared)
    try:
        with pytest.raises(Stop) as told, shared.begin() as tx:
            tx.upsert(t.cursor, [{"connection": "a", "object": "person", "cursor": "moved"}])
            for n in range(2, 400):
                records.add_pending(tx, "people", "r-1", [row(f"{n}", fields={"first": "x" * 2000})])
        assert told.value.code == "E-DISK" and "free some room" in told.value.next and told.value.unchanged
        assert ask(shared, runs.cursor, "a", "person").cursor == ""
        assert ask(shared, records.pending_for, "a", "person", ["1", "2", "3"]).keys() == {"1"}
        do(shared, runs.touch_spoke, "r-1", "a", "person")
    finally:
        make_room(shared)


# ---------------------------------------------------------------- not the database that it should be


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_a_database_without_tables_is_refused_with_the_command_that_makes_them(name, tmp_path, postgres_url):
    url = f"sqlite:///{tmp_path / 'x.db'}" if name == "sqlite" else _elsewhere(postgres_url)
    store = open_(url)
    for attempt in (lambda: ask(store, goldens.get, "g"), lambda: put_golden(store, "g")):
        with pytest.raises(Refused) as told:
            attempt()
        assert (told.value.code, told.value.next) == ("E-SCHEMA", "accordant db upgrade")
    store.close()


def _elsewhere(url):
    return make_url(url).update_query_dict({"options": "-csearch_path=nowhere"}).render_as_string(hide_password=False)


def test_a_file_that_is_no_database_stops(tmp_path):
    path = tmp_path / "letter.db"
    path.write_text("Dear Ana,\n" * 500)
    store = open_(f"sqlite:///{path}")
    with pytest.raises(Stop, match="damaged, or is no database") as told:
        ask(store, goldens.get, "g")
    assert told.value.code == "E-DATABASE" and path.read_text().startswith("Dear Ana")
    store.close()


def test_a_folder_that_is_not_there_stops(tmp_path):
    store = open_(f"sqlite:///{tmp_path / 'no' / 'x.db'}")
    with pytest.raises(Stop, match="cannot be opened"):
        ask(store, goldens.get, "g")
    store.close()


def test_a_file_that_may_only_be_read_stops_a_writer(file_store, file_url):
    put_golden(file_store, "g-1")
    file_store.engine.dispose()
    path = make_url(file_url).database
    store = open_(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(Stop) as told:
        put_golden(store, "g-2")
    assert told.value.code == "E-DATABASE" and "may write" in told.value.next
    store.close()


def test_a_database_that_does_not_answer_is_tried_again_and_its_password_is_not_told(postgres_store):
    store = open_("postgresql+psycopg://ana:swordfish@127.0.0.1:1/hub")
    with pytest.raises(Retry) as told:
        ask(store, goldens.get, "g")
    assert told.value.code == "E-DATABASE" and "127.0.0.1" in told.value.where
    assert "swordfish" not in told.value.explain()
    store.close()


def test_a_user_that_is_not_known_stops(postgres_url):
    url = make_url(postgres_url).set(username="nobody_at_all").render_as_string(hide_password=False)
    store = open_(url)
    with pytest.raises(Stop) as told:
        ask(store, goldens.get, "g")
    assert told.value.code == "E-DATABASE"
    store.close()


def test_a_connection_that_breaks_within_a_transaction_is_told_and_the_next_one_works(postgres_store):
    put_golden(postgres_store, "g-1")
    with pytest.raises(Retry) as told, postgres_store.begin() as tx:
        goldens.save(tx, "people", [golden("g-2")], {})
        mine = tx.value(text("SELECT pg_backend_pid()"))
        with postgres_store.begin() as other:
            other.value(text(f"SELECT pg_terminate_backend({mine}, 5000)"))
        goldens.get(tx, "g-1")
    assert told.value.code == "E-DATABASE" and "whole or not at all" in told.value.unchanged
    assert ask(postgres_store, goldens.get, "g-1") and ask(postgres_store, goldens.get, "g-2") is None


# ---------------------------------------------------------------- values and texts


def test_a_broken_rule_of_one_row_passes_through_for_settle_to_find_it(store):
    put_pending(store, row("1"))
    with pytest.raises(IntegrityError) as told:
        put_pending(store, row("1", fields={"first": "Canary"}))
    assert "Canary" not in str(told.value), "the values of a statement are no part of its error"


def test_half_a_character_in_a_name_is_refused_as_that(store):
    with pytest.raises(Reject) as told, store.begin() as tx:
        tx.add(t.sync_state, [{"name": "\ud800"}])
    assert told.value.code == "E-TEXT"


# ---------------------------------------------------------------- transactions


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_is_raised_inside_undoes_the_transaction(store, error):
    with pytest.raises(error), store.begin() as tx:
        goldens.save(tx, "people", [golden("g-1")], {})
        raise error
    assert ask(store, goldens.get, "g-1") is None
    put_golden(store, "g-1")


def test_a_death_before_the_commit_leaves_nothing_and_one_after_it_all(store):
    def die_at(event):
        def hook(happened):
            if happened == event:
                raise KeyboardInterrupt

        return hook

    for event_, kept in (("before:commit", False), ("after:commit", True)):
        store.hook = die_at(event_)
        with pytest.raises(KeyboardInterrupt):
            put_golden(store, "g-1")
        store.hook = lambda happened: None
        assert (ask(store, goldens.get, "g-1") is not None) is kept


def test_what_is_to_follow_a_commit_follows_it_and_never_a_rollback(store):
    seen = []
    with store.begin() as tx:
        tx.notes["after"] = [lambda: seen.append(ask(store, goldens.get, "g-1") is not None)]
        goldens.save(tx, "people", [golden("g-1")], {})
        assert seen == []
    assert seen == [True]
    with pytest.raises(RuntimeError), store.begin() as tx:
        tx.notes["after"] = [lambda: seen.append("never")]
        raise RuntimeError
    assert seen == [True]


def test_a_reader_sees_one_state_from_its_first_question_on(shared):
    put_golden(shared, "g-1")
    with shared.read() as tx:
        assert goldens.count(tx, "people") == 1
        put_golden(shared, "g-2")
        assert goldens.count(tx, "people") == 1
    assert ask(shared, goldens.count, "people") == 2


def test_a_reader_on_postgresql_cannot_write(postgres_store):
    from sqlalchemy.exc import DBAPIError

    with pytest.raises((Stop, DBAPIError)), postgres_store.read() as tx:
        goldens.save(tx, "people", [golden("g-1")], {})
    put_golden(postgres_store, "g-1")


def test_time_stands_still_within_a_transaction(store, clock):
    with store.begin() as tx:
        before = tx.now
        clock.advance(10)
        assert tx.now == before
    with store.begin() as tx:
        assert tx.now == before + 10


def test_an_update_names_the_columns_that_it_changes_and_leaves_the_others(store):
    with store.begin() as tx:
        tx.upsert(t.sync_state, [{"name": "people", "reason": "one", "mode": "reconcile"}])
        tx.upsert(t.sync_state, [{"name": "people", "reason": "two", "mode": "normal"}], update=["reason"])
        tx.upsert(t.sync_state, [{"name": "people", "reason": "three"}], update=[])
        tx.upsert(t.sync_state, [])
    state = ask(store, runs.sync_state, "people")
    assert (state["reason"], state["mode"]) == ("two", "reconcile")


def test_rows_that_are_there_already_are_left_out_and_not_counted(store):
    with store.begin() as tx:
        rows = [{"record": "golden:1", "reason": "x", "sync": "people"}]
        assert tx.add_new(t.agenda, rows) == 1
        assert tx.add_new(t.agenda, [*rows, {**rows[0], "reason": "y"}]) == 1
        assert tx.add_new(t.agenda, []) == 0


def test_every_table_says_whose_it_is():
    assert all(name.startswith("ac_") for name in metadata.tables)
