"""A system that keeps failing is left alone, the others go on, and it is tried again by itself."""

from __future__ import annotations

import pytest

from hub.connect.clock import ManualClock
from hub.connect.connector import Want
from hub.connect.guarded import Guarded, guarded
from hub.connect.limits import Breaker
from hub.core.errors import Reject, Retry, Unknown
from hub.store import goldens
from tests.simulation.world import spoke, sync, world

WANT = Want(("first",))


def _failing(w, name, error):
    def hook(event):
        if event.startswith("before:"):
            raise error

    w[name].hook = hook


@pytest.fixture
def w():
    made = world(sync(spoke("a"), spoke("b")))
    made.hub.connectors = guarded(made.hub.connectors, lambda: Breaker(made.clock))
    return made


def test_a_sync_runs_through_breakers_as_without(w):
    w.person("a", first="Ana", mail="ana@example.org")
    assert w.run().state == "ok" and w.only("b")["first"] == "Ana"
    assert w.run().operations["updated"] == 0


def test_a_system_that_keeps_failing_is_not_asked_any_more_and_the_error_says_what_to_do(w):
    connector = w.hub.connectors["a"]
    _failing(w, "a", Retry("busy"))
    for _ in range(10):
        with pytest.raises(Retry):
            connector.get("person", ["x"], WANT)
    asked = []
    w["a"].hook = asked.append
    with pytest.raises(Retry) as stopped:
        connector.get("person", ["x"], WANT)
    assert stopped.value.code == "E-BREAKER" and stopped.value.after > 0 and not asked
    assert "connections test" in stopped.value.next


def test_after_its_pause_one_call_is_let_through_and_closes_the_breaker(w):
    connector = w.hub.connectors["a"]
    _failing(w, "a", Unknown("no answer"))
    for _ in range(10):
        with pytest.raises(Unknown):
            connector.write("person", [])
    w["a"].hook = lambda event: None
    w.clock.advance(31)
    assert connector.get("person", ["x"], WANT)[0].kind == "deleted"
    assert connector.breaker.state == "closed"


def test_refused_records_do_not_count_against_a_system(w):
    connector = w.hub.connectors["a"]
    _failing(w, "a", Reject("no such field", fields=("first",)))
    for _ in range(30):
        with pytest.raises(Reject):
            connector.get("person", ["x"], WANT)
    assert connector.breaker.state == "closed"


def test_pages_count_one_by_one_and_a_failure_in_the_middle_is_told(w):
    for n in range(250):
        w.person("a", first=f"N{n}")
    connector = w.hub.connectors["a"]
    pages = connector.changes("person", "", WANT)
    next(pages)
    _failing(w, "a", Retry("busy"))
    with pytest.raises(Retry):
        next(pages)
    w["a"].hook = lambda event: None
    assert sum(len(p.records) for p in connector.changes("person", "", WANT)) == 250


def test_one_systems_trouble_does_not_hold_up_another(w):
    _failing(w, "a", Retry("busy"))
    w.person("b", first="Bo", mail="bo@example.org")
    for _ in range(12):
        told = w.run()
    assert told.spokes["a"]["error"] and not told.spokes["b"]["error"]
    assert w.ask(goldens.count, "people") == 1
    w["a"].hook = lambda event: None
    w.clock.advance(3600)
    w.runs(2)
    assert w.only("a")["first"] == "Bo"


def test_what_the_connector_has_besides_the_protocol_is_still_there():
    w = world(sync(spoke("a")))
    connector = Guarded(w.hub.connectors["a"], Breaker(ManualClock()))
    assert connector.options == w.hub.connectors["a"].options and connector.name == "memory"
    assert connector.remote is w["a"] and connector.check().org == "a"
    assert connector.capabilities("person").unique_key and list(connector.objects()) == ["person"]
    assert connector.describe("person").field("first") and connector.minimum_calls(
        "person", read=1, written=0, created=0
    )
    connector.close()
