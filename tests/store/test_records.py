"""What the spokes reported: records, the inbox of pending changes, and their outcomes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from hub.core.errors import Reject
from hub.store import records
from hub.store import tables as t
from hub.store.records import Known, Outcome
from tests.store.kit import ask, do, link, put_golden, put_pending, row

ODD = [
    "",
    " ",
    "naïve",
    "日本語",
    "a/b|c:d",
    "'; DROP TABLE ac_record; --",
    "‮rtl",
    "e\u0301",
    "é",
    "𝕏" * 40,
    "%_\\",
    "A",
    "a",
]


def pending(store, *ids, connection="a"):
    return ask(store, records.pending_for, connection, "person", list(ids))


def settle(store, *outcomes, run="r-1"):
    do(store, records.settle_rows, run, list(outcomes))


def settled(store, id, outcome="applied", run="r-1", **rest):
    """A record that was read and settled."""
    fields = rest.pop("fields", {"first": "Ana"})
    put_pending(
        store, row(id, fields=fields, **{k: rest.pop(k) for k in ("kind", "stamp", "version") if k in rest}), run=run
    )
    settle(store, Outcome(pending(store, id)[id], outcome, **rest), run=run)


def known(store, *ids):
    return ask(store, records.known, "a", "person", list(ids))


def test_a_pending_row_comes_back_with_all_that_it_says(store):
    said = row(
        "1",
        fields={"first": "Ana", "gone": None, "tags": [], "more": {}, "n": 2**70, "half": "\ud800", "nul": "a\x00b"},
        kind="merged_into",
        into=(("person", "2"), ("lead", "3")),
        version="v1",
        stamp="2026-03-01T10:00:00.000Z",
        after="2026-03-01T09:00:00.000Z",
        key="k-1",
        by_us=True,
        direct=True,
        points={"first": "2026-03-01T09:30:00.000Z"},
    )
    put_pending(store, said, run="r-7")
    found = pending(store, "1", "2")
    assert found.keys() == {"1"}
    assert replace(found["1"], seq=0, at=0.0) == replace(said, run="r-7")
    assert found["1"].seq and found["1"].at and found["1"].ref == ("a", "person", "1")


@pytest.mark.parametrize("id", ODD)
def test_any_text_may_be_a_record_id_and_stands_for_itself_alone(store, id):
    put_pending(store, *(row(i) for i in ODD))
    assert {p.remote_id: p.fields for p in pending(store, id).values()} == {id: {"first": f"name of {id}"}}
    settle(store, Outcome(pending(store, id)[id], "applied", hash="h"))
    assert known(store, *ODD).keys() == {id}


@pytest.mark.parametrize("id", ["a\x00b", "\ud800"])
def test_an_id_that_no_database_holds_alike_is_refused_by_name_before_anything_is_stored(store, id):
    with pytest.raises(Reject) as refused:
        known(store, "1", id)
    assert refused.value.code == "E-ID" and ascii(id) in refused.value.what and refused.value.unchanged


def test_at_most_one_row_of_a_record_is_pending(store):
    put_pending(store, row("1"), row("1", connection="b"))
    with pytest.raises(IntegrityError):
        put_pending(store, row("2"), row("1"))
    assert pending(store, "1", "2").keys() == {"1"}, "a broken rule must undo the whole transaction"
    settle(store, Outcome(pending(store, "1")["1"], "applied"))
    put_pending(store, row("1"))
    assert pending(store, "1").keys() == {"1"}


def test_a_newer_row_replaces_one_of_its_run_and_ends_one_of_an_earlier_run_as_taken(store):
    put_pending(store, row("1"), run="r-1")
    put_pending(store, row("2"), run="r-2")
    do(store, records.replace_pending, "r-2", list(pending(store, "1", "2").values()))
    assert pending(store, "1", "2") == {}
    last = ask(store, records.last_outcome, "a", "person", "1")
    assert (last.outcome, last.settled_run, last.payload) == ("taken", "r-2", None)
    assert ask(store, records.last_outcome, "a", "person", "2") is None
    do(store, records.replace_pending, "r-2", [])


def test_a_settled_row_leaves_its_outcome_in_the_inbox_and_what_is_known_in_the_record(store):
    settled(
        store,
        "1",
        "skipped",
        reason="out of scope",
        place="s.yaml:3",
        hash="h1",
        fingerprint="f1",
        version="v1",
        stamp="s1",
    )
    assert pending(store, "1") == {}
    last = ask(store, records.last_outcome, "a", "person", "1")
    assert (last.outcome, last.reason, last.place, last.payload) == ("skipped", "out of scope", "s.yaml:3", None)
    assert known(store, "1") == {"1": Known("h1", "f1", "v1", "s1", "skipped", "r-1")}
    settled(store, "1", "applied", hash="h2", run="r-2")
    assert known(store, "1")["1"].hash == "h2" and ask(store, records.one, "a", "person", "1").reason == ""
    settle(store)


def test_raw_values_are_kept_only_where_they_are_needed_again(store):
    settled(store, "1", "waiting", keep=True, fields={"first": "Ana"}, version="v", stamp="s")
    settled(store, "2", "applied")
    refs = [("a", "person", "1"), ("a", "person", "2"), ("b", "person", "1")]
    assert ask(store, records.payloads, refs) == {("a", "person", "1"): ({"first": "Ana"}, "v", "s")}
    settled(store, "1", "applied", run="r-2")
    assert ask(store, records.payloads, refs) == {}


def test_a_record_that_went_away_keeps_how_it_went(store):
    for id, kind in (("1", "deleted"), ("2", "merged_into"), ("3", "converted_into"), ("4", "updated")):
        settled(store, id, kind=kind)
    assert ask(store, records.dispositions, "a", "person") == {
        "deleted": 1,
        "merged_into": 1,
        "converted_into": 1,
        "applied": 1,
    }
    assert ask(store, records.live_count, "a", "person") == 1


def test_goldens_with_pending_changes_come_in_order_each_once_and_only_of_their_sync(store, monkeypatch):
    for n in (3, 1, 2):
        put_golden(store, f"g-{n}", link(f"g-{n}", f"a{n}"), link(f"g-{n}", f"b{n}", connection="b"))
        put_pending(store, row(f"a{n}"), row(f"b{n}", connection="b"))
    put_golden(store, "g-0", link("g-0", "other"))
    put_pending(store, row("other"), sync="orders")
    put_pending(store, row("stranger"))
    put_golden(store, "g-4", link("g-4", "a4"))
    for many in (records.MANY, 2):  # a few changes; very many
        monkeypatch.setattr(records, "MANY", many)
        assert ask(store, records.next_linked, "people", "", 2) == ["g-1", "g-2"]
        assert ask(store, records.next_linked, "people", "g-2", 2) == ["g-3"]
        assert ask(store, records.next_linked, "people", "g-3", 2) == []


def test_ids_are_walked_in_the_order_of_their_characters(store):
    names = ["B", "a", "Z-1", "_", "é", "z", "A1", "a-b", "ab", "𝕏"]
    for name in names:
        put_golden(store, name, link(name, name))
        put_pending(store, row(name))
    walked, after = [], ""
    while found := ask(store, records.next_linked, "people", after, 3):
        walked += found
        after = found[-1]
    assert walked == sorted(names)


def test_pending_rows_of_goldens_name_their_links(store):
    put_golden(store, "g-1", link("g-1", "a1"), link("g-1", "b1", connection="b"))
    put_golden(store, "g-2", link("g-2", "a2"))
    put_pending(store, row("a1"), row("a2"), row("b1", connection="b"))
    found = ask(store, records.pending_of_goldens, ["g-1"])
    assert {(id, p.remote_id) for id, p in found} == {("a/person/a1", "a1"), ("b/person/b1", "b1")}


def test_a_golden_that_changed_in_two_systems_is_contested(store):
    put_golden(store, "g-1", link("g-1", "a1"), link("g-1", "b1", connection="b"))
    put_golden(store, "g-2", link("g-2", "a2"))
    put_pending(store, row("a1"), row("a2"), row("b1", connection="b"))
    assert {p.remote_id for p in ask(store, records.contested, "people")} == {"a1", "b1"}
    assert ask(store, records.contested, "orders") == []


def test_edit_times_are_noted_on_pending_rows(store):
    put_pending(store, row("1"), row("2"))
    do(store, records.set_points, {pending(store, "1")["1"].seq: {"first": "2026-03-01T09:30:00.000Z"}})
    assert pending(store, "1")["1"].points == {"first": "2026-03-01T09:30:00.000Z"}
    assert pending(store, "2")["2"].points == {}


def test_unlinked_rows_come_in_reading_order_with_or_without_a_key(store):
    put_golden(store, "g-1", link("g-1", "2"))
    put_pending(
        store, row("3"), row("2"), row("1"), row("4", key="k"), row("5", object="lead"), row("6", connection="b")
    )

    def unlinked(after=0, limit=10, with_key=False):
        found = ask(store, records.next_unlinked, "people", "a", "person", after, limit, with_key=with_key)
        return [p.remote_id for p in found]

    assert unlinked() == ["3", "1"] and unlinked(limit=1) == ["3"]
    assert unlinked(after=pending(store, "3")["3"].seq) == ["1"]
    assert unlinked(with_key=True) == ["4"]


def test_a_receipt_clears_the_hash_and_sets_the_version_also_of_a_record_never_read(store):
    settled(store, "1", hash="h1", version="v1", stamp="s1")
    rows = [{"connection": "a", "object": "person", "remote_id": i, "version": "v2", "stamp": "s2"} for i in ("1", "2")]
    do(store, records.after_write, rows)
    assert known(store, "1")["1"] == Known("", "", "v2", "s2", "applied", "r-1")
    assert known(store, "2")["2"] == Known("", "", "v2", "s2", "", "")


def test_versions_move_without_anything_else(store):
    settled(store, "1", hash="h1", version="v1", stamp="s1")
    do(store, records.restamp, "a", "person", [("1", "v2", "s2"), ("9", "v", "s")])
    assert known(store, "1", "9") == {"1": Known("h1", "", "v2", "s2", "applied", "r-1")}
    do(store, records.restamp, "a", "person", [])


def test_hashes_are_forgotten_for_some_records_one_object_or_all(store):
    for id in ("1", "2", "3"):
        settled(store, id, hash="h")
    do(store, records.clear_hash, [("a", "person", "1"), ("b", "person", "2")])
    do(store, records.clear_hash, [])
    assert [known(store, "1", "2")[i].hash for i in ("1", "2")] == ["", "h"]
    do(store, records.forget_hashes, "b", "person")
    assert known(store, "2")["2"].hash == "h"
    do(store, records.forget_hashes)
    assert known(store, "3")["3"].hash == ""


def test_a_record_that_was_gone_before_it_was_ever_read_is_remembered_and_later_only_marked(store):
    gone = {
        "connection": "a",
        "object": "person",
        "remote_id": "1",
        "hash": "h",
        "disposition": "deleted",
        "seen": "r-1=",
    }
    do(store, records.note_new, [gone])
    do(store, records.note_new, [{**gone, "hash": "other", "seen": "r-2="}])
    assert known(store, "1") == {"1": Known("h", "", "", "", "deleted", "r-2=")}


def test_records_that_a_complete_reading_did_not_name_are_found(store):
    for id in ("1", "2", "3"):
        settled(store, id)
    settled(store, "4", kind="deleted")
    do(store, records.mark_seen, "a", "person", ["1"], "r-2=all")
    do(store, records.mark_seen, "a", "person", [], "r-2=all")
    put_pending(store, row("2"), run="r-2")
    assert ask(store, records.not_listed, "a", "person", "r-2") == ["3"]


def test_a_record_is_found_by_its_id_in_any_connection(store):
    settled(store, "7")
    put_pending(store, row("7", connection="b"))
    settle(store, Outcome(pending(store, "7", connection="b")["7"], "applied"))
    assert {(r.connection, r.remote_id) for r in ask(store, records.find, "7")} == {("a", "7"), ("b", "7")}
    assert ask(store, records.find, "%") == [] and ask(store, records.one, "a", "person", "8") is None


def test_old_settled_rows_lose_their_values_and_keep_their_outcome(store, clock):
    put_pending(store, row("1"), row("2"))
    with store.begin() as tx:  # a settled row that still has its values
        tx.run(t.inbox.update().where(t.inbox.c.remote_id == "1").values(pending=False, outcome="applied"))
    clock.advance(100)
    assert do(store, records.drop_old_payloads, clock.now() - 100) == 0
    assert do(store, records.drop_old_payloads, clock.now()) == 1
    last = ask(store, records.last_outcome, "a", "person", "1")
    assert (last.payload, last.outcome) == (None, "applied") and pending(store, "2")["2"].fields


def test_a_page_of_thousands_is_asked_for_in_one_question(store):
    """No limit on the number of parameters is met."""
    ids = [f"id-{n}" for n in range(40_000)]
    put_pending(store, row("id-39999"))
    assert pending(store, *ids).keys() == {"id-39999"}
    assert known(store, *ids) == {}


def test_a_transaction_is_rolled_back_whole(store):
    class Trouble(Exception):
        pass

    with pytest.raises(Trouble), store.begin() as tx:
        records.add_pending(tx, "people", "r-1", [row("1")])
        tx.upsert(t.cursor, [{"connection": "a", "object": "person", "cursor": "c1"}])
        raise Trouble
    with store.read() as tx:
        assert [tx.value(select(func.count()).select_from(table)) for table in (t.inbox, t.cursor)] == [0, 0]
