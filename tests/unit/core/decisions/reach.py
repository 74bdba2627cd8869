"""What a case is about, read off its question and its answer: so that nobody has to believe a label."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hub.core.hearing import QUIET, hear
from hub.core.model import Decision, Side
from tests.unit.core.decisions.form import Case

_ENTRY = re.compile(r"^(?P<section>conflicts|first_link|ownership)\.\S+: (?P<entry>.*)$")
# Stories that no decision about one golden record can tell; stories/ and the unit tests of matching tell them.
TOLD_ELSEWHERE = {3, 12, 15, 18, 21}


def features(id: str, case: Case, made: Decision) -> Iterator[str]:
    """Everything that this case reaches."""
    if id.startswith("story-"):
        yield f"story {int(id.split('-')[1])}"
    yield f"{len(case.sides)} sides"
    yield from _policy(made)
    for section in ("conflicts", "first_link"):
        for chain in getattr(case.policy, section).values():
            yield from (f"{section} names {_word(entry)}" for entry in chain)
            yield from (f"{section} is a mixture" for _ in chain[1:2])
    yield from _answer(made)
    for side in case.sides:
        yield from _side(case, side)
    yield from _state(case, made)


def _policy(made: Decision) -> Iterator[str]:
    for rule in {c.rule for c in made.changes} | {p.rule for p in made.lost}:
        found = _ENTRY.match(rule)
        if found:
            yield f"{found['section']} by {_word(found['entry'])}"


def _word(entry: object) -> str:
    if entry in ("newest", "non_empty", "hold"):
        return str(entry)
    return "rank" if isinstance(entry, str) and len(entry) == 1 else "expression"


def _answer(made: Decision) -> Iterator[str]:
    yield from (f"change by {c.reason}" for c in made.changes)
    yield from (f"lost by {p.reason}" for p in made.lost)
    yield from (f"note {n.what}" for n in made.notes)
    yield from (f"action {d.action}" for d in made.due)
    yield from (f"outcome {o}" for o in made.outcome.values())
    yield from (f"link becomes {k.state}" for k in made.links)
    yield from ("a field is cleared" for c in made.changes if c.after is None)
    yield from ("a hold is open" for _ in made.holds)
    yield from ("a hold closes" for _ in made.closed)


def _side(case: Case, side: Side) -> Iterator[str]:
    yield from (f"link {side.link.state}", f"direction {side.direction}", f"drift {side.drift}")
    yield "a primary record" if side.link.primary else "a secondary record"
    if side.deleting:
        yield "a delete that is not sent"
    for rule in side.rules.values():
        yield f"kind {rule.kind}"
        yield (
            "two-way field"
            if rule.readable and rule.writable
            else "read-only field"
            if rule.readable
            else "write-only field"
        )
    yield from ("an open intent" for _ in side.intents)
    yield from ("a form that was not seen" for pair in side.link.base.values() if not pair.seen)
    reading = side.reading
    if reading is None:
        yield "nothing read"
        return
    yield f"reading {reading.kind}"
    yield "written by us" if reading.by_us else "written by people"
    yield "no stamp" if not reading.stamp else "no lower end" if not reading.after else "an interval"
    if reading.points:
        yield "field history"
    yield from _fields(case, side)


def _fields(case: Case, side: Side) -> Iterator[str]:
    for path, rule in side.rules.items():
        heard = hear(side, rule, case.refs) if rule.readable else None
        if heard is None:
            yield "absent"
            continue
        yield f"heard {heard.what}"
        if heard.what == QUIET and heard.base is not None and heard.raw != heard.base.form:
            yield "another form of the same"
        if heard.asks and heard.value is None:
            yield "a clear or an empty first reading"
        if path not in side.link.base:
            yield "unknown base"


def _state(case: Case, made: Decision) -> Iterator[str]:
    stamps = [s.reading.stamp for s in case.sides if s.reading is not None and s.reading.stamp]
    if len(stamps) > len(set(stamps)):
        yield "equal stamps"
    yield f"tolerance {case.policy.clock_tolerance}"
    yield f"deletes {case.policy.deletes}"
    yield from ("a hold was open" for _ in case.held)
    yield from ("a person decided" for _ in case.resolved)
    yield from ("versions of a day" for _ in case.recent)
    if not case.golden.fields:
        yield "founding"
    written = {(d.link, f.path) for d in made.due for f in d.fields}
    before = {s.link.id: s.link.base for s in case.sides}
    for link, base in made.bases.items():
        for path, pair in base.items():
            was = before[link].get(path)
            if was is not None and was.form == pair.form and was.agreed != pair.agreed and (link, path) not in written:
                yield "agreement renewed without a write"


REACHED = frozenset(
    f"story {n}" for n in range(1, 27) if n not in TOLD_ELSEWHERE
) | {
    "2 sides", "3 sides", "4 sides",
    *(f"conflicts by {w}" for w in ("newest", "rank", "non_empty", "expression")),
    *(f"conflicts names {w}" for w in ("newest", "rank", "non_empty", "hold", "expression")), "conflicts is a mixture",
    *(f"first_link by {w}" for w in ("newest", "rank")),
    *(f"first_link names {w}" for w in ("newest", "rank", "non_empty", "hold")), "first_link is a mixture",
    "ownership by rank",
    *(f"change by {r}" for r in ("edit", "first_link", "ownership", "conflict", "mapping", "decision", "union", "founded")),
    *(f"lost by {r}" for r in ("conflict", "ownership", "first_link", "consent", "decision", "drift")),
    *(f"note {w}" for w in ("unresolved", "unknown_value", "required", "drift", "parked", "delete_against_edit")),
    "action update", "action delete", "action archive",
    *(f"outcome {o}" for o in ("held", "conflicted", "waiting", "applied", "unchanged")),
    "link becomes linked", "link becomes ended",
    "a field is cleared", "a hold is open", "a hold closes",
    *(f"link {s}" for s in ("linked", "suspended", "ended", "refused")),
    "direction both", "direction read", "direction write", "drift report", "drift overwrite",
    "a primary record", "a secondary record", "a delete that is not sent",
    *(f"kind {k}" for k in ("text", "name", "email", "phone", "integer", "money")),
    *(f"kind {k}" for k in ("datetime", "date", "bool", "set", "consent", "ref")),
    "two-way field", "read-only field", "write-only field",
    "an open intent", "a form that was not seen", "nothing read",
    "reading updated", "reading deleted", "reading restored",
    "written by us", "written by people", "no stamp", "no lower end", "an interval", "field history",
    "absent", "heard quiet", "heard edit", "heard new", "heard unreadable", "another form of the same",
    "a clear or an empty first reading", "unknown base", "equal stamps",
    *(f"deletes {d}" for d in ("ignore", "unlink", "archive", "delete")), "tolerance 0", "tolerance 5.0", "tolerance 60",
    "a hold was open", "a person decided", "versions of a day", "founding", "agreement renewed without a write",
}  # fmt: skip
