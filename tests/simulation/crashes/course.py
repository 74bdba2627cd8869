"""Play a scene, stop it at every step, and judge what comes of it.

A scene that was stopped anywhere must end as it ends undisturbed: the same records with the same values, the same open
questions, the same links; and every oracle of the simulation and the hub's own self-check must hold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hub.core.errors import HubError
from hub.engine.selfcheck import self_check
from hub.store import reviews
from hub.store import tables as t
from tests.simulation.crashes.pictures import Camera, Picture, leave_alone, new_process, picture_of
from tests.simulation.crashes.scenes import MANNERS, Scene
from tests.simulation.history import History, Rates
from tests.simulation.oracles import ORACLES
from tests.simulation.world import World

CALM = 3
CHECK_EVERY = 5
"""The hub's check of itself takes longer than all the rest: it is made after every fifth history."""


class Stage:
    """One scene with one kind of remote: how it begins, what it looks like at each step, and how it ends undisturbed."""

    def __init__(self, scene: Scene, manners: str) -> None:
        self.scene = scene
        self.judgements = 0
        self.like = scene.build(MANNERS[manners])
        self.beginning = picture_of(self.like)
        self.hooks = {name: remote.hook for name, remote in self.like.remotes.items()}
        w = self.first_process()
        self.camera = Camera(w)
        self._play(w, 0, self.camera)
        self.pictures = self.camera.taken
        leave_alone(w)
        self.wrong = self._quiet(w)
        self.end = end_of(w)

    def first_process(self) -> World:
        """The scene's own beginning, with what is to happen in it."""
        w = new_process(self.like, self.beginning)
        for name, hook in self.hooks.items():
            w[name].hook = hook
        return w

    def _play(self, w: World, first: int, camera: Camera | None = None) -> None:
        for n in range(first, len(self.scene.acts)):
            if camera is not None:
                camera.act = n
            self.scene.acts[n](w)

    def watched(self, picture: Picture) -> Camera:
        """A new process that goes on from a picture, photographed at every step."""
        w = new_process(self.like, picture)
        camera = Camera(w, picture.process + 1)
        self._play(w, picture.act, camera)
        return camera

    def judged(self, picture: Picture) -> list[str]:
        """What does not hold once a new process has gone on from a picture to the end."""
        return self.finished(new_process(self.like, picture), picture.act)

    def finished(self, w: World, act: int, *, alike: bool = True) -> list[str]:
        """Do the rest of a scene in a world where all trouble is over, and judge it. `alike`: it must end as undisturbed."""
        self.judgements += 1
        try:
            self._play(w, act)
        except HubError as problem:
            return [f"the next run fails: {problem.explain()}"]
        found = self._quiet(w)
        if not alike:
            return found
        end = end_of(w)
        return found + [
            f"{part} ends as {end[part]}, not as {want}" for part, want in self.end.items() if end[part] != want
        ]

    def _quiet(self, w: World) -> list[str]:
        """Runs until one writes nothing, at most so many; then every oracle."""
        for _ in range(CALM):
            before = w.written()
            for name in w.hub.syncs:
                w.run(name)
            writes = w.written() - before
            if not writes:
                break
        h = History(0, random.Random(0), w, Rates(0, 0, 0), reports=w.reports, quiet_writes=writes)
        found = [f"{o.__name__}: {text}" for o in ORACLES if o.__name__ not in self.scene.spared for text in o(h)]
        if self.judgements % CHECK_EVERY == 0:
            checked = self_check(w.hub, full=True).findings
            found += [f"self-check {f.invariant} {f.kind}: {f.text}" for f in checked]
        return found


def kills(on: Stage, stride: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Each place where the process was killed, and what did not hold afterwards."""
    for picture in on.pictures[::stride]:
        yield picture.event, on.judged(picture)


def kills_twice(on: Stage, first: int = 1, second: int = 1) -> Iterator[tuple[str, list[str]]]:
    """The same with a second kill while the next process recovers; every `first`-th and every `second`-th picture."""
    for n, picture in enumerate(on.pictures[::first]):
        for again in on.watched(picture).taken[n % second :: second]:
            yield f"{picture.event}, then {again.event}", on.judged(again)


# ---------------------------------------------------------------- how it ends


def end_of(w: World) -> dict[str, Any]:
    """What people see in the end, without ids: records, open questions, links."""
    return {
        "records": {f"{name}.{object}": _rows(w, name, object) for name in w.remotes for object in w[name].objects},
        "conflicts": sorted((c["path"], c["state"], str(c["hub_value"])) for c in w.ask(reviews.conflicts, "", "")),
        "matches": sorted((r["reason"], r["state"]) for r in w.ask(reviews.reviews, "", "")),
        "letters": sorted((e["connection"], e["path"], e["code"]) for e in w.ask(reviews.letters)),
        "links": _links(w),
        "hints": _count(w, t.hint),
    }


def _rows(w: World, name: str, object: str) -> list[Any]:
    names = {
        id: row.get("name") for other in w[name].objects if other != object for id, row in w[name].rows(other).items()
    }
    rows = w[name].rows(object).values()
    return sorted([sorted((n, names.get(v, v) or "") for n, v in r.items() if n != "hub_key") for r in rows])


def _links(w: World) -> dict[Any, int]:
    with w.hub.store.read() as tx:
        links = tx.rows(t.link.select())
    return dict(Counter((k.connection, k.object, k.state, k.why, k.main) for k in links))


def _count(w: World, table: Any) -> int:
    with w.hub.store.read() as tx:
        return len(tx.rows(table.select()))
