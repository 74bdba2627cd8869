"""What the sandbox's account looks like: properties, their options, and what becomes of a value on its way in.

`clean` refuses what HubSpot refuses and rewrites what HubSpot rewrites.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

OBJECTS = ("contacts", "companies")
APP, PORTAL = "4242", 24681357

EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}")
NUMBER = re.compile(r"-?\d+(\.\d+)?")

LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
LEAD_STATUS = (
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
)
LEAD_SOURCE = ("web", "phone_inquiry", "partner_referral", "purchased_list", "event", "other")
INDUSTRY = (
    "ACCOUNTING",
    "AUTOMOTIVE",
    "BANKING",
    "COMPUTER_SOFTWARE",
    "CONSTRUCTION",
    "EDUCATION_MANAGEMENT",
    "FOOD_BEVERAGES",
    "HOSPITAL_HEALTH_CARE",
    "INFORMATION_TECHNOLOGY_AND_SERVICES",
    "INSURANCE",
    "MACHINERY",
    "RETAIL",
    "TELECOMMUNICATIONS",
    "TRANSPORTATION_TRUCKING_RAILROAD",
    "UTILITIES",
)
TAGS = ("vip", "newsletter", "partner", "press", "trade_fair", "reseller")

MULTI, OWNER = "checkbox", "owner"


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `widget` is HubSpot's fieldType; `read_only` values are set by the account alone."""

    name: str
    label: str
    type: str = "string"
    widget: str = "text"
    options: tuple[str, ...] = ()
    unique: bool = False
    read_only: bool = False
    custom: bool = False

    def json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": "select" if self.widget == OWNER else self.widget,
            "groupName": "sandbox",
            "description": "",
            "options": [
                {"label": o.replace("_", " ").title(), "value": o, "displayOrder": i, "hidden": False}
                for i, o in enumerate(self.options)
            ],
            "hasUniqueValue": self.unique,
            "hubspotDefined": not self.custom,
            "calculated": False,
            "externalOptions": self.widget == OWNER,
            "hidden": False,
            "archived": False,
            "modificationMetadata": {"archivable": self.custom, "readOnlyValue": self.read_only},
        }


def _texts(*names: str) -> list[Property]:
    return [Property(name, name.replace("_", " ").capitalize()) for name in names]


def _shared() -> list[Property]:
    return [
        *_texts("address", "city", "state", "zip", "country"),
        Property("phone", "Phone number", widget="phonenumber"),
        Property("website", "Website URL"),
        Property("lifecyclestage", "Lifecycle stage", "enumeration", "radio", LIFECYCLE),
        Property("hs_lead_status", "Lead status", "enumeration", "radio", LEAD_STATUS),
        Property("hubspot_owner_id", "Owner", "enumeration", OWNER),
        Property("tags", "Tags", "enumeration", MULTI, TAGS, custom=True),
        Property("accordant_id", "Accordant id", unique=True, custom=True),
        Property("createdate", "Create date", "datetime", "date"),
        Property("hs_lastmodifieddate", "Last modified", "datetime", "date", read_only=True),
        Property("hs_object_id", "Record id", "number", "number", read_only=True),
        Property("hs_merged_object_ids", "Merged record ids", "enumeration", MULTI, read_only=True),
    ]


