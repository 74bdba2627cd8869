"""A Salesforce organisation on loopback, strict as the vendor: sign-in, quota, lag, and the levers that tests pull.

`seed`, `edit`, `remove`, `undelete` and `merge` are what people do on the screen; what comes over HTTP is done by the
integration user. Values live in sandbox_values.py and sandbox_store.py, queries in sandbox_soql.py and sandbox_query.py,
resources in sandbox_rest.py, sign-in in sandbox_login.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.sandbox_login import SECRETS, Login
from connectors.salesforce.sandbox_rest import Rest, missing
from connectors.salesforce.sandbox_schema import Column
from connectors.salesforce.sandbox_store import Row, Store
from connectors.salesforce.sandbox_values import Refusal
from hub.connect.sandbox import Request, Response, Sandbox

API_VERSIONS = (41, 68)
_DATA = re.compile(r"(/services/data/v(\d+)\.0)(/|\Z)")


@dataclass(frozen=True, slots=True)
class _Late:
    """A person's change that is made but not committed: when it will be, on which record, and the stamp it carries."""

    due: float
    id: str
    stamp: str
    change: Callable[[], object]


class SalesforceSandbox(Sandbox):
    """`clock` gives the time in seconds; `lag` the seconds after which a person's edit becomes visible, though it
    carries the stamp of when it was made."""

    def __init__(
        self,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        lag: float | Callable[[], float] = 0.0,
        requests_a_day: int = 100_000,
    ) -> None:
        super().__init__(seed=seed)
        self.clock = clock
        self._lag = lag if callable(lag) else lambda: float(lag)
        self._late: list[_Late] = []
        self._stamp = ""
        self.store = Store(self._now)
        self.store.wait_for = self._commit_of
        self.rest = Rest(self.store, clock, lambda: self.us)
        self.login = Login(clock, self.random, lambda: self.url, lambda: self.us)
        self._most, self._left = requests_a_day, requests_a_day
        self.us = self._user("Integration", "Accordant", SECRETS["username"])
        self.person = self._user("Pat", "Person", "pat@sandbox.example")
        self.former = self._user("Fran", "Former", "fran@sandbox.example", active=False)

    def _user(self, first: str, last: str, username: str, *, active: bool = True) -> str:
        fields = {"FirstName": first, "LastName": last, "Username": username, "Email": username, "IsActive": active}
        return self.store.insert("User", fields, by="")

    def _now(self) -> str:
        """The stamp of a change: of now, or of when a late transaction began."""
        return self._stamp or soql.from_epoch(self.clock()).replace("Z", "+0000")

    # -- what people do

    def seed(self, object: str, fields: Mapping[str, Any]) -> str:
        """Create a record as a person would; returns its id."""
        id = self.store.table(object).next_id()
        self._do(id, lambda: self.store.insert(object, fields, self.person, id))
        return id

    def edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        self._do(id, lambda: self.store.update(object, id, fields, self.person))

    def remove(self, object: str, id: str) -> None:
        self._do(id, lambda: self.store.delete(object, id, self.person))

    def undelete(self, object: str, id: str) -> None:
        self._do(id, lambda: self.store.undelete(object, id, self.person))

    def merge(self, object: str, winner: str, loser: str) -> None:
        self._do(loser, lambda: self.store.merge(object, winner, loser, self.person))

    def convert(self, lead: str) -> tuple[str, str]:
        """Turn a lead into an account and a contact; returns their ids."""
        with self.lock:
            row = self.store.must("Lead", lead)
            account = self.store.insert("Account", {"Name": row["Company"]}, self.person)
            names = {n: row[n] for n in ("FirstName", "LastName", "Email") if row[n]}
            contact = self.store.insert("Contact", {**names, "AccountId": account}, self.person)
            made = {"IsConverted": True, "ConvertedAccountId": account, "ConvertedContactId": contact}
            stamps = {"SystemModstamp": self._now(), "LastModifiedDate": self._now(), "LastModifiedById": self.person}
            self.store.tables["Lead"].put(row | made | stamps)
            return account, contact

    def purge(self, object: str, id: str) -> None:
        """Empty the recycle bin of one record: nothing tells of it any more."""
        with self.lock:
            table = self.store.table(object)
            row = table.rows.pop(soql.id18(id))
            table.order.remove((row["SystemModstamp"], row["Id"]))
            for name, index in table.keyed.items():
                index.get((row[name] or "").lower(), {}).pop(row["Id"], None)

    def rows(self, object: str) -> dict[str, Row]:
        """Live rows by id, as stored."""
        with self.lock:
            return {i: dict(r) for i, r in self.store.table(object).rows.items() if not r.get("IsDeleted")}

    def _do(self, id: str, change: Callable[[], object]) -> None:
        """Make a person's change, or leave it to commit late: after what is still open on the same record."""
        with self.lock:
            lag = self._lag()
            before = [late.due for late in self._late if late.id == id]
            if lag > 0 or before:
                self._late.append(_Late(max(self.clock() + lag, *before, 0.0), id, self._now(), change))
            else:
                change()

    def _commit_late(self) -> None:
        now = self.clock()
        self._commit(sorted((late for late in self._late if late.due <= now), key=lambda late: late.due))

    def _commit_of(self, id: str) -> None:
        """Who writes a record waits for the transaction that holds it."""
        self._commit([late for late in self._late if late.id == id])

    def _commit(self, ready: list[_Late]) -> None:
        outer = self._stamp
        self._late = [late for late in self._late if late not in ready]
        for late in ready:
            self._stamp = late.stamp
            try:
                late.change()
            except Refusal:
                continue  # the person was shown an error
            finally:
                self._stamp = outer

    # -- levers

    def expire_tokens(self) -> None:
        """End every session."""
        with self.lock:
            self.login.tokens.clear()

    def quota(self, remaining: int) -> None:
        """Set how many requests the day still has."""
        self._left = remaining

    def hide_field(self, object: str, name: str) -> None:
        """Take field-level access from the integration user."""
        self.store.table(object).kind.hidden.add(name)

    def add_field(self, object: str, column: Column) -> None:
        with self.lock:
            table = self.store.table(object)
            table.kind.columns[column.name] = replace(column, custom=True)
            if column.unique or column.external:
                table.keyed[column.name] = {}
            for row in table.rows.values():
                row[column.name] = False if column.type == "boolean" else None

    def remove_field(self, object: str, name: str) -> None:
        with self.lock:
            self.store.table(object).kind.columns.pop(name)
            self.store.table(object).keyed.pop(name, None)

    def rewrite(self, object: str, name: str, change: Callable[[Any], Any]) -> None:
        """An automation that changes a field's value whenever it is saved."""
        self.store.rewrites[object, name] = change

    def rule(self, object: str, allowed: Callable[[Row], bool], message: str, *fields: str) -> None:
        """A validation rule."""
        self.store.rules.append((object, allowed, message, fields))

    def duplicate_rule(self, object: str, by: str) -> None:
        """Block new records whose field `by`, which must be an indexed one, is that of an existing record."""
        self.store.duplicate_rules[object] = by

    def lock_row(self, id: str, times: int = 1) -> None:
        """Let the next writes to a record find it locked."""
        self.store.locked[soql.id18(id)] = times

    def config(self, kind: str = "client_credentials") -> dict[str, Any]:
        """The connection settings that lead here."""
        names = {
            "client_credentials": ("client_id", "client_secret"),
            "jwt": ("client_id", "username"),
            "password": ("username", "password", "security_token"),
            "refresh": ("client_id", "client_secret", "refresh_token"),
        }[kind]
        auth = {"kind": kind} | {n: SECRETS[n] for n in names}
        return {"auth": auth, "login_url": self.url, "network": {"allow_private": ["127.0.0.1/32"]}}

    # -- HTTP

    def handle(self, request: Request) -> Response:
        self._commit_late()
        try:
            answer = self._route(request)
        except Refusal as refusal:
            answer = Response(refusal.status, refusal.single())
        headers = {"Date": formatdate(self.clock(), usegmt=True), **answer.headers}
        if request.path.startswith("/services/data/v"):
            headers["Sforce-Limit-Info"] = f"api-usage={self._most - self._left}/{self._most}"
        return replace(answer, headers=headers)

    def _route(self, request: Request) -> Response:
        if request.path == "/services/oauth2/token" and request.method == "POST":
            return self.login.token(request)
        if request.path.startswith("/services/Soap/u/") and request.method == "POST":
            return self.login.soap(request)
        found = _DATA.match(request.path)
        if not found:
            raise missing()
        if not API_VERSIONS[0] <= int(found[2]) <= API_VERSIONS[1]:
            raise Refusal("UNSUPPORTED_API_VERSION", "this version has been retired or is not known", status=410)
        self._admit(request)
        try:
            return self.rest.handle(request, found[1])
        except ValueError as error:
            raise Refusal("JSON_PARSER_ERROR", "the body is not JSON") from error

    def _admit(self, request: Request) -> None:
        self.login.admit(request)
        if self._left <= 0:
            raise Refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        self._left -= 1
