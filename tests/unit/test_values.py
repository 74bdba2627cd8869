"""Canonical values: one form per type, and when two of them mean the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import values

NFD = unicodedata.normalize("NFD", "Díaz")


@pytest.mark.parametrize(
    ("kind", "raw", "tidied"),
    [
        ("text", "  Ana ", "Ana"),
        ("text", "", None),
        ("text", " \t\n", None),
        ("text", None, None),
        ("text", NFD, "Díaz"),
        ("text", "a\0b", "ab"),
        ("text", "\0", None),
        ("text", "x\ud800y", "x\ufffdy"),
        ("text", 7, "7"),
        ("text", 1.50, "1.5"),
        ("text", True, "true"),
        ("text", "007", "007"),
        ("text", "two\nlines", "two\nlines"),
        ("name", " van  der\tBerg ", "van der Berg"),
        ("name", "Ana", "Ana"),
        ("name", "O'Neil", "O'Neil"),
        ("email", " ANA@EXAMPLE.ORG ", "ana@example.org"),
        ("email", "mailto:ana@example.org", "ana@example.org"),
        ("email", "a.b+tag@sub.example.co", "a.b+tag@sub.example.co"),
        ("email", "", None),
        ("phone", "+49 (30) 123-45", "+493012345"),
        ("phone", "ask  at the desk", "ask at the desk"),
        ("phone", "+1 202 555 0123;ext=12", "+12025550123;ext=12"),
        ("url", "HTTPS://Example.ORG/", "https://example.org"),
        ("url", "example.org/Path?Q=1", "example.org/Path?Q=1"),
        ("domain", "https://www.Example.org:8080/x?y#z", "example.org"),
        ("domain", "ana@example.org", "example.org"),
        ("domain", "example.org.", "example.org"),
        ("country", "de", "DE"),
        ("language", "en_gb", "en-GB"),
        ("language", "ZH-hans-cn", "zh-Hans-CN"),
        ("language", "DE", "de"),
        ("number", "12.50", "12.5"),
        ("number", 12.5, "12.5"),
        ("number", 12.0, "12"),
        ("number", 0.1 + 0.2, "0.30000000000000004"),
        ("number", "-0.0", "0"),
        ("number", 1e-7, "0.0000001"),
        ("number", "1e3", "1000"),
        ("number", 12345678901234567890, "12345678901234567890"),
        ("number", "", None),
        ("number", " ", None),
        ("integer", "7", 7),
        ("integer", 7.0, 7),
        ("integer", None, None),
        ("money", {"amount": "12.5", "currency": "eur"}, {"amount": "12.50", "currency": "EUR"}),
        ("money", {"amount": 1250, "currency": "JPY"}, {"amount": "1250", "currency": "JPY"}),
        ("money", {"amount": "1.2345", "currency": "KWD"}, {"amount": "1.2345", "currency": "KWD"}),
        ("money", {"amount": None, "currency": "EUR"}, None),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "2026-01-31T23:30:00+02:00", "2026-01-31"),
        ("date", "", None),
        ("datetime", "2026-01-31T10:00:00.000+0000", "2026-01-31T10:00:00.000Z"),
        ("datetime", "2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00.000Z"),
        ("datetime", "2026-01-31 10:00:00", "2026-01-31T10:00:00.000Z"),
        ("datetime", "2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("datetime", "2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
        ("datetime", "2026-01-31T10:00:00.123456Z", "2026-01-31T10:00:00.123Z"),
        ("bool", True, True),
        ("bool", "FALSE", False),
        ("bool", 1, True),
        ("bool", "", None),
        ("consent", "yes", True),
        ("set", ["b", "a", "b", " "], ["a", "b"]),
        ("set", "one", ["one"]),
        ("set", [], None),
        ("set", None, None),
    ],
)
def test_every_type_has_one_tidy_form(kind, raw, tidied):
    assert values.tidy(kind, raw) == tidied
    assert type(values.tidy(kind, raw)) is type(tidied)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("text", {"a": 1}, "text"),
        ("text", [1], "text"),
        ("email", "no at sign", "e-mail"),
        ("email", "a@b@c.org", "e-mail"),
        ("email", "a@x.org, b@x.org", "e-mail"),
        ("email", "a@" + "x" * 400 + ".org", "e-mail"),
        ("url", "not a url", "web address"),
        ("domain", "localhost", "domain"),
        ("country", "Germany", "two letters"),
        ("language", "deutsch!", "language"),
        ("number", "1,234.5", "thousands"),
        ("number", "12a", "number"),
        ("number", "NaN", "40 digits"),
        ("number", float("inf"), "number"),
        ("number", True, "number"),
        ("number", "1e99999", "40 digits"),
        ("number", 10**50, "40 digits"),
        ("integer", "7.5", "whole"),
        ("money", {"amount": 1}, "currency"),
        ("money", {"amount": 1, "currency": "EURO"}, "currency"),
        ("money", 12.5, "currency"),
        ("date", "2026-02-30", "exists"),
        ("date", "31.01.2026", "date"),
        ("date", "20260131", "date"),
        ("datetime", "yesterday", "instant"),
        ("datetime", "2026-13-01T00:00:00Z", "exists"),
        ("datetime", "0001-01-01T00:00:00+10:00", "exists"),
        ("bool", "maybe", "true or false"),
    ],
)
def test_what_is_no_value_of_a_type_is_refused_with_what_was_expected(kind, raw, expected):
    with pytest.raises(ValueError, match=expected):
        values.tidy(kind, raw)


def test_a_huge_run_of_digits_is_refused_without_being_computed():
    with pytest.raises(ValueError, match="40 digits"):
        values.number("9" * 5000)


JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from([k for k in values.KINDS if k != "money"]), raw=JSON)
def test_tidying_twice_is_tidying_once(kind, raw):
    try:
        once = values.tidy(kind, raw)
    except ValueError:
        return
    assert values.tidy(kind, once) == once


@pytest.mark.parametrize(
    ("kind", "a", "b"),
    [
        ("text", "Head of  Sales", "head of sales"),
        ("text", NFD, "DÍAZ"),
        ("text", "zero\u200bwidth", "zerowidth"),
        ("text", "A long description of", "A long description of something"),
        ("text", "Straße", "STRASSE"),
        ("name", "Donaudampfschiff", "Donaudampfschifffahrt"),
        ("email", "ana@example.org", "ANA@example.org"),
        ("phone", "+493012345678", "+49 30 1234 5678"),
        ("phone", "030 12345678", "+493012345678"),
        ("url", "https://www.example.org/", "example.org"),
        ("url", "http://example.org", "https://EXAMPLE.org"),
        ("number", "12.345", "12.35"),
        ("number", "12.5", "12"),
        ("number", "12.5", "13"),
        ("money", {"amount": "12.50", "currency": "EUR"}, {"amount": "12.5049", "currency": "EUR"}),
        ("datetime", "2026-01-31T10:00:00.123Z", "2026-01-31T10:00:00.000Z"),
        ("datetime", "2026-01-31T10:00:37.123Z", "2026-01-31T10:00:00.000Z"),
        ("set", ["a", "b"], ["a", "b"]),
        ("bool", True, True),
    ],
)
def test_what_a_system_does_by_itself_leaves_a_value_the_same(kind, a, b):
    assert values.same(kind, a, b)
    assert values.same(kind, b, a)


@pytest.mark.parametrize(
    ("kind", "a", "b"),
    [
        ("text", "Sales", "Marketing"),
        ("text", "abc", "abcd"),
        ("text", "", "abcd"),
        ("text", "Ana", None),
        ("name", "Anna", "Annabelle"),
        ("name", "Smith", "Smithson"),
        ("email", "ana@example.org", "ana@example.org.uk"),
        ("phone", "+493012345678", "+493012345679"),
        ("phone", "345678", "+493012345678"),
        ("phone", "+4912345678", "+112345678"),
        ("phone", "+493012345678;ext=1", "+493012345678;ext=2"),
        ("phone", "call Ana", "call Bob"),
        ("url", "https://example.org/a", "https://example.org/b"),
        ("country", "DE", "DK"),
        ("number", "12.34", "12.35"),
        ("number", "12.3", "12.35001"),
        ("number", "1", "2"),
        ("integer", 5, 6),
        ("money", {"amount": "12.50", "currency": "EUR"}, {"amount": "12.50", "currency": "USD"}),
        ("money", {"amount": "12.50", "currency": "EUR"}, {"amount": "12.60", "currency": "EUR"}),
        ("date", "2026-01-31", "2026-01-30"),
        ("datetime", "2026-01-31T10:00:01.000Z", "2026-01-31T10:00:02.000Z"),
        ("datetime", "2026-01-31T10:00:00.000Z", "2026-01-31T10:01:00.000Z"),
        ("bool", True, False),
        ("bool", False, None),
        ("set", ["a"], ["a", "b"]),
        ("set", ["a"], ["A"]),
        ("ref", "g1", "G1"),
    ],
)
def test_another_value_is_not_the_same(kind, a, b):
    assert not values.same(kind, a, b)
    assert not values.same(kind, b, a)


def test_a_known_length_decides_what_a_cut_is():
    assert values.same("name", "Annabe", "Annabelle", length=6)
    assert not values.same("name", "Anna", "Annabelle", length=6)
    assert values.same("text", "ab", "abcdef", length=2)


@pytest.mark.parametrize(
    ("kind", "more", "less"),
    [
        ("text", "A long description of something", "A long description of"),
        ("text", "Head of Sales", "head of sales"),
        ("text", "Head of Sales", "HEAD OF SALES"),
        ("text", "HEAD", "head"),
        ("phone", "+493012345678", "030 12345678"),
        ("url", "https://example.org", "example.org"),
        ("number", "12.345", "12.35"),
        ("money", {"amount": "12.5049", "currency": "EUR"}, {"amount": "12.50", "currency": "EUR"}),
        ("datetime", "2026-01-31T10:00:37.123Z", "2026-01-31T10:00:00.000Z"),
        ("datetime", "2026-01-31T10:20:30.500Z", "2026-01-31T10:20:30.000Z"),
        ("text", "Ana", None),
    ],
)
def test_the_value_that_says_more_is_richer_from_either_side(kind, more, less):
    assert values.richer(kind, more, less) == more
    assert values.richer(kind, less, more) == more


def test_of_two_that_say_as_much_the_first_stands():
    assert values.richer("text", "Ana B", "Ana C") == "Ana B"
    assert values.richer("set", ["a"], ["b"]) == ["a"]
    assert values.richer("bool", True, True) is True


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(["text", "name", "url"]), a=st.text(max_size=30), b=st.text(max_size=30))
def test_same_has_no_direction_and_the_richer_one_is_one_of_the_two(kind, a, b):
    assert values.same(kind, a, b) == values.same(kind, b, a)
    assert values.richer(kind, a, b) in (a, b)
    assert values.same(kind, a, a)
