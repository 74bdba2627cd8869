"""config/syncs/*.yaml → Sync, with every name in it checked against connections, mappings and the canonical model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from typing import Any

from hub.core.entities import Entity, Model
from hub.core.errors import Place
from hub.core.expressions import Expression, parse
from hub.core.mapping import Mapping
from hub.core.model import Guards, MatchRule, Policy, Schedule, Spoke, Sync
from hub.core.shapes import Block, Findings, did_you_mean
from hub.core.tree import Node
from hub.settings.connections import ConnectionSettings
from hub.settings.sync_shapes import SYNC

_WORDS = ("newest", "non_empty", "hold")


@dataclass(frozen=True, slots=True)
class Known:
    """What a sync may refer to."""

    model: Model
    connections: Map[str, ConnectionSettings]
    mappings: Map[str, Mapping]
    broken: frozenset[str] = frozenset()
    """Names of mappings that exist, but have problems of their own."""


def read_sync(node: Node, known: Known, found: Findings) -> Sync | None:
    """The sync in a tree; problems go to `found`. None if it cannot be used."""
    before = len(found.errors)
    block = SYNC.read(node, found)
    entity = known.model.entities.get(block["entity"] or "")
    if entity is None:
        if block["entity"]:
            hint = did_you_mean(block["entity"], known.model.entities)
            found.error(block.place("entity"), 12, f"there is no entity `{block['entity']}`", hint)
        return None
    _check_kind(block, entity, found)
    spokes = tuple(s for b in block["spokes"] or () if (s := _spoke(b, block, known, found)) is not None)
    if len(spokes) < len(block["spokes"] or (1,)):
        return None  # what refers to a spoke that is wrong itself would only be told as a second problem
    policy = _policy(block, entity, spokes, found)
    sync = Sync(
        name=block["sync"],
        entity=entity.name,
        kind=block["kind"] or "",
        spokes=spokes,
        after=tuple(block["after"] or ()),
        match=_matches(block, entity, spokes, found),
        policy=policy,
        scope_exit=block["scope_exit"],
        merges=block["merges"],
        guards=_guards(block),
        schedule=_schedule(block, found),
        slow_every=block["slow_every"],
        first_run=block["first_run"],
        place=node.place,
        fingerprint=_fingerprint(node, spokes),
    )
    _warn_of_idle_words(block, found)
    return sync if len(found.errors) == before else None


IDLE = (
    (
        "merges",
        "propagate",
        "no connector can merge records yet: surplus ones become secondary, as with `hold`",
        "hold",
    ),
    (
        "scope_exit",
        "archive",
        "nothing is archived when a record leaves the scope: it is suspended, as with `keep`",
        "keep",
    ),
)


def _warn_of_idle_words(block: Block, found: Findings) -> None:
    """Words that the files may hold and that do less than they say."""
    for key, word, text, instead in IDLE:
        if block[key] == word:
            found.warn(block.place(key), 44, f"`{key}: {word}` has no effect: {text}", f"Write `{key}: {instead}`.")
    schedule = block["schedule"]
    if schedule is not None and schedule["webhooks"]:
        hint = "Take it out; pulls find the same changes."
        found.warn(block.place("schedule"), 44, "`webhooks: true` has no effect: webhooks are not received yet", hint)


def _check_kind(block: Block, entity: Entity, found: Findings) -> None:
    kind = block["kind"]
    if entity.kinds and not kind:
        hint = f"Add kind: {' or '.join(entity.kinds)}."
        found.error(block.place(), 13, f"the sync does not say which kind of {entity.name} it is for", hint)
    elif kind and kind not in entity.kinds:
        hint = did_you_mean(kind, entity.kinds)
        found.error(block.place("kind"), 13, f"`{kind}` is not a kind of {entity.name}", hint)


# ---------------------------------------------------------------- spokes


def _spoke(block: Block, sync: Block, known: Known, found: Findings) -> Spoke | None:
    connection = known.connections.get(block["connection"] or "")
    mapping = known.mappings.get(block["mapping"] or "")
    if connection is None and block["connection"]:
        hint = did_you_mean(block["connection"], known.connections)
        found.error(block.place("connection"), 14, f"there is no connection `{block['connection']}`", hint)
    if mapping is None and block["mapping"] and block["mapping"] not in known.broken:
        hint = did_you_mean(block["mapping"], {*known.mappings, *known.broken})
        found.error(block.place("mapping"), 15, f"there is no mapping `{block['mapping']}`", hint)
    if connection is None or mapping is None:
        return None
    _check_fit(block, sync, connection, mapping, found)
    where = _where(block, found)
    writes = block["writes"] if block["writes"] is not None else ["create", "update"]
    return Spoke(
        connection=connection.name,
        mapping=replace(mapping, also=where.record_names) if where else mapping,
        where=where,
        direction=block["direction"],
        writes=frozenset(writes if block["direction"] != "read" else ()),
        key_field=block["key_field"] or "",
        protocol=block["protocol"],
        drift=block["drift"],
        place=block.place(),
        where_place=block.place("where"),
    )


def _check_fit(block: Block, sync: Block, connection: ConnectionSettings, mapping: Mapping, found: Findings) -> None:
    if mapping.connector != connection.connector:
        text = f"`{mapping.name}` is a mapping for {mapping.connector}, but `{connection.name}` is a {connection.connector}"
        found.error(block.place("mapping"), 16, text, "Choose a mapping for that connector.")
    if mapping.entity != sync["entity"]:
        text = f"`{mapping.name}` maps {mapping.entity}, the sync is for {sync['entity']}"
        found.error(block.place("mapping"), 16, text, f"See {mapping.place}.")
    if sync["kind"] and mapping.kind != sync["kind"]:
        said = f"makes {mapping.kind}s" if mapping.kind else "does not set a kind"
        hint = f"Write `set: {{kind: {sync['kind']}}}` in {mapping.place.path}, or choose another mapping."
        found.error(block.place("mapping"), 16, f"`{mapping.name}` {said}, the sync is for {sync['kind']}", hint)
    if block["key_field"] and block["key_field"] in mapping.writes():
        hint = "The hub keeps its create key there; take the field out of the mapping."
        found.error(block.place("key_field"), 17, f"`{block['key_field']}` is written by `{mapping.name}`", hint)


def _where(block: Block, found: Findings) -> Expression | None:
    if not block["where"]:
        return None
    expression, problems = parse(block.at("where"), condition=True)
    found.problems += problems
    return expression


# ---------------------------------------------------------------- rules


def _matches(block: Block, entity: Entity, spokes: tuple[Spoke, ...], found: Findings) -> tuple[MatchRule, ...]:
    made = []
    for rule in block["match"] or ():
        for at, path in enumerate(rule["when"]):
            node = rule.at("when")
            _check_path(path, (node.items[at] if node.items else node).place, entity, spokes, found)
        made.append(MatchRule(tuple(rule["when"]), rule["decide"], rule.place()))
    if len(spokes) > 1 and not made:
        hint = "Add one, e.g. - {when: [email], decide: link}."
        found.warn(
            block.place(), 40, "there are no match rules, so nothing that exists on two sides is ever linked", hint
        )
    return tuple(made)


def _check_path(path: str, place: Place, entity: Entity, spokes: tuple[Spoke, ...], found: Findings) -> bool:
    """A field that the entity has and that some spoke reads."""
    if entity.kind_of(path) is None:
        found.error(place, 18, f"{entity.name} has no field `{path}`", entity.hint(path))
        return False
    readers = [s for s in spokes if _reads(s, path)]
    if not readers:
        mapped = {p for s in spokes for p in s.mapping.rules}
        hint = did_you_mean(path, mapped)
        found.error(place, 19, f"no spoke of this sync reads `{path}`", f"{hint} Or add it to a mapping.")
    return bool(readers)


def _reads(spoke: Spoke, path: str) -> bool:
    rule = spoke.mapping.rules.get(path)
    return spoke.direction != "write" and rule is not None and rule.readable


def _policy(block: Block, entity: Entity, spokes: tuple[Spoke, ...], found: Findings) -> Policy:
    places: dict[str, Place] = {}
    deletes, consent = block["deletes"], block["consent"]
    chains = {name: _chains(name, block, entity, spokes, places, found) for name in ("conflicts", "first_link")}
    return Policy(
        ownership=_ownership(block, entity, spokes, places, found),
        conflicts={"default": ("newest",), **chains["conflicts"]},
        first_link=chains["first_link"],
        deletes=deletes["policy"] if deletes else "unlink",
        delete_against_edit=deletes["against_edit"] if deletes else "hold",
        clock_tolerance=block["clock_tolerance"],
        consent_opt_in_from=_opt_in(block, consent, spokes, found),
        rule_places=places,
    )


def _chains(
    name: str, block: Block, entity: Entity, spokes: tuple[Spoke, ...], places: dict[str, Place], found: Findings
) -> dict[str, tuple[Any, ...]]:
    made = {}
    for path, chain in (block[name] or {}).items():
        node = block.at(name).entries[path]
        places[f"{name}.{path}"] = block.at(name).keys[path]
        if path != "default":
            _check_path(path, block.at(name).keys[path], entity, spokes, found)
        nodes = node.items or (node,)
        made[path] = tuple(e for text, at in zip(chain, nodes, strict=False) if (e := _entry(text, at, spokes, found)))
    return made


def _entry(text: str, node: Node, spokes: tuple[Spoke, ...], found: Findings) -> Any:
    """One entry of a chain: a word, a connection of this sync, or an expression after `=`."""
    connections = {s.connection for s in spokes}
    if text in _WORDS or text in connections:
        return text
    if text.startswith("="):
        inner = replace(node, text=text[1:], inset=node.inset + 1 if node.inset >= 0 else -1)
        expression, problems = parse(inner, known=lambda name: name == "golden" or name in connections)
        found.problems += problems
        return expression
    if text:
        hint = did_you_mean(text, {*_WORDS, *connections})
        found.error(node.place, 20, f"`{text}` is no policy and no connection of this sync", hint)
    return None


def _ownership(
    block: Block, entity: Entity, spokes: tuple[Spoke, ...], places: dict[str, Place], found: Findings
) -> dict[str, str]:
    """Owners must be able to say what they own."""
    for path, owner in (block["ownership"] or {}).items():
        node = block.at("ownership")
        places[f"ownership.{path}"] = node.keys[path]
        place = node.entries[path].place
        mine = [s for s in spokes if s.connection == owner]
        if not mine:
            if owner:
                hint = did_you_mean(owner, {s.connection for s in spokes})
                found.error(place, 21, f"`{owner}` owns `{path}`, but is no connection of this sync", hint)
        elif path == "default":
            if all(s.direction == "write" for s in mine):
                found.error(place, 22, f"`{owner}` owns all fields, but is never read", "Set its direction to both.")
        elif entity.kind_of(path) is None:
            found.error(node.keys[path], 18, f"{entity.name} has no field `{path}`", entity.hint(path))
        elif not any(_reads(s, path) for s in mine):
            hint = f"Map `{path}` in {', '.join(s.mapping.place.path for s in mine)} with direction both or read."
            found.error(place, 22, f"`{owner}` owns `{path}`, but it is not read from there", hint)
    return dict(block["ownership"] or {})


def _opt_in(block: Block, consent: Block | None, spokes: tuple[Spoke, ...], found: Findings) -> tuple[str, ...]:
    names = tuple((consent["opt_in_from"] or ()) if consent else ())
    for name in names:
        if name not in {s.connection for s in spokes}:
            hint = did_you_mean(name, {s.connection for s in spokes})
            found.error(block.place("consent"), 21, f"`{name}` is no connection of this sync", hint)
    return names


def _guards(block: Block) -> Guards:
    given = block["guards"]
    held = {k: v for k in ("creates", "updates", "deletes") if given and (v := given[k]) is not None}
    return replace(Guards(), **held)


def _schedule(block: Block, found: Findings) -> Schedule:
    given = block["schedule"]
    if given is None:
        return Schedule()
    if given["every"] and given["cron"]:
        found.error(given.place("cron"), 23, "a schedule has `every` or `cron`, not both", "Remove one.")
    at, zone = given["sweep"] or ("", "UTC")
    return Schedule(given["every"], given["cron"] or "", at, zone, given["webhooks"])


def _fingerprint(node: Node, spokes: tuple[Spoke, ...]) -> str:
    meaning = {k: v for k, v in node.value.items() if not k.startswith("x-") and k != "note"}
    text = json.dumps([meaning, [s.mapping.fingerprint for s in spokes]], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
