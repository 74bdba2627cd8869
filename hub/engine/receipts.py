"""Receipts: what became of a batch of writes, carried into links, operations, audit and dead letters in one transaction.

A receipt advances the base to the value of the intent, never to today's golden value; the raw form is what the remote
says that it stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.connect.connector import Receipt
from hub.core.errors import Duplicate, HubError, Reject, Stop
from hub.core.model import ABSENT, Link, Pair, Reading, Side, Spoke
from hub.core.plan import decide
from hub.engine.apply import Verdicts, audit_decision
from hub.engine.batch import Batch, load, load_refs
from hub.engine.context import Hub, Run
from hub.engine.look import Overwritten
from hub.engine.pull import get, take_in
from hub.engine.resolve import new_link
from hub.store import agenda, goldens, operations, records, runs
from hub.store.db import Tx, dumps
from hub.store.operations import Operation

AGAIN = "again without the refused fields"


def take_back(hub: Hub, run: Run, spoke: Spoke, batch: Sequence[Operation], problem: HubError) -> None:
    """Certainly nothing was written: the operations wait again. A Stop also pauses the connection."""
    with hub.store.begin() as tx:
        run.hold(tx)
        operations.mark(tx, [o.id for o in batch], "pending", why=problem.what, error=problem.explain())
        if isinstance(problem, Stop):
            runs.set_connection(tx, spoke.connection, state="paused", reason=problem.explain())


def store(
    hub: Hub,
    run: Run,
    spoke: Spoke,
    batch: Sequence[Operation],
    answers: Sequence[Receipt],
    overwritten: Mapping[str, Overwritten],
) -> None:
    """Commit what became of the batch, then re-read the records that were not as expected."""
    by_op = {r.op: r for r in answers}
    look_again: list[str] = []
    with hub.store.begin() as tx:
        run.hold(tx)
        v = Verdicts(hub, run, tx)
        state = _state(tx, run, batch, whole=bool(overwritten))
        for o in batch:
            receipt = by_op.get(o.id) or Receipt(o.id, "unknown", o.remote_id)
            TABLE[receipt.status](_One(v, state, spoke, o, receipt, look_again))
        _written_records(v, spoke, batch, by_op)
        for o in batch:
            if o.id in overwritten:
                load_refs(tx, state, ())
                reapply(v, state, o, overwritten[o.id])
        v.write(state)
        made = hub.calls.take(spoke.connection)
        runs.add_to_spoke(tx, run.id, spoke.connection, spoke.object, calls=made)
    hub.hook("receipts")
    _read_again(hub, run, spoke, look_again)


def _state(tx: Tx, run: Run, batch: Sequence[Operation], *, whole: bool) -> Batch:
    """What the receipts change: the links written through; the `whole` records only if some must be decided again."""
    if whole:
        return load(tx, run, sorted({o.golden for o in batch}))
    return Batch(run, links=goldens.links_of(tx, sorted({o.golden for o in batch if o.link})))


def _read_again(hub: Hub, run: Run, spoke: Spoke, ids: Sequence[str]) -> None:
    if ids:
        take_in(hub, run, spoke, get(hub, run, spoke, sorted(set(ids))))


class _One:
    """One operation and its receipt."""

    def __init__(
        self, v: Verdicts, state: Batch, spoke: Spoke, o: Operation, receipt: Receipt, look_again: list[str]
    ) -> None:
        self.v, self.state, self.spoke, self.o, self.receipt, self.look_again = v, state, spoke, o, receipt, look_again

    @property
    def error(self) -> HubError | None:
        return self.receipt.error

    @property
    def text(self) -> str:
        return self.error.explain() if self.error else ""

    def end(self, state: str, action: str, why: str = "") -> None:
        remote = self.receipt.id or self.o.remote_id
        self.v.ended.append((self.o.id, state, self.text if state != "done" else "", remote))
        self.v.note(
            f"{action} {self.o.action}",
            self.o.golden,
            why or self.text,
            connection=self.o.connection,
            object=self.o.object,
            remote_id=remote,
            op=self.o.id,
        )

    def link(self) -> Link | None:
        links = self.state.links.get(self.o.golden, [])
        return next((k for k in links if k.id == self.o.link), None)

    def keep_link(self, link: Link) -> None:
        links = self.state.links.setdefault(link.golden, [])
        links[:] = [k for k in links if k.id != link.id] + [link]
        self.v.links[link.id] = link

    def letter(self, path: str, value: Any, text: str = "") -> None:
        error = self.error
        self.v.letter(
            connection=self.o.connection,
            object=self.o.object,
            remote_id=self.o.remote_id,
            golden=self.o.golden,
            path=path,
            action=self.o.action,
            value=dumps(value),
            code=error.code if error else "E-HUB",
            vendor_code=error.vendor_code if isinstance(error, Reject) else "",
            text=text or self.text,
        )


def _done(one: _One) -> None:
    o, receipt, spoke = one.o, one.receipt, one.spoke
    base = {f.path: _pair(spoke, f.path, f.after, f.raw, receipt) for f in o.fields}
    if o.action == "create":
        link = replace(new_link(spoke, receipt.id, o.golden, base), version=receipt.version, stamp=receipt.stamp)
        one.keep_link(link)
        one.v.opened.append(link)
    else:
        link_now = one.link()
        if link_now is not None and o.action in ("delete", "archive"):
            one.keep_link(replace(link_now, state="ended", why="deleted", stamp=receipt.stamp or link_now.stamp))
        elif link_now is not None:
            version, stamp = receipt.version or link_now.version, receipt.stamp or link_now.stamp
            one.keep_link(replace(link_now, base={**link_now.base, **base}, version=version, stamp=stamp))
    one.end("done", "done")
    one.v.arrived.append((o.golden, o.connection, [f.path for f in o.fields]))


def _pair(spoke: Spoke, path: str, value: Any, sent: Any, receipt: Receipt) -> Pair:
    """The new base of a written field: the intent's value, and the form that the remote says it stored."""
    if receipt.fields is not None:
        raw = spoke.mapping.rules[path].raw(receipt.fields)
        if raw is not ABSENT:
            return Pair(value, raw)
    return Pair(value, sent, False)


