"""The nouns of Accordant, as frozen values. Nothing here does anything.

Canonical values are JSON-plain: text, bool, int, None; exact decimals as text ("12.50"); money as
{"amount": "12.50", "currency": "EUR"}; dates "2026-01-31"; instants "2026-01-31T10:00:00.000Z"; sets as sorted
lists of text; a reference as the golden id. So equality is `==` and storing is JSON.

A golden record is flat: {field path: value}, where a path may name a part or a keyed list item:
`given_name`, `address.country`, `phones[mobile]`, `custom.tier`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from hub.core.errors import Place

Value = Any  # a canonical value, JSON-plain
Raw = Any  # a remote's own value, JSON-plain
Fields = Mapping[str, Any]


class Missing(Enum):
    """Not a value: the field was not read (ABSENT), or refers to a record that is not linked yet (UNRESOLVED)."""

    ABSENT = "absent"
    UNRESOLVED = "unresolved"


ABSENT = Missing.ABSENT
UNRESOLVED = Missing.UNRESOLVED


# ---------------------------------------------------------------- what a spoke reports


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a spoke holds it, or the news that it is gone.

    `fields`: raw values by remote name; a name that is not there was not read. `stamp`: RFC 3339 UTC with
    milliseconds, comparable within one connection and object ("" if the remote has none). `version`: opaque, equal
    only for the same version. `kind`: updated | deleted | merged_into | converted_into; `into`: survivors as
    (object, id). `key`: the value of the spoke's key field. `by_us`: the last write was made by our own user.
    `direct`: read by id, so it is what the remote holds now whatever its stamp says.
    """

    object: str
    id: str
    fields: Fields = field(default_factory=dict)
    version: str = ""
    stamp: str = ""
    kind: str = "updated"
    into: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    by_us: bool = False
    direct: bool = False


# ---------------------------------------------------------------- mapping, as the heart sees it


class Refs(Protocol):
    """Looks up references between records. Both return None where there is no link."""

    def golden(self, connection: str, object: str, remote_id: str) -> str | None: ...
    def remote(self, connection: str, object: str, golden_id: str) -> str | None: ...


class Rule(Protocol):
    """One field of a mapping, both ways. `raw` is one remote value, or a list where several fields make one value.

    `kind`: the canonical type (text, email, phone, number, money, date, datetime, bool, set, ref, ...).
    """

    path: str
    kind: str
    readable: bool
    writable: bool
    required: bool
    place: Place

    def remote_names(self) -> tuple[str, ...]:
        """The remote fields that it reads or writes."""

    def raw(self, fields: Fields) -> Raw:
        """Pick its raw value out of a record's fields; ABSENT unless all of it was read."""

    def to_canonical(self, raw: Raw, connection: str, refs: Refs) -> Value:
        """The canonical value, ABSENT (ignored), or UNRESOLVED. Raises Reject on a value it does not know."""

    def to_remote(self, value: Value, fields: Fields, connection: str, refs: Refs) -> Raw:
        """The raw value to write; ABSENT = do not write; UNRESOLVED. `fields`: the whole golden. Raises Reject."""

    def spread(self, raw: Raw) -> dict[str, Any]:
        """The remote fields that hold `raw`: the inverse of `raw(fields)`."""

    def same(self, a: Value, b: Value) -> bool:
        """Equal by the type's own rule (case, spaces, phone digits, cut, rounding), None only equals None."""

    def richer(self, a: Value, b: Value) -> Value:
        """Of two values that are `same`, the one that says more."""


# ---------------------------------------------------------------- the golden record and its links


@dataclass(frozen=True, slots=True)
class Source:
    """Where a golden field's value came from. `by`: a connection, or "person:NAME" for a decision in the hub.

    The value was entered in (`after`, `stamp`]; without `after` it is only known to be no younger than `stamp`. `form`
    marks the link and raw value that it was read from, so that a changed mapping can be told from an edit.
    """

    by: str
    stamp: str = ""
    run: str = ""
    after: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Golden:
    """The hub's record of one real thing. `state`: live | merged | erased. `origin`: (connection, object, id,
    generation) of the record that founded it."""

    id: str
    entity: str
    kind: str
    fields: Fields = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    state: str = "live"
    origin: tuple[str, str, str, int] = ("", "", "", 0)


@dataclass(frozen=True, slots=True)
class Pair:
    """A field's base on one link: the golden value last agreed on, and the remote's raw value that stands for it.

    `seen` is False while `form` is only what we sent: what the remote made of it is not known yet.
    """

    agreed: Value
    form: Raw
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """Golden record ↔ one remote record. `state`: linked | suspended | ended | refused; `why` for ended: deleted |
    merged | converted | unlinked. Secondary links are read, never written. `stamp`, `version`: as last settled."""

    id: str
    golden: str
    connection: str
    object: str
    remote_id: str
    state: str = "linked"
    why: str = ""
    primary: bool = True
    base: Mapping[str, Pair] = field(default_factory=dict)
    version: str = ""
    stamp: str = ""


# ---------------------------------------------------------------- what decide() is given


