"""What a person decides: conflicts, matches, dead letters, links, pauses. Each is audited and takes effect in the next run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.core.errors import Refused
from hub.core.model import Link, Value
from hub.engine.context import Hub
from hub.engine.pull import get, take_in
from hub.engine.push import push
from hub.engine.reconcile import may_settle
from hub.engine.report import Report, report
from hub.engine.run import running
from hub.engine.settle import settle
from hub.store import agenda, audit, goldens, operations, records, reviews, runs
from hub.store.db import Tx


def _missing(what: str, id: str, command: str) -> Refused:
    return Refused(
        f'there is no open {what} "{id}"',
        why="It may have been decided meanwhile",
        unchanged="Nothing was changed",
        next=f"see what is open: accordant {command} list",
        code="S-NONE",
    )


# ---------------------------------------------------------------- conflicts


def resolve_conflict(hub: Hub, id: str, *, keep: str = "", value: Value = None, by: str = "person") -> dict[str, Any]:
    """Decide an open conflict: `keep` names a connection (or "hub"), otherwise `value` is taken. Returns the conflict."""
    with hub.store.begin() as tx:
        conflict = reviews.conflict(tx, id)
        if conflict is None or conflict["state"] != "open":
            raise _missing("conflict", id, "conflicts")
        chosen = _kept(conflict, keep) if keep else value
        reviews.decide_conflict(tx, id, chosen, f"person:{by}")
        agenda.add(tx, conflict["sync"], [(agenda.golden(conflict["golden"]), "decided")])
        change = {"field": conflict["path"], "value": chosen, "keep": keep}
        _note(tx, "conflict decided", conflict["golden"], by, changes=[change])
    return conflict


def _kept(conflict: dict[str, Any], keep: str) -> Value:
    if keep == "hub":
        return conflict["hub_value"]
    found = {link.split("/", 1)[0]: value for link, value in conflict["shown"].items()}
    if keep not in found:
        raise Refused(
            f'"{keep}" has no value in this conflict',
            unchanged="Nothing was decided",
            next=f"use one of: {', '.join([*sorted(found), 'hub'])}, or --value",
            code="S-NAME",
        )
    return found[keep]


# ---------------------------------------------------------------- matches


def answer_match(hub: Hub, id: str, *, golden: str = "", by: str = "person") -> dict[str, Any]:
    """Accept a match (`golden` names which, if there are several candidates) or, without a golden record, reject it: the
    record then becomes a golden record of its own."""
    with hub.store.begin() as tx:
        review = reviews.review(tx, id)
        if review is None or review["state"] != "open":
            raise _missing("match", id, "matches")
        if golden and golden not in review["candidates"]:
            raise Refused(
                f"{golden} is not a candidate of this match",
                unchanged="Nothing was decided",
                next=f"use one of: {', '.join(review['candidates'])}",
                code="S-NAME",
            )
        reviews.answer_review(tx, id, "accepted" if golden else "rejected", golden, by)
        ref = (review["connection"], review["object"], review["remote_id"])
        agenda.add(tx, review["sync"], [(agenda.record(ref), "reviewed")])
        agenda.add(tx, review["sync"], [(agenda.golden(g), agenda.CREATES) for g in review["candidates"]])
        _note(tx, "match accepted" if golden else "match rejected", golden, by, ref)
    return review


# ---------------------------------------------------------------- dead letters


def retry_letter(hub: Hub, id: str, *, by: str = "person") -> None:
    """Try a dead letter again in the next run."""
    with hub.store.begin() as tx:
        letter = next((e for e in reviews.letters(tx) if e["id"] == id), None)
        if letter is None or not reviews.set_letter(tx, id, "retried"):
            raise _missing("error", id, "errors")
        unknown = [
            o.id
            for o in operations.of_goldens(tx, [letter["golden"]], ("unknown",))
            if letter["code"] == "E-UNKNOWN" and o.connection == letter["connection"]
        ]
        operations.mark(tx, unknown, "withdrawn", why="a person decided to create it again")
        ref = (letter["connection"], letter["object"], letter["remote_id"])
        if letter["action"] == "read" and letter["remote_id"]:
            agenda.add(tx, letter["sync"], [(agenda.record(ref), "retried")])
        elif letter["golden"]:
            name = agenda.golden(letter["golden"])
            agenda.add(tx, letter["sync"], [(name, "retried"), (name, agenda.CREATES)])
        _note(tx, "error retried", letter["golden"], by, ref, why=letter["code"])


def dismiss_letter(hub: Hub, id: str, *, by: str = "person", why: str = "") -> None:
    """Put a dead letter away: the same value is not sent again, and it is not shown any more."""
    with hub.store.begin() as tx:
        letter = next((e for e in reviews.letters(tx) if e["id"] == id), None)
        if letter is None or not reviews.set_letter(tx, id, "dismissed"):
            raise _missing("error", id, "errors")
        _note(tx, "error dismissed", letter["golden"], by, why=why)


# ---------------------------------------------------------------- records


def unlink(hub: Hub, golden: str, connection: str, *, by: str = "person") -> Link:
    """Part a golden record and a remote one for good: this pair is never linked again by rule, and neither side is
    created anew in the other."""
    with hub.store.begin() as tx:
        links = goldens.links_of(tx, [golden]).get(golden, [])
        link = next((k for k in links if k.connection == connection and k.state in ("linked", "suspended")), None)
        if link is None:
            raise Refused(
                f"{golden} is not linked in {connection}",
                unchanged="Nothing was changed",
                next=f"see its links: accordant records show {golden}",
                code="S-NONE",
            )
        goldens.save_links(tx, [replace(link, state="refused", why="unlinked")])
        waiting = [o.id for o in operations.of_goldens(tx, [golden], ("pending",)) if o.link == link.id]
        operations.mark(tx, waiting, "withdrawn", why="unlinked")
        _note(tx, "unlinked", golden, by, (link.connection, link.object, link.remote_id))
    return link


def resync(hub: Hub, golden: str) -> Report:
    """Read a golden record's remote records now, settle and push."""
    with hub.store.read() as tx:
        sync = goldens.sync_of(tx, golden)
        links = goldens.links_of(tx, [golden]).get(golden, [])
    if not sync:
        raise Refused(f"there is no golden record {golden}", next="accordant records find TEXT", code="S-NONE")
    with running(hub, sync, trigger="person", kind="resync") as run:
        for link in links:
            spoke = run.spoke(link.connection, link.object)
            if spoke is None or link.state == "refused":
                continue
            rows = get(hub, run, spoke, [link.remote_id])
            with hub.store.begin() as tx:
                run.hold(tx)
                records.clear_hash(tx, [(link.connection, link.object, r.id) for r in rows])
            take_in(hub, run, spoke, rows)
        if may_settle(hub, run):
            settle(hub, run)
            push(hub, run)
    return report(hub, run.id, problems=run.problems)


