"""The HubSpot connector: what the hub calls, put together from the modules beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from connectors.hubspot import auth, lookups, owners, schema
from connectors.hubspot.api import Api, Call
from connectors.hubspot.reads import LIST_PAGE, Pull
from connectors.hubspot.records import shape
from connectors.hubspot.writes import BATCH, Writer
from hub.connect.connector import (
    Capabilities,
    Connector,
    Context,
    FieldVersion,
    Identity,
    ObjectInfo,
    Option,
    Page,
    Receipt,
    Want,
    Write,
)
from hub.core.errors import Reject, Stop
from hub.core.model import Record

OVERLAP, LINK_PAGES = 60.0, 100
SCOPES = (
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.owners.read",
)
FIND = {"contacts": ("email", "phone", "mobilephone"), "companies": ("domain", "name", "phone")}


class HubSpot(Connector):
    name = "hubspot"
    label = "HubSpot CRM"
    sandbox = "connectors.hubspot.sandbox:HubSpotSandbox"
    auth_kinds = auth.KINDS
    options = (
        Option("base_url", "Address of the API", default="https://api.hubapi.com"),
        Option("api_version", "v3, or the date of an API release", default="2026-09", example="2026-09"),
        Option("objects", "Further objects to sync, by their API names", type=list, default=(), example="[deals]"),
        Option("app_id", "Id of our app, to know our own writes in field history; found out where possible"),
        Option("overlap", "Seconds that the search index may lag", type=float, default=OVERLAP),
        Option(
            "link_pages",
            "Pages of 100 records per slow pull in which associations are read again",
            type=int,
            default=LINK_PAGES,
        ),
        Option("timeout", "Seconds to wait for an answer", type=float, default=30.0),
        Option(
            "limits",
            "burst: calls in 10 s; search: searches in 1 s; reserve: share of a day's calls left to others",
            type=dict,
            example="{burst: 190, search: 5, reserve: 20%}",
        ),
    )

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(connection, config, context)
        self.api = Api(connection, config, context)
        self._app_id: str | None = str(config["app_id"]) if config.get("app_id") else None

    # -- who and what

    def check(self) -> Identity:
        account = self.api.read(Call("account", "GET", self.api.paths.account)).body
        self.api.quota.set_zone(str(account.get("timeZone") or "UTC"))
        who = self._introspect()
        granted = tuple(sorted(str(s) for s in who.get("scopes") or ()))
        missing = tuple(s for s in SCOPES if granted and s not in granted)
        portal = str(account["portalId"])
        return Identity(portal, str(who.get("user") or ""), f"HubSpot account {portal}", granted, missing)

    def _introspect(self) -> Mapping[str, Any]:
        """What HubSpot says about our token. Service keys have no such page, so a refusal is no failure."""
        paths, token = self.api.paths, self.api.auth.token()
        config = self.config.get("auth") or {}
        oauth = config.get("kind") == "oauth"
        try:
            if oauth:
                form = {"token": token, "token_type_hint": "access_token"}
                form |= {name: str(config[name]) for name in ("client_id", "client_secret")}
                who = self.api.read(Call("token introspection", "POST", paths.introspect, form=form)).body
            else:
                who = self.api.read(
                    Call("token introspection", "POST", paths.private_app, body={"tokenKey": token})
                ).body
        except (Reject, Stop):
            who = {}
        self._app_id = self._app_id or str(who.get("app_id") or who.get("appId") or "")
        return who

    def objects(self) -> Sequence[str]:
        return ("companies", "contacts", "owners", *(str(o) for o in self.config.get("objects") or ()))

    def describe(self, object: str) -> ObjectInfo:
        return owners.INFO if object == "owners" else schema.describe(self.api, object)

    def capabilities(self, object: str) -> Capabilities:
        if object == "owners":
            return Capabilities(writes=frozenset(), delta=False)
        return Capabilities(
            conditional_write="none",
            unique_key=True,
            deletes="tombstone",
            field_history=True,
            find_by=FIND.get(object, ()),
            receipts="body",
            read_batch=lookups.BATCH,
            write_batch=BATCH,
            webhooks=False,
        )

    # -- reads

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        if object == "owners":
            return owners.changes(self.api, cursor, want)
        overlap = float(self.config.get("overlap", OVERLAP))
        pages = int(self.config.get("link_pages", LINK_PAGES))
        return Pull(self.api, shape(object, want), cursor, slow=want.slow, overlap=overlap, pages=pages).pages()

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        return (
            owners.get(self.api, ids, want) if object == "owners" else lookups.get(self.api, shape(object, want), ids)
        )

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        look = lookups.by_unique if (object, by) == ("contacts", "email") else lookups.by_search
        return look(self.api, shape(object, want), by, values)

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        return lookups.by_unique(self.api, shape(object, want), key_field, keys)

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        return owners.all_ids(self.api) if object == "owners" else lookups.ids(self.api, object)

    def history(
        self, object: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, list[FieldVersion]]]:
        if self._app_id is None:
            self._introspect()
        return lookups.history(self.api, object, ids, fields, self._app_id or "")

    # -- writes

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        if object == "owners":
            raise Reject("owners cannot be written", where=self.connection, why="HubSpot offers them read only")
        return Writer(self.api, object).carry_out(batch)

    def minimum_calls(self, object: str, *, read: int, written: int, created: int) -> int:
        """Reads by list; a write is read again, sent, and checked in its history; a create is looked for, then sent."""
        reads = ceil(read / LIST_PAGE)
        writes = 2 * ceil(written / BATCH) + ceil(written / lookups.HISTORY_BATCH)
        return reads + writes + 2 * ceil(created / BATCH)

    def close(self) -> None:
        self.api.close()
