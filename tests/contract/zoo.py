"""A small product of our own over HTTP, with its sandbox: how a third party's connector may look."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from hub.connect.clock import to_stamp
from hub.connect.conformance import Sample
from hub.connect.connector import (
    Capabilities,
    Connector,
    Context,
    FieldInfo,
    Identity,
    ObjectInfo,
    Option,
    Page,
    Receipt,
    Want,
    Write,
)
from hub.connect.http import Answer, Call, Http
from hub.connect.memory import FieldProfile, MemoryRemote, ObjectProfile, Version
from hub.connect.sandbox import Request, Response, Sandbox
from hub.core.errors import Changed, Duplicate, Gone, HubError, Refused, Reject, Retry, SignIn, Unknown
from hub.core.model import Record

VISITOR = ObjectProfile(
    fields=(
        FieldProfile("name", required=True),
        FieldProfile("email", type="email", unique=True),
        FieldProfile("animal", type="choice", choices=("lion", "owl")),
        FieldProfile("notes"),
    ),
    unique_key="ticket",
    deletes="flag",
    find_by=("email",),
    page_size=5,
)
SAMPLE = Sample(
    create={"name": "Ana", "email": "ana@example.org", "animal": "owl"},
    edit={"name": "Eva"},
    clear="animal",
    text_field="notes",
    key_field="ticket",
    reject={"animal": "dragon"},
    required=("name",),
    missing_id="vi9999999",
)
SECRET = "zoo-client-secret-1"
STATUS = {"changed": 412, "gone": 404, "duplicate": 409, "reject": 422}


class ZooSandbox(Sandbox):
    """The product. Its records are those of a MemoryRemote; it only adds the HTTP."""

    profile = VISITOR

    def __init__(self, clock: Callable[[], float], seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.remote = MemoryRemote({"visitors": self.profile}, _Reading(clock), random.Random(seed))
        self.tokens: set[str] = set()

    def config(self) -> dict[str, Any]:
        auth = {"kind": "client", "client_id": "zoo", "client_secret": SECRET}
        return {"auth": auth, "base_url": self.url, "network": {"allow_private": ["127.0.0.1/32"]}}

    def seed(self, object: str, fields: Mapping[str, Any]) -> str:
        return self.remote.create(object, fields)

    def edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        self.remote.edit(object, id, fields)

    def remove(self, object: str, id: str) -> None:
        self.remote.delete(object, id)

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        return self.remote.rows(object)

    def expire_tokens(self) -> None:
        self.tokens.clear()

    def handle(self, request: Request) -> Response:
        if request.path == "/token":
            return self._sign_in(request.form())
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Response(401, {"error": "token ended"})
        try:
            return self._route(request)
        except Reject as error:
            body = {"error": error.what, "fields": error.fields, "ids": getattr(error, "ids", ())}
            return Response(STATUS[type(error).__name__.lower()], body)

    def _sign_in(self, form: Mapping[str, str]) -> Response:
        if form.get("client_secret") != SECRET:
            return Response(400, {"error": "invalid_grant"})
        token = f"zoo-access-{self.random.getrandbits(64):x}"
        self.tokens.add(token)
        return Response(200, {"access_token": token})

    def _route(self, request: Request) -> Response:
        id = request.path.removeprefix("/visitors").strip("/")
        if request.method == "GET" and id:
            found = self.remote.read("visitors", [id])[0]
            return Response(200, _row(found)) if found else Response(404, {"error": "no such visitor"})
        if request.method == "GET":
            return Response(200, {"rows": [_row(v) for v in self._list(request)], "now": to_stamp(self.remote.now())})
        action = {"POST": "create", "PATCH": "update", "DELETE": "delete"}[request.method]
        fields = request.json() if request.body else {}
        version = request.headers.get("if-match", "")
        self.remote.write("visitors", Write("", action, fields, id=id, version=version))  # type: ignore[arg-type]
        return Response(200, _row(self.remote.version("visitors", self.remote.log[-1].id)))

    def _list(self, request: Request) -> list[Version]:
        if by := request.get("by"):
            return self.remote.lookup(
                "visitors", by, [v for k, v in request.query if k == "value"], exact=by == "ticket"
            )
        return self.remote.search("visitors", request.get("since"), request.get("after"), self.profile.page_size)


class _Reading:
    """A clock that can only be read."""

    def __init__(self, read: Callable[[], float]) -> None:
        self.now = read

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a sandbox never waits")


def _row(version: Version) -> dict[str, Any]:
    return {"id": version.id, "version": str(version.number), "changed": version.stamp, "live": version.state == "live",
        "ours": version.by == "hub", "fields": dict(version.fields)}  # fmt: skip


class Zoo(Connector):
    """Visitors of the Zoo."""

    name = "zoo"
    options = (Option("base_url", "Where the Zoo's API lives.", required=True),)
    auth_kinds: ClassVar[Mapping[str, tuple[Option, ...]]] = {
        "client": (Option("client_id", "Name of the client."), Option("client_secret", "Its secret.", secret=True))
    }

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(connection, config, context)
        private = (config.get("network") or {}).get("allow_private") or ()
        secret = str(config["auth"]["client_secret"])
        self.http = Http(
            connection, context, config["base_url"], allow_private=private, translate=translate, secrets=[secret]
        )
        self._token, self._lock = "", threading.Lock()

    # -- the session

    def _sign_in(self, ended: str) -> None:
        """Get a token, unless another thread did so since `ended` was handed out."""
        with self._lock:
            if self._token != ended:
                return
            try:
                form = {n: str(self.config["auth"][n]) for n in ("client_id", "client_secret")}
                self._token = self.http.once(Call("sign in", "POST", "/token", form=form)).json["access_token"]
            except Reject as error:
                raise SignIn(
                    "the Zoo refused the client", where=self.connection, next="accordant secrets set zoo"
                ) from error

    def _once(self, call: Call) -> Answer:
        if not self._token:
            self._sign_in("")
        token = self._token
        try:
            return self.http.once(_signed(call, token))
        except SignIn:
            self._sign_in(token)
            return self.http.once(_signed(call, self._token))

    def _read(self, what: str, path: str, *query: tuple[str, str]) -> Any:
        from hub.connect.http import read_with_retries

        call = Call(what, "GET", path, query=query)
        return read_with_retries(lambda: self._once(call), self.context.clock).json

    # -- verbs

    def check(self) -> Identity:
        self._read("check", "/visitors", ("by", "email"))
        return Identity("zoo")

    def objects(self) -> Sequence[str]:
        return ("visitors",)

    def describe(self, object: str) -> ObjectInfo:
        if object != "visitors":
            raise Reject(f"the Zoo has no {object}")
        fields = [FieldInfo(f.name, f.name, f.type, required=f.required, unique=f.unique) for f in VISITOR.all_fields()]
        return ObjectInfo("visitors", "Visitors", tuple(fields))

    def capabilities(self, object: str) -> Capabilities:
        return Capabilities("strong", True, "flag", find_by=("email",), receipts="body", write_batch=20)

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        since, after, began = _parsed(cursor)
        end = ""
        while True:
            answer = self._read("changes", "/visitors", ("since", since), ("after", after))
            rows, end = answer["rows"], end or answer["now"]
            began = began or answer["now"]
            if since > answer["now"]:
                since, after = "", ""
                continue
            if rows and (rows[-1]["changed"], rows[-1]["id"]) <= (since, after):
                raise Retry("the Zoo gives the same page again", where=self.connection)
            high = min(began, rows[-1]["changed"] if rows else since)
            last = len(rows) < VISITOR.page_size or rows[-1]["changed"] > end
            if not last:
                since, after = rows[-1]["changed"], rows[-1]["id"]
            text = json.dumps([high, "", ""] if last else [since, after, began])
            yield Page([_record(r, want) for r in rows], text, last)
            if last:
                return

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        return [self._get(id, want) for id in ids]

    def _get(self, id: str, want: Want) -> Record:
        try:
            return _record(self._read("get", f"/visitors/{id}"), want, direct=True)
        except Gone:
            return Record("visitors", id, kind="deleted", direct=True)

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        found = self._read("find", "/visitors", ("by", by), *(("value", v) for v in values))
        return [_record(r, want) for r in found["rows"]]

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        return self.find(object, key_field, keys, want)

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        for page in self.changes(object, "", Want(())):
            yield [r.id for r in page.records if r.kind == "updated"]

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        if len(batch) > 20:
            raise Refused("more than 20 writes in a batch", unchanged="Nothing was sent", next="send fewer")
        return [self._write(write) for write in batch]

    def _write(self, write: Write) -> Receipt:
        method = {"create": "POST", "update": "PATCH", "delete": "DELETE"}[write.action]
        fields = {**write.fields, **({"ticket": write.key} if write.key else {})}
        headers = {"If-Match": write.version} if write.careful and write.version else {}
        path = f"/visitors/{write.id}" if write.id else "/visitors"
        call = Call(write.action, method, path, json=fields, headers=headers, writing=True)
        try:
            row = self._once(call).json
        except HubError as error:
            return _refused(write, error)
        stored = {n: row["fields"][n] for n in write.fields}
        return Receipt(write.op, "done", row["id"], row["version"], row["changed"], stored)

    def close(self) -> None:
        self.http.close()


def _refused(write: Write, error: HubError) -> Receipt:
    kinds: list[tuple[type[HubError], Any]] = [(Changed, "changed"), (Gone, "gone"), (Duplicate, "duplicate"),
        (Reject, "rejected"), (Unknown, "unknown"), (Retry, "retry")]  # fmt: skip
    for kind, status in kinds:
        if isinstance(error, kind):
            return Receipt(write.op, status, write.id, error=error)
    raise error


def translate(call: Call, answer: Answer) -> HubError | None:
    """The Zoo names the fields at fault, and the record that is in the way."""
    try:
        body = json.loads(answer.body)
        fields, ids = body.get("fields") or (), body.get("ids") or ()
    except (ValueError, AttributeError):
        return None
    if answer.status == 422:
        return Reject("the Zoo refused the values", where=call.what, fields=fields)
    return Duplicate("the visitor is there already", where=call.what, ids=ids) if answer.status == 409 else None


def _signed(call: Call, token: str) -> Call:
    from dataclasses import replace

    return replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})


def _parsed(cursor: str) -> tuple[str, str, str]:
    try:
        since, after, began = json.loads(cursor) if cursor else ("", "", "")
    except ValueError as error:
        raise Refused("this is no cursor of the Zoo", unchanged="Nothing was read", next="run with --full") from error
    return since, after, began


def _record(row: Mapping[str, Any], want: Want, *, direct: bool = False) -> Record:
    fields = {n: row["fields"].get(n) for n in want.fields} if row["live"] else {}
    key = row["fields"].get(want.key_field) if want.key_field and row["live"] else None
    kind = "updated" if row["live"] else "deleted"
    return Record("visitors", row["id"], fields, row["version"], row["changed"], kind, (), key, row["ours"], direct)
