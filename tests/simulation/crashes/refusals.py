"""Databases that refuse: full, locked, gone; and one that commits, of which the process never hears.

The same process goes on once the trouble is over. Each kind of trouble comes at each commit of a scene in turn; the run
must end with that one error, ask nothing more of any remote, and leave a state from which the next run completes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.exc import OperationalError

from hub.core.errors import HubError
from hub.engine.context import LEASE_SECONDS
from tests.simulation.crashes.course import Stage
from tests.simulation.crashes.pictures import driver, leave_alone, watch
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Trouble:
    """`when`: before a commit, which then does not happen, or after it. `lasts`: until somebody helps; else it comes once."""

    words: str
    name: str
    code: str
    when: str = "before:commit"
    lasts: bool = False

    def error(self) -> OperationalError:
        """What SQLAlchemy raises."""
        said = sqlite3.OperationalError(self.words)
        if self.name:
            said.sqlite_errorname = self.name
        return OperationalError("COMMIT", None, said)


TROUBLES = {
    "the disk is full": Trouble("database or disk is full", "SQLITE_FULL", "E-DISK", lasts=True),
    "the database is locked": Trouble("database is locked", "SQLITE_BUSY", "E-LOCKED"),
    "the connection breaks before the commit": Trouble("server closed the connection unexpectedly", "", "E-DATABASE"),
    "the answer to a commit is lost": Trouble(
        "server closed the connection unexpectedly", "", "E-DATABASE", "after:commit"
    ),
}


@dataclass(slots=True)
class Refusing:
    """Raises the trouble at the n-th commit, and notes what is asked of the remotes after it."""

    w: World
    trouble: Trouble
    number: int
    seen: int = 0
    came: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        watch(self.w, self.step)

    def step(self, event: str) -> None:
        if event == self.trouble.when:
            self.seen += 1
            if self.seen == self.number or (self.came and self.trouble.lasts):
                self.came = True
                raise self.trouble.error()
        elif self.came and event.startswith("before:") and not event.endswith("commit"):
            self.asked.append(event.partition(":")[2])


def refused(on: Stage, trouble: Trouble, number: int) -> list[str]:
    """What does not hold where the n-th commit of a scene meets this trouble."""
    w = on.first_process()
    w.hub.is_alive = lambda holder: True
    refusing = Refusing(w, trouble, number)
    for n, act in enumerate(on.scene.acts):
        try:
            act(w)
        except HubError as problem:
            leave_alone(w)
            w.clock.advance(LEASE_SECONDS)
            return _told(problem, trouble, refusing) + on.finished(w, n)
        if refusing.came:
            return ["nobody was told"]
    return [f"there is no commit {number}"]


def really_full(on: Stage, number: int) -> list[str] | None:
    """SQLite's own refusal: after the n-th commit the database may not grow by a single page. None if none was needed."""
    w = on.first_process()
    w.hub.is_alive = lambda holder: True
    raw, left = driver(w.hub.store), number

    def no_room(event: str) -> None:
        nonlocal left
        left -= event == "after:commit"
        if left == 0:
            raw.execute("PRAGMA max_page_count = 1")  # it takes the least that it can: the pages that there are

    watch(w, no_room)
    problem = None
    try:
        on.scene.acts[0](w)
    except HubError as refusal:
        problem = refusal
    leave_alone(w)
    raw.execute("PRAGMA max_page_count = 4294967294")
    w.clock.advance(LEASE_SECONDS)
    found = on.finished(w, 0)
    if problem is None:
        return found or None
    return found if problem.code == "E-DISK" else [f"the error is {problem.code}: {problem.explain()}", *found]


def _told(problem: HubError, trouble: Trouble, refusing: Refusing) -> list[str]:
    found = (
        []
        if problem.code == trouble.code
        else [f"the error is {problem.code}, not {trouble.code}: {problem.explain()}"]
    )
    found += [] if problem.unchanged and problem.next else ["the error does not say what is unchanged and what to do"]
    return found + [f"{verb} was asked of a remote after it" for verb in refusing.asked]


def refusals(on: Stage, trouble: str, stride: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Each commit of the scene that met this trouble, and what did not hold."""
    for number in range(1, on.camera.commits + 1, stride):
        yield f"{trouble} at commit {number} of {on.camera.commits}", refused(on, TROUBLES[trouble], number)
