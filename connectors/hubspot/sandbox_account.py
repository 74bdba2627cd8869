"""The sandbox's account: what can be done to its records, whoever does it, with HubSpot's own rules.

Nothing here knows of HTTP. A refusal is raised as `Refuse`, in HubSpot's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.hubspot import sandbox_schema as schema
from connectors.hubspot.records import to_iso
from connectors.hubspot.sandbox_table import Row, Table

PRIMARY = {("contacts", "companies"): 1, ("companies", "contacts"): 2}
PLAIN = {("contacts", "companies"): 279, ("companies", "contacts"): 280}


class Refuse(Exception):
    """An answer that says no: HTTP status, category, message, and what else the body carries."""

    def __init__(self, status: int, category: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.category, self.message, self.extra = status, category, message, extra


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: HubSpot's sourceType and sourceId."""

    source: str
    by: str


API, PERSON, SYSTEM = Actor("INTEGRATION", schema.APP), Actor("CRM_UI", "userId:77"), Actor("CALCULATED", "")


@dataclass(slots=True)
class Draft:
    """A write that has been checked and not been carried out."""

    row: Row
    values: dict[str, str]
    companies: list[tuple[int, bool]] = field(default_factory=list)


class Account:
    """Contacts and companies, how they belong together, and owners."""

    def __init__(self, now: Callable[[], int], lag: Callable[[], int]) -> None:
        self.now = now
        self.tables = {name: Table(name, now, lag) for name in schema.OBJECTS}
        self.properties = {name: schema.properties(name) for name in schema.OBJECTS}
        self.owners: dict[int, dict[str, Any]] = {}
        self.links: dict[int, dict[int, bool]] = {}  # contact → {company: primary}
        self.members: dict[int, set[int]] = {}  # company → contacts
        self.links_touch = False

    def table(self, object: str) -> Table:
        if object not in self.tables:
            raise Refuse(404, "OBJECT_NOT_FOUND", f"Unable to infer object type from: {object}")
        return self.tables[object]

    # -- checks

    def draft(self, object: str, row: Row | None, values: Mapping[str, Any], claimed: set[tuple[str, str]]) -> Draft:
        """Check a write. `claimed`: unique values that earlier rows of the same batch take."""
        table = self.table(object)
        if not isinstance(values, dict):
            raise Refuse(400, "VALIDATION_ERROR", "Invalid input JSON: properties must be an object")
        before = row.props if row else {}
        stored = self._clean(object, values, before)
        if not row and not any(stored.get(n) for n in schema.DEFAULTS[object] if "date" not in n):
            raise Refuse(400, "VALIDATION_ERROR", f"Cannot create a record of {object} without identifying properties")
        self._no_duplicate(table, row, stored, claimed)
        return Draft(row or table.new(), stored)

    def _clean(self, object: str, values: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
        stored: dict[str, str] = {}
        bad: list[dict[str, Any]] = []
        for name, value in values.items():
            try:
                stored[name] = self._value(object, name, "" if value is None else str(value), before)
            except schema.Invalid as error:
                bad.append({"isValid": False, "message": error.message, "error": error.code, "name": name})
        if bad:
            text = f"Property values were not valid: {orjson.dumps(bad).decode()}"
            raise Refuse(400, "VALIDATION_ERROR", text, codes={b["error"] for b in bad})
        return stored

    def _value(self, object: str, name: str, text: str, before: Mapping[str, str]) -> str:
        p = self.properties[object].get(name)
        if p is None:
            raise schema.Invalid("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if p.read_only or (name == "createdate" and before):
            raise schema.Invalid("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
        value = schema.clean(p, text, before.get(name))
        if p.widget == schema.OWNER and value and not self._active_owner(value):
            raise schema.Invalid("INVALID_OWNER_ID", f"Owner {value} does not exist or is inactive")
        stages = schema.LIFECYCLE
        if name == "lifecyclestage" and value and before.get(name) and stages.index(value) < stages.index(before[name]):
            return before[name]
        return value

    def _active_owner(self, id: str) -> bool:
        return id.isdigit() and int(id) in self.owners and not self.owners[int(id)]["archived"]

    def _no_duplicate(
        self, table: Table, row: Row | None, stored: Mapping[str, str], claimed: set[tuple[str, str]]
    ) -> None:
        for name in sorted(table.unique_names() & stored.keys()):
            value = stored[name]
            holder = table.holder(name, value) if value else None
            if value and ((name, value) in claimed or (holder and holder != (row.id if row else None))):
                if name == "email":
                    known = f" Existing ID: {holder}" if holder else ""
                    raise Refuse(409, "CONFLICT", f"Contact already exists.{known}")
                who = f"{holder} already has that value." if holder else "Another record already has that value."
                raise Refuse(400, "VALIDATION_ERROR", f"Cannot set {name} to {value}. {who}")
            claimed.add((name, value))

    # -- what changes records

    def carry_out(self, object: str, draft: Draft, actor: Actor) -> Row:
        table, row = self.tables[object], draft.row
        values = dict(draft.values)
        if row.id not in table.rows:
            values.setdefault("createdate", to_iso(row.created))
            values["hs_object_id"] = str(row.id)
        table.put(row, values, actor.source, actor.by)
        for company, primary in draft.companies:
            self.associate(row.id, company, primary=primary)
        return row

    def archive(self, object: str, row: Row) -> None:
        for contact, company in self._pairs(object, row.id):
            self.dissociate(contact, company)
        self.tables[object].archive(row)

    def restore(self, object: str, row: Row) -> None:
        self.tables[object].restore(row)

    def erase(self, object: str, row: Row) -> None:
        """Gone for good, without a trace in the archived list."""
        for contact, company in self._pairs(object, row.id):
            self.dissociate(contact, company)
        self.tables[object].take(row)

    def merge(self, object: str, primary: Row, other: Row) -> Row:
        """A third record is made; both old ones vanish and their ids lead to the new one."""
        table, made = self.tables[object], self.tables[object].new()
        values = {**other.props, **primary.props, "hs_object_id": str(made.id)}
        olds = f"{primary.props.get('hs_merged_object_ids', '')};{other.props.get('hs_merged_object_ids', '')}"
        olds += f";{primary.id};{other.id}"
        values["hs_merged_object_ids"] = ";".join(dict.fromkeys(filter(None, olds.split(";"))))
        if object == "contacts":
            self._merge_contact(values, primary, other)
        pairs = [(pair, self._is_primary(*pair)) for row in (primary, other) for pair in self._pairs(object, row.id)]
        for row in (primary, other):
            self.erase(object, row)
            table.aliases[row.id] = made.id
        table.put(made, values, PERSON.source, PERSON.by)
        for (contact, company), was_primary in reversed(pairs):
            contact, company = (made.id, company) if object == "contacts" else (contact, made.id)
            self.associate(contact, company, primary=was_primary)
        return made

    def _merge_contact(self, values: dict[str, str], primary: Row, other: Row) -> None:
        when = self.now()
        vids = [primary.props.get("hs_calculated_merged_vids"), other.props.get("hs_calculated_merged_vids")]
        vids += [f"{primary.id}:{when}", f"{other.id}:{when}"]
        values["hs_calculated_merged_vids"] = ";".join(filter(None, vids))
        mails = [other.props.get("email"), *values.get("hs_additional_emails", "").split(";")]
        more = [m for m in dict.fromkeys(mails) if m and m != values.get("email")]
        values["hs_additional_emails"] = ";".join(more)

    # -- how contacts and companies belong together

    def associate(self, contact: int, company: int, *, primary: bool) -> None:
        """The first company of a contact becomes its primary one by itself."""
        companies = self.links.setdefault(contact, {})
        primary = primary or not any(companies.values())
        if primary:
            companies.update(dict.fromkeys(companies, False))
        companies[company] = primary or companies.get(company, False)
        self.members.setdefault(company, set()).add(contact)
        self._mirror(contact, company)

    def unlabel(self, contact: int, company: int) -> None:
        if company in self.links.get(contact, {}):
            self.links[contact][company] = False
            self._mirror(contact, company)

    def dissociate(self, contact: int, company: int) -> None:
        if self.links.get(contact, {}).pop(company, None) is not None:
            self.members[company].discard(contact)
            self._mirror(contact, company)

    def _mirror(self, contact: int, company: int) -> None:
        """Properties that repeat associations. They need not move the record's modified stamp."""
        primary = next((c for c, is_primary in self.links.get(contact, {}).items() if is_primary), None)
        count = str(len(self.members.get(company, ())))
        for object, id, name, value in (
            ("contacts", contact, "associatedcompanyid", str(primary or "")),
            ("companies", company, "num_associated_contacts", count),
        ):
            row = self.tables[object].rows.get(id)
            if row and row.props.get(name, "") != value:
                self.tables[object].put(row, {name: value}, SYSTEM.source, SYSTEM.by, touch=self.links_touch)

    def _pairs(self, object: str, id: int) -> list[tuple[int, int]]:
        if object == "contacts":
            return [(id, company) for company in self.links.get(id, {})]
        return [(contact, id) for contact in self.members.get(id, ())]

    def _is_primary(self, contact: int, company: int) -> bool:
        return self.links.get(contact, {}).get(company, False)

    def types(self, object: str, id: int, to: str) -> Iterable[tuple[int, list[dict[str, Any]]]]:
        """(other id, association types) of one record, as v4 tells them."""
        for contact, company in sorted(self._pairs(object, id)):
            labels = [{"category": "HUBSPOT_DEFINED", "typeId": PLAIN[object, to], "label": None}]
            if self._is_primary(contact, company):
                labels.append({"category": "HUBSPOT_DEFINED", "typeId": PRIMARY[object, to], "label": "Primary"})
            yield (company if object == "contacts" else contact), labels
