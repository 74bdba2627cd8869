"""Everything that deciding about some golden records needs, loaded at once: records, links, holds, references.

`Batch` is filled in one go per transaction, so that 200 records cost a handful of queries, not thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.connect.clock import to_stamp
from hub.core.model import ABSENT, Golden, Held, Link, Rule, Spoke, Value
from hub.engine.context import Run
from hub.store import agenda, audit, goldens, operations, reviews
from hub.store.db import Tx
from hub.store.operations import Operation
from hub.store.records import Pending

Ref = tuple[str, str, str]
WEEK = 7 * 24 * 3600.0
OFTEN = 3
MOST = 100
"""Decisions to look back at, of one record."""
Versions = dict[str, list[tuple[Value, str, str]]]


@dataclass(slots=True)
class BatchRefs:
    """References between records, looked up for a whole batch. Implements hub.core.model.Refs."""

    goldens: dict[Ref, str] = field(default_factory=dict)
    remotes: dict[Ref, str] = field(default_factory=dict)

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return self.goldens.get((connection, object, remote_id))

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        return self.remotes.get((connection, object, golden_id))


@dataclass(slots=True)
class Batch:
    """Some golden records with all that belongs to them."""

    run: Run
    goldens: dict[str, Golden] = field(default_factory=dict)
    links: dict[str, list[Link]] = field(default_factory=dict)
    held: dict[str, list[Held]] = field(default_factory=dict)
    decided: dict[str, dict[str, tuple[Value, str]]] = field(default_factory=dict)
    open: dict[str, list[Operation]] = field(default_factory=dict)
    keys: dict[str, dict[str, bool]] = field(default_factory=dict)
    blocked: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    recent: dict[str, Versions] = field(default_factory=dict)
    refused: dict[str, Versions] = field(default_factory=dict)
    refs: BatchRefs = field(default_factory=BatchRefs)

    def link_of(self, ref: Ref) -> Link | None:
        for links in self.links.values():
            for link in links:
                if (link.connection, link.object, link.remote_id) == ref:
                    return link
        return None


def load(tx: Tx, run: Run, ids: Sequence[str]) -> Batch:
    """Load these golden records, locked in id order, and all that hangs on them."""
    batch = Batch(run)
    ids = sorted(set(ids))
    if not ids:
        return batch
    batch.goldens = goldens.load(tx, ids)
    batch.links = goldens.links_of(tx, ids)
    batch.held, batch.decided = reviews.open_conflicts(tx, ids)
    for operation in operations.of_goldens(tx, ids):
        batch.open.setdefault(operation.golden, []).append(operation)
    batch.keys = goldens.keys_of(tx, ids)
    batch.blocked = reviews.blocked(tx, ids)
    _look_back(tx, batch, ids)
    return batch


def _look_back(tx: Tx, batch: Batch, ids: Sequence[str]) -> None:
    """What happened lately to records that change suspiciously often: what alternates between two values is parked, and
    what a system puts back again and again is left alone."""
    since = tx.now - WEEK
    for id in audit.settled_lately(tx, ids, since, OFTEN):
        recent, refused = batch.recent.setdefault(id, {}), batch.refused.setdefault(id, {})
        entries = audit.entries(tx, golden=id, action="settled", limit=MOST, newest=True)
        for entry in reversed([e for e in entries if e["at"] >= since]):
            for change in entry["changes"]:
                kind, value = (recent, change["after"]) if "after" in change else (refused, change.get("lost"))
                kind.setdefault(change["field"], []).append((value, change["by"], to_stamp(entry["at"])))


def ref_rules(spoke: Spoke) -> list[Rule]:
    return [rule for rule in spoke.mapping.rules.values() if rule.kind == "ref"]


def load_refs(tx: Tx, batch: Batch, rows: Iterable[Pending]) -> None:
    """Look up every reference that the batch's rows, bases or golden values name."""
    run = batch.run
    by_spoke = {(s.connection, s.object): ref_rules(s) for s in run.sync.spokes}
    if not any(by_spoke.values()):
        return
    wanted: set[Ref] = set()
    for row in rows:
        wanted |= _raw_refs(by_spoke.get((row.connection, row.object), ()), row.connection, row.fields)
    targets: set[str] = set()
    paths = {rule.path for rules in by_spoke.values() for rule in rules}
    for golden in batch.goldens.values():
        targets |= {v for p in paths if isinstance(v := golden.fields.get(p), str)}
    for links in batch.links.values():
        for link in links:
            for rule in by_spoke.get((link.connection, link.object), ()):
                pair = link.base.get(rule.path)
                if pair is not None and isinstance(pair.form, str):
                    wanted.add((link.connection, rule_object(rule), pair.form))
    for held in batch.held.values():
        for one in held:
            wanted |= _claim_refs(run, batch, one)
    batch.refs.goldens.update(goldens.ref_targets(tx, wanted - batch.refs.goldens.keys()))
    targets |= set(batch.refs.goldens.values())
    batch.refs.remotes.update(goldens.ref_remotes(tx, sorted(targets)))


def rule_object(rule: Rule) -> str:
    return str(getattr(rule, "object", ""))


def _raw_refs(rules: Iterable[Rule], connection: str, fields: Mapping[str, object]) -> set[Ref]:
    found = set()
    for rule in rules:
        raw = rule.raw(fields)
        if raw is not ABSENT and isinstance(raw, str) and raw:
            found.add((connection, rule_object(rule), raw))
    return found


def _claim_refs(run: Run, batch: Batch, held: Held) -> set[Ref]:
    found = set()
    for link_id, raw in held.claims.items():
        connection = link_id.split("/", 1)[0]
        for spoke in run.sync.spokes:
            rule = spoke.mapping.rules.get(held.path)
            if spoke.connection == connection and rule is not None and rule.kind == "ref" and isinstance(raw, str):
                found.add((connection, rule_object(rule), raw))
    return found


def link_id(connection: str, object: str, remote_id: str) -> str:
    """A link's id names its record, so that it is the same whenever it is made."""
    return f"{connection}/{object}/{remote_id}"


def wake_linked(tx: Tx, links: Iterable[Link]) -> None:
    """These links are new (or back): who waited for them is looked at again."""
    targets: list[str] = []
    for link in links:
        targets += [f"{link.connection}|{link.object}|{link.remote_id}", f"golden|{link.golden}|{link.connection}"]
    agenda.wake(tx, targets)
