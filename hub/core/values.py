"""Canonical values: how each type is tidied, and when two values of it mean the same.

`tidy` gives the one form in which a value is stored, so that equality is `==`. `same` is wider: it forgives what systems
do to a value by themselves (case, spaces, cuts, rounding, dropped milliseconds). All values are JSON-plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from unicodedata import is_normalized, normalize

from hub.core.model import Value

_EMAIL = re.compile(r"[^\s@,;<>()\"]{1,64}@[^\s@,;<>()\".]+(\.[^\s@,;<>()\".]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_UTC = ("Z", "+0000", "+00:00")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}(Z|\+00:?00)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "1", "on"), True),
    **dict.fromkeys(("false", "no", "n", "0", "off"), False),
}
# Currencies whose amounts do not have two decimals (ISO 4217).
_SCALE = {
    **dict.fromkeys(re.findall("...", "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF"), 0),
    **dict.fromkeys(re.findall("...", "BHDIQDJODKWDLYDOMRTND"), 3),
}
_MOST_DIGITS = 40
_LARGEST = 10**_MOST_DIGITS


def text(value: Any) -> str | None:
    """Ends trimmed, composed letters, no NUL; empty text is nothing."""
    if value.__class__ is not str:
        value = _as_text(value)
    value = value.strip()
    if value.isascii():
        return (value.replace("\0", "").strip() if "\0" in value else value) or None
    value = _SURROGATE.sub("\ufffd", value.replace("\0", ""))
    return (value if is_normalized("NFC", value) else normalize("NFC", value)) or None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, float | Decimal):
        return number(value) or ""
    raise ValueError("one piece of text")


def name(value: Any) -> str | None:
    """Text with single spaces inside."""
    tidied = text(value)
    return tidied if tidied is None or tidied.isalnum() else " ".join(tidied.split())


def email(value: Any) -> str | None:
    tidied = text(value)
    if tidied is None:
        return None
    tidied = tidied.lower().removeprefix("mailto:")
    if len(tidied) > 320 or not _EMAIL.fullmatch(tidied):
        raise ValueError("an e-mail address such as ana@example.org")
    return tidied


def phone(value: Any) -> str | None:
    """Digits with a leading + where the value is one; other text stays as it is (people write notes there)."""
    tidied = text(value)
    if tidied is None or not tidied.startswith("+"):
        return tidied and " ".join(tidied.split())
    digits = re.sub(r"[\s()./\-]", "", tidied)
    return digits if re.fullmatch(r"\+[0-9]{4,20}(;ext=[0-9]{1,10})?", digits) else " ".join(tidied.split())


def url(value: Any) -> str | None:
    """Scheme and host in lower case, no lone trailing slash."""
    tidied = text(value)
    if tidied is None:
        return None
    if len(tidied.split()) > 1:
        raise ValueError("a web address such as https://example.org")
    scheme, mark, rest = tidied.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}" + (slash + path if path else "")


def domain(value: Any) -> str | None:
    """The bare host of a web or e-mail address."""
    tidied = url(value)
    if tidied is None:
        return None
    host = re.split(r"[/?#]", tidied.rpartition("://")[2], maxsplit=1)[0].rpartition("@")[2].partition(":")[0].lower()
    host = host.removeprefix("www.").rstrip(".")
    if "." not in host:
        raise ValueError("a domain such as example.org")
    return host


def country(value: Any) -> str | None:
    tidied = text(value)
    if tidied is None:
        return None
    if not re.fullmatch("[A-Za-z]{2}", tidied):
        raise ValueError("a country code of two letters, such as DE")
    return tidied.upper()


def language(value: Any) -> str | None:
    """BCP 47: language in lower case, script capitalised, region in capitals."""
    tidied = text(value)
    if tidied is None:
        return None
    tidied = tidied.replace("_", "-")
    if not _LANGUAGE.fullmatch(tidied):
        raise ValueError("a language such as de or en-GB")
    head, *rest = tidied.split("-")
    return "-".join([head.lower(), *({2: p.upper(), 4: p.title()}.get(len(p), p.lower()) for p in rest)])


def decimal(value: Any) -> Decimal:
    """The exact number, or ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("a number such as 12.5")
    try:
        if isinstance(value, int):
            if abs(value) >= _LARGEST:
                raise ValueError("a number of at most 40 digits")
            return Decimal(value)
        made = (
            value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value.strip())
        )
    except InvalidOperation as error:
        raise ValueError("a number such as 12.5, with a point and no thousands mark") from error
    if not made.is_finite() or made.adjusted() >= _MOST_DIGITS or int(made.as_tuple().exponent) < -_MOST_DIGITS:
        raise ValueError("a number of at most 40 digits")
    return made


