"""Pull: read what changed in one spoke and put it into the inbox, a page and its cursor in one transaction.

A row that says nothing new (its hash and its mapping's fingerprint are those last settled, and nothing of it waits) is
counted and dropped before it is mapped. Re-reading is always safe: the cursor moves only over what is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hub.connect.connector import Page, Want
from hub.core.errors import Reject
from hub.core.model import Record, Spoke
from hub.engine.context import Hub, Run
from hub.store import agenda, audit, goldens, records, runs
from hub.store.db import Tx, dumps
from hub.store.records import Known, Pending

T = TypeVar("T")
GONE = ("deleted", "merged_into", "converted_into")


def row_hash(record_kind: str, into: object, key: str, fields: Mapping[str, object]) -> str:
    """What a record says, without stamps: equal hashes mean that there is nothing to settle."""
    body = [record_kind, into, key, {} if record_kind in GONE else fields]
    return hashlib.blake2b(dumps(body).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def fingerprint(spoke: Spoke) -> str:
    """What decides how a row of this spoke is understood: its mapping and its scope."""
    return f"{spoke.mapping.fingerprint}:{getattr(spoke.where, 'text', '') if spoke.where else ''}"


def wanted(spoke: Spoke, *, slow: bool = True) -> Want:
    return Want(fields=read_names(spoke), key_field=spoke.key_field, slow=slow)


def read_names(spoke: Spoke) -> tuple[str, ...]:
    """The remote fields to read: those that the mapping and the scope speak of."""
    scope = spoke.where.record_names if spoke.where is not None else ()
    return tuple(dict.fromkeys((*spoke.mapping.reads(), *scope)))


def pull(hub: Hub, run: Run, spoke: Spoke) -> None:
    """Read one spoke from its cursor to the end of what it has now."""
    connector = hub.connectors[spoke.connection]
    with hub.store.read() as tx:
        stored = runs.cursor(tx, spoke.connection, spoke.object)
    meaning = fingerprint(spoke)
    again = run.full or stored.fingerprint not in ("", meaning)
    slow = again or hub.clock.now() - stored.slow_at >= run.sync.slow_every
    reading = _Reading(
        hub,
        run,
        spoke,
        meaning,
        after="" if again else stored.covers,
        full=again or not stored.full_done,
        whole=again or not connector.capabilities(spoke.object).delta,
    )
    position = "" if again else stored.cursor

    def read(want: Want) -> None:
        nonlocal position
        for page in hub.pool.ahead(connector.changes(spoke.object, position, want), lambda page: page.last):
            hub.hook("page")
            reading.store(page, slow=slow)
            position = page.cursor

    ask(hub, run, spoke, read, slow=slow)


def ask(hub: Hub, run: Run, spoke: Spoke, call: Callable[[Want], T], *, slow: bool = True) -> T:
    """Make a reading call, again without those fields that the remote says it does not show."""
    want = wanted(spoke, slow=slow)
    want = replace(want, fields=tuple(n for n in want.fields if n not in run.hidden.get(spoke.connection, ())))
    while True:
        try:
            return call(want)
        except Reject as refused:
            want = _without(hub, run, spoke, want, refused)


def _without(hub: Hub, run: Run, spoke: Spoke, want: Want, refused: Reject) -> Want:
    """Go on without fields that the remote does not show any more (gone, renamed, no permission): they count as not
    read, which never empties anything. Raises `refused` if it names none of the fields that were asked for."""
    hidden = [n for n in refused.fields if n in want.fields]
    if not hidden:
        raise refused
    text = (
        f"{spoke.connection} does not let us read {spoke.object}.{', '.join(hidden)} ({refused.what}). The other fields "
        f"go on; these are left as they are. Next: accordant discover {spoke.connection} {spoke.object} [E-FIELD]"
    )
    run.hidden.setdefault(spoke.connection, set()).update(hidden)
    run.drift[f"{spoke.connection}.{spoke.object}.{','.join(hidden)}"] = text
    with hub.store.begin() as tx:
        run.hold(tx)
        audit.write(tx, [audit.Entry("drift", run=run.id, connection=spoke.connection, object=spoke.object, why=text)])
    return replace(want, fields=tuple(n for n in want.fields if n not in hidden))


@dataclass(slots=True)
class _Reading:
    """One pull under way: takes pages and stores them."""

    hub: Hub
    run: Run
    spoke: Spoke
    meaning: str
    after: str
    full: bool
    whole: bool
    read: int = 0
    covers: str = ""

    def store(self, page: Page, *, slow: bool) -> None:
        rows = _newest(page.records)
        unsure = self._store(page, rows, slow, sure=False)
        if unsure:
            rows.update(self._direct(unsure))
            self._store(page, rows, slow, sure=True)
        self.read += len(page.records)
        facts: dict[str, object] = {"connection": self.spoke.connection, "read": self.read, "total": page.total}
        self.hub.progress("read", facts)

    def _direct(self, ids: Sequence[str]) -> dict[str, Record]:
        """One stamp, two contents: only the remote can say which is newer."""
        return {r.id: r for r in get(self.hub, self.run, self.spoke, ids)}

    def _store(self, page: Page, rows: dict[str, Record], slow: bool, *, sure: bool) -> list[str]:
        """Store a page. Returns ids that need a direct read first, and then has stored nothing."""
        spoke, run = self.spoke, self.run
        with self.hub.store.begin() as tx:
            run.hold(tx)
            sorted_out = sort_out(tx, run, spoke, self.meaning, rows.values(), self.after, whole=self.whole)
            if sorted_out.unsure and not sure:
                return sorted_out.unsure
            put_away(tx, run, spoke, sorted_out)
            values: dict[str, object] = {"cursor": page.cursor, "fingerprint": self.meaning, "pulled_at": tx.now}
            if page.last:
                values |= {"covers": page.covers or self.covers, "full_done": True}
                if slow:
                    values["slow_at"] = tx.now
                if self.full:
                    _look_for_creates(tx, run, spoke)
            self.covers = page.covers or self.covers
            runs.save_cursor(tx, run.sync.name, spoke.connection, spoke.object, **values)
            flush_calls(self.hub, tx, run, spoke)
        return []


def _look_for_creates(tx: Tx, run: Run, spoke: Spoke) -> None:
    """A spoke that joined, or whose scope or mapping changed, may lack golden records that nothing else brings up."""
    if "create" not in spoke.writes or spoke.direction == "read":
        return
    after = ""
    while found := goldens.missing_in(tx, run.sync.name, spoke.connection, spoke.object, after, 2_000):
        agenda.add(tx, run.sync.name, [(agenda.golden(g), agenda.CREATES) for g in found])
        after = found[-1]


@dataclass(slots=True)
class SortedOut:
    """A page's rows by what is to be done with them."""

    changed: list[Pending] = field(default_factory=list)
    replaced: list[Pending] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    newly_gone: list[Record] = field(default_factory=list)
    restamped: list[Record] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    uncounted: int = 0


