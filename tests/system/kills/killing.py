"""One run in a process of its own, forked from a warm one, and its end.

A moment says how it dies: the parent kills it when it has asked its n-th question, or asked for its n-th write, before
that is carried out or after; or after so many milliseconds; or it ends itself at its n-th step beside a commit or between
two steps of the engine, without a word to anybody.
"""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from hub.connect.clock import MemoryTokens
from hub.connect.connector import Connector, Context
from hub.connect.limits import NoLimits
from hub.connect.memory import MemoryConnector
from hub.core.errors import HubError
from hub.engine.context import Calls, Hub
from hub.engine.run import run_sync
from hub.jobs.ids import Ids, holder_name, is_alive
from hub.store.db import Store
from hub.store.vault import Vault
from tests.simulation.world import KEY, World
from tests.system.kills.remotes import DISTANT, DistantRemote, answer

BY_ITSELF = 77
FAILED = 70
"""Exit codes of a child: it ended itself at its moment; a bug, which it has printed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How, and at which of them (or after how many milliseconds)."""

    kind: str = "never"
    number: int = 0


LATEST = {"asked": 60, "answered": 60, "writing": 3, "written": 3, "time": 80, "beside a commit": 40}


def draw_moment(chance: random.Random) -> Moment:
    kind = chance.choice([*LATEST, "beside a commit"])
    return Moment(kind, chance.randint(1, LATEST[kind]))


def run_until(w: World, moment: Moment) -> int:
    """A run that dies at a moment. Returns how it ended: -9 killed, BY_ITSELF, or 0 if it was done before."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _child(w, theirs, moment)
    theirs.close()
    _serve(w, ours, pid, moment)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ours.close()
    if code not in (0, -signal.SIGKILL, BY_ITSELF):
        raise AssertionError(f"the process ended with {code}")
    return code


def _serve(w: World, pipe: Connection, pid: int, moment: Moment) -> None:
    """Answer the child's questions until it has ended, or kill it."""
    deadline = time.monotonic() + moment.number / 1000 if moment.kind == "time" else None
    counted = {"write"} if moment.kind in ("writing", "written") else {*DISTANT} - {"now"}
    asked = 0
    while True:
        if deadline is not None and not pipe.poll(max(0.0, deadline - time.monotonic())):
            return os.kill(pid, signal.SIGKILL)
        try:
            question = pipe.recv()
        except (EOFError, ConnectionError):
            return None
        asked += question[1] in counted
        now = asked == moment.number and question[1] in counted
        if now and moment.kind in ("asked", "writing"):
            return os.kill(pid, signal.SIGKILL)
        told = answer(w.remotes, question)
        if now and moment.kind in ("answered", "written"):
            return os.kill(pid, signal.SIGKILL)
        try:
            pipe.send(told)
        except (BrokenPipeError, ConnectionError):
            return None


# ---------------------------------------------------------------- in the child


def _child(w: World, pipe: Connection, moment: Moment) -> None:
    """Everything that is open here is opened here; nothing is closed at the end, as in a process that dies."""
    code = FAILED
    try:
        run_sync(_hub(w, pipe, moment), "people")
        code = 0
    except HubError:
        code = 0  # a remote that was too busy: the next run goes on
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _hub(w: World, pipe: Connection, moment: Moment) -> Hub:
    here = w.hub
    store = Store(here.store.url, vault=Vault(KEY), now=w.clock.now)
    calls = Calls()
    hub = replace(here, store=store, holder=holder_name(), is_alive=is_alive, new_id=Ids(), calls=calls)
    hub.connectors = {name: _connector(w, name, pipe, calls) for name in w.remotes}
    hub.hook = store.hook = _ending(moment)
    return hub


def _connector(w: World, name: str, pipe: Connection, calls: Calls) -> Connector:
    context = Context(w.clock, MemoryTokens(), NoLimits(), on_call=lambda what: calls.add(name))
    remote: Any = DistantRemote(name, w[name], pipe)
    return MemoryConnector(name, {}, context, remote=remote)


def _ending(moment: Moment) -> Callable[[str], None]:
    left = moment.number if moment.kind == "beside a commit" else -1

    def hook(event: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(BY_ITSELF)

    return hook
