"""How the sandbox stores a value, and how it words a refusal: trimmed, checked and normalised as the vendor does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.sandbox_schema import Column

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+\Z")
_TEXTS = ("string", "textarea", "email", "phone", "url", "picklist", "multipicklist")


class Refusal(Exception):
    """The vendor says no. `extra` goes into the body beside code, message and fields."""

    def __init__(
        self, code: str, message: str, *fields: str, status: int = 400, whole: bool = False, extra: Any = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.status = code, message, list(fields), status
        self.whole, self.extra = whole, extra or {}

    def single(self) -> list[dict[str, Any]]:
        fields = {"fields": self.fields} if self.fields else {}
        return [{"message": self.message, "errorCode": self.code, **fields, **self.extra}]

    def result(self) -> dict[str, Any]:
        error = {"statusCode": self.code, "message": self.message, "fields": self.fields}
        return {"success": False, "errors": [error]}


def unknown_column(name: str, object: str, *, whole: bool = False) -> Refusal:
    return Refusal("INVALID_FIELD", f"No such column '{name}' on sobject of type {object}", whole=whole)


def stored(column: Column, value: Any) -> Any:
    """A value of any type but a reference, as the vendor stores it."""
    if is_empty(value):
        return empty(column)
    return _text(column, value) if column.type in _TEXTS else _CHECKS[column.type](column, value)


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def empty(column: Column) -> Any:
    return False if column.type == "boolean" else None


def _wrong(column: Column, value: Any) -> Refusal:
    words = f"{column.name}: value not of required type: {value}"
    return Refusal("INVALID_TYPE_ON_FIELD_IN_RECORD", words, column.name)


def _text(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(column, value)
    text = value.strip()
    if column.type == "email" and not _EMAIL.match(text):
        raise Refusal("INVALID_EMAIL_ADDRESS", f"{column.name}: invalid email address: {text}", column.name)
    if column.choices:
        text = _choice(column, text)
    if column.length and len(text) > column.length:
        words = f"{column.name}: data value too large: {text[:20]} (max length={column.length})"
        raise Refusal("STRING_TOO_LONG", words, column.name)
    return text


def _choice(column: Column, text: str) -> str:
    """One value, or several joined by semicolons: those come back in the order of the picklist."""
    picked = {p.strip() for p in text.split(";") if p.strip()} if column.type == "multipicklist" else {text}
    if not picked <= set(column.choices):
        raise _bad_choice(column, text)
    return ";".join(c for c in column.choices if c in picked)


def _bad_choice(column: Column, text: str) -> Refusal:
    words = f"{column.name}: bad value for restricted picklist field: {text}"
    return Refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words, column.name)


def _boolean(column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(column, value)
    return value


def _number(column: Column, value: Any) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _wrong(column, value) from None
    if isinstance(value, bool) or (column.type == "int" and number != int(number)):
        raise _wrong(column, value)
    if abs(number) >= (1e8 if column.type == "int" else 1e16):
        raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", f"{column.name}: value outside of valid range", column.name)
    return int(number) if column.type == "int" else round(number, column.scale)


def _date(column: Column, value: Any) -> str:
    try:
        return datetime.strptime(value, "%Y-%m-%d").date().isoformat()
    except (TypeError, ValueError):
        raise _wrong(column, value) from None


def _instant(column: Column, value: Any) -> str:
    try:
        return soql.from_epoch(soql.to_epoch(value)).replace("Z", "+0000")
    except (TypeError, ValueError):
        raise _wrong(column, value) from None


_CHECKS: Mapping[str, Callable[[Column, Any], Any]] = {
    "boolean": _boolean,
    "int": _number,
    "double": _number,
    "currency": _number,
    "date": _date,
    "datetime": _instant,
}
