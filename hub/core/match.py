"""Which golden record is this record? Keys that equal records share, and a verdict that never guesses.

Also the names that follow from an origin alone: the golden record's id and the key that a create carries, so that a hub
that forgot what it did still recognises its own records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b
from json.encoder import encode_basestring_ascii
from unicodedata import normalize

from hub.core.model import ABSENT, UNRESOLVED, Fields, MatchRule, Value

Origin = tuple[str, str, str, int]  # connection, object, id, generation
_PART = 25  # a letter and 24 hex digits


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a record that has no link. `kind`: link (to `golden`) | review (of `candidates`) | new."""

    kind: str
    golden: str | None = None
    candidates: tuple[str, ...] = ()
    reason: str = ""


def keys(rules: Sequence[MatchRule], fields: Fields, prefix: str) -> list[tuple[str, str, int]]:
    """(key, link | review, index of the rule) for each rule of which every field has a value.

    The key tells the rule by its fields, not by its place in the list, so that stored keys outlive a reordering.
    """
    found = []
    for index, rule in enumerate(rules):
        values = [_plain(fields.get(path)) for path in rule.when]
        if values and all(values):
            found.append((_hash(48, "match", prefix, *rule.when, *values), rule.decide, index))
    return found


def verdict(
    candidates: Sequence[tuple[int, str, str]], taken: AbstractSet[str], connection: str = "<connection>"
) -> Verdict:
    """Judge the golden records that share a key: (index of the rule, link | review, golden id).

    `taken`: golden records that have a record of this object already.
    """
    strong = sorted({golden for _, decide, golden in candidates if decide == "link"})
    weak = sorted({golden for _, _, golden in candidates})
    if len(strong) > 1:
        return Verdict("review", None, tuple(strong), "ambiguous")
    if strong and strong[0] not in taken:
        return Verdict("link", strong[0], tuple(strong), f"match rule {_first(candidates, strong[0]) + 1}")
    if strong or (weak and set(weak) <= taken):
        return Verdict("review", None, tuple(strong or weak), f"duplicate inside {connection}")
    if weak:
        return Verdict("review", None, tuple(weak), "the rule asks for a person")
    return Verdict("new")


def _first(candidates: Sequence[tuple[int, str, str]], golden: str) -> int:
    return min(index for index, decide, id in candidates if decide == "link" and id == golden)


# ---------------------------------------------------------------- names that follow from an origin


def golden_id(workspace: str, origin: Origin) -> str:
    """The id of the golden record that this origin founds: the same whenever and wherever it is computed."""
    return "g" + _hash(24, "origin", workspace, *map(str, origin))


def create_key(workspace: str, origin: Origin, target: tuple[str, str]) -> str:
    """The key that a create carries into (connection, object): which record it stands for, and where."""
    start = "o" + _hash(24, "origin", workspace, *map(str, origin))
    return f"{start}-t{_hash(24, 'target', workspace, *map(str, origin), *target)}"


def origin_part(key: str) -> str:
    """The part of a create key that names the origin; "" if this is no key of ours."""
    start, dash, end = key.strip().partition("-")
    ours = bool(dash) and _is_part(start, "o") and _is_part(end, "t")
    return start if ours else ""


def _is_part(text: str, letter: str) -> bool:
    return len(text) == _PART and text[0] == letter and all(c in "0123456789abcdef" for c in text[1:])


# ---------------------------------------------------------------- values


def _plain(value: Value) -> str:
    """A value for comparing: no case, no odd spaces, one form of each letter; "" if there is none."""
    if value in (None, ABSENT, UNRESOLVED, "", [], {}):
        return ""
    if isinstance(value, str):
        if value.isascii():
            return " ".join(value.casefold().split())
        return " ".join(normalize("NFKC", normalize("NFKC", value).casefold()).split())
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _hash(digits: int, *parts: str) -> str:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") must never share a key.
    text = f"[{', '.join(map(encode_basestring_ascii, parts))}]"
    return blake2b(text.encode(), digest_size=digits // 2).hexdigest()
