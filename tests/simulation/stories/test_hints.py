"""Stories of hints: somebody says that a record changed. Whatever else is said is not believed; the record is read again."""

from __future__ import annotations

import random

import pytest

from hub.core import expressions
from hub.core.errors import Refused, Reject, Retry
from hub.core.model import Policy
from hub.engine.hints import hear
from hub.engine.report import report
from hub.store import goldens, hints, records, runs
from tests.simulation.stories.kit import (
    Killed,
    adds_up,
    agree,
    audited,
    conflicts,
    die,
    fail,
    golden_count,
    heal,
    kill,
    links,
    meddle,
    on,
    settle_down,
    silent,
    unreachable,
)
from tests.simulation.world import World, profile, spoke, sync, world

BLIND = {"a": profile(lag=10_000.0), "b": profile()}
"""Changes in a show in its index so late that only a read by id can bring them."""


def linked(**options):
    w = world(options.pop("sync", None) or sync(spoke("a"), spoke("b")), **options)
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk", phone="+34600100200")
    w.clock.advance(20_000)
    w.runs(2)
    (b,) = w.rows("b")
    return w, a, b


def waiting(w: World, remote: str = "a") -> list[str]:
    return [h.remote_id for h in w.ask(hints.waiting, remote, "person", "", 100)]


def vanish(w: World, remote: str, id: str) -> None:
    """The record is gone without a trace: no feed tells of it, and a read by id does not find it."""
    table = w[remote]._tables["person"]
    del table.rows[id]
    table.ids = None


# ---------------------------------------------------------------- what a hint brings


def test_a_hint_brings_an_edit_that_the_index_does_not_show_yet():
    w, a, _ = linked(profiles=BLIND)
    w.edit("a", a, title="Chief")
    adds_up(w.run())
    assert w.only("b")["title"] == "Clerk"  # or the index was not late
    assert hear(w.hub, "a", "person", [a]) == 1
    adds_up(w.run())
    assert w.only("b")["title"] == "Chief" and waiting(w) == []
    silent(w)


def test_the_index_shows_an_older_version_after_the_hint_was_read_and_nothing_goes_back():
    w, a, _ = linked(profiles=BLIND)
    w.edit("a", a, title="Chief")
    w.edit("a", a, title="Boss")
    hear(w.hub, "a", "person", [a])
    w.run()
    for _ in range(12):
        w.clock.advance(1_500)
        adds_up(w.run())
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"
    silent(w)


def test_a_hint_of_a_record_that_is_read_already_changes_nothing():
    w, a, b = linked()
    hear(w.hub, "a", "person", [a])
    hear(w.hub, "b", "person", [b])
    before = w.written()
    told = w.run()
    adds_up(told)
    assert w.written() == before and told.read == told.outcomes["unchanged"] == 2
    assert waiting(w) == waiting(w, "b") == []


def test_a_record_that_is_named_and_listed_in_one_run_counts_once():
    w, a, _ = linked()
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a, a])
    hear(w.hub, "a", "person", [a])
    told = w.run()
    adds_up(told)
    assert told.spokes["a"]["read"] == 1 and told.outcomes["applied"] == 1


def test_a_record_that_the_list_shows_as_it_was_and_the_hint_as_it_is_counts_once():
    w, a, _ = linked(profiles=BLIND)
    w.edit("a", a, title="Chief")
    w.run(full=True)
    hear(w.hub, "a", "person", [a])
    told = w.run(full=True)
    adds_up(told)
    assert told.spokes["a"]["read"] == 1 and told.spokes["a"]["outcomes"]["applied"] == 1


def test_hints_in_any_order_any_number_of_times_lead_to_the_same_end():
    rng = random.Random(7)
    w, a, b = linked(profiles=BLIND)
    for n in range(20):
        remote, id, name = rng.choice([("a", a, "first"), ("a", a, "phone"), ("b", b, "title")])
        w.edit(remote, id, **{name: f"+3460010{n:04d}"})
        for _ in range(rng.randrange(3)):
            hear(w.hub, *rng.choice([("a", "person", [a]), ("b", "person", [b, b]), ("a", "person", ["nobody"])]))
        if rng.random() < 0.4:
            told = w.run()
            assert told.read == sum(told.outcomes.values()) + told.pending + told.taken
    hear(w.hub, "b", "person", [b])
    hear(w.hub, "a", "person", [a])
    settle_down(w)
    agree(w, "first", "last", "mail", "phone", "title")
    assert not conflicts(w)


