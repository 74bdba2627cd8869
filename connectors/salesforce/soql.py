"""Build SOQL, and translate between Salesforce's ids and stamps and ours.

Every value enters a query through `quote`, every stamp through `instant` and every name through `name`: there is no
other way to put text into a query, so a value can never become part of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote_plus

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*\Z")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z\Z")
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?\Z")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

# The vendor cuts off at 16,384 bytes of URI; the rest is left to the path and the other clauses.
URI_ROOM = 12_000


def quote(value: str) -> str:
    """A text as a SOQL literal."""
    return "'" + value.translate(_ESCAPES) + "'"


def instant(stamp: str) -> str:
    """A stamp as a SOQL literal, which is written without quotes."""
    if not _INSTANT.match(stamp):
        raise ValueError("not an RFC 3339 instant in UTC")
    return stamp


def name(text: str) -> str:
    """An object's or a field's name, refused if it is anything else."""
    if not _NAME.match(text):
        raise ValueError(f"{text!r} is not the name of a Salesforce object or field")
    return text


def select(object: str, fields: Iterable[str], where: str = "", order: str = "") -> str:
    """A whole query. `where` and `order` are clauses built from the functions here."""
    parts = ["SELECT", ", ".join(name(f) for f in fields), "FROM", name(object)]
    parts += ["WHERE", where] if where else []
    parts += ["ORDER BY", order] if order else []
    return " ".join(parts)


def among(field: str, values: Sequence[str]) -> str:
    """The field holds one of the values."""
    return f"{name(field)} IN ({','.join(quote(v) for v in values)})"


def chunks(values: Iterable[str], most: int = 1_000, room: int = URI_ROOM) -> Iterator[list[str]]:
    """Cut a list so that each part fits into the URI of one query."""
    part: list[str] = []
    used = 0
    for value in values:
        cost = len(quote_plus(quote(value))) + 3
        if part and (used + cost > room or len(part) >= most):
            yield part
            part, used = [], 0
        part.append(value)
        used += cost
    if part:
        yield part


# ---------------------------------------------------------------- ids


def is_id(text: str) -> bool:
    """Whether the text has the form of a record id (15 or 18 letters and digits)."""
    return bool(_ID.match(text))


def id18(text: str) -> str:
    """The 18-character form of an id, which may be compared without regard to case by others."""
    if len(text) != 15:
        return text
    groups = (text[0:5], text[5:10], text[10:15])
    return text + "".join(_CHECK[sum(1 << n for n, c in enumerate(g) if "A" <= c <= "Z")] for g in groups)


# ---------------------------------------------------------------- stamps


def stamp(text: str | None) -> str:
    """Salesforce's "2026-01-01T10:00:00.000+0000" as "2026-01-01T10:00:00.000Z"."""
    if not text:
        return ""
    if text.endswith("+0000") and len(text) == 28:
        return text[:23] + "Z"
    return from_epoch(datetime.fromisoformat(text).timestamp())


def from_epoch(seconds: float) -> str:
    """Seconds since the epoch as a stamp in whole seconds: the vendor stores no finer ones."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def to_epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def http_date(text: str) -> str:
    """A stamp as the date of an HTTP header."""
    return format_datetime(datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0), usegmt=True)


def from_http_date(text: str) -> float | None:
    """The date of an HTTP header as seconds since the epoch, None if it is not one."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None
