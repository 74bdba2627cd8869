"""Phone numbers and countries, by phonenumbers and pycountry. Both are imported at their first use, not at start."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from hub.core.transforms import Tools

# Names that people write and the ISO tables do not list.
_SPOKEN = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "usa": "US",
    "u.s.a.": "US",
    "u.s.": "US",
    "united states of america": "US",
    "deutschland": "DE",
    "osterreich": "AT",
    "schweiz": "CH",
    "suisse": "CH",
    "espana": "ES",
    "italia": "IT",
    "nederland": "NL",
    "holland": "NL",
    "the netherlands": "NL",
    "belgie": "BE",
    "belgique": "BE",
    "danmark": "DK",
    "sverige": "SE",
    "norge": "NO",
    "suomi": "FI",
    "polska": "PL",
    "brasil": "BR",
    "mexico": "MX",
    "russia": "RU",
    "south korea": "KR",
    "korea": "KR",
    "north korea": "KP",
    "taiwan": "TW",
    "vietnam": "VN",
    "iran": "IR",
    "syria": "SY",
    "bolivia": "BO",
    "venezuela": "VE",
    "tanzania": "TZ",
    "moldova": "MD",
    "laos": "LA",
    "brunei": "BN",
    "czech republic": "CZ",
    "turkey": "TR",
    "ivory coast": "CI",
    "macedonia": "MK",
    "palestine": "PS",
    "hong kong sar": "HK",
}


@lru_cache(maxsize=100_000)
def phone(text: str, region: str | None) -> str | None:
    """E.164, with `;ext=` where there is an extension; None if it is no possible number."""
    import phonenumbers

    if text.startswith("00"):
        text = "+" + text[2:]
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    number = str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    return f"{number};ext={parsed.extension}" if parsed.extension else number


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.strip().casefold())
    return "".join(c for c in letters if not unicodedata.combining(c))


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """Every code and name of a country, in plain letters, with its alpha-2 code."""
    import pycountry

    table = dict(_SPOKEN)
    for entry in pycountry.countries:
        for name in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            if hasattr(entry, name):
                table[_plain(getattr(entry, name))] = entry.alpha_2
    return table


@lru_cache(maxsize=10_000)
def country(text: str) -> str | None:
    """The alpha-2 code of a country given by code or name."""
    return _countries().get(_plain(text))


@lru_cache(maxsize=1_000)
def country_name(code: str) -> str | None:
    """The usual English name of a country."""
    import pycountry

    entry = pycountry.countries.get(alpha_2=code)
    return None if entry is None else str(getattr(entry, "common_name", entry.name))


TOOLS = Tools(phone=phone, country=country, country_name=country_name)
