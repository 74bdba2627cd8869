"""The words after `as:`: what they read, what they write, and that the way back is a way back."""

from __future__ import annotations

import pytest

from hub.core import values
from hub.core.lint import SAMPLES
from hub.core.transforms import WORDS, Options, Tools, as_json, loses
from hub.settings.tools import TOOLS


def both(word, **options):
    options = Options(tools=TOOLS, **options)
    encode = WORDS[word].encode
    return WORDS[word].decode(options), encode(options) if encode else None


@pytest.mark.parametrize(
    ("word", "options", "raw", "canonical", "written"),
    [
        ("text", {}, " Ana ", "Ana", "Ana"),
        ("email", {"kind": "email"}, " ANA@Example.org", "ana@example.org", "ana@example.org"),
        ("phone", {"kind": "phone", "region": "DE"}, "030 1234567", "+49301234567", "+49301234567"),
        ("phone", {"kind": "phone"}, "0049 30 1234567", "+49301234567", "+49301234567"),
        ("phone", {"kind": "phone"}, "+1 202-555-0123 x12", "+12025550123;ext=12", "+12025550123;ext=12"),
        ("phone", {"kind": "phone"}, "030 1234567", "030 1234567", "030 1234567"),
        ("phone", {"kind": "phone"}, "ask at the desk", "ask at the desk", "ask at the desk"),
        ("phone", {"kind": "phone", "region": "US"}, 2025550123, "+12025550123", "+12025550123"),
        ("country", {"kind": "country"}, "Germany", "DE", "DE"),
        ("country", {"kind": "country", "written": "name"}, "deutschland", "DE", "Germany"),
        ("country", {"kind": "country", "written": "code"}, "DEU", "DE", "DE"),
        ("number", {"kind": "number"}, "12.50", "12.5", 12.5),
        ("number", {"kind": "number", "written": "text"}, 12.5, "12.5", "12.5"),
        ("number", {"kind": "number"}, "3", "3", 3),
        ("integer", {"kind": "integer"}, "7", 7, 7),
        ("percent", {"kind": "number"}, 20, "0.2", 20),
        ("percent", {"kind": "number"}, "12.5", "0.125", 12.5),
        ("cents", {"kind": "number"}, 1250, "12.5", 1250),
        ("date", {"kind": "date"}, "2026-01-31", "2026-01-31", "2026-01-31"),
        ("date", {"kind": "datetime"}, "2026-01-31", "2026-01-31T00:00:00.000Z", "2026-01-31"),
        ("datetime", {"kind": "date"}, "2026-01-31T00:00:00Z", "2026-01-31", "2026-01-31T00:00:00.000Z"),
        (
            "datetime",
            {"kind": "datetime"},
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00.000Z",
            "2026-01-31T10:00:00.000Z",
        ),
        ("epoch_ms", {"kind": "datetime"}, "1769853600123", "2026-01-31T10:00:00.123Z", 1769853600123),
        ("epoch_s", {"kind": "datetime"}, 1769853600, "2026-01-31T10:00:00.000Z", 1769853600),
        ("epoch_ms", {"kind": "date"}, 1769817600000, "2026-01-31", 1769817600000),
        ("epoch_ms", {"kind": "datetime"}, -1, "1969-12-31T23:59:59.999Z", -1),
        ("bool", {"kind": "bool"}, "true", True, True),
        ("bool", {"kind": "bool", "written": "text"}, False, False, "false"),
        ("not", {"kind": "bool"}, True, False, True),
        ("not", {"kind": "bool", "written": "text"}, "false", True, "false"),
        ("set", {"kind": "set", "separator": ";"}, "b; a;;b", ["a", "b"], "a;b"),
        ("set", {"kind": "set", "separator": ","}, "b,a", ["a", "b"], "a,b"),
        ("set", {"kind": "set"}, ["b", "a"], ["a", "b"], ["a", "b"]),
        ("lower", {}, "ANA", "ana", "ana"),
        ("upper", {}, "ana", "ANA", "ANA"),
    ],
)
def test_a_word_reads_and_writes(word, options, raw, canonical, written):
    decode, encode = both(word, **options)
    assert decode(raw) == canonical
    assert encode(canonical) == written
    assert decode(encode(canonical)) == canonical


@pytest.mark.parametrize(
    ("word", "raw", "canonical"),
    [
        ("title", "ana díaz", "Ana Díaz"),
        ("digits", "A-12 34", "1234"),
        ("first_word", "Ana María Díaz", "Ana"),
        ("last_word", "Ana María Díaz", "Díaz"),
        ("email_domain", "ana@example.org", "example.org"),
    ],
)
def test_a_one_way_word_reads_only(word, raw, canonical):
    decode, encode = both(word)
    assert decode(raw) == canonical
    assert encode is None
    assert not WORDS[word].two_way


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_reads_nothing_as_nothing(word):
    decode, _ = both(word, kind=WORDS[word].kinds[0])
    assert decode(None) is None
    assert decode("") is None


@pytest.mark.parametrize(
    "word", sorted(w.name for w in WORDS.values() if w.two_way and not w.loses and w.name != "money")
)
def test_what_a_two_way_word_writes_it_reads_again(word):
    for kind in WORDS[word].kinds:
        if loses(WORDS[word], kind):
            continue
        decode, encode = both(word, kind=kind, separator=";" if kind == "set" else None)
        for value in SAMPLES[kind]:
            if word == "datetime" and kind == "date":
                value = value[:10]
            assert decode(encode(value)) == value, (word, kind, value)


@pytest.mark.parametrize(
    ("word", "kind", "raw"),
    [
        ("country", "country", "Atlantis"),
        ("epoch_ms", "datetime", 10**20),
        ("epoch_s", "datetime", "soon"),
        ("percent", "number", "a fifth"),
    ],
)
def test_what_a_word_cannot_read_is_refused(word, kind, raw):
    decode, _ = both(word, kind=kind)
    with pytest.raises(ValueError, match=r".+"):
        decode(raw)


def test_without_libraries_phones_and_countries_stay_what_they_are():
    bare = Options("phone", tools=Tools())
    assert WORDS["phone"].decode(bare)("+49 30 1234567") == "+49301234567"
    assert WORDS["phone"].decode(bare)("030 1234567") == "030 1234567"
    assert WORDS["country"].decode(bare)("de") == "DE"
    assert WORDS["country"].encode(Options(written="name"))("DE") == "DE"


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("12", 12),
        ("-0.1", -0.1),
        ("12345678901234567890", "12345678901234567890"),
        ("0.12345678901234567890", "0.1234567890123456789"),
    ],
)
def test_a_number_is_written_exactly_or_as_text(value, raw):
    assert as_json(values.number(value)) == raw
    assert type(as_json(values.number(value))) is type(raw)


def test_decimals_are_rounded_half_up_where_a_remote_holds_whole_numbers():
    decode, encode = both("integer", kind="number")
    assert [encode("12.5"), encode("-0.5"), encode("7")] == [13, -1, 7]
    assert decode(7) == "7"


def test_words_say_what_they_lose():
    assert loses(WORDS["date"], "datetime") == "the time of day"
    assert loses(WORDS["date"], "date") == ""
    assert loses(WORDS["lower"], "text") == "capital letters"


def test_every_word_has_help_and_a_kind():
    for word in WORDS.values():
        assert word.help
        assert set(word.kinds) <= set(values.KINDS)
