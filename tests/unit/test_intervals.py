from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from hub.core.intervals import UNKNOWN, Interval, at, between, latest, newest, seconds
from tests.unit.small_hub import stamp


def test_a_stamp_is_read_to_the_millisecond_and_nonsense_is_unknown():
    assert seconds(stamp(1.25)) - seconds(stamp(0)) == 1.25
    assert seconds("") is None and seconds("yesterday") is None
    assert seconds("2026-03-01T12:00:00") is None, "a stamp without a zone cannot be compared"


def test_a_missing_end_is_open():
    assert between("", "") == UNKNOWN
    assert between("", stamp(5)).after == -inf
    assert between(stamp(5), "").until == inf


def test_intervals_that_overlap_are_not_ordered():
    early, late = between(stamp(0), stamp(10)), between(stamp(9), stamp(30))
    assert not early.before(late, 0) and not late.before(early, 0)


def test_both_clocks_may_be_wrong_by_the_tolerance():
    early, late = between(stamp(0), stamp(10)), between(stamp(19), stamp(30))
    assert early.before(late, 4)
    assert not early.before(late, 5)


def test_equal_points_are_not_ordered():
    assert not at(stamp(3)).before(at(stamp(3)), 0)
    assert at(stamp(3)).before(at(stamp(4)), 0)


def test_a_value_entered_twice_was_entered_last_in_the_later_interval():
    assert latest([Interval(1, 2), Interval(5, 6)]) == Interval(5, 6)
    assert latest([Interval(1, 2), UNKNOWN]) == Interval(1, inf)


def test_of_three_values_the_surely_older_one_is_dropped_first():
    timed = [("old", Interval(0, 1)), ("mid", Interval(100, 120)), ("new", Interval(110, 130))]
    assert newest(timed, 5) == ["mid", "new"]


def test_nothing_is_dropped_where_nothing_is_known():
    assert newest([("a", UNKNOWN), ("b", Interval(0, 1))], 5) == ["a", "b"]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=6), st.integers(0, 5))
def test_someone_is_always_newest(spans, tolerance):
    timed = [(i, Interval(start, start + length)) for i, (start, length) in enumerate(spans)]
    assert newest(timed, tolerance)
