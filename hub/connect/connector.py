"""The protocol between the hub and one product: what a connector author implements.

A connector is a class with a name, options, capabilities per object and nine verbs. It translates the vendor's errors
into those of `hub.core.errors` once, at its edge, and never retries a write by itself: the engine decides that.
Reads (`check`, `describe`, `changes`, `get`, `find`, `ids`, `history`) may retry inside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from hub.core.errors import HubError
from hub.core.model import Fields, Record


class Clock(Protocol):
    """Where time comes from: real in production, invented in tests and simulations."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait; a simulated clock jumps instead."""


class TokenStore(Protocol):
    """Keeps tokens that a vendor rotates (refresh tokens), per connection. Durable before `save` returns."""

    def load(self, name: str) -> str | None: ...
    def save(self, name: str, value: str) -> None: ...


class Buckets(Protocol):
    """Rate limits shared by all that use a connection."""

    def acquire(self, name: str, rate: float, per: float, weight: int = 1) -> None:
        """Block until `weight` calls of at most `rate` in `per` seconds are free in the bucket `name`."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line of `config/connections.yaml`: declared once for docs, schema, lint and defaults."""

    name: str
    help: str
    type: type = str
    default: Any = None
    required: bool = False
    secret: bool = False
    example: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one object of a remote can do. Wrong claims fail the conformance suite.

    `conditional_write`: strong (version) | coarse (whole-second stamp) | none. `deletes`: tombstone (feed) | flag | sweep.
    `find_by`: fields by which `find` looks up. `receipts`: body (a write answers with the fields as stored) | version
    (only id and stamp) | none. `delta`: changes can be read from a cursor. `slow`: names of feeds read on a slow clock.
    """

    conditional_write: Literal["strong", "coarse", "none"] = "none"
    unique_key: bool = False
    deletes: Literal["tombstone", "flag", "sweep"] = "sweep"
    field_history: bool = False
    delta: bool = True
    find_by: tuple[str, ...] = ()
    receipts: Literal["body", "version", "none"] = "none"
    read_batch: int = 100
    write_batch: int = 100
    writes: frozenset[str] = frozenset({"create", "update", "delete"})
    webhooks: bool = False
    consistent_reads: bool = True


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One remote field. `type`: text | email | phone | url | number | integer | money | bool | date | datetime | choice |
    choices | reference | association | other. `choices`: the values that it accepts, () if free."""

    name: str
    label: str
    type: str
    writable: bool = True
    required: bool = False
    unique: bool = False
    length: int | None = None
    choices: tuple[str, ...] = ()
    refers_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    name: str
    label: str
    fields: tuple[FieldInfo, ...] = ()

    def field(self, name: str) -> FieldInfo | None:
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered: `org` is the fingerprint of the account on the other side (org id, portal id)."""

    org: str
    user: str = ""
    label: str = ""
    granted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """What a read should bring: remote field names, the field that carries our create key (or ""), and which slow
    feeds (deleted, merged, associations …) are due in this pull."""

    fields: tuple[str, ...]
    key_field: str = ""
    slow: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, and the cursor up to which everything is covered once they are stored.

    `cursor` is any text that the connector understands. `last` ends the pull. `total`: how many records there are in
    all, if known, for progress. `covers`: stamp up to which no edit can be missing, "" if unknown.
    """

    records: Sequence[Record]
    cursor: str
    last: bool = False
    total: int | None = None
    covers: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """One intended write. `fields` by remote name (None clears). `key`: our create key for `Want.key_field`.

    `version` and `stamp`: what we saw last; with `careful`, the strongest precondition is built from them and a record
    that moved gives a `changed` receipt. `op` is ours and comes back in the receipt.
    """

    op: str
    action: Literal["create", "update", "delete", "associate"]
    fields: Fields = field(default_factory=dict)
    id: str = ""
    key_field: str = ""
    key: str = ""
    version: str = ""
    stamp: str = ""
    careful: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one Write.

    `status`: done | rejected (error says why) | changed (precondition failed, nothing written) | gone (no such record) |
    duplicate (error.ids) | retry (nothing written; error may carry `after`) | unknown (may have been written).
    `fields`: the written fields as the remote stored them, None if it did not say.
    """

    op: str
    status: Literal["done", "rejected", "changed", "gone", "duplicate", "retry", "unknown"]
    id: str = ""
    version: str = ""
    stamp: str = ""
    fields: Fields | None = None
    error: HubError | None = None


@dataclass(frozen=True, slots=True)
class FieldVersion:
    """One entry of a field's history, newest first in lists: value, when, and whether our own user wrote it."""

    value: Any
    stamp: str
    by_us: bool = False
    by: str = ""


@dataclass(slots=True)
class Context:
    """What the hub hands to every connector: ports, and `on_call` to be called once per API call made (for counting).

    `refresh_ahead` etc. are the connector's own business. `cancelled` is polled between pages.
    """

    clock: Clock
    tokens: TokenStore
    buckets: Buckets
    on_call: Callable[[str], None] = lambda what: None
    cancelled: Callable[[], bool] = lambda: False


class Connector(ABC):
    """Speaks one product's API. One instance per connection, shared by threads."""

    name: ClassVar[str]
    label: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()
    auth_kinds: ClassVar[Mapping[str, tuple[Option, ...]]] = {}
    sandbox: ClassVar[str] = ""
    """Dotted path "module:Class" of the sandbox that stands in for the product, "" if there is none."""

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        """`config` is the connection's block with secrets resolved: {"auth": {"kind": …, …}, option: value, …}."""
        self.connection, self.config, self.context = connection, config, context

    @abstractmethod
    def check(self) -> Identity:
        """Sign in and say who answered. Raises SignIn or Stop with the next step."""

    @abstractmethod
    def objects(self) -> Sequence[str]:
        """Names of the objects that can be read."""

    @abstractmethod
    def describe(self, object: str) -> ObjectInfo:
        """Fields of one object. Raises Reject if there is no such object."""

    @abstractmethod
    def capabilities(self, object: str) -> Capabilities:
        """What this object can do, without a call."""

    @abstractmethod
    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        """Everything that changed since `cursor` ("" = everything there is), oldest first, re-reading an overlap.

        The bound is fixed when the read starts. Each page's cursor is safe to resume from once the page is stored.
        Deleted, merged and converted records come as Records of that kind.
        """

    @abstractmethod
    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        """Read by id, strongly consistent, in any order. A record that is not there comes as kind "deleted" (or
        "merged_into" where the remote says so): absence here is proof."""

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        """Records whose field `by` holds one of the values (any index lag is the remote's)."""
        return []

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        """Records that carry one of our create keys, strongly consistent."""
        return []

    @abstractmethod
    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        """Carry out one batch, one receipt per write. Raises Retry if certainly nothing was done, Unknown if the whole
        batch may have been done, Stop if the connection must pause."""

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        """Every live id, in pages, for a sweep."""
        raise NotImplementedError

    def history(
        self, object: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, list[FieldVersion]]]:
        """{id: {field: versions, newest first}} where the object has field history."""
        return {}

    def minimum_calls(self, object: str, *, read: int, written: int, created: int) -> int:
        """The fewest API calls with which the protocol in use can read and write so many records."""
        return 0

    def close(self) -> None:
        """Let go of sockets."""
