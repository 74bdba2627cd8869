"""Carry a decision into the store: golden record, links, holds, operations, audit and outcomes.

`Verdicts` collects what a whole batch decided and writes it in bulk, inside the one transaction of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connect.clock import to_stamp
from hub.core.dues import owed
from hub.core.errors import HubError, Reject
from hub.core.expressions import holds
from hub.core.model import (
    ABSENT,
    Decision,
    Golden,
    Held,
    Link,
    Note,
    Pair,
    Reading,
    Side,
    Spoke,
)
from hub.core.plan import decide
from hub.engine import journal, keys
from hub.engine.batch import Batch, wake_linked
from hub.engine.context import Hub, Run
from hub.engine.pull import GONE, fingerprint, read_names, row_hash
from hub.store import agenda, audit, goldens, operations, records, reviews
from hub.store.db import Tx
from hub.store.operations import Operation
from hub.store.records import Outcome, Pending

KEEP = frozenset({"dead", "held", "conflicted", "waiting"})
NEED_RAW = frozenset({"unresolved", "unknown_value"})


@dataclass(slots=True)
class Verdicts:
    """What a batch decided, to be written together."""

    hub: Hub
    run: Run
    tx: Tx
    goldens: dict[str, Golden] = field(default_factory=dict)
    founded: dict[str, str] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    read_at: dict[str, float] = field(default_factory=dict)
    opened: list[Link] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    entries: list[audit.Entry] = field(default_factory=list)
    planned: list[Operation] = field(default_factory=list)
    ended: list[tuple[str, str, str, str]] = field(default_factory=list)
    agenda: list[tuple[str, str]] = field(default_factory=list)
    waits: list[tuple[str, str]] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)
    holds: list[tuple[str, Held, dict[str, Any], str]] = field(default_factory=list)
    closed: list[tuple[str, str, str]] = field(default_factory=list)
    arrived: list[tuple[str, str, Sequence[str]]] = field(default_factory=list)
    now: str = field(init=False)

    def __post_init__(self) -> None:
        self.now = to_stamp(self.tx.now)

    def outcome(
        self,
        row: Pending,
        outcome: str,
        reason: str = "",
        place: str = "",
        *,
        keep: bool = False,
        hash: str | None = None,
    ) -> None:
        """Say how one pending row ended."""
        spoke = self.run.spoke(row.connection, row.object)
        told = row_hash(row.kind, row.into, row.key, row.fields) if hash is None else hash
        meaning = fingerprint(spoke) if spoke else ""
        names = read_names(spoke) if spoke and row.kind not in GONE else ()
        # A value that was not understood was not seen either: nothing may be written over it.
        lacks = tuple(n for n in names if outcome == "held" or n not in row.fields)
        self.outcomes.append(Outcome(row, outcome, reason, place, told, meaning, lacks, keep or outcome in KEEP))

    def note(self, action: str, golden: str = "", why: str = "", **rest: Any) -> None:
        self.entries.append(audit.Entry(action, golden=golden, run=self.run.id, why=why, **rest))

    def letter(self, **row: Any) -> None:
        """Keep a failure for a person."""
        blank = dict.fromkeys(("connection", "object", "remote_id", "golden", "path", "value", "vendor_code"), "")
        self.letters.append(
            {**blank, "id": self.hub.new_id("e"), "sync": self.run.sync.name, "run": self.run.id, **row}
        )

    def letter_on(
        self, note: Note, action: str, *, connection: str, object: str, golden: str, remote_id: str = ""
    ) -> None:
        """Keep for a person what a value could not become, or lacks."""
        self.letter(
            connection=connection,
            object=object,
            remote_id=remote_id,
            golden=golden,
            path=note.path,
            action=action,
            code="E-REQUIRED" if note.what == "required" else "E-VALUE",
            text=note.text,
        )

    def write(self, batch: Batch) -> None:
        tx, sync = self.tx, self.run.sync.name
        reviews.resolve_many(tx, self.arrived)
        goldens.save(tx, sync, list(self.goldens.values()), self.founded)
        keys.renew(self, batch)
        goldens.save_links(tx, list(self.links.values()), self.read_at)
        for golden, held, shown, rule in self.holds:
            self._hold(golden, held, shown, rule)
        for golden, path, state in self.closed:
            reviews.close_conflict(tx, golden, path, state)
        operations.end(tx, self.ended)
        operations.plan_out(tx, self.planned)
        agenda.wait(tx, sync, self.waits)
        agenda.add(tx, sync, self.agenda)
        wake_linked(tx, self.opened)
        for letter in self.letters:
            reviews.letter(tx, letter)
        reviews.resolve_many(tx, [(link.golden, link.connection, ()) for link in self.opened])
        self._settle_rows()
        audit.write(tx, self.entries)

    def _hold(self, golden: str, held: Held, shown: dict[str, Any], rule: str) -> None:
        new = reviews.save_hold(
            self.tx,
            id=self.hub.new_id("x"),
            sync=self.run.sync.name,
            golden=golden,
            held=held,
            shown=shown,
            rule=rule,
            run=self.run.id,
        )
        if new:
            changes = [{"field": held.path, "hub": held.golden, "claims": shown}]
            self.note("conflict opened", golden, why=rule, changes=changes)

    def _settle_rows(self) -> None:
        records.settle_rows(self.tx, self.run.id, self.outcomes)
        good: dict[tuple[str, str], list[str]] = {}
        for o in self.outcomes:
            if o.outcome in ("applied", "unchanged"):
                good.setdefault((o.row.connection, o.row.object), []).append(o.row.remote_id)
        for (connection, object), ids in good.items():
            reviews.resolve_read_letters(self.tx, connection, object, ids)


# ---------------------------------------------------------------- one golden record


def decide_and_apply(v: Verdicts, batch: Batch, golden: Golden, rows: Mapping[str, Pending]) -> None:
    """Decide one golden record with all its pending rows ({link id: row}), and note what follows."""
    links = {link.id: link for link in batch.links.get(golden.id, ())}
    sides: list[Side] = []
    read: dict[str, Pending] = {}
    before = dict(links)
    existing = batch.open.get(golden.id, ())
    wanted = operations.intents(existing)
    deletes = {o.link: o for o in existing if o.action in ("delete", "archive")}
    for id, link in links.items():
        link = _stand_back(link, rows.get(id), links)
        links[id], side = _side(v, link, rows.get(id), wanted.get(id, {}))
        if side is not None:
            side = _with_delete(side, deletes[id], golden, batch) if id in deletes else side
            sides.append(side)
            if side.reading is not None:
                read[id] = rows[id]
    decision = _decide(v, batch, golden, sides, read)
    if decision is None:
        return _forget_founded(v, golden, read)
    _apply(v, batch, golden, decision, links, read, rows)
    for id, link in links.items():
        if link != before[id]:
            v.links[id] = link


def _with_delete(side: Side, delete: Operation, golden: Golden, batch: Batch) -> Side:
    """A delete that was not sent is decided again, and so is one whose answer was lost; but not where the hub owes the
    record a value meanwhile: then somebody edited."""
    if delete.state != "pending" and owed(side, side.link.base, golden, batch.refs).writes:
        return side
    return replace(side, deleting=delete.action)


def _stand_back(link: Link, row: Pending | None, links: Mapping[str, Link]) -> Link:
    """A record that comes back (restored, or into scope) where another one has taken its place meanwhile is one too many:
    it is read, never written."""
    if row is None or link.state not in ("ended", "suspended") or not link.primary:
        return link
    place = (link.connection, link.object)
    others = (k for k in links.values() if k.id != link.id and (k.connection, k.object) == place)
    return replace(link, primary=False) if any(k.state == "linked" and k.primary for k in others) else link


def _forget_founded(v: Verdicts, golden: Golden, read: Mapping[str, Pending]) -> None:
    """A record that could not be decided founds nothing and is linked to nothing."""
    v.founded.pop(golden.id, None)
    for id in read:
        v.links.pop(id, None)
    v.opened = [link for link in v.opened if link.id not in read]


def _side(
    v: Verdicts, link: Link, row: Pending | None, intents: Mapping[str, Sequence[Any]]
) -> tuple[Link, Side | None]:
    """A link as decide sees it. Rows that decide need not see get their outcome here."""
    spoke = v.run.spoke(link.connection, link.object)
    if spoke is None:
        return link, None
    reading = None
    if row is not None:
        link, reading = _reading(v, spoke, link, row)
    side = Side(
        link=link,
        rules=spoke.mapping.rules,
        reading=reading,
        direction=spoke.direction,
        drift=spoke.drift,
        writes=spoke.writes,
        intents=intents,
    )
    return link, side


def _reading(v: Verdicts, spoke: Spoke, link: Link, row: Pending) -> tuple[Link, Reading | None]:
    kind = row.kind
    if link.state == "refused" or (link.state == "ended" and link.why != "deleted"):
        why = {"merged": "merged into another record", "converted": "converted"}.get(link.why, "unlinked by a person")
        v.outcome(row, "skipped", f"this record was {why}")
        return link, None
    if link.state == "ended":
        newer = row.direct or not row.stamp or row.stamp > link.stamp
        if kind == "deleted" or not newer:
            v.outcome(row, "unchanged", "" if kind == "deleted" else "older than its delete")
            return link, None
        kind = "restored"
    if kind != "deleted" and not in_scope(spoke, row):
        return _leave_scope(v, spoke, link, row), None
    if link.state == "suspended" and kind != "deleted":
        link = replace(link, state="linked")
        v.opened.append(link)
        v.note("scope entered", link.golden, connection=link.connection, remote_id=link.remote_id)
    reading = Reading(
        fields=row.fields,
        kind=kind,
        stamp=row.stamp,
        version=row.version,
        after=row.after,
        by_us=row.by_us,
        points=row.points,
    )
    return link, reading


def in_scope(spoke: Spoke, row: Pending) -> bool:
    """Whether the spoke's `where` lets this record take part. A field that was not read is no evidence against it."""
    if not spoke.mapping.matches_only(row.fields):
        return False
    try:
        return holds(spoke.where, row.fields) is not False
    except Reject:
        return False


