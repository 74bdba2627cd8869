"""JSON text for the database: orjson, and the standard library for the few values that orjson cannot hold.

Those are integers beyond 64 bits and half characters (lone surrogates) that some system sent. Their text begins with a
space, so that reading knows which of the two wrote it.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

MARK = " "


def dumps(value: Any) -> str:
    """The JSON text of a plain value, keys sorted: equal values have equal text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return MARK + json.dumps(value, sort_keys=True, separators=(",", ":"))


def loads(text: str | bytes | None) -> Any:
    """The value of what `dumps` wrote; None for None."""
    if text is None:
        return None
    return json.loads(text) if text[:1] in (MARK, MARK.encode()) else orjson.loads(text)


def fits(text: str) -> str:
    """A message of some system, as every database can hold it: without NUL, half characters marked."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def as_dict(row: Any) -> dict[str, Any]:
    """A row by its column names, as plain text: what SQLAlchemy calls them is a class of its own, which orjson refuses as
    a key."""
    return {str(name): value for name, value in row._asdict().items()}
