"""Ids grow and never repeat; holders are known to be dead only when they are."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from hub.jobs import ids


def test_ids_name_their_kind_and_grow_with_time() -> None:
    now = [1_700_000_000.0]
    make = ids.Ids(lambda: now[0])
    first = make("r")
    now[0] += 1
    assert first.startswith("r-") and len(first) == 17
    assert make("r") > first


def test_ids_grow_even_when_the_clock_stands_still_or_goes_back() -> None:
    now = [1_700_000_000.0]
    make = ids.Ids(lambda: now[0])
    made = [make("o") for _ in range(1000)]
    now[0] -= 60
    made += [make("o") for _ in range(10)]
    assert made == sorted(made) and len(set(made)) == 1010


def test_threads_never_get_the_same_id() -> None:
    make, made = ids.Ids(lambda: 1.0), []
    threads = [threading.Thread(target=lambda: made.extend(make("o") for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 2000


def test_ids_use_no_letters_that_people_misread() -> None:
    assert not set("ilou") & set(ids.LETTERS)
    assert ids.base32(0, 3) == "000" and ids.base32(33, 3) == "011"


def test_this_process_is_alive() -> None:
    assert ids.is_alive(f"{ids.holder_name()} (run r-1)")


def test_an_earlier_process_with_our_number_is_dead() -> None:
    assert not ids.is_alive(f"process {os.getpid()} on {socket.gethostname()} since 1 (run r-1)")


def test_a_process_of_this_machine_that_is_gone_is_dead() -> None:
    assert not ids.is_alive(f"process {2**22 + 1} on {socket.gethostname()} since 1")


@pytest.mark.parametrize("holder", ["", "hub", "process 1 on elsewhere since 1", "somebody (run r-1)"])
def test_whoever_cannot_be_judged_counts_as_alive(holder: str) -> None:
    assert ids.is_alive(holder)


def test_the_first_process_of_the_machine_is_alive() -> None:
    assert ids.is_alive(f"process 1 on {socket.gethostname()} since 1")
