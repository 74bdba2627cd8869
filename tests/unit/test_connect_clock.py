"""Clocks and stamps."""

from __future__ import annotations

import pytest

from hub.connect.clock import ManualClock, MemoryTokens, SystemClock, from_stamp, to_stamp


def test_a_manual_clock_jumps_instead_of_sleeping() -> None:
    clock = ManualClock(100)
    clock.sleep(2.5)
    clock.advance(10)
    assert (clock.now(), clock.slept) == (112.5, [2.5])


def test_a_negative_sleep_never_turns_time_back() -> None:
    clock = ManualClock(100)
    clock.sleep(-5)
    SystemClock().sleep(-5)
    assert clock.now() == 100


def test_the_system_clock_runs_forward() -> None:
    clock = SystemClock()
    assert clock.now() <= clock.now()


@pytest.mark.parametrize(
    ("seconds", "resolution", "stamp"),
    [
        (0, 0.001, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.1239, 0.001, "2023-11-14T22:13:20.123Z"),
        (1_700_000_000.999, 1, "2023-11-14T22:13:20.000Z"),
        (1_700_000_000.999, 60, "2023-11-14T22:13:00.000Z"),
        (1_700_000_000.001, 0, "2023-11-14T22:13:20.001Z"),
    ],
)
def test_stamps_have_milliseconds_and_round_down(seconds: float, resolution: float, stamp: str) -> None:
    assert to_stamp(seconds, resolution) == stamp


def test_a_stamp_survives_the_way_there_and_back() -> None:
    for ms in range(0, 3000, 7):
        stamp = to_stamp(1_700_000_000 + ms / 1000)
        assert to_stamp(from_stamp(stamp)) == stamp


def test_a_stamp_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        from_stamp("2026-01-01T00:00:00")


def test_tokens_are_kept_by_name() -> None:
    tokens = MemoryTokens({"refresh": "old"})
    tokens.save("refresh", "new")
    assert (tokens.load("refresh"), tokens.load("other")) == ("new", None)
