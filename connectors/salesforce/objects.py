"""What the objects of Salesforce have and can do, and how its describe reads in the hub's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connect.connector import Capabilities, FieldInfo, ObjectInfo

PAGE = 2_000
READ_BATCH = 1_000
COLLECTION = 200
# A composite call holds 25 requests; the last one reads back what the others wrote.
COMPOSITE = 24


@dataclass(frozen=True, slots=True)
class Traits:
    """How one object differs from the rest. `columns`: what its deletes, merges and conversions show in."""

    columns: tuple[str, ...] = ("IsDeleted",)
    find_by: tuple[str, ...] = ("Name",)
    writable: bool = True

    @property
    def has_deleted(self) -> bool:
        return "IsDeleted" in self.columns


_MERGED = ("IsDeleted", "MasterRecordId")
_CONVERTED = ("IsConverted", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId")
_TRAITS: Mapping[str, Traits] = {
    "Account": Traits(_MERGED, ("Name", "Phone", "Website")),
    "Contact": Traits(_MERGED, ("Email", "Phone", "MobilePhone", "LastName", "Name")),
    "Lead": Traits((*_MERGED, *_CONVERTED), ("Email", "Phone", "MobilePhone", "LastName", "Name")),
    "User": Traits((), ("Email", "Username", "Name"), writable=False),
    "Group": Traits((), writable=False),
    "Case": Traits(find_by=("CaseNumber", "SuppliedEmail")),
}


def traits(object: str) -> Traits:
    return _TRAITS.get(object, Traits())


def capabilities(object: str) -> Capabilities:
    own = traits(object)
    return Capabilities(
        conditional_write="coarse" if own.writable else "none",
        unique_key=own.writable,
        # Users are never deleted, only made inactive.
        deletes="tombstone" if own.has_deleted else "flag",
        find_by=own.find_by,
        receipts="body" if own.writable else "none",
        read_batch=READ_BATCH,
        write_batch=COLLECTION,
        writes=frozenset({"create", "update", "delete"}) if own.writable else frozenset(),
    )


_TYPES: Mapping[str, str] = {
    "id": "text",
    "string": "text",
    "textarea": "text",
    "picklist": "choice",
    "combobox": "choice",
    "multipicklist": "choices",
    "reference": "reference",
    "boolean": "bool",
    "int": "integer",
    "long": "integer",
    "double": "number",
    "percent": "number",
    "currency": "money",
    "date": "date",
    "datetime": "datetime",
    "email": "email",
    "phone": "phone",
    "url": "url",
}


def info(described: Mapping[str, Any]) -> ObjectInfo:
    """The answer of a describe call in the hub's words."""
    fields = tuple(_field(f) for f in described["fields"])
    return ObjectInfo(described["name"], described["label"], fields)


def _field(f: Mapping[str, Any]) -> FieldInfo:
    return FieldInfo(
        name=f["name"],
        label=f["label"],
        type=_TYPES.get(f["type"], "other"),
        writable=bool(f["createable"] or f["updateable"]),
        required=bool(f["createable"] and not f["nillable"] and not f["defaultedOnCreate"]),
        unique=bool(f.get("unique")),
        length=f.get("length") or None,
        # An unrestricted picklist takes other values too, but no screen offers them: a mapping should not write them.
        choices=tuple(p["value"] for p in f.get("picklistValues") or () if p["active"]),
        refers_to=tuple(f.get("referenceTo") or ()),
    )
