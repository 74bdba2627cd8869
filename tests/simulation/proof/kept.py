"""What the hub could still show to a person: the measure of whether something is lost."""

from __future__ import annotations

from typing import Any

from hub.store import audit, reviews
from hub.store import tables as t
from hub.store.db import Tx, loads


def everything_kept(tx: Tx) -> set[str]:
    """Every word that the hub could still show to a person."""
    kept: set[str] = set()
    for entry in audit.entries(tx, limit=1_000_000):
        # What an intent says of a field's old value is no record of who lost what.
        for change in entry["changes"] if not entry["action"].startswith("intent") else ():
            _words(change, kept)
    for conflict in reviews.conflicts(tx, state=""):
        _words([conflict["claims"], conflict["shown"], conflict["hub_value"]], kept)
    for row in tx.rows(t.record.select().where(t.record.c.payload.is_not(None))):
        _words(loads(row.payload), kept)
    for row in tx.rows(t.golden.select()):
        _words(loads(row.fields), kept)
    return kept


def _words(value: Any, kept: set[str]) -> None:
    if isinstance(value, str):
        kept.add(value)
    elif isinstance(value, dict):
        for part in value.values():
            _words(part, kept)
    elif isinstance(value, list):
        for part in value:
            _words(part, kept)
