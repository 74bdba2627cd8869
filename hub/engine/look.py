"""Look before and after a write, as far as the remote cannot be told to check for us.

Before: records that moved since they were settled go back to settle; before a create, the remote is asked whether it
has such a record already. After: where the remote keeps a history per field, an edit that our write ran over is found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hub.connect.clock import from_stamp
from hub.connect.connector import Connector, FieldVersion, Receipt, Want
from hub.core.errors import HubError
from hub.core.model import ABSENT, Link, Record, Spoke
from hub.engine.context import Hub, Run, ends_run
from hub.engine.pull import ask, get, take_in
from hub.store import agenda, goldens, operations, records, reviews, runs
from hub.store.db import Tx, dumps
from hub.store.operations import Operation
from hub.store.runs import Cursor

LOOKS = 3


def before_writing(
    hub: Hub, run: Run, spoke: Spoke, connector: Connector, batch: Sequence[Operation]
) -> list[Operation]:
    """The operations that may be sent now, with the version on which they stand."""
    if batch[0].action == "create":
        return _before_creating(hub, run, spoke, connector, batch)
    with hub.store.read() as tx:
        links = {o.id: goldens.link(tx, o.link) for o in batch}
        read_at = goldens.read_times(tx, [o.link for o in batch])
        lacks = records.lacking(tx, spoke.connection, spoke.object, [o.remote_id for o in batch])
        ahead = _ahead(runs.cursor(tx, spoke.connection, spoke.object))
    ids = _to_read(spoke, connector, batch, links, read_at, ahead)
    # No version protects a field that it did not show.
    ids += [
        o.remote_id for o in batch if o.remote_id not in ids and not lacks.get(o.remote_id, set()).isdisjoint(o.raw)
    ]
    fresh = _settled_stamps(hub, run, spoke, connector, ids, ahead)
    ready: list[Operation] = []
    moved: list[tuple[Operation, Record | None]] = []
    for o in batch:
        link = links[o.id]
        if link is None or link.state != "linked" or not link.primary:
            moved.append((o, None))
            continue
        record = fresh.get(o.remote_id)
        if o.remote_id in fresh and (record is None or not _is_as_settled(spoke, link, record, o)):
            moved.append((o, record))
            continue
        newest = record or Record(spoke.object, o.remote_id, version=link.version, stamp=link.stamp)
        ready.append(replace(o, version=newest.version, stamp=newest.stamp))
    _back_to_settle(hub, run, spoke, moved)
    return ready


def _to_read(
    spoke: Spoke,
    connector: Connector,
    batch: Sequence[Operation],
    links: Mapping[str, Link | None],
    read_at: Mapping[str, float],
    ahead: float,
) -> list[str]:
    """Ids of the records whose write the remote cannot make conditional on the version we saw."""
    strength = connector.capabilities(spoke.object).conditional_write
    deleting = batch[0].action in ("delete", "archive")
    if strength == "strong" and spoke.protocol == "careful" and not deleting:
        # Without a version there is no condition: the answer to our create named none, and nothing was read since.
        return [o.remote_id for o in batch if (known := links[o.id]) is not None and not known.version]
    ids = []
    for o in batch:
        link = links[o.id]
        if deleting or strength == "none" or spoke.protocol == "fast" or not link or not link.stamp:
            ids.append(o.remote_id)
        elif strength == "coarse" and read_at.get(link.id, 0.0) + ahead - from_stamp(link.stamp) < 1.0:
            # A whole-second stamp that was read within its own second can hide a later edit of that second.
            ids.append(o.remote_id)
    return ids


def _settled_stamps(
    hub: Hub, run: Run, spoke: Spoke, connector: Connector, ids: Sequence[str], ahead: float
) -> dict[str, Record]:
    """Direct reads of these records. A whole-second stamp holds as a condition only if its second is over when it is read.
    Where that is not sure, a second is let go by and the record read once more: if the stamp is the same, it is over."""
    fresh = {r.id: r for r in get(hub, run, spoke, ids)} if ids else {}
    if connector.capabilities(spoke.object).conditional_write != "coarse":
        return fresh
    young = [r.id for r in fresh.values() if r.stamp and from_stamp(r.stamp) + 1.0 > hub.clock.now() + ahead]
    for _ in range(LOOKS):
        if not young:
            break
        hub.clock.sleep(1.0)
        again = {r.id: r for r in get(hub, run, spoke, young)}
        young = [i for i, r in again.items() if r.stamp != fresh[i].stamp]
        fresh.update(again)
    return fresh


def _ahead(cursor: Cursor) -> float:
    """By how many seconds the remote's clock is ahead of ours, at the least: what it had covered when it was pulled."""
    if not cursor.covers or not cursor.pulled_at:
        return -math.inf
    return from_stamp(cursor.covers) - cursor.pulled_at


