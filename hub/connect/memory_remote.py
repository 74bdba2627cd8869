"""An invented system of record that lives in memory: what people and our connector both work on in tests.

People act through `create`, `edit`, `clear`, `delete`, `restore`, `merge` and `convert`; the connector through `search`,
`gone`, `read`, `lookup`, `ids` and `write`. Reading by id is exact; searching looks through an index that may lag.
"""

from __future__ import annotations

import random
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connect.clock import from_stamp, to_stamp
from hub.connect.connector import Clock, FieldVersion, Receipt, Write
from hub.connect.profiles import FieldProfile, ObjectProfile
from hub.core.errors import Changed, Duplicate, Gone, Reject


@dataclass(frozen=True, slots=True)
class Version:
    """A record at one moment. `state`: live | deleted | merged | converted. `shown`: when searches see it."""

    id: str
    fields: Mapping[str, Any]
    stamp: str
    number: int
    by: str
    state: str = "live"
    into: tuple[tuple[str, str], ...] = ()
    shown: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted write. `who`: "hub", "automation", or the person. `fields`: as stored; `before`: what they replaced.

    `time` is the true time, `stamp` what the remote's own clock said.
    """

    time: float
    stamp: str
    who: str
    action: str
    object: str
    id: str
    fields: Mapping[str, Any]
    before: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WriteCall:
    """One write that our user asked for, and what came of it (accepted or not)."""

    time: float
    object: str
    write: Write
    status: str


@dataclass(slots=True)
class Row:
    """One record with those earlier versions that searches may still show."""

    versions: list[Version]
    history: dict[str, list[FieldVersion]] = field(default_factory=dict)

    @property
    def now(self) -> Version:
        return self.versions[-1]


@dataclass(slots=True)
class Table:
    """The rows of one object. `held`: {field: {value: ids of live records}} for fields that are unique or can be
    searched by; `sorted`, `ids`: copies for paging, kept until the next write."""

    profile: ObjectProfile
    rows: dict[str, Row] = field(default_factory=dict)
    held: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    sorted: list[Version] | None = None
    ids: list[str] | None = None
    made: int = 0

    def __post_init__(self) -> None:
        names = {f.name for f in self.profile.all_fields() if f.unique}
        self.held = {n: {} for n in sorted(names | set(self.profile.find_by) | {self.profile.unique_key} - {""})}

    @property
    def lags(self) -> bool:
        return bool(self.profile.lag or self.profile.late[0])

    def holders(self, name: str, value: Any) -> list[str]:
        """Live records whose field holds the value, whatever its case."""
        return sorted(self.held[name].get(_folded(value), ()))

    def index(self, before: Version | None, after: Version) -> None:
        for name, by_value in self.held.items():
            if before is not None and (old := before.fields.get(name)) is not None:
                by_value.get(_folded(old), set()).discard(before.id)
            if after.state == "live" and (new := after.fields.get(name)) is not None:
                by_value.setdefault(_folded(new), set()).add(after.id)


def _folded(value: Any) -> str:
    return str(value).casefold()


def nothing(event: str) -> None:
    """The hook of a remote that nobody disturbs."""


class MemoryRemote:
    """The invented system. `hook(event)` runs before and after each call of a connector and may do anything: edit as a
    person, move the clock, or raise in the place of the answer. `skew` is added to its clock. `truncate` {object: rows}
    cuts full lists short in silence. `token`, if set, is what connectors must sign in with. `log` holds every accepted
    write, `writes` every write that our user asked for."""

    def __init__(
        self,
        objects: Mapping[str, ObjectProfile],
        clock: Clock,
        rng: random.Random,
        *,
        name: str = "memory",
        skew: float = 0.0,
        keep_log: bool = True,
    ) -> None:
        self.name, self.clock, self.random, self.skew = name, clock, rng, skew
        self.hook: Callable[[str], None] = nothing
        self.truncate: dict[str, int] = {}
        self.token = ""
        self.log: list[Entry] = []
        self.writes: list[WriteCall] = []
        self.lock = threading.RLock()
        self._keep_log = keep_log
        self._tables = {name: Table(profile) for name, profile in objects.items()}
        self._number = 0

    # -- what anybody may ask

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(self._tables)

    def profile(self, object: str) -> ObjectProfile:
        return self._table(object).profile

    def now(self) -> float:
        """The remote's own clock."""
        return self.clock.now() + self.skew

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        """All live records: {id: fields}, hidden fields too."""
        with self.lock:
            rows = self._table(object).rows
            return {id: dict(row.now.fields) for id, row in rows.items() if row.now.state == "live"}

    def version(self, object: str, id: str) -> Version:
        """The record as it is now, whatever its state. Raises Gone for an id that never was."""
        return self._row(object, id).now

    # -- what people do

    def create(self, object: str, fields: Mapping[str, Any], *, by: str = "person") -> str:
        with self.lock:
            return self._create(object, fields, by)

    def edit(self, object: str, id: str, fields: Mapping[str, Any], *, by: str = "person") -> str:
        with self.lock:
            return self._edit(object, id, fields, by)

    def clear(self, object: str, id: str, *names: str, by: str = "person") -> str:
        """Empty fields."""
        return self.edit(object, id, dict.fromkeys(names), by=by)

    def delete(self, object: str, id: str, *, by: str = "person") -> str:
        with self.lock:
            row = self._live(object, id)
            self._commit(object, "delete", by, replace(row.now, state="deleted"))
            return id

    def restore(self, object: str, id: str, *, by: str = "person") -> str:
        """Take a deleted record back out of the bin."""
        with self.lock:
            now = self._row(object, id).now
            if now.state != "deleted":
                raise Reject(f"only a deleted record can be restored; {object} {id} is {now.state}")
            self._check_unique(object, id, now.fields)
            self._commit(object, "restore", by, replace(now, state="live"))
            return id

    def merge(self, object: str, winner: str, loser: str, *, by: str = "person") -> str:
        """Make one record of two; the loser fills what the winner left empty. Returns the id of the survivor."""
        with self.lock:
            profile, kept, lost = self.profile(object), self._live(object, winner).now, self._live(object, loser).now
            fills = {n: v for n, v in lost.fields.items() if kept.fields.get(n) is None and v is not None}
            away = "merged" if profile.redirects else "deleted"
            survivor = self._new_id(object) if profile.merge_makes_new_id else winner
            for old in (kept, lost) if survivor != winner else (lost,):
                self._commit(object, "merge", by, replace(old, state=away, into=((object, survivor),)))
            if survivor != winner:
                fresh = Version(survivor, {**kept.fields, **fills}, "", 0, by)
                self._commit(object, "create", by, fresh)
            else:
                self._commit(object, "edit", by, replace(kept, fields={**kept.fields, **fills}))
            return survivor

    def convert(
        self, object: str, id: str, into: Iterable[tuple[str, Mapping[str, Any]]], *, by: str = "person"
    ) -> list[str]:
        """Turn a record into others (a lead into a customer and an opportunity). Returns the ids of these."""
        with self.lock:
            now = self._live(object, id).now
            made = [(other, self._create(other, fields, by)) for other, fields in into]
            state = "converted" if self.profile(object).redirects else "deleted"
            self._commit(object, "convert", by, replace(now, state=state, into=tuple(made)))
            return [new for _, new in made]

    # -- what the connector asks

    def search(
        self, object: str, since: str, after: str, limit: int, *, offset: int = 0, full: bool = False
    ) -> list[Version]:
        """Index entries above (since, after), by stamp and id. Deleted ones only where the product flags them. `full`:
        part of a full list, which `truncate` may cut short."""
        with self.lock:
            profile = self.profile(object)
            if profile.search_cap and offset + limit > profile.search_cap:
                raise Reject(f"a search gives at most {profile.search_cap} results", vendor_code="SEARCH_CAP")
            found = self._index(object)
            start = bisect_right(found, (since, after), key=lambda v: (v.stamp, v.id)) + offset
            end = self.truncate.get(object, len(found)) if full else len(found)
            return found[start : min(start + limit, end)]

    def gone(self, object: str, since: str, after: str, limit: int) -> list[Version]:
        """The feed of deleted, merged and converted records above (since, after), by stamp and id."""
        with self.lock:
            away = [v for v in self._visible(object) if v.state != "live" and (v.stamp, v.id) > (since, after)]
            return sorted(away, key=lambda v: (v.stamp, v.id))[:limit]

    def read(self, object: str, ids: Sequence[str]) -> list[Version | None]:
        """Records by id, exactly as they are now; None for an id that never was."""
        with self.lock:
            rows = self._table(object).rows
            return [rows[id].now if id in rows else None for id in ids]

    def lookup(self, object: str, name: str, values: Sequence[str], *, exact: bool = False) -> list[Version]:
        """Live records by the value of a field, whatever its case: through the index, or (`exact`) as they are now."""
        with self.lock:
            table = self._table(object)
            if name in table.held and (exact or not table.lags):
                return [table.rows[id].now for v in dict.fromkeys(values) for id in table.holders(name, v)]
            wanted = {_folded(v) for v in values}
            seen = (v for v in self._visible(object) if v.state == "live" and v.fields.get(name) is not None)
            return [v for v in seen if _folded(v.fields[name]) in wanted]

    def ids(self, object: str, after: str, limit: int) -> list[str]:
        """Live ids above `after`, in order. Exact, unless the list is truncated."""
        with self.lock:
            table = self._table(object)
            if table.ids is None:
                table.ids = sorted(id for id, row in table.rows.items() if row.now.state == "live")
            start = bisect_right(table.ids, after)
            return table.ids[start : min(start + limit, self.truncate.get(object, len(table.ids)))]

    def count(self, object: str) -> int:
        """How many live records there are."""
        with self.lock:
            return sum(row.now.state == "live" for row in self._table(object).rows.values())

    def history(self, object: str, id: str, names: Sequence[str]) -> dict[str, list[FieldVersion]]:
        """{field: versions, newest first}, where the product keeps them."""
        with self.lock:
            kept = self._row(object, id).history
            return {n: kept[n][::-1] for n in names if n in kept}

    def write(self, object: str, write: Write) -> Receipt:
        """Carry out one write of our user. Raises Reject, Duplicate, Changed or Gone."""
        with self.lock:
            try:
                receipt = self._carry_out(object, write)
            except Reject as error:
                self.writes.append(WriteCall(self.clock.now(), object, write, type(error).__name__.lower()))
                raise
            self.writes.append(WriteCall(self.clock.now(), object, write, "done"))
            return receipt

    # -- inside

    def _carry_out(self, object: str, write: Write) -> Receipt:
        profile = self.profile(object)
        if write.action not in profile.writes:
            raise Reject(f"{object} takes no {write.action}", vendor_code="METHOD_NOT_ALLOWED")
        fields = dict(write.fields)
        if write.action == "create":
            if write.key:
                fields[write.key_field or profile.unique_key] = write.key
            id = self._create(object, fields, "hub")
        elif write.action == "update":
            self._precondition(object, write)
            id = self._edit(object, write.id, fields, "hub")
        else:
            self._precondition(object, write)
            id = self.delete(object, write.id, by="hub")
        answer = self._row(object, id).now
        if profile.after_write and answer.state == "live" and (more := profile.after_write(id, answer.fields)):
            self._edit(object, id, more, "automation")
        return self._receipt(profile, write, answer)

    def _receipt(self, profile: ObjectProfile, write: Write, stored: Version) -> Receipt:
        if profile.receipts == "none" or write.action == "delete":
            return Receipt(write.op, "done", stored.id)
        body = {n: stored.fields.get(n) for n in write.fields} if profile.receipts == "body" else None
        return Receipt(write.op, "done", stored.id, self.etag(profile, stored), stored.stamp, body)

    @staticmethod
    def etag(profile: ObjectProfile, version: Version) -> str:
        """What the product calls a version: a number where it has conditional writes, else just the stamp."""
        return str(version.number) if profile.conditional_write == "strong" else version.stamp

    def _precondition(self, object: str, write: Write) -> None:
        profile, now = self.profile(object), self._live(object, write.id).now
        if not write.careful:
            return
        moved = profile.conditional_write == "strong" and write.version and write.version != self.etag(profile, now)
        if profile.conditional_write == "coarse" and write.stamp:
            moved = int(from_stamp(now.stamp)) > int(from_stamp(write.stamp))
        if moved:
            raise Changed(
                f"{object} {write.id} is at version {self.etag(profile, now)}", unchanged="Nothing was written"
            )

    def _create(self, object: str, fields: Mapping[str, Any], by: str) -> str:
        stored = self._stored(object, fields, by)
        whole = {f.name: stored.get(f.name) for f in self.profile(object).all_fields()}
        self._check_required(object, whole, by)
        self._check_unique(object, "", whole)
        id = self._new_id(object)
        self._commit(object, "create", by, Version(id, whole, "", 0, by))
        return id

    def _edit(self, object: str, id: str, fields: Mapping[str, Any], by: str) -> str:
        now = self._live(object, id).now
        stored = self._stored(object, fields, by)
        whole = {**now.fields, **stored}
        self._check_required(object, stored, by)
        self._check_unique(object, id, stored)
        self._commit(object, "edit", by, replace(now, fields=whole), touched=tuple(stored))
        return id

    def _stored(self, object: str, fields: Mapping[str, Any], by: str) -> dict[str, Any]:
        return {name: self._writable(object, name, by).store(value) for name, value in fields.items()}

    def _writable(self, object: str, name: str, by: str) -> FieldProfile:
        known = self.profile(object).field(name)
        if known is None or (by == "hub" and known.hidden):
            raise Reject(f"{object} has no field {name}", fields=(name,), vendor_code="NO_SUCH_FIELD")
        if by == "hub" and known.read_only:
            raise Reject(f"{object}: the field {name} cannot be written", fields=(name,), vendor_code="READ_ONLY")
        return known

    def _check_required(self, object: str, fields: Mapping[str, Any], by: str) -> None:
        # Hidden fields are filled by the product's own defaults.
        wanted = [f for f in self.profile(object).fields if f.required and not (by == "hub" and f.hidden)]
        if empty := tuple(f.name for f in wanted if f.name in fields and fields[f.name] is None):
            raise Reject(f"{object} needs {', '.join(empty)}", fields=empty, vendor_code="REQUIRED_FIELD_MISSING")

    def _check_unique(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        table = self._table(object)
        for f in table.profile.all_fields():
            if not (f.unique or f.name == table.profile.unique_key) or fields.get(f.name) is None:
                continue
            if others := [o for o in table.holders(f.name, fields[f.name]) if o != id]:
                what = f"{object}: {f.name} is taken by {others[0]}"
                raise Duplicate(what, fields=(f.name,), ids=others, vendor_code="DUPLICATE")

    def _new_id(self, object: str) -> str:
        table = self._table(object)
        table.made += 1
        return f"{object[:2]}{table.made:07d}"

    def _commit(
        self, object: str, action: str, by: str, next: Version, *, touched: tuple[str, ...] | None = None
    ) -> None:
        """Make `next` the record's version: stamp it, index it, log it."""
        table = self._table(object)
        profile, row = table.profile, table.rows.get(next.id)
        before = row.now if row else None
        self._number += 1
        stamp = to_stamp(self.now(), profile.resolution)
        next = replace(next, stamp=stamp, number=self._number, by=by, shown=self.clock.now() + self._delay(profile))
        if row is None:
            row = table.rows[next.id] = Row([])
        row.versions = [*self._still_shown(row), next]
        table.sorted = table.ids = None
        table.index(before, next)
        old = before.fields if before else {}
        names = touched if touched is not None else tuple(n for n, v in next.fields.items() if v != old.get(n))
        if profile.field_history:
            self._remember(row, old, next, by)
        if self._keep_log:
            fields, replaced = {n: next.fields[n] for n in names}, {n: old.get(n) for n in names}
            self.log.append(Entry(self.clock.now(), stamp, by, action, object, next.id, fields, replaced))

    def _delay(self, profile: ObjectProfile) -> float:
        if profile.late[0] and self.random.random() < profile.late[0]:
            return profile.late[1]
        return self.random.uniform(0, profile.lag) if profile.lag else 0.0

    def _still_shown(self, row: Row) -> list[Version]:
        """Drop the versions that no search can show any more."""
        newest = next((n for n, v in reversed(list(enumerate(row.versions))) if v.shown <= self.clock.now()), 0)
        return row.versions[newest:]

    def _remember(self, row: Row, old: Mapping[str, Any], next: Version, by: str) -> None:
        for name, value in next.fields.items():
            if value != old.get(name) or (not old and value is not None):
                row.history.setdefault(name, []).append(FieldVersion(value, next.stamp, by == "hub", by))

    def _index(self, object: str) -> list[Version]:
        """What searches see now, sorted. The copy is kept while nothing is written and nothing is on its way."""
        table = self._table(object)
        if table.sorted is not None:
            return table.sorted
        flagged = table.profile.deletes == "flag"
        seen = [v for v in self._visible(object) if v.state == "live" or flagged]
        seen.sort(key=lambda v: (v.stamp, v.id))
        if not table.lags:
            table.sorted = seen
        return seen

    def _visible(self, object: str) -> list[Version]:
        """For each record the newest version that the index has caught up with."""
        now, found = self.clock.now(), []
        for row in self._table(object).rows.values():
            version = next((v for v in reversed(row.versions) if v.shown <= now), None)
            if version is not None:
                found.append(version)
        return found

    def _table(self, object: str) -> Table:
        if object not in self._tables:
            raise Reject(f"there is no object {object}", vendor_code="NO_SUCH_OBJECT", next=", ".join(self._tables))
        return self._tables[object]

    def _row(self, object: str, id: str) -> Row:
        row = self._table(object).rows.get(id)
        if row is None:
            raise Gone(f"{object} {id} does not exist")
        return row

    def _live(self, object: str, id: str) -> Row:
        row = self._row(object, id)
        if row.now.state != "live":
            into = row.now.into[0][1] if row.now.into and row.now.state == "merged" else ""
            raise Gone(f"{object} {id} is {row.now.state}", into=into, unchanged="Nothing was written")
        return row
