"""After a restore: records that the hub may have created itself, in systems that have no field for its keys.

Such a record is known only by what it says. If it says all that a golden record would have written there, and nothing
else, and no other golden record comes close, it is that one; if it says a good part of it, a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hub.core.model import Golden, Spoke, Value
from hub.core.policies import EMPTY
from hub.engine.apply import Verdicts
from hub.store import goldens

CLOSE = 0.5
"""The share of a golden record's values from which on a record may be its copy."""
COMMON = 20
"""A value that so many rows of a batch share tells nobody from anybody."""
PAGE = 2_000

Said = Mapping[str, Mapping[str, Value]]


def lookalikes(v: Verdicts, spoke: Spoke, says: Said) -> dict[str, tuple[list[str], bool]]:
    """{remote id: (golden records that it may be a copy of, whether it surely is of the only one)}, of records by what they
    say. Empty where the hub creates nothing, or marks what it creates by its key."""
    if not v.run.restored or spoke.key_field or "create" not in spoke.writes or spoke.direction == "read":
        return {}
    found: dict[str, list[tuple[str, bool]]] = {}
    index = _index(says)
    for golden in _missing(v, spoke):
        for id in _sharing(index, golden):
            share, whole = _agreement(spoke, golden, says[id])
            if share >= CLOSE:
                found.setdefault(id, []).append((golden.id, whole))
    return {id: ([g for g, _ in some], len(some) == 1 and some[0][1]) for id, some in found.items()}


def _missing(v: Verdicts, spoke: Spoke) -> Iterator[Golden]:
    after = ""
    while ids := goldens.missing_in(v.tx, v.run.sync.name, spoke.connection, spoke.object, after, PAGE):
        yield from goldens.load(v.tx, ids).values()
        after = ids[-1]


def _index(says: Said) -> dict[tuple[str, str], list[str]]:
    """{(path, value in plain form): ids of the records that say it}."""
    index: dict[tuple[str, str], list[str]] = {}
    for id, values in says.items():
        for path, value in values.items():
            if value not in EMPTY:
                index.setdefault((path, _plain(value)), []).append(id)
    return {key: ids for key, ids in index.items() if len(ids) <= COMMON}


def _sharing(index: Mapping[tuple[str, str], Sequence[str]], golden: Golden) -> set[str]:
    return {id for path, value in golden.fields.items() for id in index.get((path, _plain(value)), ())}


def _plain(value: Value) -> str:
    return " ".join(str(value).casefold().split())


def _agreement(spoke: Spoke, golden: Golden, says: Mapping[str, Value]) -> tuple[float, bool]:
    """The share of the golden record's values that the record says too, and whether it says all of them and no more."""
    rules = {p: r for p, r in spoke.mapping.rules.items() if r.writable and r.readable}
    ours = {p: golden.fields[p] for p in rules if golden.fields.get(p) not in EMPTY}
    same = [p for p, value in ours.items() if says.get(p) not in EMPTY and rules[p].same(says[p], value)]
    more = [p for p in rules if p not in ours and says.get(p) not in EMPTY]
    share = len(same) / len(ours) if ours else 0.0
    return share, share == 1.0 and not more