def test_a_new_record_that_is_named_before_any_list_shows_it_is_created_elsewhere_once():
    w, _, _ = linked(profiles=BLIND)
    luis = w.person("a", first="Luis", last="Gil", mail="luis@example.org")
    hear(w.hub, "a", "person", [luis])
    w.run()
    assert len(w.rows("b")) == 2
    w.clock.advance(20_000)
    settle_down(w)
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 2


# ---------------------------------------------------------------- what is not there


def test_an_id_that_never_was_creates_nothing_and_leaves_no_row():
    w, _, _ = linked()
    hear(w.hub, "a", "person", ["nobody", "999999"])
    told = w.run()
    adds_up(told)
    assert told.read == told.outcomes["unchanged"] == 2  # the two that are linked
    assert told.state == "ok" and waiting(w) == []
    assert w.ask(records.one, "a", "person", "nobody") is None and golden_count(w) == 1


def test_a_record_that_was_deleted_before_it_was_ever_read_creates_nothing():
    w, _, _ = linked(profiles=BLIND)
    luis = w.person("a", first="Luis", last="Gil", mail="luis@example.org")
    w["a"].delete("person", luis)
    hear(w.hub, "a", "person", [luis])
    adds_up(w.run())
    assert golden_count(w) == 1 and len(w.rows("b")) == 1
    assert w.ask(records.one, "a", "person", luis) is None


@pytest.mark.parametrize("trace", [True, False], ids=["in the bin", "without a trace"])
def test_a_linked_record_that_is_deleted_ends_its_link_at_the_hint(trace):
    w, a, _ = linked(profiles={"a": profile(deletes="sweep")})
    w["a"].delete("person", a) if trace else vanish(w, "a", a)
    adds_up(w.run())
    hear(w.hub, "a", "person", [a])
    hear(w.hub, "a", "person", [a])
    told = w.run()
    adds_up(told)
    (link,) = [k for k in w.ask(goldens.links_by_record, "a", "person", [a]).values()]
    assert (link.state, link.why) == ("ended", "deleted")
    assert told.spokes["a"]["read"] == 1 and len(w.rows("b")) == 1 and waiting(w) == []
    hear(w.hub, "a", "person", [a])
    silent(w)


def test_a_deleted_record_that_was_edited_elsewhere_is_held_and_not_deleted():
    one = sync(spoke("a"), spoke("b"), policy=Policy(deletes="delete"))
    w, a, b = linked(sync=one)
    w["a"].delete("person", a)
    w.edit("b", b, title="Boss")
    hear(w.hub, "a", "person", [a])
    told = w.run()
    adds_up(told)
    assert told.outcomes["held"] and len(w.rows("b")) == 1


def crowd(n: int) -> World:
    w = world(sync(spoke("a"), spoke("b")), profiles={"a": profile(page_size=10)})
    for i in range(n):
        w.person("a", first=f"N{i}", mail=f"p{i}@example.org")
    w.runs(2)
    return w


def test_so_many_named_records_not_found_at_once_are_not_taken_for_deleted():
    w = crowd(30)
    ids = sorted(w.rows("a"))
    for id in ids[:25]:
        vanish(w, "a", id)
    hear(w.hub, "a", "person", ids)
    told = w.run()
    adds_up(told)
    assert told.state == "partial" and "[S-SHORT]" in told.error
    assert all(k.state == "linked" for k in w.ask(goldens.links_by_record, "a", "person", ids).values())
    assert waiting(w) == [] and w.run().state == "ok"


def test_a_few_named_records_not_found_are_deleted_and_those_deleted_before_do_not_count():
    w = crowd(30)
    ids = sorted(w.rows("a"))
    for part in (ids[:15], ids[15:29]):
        for id in part:
            vanish(w, "a", id)
        hear(w.hub, "a", "person", ids)
        told = w.run()
        adds_up(told)
        assert told.state == "ok", told.error
    found = w.ask(goldens.links_by_record, "a", "person", ids)
    assert [k.state for k in found.values()].count("ended") == 29 and waiting(w) == []


