"""Was each write announced and answered in the audit log (I9), sent in order (T10), once (I4), and for a reason (I8)?

Goes through the operations of a run page by page, each with its rows of the audit log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.core.model import Spoke, Sync
from hub.core.policies import EMPTY
from hub.engine.selfcheck_base import BUG, Finding, record, some
from hub.engine.selfcheck_loops import loops
from hub.store import audit, checks, goldens
from hub.store.db import Tx, loads

SENT = ("sent", "unknown", "done", "failed", "dead")
ENDED = ("done", "failed", "dead")
ADOPTED = "adopted by key"
ANSWERS = ("done ", "refused ", "duplicate ", "found done ", ADOPTED)
DELETES = ("delete", "archive")


@dataclass(slots=True)
class Page:
    """Some operations of one run. `rows`: {operation id: its audit rows, in order}."""

    tx: Tx
    sync: Sync
    run: Any
    operations: Sequence[Any]
    rows: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for row in checks.journal(self.tx, self.goldens, [o.id for o in self.operations]):
            self.rows[row.op].append(row)

    @property
    def goldens(self) -> list[str]:
        return sorted({o.golden for o in self.operations})

    def intents(self, op: str) -> list[Any]:
        return [row for row in self.rows[op] if row.action.startswith("intent ")]

    def spoke(self, o: Any) -> Spoke | None:
        return next((s for s in self.sync.spokes if (s.connection, s.object) == (o.connection, o.object)), None)

    def finding(self, invariant: str, kind: str, o: Any, what: str, next: str = BUG, **more: Any) -> Finding:
        about = record(o.connection, o.object, o.remote_id)
        told = f"the {o.action} of {about} {what}"
        return Finding(invariant, kind, self.sync.name, f"operation {o.id}", told, next, o.ended_at or o.at, **more)


def of_run(tx: Tx, sync: Sync, run: Any, told: Mapping[str, float]) -> Iterator[Finding]:
    """All that can be seen of what a run wrote. `told`: {place: when a loop was told there last}."""
    yield from some(nameless(tx, sync, run))
    pages = (Page(tx, sync, run, ops) for ops in checks.sent_in(tx, run.id))
    yield from some(f for page in pages for f in _sent(page, told))
    pages = (Page(tx, sync, run, ops) for ops in checks.ended_in(tx, run.id))
    yield from some(f for page in pages for f in journalled(page))


def _sent(page: Page, told: Mapping[str, float]) -> Iterator[Finding]:
    yield from journalled(page)
    yield from in_order(page)
    yield from deletes(page)
    yield from emptied(page)
    yield from twins(page)
    yield from loops(page.tx, page.sync.name, page.run, page.goldens, told)


# ---------------------------------------------------------------- I9: the journal


def nameless(tx: Tx, sync: Sync, run: Any) -> Iterator[Finding]:
    """Each audit row about an operation names one that is there."""
    for row in checks.nameless(tx, run.id, 20):
        about = record(row.connection, row.object, row.remote_id)
        what = f'"{row.action}" of {about} names operation {row.op}, which is not there'
        yield Finding("I9", "nameless", sync.name, f"audit row {row.seq}", what, BUG, row.at)


def journalled(page: Page) -> Iterator[Finding]:
    """Each operation that was sent is announced before, and each that has ended has an answer behind that."""
    for o in page.operations:
        if o.state not in SENT:
            continue
        problem = _missing(o, page.rows[o.id])
        if problem:
            # Looked for once more, everywhere: a merge may have given the operation another golden record since.
            page.rows[o.id] = checks.journal_of(page.tx, o.id)
            problem = _missing(o, page.rows[o.id])
        if problem:
            yield page.finding("I9", "journal", o, problem, key=problem)


def _missing(o: Any, rows: Sequence[Any]) -> str:
    intents = [row.seq for row in rows if row.action.startswith("intent ")]
    adopted = any(row.action == ADOPTED for row in rows)
    if not intents and not adopted:
        return "was sent and is not announced in the audit log"
    if o.state not in ENDED:
        return ""
    first = min(intents, default=0)
    answered = any(row.seq > first and row.action.startswith(ANSWERS) for row in rows)
    return "" if answered else f"is {o.state}, and the audit log does not say what became of it"


# ---------------------------------------------------------------- T10: order


def in_order(page: Page) -> Iterator[Finding]:
    """No write of a field was sent after one of the same field that was decided later."""
    mine = [o for o in page.operations if o.link and o.state == "done" and o.action in ("update", "associate")]
    if not mine:
        return
    later = checks.overtaken(page.tx, page.run.id, page.run.started, page.goldens, min(o.seq for o in mine))
    pairs = [(a, b) for a in mine for b in later if a.link == b.link and a.seq < b.seq and _paths(a) & _paths(b)]
    if not pairs:
        return
    names = sorted({o.id for pair in pairs for o in pair})
    sent: dict[str, int] = {}
    for row in checks.journal(page.tx, page.goldens, names):
        if row.action.startswith("intent "):
            sent[row.op] = row.seq
    for a, b in pairs:
        if sent.get(b.id, 0) and sent[b.id] < sent.get(a.id, 0):
            fields = ", ".join(sorted(_paths(a) & _paths(b)))
            what = f"wrote {fields} after operation {b.id} had, which was decided later"
            next = f"compare the record with the hub: accordant records resync {a.golden}"
            yield page.finding("T10", "order", a, what, next)


def _paths(o: Any) -> set[str]:
    return {f[0] for f in loads(o.fields)}


# ---------------------------------------------------------------- I8: deletes and cleared fields


def deletes(page: Page) -> Iterator[Finding]:
    """The hub deletes a record only where a counterpart of it was proven to be deleted, and the sync says so."""
    for o in page.operations:
        intents = page.intents(o.id)
        if o.action not in DELETES or o.state not in ("sent", "unknown", "done") or not intents:
            continue
        next = f"see who wanted it: accordant audit show {o.golden}; restore the record in {o.connection} if nobody did"
        if not _proven(page, o, intents[-1]):
            yield page.finding("I8", "delete", o, "was sent, and no other record of it had been deleted before", next)
        elif page.run.mapping == page.sync.fingerprint and page.sync.policy.deletes not in DELETES:
            yield page.finding(
                "I8", "delete policy", o, f"was sent, and the policy is {page.sync.policy.deletes}", next
            )


def _proven(page: Page, o: Any, intent: Any) -> bool:
    """Another record of the same golden record ended as deleted, and had not come back when this one was to go."""
    newest: dict[tuple[str, str], Any] = {}
    for row in checks.link_story(page.tx, intent.golden, intent.seq):
        newest[(row.connection, row.remote_id)] = row
    newest.pop((o.connection, o.remote_id), None)
    return any(row.action == "link ended" and row.why == "deleted" for row in newest.values())


def emptied(page: Page) -> Iterator[Finding]:
    """The hub empties a field only where a person did, or where the value gave way by a rule and was kept."""
    for o in page.operations:
        if o.action not in ("update", "associate") or o.state not in ("sent", "unknown", "done"):
            continue
        intents = page.intents(o.id)
        paths = [path for path in _cleared(o) if intents and _is_readable(page, o, path)]
        for path in paths:
            if not _explained(page, o, path, intents[-1]):
                next = f"see where it came from: accordant explain {o.golden} {path}; the old value is in the audit log"
                yield page.finding("I8", "emptied", o, f"emptied {path}, and nobody had cleared it", next, key=path)


def _cleared(o: Any) -> list[str]:
    return [path for path, before, after, *_ in loads(o.fields) if after in EMPTY and before not in EMPTY]


def _is_readable(page: Page, o: Any, path: str) -> bool:
    """Fields that are only computed for a spoke have no value of their own whose clearing could be found."""
    spoke = page.spoke(o)
    rule = spoke.mapping.rules.get(path) if spoke is not None else None
    return rule is not None and rule.readable


def _explained(page: Page, o: Any, path: str, intent: Any) -> bool:
    """The audit log says who cleared it, or that this spoke's value lost; or it cannot be read any more."""
    limit = 500
    entries = audit.entries(page.tx, golden=intent.golden, action="settled", limit=limit, newest=True)
    if len(entries) == limit or any("erased" in e or "unreadable" in e for e in entries):
        return True
    for entry in entries:
        for c in entry["changes"] if entry["seq"] < intent.seq else ():
            cleared = "after" in c and c["after"] in EMPTY
            lost = "lost" in c and c.get("by") == o.connection
            if c["field"] == path and (cleared or lost):
                return True
    return checks.took_in_others(page.tx, intent.golden)


# ---------------------------------------------------------------- I4: one create


def twins(page: Page) -> Iterator[Finding]:
    """No two live records were created under one key."""
    keys = sorted({o.key for o in page.operations if o.action == "create" and o.key and o.state == "done"})
    made: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in checks.twice_created(page.tx, keys) if keys else ():
        made[(row.key, row.connection, row.object)].add(row.remote_id)
    for (key, connection, object), ids in made.items():
        links = goldens.links_by_record(page.tx, connection, object, sorted(ids))
        live = sorted(id for id, link in links.items() if link.state == "linked" and link.primary)
        if len(live) > 1:
            what = f"records {', '.join(live)} were created from one record, under the key {key}"
            next = f"merge them in {connection}, or unlink one: accordant records unlink {links[live[0]].golden} {connection}"
            yield Finding(
                "I4", "twins", page.sync.name, record(connection, object, live[0]), what, next, page.run.ended
            )
