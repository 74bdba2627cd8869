"""What must hold after a history, one function per law. Each yields what is wrong, as sentences.

The numbers are those of the design's invariants (I1 to I12) and of the proof's own list (T1 to T19).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from hub.core.model import Golden, Link
from hub.store import audit, goldens, operations, reviews, runs
from hub.store import tables as t
from hub.store.db import Tx
from tests.simulation.proof import limits
from tests.simulation.proof.evidence import GOING, SERIAL, folded, linked, log, open_fields, serial_of
from tests.simulation.proof.history import History
from tests.simulation.proof.kept import everything_kept
from tests.simulation.proof.scene import FIELDS, REFERENCES, SYNC_OF

Law = Callable[[History], Iterator[str]]


def edits_are_never_lost(h: History) -> Iterator[str]:
    """I1, T3: what a person typed is in force, replaced by a person there, in a conflict, or in the audit log."""
    with h.scene.hub.store.read() as tx:
        kept = everything_kept(tx) | h.forgotten
    for name, object in h.scene.pairs():
        for row in h.scene.rows(name, object).values():
            kept |= {v for v in row.values() if isinstance(v, str)}
    whole = sorted(v.casefold() for v in kept)
    for name, object in h.scene.pairs():
        entries = log(h, name, object=object)
        unseen = {(o, i, f, v) for o, i, f, v in h.scene.remotes[name].seen.overwritten if isinstance(v, str)}
        for n, entry in enumerate(entries):
            if entry.who != "person" or entry.action not in ("create", "edit"):
                continue
            for field, value in entry.fields.items():
                if field not in FIELDS[object].values() or not isinstance(value, str) or field == "tags":
                    continue
                value = _plain(field, value)
                if (
                    value == entry.before.get(field)
                    or _stands(value, whole)
                    or _replaced(entries[n + 1 :], entry.id, field)
                ):
                    continue
                if limits.is_narrowed(h, name, object) and (object, entry.id, field, value) in unseen:
                    continue
                if h.counts.get("hidden") and any(e.action == "delete" and e.id == entry.id for e in entries[n + 1 :]):
                    continue  # deleted on behalf of a person, with a field that we were never shown
                yield f"{value!r}, entered as {field} of {object} {entry.id} in {name}, is nowhere any more"


def _plain(field: str, value: str) -> str:
    """An amount is kept without the noughts at its end."""
    return value.rstrip("0").rstrip(".") if field == "amount" else value


def _stands(value: str, kept: list[str]) -> bool:
    """A first link keeps the richer of two forms of one value: `Weber` stands for `weber` and for `Web`."""
    word = value.casefold().strip()
    at = bisect_left(kept, word)
    return at < len(kept) and kept[at].startswith(word)


def _replaced(later: list[Any], id: str, field: str) -> bool:
    """A person changed the same field of the same record later, or the record is gone by a person's hand."""
    theirs = (entry for entry in later if entry.id == id and entry.who != "hub")
    return any(entry.action in GOING or field in entry.fields for entry in theirs)


def all_agree(h: History) -> Iterator[str]:
    """I2, T1: every linked record agrees with its golden record, up to the remote's own form."""
    with h.scene.hub.store.read() as tx:
        blocked = open_fields(tx)
        for object in h.scene.objects:
            for golden, link in linked(tx, object):
                row = h.scene.rows(link.connection, object).get(link.remote_id)
                if row is None:
                    yield f"{link.id} is linked to {golden.id} but does not exist"
                    continue
                if (golden.id, "") in blocked:
                    continue
                for path, name in FIELDS[object].items():
                    if (golden.id, path) not in blocked:
                        yield from _differs(h, link, golden, path, name, row)
                yield from _points_right(h, tx, link, golden, row, blocked)


