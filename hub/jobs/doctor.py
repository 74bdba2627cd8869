"""doctor: is everything in place, and what can be promised? Each finding says how it stands and what mends it.

Levels: ok · note (a limit of the remote that no setting changes) · warning · broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from hub.connect.clock import MemoryTokens
from hub.connect.connector import Capabilities, Clock, Context, Identity, ObjectInfo
from hub.connect.http import Answer, Call, Http
from hub.connect.limits import NoLimits
from hub.core.errors import HubError
from hub.core.model import Spoke, Sync
from hub.jobs.assemble import Assembly
from hub.jobs.folder import KEY, key_is_private
from hub.store import schema

if TYPE_CHECKING:
    from hub.engine.selfcheck import Checked

SKEW_ALLOWED = 5.0
GUARANTEES = {
    "prevented": "an edit made meanwhile is never overwritten",
    "nearly": "an edit made meanwhile is overwritten only if it falls in the very second of our read",
    "detected": "an edit that was overwritten is found in the field's history and kept",
    "narrowed": "the record is read just before it is written; an edit in that moment is lost",
    "read only": "the hub never writes it",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor. `next`: what mends it, "" if nothing is wrong."""

    level: str
    about: str
    text: str
    next: str = ""


@dataclass(slots=True)
class Examination:
    """All findings, and the guarantee per sync, spoke and field. `checked`: what the self-check found, if it was asked for."""

    findings: list[Finding]
    guarantees: list[dict[str, Any]]
    checked: Checked | None = None

    @property
    def broken(self) -> bool:
        return any(f.level == "broken" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": not self.broken,
            "findings": [asdict(f) for f in self.findings],
            "guarantees": self.guarantees,
            **({"self_check": self.checked.as_json()} if self.checked else {}),
        }


def examine(project: Assembly, *, self_check: bool = False) -> Examination:
    """Look at everything, and go on after what is broken."""
    found = Examination([], [])
    steps: list[Callable[[Assembly, Examination], None]] = [_key, _files, _database]
    for step in steps:
        if not _step(project, found, step):
            return found
    for name in project.project.connections:
        _connection(project, found, name)
    for sync in project.project.syncs.values():
        for spoke in sync.spokes:
            _spoke(project, found, sync, spoke)
    if self_check:
        found.checked = check_itself(project)
        found.findings += list(told(found.checked))
    return found


def _step(project: Assembly, found: Examination, step: Callable[[Assembly, Examination], None]) -> bool:
    """True if it makes sense to go on."""
    try:
        step(project, found)
    except HubError as problem:
        found.findings.append(Finding("broken", step.__name__.strip("_"), problem.explain(), problem.next))
        return False
    return True


def _key(project: Assembly, found: Examination) -> None:
    from hub.jobs.folder import read_key

    read_key(project.root, project.env)
    if not key_is_private(project.root):
        found.findings.append(Finding("warning", "key", f"{KEY} can be read by others", "accordant doctor --fix"))
    else:
        found.findings.append(Finding("ok", "key", "the master key is there, and private"))


def _files(project: Assembly, found: Examination) -> None:
    loaded = project.project
    parts = {"connections": loaded.connections, "mappings": loaded.mappings, "syncs": loaded.syncs}
    text = " · ".join(f"{name} {len(all_of)}" for name, all_of in parts.items())
    found.findings.append(Finding("ok", "files", text))
    found.findings += [Finding("warning", "files", str(w), w.hint) for w in loaded.warnings]


def _database(project: Assembly, found: Examination) -> None:
    store = project.store
    with store.begin() as tx:
        dialect = tx.dialect
    found.findings.append(Finding("ok", "database", f"{dialect}, version {schema.version(store)}, can be written"))
    found.findings += list(_restored(project))


def _restored(project: Assembly) -> Iterator[Finding]:
    from hub.engine import reconcile

    since = reconcile.current(project.store)
    if since is None:
        return
    left = reconcile.not_compared(project.hub)
    rest = f"; still to read and compare everything: {', '.join(left)}" if left else ""
    text = f"it was restored from a backup: creates and deletes wait for a release{rest}"
    yield Finding("warning", "database", text, "accordant run --all" if left else "accordant db release")


