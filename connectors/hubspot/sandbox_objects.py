"""The sandbox's endpoints for records and associations: from a request's parts to HubSpot's answer.

Every function takes the account, the request and the parts of its address. `multi_status` on the account side decides
whether bad rows of a batch get answers of their own (207) or sink the whole batch, which HubSpot does both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.hubspot import sandbox_schema as schema
from connectors.hubspot.records import to_iso
from connectors.hubspot.sandbox_account import API, Account, Draft, Refuse
from connectors.hubspot.sandbox_search import search
from connectors.hubspot.sandbox_table import Copy, Row, Table
from hub.connect.sandbox import Request, Response

WHOLE = {"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"}  # these refuse a batch as a whole in any case


@dataclass(slots=True)
class Shop:
    """What the endpoints share: the account, and how it answers batches. `shuffle`: disorders results in place."""

    account: Account
    shuffle: Callable[[list[Any]], None]
    multi_status: bool = True
    aliases_in_batch: bool = False


# ---------------------------------------------------------------- parts of answers


def record(table: Table, row: Row | Copy, names: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """One record as JSON: the properties asked for that exist (unset ones as null), else the default ones."""
    wanted = [n for n in names if n in known] if names else list(schema.DEFAULTS[table.object])
    made: dict[str, Any] = {
        "id": str(row.id),
        "properties": {n: row.props.get(n) for n in dict.fromkeys([*wanted, *schema.DEFAULTS[table.object]])},
        "createdAt": to_iso(row.created),
        "updatedAt": to_iso(row.updated),
        "archived": row.archived is not None,
    }
    if row.archived is not None:
        made["archivedAt"] = to_iso(row.archived)
    return made


def names_in(request: Request, name: str = "properties") -> list[str]:
    """Query names: repeated keys and comma lists both count."""
    return [part for key, value in request.query if key == name for part in value.split(",") if part]


def refusal(error: Refuse, **more: Any) -> dict[str, Any]:
    return {"status": "error", "message": error.message, "category": error.category, **more}


def inputs(body: Any, most: int) -> list[dict[str, Any]]:
    rows = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(r, dict) for r in rows):
        raise Refuse(400, "VALIDATION_ERROR", "Invalid input JSON: inputs must be a list that is not empty")
    if len(rows) > most:
        raise Refuse(400, "VALIDATION_ERROR", f"Request contains {len(rows)} inputs; the limit is {most}")
    return rows


def batch(done: Sequence[Any], errors: Sequence[Any], good: int) -> Response:
    now = to_iso(0)
    body: dict[str, Any] = {"status": "COMPLETE", "results": list(done), "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return Response(207 if errors else good, body)


# ---------------------------------------------------------------- one record


def listing(shop: Shop, request: Request, object: str) -> Response:
    table = shop.account.table(object)
    limit, after = request.get("limit", "10"), request.get("after", "0")
    if not limit.isdigit() or not 1 <= int(limit) <= 100 or not after.isdigit():
        raise Refuse(400, "VALIDATION_ERROR", "limit must be between 1 and 100, after must be an id")
    rows, more = table.page(int(after), int(limit), archived=request.get("archived") == "true")
    names, known = names_in(request), shop.account.properties[object]
    body: dict[str, Any] = {"results": [record(table, row, names, known) for row in rows]}
    if more:
        body["paging"] = {"next": {"after": str(rows[-1].id), "link": ""}}
    return Response(200, body)


def create(shop: Shop, request: Request, object: str) -> Response:
    return Response(201, _made(shop, object, _draft_create(shop, object, request.json(), set()), {}))


def _draft_create(shop: Shop, object: str, row: Mapping[str, Any], claimed: set[tuple[str, str]]) -> Draft:
    draft = shop.account.draft(object, None, row.get("properties") or {}, claimed)
    for link in row.get("associations") or ():
        company = shop.account.table("companies").find(str((link.get("to") or {}).get("id")))
        types = {t.get("associationTypeId") for t in link.get("types") or ()}
        if object != "contacts" or not company or not types or types - {1, 279}:
            raise Refuse(400, "VALIDATION_ERROR", "One or more associations are not valid")
        draft.companies.append((company.id, 1 in types))
    return draft


def _made(shop: Shop, object: str, draft: Draft, raw: Mapping[str, Any]) -> dict[str, Any]:
    row = shop.account.carry_out(object, draft, API)
    names = [*draft.values, *schema.DEFAULTS[object]]
    made = record(shop.account.table(object), row, names, shop.account.properties[object])
    trace = raw.get("objectWriteTraceId")
    return {**made, "objectWriteTraceId": trace} if trace else made


def one(shop: Shop, request: Request, object: str, id: str) -> Row:
    """The record that an address means, by id or by a unique property."""
    archived, name = request.get("archived") == "true", request.get("idProperty")
    table = shop.account.table(object)
    holder = table.holder(name, id.strip().lower() if name == "email" else id) if name else None
    row = table.find(str(holder) if holder else "" if name else id, archived=archived)
    if row is None:
        raise Refuse(404, "OBJECT_NOT_FOUND", "resource not found")
    return row


def read(shop: Shop, request: Request, object: str, id: str) -> Response:
    row = one(shop, request, object, id)
    return Response(200, record(shop.account.table(object), row, names_in(request), shop.account.properties[object]))


def update(shop: Shop, request: Request, object: str, id: str) -> Response:
    row = one(shop, request, object, id)
    return Response(200, _made(shop, object, shop.account.draft(object, row, request.json()["properties"], set()), {}))


def delete(shop: Shop, request: Request, object: str, id: str) -> Response:
    row = shop.account.table(object).find(id)
    if row:
        shop.account.archive(object, row)
    return Response(204)


def merge(shop: Shop, request: Request, object: str) -> Response:
    body, table = request.json(), shop.account.table(object)
    rows = [table.find(str(body.get(name))) for name in ("primaryObjectId", "objectIdToMerge")]
    if not rows[0] or not rows[1] or rows[0] is rows[1]:
        raise Refuse(400, "VALIDATION_ERROR", "Both records of a merge must exist and differ")
    made = shop.account.merge(object, rows[0], rows[1])
    return Response(200, record(table, made, (), shop.account.properties[object]))


def gdpr_delete(shop: Shop, request: Request, object: str) -> Response:
    body, table = request.json(), shop.account.table(object)
    holder = table.holder("email", str(body.get("objectId"))) if body.get("idProperty") == "email" else None
    row = table.find(str(holder or body.get("objectId")))
    if row:
        shop.account.erase(object, row)
    return Response(204)


# ---------------------------------------------------------------- search and batches


def searching(shop: Shop, request: Request, object: str) -> Response:
    body = request.json()
    total, copies, following = search(shop.account, object, body)
    table, known = shop.account.table(object), shop.account.properties[object]
    names = body.get("properties") or ()
    found: dict[str, Any] = {"total": total, "results": [record(table, copy, names, known) for copy in copies]}
    if following:
        found["paging"] = {"next": {"after": str(following)}}
    return Response(200, found)


def batch_read(shop: Shop, request: Request, object: str) -> Response:
    body, table = request.json(), shop.account.table(object)
    history = body.get("propertiesWithHistory") or []
    rows = inputs(body, 50 if history else 100)
    known, by = shop.account.properties[object], body.get("idProperty")
    if by and by not in table.unique_names():
        raise Refuse(400, "VALIDATION_ERROR", f"{by} is not a unique property of {object}")
    found: dict[int, dict[str, Any]] = {}
    missing: list[str] = []
    for id in (str(r.get("id")) for r in rows):
        row = _batch_row(shop, table, id, by, request.get("archived") == "true")
        if row is None:
            missing.append(id)
            continue
        found[row.id] = record(table, row, body.get("properties") or (), known)
        if history:
            found[row.id]["propertiesWithHistory"] = _history(row, history)
    results = list(found.values())
    shop.shuffle(results)
    error = Refuse(404, "OBJECT_NOT_FOUND", "Could not get some objects, they may be deleted or not exist.")
    return batch(results, [refusal(error, context={"ids": missing})] if missing else [], 200)


def _batch_row(shop: Shop, table: Table, id: str, by: str | None, archived: bool) -> Row | None:
    if by:
        holder = table.holder(by, id.strip().lower() if by == "email" else id)
        return table.find(str(holder)) if holder else None
    row = table.find(id, archived=archived)
    return row if row and (str(row.id) == id or shop.aliases_in_batch) else None


def _history(row: Row, names: Sequence[str]) -> dict[str, Any]:
    return {name: [v.json() for v in reversed(row.history.get(name, ()))] for name in names}


def batch_create(shop: Shop, request: Request, object: str) -> Response:
    rows = inputs(request.json(), 100)
    claimed: set[tuple[str, str]] = set()
    return _batch_write(shop, object, rows, lambda raw: _draft_create(shop, object, raw, claimed), 201)


def batch_update(shop: Shop, request: Request, object: str) -> Response:
    rows = inputs(request.json(), 100)
    ids = [str(r.get("id")) for r in rows]
    if len(set(ids)) < len(ids):
        raise Refuse(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
    claimed: set[tuple[str, str]] = set()

    def draft(raw: Mapping[str, Any]) -> Draft:
        row = _by(shop, object, raw)
        if row is None:
            raise Refuse(404, "OBJECT_NOT_FOUND", "resource not found")
        return shop.account.draft(object, row, raw.get("properties") or {}, claimed)

    return _batch_write(shop, object, rows, draft, 200)


def batch_upsert(shop: Shop, request: Request, object: str) -> Response:
    rows = inputs(request.json(), 100)
    claimed: set[tuple[str, str]] = set()
    fresh: dict[int, bool] = {}

    def draft(raw: Mapping[str, Any]) -> Draft:
        by = raw.get("idProperty")
        if by not in shop.account.table(object).unique_names():
            raise Refuse(400, "VALIDATION_ERROR", f"{by} is not a unique property of {object}")
        row = _by(shop, object, raw)
        made = shop.account.draft(object, row, {**(raw.get("properties") or {}), by: raw.get("id")}, claimed)
        fresh[made.row.id] = row is None
        return made

    answer = _batch_write(shop, object, rows, draft, 200)
    for result in answer.body["results"]:
        result["new"] = fresh[int(result["id"])]
    return answer


def _by(shop: Shop, object: str, raw: Mapping[str, Any]) -> Row | None:
    table, id, by = shop.account.table(object), str(raw.get("id")), raw.get("idProperty")
    holder = table.holder(str(by), id.strip().lower() if by == "email" else id) if by else None
    return table.find(str(holder) if holder else "" if by else id)


def _batch_write(
    shop: Shop, object: str, rows: Sequence[dict[str, Any]], draft: Callable[[Mapping[str, Any]], Draft], good: int
) -> Response:
    """Check every row, then carry out the good ones; or none, if a bad one sinks the batch."""
    drafts: list[tuple[dict[str, Any], Draft]] = []
    errors: list[dict[str, Any]] = []
    each = shop.multi_status and all(r.get("objectWriteTraceId") for r in rows)
    for raw in rows:
        try:
            drafts.append((raw, draft(raw)))
        except Refuse as error:
            if not each or error.extra.get("codes", set()) & WHOLE:
                raise
            context = {"objectWriteTraceId": [raw["objectWriteTraceId"]]}
            if raw.get("id"):
                context["ids"] = [str(raw["id"])]
            errors.append(refusal(error, context=context))
    results = [_made(shop, object, d, raw) for raw, d in drafts]
    shop.shuffle(results)
    return batch(results, errors, good)


def batch_archive(shop: Shop, request: Request, object: str) -> Response:
    for raw in inputs(request.json(), 100):
        row = shop.account.table(object).find(str(raw.get("id")))
        if row:
            shop.account.archive(object, row)
    return Response(204)
