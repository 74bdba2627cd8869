"""Connectors are made once each, when they are first asked for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from hub.core.errors import Refused, Stop
from hub.jobs.assemble import Connectors, known_connector


class Made:
    """Stands for a connector; counts how often it was made and closed."""

    def __init__(self, name: str) -> None:
        self.name, self.closed = name, 0

    def close(self) -> None:
        self.closed += 1


def test_a_connector_is_made_when_it_is_first_asked_for_and_only_once() -> None:
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return Made(name)

    connectors = Connectors({"a": 1, "b": 2}, make)
    assert (list(connectors), len(connectors), made) == (["a", "b"], 2, [])
    assert connectors["a"] is connectors["a"]
    assert made == ["a"]


def test_threads_that_ask_at_once_get_the_same_connector() -> None:
    started = threading.Barrier(4)
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return Made(name)

    connectors, got = Connectors({"a": 1}, make), []

    def ask() -> None:
        started.wait(30)
        got.append(connectors["a"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 4 and len(set(map(id, got))) == 1 and made == ["a"]


def test_a_connector_that_cannot_be_made_is_tried_again_next_time() -> None:
    answers: list[Any] = [Stop("no"), Made("a")]

    def make(name: str) -> Any:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    connectors = Connectors({"a": 1}, make)
    with pytest.raises(Stop):
        connectors["a"]
    assert connectors["a"].name == "a"  # type: ignore[attr-defined]


def test_only_connectors_that_were_made_are_closed() -> None:
    made: dict[str, Made] = {}

    def make(name: str) -> Any:
        made[name] = Made(name)
        return made[name]

    connectors = Connectors({"a": 1, "b": 2}, make)
    assert connectors["a"]
    connectors.close()
    assert {name: m.closed for name, m in made.items()} == {"a": 1}


def test_one_that_fails_to_close_does_not_keep_the_others_open() -> None:
    class Stuck(Made):
        def close(self) -> None:
            raise Refused("no")

    good = Made("b")
    connectors = Connectors({"a": 1, "b": 2}, lambda name: Stuck("a") if name == "a" else good)  # type: ignore[arg-type, return-value]
    assert connectors["a"] and connectors["b"]
    connectors.close()
    assert good.closed == 1


def test_a_connector_that_is_not_installed_has_no_class() -> None:
    found = known_connector("memory")
    assert found is not None and found.name == "memory"
    assert known_connector("no-such") is None