def _newest(rows: Iterable[Record]) -> dict[str, Record]:
    """One row per record: the newest, where a page names it twice."""
    found: dict[str, Record] = {}
    for row in rows:
        old = found.get(row.id)
        if old is None or row.direct or (row.stamp >= old.stamp and not old.direct):
            found[row.id] = row
    return found


def sort_out(
    tx: Tx, run: Run, spoke: Spoke, meaning: str, rows: Iterable[Record], after: str, *, whole: bool = False
) -> SortedOut:
    """Compare rows with what is known of their records; decides nothing about their values. `whole`: they are part of a
    reading of everything, where a row that is older than what we know and says something else is looked into: the
    remote's clock may have been set back."""
    rows = list(rows)
    ids = [r.id for r in rows]
    known = records.known(tx, spoke.connection, spoke.object, ids)
    waiting = records.pending_for(tx, spoke.connection, spoke.object, ids)
    names = read_names(spoke)
    out = SortedOut()
    strangers = [r.id for r in rows if r.kind in GONE and r.id not in known]
    # The survivor of a merge has a link before it was ever read.
    linked = goldens.links_by_record(tx, spoke.connection, spoke.object, strangers) if strangers else {}
    known.update({id: Known(stamp=link.stamp) for id, link in linked.items()})
    for row in rows:
        _sort_one(out, run, spoke, meaning, row, known.get(row.id), waiting.get(row.id), names, after, whole)
    return out


def _sort_one(
    out: SortedOut,
    run: Run,
    spoke: Spoke,
    meaning: str,
    row: Record,
    known: Known | None,
    waiting: Pending | None,
    names: tuple[str, ...],
    after: str,
    whole: bool,
) -> None:
    fields = {n: row.fields[n] for n in names if n in row.fields}
    told = row_hash(row.kind, row.into, row.key or "", fields)
    counted = known is not None and known.seen.startswith(f"{run.id}=")
    if waiting is not None:
        return _lay_over(out, run, spoke, row, fields, waiting, told, whole)
    if known is None and row.kind in GONE:
        return out.newly_gone.append(row)
    if known is not None:
        if not row.direct and row.stamp and row.stamp < known.stamp:
            return (out.unsure if whole and known.hash != told else out.again if counted else out.unchanged).append(
                row.id
            )
        if known.hash == told and known.fingerprint == meaning:
            if (row.version, row.stamp) != (known.version, known.stamp):
                out.restamped.append(row)
            return (out.again if counted else out.unchanged).append(row.id)
        same_version = bool(known.hash) and row.stamp == known.stamp != "" and known.fingerprint == meaning
        # Found gone by a direct read, which tells no time: whether this row is older only another such read can say.
        undated = bool(known.hash) and known.stamp == "" != row.stamp
        if (same_version or undated) and not row.direct and row.kind == "updated":
            return out.unsure.append(row.id)
    out.uncounted += counted
    bound = max(known.stamp if known else "", after)
    if row.stamp and row.stamp < bound:
        bound = ""  # the remote's clock was set back: nothing is known of when
    out.changed.append(_pending(spoke, row, fields, bound))
    return None


