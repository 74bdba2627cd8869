"""Where concurrent remote calls run: threads in production, one after the other in a simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

T = TypeVar("T")


class Pool(Protocol):
    """Runs many calls of one function. Results come in no promised order; the first exception ends the rest."""

    def each(self, work: Callable[[T], None], items: Iterable[T]) -> None: ...

    def ahead(self, items: Iterable[T], last: Callable[[T], bool]) -> Iterator[T]:
        """The items in order up to the `last`, the next one perhaps drawn while its predecessor is worked on."""


class InOrder:
    """One after the other, in the caller's thread."""

    def each(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        for item in items:
            work(item)

    def ahead(self, items: Iterable[T], last: Callable[[T], bool]) -> Iterator[T]:
        for item in items:
            yield item
            if last(item):
                return


class Threads:
    """At most `size` at a time; items are drawn only as threads come free, so that memory stays bounded."""

    def __init__(self, size: int) -> None:
        self.size = size

    def each(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        with ThreadPoolExecutor(self.size, thread_name_prefix="accordant") as executor:
            running: set[Future[None]] = set()
            try:
                for item in items:
                    running.add(executor.submit(work, item))
                    if len(running) >= self.size:
                        running = _collect(running)
                while running:
                    running = _collect(running)
            finally:
                for future in running:
                    future.cancel()

    def ahead(self, items: Iterable[T], last: Callable[[T], bool]) -> Iterator[T]:
        """One item ahead, never more: memory stays bounded. What drawing raises comes after the items before it."""
        drawn = iter(items)
        with ThreadPoolExecutor(1, thread_name_prefix="accordant-ahead") as executor:
            coming = executor.submit(_draw, drawn)
            while held := coming.result():
                (item,) = held
                if last(item):
                    yield item
                    return
                coming = executor.submit(_draw, drawn)
                yield item


def _draw(items: Iterator[T]) -> tuple[T] | None:
    """The next item, in a tuple so that any item can be told from the end."""
    for item in items:
        return (item,)
    return None


def _collect(running: set[Future[None]]) -> set[Future[None]]:
    done, rest = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return rest