# ---------------------------------------------------------------- connections


def _connection(project: Assembly, found: Examination, name: str) -> None:
    before = project.clock.now()
    try:
        identity = project.sign_in(name)
    except HubError as problem:
        found.findings.append(Finding("broken", name, problem.explain(), problem.next))
        return
    seconds = project.clock.now() - before
    found.findings.append(Finding("ok", name, f"{identity.label or identity.org} answered in {seconds:.1f} s"))
    found.findings += list(_permissions(name, identity))
    found.findings += list(_skew(project, name))


def _permissions(name: str, identity: Identity) -> Iterator[Finding]:
    for scope in identity.missing:
        next = f"grant {scope} in the settings of that account, then: accordant connections test {name}"
        yield Finding("broken", name, f"the permission {scope} is missing", next)


def _skew(project: Assembly, name: str) -> Iterator[Finding]:
    """How far the other clock is from ours, by the Date of any answer of that host."""
    connector = project.connectors[name]
    urls = [str(connector.config.get(o.name) or o.default) for o in connector.options if o.name.endswith("url")]
    private = (connector.config.get("network") or {}).get("allow_private") or ()
    skew = clock_skew(name, urls[0], private, project.clock) if urls else None
    if skew is None:
        return
    level = "ok" if abs(skew) <= SKEW_ALLOWED else "warning"
    next = "" if level == "ok" else "set this machine's clock by NTP, or raise clock_tolerance in the syncs"
    yield Finding(level, name, f"its clock differs from ours by {skew:+.1f} s", next)


def clock_skew(name: str, url: str, allow_private: Sequence[str], clock: Clock) -> float | None:
    """Seconds by which a host is ahead of us, to about a second; None if it does not say. Nothing is signed in for it."""
    answers: list[Answer] = []

    def noted(_call: Call, answer: Answer) -> HubError | None:
        answers.append(answer)
        return None

    context = Context(clock, MemoryTokens(), NoLimits())
    http = Http(name, context, url, allow_private=allow_private, timeout=10.0, translate=noted)
    before = clock.now()
    try:
        answers.append(http.once(Call("clock", expects_json=False)))
    except HubError:
        if not answers:
            return None
    finally:
        http.close()
    middle = (before + clock.now()) / 2
    try:
        # The header has whole seconds, cut off: half a second is what is missing on average.
        return parsedate_to_datetime(answers[0].headers["date"]).timestamp() + 0.5 - middle
    except (KeyError, ValueError):
        return None


# ---------------------------------------------------------------- spokes


def _spoke(project: Assembly, found: Examination, sync: Sync, spoke: Spoke) -> None:
    about = f"{sync.name}/{spoke.connection}"
    if any(f.about == spoke.connection and f.level == "broken" for f in found.findings):
        return
    try:
        connector = project.connectors[spoke.connection]
        info, able = connector.describe(spoke.object), connector.capabilities(spoke.object)
    except HubError as problem:
        found.findings.append(Finding("broken", about, problem.explain(), problem.next))
        return
    found.findings += list(_key_field(project, about, spoke, info, able))
    found.findings += list(_fields(about, spoke, info))
    found.guarantees.append(guarantee_of(sync, spoke, able))


def _key_field(project: Assembly, about: str, spoke: Spoke, info: ObjectInfo, able: Capabilities) -> Iterator[Finding]:
    """Whether our create key has a place, without which a lost answer needs a person."""
    if spoke.direction == "read" or "create" not in spoke.writes:
        return
    if not spoke.key_field:
        if able.unique_key:
            next = f"add `key_field:` to the spoke at {spoke.place}, and a unique text field in {spoke.object}"
            yield Finding("warning", about, "no key_field: a create whose answer is lost needs a person", next)
        return
    field = info.field(spoke.key_field)
    if field is None:
        kind = project.project.connections[spoke.connection].connector
        yield Finding(
            "broken",
            about,
            f"{spoke.object} has no field {spoke.key_field}, in which the create key is kept",
            f"in {kind}: create a text field {spoke.key_field} on {spoke.object}, 255 letters, unique"
            + (" and an external id" if "external" in kind or kind == "salesforce" else "")
            + f", and let our user write it ({spoke.place})",
        )
    elif not field.unique:
        text = f"{spoke.key_field} of {spoke.object} is not unique, so a record could be created twice"
        yield Finding("broken", about, text, f"make {spoke.key_field} unique in {spoke.connection}")
    elif not field.writable:
        text = f"{spoke.key_field} of {spoke.object} cannot be written by our user"
        yield Finding("broken", about, text, f"let our user write {spoke.key_field} in {spoke.connection}")


