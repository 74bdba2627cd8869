"""What nothing can promise, and the laws therefore do not ask: each function is one limit that docs/reliability.md states."""

from __future__ import annotations

from typing import Any

from hub.core.model import Link
from tests.simulation.proof.evidence import SERIAL, folded, log, serial_of
from tests.simulation.proof.history import History


def is_narrowed(h: History, name: str, object: str) -> bool:
    """Whether an edit made unseen may be overwritten there: the product has nothing against it, or only a condition on its
    own clock, and that clock was set back."""
    profile = h.scene.remotes[name].profile(object)
    by_clock = profile.conditional_write == "coarse" and not profile.field_history and bool(h.counts.get("jumps"))
    return h.scene.vendors[name].narrowed or by_clock


def may_be_a_form(h: History, link: Link) -> bool:
    """Nothing told the hub what its write became: the product does not say, or the answer was lost. What a person then
    shortens before the first reading passes for the product's own cutting: a stated limit."""
    return is_silent(h, link) or bool(h.crashes or h.counts.get("lost answers") or h.counts.get("partial_unknown"))


def is_silent(h: History, link: Link) -> bool:
    """The product neither says what it stored nor keeps a history."""
    profile = h.scene.remotes[link.connection].profile(link.object)
    told = profile.receipts == "body" or (profile.receipts == "version" and profile.conditional_write == "strong")
    return not told and not profile.field_history


def unlike(h: History, object: str) -> set[str]:
    """Serials of people that were entered without a mail, and whose name or phone, by which a person could be asked, was
    changed since: nothing says any more that two of them are one."""
    if object != "person":
        return set()
    entries = [e for n in h.scene.holds[object] for e in log(h, n, object=object) if e.who == "person"]
    made = [e for e in entries if e.action == "create" and not e.fields.get("mail")]
    found = set()
    for name in h.scene.holds[object]:
        for e in log(h, name, "edit", "merge", object=object):
            if e.who != "hub" and ({"phone", "last", "mail"} & e.fields.keys() or e.action == "merge"):
                found.add(serial_of(h, name, object, e.id))
    return found & {folded(e.fields.get(SERIAL[object])) for e in made}


def unseen(h: History, object: str) -> set[str]:
    """Serials of people without a mail, where a list was cut or a phone hidden: what cannot be read cannot be asked about."""
    if object != "person" or not (h.counts.get("truncated") or h.counts.get("hidden")):
        return set()
    entries = [e for n in h.scene.holds[object] for e in log(h, n, "create", object=object) if e.who == "person"]
    return {folded(e.fields.get(SERIAL[object])) for e in entries if not e.fields.get("mail")}


def nameless_when_restored(h: History, object: str) -> set[str]:
    """Serials that were entered without a mail to match by, or whose mail changed, where a system has no field for a key."""
    keyed = all(h.scene.remotes[n].profile(object).unique_key for n in h.scene.holds[object])
    if not h.gaps or object != "person" or keyed:
        return set()
    creates = [e for n in h.scene.holds[object] for e in log(h, n, "create", object=object) if e.who == "person"]
    moved = {
        serial_of(h, n, object, e.id)
        for n in h.scene.holds[object]
        for e in log(h, n, "edit", object=object)
        if "mail" in e.fields
    }
    return moved | {folded(e.fields.get(SERIAL[object])) for e in creates if not e.fields.get("mail")}


def was_gone(h: History, name: str, object: str, serial: Any) -> bool:
    """The person's own record was entered only after the hub's, deleted, or merged away."""
    creates = [e for e in log(h, name, "create", object=object) if folded(e.fields.get(SERIAL[object])) == serial]
    ours = min(e.time for e in creates if e.who == "hub")
    theirs = [e for e in creates if e.who != "hub"]
    restored = {e.id for e in log(h, name, "restore", object=object) if e.time > ours}
    live = h.scene.rows(name, object).keys() - restored
    lag = h.scene.remotes[name].profile(object).lag
    # What was entered while the run was under way can be found by a match key, and without a mail by nothing.
    window = lag + (5 if all(e.fields.get("mail") for e in theirs) else 300)
    return all(e.time >= ours - window or e.id not in live for e in theirs)


def is_unconditional(h: History, name: str) -> bool:
    return h.scene.remotes[name].profile("person").conditional_write == "none"
