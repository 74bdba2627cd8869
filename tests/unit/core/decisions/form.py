"""A case as people write it, in YAML, and what `decide` answers, as lines that people can compare.

A case names its fields as a mapping file does, so that the rules are the real ones. Times are seconds after noon.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from hub.core.compile import Surroundings, mapping_of
from hub.core.entities import STANDARD
from hub.core.expressions import parse
from hub.core.hearing import mark
from hub.core.model import Decision, Golden, Held, Link, Missing, Pair, Policy, Reading, Side, Source
from hub.core.plan import decide
from hub.core.tree import plant
from hub.settings.tools import TOOLS
from tests.unit.small_hub import NOON, Lookup, stamp

Data = Mapping[str, Any]
NOW = 1000
SIDE_KEYS = frozenset(
    ("base", "reads", "kind", "at", "after", "by_us", "points", "state", "why", "primary", "direction", "drift")
) | {"writes", "intents", "deleting", "fields", "connection"}
CASE_KEYS = frozenset(
    ("id", "title", "fields", "policy", "golden", "by", "sides", "held", "resolved", "recent", "refs", "decision")
)


@dataclass(frozen=True)
class Case:
    """Everything that `decide` is given."""

    golden: Golden
    sides: tuple[Side, ...]
    policy: Policy
    refs: Lookup
    held: tuple[Held, ...] = ()
    resolved: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    recent: Mapping[str, Sequence[tuple[Any, str, str]]] = field(default_factory=dict)

    def decide(self, sides: Sequence[Side] = ()) -> Decision:
        return decide(
            self.golden,
            sides or self.sides,
            self.policy,
            refs=self.refs,
            run="r1",
            now=stamp(NOW),
            held=self.held,
            resolved=self.resolved,
            recent=self.recent,
        )


# ---------------------------------------------------------------- from YAML


def read_case(data: Data) -> Case:
    """The case; ValueError for a key that no case has."""
    _known(data, CASE_KEYS, str(data.get("id")))
    rules = {name: rules_of(json.dumps({**data["fields"], **one.get("fields", {})})) for name, one in _sides(data)}
    sides = tuple(_side(name, one, rules[name]) for name, one in _sides(data))
    return Case(
        _golden(data, sides),
        sides,
        _policy(data.get("policy", {})),
        Lookup({(*key.split(" "),): golden for key, golden in data.get("refs", {}).items()}),
        tuple(Held(path, h["claims"], h.get("golden")) for path, h in data.get("held", {}).items()),
        {path: (value, by) for path, (value, by) in data.get("resolved", {}).items()},
        {path: [(v, by, stamp(at)) for v, by, at in many] for path, many in data.get("recent", {}).items()},
    )


def _known(data: Data, keys: frozenset[str], where: str) -> None:
    unknown = sorted(set(data) - keys)
    if unknown:
        raise ValueError(f"{where}: there is no key {', '.join(unknown)}")


def _sides(data: Data) -> Iterator[tuple[str, Data]]:
    for name, one in data["sides"].items():
        _known(one, SIDE_KEYS, f"{data.get('id')} {name}")
        yield name, one


@lru_cache(maxsize=500)
def rules_of(fields: str) -> Mapping[str, Any]:
    """The rules of a mapping with these fields, each held under its own name."""
    declared = {path: _field(path, options) for path, options in json.loads(fields).items()}
    data = {"connector": "memory", "object": "Contact", "entity": "customer", "fields": declared}
    return mapping_of(data, "people", Surroundings(STANDARD, TOOLS)).rules


def _field(path: str, options: Data) -> Data:
    computed = "value" in options and options.get("direction") == "read"
    return options if computed or "field" in options else {"field": path, **options}


def _side(name: str, one: Data, rules: Mapping[str, Any]) -> Side:
    base = {path: _pair(held) for path, held in one.get("base", {}).items()}
    more = {key: one[key] for key in ("state", "why", "primary") if key in one}
    connection = one.get("connection", name)
    link = Link(name, "g1", connection, "Contact", f"{name}-1", base=base, version="v1", stamp=stamp(20), **more)
    rest = {key: one[key] for key in ("direction", "drift", "intents", "deleting") if key in one}
    writes = frozenset(one.get("writes", ("create", "update")))
    return Side(link, rules, _reading(one), writes=writes, **rest)


def _pair(held: Any) -> Pair:
    return Pair(**held) if isinstance(held, dict) and "agreed" in held else Pair(held, held)


def _reading(one: Data) -> Reading | None:
    if "reads" not in one and "kind" not in one:
        return None
    at, after = one.get("at", 100), one.get("after", 50)
    return Reading(
        one.get("reads", {}),
        one.get("kind", "updated"),
        "" if at is None else stamp(at),
        f"v{at}",
        "" if after is None else stamp(after),
        one.get("by_us", False),
        {name: stamp(second) for name, second in one.get("points", {}).items()},
    )


def _golden(data: Data, sides: Sequence[Side]) -> Golden:
    fields, by = data.get("golden", {}), data.get("by", {})
    forms = {s.link.id: {path: pair.form for path, pair in s.link.base.items()} for s in sides}
    sources = {path: _source(path, by.get(path, by.get("default", "a@10")), forms) for path in fields}
    return Golden("g1", "customer", "person", dict(fields), sources, origin=("a", "Contact", "a-1", 0))


def _source(path: str, text: str, forms: Mapping[str, Mapping[str, Any]]) -> Source:
    """`b@5..10 from b`: b entered it between the 5th and the 10th second, read from what link b holds."""
    said, _, link = text.partition(" from ")
    by, _, times = said.partition("@")
    first, dots, last = times.partition("..")
    after, at = (first, last) if dots else ("", first)
    return Source(
        by,
        stamp(float(at)) if at else "",
        "r0",
        stamp(float(after)) if after else "",
        mark(link, forms[link][path]) if link else "",
    )


def _policy(data: Data) -> Policy:
    made = dict(data)
    for key in ("conflicts", "first_link"):
        if key in made:
            table = made[key] if isinstance(made[key], dict) else {"default": made[key]}
            made[key] = {path: tuple(map(_entry, chain)) for path, chain in table.items()}
    if isinstance(made.get("ownership"), str):
        made["ownership"] = {"default": made["ownership"]}
    if "consent_opt_in_from" in made:
        made["consent_opt_in_from"] = tuple(made["consent_opt_in_from"])
    return Policy(**made)


def _entry(text: str) -> Any:
    if not text.startswith("="):
        return text
    expression, problems = parse(plant(text[1:].strip()), known=("golden", *"abcd").__contains__)
    if expression is None:
        raise ValueError(f"{text}: {problems}")
    return expression


# ---------------------------------------------------------------- to lines


def tell(case: Case, made: Decision) -> list[str]:
    """The whole decision, one fact a line, in an order that never changes."""
    return [
        *(_told_field(path, made.golden) for path in sorted(made.golden.fields)),
        *(f"change {c.path}: {_v(c.before)} -> {_v(c.after)} by {c.winner}, {_why(c.reason, c.rule)}" for c in made.changes),
        *(f"lost {p.path}: {_v(p.value)} of {p.connection}, {_why(p.reason, p.rule)}" for p in made.lost),
        *_told_writes(made),
        *_told_bases(case, made),
        *(f"link {k.id}: {' '.join(filter(None, (k.state, k.why)))}" for k in made.links),
        *(f"hold {h.path}: {_claims(h)}; the hub keeps {_v(h.golden)}" for h in made.holds),
        *(f"closed {path}" for path in made.closed),
        *(f"outcome {link}: {made.outcome[link]}" for link in sorted(made.outcome)),
        *(f"note {n.what} {n.path} {n.connection}: {n.text}{_waits(n.waits_for)}" for n in made.notes),
    ]  # fmt: skip


def _told_field(path: str, golden: Golden) -> str:
    source = golden.sources.get(path)
    return f"golden {path}: {_v(golden.fields[path])}" + (f" ({_told_source(source)})" if source else "")


def _told_source(source: Source) -> str:
    times = "..".join(_second(s) for s in (source.after, source.stamp) if s)
    return f"{source.by}@{times} {source.run} {source.form}".rstrip()


def _second(text: str) -> str:
    return f"{(datetime.fromisoformat(text) - NOON).total_seconds():g}"


def _told_writes(made: Decision) -> Iterator[str]:
    for due in made.due:
        if not due.fields:
            yield f"{due.action} {due.link}"
        for f in due.fields:
            yield f"{due.action} {due.link} {f.path}: {_v(f.before)} -> {_v(f.after)} as {_v(f.raw)} because {f.reason or '-'}"


def _told_bases(case: Case, made: Decision) -> Iterator[str]:
    before = {s.link.id: s.link.base for s in case.sides}
    for link, base in sorted(made.bases.items()):
        for path, pair in sorted(base.items()):
            if before[link].get(path) != pair:
                seen = "" if pair.seen else " (not seen yet)"
                yield f"base {link} {path}: agreed {_v(pair.agreed)}, form {_v(pair.form)}{seen}"


def _why(reason: str, rule: str) -> str:
    return f"{reason} [{rule}]" if rule else reason


def _claims(held: Held) -> str:
    return ", ".join(f"{link} asks {_v(raw)}" for link, raw in sorted(held.claims.items()))


def _waits(target: tuple[str, str, str] | None) -> str:
    return f" (waits for {' '.join(target)})" if target else ""


def _v(value: Any) -> str:
    return f"({value.value})" if isinstance(value, Missing) else json.dumps(value, ensure_ascii=False, sort_keys=True)
