"""Is all well? Per sync: its state in one word, its records by state, what is open, how far behind it is.

What needs a person comes first, each with the command that deals with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.core.model import Spoke, Sync
from hub.engine import reconcile
from hub.engine.context import Hub, lease_name
from hub.engine.pull import fingerprint
from hub.store import reconcile as store
from hub.store import runs, states
from hub.store.db import Tx

ORDER = ("broken", "paused", "needs you", "not applied", "running", "pending", "in sync")
"""State words, the gravest first."""


def status(hub: Hub, names: Sequence[str] = ()) -> dict[str, Any]:
    """The state of these syncs (default: all), of their connections, and what a person should do."""
    syncs = [hub.sync(name) for name in names or sorted(hub.syncs)]
    with hub.store.read() as tx:
        restored = _restored(hub, tx)
        told = [_sync(hub, tx, sync) for sync in syncs]
        used = sorted({spoke.connection for sync in syncs for spoke in sync.spokes})
        connections = [_connection(tx, name) for name in used]
    needs = _restored_needs(restored)
    needs += [need for c in connections for need in _connection_needs(c, told)]
    needs += [need for one in told for need in _needs(one)]
    return {
        "needs_you": needs,
        "restored": restored,
        "syncs": told,
        "connections": connections,
        "at": hub.clock.now(),
    }


def _restored(hub: Hub, tx: Tx) -> dict[str, Any] | None:
    """The restore that nobody has released yet: what waits for it, {connection: {action: how many}}, and which syncs have
    not read and compared everything since."""
    found = store.current(tx)
    if found is None:
        return None
    held: dict[str, dict[str, int]] = {}
    for _, connection, action, n in store.held_operations(tx):
        of_connection = held.setdefault(connection, {})
        of_connection[action] = of_connection.get(action, 0) + n
    return {"at": found.at, "by": found.by, "held": held, "to_compare": store.not_compared(tx, sorted(hub.syncs))}


def _sync(hub: Hub, tx: Tx, sync: Sync) -> dict[str, Any]:
    state = runs.sync_state(tx, sync.name)
    last = next((r for r in runs.latest(tx, sync.name, 5) if r.kind != "plan"), None)
    spokes = {f"{s.connection}.{s.object}": _spoke(tx, s) for s in sync.spokes}
    found: dict[str, Any] = {
        "sync": sync.name,
        "state": "",
        "reason": state["reason"],
        "applied": bool(state["applied"]),
        "first_run": sync.first_run,
        "last_run": _run(tx, last),
        "spokes": spokes,
        "records": {s: sum(spoke["records"][s] for spoke in spokes.values()) for s in states.STATES},
        "open": states.open_counts(tx, sync.name),
        "operations": states.open_operations(tx, sync.name),
        "lag": _lag(hub, spokes.values()),
        "next_run": state["next_at"] if state["next_at"] > hub.clock.now() else None,
        "swept_at": state["swept_at"] or None,
        "holder": runs.lease_holder(tx, lease_name(sync.name)),
    }
    if found["holder"] and not hub.is_alive(found["holder"]):
        found["holder"] = ""
    found["state"] = _word(found, bool(state["paused"]))
    return found


def _spoke(tx: Tx, spoke: Spoke) -> dict[str, Any]:
    cursor = runs.cursor(tx, spoke.connection, spoke.object)
    records = states.counts(tx, spoke.connection, spoke.object)
    return {
        "records": records,
        "held": sum(n for state, n in records.items() if state != "deleted"),
        "pulled_at": cursor.pulled_at or None,
        "complete": cursor.full_done,
        "reread": is_reread(tx, spoke),
    }


def is_reread(tx: Tx, spoke: Spoke) -> bool:
    """Whether the next run reads everything again, because the mapping or the scope changed since the last one."""
    return runs.cursor(tx, spoke.connection, spoke.object).fingerprint not in ("", fingerprint(spoke))


def _run(tx: Tx, row: Any) -> dict[str, Any] | None:
    """A run as it ended; `problems`: {connection: why it could not be read}."""
    if row is None:
        return None
    names = ("id", "state", "kind", "trigger", "error")
    problems = {s.connection: s.error for s in runs.spokes(tx, row.id) if s.error}
    return {
        **{n: getattr(row, n) for n in names},
        "problems": problems,
        "started": row.started,
        "ended": row.ended or None,
    }


def _lag(hub: Hub, spokes: Any) -> float | None:
    """Seconds since the spoke that was read longest ago was read; None if one never was."""
    moments = [spoke["pulled_at"] for spoke in spokes]
    return None if not moments or None in moments else max(0.0, hub.clock.now() - min(moments))


def _word(found: dict[str, Any], paused: bool) -> str:
    last = found["last_run"]
    if paused:
        return "paused"
    if found["holder"]:
        return "running"
    if last is not None and (last["state"] in ("failed", "refused") or last["problems"]):
        return "broken"
    if not found["applied"]:
        return "not applied"
    if any(found["open"].values()):
        return "needs you"
    waits = found["records"]["pending"] or any(found["operations"].values())
    return "pending" if waits or (last is not None and last["state"] == "partial") else "in sync"


def _connection(tx: Tx, name: str) -> dict[str, Any]:
    state = runs.connection_state(tx, name)
    return {n: state[n] for n in ("name", "org", "state", "reason")}


# ---------------------------------------------------------------- what a person should do


def _restored_needs(restored: dict[str, Any] | None) -> list[dict[str, Any]]:
    if restored is None:
        return []
    what = "the database was restored from a backup"
    if restored["to_compare"]:
        names = ", ".join(restored["to_compare"])
        return [_need(f"{what}; still to read and compare everything: {names}", "accordant run --all")]
    held = {(c, action): n for c, actions in restored["held"].items() for action, n in actions.items()}
    waits = reconcile.held_text(held) if held else "no create or delete"
    return [_need(f"{what}; {waits} waits for your release", "accordant db release")]


def _need(what: str, next: str, **about: Any) -> dict[str, Any]:
    return {"what": what, "next": next, **about}


def _connection_needs(connection: dict[str, Any], syncs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    if connection["state"] == "ok":
        return []
    name = connection["name"]
    hit = ", ".join(s["sync"] for s in syncs if any(spoke.startswith(f"{name}.") for spoke in s["spokes"]))
    return [_need(f"{name}: {connection['reason'] or 'stopped'}", f"accordant connections test {name}", syncs=hit)]


def _needs(one: dict[str, Any]) -> list[dict[str, Any]]:
    name, opened, found = one["sync"], one["open"], []
    last = one["last_run"]
    if one["state"] == "broken" and last:
        found += _broken(name, last)
    if one["state"] == "paused":
        reason = f": {one['reason']}" if one["reason"] else ""
        found.append(_need(f"{name} is paused{reason}", f"accordant resume {name}", sync=name))
    if one["state"] == "not applied":
        command = "plan" if one["first_run"] == "plan" else "run"
        found.append(_need(f"{name} was never applied", f"accordant {command} {name}", sync=name))
    for what, words in (
        ("conflicts", "conflicts to decide"),
        ("matches", "possible matches to decide"),
        ("errors", "errors"),
    ):
        if opened[what]:
            found.append(_need(f"{name}: {opened[what]} {words}", f"accordant {what} list --sync {name}", sync=name))
    return found


def _broken(sync: str, last: dict[str, Any]) -> list[dict[str, Any]]:
    """Why the last run did not do its work: per system, or as a whole."""
    if last["problems"]:
        return [_told(sync, text) for text in last["problems"].values()]
    text = f"the last run {_past(last['state'])}: {last['error'] or last['state']}"
    return [_told(sync, text)]


def _told(sync: str, text: str) -> dict[str, Any]:
    """A whole message, parted into what happened and what to do."""
    what, _, rest = text.partition(" Next: ")
    next = rest.partition(". [")[0] or f"accordant run {sync}"
    return _need(f"{sync}: {what.rstrip('.')}", next, sync=sync)


def _past(state: str) -> str:
    return "was refused" if state == "refused" else state
