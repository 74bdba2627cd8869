"""Reading particular records: by id, by e-mail, by our create key, by any property, and their field history.

Batch reads go to the store itself and not to the search index, so what they answer is what HubSpot holds now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from connectors.hubspot.api import Answer, Api, Call
from connectors.hubspot.reads import LIST_PAGE, SEARCH_PAGE, advanced, with_associations
from connectors.hubspot.records import Shape, deleted, merged, stamp
from hub.connect.connector import FieldVersion
from hub.core.errors import Gone
from hub.core.model import Record

BATCH, HISTORY_BATCH, IN_BATCH = 100, 50, 100


def chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """The items without repetitions, in lists of at most `size`."""
    unique = list(dict.fromkeys(items))
    return (unique[i : i + size] for i in range(0, len(unique), size))


def batch_read(
    api: Api,
    object: str,
    ids: Sequence[str],
    properties: Sequence[str],
    *,
    id_property: str = "",
    archived: bool = False,
    history: Sequence[str] = (),
) -> Answer:
    """One batch read. Ids that HubSpot does not know are simply not among the results."""
    body: dict[str, Any] = {"inputs": [{"id": id} for id in ids], "properties": list(properties)}
    if history:
        body["propertiesWithHistory"] = list(history)
    if id_property:
        body["idProperty"] = id_property
    query = (("archived", "true"),) if archived else ()
    path = api.paths.objects(object, "/batch/read")
    return api.rows(Call(f"{object} batch/read", "POST", path, body=body, query=query))


def get(api: Api, shape: Shape, ids: Sequence[str]) -> list[Record]:
    """Each id as it is now: its record, or the proof that it is gone and where to."""
    found: list[Record] = []
    for part in chunks(ids, BATCH):
        rows = batch_read(api, shape.object, part, shape.properties).body["results"]
        here, missing = _sort(shape, rows, part)
        found += here
        if missing:
            found += _missing(api, shape, missing)
    return with_associations(api, shape, found)


def _sort(shape: Shape, rows: list[dict[str, Any]], ids: list[str]) -> tuple[list[Record], list[str]]:
    """Records for the rows, and the ids that none of them answers. A row may answer the old id of a merged record."""
    asked, records = set(ids), dict[str, Record]()
    for raw in rows:
        record = shape.record(raw, direct=True)
        records[record.id] = record
        records.update((loser.id, loser) for loser in shape.losers(raw, direct=True) if loser.id in asked)
    return [records[id] for id in ids if id in records], [id for id in ids if id not in records]


def _missing(api: Api, shape: Shape, ids: list[str]) -> list[Record]:
    """What became of ids that a batch read does not know: archived, merged away, or gone without a trace."""
    rows = batch_read(api, shape.object, ids, ("hs_object_id",), archived=True).body["results"]
    gone = {str(r["id"]): stamp(r.get("archivedAt")) for r in rows if r.get("archived")}
    return [deleted(shape.object, id, gone[id], direct=True) if id in gone else _alias(api, shape, id) for id in ids]


def _alias(api: Api, shape: Shape, id: str) -> Record:
    path = api.paths.objects(shape.object, f"/{id}")
    query = (("properties", ",".join(shape.properties)),)
    try:
        raw = api.read(Call(f"{shape.object} read", "GET", path, query=query)).body
    except Gone:
        return deleted(shape.object, id, direct=True)
    if str(raw["id"]) == id:
        return shape.record(raw, direct=True)
    return merged(shape.object, id, str(raw["id"]), stamp(raw.get("updatedAt")), direct=True)


def by_unique(api: Api, shape: Shape, name: str, values: Sequence[str]) -> list[Record]:
    """Records by a unique property, strongly consistent."""
    rows: list[dict[str, Any]] = []
    for part in chunks(values, BATCH):
        rows += batch_read(api, shape.object, part, shape.properties, id_property=name).body["results"]
    unique = {str(raw["id"]): raw for raw in rows}
    return with_associations(api, shape, [shape.record(raw, direct=True) for raw in unique.values()])


def by_search(api: Api, shape: Shape, name: str, values: Sequence[str]) -> list[Record]:
    """Records by any property. The index may lag, so a record created just now may be missing."""
    records: list[Record] = []
    for part in chunks(values, IN_BATCH):
        last = "0"
        while last:
            rows, more = _in(api, shape, name, part, last)
            records += [shape.record(raw) for raw in rows]
            last = str(rows[-1]["id"]) if more else ""
    return with_associations(api, shape, records)


def _in(api: Api, shape: Shape, name: str, values: list[str], last: str) -> tuple[list[dict[str, Any]], bool]:
    filters = [
        {"propertyName": name, "operator": "IN", "values": [v.lower() for v in values]},
        {"propertyName": "hs_object_id", "operator": "GT", "value": last},
    ]
    body = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": shape.properties,
        "limit": SEARCH_PAGE,
    }
    path = api.paths.objects(shape.object, "/search")
    answer = api.rows(Call(f"{shape.object} search", "POST", path, body=body, search=True))
    return list(answer.body["results"]), bool(advanced(answer, ""))


def ids(api: Api, object: str) -> Iterator[list[str]]:
    """Every live id, in pages. The list is strongly consistent and ordered by id, so edits do not disturb it."""
    after = ""
    while True:
        query = [("limit", str(LIST_PAGE)), ("properties", "hs_object_id")] + ([("after", after)] if after else [])
        answer = api.rows(Call(f"{object} list", "GET", api.paths.objects(object), query=tuple(query), bulk=True))
        yield [str(raw["id"]) for raw in answer.body["results"]]
        after = advanced(answer, after)
        if not after:
            return


def history(
    api: Api, object: str, ids: Sequence[str], fields: Sequence[str], app_id: str
) -> dict[str, dict[str, list[FieldVersion]]]:
    """{id: {property: versions, newest first}}."""
    names = [name for name in fields if not name.startswith("@")]
    found: dict[str, dict[str, list[FieldVersion]]] = {}
    for part in chunks(ids, HISTORY_BATCH) if names else ():
        for raw in batch_read(api, object, part, (), history=names).body["results"]:
            versions = raw.get("propertiesWithHistory") or {}
            found[str(raw["id"])] = {n: [_version(v, app_id) for v in versions.get(n) or ()] for n in names}
    return found


def _version(raw: dict[str, Any], app_id: str) -> FieldVersion:
    source, by = str(raw.get("sourceType") or ""), str(raw.get("sourceId") or "")
    ours = bool(app_id) and source == "INTEGRATION" and by == app_id
    return FieldVersion(raw.get("value") or None, stamp(raw.get("timestamp")), ours, by=f"{source}:{by}".strip(":"))
