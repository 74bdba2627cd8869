"""What the checks of the conformance suite share: a sandbox, a connector to it, and words for what people do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol

import pytest

from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Capabilities, Connector, Context, ObjectInfo, Page, Receipt, Want, Write
from hub.connect.sandbox import Request
from hub.core.model import Record

MOST_CALLS = 500


@dataclass(frozen=True, slots=True)
class Sample:
    """Data for one object, in remote names and in the form in which the remote keeps it.

    `create`: a good record; `edit`: other values for some of its fields. `clear`: an optional field of `create` to
    empty. `text_field`: takes any text. `find_by`: fields of `create` to search by. `key_field`: holds create keys.
    `reject`: {field: a value that the remote refuses}. `required`: fields that `describe` must call required.
    `missing_id`: an id that never was, in the remote's own form. `values`: {field: values that must come back exactly},
    for amounts, dates, instants and choices.
    """

    create: Mapping[str, Any]
    edit: Mapping[str, Any] = field(default_factory=dict)
    clear: str = ""
    text_field: str = ""
    find_by: Sequence[str] | str = ()
    key_field: str = ""
    reject: Mapping[str, Any] = field(default_factory=dict)
    required: Sequence[str] = ()
    missing_id: str = ""
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Sample | Mapping[str, Any]) -> Sample:
        if isinstance(given, Sample):
            return given
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})


class Suite(Protocol):
    """What a World needs to know of the test class that it serves."""

    http: ClassVar[Any]
    page_options: ClassVar[Any]
    page_size: ClassVar[Any]
    sign_in_path: ClassVar[Any]

    def is_write(self, request: Request) -> bool: ...
    def make(self, connection: str, config: Mapping[str, Any], context: Context, sandbox: Any) -> Connector: ...
    def context(self, world: World) -> Context: ...


class Checks:
    """Base of the groups of checks: the attributes that a test class brings."""

    connector: ClassVar[Any]
    sandbox: ClassVar[Any]
    http: ClassVar[Any]
    page_options: ClassVar[Any]
    page_size: ClassVar[Any]
    sign_in_path: ClassVar[Any]

    def is_write(self, request: Request) -> bool:
        raise NotImplementedError


def need(claimed: object, reason: str) -> None:
    """Skip a check, with the reason in the report, where the connector does not claim what it checks."""
    if not claimed:
        pytest.skip(reason)


class World:
    """One sandbox and the connectors that talk to it. `calls`: what connectors said they asked."""

    def __init__(self, suite: Suite, sandbox: Any, clock: ManualClock, tokens: MemoryTokens) -> None:
        self.suite, self.sandbox, self.clock, self.tokens = suite, sandbox, clock, tokens
        self.calls: list[str] = []
        self.object, self.sample = "", Sample({})
        self._numbers = itertools.count(1)
        self._open: list[Connector] = []
        self._first: Connector | None = None
        self._info: ObjectInfo | None = None

    def look_at(self, object: str, sample: Sample) -> None:
        self.object, self.sample, self._info = object, sample, None

    def on_call(self, what: str) -> None:
        self.calls.append(what)
        assert len(self.calls) < MOST_CALLS, "the connector goes on calling for ever"

    # -- connectors

    def connect(self, config: Mapping[str, Any] | None = None, **changes: Any) -> Connector:
        """A new connector, by the sandbox's own settings unless told otherwise."""
        settings = {**(self.sandbox.config() if config is None else config), **changes}
        made = self.suite.make("test", settings, self.suite.context(self), self.sandbox)
        self._open.append(made)
        return made

    @property
    def connector(self) -> Connector:
        if self._first is None:
            self._first = self.connect()
        return self._first

    def close(self) -> None:
        for connector in self._open:
            connector.close()

    @property
    def can(self) -> Capabilities:
        return self.connector.capabilities(self.object)

    @property
    def info(self) -> ObjectInfo:
        if self._info is None:
            self._info = self.connector.describe(self.object)
        return self._info

    @property
    def want(self) -> Want:
        names = [*self.sample.create, *self.sample.edit, *self.sample.values]
        names += [self.sample.text_field] if self.sample.text_field else []
        return Want(tuple(dict.fromkeys(names)), self.sample.key_field)

    # -- people

    def fields(self, **changes: Any) -> dict[str, Any]:
        """A good record, unlike any before where the remote might mind."""
        number, made = next(self._numbers), dict(self.sample.create)
        for name in self.distinct():
            value = str(made[name])
            made[name] = f"n{number}.{value}" if "@" in value else f"{value}{number}"
        return {**made, **changes}

    def distinct(self) -> list[str]:
        """The sample's fields that tell records apart: unique ones, e-mail addresses, what can be searched by."""
        by = [self.sample.find_by] if isinstance(self.sample.find_by, str) else self.sample.find_by
        found = []
        for name, value in self.sample.create.items():
            known = self.info.field(name)
            if isinstance(value, str) and ((known and (known.unique or known.type == "email")) or name in by):
                found.append(name)
        return found

    def seed(self, seconds: float = 1.0, **changes: Any) -> str:
        """Somebody creates a record; then time passes."""
        id = str(self.sandbox.seed(self.object, self.fields(**changes)))
        self.clock.advance(seconds)
        return id

    def edit(self, id: str, fields: Mapping[str, Any], seconds: float = 1.0) -> None:
        self.sandbox.edit(self.object, id, fields)
        self.clock.advance(seconds)

    def remove(self, id: str, seconds: float = 1.0) -> None:
        self.sandbox.remove(self.object, id)
        self.clock.advance(seconds)

    def rows(self) -> dict[str, dict[str, Any]]:
        return dict(self.sandbox.rows(self.object))

    # -- our user

    def read(self, id: str) -> Record:
        """One record as it is now."""
        found = self.connector.get(self.object, [id], self.want)
        assert [r.id for r in found] == [id], "get answers once for each id"
        return found[0]

    def pages(self, cursor: str = "", *, by: Connector | None = None, slow: bool = True) -> list[Page]:
        want = Want(self.want.fields, self.want.key_field, slow)
        pages = list((by or self.connector).changes(self.object, cursor, want))
        assert pages, "a pull gives at least one page, with the cursor for the next one"
        assert [p.last for p in pages] == [False] * (len(pages) - 1) + [True], "only the last page says that it is"
        return pages

    def pull(self, cursor: str = "", *, by: Connector | None = None, slow: bool = True) -> tuple[list[Record], str]:
        pages = self.pages(cursor, by=by, slow=slow)
        return [r for p in pages for r in p.records], pages[-1].cursor

    def write(self, *batch: Write) -> list[Receipt]:
        """One batch; receipts come one for each write, whatever their order."""
        receipts = self.connector.write(self.object, batch)
        assert sorted(r.op for r in receipts) == sorted(w.op for w in batch), "one receipt for each write"
        self.clock.advance(1)
        by_op = {r.op: r for r in receipts}
        return [by_op[w.op] for w in batch]

    def create(self, key: str = "", op: str = "create", **changes: Any) -> Write:
        fields = self.fields(**changes)
        return Write(op, "create", fields, key_field=self.sample.key_field if key else "", key=key)

    def update(self, record: Record, fields: Mapping[str, Any], op: str = "update") -> Write:
        return Write(op, "update", fields, id=record.id, version=record.version, stamp=record.stamp)

    def created(self, **changes: Any) -> Record:
        """A record that our user made, read back."""
        receipt = self.write(self.create(**changes))[0]
        assert (receipt.status, receipt.error) == ("done", None)
        return self.read(receipt.id)

    # -- HTTP

    def sign_ins(self) -> int:
        return sum(self.suite.sign_in_path in path.lower() for _, path in self.sandbox.calls)

    def secrets(self) -> list[str]:
        """Every secret of the settings, and every token that was saved."""
        auth = self.sandbox.config().get("auth") or {}
        options = type(self.connector).auth_kinds.get(auth.get("kind", ""), ())
        return [str(auth[o.name]) for o in options if o.secret and auth.get(o.name)]


def live(records: Sequence[Record]) -> dict[str, Mapping[str, Any]]:
    """What a spoke holds by what it told: the last word about each record."""
    told: dict[str, Record] = {}
    for r in records:
        if r.id not in told or r.stamp >= told[r.id].stamp:
            told[r.id] = r
    return {id: r.fields for id, r in told.items() if r.kind == "updated"}