@dataclass(frozen=True, slots=True)
class Reading:
    """A pending change of one link: raw values by remote name, and when it can have happened.

    A field's edit happened in (`after`, `stamp`]; `points` narrows single fields where the spoke has history.
    `kind`: updated | deleted | restored.
    """

    fields: Fields
    kind: str = "updated"
    stamp: str = ""
    version: str = ""
    after: str = ""
    by_us: bool = False
    points: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One link of the golden record, with the spoke's rules and what it reported.

    `rules`: {path: Rule}. `direction`: both | read | write (the spoke's). `drift`: report | overwrite.
    `intents`: {path: value} of writes whose outcome is not known or whose form was not seen yet, newest last.
    `writes`: of {create, update, delete}. `deleting`: the action (delete | archive) of an operation against this record
    that is decided but not sent; it stays due until an edit or a restored record withdraws it.
    """

    link: Link
    rules: Mapping[str, Rule]
    reading: Reading | None = None
    direction: str = "both"
    drift: str = "report"
    writes: frozenset[str] = frozenset({"create", "update"})
    intents: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    deleting: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """How one sync decides. Chains are tried left to right; an entry is `newest`, `non_empty`, `hold`, the name of a
    connection (it wins if it is a candidate), or a compiled expression.

    `ownership`, `conflicts`, `first_link`: by path, with "default". `rule_places`: where in the file a path's rule
    stands, for audit and explain.
    """

    ownership: Mapping[str, str] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: {"default": ("newest",)})
    first_link: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    deletes: str = "unlink"
    delete_against_edit: str = "hold"
    clock_tolerance: float = 5.0
    consent_opt_in_from: tuple[str, ...] = ()
    rule_places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """An open conflict on one field. `claims`: {link id: raw value that this link asks for}. `golden`: the hub's value."""

    path: str
    claims: Mapping[str, Raw]
    golden: Value = None


# ---------------------------------------------------------------- what decide() answers


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A golden field that changes. `winner`: connection; `reason`: edit | first_link | ownership | conflict | mapping |
    decision | union | founded; `rule`: which policy entry decided, with its place."""

    path: str
    before: Value
    after: Value
    winner: str
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that a person entered and that did not win. It is audited and can be brought back. `reason`: conflict |
    ownership | first_link | consent | decision | drift; `connection`: where it was entered, or "person:NAME"."""

    path: str
    value: Value
    connection: str
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """One field of a write that is due: canonical before (what the link agreed) and after, and the raw to send.

    `reason`: who entered the value, a connection or "person:NAME". For a field that cannot be read back, `after` is the
    raw value itself.
    """

    path: str
    before: Value
    after: Value
    raw: Raw
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """The write that one link needs to agree with the golden record. `action`: update | delete | archive."""

    link: str
    action: str
    fields: tuple[FieldWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know about one field or record: unresolved, unknown_value, required, drift, parked,
    delete_against_edit.

    `waits_for`: (connection, object, remote id) or ("golden", entity, id) whose link will wake this record.
    """

    what: str
    path: str = ""
    connection: str = ""
    text: str = ""
    waits_for: tuple[str, str, str] | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Decision:
    """All that follows from the pending changes of one golden record. Applying it is the engine's work.

    `golden`: the new record. `bases`: {link id: new base, complete}. `links`: links whose state changed.
    `changes`, `lost`: for the audit. `due`: writes. `holds`: conflicts open after this (complete, replaces the stored
    ones); `closed`: paths whose conflict ended by itself. `outcome`: {link id: outcome} for links with a reading, one
    of dead, held, conflicted, waiting, applied, unchanged, in the sense of I5.
    """

    golden: Golden
    bases: Mapping[str, Mapping[str, Pair]]
    links: tuple[Link, ...] = ()
    changes: tuple[FieldChange, ...] = ()
    lost: tuple[Lost, ...] = ()
    due: tuple[Due, ...] = ()
    holds: tuple[Held, ...] = ()
    closed: tuple[str, ...] = ()
    outcome: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


# ---------------------------------------------------------------- what people configure


@dataclass(frozen=True, slots=True)
class MatchRule:
    """`when`: paths that must all be equal and not empty; `decide`: link | review."""

    when: tuple[str, ...]
    decide: str
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Limit:
    """A guard: an absolute count, or a share (0..1) of the spoke's linked records; None means no limit."""

    count: int | None = None
    share: float | None = None

    def allows(self, linked: int) -> int | None:
        """How many operations in 24 h, or None for no limit. A share never allows less than 20."""
        if self.share is not None:
            return max(20, int(self.share * linked))
        return self.count


@dataclass(frozen=True, slots=True)
class Guards:
    creates: Limit = Limit(count=500)
    updates: Limit = Limit(share=0.2)
    deletes: Limit = Limit(count=20)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`every`: seconds between runs, or None; `cron`: five fields; `sweep`: "HH:MM" and zone."""

    every: float | None = None
    cron: str = ""
    sweep_at: str = ""
    zone: str = "UTC"
    webhooks: bool = False


@dataclass(frozen=True, slots=True)
class Spoke:
    """One system's part in a sync. `mapping` is a hub.core.mapping.Mapping; `where` a compiled scope or None."""

    connection: str
    mapping: Any
    where: Any = None
    direction: str = "both"
    writes: frozenset[str] = frozenset({"create", "update"})
    key_field: str = ""
    protocol: str = "careful"
    drift: str = "report"
    place: Place = Place()
    where_place: Place = Place()

    @property
    def object(self) -> str:
        return str(self.mapping.object)


@dataclass(frozen=True, slots=True)
class Sync:
    """One configured sync, read from config/syncs/NAME.yaml and checked."""

    name: str
    entity: str
    kind: str
    spokes: tuple[Spoke, ...]
    after: tuple[str, ...] = ()
    match: tuple[MatchRule, ...] = ()
    policy: Policy = Policy()
    scope_exit: str = "keep"
    merges: str = "hold"
    guards: Guards = Guards()
    schedule: Schedule = Schedule()
    slow_every: float = 3600.0
    first_run: str = "plan"
    place: Place = Place()
    fingerprint: str = ""
