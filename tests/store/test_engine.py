"""The whole engine on a SQLite file and on PostgreSQL: the same stories with the same ends as in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any
from unicodedata import normalize

import pytest

from hub.connect.pool import Threads
from hub.core.model import MatchRule, Policy
from hub.engine import planning, repair
from hub.engine.run import run_sync
from hub.engine.sweep import sweep
from hub.store import audit, goldens, operations, reviews
from hub.store import tables as t
from hub.store.tables import metadata
from tests.simulation import history, oracles
from tests.simulation.stories.kit import adds_up, agree, conflicts, kill, resolve, settle_down, silent
from tests.simulation.world import F, World, profile, spoke, sync, world

MAIL = (MatchRule(("email",), "link"),)


@pytest.fixture(params=["file", "postgresql"])
def url(request: Any, file_url: str) -> str:
    """An empty database."""
    if request.param == "file":
        return file_url
    return str(request.getfixturevalue("postgres_store").url)


@pytest.fixture
def two(url: str) -> Iterator[World]:
    """Two systems that keep people."""
    w = world(sync(spoke("a"), spoke("b"), match=MAIL, policy=Policy(conflicts={"default": ("hold",)})), url=url)
    yield w
    w.hub.store.close()


def enter(w: World, n: int = 3, remote: str = "a") -> list[str]:
    return [w.person(remote, first=f"N{i}", last=f"L{i}", mail=f"n{i}@example.org", phone=f"{i}") for i in range(n)]


def test_a_first_sync_links_what_is_there_and_creates_the_rest(two):
    enter(two, 3)
    two.person("b", first="N1", last="L1", mail="n1@example.org")
    two.person("b", first="Bo", last="Li", mail="bo@example.org")
    told = two.run()
    adds_up(told)
    assert (told.read, told.operations["created"]) == (5, 3)
    agree(two, "first", "last", "mail", "phone")
    silent(two)


def test_edits_travel_both_ways_and_a_conflict_waits_for_a_person(two):
    ids = enter(two)
    two.run()
    partner = {row["mail"]: id for id, row in two.rows("b").items()}
    two.edit("a", ids[0], title="Clerk")
    two.edit("b", partner["n1@example.org"], phone="99")
    two.edit("a", ids[2], first="Ana")
    two.edit("b", partner["n2@example.org"], first="Eva")
    adds_up(two.run())
    assert two.by_mail("b", "n0@example.org")["title"] == "Clerk"
    assert two.by_mail("a", "n1@example.org")["phone"] == "99"
    assert [c["path"] for c in conflicts(two)] == ["given_name"]
    assert {two.by_mail(r, "n2@example.org")["first"] for r in ("a", "b")} == {"Ana", "Eva"}
    resolve(two, value="Eva")
    settle_down(two)
    agree(two, "first", "last", "mail", "phone", "title")
    assert two.ask(audit.verify).bad is None


@pytest.mark.parametrize("event", ["settle", "push", "intent", "written", "receipts"])
def test_a_run_that_died_is_finished_by_the_next_one_without_a_twin(two, event):
    enter(two)
    kill(two, event)
    settle_down(two)
    assert len(two.rows("a")) == len(two.rows("b")) == 3
    agree(two, "first", "last", "mail", "phone")
    assert two.ask(operations.in_state, "people", operations.OPEN) == []


def test_a_plan_changes_nothing_and_tells_what_a_run_would_do(two):
    enter(two)
    with two.hub.store.read() as tx:
        before = {table.name: tx.rows(table.select()) for table in metadata.sorted_tables}
    found = planning.plan(two.hub, "people")
    assert [o["action"] for o in found["operations"]] == ["create"] * 3
    with two.hub.store.read() as tx:
        assert before == {table.name: tx.rows(table.select()) for table in metadata.sorted_tables}
    assert two.written() == 0


def test_a_sweep_and_a_full_reading_find_nothing_to_do_in_what_agrees(two):
    enter(two)
    two.run()
    before = two.written()
    adds_up(two.run(full=True))
    two.clock.advance(60)
    told, found = sweep(two.hub, "people")
    adds_up(told)
    assert found.repaired == {} and found.missing == {} and two.written() == before


def test_deletes_merges_and_unlinking_work_alike(two):
    ids = enter(two, 4)
    two.run()
    two["a"].merge("person", ids[0], ids[1])
    two["a"].delete("person", ids[2])
    settle_down(two)
    golden = two.ask(goldens.links_by_record, "a", "person", ids)[ids[3]].golden
    repair.unlink(two.hub, golden, "a", by="ana")
    settle_down(two)
    links = {k.remote_id: k.state for k in two.ask(goldens.links_of, [golden])[golden]}
    assert links[ids[3]] == "refused"
    assert two.ask(audit.verify).bad is None


def test_names_of_every_script_travel_and_come_back_unchanged(two):
    names = ["Zoë", "日本", "Ωμέγα", "👩‍👩‍👧", "e\u0301", "‮rtl", "O'Neil; --", "%_\\", "ſ", "İ", "x" * 5000]
    for n, name in enumerate(names):
        two.person("a", first=name, last=f"L{n}", mail=f"n{n}@example.org")
    settle_down(two)
    assert sorted(r["first"] for r in two.rows("b").values()) == sorted(normalize("NFC", n) for n in names)


# ---------------------------------------------------------------- random histories


@cache
def in_memory(seed: int) -> list[str]:
    return history.play(history.draw(seed)).story


@pytest.mark.parametrize("seed", [5, 11, 34])
def test_a_random_history_ends_alike_on_every_database_and_breaks_no_rule(url, seed, monkeypatch):
    story = in_memory(seed)
    monkeypatch.setattr(history, "world", partial(world, url=url))
    here = history.play(history.draw(seed))
    assert here.story == story
    assert oracles.violations(here) == []
    here.world.hub.store.close()


# ---------------------------------------------------------------- concurrency


def test_several_syncs_run_at_once_on_one_database_without_a_deadlock_and_keep_one_chain(url):
    """Threads write pages, batches and receipts of three syncs in any order."""
    names = {"people": "ab", "staff": "cd", "guests": "ef"}
    syncs = [sync(*(spoke(c) for c in cs), name=name, match=MAIL) for name, cs in names.items()]
    w = world(*syncs, url=url)
    w.hub.pool = Threads(2)
    for cs in names.values():
        for n, c in enumerate(cs):
            for i in range(30):
                w.person(c, first=f"N{n}{i}", last="L", mail=f"n{n}{i}@example.org")
    w.clock.advance(60)
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(lambda name: run_sync(w.hub, name), names))
    for one in told:
        adds_up(one)
        assert (one.state, one.operations["created"]) == ("ok", 60)
    for cs in names.values():
        assert len(w.rows(cs[0])) == len(w.rows(cs[1])) == 60
    verdict = w.ask(audit.verify)
    assert (verdict.bad, verdict.unsealed) == (None, 0) and verdict.rows > 500
    w.hub.store.close()


# ---------------------------------------------------------------- personal values

MAY_HOLD_VALUES = {"ac_golden", "ac_link", "ac_inbox", "ac_record", "ac_operation", "ac_conflict", "ac_error"}


def test_personal_values_stand_in_plain_text_only_where_they_are_meant_to_be(url):
    """Links, matches, conflicts, reviews, refusals and a merge: then every column of every other table is searched."""
    picky = profile(fields={"title": F("title", length=12, cuts=False)})
    w = world(
        sync(
            spoke("a"),
            spoke("b"),
            policy=Policy(conflicts={"default": ("hold",)}, first_link={"default": ("a", "b")}),
            match=(MatchRule(("email",), "link"), MatchRule(("family_name", "phones[mobile]"), "review")),
        ),
        url=url,
        profiles={"b": picky},
    )
    w.person("a", first="CanaryAna", last="CanaryDiaz", mail="canary1@example.org", phone="CanaryPhone")
    two = w.person("a", first="CanaryEva", last="CanaryLi", mail="canary2@example.org", title="CanaryTitle")
    w.person("b", first="CanaryOther", last="CanaryDiaz", phone="CanaryPhone")
    w.run()
    w.run()
    partner = next(id for id, row in w.rows("b").items() if row.get("mail") == "canary2@example.org")
    w.edit("a", two, first="CanaryEdit1")
    w.edit("b", partner, first="CanaryEdit2")
    w.edit("a", two, title="CanaryRefused")
    w.run()
    assert conflicts(w) and w.ask(reviews.letters) and w.ask(reviews.reviews)
    with w.hub.store.read() as tx:
        for table in metadata.sorted_tables:
            found = [c.name for row in tx.rows(table.select()) for c in table.columns if "anary" in _text(row, c.name)]
            assert not found or table.name in MAY_HOLD_VALUES, (table.name, sorted(set(found)))
        assert tx.value(t.audit.select().with_only_columns(t.audit.c.changes).limit(1))
    w.hub.store.close()


def _text(row: Any, name: str) -> str:
    value = row._mapping[name]
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
