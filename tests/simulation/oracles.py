"""What must hold after a history, one function per invariant. Each returns what is wrong, as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from hub.core.model import Golden, Link
from hub.store import audit, goldens, operations, reviews
from hub.store import tables as t
from hub.store.db import Tx
from tests.simulation.history import History
from tests.simulation.proof.kept import everything_kept

Oracle = Callable[[History], Iterator[str]]


def converged(h: History) -> Iterator[str]:
    """I2: every linked record agrees with its golden record, up to the remote's own form."""
    with h.world.hub.store.read() as tx:
        blocked = _open_fields(tx)
        for golden, link in _linked(tx):
            row = h.world.rows(link.connection).get(link.remote_id)
            if row is None:
                yield f"{link.id} is linked to {golden.id} but does not exist"
                continue
            for path, name in FIELDS.items():
                if (golden.id, path) in blocked or (golden.id, "") in blocked:
                    continue
                profile = h.world[link.connection].profile("person").field(name)
                assert profile is not None
                want = golden.fields.get(path)
                # Two forms of one value count as equal where records were linked: `Weber`, `weber` and a cut `Web`.
                forms = [str(v or "").casefold() for v in (row.get(name), profile.store(want), want)]
                if row.get(name) not in (profile.store(want), want) and forms[0] not in forms[1:]:
                    yield f"{link.id}.{name} is {row.get(name)!r}, golden {golden.id} says {want!r}"


FIELDS = {
    "given_name": "first",
    "family_name": "last",
    "email": "mail",
    "phones[mobile]": "phone",
    "job_title": "title",
}


def _linked(tx: Tx) -> Iterator[tuple[Golden, Link]]:
    ids = [r[0] for r in tx.rows(t.golden.select().with_only_columns(t.golden.c.id))]
    found, links = goldens.load(tx, ids), goldens.links_of(tx, ids)
    for id, golden in found.items():
        for link in links[id]:
            if link.state == "linked" and link.primary:
                yield golden, link


def _open_fields(tx: Tx) -> set[tuple[str, str]]:
    open_ = {(c["golden"], c["path"]) for c in reviews.conflicts(tx)}
    return open_ | {(e["golden"], e["path"]) for e in reviews.letters(tx)}


def silent(h: History) -> Iterator[str]:
    """I3: once converged, nothing is written."""
    if h.quiet_writes:
        yield f"{h.quiet_writes} writes after it had converged"


def no_twins(h: History) -> Iterator[str]:
    """I4: no record is created twice, and none beside one that is already there."""
    for name in h.names:
        entered = Counter(e.fields.get("last") for e in _log(h, name, "create") if e.who == "person")
        # What a person deleted before the hub could find it again is no twin of what came after it.
        removed = {e.id for e in _log(h, name) if e.action in ("delete", "merge")}
        ours = [e for e in _log(h, name, "create") if e.who == "hub" and e.id not in removed]
        made = Counter(e.fields.get("last") for e in ours)
        for serial, n in made.items():
            if n > 1:
                yield f"the hub created {serial} {n} times in {name}"
            if entered[serial] and not _was_gone(h, name, serial):
                yield f"the hub created {serial} in {name} beside the one that a person had entered there"


def _was_gone(h: History, name: str, serial: Any) -> bool:
    """The person's own record was entered only after the hub's, deleted, or merged away."""
    ours = min(e.time for e in _log(h, name, "create") if e.who == "hub" and e.fields.get("last") == serial)
    theirs = [e for e in _log(h, name, "create") if e.who != "hub" and e.fields.get("last") == serial]
    restored = {e.id for e in _log(h, name, "restore") if e.time > ours}
    live = h.world.rows(name).keys() - restored
    lag = h.world[name].profile("person").lag
    return all(e.time >= ours - lag - 5 or e.id not in live for e in theirs)


def _log(h: History, name: str, action: str = "") -> list[Any]:
    return [e for e in h.world[name].log if action in ("", e.action)]


def nothing_lost(h: History) -> Iterator[str]:
    """I1: what a person typed is somewhere: in force, replaced by a person there, in a conflict, or in the audit log."""
    with h.world.hub.store.read() as tx:
        kept = everything_kept(tx)
    for name in h.names:
        kept |= {v for row in h.world.rows(name).values() for v in row.values() if isinstance(v, str)}
    for name in h.names:
        log = _log(h, name)
        for n, entry in enumerate(log):
            if entry.who != "person" or entry.action not in ("create", "edit"):
                continue
            for field, value in entry.fields.items():
                if field not in FIELDS.values() or value is None or value == entry.before.get(field):
                    continue
                # A first link keeps the richer of two forms of one value: `Weber` stands for `weber` and for `Web`.
                stands = any(k.casefold().startswith(value.casefold()) for k in kept)
                if stands or _replaced(log[n + 1 :], entry.id, field):
                    continue
                yield f"{value!r}, entered as {field} of {entry.id} in {name}, is nowhere any more"


