"""Mutants of linking: matching, keys, creates, parents, merges, restores of the hub."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from hub.core import match, merge
from hub.core.model import Pair, Raw
from hub.engine import look, merges, push, repair, resolve
from hub.store import agenda, reconcile
from hub.store import tables as t
from hub.store.db import Store
from tests.simulation.proof.mutants import scripts
from tests.simulation.proof.mutants.kit import Patch, around, breaks, instead
from tests.simulation.stories import test_hints, test_links, test_lost_answers, test_restore


@breaks("nothing_is_made_twice")
def creates_without_matching() -> Iterator[Patch]:
    """A record without a link always founds a golden record of its own."""

    def found(v: Any, spoke: Any, rows: Sequence[Any], resolved: Any) -> None:
        for row in rows:
            resolve._found_golden(v, spoke, row, resolved)

    yield instead(resolve, "_by_rule", found)
    yield instead(look, "_ask", lambda *args, **rest: {})


@breaks(
    script=scripts.somebody_enters_the_same_person_between_our_read_and_our_create,
)
def creates_without_asking() -> Iterator[Patch]:
    """Nobody asks a remote, before a create, whether it has such a record by now."""
    yield instead(look, "_ask", lambda *args, **rest: {})


@breaks(
    script=test_hints.test_a_run_of_hints_alone_sends_no_create_of_an_earlier_run,
)
def creates_before_reading() -> Iterator[Patch]:
    """Creates are sent to a system that was not read whole, or not in this run."""

    def open_(closed: Any, hub: Any, run: Any, spoke: Any) -> set[str]:
        return set(closed(hub, run, spoke)) - {"create"}

    yield around(push, "_closed", open_)


@breaks(
    "nothing_is_made_twice",
    stories=(3,),
    script=test_lost_answers.test_a_create_without_e_mail_is_committed_but_answer_and_look_up_fail_and_the_next_pull_knows_it_by_its_key,
)
def keys_are_not_recognised() -> Iterator[Patch]:
    """A record that carries a create key of ours is taken in like any other."""
    yield instead(resolve, "_by_key", lambda v, spoke, rows, found: list(rows))


@breaks(
    "forms_stay_at_home",
    stories=(6,),
    script=test_lost_answers.test_a_create_times_out_at_a_cutting_b_and_a_is_not_cut_by_its_adoption,
)
def adopted_as_it_was_sent() -> Iterator[Patch]:
    """A record adopted by its key is taken to hold exactly what was sent: what the remote cut of it passes for an edit."""

    def sent(operation: Any) -> dict[str, Pair]:
        return {f.path: Pair(f.after, f.raw, True) for f in operation.fields}

    yield instead(resolve, "created_base", sent)


@breaks(
    script=test_restore.test_records_created_after_the_backup_are_recognised_by_key_and_none_is_doubled,
)
def keys_from_a_counter() -> Iterator[Patch]:
    """Create keys count up in the memory of the process, instead of following from the origin."""
    count = itertools.count()
    yield instead(match, "create_key", lambda workspace, origin, target: f"key-{next(count)}")


@breaks(
    "all_agree",
    "edits_are_never_lost",
    stories=(4,),
    script=test_restore.test_rows_whose_hashes_still_match_are_heard_a_value_put_back_stands_in_a_conflict,
)
def restored_hashes_are_trusted() -> Iterator[Patch]:
    """After the hub was set back, a row of which it remembers the hash is dropped as unchanged."""
    yield instead(reconcile, "_forget", lambda tx: None)


@breaks("nothing_is_made_twice", script=test_restore.test_new_records_wait_for_the_release_and_flow_with_the_next_run)
def restored_hub_creates_at_once() -> Iterator[Patch]:
    """After the hub was set back, creates and deletes do not wait until everything was read and released."""
    yield instead(reconcile, "current", lambda tx: None)


@breaks(
    "nothing_is_made_twice",
    stories=(2,),
    script=test_links.test_both_sides_of_an_unlinked_pair_are_never_linked_again_by_rule,
)
def unlinked_is_forgotten() -> Iterator[Patch]:
    """What a person parted leaves no trace, so that it is linked or created again."""

    def drop(tx: Any, links: Sequence[Any], *rest: Any) -> None:
        for link in links:
            tx.run(t.link.delete().where(t.link.c.id == link.id))

    class Forgetful:
        links_of = staticmethod(repair.goldens.links_of)
        sync_of = staticmethod(repair.goldens.sync_of)
        save_links = staticmethod(drop)

    yield instead(repair, "goldens", Forgetful)


@breaks("all_agree")
def a_linked_parent_wakes_nobody() -> Iterator[Patch]:
    """Records that waited for a reference stay asleep when the record that it refers to is linked."""
    yield instead(agenda, "wake", lambda tx, targets: 0)


@breaks("merges_are_followed")
def a_merge_is_a_delete() -> Iterator[Patch]:
    """A record that was merged into another one counts as deleted: its link is not carried to the survivor."""
    yield instead(merges, "_survivor", lambda tx, link, row: None)


@breaks("one_link_each")
def two_records_for_one() -> Iterator[Patch]:
    """A record that matches a golden record is linked to it, though another one of that system is already, and the
    database has no rule against it."""

    def lax(create: Any, self: Store) -> None:
        create(self)
        with self.begin() as tx:
            tx.say("DROP INDEX ac_link_one")

    yield around(Store, "create", lax)
    yield around(match, "verdict", lambda verdict, candidates, taken, *rest: verdict(candidates, set(), *rest))


@breaks("nothing_is_a_bug")
def claims_of_the_gone_stand() -> Iterator[Patch]:
    """A claim in an open conflict is looked at, though the record that made it is gone."""

    def all_claims(q: Any, a: Any, heard: Sequence[Any]) -> tuple[list[Any], dict[str, Raw]]:
        asks = [h for h in heard if h.asks]
        if q.hold is None:
            return asks, {}
        spoken = {h.link for h in heard}
        sides = {s.link.id: s for s in q.sides if s.link.state == "linked"}
        old = [
            merge.claim(sides[k], sides[k].rules[q.path], raw, q.refs)
            for k, raw in q.hold.claims.items()
            if k not in spoken
        ]
        return sorted([*asks, *old], key=lambda h: h.link), {}

    yield instead(merge, "_claims", all_claims)
