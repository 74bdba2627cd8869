"""Durations, limits, times of day and cron lines; phone numbers and countries."""

from __future__ import annotations

import pytest

from hub.core.model import Limit
from hub.settings import forms, tools


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 minutes", 300),
        ("1 minute", 60),
        ("30s", 30),
        ("90 min", 5400),
        ("1h", 3600),
        ("2 hours", 7200),
        ("1.5 h", 5400),
        ("1 day", 86400),
        ("5 S", 5),
    ],
)
def test_a_duration_is_read(text, seconds):
    assert forms.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "minutes", "-5 s", "5 weeks", "5 s 3", "1e3 s", "five minutes"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="such as"):
        forms.duration(text)


@pytest.mark.parametrize("text", ["0 s", "0.5 s", "400 days"])
def test_a_schedule_neither_spins_nor_sleeps_for_ever(text):
    with pytest.raises(ValueError, match="between"):
        forms.interval(text)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("500", Limit(count=500)),
        ("0", Limit(count=0)),
        ("20%", Limit(share=0.2)),
        ("12.5 %", Limit(share=0.125)),
        ("none", Limit()),
    ],
)
def test_a_limit_is_read(text, limit):
    assert forms.limit(text) == limit


@pytest.mark.parametrize("text", ["-1", "101%", "many", "", "1.5", "5 %%"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(ValueError, match="none"):
        forms.limit(text)


def test_a_time_of_day_has_a_zone():
    assert forms.daily("02:30 Europe/Berlin") == ("02:30", "Europe/Berlin")
    assert forms.daily("23:59") == ("23:59", "UTC")


@pytest.mark.parametrize(
    "text", ["24:00", "2:30", "02:60", "noon", "02:30 Europe/Berln", "02:30 ../../etc/passwd", "02:30 /etc/passwd"]
)
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match=r"zone|time"):
        forms.daily(text)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "*/5 0-6 1,15 jan-mar mon-fri",
        "0 6 29 2 *",
        "0 0 31 2 1",
        "5/10 * * * *",
        "0 0 * * 7",
        "0 0 * DEC SUN",
    ],
)
def test_a_cron_line_is_read(text):
    assert forms.cron(text) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "0 0 31 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 30 feb *",
        "*/x * * * *",
    ],
)
def test_what_is_no_cron_line_or_never_comes_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        forms.cron(text)


def test_percentages_become_shares_wherever_they_stand():
    assert forms.percentages({"a": "20%", "b": {"c": "5 %"}, "d": "20", "e": 3}) == {
        "a": 0.2,
        "b": {"c": 0.05},
        "d": "20",
        "e": 3,
    }


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+49 (30) 1234567", None, "+49301234567"),
        ("0049 30 1234567", None, "+49301234567"),
        ("030 1234567", "DE", "+49301234567"),
        ("(202) 555-0123 ext. 7", "US", "+12025550123;ext=7"),
        ("030 1234567", None, None),
        ("+49 1", None, None),
        ("call me", "DE", None),
        ("+999 123", None, None),
        ("", None, None),
    ],
)
def test_a_phone_number_becomes_e164_or_nothing(text, region, number):
    assert tools.phone(text, region) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(name, "DE") for name in ("Germany", "germany ", "DEU", "de", "Deutschland")],
        *[(name, "US") for name in ("USA", "United States", "usa")],
        *[(name, "CI") for name in ("Côte d'Ivoire", "Cote d'Ivoire", "Ivory Coast")],
        *[("ÖSTERREICH", "AT"), ("UK", "GB"), ("South Korea", "KR"), ("Czech Republic", "CZ"), ("Turkey", "TR")],
        *[(name, None) for name in ("Atlantis", "", "X")],
    ],
)
def test_a_country_is_known_by_code_and_name(text, code):
    assert tools.country(text) == code


def test_every_country_is_known_by_the_name_that_is_written():
    import pycountry

    for entry in pycountry.countries:
        assert tools.country(tools.country_name(entry.alpha_2)) == entry.alpha_2
    assert tools.country_name("ZZ") is None


def test_the_libraries_are_not_loaded_with_the_settings():
    import subprocess
    import sys

    code = "import sys, hub.settings.project; print([m for m in ('phonenumbers', 'pycountry') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
