"""What a check of the hub by itself finds: one broken promise, or something that looks like one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

BUG = "keep a backup of the database and report this: no setting causes it"
MOST = 20
"""So many findings of one check are told; a store with more of them is broken as a whole."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`sync`: whose promise it is, "" for the whole hub. `place`: the record, run, operation or audit row. `since`: when it
    began, in seconds since the epoch. `level`: broken (proven by what is stored) or warning (it may have an innocent
    cause). `key`: what tells it from an earlier finding at the same place."""

    invariant: str
    kind: str
    sync: str
    place: str
    what: str
    next: str
    since: float = 0.0
    level: str = "broken"
    key: str = ""

    @property
    def id(self) -> str:
        """The same for the same finding, however often it is met."""
        told = "\x1f".join((self.invariant, self.kind, self.sync, self.place, self.level, self.key))
        return f"f-{hashlib.blake2b(told.encode(errors='replace'), digest_size=8).hexdigest()}"

    @property
    def text(self) -> str:
        return f"{self.place}: {self.what}"

    def as_json(self) -> dict[str, Any]:
        told = {"id": self.id, **asdict(self)}
        told.pop("key")
        return told


def some(found: Iterable[Finding]) -> Iterator[Finding]:
    return islice(found, MOST)


def record(connection: str, object: str, remote_id: str) -> str:
    """A remote record, as a person finds it."""
    return " ".join(part for part in (connection, object, remote_id) if part)
