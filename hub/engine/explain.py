"""Why is this value here, and why did that one not sync: the walk of a record, told from what is stored.

match → scope → ownership → merge → transform → write. Each step says what was decided, by which rule and where that rule
stands; the last line is the command to type next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.core.errors import Refused, Reject
from hub.core.model import Golden, Link, Missing, Source, Sync
from hub.engine.batch import BatchRefs
from hub.engine.context import Hub
from hub.engine.planning import shown_name
from hub.store import agenda, audit, goldens, operations, records, reviews, runs, states
from hub.store.db import Tx

STATE_WORDS = {"suspended": "out of scope", "refused": "parted by a person", "ended": "ended"}


def explain(hub: Hub, text: str, field: str = "") -> dict[str, Any]:
    """Explain a record, named by golden id, remote id, CONNECTION/OBJECT/ID, or a part of a name or e-mail.

    `found` is "golden", "record" (seen, but not linked) or "many" (`candidates` names them).
    """
    with hub.store.read() as tx:
        golden = goldens.get(tx, text)
        if golden is not None:
            return _golden(hub, tx, golden, field)
        rows = _rows(tx, text)
        linked = {i for row in rows if (i := _golden_of(tx, row))}
        unlinked = [row for row in rows if not _golden_of(tx, row)]
        if not rows:
            linked = {g.id for g in goldens.search(tx, text)}
        if len(linked) + len(unlinked) == 0:
            raise _nothing(text)
        if len(linked) + len(unlinked) > 1:
            return _many(tx, text, linked, unlinked)
        if linked:
            golden = goldens.get(tx, linked.pop())
            assert golden is not None, "a link leads to a golden record"
            return _golden(hub, tx, golden, field)
        return _unlinked(hub, tx, unlinked[0])


def _nothing(text: str) -> Refused:
    return Refused(
        f'no record is known by "{text}"',
        why="Records are known once a run has read them",
        unchanged="Nothing was done",
        next="look by e-mail, name or id: accordant records find TEXT; or read again: accordant run SYNC --full",
        code="S-NONE",
    )


def _rows(tx: Tx, text: str) -> list[Any]:
    connection, _, rest = text.partition("/")
    object, _, remote_id = rest.partition("/")
    if remote_id:
        row = records.one(tx, connection, object, remote_id)
        return [row] if row else []
    return records.find(tx, text)


def _golden_of(tx: Tx, row: Any) -> str:
    link = goldens.links_by_record(tx, row.connection, row.object, [row.remote_id]).get(row.remote_id)
    return link.golden if link else ""


def _many(tx: Tx, text: str, linked: set[str], unlinked: Sequence[Any]) -> dict[str, Any]:
    found = [{"record": g.id, "name": shown_name(g.fields)} for g in goldens.load(tx, sorted(linked)).values()]
    found += [{"record": f"{r.connection}/{r.object}/{r.remote_id}", "name": ""} for r in unlinked]
    return {"found": "many", "text": text, "candidates": found}


# ---------------------------------------------------------------- a golden record


def _golden(hub: Hub, tx: Tx, golden: Golden, field: str) -> dict[str, Any]:
    sync = hub.syncs.get(goldens.sync_of(tx, golden.id))
    links = goldens.links_of(tx, [golden.id])[golden.id]
    about = _About(hub, tx, golden, sync, links)
    paths = about.paths()
    if field and field not in paths:
        raise Refused(
            f'{golden.id} has no field "{field}"',
            unchanged="Nothing was done",
            next=f"use one of: {', '.join(paths)}",
            code="S-NAME",
        )
    return {
        "found": "golden",
        "golden": golden.id,
        "name": shown_name(golden.fields),
        "sync": sync.name if sync else "",
        "state": golden.state,
        "match": about.match(),
        "links": [about.link(link) for link in links],
        "missing_in": about.missing(),
        "fields": {path: about.field(path) for path in ([field] if field else paths)},
        "next": about.next(field),
    }


class _About:
    """A golden record with all that speaks of it, loaded once."""

    def __init__(self, hub: Hub, tx: Tx, golden: Golden, sync: Sync | None, links: Sequence[Link]) -> None:
        self.hub, self.tx, self.golden, self.sync, self.links = hub, tx, golden, sync, links
        self.conflicts = {c["path"]: c for s in ("open", "decided") for c in reviews.conflicts(tx, "", s, golden.id)}
        self.operations = operations.of_goldens(tx, [golden.id])
        self.letters = [e for e in reviews.letters(tx) if e["golden"] == golden.id]
        self.history = audit.entries(tx, golden=golden.id, limit=500, newest=True)

    def paths(self) -> list[str]:
        mapped = {p for s in (self.sync.spokes if self.sync else ()) for p in s.mapping.rules}
        based = {p for link in self.links for p in link.base}
        return sorted(mapped | based | set(self.golden.fields))

    # -- match and scope

    def match(self) -> list[dict[str, Any]]:
        """How each record came to this golden record."""
        found = []
        for link in self.links:
            entry = next(
                (
                    e
                    for e in reversed(self.history)
                    if e["connection"] == link.connection
                    and e["remote_id"] == link.remote_id
                    and e["action"] in ("linked", "adopted by key", "recognised by key", "intent create")
                ),
                None,
            )
            founded = tuple(self.golden.origin[:3]) == (link.connection, link.object, link.remote_id)
            how = "this record founded it" if founded else _how(entry)
            found.append({"record": _ref(link), "how": how, "run": entry["run"] if entry else ""})
        return found

    def link(self, link: Link) -> dict[str, Any]:
        row = records.one(self.tx, link.connection, link.object, link.remote_id)
        return {
            "record": _ref(link),
            "state": link.state,
            "why": link.why or STATE_WORDS.get(link.state, ""),
            "primary": link.primary,
            "record_state": states.one(self.tx, link.connection, link.object, link.remote_id),
            "stamp": link.stamp,
            "reason": row.reason if row else "",
            "place": row.place if row else "",
            "waits_for": [
                w for w in agenda.waits_of(self.tx, agenda.record((link.connection, link.object, link.remote_id)))
            ],
        }

    def missing(self) -> list[dict[str, Any]]:
        """Systems in which the record does not exist, and why."""
        have = {(link.connection, link.object) for link in self.links}
        found = []
        for spoke in self.sync.spokes if self.sync else ():
            if (spoke.connection, spoke.object) not in have:
                found.append({"connection": spoke.connection, "object": spoke.object, "why": self._not_created(spoke)})
        return found

    def _not_created(self, spoke: Any) -> str:
        if spoke.direction == "read":
            return f"this spoke is only read ({spoke.place})"
        if "create" not in spoke.writes:
            return f"the hub may not create there ({spoke.place})"
        mine = [o for o in self.operations if o.connection == spoke.connection and o.action == "create"]
        if mine:
            return f"its create is {mine[-1].state}{': ' + mine[-1].why if mine[-1].why else ''}"
        letter = next((e for e in self.letters if e["connection"] == spoke.connection), None)
        if letter:
            return f"{letter['text']} [{letter['code']}]"
        if (self.golden.id, spoke.connection, spoke.object) in reviews.under_review(self.tx, [self.golden.id]):
            return "a record there may be the same: accordant matches list"
        cursor = runs.cursor(self.tx, spoke.connection, spoke.object)
        if not cursor.full_done:
            return f"{spoke.connection} was not read completely yet"
        return "it is created by the next run"

    # -- one field

    def field(self, path: str) -> dict[str, Any]:
        """The walk of one field: its value, whose it is and why, and what each system holds."""
        value = self.golden.fields.get(path)
        return {
            "value": value,
            "from": _source(self.golden.sources.get(path)),
            "decided": self._decided(path),
            "owner": self._owner(path),
            "policy": self._policy(path),
            "spokes": [self._spoke(link, path, value) for link in self.links],
            "conflict": self._conflict(path),
        }

    def _decided(self, path: str) -> list[dict[str, Any]]:
        """The last decisions about this field, newest first, with the rule and its place."""
        found = []
        for entry in self.history:
            for change in entry["changes"]:
                if (
                    change.get("field") == path
                    and ("after" in change or "lost" in change)
                    and entry["action"] == "settled"
                ):
                    found.append(
                        {"run": entry["run"], "at": entry["at"], **{k: v for k, v in change.items() if k != "field"}}
                    )
        return found[:5]

    def _owner(self, path: str) -> dict[str, str] | None:
        owners = self.sync.policy.ownership if self.sync else {}
        name = owners.get(path) or owners.get("default")
        if not name:
            return None
        return {"connection": name, "place": self._place("ownership", path)}

    def _policy(self, path: str) -> dict[str, Any] | None:
        if self.sync is None:
            return None
        chains = self.sync.policy.conflicts
        chain = chains.get(path) or chains.get("default") or ()
        return {"chain": [getattr(e, "text", str(e)) for e in chain], "place": self._place("conflicts", path)}

    def _place(self, what: str, path: str) -> str:
        places = self.sync.policy.rule_places if self.sync else {}
        return str(places.get(f"{what}.{path}") or places.get(f"{what}.default") or "")

    def _conflict(self, path: str) -> dict[str, Any] | None:
        found = self.conflicts.get(path)
        if found is None:
            return None
        return {n: found[n] for n in ("id", "state", "shown", "hub_value", "rule", "value", "at")}

    def _spoke(self, link: Link, path: str, value: Any) -> dict[str, Any]:
        """What one system holds of a field, and why it differs if it does."""
        spoke = next(
            (
                s
                for s in (self.sync.spokes if self.sync else ())
                if s.connection == link.connection and s.object == link.object
            ),
            None,
        )
        rule = spoke.mapping.rules.get(path) if spoke else None
        pair = link.base.get(path)
        found: dict[str, Any] = {
            "record": _ref(link),
            "mapped": rule is not None,
            "remote": ", ".join(rule.remote_names()) if rule else "",
            "place": str(rule.place) if rule else "",
            "agreed": pair.agreed if pair else None,
            "form": pair.form if pair else None,
            "known": bool(pair and pair.seen),
            "canonical": self._canonical(rule, link, pair),
            "pending": self._pending(link, path),
            "refused": self._refused(link, path),
        }
        found["why"] = self._why(found, link, spoke, rule, value)
        return found

    def _canonical(self, rule: Any, link: Link, pair: Any) -> Any:
        """What the stored remote value means."""
        if rule is None or pair is None or not rule.readable:
            return None
        refs = BatchRefs()
        if rule.kind == "ref" and isinstance(pair.form, str):
            refs.goldens.update(goldens.ref_targets(self.tx, [(link.connection, rule.object, pair.form)]))
        try:
            value = rule.to_canonical(pair.form, link.connection, refs)
        except Reject:
            return None
        return None if isinstance(value, Missing) else value

    def _pending(self, link: Link, path: str) -> dict[str, Any] | None:
        for operation in self.operations:
            for f in operation.fields:
                if operation.link == link.id and f.path == path:
                    why = operation.why or operation.error
                    return {"operation": operation.id, "state": operation.state, "new": f.after, "why": why}
        return None

    def _refused(self, link: Link, path: str) -> dict[str, Any] | None:
        for letter in self.letters:
            if letter["connection"] == link.connection and letter["path"] in (path, ""):
                return {n: letter[n] for n in ("id", "code", "text", "action", "count")}
        return None

    def _why(self, found: Mapping[str, Any], link: Link, spoke: Any, rule: Any, value: Any) -> str:
        """In one sentence: why the system holds what it holds."""
        if rule is None:
            return "this system does not map the field"
        if link.state != "linked":
            return f"the link is {STATE_WORDS.get(link.state, link.state)}"
        if found["refused"]:
            return f"refused: {found['refused']['text']}"
        conflict = self.conflicts.get(rule.path)
        if conflict and conflict["state"] == "open":
            return f"held: it changed in more than one place ({conflict['rule']})"
        if found["pending"]:
            return f"a write is {found['pending']['state']}"
        if self._waits(link, rule, value):
            return f"the record it refers to is not linked in {link.connection}"
        if not found["known"]:
            return "its value there is not known yet; the next run reads it"
        if found["canonical"] == value or rule.same(found["canonical"], value):
            return "in sync"
        if spoke.direction == "read" or not rule.writable:
            return f"the hub does not write it there ({rule.place if not rule.writable else spoke.place})"
        if "update" not in spoke.writes:
            return f"the hub may not update there ({spoke.place})"
        return "it differs; the next run writes it"

    def _waits(self, link: Link, rule: Any, value: Any) -> bool:
        """A reference whose target does not exist in this system yet."""
        if rule.kind != "ref" or not isinstance(value, str):
            return False
        return (link.connection, rule.object, value) not in goldens.ref_remotes(self.tx, [value])

    # -- what to do

    def next(self, field: str) -> str:
        for path, conflict in sorted(self.conflicts.items()):
            if conflict["state"] == "open" and field in ("", path):
                sides = " | ".join(sorted({k.split("/", 1)[0] for k in conflict["shown"]} | {"hub"}))
                return f"accordant conflicts resolve {conflict['id']} --keep {sides}"
        for letter in self.letters:
            if field in ("", letter["path"]) or not letter["path"]:
                return f"accordant errors retry {letter['id']}"
        if self.operations or any(m["why"].startswith("it is created") for m in self.missing()):
            return f"accordant run {self.sync.name}" if self.sync else ""
        return f"accordant records resync {self.golden.id}"


def _how(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "unknown"
    if entry["action"] == "linked":
        return f"linked: {entry['why']}"
    return "created by the hub" if entry["action"] == "intent create" else str(entry["action"])


def _ref(link: Link) -> str:
    return f"{link.connection}/{link.object}/{link.remote_id}"


def _source(source: Source | None) -> dict[str, str] | None:
    return None if source is None else {"by": source.by, "stamp": source.stamp, "run": source.run}


# ---------------------------------------------------------------- a record without a link


def _unlinked(hub: Hub, tx: Tx, row: Any) -> dict[str, Any]:
    """Why a record that was seen takes no part."""
    ref = (row.connection, row.object, row.remote_id)
    review = next((r for r in reviews.reviews(tx) if (r["connection"], r["object"], r["remote_id"]) == ref), None)
    letter = next((e for e in reviews.letters(tx) if (e["connection"], e["object"], e["remote_id"]) == ref), None)
    sync = next((s.name for s in hub.syncs.values() for p in s.spokes if (p.connection, p.object) == ref[:2]), "")
    return {
        "found": "record",
        "record": "/".join(ref),
        "sync": sync,
        "state": states.one(tx, *ref),
        "disposition": row.disposition or "read, not settled yet",
        "reason": row.reason,
        "place": row.place,
        "stamp": row.stamp,
        "waits_for": agenda.waits_of(tx, agenda.record(ref)),
        "review": {n: review[n] for n in ("id", "candidates", "reason")} if review else None,
        "error": {n: letter[n] for n in ("id", "code", "text", "path")} if letter else None,
        "next": _unlinked_next(row, sync, review, letter),
    }


def _unlinked_next(row: Any, sync: str, review: Mapping[str, Any] | None, letter: Mapping[str, Any] | None) -> str:
    if review:
        return f"accordant matches accept {review['id']}, or accordant matches reject {review['id']}"
    if letter:
        return f"correct it in {row.connection}, or accordant errors retry {letter['id']}"
    if row.disposition == "skipped":
        return f"change the rule at {row.place}" if row.place else f"accordant records find {row.remote_id}"
    if row.disposition in states.GONE:
        return "nothing: the record is gone"
    return f"accordant run {sync}" if sync else "accordant status"
