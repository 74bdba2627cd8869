"""Fields that never conflict: sets merge as sets, and consent is monotone.

A set's edit is what was added and removed there since its own form, so that a spoke that does not know an option never
removes it. An opt-out wins from any side at any time; opting in again is for the spokes that the sync names.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.core.ballot import Answer, Question, accept, by_owner
from hub.core.hearing import EDIT, NEW, Heard, alike, canonical
from hub.core.model import Missing, Value
from hub.core.policies import EMPTY, Candidate
from hub.core.values import options

# ---------------------------------------------------------------- sets


def merge_set(q: Question, a: Answer, asks: Sequence[Heard]) -> None:
    """Add what any side added, then remove what was removed and not added elsewhere; first readings only add."""
    edits, _ = by_owner(q, a, [h for h in asks if h.what == EDIT], asks)
    news = [h for h in asks if h.what == NEW]
    edited = {h.link: _edit(q, h) for h in edits}
    added = {v for plus, _ in edited.values() for v in plus}
    removed = {v for _, minus in edited.values() for v in minus}
    merged = (options(a.value) | added) - (removed - added)
    merged |= {v for h in news for v in h.value or ()}
    if merged != options(a.value):
        _enter(q, a, [*edits, *news], merged)
    for h in edits:
        plus, minus = edited[h.link]
        agreed = options(h.base.agreed) if h.base is not None else set()
        a.agree(h, _listed((agreed | plus) - minus, h.value))
    for h in news:
        a.agree(h, h.value)


def _enter(q: Question, a: Answer, asks: Sequence[Heard], merged: set[str]) -> None:
    value = _listed(merged, a.value if a.value is not None else asks[0].value)
    reason = "founded" if q.founding else "edit" if len(asks) == 1 and asks[0].what == EDIT else "union"
    movers = [h for h in asks if h.what == EDIT or options(h.value) - options(q.value)]
    accept(q, a, Candidate(value, tuple(movers)), reason)


def _listed(values: set[str], like: Value) -> Value:
    """A set as it is stored: a sorted list, and empty in the way of the value that it follows."""
    return sorted(values) or (None if like is None else [])


def _edit(q: Question, h: Heard) -> tuple[set[str], set[str]]:
    form = canonical(h.rule, h.base.form, h.side, q.refs) if h.base is not None else None
    if isinstance(form, Missing):
        form = h.base.agreed if h.base is not None else None
    was, now = options(form), options(h.value)
    return now - was, was - now


# ---------------------------------------------------------------- consent


def opted_out(path: str, value: Value) -> bool:
    """Whether a consent value says no: true in a field that names an opt-out, false in one that names an opt-in."""
    return value is ("opt_in" not in path.rpartition(".")[2])


def merge_consent(q: Question, a: Answer, asks: Sequence[Heard]) -> None:
    """An opt-out wins; an opt-in counts only from a spoke that may give it and that had seen any opt-out."""
    refusals = [h for h in asks if opted_out(q.path, h.value)]
    if refusals:
        accept(q, a, Candidate(refusals[0].value, tuple(refusals)), "edit" if not q.founding else "founded")
    allowed = [h for h in asks if h not in refusals and not refusals and _may(q, a, h)]
    if allowed:
        best = min(allowed, key=lambda h: (h.value is None, h.link))
        same = tuple(h for h in allowed if alike(q.kind, h.value, best.value))
        accept(q, a, Candidate(best.value, same), "edit" if best.what == EDIT else "first_link")
    for h in asks:
        if h.link in a.applied:
            continue
        if alike(q.kind, h.value, a.value) or (h.what == NEW and h.value in EMPTY):
            a.agree(h, h.value)
        else:
            a.lose(q, h, "consent", "consent: an opt-out wins, opt_in_from names who may opt in again")


def _may(q: Question, a: Answer, h: Heard) -> bool:
    if h.what == NEW:
        return a.value is None and h.value is not None
    if opted_out(q.path, a.value) and not (h.base is not None and alike(q.kind, h.base.agreed, a.value)):
        return False
    return h.connection in q.policy.consent_opt_in_from or (h.value is None and not opted_out(q.path, a.value))
