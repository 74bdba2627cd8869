"""The questions asked for every page and batch are answered by an index, however much history there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from hub.store import agenda, audit, goldens, operations, records, reviews, runs
from hub.store.db import Store, Tx
from hub.store.records import Outcome
from tests.store.kit import link, operation, row

HOT: dict[str, Any] = {
    "known": lambda tx: records.known(tx, "a", "person", ["1", "2"]),
    "pending_for": lambda tx: records.pending_for(tx, "a", "person", ["1", "2"]),
    "replace_pending": lambda tx: records.replace_pending(tx, "r", [row("1", run="r"), row("2", run="q")]),
    "mark_seen": lambda tx: records.mark_seen(tx, "a", "person", ["1"], "r="),
    "restamp": lambda tx: records.restamp(tx, "a", "person", [("1", "v", "s")]),
    "clear_hash": lambda tx: records.clear_hash(tx, [("a", "person", "1")]),
    "payloads": lambda tx: records.payloads(tx, [("a", "person", "1")]),
    "next_linked": lambda tx: records.next_linked(tx, "people", "g", 200),
    "pending_of_goldens": lambda tx: records.pending_of_goldens(tx, ["g-1", "g-2"]),
    "contested": lambda tx: records.contested(tx, "people"),
    "next_unlinked": lambda tx: records.next_unlinked(tx, "people", "a", "person", 0, 200, with_key=False),
    "settle_rows": lambda tx: records.settle_rows(tx, "r", [Outcome(row("1"), "applied")]),
    "one record": lambda tx: records.one(tx, "a", "person", "1"),
    "last_outcome": lambda tx: records.last_outcome(tx, "a", "person", "1"),
    "not_listed": lambda tx: records.not_listed(tx, "a", "person", "r"),
    "load": lambda tx: goldens.load(tx, ["g-1", "g-2"]),
    "links_of": lambda tx: goldens.links_of(tx, ["g-1", "g-2"]),
    "links_by_record": lambda tx: goldens.links_by_record(tx, "a", "person", ["1", "2"]),
    "read_times": lambda tx: goldens.read_times(tx, ["l-1"]),
    "save_links": lambda tx: goldens.save_links(tx, [link("g-1", "1")]),
    "restamp links": lambda tx: goldens.restamp(tx, "a", "person", [("1", "v", "s")]),
    "linked_count": lambda tx: goldens.linked_count(tx, "a", "person"),
    "ref_targets": lambda tx: goldens.ref_targets(tx, [("a", "person", "1")]),
    "ref_remotes": lambda tx: goldens.ref_remotes(tx, ["g-1"]),
    "missing_in": lambda tx: goldens.missing_in(tx, "people", "a", "person", "", 200),
    "by_origin_part": lambda tx: goldens.by_origin_part(tx, "part"),
    "candidates": lambda tx: goldens.candidates(tx, ["k-1"]),
    "keys_of": lambda tx: goldens.keys_of(tx, ["g-1"]),
    "drop_keys": lambda tx: goldens.drop_keys(tx, [("k-1", "g-1")]),
    "plan_out": lambda tx: operations.plan_out(tx, [operation("o-9")]),
    "pending operations": lambda tx: operations.pending(tx, "people", "b", "person", ["create"], 2000),
    "in_state": lambda tx: operations.in_state(tx, "people", ("sent", "unknown")),
    "of_goldens": lambda tx: operations.of_goldens(tx, ["g-1"]),
    "unknown_creates": lambda tx: operations.unknown_creates(tx, "b", "person"),
    "by_key": lambda tx: operations.by_key(tx, ["k"]),
    "mark": lambda tx: operations.mark(tx, ["o-1"], "done"),
    "move": lambda tx: operations.move(tx, "g-1", "g-2"),
    "send": lambda tx: operations.send(tx, "r", [operation("o-1")]),
    "end": lambda tx: operations.end(tx, [("o-1", "done", "", "1")]),
    "used": lambda tx: operations.used(tx, "people", "b", ["create"], 0.0),
    "count_pending": lambda tx: operations.count_pending(tx, "people", "b", ["create"]),
    "counts_of_run": lambda tx: operations.counts_of_run(tx, "r"),
    "open_conflicts": lambda tx: reviews.open_conflicts(tx, ["g-1"]),
    "under_review": lambda tx: reviews.under_review(tx, ["g-1"]),
    "answers": lambda tx: reviews.answers(tx, "a", "person", ["1"]),
    "close_reviews": lambda tx: reviews.close_reviews(tx, "a", "person", ["1"]),
    "blocked": lambda tx: reviews.blocked(tx, ["g-1"]),
    "resolve_many": lambda tx: reviews.resolve_many(tx, [("g-1", "a", ["p"])]),
    "resolve_read_letters": lambda tx: reviews.resolve_read_letters(tx, "a", "person", ["1"]),
    "outcomes": lambda tx: runs.outcomes(tx, "r"),
    "carried": lambda tx: runs.carried(tx, "r"),
    "agenda of golden records": lambda tx: agenda.goldens(tx, "people", "g", 200),
    "agenda of remote records": lambda tx: agenda.records(tx, "people", 200),
    "wake": lambda tx: agenda.wake(tx, ["a|person|1"]),
    "done": lambda tx: agenda.done(tx, ["golden:g-1"]),
    "person_keys": lambda tx: audit.person_keys(tx, ["g-1"]),
    "entries of a golden record": lambda tx: audit.entries(tx, golden="g-1"),
    "entries of a run": lambda tx: audit.entries(tx, run="r"),
    "settled_lately": lambda tx: audit.settled_lately(tx, ["g-1"], 0.0, 3),
}


class Listening:
    """The driver's connection or cursor of a transaction, with what it is told noted."""

    def __init__(self, real: Any, found: list[tuple[str, Any]]) -> None:
        self.real, self.found = real, found

    def execute(self, statement: str, parameters: Any) -> Any:
        self.found.append((statement, _plain(parameters)))
        return self.real.execute(statement, parameters)

    def executemany(self, statement: str, rows: Any) -> None:
        self.found.append((statement, _plain(rows[0])))
        self.real.executemany(statement, rows)

    def cursor(self) -> Listening:
        return Listening(self.real.cursor(), self.found)

    @property
    def rowcount(self) -> int:
        return int(self.real.rowcount)


