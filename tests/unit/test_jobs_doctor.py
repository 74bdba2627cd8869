"""What the doctor measures and promises, without a project."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from hub.connect.clock import SystemClock
from hub.connect.connector import Capabilities
from hub.connect.sandbox import Request, Response, Sandbox
from hub.core.model import Spoke, Sync
from hub.jobs import doctor


class Dated(Sandbox):
    """Answers with the date of a clock that is ahead."""

    ahead: float | None = 0.0
    status = 401

    def handle(self, request: Request) -> Response:
        headers = {} if self.ahead is None else {"Date": formatdate(SystemClock().now() + self.ahead, usegmt=True)}
        return Response(self.status, {"no": "entry"}, headers)


@pytest.fixture
def host() -> Iterator[Dated]:
    with Dated() as started:
        assert isinstance(started, Dated)
        yield started


def skew(host: Dated) -> float | None:
    return doctor.clock_skew("sf", host.url, ["127.0.0.1/32"], SystemClock())


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("ahead", [0.0, 120.0, -3600.0])
def test_the_other_clock_is_read_from_any_answer(host: Dated, status: int, ahead: float) -> None:
    host.status, host.ahead = status, ahead
    found = skew(host)
    assert found is not None and abs(found - ahead) < 5


def test_a_host_that_tells_no_date_gives_no_finding(host: Dated) -> None:
    host.ahead = None
    assert skew(host) is None


def test_a_host_that_does_not_answer_or_may_not_be_reached_gives_no_finding(host: Dated) -> None:
    assert doctor.clock_skew("sf", host.url, [], SystemClock()) is None
    host.stop()
    assert doctor.clock_skew("sf", "http://127.0.0.1:9999", ["127.0.0.1/32"], SystemClock()) is None


# ---------------------------------------------------------------- promises


def mapping(**writable: bool) -> Any:
    rules = {path: SimpleNamespace(writable=w, readable=True) for path, w in writable.items()}
    return SimpleNamespace(object="Contact", rules=rules)


def promise(able: Capabilities, **spoke: Any) -> dict[str, Any]:
    made = Spoke("sf", spoke.pop("mapping", None) or mapping(email=True, score=False), **spoke)
    return doctor.guarantee_of(Sync("customers", "customer", "person", (made,)), made, able)


def test_a_field_that_the_hub_does_not_write_is_read_only() -> None:
    found = promise(Capabilities(conditional_write="strong"))
    assert found["fields"] == {"email": "prevented", "score": "read only"}


@pytest.mark.parametrize("spoke", [{"direction": "read"}, {"writes": frozenset({"create"})}, {"writes": frozenset()}])
def test_a_spoke_that_is_not_updated_promises_nothing_to_lose(spoke: dict[str, Any]) -> None:
    found = promise(Capabilities(conditional_write="none"), **spoke)
    assert set(found["fields"].values()) == {"read only"}


def test_a_remote_that_takes_no_writes_is_read_only_whatever_the_spoke_says() -> None:
    found = promise(Capabilities(writes=frozenset()))
    assert (found["guarantee"], found["creates"]) == ("read only", "never")


@pytest.mark.parametrize(
    ("unique", "key", "wanted"),
    [
        (True, "Key", "once"),
        (True, "", "once, or a person is asked"),
        (False, "Key", "once, or a person is asked"),
    ],
)
def test_creating_once_needs_a_unique_key_field(unique: bool, key: str, wanted: str) -> None:
    assert promise(Capabilities(unique_key=unique), key_field=key)["creates"] == wanted


@pytest.mark.parametrize(("deletes", "wanted"), [("tombstone", "told"), ("flag", "told"), ("sweep", "found by sweep")])
def test_how_deletes_are_noticed(deletes: Any, wanted: str) -> None:
    assert promise(Capabilities(deletes=deletes))["deletes"] == wanted


# ---------------------------------------------------------------- sums


def report(read: int, spokes: dict[str, tuple[int, dict[str, int]]], outcomes: dict[str, int]) -> dict[str, Any]:
    told = {name: {"read": n, "outcomes": o} for name, (n, o) in spokes.items()}
    return {"read": read, "outcomes": outcomes, "spokes": told}


@pytest.mark.parametrize(
    ("found", "good"),
    [
        (report(3, {"a": (2, {"applied": 2}), "b": (1, {"applied": 1})}, {"applied": 3}), True),
        (report(3, {"a": (3, {"applied": 2})}, {"applied": 2}), True),  # one is still pending
        (report(4, {"a": (3, {"applied": 3})}, {"applied": 3}), False),
        (report(2, {"a": (2, {"applied": 3})}, {"applied": 3}), False),
        (report(2, {"a": (2, {"applied": 2})}, {"applied": 1}), False),
    ],
)
def test_figures_that_do_not_add_up_are_found(found: dict[str, Any], good: bool) -> None:
    assert doctor.sums_of(found) is good
