"""Rows that go past SQLAlchemy arrive as those that go through it: by position or name, with defaults and fixed values."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, insert, select, update

from hub.store import tables as t
from hub.store.bulk import prepare
from hub.store.db import Store

WAITER = {"target": "a|b|1", "record": "record:a|b|2", "sync": "people"}


def test_what_is_not_given_takes_its_default(store: Store) -> None:
    with store.begin() as tx:
        tx.add(t.conflict, [{"id": "x1", "golden": "g1", "path": "city"}, {"id": "x2", "golden": "g1", "path": "zip"}])
        rows = tx.rows(select(t.conflict).order_by(t.conflict.c.id))
    assert [(r.id, r.state, r.claims, r.at) for r in rows] == [("x1", "open", "{}", 0.0), ("x2", "open", "{}", 0.0)]


def test_values_of_the_statement_itself_go_to_every_row(store: Store) -> None:
    with store.begin() as tx:
        tx.add(t.conflict, [{"id": f"x{n}", "golden": "g1", "path": f"p{n}"} for n in range(3)])
        renewed = update(t.conflict).where(t.conflict.c.id == bindparam("b_id"))
        changed = tx.many(renewed.values(run="r9", rule=bindparam("b_rule")), [{"b_id": "x1", "b_rule": "hold"}])
        rows = tx.rows(select(t.conflict.c.run, t.conflict.c.rule).order_by(t.conflict.c.id))
    assert changed == 1
    assert [tuple(r) for r in rows] == [("", ""), ("r9", "hold"), ("", "")]


def test_new_rows_alone_are_counted(store: Store) -> None:
    with store.begin() as tx:
        assert tx.add_new(t.waiter, [WAITER]) == 1
        assert tx.add_new(t.waiter, [WAITER, {**WAITER, "target": "a|b|3"}]) == 1


def test_one_shape_serves_many_calls_and_another_set_of_columns_is_another(store: Store) -> None:
    with store.begin() as tx:
        tx.upsert(t.sync_state, [{"name": "people", "paused": True, "reason": "holiday"}])
        tx.upsert(t.sync_state, [{"name": "people", "paused": False}])
        row = tx.one(select(t.sync_state))
    assert (row.paused, row.reason) == (False, "holiday")


def test_a_statement_with_one_parameter_is_given_tuples(store: Store) -> None:
    with store.begin() as tx:
        tx.add_new(t.waiter, [WAITER, {**WAITER, "target": "a|b|3"}])
        tx.many(t.waiter.delete().where(t.waiter.c.target == bindparam("b_target")), [{"b_target": "a|b|3"}])
        assert [r.target for r in tx.rows(select(t.waiter))] == ["a|b|1"]


def test_a_list_that_expands_into_the_text_is_left_to_sqlalchemy(store: Store) -> None:
    with store.begin() as tx:
        among = t.waiter.c.sync.in_(["people", "firms"])
        doomed = t.waiter.delete().where(t.waiter.c.target == bindparam("b_target"), among)
        assert prepare(doomed, ("b_target",), tx.connection) is None


@pytest.mark.parametrize("value", [b"", b"\x00\xff", None])
def test_bytes_and_truth_pass_unchanged(store: Store, value: bytes | None) -> None:
    with store.begin() as tx:
        tx.add(t.person_key, [{"golden": "g1", "wrapped": value}])
        tx.add(t.match_key, [{"key": "k", "golden": "g1", "strong": True, "sync": "people"}])
        assert tx.value(select(t.person_key.c.wrapped)) == value
        assert tx.value(select(t.match_key.c.strong)) is True


def test_the_text_is_sqlalchemys_own(store: Store) -> None:
    with store.begin() as tx:
        statement = insert(t.waiter)
        made = prepare(statement, tuple(WAITER), tx.connection)
        assert made is not None
        assert made.text == str(statement.compile(dialect=tx.connection.dialect, column_keys=list(WAITER)))