def _leave_scope(v: Verdicts, spoke: Spoke, link: Link, row: Pending) -> Link:
    v.outcome(row, "skipped", "out of scope (where)", str(spoke.where_place))
    if link.state != "linked":
        return link
    v.note("scope left", link.golden, str(spoke.where_place), connection=link.connection, remote_id=link.remote_id)
    if v.run.sync.scope_exit == "unlink":
        return replace(link, state="ended", why="unlinked")
    return replace(link, state="suspended")


def _decide(
    v: Verdicts, batch: Batch, golden: Golden, sides: list[Side], read: Mapping[str, Pending]
) -> Decision | None:
    """The decision, or None if a bug stopped it: then these rows are dead, and the others go on."""
    try:
        return decide(
            golden,
            sides,
            v.run.sync.policy,
            refs=batch.refs,
            run=v.run.id,
            now=v.now,
            held=batch.held.get(golden.id, ()),
            resolved=batch.decided.get(golden.id, {}),
            recent=batch.recent.get(golden.id, {}),
            refused=batch.refused.get(golden.id, {}),
            restored=v.run.restored,
        )
    except Exception as bug:  # one poisoned record must not stop the others
        text = bug.explain() if isinstance(bug, HubError) else f"{type(bug).__name__} while deciding [X-BUG]"
        for row in read.values():
            v.outcome(row, "dead", text)
            v.letter(
                connection=row.connection,
                object=row.object,
                remote_id=row.remote_id,
                golden=golden.id,
                action="read",
                code="X-BUG",
                text=text,
            )
        return None


