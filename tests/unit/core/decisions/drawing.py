"""Cases drawn at random, in the form in which people write them: whoever throws the dice decides what comes.

A seeded generator froze some of them beside the cases that people wrote; hypothesis draws new ones every time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hub.core.model import Missing
from tests.unit.core.decisions.form import rules_of
from tests.unit.small_hub import Lookup

Pick = Callable[[Sequence[Any]], Any]
Data = dict[str, Any]

# By path: how a spoke may map it (the first is the plainest), and what a remote may hold.
MAPPED: Mapping[str, Sequence[Data]] = {
    "job_title": (
        {},
        {"length": 8},
        {"as": "lower"},
        {"direction": "read"},
        {"direction": "write"},
        {"on_empty": {"read": "ignore"}},
        {"on_empty": {"write": "ignore"}},
        {"required": True, "default": "(none)"},
        {"required": True},
        {"values": {"Boss": "Chief", "Head": "Head"}, "unknown": "keep"},
        {"values": {"Boss": "Boss", "Chief": "Chief"}},
    ),
    "given_name": ({}, {"direction": "read"}, {"length": 12}),
    "email": ({}, {"direction": "read"}),
    "phones[mobile]": ({"region": "DE"}, {}),
    "employees": ({}, {"written": "text"}),
    "annual_revenue": ({"currency": "EUR"}, {"field": "amount", "currency": {"field": "code", "default": "EUR"}}),
    "last_contacted_at": ({}, {"as": "epoch_s"}, {"as": "date"}),
    "tags": (
        {"separator": ";"},
        {"separator": ";", "direction": "read"},
        {"separator": ";", "values": {"a": "a", "b": "b"}, "unknown": "keep"},
    ),
    "email_opt_out": ({}, {"as": "not"}, {"direction": "read"}),
    "organization": (
        {"ref": "customer", "object": "Account"},
        {"ref": "customer", "object": "Account", "required": True},
    ),
}
HELD: Mapping[str, Sequence[Any]] = {
    "job_title": ("Boss", "Chief", "Head", "boss ", "Director of sales", "Director", "director of Sales", None, ""),
    "given_name": ("Ana", "ANA", "Anna", "Ana  María", None),
    "email": ("ana@example.org", "ANA@example.org ", "ana.b@example.org", "no address", None),
    "phones[mobile]": ("+49 30 1234567", "030 1234567", "+49301234568", "ask Bo", None),
    "employees": (7, "7", 12, "many", None),
    "annual_revenue": (5, "5.00", 7.5, "7.504", None),
    "last_contacted_at": ("2026-01-31T10:00:00.123Z", "2026-01-31T10:00:00Z", "2026-02-01", None),
    "tags": ("a", "a;b", "b;a", "c", "a;c", None, ""),
    "email_opt_out": (False, True, "true", None),
    "organization": ("001", "002", "003", None),
}
EPOCH = (1769853600, 1769853601, None)
REFS = {f"{c} Account {id}": g for c in "abcd" for id, g in (("001", "g8"), ("002", "g9"))}
CHAINS: Sequence[list[str]] = (
    ["newest"],
    ["hold"],
    ["newest", "a", "b", "c", "d"],
    ["b", "a", "d", "c"],
    ["newest", "hold"],
    ["non_empty", "newest", "a"],
    ["non_empty", "hold"],
    ["= a if length(a) > 4 else b", "c"],
    [],
)
FIRST = (None, ["non_empty", "a", "b"], ["b", "a"], ["newest", "c"], ["hold"], ["non_empty", "hold"])
TIMES: Sequence[Data] = (
    {},
    {"at": 100, "after": 90},
    {"at": 300, "after": 250},
    {"at": 120, "after": 111},
    {"at": 300, "after": None},
    {"at": None, "after": None},
)
CALM: Sequence[Data] = ({},) * 9
STATES = (("linked", ""),) * 14 + (("suspended", ""), ("ended", "deleted"), ("ended", "unlinked"), ("refused", ""))


def draw(pick: Pick, *, sides: Sequence[int] = (2, 3, 4, 1)) -> Data:
    """One case. The first of what may be picked is always the calmest."""
    paths = _some(pick, tuple(MAPPED), (1, 2, 1, 3))
    made: Data = {
        "fields": {p: MAPPED[p][0] for p in paths},
        "policy": _policy(pick, paths),
        "golden": {},
        "by": {},
        "sides": {},
    }
    names = "abcd"[: pick(sides)]
    options = {name: {path: _mapped(pick, path) for path in paths} for name in names}
    for path in paths:
        if pick((True, True, True, True, False)):
            made["golden"][path] = _value(pick, path, options[pick(names)][path])
            made["by"][path] = pick(("a@10", "b@10", "a@5..10", "b@200..250", "person:kim@80"))
    for name in names:
        made["sides"][name] = _side(pick, name, options[name], made)
    if pick((False, False, False, True)):
        made["sides"]["b2"] = {**_side(pick, "b", options[names[-1]], made), "connection": "b", "primary": False}
    if "organization" in paths:
        made["refs"] = {key: golden for key, golden in REFS.items() if key[0] in names}
    _add_conflict(pick, made, paths, options)
    return {key: value for key, value in made.items() if value}


def _mapped(pick: Pick, path: str) -> Data:
    return dict(MAPPED[path][0] if pick((True, True, False)) else pick(MAPPED[path]))


def _some(pick: Pick, of: Sequence[str], counts: Sequence[int]) -> list[str]:
    left, found = list(of), []
    for _ in range(pick(counts)):
        found.append(pick(left))
        left.remove(found[-1])
    return found


def _policy(pick: Pick, paths: Sequence[str]) -> Data:
    made: Data = {"conflicts": pick(CHAINS)}
    first = pick(FIRST)
    if first is not None:
        made["first_link"] = first
    if pick((False, False, True)):
        made["ownership"] = pick(({"default": "a"}, {paths[0]: "b"}, {paths[0]: "d", "default": "b"}))
    made["deletes"] = pick(("unlink", "unlink", "delete", "archive", "ignore"))
    made["delete_against_edit"] = pick(("hold", "hold", "hold", "delete"))
    made["clock_tolerance"] = pick((5, 5, 0, 60))
    made["consent_opt_in_from"] = pick(([], ["b"]))
    plain = {"deletes": "unlink", "delete_against_edit": "hold", "clock_tolerance": 5, "consent_opt_in_from": []}
    return {key: value for key, value in made.items() if plain.get(key, value is None) != value}


def _side(pick: Pick, name: str, options: Data, made: Data) -> Data:
    special = {path: how for path, how in options.items() if how != MAPPED[path][0]}
    one: Data = {**({"fields": special} if special else {}), "base": {}}
    for path, how in options.items():
        pair = _base(pick, name, path, how, made["golden"])
        if pair is not None:
            one["base"][path] = pair
    state, why = pick(STATES)
    one |= {"state": state} if state != "linked" else {}
    one |= {"why": why} if why else {}
    if pick((True, True, True, False)):
        _read(pick, one, options)
    one |= pick((*CALM, {"direction": "read"}, {"direction": "write"}, {"direction": "write", "drift": "overwrite"}))
    one |= pick((*CALM, *({"writes": ["create", "update", "delete"]},) * 3, {"writes": ["create"]}))
    if pick((False,) * 9 + (True,)):
        path = pick(sorted(options))
        if "read" in (one.get("direction"), options[path].get("direction")):
            return one
        one["intents"] = {path: [_value(pick, path, options[path])]}
    if "delete" in one.get("writes", ()) and state == "linked" and pick((False, False, True)):
        one["deleting"] = "delete"
    return one


def _base(pick: Pick, name: str, path: str, how: Data, golden: Data) -> Any:
    """A base that agrees with the golden value, an older one, or none that is known."""
    kind = pick(("in step", "in step", "in step", "older", "unknown", "sent"))
    if kind == "unknown" or path not in golden:
        return None
    raw = pick(_held(path, how))
    agreed = _canonical(path, how, raw)
    if kind in ("in step", "sent"):
        agreed, sent = golden[path], _remote(name, path, how, golden[path])
        raw = sent if sent is not None else raw
    return {"agreed": agreed, "form": raw, **({"seen": False} if kind == "sent" else {})}


def _read(pick: Pick, one: Data, options: Data) -> None:
    one["kind"] = pick(("updated",) * 12 + ("deleted", "restored"))
    if one["kind"] == "updated":
        del one["kind"]
    if one.get("kind") != "deleted":
        one["reads"] = {}
        for path, how in options.items():
            if pick((True, True, True, False)):
                held = one["base"].get(path)
                raw = held["form"] if held and pick((True, False, False, False)) else pick(_held(path, how))
                one["reads"] |= _spread(path, how, raw)
    one |= pick(TIMES)
    one |= pick((*CALM, {"by_us": True}, {"points": {next(iter(options)): 95}}))


def _add_conflict(pick: Pick, made: Data, paths: Sequence[str], options: Data) -> None:
    path = paths[0]
    asking = [
        name for name in options if _may_claim(made["sides"][name], options[name][path]) and pick((True, True, False))
    ]
    if not asking or not pick((False, False, False, True)):
        return
    golden = made["golden"].get(path)
    claims = {name: pick(_held(path, options[name][path])) for name in asking}
    claims = {n: raw for n, raw in claims.items() if _is_claim(made["sides"][n], path, options[n][path], raw, golden)}
    if not claims:
        return
    made["held"] = {path: {"golden": golden, "claims": claims}}
    if pick((False, False, True)):
        made["resolved"] = {path: [_value(pick, path, options["a"][path]), "person:kim"]}


def _may_claim(one: Data, how: Data) -> bool:
    return one.get("state", "linked") == "linked" and "write" not in (one.get("direction"), how.get("direction"))


def _is_claim(one: Data, path: str, how: Data, raw: Any, golden: Any) -> bool:
    """Only another value than the hub's and the one that stood there is asked for."""
    stood, value = one["base"].get(path), _canonical(path, how, raw)
    known = [golden, *([_canonical(path, how, stood["form"])] if stood else [])]
    return value is not None and not any(v is not None and _rule(path, how).same(v, value) for v in known)


# ---------------------------------------------------------------- values


def _held(path: str, how: Data) -> Sequence[Any]:
    if "field" in how:
        return tuple([v, c] for v in HELD[path] for c in ("EUR", None))
    return EPOCH if how.get("as") == "epoch_s" else HELD[path]


def _rule(path: str, how: Data) -> Any:
    return rules_of(json.dumps({path: how}))[path]


def _spread(path: str, how: Data, raw: Any) -> Data:
    return dict(zip(("amount", "code"), raw or (None, None), strict=True)) if "field" in how else {path: raw}


def refs() -> Lookup:
    return Lookup({(*key.split(" "),): golden for key, golden in REFS.items()})  # type: ignore[misc]


def _canonical(path: str, how: Data, raw: Any) -> Any:
    try:
        value = _rule(path, how).to_canonical(raw, "a", refs())
    except Exception:
        return None
    return None if isinstance(value, Missing) else value


def _value(pick: Pick, path: str, how: Data) -> Any:
    return _canonical(path, how, pick(_held(path, how)))


def _remote(name: str, path: str, how: Data, value: Any) -> Any:
    try:
        raw = _rule(path, how).to_remote(value, {path: value}, name, refs())
    except Exception:
        return None
    return None if isinstance(raw, Missing) else raw
