"""The hub finds out that it wrote without a reason, out of order, unannounced, or over and over again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from hub.core import ballot
from hub.core.model import Policy
from hub.engine import receipts, repair, run, settle
from hub.engine.selfcheck import self_check
from hub.store import audit, operations
from hub.store import tables as t
from tests.simulation.proof.mutants.writing import audit_after_the_write_only
from tests.simulation.selfcheck_kit import at_rest, breaks, by_hand, kinds, state
from tests.simulation.stories.kit import heal, lose_answers, on
from tests.simulation.world import World, profile, spoke, sync, world

ALL = frozenset({"create", "update", "delete"})


def operations_of(w: World, action: str = "") -> list[Any]:
    found = w.ask(lambda tx: tx.rows(t.operation.select().order_by(t.operation.c.seq)))
    return [o for o in found if action in ("", o.action)]


# ---------------------------------------------------------------- I9: the journal


def test_a_write_that_was_not_announced_is_found():
    with audit_after_the_write_only():
        w = at_rest()
    assert "not announced" in breaks(w, "I9 journal").findings[0].what


@pytest.mark.parametrize("full", [True, False])
def test_a_write_whose_outcome_is_not_written_down_is_found(full):
    w = at_rest()
    self_check(w.hub)

    def silently(one: Any, state: str, action: str, why: str = "") -> None:
        one.v.ended.append((one.o.id, state, one.text, one.receipt.id or one.o.remote_id))

    w.edit("a", "pe0000001", title="Chief")
    with mock.patch.object(receipts._One, "end", silently):
        w.run()
    assert "what became of it" in breaks(w, "I9 journal", full=full).findings[0].what


def test_an_announcement_of_an_operation_that_is_not_there_is_found():
    w = at_rest()
    by_hand(w, t.operation.delete())
    breaks(w, "I9 nameless")


def test_an_answer_that_stands_before_its_announcement_is_none():
    w = at_rest()
    by_hand(w, t.audit.update().where(t.audit.c.action == "done create").values(seq=-1))
    assert "I9 journal" in kinds(self_check(w.hub))


def test_a_lost_answer_that_a_later_run_looked_up_is_no_finding():
    w = at_rest()
    w["b"].hook = on("after:write", lambda: (_ for _ in ()).throw(TimeoutError()))
    w.edit("a", "pe0000001", title="Chief")
    with pytest.raises(TimeoutError):
        w.run()
    assert self_check(w.hub).findings == []
    w.runs(2)
    assert self_check(w.hub).findings == [] and operations_of(w, "update")[0].state == "done"


def test_a_lost_create_whose_record_is_found_by_a_match_rule_is_answered_in_the_log():
    w = world(
        sync(spoke("a"), spoke("b", key_field="")), profiles={"b": profile(unique_key="", find_by=(), receipts="none")}
    )
    w.person("a", first="Ana", last="Diaz", mail="ana@example.org", phone="+4915112345678", title="Clerk")
    lose_answers(w, "b")
    w.run()
    w.edit("b", "pe0000001", first="Anna", last="Weber", phone="+4915187654321", title="Chief")
    heal(w)
    w.run()
    assert operations_of(w, "create")[0].state == "done"
    assert [e["op"] for e in w.ask(audit.entries, action="found done create")] == [operations_of(w, "create")[0].id]
    assert self_check(w.hub, full=True).findings == []


# ---------------------------------------------------------------- T10: order


def test_two_writes_of_a_field_in_the_wrong_order_are_found():
    w = at_rest()
    for title in ("Chief", "Head"):
        w.edit("a", "pe0000001", title=title)
        w.run()
    first, second = operations_of(w, "update")
    swap = t.operation.update()
    by_hand(
        w,
        swap.where(t.operation.c.id == first.id).values(seq=second.seq + 1),
    )
    found = breaks(w, "T10 order").findings
    assert [f.place for f in found] == [f"operation {second.id}"] and first.id in found[0].what


def test_writes_of_different_fields_may_overtake_each_other():
    w = at_rest()
    w.edit("a", "pe0000001", title="Chief")
    w.run()
    w.edit("a", "pe0000001", phone="+4915112345678")
    w.run()
    first, second = operations_of(w, "update")
    by_hand(w, t.operation.update().where(t.operation.c.id == first.id).values(seq=second.seq + 1))
    assert self_check(w.hub, full=True).findings == []


# ---------------------------------------------------------------- I8: deletes


def invent(w: World, action: str, **values: Any) -> None:
    """An operation that nobody decided, put into the journal by hand; the next run sends it."""
    link = w.ask(lambda tx: tx.one(t.link.select().where(t.link.c.connection == "b")))
    made = operations.Operation(
        id=f"o-by-hand-{action}",
        sync="people",
        run=w.reports[-1].run,
        connection="b",
        object="person",
        action=action,
        golden=link.golden,
        link=link.id,
        remote_id=link.remote_id,
        version=link.version,
        stamp=link.stamp,
        **values,
    )
    with w.hub.store.begin() as tx:
        operations.plan_out(tx, [made])
    w.run()


def test_a_delete_that_nobody_wanted_is_found():
    w = at_rest()
    invent(w, "delete")
    assert w.rows("b") == {}
    assert "no other record of it had been deleted" in breaks(w, "I8 delete").findings[0].what


def passing_on(policy: str = "delete", fingerprint: str = "1") -> World:
    """A person deletes in `a`, and the policy decides about `b`."""
    w = world(
        sync(spoke("a", writes=ALL), spoke("b", writes=ALL), policy=Policy(deletes=policy), fingerprint=fingerprint)
    )
    w.person("a", first="Ana", last="Diaz", mail="ana@example.org", title="Clerk")
    w.runs(2)
    w["a"].delete("person", "pe0000001")
    w.run()
    return w


def test_a_delete_of_which_a_counterpart_was_proven_is_none():
    w = passing_on()
    assert w.rows("b") == {}
    assert self_check(w.hub, full=True).findings == []


def test_a_delete_after_its_counterpart_had_come_back_is_found():
    w = passing_on("unlink")
    w["a"].restore("person", "pe0000001")
    w.run()
    invent(w, "delete")
    breaks(w, "I8 delete")


def test_a_delete_that_the_policy_does_not_allow_is_found_as_long_as_the_policy_is_the_same():
    w = passing_on("unlink")
    invent(w, "delete")
    assert w.rows("b") == {}
    breaks(w, "I8 delete policy")


def test_a_delete_under_an_earlier_policy_is_no_finding():
    w = passing_on()
    one = w.hub.syncs["people"]
    w.hub.syncs = {"people": replace(one, policy=Policy(deletes="unlink"), fingerprint="2")}
    assert self_check(w.hub, full=True).findings == []


# ---------------------------------------------------------------- I8: cleared fields


def clearing(w: World) -> None:
    from hub.core.model import FieldWrite

    invent(w, "update", fields=(FieldWrite("job_title", "Clerk", None, None),), raw={"title": None})


def test_a_field_that_the_hub_emptied_unasked_is_found():
    w = at_rest()
    clearing(w)
    assert w.only("b")["title"] is None
    assert "emptied job_title" in breaks(w, "I8 emptied").findings[0].what


def test_a_field_that_a_person_cleared_is_none():
    w = at_rest()
    w["a"].clear("person", "pe0000001", "title")
    w.runs(2)
    assert w.only("b")["title"] is None
    assert self_check(w.hub, full=True).findings == []


def test_a_value_that_gives_way_to_an_owners_empty_field_is_none():
    w = at_rest(policy=Policy(ownership={"job_title": "a"}))
    w["a"].clear("person", "pe0000001", "title")
    w.run()
    w.edit("b", "pe0000001", title="Chief")
    w.runs(2)
    assert w.only("b")["title"] is None
    assert self_check(w.hub, full=True).findings == []


def test_of_an_erased_person_nobody_can_say_who_cleared_what():
    w = at_rest()
    clearing(w)
    golden = operations_of(w)[0].golden
    with w.hub.store.begin() as tx:
        audit.erase(tx, [golden])
    assert self_check(w.hub, full=True).findings == []


# ---------------------------------------------------------------- I8: what came back


def test_a_record_that_is_alive_and_counts_as_deleted_is_found():
    w = passing_on("unlink")
    w.clock.advance(60)
    w["a"].restore("person", "pe0000001")

    def deaf(v: Any, spoke: Any, link: Any, row: Any) -> Any:
        v.outcome(row, "unchanged")
        return link, None

    with mock.patch("hub.engine.apply._reading", deaf):
        w.run()
    assert breaks(w, "I8 alive").findings[0].place == "a person pe0000001"


def test_a_record_that_came_back_and_was_linked_again_is_none():
    w = passing_on("unlink")
    w["a"].restore("person", "pe0000001")
    w.runs(2)
    assert self_check(w.hub, full=True).findings == []


# ---------------------------------------------------------------- I3: writes without a cause


def meddling(w: World) -> Any:
    """A settle that decides a write of its own accord."""

    def settled(hub: Any, running: Any) -> None:
        settle.settle(hub, running)
        link = w.ask(lambda tx: tx.one(t.link.select().where(t.link.c.connection == "b")))
        from hub.core.model import FieldWrite

        made = operations.Operation(
            "o-own", "people", running.id, "b", "person", "update", link.golden, link=link.id,
            remote_id=link.remote_id, fields=(FieldWrite("job_title", "Clerk", "Boss", "Boss"),),
            raw={"title": "Boss"}, version=link.version, stamp=link.stamp,
        )  # fmt: skip
        with hub.store.begin() as tx:
            operations.plan_out(tx, [made])

    return mock.patch.object(run, "settle", settled)


def test_a_write_for_which_there_was_no_cause_is_found():
    w = at_rest(runs=4)
    with meddling(w):
        w.run()
    found = breaks(w, "I3 no cause").findings[0]
    assert w.reports[-1].run in found.place and w.reports[-2].run in found.what


def test_anything_that_happened_meanwhile_counts_as_a_cause():
    for happens in (
        lambda w: w.edit("a", "pe0000001", phone="+4915112345678"),
        lambda w: repair.resume(w.hub, "people"),
        lambda w: w.with_sync(replace(w.hub.syncs["people"], fingerprint="2")),
    ):
        w = at_rest(runs=4)
        happens(w)
        with meddling(w):
            w.run()
        assert self_check(w.hub, full=True).findings == []


# ---------------------------------------------------------------- I3: loops


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's own guards against fields that go round are off."""
    monkeypatch.setattr(ballot, "PATIENCE", 1_000_000)
    monkeypatch.setattr(ballot, "_alternates", lambda *args: [])


