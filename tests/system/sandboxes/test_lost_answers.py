"""An answer that never comes, over a real line: what was committed is found again, and nothing is sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from hub.connect.sandbox import Request
from tests.system.sandboxes.world import World, is_write

WAYS: dict[str, dict[str, Any]] = {
    "timed out": {"do": "delay", "seconds": 3.0},
    "reset": {"do": "drop_after"},
    "cut": {"do": "cut"},
}


@pytest.fixture
def hasty(agreed: World) -> World:
    """Connections that wait a second for an answer."""
    agreed.change("config/connections.yaml", ("timeout: 5", "timeout: 1"))
    agreed.run("customers")
    return agreed


def on_write(request: Request) -> bool:
    return is_write((request.method, request.path))


def lose_answer(world: World, side: str, how: str) -> None:
    """The next write to one side is carried out, but its answer is lost."""
    (world.sf if side == "sf" else world.hs).fault(when=on_write, **WAYS[how])


def writes_to(world: World, side: str, mark: int = 0) -> int:
    sandbox = world.sf if side == "sf" else world.hs
    return sum(map(is_write, sandbox.calls[mark:]))


@pytest.mark.parametrize("how", sorted(WAYS))
@pytest.mark.parametrize("side", ["sf", "hs"])
def test_a_create_whose_answer_is_lost_makes_no_second_record(hasty: World, side: str, how: str) -> None:
    if side == "hs":
        hasty.sf.seed("Contact", {"LastName": "Eve", "Email": "eve@acme.example", "Title": "Buyer"})
    else:
        hasty.hs.seed("contacts", {"lastname": "Eve", "email": "eve@acme.example", "jobtitle": "Buyer"})
    lose_answer(hasty, side, how)
    before = writes_to(hasty, side)
    told = hasty.run("customers", "--json", code=4).json
    assert told["operations"]["unknown"] == 1
    hasty.run("customers")
    assert writes_to(hasty, side) == before + 1
    for found in (hasty.sf_by_email(), hasty.hs_by_email()):
        assert len(found["eve@acme.example"]) == 1
    hasty.check_silent("customers", "--full")


@pytest.mark.parametrize("how", sorted(WAYS))
@pytest.mark.parametrize("side", ["sf", "hs"])
def test_an_update_whose_answer_is_lost_is_judged_by_a_direct_read(hasty: World, side: str, how: str) -> None:
    if side == "hs":
        hasty.sf.edit("Contact", hasty.ids["sf:ana"], {"Title": "Buyer"})
    else:
        hasty.hs.edit("contacts", hasty.ids["hs:ana"], {"jobtitle": "Buyer"})
    lose_answer(hasty, side, how)
    hasty.run("customers", code=4)
    mark = len((hasty.sf if side == "sf" else hasty.hs).calls)
    hasty.run("customers")
    asked = (hasty.sf if side == "sf" else hasty.hs).calls[mark:]
    by_id = "/composite/sobjects/Contact" if side == "sf" else "/contacts/batch/read"
    assert any(path.endswith(by_id) for _, path in asked)
    assert writes_to(hasty, side, mark) == 0
    assert hasty.contact("ana")["Title"] == hasty.person("ana")["jobtitle"] == "Buyer"
    hasty.check_silent("customers", "--full")


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_an_edit_of_a_record_whose_create_was_not_answered_is_kept(hasty: World, side: str) -> None:
    if side == "hs":
        hasty.sf.seed("Contact", {"LastName": "Eve", "Email": "eve@acme.example", "Title": "Buyer"})
    else:
        hasty.hs.seed("contacts", {"lastname": "Eve", "email": "eve@acme.example", "jobtitle": "Buyer"})
    lose_answer(hasty, side, "reset")
    hasty.run("customers", code=4)
    if side == "hs":
        id = next(i for i, r in hasty.hs.rows("contacts").items() if r["email"] == "eve@acme.example")
        hasty.hs.edit("contacts", id, {"jobtitle": "Chief"})
    else:
        id = next(i for i, r in hasty.sf.rows("Contact").items() if r["Email"] == "eve@acme.example")
        hasty.sf.edit("Contact", id, {"Title": "Chief"})
    hasty.run("customers")
    (sf,), (hs,) = hasty.sf_by_email()["eve@acme.example"], hasty.hs_by_email()["eve@acme.example"]
    assert sf["Title"] == hs["jobtitle"] == "Chief"
    hasty.check_silent("customers", "--full")


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_a_write_that_never_arrived_is_sent_again(hasty: World, side: str) -> None:
    if side == "hs":
        hasty.sf.edit("Contact", hasty.ids["sf:ana"], {"Title": "Buyer"})
        hasty.sf.seed("Contact", {"LastName": "Eve", "Email": "eve@acme.example"})
    else:
        hasty.hs.edit("contacts", hasty.ids["hs:ana"], {"jobtitle": "Buyer"})
        hasty.hs.seed("contacts", {"lastname": "Eve", "email": "eve@acme.example"})
    (hasty.sf if side == "sf" else hasty.hs).fault("drop", when=on_write, times=2)
    hasty.run("customers", code=4)
    hasty.run("customers")
    assert hasty.contact("ana")["Title"] == hasty.person("ana")["jobtitle"] == "Buyer"
    for found in (hasty.sf_by_email(), hasty.hs_by_email()):
        assert len(found["eve@acme.example"]) == 1
    hasty.check_silent("customers", "--full")