# ---------------------------------------------------------------- syncs


def pause(hub: Hub, sync: str, *, reason: str = "", by: str = "person") -> None:
    hub.sync(sync)
    with hub.store.begin() as tx:
        runs.set_sync(tx, sync, paused=True, reason=reason)
        _note(tx, "paused", "", by, why=f"{sync}: {reason}")


def resume(hub: Hub, sync: str, *, by: str = "person") -> None:
    """Let a sync run again; its connections are tried again too."""
    found = hub.sync(sync)
    with hub.store.begin() as tx:
        runs.set_sync(tx, sync, paused=False, reason="")
        for spoke in found.spokes:
            if runs.connection_state(tx, spoke.connection)["state"] != "ok":
                runs.set_connection(tx, spoke.connection, state="ok", reason="")
        _note(tx, "resumed", "", by, why=sync)


def cancel(hub: Hub, run: str, *, by: str = "person") -> None:
    """Ask a run to end at its next step."""
    with hub.store.begin() as tx:
        if not runs.ask_to_cancel(tx, run):
            raise _missing("run", run, "runs")
        _note(tx, "run cancelled", "", by, why=run)


def _note(
    tx: Tx,
    action: str,
    golden: str,
    by: str,
    ref: tuple[str, str, str] = ("", "", ""),
    *,
    why: str = "",
    changes: list[dict[str, Any]] | None = None,
) -> None:
    connection, object, remote_id = ref
    entry = audit.Entry(
        action,
        golden=golden,
        actor=f"person:{by}",
        connection=connection,
        object=object,
        remote_id=remote_id,
        why=why,
        changes=changes or (),
    )
    audit.write(tx, [entry])
