"""A connector behind a circuit breaker: a system that keeps failing is left alone for a while, and the others go on.

Only answers that say that the system is in trouble count against it (`Retry`, `Unknown`); a refused record does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from hub.connect.connector import (
    Capabilities,
    Connector,
    FieldVersion,
    Identity,
    ObjectInfo,
    Page,
    Receipt,
    Want,
    Write,
)
from hub.connect.limits import Breaker
from hub.core.errors import Retry, Unknown
from hub.core.model import Record

T = TypeVar("T")


class Guarded(Connector):
    """The same connector; each call asks the breaker first and tells it how it went."""

    name = "guarded"

    def __init__(self, inner: Connector, breaker: Breaker) -> None:
        super().__init__(inner.connection, inner.config, inner.context)
        self.inner, self.breaker = inner, breaker
        for described in ("name", "label", "options", "auth_kinds", "sandbox"):
            object.__setattr__(self, described, getattr(inner, described))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _call(self, work: Callable[[], T]) -> T:
        self.breaker.before()
        try:
            answer = work()
        except (Retry, Unknown):
            self.breaker.failed()
            raise
        self.breaker.ok()
        return answer

    def check(self) -> Identity:
        # Not held back: this is how a person finds out whether the system is well again.
        return self.inner.check()

    def objects(self) -> Sequence[str]:
        return self._call(self.inner.objects)

    def describe(self, object: str) -> ObjectInfo:
        return self._call(lambda: self.inner.describe(object))

    def capabilities(self, object: str) -> Capabilities:
        return self.inner.capabilities(object)

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        pages = self.inner.changes(object, cursor, want)
        while (page := self._call(lambda: next(pages, None))) is not None:
            yield page

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        return self._call(lambda: self.inner.get(object, ids, want))

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        return self._call(lambda: self.inner.find(object, by, values, want))

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        return self._call(lambda: self.inner.find_key(object, key_field, keys, want))

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        return self._call(lambda: self.inner.write(object, batch))

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        return self.inner.ids(object)

    def history(
        self, object: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, list[FieldVersion]]]:
        return self._call(lambda: self.inner.history(object, ids, fields))

    def minimum_calls(self, object: str, *, read: int, written: int, created: int) -> int:
        return self.inner.minimum_calls(object, read=read, written=written, created=created)

    def close(self) -> None:
        self.inner.close()


def guarded(connectors: Mapping[str, Connector], make: Callable[[], Breaker]) -> dict[str, Connector]:
    """Each connector behind a breaker of its own."""
    return {name: Guarded(connector, make()) for name, connector in connectors.items()}
