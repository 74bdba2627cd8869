"""The audit log: whole, in order, unreadable without its keys, and telling of every later edit."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import delete, insert, select, update

from hub.core.errors import Stop
from hub.store import audit, secrets
from hub.store import tables as t
from hub.store.audit import Entry
from hub.store.db import Store
from hub.store.vault import Vault
from tests.store.kit import KEY, ask, do

a = t.audit.c


def changed(golden="g-1", before="Ana", after="Anna", **rest):
    changes = [{"field": "given_name", "before": before, "after": after, "rule": "newest"}]
    return Entry("settled", golden=golden, run="r-1", why="sync.yaml:4", changes=changes, **rest)


def write(store, *entries, seal=True):
    do(store, audit.write, list(entries))
    if seal:
        do(store, audit.seal)


def fill(store, n=5):
    write(store, *(changed(f"g-{i}", after=f"Name {i}") for i in range(1, n + 1)))


def verdict(store, checkpoint=None):
    return ask(store, audit.verify, checkpoint)


def tamper(store, statement):
    with store.begin() as tx:
        assert tx.run(statement)


def test_an_entry_comes_back_as_it_was_written(store):
    write(store, changed(connection="a", object="person", remote_id="7", op="o-1", actor="person:ana"))
    (entry,) = ask(store, audit.entries)
    assert entry["changes"] == [{"field": "given_name", "before": "Ana", "after": "Anna", "rule": "newest"}]
    assert (entry["action"], entry["golden"], entry["actor"], entry["op"]) == ("settled", "g-1", "person:ana", "o-1")
    assert entry["hash"] and "erased" not in entry and "unreadable" not in entry


def test_entries_are_found_by_golden_run_and_action_from_either_end(store):
    fill(store)
    write(store, Entry("run ended", run="r-2"))
    assert [e["golden"] for e in ask(store, audit.entries, golden="g-3")] == ["g-3"]
    assert [e["action"] for e in ask(store, audit.entries, run="r-2")] == ["run ended"]
    assert len(ask(store, audit.entries, action="settled")) == 5
    newest = ask(store, audit.entries, newest=True, limit=2)
    assert [e["action"] for e in newest] == ["run ended", "settled"]
    assert [e["seq"] for e in ask(store, audit.entries, after=newest[1]["seq"])] == [newest[0]["seq"]]


def test_values_of_any_kind_survive_sealing(store):
    odd = {"text": "NUL \x00 and 𝕏 and ‮rtl", "big": 2**90, "null": None, "empty": {}, "list": [1, "a", False]}
    do(store, audit.write, [Entry("settled", golden="g-1", changes=[{"field": "x", "after": odd}])])
    (entry,) = ask(store, audit.entries)
    assert entry["changes"][0]["after"] == odd


# ---------------------------------------------------------------- the chain


def test_a_sealed_chain_is_whole_and_names_its_head_and_its_unsealed_tail(store):
    fill(store)
    write(store, changed("g-9"), seal=False)
    found = verdict(store)
    assert (found.rows, found.unsealed, found.bad) == (5, 1, None)
    assert do(store, audit.seal) == 1
    assert do(store, audit.seal) == 0
    after = verdict(store)
    assert (after.rows, after.unsealed, after.bad) == (6, 0, None) and after.head != found.head


def test_sealing_goes_on_where_a_limit_stopped_it(store):
    write(store, *(changed(f"g-{i}") for i in range(5)), seal=False)
    assert [do(store, audit.seal, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert verdict(store).rows == 5


def test_an_empty_log_is_whole(store):
    assert verdict(store) == audit.Verdict(0, 0, "")
    assert verdict(store, (0, "")).bad is None


EDITS = {
    "at": {"at": 1.0},
    "actor": {"actor": "person:mallory"},
    "action": {"action": "deleted"},
    "golden": {"golden": "g-4"},
    "run": {"run": "r-9"},
    "connection": {"connection": "z"},
    "object": {"object": "z"},
    "remote_id": {"remote_id": "z"},
    "op": {"op": "z"},
    "why": {"why": "because"},
    "changes": {"changes": b"x" * 60},
    "emptied changes": {"changes": None},
    "hash": {"hash": "0" * 64},
    "prev": {"prev": "0" * 64},
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_a_row_is_found_at_that_row(store, edit):
    fill(store)
    tamper(store, update(t.audit).where(a.seq == 3).values(**EDITS[edit]))
    assert verdict(store).bad == 3


@pytest.mark.parametrize("seq", [1, 3])
def test_a_row_taken_out_of_the_chain_is_found_at_the_next_one(store, seq):
    fill(store)
    tamper(store, delete(t.audit).where(a.seq == seq))
    assert verdict(store).bad == seq + 1


def test_a_row_put_into_the_chain_is_found(store):
    fill(store)
    tamper(store, update(t.audit).where(a.seq >= 4).values(seq=a.seq + 100))
    false_row = {"seq": 50, "at": 1.0, "action": "settled", "prev": "", "hash": "0" * 64}
    tamper(store, insert(t.audit).values(**false_row))
    assert verdict(store).bad == 50


def test_an_unsealed_row_in_the_middle_is_found(store):
    fill(store)
    tamper(store, update(t.audit).where(a.seq == 3).values(hash="", prev=""))
    assert verdict(store).bad == 4


def test_two_swapped_rows_are_found(store):
    fill(store)
    for old, new in ((2, 99), (3, 2), (99, 3)):
        tamper(store, update(t.audit).where(a.seq == old).values(seq=new))
    assert verdict(store).bad == 2


def test_a_cut_tail_is_found_by_a_checkpoint_only(store):
    fill(store)
    before = verdict(store)
    tamper(store, delete(t.audit).where(a.seq > 3))
    assert verdict(store).bad is None
    found = verdict(store, (before.rows, before.head))
    assert found.bad == 3 and "cut off" in found.why


def test_a_chain_that_was_written_anew_is_found_by_a_checkpoint(store):
    fill(store)
    before = verdict(store)
    tamper(store, update(t.audit).values(hash="", prev=""))
    tamper(store, update(t.audit).where(a.seq == 2).values(actor="person:mallory"))
    do(store, audit.seal)
    assert verdict(store).bad is None
    assert "differs" in verdict(store, (before.rows, before.head)).why


def test_a_checkpoint_still_fits_after_the_chain_has_grown(store):
    fill(store)
    before = verdict(store)
    fill(store)
    after = verdict(store, (before.rows, before.head))
    assert after.bad is None and after.rows == 10


def test_a_long_chain_is_walked_in_pieces(store, monkeypatch):
    fill(store, 25)
    monkeypatch.setattr(audit._batches, "__defaults__", (10,))
    assert verdict(store).rows == 25
    tamper(store, update(t.audit).where(a.seq == 21).values(why="x"))
    assert verdict(store).bad == 21


# ---------------------------------------------------------------- keys


def test_the_values_of_a_row_cannot_be_moved_to_another_row_of_the_same_person(store):
    write(store, changed(after="first"), seal=False)
    write(store, Entry("restored", golden="g-1", changes=[{"field": "given_name", "after": "second"}]))
    with store.begin() as tx:
        first = tx.value(select(a.changes).where(a.seq == 1))
        tx.run(update(t.audit).where(a.seq == 2).values(changes=first))
    one, two = ask(store, audit.entries)
    assert one["changes"] and not two["changes"] and two["unreadable"]


def test_a_persons_key_does_not_open_another_persons_values(store):
    fill(store, 2)
    with store.begin() as tx:
        other = tx.value(select(t.person_key.c.wrapped).where(t.person_key.c.golden == "g-2"))
        tx.run(update(t.person_key).where(t.person_key.c.golden == "g-1").values(wrapped=other))
    with pytest.raises(Stop) as stopped:
        ask(store, audit.entries, golden="g-1")
    assert stopped.value.code == "E-KEY"


def test_an_erased_persons_values_are_gone_for_good_and_the_chain_stays_whole(store):
    fill(store)
    before = verdict(store)
    assert do(store, audit.erase, ["g-2", "g-3"]) == 2
    assert verdict(store, (before.rows, before.head)).bad is None
    by = {e["golden"]: e for e in ask(store, audit.entries)}
    assert by["g-2"]["erased"] and by["g-3"]["erased"] and by["g-2"]["changes"] == []
    assert by["g-1"]["changes"][0]["after"] == "Name 1" and "erased" not in by["g-1"]
    assert do(store, audit.erase, ["g-2"]) == 0


def test_an_erased_persons_later_values_are_not_written_down_again(store):
    do(store, audit.erase, ["g-1", "g-2"])
    write(store, changed("g-1", after="Anna Again"))
    (entry,) = ask(store, audit.entries)
    assert entry["changes"] == [{"field": "given_name"}]
    assert do(store, audit.erase, ["g-1"]) == 0, "no key may have been made for an erased person"


def test_a_persons_key_is_made_once(store):
    write(store, changed())
    key = ask(store, audit.person_keys, ["g-1"])
    write(store, changed(after="Annika"))
    assert ask(store, audit.person_keys, ["g-1"]) == key
    assert ask(store, audit.person_keys, []) == {}


def test_two_who_make_a_persons_key_at_once_end_with_the_same_key(shared, monkeypatch):
    """The second one finds at writing that the first one was faster, and takes its key."""
    with shared.begin() as tx:
        tx.add(t.person_key, [{"golden": "g-1", "wrapped": tx.store.vault.new_person("g-1")[1]}])
    real, seen = audit._stored_keys, []

    def late(tx, goldens):
        found = real(tx, goldens) if seen else {}
        seen.append(goldens)
        return found

    monkeypatch.setattr(audit, "_stored_keys", late)
    write(shared, changed())
    monkeypatch.undo()
    (entry,) = ask(shared, audit.entries)
    assert entry["changes"][0]["after"] == "Anna"


def other_key(store) -> Store:
    return Store(store.url, vault=Vault(bytes(32)), now=store.now)


def test_a_wrong_master_key_gives_one_clear_message_and_writes_nothing(shared):
    secrets.check_key(shared)
    fill(shared, 1)
    wrong = other_key(shared)
    for attempt in (
        lambda: secrets.check_key(wrong),
        lambda: ask(wrong, audit.entries),
        lambda: do(wrong, audit.write, [changed()]),
    ):
        with pytest.raises(Stop) as stopped:
            attempt()
        assert stopped.value.code == "E-KEY"
        assert "ACCORDANT_KEY" in stopped.value.next and stopped.value.unchanged
    wrong.close()
    assert len(ask(shared, audit.entries)) == 1


def test_the_first_master_key_becomes_the_databases_key_and_is_no_secret_of_a_persons_naming(store):
    secrets.check_key(store)
    secrets.check_key(store)
    assert ask(store, secrets.names) == []


def test_the_chain_can_be_verified_without_any_key(shared):
    fill(shared)
    blind = other_key(shared)
    assert verdict(blind) == verdict(shared)
    blind.close()


def test_a_master_key_of_the_wrong_length_is_refused():
    with pytest.raises(Stop, match="31 bytes") as stopped:
        Vault(KEY[:31])
    assert stopped.value.code == "E-KEY"


def test_no_personal_value_stands_in_the_database_file_where_only_the_log_has_it(file_store, tmp_path):
    write(file_store, changed(before="Canary-Before", after="Canary-After"))
    with file_store.engine.connect() as connection:
        raw: sqlite3.Connection = connection.connection.driver_connection
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in tmp_path.iterdir():
        assert b"Canary" not in path.read_bytes(), path.name


# ---------------------------------------------------------------- concurrency


def test_a_row_that_is_committed_late_does_not_break_a_chain_sealed_meanwhile(postgres_store):
    """Its number is earlier than that of rows committed before it: sealing waits for it."""
    from concurrent.futures import ThreadPoolExecutor

    store = postgres_store
    with ThreadPoolExecutor(1) as threads:
        with store.begin() as slow:
            audit.write(slow, [changed("g-1")])
            do(store, audit.write, [changed("g-2")])
            sealing = threads.submit(do, store, audit.seal)
            _wait_until_blocked(store)
            assert not sealing.done()
        assert sealing.result(timeout=30) == 2
    found = verdict(store)
    assert (found.rows, found.unsealed, found.bad) == (2, 0, None)


def _wait_until_blocked(store) -> None:
    """Until some connection of this database waits for a lock."""
    from sqlalchemy import text

    for _ in range(3000):
        with store.read() as tx:
            if tx.value(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
    raise AssertionError("nobody waits for a lock")
