"""Stories of accounts: every record and every operation is somewhere, after every run, also after deaths."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hub.core import expressions
from hub.core.errors import Stop
from hub.core.model import Policy
from hub.engine.report import report
from hub.store import audit, records, runs
from tests.simulation.stories.kit import adds_up, audited, fail, kill, lose_answers, settle_down
from tests.simulation.world import F, World, profile, spoke, sync, world

HOLD = Policy(conflicts={"default": ("hold",)})


def mixed() -> World:
    """Records of every fate: in sync, in conflict, held, out of scope, refused."""
    where = expressions.parse('record.title != "secret"', condition=True)[0]
    strict = profile(fields={"phone": F("phone", length=12, cuts=False)})
    w = world(sync(spoke("a", where=where), spoke("b"), policy=HOLD), profiles={"b": strict})
    for n in range(8):
        w.clock.advance(1)
        w.person("a", first=f"N{n}", last="Gil", mail=f"p{n}@example.org")
    w.person("a", first="S", mail="s@example.org", title="secret")
    w.person("a", first="L", mail="l@example.org", phone="+346001002003004")
    return w


def accounts(w: World, remote: str) -> int:
    with w.hub.store.read() as tx:
        return sum(records.dispositions(tx, remote, "person").values())


def test_every_record_that_a_spoke_holds_stands_in_exactly_one_state():
    w = mixed()
    w.runs(2)
    for remote in "ab":
        assert accounts(w, remote) == len(w.rows(remote))


def test_read_is_the_sum_of_outcomes_and_operations_add_up_run_after_run():
    w = mixed()
    first = w.run()
    adds_up(first)
    assert first.read == 10 and first.outcomes["skipped"] == 1
    adds_up(w.run())
    ids = {r: {row["first"]: id for id, row in w.rows(r).items()} for r in "ab"}
    w.edit("a", ids["a"]["N1"], title="One")
    w.edit("b", ids["b"]["N1"], title="Two")
    w.edit("a", ids["a"]["N2"], title="secret")
    w["a"].delete("person", ids["a"]["N3"])
    w.edit("b", ids["b"]["N4"], title="Four")
    second = w.run()
    adds_up(second)
    assert second.outcomes["conflicted"] == 2 and second.outcomes["skipped"] >= 1
    assert second.operations["updated"] == 1
    assert second.state == "partial"
    settle_down(w)


@pytest.mark.parametrize("event", ["page", "settle", "push", "intent", "written", "receipts"])
@pytest.mark.parametrize("nth", [1, 2])
def test_the_accounts_of_a_killed_run_add_up_and_the_next_run_tells_what_it_took_over(event, nth):
    w = world(sync(spoke("a"), spoke("b")))
    w.hub.settle_batch = 3
    for n in range(8):
        w.person("a" if n % 2 else "b", first=f"N{n}", mail=f"p{n}@example.org")
    kill(w, event, nth)
    killed = report(w.hub, "r-000001")
    assert killed.read == sum(killed.outcomes.values()) + killed.pending + killed.taken
    told = w.run()
    adds_up(told)
    assert report(w.hub, "r-000001").pending == 0
    carried = sum(told.carried.values())
    assert carried <= 8
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == 8


def test_a_run_is_ok_only_if_every_spoke_could_be_read_and_nothing_is_left_behind():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", mail="ana@example.org")
    fail(w, "b", Stop("the account is locked"), "before:changes", times=1)
    told = w.run()
    assert told.state == "partial" and "the account is locked" in told.spokes["b"]["error"]
    w["b"].hook = lambda event: None
    with w.hub.store.begin() as tx:
        runs.set_connection(tx, "b", state="ok", reason="")
    assert w.run().state == "ok"


def test_a_run_in_which_no_spoke_could_be_read_has_failed():
    w = world(sync(spoke("a"), spoke("b")))
    for remote in "ab":
        fail(w, remote, Stop("the account is locked"), "before:changes", times=9)
    assert w.run().state == "failed"


def test_api_calls_are_counted_per_spoke_and_a_quiet_run_makes_only_its_delta_reads():
    w = world(sync(spoke("a"), spoke("b")))
    w.person("a", first="Ana", mail="ana@example.org")
    w.runs(3)
    told = w.run()
    feeds = 2  # changed rows, and those that are gone
    assert {c: s["api_calls"] for c, s in told.spokes.items()} == {"a": feeds, "b": feeds}
    assert told.api_calls == 2 * feeds


# ---------------------------------------------------------------- the audit log


def verdict(w: World, checkpoint: Any = None) -> audit.Verdict:
    return w.ask(audit.verify, checkpoint)


def with_history() -> World:
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.run()
    w.edit("a", a, title="Chief")
    w.run()
    return w


def tamper(w: World, sql: str) -> None:
    with w.hub.store.begin() as tx:
        tx.connection.execute(text(sql))


def test_the_chain_of_the_audit_log_verifies_after_each_run_also_after_a_kill():
    w = with_history()
    assert verdict(w).bad is None and verdict(w).unsealed == 0 and verdict(w).rows == len(audited(w))
    w.person("a", first="Luis", mail="luis@example.org")
    kill(w, "written")
    assert verdict(w).bad is None
    w.run()
    assert verdict(w).bad is None and verdict(w).unsealed == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ac_audit SET why = 'nothing to see' WHERE seq = 2",
        "UPDATE ac_audit SET actor = 'person:eve' WHERE seq = 3",
        "UPDATE ac_audit SET changes = NULL WHERE changes IS NOT NULL",
        "UPDATE ac_audit SET at = at + 1 WHERE seq = 1",
        "DELETE FROM ac_audit WHERE seq = 2",
        "DELETE FROM ac_audit WHERE seq = 1",
        "UPDATE ac_audit SET seq = CASE seq WHEN 2 THEN 1002 WHEN 3 THEN 2 ELSE seq END WHERE seq IN (2, 3)",
        "INSERT INTO ac_audit (at, action, prev, hash) SELECT at, 'done create', prev, hash FROM ac_audit WHERE seq = 2",
    ],
    ids=["edited", "other actor", "values removed", "other time", "row removed", "first removed", "moved", "inserted"],
)
def test_any_change_of_the_audit_log_is_found(sql):
    w = with_history()
    tamper(w, sql)
    assert verdict(w).bad is not None


def test_an_audit_log_whose_end_was_cut_off_is_found_by_the_checkpoint_noted_elsewhere():
    w = with_history()
    before = verdict(w)
    tamper(w, f"DELETE FROM ac_audit WHERE seq = {before.rows}")
    assert verdict(w).bad is None  # a shorter chain is whole in itself
    found = verdict(w, (before.rows, before.head))
    assert found.bad is not None and "cut off" in found.why


def test_every_write_has_its_intent_before_and_its_outcome_after_in_the_audit_log():
    w = with_history()
    lose_answers(w, "b")
    w.edit("a", next(iter(w.rows("a"))), title="Boss")
    w.run()
    settle_down(w)
    intents = {e["op"] for e in audited(w) if e["action"].startswith("intent")}
    assert len(intents) == len(w["b"].writes) == 3
    ended = {e["op"] for e in audited(w) if e["op"] and not e["action"].startswith("intent")}
    assert intents <= ended


def test_each_field_that_the_hub_changed_is_in_the_audit_log_with_before_and_after_and_who():
    w = with_history()
    changes = [c for e in audited(w, "settled") for c in e["changes"] if c["field"] == "job_title"]
    assert [(c["before"], c["after"], c["by"]) for c in changes] == [(None, "Clerk", "a"), ("Clerk", "Chief", "a")]


def test_personal_values_stand_in_the_audit_log_only_encrypted():
    w = with_history()
    with w.hub.store.read() as tx:
        dump = repr(tx.rows(text("SELECT * FROM ac_audit")))
    assert "ana@example.org" not in dump and "Chief" not in dump
