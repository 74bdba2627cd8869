"""A HubSpot account on loopback: a strict server that answers as HubSpot does, in both families of addresses.

It lags where HubSpot lags (`lag`: seconds until search sees an edit, drawn anew for each), refuses what HubSpot refuses,
and rewrites what HubSpot rewrites. Tests and the demo act as people through `seed`, `edit`, `remove`, `merge` ...
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from connectors.hubspot import sandbox_links as links
from connectors.hubspot import sandbox_objects as objects
from connectors.hubspot import sandbox_schema as schema
from connectors.hubspot.records import to_iso
from connectors.hubspot.sandbox_account import PERSON, Account, Refuse
from connectors.hubspot.sandbox_door import CLIENT, Door
from connectors.hubspot.sandbox_objects import Shop
from connectors.hubspot.sandbox_table import Row
from hub.connect.sandbox import Request, Response, Sandbox

DATE = r"20\d\d-0[39]"
# Dated addresses are rewritten to the older ones, so that one table serves both.
DATED = (
    (re.compile(rf"/crm/objects/{DATE}/([^/]+/[^/]+/associations/.+)"), r"/crm/v4/objects/\1"),
    (re.compile(rf"/crm/(objects|properties|owners)/{DATE}"), r"/crm/v3/\1"),
    (re.compile(rf"/crm/associations/{DATE}/"), "/crm/v4/associations/"),
    (re.compile(rf"/account-info/{DATE}/"), "/account-info/v3/"),
    (re.compile(rf"/oauth/{DATE}/"), "/oauth/v3/"),
    (re.compile(r"/oauth/v1/token$"), "/oauth/v3/token"),
)
V3, V4 = r"/crm/v3/objects/([^/]+)", r"/crm/v4/associations/([^/]+)/([^/]+)"
PAIR = r"/crm/v4/objects/([^/]+)/([^/]+)/associations/([^/]+)"
Handler = Callable[..., Response]
HANDLERS: list[tuple[str, str, Handler]] = [
    ("POST", V3 + "/search", objects.searching),
    ("POST", V3 + "/batch/read", objects.batch_read),
    ("POST", V3 + "/batch/create", objects.batch_create),
    ("POST", V3 + "/batch/update", objects.batch_update),
    ("POST", V3 + "/batch/upsert", objects.batch_upsert),
    ("POST", V3 + "/batch/archive", objects.batch_archive),
    ("POST", V3 + "/merge", objects.merge),
    ("POST", V3 + "/gdpr-delete", objects.gdpr_delete),
    ("GET", V3, objects.listing),
    ("POST", V3, objects.create),
    ("GET", V3 + r"/([^/]+)", objects.read),
    ("PATCH", V3 + r"/([^/]+)", objects.update),
    ("DELETE", V3 + r"/([^/]+)", objects.delete),
    ("POST", V4 + "/batch/read", links.batch_read),
    ("POST", V4 + "/batch/create", links.batch_create),
    ("POST", V4 + "/batch/archive", links.batch_archive),
    ("POST", V4 + "/batch/labels/archive", links.batch_unlabel),
    ("GET", PAIR, links.of_record),
    ("PUT", PAIR + r"/([^/]+)", links.put),
    ("DELETE", PAIR + r"/([^/]+)", links.delete),
]
ROUTES = [(method, re.compile(pattern), handler) for method, pattern, handler in HANDLERS]


class HubSpotSandbox(Sandbox):
    """A HubSpot account. `clock`: seconds since the epoch; `lag`: the longest that search trails behind."""

    def __init__(
        self, *, seed: int = 0, clock: Callable[[], float] = time.time, lag: float = 0.0, auth: str = "private_app"
    ) -> None:
        super().__init__(seed=seed)
        self.clock, self.lag, self.auth = clock, lag, auth
        self.account = Account(self.now, self._lag)
        self.shop = Shop(self.account, self.random.shuffle)
        self.door = Door(self.now, self.random, static="pat-eu1-sandbox" if auth == "private_app" else "")

    def now(self) -> int:
        return int(self.clock() * 1000)

    def _lag(self) -> int:
        return int(self.random.uniform(0, self.lag) * 1000) if self.lag else 0

    # -- HTTP

    def handle(self, request: Request) -> Response:
        path = request.path
        for pattern, plain in DATED:
            path = pattern.sub(plain, path)
        searching = path.endswith("/search")
        try:
            answer = self._guarded(request, path, searching)
        except Refuse as error:
            answer = self._refusal(error)
        except (ValueError, KeyError, AttributeError, TypeError):
            answer = self._refusal(Refuse(400, "VALIDATION_ERROR", "Invalid input JSON"))
        date = format_datetime(datetime.fromtimestamp(self.now() // 1000, UTC), usegmt=True)
        headers = {"Date": date, **({} if searching else self.door.headers()), **answer.headers}
        return Response(answer.status, answer.body, headers)

    def _guarded(self, request: Request, path: str, searching: bool) -> Response:
        if path == "/oauth/v3/token" and request.method == "POST":
            return self.door.sign_in(request.form())
        self.door.authenticate(request)
        self.door.count(searching=searching)
        return self._route(request, path)

    def _route(self, request: Request, path: str) -> Response:
        special = SPECIAL.get((request.method, path)) or self._properties(request, path)
        if special:
            self.door.permit("GET", path)
            return special(self, request)
        allowed = []
        for method, pattern, handler in ROUTES:
            found = pattern.fullmatch(path)
            if found and method == request.method:
                self.door.permit(method, path)
                return handler(self.shop, request, *found.groups())
            allowed += [method] if found else []
        if allowed:
            raise Refuse(405, "METHOD_NOT_ALLOWED", f"{request.method} is not allowed here")
        raise Refuse(404, "OBJECT_NOT_FOUND", "resource not found")

    def _refusal(self, error: Refuse) -> Response:
        extra = {k: v for k, v in error.extra.items() if k not in ("codes", "headers")}
        body = objects.refusal(error, correlationId=f"{self.random.getrandbits(64):016x}", **extra)
        return Response(error.status, body, error.extra.get("headers") or {})

    # -- small endpoints

    def _introspect(self, request: Request) -> Response:
        who = {"hub_id": schema.PORTAL, "app_id": int(schema.APP), "user": "admin@sandbox.example"}
        return Response(200, self.door.about(**who))

    def _private_app(self, request: Request) -> Response:
        if request.json().get("tokenKey") != self.door.static:
            raise Refuse(404, "OBJECT_NOT_FOUND", "no such token")
        return Response(200, self.door.about(hubId=schema.PORTAL, appId=int(schema.APP), userId=77))

    def _details(self, request: Request) -> Response:
        details = {"portalId": schema.PORTAL, "accountType": "SANDBOX", "timeZone": "Europe/Berlin"}
        return Response(200, {**details, "companyCurrency": "EUR", "utcOffset": "+01:00"})

    def _owners(self, request: Request) -> Response:
        limit, after = int(request.get("limit", "100")), int(request.get("after", "0"))
        archived = request.get("archived") == "true"
        found = [o for id, o in sorted(self.account.owners.items()) if o["archived"] == archived and id > after]
        body: dict[str, Any] = {"results": found[:limit]}
        if len(found) > limit:
            body["paging"] = {"next": {"after": found[limit - 1]["id"]}}
        return Response(200, body)

    def _properties(self, request: Request, path: str) -> Callable[[HubSpotSandbox, Request], Response] | None:
        found = re.fullmatch(r"/crm/v3/properties/([^/]+)", path)
        if not found or request.method not in ("GET", "POST"):
            return None
        self.account.table(found[1])
        return lambda _, r: self._all_properties(found[1]) if r.method == "GET" else self._new_property(found[1], r)

    def _all_properties(self, object: str) -> Response:
        return Response(200, {"results": [p.json() for p in self.account.properties[object].values()]})

    def _new_property(self, object: str, request: Request) -> Response:
        body = request.json()
        known = self.account.properties[object]
        if body["name"] in known:
            raise Refuse(409, "CONFLICT", f"A property named {body['name']} already exists.")
        options = tuple(o["value"] for o in body.get("options") or ())
        made = schema.Property(body["name"], body["label"], body["type"], body["fieldType"], options, custom=True)
        known[made.name] = made
        return Response(201, made.json())

    # -- acting as a person, and setting the scene

    def config(self) -> dict[str, Any]:
        """The connection's block that makes the connector talk to this sandbox."""
        how: dict[str, Any] = {"kind": "private_app", "token": self.door.static}
        if self.auth == "oauth":
            how = {"kind": "oauth", **CLIENT, "refresh_token": self.door.refresh}
        pace = {} if self.door.limits else {"limits": {"burst": 100_000, "search": 10_000}}
        return {"auth": how, "base_url": self.url, "network": {"allow_private": ["127.0.0.1/32"]}, **pace}

    def seed(self, object: str, properties: Mapping[str, Any], company: str | None = None) -> str:
        """Put a record there as a person would, and return its id. `company`: a contact's primary company."""
        with self.lock:
            if object == "owners":
                return self._seed_owner(properties)
            draft = self.account.draft(object, None, dict(properties), set())
            if company:
                draft.companies.append((int(company), True))
            return str(self.account.carry_out(object, draft, PERSON).id)

    def _seed_owner(self, properties: Mapping[str, Any]) -> str:
        id = 701 + len(self.account.owners)
        now = to_iso(self.now())
        base = {
            "id": str(id),
            "userId": 9000 + id,
            "type": "PERSON",
            "archived": False,
            "createdAt": now,
            "updatedAt": now,
        }
        self.account.owners[id] = {**base, **properties}
        return str(id)

    def edit(self, object: str, id: str, properties: Mapping[str, Any]) -> None:
        """Change a record as a person does. `@companies.primary` moves a contact's primary company."""
        with self.lock:
            if object == "owners":
                self.account.owners[int(id)].update(properties, updatedAt=to_iso(self.now()))
                return
            plain = {name: value for name, value in properties.items() if not name.startswith("@")}
            row = self._row(object, id)
            if plain:
                self.account.carry_out(object, self.account.draft(object, row, plain, set()), PERSON)
            if "@companies.primary" in properties:
                self._move(row, properties["@companies.primary"])

    def _move(self, row: Row, company: str | None) -> None:
        if company:
            self.account.associate(row.id, int(company), primary=True)
        else:
            for old in self.account.links.get(row.id, {}):
                self.account.unlabel(row.id, old)

    def optout(self, id: str, *, out: bool = True) -> None:
        """Unsubscribe a contact from all e-mail, which only HubSpot itself can write."""
        with self.lock:
            value = {"hs_email_optout": str(out).lower()}
            self.account.tables["contacts"].put(self._row("contacts", id), value, "EMAIL_OPTOUT", "")

    def remove(self, object: str, id: str) -> None:
        with self.lock:
            self.account.archive(object, self._row(object, id))

    def restore(self, object: str, id: str) -> None:
        with self.lock:
            self.account.restore(object, self.account.table(object).archived[int(id)])

    def merge(self, object: str, a: str, b: str) -> str:
        """Merge `b` into `a` and return the id of the new record."""
        with self.lock:
            return str(self.account.merge(object, self._row(object, a), self._row(object, b)).id)

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        """Live records by id; a contact's primary company stands under `@companies.primary`."""
        with self.lock:
            if object == "owners":
                return {str(id): dict(o) for id, o in self.account.owners.items()}
            found: dict[str, dict[str, Any]] = {
                str(row.id): dict(row.props) for row in self.account.table(object).rows.values()
            }
            if object == "contacts":
                for props in found.values():
                    props["@companies.primary"] = props.get("associatedcompanyid")
            return found

    def expire_tokens(self) -> None:
        with self.lock:
            self.door.access = dict.fromkeys(self.door.access, self.now())

    def limit(self, policy: str, most: int | None) -> None:
        """Allow `most` calls in the window of a policy: SECONDLY, TEN_SECONDLY_ROLLING, DAILY or SEARCH."""
        with self.lock:
            self.door.limits.pop(policy, None)
            if most is not None:
                self.door.limits[policy] = most

    def hide_scope(self, scope: str) -> None:
        """Take a scope from the app, such as `crm.objects.contacts.write`."""
        self.door.hidden.add(scope)

    def _row(self, object: str, id: str) -> Row:
        return self.account.table(object).rows[int(id)]


SPECIAL: dict[tuple[str, str], Callable[[HubSpotSandbox, Request], Response]] = {
    ("GET", "/account-info/v3/details"): HubSpotSandbox._details,
    ("GET", "/crm/v3/owners"): HubSpotSandbox._owners,
    ("POST", "/oauth/v3/token/introspect"): HubSpotSandbox._introspect,
    ("POST", "/oauth/v2/private-apps/get/access-token-info"): HubSpotSandbox._private_app,
}
