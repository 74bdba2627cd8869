"""Rate limits and the circuit breaker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.connect.clock import ManualClock
from hub.connect.limits import Breaker, MemoryBuckets, NoLimits
from hub.core.errors import Retry


def test_calls_within_the_rate_do_not_wait() -> None:
    clock = ManualClock()
    buckets = MemoryBuckets(clock)
    for _ in range(10):
        buckets.acquire("hs", rate=10, per=1)
    assert clock.slept == []


def test_the_call_above_the_rate_waits_for_the_window() -> None:
    clock = ManualClock(1000)
    buckets = MemoryBuckets(clock)
    for _ in range(11):
        buckets.acquire("hs", rate=10, per=1)
    assert 1.0 <= clock.now() - 1000 <= 1.1


def test_no_window_ever_holds_more_than_the_rate() -> None:
    clock = ManualClock(1000)
    buckets = MemoryBuckets(clock)
    times = []
    for n in range(60):
        buckets.acquire("hs", rate=7, per=2)
        times.append(clock.now())
        clock.advance(0.1 * (n % 3))
    assert all(later - earlier >= 1.999 for earlier, later in zip(times, times[7:], strict=False))


def test_buckets_are_apart_by_name() -> None:
    clock = ManualClock()
    buckets = MemoryBuckets(clock)
    buckets.acquire("a", rate=1, per=60)
    buckets.acquire("b", rate=1, per=60)
    assert clock.slept == []


def test_less_than_one_call_per_second_is_a_longer_window() -> None:
    clock = ManualClock(0)
    buckets = MemoryBuckets(clock)
    buckets.acquire("slow", rate=0.5, per=1)
    buckets.acquire("slow", rate=0.5, per=1)
    assert 2.0 <= clock.now() <= 2.1


def test_a_weight_above_the_window_is_let_through_in_portions() -> None:
    clock = ManualClock(0)
    MemoryBuckets(clock).acquire("bulk", rate=10, per=1, weight=25)
    assert 2.0 <= clock.now() <= 2.2


def test_a_clock_that_is_set_back_does_not_block_for_ever() -> None:
    clock = ManualClock(1000)
    buckets = MemoryBuckets(clock)
    buckets.acquire("hs", rate=1, per=1)
    clock.advance(-1)
    buckets.acquire("hs", rate=1, per=1)
    assert len(clock.slept) < 5


def test_threads_share_one_limit() -> None:
    clock = ManualClock(0)
    buckets = MemoryBuckets(clock)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: buckets.acquire("hs", rate=5, per=1), range(20)))
    assert clock.now() >= 3.0


@pytest.mark.parametrize(("rate", "per"), [(0, 1), (1, 0), (-1, 1)])
def test_a_rate_of_nothing_is_refused(rate: float, per: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        MemoryBuckets(ManualClock()).acquire("x", rate=rate, per=per)


def test_no_limits_lets_everything_pass() -> None:
    NoLimits().acquire("x", rate=0, per=0, weight=1_000_000)


# ---------------------------------------------------------------- breaker


def opened(clock: ManualClock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(10):
        breaker.before()
        breaker.failed()
    return breaker


def test_the_breaker_stays_closed_below_half_failures() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(100):
        breaker.ok()
        breaker.ok()
        breaker.failed()
    breaker.before()
    assert breaker.state == "closed"


def test_the_breaker_opens_at_half_of_the_last_twenty_and_says_when_to_come_back() -> None:
    breaker = opened(ManualClock())
    with pytest.raises(Retry) as caught:
        breaker.before()
    assert (breaker.state, caught.value.after, caught.value.code) == ("open", 30, "E-BREAKER")
    assert "Nothing was sent" in caught.value.explain()


def test_old_failures_are_forgotten() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(9):
        breaker.failed()
    for _ in range(20):
        breaker.ok()
    breaker.failed()
    assert breaker.state == "closed"


def test_one_probe_is_let_through_and_the_others_still_wait() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    assert breaker.state == "half-open"
    breaker.before()
    with pytest.raises(Retry):
        breaker.before()


def test_a_good_probe_closes_the_breaker() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    breaker.before()
    breaker.ok()
    breaker.failed()
    breaker.before()
    assert breaker.state == "closed"


def test_each_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    pauses = []
    for _ in range(7):
        with pytest.raises(Retry) as caught:
            breaker.before()
        assert caught.value.after is not None
        pauses.append(caught.value.after)
        clock.advance(caught.value.after)
        breaker.before()
        breaker.failed()
    assert pauses == [30, 60, 120, 240, 480, 900, 900]


def test_a_probe_that_never_reports_is_replaced_after_a_pause() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(30)
    breaker.before()
    clock.advance(30)
    breaker.before()
    breaker.ok()
    assert breaker.state == "closed"