def _apply(
    v: Verdicts,
    batch: Batch,
    golden: Golden,
    decision: Decision,
    links: dict[str, Link],
    read: Mapping[str, Pending],
    rows: Mapping[str, Pending],
) -> None:
    if decision.golden != golden or golden.id in v.founded:
        v.goldens[golden.id] = decision.golden
    batch.goldens[golden.id] = decision.golden
    for changed in decision.links:
        was = links[changed.id]
        links[changed.id] = replace(was, state=changed.state, why=changed.why)
        if changed.state == "linked" and was.state != "linked":
            v.opened.append(links[changed.id])
    for id in {*decision.bases, *read}:
        links[id] = _renewed(links[id], decision.bases.get(id), read.get(id))
    for id, row in read.items():
        v.read_at[id] = row.at
        v.links[id] = links[id]
    batch.links[golden.id] = list(links.values())
    audit_decision(v, golden, decision)
    _conflicts(v, batch, golden, decision, links)
    journal.plan_writes(v, batch, decision, links, rows)
    journal.ask_for_creates(v, batch, decision.golden, links)
    _finish_rows(v, decision, links, read)
    _keep_notes_on_the_silent(v, decision, links, read)


def _renewed(link: Link, base: Mapping[str, Pair] | None, row: Pending | None) -> Link:
    """A link with its new base, at the version that was read."""
    version, stamp = (row.version, row.stamp) if row is not None else ("", "")
    known = link.base if base is None else base
    return replace(link, base=known, version=version or link.version, stamp=stamp or link.stamp)


