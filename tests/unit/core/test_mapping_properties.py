"""Mappings drawn at random over every word after `as:`: what is put can be got, and what was got can be put back.

PutGet: a canonical value that is written reads as itself, or as the same by its type where the word says what it loses.
GetPut: a raw value that is read and written again reads as before, and a second round changes nothing at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import values
from hub.core.errors import Reject
from hub.core.lint import SAMPLES
from hub.core.mapping import NO_REFS
from hub.core.model import ABSENT, UNRESOLVED, Missing
from hub.core.rules import FieldRule
from hub.core.transforms import WORDS
from tests.unit.core.decisions.form import rules_of
from tests.unit.mapping_kit import REFS
from tests.unit.small_hub import Lookup

CALM = settings(max_examples=40, derandomize=True, deadline=None)
# A word's losses are what a round trip may change. Everything else must come back as it was.
LOSSY = {
    ("lower", "text"),
    ("lower", "name"),
    ("upper", "text"),
    ("upper", "name"),
    ("epoch_s", "datetime"),
    ("name", "text"),
}
LOSSY |= {("date", "datetime"), ("integer", "number"), ("epoch_s", "date"), ("epoch_ms", "date"), ("datetime", "date")}
TWO_WAY = sorted((w.name, kind) for w in WORDS.values() if w.two_way for kind in w.kinds if w.name != "money")
EXTRA: Mapping[str, tuple[dict[str, Any], ...]] = {
    "set": ({"separator": ";"}, {"separator": ","}, {}),
    "phone": ({"region": "DE"}, {}),
    "country": ({"written": "name"}, {}),
    "bool": ({"written": "text"}, {}),
    "not": ({"written": "text"}, {}),
    "number": ({"written": "text"}, {}),
    "decimal": ({"written": "text"}, {}),
    "integer": ({"written": "text"}, {}),
    "text": ({"length": 6}, {"default": "(none)"}, {}, {"values": {"A": "alpha", "B": "beta"}, "unknown": "keep"}),
    "name": ({"length": 12}, {}),
    "url": ({"length": 30}, {}),
}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NUMBERS = st.decimals(-(10**12), 10**12, allow_nan=False, places=4).map(str)
NUMBERS |= st.integers(10**17, 10**30).map(str) | st.decimals(0, 1, allow_nan=False, places=24).map(str)
CANONICAL: Mapping[str, st.SearchStrategy[Any]] = {
    "text": TEXT | st.sampled_from([*SAMPLES["text"], "A", "B", "alpha"]),
    "name": TEXT | st.sampled_from(SAMPLES["name"]),
    "number": NUMBERS,
    "integer": st.integers(-(2**63), 2**63),
    "date": st.dates().map(str),
    "datetime": st.datetimes().map(lambda d: d.isoformat(timespec="milliseconds") + "Z"),
    "bool": st.booleans(),
    "consent": st.booleans(),
    "set": st.lists(st.text("abcdeÄ -", min_size=1, max_size=5), max_size=4),
    "phone": st.sampled_from(SAMPLES["phone"]) | st.integers(10**6, 10**9).map(lambda n: f"+4930{n}"),
    "language": st.sampled_from(SAMPLES["language"]),
    "country": st.sampled_from(SAMPLES["country"]),
    "email": st.from_regex(r"[a-z.+]{1,12}@[a-z]{1,8}\.(org|de)", fullmatch=True),
    "url": st.sampled_from(SAMPLES["url"]) | st.from_regex(r"https://[a-z]{1,8}\.org(/[A-Za-z]{0,5})?", fullmatch=True),
    "domain": st.from_regex(r"[a-z]{1,8}\.(org|de)", fullmatch=True),
}
RAW = (
    (
        st.none()
        | st.booleans()
        | st.integers(-(10**14), 10**14)
        | st.floats(allow_nan=False, allow_infinity=False)
        | TEXT
    )
    | st.sampled_from(
        [
            "1",
            "yes",
            "A",
            "B",
            " Ana  Díaz ",
            "ANA@x.org",
            "2026-01-31",
            "2026-01-31T10:11:12+02:00",
            "a;b;a",
            "b,a",
            "DE",
        ]
    )
    | st.sampled_from(
        ["france", "030 1234567", "+49 (30) 123-456", "http://WWW.Example.org/", "de_AT", "12.50", "-0", "1e3", "off"]
    )
)


def rule_of(word: str, kind: str, extra: Mapping[str, Any]) -> FieldRule:
    (rule,) = rules_of(json.dumps({"custom.x": {"as": word, "kind": kind, **extra}})).values()
    return rule


def put(rule: FieldRule, value: Any) -> Any:
    return rule.to_remote(value, {rule.path: value}, "a", NO_REFS)


def get(rule: FieldRule, raw: Any) -> Any:
    return rule.to_canonical(raw, "a", NO_REFS)


@pytest.mark.parametrize(("word", "kind"), TWO_WAY)
@CALM
@given(data=st.data())
def test_what_is_put_is_got(word, kind, data):
    rule = rule_of(word, kind, data.draw(st.sampled_from(EXTRA.get(word, ({},)))))
    try:
        value = values.tidy(kind, data.draw(CANONICAL[kind]))
        raw = put(rule, value)
    except (ValueError, Reject):
        return  # no canonical value, or one that the remote cannot hold: it is refused, not bent
    back = get(rule, raw)
    lossy = (word, kind) in LOSSY or rule.length is not None
    if value is None or value == rule.default:
        assert back is None
    elif not lossy:
        assert back == value
    else:
        assert get(rule, put(rule, back)) == back
        if rule.length is not None and (word, kind) not in LOSSY:
            assert rule.same(back, value) or len(value) > rule.length


@pytest.mark.parametrize(("word", "kind"), TWO_WAY)
@CALM
@given(data=st.data())
def test_what_was_got_can_be_put_back(word, kind, data):
    rule = rule_of(word, kind, data.draw(st.sampled_from(EXTRA.get(word, ({},)))))
    raw = data.draw(RAW | st.lists(TEXT, max_size=3) if kind == "set" else RAW)
    try:
        value = get(rule, raw)
    except Reject:
        return
    assert value is None or value == values.tidy(kind, value), "what is read is canonical"
    try:
        written = put(rule, value)
    except Reject:
        assert rule.table is not None
        return
    again = get(rule, written)
    cut = rule.length is not None and isinstance(value, str) and len(value) > rule.length
    if not cut and ((word, kind) not in LOSSY or word in ("lower", "upper")):
        assert again == value
    assert put(rule, again) == written or again is None


@CALM
@given(st.data())
def test_money_goes_both_ways_in_a_fixed_currency_and_beside_its_currency(data):
    amount = values.number(data.draw(NUMBERS))
    fixed = rules_of('{"annual_revenue": {"currency": "EUR", "written": "text"}}')["annual_revenue"]
    beside = rules_of('{"annual_revenue": {"field": "n", "currency": {"field": "c"}}}')["annual_revenue"]
    code = data.draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    value = values.money({"amount": amount, "currency": code})
    assert get(beside, put(beside, value)) == value
    assert beside.raw(beside.spread(put(beside, value))) == put(beside, value)
    if code == "EUR":
        assert get(fixed, put(fixed, value)) == value
    else:
        with pytest.raises(Reject):
            put(fixed, value)


@CALM
@given(st.dictionaries(st.text("01", min_size=1, max_size=3), st.text("g123", min_size=1, max_size=3), max_size=5))
def test_references_go_both_ways_as_far_as_they_are_linked(links):
    rule = rules_of('{"organization": {"ref": "customer", "object": "Account"}}')["organization"]
    one_to_one = {id: golden for id, golden in links.items() if list(links.values()).count(golden) == 1}
    refs = Lookup({("a", "Account", id): golden for id, golden in one_to_one.items()})
    for id, golden in one_to_one.items():
        assert rule.to_canonical(id, "a", refs) == golden and rule.to_remote(golden, {}, "a", refs) == id
    assert rule.to_canonical("unheard of", "a", refs) is UNRESOLVED
    assert rule.to_remote("g-none", {}, "a", refs) is UNRESOLVED


@CALM
@given(
    st.dictionaries(st.sampled_from(sorted(CANONICAL)), st.none() | RAW, max_size=8),
    st.sets(st.sampled_from(sorted(CANONICAL))),
)
def test_a_field_that_was_not_read_is_not_there_and_one_that_is_empty_is_null(record, left_out):
    fields = {f"custom.{kind}": {"field": kind, "kind": kind} for kind in CANONICAL}
    rules = rules_of(json.dumps(fields))
    for rule in rules.values():
        name = rule.names[0]
        shown = {k: v for k, v in record.items() if k not in left_out}
        if name not in shown:
            assert rule.raw(shown) is ABSENT and rule.to_canonical(ABSENT, "a", REFS) is ABSENT
        elif shown[name] in (None, ""):
            assert get(rule, shown[name]) is None
        else:
            try:
                assert not isinstance(get(rule, shown[name]), Missing)
            except Reject:
                continue