def _differs(h: History, link: Link, golden: Golden, path: str, name: str, row: dict[str, Any]) -> Iterator[str]:
    profile = h.scene.remotes[link.connection].profile(link.object).field(name)
    assert profile is not None
    want, held = golden.fields.get(path), row.get(name)
    if isinstance(want, list):
        known = [w for w in want if not profile.choices or w in profile.choices]
        options = set((held or "").split(";")) - {""}
        # Where nothing tells what a write became, an option that a person took away at once passes for one that the
        # product did not know: a stated limit.
        silent = limits.may_be_a_form(h, link)
        if options != set(known) and not (silent and options < set(known)):
            yield f"{link.id}.{name} is {held!r}, golden {golden.id} says {want!r}"
        return
    if profile.choices and want not in (*profile.choices, None):
        return
    if want is None and h.scene.remotes[link.connection].profile(link.object).after_write and held in ("Auto", "auto"):
        return  # what the product makes of an empty field
    stored = profile.store(want)
    # Two forms of one value count as equal where records were linked: `Weber`, `weber` and a cut `Web`.
    forms = ["" if v is None else str(v).casefold().strip() for v in (held, stored, want)]
    shorter = forms[0] and forms[2].startswith(forms[0]) and limits.may_be_a_form(h, link)
    if held not in (stored, want) and forms[0] not in forms[1:] and not shorter:
        yield f"{link.id}.{name} is {held!r}, golden {golden.id} says {want!r}"


def _points_right(
    h: History, tx: Tx, link: Link, golden: Golden, row: dict[str, Any], blocked: set[tuple[str, str]]
) -> Iterator[str]:
    """A reference points to the record which stands for the same parent there."""
    if link.object not in REFERENCES:
        return
    path, raw, target, _ = REFERENCES[link.object]
    parent = golden.fields.get(path)
    if link.connection not in h.scene.holds.get(target, ()) or (golden.id, path) in blocked:
        return
    if parent is None:
        yield from _points_alone(h, tx, link, target, row.get(raw))
        return
    there = [
        k
        for k in goldens.links_of(tx, [parent]).get(parent, [])
        if k.connection == link.connection and k.object == target
    ]
    standing = [k.remote_id for k in there if k.state == "linked"]
    held = _survivor(h, link.connection, target, row.get(raw))
    known = goldens.links_by_record(tx, link.connection, target, [held]).get(held) if isinstance(held, str) else None
    if held is not None and (known is None or known.state != "linked"):
        return  # it points to a record that is gone, or that an operator parted from its golden record
    if any(k.primary and k.state == "linked" for k in there) and held not in standing:
        yield f"{link.id}.{raw} points to {row.get(raw)!r}, but {parent} is {standing} there"


def _points_alone(h: History, tx: Tx, link: Link, target: str, id: Any) -> Iterator[str]:
    """A reference of which the golden record knows nothing."""
    held = _survivor(h, link.connection, target, id)
    to = goldens.links_by_record(tx, link.connection, target, [held]).get(held) if held is not None else None
    if to is not None and to.state == "linked" and held in h.scene.rows(link.connection, target):
        yield f"{link.id} points to {id}, which is {to.golden}, and its golden record {link.golden} points nowhere"


def _survivor(h: History, name: str, object: str, id: Any) -> Any:
    """The record that an id leads to, through merges."""
    while isinstance(id, str) and h.scene.remotes[name].read(object, [id])[0] is not None:
        version = h.scene.remotes[name].version(object, id)
        if version.state != "merged":
            break
        id = version.into[0][1]
    return id


def silence(h: History) -> Iterator[str]:
    """I3, T2: once converged, nothing is written."""
    if h.quiet_writes:
        yield f"{len(h.quiet_writes)} writes after it had converged: {h.quiet_writes[0]}"


def nothing_is_made_twice(h: History) -> Iterator[str]:
    """I4, T4: no record is created twice, and none beside one that is already there."""
    for name, object in h.scene.pairs():
        serial_field = SERIAL[object]
        creates = log(h, name, "create", object=object)
        removed = {e.id for e in log(h, name, *GOING, object=object)}
        entered = Counter(folded(e.fields.get(serial_field)) for e in creates if e.who == "person")
        ours = [e for e in creates if e.who == "hub" and e.id not in removed]
        # What a person deleted before the hub could find it again is no twin of what came after it. And a hub that was
        # set back cannot know again what neither a key nor a value to match by tells: a stated limit.
        nameless = limits.unlike(h, object) | limits.unseen(h, object) | limits.nameless_when_restored(h, object)
        for serial, n in Counter(folded(e.fields.get(serial_field)) for e in ours).items():
            if serial in nameless:
                continue
            if n > 1:
                yield f"the hub created {object} {serial} {n} times in {name}"
            if entered[serial] and not limits.was_gone(h, name, object, serial):
                yield f"the hub created {object} {serial} in {name} beside the one that a person had entered there"


def one_link_each(h: History) -> Iterator[str]:
    """I4: a record has one golden record, and a golden record one primary record per object of a system."""
    with h.scene.hub.store.read() as tx:
        for object in h.scene.objects:
            seen = Counter((g.id, k.connection) for g, k in linked(tx, object))
            for (golden, connection), n in seen.items():
                if n > 1:
                    yield f"{golden} is linked {n} times in {connection}"