def test_an_id_that_the_remote_refuses_is_dropped_and_the_others_are_read():
    w = crowd(5)
    ids = sorted(w.rows("a"))
    read, bad = w["a"].read, "no%id"

    def picky(object, wanted):
        if bad in wanted:
            raise Reject("that is no id")
        return read(object, wanted)

    w["a"].read = picky
    w.edit("a", ids[0], title="Chief")
    hear(w.hub, "a", "person", [*ids, bad])
    told = w.run()
    adds_up(told)
    assert told.state == "ok" and waiting(w) == []
    assert [e["remote_id"] for e in audited(w, "hint refused")] == [bad]


def test_a_remote_that_refuses_every_id_keeps_its_hints_and_says_why():
    w = crowd(40)

    def closed(object, wanted):
        raise Reject("you may not read this object")

    w["a"].read = closed
    hear(w.hub, "a", "person", sorted(w.rows("a")))
    told = w.run()
    assert told.state == "partial" and "may not read" in told.spokes["a"]["error"]
    assert waiting(w)


# ---------------------------------------------------------------- scope, holds, what is pending


def test_a_hinted_record_that_left_the_scope_is_suspended_as_by_any_other_reading():
    where = expressions.parse('record.title != "secret"', condition=True)[0]
    w, a, _ = linked(sync=sync(spoke("a", where=where), spoke("b")), profiles=BLIND)
    w.edit("a", a, title="secret")
    hear(w.hub, "a", "person", [a])
    told = w.run()
    adds_up(told)
    assert told.spokes["a"]["outcomes"]["skipped"] == 1 and links(w, "a")[a].state == "suspended"
    assert w.only("b")["title"] == "Clerk"


def test_a_full_row_is_pending_and_a_hint_is_read_over_it_and_no_field_is_lost():
    w, a, _ = linked()
    w.edit("a", a, title="Chief")
    kill(w, "settle")
    w.edit("a", a, first="Anna")
    hear(w.hub, "a", "person", [a])
    told = w.run()
    adds_up(told)
    assert w.only("b")["title"] == "Chief" and w.only("b")["first"] == "Anna"


def test_a_hint_in_an_open_conflict_renews_the_claim():
    w, a, b = linked(sync=sync(spoke("a"), spoke("b"), policy=Policy(conflicts={"default": ("hold",)})))
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    w.run()
    w.edit("a", a, title="Boss")
    hear(w.hub, "a", "person", [a])
    told = w.run()
    adds_up(told)
    assert not conflicts(w) and w.only("a")["title"] == w.only("b")["title"] == "Boss"


# ---------------------------------------------------------------- what is noted


def test_what_no_sync_reads_and_what_is_no_id_is_not_noted():
    w, a, _ = linked()
    assert hear(w.hub, "c", "person", [a]) == hear(w.hub, "a", "invoice", [a]) == hear(w.hub, "a", "person", []) == 0
    assert hear(w.hub, "a", "person", ["", "x" * 256, "half \ud800", "nul \x00"]) == 0
    assert waiting(w) == []


def test_a_hint_that_comes_while_its_record_is_read_stays_for_the_next_run():
    w, a, _ = linked(profiles=BLIND)
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a])
    meddle(w, "a", "after:get", lambda: (w.edit("a", a, title="Boss"), hear(w.hub, "a", "person", [a])))
    adds_up(w.run())
    assert waiting(w) == [a]
    settle_down(w)
    assert w.only("b")["title"] == "Boss" and waiting(w) == []


def test_hints_of_a_system_that_does_not_answer_stay_until_it_does():
    w, a, _ = linked()
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a])
    unreachable(w, "a")
    adds_up(w.run())
    assert waiting(w) == [a]
    heal(w)
    fail(w, "a", Retry("busy", after=100.0), "before:get")
    adds_up(w.run())
    assert waiting(w) == [a]
    settle_down(w)
    assert waiting(w) == [] and w.only("b")["title"] == "Chief"