def stubborn(names: str = "b", **options: Any) -> World:
    """Remotes whose automation puts its own title wherever the hub writes one; `a` owns the title."""
    profiles = {
        n: profile(after_write=lambda id, fields, n=n: {"title": f"by {n}"} if fields.get("title") else {})
        for n in names
    }
    options.setdefault("policy", Policy(ownership={"job_title": "a"}))
    w = world(sync(spoke("a"), spoke("b"), **options), profiles=profiles)
    w.person("a", first="Ana", last="Diaz", mail="ana@example.org", title="Clerk")
    return w


def test_a_remote_that_rewrites_each_of_our_writes_is_found_within_minutes(unguarded):
    w = stubborn()
    w.runs(5)
    assert self_check(w.hub).findings == [], "four times may be a person who insists"
    w.runs(2)
    found = breaks(w, "I3 loop", full=False).findings[0]
    assert found.place.startswith("b person ") and found.place.endswith(" job_title") and "b changes them" in found.what
    assert "accordant explain" in state(w)[1]


def test_a_loop_that_goes_on_after_it_was_resumed_pauses_again_and_not_before(unguarded):
    w = stubborn()
    w.runs(7)
    assert self_check(w.hub).paused == ["people"]
    repair.resume(w.hub, "people")
    assert self_check(w.hub, full=True).paused == []
    for more in range(5):
        w.run()
        assert self_check(w.hub).paused == [], more
    w.run()
    assert self_check(w.hub).paused == ["people"]


