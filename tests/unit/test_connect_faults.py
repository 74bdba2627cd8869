"""Faults befall a connector by chance or by script, and do what their names say."""

from __future__ import annotations

import random

import pytest

from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Context, Want, Write
from hub.connect.faults import FAULTS, Chance, Faulty, Script
from hub.connect.limits import NoLimits
from hub.connect.memory import FieldProfile, MemoryConnector, MemoryRemote, ObjectProfile
from hub.core.errors import HubError, Retry, Stop, Unknown

WANT = Want(("name",))


def wrapped(*steps: tuple[str, str]) -> tuple[Faulty, MemoryRemote]:
    clock = ManualClock()
    profile = ObjectProfile(fields=(FieldProfile("name"),), page_size=2, deletes="flag", find_by=("name",))
    remote = MemoryRemote({"things": profile}, clock, random.Random(1))
    inner = MemoryConnector("mem", {}, Context(clock, MemoryTokens(), NoLimits()), remote=remote)
    return Faulty(inner, Script(*steps)), remote


def batch(n: int) -> list[Write]:
    return [Write(str(i), "create", {"name": str(i)}) for i in range(n)]


@pytest.mark.parametrize(
    ("fault", "raises", "written"),
    [("lost_before", Unknown, 0), ("lost_after", Unknown, 2), ("retry", Retry, 0), ("retry_after", Retry, 0),
     ("stop", Stop, 0)],
)  # fmt: skip
def test_a_write_is_lost_before_or_after_it_was_carried_out(fault: str, raises: type[HubError], written: int) -> None:
    connector, remote = wrapped(("write", fault))
    with pytest.raises(raises) as caught:
        connector.write("things", batch(2))
    assert len(remote.rows("things")) == written
    assert getattr(caught.value, "after", None) == (30 if fault == "retry_after" else None)


def test_a_lost_read_changed_nothing_and_may_be_tried_again() -> None:
    connector, _ = wrapped(("get", "lost_before"))
    with pytest.raises(Retry):
        connector.get("things", ["x"], WANT)
    assert connector.get("things", ["x"], WANT)[0].kind == "deleted"


@pytest.mark.parametrize(
    ("fault", "status", "written"), [("partial_retry", "retry", 2), ("partial_unknown", "unknown", 4)]
)
def test_a_batch_is_carried_out_in_part(fault: str, status: str, written: int) -> None:
    connector, remote = wrapped(("write", fault))
    receipts = connector.write("things", batch(4))
    assert [r.status for r in receipts] == ["done", "done", status, status]
    assert [r.op for r in receipts] == ["0", "1", "2", "3"]
    assert len(remote.rows("things")) == written


def test_a_stale_version_stops_careful_updates_only() -> None:
    connector, remote = wrapped(("write", "moved"))
    id = remote.create("things", {"name": "A"})
    writes = [
        Write("1", "update", {"name": "B"}, id=id),
        Write("2", "create", {"name": "C"}),
        Write("3", "update", {"name": "D"}, id=id, careful=False),
    ]
    assert [r.status for r in connector.write("things", writes)] == ["changed", "done", "done"]
    assert remote.rows("things")[id]["name"] == "D"


def read(connector: Faulty, cursor: str = "") -> list[str]:
    return [str(r.fields["name"]) for p in connector.changes("things", cursor, WANT) for r in p.records]


def test_a_page_comes_twice_and_the_pull_still_ends_once() -> None:
    connector, remote = wrapped(("changes", ""), ("changes", "duplicate_page"))
    for name in "ABC":
        remote.create("things", {"name": name})
    pages = list(connector.changes("things", "", WANT))
    assert [[r.fields["name"] for r in p.records] for p in pages] == [["A", "B"], ["C"], ["C"]]
    assert [p.last for p in pages] == [False, False, True]


def test_records_come_in_another_order() -> None:
    connector, remote = wrapped(("changes", "reordered"), ("find", "reordered"))
    for name in "ABC":
        remote.create("things", {"name": name})
    assert read(connector) == ["B", "A", "C"]
    assert [r.fields["name"] for r in connector.find("things", "name", ["A", "B"], WANT)] == ["B", "A"]


def test_an_older_version_is_told_after_the_newer_one() -> None:
    connector, remote = wrapped(("changes", ""), ("changes", "stale"))
    id = remote.create("things", {"name": "old"})
    assert read(connector) == ["old"]
    remote.edit("things", id, {"name": "new"})
    assert read(connector) == ["new", "old"]


def test_a_list_of_ids_ends_early_without_a_word() -> None:
    connector, remote = wrapped(("ids", "truncated"))
    for name in "ABC":
        remote.create("things", {"name": name})
    assert [len(page) for page in connector.ids("things")] == [2]
    assert [len(page) for page in connector.ids("things")] == [2, 1]


def test_a_slow_answer_takes_time_on_the_clock_and_is_right() -> None:
    connector, remote = wrapped(("find", "slow"))
    id = remote.create("things", {"name": "A"})
    began = connector.context.clock.now()
    assert [r.id for r in connector.find("things", "name", ["A"], WANT)] == [id]
    assert connector.context.clock.now() - began == 30


def test_a_script_names_faults_that_cannot_happen() -> None:
    with pytest.raises(ValueError, match="truncated cannot befall write"):
        Script(("write", "truncated"))


def test_chance_is_repeatable_and_keeps_to_what_it_was_told() -> None:
    draws = [[Chance(random.Random(5), 0.5).next("write") for _ in range(20)] for _ in range(2)]
    assert draws[0] == draws[1]
    only = Chance(random.Random(5), 1.0, only=["lost_after"])
    assert (only.next("write"), only.next("changes")) == ("lost_after", "")
    assert Chance(random.Random(5), 0.0).next("write") == ""


@pytest.mark.parametrize(("verb", "fault"), [(verb, fault) for verb, faults in FAULTS.items() for fault in faults])
def test_every_fault_that_is_named_can_happen(verb: str, fault: str) -> None:
    connector, remote = wrapped((verb, fault))
    remote.create("things", {"name": "A"})
    calls = {
        "check": connector.check,
        "objects": connector.objects,
        "describe": lambda: connector.describe("things"),
        "changes": lambda: list(connector.changes("things", "", WANT)),
        "get": lambda: connector.get("things", ["x"], WANT),
        "find": lambda: connector.find("things", "name", ["A"], WANT),
        "find_key": lambda: connector.find_key("things", "key", ["k"], WANT),
        "ids": lambda: list(connector.ids("things")),
        "history": lambda: connector.history("things", ["x"], ["name"]),
        "write": lambda: connector.write("things", batch(2)),
    }
    expected = {"lost_before", "lost_after", "retry", "retry_after", "stop"}
    try:
        calls[verb]()
        assert fault not in expected
    except (Retry, Unknown, Stop):
        assert fault in expected
    assert connector.met == {fault: 1}


def test_what_is_not_a_fault_passes_through() -> None:
    connector, remote = wrapped()
    id = remote.create("things", {"name": "A"})
    assert connector.capabilities("things") == connector.inner.capabilities("things")
    assert connector.minimum_calls("things", read=1, written=1, created=0) == 2
    assert connector.describe("things").name == "things"
    assert [r.id for r in connector.get("things", [id], WANT)] == [id]
    connector.close()
    assert connector.met == {}