def _fields(about: str, spoke: Spoke, info: ObjectInfo) -> Iterator[Finding]:
    """Mapped fields that are not there, or that our user may not write."""
    for rule in spoke.mapping.rules.values():
        for name in rule.remote_names():
            field = info.field(name)
            if field is None and not name.startswith("@"):
                next = f"correct {rule.place}, or see accordant discover {spoke.connection} {spoke.object}"
                yield Finding("broken", about, f"{spoke.object} has no field {name} that our user can read", next)
            elif (
                field
                and not field.writable
                and rule.writable
                and spoke.direction != "read"
                and name in rule.written_names()
            ):
                next = f"grant it in {spoke.connection}, or set `direction: read` at {rule.place}"
                yield Finding("broken", about, f"{name} of {spoke.object} cannot be written", next)


def guarantee_of(sync: Sync, spoke: Spoke, able: Capabilities) -> dict[str, Any]:
    """What is promised where a person edits a field while the hub writes it."""
    writes = spoke.direction != "read" and "update" in spoke.writes & able.writes
    word = _guarantee(able, spoke.protocol) if writes else "read only"
    fields = {
        path: word if rule.writable and writes else "read only" for path, rule in sorted(spoke.mapping.rules.items())
    }
    return {
        "sync": sync.name,
        "connection": spoke.connection,
        "object": spoke.object,
        "protocol": spoke.protocol,
        "guarantee": word,
        "means": GUARANTEES[word],
        "creates": _creates(spoke, able),
        "deletes": {"tombstone": "told", "flag": "told", "sweep": "found by sweep"}[able.deletes],
        "fields": fields,
    }


def _creates(spoke: Spoke, able: Capabilities) -> str:
    if spoke.direction == "read" or "create" not in spoke.writes & able.writes:
        return "never"
    return "once" if spoke.key_field and able.unique_key else "once, or a person is asked"


def _guarantee(able: Capabilities, protocol: str) -> str:
    if protocol != "careful":
        return "narrowed"
    if able.conditional_write == "strong":
        return "prevented"
    if able.conditional_write == "coarse":
        return "nearly"
    return "detected" if able.field_history else "narrowed"


# ---------------------------------------------------------------- self-check

PARTS = {
    "audit": ("chain", "nameless", "journal"),
    "sums": ("sums", "report", "unchanged", "states", "no link", "left sent", "left pending", "doubled", "lost"),
    "writes": ("loop", "no cause", "delete", "delete policy", "emptied", "alive", "order", "twins"),
}
"""What the self-check looks at, in the words of the doctor: {part: kinds of findings}."""


def check_itself(project: Assembly) -> Checked:
    """A full check of all that can be decided from the database. What is broken pauses its sync."""
    from hub.engine.selfcheck import self_check

    return self_check(project.hub, full=True)


def told(checked: Checked) -> Iterator[Finding]:
    """The self-check as lines of the doctor: what was found, and which parts are whole."""
    good = {
        "audit": f"the chain is whole: {checked.rows} rows, {checked.unsealed} not sealed yet; each write is announced in it",
        "sums": f"links, states and {checked.runs} runs add up",
        "writes": "each was sent once, in order, and for a reason",
    }
    for part, kinds in PARTS.items():
        found = [f for f in checked.findings if f.kind in kinds]
        for f in found:
            where = f" ({f.sync})" if f.sync else ""
            yield Finding(f.level, part, f"{f.invariant}{where} {f.text}", f.next)
        if not found:
            yield Finding("ok", part, good[part])
    for sync in checked.paused:
        yield Finding("broken", sync, "it is paused now, because of this", f"accordant resume {sync}")


def check_sums(project: Assembly) -> Iterator[Finding]:
    """A full self-check, as lines of the doctor."""
    return told(check_itself(project))
