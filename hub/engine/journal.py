"""The journal of one golden record: which writes are due now, which are withdrawn, and where the record is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hub.core.model import Decision, Due, FieldWrite, Golden, Link, Spoke
from hub.engine.batch import Batch
from hub.store import agenda
from hub.store.operations import Operation
from hub.store.records import Pending

if TYPE_CHECKING:
    from hub.engine.apply import Verdicts


def plan_writes(
    v: Verdicts, batch: Batch, decision: Decision, links: Mapping[str, Link], read: Mapping[str, Pending]
) -> None:
    """Make the journal say exactly what is due now: keep what is still wanted, withdraw the rest, add what is new."""
    golden = decision.golden.id
    existing = batch.open.get(golden, [])
    asleep = _end_unknown(v, existing, decision, links, read)
    wanted: list[Operation] = []
    for due in decision.due:
        if due.link not in asleep:
            wanted += _operations(v, batch, decision, links[due.link], due)
    for operation in existing:
        if operation.state != "pending" or operation.action == "create":
            continue
        same = next((w for w in wanted if _same(w, operation)), None)
        if same is not None:
            wanted.remove(same)
        else:
            v.ended.append((operation.id, "withdrawn", "", operation.remote_id))
    v.planned += wanted


def _same(a: Operation, b: Operation) -> bool:
    return (a.link, a.action, a.raw, a.fields) == (b.link, b.action, b.raw, b.fields)


def _end_unknown(
    v: Verdicts,
    existing: Sequence[Operation],
    decision: Decision,
    links: Mapping[str, Link],
    read: Mapping[str, Pending],
) -> set[str]:
    """Writes whose answer was lost are judged by a direct read. Links whose write is still unknown must wait."""
    asleep: set[str] = set()
    for operation in existing:
        if operation.state not in ("sent", "unknown") or not operation.link:
            continue
        row = read.get(operation.link)
        if row is None or not row.direct:
            asleep.add(operation.link)
            continue
        base = links[operation.link].base if operation.link in links else {}
        arrived = all(f.path in base and base[f.path].agreed == f.after for f in operation.fields)
        gone = operation.action in ("delete", "archive") and row.kind == "deleted"
        state = "done" if (arrived and operation.fields) or gone else "withdrawn"
        why = "" if state == "done" else "it had not arrived"
        v.ended.append((operation.id, state, why, operation.remote_id))
        if state == "done":
            v.arrived.append((operation.golden, operation.connection, [f.path for f in operation.fields]))
        _note_found(v, operation, state, why)
    return asleep


def _note_found(v: Verdicts, o: Operation, state: str, why: str) -> None:
    """Each intent has its outcome in the audit log, also one whose answer was lost."""
    action = f"{'found done' if state == 'done' else 'not sent'} {o.action}"
    where = {"connection": o.connection, "object": o.object, "remote_id": o.remote_id, "op": o.id}
    v.note(action, o.golden, why or "the record shows it", **where)


def _operations(v: Verdicts, batch: Batch, decision: Decision, link: Link, due: Due) -> list[Operation]:
    blocked = batch.blocked.get((link.golden, link.connection), {})
    fields = [f for f in due.fields if not (f.path in blocked and blocked[f.path] == f.raw)]
    if due.action != "update":
        return [_operation(v, link, due.action, ())]
    spoke = v.run.spoke(link.connection, link.object)
    assert spoke is not None
    plain = [f for f in fields if not _is_association(spoke, f)]
    found = [("update", plain), ("associate", [f for f in fields if _is_association(spoke, f)])]
    made = [_operation(v, link, action, tuple(part)) for action, part in found if part]
    return [o for o in made if "" not in blocked or blocked[""] != o.raw]


def _is_association(spoke: Spoke, f: FieldWrite) -> bool:
    return any(n.startswith("@") for n in spoke.mapping.rules[f.path].remote_names())


def _operation(v: Verdicts, link: Link, action: str, fields: tuple[FieldWrite, ...]) -> Operation:
    spoke = v.run.spoke(link.connection, link.object)
    assert spoke is not None
    return Operation(
        id=v.hub.new_id("o"),
        sync=v.run.sync.name,
        run=v.run.id,
        connection=link.connection,
        object=link.object,
        action=action,
        golden=link.golden,
        link=link.id,
        remote_id=link.remote_id,
        fields=fields,
        raw=spoke.mapping.raw_of(fields),
        bases={f.path: link.base[f.path] for f in fields if f.path in link.base},
        version=link.version,
        stamp=link.stamp,
    )


def ask_for_creates(v: Verdicts, batch: Batch, golden: Golden, links: Mapping[str, Link]) -> None:
    """Where this record is missing in a spoke, it is put on the list of those to be created there."""
    have = {(link.connection, link.object) for link in links.values()}
    open_creates = [o for o in batch.open.get(golden.id, ()) if o.action == "create"]
    for operation in open_creates:
        if operation.state == "pending":
            v.ended.append((operation.id, "withdrawn", "", ""))
        elif (operation.connection, operation.object) in have and operation.state == "unknown":
            if operation.id not in {id for id, *_ in v.ended}:
                _note_found(v, operation, "done", "the record was found")
            v.ended.append((operation.id, "done", "the record was found", ""))
    for spoke in v.run.sync.spokes:
        if (spoke.connection, spoke.object) not in have and "create" in spoke.writes and spoke.direction != "read":
            v.agenda.append((agenda.golden(golden.id), agenda.CREATES))
            return
