"""Match keys: how records find each other, kept beside each golden record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core import match
from hub.core.model import Fields, Sync
from hub.store import goldens

if TYPE_CHECKING:
    from hub.engine.apply import Verdicts
    from hub.engine.batch import Batch


def match_keys(sync: Sync, fields: Fields) -> list[tuple[str, str, int]]:
    """(key, link | review, index of the rule) for each match rule of which all fields are filled."""
    return match.keys(sync.match, fields, sync.name)


def renew(v: Verdicts, batch: Batch) -> None:
    """Bring the stored keys of changed golden records up to date, in bulk."""
    sync = v.run.sync
    added: list[tuple[str, str, bool]] = []
    dropped: list[tuple[str, str]] = []
    for golden in v.goldens.values():
        now = {key: decide == "link" for key, decide, _ in match_keys(sync, golden.fields)}
        was = batch.keys.get(golden.id, {})
        added += [(key, golden.id, strong) for key, strong in now.items() if key not in was]
        dropped += [(key, golden.id) for key in was if key not in now]
    goldens.drop_keys(v.tx, dropped)
    goldens.add_keys(v.tx, sync.name, added)
