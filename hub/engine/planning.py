"""Plan: the real engine over a throw-away copy of the store, and what it would write.

A plan lists every operation, field by field, old → new, with where the value comes from. Stored as a file it can be
applied: exactly these operations, no others; what moved since is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.core.errors import Refused
from hub.core.model import Spoke
from hub.engine import guards
from hub.engine.context import Calls, Hub, Run
from hub.engine.reconcile import may_settle, read_as_due
from hub.engine.recover import recover
from hub.engine.report import Report, report
from hub.engine.run import run_sync, running
from hub.engine.settle import settle
from hub.engine.signature import signature
from hub.store import audit, goldens, operations, reviews, runs
from hub.store.db import Tx
from hub.store.operations import Operation
from hub.store.overlay import overlay

FORMAT = 1


def plan(hub: Hub, name: str, *, full: bool = False) -> dict[str, Any]:
    """What a run of this sync would do now, without doing it. Holds personal values: keep it private."""
    hub.sync(name)
    with overlay(hub.store) as copy:
        shadow = replace(hub, store=copy, calls=Calls())
        with running(shadow, name, trigger="plan", kind="plan", full=full) as run:
            recover(shadow, run)
            read_as_due(shadow, run)
            if may_settle(shadow, run):
                settle(shadow, run)
            found = _describe(shadow, run)
        found["report"] = report(shadow, run.id, problems=run.problems).as_json()
        found["problems"] = {c: p.explain() for c, p in run.problems.items()}
    return found


def _describe(hub: Hub, run: Run) -> dict[str, Any]:
    with hub.store.read() as tx:
        pending = operations.in_state(tx, run.sync.name, ("pending",))
        listed = [_operation(tx, run, o) for o in pending]
        linked = Counter(e["connection"] for e in audit.entries(tx, run=run.id, action="linked", limit=1_000_000))
        found = {
            "format": FORMAT,
            "sync": run.sync.name,
            "made_at": tx.now,
            "fingerprint": run.sync.fingerprint,
            "orgs": orgs(tx, run.sync.spokes),
            "operations": listed,
            "counts": _counts(pending),
            "linked": dict(linked),
            "founded": goldens.count(tx, run.sync.name),
            "conflicts": [_conflict(c) for c in reviews.conflicts(tx, run.sync.name)],
            "reviews": reviews.reviews(tx, run.sync.name),
            "errors": [_error(e) for e in reviews.letters(tx, run.sync.name)],
            "first_link": _first_link(tx, run),
        }
    found["guards"] = [t.text for s in run.sync.spokes for t in guards.check(hub, run, s)]
    found["cost"] = {s.connection: _cost(hub, s, pending) for s in run.sync.spokes}
    return found


def orgs(tx: Tx, spokes: Sequence[Spoke]) -> dict[str, str]:
    return {s.connection: str(runs.connection_state(tx, s.connection)["org"]) for s in spokes}


def _operation(tx: Tx, run: Run, o: Operation) -> dict[str, Any]:
    golden = goldens.get(tx, o.golden)
    sources = golden.sources if golden else {}
    spoke = run.spoke(o.connection, o.object)
    rules: Mapping[str, Any] = spoke.mapping.rules if spoke else {}
    return {
        "signature": signature(o),
        "connection": o.connection,
        "object": o.object,
        "action": o.action,
        "golden": o.golden,
        "remote_id": o.remote_id,
        "name": shown_name(golden.fields if golden else {}),
        "fields": [
            {
                "field": f.path,
                "remote": ", ".join(rules[f.path].remote_names()) if f.path in rules else "",
                "old": f.before,
                "new": f.after,
                "raw": f.raw,
                "from": sources[f.path].by if f.path in sources else "",
                "reason": f.reason,
                "place": str(rules[f.path].place) if f.path in rules else "",
            }
            for f in o.fields
        ],
    }


def shown_name(fields: Mapping[str, Any]) -> str:
    """How a record is called on screens: its name, else its e-mail."""
    person = " ".join(str(fields[p]) for p in ("given_name", "family_name") if fields.get(p))
    return str(fields.get("display_name") or person or fields.get("name") or fields.get("email") or "")


def _counts(pending: Sequence[Operation]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for o in pending:
        mine = found.setdefault(o.connection, {"create": 0, "update": 0, "delete": 0, "associate": 0})
        name = "delete" if o.action == "archive" else o.action
        mine[name] = mine.get(name, 0) + 1
    return found


def _conflict(c: Mapping[str, Any]) -> dict[str, Any]:
    return {n: c[n] for n in ("id", "golden", "path", "hub_value", "shown", "rule")}


def _error(e: Mapping[str, Any]) -> dict[str, Any]:
    return {n: e[n] for n in ("connection", "object", "remote_id", "golden", "path", "code", "text")}


def _first_link(tx: Tx, run: Run) -> dict[str, int]:
    """Per field: how many values lost when records were first linked."""
    lost: Counter[str] = Counter()
    for entry in audit.entries(tx, run=run.id, action="settled", limit=1_000_000):
        lost.update(c["field"] for c in entry["changes"] if "lost" in c and c.get("reason") == "first_link")
    return dict(lost)


def _cost(hub: Hub, spoke: Spoke, pending: Sequence[Operation]) -> int:
    """About how many API calls the writes take; deletes are read once more before they are sent."""
    connector = hub.connectors[spoke.connection]
    mine = [o for o in pending if o.connection == spoke.connection]
    created = sum(o.action == "create" for o in mine)
    return connector.minimum_calls(spoke.object, read=0, written=len(mine) - created, created=created)


# ---------------------------------------------------------------- apply


def apply(hub: Hub, stored: Mapping[str, Any], *, strict: bool = False) -> Report:
    """Carry out a stored plan: its operations and no others. Raises Refused if the files or accounts are not those of
    the plan, or, with `strict`, if anything moved since."""
    name = str(stored.get("sync", ""))
    sync = hub.sync(name)
    if stored.get("format") != FORMAT:
        raise _refused(name, "its format is not known", "this version of accordant reads plans that it made itself")
    if stored.get("fingerprint") != sync.fingerprint:
        raise _refused(name, "mappings, configuration or guards differ from those of the plan", "")
    with hub.store.read() as tx:
        if stored.get("orgs") != orgs(tx, sync.spokes):
            raise _refused(name, "a connection leads to another account than when the plan was made", "")
    wanted = frozenset(o["signature"] for o in stored.get("operations", ()))
    if strict:
        today = frozenset(o["signature"] for o in plan(hub, name)["operations"])
        if today != wanted:
            differ = len(today ^ wanted)
            raise _refused(name, f"{differ} operations differ from what would be done now", "")
    return run_sync(hub, name, trigger="plan", allowed=wanted)


def _refused(name: str, what: str, why: str) -> Refused:
    return Refused(
        f"the plan of {name} cannot be applied: {what}",
        why=why,
        unchanged="Nothing was written",
        next=f"make a new plan: accordant plan {name} -o FILE",
        code="S-PLAN",
    )
