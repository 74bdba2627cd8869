"""Hints: one row per record however often it is named, dropped only as far as it was read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hub.store import hints, records
from hub.store.hints import Hint
from tests.store.kit import NOON, ask, do, link, put_golden, put_pending, row

PERSON = ("a", "person")


def hear(store, *ids, place=PERSON):
    do(store, hints.hear, *place, list(ids))


def waiting(store, after="", limit=100, place=PERSON):
    return [h.remote_id for h in ask(store, hints.waiting, *place, after, limit)]


def test_a_record_named_many_times_is_one_row_since_the_first_time(store, clock):
    hear(store, "2", "1", "2")
    clock.advance(60)
    hear(store, "1")
    assert ask(store, hints.waiting, *PERSON, "", 100) == [Hint("1", 2), Hint("2", 1)]
    assert ask(store, hints.counts) == [("a", "person", 2, NOON)]


def test_hints_come_in_the_order_of_their_ids_a_batch_at_a_time(store):
    hear(store, *(f"{n:03d}" for n in range(7)))
    hear(store, "x", place=("b", "person"))
    assert waiting(store, limit=3) == ["000", "001", "002"]
    assert waiting(store, after="002") == ["003", "004", "005", "006"]
    assert waiting(store, place=("b", "person")) == ["x"]


def test_a_hint_heard_again_while_it_was_read_is_not_dropped(store):
    hear(store, "1", "2")
    read = ask(store, hints.waiting, *PERSON, "", 100)
    hear(store, "2", "3")
    do(store, hints.drop, *PERSON, read)
    assert waiting(store) == ["2", "3"]


def test_dropping_touches_no_other_object(store):
    hear(store, "1")
    hear(store, "1", place=("a", "company"))
    do(store, hints.drop, *PERSON, [Hint("1", 1)])
    assert waiting(store) == [] and waiting(store, place=("a", "company")) == ["1"]
    do(store, hints.drop, *PERSON, [])


def test_nothing_heard_leaves_nothing(store):
    hear(store)
    assert ask(store, hints.counts) == []


def test_many_at_once_name_the_same_records_and_none_waits_for_ever(shared):
    names = [[str(n) for n in range(20)], [str(n) for n in reversed(range(20))]]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: hear(shared, *names[n % 2]), range(40)))
    assert {h.heard for h in ask(shared, hints.waiting, *PERSON, "", 100)} == {40}


def test_whether_a_change_waits_whose_record_has_no_link(store):
    put_golden(store, "g-1", link("g-1", "1"))
    put_pending(store, row("1"))
    assert not ask(store, hints.any_unlinked, "people")
    put_pending(store, row("2", kind="deleted"))
    assert not ask(store, hints.any_unlinked, "people")
    put_pending(store, row("3"))
    assert ask(store, hints.any_unlinked, "people") and not ask(store, hints.any_unlinked, "orders")
    do(store, records.replace_pending, "r-1", list(ask(store, records.pending_for, *PERSON, ["3"]).values()))
    assert not ask(store, hints.any_unlinked, "people")
