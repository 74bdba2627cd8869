"""Conformance: creating, updating, clearing and deleting, each with an honest receipt."""

from __future__ import annotations

import unicodedata

from hub.connect.conformance_base import Checks, World, live, need
from hub.connect.connector import Write
from hub.core.errors import HubError, Reject

TEXTS = (
    "Zoë Ñandú",
    "北京 東京 서울",
    "עברית العربية",
    "🦄👩‍👩‍👧‍👦",
    "a+b & <c> \"d\" 'e' \\f /g",
    "{x} [y] %z _w *v",
    "O'Brien; DROP TABLE x --",
    "first line\nsecond line",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "=1+1",
    "0017",
    "null",
    "true",
)


class WriteChecks(Checks):
    """Checks that write, and look at the remote's own rows for what came of it."""

    def test_what_is_created_is_there_with_the_same_values(self, spot: World) -> None:
        need("create" in spot.can.writes, "creates are not claimed")
        write = spot.create()
        receipt = spot.write(write)[0]
        assert (receipt.status, receipt.error) == ("done", None)
        kept = spot.rows()[receipt.id]
        assert {n: kept[n] for n in write.fields} == dict(write.fields)
        assert {n: spot.read(receipt.id).fields[n] for n in write.fields} == dict(write.fields)

    def test_receipts_say_what_is_claimed(self, spot: World) -> None:
        need("create" in spot.can.writes, "creates are not claimed")
        write = spot.create()
        made = spot.write(write)[0]
        changed = spot.write(spot.update(spot.read(made.id), spot.sample.edit))[0]
        for receipt, sent in ((made, write.fields), (changed, spot.sample.edit)):
            assert receipt.id == made.id
            if spot.can.receipts == "body":
                assert {n: (receipt.fields or {})[n] for n in sent} == dict(sent)
            if spot.can.receipts == "version":
                assert receipt.version or receipt.stamp
        if changed.version:
            assert changed.version == spot.read(made.id).version

    def test_our_own_write_comes_back_with_the_next_pull(self, spot: World) -> None:
        need("create" in spot.can.writes, "creates are not claimed")
        _, cursor = spot.pull()
        spot.clock.advance(60)
        id = spot.created().id
        spot.clock.advance(60)
        assert id in live(spot.pull(cursor)[0])

    def test_two_creates_with_one_key_make_one_record(self, spot: World) -> None:
        need(spot.can.unique_key and spot.sample.key_field, "no field for create keys is claimed")
        before = len(spot.rows())
        first = spot.write(spot.create(key="accordant-1"))[0]
        again = spot.write(spot.create(key="accordant-1"))[0]
        assert first.status == "done"
        assert len(spot.rows()) == before + 1
        assert again.status in ("done", "duplicate")
        if again.status == "done":
            assert again.id == first.id
        assert set(getattr(again.error, "ids", ())) <= {first.id}

    def test_a_record_is_found_by_its_key_at_once(self, spot: World) -> None:
        need(spot.can.unique_key and spot.sample.key_field, "no field for create keys is claimed")
        made = spot.write(spot.create(key="accordant-1", op="1"), spot.create(key="accordant-2", op="2"))
        found = spot.connector.find_key(
            spot.object, spot.sample.key_field, ["accordant-2", "accordant-0", "accordant-1"], spot.want
        )
        assert {r.key: r.id for r in found} == {"accordant-1": made[0].id, "accordant-2": made[1].id}
        assert spot.read(made[0].id).key == "accordant-1"

    def test_an_update_changes_only_the_given_fields(self, spot: World) -> None:
        need("update" in spot.can.writes, "updates are not claimed")
        id = spot.seed()
        before = spot.rows()[id]
        receipt = spot.write(spot.update(spot.read(id), spot.sample.edit))[0]
        after = spot.rows()[id]
        assert (receipt.status, receipt.error) == ("done", None)
        assert {n: after[n] for n in spot.sample.edit} == dict(spot.sample.edit)
        untouched = set(spot.sample.create) - set(spot.sample.edit)
        assert {n: after[n] for n in untouched} == {n: before[n] for n in untouched}

    def test_a_write_on_a_version_that_moved_changes_nothing(self, spot: World) -> None:
        need(spot.can.conditional_write != "none", "no conditional write is claimed: the window is only narrowed")
        need("update" in spot.can.writes, "updates are not claimed")
        id = spot.seed(seconds=5)
        seen = spot.read(id)
        spot.edit(id, spot.sample.edit, seconds=5)
        before = spot.rows()[id]
        receipt = spot.write(spot.update(seen, {n: spot.sample.create[n] for n in spot.sample.edit}))[0]
        assert receipt.status == "changed"
        assert spot.rows()[id] == before
        assert spot.write(spot.update(spot.read(id), spot.sample.edit))[0].status == "done"

    def test_one_moved_record_does_not_stop_the_batch(self, spot: World) -> None:
        need(spot.can.conditional_write != "none", "no conditional write is claimed")
        need("update" in spot.can.writes, "updates are not claimed")
        moved, still = spot.seed(seconds=5), spot.seed(seconds=5)
        seen = {id: spot.read(id) for id in (moved, still)}
        spot.edit(moved, spot.sample.edit, seconds=5)
        writes = [spot.update(seen[id], spot.sample.edit, op=id) for id in (moved, still)]
        assert [r.status for r in spot.write(*writes)] == ["changed", "done"]

    def test_clearing_a_field_really_clears_it(self, spot: World) -> None:
        need("update" in spot.can.writes, "updates are not claimed")
        need(spot.sample.clear, "the sample names no field to clear")
        id = spot.seed()
        receipt = spot.write(spot.update(spot.read(id), {spot.sample.clear: None}))[0]
        record = spot.read(id)
        assert receipt.status == "done"
        assert spot.sample.clear in record.fields
        assert record.fields[spot.sample.clear] is None
        assert not spot.rows()[id].get(spot.sample.clear)

    def test_a_write_on_a_missing_record_says_gone(self, spot: World) -> None:
        need("update" in spot.can.writes, "updates are not claimed")
        id, kept = spot.seed(), spot.seed()
        seen = spot.read(id)
        spot.remove(id)
        count = len(spot.rows())
        writes = [spot.update(seen, spot.sample.edit, op="1"), spot.update(spot.read(kept), spot.sample.edit, op="2")]
        assert [r.status for r in spot.write(*writes)] == ["gone", "done"]
        assert len(spot.rows()) == count

    def test_a_delete_deletes_and_is_told(self, spot: World) -> None:
        need("delete" in spot.can.writes, "deletes are not claimed")
        id, kept = spot.seed(seconds=5), spot.seed(seconds=5)
        _, cursor = spot.pull()
        record = spot.read(id)
        write = Write("1", "delete", id=id, version=record.version, stamp=record.stamp)
        assert spot.write(write)[0].status == "done"
        assert id not in spot.rows()
        assert kept in spot.rows()
        assert spot.read(id).kind == "deleted"
        if spot.can.deletes != "sweep":
            spot.clock.advance(60)
            assert "deleted" in {r.kind for r in spot.pull(cursor)[0] if r.id == id}
        # Some products call a second delete a success; none may call it a failure.
        assert spot.write(write)[0].status in ("gone", "done")

    def test_a_refused_value_names_its_field_and_stops_nobody_else(self, spot: World) -> None:
        need(spot.sample.reject, "the sample names no value that the remote refuses")
        before = len(spot.rows())
        for name, bad in spot.sample.reject.items():
            good, refused = spot.create(op="good"), spot.create(op="bad", **{name: bad})
            receipts = spot.write(refused, good)
            assert [r.status for r in receipts] == ["rejected", "done"]
            error = receipts[0].error
            assert isinstance(error, Reject)
            assert name in error.fields
            assert error.explain().strip()
        assert len(spot.rows()) == before + len(spot.sample.reject)

    def test_a_refused_update_leaves_the_record_as_it_was(self, spot: World) -> None:
        need(spot.sample.reject, "the sample names no value that the remote refuses")
        need("update" in spot.can.writes, "updates are not claimed")
        id = spot.seed()
        before = spot.rows()[id]
        for name, bad in spot.sample.reject.items():
            receipt = spot.write(spot.update(spot.read(id), {**spot.sample.edit, name: bad}))[0]
            assert receipt.status == "rejected"
        assert spot.rows()[id] == before

    def test_any_text_survives_the_way_there_and_back(self, spot: World) -> None:
        name = spot.sample.text_field
        need(name, "the sample names no free text field")
        field = spot.info.field(name)
        longest = min((field.length if field else None) or 2000, 5000)
        for text in (*TEXTS, "é" * (longest // 2)):
            text = text[:longest]
            record = spot.created(**{name: text})
            assert record.fields[name] == text

    def test_amounts_dates_and_choices_survive_the_way_there_and_back(self, spot: World) -> None:
        need(spot.sample.values, "the sample names no values")
        for name, values in spot.sample.values.items():
            for value in values:
                kept = spot.created(**{name: value}).fields[name]
                assert (kept, type(kept)) == (value, type(value))

    def test_plus_addresses_stay_as_they_are(self, spot: World) -> None:
        names = [n for n, v in spot.sample.create.items() if isinstance(v, str) and "@" in v]
        need(names, "the sample has no e-mail address")
        address = "ana.o'neil+tag@sub.example.org"
        record = spot.created(**{names[0]: address})
        assert record.fields[names[0]] == address
        if names[0] in spot.can.find_by:
            assert record.id in {r.id for r in spot.connector.find(spot.object, names[0], [address], spot.want)}

    def test_a_batch_above_the_limit_is_split_or_refused_whole(self, spot: World) -> None:
        need("create" in spot.can.writes, "creates are not claimed")
        need(spot.can.write_batch <= 500, "the batch limit is too high to go beyond in a test")
        before = len(spot.rows())
        batch = [spot.create(op=str(n)) for n in range(spot.can.write_batch + 1)]
        try:
            receipts = spot.write(*batch)
        except HubError as refusal:
            assert refusal.unchanged or refusal.next, "a refusal says that nothing was sent"
            assert len(spot.rows()) == before
        else:
            assert {r.status for r in receipts} == {"done"}
            assert len(spot.rows()) == before + len(batch)

    def test_an_empty_batch_writes_nothing(self, spot: World) -> None:
        before = spot.rows()
        assert spot.connector.write(spot.object, []) == []
        assert spot.rows() == before
