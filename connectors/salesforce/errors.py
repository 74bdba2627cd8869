"""Translate Salesforce's refusals into the hub's errors, once, here.

A refusal comes in two shapes: a list with `errorCode` under a 4xx status, or an item with `statusCode` inside an answer
of 200. Both are read into a `Fault`; the tables below say what each code means for the caller's next move.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.soql import id18
from hub.connect.connector import Receipt, Write
from hub.core.errors import Changed, Duplicate, Gone, HubError, Reject, Retry, Stop, Unknown

LONG_WAIT = 900.0  # the daily quota is a rolling window, and no header says when it frees
SHORT_WAIT = 10.0

_RETRY = {
    "UNABLE_TO_LOCK_ROW": 2.0,
    "SERVER_UNAVAILABLE": None,
    "QUERY_TIMEOUT": None,
    "TXN_SECURITY_METERING_ERROR": SHORT_WAIT,
    "UNKNOWN_EXCEPTION": None,
    "PROCESSING_HALTED": None,
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": None,
}
_STOP = {
    "API_DISABLED_FOR_ORG": "Ask the Salesforce administrator to enable the API for this edition and user.",
    "API_CURRENTLY_DISABLED": "Ask the Salesforce administrator to enable the API for this user.",
    "UNSUPPORTED_API_VERSION": "Set `api_version` of the connection to a version that is still supported.",
    "INVALID_AUTH_HEADER": "Check the connection's sign-in settings.",
}
_GONE = {"ENTITY_IS_DELETED", "NOT_FOUND"}
_DUPLICATE = {"DUPLICATES_DETECTED", "DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"}
_HINTS = {
    "INVALID_FIELD": "Give the integration user field-level access to it, or take it out of the mapping.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "Give the integration user edit access to the field, or map it `direction: read`.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "Give the integration user edit access to the record, or exclude it.",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "Give the integration user access to the record it refers to.",
    "INSUFFICIENT_ACCESS": "Give the integration user's profile or permission set access to the object.",
    "INVALID_TYPE": "Give the integration user access to the object, or correct its name in the mapping.",
    "REQUIRED_FIELD_MISSING": "Map the field, or give it a `default:` in the mapping.",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Add the value to the picklist, or to the `values:` of the mapping.",
    "STRING_TOO_LONG": "Shorten it, or cut it in the mapping.",
    "ENTITY_IS_LOCKED": "The record is locked, most likely by an approval; release it, then retry.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "Correct the record as the rule asks, or change the validation rule.",
    "INACTIVE_OWNER_OR_USER": "Activate the owner in Salesforce, or let the record go to somebody else.",
    "INVALID_EMAIL_ADDRESS": "Correct the address where it was entered.",
}
_NAMED_ID = re.compile(r"\b[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\b(?=\s*$)")
_NAMED_FIELD = re.compile(r"No such column '([^']+)'|fields? (?:are )?missing: \[([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One refusal as the vendor worded it. `ids`: records that a duplicate rule named."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


def faults(body: Any) -> tuple[Fault, ...]:
    """The refusals in an answer's body, of either shape; none if the body is something else."""
    items = body if isinstance(body, list) else [body]
    return tuple(_fault(i) for i in items if isinstance(i, dict) and ("errorCode" in i or "statusCode" in i))


def _fault(item: dict[str, Any]) -> Fault:
    code = str(item.get("errorCode") or item.get("statusCode"))
    message = str(item.get("message") or "").strip()
    if "ERROR at Row:" in message:  # before its last line stands the query, and with it what was looked up
        message = message.splitlines()[-1]
    if "UNABLE_TO_LOCK_ROW" in message:  # it also comes wrapped into the text of another code
        code = "UNABLE_TO_LOCK_ROW"
    named = [part for found in _NAMED_FIELD.findall(message) for part in re.split(r",\s*", found[0] or found[1])]
    fields = tuple(str(f) for f in item.get("fields") or named)
    return Fault(code, message, fields, _duplicates(code, message, item))


def _duplicates(code: str, message: str, item: dict[str, Any]) -> tuple[str, ...]:
    if code == "DUPLICATE_VALUE":
        return tuple(id18(i) for i in _NAMED_ID.findall(message))
    results = (item.get("duplicateResult") or {}).get("matchResults") or []
    return tuple(id18(m["record"]["Id"]) for r in results for m in r.get("matchRecords") or [])


def whole(status: int, body: Any, *, where: str, write: bool, after: float | None = None) -> HubError:
    """What a call that failed as a whole means. `where` names the connection and what was asked; `after` are the seconds
    that the answer asks us to wait."""
    found = faults(body)
    fault = found[0] if found else Fault(f"HTTP_{status}", "")
    if fault.code == "REQUEST_LIMIT_EXCEEDED":
        return _over_limit(fault, where)
    if fault.code in _STOP or status == 410:
        return _stop(fault, where, _STOP.get(fault.code) or _STOP["UNSUPPORTED_API_VERSION"])
    if status == 503 or status == 429 or (fault.code in _RETRY and status < 500):
        return _retry(fault, where, after)
    if status >= 500:
        return _failed(fault, where, write)
    if status == 403 or fault.code == "INSUFFICIENT_ACCESS":
        return _stop(fault, where, _HINTS.get(fault.code) or _HINTS["INSUFFICIENT_ACCESS"])
    if 300 <= status < 400:
        return _stop(fault, where, "Set `login_url` to the address that Salesforce shows under My Domain.")
    return _reject(found or (fault,), where, "")


