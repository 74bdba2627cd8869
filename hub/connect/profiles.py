"""How one object of the invented remote behaves: its fields, and what the product does to those who sync with it.

Every switch is something that real systems do. A profile is data, so that a simulation can draw one from a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from hub.connect.connector import Capabilities, FieldInfo, ObjectInfo
from hub.core.errors import Reject

NUMBERS = ("number", "integer", "money")


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """One field. `length`: longer text is cut if `cuts`, else rejected. `trim`, `lower`, `round` (decimals kept),
    `seconds` (drops milliseconds): rewriting on the way in. `read_only`, `hidden`: for our user; people may edit such
    fields. `choices`: what it accepts; of type `choices` a text joined by `separator`, kept in the order of the list.
    """

    name: str
    type: str = "text"
    label: str = ""
    length: int | None = None
    cuts: bool = True
    trim: bool = False
    lower: bool = False
    round: int | None = None
    seconds: bool = False
    choices: tuple[str, ...] = ()
    separator: str = ";"
    unique: bool = False
    required: bool = False
    read_only: bool = False
    hidden: bool = False
    refers_to: tuple[str, ...] = ()

    def store(self, value: Any) -> Any:
        """What the remote keeps of `value`. Raises Reject where the product refuses it; "" is the same as empty."""
        if value is None or value == "":
            return None
        if self.type in NUMBERS:
            return self._number(value)
        if self.type == "bool":
            return value if isinstance(value, bool) else self._refuse(value, "true or false")
        if self.type == "choices":
            return self._choices(value)
        return self._text(value)

    def _text(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        value = value.strip() if self.trim else value
        value = value.lower() if self.lower else value
        if self.choices and value not in self.choices:
            self._refuse(value, f"one of {', '.join(self.choices)}")
        if self.type == "email" and "@" not in value:
            self._refuse(value, "an e-mail address")
        if self.seconds:
            value = value.split(".")[0] + "Z" if "." in value else value
        if self.length is not None and len(value) > self.length:
            value = value[: self.length] if self.cuts else self._refuse(value, f"at most {self.length} characters")
            value = value.strip() if self.trim else value
        return value or None

    def _number(self, value: Any) -> Any:
        try:
            exact = Decimal(str(value))
        except InvalidOperation:
            return self._refuse(value, "a number")
        if self.round is not None:
            exact = exact.quantize(Decimal(1).scaleb(-self.round), ROUND_HALF_UP)
        if isinstance(value, str):
            return format(exact, "f")
        return int(exact) if exact == exact.to_integral_value() else float(exact)

    def _choices(self, value: Any) -> Any:
        parts = {p.strip() for p in (value.split(self.separator) if isinstance(value, str) else value)} - {""}
        if unknown := sorted(p for p in parts if self.choices and p not in self.choices):
            self._refuse(unknown[0], f"some of {', '.join(self.choices)}")
        ordered = [c for c in self.choices if c in parts] if self.choices else sorted(parts)
        return self.separator.join(ordered) or None

    def _refuse(self, value: Any, wanted: str) -> Any:
        raise Reject(
            f"{self.label or self.name}: the value is not {wanted}",
            fields=(self.name,),
            vendor_code="INVALID_VALUE",
            unchanged="The record was not written",
        )

    def info(self, key_field: str) -> FieldInfo:
        return FieldInfo(
            name=self.name,
            label=self.label or self.name.replace("_", " ").capitalize(),
            type=self.type,
            writable=not self.read_only,
            required=self.required,
            unique=self.unique or self.name == key_field,
            length=self.length,
            choices=self.choices,
            refers_to=self.refers_to,
        )


@dataclass(frozen=True, slots=True)
class ObjectProfile:
    """One object.

    `resolution`: seconds per tick of its stamps (60 gives many equal ones). `lag`: longest delay, drawn anew for each
    version, until searches show it; until then they show the version before, or nothing. `late`: (chance, seconds) of a
    version that shows much later than that. `overlap`: seconds that the connector reads again (None: enough for `lag`).
    `unique_key`: the field for create keys. `search_cap`: most rows that one search gives by offset, 0 for no end.
    `merge_makes_new_id`: the survivor of a merge is a third record. `redirects`: reading a merged or converted id says
    where it went. `slow_deletes`: the feed of deleted ones is a slow feed. `marks_us`: records say that our user wrote
    last. `after_write`: automation of the remote, {name: value} to set after a hub write, given object id and fields.
    """

    fields: tuple[FieldProfile, ...]
    label: str = ""
    conditional_write: Literal["strong", "coarse", "none"] = "strong"
    unique_key: str = ""
    deletes: Literal["tombstone", "flag", "sweep"] = "tombstone"
    slow_deletes: bool = False
    field_history: bool = False
    receipts: Literal["body", "version", "none"] = "body"
    delta: bool = True
    find_by: tuple[str, ...] = ()
    writes: frozenset[str] = frozenset({"create", "update", "delete"})
    resolution: float = 0.001
    lag: float = 0.0
    late: tuple[float, float] = (0.0, 0.0)
    overlap: float | None = None
    page_size: int = 100
    write_batch: int = 100
    search_cap: int = 0
    merge_makes_new_id: bool = False
    redirects: bool = True
    marks_us: bool = True
    after_write: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] | None = field(default=None, compare=False)

    def field(self, name: str) -> FieldProfile | None:
        return next((f for f in self.all_fields() if f.name == name), None)

    def all_fields(self) -> tuple[FieldProfile, ...]:
        """The fields, with the one for create keys if nobody listed it."""
        if not self.unique_key or any(f.name == self.unique_key for f in self.fields):
            return self.fields
        return (*self.fields, FieldProfile(self.unique_key, unique=True))

    def window(self) -> float:
        """Seconds before the cursor that a pull reads again."""
        return self.lag + self.resolution if self.overlap is None else self.overlap

    def capabilities(self) -> Capabilities:
        return Capabilities(
            conditional_write=self.conditional_write,
            unique_key=bool(self.unique_key),
            deletes=self.deletes,
            field_history=self.field_history,
            delta=self.delta,
            find_by=self.find_by or tuple(f.name for f in self.fields if f.unique and not f.hidden),
            receipts=self.receipts,
            read_batch=self.page_size,
            write_batch=self.write_batch,
            writes=self.writes,
        )

    def info(self, name: str) -> ObjectInfo:
        shown = tuple(f.info(self.unique_key) for f in self.all_fields() if not f.hidden)
        return ObjectInfo(name, self.label or name.capitalize(), shown)
