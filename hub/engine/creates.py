"""Plan the creates: golden records that a spoke does not have yet.

Each create carries a key derived from its origin, stored before the call, so that it can be recognised whatever becomes
of the answer. What lacks a required field, waits for its parent, or may be under review is not created.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.core import match
from hub.core.expressions import holds
from hub.core.model import FieldWrite, Golden, Note, Spoke
from hub.core.plan import render
from hub.engine.apply import Verdicts
from hub.engine.batch import Batch, load_refs
from hub.engine.context import Hub, Run
from hub.store import agenda, goldens, operations, reviews
from hub.store.db import Tx
from hub.store.operations import Operation


def plan_creates(hub: Hub, run: Run) -> None:
    """Work off the list of golden records that are missing somewhere."""
    after = ""
    while True:
        with hub.store.begin() as tx:
            run.hold(tx)
            found = [g for g, _ in agenda.goldens(tx, run.sync.name, after, hub.settle_batch, creates=True)]
            if found:
                v = Verdicts(hub, run, tx)
                batch = _load(tx, run, found)
                places = goldens.places_of(tx, found)
                load_refs(tx, batch, ())
                review = reviews.under_review(tx, found)
                for id in found:
                    _plan_one(v, batch, batch.goldens[id], places[id], review)
                agenda.done(tx, [agenda.golden(g) for g in found], creates=True)
                v.write(batch)
        if not found:
            return
        after = found[-1]


def _load(tx: Tx, run: Run, ids: Sequence[str]) -> Batch:
    """Of the golden records what a create needs: their values, not what their links agreed on."""
    batch = Batch(run, goldens=goldens.load(tx, ids), blocked=reviews.blocked(tx, ids))
    batch.held, _decided = reviews.open_conflicts(tx, ids)
    for operation in operations.of_goldens(tx, ids):
        batch.open.setdefault(operation.golden, []).append(operation)
    return batch


def _plan_one(
    v: Verdicts,
    batch: Batch,
    golden: Golden,
    places: Sequence[tuple[str, str, str]],
    review: set[tuple[str, str, str]],
) -> None:
    if golden.state != "live" or not any(state == "linked" for _, _, state in places):
        return
    have = {(connection, object) for connection, object, _ in places}
    have |= {(o.connection, o.object) for o in batch.open.get(golden.id, ()) if o.action == "create"}
    for spoke in v.run.sync.spokes:
        place = (spoke.connection, spoke.object)
        creatable = "create" in spoke.writes and spoke.direction != "read"
        if creatable and place not in have and (golden.id, *place) not in review:
            _create(v, batch, golden, spoke)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new record in a spoke would hold."""

    fields: tuple[FieldWrite, ...]
    raw: dict[str, Any]
    notes: tuple[Note, ...]

    @property
    def missing(self) -> Note | None:
        return next((n for n in self.notes if n.what in ("required", "unknown_value")), None)


def draft(batch: Batch, golden: Golden, spoke: Spoke) -> Draft:
    """Render a golden record for a spoke that does not have it. Fields in open conflict are left out."""
    skip = {h.path for h in batch.held.get(golden.id, ())}
    fields, notes = render(golden, spoke.mapping.rules, spoke.connection, batch.refs, skip=skip)
    return Draft(fields, {**spoke.mapping.only, **spoke.mapping.raw_of(fields)}, notes)


def _create(v: Verdicts, batch: Batch, golden: Golden, spoke: Spoke) -> None:
    new = draft(batch, golden, spoke)
    _wait_for_parents(v, golden, spoke, new.notes)
    waits = [n for n in new.notes if n.what == "unresolved" and spoke.mapping.rules[n.path].required]
    if waits:
        return
    if new.missing is not None:
        v.letter_on(new.missing, "create", connection=spoke.connection, object=spoke.object, golden=golden.id)
        return
    if not _stays_in_scope(spoke, new.raw):
        v.note("not created", golden.id, f"out of scope of {spoke.connection} ({spoke.where_place})")
        return
    blocked = batch.blocked.get((golden.id, spoke.connection), {})
    fields = tuple(f for f in new.fields if not (f.path in blocked and blocked[f.path] == f.raw))
    planned = _operation(v, golden, spoke, fields, new.raw if len(fields) == len(new.fields) else None)
    # What was refused as a whole was refused without the fields that had been refused before.
    if not ("" in blocked and blocked[""] in (new.raw, planned.raw)):
        v.planned.append(planned)


def _stays_in_scope(spoke: Spoke, raw: dict[str, Any]) -> bool:
    """A record that would be out of scope the moment it is there is not created."""
    whole = {n: raw.get(n) for n in spoke.where.record_names} if spoke.where is not None else {}
    return holds(spoke.where, whole) is not False


def _operation(
    v: Verdicts, golden: Golden, spoke: Spoke, fields: Sequence[FieldWrite], raw: dict[str, Any] | None
) -> Operation:
    if raw is None:
        raw = {**spoke.mapping.only, **spoke.mapping.raw_of(fields)}
    return Operation(
        id=v.hub.new_id("o"),
        sync=v.run.sync.name,
        run=v.run.id,
        connection=spoke.connection,
        object=spoke.object,
        action="create",
        golden=golden.id,
        fields=tuple(fields),
        raw=raw,
        key=match.create_key(v.hub.workspace, golden.origin, (spoke.connection, spoke.object)),
    )


def _wait_for_parents(v: Verdicts, golden: Golden, spoke: Spoke, notes: Sequence[Note]) -> None:
    for note in notes:
        if note.waits_for is not None:
            target = f"golden|{note.waits_for[2]}|{spoke.connection}"
            v.waits.append((target, agenda.golden(golden.id)))
