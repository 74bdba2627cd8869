"""The objects of the sandbox: what their columns are called, take and refuse, and how describe shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

SOURCES = ("Web", "Internet", "Phone Inquiry", "Partner Referral", "Purchased List", "Trade Show", "Other")
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
INDUSTRIES = (
    *("Agriculture", "Banking", "Construction", "Education", "Energy", "Engineering", "Healthcare", "Hospitality"),
    *("Insurance", "Manufacturing", "Media", "Retail", "Technology", "Transportation", "Utilities", "Other"),
)
TAGS = ("customer", "newsletter", "partner", "press", "supplier", "vip")
STATES = ("Open", "Working", "Closed")


@dataclass(frozen=True, slots=True)
class Column:
    """One field of an object, in the vendor's terms."""

    name: str
    type: str = "string"
    length: int = 0
    label: str = ""
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    default: Any = None
    unique: bool = False
    external: bool = False
    custom: bool = False
    restricted: bool = False
    choices: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    relation: str = ""
    scale: int = 0

    @property
    def filterable(self) -> bool:
        return self.type != "textarea"

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.label or self.name,
            "type": self.type,
            "length": self.length,
            "nillable": self.nillable,
            "createable": self.createable,
            "updateable": self.updateable,
            "defaultedOnCreate": self.default is not None,
            "unique": self.unique,
            "externalId": self.external,
            "idLookup": self.external or self.name in ("Id", "Email"),
            "custom": self.custom,
            "scale": self.scale,
            "filterable": self.filterable,
            "restrictedPicklist": self.restricted,
            "picklistValues": [
                {"active": True, "defaultValue": False, "label": c, "value": c, "validFor": None} for c in self.choices
            ],
            "referenceTo": list(self.refers),
            "relationshipName": self.relation or None,
        }


@dataclass(slots=True)
class Kind:
    """One object: its columns by name, its id prefix, and how its Name is made of other columns (None: it is typed)."""

    name: str
    prefix: str
    columns: dict[str, Column]
    name_of: Callable[[dict[str, Any]], str] | None = None
    writable: bool = True
    hidden: set[str] = field(default_factory=set)

    @property
    def has_deleted(self) -> bool:
        return "IsDeleted" in self.columns

    def visible(self, name: str) -> Column | None:
        return None if name in self.hidden else self.columns.get(name)

    def described(self) -> dict[str, Any]:
        shown = [c.described() for c in self.columns.values() if c.name not in self.hidden]
        return {**self.listed(), "fields": shown, "recordTypeInfos": [], "childRelationships": []}

    def listed(self) -> dict[str, Any]:
        rights = dict.fromkeys(("createable", "updateable", "deletable", "undeletable"), self.writable)
        return {
            "name": self.name,
            "label": self.name,
            "keyPrefix": self.prefix,
            "queryable": True,
            "retrieveable": True,
            "replicateable": True,
            "mergeable": "MasterRecordId" in self.columns,
            "custom": False,
            **rights,
        }


def _system(*left_out: str) -> list[Column]:
    own = [
        Column("Id", "id", 18, nillable=False),
        Column("IsDeleted", "boolean", nillable=False),
        Column("MasterRecordId", "reference", 18),
        Column("CreatedDate", "datetime", nillable=False),
        Column("CreatedById", "reference", 18, nillable=False, refers=("User",), relation="CreatedBy"),
        Column("LastModifiedDate", "datetime", nillable=False),
        Column("LastModifiedById", "reference", 18, nillable=False, refers=("User",), relation="LastModifiedBy"),
        Column("SystemModstamp", "datetime", nillable=False),
    ]
    return [replace(c, createable=False, updateable=False) for c in own if c.name not in left_out]


def _text(name: str, length: int, **more: Any) -> Column:
    return Column(name, length=length, **more)


def _pick(name: str, choices: tuple[str, ...], **more: Any) -> Column:
    return Column(name, more.pop("type", "picklist"), 255, choices=choices, restricted=True, **more)


def _flag(name: str, default: bool = False) -> Column:
    return Column(name, "boolean", nillable=False, default=default)


