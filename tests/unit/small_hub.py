"""A small hub for tests of the heart: rules without mapping files, remotes that rewrite what they are given, and just
enough engine to carry a decision out. Stories and random histories are played on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.core.errors import Place, Reject
from hub.core.model import ABSENT, UNRESOLVED, Decision, Golden, Held, Link, Pair, Policy, Reading, Side, Source
from hub.core.plan import decide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def stamp(second: float) -> str:
    return (NOON + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class FakeRule:
    """One field under its own name. Text is stripped; `lower` and `cut` say what the spoke's type does to it."""

    path: str
    kind: str = "text"
    readable: bool = True
    writable: bool = True
    required: bool = False
    place: Place = Place("m.yaml", 7, 3)
    lower: bool = False
    cut: int = 99
    knows: Mapping[str, str] | None = None  # remote → canonical; others are refused
    object: str = "Account"
    wanted: Callable[[Mapping[str, Any]], Any] | None = None  # for fields that are only written
    ignore_empty: bool = False

    def remote_names(self) -> tuple[str, ...]:
        return (self.path,)

    def raw(self, fields: Mapping[str, Any]) -> Any:
        return fields.get(self.path, ABSENT)

    def to_canonical(self, raw: Any, connection: str, refs: Any) -> Any:
        if raw in (None, ""):
            return ABSENT if self.ignore_empty else None
        if self.kind == "ref":
            return refs.golden(connection, self.object, raw) or UNRESOLVED
        if self.kind == "set":
            return sorted(raw.split(";"))
        if self.knows is not None:
            if raw not in self.knows:
                raise Reject(f"unknown value in {self.path}", where=str(self.place))
            return self.knows[raw]
        if not isinstance(raw, str):
            return raw
        return raw.strip().lower() if self.lower else raw.strip()

    def to_remote(self, value: Any, fields: Mapping[str, Any], connection: str, refs: Any) -> Any:
        if self.wanted is not None:
            return self.wanted(fields)
        if value is None or (self.kind not in ("ref", "set") and self.knows is None):
            return value
        if self.kind == "ref":
            return refs.remote(connection, self.object, value) or UNRESOLVED
        if self.kind == "set":
            return ";".join(v for v in value if self.knows is None or v in self.knows) or None
        for raw, canonical in (self.knows or {}).items():
            if canonical == value:
                return raw
        raise Reject(f"{self.path} cannot be told to {connection}", where=str(self.place))

    def spread(self, raw: Any) -> dict[str, Any]:
        return {self.path: raw}

    def same(self, a: Any, b: Any) -> bool:
        if a is None or b is None or not isinstance(a, str) or not isinstance(b, str):
            return bool(a == b)
        a, b = (v.casefold() if self.lower else v for v in (a, b))
        return a[: self.cut] == b[: self.cut] and (a == b or self.cut in (len(a), len(b)))

    def richer(self, a: Any, b: Any) -> Any:
        return b if len(str(b)) > len(str(a)) else a


@dataclass(frozen=True)
class Lookup:
    """References by hand: {(connection, object, remote id): golden id}."""

    known: Mapping[tuple[str, str, str], str] = field(default_factory=dict)

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return self.known.get((connection, object, remote_id))

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        return next((k[2] for k, g in self.known.items() if k[:2] == (connection, object) and g == golden_id), None)


def rules(*paths: str, **options: Any) -> dict[str, FakeRule]:
    return {path: FakeRule(path, **options) for path in paths}


def link(id: str, base: Mapping[str, Any] | None = None, **rest: Any) -> Link:
    """A link whose id is its connection. `base`: {path: Pair, or one value that is both agreed and form}."""
    pairs = {p: b if isinstance(b, Pair) else Pair(b, b) for p, b in (base or {}).items()}
    connection = rest.pop("connection", id)
    return Link(id=id, golden="g1", connection=connection, object="Contact", remote_id=f"{id}-1", base=pairs, **rest)


def side(
    link: Link, fields: Mapping[str, Any] | None = None, rules: Mapping[str, Any] | None = None, **rest: Any
) -> Side:
    """A side that reports `fields` (None: nothing). `at` and `after` are seconds; `kind` as in Reading."""
    at, after = rest.pop("at", 100), rest.pop("after", 50)
    kind, by_us, points = rest.pop("kind", "updated"), rest.pop("by_us", False), rest.pop("points", {})
    reading = None
    if fields is not None:
        reading = Reading(fields, kind, stamp(at), f"v{at}", stamp(after) if after is not None else "", by_us, points)
    paths = rules if rules is not None else {p: FakeRule(p) for p in {*link.base, *(fields or {})}}
    return Side(link=link, rules=paths, reading=reading, **rest)