def properties(object: str) -> dict[str, Property]:
    """The properties of one object when the account is new."""
    own = {
        "contacts": [
            *_texts("firstname", "lastname", "jobtitle", "company"),
            Property("email", "E-mail"),
            Property("hs_additional_emails", "Additional e-mails", "enumeration", MULTI, read_only=True),
            Property("mobilephone", "Mobile phone number", widget="phonenumber"),
            Property("date_of_joining", "Date of joining", "date", "date", custom=True),
            Property("lead_source", "Lead source", "enumeration", "select", LEAD_SOURCE, custom=True),
            Property("hs_email_optout", "Unsubscribed from all e-mail", "bool", "booleancheckbox", read_only=True),
            Property("associatedcompanyid", "Primary company", "number", "number", read_only=True),
            Property("lastmodifieddate", "Last modified", "datetime", "date", read_only=True),
            Property("hs_calculated_merged_vids", "Merged ids with time", read_only=True),
        ],
        "companies": [
            *_texts("name", "address2"),
            Property("domain", "Company domain name"),
            Property("industry", "Industry", "enumeration", "select", INDUSTRY),
            Property("type", "Type", "enumeration", "select", ("PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER")),
            Property("numberofemployees", "Number of employees", "number", "number"),
            Property("annualrevenue", "Annual revenue", "number", "number"),
            Property("description", "Description", widget="textarea"),
            Property("num_associated_contacts", "Number of contacts", "number", "number", read_only=True),
        ],
    }[object]
    return {p.name: p for p in (*own, *_shared())}


DEFAULTS = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
}


class Invalid(ValueError):
    """A value that HubSpot refuses: its code and its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def clean(p: Property, text: str, before: str | None) -> str:
    """The value as HubSpot stores it, "" for cleared. Raises Invalid."""
    if len(text) > 65_536:
        raise Invalid("INVALID_LENGTH", f"Property {p.name} is limited to 65536 characters")
    value = text.strip() if p.name in ("email", "domain") or p.type != "string" else text
    if not value:
        return ""
    if p.name == "email":
        return _email(value)
    if p.name == "domain":
        return domain(value)
    return {"enumeration": _option, "number": _number, "bool": _bool, "date": _date, "datetime": _datetime}.get(
        p.type, _as_is
    )(p, value, before or "")


def _as_is(p: Property, value: str, before: str) -> str:
    return value


def _email(value: str) -> str:
    lower = value.lower()
    if not EMAIL.fullmatch(lower) or ".." in lower:
        raise Invalid("INVALID_EMAIL", f"Email address {value} is invalid")
    return lower


def domain(value: str) -> str:
    """Scheme, `www.` and path go."""
    bare = re.sub(r"^[a-z]+://", "", value.lower())
    return bare.split("/")[0].removeprefix("www.")


def _option(p: Property, value: str, before: str) -> str:
    if p.widget == OWNER:
        return value
    appended = before.split(";") if value.startswith(";") and before else []
    parts = list(dict.fromkeys([*appended, *(v for v in value.split(";") if v)])) if p.widget == MULTI else [value]
    bad = [v for v in parts if v not in p.options]
    if bad:
        raise Invalid("INVALID_OPTION", f"{bad[0]} was not one of the allowed options: {list(p.options)}")
    return ";".join(parts)


def _number(p: Property, value: str, before: str) -> str:
    if not NUMBER.fullmatch(value):
        raise Invalid("INVALID_INTEGER", f"{value} was not a valid number")
    return value


def _bool(p: Property, value: str, before: str) -> str:
    if value not in ("true", "false"):
        raise Invalid("INVALID_BOOLEAN", f"{value} was not a valid boolean")
    return value


def _date(p: Property, value: str, before: str) -> str:
    try:
        ms = int(value) if value.isdigit() else None
        day = datetime.fromtimestamp(ms / 1000, UTC) if ms is not None else datetime.strptime(value, "%Y-%m-%d")
    except ValueError:
        raise Invalid("INVALID_DATE", f"{value} was not a valid date") from None
    if (day.hour, day.minute, day.second, day.microsecond) != (0, 0, 0, 0):
        raise Invalid("INVALID_DATE", f"{value} is not midnight UTC")
    return f"{day:%Y-%m-%d}"


def _datetime(p: Property, value: str, before: str) -> str:
    try:
        moment = datetime.fromtimestamp(int(value) / 1000, UTC) if value.isdigit() else datetime.fromisoformat(value)
    except ValueError:
        raise Invalid("INVALID_DATE", f"{value} was not a valid date") from None
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
