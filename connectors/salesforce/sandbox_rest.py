"""The sandbox's REST resources: one function per resource, found by method and path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from connectors.salesforce import soql
from connectors.salesforce.sandbox_query import Pages, show
from connectors.salesforce.sandbox_store import Row, Store, Table
from connectors.salesforce.sandbox_values import Refusal, unknown_column
from hub.connect.sandbox import Request, Response

MOST_URI = 16_384
MOST_IN_COLLECTION = 200
MOST_IN_COMPOSITE = 25
MOST_QUERIES_IN_COMPOSITE = 5
MOST_TO_READ = 2_000


def missing() -> Refusal:
    return Refusal("NOT_FOUND", "The requested resource does not exist", status=404, whole=True)


class Rest:
    """Answers API requests that have passed sign-in and quota. `root` is "/services/data/vNN.N"."""

    def __init__(self, store: Store, now: Callable[[], float], user: Callable[[], str]) -> None:
        self.store, self._user = store, user
        self.pages = Pages(store, now)

    def handle(self, request: Request, root: str) -> Response:
        if len(request.raw_path) > MOST_URI:
            raise Refusal("URI_TOO_LONG", "The URI is too long", status=414)
        path = request.path[len(root) :].rstrip("/") or "/"
        for method, pattern, call in _ROUTES:
            found = pattern.match(path)
            if found and method == request.method:
                return call(self, request, *(unquote(g) for g in found.groups()))
        if any(pattern.match(path) for _, pattern, _ in _ROUTES):
            raise Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.", status=405)
        raise missing()

    # -- discovery

    def catalogue(self, request: Request) -> Response:
        listed = [t.kind.listed() for t in self.store.tables.values()]
        return Response(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})

    def describe(self, request: Request, object: str) -> Response:
        return Response(200, self.store.table(object).kind.described())

    # -- single records

    def create(self, request: Request, object: str) -> Response:
        id = self.store.insert(object, _object(request.json()), self._user())
        headers = {"Location": f"{request.path.rstrip('/')}/{id}"}
        return Response(201, {"id": id, "success": True, "errors": []}, headers)

    def read(self, request: Request, object: str, id: str) -> Response:
        table = self.store.table(object)
        row = table.live(soql.id18(id))
        if row is None:
            raise missing()
        shown = [c for c in table.kind.columns if table.kind.visible(c)]
        columns = request.get("fields").split(",") if request.get("fields") else shown
        _must_see(table, columns)
        return Response(200, show(self.store, table, row, columns))

    def update(self, request: Request, object: str, id: str) -> Response:
        self.store.wait_for(soql.id18(id))
        row = self.store.table(object).live(soql.id18(id))
        unmodified = request.headers.get("if-unmodified-since")
        if unmodified:
            limit = soql.from_http_date(unmodified)
            if limit is None:
                raise Refusal("INVALID_HEADER", "If-Unmodified-Since is not a date")
            if row and soql.to_epoch(row["SystemModstamp"]) > limit:
                return Response(412)
        self.store.update(object, id, _object(request.json()), self._user())
        return Response(204)

    def delete(self, request: Request, object: str, id: str) -> Response:
        self.store.delete(object, id, self._user())
        return Response(204)

    def upsert(self, request: Request, object: str, column: str, value: str) -> Response:
        found = self._with_key(object, column, value)
        if len(found) > 1:
            return Response(300, [f"{request.path.split('/sobjects/')[0]}/sobjects/{object}/{r['Id']}" for r in found])
        result = self._upsert(object, column, value, _object(request.json()))
        return Response(201 if result["created"] else 200, result)

    def read_by_key(self, request: Request, object: str, column: str, value: str) -> Response:
        found = self._with_key(object, column, value)
        if not found:
            raise missing()
        table = self.store.table(object)
        return Response(
            200, show(self.store, table, found[0], [c for c in table.kind.columns if table.kind.visible(c)])
        )

    def _with_key(self, object: str, column: str, value: str) -> list[Row]:
        table = self.store.table(object)
        found = table.kind.visible(column)
        if found is None or not found.external:
            raise missing()
        return table.with_value(column, value)

    def _upsert(self, object: str, column: str, value: str, fields: Row) -> Row:
        found = self._with_key(object, column, value)
        if len(found) > 1:
            raise Refusal("DUPLICATE_EXTERNAL_ID", f"external id matches several records: {column}", column)
        if found:
            self.store.update(object, found[0]["Id"], fields, self._user())
            return {"id": found[0]["Id"], "success": True, "errors": [], "created": False}
        id = self.store.insert(object, {**fields, column: value}, self._user())
        return {"id": id, "success": True, "errors": [], "created": True}

    # -- collections

    def create_many(self, request: Request) -> Response:
        def one(record: Row) -> Row:
            object, fields = _typed(record)
            return {"id": self.store.insert(object, fields, self._user()), "success": True, "errors": []}

        return self._each(request, one)

    def update_many(self, request: Request) -> Response:
        def one(record: Row) -> Row:
            object, fields = _typed(record)
            id = str(fields.pop("id", None) or fields.pop("Id", ""))
            return {"id": self.store.update(object, id, fields, self._user()), "success": True, "errors": []}

        return self._each(request, one)

    def upsert_many(self, request: Request, object: str, column: str) -> Response:
        self._with_key(object, column, "")

        def one(record: Row) -> Row:
            _, fields = _typed(record)
            value = fields.pop(column, None)
            if not isinstance(value, str) or not value:
                raise Refusal("MISSING_ARGUMENT", f"{column} not specified", column)
            return self._upsert(object, column, value, fields)

        return self._each(request, one)

    def delete_many(self, request: Request) -> Response:
        ids = [i for i in request.get("ids").split(",") if i]
        _at_most(ids, MOST_IN_COLLECTION)
        if bad := [i for i in ids if not soql.is_id(i)]:
            raise Refusal("MALFORMED_ID", f"malformed id {bad[0]}")
        return Response(200, [_attempt(lambda record: self._delete_one(record["id"]), {"id": i}) for i in ids])

    def _delete_one(self, id: str) -> Row:
        prefixes = {t.kind.prefix: name for name, t in self.store.tables.items()}
        object = prefixes.get(id[:3])
        if object is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        self.store.delete(object, id, self._user())
        return {"id": soql.id18(id), "success": True, "errors": []}

    def _each(self, request: Request, one: Callable[[Row], Row]) -> Response:
        body = _object(request.json())
        records = body.get("records")
        if not isinstance(records, list) or not records:
            raise Refusal("MISSING_ARGUMENT", "records are required")
        if body.get("allOrNone"):
            raise Refusal("NOT_SUPPORTED", "this sandbox does not roll back: set allOrNone to false")
        _at_most(records, MOST_IN_COLLECTION)
        self._must_know(records)
        return Response(200, [_attempt(one, record) for record in records])

    def _must_know(self, records: list[Row]) -> None:
        """A column that does not exist fails the whole call before any record is looked at."""
        for record in records:
            object, fields = _typed(record)
            kind = self.store.table(object).kind
            for name in fields:
                if name.lower() != "id" and not kind.visible(name):
                    raise unknown_column(name, object)

    def read_many(self, request: Request, object: str) -> Response:
        body, table = _object(request.json()), self.store.table(object)
        ids, columns = body.get("ids"), body.get("fields")
        if not isinstance(ids, list) or not isinstance(columns, list) or not columns:
            raise Refusal("MISSING_ARGUMENT", "ids and fields are required")
        _at_most(ids, MOST_TO_READ)
        _must_see(table, columns)
        if bad := [i for i in ids if not soql.is_id(i)]:
            raise Refusal("MALFORMED_ID", f"malformed id {bad[0]}")
        rows = (table.live(soql.id18(i)) for i in ids)
        return Response(200, [show(self.store, table, r, columns) if r else None for r in rows])

    # -- composite

    def composite(self, request: Request) -> Response:
        body = _object(request.json())
        subs = body.get("compositeRequest")
        if not isinstance(subs, list) or not subs:
            raise Refusal("MISSING_ARGUMENT", "compositeRequest is required")
        if body.get("allOrNone"):
            raise Refusal("NOT_SUPPORTED", "this sandbox does not roll back: set allOrNone to false")
        _at_most(subs, MOST_IN_COMPOSITE)
        costly = [s for s in subs if re.search(r"/query|/composite/", s["url"])]
        _at_most(costly, MOST_QUERIES_IN_COMPOSITE)
        if len({s["referenceId"] for s in subs}) != len(subs):
            raise Refusal("INVALID_INPUT", "duplicate referenceId")
        return Response(200, {"compositeResponse": [self._sub(request, s) for s in subs]})

    def _sub(self, outer: Request, sub: Row) -> Row:
        root = "/".join(outer.path.split("/")[:4])
        parts = urlsplit(sub["url"])
        headers = {k.lower(): v for k, v in (sub.get("httpHeaders") or {}).items()}
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        inner = Request(sub["method"], unquote(parts.path), query, headers, orjson.dumps(sub.get("body")), sub["url"])
        try:
            response = self.handle(inner, root)
        except Refusal as refusal:
            response = Response(refusal.status, refusal.single())
        return {
            "body": response.body,
            "httpHeaders": dict(response.headers),
            "httpStatusCode": response.status,
            "referenceId": sub["referenceId"],
        }


def _attempt(one: Callable[[Row], Row], record: Row) -> Row:
    try:
        return one(record)
    except Refusal as refusal:
        return refusal.result()


def _object(body: Any) -> Row:
    if not isinstance(body, dict):
        raise Refusal("JSON_PARSER_ERROR", "The HTTP entity body is required to be an object")
    return {k: v for k, v in body.items() if k != "attributes"} if "records" not in body else body


def _typed(record: Row) -> tuple[str, Row]:
    kind = (record.get("attributes") or {}).get("type")
    if not kind:
        raise Refusal("INVALID_INPUT", "attributes.type is required")
    return kind, {k: v for k, v in record.items() if k != "attributes"}


def _at_most(items: list[Any], most: int) -> None:
    if len(items) > most:
        raise Refusal("EXCEEDED_MAX_SIZE_REQUEST", f"record limit reached: at most {most} are allowed")


def _must_see(table: Table, columns: list[str]) -> None:
    for name in columns:
        if not table.kind.visible(name):
            raise Refusal("INVALID_FIELD", f"No such column '{name}' on entity '{table.kind.name}'.")


def _routes() -> Iterator[tuple[str, re.Pattern[str], Callable[..., Response]]]:
    word = r"(\w+)"
    for method, path, call in (
        ("GET", "/sobjects", Rest.catalogue),
        ("GET", f"/sobjects/{word}/describe", Rest.describe),
        ("GET", "/query", lambda rest, request: rest.pages.query(request)),
        ("GET", "/queryAll", lambda rest, request: rest.pages.query_all(request)),
        ("GET", r"/query/(\w+)-(\d+)", lambda rest, *found: rest.pages.next_page(*found)),
        ("POST", "/composite", Rest.composite),
        ("POST", "/composite/sobjects", Rest.create_many),
        ("PATCH", "/composite/sobjects", Rest.update_many),
        ("DELETE", "/composite/sobjects", Rest.delete_many),
        ("POST", f"/composite/sobjects/{word}", Rest.read_many),
        ("PATCH", f"/composite/sobjects/{word}/{word}", Rest.upsert_many),
        ("POST", f"/sobjects/{word}", Rest.create),
        ("GET", f"/sobjects/{word}/{word}", Rest.read),
        ("PATCH", f"/sobjects/{word}/{word}", Rest.update),
        ("DELETE", f"/sobjects/{word}/{word}", Rest.delete),
        ("GET", f"/sobjects/{word}/{word}/(.+)", Rest.read_by_key),
        ("PATCH", f"/sobjects/{word}/{word}/(.+)", Rest.upsert),
    ):
        yield method, re.compile(path + r"\Z"), call


_ROUTES = tuple(_routes())
