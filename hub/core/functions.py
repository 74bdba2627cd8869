"""The functions that expressions may call. The list is closed: nothing here reads a clock, a file or a network.

Values are text, exact decimals, truth, null and lists. A null argument makes the result null, except where a function is
there to deal with null (`coalesce`, `join`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from hub.core import values

LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Function:
    """A function with the fewest and most arguments that it takes. `nulls`: it wants to see null."""

    call: Callable[..., Any]
    least: int
    most: int
    help: str
    nulls: bool = False


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return values.plain(value)
    if isinstance(value, list):
        return ";".join(as_text(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_number(value: Any) -> Decimal:
    """An exact number; text counts if it is one."""
    if isinstance(value, Decimal):
        return value
    return values.decimal(value)


def bounded(value: Any) -> Any:
    """The value, unless it is larger than a field may be."""
    size = (
        len(value)
        if isinstance(value, str)
        else sum(len(as_text(v)) + 1 for v in value)
        if isinstance(value, list)
        else 0
    )
    if size > LONGEST:
        raise ValueError("a result of at most 64 kB")
    return value


def _whole(value: Any, least: int = -LONGEST, most: int = LONGEST) -> int:
    exact = as_number(value)
    if exact != exact.to_integral_value() or not least <= exact <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return int(exact)


def _replace(text: Any, old: Any, new: Any) -> str:
    text, old, new = (as_text(given) for given in (text, old, new))
    if not old:
        raise ValueError("some text to look for")
    if len(text) + text.count(old) * (len(new) - len(old)) > LONGEST:
        raise ValueError("a result of at most 64 kB")
    return str(text).replace(old, new)


def _join(mark: Any, *parts: Any) -> str | None:
    flat = [as_text(p) for part in parts for p in (part if isinstance(part, list) else [part]) if p not in (None, "")]
    return ("" if mark is None else as_text(mark)).join(flat) or None


def _split(text: Any, mark: Any) -> list[str]:
    if not as_text(mark):
        raise ValueError("a mark to split at")
    return [part.strip() for part in as_text(text).split(as_text(mark))][:5000]


def _item(items: Any, index: Any) -> Any:
    many = items if isinstance(items, list) else [items]
    at = _whole(index)
    return many[at] if -len(many) <= at < len(many) else None


def _round(value: Any, places: Any = 0) -> Decimal:
    return as_number(value).quantize(Decimal(1).scaleb(-_whole(places, 0, 20)), ROUND_HALF_UP)


def _contains(where: Any, what: Any) -> bool:
    return what in where if isinstance(where, list) else as_text(what).casefold() in as_text(where).casefold()


def _pad(text: Any, width: Any, letter: Any = "0") -> str:
    return as_text(text).rjust(_whole(width, 0, 1000), (as_text(letter) or " ")[0])


def _day(value: Any) -> date:
    return date.fromisoformat(values.day(as_text(value)) or "")


def _add_days(value: Any, days: Any) -> str:
    text, shift = as_text(value), timedelta(days=_whole(days))
    try:
        if len(text) > 10:
            return values.stamp(datetime.fromisoformat(values.instant(text) or "") + shift)
        return (_day(text) + shift).isoformat()
    except OverflowError as error:
        raise ValueError("a date between the years 1 and 9999") from error


def _part(name: str) -> Callable[[Any], Decimal]:
    return lambda value: Decimal(getattr(_day(value), name))


def _amount(value: Any) -> Decimal:
    if not isinstance(value, Mapping):
        raise ValueError("an amount of money")
    return as_number(value["amount"])


def _currency(value: Any) -> str:
    if not isinstance(value, Mapping):
        raise ValueError("an amount of money")
    return str(value["currency"])


def _word(index: int) -> Callable[[Any], str | None]:
    def pick(text: Any) -> str | None:
        words = as_text(text).split()
        return words[index] if words else None

    return pick


def _coalesce(*given: Any) -> Any:
    return next((g for g in given if g not in (None, "", [])), None)


def _text_function(change: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda value: change(as_text(value))


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(lambda n: abs(as_number(n)), 1, 1, "the number without its sign"),
    "add_days": Function(_add_days, 2, 2, "a date or instant, so many days later"),
    "amount": Function(_amount, 1, 1, "the number in an amount of money"),
    "ceil": Function(lambda n: as_number(n).to_integral_value(ROUND_CEILING), 1, 1, "the next whole number"),
    "coalesce": Function(_coalesce, 1, 50, "the first value that is not empty", nulls=True),
    "contains": Function(_contains, 2, 2, "whether a text or list contains something, in any case"),
    "currency": Function(_currency, 1, 1, "the currency of an amount of money"),
    "date": Function(lambda v: _day(v).isoformat(), 1, 1, "the date of an instant"),
    "day": Function(_part("day"), 1, 1, "the day of a date"),
    "days_between": Function(
        lambda a, b: Decimal((_day(b) - _day(a)).days), 2, 2, "days from the first date to the second"
    ),
    "digits": Function(lambda t: re.sub(r"\D", "", as_text(t)), 1, 1, "the digits of a text"),
    "domain": Function(lambda t: values.domain(as_text(t)), 1, 1, "the host of an e-mail or web address"),
    "ends_with": Function(lambda t, e: as_text(t).endswith(as_text(e)), 2, 2, "whether a text ends so"),
    "first_word": Function(_word(0), 1, 1, "the first word"),
    "floor": Function(lambda n: as_number(n).to_integral_value(ROUND_FLOOR), 1, 1, "the whole number below"),
    "is_null": Function(lambda v: v in (None, "", []), 1, 1, "whether a value is empty", nulls=True),
    "item": Function(_item, 2, 2, "an item of a list, counted from 0, from the end if negative"),
    "join": Function(_join, 2, 50, "texts joined by a mark, without the empty ones", nulls=True),
    "last_word": Function(_word(-1), 1, 1, "the last word"),
    "left": Function(lambda t, n: as_text(t)[: _whole(n, 0)], 2, 2, "the first letters"),
    "length": Function(
        lambda t: Decimal(len(t if isinstance(t, list) else as_text(t))), 1, 1, "how many letters or items"
    ),
    "lower": Function(_text_function(str.lower), 1, 1, "the text in lower case"),
    "max": Function(lambda *n: max(as_number(v) for v in n), 2, 50, "the largest number"),
    "min": Function(lambda *n: min(as_number(v) for v in n), 2, 50, "the smallest number"),
    "month": Function(_part("month"), 1, 1, "the month of a date"),
    "number": Function(as_number, 1, 1, "a text as a number"),
    "pad": Function(_pad, 2, 3, "a text filled on the left to a width"),
    "replace": Function(_replace, 3, 3, "a text with one part exchanged for another"),
    "right": Function(lambda t, n: as_text(t)[-w:] if (w := _whole(n, 0)) else "", 2, 2, "the last letters"),
    "round": Function(_round, 1, 2, "a number rounded half up to so many decimals"),
    "split": Function(_split, 2, 2, "the parts of a text between marks"),
    "starts_with": Function(lambda t, s: as_text(t).startswith(as_text(s)), 2, 2, "whether a text starts so"),
    "text": Function(as_text, 1, 1, "a value as text"),
    "title": Function(_text_function(str.title), 1, 1, "each word capitalised"),
    "trim": Function(_text_function(str.strip), 1, 1, "the text without spaces at its ends"),
    "upper": Function(_text_function(str.upper), 1, 1, "the text in capitals"),
    "year": Function(_part("year"), 1, 1, "the year of a date"),
}
