"""What HubSpot's refusals mean for the hub's next move.

An answer is judged by its category first and its status second, because an item inside a 207 has a category only.
Messages keep HubSpot's words but not the values that were sent: those are personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.connect.http import redact, retry_after
from hub.core.errors import Duplicate, Gone, HubError, Reject, Retry, SignIn, Stop, Unknown

PAUSES = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
A_MINUTE = 60.0
NOTHING = "Nothing was written"
EXISTING = re.compile(r"Existing ID:\s*(\d+)|(\d+) already has that value", re.IGNORECASE)
NO_RECORD = ("OBJECT_NOT_FOUND", "NOT_FOUND")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, from a whole answer or from an item of a 207. `values`: what was sent, to be kept out of messages."""

    where: str
    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    writing: bool = False
    now: float = 0.0
    until_midnight: float = 86400.0
    values: tuple[str, ...] = ()

    @property
    def category(self) -> str:
        return str(self.body.get("category") or "")

    @property
    def message(self) -> str:
        return str(self.body.get("message") or "")


def translate(refusal: Refusal) -> HubError:
    """The hub's error for one refusal."""
    status, category = refusal.status, refusal.category
    if status in LIMITED:
        return LIMITED[status](refusal)
    if status == 403 or category == "MISSING_SCOPES":
        return _forbidden(refusal)
    if status == 401 or category.endswith("_AUTHENTICATION"):
        return _sign_in(refusal)
    if status == 404 or category in NO_RECORD:
        return Gone("HubSpot has no such record", where=refusal.where, why=words(refusal), unchanged=NOTHING)
    if status >= 500:
        return _broken(refusal)
    if 300 <= status < 400:
        return _redirect(refusal)
    return _invalid(refusal)


# ---------------------------------------------------------------- wait


def _too_many(refusal: Refusal) -> Retry:
    policy = str(refusal.body.get("policyName") or "")
    after = retry_after(refusal.headers, refusal.now)
    if after is None:
        after = refusal.until_midnight if policy == "DAILY" else PAUSES.get(policy)
    what = f"HubSpot's {policy.lower().replace('_', ' ') or 'rate'} limit is used up"
    next = f"run again after {_moment(refusal.now + after)}" if after and after > A_MINUTE else "run again in a minute"
    return Retry(what, after=after, where=refusal.where, unchanged=NOTHING, next=next, code="E-LIMIT", policy=policy)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _locked(refusal: Refusal) -> Retry:
    after = max(2.0, retry_after(refusal.headers, refusal.now) or 0)
    return Retry("HubSpot has locked the record for a moment", after=after, where=refusal.where, unchanged=NOTHING)


def _moving(refusal: Refusal) -> Retry:
    after = retry_after(refusal.headers, refusal.now) or 3600.0
    why = "the account is being moved to another data centre"
    return Retry("HubSpot does not answer for this account", after=after, where=refusal.where, why=why)


LIMITED = {429: _too_many, 423: _locked, 477: _moving}


def _broken(refusal: Refusal) -> HubError:
    what = f"HubSpot answered {refusal.status}"
    return broken(what, where=refusal.where, writing=refusal.writing, status=refusal.status)


def broken(what: str, *, where: str, writing: bool, **facts: Any) -> HubError:
    """No usable answer: harmless for a read, an open question for a write."""
    if writing:
        return Unknown(what, where=where, why="It may have carried out the write", **facts)
    return Retry(what, where=where, unchanged="Nothing was read or written", **facts)


def _redirect(refusal: Refusal) -> Stop:
    return Stop(
        f"HubSpot answered {refusal.status}, a redirect",
        where=refusal.where,
        why="Redirects are not followed, since they could carry the token elsewhere",
        unchanged=NOTHING,
        next="check base_url of this connection",
    )


# ---------------------------------------------------------------- a person must act


def _sign_in(refusal: Refusal) -> SignIn:
    return SignIn(
        "HubSpot refused the token",
        where=refusal.where,
        why=words(refusal),
        unchanged=NOTHING,
        next="store a valid token with `accordant secrets set`, then run `accordant connections test`",
    )


def _forbidden(refusal: Refusal) -> Stop:
    scopes = sorted({scope for item in _items(refusal.body) for scope in _scopes(item)})
    need = (
        f"grant {', '.join(scopes)} to the app or key in HubSpot" if scopes else "ask an admin of the HubSpot account"
    )
    return Stop(
        "HubSpot does not allow this call",
        where=refusal.where,
        why=f"missing scopes: {', '.join(scopes)}" if scopes else words(refusal),
        unchanged=NOTHING,
        next=need,
        code="E-PERMISSION",
        scopes=tuple(scopes),
        vendor_code=refusal.category,
    )


def _scopes(item: Mapping[str, Any]) -> Iterable[str]:
    context = item.get("context") or {}
    for name in ("requiredGranularScopes", "requiredScopes"):
        yield from (str(scope) for scope in context.get(name) or ())


def _items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [body, *(item for item in body.get("errors") or () if isinstance(item, dict))]


# ---------------------------------------------------------------- this record cannot go on


def _invalid(refusal: Refusal) -> Reject:
    ids = [a or b for a, b in EXISTING.findall(refusal.message)]
    if refusal.status == 409 or refusal.category == "CONFLICT" or ids:
        return Duplicate(
            "HubSpot has such a record already",
            ids=ids,
            where=refusal.where,
            why=words(refusal),
            unchanged=NOTHING,
            vendor_code=refusal.category or str(refusal.status),
        )
    found = complaints(refusal.body)
    codes = tuple(dict.fromkeys(code for _, code in found if code))
    return Reject(
        "HubSpot refuses the values" if found else "HubSpot refuses the request",
        fields=tuple(dict.fromkeys(name for name, _ in found if name)),
        vendor_code=codes[0] if codes else refusal.category or str(refusal.status),
        where=refusal.where,
        why=words(refusal),
        unchanged=NOTHING,
        codes=codes,
    )


def complaints(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(property, code) pairs that a refusal names, in the JSON inside its message or in its `errors`."""
    found = [(str(i.get("name") or ""), str(i.get("error") or "")) for i in _inner(str(body.get("message") or ""))]
    for item in _items(body)[1:]:
        names = (item.get("context") or {}).get("propertyName") or [item.get("in") or ""]
        found += [(str(name), str(item.get("code") or "")) for name in names]
    return [pair for pair in found if any(pair)]


def _inner(message: str) -> list[Mapping[str, Any]]:
    start = message.find("[{")
    if start < 0:
        return []
    try:
        items = orjson.loads(message[start:])
    except orjson.JSONDecodeError:
        return []
    return [item for item in items if isinstance(item, dict)]


def words(refusal: Refusal) -> str:
    """HubSpot's own words, with sent values and what looks personal taken out."""
    inner = [str(item["message"]) for item in _inner(refusal.message) if item.get("message")]
    text = "; ".join(inner) or refusal.message
    return f"HubSpot says: {redact(text, refusal.values, limit=500)}" if text else ""
