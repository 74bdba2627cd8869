"""What goes past SQLAlchemy ends as what goes through it: statements, values, rows, counts and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, select, text, true, update
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from hub.core.errors import Refused, Reject
from hub.store import agenda, goldens, operations, records, reviews, runs
from hub.store import tables as t
from hub.store.db import Store, Tx
from hub.store.plain import as_dict
from hub.store.prepared import prepare
from hub.store.query import Query, among, given, inserting
from tests.store.kit import ask, do, golden, link, operation, put_golden, put_pending, row

WAITER = {"target": "a|b|1", "record": "record:a|b|2", "sync": "people"}


# ---------------------------------------------------------------- rows


def filled(store: Store) -> None:
    """Rows with every type of column: text, numbers, truth, bytes, and values that are missing."""
    put_golden(store, "g-1", link("g-1", "1"), link("g-1", "2", state="ended", primary=False))
    put_golden(store, "g-2", link("g-2", "3", connection="b"))
    put_pending(store, row("1"), row("2", by_us=True, direct=True, points={"first": "2026"}))
    do(store, goldens.add_keys, "people", [("k-1", "g-1", True), ("k-2", "g-1", False)])
    do(store, operations.plan_out, [operation("o-1"), operation("o-2", "g-2", state="sent")])
    with store.begin() as tx:
        tx.add(t.person_key, [{"golden": "g-1", "wrapped": b"\x00\xff"}, {"golden": "g-2", "wrapped": None}])
        tx.add(t.record, [{"connection": "a", "object": "person", "remote_id": f"{n}"} for n in range(3)])


i, k = t.inbox.c, t.link.c
QUESTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    **{table.name: (select(table), {}) for table in t.metadata.sorted_tables},
    "some text": (select(k.id, k.main).where(k.golden == given("golden")).order_by(k.id), {"golden": "g-1"}),
    "truth": (select(i.seq, i.by_us, i.direct).where(i.pending, i.by_us == given("ours")), {"ours": True}),
    "a number": (select(i.at, i.seq).where(i.at >= given("at")).order_by(i.seq).limit(given("n")), {"at": 1.0, "n": 1}),
    "a fixed list": (select(t.operation.c.id).where(t.operation.c.state.in_(["sent", "done"])), {}),
    "an empty list": (select(t.operation.c.id).where(t.operation.c.state.in_([])), {}),
    "among": (select(k.id).where(among(k.golden, "ids")).order_by(k.id), {"ids": ["g-2", "g-1", "x"]}),
    "among none": (select(k.id).where(among(k.golden, "ids")), {"ids": []}),
    "among numbers": (select(i.remote_id).where(among(i.seq, "seqs")).order_by(i.seq), {"seqs": range(1, 9)}),
    "not among": (select(k.id).where(~among(k.golden, "ids")).order_by(k.id), {"ids": {"g-1"}}),
    "counts": (select(k.connection, func.count()).group_by(k.connection).order_by(k.connection), {}),
    "a label": (select(k.id.label("link_id"), t.golden).join_from(t.link, t.golden, k.golden == t.golden.c.id), {}),
    "a per cent sign": (select(k.id).where(k.id.like("a/%"), k.golden != given("g")).order_by(k.id), {"g": "x"}),
    "twice the same": (select(k.id).where((k.id == given("x")) | (k.golden == given("x"))), {"x": "g-2"}),
    "nothing": (select(t.golden).where(t.golden.c.id == given("id")), {"id": "none"}),
    "no table": (select(func.max(t.operation.c.seq), true()), {}),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_query_has_the_rows_that_sqlalchemy_has(store: Store, name: str) -> None:
    filled(store)
    statement, values = QUESTIONS[name]
    with store.read() as tx:
        slow = [tuple(found) for found in tx.rows(statement, **values)]
        fast = tx.rows(Query(statement), **values)
        assert [tuple(found) for found in fast] == slow
        assert [[type(v) for v in found] for found in fast] == [[type(v) for v in found] for found in slow]
        first = tx.one(Query(statement), **values)
        assert (None if first is None else tuple(first)) == (slow[0] if slow else None)


def test_a_row_knows_its_columns_by_name_and_becomes_a_dictionary(store: Store) -> None:
    filled(store)
    statement = select(t.inbox).order_by(i.seq)
    with store.read() as tx:
        slow, fast = tx.rows(statement), tx.rows(Query(statement))
    for ours, theirs in zip(fast, slow, strict=True):
        assert as_dict(ours) == as_dict(theirs) == {c.name: getattr(ours, c.name) for c in t.inbox.columns}


def test_columns_that_a_tuple_has_as_methods_are_columns(store: Store) -> None:
    letter = dict.fromkeys(("sync", "run", "connection", "object", "remote_id", "golden", "path", "action"), "x")
    do(store, reviews.letter, {**letter, "id": "e-1", "text": "no", "value": "", "code": "X"})
    with store.read() as tx:
        assert tx.one(Query(select(t.error))).count == 1


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("prepared", [True, False])
def test_a_write_tells_how_many_rows_it_touched(store: Store, prepared: bool) -> None:
    filled(store)
    changed = update(t.link).where(among(k.golden, "ids")).values(why=given("why"), main=False)
    gone = t.operation.delete().where(t.operation.c.id != given("id"))
    with store.begin() as tx:
        as_is: Callable[[Any], Any] = Query if prepared else lambda statement: statement
        assert tx.run(as_is(changed), ids=["g-1", "none"], why="test") == 2
        assert tx.run(as_is(gone), id="o-1") == 1
        found = tx.rows(select(k.golden, k.why, k.main).order_by(k.id))
    assert sorted(map(tuple, found)) == [("g-1", "test", False), ("g-1", "test", False), ("g-2", "", True)]


def test_what_is_not_given_takes_its_default(store: Store) -> None:
    with store.begin() as tx:
        tx.add(t.conflict, [{"id": "x1", "golden": "g1", "path": "city"}, {"id": "x2", "golden": "g1", "path": "zip"}])
        rows = tx.rows(select(t.conflict).order_by(t.conflict.c.id))
    assert [(r.id, r.state, r.claims, r.at) for r in rows] == [("x1", "open", "{}", 0.0), ("x2", "open", "{}", 0.0)]


def test_values_that_all_rows_have_are_given_once(store: Store) -> None:
    renewed = update(t.conflict).where(t.conflict.c.id == given("id")).values(run=given("run"), rule=given("rule"))
    with store.begin() as tx:
        tx.add(t.conflict, [{"id": f"x{n}", "golden": "g1", "path": f"p{n}"} for n in range(3)])
        assert tx.many(Query(renewed), [{"id": "x1", "rule": "hold"}, {"id": "x2", "rule": "ask"}], run="r9") == 2
        rows = tx.rows(select(t.conflict.c.run, t.conflict.c.rule).order_by(t.conflict.c.id))
    assert [tuple(r) for r in rows] == [("", ""), ("r9", "hold"), ("r9", "ask")]


def test_a_statement_of_sqlalchemy_runs_for_many_rows_as_well(store: Store) -> None:
    with store.begin() as tx:
        tx.add_new(t.waiter, [WAITER, {**WAITER, "target": "a|b|3"}])
        doomed = t.waiter.delete().where(t.waiter.c.target == bindparam("b_target"))
        assert tx.many(doomed, [{"b_target": "a|b|3"}, {"b_target": "a|b|4"}]) == 1


def test_no_rows_are_no_statement(store: Store) -> None:
    with store.begin() as tx:
        assert tx.many(Query(t.waiter.delete().where(t.waiter.c.target == given("target"))), []) == 0
        assert tx.add_new(t.waiter, []) == 0
        tx.add(t.waiter, [])
        tx.upsert(t.waiter, [])


def test_new_rows_alone_are_counted(store: Store) -> None:
    with store.begin() as tx:
        assert tx.add_new(t.waiter, [WAITER]) == 1
        assert tx.add_new(t.waiter, [WAITER, {**WAITER, "target": "a|b|3"}]) == 1


def test_another_set_of_columns_is_another_statement(store: Store) -> None:
    with store.begin() as tx:
        tx.upsert(t.sync_state, [{"name": "people", "paused": True, "reason": "holiday"}])
        tx.upsert(t.sync_state, [{"name": "people", "paused": False}])
        found = tx.one(select(t.sync_state))
    assert (found.paused, found.reason) == (False, "holiday")


def test_a_statement_with_one_parameter_is_given_tuples(store: Store) -> None:
    with store.begin() as tx:
        tx.add_new(t.waiter, [WAITER, {**WAITER, "target": "a|b|3"}])
        tx.many(Query(t.waiter.delete().where(t.waiter.c.target == given("target"))), [{"target": "a|b|3"}])
        assert [r.target for r in tx.rows(select(t.waiter))] == ["a|b|1"]


@pytest.mark.parametrize("value", [b"", b"\x00\xff", None])
def test_bytes_and_truth_pass_unchanged(store: Store, value: bytes | None) -> None:
    with store.begin() as tx:
        tx.add(t.person_key, [{"golden": "g1", "wrapped": value}])
        tx.add(t.match_key, [{"key": "k", "golden": "g1", "strong": True, "sync": "people"}])
        assert tx.value(select(t.person_key.c.wrapped)) == value
        assert tx.value(select(t.match_key.c.strong)) is True


def test_rows_are_stored_without_nul_where_the_database_has_no_room_for_it(store: Store) -> None:
    with store.begin() as tx:
        tx.add(t.conflict, [{"id": "x1", "golden": "g1", "path": "a\x00b"}, {"id": "x2", "golden": "g1", "path": "c"}])
        (found, other) = tx.rows(Query(select(t.conflict.c.path).order_by(t.conflict.c.id)))
    assert (found.path, other.path) == ("ab" if store.engine.dialect.name == "postgresql" else "a\x00b", "c")


# ---------------------------------------------------------------- compiling


def test_the_text_is_sqlalchemys_own(store: Store) -> None:
    with store.read() as tx:
        made = inserting(t.waiter, tuple(WAITER)).on(tx.connection.dialect)
        theirs = insert(t.waiter).compile(dialect=tx.connection.dialect, column_keys=list(WAITER))
        assert made.order in (None, tuple(WAITER))
        assert made.text == str(theirs)


def test_a_statement_is_compiled_once_for_all_stores_of_one_kind(shared: Store, monkeypatch: Any) -> None:
    compiled = []
    monkeypatch.setattr("hub.store.query.prepare", lambda *of: compiled.append(of) or prepare(*of))
    query = Query(select(t.golden).where(among(t.golden.c.id, "ids")))
    another = Store(shared.url, vault=shared.vault, now=shared.now)
    for opened, ids in ((shared, []), (another, ["g-1"]), (shared, ["g-1", "g-2"])):
        with opened.read() as tx:
            tx.rows(query, ids=ids)
    assert len(compiled) == 1
    another.close()


def test_functions_of_the_store_build_no_statement_when_they_are_called(store: Store, monkeypatch: Any) -> None:
    """Those of every run, after their first call."""

    def run_through() -> None:
        with store.begin() as tx:
            fence = runs.take_lease(tx, "sync:people", "me", 60.0)
            runs.hold_lease(tx, "sync:people", fence, 60.0)
            runs.touch_spoke(tx, "r-1", "a", "person")
            runs.add_to_spoke(tx, "r-1", "a", "person", unchanged=1)
            records.known(tx, "a", "person", ["1"])
            records.pending_for(tx, "a", "person", ["1"])
            records.next_linked(tx, "people", "", 10)
            records.next_unlinked(tx, "people", "a", "person", 0, 10, with_key=False)
            agenda.goldens(tx, "people", "", 10)
            goldens.save(tx, "people", [golden("g-1")], {})
            goldens.save_links(tx, [link("g-1", "1")])
            goldens.links_of(tx, ["g-1"])
            operations.pending(tx, "people", "b", "person", ["create"], 10)
            operations.count_pending(tx, "people", "b", ["create"])
            operations.mark(tx, ["o-1"], "sent", run="r-1")

    run_through()
    monkeypatch.setattr("hub.store.query.prepare", lambda *_: pytest.fail("compiled again"))
    monkeypatch.setattr("sqlalchemy.Connection.execute", lambda *_: pytest.fail("went through SQLAlchemy"))
    run_through()


def test_a_default_that_is_computed_for_each_row_is_refused(store: Store) -> None:
    from sqlalchemy import Column, MetaData, Table, Text

    counted = Table("counted", MetaData(), Column("id", Text), Column("at", Text, default=lambda: "now"))
    with store.read() as tx, pytest.raises(TypeError, match="computed for each row"):
        inserting(counted, ("id",)).on(tx.connection.dialect)


def test_an_insert_that_leaves_a_default_out_is_refused(store: Store) -> None:
    with store.begin() as tx, pytest.raises(TypeError, match="sync has a default"):
        tx.run(Query(insert(t.golden).values(id=given("id"))), id="g-1")


def test_values_of_the_statement_stand_in_its_text_as_they_are(store: Store) -> None:
    odd = '50 % of it\'s %(odd)s ? \\ "x" :y'
    noted = update(t.link).where(k.why == odd, k.id == given("id")).values(why=odd + "!", main=False, read_at=0.5)
    with store.begin() as tx:
        goldens.save_links(tx, [link("g-1", "1", why=odd), link("g-1", "2", why=odd, primary=False)])
        assert tx.run(Query(noted), id="a/person/1") == 1
        found = tx.rows(Query(select(k.why, k.main, k.read_at).order_by(k.id)))
    assert [tuple(one) for one in found] == [(odd + "!", False, 0.5), (odd, False, 0.0)]


def test_a_parameter_that_is_not_given_is_an_error(store: Store) -> None:
    with store.read() as tx, pytest.raises((KeyError, Exception), match="golden"):
        tx.rows(Query(select(t.link).where(k.golden == given("golden"))))


# ---------------------------------------------------------------- errors


def failing(tx: Tx, statement: Any, **values: Any) -> Exception:
    with pytest.raises(Exception) as told:
        tx.run(statement, **values)
    return told.value


def test_a_rule_that_is_broken_is_told_as_sqlalchemy_tells_it(store: Store) -> None:
    again = insert(t.person_key).values(golden=given("golden"), wrapped=b"x")
    do(store, lambda tx: tx.run(again, golden="g-1"))
    with pytest.raises(IntegrityError) as slow, store.begin() as tx:
        tx.run(again, golden="g-1")
    with pytest.raises(IntegrityError) as fast, store.begin() as tx:
        tx.run(Query(insert(t.person_key).values(golden=given("golden"), wrapped=None)), golden="g-1")
    assert type(fast.value.orig) is type(slow.value.orig)
    assert ask(store, lambda tx: tx.value(select(t.person_key.c.wrapped))) == b"x"


def test_the_values_are_no_part_of_an_error(store: Store) -> None:
    with pytest.raises(IntegrityError) as told, store.begin() as tx:
        tx.many(inserting(t.golden, ("id", "fields")), [{"id": "g-1", "fields": "Canary"}] * 2)
    assert "Canary" not in str(told.value) and "INSERT INTO ac_golden" in str(told.value)


def test_nul_in_a_single_statement_is_an_error_of_its_data_on_postgresql(postgres_store: Store) -> None:
    with pytest.raises(DataError), postgres_store.begin() as tx:
        tx.run(Query(update(t.golden).values(state=given("state"))), state="a\x00b")


def test_a_missing_table_is_a_missing_upgrade_whoever_sent_the_statement(store: Store) -> None:
    from sqlalchemy import Column, MetaData, Table, Text

    gone = Table("ac_gone", MetaData(), Column("id", Text))
    for statement in (select(gone), Query(select(gone))):
        with pytest.raises(Refused) as told, store.read() as tx:
            tx.rows(statement)
        assert told.value.code == "E-SCHEMA"


def test_half_a_character_is_refused_as_that(store: Store) -> None:
    with pytest.raises(Reject) as told, store.begin() as tx:
        tx.rows(Query(select(t.golden).where(t.golden.c.id == given("id"))), id="\ud800")
    assert told.value.code == "E-TEXT"


def test_an_error_within_a_block_can_be_caught_there_as_one_of_sqlalchemy(store: Store) -> None:
    with store.begin() as tx:
        failed = failing(tx, Query(text("SELECT nothing FROM nowhere")))
    assert isinstance(failed, OperationalError if tx.dialect == "sqlite" else Exception)
    assert failed.__cause__ is failed.orig  # type: ignore[attr-defined]


def test_a_connection_that_broke_is_not_used_again(postgres_store: Store) -> None:
    alive = Query(select(func.count()).select_from(t.golden))
    with pytest.raises(Exception, match="did not answer"), postgres_store.begin() as tx:
        mine = tx.value(text("SELECT pg_backend_pid()"))
        with postgres_store.begin() as other:
            other.value(text(f"SELECT pg_terminate_backend({mine}, 5000)"))
        with pytest.raises(OperationalError):
            tx.value(alive)
        assert not tx._link.is_valid
        tx.value(alive)
    assert ask(postgres_store, lambda tx: tx.value(alive)) == 0