def golden(
    fields: Mapping[str, Any] | None = None, *, by: str = "a", at: float = 10, after: float | None = None
) -> Golden:
    source = Source(by, stamp(at), "r0", stamp(after) if after is not None else "")
    return Golden("g1", "customer", "person", dict(fields or {}), dict.fromkeys(fields or {}, source))


def verdict(golden: Golden, *sides: Side, policy: Policy | None = None, refs: Any = None, **rest: Any) -> Decision:
    return decide(golden, sides, policy or Policy(), refs=refs or Lookup(), run="r1", now=stamp(1000), **rest)


@dataclass
class SmallHub:
    """Remotes, links and one golden record. `store`: {connection: what its remote makes of a value}."""

    spokes: dict[str, dict[str, FakeRule]]
    policy: Policy = field(default_factory=Policy)
    store: dict[str, Callable[[str, Any], Any]] = field(default_factory=dict)
    writes: frozenset[str] = frozenset({"create", "update"})
    refs: Lookup = field(default_factory=Lookup)
    golden: Golden = field(default_factory=lambda: Golden("g1", "customer", "person"))
    links: dict[str, Link] = field(default_factory=dict)
    remotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    holds: tuple[Held, ...] = ()
    due: dict[str, Any] = field(default_factory=dict)
    intents: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    clock: float = 0
    read_at: dict[str, float] = field(default_factory=dict)
    edited_at: dict[str, float] = field(default_factory=dict)
    lost: list[Any] = field(default_factory=list)
    written: list[tuple[str, str, Any]] = field(default_factory=list)

    def tick(self, seconds: float = 60) -> float:
        self.clock += seconds
        return self.clock

    def join(self, name: str, **fields: Any) -> None:
        """A record appears in a spoke and is linked (by match, or because it founds the golden record)."""
        self.remotes[name] = fields
        self.links[name] = link(name)
        self.edited_at[name] = self.tick()

    def edit(self, name: str, **fields: Any) -> None:
        self.remotes[name] = {**self.remotes[name], **fields}
        self.edited_at[name] = self.tick()

    def settle(self, *names: str, **rest: Any) -> Decision:
        """Read these spokes (all, if none is named), decide, and keep what follows."""
        self.tick()
        sides = [self._side(n, read=n in names or not names) for n in self.links]
        decision = decide(
            self.golden, sides, self.policy, refs=self.refs, run="r", now=stamp(self.clock), held=self.holds, **rest
        )
        self._keep(decision, [n for n in self.links if n in names or not names])
        return decision

    def _side(self, name: str, *, read: bool) -> Side:
        after = self.read_at.get(name)
        reading = Reading(
            dict(self.remotes[name]),
            stamp=stamp(self.edited_at[name]),
            after="" if after is None else stamp(after),
        )
        mine = self.intents.get(name, {})
        return Side(self.links[name], self.spokes[name], reading if read else None, writes=self.writes, intents=mine)

    def _keep(self, decision: Decision, names: Sequence[str]) -> None:
        self.golden, self.holds = decision.golden, decision.holds
        self.links |= {n: replace(self.links[n], base=base) for n, base in decision.bases.items()}
        self.links |= {k.id: replace(k, base=self.links[k.id].base) for k in decision.links}
        self.due = {d.link: d for d in decision.due}
        self.lost += decision.lost
        for n in names:
            self.read_at[n] = self.clock
            self.intents.pop(n, None)

    def push(self, *, receipt: str = "body", only: Sequence[str] = ()) -> int:
        """Send what is due. `receipt`: body (says what was stored) | none | lost (stored, but no answer came)."""
        count = 0
        for name, due in list(self.due.items()):
            if only and name not in only:
                continue
            for f in due.fields:
                stored = self.store.get(name, lambda path, raw: raw)(f.path, f.raw)
                self.remotes[name] = {**self.remotes[name], f.path: stored}
                self.written.append((name, f.path, f.raw))
                self._receive(name, f, stored, receipt)
                count += 1
            self.edited_at[name] = self.tick()
            if receipt == "body":
                self.read_at[name] = self.clock
            del self.due[name]
        return count

    def _receive(self, name: str, f: Any, stored: Any, receipt: str) -> None:
        if receipt == "lost":
            self.intents.setdefault(name, {}).setdefault(f.path, []).append(f.after)
            return
        pair = Pair(f.after, stored) if receipt == "body" else Pair(f.after, f.raw, seen=False)
        self.links[name] = replace(self.links[name], base={**self.links[name].base, f.path: pair})

    def run(self, **rest: Any) -> int:
        """One whole run: read all, decide, write all. Returns the number of fields written."""
        self.settle()
        return self.push(**rest)
