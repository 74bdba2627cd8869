"""The records of the sandbox: checks values as the vendor does, keeps stamps, deletes, merges and indexes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.sandbox_schema import Column, Kind, standard
from connectors.salesforce.sandbox_values import Refusal, empty, is_empty, stored, unknown_column

Row = dict[str, Any]
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Table:
    """The rows of one object. `order`: (SystemModstamp, Id) of every row, sorted. `keyed`: ids by value of columns that
    are looked up often."""

    kind: Kind
    rows: dict[str, Row] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    keyed: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.keyed = {c.name: {} for c in self.kind.columns.values() if c.external or c.unique or c.name == "Email"}

    def next_id(self) -> str:
        self.made += 1
        left, tail = self.made, ""
        while left:
            left, digit = divmod(left, 62)
            tail = _BASE62[digit] + tail
        return soql.id18(self.kind.prefix + tail.rjust(12, "0"))

    def put(self, row: Row) -> None:
        """Store a row in place of the one with the same id."""
        id = row["Id"]
        old = self.rows.get(id)
        if old:
            del self.order[bisect_left(self.order, (old["SystemModstamp"], id))]
        insort(self.order, (row["SystemModstamp"], id))
        for name, index in self.keyed.items():
            if old and old[name] is not None:
                index[old[name].lower()].pop(id, None)
            if row[name] is not None:
                index.setdefault(row[name].lower(), {})[id] = None
        self.rows[id] = row

    def live(self, id: str) -> Row | None:
        row = self.rows.get(id)
        return row if row and not row.get("IsDeleted") else None

    def with_value(self, name: str, value: str) -> list[Row]:
        """Live rows whose indexed column holds the value, in any case."""
        found = (self.rows[id] for id in self.keyed[name].get(value.lower(), ()))
        return [r for r in found if not r.get("IsDeleted")]


class Store:
    """All tables, and the rules by which rows change. `now` gives the stamp of a change."""

    def __init__(self, now: Callable[[], str]) -> None:
        self.now = now
        self.tables = {name: Table(kind) for name, kind in standard().items()}
        self.rewrites: dict[tuple[str, str], Callable[[Any], Any]] = {}
        self.rules: list[tuple[str, Callable[[Row], bool], str, tuple[str, ...]]] = []
        self.duplicate_rules: dict[str, str] = {}
        self.locked: dict[str, int] = {}
        self.wait_for: Callable[[str], None] = lambda id: None

    def table(self, object: str) -> Table:
        if object not in self.tables:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404, whole=True)
        return self.tables[object]

    # -- changes

    def insert(self, object: str, given: Mapping[str, Any], by: str, id: str = "") -> str:
        table = self.table(object)
        stamp = self.now()
        row = {c.name: self._start(c, by) for c in table.kind.columns.values()}
        row |= {"Id": id or table.next_id(), "CreatedDate": stamp, "CreatedById": by}
        row |= self._checked(table, given, creating=True)
        missing = [
            c.name for c in table.kind.columns.values() if c.createable and not c.nillable and row[c.name] is None
        ]
        if missing:
            raise Refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)
        self._commit(table, row, by, stamp)
        return str(row["Id"])

    def update(self, object: str, id: str, given: Mapping[str, Any], by: str) -> str:
        table = self.table(object)
        self.wait_for(soql.id18(id))
        row = self.must(object, id)
        if self.locked.get(row["Id"], 0):
            self.locked[row["Id"]] -= 1
            raise Refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        changed = row | self._checked(table, given, creating=False)
        self._commit(table, changed, by, self.now())
        return str(row["Id"])

    def delete(self, object: str, id: str, by: str, master: str | None = None) -> None:
        self.wait_for(soql.id18(id))
        row = self.must(object, id)
        gone = {"IsDeleted": True} | ({"MasterRecordId": master} if master else {})
        self._stamp(self.table(object), row | gone, by, self.now())

    def undelete(self, object: str, id: str, by: str) -> None:
        row = self.table(object).rows[id]
        self._stamp(self.table(object), row | {"IsDeleted": False, "MasterRecordId": None}, by, self.now())

    def merge(self, object: str, winner: str, loser: str, by: str) -> None:
        """The loser goes to the bin and names the winner; what referred to it refers to the winner."""
        kept, lost = self.must(object, winner), self.must(object, loser)
        self.delete(object, lost["Id"], by, master=kept["Id"])
        self._stamp(self.table(object), dict(kept), by, self.now())
        for table in self.tables.values():
            names = [c.name for c in table.kind.columns.values() if object in c.refers and c.updateable]
            for row in [r for r in table.rows.values() if any(r[n] == lost["Id"] for n in names)]:
                moved = {n: kept["Id"] for n in names if row[n] == lost["Id"]}
                self._stamp(table, row | moved, by, self.now())

    def must(self, object: str, id: str) -> Row:
        """A live row, or the vendor's refusal."""
        if not soql.is_id(id):
            raise Refusal("MALFORMED_ID", f"malformed id {id}", "Id")
        row = self.table(object).rows.get(soql.id18(id))
        if row is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if row.get("IsDeleted"):
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def _start(self, column: Column, by: str) -> Any:
        return by if column.name == "OwnerId" else column.default if column.default is not None else empty(column)

    def _commit(self, table: Table, row: Row, by: str, stamp: str) -> None:
        for (object, name), rewrite in self.rewrites.items():
            if object == table.kind.name and row[name] is not None:
                row[name] = rewrite(row[name])
        self._obey(table, row)
        self._stamp(table, row, by, stamp)

    def _stamp(self, table: Table, row: Row, by: str, stamp: str) -> None:
        if table.kind.name_of:
            row["Name"] = table.kind.name_of(row)
        table.put(row | {"LastModifiedDate": stamp, "LastModifiedById": by, "SystemModstamp": stamp})

    def _obey(self, table: Table, row: Row) -> None:
        """Validation rules, unique fields and duplicate rules."""
        object = table.kind.name
        for name, allowed, message, fields in self.rules:
            if name == object and not allowed(row):
                raise Refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, *fields)
        for column in table.kind.columns.values():
            others = table.with_value(column.name, row[column.name]) if column.unique and row[column.name] else []
            for other in others:
                if other["Id"] != row["Id"]:
                    words = f"duplicate value found: {column.name} duplicates value on record with id: {other['Id']}"
                    raise Refusal("DUPLICATE_VALUE", words, column.name)
        by_name = self.duplicate_rules.get(object)
        if by_name and row[by_name] and row["Id"] not in table.rows:
            self._obey_duplicates(object, [r["Id"] for r in table.with_value(by_name, row[by_name])])

    def _obey_duplicates(self, object: str, ids: list[str]) -> None:
        if not ids:
            return
        records = [{"matchConfidence": 100.0, "record": {"attributes": {"type": object}, "Id": id}} for id in ids]
        match = {"entityType": object, "errors": [], "matchRecords": records, "size": len(ids), "success": True}
        result = {"allowSave": False, "duplicateRuleEntityType": object, "matchResults": [match]}
        raise Refusal("DUPLICATES_DETECTED", "Use one of these records?", extra={"duplicateResult": result})

    # -- values

    def _checked(self, table: Table, given: Mapping[str, Any], *, creating: bool) -> Row:
        kind, values = table.kind, {}
        for name, value in given.items():
            column = kind.visible(name)
            if column is None:
                raise unknown_column(name, kind.name, whole=True)
            if not (column.createable if creating else column.updateable):
                words = f"Unable to create/update fields: {name}. Check the security settings of this field."
                raise Refusal("INVALID_FIELD_FOR_INSERT_UPDATE", words, name)
            values[name] = self.value(column, value)
            if values[name] is None and not column.nillable:
                raise Refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", name)
        return values

    def value(self, column: Column, value: Any) -> Any:
        """A value as the vendor stores it."""
        if column.type == "reference" and not is_empty(value):
            return self._reference(column, value)
        return stored(column, value)

    def _reference(self, column: Column, value: Any) -> str:
        if not isinstance(value, str) or not soql.is_id(value):
            raise Refusal("MALFORMED_ID", f"{column.label or column.name}: id value of incorrect type", column.name)
        id = soql.id18(value)
        row = next((r for o in column.refers if (r := self.tables[o].live(id))), None)
        if row is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", column.name)
        if column.name == "OwnerId" and not row["IsActive"]:
            raise Refusal("INACTIVE_OWNER_OR_USER", "operation performed with inactive user as owner", column.name)
        return id
