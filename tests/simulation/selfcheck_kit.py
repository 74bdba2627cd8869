"""What the tests of the self-check share: a hub at rest, hands that change its database, and the question what is found."""

from __future__ import annotations

from typing import Any

from hub.engine.selfcheck import Checked, self_check
from hub.store import audit, runs
from tests.simulation.world import World, spoke, sync, world

SPOKES = ("a", "b")


def at_rest(*, people: int = 1, runs: int = 3, **options: Any) -> World:
    """Some people in `a`, created in `b`, and then silence."""
    w = world(sync(*(spoke(n) for n in SPOKES), **options))
    for n in range(people):
        w.person("a", first=f"Ana{n}", last=f"Diaz{n}", mail=f"ana{n}@example.org", title="Clerk")
    w.runs(runs)
    return w


def by_hand(w: World, *statements: Any) -> None:
    """Somebody changes the hub's database behind its back."""
    with w.hub.store.begin() as tx:
        for statement in statements:
            tx.run(statement)


def kinds(checked: Checked) -> list[str]:
    return sorted({f"{f.invariant} {f.kind}" for f in checked.findings})


def state(w: World, name: str = "people") -> tuple[bool, str]:
    found = w.ask(runs.sync_state, name)
    return bool(found["paused"]), str(found["reason"])


def breaks(w: World, *expected: str, full: bool = True) -> Checked:
    """The check finds this and nothing else, pauses the sync, says why, and writes that down."""
    checked = self_check(w.hub, full=full)
    assert kinds(checked) == sorted(expected), [f.text for f in checked.findings]
    assert all(f.level == "broken" and f.next and f.place for f in checked.findings)
    paused, reason = state(w)
    assert paused and checked.paused == sorted(w.hub.syncs)
    first = checked.findings[0]
    assert reason.startswith(f"self-check {first.invariant}: {first.place}: ") and "Next: " in reason
    assert [e["actor"] for e in w.ask(audit.entries, action="paused")] == ["self-check"] * len(w.hub.syncs)
    return checked
