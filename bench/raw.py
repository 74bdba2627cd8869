"""The reference: the least that moves the same people. httpx and orjson, the same reads and writes, no state, no checks.

It reads both sides whole, joins them by e-mail in memory, creates what is missing on either side and copies HubSpot's job
title where the two differ. It looks up what it is about to create and reads it back, as the protocols in use do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import orjson

from bench.sandboxes import Sandboxes

PAIRS = (
    ("FirstName", "firstname"),
    ("LastName", "lastname"),
    ("Email", "email"),
    ("MobilePhone", "mobilephone"),
    ("Phone", "phone"),
    ("Title", "jobtitle"),
    ("MailingStreet", "address"),
    ("MailingCity", "city"),
    ("MailingState", "state"),
    ("MailingPostalCode", "zip"),
    ("MailingCountry", "country"),
    ("Tags__c", "tags"),
)
SOURCES = {"Web": "web", "Phone Inquiry": "phone_inquiry", "Other": "other"}
SF_ONLY = "Name,Salutation,Department,Birthdate,LeadSource,AccountId,OwnerId,HasOptedOutOfEmail,DoNotCall"
COLUMNS = ",".join(["Id", "SystemModstamp", "LastModifiedById", "IsDeleted", *(sf for sf, _ in PAIRS), SF_ONLY])
NAMES = [*(hs for _, hs in PAIRS), "lead_source", "hubspot_owner_id", "hs_email_optout", "lastmodifieddate"]
DATA, HS = "/services/data/v68.0", "/crm/v3/objects/contacts"
Row = dict[str, Any]


def loop(boxes: Sandboxes) -> None:
    with httpx.Client(timeout=60) as client:
        sf, hs = Salesforce(client, boxes.sf), HubSpot(client, boxes.hs)
        here = {row["Email"]: row for page in sf.pages() for row in page}
        there = {row["properties"]["email"]: row for page in hs.pages() for row in page}
        hs.archived()
        sf.create([_to_sf(r["properties"]) for mail, r in there.items() if mail not in here])
        hs.create([_to_hs(r) for mail, r in here.items() if mail not in there])
        hs.update([(there[m]["id"], r["Title"]) for m, r in here.items() if m in there and _differs(r, there[m])])


def _differs(mine: Row, theirs: Row) -> bool:
    return bool(mine["Title"] != theirs["properties"]["jobtitle"])


def _to_sf(p: Row) -> Row:
    back = {v: k for k, v in SOURCES.items()}
    return {**{sf: p.get(hs) for sf, hs in PAIRS}, "LeadSource": back.get(p.get("lead_source") or "")}


def _to_hs(row: Row) -> Row:
    return {**{hs: row[sf] for sf, hs in PAIRS if row[sf]}, "lead_source": SOURCES.get(row["LeadSource"] or "", "")}


def _batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for n in range(0, len(rows), size):
        yield rows[n : n + size]


class Salesforce:
    """Query pages, collections by external id with their read-back."""

    def __init__(self, client: httpx.Client, config: Row) -> None:
        auth = config["auth"]
        token = client.post(
            config["login_url"] + "/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(auth["client_id"], auth["client_secret"]),
        ).json()
        self.client, self.base = client, token["instance_url"]
        self.headers = {"Authorization": f"Bearer {token['access_token']}", "Content-Type": "application/json"}

    def pages(self) -> Iterator[list[Row]]:
        query = f"SELECT {COLUMNS} FROM Contact ORDER BY SystemModstamp, Id"
        path, params = f"{DATA}/queryAll", {"q": query}
        while path:
            answer = self.client.get(self.base + path, params=params, headers=self.headers)
            body = orjson.loads(answer.content)
            yield body["records"]
            path, params = body.get("nextRecordsUrl") or "", {}

    def create(self, rows: list[Row]) -> None:
        for n, part in enumerate(_batches(rows, 200)):
            found = ",".join(f"'{row['Email']}'" for row in part)
            self._find(f"SELECT {COLUMNS} FROM Contact WHERE Email IN ({found})")
            records = [
                {"attributes": {"type": "Contact"}, **row, "Accordant_Id__c": f"raw-{n}-{i}"}
                for i, row in enumerate(part)
            ]
            done = self._post(
                "PATCH", "/composite/sobjects/Contact/Accordant_Id__c", {"allOrNone": False, "records": records}
            )
            ids = [r["id"] for r in done if r["success"]]
            self._post("POST", "/composite/sobjects/Contact", {"ids": ids, "fields": COLUMNS.split(",")})

    def _find(self, query: str) -> None:
        orjson.loads(self.client.get(f"{self.base}{DATA}/query", params={"q": query}, headers=self.headers).content)

    def _post(self, method: str, path: str, body: Row) -> Any:
        content = orjson.dumps(body)
        return orjson.loads(
            self.client.request(method, self.base + DATA + path, content=content, headers=self.headers).content
        )


class HubSpot:
    """List pages, look-ups, batches with what was stored."""

    def __init__(self, client: httpx.Client, config: Row) -> None:
        self.client, self.base = client, config["base_url"]
        self.headers = {"Authorization": f"Bearer {config['auth']['token']}", "Content-Type": "application/json"}

    def pages(self) -> Iterator[list[Row]]:
        after = ""
        while True:
            body = self._list(after, "false")
            yield body["results"]
            after = ((body.get("paging") or {}).get("next") or {}).get("after", "")
            if not after:
                return

    def archived(self) -> None:
        self._list("", "true")

    def _list(self, after: str, archived: str) -> Any:
        params = {"limit": "100", "archived": archived, "properties": ",".join(NAMES)}
        if after:
            params["after"] = after
        return orjson.loads(self.client.get(self.base + HS, params=params, headers=self.headers).content)

    def create(self, rows: list[Row]) -> None:
        for part in _batches(rows, 100):
            self._post(
                "/batch/read",
                {"idProperty": "email", "properties": NAMES, "inputs": [{"id": r["email"]} for r in part]},
            )
            self._post("/batch/create", {"inputs": [{"properties": row} for row in part]})

    def update(self, rows: list[tuple[str, str]]) -> None:
        for part in _batches(rows, 100):
            ids = [{"id": id} for id, _ in part]
            self._post("/batch/read", {"properties": NAMES, "inputs": ids})
            self._post("/batch/update", {"inputs": [{"id": id, "properties": {"jobtitle": t}} for id, t in part]})
            for some in _batches(ids, 50):
                self._post("/batch/read", {"propertiesWithHistory": ["jobtitle"], "inputs": list(some)})

    def _post(self, path: str, body: Row) -> Any:
        answer = self.client.post(self.base + HS + path, content=orjson.dumps(body), headers=self.headers)
        answer.raise_for_status()
        return orjson.loads(answer.content)
