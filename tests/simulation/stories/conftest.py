"""After each story the hub checks itself: whatever happened in it, the self-check finds nothing to complain of, save where
the story is about somebody who changed the database by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.engine.selfcheck import self_check
from hub.store import runs
from tests.simulation.stories import kit
from tests.simulation.world import World

BROKEN_BY_HAND = {
    "test_any_change_of_the_audit_log_is_found": "I9 chain",
    "test_an_audit_log_whose_end_was_cut_off_is_found_by_the_checkpoint_noted_elsewhere": "I9 journal",
}


@pytest.fixture(autouse=True)
def the_hub_finds_no_fault_in_itself(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    worlds: list[World] = []
    run = World.run

    def noted(self: World, *args: object, **options: object) -> object:
        if all(w is not self for w in worlds):
            worlds.append(self)
        return run(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(World, "run", noted)
    yield
    expected = BROKEN_BY_HAND.get(getattr(request.node, "originalname", ""))
    for w in worlds:
        kit.heal(w)
        w.hub.store.hook = kit.nothing
        assert all(w.ask(runs.sync_state, name)["reason"].startswith("self-check") is False for name in w.hub.syncs)
        found = self_check(w.hub, full=True).findings
        if expected:
            assert expected in {f"{f.invariant} {f.kind}" for f in found}
        else:
            assert found == []