def _is_as_settled(spoke: Spoke, link: Link, record: Record, o: Operation) -> bool:
    """What we are about to write over is as it was settled, whatever the version says. A delete writes over everything;
    an edit of another field is no hindrance to an update: the next pull reads it."""
    if record.kind != "updated":
        return False
    paths = {f.path for f in o.fields} or spoke.mapping.rules.keys()
    for path in paths:
        rule, pair = spoke.mapping.rules[path], link.base.get(path)
        raw = rule.raw(record.fields) if rule.readable else ABSENT
        if pair is not None and raw is not ABSENT and raw != pair.form:
            return False
    return True


def _back_to_settle(hub: Hub, run: Run, spoke: Spoke, moved: Sequence[tuple[Operation, Record | None]]) -> None:
    if not moved:
        return
    take_in(hub, run, spoke, [r for _, r in moved if r is not None])
    with hub.store.begin() as tx:
        run.hold(tx)
        operations.mark(tx, [o.id for o, _ in moved], "withdrawn", why="the record moved before it was sent")
        agenda.add(tx, run.sync.name, [(agenda.golden(o.golden), "moved") for o, _ in moved])


# ---------------------------------------------------------------- creates


def _before_creating(
    hub: Hub, run: Run, spoke: Spoke, connector: Connector, batch: Sequence[Operation]
) -> list[Operation]:
    """Ask by match keys whether the records are there already (new ones, or ones outside of what we read)."""
    asked = _ask(hub, run, spoke, connector, batch)
    if not asked:
        return list(batch)
    with hub.store.read() as tx:
        known = goldens.links_by_record(tx, spoke.connection, spoke.object, sorted({r.id for r in asked.values()}))
    ready, found = [], []
    for o in batch:
        record = asked.get(o.id)
        link = known.get(record.id) if record else None
        if record is None or (link is not None and link.state == "ended"):
            ready.append(o)
        else:
            found.append((o, record, link))
    _hold_creates(hub, run, spoke, found)
    return ready


def _ask(hub: Hub, run: Run, spoke: Spoke, connector: Connector, batch: Sequence[Operation]) -> dict[str, Record]:
    """{operation id: a live record that has its match value}, for match rules of one field that the remote can look up."""
    can = set(connector.capabilities(spoke.object).find_by)
    found: dict[str, Record] = {}
    for match in run.sync.match:
        rule = spoke.mapping.rules.get(match.when[0]) if len(match.when) == 1 else None
        name = rule.remote_names()[0] if rule is not None and len(rule.remote_names()) == 1 else ""
        if match.decide != "link" or name not in can:
            continue
        values = {str(o.raw[name]): o.id for o in batch if o.raw.get(name) and o.id not in found}
        if not values:
            continue
        rows = ask(hub, run, spoke, partial(_find, connector, spoke.object, name, sorted(values)))
        for record in rows:
            held = str(record.fields.get(name) or "")
            op = values.get(held) or next((v for k, v in values.items() if k.casefold() == held.casefold()), None)
            if op is not None and record.kind == "updated":
                found[op] = record
    return found


def _find(connector: Connector, object: str, name: str, values: Sequence[str], want: Want) -> list[Record]:
    return connector.find(object, name, values, want)


def _hold_creates(hub: Hub, run: Run, spoke: Spoke, found: Sequence[tuple[Operation, Record, Link | None]]) -> None:
    """The record is there: an unlinked one goes to settle, which matches it; a linked one is a question for a person."""
    if not found:
        return
    take_in(hub, run, spoke, [replace(r, direct=True) for _, r, link in found if link is None])
    with hub.store.begin() as tx:
        run.hold(tx)
        operations.mark(tx, [o.id for o, _, _ in found], "withdrawn", why="the record is there already")
        for o, record, link in found:
            skipped = records.one(tx, spoke.connection, spoke.object, record.id)
            if link is not None or (skipped is not None and skipped.disposition in ("skipped", "held", "dead")):
                _letter(hub, run, tx, spoke, o, record, link)
            else:
                agenda.add(tx, run.sync.name, [(agenda.golden(o.golden), agenda.CREATES)])


def _letter(hub: Hub, run: Run, tx: Tx, spoke: Spoke, o: Operation, record: Record, link: Link | None) -> None:
    """The create is held: what stands in its way is named."""
    why = f"is linked to {link.golden}" if link else "is out of scope or held"
    reviews.letter(
        tx,
        {
            "id": hub.new_id("e"),
            "sync": run.sync.name,
            "run": run.id,
            "connection": spoke.connection,
            "object": spoke.object,
            "remote_id": "",
            "golden": o.golden,
            "path": "",
            "action": "create",
            "value": dumps(o.raw),
            "code": "E-DUPLICATE",
            "vendor_code": "",
            "text": f"{spoke.connection} already has such a record ({record.id}), and it {why}. Nothing was created.",
        },
    )


