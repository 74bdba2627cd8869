"""Golden records, their links, and the keys by which records find each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hub.core.model import Golden, Pair, Source
from hub.store import goldens
from tests.store.kit import NOON, ask, do, golden, link, put_golden

ODD = {"text": "NUL \x00 and \ud800", "null": None, "empty": {}, "list": [], "big": 2**80, "money": {"amount": "1.10"}}


def links_of(store, golden="g-1"):
    return ask(store, goldens.links_of, [golden])[golden]


def test_a_golden_record_comes_back_as_it_was_saved(store):
    said = Golden(
        "g-1",
        "customer",
        "person",
        {"given_name": "Ana", **ODD},
        {"given_name": Source("a", "2026-03-01T10:00:00.000Z", "r-1", "2026-03-01T09:00:00.000Z")},
        origin=("a", "person", "7", 2),
    )
    do(store, goldens.save, "people", [said], {"g-1": "part"})
    assert ask(store, goldens.get, "g-1") == said
    assert ask(store, goldens.load, ["g-1", "g-2"]) == {"g-1": said}
    assert ask(store, goldens.by_origin_part, "part") == [said]
    assert ask(store, goldens.get, "g-2") is None and ask(store, goldens.load, []) == {}
    assert ask(store, goldens.sync_of, "g-1") == "people" and ask(store, goldens.sync_of, "g-2") == ""


def test_saving_again_changes_values_and_never_the_origin(store):
    put_golden(store, "g-1", origin=("a", "person", "7", 0))
    do(store, goldens.save, "other", [golden("g-1", fields={"given_name": "Eva"}, state="erased")], {})
    now = ask(store, goldens.get, "g-1")
    assert (now.fields, now.state, now.origin) == ({"given_name": "Eva"}, "erased", ("a", "person", "7", 0))
    assert [g.id for g in ask(store, goldens.by_origin_part, "part-g-1")] == ["g-1"]
    assert ask(store, goldens.sync_of, "g-1") == "people"


def test_golden_records_are_loaded_in_id_order(store):
    for id in ("b", "a", "Z", "c"):
        put_golden(store, id)
    assert list(ask(store, goldens.load, ["c", "b", "a", "Z"])) == ["Z", "a", "b", "c"]


def test_only_live_golden_records_of_a_sync_are_counted(store):
    put_golden(store, "g-1")
    put_golden(store, "g-2")
    put_golden(store, "g-3", sync="orders")
    do(store, goldens.mark_merged, "g-2", "g-1")
    assert ask(store, goldens.get, "g-2").state == "merged"
    assert ask(store, goldens.count, "people") == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("g-1", ["g-1"]),
        ("g-", ["g-1", "g-2"]),
        ("ana", ["g-1"]),
        ("100%", ["g-2"]),
        ("1%", []),
        ("_", []),
        ("nobody", []),
    ],
)
def test_a_search_finds_beginnings_of_ids_and_parts_of_values_literally(store, words, found):
    put_golden(store, "g-1", fields={"name": "Ana Díaz"})
    put_golden(store, "g-2", fields={"name": "100% Wool"})
    assert [g.id for g in ask(store, goldens.search, words)] == found


# ---------------------------------------------------------------- links


def test_a_link_comes_back_as_it_was_saved(store):
    base = {
        "given_name": Pair("Ana", " Ana "),
        "tags": Pair(None, None),
        "title": Pair("x", "x", False),
        "odd": Pair(ODD, ODD),
    }
    said = link("g-1", "7", base=base, state="suspended", why="scope", primary=False, version="v", stamp="s")
    put_golden(store, "g-1", said)
    assert links_of(store) == [said] and ask(store, goldens.link, said.id) == said
    assert ask(store, goldens.links_by_record, "a", "person", ["7", "8"]) == {"7": said}
    assert ask(store, goldens.link, "a/person/8") is None
    assert ask(store, goldens.links_of, ["g-9"]) == {"g-9": []}


def test_a_golden_record_has_one_linked_primary_record_per_object(store):
    put_golden(store, "g-1", link("g-1", "1"))
    with pytest.raises(IntegrityError):
        do(store, goldens.save_links, [link("g-1", "2")])
    do(
        store,
        goldens.save_links,
        [link("g-1", "2", primary=False), link("g-1", "3", state="ended"), link("g-1", "4", "b")],
    )
    assert [k.remote_id for k in links_of(store)] == ["1", "2", "3", "4"]


def test_a_record_has_one_link(store):
    put_golden(store, "g-1", link("g-1", "1"))
    with pytest.raises(IntegrityError):
        do(store, goldens.save_links, [replace(link("g-2", "1"), id="another")])


@pytest.mark.parametrize("read", [(), ("a/person/1",), ("a/person/2",)])
def test_a_link_takes_the_place_of_one_that_ends_in_the_same_batch_whichever_was_read(store, read):
    put_golden(store, "g-1", link("g-1", "2"))
    batch = [link("g-1", "1"), link("g-1", "2", state="ended")]
    do(store, goldens.save_links, batch, dict.fromkeys(read, NOON))
    assert {k.remote_id: k.state for k in links_of(store)} == {"1": "linked", "2": "ended"}


def test_the_time_of_the_last_reading_stays_unless_there_is_a_newer_one(store):
    one, two = link("g-1", "1"), link("g-1", "2", "b")
    put_golden(store, "g-1", one, two)
    do(store, goldens.save_links, [one, two], {one.id: NOON})
    do(store, goldens.save_links, [replace(one, version="v2"), two], {two.id: NOON + 5})
    assert ask(store, goldens.read_times, [one.id, two.id, "x"]) == {one.id: NOON, two.id: NOON + 5}
    do(store, goldens.save_links, [])


def test_versions_of_live_links_move_without_anything_else(store):
    ended = link("g-1", "2", state="ended", version="v1")
    put_golden(store, "g-1", link("g-1", "1", version="v1"), ended)
    do(store, goldens.restamp, "a", "person", [("1", "v2", "s2"), ("2", "v2", "s2")])
    do(store, goldens.restamp, "a", "person", [])
    assert links_of(store) == [link("g-1", "1", version="v2", stamp="s2"), ended]
    assert ask(store, goldens.read_times, ["a/person/1", "a/person/2"]) == {"a/person/1": NOON, "a/person/2": 0.0}


def test_linked_primary_records_are_counted_per_object(store):
    put_golden(store, "g-1", link("g-1", "1"), link("g-1", "2", primary=False), link("g-1", "3", "b"))
    put_golden(store, "g-2", link("g-2", "4", state="suspended"))
    assert ask(store, goldens.linked_count, "a", "person") == 1
    assert ask(store, goldens.linked_count, "c", "person") == 0


def test_references_are_followed_both_ways_and_refused_links_do_not_count(store):
    put_golden(store, "g-1", link("g-1", "1"), link("g-1", "9", "b", primary=False), link("g-1", "x", "b"))
    put_golden(store, "g-2", link("g-2", "2", state="refused"), link("g-2", "3", object="lead", state="ended"))
    refs = [("a", "person", "1"), ("a", "person", "2"), ("a", "lead", "3"), ("b", "person", "9"), ("b", "person", "?")]
    assert ask(store, goldens.ref_targets, refs) == {
        ("a", "person", "1"): "g-1",
        ("a", "lead", "3"): "g-2",
        ("b", "person", "9"): "g-1",
    }
    assert ask(store, goldens.ref_remotes, ["g-1", "g-2"]) == {("a", "person", "g-1"): "1", ("b", "person", "g-1"): "x"}
    assert ask(store, goldens.ref_targets, []) == {} and ask(store, goldens.ref_remotes, []) == {}


def test_golden_records_without_any_link_in_an_object_are_missing_there(store):
    put_golden(store, "g-1", link("g-1", "1"))
    put_golden(store, "g-2", link("g-2", "2", state="ended"))
    for id in ("g-3", "g-4", "g-5"):
        put_golden(store, id, link(id, id, "b"))
    put_golden(store, "g-6", state="erased")
    put_golden(store, "g-7", sync="orders")
    assert ask(store, goldens.missing_in, "people", "a", "person", "", 2) == ["g-3", "g-4"]
    assert ask(store, goldens.missing_in, "people", "a", "person", "g-4", 2) == ["g-5"]


# ---------------------------------------------------------------- match keys


def keys(store, *ids):
    return ask(store, goldens.keys_of, list(ids))


def test_keys_lead_to_the_golden_records_that_carry_them(store):
    do(store, goldens.add_keys, "people", [("k1", "g-1", True), ("k2", "g-1", False), ("k2", "g-2", False)])
    assert ask(store, goldens.candidates, ["k1", "k2", "k3"]) == [
        ("k1", "g-1", True),
        ("k2", "g-1", False),
        ("k2", "g-2", False),
    ]
    assert keys(store, "g-1", "g-3") == {"g-1": {"k1": True, "k2": False}}


def test_a_strong_key_stays_with_the_first_golden_record(store):
    do(store, goldens.add_keys, "people", [("k", "g-1", True), ("k", "g-2", True), ("k", "g-3", False)])
    assert ask(store, goldens.candidates, ["k"]) == [("k", "g-1", True), ("k", "g-3", False)]
    do(store, goldens.add_keys, "people", [("k", "g-2", True), ("k", "g-1", True)])
    assert keys(store, "g-1", "g-2") == {"g-1": {"k": True}}


def test_dropped_keys_are_free_for_others(store):
    do(store, goldens.add_keys, "people", [("k1", "g-1", True), ("k2", "g-1", True), ("k1", "g-2", False)])
    do(store, goldens.drop_keys, [("k1", "g-1"), ("nothing", "g-1"), ("k2", "g-9")])
    do(store, goldens.drop_keys, [])
    assert keys(store, "g-1", "g-2") == {"g-1": {"k2": True}, "g-2": {"k1": False}}
    do(store, goldens.add_keys, "people", [("k1", "g-3", True)])
    assert keys(store, "g-3") == {"g-3": {"k1": True}}


def test_the_keys_of_a_merged_record_go_to_the_one_that_stays(store):
    do(store, goldens.add_keys, "people", [("k1", "old", True), ("k2", "old", False), ("k2", "new", False)])
    do(store, goldens.move_keys, "old", "new")
    assert keys(store, "old", "new") == {"new": {"k1": True, "k2": False}}
    do(store, goldens.move_keys, "nobody", "new")


# ---------------------------------------------------------------- locks


def test_writers_lock_golden_records_on_postgresql_and_readers_do_not(postgres_store):
    put_golden(postgres_store, "g-1")
    with postgres_store.begin() as writer:
        goldens.load(writer, ["g-1"])
        assert ask(postgres_store, goldens.load, ["g-1"]).keys() == {"g-1"}, "a reader does not wait"
        with postgres_store.begin() as other:
            other.run(text("SET LOCAL lock_timeout = '50ms'"))
            free = "SELECT count(*) FROM (SELECT 1 FROM ac_golden FOR UPDATE SKIP LOCKED) AS rows"
            assert other.value(text(free)) == 0