def everything_is_accounted_for(h: History) -> Iterator[str]:
    """I5, T5: every figure of every finished run adds up, and nothing is left in the middle of it."""
    for name, report in h.reports:
        total = sum(report.outcomes.values()) + report.pending + report.taken
        if total != report.read:
            yield f"run {report.run} of {name} read {report.read} and accounts for {total}"
    with h.scene.hub.store.read() as tx:
        for object in h.scene.objects:
            for operation in operations.in_state(tx, SYNC_OF[object], ("sent",)):
                yield f"operation {operation.id} is still under way"
        for name, object in h.scene.pairs():
            where = (t.record.c.connection == name) & (t.record.c.object == object)
            known = {r.remote_id for r in tx.rows(t.record.select().where(where))}
            for id in h.scene.rows(name, object).keys() - known:
                yield f"{name} holds {object} {id}, of which the hub knows nothing"


def nothing_is_amplified(h: History) -> Iterator[str]:
    """I8, T6: nothing is deleted whose counterpart nobody deleted, and no field emptied that nobody emptied."""
    for name, object in h.scene.pairs():
        for entry in log(h, name, object=object):
            if entry.who != "hub":
                continue
            if entry.action == "delete" and not _deleted_elsewhere(h, name, object, entry):
                yield f"the hub deleted {object} {entry.id} in {name}, and nobody had deleted it elsewhere"
            if entry.action == "edit":
                for field, value in entry.fields.items():
                    if value is None and entry.before.get(field) is not None and not _emptied(h, object, field):
                        yield f"the hub emptied {field} of {object} {entry.id} in {name}, and nobody had"


def _deleted_elsewhere(h: History, name: str, object: str, entry: Any) -> bool:
    serial = serial_of(h, name, object, entry.id)
    for other in h.scene.holds[object]:
        for gone in log(h, other, *GOING, object=object):
            before = other != name and gone.who == "person" and gone.time <= entry.time
            if before and serial_of(h, other, object, gone.id) == serial:
                return True
    return False


def _emptied(h: History, object: str, field: str) -> bool:
    """A person emptied the field somewhere, or pointed a reference to a record that is gone."""
    entries = [e for n in h.scene.holds[object] for e in log(h, n, object=object) if e.who != "hub"]
    return any(field in e.fields and e.fields[field] is None for e in entries) or field == "tags"


def links_stand(h: History) -> Iterator[str]:
    """I8: a link ends only with its record: what is there in the remote was not taken for deleted, not even for a while."""
    gone = {(n, e.id) for n in h.scene.names for e in log(h, n, *GOING)}
    with h.scene.hub.store.read() as tx:
        for entry in audit.entries(tx, action="link ended", limit=1_000_000):
            if entry["why"] == "deleted" and (entry["connection"], entry["remote_id"]) not in gone:
                yield f"{entry['remote_id']} of {entry['connection']} was taken for deleted, and it never was"
        for row in tx.rows(t.link.select().where(t.link.c.state == "ended", t.link.c.why == "deleted")):
            if row.remote_id in h.scene.rows(row.connection, row.object):
                yield f"{row.id} was given up as deleted, and it is there"


def merges_are_followed(h: History) -> Iterator[str]:
    """What people made one in a system is one in the hub: a merged record belongs to the golden record of the survivor."""
    with h.scene.hub.store.read() as tx:
        for row in tx.rows(t.link.select().where(t.link.c.why == "merged")):
            id = _survivor(h, row.connection, row.object, row.remote_id)
            to = goldens.links_by_record(tx, row.connection, row.object, [id]).get(id)
            if to is not None and to.state == "linked" and to.golden != row.golden:
                yield f"{row.id} was merged into {id}, which belongs to {to.golden} and not to {row.golden}"


def every_write_is_in_the_audit(h: History) -> Iterator[str]:
    """I9, T12, T13: the chain is whole, and every write that reached a remote was announced in it before."""
    with h.scene.hub.store.read() as tx:
        verdict = audit.verify(tx)
        announced = {e["op"] for e in audit.entries(tx, limit=1_000_000) if e["action"].startswith("intent")}
    if verdict.bad is not None:
        yield f"the audit chain breaks at row {verdict.bad}: {verdict.why}"
    for name in h.scene.names:
        for call in h.scene.remotes[name].writes:
            forgotten = any(first <= call.time <= last for first, last in h.gaps)
            if call.write.op not in announced and not forgotten:
                yield f"{call.write.action} {call.write.op} in {name} is not in the audit log"


