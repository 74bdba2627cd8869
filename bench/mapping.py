"""Declarative mapping against the same mapping written by hand, interleaved: 25 fields, every phone seen before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import phonenumbers

from bench.measure import Row, cpu_of, median
from bench.people import salesforce
from hub.core.compile import Surroundings, mapping_of
from hub.core.entities import STANDARD
from hub.core.mapping import NO_REFS
from hub.settings.tools import TOOLS

RECORDS, ROUNDS = 2_000, 15
SOURCES = {"Web": "web", "Phone Inquiry": "phone", "Partner Referral": "partner", "Other": "other"}
TITLES = {"Mr.": "mr", "Ms.": "ms", "Mrs.": "mrs", "Dr.": "dr"}
COUNTRIES = {"Spain": "ES", "United Kingdom": "GB", "Germany": "DE", "France": "FR"}
FIELDS: dict[str, Any] = {
    "given_name": "FirstName",
    "family_name": {"field": "LastName", "required": True},
    "display_name": {"field": "Name", "direction": "read"},
    "salutation": {"field": "Salutation", "values": TITLES, "unknown": "ignore"},
    "email": {"field": "Email", "as": "email"},
    "phones[mobile]": {"field": "MobilePhone", "as": "phone"},
    "phones[work]": {"field": "Phone", "as": "phone"},
    "job_title": "Title",
    "department": "Department",
    "birth_date": {"field": "Birthdate", "as": "date"},
    "address.street": "MailingStreet",
    "address.city": "MailingCity",
    "address.region": "MailingState",
    "address.postal_code": "MailingPostalCode",
    "address.country": {"field": "MailingCountry", "as": "country", "written": "name"},
    "lead_source": {"field": "LeadSource", "values": SOURCES, "unknown": "hold"},
    "tags": {"field": "Tags__c", "as": "set", "separator": ";"},
    "email_opt_out": {"field": "HasOptedOutOfEmail", "as": "consent"},
    "phone_opt_out": {"field": "DoNotCall", "as": "consent"},
    "custom.level": {"field": "Level__c", "kind": "text"},
    "custom.score": {"field": "Score__c", "kind": "number"},
    "custom.seats": {"field": "Seats__c", "kind": "integer"},
    "custom.vip": {"field": "Vip__c", "kind": "bool"},
    "custom.seen_at": {"field": "Seen__c", "kind": "datetime"},
    "custom.note": {"field": "Note__c", "kind": "text"},
}


def measure() -> list[Row]:
    rows = [_row(n) for n in range(RECORDS)]
    mapping = mapping_of(_declared(), "salesforce.contact", Surroundings(STANDARD, TOOLS))
    assert len(mapping.rules) == 25
    for row in rows:
        assert mapping.read(row, "sf", NO_REFS) == by_hand(row), (mapping.read(row, "sf", NO_REFS), by_hand(row))
    ours, theirs = _interleaved(lambda row: mapping.read(row, "sf", NO_REFS), by_hand, rows)
    how = f"{RECORDS:,} records, 25 fields; by hand {1e6 * median(theirs) / RECORDS:.1f} µs a record"
    ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
    return [Row("declarative mapping ÷ hand-written Python, speed", ratio, 0.5, 0.75, more=True, how=how)]


def _interleaved(a: Callable[[Any], Any], b: Callable[[Any], Any], rows: list[Any]) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, spent in zip((a, b), found, strict=True):
            spent.append(cpu_of(lambda: [work(row) for row in rows])[0])  # noqa: B023
    return found


def _declared() -> dict[str, Any]:
    head = {"connector": "salesforce", "object": "Contact", "entity": "customer", "set": {"kind": "person"}}
    return {**head, "fields": FIELDS}


def _row(n: int) -> dict[str, Any]:
    row = salesforce(n)
    more = {
        "Name": f"{row['FirstName']} {row['LastName']}",
        "Salutation": None if n % 3 else "Dr.",
        "MailingState": None,
    }
    own = {"Level__c": "gold", "Score__c": n / 4, "Seats__c": n, "Vip__c": n % 2 == 0, "Note__c": " seen twice "}
    seen = {"Seen__c": "2026-01-31T10:00:00.000+0000", "HasOptedOutOfEmail": False, "DoNotCall": n % 5 == 0}
    return {**row, **more, **own, **seen}


# ---------------------------------------------------------------- by hand


def by_hand(row: dict[str, Any]) -> dict[str, Any]:
    """What a careful engineer would write for this one object."""
    get = row.get
    email, tags = _text(get("Email")), get("Tags__c")
    score = get("Score__c")
    return {
        "given_name": _text(get("FirstName")),
        "family_name": _text(get("LastName")),
        "display_name": _text(get("Name")),
        **({"salutation": TITLES[held]} if (held := get("Salutation")) else {"salutation": None}),
        "email": email.lower() if email else None,
        "phones[mobile]": _phone(get("MobilePhone")),
        "phones[work]": _phone(get("Phone")),
        "job_title": _text(get("Title")),
        "department": _text(get("Department")),
        "birth_date": get("Birthdate"),
        "address.street": _text(get("MailingStreet")),
        "address.city": _text(get("MailingCity")),
        "address.region": _text(get("MailingState")),
        "address.postal_code": _text(get("MailingPostalCode")),
        "address.country": COUNTRIES[held] if (held := get("MailingCountry")) else None,
        "lead_source": SOURCES[held] if (held := get("LeadSource")) else None,
        "tags": sorted(tags.split(";")) if tags else None,
        "email_opt_out": get("HasOptedOutOfEmail"),
        "phone_opt_out": get("DoNotCall"),
        "custom.level": _text(get("Level__c")),
        "custom.score": None if score is None else f"{score:g}" if score < 1e5 else repr(score),
        "custom.seats": get("Seats__c"),
        "custom.vip": get("Vip__c"),
        "custom.seen_at": _instant(get("Seen__c")),
        "custom.note": _text(get("Note__c")),
    }


def _text(value: str | None) -> str | None:
    return (value.strip() or None) if value else None


@lru_cache(maxsize=100_000)
def _phone(value: str | None) -> str | None:
    if not value:
        return None
    return phonenumbers.format_number(phonenumbers.parse(value), phonenumbers.PhoneNumberFormat.E164)


def _instant(value: str | None) -> str | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
