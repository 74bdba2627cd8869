"""A person saves in the moment between our last look and our write: the edit is not lost, even if we are killed then."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from hub.connect.sandbox import Fault, Request, Response
from tests.system.sandboxes.killing import victim
from tests.system.sandboxes.world import World


def is_update(request: Request) -> bool:
    return request.path.endswith(("/batch/update", "/composite"))


def before_update(world: World, side: str, act: Callable[[], None], then: Callable[[], None] = lambda: None) -> None:
    """Just before the first update of one side is carried out, do something, and something else just after it."""
    sandbox = world.sf if side == "sf" else world.hs
    respond = sandbox.respond

    def meddled(request: Request) -> tuple[Response, Fault | None]:
        if not is_update(request) or sandbox.respond is not meddled:
            return respond(request)
        sandbox.respond = respond
        act()
        answer = respond(request)
        then()
        return answer

    sandbox.respond = meddled


def prepare(world: World, side: str) -> Callable[[], None]:
    """One side was edited, so that the other is due for a write. Returns what a person does there at the last moment."""
    if side == "hs":
        world.sf.edit("Contact", world.ids["sf:ana"], {"Title": "Buyer"})
        return lambda: world.hs.edit("contacts", world.ids["hs:ana"], {"jobtitle": "Chief"})
    world.hs.edit("contacts", world.ids["hs:ana"], {"jobtitle": "Buyer"})
    return lambda: world.sf.edit("Contact", world.ids["sf:ana"], {"Title": "Chief"})


def check_both_kept(world: World) -> None:
    """Both sides agree on one of the two values, and the other one is in the audit log."""
    for _ in range(2):
        world.run("customers", code=None)
    told = world.contact("ana")["Title"]
    assert told == world.person("ana")["jobtitle"]
    assert told in ("Buyer", "Chief")
    log = world("audit", "export").out
    assert '"Buyer"' in log and '"Chief"' in log
    world.check_silent("customers", "--full")
    world.verified()


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_an_edit_of_the_last_moment_is_not_lost(agreed: World, side: str) -> None:
    before_update(agreed, side, prepare(agreed, side))
    agreed.run("customers", code=None)
    check_both_kept(agreed)


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_an_edit_of_the_last_moment_is_not_lost_when_we_are_killed_after_the_write(agreed: World, side: str) -> None:
    running: list[int] = []
    before_update(agreed, side, prepare(agreed, side), lambda: os.kill(running[0], signal.SIGKILL))
    with subprocess.Popen(
        victim(agreed, "run", "customers"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        running.append(process.pid)
        assert process.wait(60) == -signal.SIGKILL
    check_both_kept(agreed)
