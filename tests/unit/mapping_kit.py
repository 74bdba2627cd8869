"""Helpers for tests of mappings: references that are known, a mapping around some fields, and its problems."""

from __future__ import annotations

from typing import Any

from hub.core.compile import Surroundings, compile_mapping, mapping_of
from hub.core.entities import STANDARD
from hub.core.errors import Problem
from hub.core.mapping import Mapping
from hub.core.shapes import Findings
from hub.core.transforms import Tools
from hub.core.tree import plant
from hub.settings.tools import TOOLS
from hub.settings.yaml import read_bytes


class Refs:
    """Account a1 is linked to golden g1."""

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return {("sf", "Account", "a1"): "g1", ("hs", "companies", "7"): "g1"}.get((connection, object, remote_id))

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        return {("sf", "Account", "g1"): "a1", ("hs", "companies", "g1"): "7"}.get((connection, object, golden_id))


REFS = Refs()


def declared(fields: dict[str, Any], **head: Any) -> dict[str, Any]:
    base = {"connector": "salesforce", "object": "Contact", "entity": "customer", "set": {"kind": "person"}}
    return {**base, **head, "fields": fields}


def contact(tools: Tools = TOOLS, **fields: Any) -> Mapping:
    """A mapping with these fields; `phones__mobile` stands for `phones[mobile]`."""
    return mapping_of(declared(paths(fields)), "salesforce.contact", Surroundings(STANDARD, tools))


def paths(fields: dict[str, Any]) -> dict[str, Any]:
    return {_path(k): v for k, v in fields.items()}


def _path(word: str) -> str:
    head, mark, tail = word.partition("__")
    if not mark:
        return word
    return f"{head}[{tail}]" if head in ("phones", "emails", "social") else f"{head}.{tail}"


def problems(fields: dict[str, Any], **head: Any) -> list[Problem]:
    found = Findings("M")
    compile_mapping(plant(declared(paths(fields), **head)), "m", found, Surroundings(STANDARD, TOOLS))
    return found.problems


def codes(fields: dict[str, Any], **head: Any) -> list[str]:
    return [p.code for p in problems(fields, **head)]


def yaml_mapping(text: str) -> tuple[Mapping | None, list[Problem]]:
    """A mapping from the text of a file `m.yaml`, and its problems."""
    node, wrong = read_bytes(text.encode(), "m.yaml")
    found = Findings("M")
    made = compile_mapping(node, "m", found, Surroundings(STANDARD, TOOLS)) if node else None
    return made, [*wrong, *found.problems]
