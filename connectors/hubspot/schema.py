"""Discovery: HubSpot's properties as the hub's field descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.hubspot.api import Api, Call
from connectors.hubspot.associations import TYPES
from hub.connect.connector import FieldInfo, ObjectInfo
from hub.core.errors import Gone, Reject

LENGTH = 65_536
TYPE = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "datetime",
    "bool": "bool",
    "phone_number": "phone",
}
BY_NAME = {"email": "email", "domain": "url", "website": "url"}
# HubSpot marks no property as required; these are what it asks for when a record is created.
REQUIRED = {
    "deals": {"dealname", "dealstage"},
    "tickets": {"subject", "hs_pipeline_stage"},
    "products": {"name"},
    "leads": {"hs_lead_name"},
}


def describe(api: Api, object: str) -> ObjectInfo:
    """All properties of one object, and the associations that a mapping may name."""
    try:
        answer = api.rows(Call(f"{object} properties", "GET", api.paths.properties(object)))
    except Gone as error:
        raise Reject(f"HubSpot has no object {object}", where=api.connection, why=error.why) from error
    fields = [_field(object, raw) for raw in answer.body["results"] if not raw.get("archived")]
    linked = [
        FieldInfo(f"@{to}.{label}" if label else f"@{to}", f"{label or 'any'} {to}", "association", refers_to=(to,))
        for (owner, to), labels in TYPES.items()
        if owner == object
        for label in labels
    ]
    return ObjectInfo(object, object.replace("_", " ").capitalize(), (*fields, *linked))


def _field(object: str, raw: Mapping[str, Any]) -> FieldInfo:
    name, kind = str(raw["name"]), _type(raw)
    meta = raw.get("modificationMetadata") or {}
    options = raw.get("options") or () if kind in ("choice", "choices") else ()
    return FieldInfo(
        name=name,
        label=str(raw.get("label") or name),
        type=kind,
        writable=not meta.get("readOnlyValue") and not raw.get("calculated"),
        required=name in REQUIRED.get(object, ()),
        unique=bool(raw.get("hasUniqueValue")) or (object, name) == ("contacts", "email"),
        length=LENGTH if raw.get("type") == "string" else None,
        choices=tuple(str(o["value"]) for o in options),
        refers_to=("owners",) if kind == "reference" else (),
    )


def _type(raw: Mapping[str, Any]) -> str:
    kind, widget, name = str(raw.get("type")), str(raw.get("fieldType")), str(raw["name"])
    if name == "hubspot_owner_id":
        return "reference"
    if kind == "enumeration":
        return "choices" if widget == "checkbox" else "choice"
    if widget == "phonenumber":
        return "phone"
    return BY_NAME.get(name) or TYPE.get(kind, "other")
