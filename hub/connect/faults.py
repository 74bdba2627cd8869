"""Wrap a connector so that it fails the way real systems fail, by chance or by script.

`Faulty(connector, plan)` is a Connector itself. A plan says for each call which fault befalls it: `Chance` draws from a
seeded generator, `Script` follows a list. Nothing here knows what is inside, so it works around any connector.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

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
from hub.core.errors import HubError, Retry, Stop, Unknown
from hub.core.model import Record

T = TypeVar("T")

ANY = ("lost_before", "retry", "retry_after", "stop")
READS = ("slow",)
FAULTS: Mapping[str, tuple[str, ...]] = {
    "check": ANY,
    "objects": ANY,
    "describe": ANY,
    "changes": (*ANY, *READS, "duplicate_page", "reordered", "stale"),
    "get": (*ANY, *READS),
    "find": (*ANY, *READS, "reordered"),
    "find_key": (*ANY, *READS),
    "ids": (*ANY, "truncated"),
    "history": ANY,
    "write": (*ANY, "lost_after", "partial_retry", "partial_unknown", "moved"),
}
"""By verb, the faults that may befall it.

lost_before · lost_after: the answer is lost, and the call was not · was carried out (writes: Unknown; reads: Retry)
retry · retry_after: throttled, without and with a time · stop: the connection must pause
slow: the answer takes long · duplicate_page, reordered: pages come twice, records in another order
stale: a page's records are told again with an older version of themselves, met earlier in this connector's life
truncated: a list of ids ends early, as if complete
partial_retry, partial_unknown: the second half of a batch is not carried out, or is and nobody knows
moved: every conditional update finds the record changed
"""


class Plan(Protocol):
    """Says what goes wrong with a call: the name of a fault, or "" for nothing."""

    def next(self, verb: str) -> str: ...


class Chance:
    """Each call fails with probability `rate`, by one of `only` (None: any) that may befall its verb."""

    def __init__(self, rng: random.Random, rate: float, only: Sequence[str] | None = None) -> None:
        self.random, self.rate, self.only = rng, rate, only

    def next(self, verb: str) -> str:
        possible = [f for f in FAULTS[verb] if self.only is None or f in self.only]
        return self.random.choice(possible) if possible and self.random.random() < self.rate else ""


class Script:
    """Faults in the order of a list of (verb, fault); each waits for the next call of its verb. `left`: not yet met."""

    def __init__(self, *steps: tuple[str, str]) -> None:
        for verb, fault in steps:
            if fault and fault not in FAULTS[verb]:
                raise ValueError(f"{fault} cannot befall {verb}; it may be one of {', '.join(FAULTS[verb])}")
        self.left = list(steps)

    def next(self, verb: str) -> str:
        found = next((step for step in self.left if step[0] == verb), None)
        if found is None:
            return ""
        self.left.remove(found)
        return found[1]


class Faulty(Connector):
    """A connector around another one. `met` counts the faults that happened, so that a test can see it was tried."""

    name = "faulty"

    def __init__(self, inner: Connector, plan: Plan, *, seconds: float = 30.0) -> None:
        super().__init__(inner.connection, inner.config, inner.context)
        self.inner, self.plan, self.seconds = inner, plan, seconds
        self.met: dict[str, int] = {}
        self._old: dict[tuple[str, str], Record] = {}

    # -- verbs that only pass on

    def check(self) -> Identity:
        return self._call("check", self.inner.check)

    def objects(self) -> Sequence[str]:
        return self._call("objects", self.inner.objects)

    def describe(self, object: str) -> ObjectInfo:
        return self._call("describe", lambda: self.inner.describe(object))

    def capabilities(self, object: str) -> Capabilities:
        return self.inner.capabilities(object)

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        return self._call("get", lambda: self.inner.get(object, ids, want))

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        return self._call("find_key", lambda: self.inner.find_key(object, key_field, keys, want))

    def history(
        self, object: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, list[FieldVersion]]]:
        return self._call("history", lambda: self.inner.history(object, ids, fields))

    def minimum_calls(self, object: str, *, read: int, written: int, created: int) -> int:
        return self.inner.minimum_calls(object, read=read, written=written, created=created)

    def close(self) -> None:
        self.inner.close()

    # -- verbs with faults of their own

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        fault = self._meet("find")
        found = self._carry_out(fault, lambda: self.inner.find(object, by, values, want))
        return found[::-1] if fault == "reordered" else found

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        """Each page may be met by a fault of its own; a fault that ends the reading leaves the cursor where it was."""
        for page in self.inner.changes(object, cursor, want):
            fault = self._meet("changes")
            yield from self._carry_out(fault, partial(self._spoilt, fault, page))

    def _spoilt(self, fault: str, page: Page) -> list[Page]:
        records = list(page.records)
        old = [self._old[r.object, r.id] for r in records if (r.object, r.id) in self._old]
        self._old.update({(r.object, r.id): r for r in records})
        if fault == "duplicate_page":
            return [replace(page, last=False), page]
        if fault == "reordered":
            return [replace(page, records=records[::-1])]
        if fault == "stale":
            return [replace(page, records=[*records, *old])]
        return [page]

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        for page in self.inner.ids(object):
            fault = self._meet("ids")
            yield self._carry_out(fault, partial(tuple[str, ...], page))
            if fault == "truncated":
                return

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        fault = self._meet("write")
        if fault == "moved":
            return self._moved(object, batch)
        if fault in ("partial_retry", "partial_unknown"):
            return self._partial(object, batch, fault)
        return self._carry_out(fault, lambda: self.inner.write(object, batch), writing=True)

    def _moved(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        going = [w for w in batch if w.action != "update" or not w.careful]
        receipts = {r.op: r for r in self.inner.write(object, going)} if going else {}
        return [receipts.get(w.op) or Receipt(w.op, "changed", w.id) for w in batch]

    def _partial(self, object: str, batch: Sequence[Write], fault: str) -> list[Receipt]:
        half = len(batch) // 2
        unknown = fault == "partial_unknown"
        done = self.inner.write(object, batch if unknown else batch[:half]) if batch else []
        return [*done[:half], *(_left_over(write, unknown) for write in batch[half:])]

    # -- inside

    def _call(self, verb: str, work: Callable[[], T]) -> T:
        return self._carry_out(self._meet(verb), work)

    def _meet(self, verb: str) -> str:
        fault = self.plan.next(verb)
        if fault:
            self.met[fault] = self.met.get(fault, 0) + 1
        return fault

    def _carry_out(self, fault: str, work: Callable[[], T], *, writing: bool = False) -> T:
        before: dict[str, HubError] = {
            "lost_before": _lost(writing),
            "retry": _throttled(None),
            "retry_after": _throttled(self.seconds),
            "stop": Stop("the system asks to stop", unchanged="Nothing was sent", next="ask its administrator"),
        }
        if fault in before:
            raise before[fault]
        if fault == "slow":
            self.context.clock.sleep(self.seconds)
        answer = work()
        if fault == "lost_after":
            raise _lost(writing)
        return answer


def _lost(writing: bool) -> HubError:
    what = "no answer came in time"
    return Unknown(what, next="look the record up before writing again") if writing else Retry(what)


def _left_over(write: Write, unknown: bool) -> Receipt:
    if unknown:
        return Receipt(write.op, "unknown", write.id, error=_lost(True))
    return Receipt(write.op, "retry", write.id, error=_throttled(None))


def _throttled(after: float | None) -> Retry:
    return Retry("the system is busy", after=after, unchanged="Nothing was done", code="E-BUSY")
