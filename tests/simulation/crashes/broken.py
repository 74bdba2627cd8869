"""Engines that break one rule of crash safety each, for the proofs to find. A context manager patches the engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from hub.core.errors import HubError
from hub.engine import intake, push, receipts, recover, run
from hub.engine.context import Hub, Run
from hub.store import operations
from tests.simulation.proof.mutants.reading import cursor_before_rows

Broken = Callable[[], AbstractContextManager[Any]]


def no_intent() -> AbstractContextManager[Any]:
    """Nothing is committed before the call."""
    return mock.patch.object(push.operations, "send", lambda tx, run, batch: None)


def no_recovery() -> AbstractContextManager[Any]:
    """Nobody looks for what was under way when the last run ended."""
    return mock.patch.object(run, "recover", lambda hub, run: None)


def recovery_forgets() -> AbstractContextManager[Any]:
    """Recovery closes the intents first and opens them again when it has looked: it can be stopped once, not twice."""

    def forgetful(hub: Hub, run: Run) -> None:
        with hub.store.begin() as tx:
            found = operations.in_state(tx, run.sync.name, operations.LOST)
            operations.mark(tx, [o.id for o in found], "withdrawn")
        if found:
            with hub.store.begin() as tx:
                operations.mark(tx, [o.id for o in found], "unknown")
            recover.recover(hub, run)

    return mock.patch.object(run, "recover", forgetful)


def no_fence() -> AbstractContextManager[Any]:
    """A worker never asks whether the sync is still its own."""
    return mock.patch.object(Run, "hold", lambda self, tx: None)


def limps_on() -> AbstractContextManager[Any]:
    """The database's trouble is taken for the trouble of the one spoke at which it was met."""
    return mock.patch.multiple(intake, ends_run=lambda problem: False)


def repeats_what_it_could_not_store() -> AbstractContextManager[Any]:
    """A write whose outcome could not be stored counts as not made."""
    store = receipts.store

    def blind(hub: Hub, run: Run, spoke: Any, batch: Any, *rest: Any) -> None:
        try:
            store(hub, run, spoke, batch, *rest)
        except HubError:
            with hub.store.begin() as tx:
                operations.mark(tx, [o.id for o in batch], "pending")
            raise

    return mock.patch.object(receipts, "store", blind)


__all__ = [
    "Broken",
    "cursor_before_rows",
    "limps_on",
    "no_fence",
    "no_intent",
    "no_recovery",
    "recovery_forgets",
    "repeats_what_it_could_not_store",
]