def _lookup(name: str, to: str, **more: Any) -> Column:
    return Column(name, "reference", 18, refers=(to,), relation=name.removesuffix("Id"), **more)


def _address(prefix: str) -> list[Column]:
    return [
        Column(f"{prefix}Street", "textarea", 255),
        _text(f"{prefix}City", 40),
        _text(f"{prefix}State", 80),
        _text(f"{prefix}PostalCode", 20),
        _text(f"{prefix}Country", 80),
    ]


def _key() -> Column:
    return _text("Accordant_Id__c", 64, label="Accordant id", unique=True, external=True, custom=True)


def _tags() -> Column:
    return _pick("Tags__c", TAGS, type="multipicklist", label="Tags", custom=True)


def _owner() -> Column:
    # Whoever creates a record owns it; the store fills that in.
    return _lookup("OwnerId", "User", nillable=False, default="")


def _kind(name: str, prefix: str, columns: list[Column], **more: Any) -> Kind:
    return Kind(name, prefix, {c.name: c for c in columns}, **more)


def _full_name(row: dict[str, Any]) -> str:
    return " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part)


def _full_named(*more: Column) -> list[Column]:
    """What persons of every object have; their Name is made of its parts."""
    return [
        _text("FirstName", 40),
        _text("LastName", 80, nillable=False),
        Column("Name", length=121, createable=False, updateable=False, nillable=False),
        *more,
    ]


def _person(*more: Column) -> list[Column]:
    return _full_named(
        Column("Email", "email", 80),
        Column("Phone", "phone", 40),
        Column("MobilePhone", "phone", 40),
        _text("Title", 128),
        _pick("LeadSource", SOURCES),
        Column("Description", "textarea", 32000),
        _flag("HasOptedOutOfEmail"),
        _flag("DoNotCall"),
        _owner(),
        *more,
    )


def _account() -> list[Column]:
    return [
        _text("Name", 255, nillable=False),
        _text("Type", 255),
        _lookup("ParentId", "Account"),
        _text("AccountNumber", 40),
        Column("Website", "url", 255),
        Column("Phone", "phone", 40),
        Column("Fax", "phone", 40),
        _pick("Industry", INDUSTRIES),
        Column("AnnualRevenue", "currency", scale=2),
        Column("NumberOfEmployees", "int"),
        Column("Description", "textarea", 32000),
        *_address("Billing"),
        *_address("Shipping"),
        _owner(),
    ]


def _contact() -> list[Column]:
    return _person(
        _pick("Salutation", SALUTATIONS),
        _lookup("AccountId", "Account"),
        _lookup("ReportsToId", "Contact"),
        _text("Department", 80),
        Column("HomePhone", "phone", 40),
        Column("Birthdate", "date"),
        *_address("Mailing"),
        *_address("Other"),
    )


def _lead() -> list[Column]:
    made = (
        _flag("IsConverted"),
        _lookup("ConvertedAccountId", "Account"),
        _lookup("ConvertedContactId", "Contact"),
        _text("ConvertedOpportunityId", 18),
    )
    return _person(
        _text("Company", 255, nillable=False),
        _pick("Status", STATES, nillable=False, default="Open"),
        *(replace(c, createable=False, updateable=False) for c in made),
    )


def _user() -> list[Column]:
    return _full_named(
        _text("Username", 80, nillable=False),
        Column("Email", "email", 128, nillable=False),
        _text("Alias", 8),
        _flag("IsActive", True),
        _lookup("ManagerId", "User"),
        _text("FederationIdentifier", 512),
    )


def standard() -> dict[str, Kind]:
    """A fresh organisation's objects."""
    own = (_key(), _tags())
    kinds = (
        _kind("Account", "001", [*_system(), *_account(), *own]),
        _kind("Contact", "003", [*_system(), *_contact(), *own], name_of=_full_name),
        _kind("Lead", "00Q", [*_system(), *_lead(), *own], name_of=_full_name),
        _kind("User", "005", [*_system("IsDeleted", "MasterRecordId"), *_user()], name_of=_full_name, writable=False),
    )
    return {kind.name: kind for kind in kinds}
