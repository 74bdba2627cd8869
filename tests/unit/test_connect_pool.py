"""Pools: many calls at once, and reading one item ahead. No test waits for luck: events say what has happened."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hub.connect.pool import InOrder, Pool, Threads

POOLS = [InOrder(), Threads(2)]
WAIT = 10.0


def never(item: int) -> bool:
    return False


@pytest.mark.parametrize("pool", POOLS)
def test_every_item_is_worked_on_once(pool: Pool) -> None:
    done: list[int] = []
    pool.each(done.append, range(20))
    assert sorted(done) == list(range(20))


@pytest.mark.parametrize("pool", POOLS)
def test_the_first_exception_reaches_the_caller(pool: Pool) -> None:
    def work(item: int) -> None:
        if item == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        pool.each(work, range(20))


def test_threads_work_at_the_same_time() -> None:
    together = threading.Barrier(2)

    def work(item: int) -> None:
        together.wait(WAIT)

    Threads(2).each(work, range(4))


def test_threads_draw_no_more_items_than_they_can_work_on() -> None:
    drawn: list[int] = []
    seen: list[int] = []

    def items() -> Iterator[int]:
        for n in range(6):
            drawn.append(n)
            yield n

    Threads(2).each(lambda item: seen.append(len(drawn)), items())
    assert all(most <= nth + 2 for nth, most in enumerate(sorted(seen), 1))


# ---------------------------------------------------------------- one ahead


@pytest.mark.parametrize("pool", POOLS)
def test_items_come_in_order(pool: Pool) -> None:
    assert list(pool.ahead(range(5), never)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("pool", POOLS)
def test_nothing_is_drawn_after_the_last(pool: Pool) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        pytest.fail("the second was the last")

    assert list(pool.ahead(items(), lambda item: item == 2)) == [1, 2]


@pytest.mark.parametrize("pool", POOLS)
def test_what_drawing_raises_comes_after_the_items_before_it(pool: Pool) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken off")

    met: list[int] = []
    with pytest.raises(ValueError, match="broken off"):
        for item in pool.ahead(items(), never):
            met.append(item)
    assert met == [1]


@pytest.mark.parametrize("pool", POOLS)
def test_an_item_may_be_false(pool: Pool) -> None:
    assert list(pool.ahead([0, None, ""], lambda item: False)) == [0, None, ""]


def test_threads_draw_the_next_item_while_one_is_worked_on() -> None:
    asked = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        asked.set()
        yield 2

    coming = Threads(2).ahead(items(), never)
    assert next(coming) == 1
    assert asked.wait(WAIT)
    assert list(coming) == [2]


def test_threads_draw_one_ahead_and_no_more() -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for n in range(10):
            drawn.append(n)
            yield n

    assert all(len(drawn) <= n + 2 for n in Threads(2).ahead(items(), never))


def test_who_stops_early_leaves_no_thread_behind() -> None:
    coming = Threads(2).ahead(iter(range(10)), never)
    assert next(coming) == 0
    coming.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("accordant-ahead")]
