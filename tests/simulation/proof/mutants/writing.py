"""Mutants of writing: intents, lost answers, looks before and after, patience, leases, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tenacity import Retrying, stop_after_attempt

from hub.core.model import ABSENT, UNRESOLVED, Missing, Pair
from hub.core.rules import FieldRule, RefRule
from hub.engine import apply, look, push, receipts, recover, run
from hub.store import operations, runs
from tests.simulation.proof.mutants.kit import Patch, around, breaks, instead
from tests.simulation.stories import test_deletes, test_lost_answers, test_protocols

keyless = around(push, "as_write", lambda write, o, spoke: replace(write(o, spoke), key="", key_field=""))


@breaks("nothing_is_made_twice")
def no_intent_before_create() -> Iterator[Patch]:
    """A create leaves no durable note before the call, and carries no key."""
    yield keyless

    def silently(send: Any, tx: Any, run: str, batch: Any) -> None:
        send(tx, run, [o for o in batch if o.action != "create"])

    yield around(operations, "send", silently)


@breaks("nothing_is_made_twice")
def unknown_is_repeated() -> Iterator[Patch]:
    """A write whose answer was lost is simply sent again."""

    def repeat(hub: Any, run: Any) -> None:
        with hub.store.begin() as tx:
            lost = operations.in_state(tx, run.sync.name, ("sent", "unknown"))
            operations.mark(tx, [o.id for o in lost], "pending")

    yield instead(run, "recover", repeat)
    yield keyless


@breaks(
    "everything_is_accounted_for",
    "all_agree",
    script=test_lost_answers.test_a_create_times_out_before_commit_and_is_sent_again,
)
def unknown_is_forgotten() -> Iterator[Patch]:
    """Nobody looks what became of a write whose answer was lost."""
    yield instead(run, "recover", lambda hub, run: None)


@breaks("edits_are_never_lost")
def no_look_before_writing() -> Iterator[Patch]:
    """Nobody looks whether the record moved, no condition is sent, no history is asked."""

    def blind(before: Any, hub: Any, run: Any, spoke: Any, connector: Any, batch: Any) -> Any:
        if batch[0].action == "create":
            return before(hub, run, spoke, connector, batch)
        return list(batch)

    yield around(look, "before_writing", blind)
    yield instead(look, "after_writing", lambda *args: {})
    yield instead(look, "lost_to", lambda *args: {})
    yield instead(recover, "lost_to", lambda *args: {})
    yield around(push, "as_write", lambda write, o, spoke: replace(write(o, spoke), careful=False))


@breaks(
    "edits_are_never_lost",
    stories=(13,),
    script=test_deletes.test_a_delete_was_decided_and_b_is_edited_before_it_is_sent_so_nothing_is_deleted,
)
def delete_without_a_look() -> Iterator[Patch]:
    """A delete that was decided is sent, whatever became of the record meanwhile."""

    def blind(before: Any, hub: Any, run: Any, spoke: Any, connector: Any, batch: Any) -> Any:
        return list(batch) if batch[0].action == "delete" else before(hub, run, spoke, connector, batch)

    def careless(write: Any, o: Any, spoke: Any) -> Any:
        return replace(write(o, spoke), careful=o.action != "delete" and spoke.protocol == "careful")

    yield around(look, "before_writing", blind)
    yield around(push, "as_write", careless)


@breaks(
    "edits_are_never_lost",
    script=test_protocols.test_with_field_history_an_edit_that_we_ran_over_is_detected_and_can_be_brought_back,
)
def no_history_after_writing() -> Iterator[Patch]:
    """Where a remote takes no conditions, nobody asks its history which edit our write ran over."""
    yield instead(look, "after_writing", lambda *args: {})
    yield instead(look, "lost_to", lambda *args: {})
    yield instead(recover, "lost_to", lambda *args: {})


@breaks("no_call_before_its_time")
def retry_without_retry_after() -> Iterator[Patch]:
    """A remote that asks for patience is asked again at once."""

    def hasty(**rest: Any) -> Retrying:
        return Retrying(**{**rest, "wait": lambda state: 0.1, "stop": stop_after_attempt(4)})

    yield instead(push, "Retrying", hasty)


@breaks("one_worker_at_a_time", "nothing_is_made_twice", "edits_are_never_lost")
def lease_is_dropped() -> Iterator[Patch]:
    """Nobody checks inside a transaction whether the sync is still ours: a worker that woke up late carries on."""
    yield instead(runs, "hold_lease", lambda tx, name, fence, seconds: None)


@breaks("runs_never_break", "everything_is_accounted_for")
def the_dead_keep_their_lease() -> Iterator[Patch]:
    """A lease never ends by itself, and the lease of a dead process counts like any other."""

    def for_ever(take: Any, tx: Any, name: str, holder: str, seconds: float, *, take_over: bool = False) -> int:
        return int(take(tx, name, holder, 1e9))

    yield around(runs, "take_lease", for_ever)
    yield around(runs, "hold_lease", lambda hold, tx, name, fence, seconds: hold(tx, name, fence, 1e9))


@breaks("every_write_is_in_the_audit")
def audit_after_the_write_only() -> Iterator[Patch]:
    """No intent stands in the audit log before the call."""

    class Nothing:
        Entry = push.audit.Entry

        @staticmethod
        def write(tx: Any, entries: Any) -> None:
            return None

    yield instead(push, "audit", Nothing)


@breaks("forms_stay_at_home", "all_agree")
def form_is_what_we_sent() -> Iterator[Patch]:
    """After a write the base holds what was sent, not what the remote made of it."""
    yield instead(receipts, "_pair", lambda spoke, path, value, raw, receipt: Pair(value, raw, True))


@breaks(
    "all_agree",
    "edits_are_never_lost",
    stories=(14,),
    script=test_lost_answers.test_a_person_shortens_our_value_in_b_before_our_first_read_and_a_receipt_tells_that_it_is_an_edit,
)
def receipts_are_not_read() -> Iterator[Patch]:
    """Where the remote says what our write became, nobody listens: a person's shortening passes for its rewriting."""
    yield instead(receipts, "_pair", lambda spoke, path, value, raw, receipt: Pair(value, raw, False))


@breaks(
    "forms_stay_at_home",
    stories=(5,),
    script=test_lost_answers.test_an_update_times_out_after_b_stored_it_cut_and_a_keeps_the_long_value,
)
def a_lost_write_is_not_ours() -> Iterator[Patch]:
    """An intent whose answer was lost does not count as our write: what the remote made of it passes for an edit."""
    yield instead(apply.operations, "intents", lambda found: {})


@breaks("parents_come_first")
def child_before_parent() -> Iterator[Patch]:
    """A reference is written before the record that it refers to is there."""

    def anyhow(to_remote: Any, self: Any, value: Any, fields: Any, connection: str, refs: Any) -> Any:
        raw = to_remote(self, value, fields, connection, refs)
        return value if raw is UNRESOLVED and not isinstance(value, Missing) else raw

    yield around(RefRule, "to_remote", anyhow)


@breaks("amounts_are_exact")
def amounts_are_floats() -> Iterator[Patch]:
    """Amounts are sent as cents that a binary fraction was cut to."""

    def inexact(to_remote: Any, self: Any, value: Any, fields: Any, connection: str, refs: Any) -> Any:
        raw = to_remote(self, value, fields, connection, refs)
        if self.path != "total" or raw is ABSENT or raw is None:
            return raw
        return str(Decimal(int(float(raw) * 100)) / 100)

    yield around(FieldRule, "to_remote", inexact)