def _lay_over(
    out: SortedOut,
    run: Run,
    spoke: Spoke,
    row: Record,
    fields: dict[str, object],
    waiting: Pending,
    told: str,
    whole: bool,
) -> None:
    """A newer row over a pending one, field by field; what the newer one does not say stays pending."""
    told_before = row_hash(waiting.kind, waiting.into, waiting.key, waiting.fields)
    if not row.direct and row.stamp and row.stamp < waiting.stamp:
        if whole and told != told_before and not waiting.direct:
            return out.unsure.append(row.id)
        merged = replace(waiting, fields={**fields, **waiting.fields}, run=run.id)
    else:
        if row.stamp == waiting.stamp != "" and told != told_before and not row.direct and row.kind == "updated":
            return out.unsure.append(row.id)
        base = {} if row.kind in GONE else {**waiting.fields, **fields}
        # What is as new as a direct read, or newer, tells as much as it.
        direct = row.direct or waiting.direct
        merged = replace(_pending(spoke, row, base, waiting.after), points=waiting.points, direct=direct)
    out.replaced.append(waiting)
    return out.changed.append(merged)


def _pending(spoke: Spoke, row: Record, fields: Mapping[str, object], after: str) -> Pending:
    return Pending(
        seq=0,
        connection=spoke.connection,
        object=spoke.object,
        remote_id=row.id,
        fields=fields,
        kind=row.kind,
        into=row.into,
        version=row.version,
        stamp=row.stamp,
        after=after,
        key=row.key or "",
        by_us=row.by_us,
        direct=row.direct,
    )


def put_away(tx: Tx, run: Run, spoke: Spoke, out: SortedOut) -> None:
    """Write a sorted page: inbox rows, marks, counts."""
    records.replace_pending(tx, run.id, out.replaced)
    records.add_pending(tx, run.sync.name, run.id, out.changed)
    records.mark_seen(tx, spoke.connection, spoke.object, [*out.unchanged, *out.again], run.mark)
    records.note_new(tx, [_gone_row(spoke, run, r) for r in out.newly_gone])
    # A newer version that says the same: the next conditional write must stand on it.
    versions = [(r.id, r.version, r.stamp) for r in out.restamped]
    records.restamp(tx, spoke.connection, spoke.object, versions)
    goldens.restamp(tx, spoke.connection, spoke.object, versions)
    unchanged = len(out.unchanged) + len(out.newly_gone) - out.uncounted
    runs.add_to_spoke(tx, run.id, spoke.connection, spoke.object, unchanged=unchanged)


def _gone_row(spoke: Spoke, run: Run, row: Record) -> dict[str, object]:
    """A record that was gone before we ever saw it: remembered, so that its tombstone is no news next time."""
    return {
        "connection": spoke.connection,
        "object": spoke.object,
        "remote_id": row.id,
        "hash": row_hash(row.kind, row.into, row.key or "", {}),
        "fingerprint": fingerprint(spoke),
        "version": row.version,
        "stamp": row.stamp,
        "disposition": row.kind,
        "reason": dumps(row.into),
        "seen": run.mark,
    }


def get(hub: Hub, run: Run, spoke: Spoke, ids: Sequence[str]) -> list[Record]:
    """Read records by id, strongly consistent."""
    connector = hub.connectors[spoke.connection]
    return ask(hub, run, spoke, lambda want: connector.get(spoke.object, ids, want))


def take_in(hub: Hub, run: Run, spoke: Spoke, rows: Sequence[Record]) -> None:
    """Put rows that were read by id into the inbox, outside of any page."""
    if not rows:
        return
    with hub.store.begin() as tx:
        run.hold(tx)
        put_away(tx, run, spoke, sort_out(tx, run, spoke, fingerprint(spoke), rows, ""))
        flush_calls(hub, tx, run, spoke)


def flush_calls(hub: Hub, tx: Tx, run: Run, spoke: Spoke) -> None:
    """Carry the API calls made since the last time into the run's figures."""
    made = hub.calls.take(spoke.connection)
    if made:
        runs.add_to_spoke(tx, run.id, spoke.connection, spoke.object, calls=made)