def audit_decision(v: Verdicts, golden: Golden, decision: Decision) -> None:
    """One audit row for all that a decision changed or let lose, with the reasons."""
    changes: list[dict[str, Any]] = [
        {"field": c.path, "before": c.before, "after": c.after, "by": c.winner, "reason": c.reason, "rule": c.rule}
        for c in decision.changes
    ]
    changes += [
        {"field": x.path, "lost": x.value, "by": x.connection, "reason": x.reason, "rule": x.rule}
        for x in decision.lost
    ]
    if changes:
        v.note("settled", golden.id, changes=changes)
    for link in decision.links:
        v.note(f"link {link.state}", golden.id, link.why, connection=link.connection, remote_id=link.remote_id)


def _conflicts(v: Verdicts, batch: Batch, golden: Golden, decision: Decision, links: Mapping[str, Link]) -> None:
    decided = batch.decided.get(golden.id, {})
    for held in decision.holds:
        shown = {}
        for id, raw in held.claims.items():
            link = links.get(id)
            spoke = v.run.spoke(link.connection, link.object) if link else None
            rule = spoke.mapping.rules.get(held.path) if spoke else None
            shown[id] = rule.to_canonical(raw, link.connection, batch.refs) if rule and link else raw
            if not isinstance(shown[id], (str, int, bool, float, list, dict, type(None))):
                shown[id] = raw
        place = v.run.sync.policy.rule_places.get(f"conflicts.{held.path}") or v.run.sync.policy.rule_places.get(
            "conflicts.default"
        )
        v.holds.append((golden.id, held, shown, f"hold ({place})" if place else "hold"))
    for path in decision.closed:
        v.closed.append((golden.id, path, "resolved" if path in decided else "closed"))
    for path in decided.keys() - set(decision.closed) - {h.path for h in decision.holds}:
        v.closed.append((golden.id, path, "resolved"))


# ---------------------------------------------------------------- outcomes


def _finish_rows(v: Verdicts, decision: Decision, links: Mapping[str, Link], read: Mapping[str, Pending]) -> None:
    for id, row in read.items():
        link = links[id]
        notes = [n for n in decision.notes if n.connection in ("", link.connection)]
        outcome = decision.outcome.get(id, "unchanged")
        keep = outcome in KEEP or any(n.what in NEED_RAW for n in notes)
        known = row.kind in GONE or keep or _complete(v, link, row)
        texts = [n.text or n.what for n in notes if n.what != "drift"]
        place = next((str(n.place) for n in notes if n.place.line), "")
        v.outcome(row, outcome, "; ".join(texts[:3]), place, keep=keep, hash=None if known else "")
        _keep_notes(v, link, row, notes)


def _keep_notes_on_the_silent(
    v: Verdicts, decision: Decision, links: Mapping[str, Link], read: Mapping[str, Pending]
) -> None:
    """What keeps a value from a record that reported nothing itself: it waits for a parent there, or cannot hold it."""
    spoke_up = {links[id].connection for id in read}
    silent = {link.connection: link for link in links.values() if link.connection not in spoke_up}
    for note in decision.notes:
        link = silent.get(note.connection)
        if link is None:
            continue
        if note.waits_for is not None and note.waits_for[0] == "golden":
            v.waits.append((f"golden|{note.waits_for[2]}|{link.connection}", agenda.golden(link.golden)))
        if note.what in ("unknown_value", "required"):
            v.letter_on(note, "update", **_place(link))


def _place(link: Link) -> dict[str, str]:
    """Where a link's record stands."""
    return {
        "connection": link.connection,
        "object": link.object,
        "golden": link.golden,
        "remote_id": link.remote_id,
    }


def _complete(v: Verdicts, link: Link, row: Pending) -> bool:
    """Each mapped value that was read has a base now: only then may an equal row be dropped unread next time."""
    spoke = v.run.spoke(link.connection, link.object)
    rules = spoke.mapping.rules.values() if spoke else ()
    return all(r.path in link.base or not r.readable or r.raw(row.fields) is ABSENT for r in rules)


def _keep_notes(v: Verdicts, link: Link, row: Pending, notes: Sequence[Note]) -> None:
    for note in notes:
        if note.waits_for is not None:
            first, second, third = note.waits_for
            target = f"golden|{third}|{link.connection}" if first == "golden" else f"{first}|{second}|{third}"
            who = agenda.golden(link.golden) if first == "golden" else agenda.record(row.ref)
            v.waits.append((target, who))
        if note.what == "unknown_value":
            v.letter_on(note, "read", **_place(link))
        if note.what in ("drift", "parked", "delete_against_edit"):
            v.note(note.what, link.golden, note.text, connection=link.connection, remote_id=link.remote_id)
