"""Every record is in exactly one state, and the states add up to what a spoke holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hub.store import records, states
from hub.store import tables as t
from hub.store.db import Store, Tx

SPOKE = {"connection": "sf", "object": "Contact"}


def add(tx: Tx, id: str, disposition: str, *, link: str = "", golden: str = "") -> None:
    """A record, and a link in the given state."""
    tx.add(t.record, [{**SPOKE, "remote_id": id, "disposition": disposition}])
    if link:
        row = {"id": f"sf/Contact/{id}", "golden": golden or f"g-{id}", "remote_id": id, "state": link}
        tx.add(t.link, [{**SPOKE, **row}])


def open_letter(tx: Tx, **row: Any) -> None:
    blank = dict.fromkeys(("connection", "object", "remote_id", "golden", "path", "code", "text", "action"), "")
    tx.add(t.error, [{"sync": "c", "state": "open", **blank, **row}])


def open_conflict(tx: Tx, golden: str, state: str = "open") -> None:
    tx.add(t.conflict, [{"id": f"x-{golden}", "sync": "c", "golden": golden, "path": "email", "state": state}])


def operation(tx: Tx, id: str, state: str) -> None:
    row = {"id": f"o-{id}", "sync": "c", "action": "update", "link": f"sf/Contact/{id}", "golden": f"g-{id}"}
    tx.add(t.operation, [{**SPOKE, **row, "state": state}])


def pending(tx: Tx, id: str) -> None:
    tx.add(t.inbox, [{"sync": "c", **SPOKE, "remote_id": id, "run": "r", "pending": True}])


def every_kind(tx: Tx) -> Mapping[str, str]:
    """One record of each kind: {id: the state it must be in}."""
    for disposition in ("deleted", "merged_into", "converted_into"):
        add(tx, disposition, disposition, link="ended")
    for id in ("applied", "unchanged", "conflicted-once"):
        add(tx, id, id.split("-")[0], link="linked")
    add(tx, "skipped", "skipped")
    add(tx, "left-scope", "skipped", link="suspended")
    add(tx, "parted", "applied", link="refused")
    add(tx, "waiting", "waiting", link="linked")
    add(tx, "review", "held")
    add(tx, "unsettled", "")
    add(tx, "created-by-us", "", link="linked")
    add(tx, "changed", "applied", link="linked")
    pending(tx, "changed")
    add(tx, "to-write", "applied", link="linked")
    operation(tx, "to-write", "pending")
    add(tx, "written", "applied", link="linked")
    operation(tx, "written", "done")
    add(tx, "torn", "conflicted", link="linked")
    open_conflict(tx, "g-torn")
    add(tx, "mended", "conflicted", link="linked")
    open_conflict(tx, "g-mended", "resolved")
    add(tx, "unreadable", "dead")
    open_letter(tx, id="e-1", **SPOKE, remote_id="unreadable", action="read")
    add(tx, "refused", "applied", link="linked")
    open_letter(tx, id="e-2", connection="sf", golden="g-refused", action="update")
    add(tx, "elsewhere", "applied", link="linked")
    open_letter(tx, id="e-3", connection="hs", golden="g-elsewhere", action="update")
    add(tx, "put-away", "dead")
    return {
        **dict.fromkeys(("deleted", "merged_into", "converted_into"), "deleted"),
        **dict.fromkeys(
            ("applied", "unchanged", "conflicted-once", "written", "mended", "elsewhere", "created-by-us"), "in_sync"
        ),
        **dict.fromkeys(("skipped", "left-scope", "parted", "put-away"), "excluded"),
        **dict.fromkeys(("waiting", "review", "unsettled", "changed", "to-write"), "pending"),
        "torn": "conflict",
        **dict.fromkeys(("unreadable", "refused"), "failed"),
    }


def test_each_kind_of_record_is_in_its_state(store: Store) -> None:
    with store.begin() as tx:
        wanted = every_kind(tx)
        assert {id: states.one(tx, "sf", "Contact", id) for id in wanted} == wanted
        assert states.one(tx, "sf", "Contact", "never seen") == ""


def test_the_states_add_up_to_what_the_spoke_holds(store: Store) -> None:
    with store.begin() as tx:
        wanted = every_kind(tx)
        found = states.counts(tx, "sf", "Contact")
        assert found == {s: list(wanted.values()).count(s) for s in states.STATES}
        assert sum(found.values()) - found["deleted"] == records.live_count(tx, "sf", "Contact")
        assert states.counts(tx, "hs", "contacts") == dict.fromkeys(states.STATES, 0)


@pytest.mark.parametrize("state", states.STATES)
def test_the_records_of_a_state_can_be_listed(store: Store, state: str) -> None:
    with store.begin() as tx:
        wanted = sorted(id for id, s in every_kind(tx).items() if s == state)
        found = states.in_state(tx, "sf", "Contact", state, 100)
        assert sorted(row.remote_id for row in found) == wanted
        assert len(states.in_state(tx, "sf", "Contact", state, 1)) == 1


def test_what_is_open_is_counted_per_sync(store: Store) -> None:
    with store.begin() as tx:
        every_kind(tx)
        assert states.open_counts(tx, "c") == {"conflicts": 1, "matches": 0, "errors": 3}
        assert states.open_counts(tx, "other") == {"conflicts": 0, "matches": 0, "errors": 0}
        assert states.open_operations(tx, "c") == {"sf": {"update": 1}}


def test_errors_are_grouped_by_cause(store: Store) -> None:
    with store.begin() as tx:
        for n, code in enumerate(["E-VALUE", "E-VALUE", "E-LIMIT"]):
            open_letter(tx, id=f"e-{n}", **SPOKE, code=code, path="phone", text=f"refused {n}")
        found = states.error_groups(tx, "c")
        assert [(g["code"], g["records"], g["example"]) for g in found] == [
            ("E-VALUE", 2, "refused 0"),
            ("E-LIMIT", 1, "refused 2"),
        ]
        assert states.error_groups(tx, "c", "dismissed") == []


def test_links_to_nowhere_are_found(store: Store) -> None:
    with store.begin() as tx:
        add(tx, "a", "applied", link="linked", golden="g-a")
        add(tx, "b", "applied", link="linked", golden="g-b")
        tx.add(t.golden, [{"id": "g-a"}])
        assert [row.golden for row in states.lost_links(tx)] == ["g-b"]
        assert states.doubled_links(tx) == []
