"""From a mapping file to a compiled Mapping, or to all the problems that the file has.

Each field is checked against the canonical model, given its word, its tables and its closures. Nothing stops at the first
problem; a field that is wrong is left out, so that the others are still checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from hub.core import values
from hub.core.build import build
from hub.core.declarations import MAPPING
from hub.core.draft import Draft
from hub.core.entities import STANDARD, Entity, Model, well_formed
from hub.core.errors import ConfigError, Place
from hub.core.mapping import Mapping
from hub.core.model import Value
from hub.core.rules import FieldRule
from hub.core.shapes import Block, Findings, did_you_mean
from hub.core.transforms import Tools
from hub.core.tree import Node, plant

# Raised when the same file comes to mean something else, so that every record is read anew.
MEANING = 1
MOST_FIELDS = 1_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a mapping is compiled against."""

    model: Model = STANDARD
    tools: Tools = Tools()


_PLAIN = Surroundings()


def mapping_of(data: Map[str, Any], name: str = "mapping", around: Surroundings = _PLAIN) -> Mapping:
    """A mapping from plain data; raises ConfigError with everything that is wrong."""
    found = Findings("M")
    made = compile_mapping(plant(data), name, found, around)
    if made is None or found.errors:
        raise ConfigError(found.problems)
    return made


def compile_mapping(node: Node, name: str, found: Findings, around: Surroundings = _PLAIN) -> Mapping | None:
    """The mapping in a tree; problems go to `found`. None if it is too wrong to be used."""
    before = len(found.errors)
    block = MAPPING.read(node, found)
    entity = _entity(block, found, around.model)
    if entity is None or not block["fields"]:
        if not block["fields"] and "fields" in block:
            found.error(block.place("fields"), 6, "the mapping has no fields", "Add at least one, e.g. `email: Email`.")
        return None
    if len(block["fields"]) > MOST_FIELDS:
        found.error(
            block.place("fields"), 7, f"more than {MOST_FIELDS:,} fields", "Map the ones that are kept in agreement."
        )
        return None
    rules = _rules(block, entity, found, around)
    only = dict(block["only"] or {})
    _check_names(rules, only, block, found)
    constants = _constants(block, entity, found)
    if len(found.errors) > before:
        return None
    return Mapping(
        name=name,
        connector=block["connector"],
        object=block["object"],
        entity=entity.name,
        set=constants,
        only=only,
        rules=rules,
        fingerprint=_fingerprint(node, rules),
        place=node.place,
    )


def _entity(block: Block, found: Findings, model: Model) -> Entity | None:
    name = block["entity"]
    if not name:
        return None
    entity = model.entities.get(name)
    if entity is None:
        found.error(block.place("entity"), 12, f"there is no entity `{name}`", did_you_mean(name, model.entities))
    return entity


def _rules(block: Block, entity: Entity, found: Findings, around: Surroundings) -> dict[str, FieldRule]:
    rules = {}
    fields = block.at("fields")
    for path, spec in block["fields"].items():
        place = fields.keys[path]
        if not well_formed(path):
            found.error(place, 11, f"`{path}` is not a field path", "Write name, name.part or name[key].")
            continue
        rule = build(Draft(path, place, spec, entity, around.model, around.tools), found)
        if rule is not None:
            rules[path] = rule
    return rules


def _constants(block: Block, entity: Entity, found: Findings) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for path, held in (block["set"] or {}).items():
        place = block.at("set").entries[path].place
        kind = entity.kind_of(path)
        if path == "kind":
            if held not in entity.kinds:
                known = ", ".join(entity.kinds) or "no kinds"
                found.error(place, 13, f"`{held}` is not a kind of {entity.name}", f"Known: {known}.")
        elif kind is None:
            found.error(block.at("set").at(path), 10, f"{entity.name} has no field `{path}`", entity.hint(path))
            continue
        try:
            made[path] = values.tidy(kind or "text", held)
        except ValueError as error:
            found.error(place, 26, f"`{held}` does not fit `{path}`", f"Expected {error}.")
    return made


def _check_names(rules: Map[str, FieldRule], only: Map[str, Any], block: Block, found: Findings) -> None:
    """No remote field may be written by two rules, or by a rule and `only`."""
    writers: dict[str, FieldRule] = {}
    for rule in rules.values():
        # The currency of several amounts may stand in one field; all of them write the same.
        for name in rule.written_names()[:1]:
            other = writers.setdefault(name, rule)
            if other is not rule:
                hint = f"`{other.path}` at {other.place} writes it already. Set `direction: read` on one of them."
                found.error(rule.place, 23, f"`{rule.path}` writes `{name}`, which has a writer", hint)
            if name in only:
                hint = "A field that splits the object is a constant; leave it out of `fields`."
                found.error(
                    block.at("only").at(name), 27, f"`{name}` stands in `only` and is written by `{rule.path}`", hint
                )


def _fingerprint(node: Node, rules: Map[str, FieldRule]) -> str:
    meaning = _meaning(node.value)
    fields = {path: {"field": f} if isinstance(f, str) else _meaning(f) for path, f in meaning["fields"].items()}
    kinds = {path: (rule.kind, rule.word) for path, rule in rules.items()}
    text = json.dumps([MEANING, {**meaning, "fields": fields}, kinds], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _meaning(block: Any) -> dict[str, Any]:
    """A block without what is for people."""
    return {k: v for k, v in block.items() if k != "note" and not k.startswith("x-")}


def place_of(mapping: Mapping, path: str) -> Place:
    """Where the rule for a path stands, else the mapping."""
    rule = mapping.rules.get(path)
    return rule.place if rule else mapping.place
