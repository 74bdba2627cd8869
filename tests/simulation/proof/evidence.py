"""What the laws look at: what stands in the hub, what happened in the systems, and which records are one real thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hub.core.model import Golden, Link
from hub.store import goldens, reviews
from hub.store import tables as t
from hub.store.db import Tx
from tests.simulation.proof.history import History

SERIAL = {"org": "site", "person": "last", "order": "number", "lead": "last"}
"""The field that tells which real thing a record is: nobody edits it."""
GOING = ("delete", "merge", "convert")


def linked(tx: Tx, object: str) -> Iterator[tuple[Golden, Link]]:
    """Every primary link of an object that stands, with its golden record."""
    ids = [r[0] for r in tx.rows(t.golden.select().with_only_columns(t.golden.c.id))]
    found, links = goldens.load(tx, ids), goldens.links_of(tx, ids)
    for id, golden in found.items():
        for link in links[id]:
            if link.object == object and link.state == "linked" and link.primary:
                yield golden, link


def open_fields(tx: Tx) -> set[tuple[str, str]]:
    """(golden, path) of what waits for a person; path "" stands for the whole record."""
    open_ = {(c["golden"], c["path"]) for c in reviews.conflicts(tx)}
    return open_ | {(e["golden"], e["path"]) for e in reviews.letters(tx)}


def log(h: History, name: str, *actions: str, object: str = "") -> list[Any]:
    entries = h.scene.remotes[name].log
    return [e for e in entries if (not actions or e.action in actions) and object in ("", e.object)]


def serial_of(h: History, name: str, object: str, id: str) -> Any:
    return folded(h.scene.remotes[name].version(object, id).fields.get(SERIAL[object]))


def folded(serial: Any) -> str:
    """Products and types write a web address in their own way."""
    return str(serial).casefold()
