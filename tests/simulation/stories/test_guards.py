"""Stories of mass damage that does not happen: guards stop it before the first write, and say what they stopped."""

from __future__ import annotations

from hub.core.model import Guards, Limit, Policy
from hub.engine.planning import apply, plan
from tests.simulation.stories.kit import adds_up, open_operations, settle_down, silent
from tests.simulation.world import mapping, spoke, sync, world

ALL = {"writes": frozenset({"create", "update", "delete"})}


def crowd(n: int, guards: Guards, **options):
    w = world(sync(spoke("a", **ALL), spoke("b", **ALL), guards=guards, **options))
    for i in range(n):
        w.person("a", first=f"N{i}", last="Gil", mail=f"p{i}@example.org", title="Clerk")
    return w


def test_more_creates_than_the_guard_allows_are_not_begun_at_all():
    w = crowd(30, Guards(creates=Limit(count=10)))
    told = w.run()
    adds_up(told)
    assert told.state == "refused" and "30 creates wait" in told.error
    assert not w.rows("b") and w.written() == 0
    assert told.operations["pending"] == 30


def test_mass_updates_are_stopped_before_anything_is_sent():
    w = crowd(120, Guards(creates=Limit(), updates=Limit(share=0.2)))
    w.run()
    for id in list(w.rows("a"))[:60]:
        w.edit("a", id, title="")
    before = w.written()
    told = w.run()
    adds_up(told)
    assert told.state == "refused" and w.written() == before
    assert all(r["title"] == "Clerk" for r in w.rows("b").values())


def test_updates_within_the_guard_are_sent_and_the_sum_of_a_day_counts():
    w = crowd(100, Guards(creates=Limit(), updates=Limit(count=30)))
    w.run()
    ids = list(w.rows("a"))
    for id in ids[:20]:
        w.edit("a", id, title="Chief")
    assert w.run().state == "ok"
    for id in ids[20:40]:
        w.edit("a", id, title="Chief")
    assert w.run().state == "refused"
    assert sum(r["title"] == "Chief" for r in w.rows("b").values()) == 20
    w.clock.advance(25 * 3600)
    assert w.run().state == "ok"
    assert sum(r["title"] == "Chief" for r in w.rows("b").values()) == 40
    silent(w)


def test_mass_deletes_are_stopped_before_the_first_one_and_updates_still_flow():
    w = crowd(60, Guards(creates=Limit(), updates=Limit(), deletes=Limit(count=20)), policy=Policy(deletes="delete"))
    w.run()
    w.run()
    ids = list(w.rows("a"))
    for id in ids[:30]:
        w["a"].delete("person", id)
    w.edit("a", ids[40], title="Chief")
    told = w.run()
    adds_up(told)
    assert told.state == "refused" and "30 deletes wait" in told.error
    assert len(w.rows("b")) == 60
    assert sum(r["title"] == "Chief" for r in w.rows("b").values()) == 1
    assert {o.action for o in open_operations(w)} == {"delete"}


def test_an_applied_plan_carries_its_own_allowance():
    w = crowd(30, Guards(creates=Limit(count=10)))
    found = plan(w.hub, "people")
    assert "30 creates wait" in found["guards"][0]
    told = apply(w.hub, found)
    adds_up(told)
    assert told.state == "ok" and len(w.rows("b")) == 30
    settle_down(w)


def test_a_mapping_error_that_would_clear_a_field_everywhere_is_stopped_by_the_guard_for_updates():
    w = crowd(60, Guards(creates=Limit(), updates=Limit(share=0.2)))
    w.run()
    w.run()
    before = w.written()
    wrong = {"field": "title", "values": {"Clerk": "Officer"}, "unknown": "keep"}
    w.with_sync(
        sync(
            spoke("a", mapping=mapping(job_title=wrong), **ALL),
            spoke("b", **ALL),
            guards=Guards(updates=Limit(share=0.2)),
        )
    )
    told = w.run()
    assert told.state == "refused" and w.written() == before