def _plain(parameters: Any) -> Any:
    return parameters if isinstance(parameters, dict) else tuple(parameters)


@contextmanager
def told(tx: Tx) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent meanwhile, with one set of parameters each."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        found.append((statement, _plain(parameters[0] if many else parameters)))

    event.listen(tx.connection.engine, "before_cursor_execute", note)
    tx._raw = Listening(tx._raw, found)
    yield found
    event.remove(tx.connection.engine, "before_cursor_execute", note)
    tx._raw = tx._raw.real


@pytest.fixture(scope="module")
def quiet() -> Iterator[Store]:
    """One store for all questions: nothing that they write stays."""
    from hub.store.vault import Vault
    from tests.store.kit import KEY, Clock

    made = Store("sqlite://", vault=Vault(KEY), now=Clock().now)
    made.create()
    yield made
    made.close()


VERY_MANY = "next_linked of very many"


class Undo(Exception):
    pass


@pytest.mark.parametrize("name", [*HOT, VERY_MANY])
def test_no_question_of_a_batch_reads_a_whole_table(quiet, name, monkeypatch):
    if name == VERY_MANY:
        monkeypatch.setattr(records, "MANY", 0)
        name = "next_linked"
    with pytest.raises(Undo), quiet.begin() as tx:
        with told(tx) as statements:
            HOT[name](tx)
        assert statements
        for statement, parameters in statements:
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            steps = [row[3] for row in plan]
            scans = [s for s in steps if s.startswith("SCAN ac_") and not s.startswith(ALLOWED)]
            assert not scans, f"{scans} in {statement}"
        raise Undo


ALLOWED = ("SCAN ac_audit USING INDEX ac_audit_unsealed",)  # a partial index that holds only what is asked for


def test_a_pending_row_is_not_looked_for_in_the_history_of_its_record(quiet):
    with quiet.read() as tx:
        with told(tx) as statements:
            HOT["pending_for"](tx)
        ((statement, parameters),) = statements
        plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert "ac_inbox_pending" in plan[0][3]


@pytest.mark.parametrize("name", ["next_unlinked", "pending operations"])
def test_a_queue_is_read_in_its_order_without_sorting_all_of_it(quiet, name):
    with quiet.read() as tx:
        with told(tx) as statements:
            HOT[name](tx)
        for statement, parameters in statements:
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            assert not any("TEMP B-TREE" in row[3] for row in plan)


BY_IDS = [
    "known",
    "pending_for",
    "replace_pending",
    "mark_seen",
    "payloads",
    "pending_of_goldens",
    "load",
    "links_of",
    "links_by_record",
    "read_times",
    "ref_targets",
    "ref_remotes",
    "candidates",
    "keys_of",
    "of_goldens",
    "by_key",
    "mark",
    "open_conflicts",
    "answers",
    "close_reviews",
    "blocked",
    "resolve_read_letters",
    "wake",
    "done",
    "person_keys",
]


@pytest.mark.parametrize("name", BY_IDS)
def test_look_ups_by_many_ids_take_one_array_on_postgresql(postgres_store, name):
    """One prepared statement for any number, and no list of parameters to plan badly."""
    with postgres_store.begin() as tx, told(tx) as statements:
        HOT[name](tx)
    assert any(re.search(r"= ANY \(%\(\w+\)s::\w+\[\]", s) for s, _ in statements), statements
    assert not any(re.search(r"(remote_id|golden|id|key|seq|target|record) IN \(", s) for s, _ in statements), (
        statements
    )


@pytest.mark.parametrize("name", HOT)
def test_every_question_of_a_batch_is_understood_by_postgresql(postgres_store, name):
    with postgres_store.begin() as tx:
        HOT[name](tx)
