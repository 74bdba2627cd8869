"""The sandbox's endpoints for associations between contacts and companies, seen from either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.sandbox_account import PLAIN, PRIMARY, Account, Refuse
from connectors.hubspot.sandbox_objects import Shop, batch, inputs, refusal
from hub.connect.sandbox import Request, Response


def _known(object: str, to: str) -> None:
    if (object, to) not in PLAIN:
        raise Refuse(404, "OBJECT_NOT_FOUND", f"No associations from {object} to {to}")


def _rows(account: Account, object: str, id: str, to: str) -> list[dict[str, Any]]:
    row = account.table(object).find(id)
    if row is None:
        return []
    return [{"toObjectId": other, "associationTypes": types} for other, types in account.types(object, row.id, to)]


def _paged(rows: Sequence[dict[str, Any]], after: str, size: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    start = int(after) if after.isdigit() else 0
    end = start + size
    return list(rows[start:end]), {"paging": {"next": {"after": str(end)}}} if end < len(rows) else {}


def of_record(shop: Shop, request: Request, object: str, id: str, to: str) -> Response:
    _known(object, to)
    limit = int(request.get("limit", "500"))
    rows, paging = _paged(_rows(shop.account, object, id, to), request.get("after"), min(limit, 500))
    return Response(200, {"results": rows, **paging})


def batch_read(shop: Shop, request: Request, object: str, to: str) -> Response:
    """Records without any association are errors of a 207."""
    _known(object, to)
    results: list[dict[str, Any]] = []
    without: list[str] = []
    for raw in inputs(request.json(), 1000):
        id = str(raw.get("id"))
        rows, paging = _paged(_rows(shop.account, object, id, to), str(raw.get("after") or ""), 500)
        if rows:
            results.append({"from": {"id": id}, "to": rows, **paging})
        else:
            without.append(id)
    shop.shuffle(results)
    error = Refuse(404, "OBJECT_NOT_FOUND", f"No {to} is associated with {object}")
    return batch(results, [refusal(error, context={"fromObjectId": [id]}) for id in without], 200)


def _ends(account: Account, object: str, to: str, one: str, other: str) -> tuple[int, int]:
    """(contact, company) of a pair, whichever side it is told from."""
    rows = [account.table(object).find(one), account.table(to).find(other)]
    if rows[0] is None or rows[1] is None:
        raise Refuse(404, "OBJECT_NOT_FOUND", f"{object} {one} or {to} {other} does not exist")
    return (rows[0].id, rows[1].id) if object == "contacts" else (rows[1].id, rows[0].id)


def _wants_primary(object: str, to: str, types: Any) -> bool:
    """Whether a list of types names the primary label. Type ids of the other direction are refused."""
    ids = {t.get("associationTypeId") for t in types or ()}
    if not ids or ids - {PRIMARY[object, to], PLAIN[object, to]}:
        raise Refuse(
            400, "VALIDATION_ERROR", f"Association types {sorted(map(str, ids))} do not lead from {object} to {to}"
        )
    return PRIMARY[object, to] in ids


def batch_create(shop: Shop, request: Request, object: str, to: str) -> Response:
    def link(raw: Mapping[str, Any], contact: int, company: int) -> None:
        shop.account.associate(contact, company, primary=_wants_primary(object, to, raw.get("types")))

    results, errors = [], []
    for one, other, error in _each(shop, request, object, to, link):
        if error:
            errors.append(refusal(error, context={"fromObjectId": [one], "toObjectId": [other]}))
        else:
            results.append({"fromObjectId": int(one), "toObjectId": int(other), "labels": ["Primary"]})
    return batch(results, errors, 201)


def batch_unlabel(shop: Shop, request: Request, object: str, to: str) -> Response:
    def unlink(raw: Mapping[str, Any], contact: int, company: int) -> None:
        if _wants_primary(object, to, raw.get("types")):
            shop.account.unlabel(contact, company)
        else:
            shop.account.dissociate(contact, company)

    list(_each(shop, request, object, to, unlink))
    return Response(204)


def batch_archive(shop: Shop, request: Request, object: str, to: str) -> Response:
    """Takes away every label between the pairs. Here `to` is a list."""
    _known(object, to)
    for raw in inputs(request.json(), 2000):
        for other in raw.get("to") or ():
            pair = _ends(shop.account, object, to, str((raw.get("from") or {}).get("id")), str(other.get("id")))
            shop.account.dissociate(*pair)
    return Response(204)


def _each(
    shop: Shop, request: Request, object: str, to: str, do: Callable[[Mapping[str, Any], int, int], None]
) -> Iterator[tuple[str, str, Refuse | None]]:
    _known(object, to)
    for raw in inputs(request.json(), 2000):
        one, other = str((raw.get("from") or {}).get("id")), str((raw.get("to") or {}).get("id"))
        try:
            do(raw, *_ends(shop.account, object, to, one, other))
        except Refuse as error:
            if error.status == 400:
                raise
            yield one, other, error
        else:
            yield one, other, None


def put(shop: Shop, request: Request, object: str, id: str, to: str, other: str) -> Response:
    _known(object, to)
    pair = _ends(shop.account, object, to, id, other)
    shop.account.associate(*pair, primary=_wants_primary(object, to, request.json()))
    return Response(201, {"fromObjectId": int(id), "toObjectId": int(other), "labels": []})


def delete(shop: Shop, request: Request, object: str, id: str, to: str, other: str) -> Response:
    _known(object, to)
    shop.account.dissociate(*_ends(shop.account, object, to, id, other))
    return Response(204)