def _rejected(one: _One) -> None:
    """Refused fields that are named become dead letters of their own; the rest is sent again, one named field the poorer
    each time, until it is taken or refused as a whole."""
    o, error = one.o, one.error
    named = set(error.fields) if isinstance(error, Reject) else set()
    refused = [f for f in o.fields if named & set(one.spoke.mapping.rules[f.path].remote_names())]
    rest = tuple(f for f in o.fields if f not in refused)
    needed = any(one.spoke.mapping.rules[f.path].required for f in refused)
    if not refused or (o.action == "create" and needed) or not rest:
        for f in refused:
            one.letter(f.path, f.raw)
        if not refused or o.action == "create":
            one.letter("", dict(o.raw))
        one.end("dead", "refused")
        return
    for f in refused:
        one.letter(f.path, f.raw)
    raw = {**(one.spoke.mapping.only if o.action == "create" else {}), **one.spoke.mapping.raw_of(rest)}
    one.end("failed", "refused")
    again = replace(o, id=one.v.hub.new_id("o"), run=one.v.run.id, fields=rest, raw=raw, state="pending", why=AGAIN)
    one.v.planned.append(again)


def _moved(one: _One) -> None:
    """The precondition failed: nothing was written; the record goes back to settle."""
    one.end("withdrawn", "not sent", "the record moved")
    one.look_again.append(one.o.remote_id)
    one.v.agenda.append((agenda.golden(one.o.golden), "moved"))


def _gone(one: _One) -> None:
    one.end("withdrawn", "not sent", "the record is gone")
    one.look_again.append(one.o.remote_id)
    one.v.agenda.append((agenda.golden(one.o.golden), "gone"))


def _duplicate(one: _One) -> None:
    """The remote has such a record: the one that it names is read, and the rules decide whether it is ours."""
    ids = one.error.ids if isinstance(one.error, Duplicate) else ()
    linked = goldens.links_by_record(one.v.tx, one.o.connection, one.o.object, list(ids)) if ids else {}
    one.look_again += [i for i in ids if i not in linked]
    if one.o.action != "create":
        return _rejected(one)
    one.end("failed", "duplicate")
    one.letter("", dict(one.o.raw))


