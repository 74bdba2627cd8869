"""Dates and instants that come in the canonical form take a shorter way, to the same value as in any other form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import values

# A space before the value is trimmed, and keeps it from the shorter way.
LONG = " "
ODD_DATES = ("2026-02-30", "2026-W01-1", "2026-13-01", "0000-01-01", "２026-01-01", "2026-1-010", "20260131-1")
ODD_INSTANTS = (
    "2026-02-30T10:00:00.000Z",
    "2026-01-31T24:00:00.000Z",
    "2026-01-31T10:00:60.000Z",
    "2026-W05-1T10:00:00.000Z",
    "2026-01-31T10:00:00.000z",
    "2026-01-31T10:00:00,000Z",
    "2026-01-31T10:00:00.000-0000",
    "2026-01-31 10:00:00.000Z",
    "2026-01-31T10:00:00.000+0100",
)


def outcome(tidy: object, value: str) -> object:
    try:
        return tidy(value)  # type: ignore[operator]
    except ValueError as error:
        return str(error)


@given(st.dates())
def test_a_date_is_itself(day: date) -> None:
    assert values.day(day.isoformat()) == values.day(LONG + day.isoformat()) == day.isoformat()


@given(st.datetimes(), st.sampled_from(["Z", "+0000", "+00:00"]))
def test_an_instant_in_utc_is_itself(moment: datetime, zone: str) -> None:
    text = moment.isoformat(timespec="milliseconds")
    assert values.instant(text + zone) == values.instant(LONG + text + zone) == text + "Z"


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-840, 840))
def test_an_instant_of_another_zone_is_brought_to_utc(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    here = there.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    assert values.instant(there.isoformat(timespec="milliseconds")) == here


@pytest.mark.parametrize("value", ODD_DATES)
def test_an_odd_date_meets_the_same_fate_both_ways(value: str) -> None:
    assert outcome(values.day, value) == outcome(values.day, LONG + value)


@pytest.mark.parametrize("value", ODD_INSTANTS)
def test_an_odd_instant_meets_the_same_fate_both_ways(value: str) -> None:
    assert outcome(values.instant, value) == outcome(values.instant, LONG + value)