def _replaced(later: list[Any], id: str, field: str) -> bool:
    """A person changed the same field of the same record later, or the record is gone by a person's hand."""
    for entry in later:
        if entry.id != id or entry.who == "hub":
            continue
        if entry.action in ("delete", "merge") or field in entry.fields:
            return True
    return False


def accounted(h: History) -> Iterator[str]:
    """I5: every figure of every finished run adds up, and nothing is left in the middle of it."""
    for report in h.reports:
        total = sum(report.outcomes.values()) + report.pending + report.taken
        if total != report.read:
            yield f"run {report.run} read {report.read} and accounts for {total}"
    with h.world.hub.store.read() as tx:
        for operation in operations.in_state(tx, "people", ("sent",)):
            yield f"operation {operation.id} is still under way"
        for connection in h.names:
            known = {r.remote_id for r in tx.rows(t.record.select().where(t.record.c.connection == connection))}
            for id in h.world.rows(connection).keys() - known:
                yield f"{connection} holds {id}, of which the hub knows nothing"


def no_delete_by_us(h: History) -> Iterator[str]:
    """I8: with deletes off nothing is deleted, and no field is emptied that no person emptied."""
    for name in h.names:
        for entry in _log(h, name):
            if entry.who == "hub" and entry.action == "delete":
                yield f"the hub deleted {entry.id} in {name}"
            if entry.who == "hub" and entry.action == "edit":
                for field, value in entry.fields.items():
                    if value is None and entry.before.get(field) is not None and not _cleared(h, field):
                        yield f"the hub emptied {field} of {entry.id} in {name}, and nobody had"


def _cleared(h: History, field: str) -> bool:
    return any(e.who == "person" and field in e.fields and e.fields[field] is None for n in h.names for e in _log(h, n))


def audited(h: History) -> Iterator[str]:
    """I9: the chain is whole, and every write that reached a remote was announced in it before."""
    with h.world.hub.store.read() as tx:
        verdict = audit.verify(tx)
        announced = {e["op"] for e in audit.entries(tx, limit=1_000_000) if e["action"].startswith("intent")}
    if verdict.bad is not None:
        yield f"the audit chain breaks at row {verdict.bad}: {verdict.why}"
    for name in h.names:
        for call in h.world[name].writes:
            if call.write.op not in announced:
                yield f"{call.write.action} {call.write.op} in {name} is not in the audit log"


def one_link_each(h: History) -> Iterator[str]:
    """A record has one golden record, and a golden record one primary record per object."""
    with h.world.hub.store.read() as tx:
        seen = Counter((g.id, k.connection, k.object) for g, k in _linked(tx))
    for (golden, connection, _), n in seen.items():
        if n > 1:
            yield f"{golden} is linked {n} times in {connection}"


def links_stand(h: History) -> Iterator[str]:
    """I8: a link ends only with its record: what is there in the remote was not taken for deleted."""
    with h.world.hub.store.read() as tx:
        for row in tx.rows(t.link.select().where(t.link.c.state == "ended", t.link.c.why == "deleted")):
            if row.remote_id in h.world.rows(row.connection):
                yield f"{row.id} was given up as deleted, and it is there"


def cut_forms_stay(h: History) -> Iterator[str]:
    """A form that a remote made of our value never travels to another spoke as if a person had written it."""
    typed = {
        v for n in h.names for e in _log(h, n) if e.who == "person" for v in e.fields.values() if isinstance(v, str)
    }
    for name in h.names:
        for call in h.world[name].writes:
            for field in ("first", "title"):
                value = call.write.fields.get(field)
                if isinstance(value, str) and value not in typed:
                    yield f"{value!r} was written to {name}, and nobody ever typed it"


ORACLES: tuple[Oracle, ...] = (
    converged,
    silent,
    no_twins,
    nothing_lost,
    accounted,
    no_delete_by_us,
    audited,
    one_link_each,
    links_stand,
    cut_forms_stay,
)


def violations(h: History) -> list[str]:
    """Everything that does not hold, each with the oracle's name."""
    return [f"{oracle.__name__}: {text}" for oracle in ORACLES for text in oracle(h)]
