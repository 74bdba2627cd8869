"""Associations between records, in both directions, through batch calls.

Only the label that a mapping names is set or taken away; other associations of the same records are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.api import Api, Call
from connectors.hubspot.records import Association
from hub.core.errors import Reject

READ_BATCH, WRITE_BATCH = 1000, 2000

# (from, to) → label → type id. The ids differ by direction; "" is the association without a label.
TYPES: Mapping[tuple[str, str], Mapping[str, int]] = {
    ("contacts", "companies"): {"primary": 1, "": 279},
    ("companies", "contacts"): {"primary": 2, "": 280},
    ("deals", "contacts"): {"": 3},
    ("contacts", "deals"): {"": 4},
    ("deals", "companies"): {"primary": 5, "": 341},
    ("companies", "deals"): {"primary": 6, "": 342},
    ("contacts", "tickets"): {"": 15},
    ("tickets", "contacts"): {"": 16},
    ("tickets", "companies"): {"primary": 26, "": 339},
    ("companies", "tickets"): {"primary": 25, "": 340},
}


def type_id(a: Association) -> int:
    """The type of an association. Raises Reject on a pair or label that is not known."""
    labels = TYPES.get((a.object, a.to))
    if not labels or a.label not in labels:
        known = ", ".join(
            f"@{to}.{label}" if label else f"@{to}" for (o, to), ls in TYPES.items() if o == a.object for label in ls
        )
        raise Reject(
            f"{a.object} have no association {a.field}",
            fields=(a.field,),
            why=f"known are: {known or 'none'}",
            next="correct the mapping",
            code="E-ASSOCIATION",
        )
    return labels[a.label]


def create_body(a: Association, id: str) -> dict[str, Any]:
    """The part of a create that associates the new record with `id`."""
    wanted = {type_id(a), TYPES[(a.object, a.to)].get("", 0)} - {0}
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": t} for t in sorted(wanted)]
    return {"to": {"id": id}, "types": types}


def linked(api: Api, a: Association, ids: Sequence[str]) -> dict[str, list[str]]:
    """{id: ids at the other end of the association}, strongly consistent; ids without any are left out."""
    wanted, found = type_id(a), dict[str, list[str]]()
    pending: list[dict[str, str]] = [{"id": id} for id in ids]
    while pending:
        call = Call(
            f"{a.object} associations read",
            "POST",
            api.paths.associations(a.object, a.to, "/batch/read"),
            body={"inputs": pending[:READ_BATCH]},
        )
        pending = pending[READ_BATCH:]
        for row in api.rows(call).body["results"]:
            id = str(row["from"]["id"])
            hits = (to for to in row.get("to") or () if _has(to, wanted))
            found.setdefault(id, []).extend(str(to["toObjectId"]) for to in hits)
            after = ((row.get("paging") or {}).get("next") or {}).get("after")
            if after:
                pending.append({"id": id, "after": str(after)})
    return {id: others for id, others in found.items() if others}


def one(ids: Sequence[str] | None) -> str | None:
    """A field holds one id: the lowest, if there are several."""
    return min(ids, key=lambda id: (len(id), id)) if ids else None


def _has(to: Mapping[str, Any], wanted: int) -> bool:
    return any(t.get("typeId") == wanted for t in to.get("associationTypes") or ())


def set_calls(api: Api, a: Association, pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[Call, list[str]]]:
    """Calls that give the label to these (from, to) pairs, each with the from-ids that it carries."""
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id(a)}]
    for part in _parts(pairs):
        inputs = [{"from": {"id": id}, "to": {"id": to}, "types": types} for id, to in part]
        yield _call(api, a, "/batch/create", inputs), [id for id, _ in part]


def clear_calls(api: Api, a: Association, pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[Call, list[str]]]:
    """Calls that take the label, and nothing else, from these pairs."""
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id(a)}]
    for part in _parts(pairs):
        inputs = [{"from": {"id": id}, "to": {"id": to}, "types": types} for id, to in part]
        yield _call(api, a, "/batch/labels/archive", inputs), [id for id, _ in part]


def _parts(pairs: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    return (pairs[i : i + WRITE_BATCH] for i in range(0, len(pairs), WRITE_BATCH))


def _call(api: Api, a: Association, rest: str, inputs: list[dict[str, Any]]) -> Call:
    path = api.paths.associations(a.object, a.to, rest)
    return Call(f"{a.object} associations{rest}", "POST", path, body={"inputs": inputs}, writing=True)