def forms_stay_at_home(h: History) -> Iterator[str]:
    """A form that a remote made of our value never travels to another spoke as if a person had written it. A hub that
    was set back may not know any more whose form it is; nor one whose worker slept past its lease in the middle of a write
    that the product makes no condition for, and that arrived after it had been given up: stated limits."""
    if h.gaps or (h.counts.get("takeovers") and any(limits.is_unconditional(h, n) for n in h.scene.names)):
        return
    typed = {
        v.strip()
        for n in h.scene.names
        for e in log(h, n)
        if e.who != "hub"
        for v in e.fields.values()
        if isinstance(v, str)
    }
    for name in h.scene.names:
        for call in h.scene.remotes[name].writes:
            for field in ("first", "title", "city"):
                value = call.write.fields.get(field)
                if isinstance(value, str) and value.strip() not in typed:
                    yield f"{value!r} was written to {name}, and nobody ever typed it"


def parents_come_first(h: History) -> Iterator[str]:
    """T17: what the hub writes as a reference exists in that system when it is written."""
    for name, object in h.scene.pairs():
        if object not in REFERENCES:
            continue
        _, raw, target, _ = REFERENCES[object]
        made = {e.id: e.time for e in log(h, name, "create", object=target)} if target in h.scene.objects else {}
        for call in h.scene.remotes[name].writes:
            id = call.write.fields.get(raw) if call.object == object else None
            if isinstance(id, str) and not (id in made and made[id] <= call.time):
                yield f"{object} in {name} was written pointing to {target} {id}, which is not there"


def amounts_are_exact(h: History) -> Iterator[str]:
    """T18: an amount that the hub wrote is, to the last digit, one that a person typed."""
    from decimal import Decimal

    typed = {
        Decimal(str(e.fields["amount"]))
        for n in h.scene.names
        for e in log(h, n, object="order")
        if e.who == "person" and e.fields.get("amount") is not None
    }
    for name in h.scene.names:
        for call in h.scene.remotes[name].writes:
            value = call.write.fields.get("amount") if call.object == "order" else None
            if value is not None and Decimal(str(value)) not in typed:
                yield f"the amount {value!r} was written to {name}, and nobody ever typed it"


def no_call_before_its_time(h: History) -> Iterator[str]:
    """A system that asks for patience is not written to before the time that it names, as long as the run goes on."""
    yield from h.hasty


def one_worker_at_a_time(h: History) -> Iterator[str]:
    """A worker that lost its lease sends nothing more, save what is on its way, and finds out before its run ends."""
    yield from h.late


def reports_count_what_was_read(h: History) -> Iterator[str]:
    """I5: a run counts no more records as unchanged than the systems have handed out in it."""
    with h.scene.hub.store.read() as tx:
        for run, told in h.told.items():
            counted = sum(spoke.unchanged for spoke in runs.spokes(tx, run))
            if counted > told:
                yield f"run {run} counts {counted} records as unchanged, and {told} were handed out"


def runs_never_break(h: History) -> Iterator[str]:
    """T15: with the trouble over, every run comes to its end."""
    yield from h.escaped


def nothing_is_a_bug(h: History) -> Iterator[str]:
    """What waits for a person is a refusal of a product or a question, never a mistake of the engine's own."""
    with h.scene.hub.store.read() as tx:
        for letter in reviews.letters(tx):
            if letter["code"].startswith("X-"):
                yield f"{letter['code']} of {letter['golden'] or letter['remote_id']}: {letter['text']}"


LAWS: tuple[Law, ...] = (
    edits_are_never_lost,
    all_agree,
    silence,
    nothing_is_made_twice,
    one_link_each,
    everything_is_accounted_for,
    nothing_is_amplified,
    links_stand,
    merges_are_followed,
    every_write_is_in_the_audit,
    forms_stay_at_home,
    parents_come_first,
    amounts_are_exact,
    no_call_before_its_time,
    one_worker_at_a_time,
    reports_count_what_was_read,
    runs_never_break,
    nothing_is_a_bug,
)


def violations(h: History) -> list[str]:
    """Everything that does not hold, each with the law's name."""
    return [f"{law.__name__}: {text}" for law in LAWS for text in law(h)]
