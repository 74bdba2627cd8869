"""What the doctor measures and promises, without a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub import engine
from hub.connect.clock import SystemClock
from hub.connect.connector import Capabilities
from hub.connect.sandbox import Request, Response, Sandbox
from hub.core.model import Spoke, Sync
from hub.engine.selfcheck import Checked
from hub.engine.selfcheck_base import Finding as Found
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


# ---------------------------------------------------------------- what the self-check found


def test_a_self_check_that_found_nothing_is_one_good_line_per_part() -> None:
    lines = list(doctor.told(Checked(True, rows=12, unsealed=3, runs=4)))
    assert [(f.level, f.about) for f in lines] == [("ok", "audit"), ("ok", "sums"), ("ok", "writes")]
    assert "12 rows, 3 not sealed yet" in lines[0].text and "4 runs" in lines[1].text


def test_each_finding_is_a_line_of_its_part_with_what_to_do() -> None:
    loop = Found("I3", "loop", "people", "b person 7 title", "it goes round", "end it", level="warning")
    broken = Found("I9", "chain", "", "audit row 5", "it was changed", "restore a backup")
    lines = list(doctor.told(Checked(True, [broken, loop], paused=["people"])))
    assert [(f.level, f.about, f.text, f.next) for f in lines if f.level != "ok"] == [
        ("broken", "audit", "I9 audit row 5: it was changed", "restore a backup"),
        ("warning", "writes", "I3 (people) b person 7 title: it goes round", "end it"),
        ("broken", "people", "it is paused now, because of this", "accordant resume people"),
    ]


def test_every_kind_of_finding_belongs_to_one_part() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(engine.__path__[0]).glob("selfcheck_*.py"))
    text += Path(engine.__path__[0], "selfcheck.py").read_text(encoding="utf-8")
    found = re.findall(r'(?:Finding|finding)\(\s*"(?:I|T)[0-9]+", "([a-z ]+)"', text)
    assert len(found) > 12
    assert sorted(set(found)) == sorted(kind for kinds in doctor.PARTS.values() for kind in kinds)