# ---------------------------------------------------------------- after the write


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A person's edit that our write ran over: what they had entered, by remote name, and when."""

    op: str
    remote_id: str
    fields: dict[str, object]
    points: dict[str, str]


def with_forms(
    hub: Hub, run: Run, spoke: Spoke, batch: Sequence[Operation], answers: Sequence[Receipt]
) -> list[Receipt]:
    """Receipts that say what our write became: where the remote did not tell, it is read back at the version that the
    receipt names, or taken from the field history. Else a person's edit could pass for the remote's own rewriting."""
    connector = hub.connectors[spoke.connection]
    able = connector.capabilities(spoke.object)
    sent = {o.id: o for o in batch if o.action in ("create", "update")}
    silent = [r for r in answers if r.status == "done" and r.fields is None and r.op in sent and r.id]
    if not silent or spoke.protocol != "careful":
        return list(answers)
    try:
        if able.conditional_write == "strong" and able.receipts == "version":
            told = _read_back(hub, run, spoke, silent)
        elif able.field_history:
            told = _from_history(spoke, connector, silent, sent)
        else:
            return list(answers)
    except HubError as problem:
        if ends_run(problem):
            raise
        return list(answers)  # the write is done; what became of it is read with the next pull
    return [replace(r, fields=told[r.op]) if told.get(r.op) else r for r in answers]


def _read_back(hub: Hub, run: Run, spoke: Spoke, silent: Sequence[Receipt]) -> dict[str, Mapping[str, object]]:
    found = {r.id: r for r in get(hub, run, spoke, [r.id for r in silent])}
    same = [r for r in silent if r.version and r.id in found and found[r.id].version == r.version]
    return {r.op: found[r.id].fields for r in same}


def _from_history(
    spoke: Spoke, connector: Connector, silent: Sequence[Receipt], sent: Mapping[str, Operation]
) -> dict[str, Mapping[str, object]]:
    names = sorted({n for r in silent for n in sent[r.op].raw if not n.startswith("@")})
    history = connector.history(spoke.object, [r.id for r in silent], names)
    ours = {r.op: {n: next((e.value for e in v if e.by_us), ABSENT) for n, v in history[r.id].items()} for r in silent}
    return {op: {n: value for n, value in found.items() if value is not ABSENT} for op, found in ours.items()}


def after_writing(
    hub: Hub, spoke: Spoke, connector: Connector, batch: Sequence[Operation], answers: Sequence[Receipt]
) -> dict[str, Overwritten]:
    """{operation id: the edit it overwrote}, from the remote's field history."""
    if not connector.capabilities(spoke.object).field_history or spoke.protocol != "careful":
        return {}
    done = {r.op: r for r in answers if r.status == "done"}
    updates = [o for o in batch if o.id in done and o.action == "update" and o.stamp]
    if not updates:
        return {}
    names = sorted({n for o in updates for n in o.raw if not n.startswith("@")})
    # If this call fails, the intents stay open with the versions seen, and the next run looks before anything else.
    history = connector.history(spoke.object, [o.remote_id for o in updates], names)
    found = {}
    for o in updates:
        lost = ran_over(spoke, o, history.get(o.remote_id, {}), done[o.id].fields or {})
        if lost is not None:
            found[o.id] = lost
    return found


def lost_to(spoke: Spoke, connector: Connector, batch: Sequence[Operation]) -> dict[str, Overwritten]:
    """{operation id: the edit that it overwrote} of writes whose answers are not known, where the remote has a history."""
    if not connector.capabilities(spoke.object).field_history:
        return {}
    updates = [o for o in batch if o.action == "update" and o.stamp]
    names = sorted({n for o in updates for n in o.raw if not n.startswith("@")})
    if not names:
        return {}
    history = connector.history(spoke.object, sorted({o.remote_id for o in updates}), names)
    found = {o.id: ran_over(spoke, o, history.get(o.remote_id, {}), {}) for o in updates}
    return {op: lost for op, lost in found.items() if lost is not None}


def ran_over(
    spoke: Spoke, o: Operation, history: Mapping[str, Sequence[FieldVersion]], stored: Mapping[str, object]
) -> Overwritten | None:
    """What a person entered after the version that we saw and before our write, per field."""
    fields: dict[str, object] = {}
    points: dict[str, str] = {}
    for f in o.fields:
        names = spoke.mapping.rules[f.path].remote_names()
        if len(names) != 1 or f.path not in o.bases:
            continue
        ours = (f.raw, stored.get(names[0], f.raw))
        written = False
        for entry in history.get(names[0], ()):  # newest first
            if entry.stamp <= o.stamp:
                break
            if entry.by_us or entry.value in ours:
                written = True
            elif written and entry.value != o.bases[f.path].form:
                fields[names[0]], points[f.path] = entry.value, entry.stamp
                break
    return Overwritten(o.id, o.remote_id, fields, points) if fields else None