def broken(what: str, *, where: str, write: bool) -> HubError:
    """An answer that cannot be believed: cut, not JSON, too large, or none at all."""
    return _failed(Fault("", what), where, write)


def named(error: Reject, writes: Iterable[Write]) -> Reject:
    """The refusal of a whole call, as it may be put under each of its writes."""
    for write in writes:
        error.why = scrub(error.why, write)
    return error


def item(found: Iterable[Fault], write: Write, *, where: str, status: int = 400) -> Receipt:
    """The receipt of one write that the vendor refused while the call as a whole went through."""
    found = tuple(found) or (Fault(f"HTTP_{status}", ""),)
    error = _item_error(found, write, where=where, status=status)
    state = next(s for kind, s in _STATUS if isinstance(error, kind))
    return Receipt(op=write.op, status=state, id=write.id, error=error)  # type: ignore[arg-type]


_STATUS: tuple[tuple[type[HubError], str], ...] = (
    (Duplicate, "duplicate"),
    (Changed, "changed"),
    (Gone, "gone"),
    (Reject, "rejected"),
    (Retry, "retry"),
    (Unknown, "unknown"),
    (HubError, "rejected"),
)


def _item_error(found: tuple[Fault, ...], write: Write, *, where: str, status: int) -> HubError:
    fault = found[0]
    words = scrub("; ".join(f.message for f in found if f.message), write)
    if status == 412:
        return Changed("the record was changed after we read it", where=where, unchanged="Nothing was written.")
    if fault.code == "REQUEST_LIMIT_EXCEEDED":
        return _over_limit(fault, where)
    if status == 503 or fault.code in _RETRY:
        return _retry(Fault(fault.code, words), where)
    if status >= 500:
        return _failed(Fault(fault.code, words), where, True)
    if fault.code in _DUPLICATE:
        ids = tuple(dict.fromkeys(i for f in found for i in f.ids))
        return Duplicate("Salesforce has such a record already", ids=ids, **_facts(found, where, words))
    if fault.code in _GONE or _names_no_record(fault, write):
        return Gone("the record is not in Salesforce any more", where=where, vendor_code=fault.code)
    return _reject(found, where, words)


def _names_no_record(fault: Fault, write: Write) -> bool:
    """An unknown id of the record itself and of one that it refers to are refused with the same code."""
    refers = any(n.endswith(("Id", "__c")) and isinstance(v, str) for n, v in write.fields.items())
    return fault.code == "INVALID_CROSS_REFERENCE_KEY" and not fault.fields and write.action != "create" and not refers


def scrub(message: str, write: Write) -> str:
    """The vendor's words without the values that we sent: they may be personal, and errors are logged."""
    for value in sorted((v for v in write.fields.values() if isinstance(v, str) and len(v) > 1), key=len, reverse=True):
        message = message.replace(value, "…")
    return message


def _facts(found: tuple[Fault, ...], where: str, words: str) -> dict[str, Any]:
    fields = tuple(dict.fromkeys(name for f in found for name in f.fields))
    code = found[0].code
    return {
        "fields": fields,
        "vendor_code": code,
        "where": where,
        "why": f"{code}: {words}" if words else code,
        "unchanged": "Nothing was written.",
        "next": _HINTS.get(code, "Correct the record or the mapping, then retry it."),
    }


def _reject(found: tuple[Fault, ...], where: str, words: str) -> Reject:
    facts = _facts(found, where, words or "; ".join(f.message for f in found if f.message))
    named = ", ".join(facts["fields"])
    return Reject(f"Salesforce refused {named or 'the request'}", **facts)


def _retry(fault: Fault, where: str, after: float | None = None) -> Retry:
    return Retry(
        "Salesforce cannot do it just now",
        after=_RETRY.get(fault.code) if after is None else after,
        where=where,
        why=f"{fault.code}: {fault.message}".rstrip(": "),
        unchanged="Nothing was written.",
        next="It is tried again by itself.",
    )


def _over_limit(fault: Fault, where: str) -> Retry:
    short = "Concurrent" in fault.message
    return Retry(
        "too many requests are running in Salesforce" if short else "the org's API requests of 24 hours are used up",
        after=SHORT_WAIT if short else LONG_WAIT,
        where=where,
        why=f"{fault.code}: {fault.message}",
        unchanged="Nothing was written.",
        next="It goes on by itself once the quota frees; raise the org's quota or run less often if this recurs.",
    )


def _stop(fault: Fault, where: str, advice: str) -> Stop:
    return Stop(
        "Salesforce does not let this user in here",
        where=where,
        why=f"{fault.code}: {fault.message}".rstrip(": "),
        unchanged="Nothing was written.",
        next=advice,
    )


def _failed(fault: Fault, where: str, write: bool) -> HubError:
    why = f"{fault.code}: {fault.message}".strip(": ")
    if write:
        return Unknown("no trustworthy answer to a write", where=where, why=why, next="The record is looked up first.")
    return Retry("no trustworthy answer", where=where, why=why, unchanged="Nothing was written.")
