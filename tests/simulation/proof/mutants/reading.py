"""Mutants of reading: cursors, absence, echo, order of versions, what counts as unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hub.connect.clock import from_stamp
from hub.connect.profiles import ObjectProfile
from hub.core.model import Record
from hub.core.rules import FieldRule
from hub.engine import missing, pull, receipts
from hub.store import goldens, records, runs
from tests.simulation.proof.mutants import scripts
from tests.simulation.proof.mutants.kit import Patch, around, breaks, instead
from tests.simulation.stories import test_forms, test_reading


@breaks("everything_is_accounted_for", "all_agree", "edits_are_never_lost")
def cursor_before_rows() -> Iterator[Patch]:
    """The cursor is saved in a transaction of its own, before the rows that it covers are stored."""

    def early(store: Any, self: Any, page: Any, rows: Any, slow: bool, *, sure: bool) -> Any:
        with self.hub.store.begin() as tx:
            values: dict[str, Any] = {"cursor": page.cursor, "fingerprint": self.meaning}
            if page.last:
                values["full_done"] = True
            runs.save_cursor(tx, self.run.sync.name, self.spoke.connection, self.spoke.object, **values)
        return store(self, page, rows, slow, sure=sure)

    yield around(pull._Reading, "_store", early)


@breaks(
    "all_agree",
    "edits_are_never_lost",
    "everything_is_accounted_for",
    script=scripts.what_a_lagging_index_shows_late_arrives,
)
def no_overlap() -> Iterator[Patch]:
    """A pull begins exactly where the last one ended, although the index of the remote lags."""
    yield instead(ObjectProfile, "window", lambda self: 0.0)


@breaks("links_stand", "nothing_is_amplified")
def delete_by_absence() -> Iterator[Patch]:
    """What a whole list does not name is taken for deleted, without a look at the record itself."""

    def gone(hub: Any, run: Any, spoke: Any, ids: Any) -> list[Record]:
        return [Record(spoke.object, id, kind="deleted", direct=True) for id in ids]

    yield instead(missing, "get", gone)


@breaks("nothing_is_amplified", "all_agree")
def hidden_is_empty() -> Iterator[Patch]:
    """A field that is not shown to us is read as an empty one."""
    yield instead(FieldRule, "raw", lambda self, fields: fields.get(self.names[0]))


@breaks("edits_are_never_lost", "all_agree")
def echo_by_time() -> Iterator[Patch]:
    """Whatever changes in a record within a minute of a write of ours is taken for our own echo."""
    wrote: dict[tuple[str, str, str], float] = {}

    def note(store: Any, hub: Any, run: Any, spoke: Any, batch: Any, answers: Any, overwritten: Any) -> None:
        store(hub, run, spoke, batch, answers, overwritten)
        for r in answers:
            if r.status == "done":
                wrote[spoke.connection, spoke.object, r.id] = hub.clock.now()

    def drop(sort: Any, out: Any, run: Any, spoke: Any, meaning: str, row: Any, known: Any, *rest: Any) -> Any:
        at = wrote.get((spoke.connection, spoke.object, row.id))
        if known is not None and at is not None and row.stamp and 0 <= from_stamp(row.stamp) - at < 60:
            return out.unchanged.append(row.id)
        return sort(out, run, spoke, meaning, row, known, *rest)

    yield around(receipts, "store", note)
    yield around(pull, "_sort_one", drop)


@breaks("edits_are_never_lost", "all_agree")
def echo_by_user() -> Iterator[Patch]:
    """A record that our own user wrote last is taken for our echo, whatever else was edited in it before."""

    def drop(sort: Any, out: Any, run: Any, spoke: Any, meaning: str, row: Any, known: Any, *rest: Any) -> Any:
        if row.by_us and known is not None:
            return out.unchanged.append(row.id)
        return sort(out, run, spoke, meaning, row, known, *rest)

    yield around(pull, "_sort_one", drop)


@breaks(
    "all_agree",
    "edits_are_never_lost",
    stories=(8,),
    script=test_forms.test_y_is_written_to_b_and_a_person_puts_x_back_whose_hash_was_last_settled_and_it_is_an_edit,
)
def settled_hash_outlives_our_write() -> Iterator[Patch]:
    """A receipt leaves the hash that was settled before our write: the old value put back by a person looks unchanged."""

    def keep(write: Any, tx: Any, rows: Any) -> None:
        known: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            known.setdefault((row["connection"], row["object"]), []).append(row)
        for (connection, object), mine in known.items():
            there = records.known(tx, connection, object, [r["remote_id"] for r in mine])
            write(tx, [r for r in mine if r["remote_id"] not in there])
            stamps = [(r["remote_id"], r["version"], r["stamp"]) for r in mine if r["remote_id"] in there]
            records.restamp(tx, connection, object, stamps)

    yield around(records, "after_write", keep)


@breaks("all_agree", "edits_are_never_lost", stories=(12,), script=scripts.what_a_later_row_does_not_say_stays_pending)
def newer_row_replaces_a_pending_one() -> Iterator[Patch]:
    """A newer row takes the place of the pending one, with all that it does not say itself."""

    def replaced(out: Any, run: Any, spoke: Any, row: Any, fields: Any, waiting: Any, *rest: Any) -> None:
        out.replaced.append(waiting)
        out.changed.append(replace(pull._pending(spoke, row, fields, waiting.after), direct=row.direct))

    yield instead(pull, "_lay_over", replaced)


@breaks(
    "all_agree",
    "edits_are_never_lost",
    stories=(15,),
    script=test_reading.test_two_versions_of_a_row_within_one_coarse_stamp_are_decided_by_a_direct_read,
)
def one_stamp_is_one_version() -> Iterator[Patch]:
    """Of two contents with one stamp the second is dropped, and nobody asks the remote which one is true."""
    yield instead(pull._Reading, "_direct", lambda self, ids: {})


@breaks(script=scripts.an_older_row_that_is_told_late_changes_nothing)
def an_older_row_is_news() -> Iterator[Patch]:
    """A row is taken in although a newer version of its record is known."""

    def undated(
        sort: Any, out: Any, run: Any, spoke: Any, meaning: str, row: Any, known: Any, waiting: Any, *rest: Any
    ) -> Any:
        newest = max([one.stamp for one in (known, waiting) if one is not None], default="")
        older = row.stamp and row.stamp < newest
        return sort(out, run, spoke, meaning, replace(row, direct=True) if older else row, known, waiting, *rest)

    yield around(pull, "_sort_one", undated)


@breaks("reports_count_what_was_read")
def counts_from_memory() -> Iterator[Patch]:
    """Each page's rows count anew, also those which this run has counted already."""

    def forgetful(sort: Any, out: Any, run: Any, spoke: Any, meaning: str, row: Any, known: Any, *rest: Any) -> Any:
        return sort(out, run, spoke, meaning, row, replace(known, seen="") if known else known, *rest)

    yield around(pull, "_sort_one", forgetful)


@breaks("all_agree")
def version_is_not_kept() -> Iterator[Patch]:
    """A newer version that says the same is not noted: conditional writes stand on the old one and fail for ever."""
    yield instead(goldens, "restamp", lambda *args: None)