def test_hints_by_the_hundred_are_read_in_the_batches_of_the_remote():
    w = crowd(35)
    quiet = w.run().spokes["a"]["api_calls"]
    hear(w.hub, "a", "person", sorted(w.rows("a")))
    told = w.run()
    adds_up(told)
    assert told.spokes["a"]["read"] == 35 and waiting(w) == []
    reads = 4  # of ten records each
    assert told.spokes["a"]["api_calls"] == quiet + reads


# ---------------------------------------------------------------- deaths


def test_a_death_between_the_reading_and_the_storing_reads_once_more():
    w, a, _ = linked(profiles=BLIND)
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a])
    kill(w, "hints")
    assert waiting(w) == [a]
    settle_down(w)
    assert w.only("b")["title"] == "Chief" and waiting(w) == []


def test_hearing_itself_is_stored_whole_or_not_at_all():
    w, a, _ = linked()
    w.hub.store.hook = on("before:commit", die)
    with pytest.raises(Killed):
        hear(w.hub, "a", "person", [a, "other"])
    w.hub.store.hook = lambda event: None
    assert waiting(w) == []


# ---------------------------------------------------------------- runs of hints alone


def test_a_run_of_hints_alone_reads_no_list_and_carries_the_edit_over():
    w, a, _ = linked()
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a])
    told = w.run(only_hints=True, trigger="webhook")
    adds_up(told)
    assert w.only("b")["title"] == "Chief" and told.kind == "hints" and told.state == "ok"
    assert told.spokes["a"]["api_calls"] == 1
    whole = w.run()  # its list shows the same edit once more
    adds_up(whole)
    assert whole.outcomes["applied"] == 0
    silent(w)


def test_a_run_of_hints_alone_without_hints_calls_nobody():
    w, _, _ = linked()
    told = w.run(only_hints=True)
    adds_up(told)
    assert told.api_calls == told.read == 0 and told.state == "ok"


def test_a_run_of_hints_alone_that_meets_a_new_record_reads_everything_before_it_creates():
    w, _, _ = linked()
    luis = w.person("a", first="Luis", last="Gil", mail="luis@example.org")
    w.person("b", first="Luis", last="Gil", mail="luis@example.org")  # entered there as well, and not named to us
    hear(w.hub, "a", "person", [luis])
    eva = w.person("a", first="Eva", last="Sanz", mail="eva@example.org")
    hear(w.hub, "a", "person", [eva])
    told = w.run(only_hints=True)
    adds_up(told)
    assert told.state == "ok" and told.operations["created"] == 1
    assert len(w.rows("a")) == len(w.rows("b")) == golden_count(w) == 3
    assert len(links(w, "b")) == 3


def test_a_run_of_hints_alone_sends_no_create_of_an_earlier_run():
    w, a, _ = linked()
    w.person("b", first="Eva", last="Sanz", mail="eva@example.org")
    kill(w, "push")
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a])
    told = w.run(only_hints=True)
    adds_up(told)
    assert len(w.rows("a")) == 1 and w.only("b" if len(w.rows("b")) == 1 else "a")["title"] == "Chief"
    settle_down(w)
    assert len(w.rows("a")) == 2


def test_hints_alone_do_not_begin_a_sync_that_was_never_applied():
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana")
    hear(w.hub, "a", "person", [a])
    with pytest.raises(Refused) as caught:
        w.run(only_hints=True)
    assert caught.value.code == "S-FIRST" and waiting(w) == [a] and not w.rows("b")


def test_the_accounts_of_a_killed_run_of_hints_add_up():
    w, a, _ = linked()
    w.edit("a", a, title="Chief")
    hear(w.hub, "a", "person", [a])
    w.hub.hook = on("settle", die)
    with pytest.raises(Killed):
        w.run(only_hints=True)
    w.hub.hook = lambda event: None
    w.clock.advance(301)
    killed = report(w.hub, w.ask(runs.latest)[0].id)
    assert (killed.kind, killed.read, killed.pending) == ("hints", 1, 1)
    told = w.run(only_hints=True)
    adds_up(told)
    assert sum(told.carried.values()) == 1 and w.only("b")["title"] == "Chief"