def _later(one: _One) -> None:
    one.v.ended.append((one.o.id, "pending", one.text, one.o.remote_id))


def _unknown(one: _One) -> None:
    one.v.ended.append((one.o.id, "unknown", one.text, one.o.remote_id))


TABLE = {
    "done": _done,
    "rejected": _rejected,
    "changed": _moved,
    "gone": _gone,
    "duplicate": _duplicate,
    "retry": _later,
    "unknown": _unknown,
}


def _written_records(v: Verdicts, spoke: Spoke, batch: Sequence[Operation], by_op: Mapping[str, Receipt]) -> None:
    rows = []
    for o in batch:
        receipt = by_op.get(o.id)
        if receipt is not None and receipt.status == "done" and o.action not in ("delete", "archive"):
            rows.append(
                {
                    "connection": o.connection,
                    "object": o.object,
                    "remote_id": receipt.id or o.remote_id,
                    "version": receipt.version,
                    "stamp": receipt.stamp,
                }
            )
    records.after_write(v.tx, rows)
    # What we deleted may be restored just as it was: then it is news all the same.
    ended = [o for o in batch if o.action in ("delete", "archive") and (r := by_op.get(o.id)) and r.status == "done"]
    records.clear_hash(v.tx, [(o.connection, o.object, o.remote_id) for o in ended])


def reapply(v: Verdicts, state: Batch, o: Operation, lost: Overwritten) -> None:
    """A person's edit was overwritten between our last look and our write: decide again as if it had been seen.

    The remote holds our value now, so this link's base stays that of the write; if the edit wins, writing it back is due.
    """
    golden = state.goldens[o.golden]
    links = {k.id: k for k in state.links.get(golden.id, ())}
    link = links[o.link]
    before = replace(link, base={**link.base, **{p: o.bases[p] for p in lost.points}})
    reading = Reading(fields=lost.fields, stamp=max(lost.points.values()), after=o.stamp, points=lost.points)
    sides = []
    for k in links.values():
        other = v.run.spoke(k.connection, k.object)
        if other is not None:
            mine = k.id == link.id
            sides.append(Side(before if mine else k, other.mapping.rules, reading if mine else None, other.direction))
    decision = decide(golden, sides, v.run.sync.policy, refs=state.refs, run=v.run.id)
    _note_overwritten(v, o, lost)
    audit_decision(v, golden, decision)
    if decision.golden != golden:
        v.goldens[golden.id] = decision.golden
        state.goldens[golden.id] = decision.golden
    for held in decision.holds:
        _tell_overwritten(v, o, held.path)
    v.agenda.append((agenda.golden(golden.id), "overwritten"))


def own_up(hub: Hub, run: Run, batch: Sequence[Operation], overwritten: Mapping[str, Overwritten]) -> None:
    """A worker that lost its lease while a write was under way may change nothing any more; what its write ran over is
    kept all the same, and a person is told: the worker that took over can not know of it."""
    if not overwritten:
        return
    with hub.store.begin() as tx:
        v = Verdicts(hub, run, tx)
        for o in batch:
            lost = overwritten.get(o.id)
            if lost is not None:
                _note_overwritten(v, o, lost)
                for path in lost.points:
                    _tell_overwritten(v, o, path)
        v.write(Batch(run))


def _note_overwritten(v: Verdicts, o: Operation, lost: Overwritten) -> None:
    spoke = v.run.spoke(o.connection, o.object)
    values = {p: spoke.mapping.rules[p].raw(lost.fields) for p in lost.points} if spoke else {}
    changes = [{"field": p, "lost": value, "by": o.connection, "at": lost.points[p]} for p, value in values.items()]
    v.note("overwritten", o.golden, connection=o.connection, remote_id=o.remote_id, op=o.id, changes=changes)


def _tell_overwritten(v: Verdicts, o: Operation, path: str) -> None:
    text = f"our write ran over an edit of {path} in {o.connection}; the overwritten value is in the audit log"
    v.letter(connection=o.connection, golden=o.golden, path=path, action="overwritten", code="C-OVERWRITTEN", text=text)
