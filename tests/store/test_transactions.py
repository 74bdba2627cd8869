"""One transaction, whoever speaks in it: the driver by itself, or SQLAlchemy over the same connection."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.exc import OperationalError

from hub.core.errors import HubError, Retry
from hub.store import agenda, goldens
from hub.store import tables as t
from hub.store.db import Store
from hub.store.query import Query, given
from hub.store.tables import metadata
from tests.store.kit import ask, do, golden, put_golden

COUNT = select(func.count()).select_from(t.golden)
BOTH = pytest.mark.parametrize("first", ["driver", "sqlalchemy"])


def count(tx: Any, by: str) -> int:
    return int(tx.value(Query(COUNT) if by == "driver" else COUNT))


def other(by: str) -> str:
    return "sqlalchemy" if by == "driver" else "driver"


@BOTH
def test_what_one_way_wrote_the_other_sees_and_both_are_committed(store: Store, first: str) -> None:
    with store.begin() as tx:
        if first == "driver":
            goldens.save(tx, "people", [golden("g-1")], {})
        tx.run(insert(t.golden).values(id="g-2"))
        if first != "driver":
            goldens.save(tx, "people", [golden("g-1")], {})
        assert count(tx, first) == count(tx, other(first)) == 2
    with store.read() as tx:
        assert count(tx, first) == 2


@BOTH
def test_what_either_way_wrote_is_rolled_back(store: Store, first: str) -> None:
    with pytest.raises(RuntimeError), store.begin() as tx:
        count(tx, first)
        goldens.save(tx, "people", [golden("g-1")], {})
        tx.run(insert(t.golden).values(id="g-2"))
        raise RuntimeError
    with store.read() as tx:
        assert count(tx, first) == 0


@BOTH
def test_a_reader_sees_one_state_whichever_way_it_asks(shared: Store, first: str) -> None:
    with shared.read() as tx:
        assert count(tx, first) == 0
        put_golden(shared, "g-1")
        assert count(tx, other(first)) == count(tx, first) == 0
    assert ask(shared, goldens.count, "people") == 1


@BOTH
def test_what_a_reader_wrote_by_mistake_is_not_kept(store: Store, first: str) -> None:
    statement = insert(t.person_key).values(golden="g-1", wrapped=None)
    try:
        with store.read() as tx:
            tx.run(Query(statement) if first == "driver" else statement)
    except HubError as told:
        assert told.code == "E-DATABASE"
    assert ask(store, lambda tx: tx.rows(select(t.person_key))) == []
    put_golden(store, "g-1")


def test_a_connection_goes_back_as_it_came(shared: Store) -> None:
    """Neither the isolation of a reader nor an open transaction stays on it."""
    for _ in range(3):
        ask(shared, goldens.count, "people")
        with pytest.raises(RuntimeError), shared.begin() as tx:
            goldens.save(tx, "people", [golden("g-1")], {})
            raise RuntimeError
        with shared.engine.begin() as connection:
            connection.execute(t.agenda.delete())
    assert ask(shared, goldens.count, "people") == 0


def test_a_transaction_within_one_of_the_same_connection_is_refused(clock: Any) -> None:
    from hub.store.vault import Vault
    from tests.store.kit import KEY

    only = Store("sqlite://", vault=Vault(KEY), now=clock.now)
    only.create()
    with pytest.raises(Retry), only.begin(), only.begin():
        pass
    put_golden(only, "g-1")
    only.close()


def test_a_commit_that_fails_is_told_in_our_words_and_undone(postgres_store: Store) -> None:
    mine = text("SELECT pg_backend_pid()")
    with pytest.raises(Retry) as told, postgres_store.begin() as tx:
        goldens.save(tx, "people", [golden("g-1")], {})
        pid = tx.value(mine)
        with postgres_store.begin() as another:
            another.value(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
    assert told.value.code == "E-DATABASE"
    assert ask(postgres_store, goldens.count, "people") == 0


def test_tables_are_made_once_and_what_is_there_stays(store: Store) -> None:
    put_golden(store, "g-1")
    store.create()
    assert ask(store, goldens.count, "people") == 1


def test_the_tables_are_those_that_sqlalchemy_makes(file_store: Store, tmp_path: Any) -> None:
    theirs = tmp_path / "theirs.db"
    other = Store(f"sqlite:///{theirs}", vault=file_store.vault, now=file_store.now)
    metadata.create_all(other.engine)
    other.close()
    assert _shape(make_url(file_store.url).database) == _shape(theirs)


def _shape(path: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
    return [(*row[:3], " ".join((row[3] or "").replace("IF NOT EXISTS ", "").split())) for row in found]


def test_words_that_the_database_does_not_know_are_an_error_of_sqlalchemy(file_store: Store) -> None:
    with pytest.raises(OperationalError, match="VACUM"), file_store._open(reading=True) as tx:
        tx.say("VACUM")


def test_rows_that_share_a_value_are_told_it_once_in_either_way(store: Store) -> None:
    statement = t.agenda.update().where(t.agenda.c.record == given("name")).values(sync=given("sync"))
    for sync, asked in (("one", Query(statement)), ("two", statement)):
        do(store, agenda.add, "people", [("golden:1", "x"), ("golden:2", "x")])
        with store.begin() as tx:
            assert tx.many(asked, [{"name": "golden:1"}, {"name": "golden:2"}], sync=sync) == 2
            assert {row.sync for row in tx.rows(select(t.agenda))} == {sync}