def plain(number_: Decimal) -> str:
    """A decimal as text without exponent or trailing zeros."""
    if not number_:
        return "0"
    made = format(number_, "f")
    return made.rstrip("0").rstrip(".") if "." in made else made


def number(value: Any) -> str | None:
    kind = value.__class__
    if kind is int and -_LARGEST < value < _LARGEST:
        return str(value)
    if kind is float and -1e15 < value < 1e15 and (value > 1e-3 or value < -1e-3):
        made = repr(value)
        return made[:-2] if made.endswith(".0") else made
    if value is None or (kind is str and not value.strip()):
        return None
    return plain(decimal(value))


def integer(value: Any) -> int | None:
    made = number(value)
    if made is None:
        return None
    if "." in made:
        raise ValueError("a whole number")
    return int(made)


def money(value: Any) -> dict[str, str] | None:
    """An amount with at least the decimals that its currency has; never without a currency."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError('an amount with its currency: {"amount": "12.50", "currency": "EUR"}')
    amount = number(value.get("amount"))
    if amount is None:
        return None
    code = str(value.get("currency") or "").strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise ValueError("an amount with a currency of three letters, such as EUR")
    return {"amount": padded(amount, code), "currency": code}


def padded(amount: str, currency: str) -> str:
    """A normalised number with at least the decimals that the currency has."""
    whole, _, part = amount.partition(".")
    part = part.ljust(_SCALE.get(currency, 2), "0")
    return f"{whole}.{part}" if part else whole


def day(value: Any) -> str | None:
    """A plain date. Of an instant, its date in the offset that it is written in."""
    if value.__class__ is str and len(value) == 10 and value[4] == value[7] == "-" and value.isascii():
        with suppress(ValueError):
            date.fromisoformat(value)
            return str(value)
    tidied = text(value)
    if tidied is None:
        return None
    head = tidied[:10]
    if not _DATE.fullmatch(head) or (len(tidied) > 10 and tidied[10] not in "T "):
        raise ValueError("a date such as 2026-01-31")
    try:
        date.fromisoformat(head)
    except ValueError as error:
        raise ValueError("a date that exists, such as 2026-01-31") from error
    return head


def instant(value: Any) -> str | None:
    """An instant in UTC with milliseconds. Without an offset it is taken as UTC; a date is its first moment."""
    if value.__class__ is str and value[23:] in _UTC and _INSTANT.fullmatch(value):
        with suppress(ValueError):
            datetime.fromisoformat(value)
            return value[:23] + "Z"
    tidied = text(value)
    if tidied is None:
        return None
    if not _DATE.match(tidied):
        raise ValueError("an instant such as 2026-01-31T10:00:00Z")
    try:
        moment = datetime.fromisoformat(tidied.replace(":60", ":59", 1) if ":60" in tidied else tidied)
        return stamp(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise ValueError("an instant that exists, such as 2026-01-31T10:00:00Z") from error


def stamp(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def truth(value: Any) -> bool | None:
    if value is True or value is False:
        return bool(value)
    tidied = text(value)
    if tidied is None:
        return None
    found = _TRUTH.get(tidied.lower())
    if found is None:
        raise ValueError("true or false")
    return found


def many(value: Any) -> list[str] | None:
    """A sorted list without doubles; an empty set is nothing."""
    if value is None:
        return None
    if value.__class__ is not list and (
        isinstance(value, str) or not isinstance(value, Iterable) or isinstance(value, Mapping)
    ):
        value = [value]
    return sorted({t for item in value if (t := text(item)) is not None}) or None


def options(value: Any) -> set[str]:
    """What a set holds; nothing where the value is no set, as after a field that was text became one."""
    return set(value) if isinstance(value, list) else set()


def ref(value: Any) -> str | None:
    return text(value)


TIDY: dict[str, Callable[[Any], Value]] = {
    "text": text,
    "name": name,
    "email": email,
    "phone": phone,
    "url": url,
    "domain": domain,
    "country": country,
    "language": language,
    "number": number,
    "integer": integer,
    "money": money,
    "date": day,
    "datetime": instant,
    "bool": truth,
    "consent": truth,
    "set": many,
    "ref": ref,
}
KINDS = tuple(TIDY)


def tidy(kind: str, value: Any) -> Value:
    """The canonical form of `value`, None if it is empty; ValueError says what was expected."""
    return TIDY[kind](value)


# ---------------------------------------------------------------- the same, by the type's own rule

# The fewest letters that a cut leaves: a first name of four letters is a name, not the stump of a longer one.
_SHORTEST_CUT = {"text": 4, "name": 10, "url": 12}
# The kinds that are not held as text. A value of another type was left by an earlier mapping and means nothing here.
_HELD_AS: dict[str, type] = {"money": dict, "set": list, "integer": int, "bool": bool, "consent": bool}
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def fold(value: Any) -> str:
    """Text for comparing: no case, no accent forms, single spaces, no invisible characters."""
    return " ".join(normalize("NFC", str(value).translate(_UNSEEN)).casefold().split())


def same(kind: str, a: Value, b: Value, *, length: int | None = None) -> bool:
    """Whether two canonical values of a kind mean the same. `length`: a cut to exactly so many characters is forgiven."""
    if a == b:
        return True
    held = _HELD_AS.get(kind, str)
    if not (isinstance(a, held) and isinstance(b, held)):
        return False
    return _SAME.get(kind, _same_text)(a, b) or _is_cut(kind, a, b, length)


def _is_cut(kind: str, a: Value, b: Value, length: int | None) -> bool:
    least = _SHORTEST_CUT.get(kind)
    if least is None or not isinstance(a, str) or not isinstance(b, str):
        return False
    short, long = sorted((a, b), key=len)
    if length is not None:
        return fold(long[:length]) == fold(short)
    stump = fold(short)
    return len(stump) >= least and fold(long).startswith(stump)


def _same_text(a: Value, b: Value) -> bool:
    return fold(a) == fold(b)


def _same_url(a: Value, b: Value) -> bool:
    return _bare(a) == _bare(b)


def _bare(value: str) -> str:
    return fold(value).rpartition("://")[2].removeprefix("www.").rstrip("/")


def _same_phone(a: Value, b: Value) -> bool:
    """Equal digits, or a national number beside its international form."""
    one, two = (re.sub(r"\D", "", str(v).partition(";")[0]) for v in (a, b))
    if _extension(a) != _extension(b) or not one or not two:
        return fold(a) == fold(b)
    if one == two:
        return True
    foreign = str(a).startswith("+") is not str(b).startswith("+")
    short, long = sorted((one.lstrip("0"), two.lstrip("0")), key=len)
    return foreign and len(short) >= 7 and long.endswith(short) and len(long) - len(short) <= 3


def _extension(value: Value) -> str:
    return str(value).partition(";ext=")[2]


def _same_number(a: Value, b: Value) -> bool:
    """Equal once the finer one is rounded to the decimals of the coarser one."""
    try:
        one, two = decimal(a), decimal(b)
    except ValueError:
        return False
    places = sorted((_places(one), _places(two)))
    return places[0] != places[1] and abs(one - two) * 2 <= Decimal(1).scaleb(-places[0])


def _places(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))


def _same_money(a: Value, b: Value) -> bool:
    if a["currency"] != b["currency"]:
        return False
    one, two = (plain(decimal(v["amount"])) for v in (a, b))
    return one == two or _same_number(one, two)


def _same_instant(a: Value, b: Value) -> bool:
    """Equal to the second, or to the minute where one side keeps no seconds."""
    return bool(a[:19] == b[:19] or (a[:16] == b[:16] and ":00.000Z" in (a[16:], b[16:])))


def _same_set(a: Value, b: Value) -> bool:
    return set(a) == set(b)


def _equal(a: Value, b: Value) -> bool:
    return bool(a == b)


_SAME: dict[str, Callable[[Value, Value], bool]] = {
    "phone": _same_phone,
    "url": _same_url,
    "domain": _same_url,
    "number": _same_number,
    "integer": _same_number,
    "money": _same_money,
    "datetime": _same_instant,
    "date": _equal,
    "bool": _equal,
    "consent": _equal,
    "ref": _equal,
    "set": _same_set,
}


def richer(kind: str, a: Value, b: Value) -> Value:
    """Of two values that are the same, the one that says more; the first one if neither does."""
    if a == b or b is None:
        return a
    if a is None:
        return b
    return b if _says(kind, b) > _says(kind, a) else a


def _says(kind: str, value: Value) -> tuple[int, ...]:
    if kind == "phone":
        return (value.startswith("+"), len(re.sub(r"\D", "", value)))
    if kind in ("number", "integer"):
        return (_places(decimal(value)),)
    if kind == "money":
        return (_places(decimal(plain(decimal(value["amount"])))),)
    if kind == "datetime":
        return (len(value.removesuffix("Z").rstrip("0:.T")),)
    if kind in ("url", "domain"):
        return (len(value.rstrip("/")),)
    letters = str(value)
    return (len(fold(letters)), letters not in (letters.lower(), letters.upper()), letters != letters.lower())
