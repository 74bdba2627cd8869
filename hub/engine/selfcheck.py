"""The hub checks itself: does what is stored still keep the promises? What is proven to be broken pauses its sync.

Everything is seen from the store alone, also while a run is under way. An hourly check looks at what is new since the last
one; a full one at everything. A finding pauses once: whoever resumes has seen it, and only new evidence pauses again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.core.model import Sync
from hub.engine import selfcheck_runs, selfcheck_writes
from hub.engine.context import Hub
from hub.engine.report import report
from hub.engine.selfcheck_base import MOST, Finding
from hub.store import audit, checks, runs
from hub.store.db import Tx

REREAD = 50_000
"""So many rows of the audit log that were verified before are verified once more in each check, in turn."""
ACTOR = "self-check"
LONGEST_REASON = 1_000


@dataclass(slots=True)
class Checked:
    """What a check found. `known`: ids of findings that were met before. `paused`: syncs that it paused now."""

    full: bool
    findings: list[Finding] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    paused: list[str] = field(default_factory=list)
    rows: int = 0
    unsealed: int = 0
    runs: int = 0

    @property
    def broken(self) -> bool:
        return any(f.level == "broken" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        told = [{**f.as_json(), "known": f.id in self.known} for f in self.findings]
        names = ("full", "paused", "rows", "unsealed", "runs")
        return {"ok": not self.broken, "findings": told, **{n: getattr(self, n) for n in names}}


def self_check(hub: Hub, *, full: bool = False) -> Checked:
    """Check everything that can be decided from the store, note what is found, and pause what is broken."""
    checked = Checked(full)
    found: dict[str, Finding] = {}
    positions: dict[str, Mapping[str, Any]] = {}
    with hub.store.read() as tx:
        positions["audit"] = _chain(tx, checked, found)
        _take(found, selfcheck_runs.links(tx, list(hub.syncs)))
    for name in sorted(hub.syncs):
        positions[f"sync:{name}"] = _sync(hub, hub.syncs[name], checked, found)
    checked.findings = sorted(found.values(), key=lambda f: (f.level != "broken", f.invariant, f.since))
    with hub.store.begin() as tx:
        _keep(hub, tx, checked)
        for name, position in positions.items():
            checks.save_position(tx, name, position)
        checks.save_position(tx, "all", {"full": full})
    return checked


def _take(found: dict[str, Finding], new: Iterator[Finding]) -> None:
    for finding in new:
        found.setdefault(finding.id, finding)


# ---------------------------------------------------------------- syncs


def _sync(hub: Hub, sync: Sync, checked: Checked, found: dict[str, Finding]) -> Mapping[str, Any]:
    """Its runs since the last check, or all of them, then the sync as it stands. Returns how far it came."""
    name = f"sync:{sync.name}"
    with hub.store.read() as tx:
        at: dict[str, Any] = {} if checked.full else checks.position(tx, name)
        if at.get("started", 0.0) > tx.now:  # the clock was set back: runs since then look as if they had been seen
            at = {}
    while True:
        with hub.store.read() as tx:
            some = checks.runs_after(tx, sync.name, at.get("started", 0.0), at.get("id", ""))
            told = checks.told_at(tx, "loop")
            for run in some:
                _take(found, selfcheck_runs.of_run(tx, run))
                _take(found, selfcheck_writes.of_run(tx, sync, run, told))
        sound = [run.id for run in some if not any(f.place == f"run {run.id}" for f in found.values())]
        for id in sound:
            _take(found, selfcheck_runs.report_adds_up(report(hub, id)))
        checked.runs += len(some)
        if not some:
            break
        at = {"started": some[-1].started, "id": some[-1].id}
    with hub.store.read() as tx:
        _take(found, selfcheck_runs.of_sync(tx, hub, sync))
    return at


# ---------------------------------------------------------------- the audit chain


def _chain(tx: Tx, checked: Checked, found: dict[str, Finding]) -> Mapping[str, Any]:
    """I9: verify the chain from where the last check ended, or from its beginning. Returns how far it came."""
    at: dict[str, Any] = {"seq": 0, "hash": "", "again": 0, "again_hash": ""}
    at |= checks.position(tx, "audit")
    cut = at["seq"] > 0 and checks.audit_hash(tx, at["seq"]) != at["hash"]
    if cut:
        what = "it was verified before, and is gone or changed: the end of the log was cut off or written anew"
        _take(found, iter([_broken(at["seq"], what, tx.now, at["hash"])]))
    elif not checked.full:
        again = _walk(tx, checked, found, at["again"], at["again_hash"], min(REREAD, at["seq"] - at["again"]))
        at["again"], at["again_hash"] = again if again[0] < at["seq"] else (0, "")
        checked.rows = 0
    fresh = cut or checked.full
    at["seq"], at["hash"] = _walk(tx, checked, found, 0 if fresh else at["seq"], "" if fresh else at["hash"])
    return at


def _walk(
    tx: Tx, checked: Checked, found: dict[str, Finding], seq: int, prev: str, limit: int = 1 << 62
) -> tuple[int, str]:
    """Verify the rows behind this one, and go on behind a break. Returns the last sealed row."""
    unsealed, breaks = 0, 0
    for row in checks.chain(tx, seq, limit):
        if not row.hash:
            unsealed += 1
            continue
        whole = audit.follows(prev, row) and not unsealed
        if not whole and breaks < MOST:
            breaks += 1
            what = "it, or the row before it, was changed, added or removed after it had been sealed"
            _take(found, iter([_broken(row.seq, what, row.at, row.hash)]))
        seq, prev, unsealed = row.seq, row.hash, 0
        checked.rows += 1
    checked.unsealed = unsealed
    return seq, prev


def _broken(seq: int, what: str, since: float, key: str) -> Finding:
    next = "accordant audit verify; find out who wrote to the database, and restore a backup from before that"
    return Finding("I9", "chain", "", f"audit row {seq}", what, next, since, key=key)


# ---------------------------------------------------------------- what follows


def _keep(hub: Hub, tx: Tx, checked: Checked) -> None:
    """Note the findings; those that are new and broken pause what they are about."""
    states = checks.known(tx, [f.id for f in checked.findings])
    checked.known = {id for id, state in states.items() if state != "gone"}
    new = [f for f in checked.findings if f.id not in checked.known and f.level == "broken"]
    for name in sorted(hub.syncs):
        mine = [f for f in new if f.sync in ("", name)]
        if mine:
            pause(tx, name, mine)
            checked.paused.append(name)
    checks.keep(tx, [_row(f, "told" if f in new else states.get(f.id, "open")) for f in checked.findings])
    if checked.full:
        checks.mark_gone(tx, [f.id for f in checked.findings])


def _row(f: Finding, state: str) -> dict[str, Any]:
    names = ("id", "invariant", "kind", "level", "sync", "place", "what", "next", "since")
    return {**{n: getattr(f, n) for n in names}, "state": "open" if state == "gone" else state}


def pause(tx: Tx, sync: str, found: Sequence[Finding]) -> None:
    """Stop a sync because of these findings; a run of it that is under way is asked to end."""
    first = found[0]
    reason = f"{ACTOR} {first.invariant}: {first.text}. Next: {first.next}"
    if len(found) > 1:
        reason += f" (and {len(found) - 1} more: accordant doctor --self-check)"
    before = runs.sync_state(tx, sync)
    if before["paused"] and before["reason"]:
        reason = f"{before['reason']}; {reason}"
    runs.set_sync(tx, sync, paused=True, reason=reason[:LONGEST_REASON])
    for row in runs.latest(tx, sync, 1):
        runs.ask_to_cancel(tx, row.id)
    audit.write(tx, [audit.Entry("paused", actor=ACTOR, why=f"{sync}: {reason}"[:LONGEST_REASON])])


def last_result(tx: Tx) -> dict[str, Any]:
    """When the hub last checked itself, and how many of its findings stand, for the health answer."""
    standing = checks.findings(tx)
    return {
        "at": checks.checked_at(tx, "all") or None,
        "broken": sum(f["level"] == "broken" for f in standing),
        "warnings": sum(f["level"] == "warning" for f in standing),
    }
