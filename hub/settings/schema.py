"""JSON Schemas of all files that people write, made from the declarations that also check them. Editors complete by them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hub.core.declarations import MAPPING
from hub.core.entities import STANDARD, Model
from hub.core.shapes import Shape
from hub.settings.connections import COMMON, auth_shape, shape_of
from hub.settings.mapping_tests import TEST
from hub.settings.project import ACCORDANT, MODEL
from hub.settings.sync_shapes import SYNC

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas(connectors: Iterable[Any] = (), model: Model = STANDARD) -> dict[str, dict[str, Any]]:
    """{file kind: schema}. With connector classes, connections are described in full; with a model, canonical fields too."""
    test = {"type": "array", "items": TEST.schema()}
    return {
        "accordant": _titled("config/accordant.yaml", ACCORDANT.schema()),
        "connections": _titled("config/connections.yaml", _connections(connectors)),
        "model": _titled("config/model.yaml", MODEL.schema()),
        "sync": _titled("config/syncs/*.yaml", SYNC.schema()),
        "mapping": _titled("mappings/*.yaml", _mapping(model)),
        "mapping_test": _titled("mappings/*.test.yaml", test),
    }


def _titled(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DIALECT, "title": title, **schema}


def _mapping(model: Model) -> dict[str, Any]:
    """The mapping schema, with the fields of each entity as completions."""
    made = MAPPING.schema()
    made["properties"]["entity"] = {**made["properties"]["entity"], "enum": sorted(model.entities)}
    field = made["properties"]["fields"]["additionalProperties"]
    known = sorted(
        {path.replace("[]", "[…]") for e in model.entities.values() for path in e.fields if "[]" not in path}
    )
    made["properties"]["fields"]["properties"] = dict.fromkeys(known, field)
    return made


def _connections(connectors: Iterable[Any]) -> dict[str, Any]:
    kinds = [_connection(c) for c in connectors]
    entry: dict[str, Any] = {"anyOf": kinds} if kinds else Shape("a connection", COMMON, free=True).schema()
    return {
        "type": "object",
        "properties": {"connections": {"type": "object", "additionalProperties": entry}},
        "required": ["connections"],
        "additionalProperties": False,
        "patternProperties": {"^x-": {}},
    }


def _connection(connector: Any) -> dict[str, Any]:
    made = shape_of(connector).schema()
    made["properties"]["connector"] = {"const": connector.name}
    ways = [auth_shape(connector, kind).schema() for kind in connector.auth_kinds]
    for way, kind in zip(ways, connector.auth_kinds, strict=True):
        way["properties"]["kind"] = {"const": kind}
    if ways:
        made["properties"]["auth"] = {"anyOf": ways}
        made["required"] = [*made["required"], "auth"]
    return made
