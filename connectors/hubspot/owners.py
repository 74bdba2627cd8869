"""Owners: the users of a HubSpot account, to whom records belong. Read only, and only whole.

Nothing can be asked about owners by time, so they are read on the slow clock; archived ones come from a list of their
own. Their fields are the JSON names as text, and `archived` tells who is not active any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.hubspot.api import Api, Call
from connectors.hubspot.reads import advanced
from connectors.hubspot.records import deleted, stamp
from hub.connect.connector import FieldInfo, ObjectInfo, Page, Want
from hub.core.model import Record

INFO = ObjectInfo(
    "owners",
    "Owners",
    (
        FieldInfo("id", "Owner id", "text", writable=False, unique=True),
        FieldInfo("email", "E-mail", "email", writable=False),
        FieldInfo("firstName", "First name", "text", writable=False),
        FieldInfo("lastName", "Last name", "text", writable=False),
        FieldInfo("userId", "User id", "text", writable=False),
        FieldInfo("type", "Type", "choice", writable=False, choices=("PERSON", "QUEUE")),
        FieldInfo("archived", "Archived", "bool", writable=False),
    ),
)
DONE = '{"bound":1}'


def changes(api: Api, cursor: str, want: Want) -> Iterator[Page]:
    """All owners, if they have never been read or the slow clock has struck; else nothing, at no cost."""
    if cursor and not want.slow:
        yield Page([], cursor, last=True)
        return
    pages = _pages(api)
    for rows, last in pages:
        yield Page([record(raw, want) for raw in rows], DONE if last else "", last=last)


def _pages(api: Api) -> Iterator[tuple[list[dict[str, Any]], bool]]:
    for archived in ("false", "true"):
        after = ""
        while True:
            query = [("limit", "100"), ("archived", archived)] + ([("after", after)] if after else [])
            answer = api.rows(Call("owners list", "GET", api.paths.owners, query=tuple(query)))
            after = advanced(answer, after)
            yield list(answer.body["results"]), not after and archived == "true"
            if not after:
                break


def record(raw: dict[str, Any], want: Want) -> Record:
    values = {name: _text(value) for name, value in raw.items()}
    fields = {name: values.get(name) for name in want.fields}
    updated = stamp(str(raw.get("updatedAt") or ""))
    return Record("owners", str(raw["id"]), fields, version=updated, stamp=updated)


def get(api: Api, ids: Sequence[str], want: Want) -> list[Record]:
    """Owners by id. There are few of them and no batch read, so the lists are read."""
    from dataclasses import replace

    found = {str(raw["id"]): record(raw, want) for rows, _ in _pages(api) for raw in rows}
    return [replace(found[id], direct=True) if id in found else deleted("owners", id, direct=True) for id in ids]


def all_ids(api: Api) -> Iterator[list[str]]:
    return ([str(raw["id"]) for raw in rows] for rows, _ in _pages(api))


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None or value == "" else str(value)
