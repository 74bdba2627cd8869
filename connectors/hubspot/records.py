"""HubSpot's JSON as the hub's Records, and what to ask HubSpot for so that they are complete.

All values are text or null. An empty text is read as null: HubSpot keeps no difference between the two.
A field named `@companies.primary` stands for the association with that label; its value is the other record's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.connect.connector import Want
from hub.core.model import Record

MERGED_IDS, MERGED_VIDS = "hs_merged_object_ids", "hs_calculated_merged_vids"
# Some associations are mirrored in a property, which comes with the record at no cost.
MIRRORS = {("contacts", "companies", "primary"): "associatedcompanyid"}


def modified(object: str) -> str:
    """The property that holds when a record was last modified."""
    return "lastmodifieddate" if object == "contacts" else "hs_lastmodifieddate"


def to_iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def to_ms(text: str) -> int:
    """A moment as HubSpot writes it: ISO with or without milliseconds, or ms since the epoch."""
    if text.isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def stamp(text: str | None) -> str:
    """A moment with exactly three decimals, so that stamps can be compared as text."""
    if not text:
        return ""
    return text if len(text) == 24 and text[19] == "." else to_iso(to_ms(text))


@dataclass(frozen=True, slots=True)
class Association:
    """The association that a field name such as `@companies.primary` stands for."""

    field: str
    object: str
    to: str
    label: str

    @property
    def mirror(self) -> str | None:
        return MIRRORS.get((self.object, self.to, self.label))


def association(object: str, field: str) -> Association | None:
    """The association named by `field`, None if it is a plain property."""
    if not field.startswith("@"):
        return None
    to, _, label = field[1:].partition(".")
    return Association(field, object, to, label)


@dataclass(frozen=True, slots=True)
class Shape:
    """What to ask for one object, and how to read the answers."""

    object: str
    names: tuple[str, ...]
    associations: tuple[Association, ...]
    key_field: str
    properties: tuple[str, ...]
    modified: str

    @property
    def news(self) -> tuple[str, ...]:
        """What is worth asking of a record that is gone: its key, and whom it swallowed before."""
        return tuple(filter(None, (self.key_field, MERGED_IDS, MERGED_VIDS if self.object == "contacts" else "")))

    @property
    def apart(self) -> tuple[Association, ...]:
        """Associations that no property mirrors: they cost a call of their own."""
        return tuple(a for a in self.associations if a.mirror is None)

    def record(self, raw: Mapping[str, Any], *, direct: bool = False) -> Record:
        properties = raw.get("properties") or {}
        fields: dict[str, Any] = {n: properties[n] or None for n in self.names if n in properties}
        for a in self.associations:
            if a.mirror and a.mirror in properties:
                fields[a.field] = properties[a.mirror] or None
        updated = stamp(raw.get("updatedAt"))
        return Record(
            object=self.object,
            id=str(raw["id"]),
            fields=fields,
            version=updated,
            stamp=stamp(properties.get(self.modified)) or updated,
            key=(properties.get(self.key_field) or None) if self.key_field else None,
            direct=direct,
        )

    def losers(self, raw: Mapping[str, Any], *, direct: bool = False) -> list[Record]:
        """The records that were merged into this one. They vanish without a trace of their own."""
        properties = raw.get("properties") or {}
        at = merged_at(properties)
        ids = [i for i in (properties.get(MERGED_IDS) or "").split(";") if i] + list(at)
        when = stamp(properties.get(self.modified)) or stamp(raw.get("updatedAt"))
        survivor = str(raw["id"])
        return [
            merged(self.object, loser, survivor, at.get(loser) or when, direct=direct)
            for loser in dict.fromkeys(ids)
            if loser != survivor
        ]


def merged(object: str, loser: str, survivor: str, stamp: str, *, direct: bool = False) -> Record:
    return Record(
        object=object,
        id=loser,
        kind="merged_into",
        into=((object, survivor),),
        stamp=stamp,
        version=f"merged:{survivor}",
        direct=direct,
    )


def deleted(object: str, id: str, stamp: str = "", *, direct: bool = False) -> Record:
    return Record(object=object, id=id, kind="deleted", stamp=stamp, version=f"deleted:{stamp}", direct=direct)


def merged_at(properties: Mapping[str, Any]) -> dict[str, str]:
    """When each loser was merged, which only contacts say: `id:ms;id:ms`."""
    pairs = (pair.partition(":") for pair in (properties.get(MERGED_VIDS) or "").split(";") if pair)
    return {id: stamp(ms) if ms.isdigit() else "" for id, _, ms in pairs}


def shape(object: str, want: Want) -> Shape:
    """What `want` means for `object`."""
    found = [association(object, name) for name in want.fields]
    associations = tuple(a for a in found if a)
    names = tuple(name for name in want.fields if not name.startswith("@"))
    extra = [modified(object), MERGED_IDS, *((MERGED_VIDS,) if object == "contacts" else ())]
    mirrors = [a.mirror for a in associations if a.mirror]
    keys = [want.key_field] if want.key_field else []
    properties = tuple(dict.fromkeys([*names, *mirrors, *keys, *extra]))
    return Shape(object, names, associations, want.key_field, properties, modified(object))
