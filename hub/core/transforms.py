"""The closed set of words after `as:`: how a remote writes a value down, in both directions.

Each word decodes a remote's raw value into a canonical one and encodes it back. A word without an inverse is one-way and
refused on fields that are also written. Phones and countries need tables that are not in the standard library, so they
come in through `Tools`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from hub.core import values
from hub.core.model import Raw, Value

Step = Callable[[Any], Any]


def _no_phone(number: str, region: str | None) -> str | None:
    return None


def _plain_country(text: str) -> str | None:
    return values.country(text) if len(text) == 2 else None


def _no_name(code: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Tools:
    """What needs a library: E.164 of a phone number in a region, a country's code, and a country's name."""

    phone: Callable[[str, str | None], str | None] = _no_phone
    country: Callable[[str], str | None] = _plain_country
    country_name: Callable[[str], str | None] = _no_name


@dataclass(frozen=True, slots=True)
class Options:
    """The keys of a field that transforms look at."""

    kind: str = "text"
    separator: str | None = None
    region: str | None = None
    written: str = ""
    tools: Tools = Tools()


@dataclass(frozen=True, slots=True)
class Word:
    """One word: the kinds of canonical value that it makes (the first one if the field does not say), its help, what a
    round trip loses, and how to build the two directions. `encode` is None where there is no way back."""

    name: str
    kinds: tuple[str, ...]
    help: str
    decode: Callable[[Options], Step]
    encode: Callable[[Options], Step] | None = None
    loses: str = ""
    written: tuple[str, ...] = ()

    @property
    def two_way(self) -> bool:
        return self.encode is not None


def itself(value: Any) -> Any:
    return value


def _tidy(kind: str) -> Callable[[Options], Step]:
    return lambda options: values.TIDY[kind]


def _identity(options: Options) -> Step:
    return itself


# ---------------------------------------------------------------- words that need more than tidying


def _decode_phone(options: Options) -> Step:
    parse, region = options.tools.phone, options.region

    def decode(raw: Raw) -> Value:
        tidied = raw.strip() if raw.__class__ is str else values.text(raw)
        return (parse(tidied, region) or values.phone(tidied)) if tidied else None

    return decode


def _decode_country(options: Options) -> Step:
    find = options.tools.country

    def decode(raw: Raw) -> Value:
        tidied = values.text(raw)
        if tidied is None:
            return None
        code = find(tidied)
        if code is None:
            raise ValueError("a country, by name or code")
        return code

    return decode


def _encode_country(options: Options) -> Step:
    if options.written != "name":
        return itself
    named = options.tools.country_name
    return lambda code: named(code) or code


def _encode_number(options: Options) -> Step:
    return str if options.written == "text" else as_json


def as_json(value: Value) -> Raw:
    """A number as JSON holds it, as text where a float would not be exact."""
    exact = values.decimal(value)
    if exact == exact.to_integral_value() and abs(exact) < 2**53:
        return int(exact)
    return float(exact) if Decimal(repr(float(exact))) == exact else values.plain(exact)


def _encode_bool(options: Options) -> Step:
    return {True: "true", False: "false"}.__getitem__ if options.written == "text" else bool


def _decode_not(options: Options) -> Step:
    def decode(raw: Raw) -> Value:
        held = values.truth(raw)
        return None if held is None else not held

    return decode


def _encode_not(options: Options) -> Step:
    write = _encode_bool(options)
    return lambda value: write(not value)


def _decode_set(options: Options) -> Step:
    mark = options.separator or ";"

    def decode(raw: Raw) -> Value:
        return values.many(raw.split(mark) if isinstance(raw, str) else raw)

    return decode


def _encode_set(options: Options) -> Step:
    mark = options.separator
    return list if mark is None else lambda value: mark.join(value)


def _decode_instant(options: Options) -> Step:
    return values.day if options.kind == "date" else values.instant


def _encode_instant(options: Options) -> Step:
    return values.instant if options.kind == "date" else itself


def _encode_day(options: Options) -> Step:
    return lambda value: value[:10]


def _decode_day(options: Options) -> Step:
    if options.kind == "date":
        return values.day
    return lambda raw: values.instant(values.day(raw))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _decode_epoch(unit: int) -> Callable[[Options], Step]:
    def build(options: Options) -> Step:
        def decode(raw: Raw) -> Value:
            count = values.integer(raw)
            if count is None:
                return None
            try:
                moment = values.stamp(_EPOCH + timedelta(milliseconds=count * unit))
            except OverflowError as error:
                raise ValueError("a number of seconds or milliseconds since 1970") from error
            return moment[:10] if options.kind == "date" else moment

        return decode

    return build


def _encode_epoch(unit: int) -> Callable[[Options], Step]:
    def encode(value: Value) -> Raw:
        moment = datetime.fromisoformat(values.instant(value) or "")
        return (moment - _EPOCH) // timedelta(milliseconds=1) // unit

    return lambda options: encode


# Wide enough that moving the point of a 40-digit number never rounds it.
_WIDE = Context(prec=60)


def _scaled(places: int) -> Callable[[Options], Step]:
    """The point moved by so many places on the way in, and back on the way out."""

    def scale(raw: Raw) -> Value:
        held = values.number(raw)
        return None if held is None else values.plain(Decimal(held).scaleb(places, _WIDE))

    return lambda options: scale


def _unscaled(places: int) -> Callable[[Options], Step]:
    return lambda options: lambda value: as_json(Decimal(value).scaleb(-places, _WIDE))


def _decode_whole(options: Options) -> Step:
    if options.kind == "integer":
        return values.integer
    return lambda raw: values.number(values.integer(raw))


def _encode_whole(options: Options) -> Step:
    write = _encode_number(options)
    if options.kind == "integer":
        return write
    return lambda value: write(values.plain(Decimal(value).to_integral_value(ROUND_HALF_UP)))


def _decode_text(options: Options) -> Step:
    return values.TIDY[options.kind]


def _letters(change: Callable[[str], str]) -> Callable[[Options], Step]:
    """Text that is changed, and tidied as its kind is: a name has single spaces however its letters are written."""

    def build(options: Options) -> Step:
        tidy = values.TIDY[options.kind]

        def decode(raw: Raw) -> Value:
            tidied = tidy(raw)
            return None if tidied is None else tidy(change(tidied))

        return decode

    return build


def _one_word(index: int) -> Callable[[Options], Step]:
    return _letters(lambda text: text.split()[index])


def _words(*given: Word) -> Mapping[str, Word]:
    return {word.name: word for word in given}


WORDS: Mapping[str, Word] = _words(
    Word("text", ("text", "name"), "text as it is, trimmed", _decode_text, _identity),
    Word("name", ("name", "text"), "a name: trimmed, single spaces", _tidy("name"), _identity),
    Word("email", ("email",), "an e-mail address, in lower case", _tidy("email"), _identity),
    Word("phone", ("phone",), "a phone number, E.164 where it is one; `region` for national numbers", _decode_phone, _identity),
    Word("url", ("url",), "a web address", _tidy("url"), _identity),
    Word("domain", ("domain",), "a bare host name", _tidy("domain"), _identity),
    Word("country", ("country",), "a country; `written: name`", _decode_country, _encode_country, written=("code", "name")),
    Word("language", ("language",), "a language, BCP 47", _tidy("language"), _identity),
    Word("number", ("number",), "an exact number", _tidy("number"), _encode_number, written=("number", "text")),
    Word("decimal", ("number",), "an exact number", _tidy("number"), _encode_number, written=("number", "text")),
    Word("integer", ("integer", "number"), "a whole number", _decode_whole, _encode_whole, written=("number", "text")),
    Word("percent", ("number",), "20 there, 0.2 here", _scaled(-2), _unscaled(-2)),
    Word("cents", ("number",), "1250 there, 12.5 here", _scaled(-2), _unscaled(-2)),
    Word("money", ("money",), "an amount; `currency` says in what", _tidy("number"), _encode_number, written=("number", "text")),
    Word("date", ("date", "datetime"), "a plain date", _decode_day, _encode_day, written=()),
    Word("datetime", ("datetime", "date"), "an instant, RFC 3339", _decode_instant, _encode_instant),
    Word("epoch_s", ("datetime", "date"), "seconds since 1970", _decode_epoch(1000), _encode_epoch(1000), "milliseconds"),
    Word("epoch_ms", ("datetime", "date"), "milliseconds since 1970", _decode_epoch(1), _encode_epoch(1)),
    Word("bool", ("bool", "consent"), "true or false", _tidy("bool"), _encode_bool, written=("bool", "text")),
    Word("not", ("bool", "consent"), "true there is false here", _decode_not, _encode_not, written=("bool", "text")),
    Word("consent", ("consent",), "an opt-out: true means no contact", _tidy("consent"), _encode_bool, written=("bool", "text")),
    Word("set", ("set",), "several values; `separator` where they share one text", _decode_set, _encode_set),
    Word("lower", ("text", "name"), "text in lower case", _letters(str.lower), _letters(str.lower), "capital letters"),
    Word("upper", ("text", "name"), "text in capitals", _letters(str.upper), _letters(str.upper), "small letters"),
    Word("title", ("name", "text"), "each word capitalised", _letters(str.title), None),
    Word("digits", ("text",), "the digits alone", _letters(lambda t: re.sub(r"\D", "", t)), None),
    Word("first_word", ("name", "text"), "the first word", _one_word(0), None),
    Word("last_word", ("name", "text"), "the last word", _one_word(-1), None),
    Word("email_domain", ("domain",), "the host of an e-mail address", _tidy("domain"), None),
)  # fmt: skip


_LOSES = {
    ("date", "datetime"): "the time of day",
    ("integer", "number"): "decimals",
    ("name", "text"): "line breaks and double spaces",
}


def loses(word: Word, kind: str) -> str:
    """What writing a value of `kind` by this word loses, "" if nothing."""
    return _LOSES.get((word.name, kind), word.loses)