def test_a_slow_loop_is_found_by_the_day(unguarded):
    w = stubborn()
    for _ in range(12):
        w.clock.advance(3_600)
        w.run()
    assert self_check(w.hub).findings == []
    for _ in range(3):
        w.clock.advance(3_600)
        w.run()
    assert kinds(self_check(w.hub)) == ["I3 loop"]


def test_two_remotes_that_overrule_each_other_are_found(unguarded):
    w = stubborn("ab", policy=Policy(conflicts={"default": ("newest", "b", "a")}))
    w.runs(14)
    found = self_check(w.hub)
    assert set(kinds(found)) == {"I3 loop"} and found.broken and found.paused == ["people"]


@pytest.mark.parametrize(
    ("names", "options"), [("b", {}), ("ab", {"policy": Policy(conflicts={"default": ("newest", "b", "a")})})]
)
def test_the_engines_own_guard_leaves_such_a_field_alone_before_it_comes_to_that(names, options):
    w = stubborn(names, **options)
    w.runs(14)
    assert self_check(w.hub, full=True).findings == []


def test_a_person_who_enters_new_values_again_and_again_is_no_loop():
    w = at_rest()
    for n in range(14):
        w.edit("a", "pe0000001", title=f"Title {n}")
        w.run()
    assert self_check(w.hub, full=True).findings == []


def test_a_source_that_flaps_by_itself_is_a_warning_and_pauses_nothing(unguarded):
    w = at_rest()
    for n in range(9):
        w.edit("a", "pe0000001", title=("Chief", "Head")[n % 2])
        w.run()
    found = self_check(w.hub, full=True)
    assert [(f.kind, f.level) for f in found.findings] == [("loop", "warning")] and not found.broken
    assert found.paused == [] and state(w) == (False, "") and "come from a" in found.findings[0].what


def test_a_persons_decision_begins_the_count_anew(unguarded):
    w = stubborn()
    w.runs(7)
    golden = operations_of(w)[0].golden
    with w.hub.store.begin() as tx:
        change = {"field": "job_title", "before": "Clerk", "after": "Clerk", "by": "person:ana", "reason": "decision"}
        audit.write(tx, [audit.Entry("settled", golden=golden, changes=[change])])
    assert self_check(w.hub, full=True).findings == []


def test_a_loop_that_ended_days_ago_is_history(unguarded):
    w = stubborn()
    w.runs(9)
    w.clock.advance(3 * 86_400)
    assert self_check(w.hub, full=True).findings == []
