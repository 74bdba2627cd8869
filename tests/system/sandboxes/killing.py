"""People who go on working, remotes that fail, and a hub that is killed again and again; and what must be true after."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.connect.sandbox import Fault, Request, Response, Sandbox
from tests.system.sandboxes.world import PLAIN, World

VICTIM = Path(__file__).with_name("victim.py")
LIMIT = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY", "message": "Slow down."}
FAULTS: tuple[tuple[str, Response], ...] = (
    ("answer", Response(500)),
    ("answer", Response(503, "<html>busy</html>")),
    ("answer", Response(429, LIMIT, {"Retry-After": "1"})),
    ("drop", Response()),
    ("drop_after", Response()),
    ("cut", Response()),
    ("replace", Response(502, "<html>bad gateway</html>")),
)
CHANCE = 0.02
MOMENTS = ("call", "answered", "before:commit", "after:commit", "time")


@dataclass
class Typed:
    """One value that a person typed, and where."""

    side: str
    name: str
    path: str
    value: str


@dataclass
class People:
    """Those who work in both systems. Everybody has a family name of their own, which is never edited."""

    world: World
    chance: random.Random
    typed: list[Typed] = field(default_factory=list)
    known_by_email: set[str] = field(default_factory=set)
    companies: list[str] = field(default_factory=list)
    count: int = 0

    def found_companies(self, count: int) -> None:
        self.companies = [
            self.world.sf.seed("Account", {"Name": f"Company {n}", "Website": f"https://company{n}.example"})
            for n in range(count)
        ]

    def fresh(self, path: str) -> str:
        """A value that was never typed before."""
        self.count += 1
        n = self.count
        return {"email": f"New{n}@Example.org", "mobile": f"+49 30 2{n:06}"}.get(path, f"{path} {n}x")

    def arrive(self) -> None:
        """Somebody new: on one side or, spelled differently, on both."""
        self.count += 1
        name, email = f"Nr{self.count}", f"Person{self.count}@example.org"
        where = self.chance.choice(["sf", "hs", "both"])
        if where == "both":
            # Nothing but the address says that these two are one: it must not change before the hub has seen both.
            self.known_by_email.add(name)
        if where != "hs":
            self.world.sf.seed("Contact", {"LastName": name, "Email": email})
        if where != "sf":
            self.world.hs.seed("contacts", {"lastname": name, "email": email.upper()})

    def work(self) -> None:
        """An hour's edits."""
        for _ in range(self.chance.randint(2, 5)):
            self.edit(self.chance.choice(["sf", "hs"]))
        if self.chance.random() < 0.5:
            self.move()
        if self.chance.random() < 0.5:
            self.arrive()

    def move(self) -> None:
        """Somebody goes to another company, or to none."""
        id = self.chance.choice(sorted(self.world.sf.rows("Contact")))
        self.world.sf.edit("Contact", id, {"AccountId": self.chance.choice([*self.companies, None])})

    def edit(self, side: str) -> None:
        rows = self.world.sf.rows("Contact") if side == "sf" else self.world.hs.rows("contacts")
        id = self.chance.choice(sorted(rows))
        name = rows[id]["LastName" if side == "sf" else "lastname"]
        paths = ["given_name", "title", "city", "mobile", "email"]
        path = self.chance.choice(paths[:-1] if name in self.known_by_email else paths)
        value = self.fresh(path)
        if path in ("title", "city") and self.chance.random() < 0.2:
            value = ""
        self.typed.append(Typed(side, name, path, value))
        sf_field, hs_field = PLAIN[path]
        if side == "sf":
            self.world.sf.edit("Contact", id, {sf_field: value or None})
        else:
            self.world.hs.edit("contacts", id, {hs_field: value})


# ---------------------------------------------------------------- killing


class Executioner:
    """Kills a process when the two sandboxes together have seen its n-th call: before it is carried out, or after.

    `meddle` is called now and then while a call is on its way: people do not wait for a run to end.
    """

    def __init__(self, sandboxes: tuple[Sandbox, ...], meddle: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._meddle = meddle
        self.pid, self.left, self.after = 0, 0, False
        for sandbox in sandboxes:
            sandbox.respond = self._watching(sandbox.respond)

    def aim(self, pid: int, number: int, *, after: bool) -> None:
        with self._lock:
            self.pid, self.left, self.after = pid, number, after

    def _watching(self, respond: Callable[[Request], Any]) -> Callable[[Request], Any]:
        def watched(request: Request) -> tuple[Response, Fault | None]:
            with self._lock:
                self.left -= 1
                now = self.pid if self.pid and self.left == 0 else 0
                self._meddle()
            if now and not self.after:
                os.kill(now, signal.SIGKILL)
                return Response(500), Fault("drop")
            answer = respond(request)
            if now:
                os.kill(now, signal.SIGKILL)
            return answer

        return watched


def victim(world: World, *words: str, moment: str = "never", number: int = 0) -> list[str]:
    """The command line of a process that kills itself at its n-th such moment, or never."""
    return [sys.executable, str(VICTIM), moment, str(number), "--project", str(world.root), *words]


def run_and_kill(world: World, executioner: Executioner, chance: random.Random, words: tuple[str, ...]) -> int:
    """Start a run in a process of its own and kill it somewhere. Returns its exit code, negative if it was killed."""
    moment = chance.choice(MOMENTS)
    number = chance.randint(1, 12)
    inside = moment if moment.endswith("commit") else "never"
    command = victim(world, *words, moment=inside, number=number)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        if moment in ("call", "answered"):
            executioner.aim(process.pid, number, after=moment == "answered")
        try:
            _, told = process.communicate(timeout=chance.uniform(0.4, 2.5) if moment == "time" else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            _, told = process.communicate()
        executioner.aim(0, 0, after=False)
    assert b"X-BUG" not in told and b"S-BUSY" not in told, told.decode()
    return process.returncode


def stir(world: World) -> None:
    """Let both systems fail now and then, in every way that they know."""
    for sandbox in world.sandboxes:
        for do, response in FAULTS:
            sandbox.fault(do, response=response, times=None, chance=CHANCE)
