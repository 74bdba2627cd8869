"""Reading changes from HubSpot: nothing is missed, whatever moves while it is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hub.connect.clock import ManualClock
from hub.connect.sandbox import Response
from hub.core.errors import Reject, Stop
from tests.contract.hubspot_kit import LINKED, SLOW, WANT, kit


@pytest.fixture
def hs():
    yield from kit()


@pytest.fixture
def lagging():
    yield from kit(lag=30.0)


def settle(hs):
    """Let enough time pass that the overlap holds nothing."""
    hs.clock.advance(300)
    return hs.pull()[1]


@pytest.mark.parametrize("count, calls", [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3)])
def test_full_pages_end_where_the_list_ends(hs, count, calls):
    ids = hs.people(count)
    records, _ = hs.pull()
    assert [r.id for r in records] == ids
    assert len(hs.calls) == calls


@pytest.mark.parametrize("count, calls", [(1, 1), (200, 1), (201, 2), (400, 2), (401, 3)])
def test_delta_pages_are_full_and_give_no_row_twice(hs, count, calls):
    cursor = settle(hs)
    ids = hs.people(count)
    hs.calls.clear()
    records, _ = hs.pull(cursor)
    assert [r.id for r in records] == ids
    assert len(hs.calls) == calls


@pytest.mark.parametrize("tie", [1, 60, 100, 150])
def test_ties_at_the_end_of_a_page_cost_little_and_are_given_once(hs, tie):
    cursor = settle(hs)
    ids = []
    for _ in range(1200 // tie):
        hs.clock.advance(1)
        ids += [hs.sandbox.seed("contacts", {"firstname": "Ana"}) for _ in range(tie)]
    hs.calls.clear()
    records, _ = hs.pull(cursor)
    assert sorted(r.id for r in records) == sorted(ids)
    assert len(hs.calls) <= (6 if tie <= 100 else 8)


def test_without_the_operator_for_leaving_rows_out_a_few_are_read_again(hs):
    cursor = settle(hs)
    ids = hs.people(600)
    refusal = Response(400, {"status": "error", "category": "VALIDATION_ERROR", "message": "NOT_IN is not known"})
    hs.sandbox.fault("answer", when=lambda r: b"NOT_IN" in r.body, response=refusal, times=None)
    hs.calls.clear()
    records, cursor = hs.pull(cursor)
    assert [r.id for r in records] == ids
    assert len(hs.calls) == 5, "one refusal, which is remembered"


def test_more_than_ten_thousand_rows_on_one_stamp_all_arrive_once(hs):
    cursor = settle(hs)
    hs.clock.advance(10)
    ids = [hs.sandbox.seed("contacts", {"email": f"p{n}@example.org"}) for n in range(10_300)]
    hs.clock.advance(1)
    late = hs.sandbox.seed("contacts", {"email": "late@example.org"})
    records, _ = hs.pull(cursor)
    assert [r.id for r in records] == [*ids, late]


def test_more_than_ten_thousand_rows_on_many_stamps_all_arrive_once(hs):
    cursor = settle(hs)
    ids = hs.people(10_100)
    hs.calls.clear()
    records, _ = hs.pull(cursor)
    assert [r.id for r in records] == ids
    assert len(hs.calls) == 51


@pytest.mark.parametrize("cursor_of", ["full", "delta"])
def test_a_pull_resumes_from_each_cursor_without_loss(hs, cursor_of):
    cursor = settle(hs) if cursor_of == "delta" else ""
    ids = hs.people(650)
    pages = hs.pages(cursor)
    assert len(pages) > 3
    for n, page in enumerate(pages):
        before = {r.id for p in pages[: n + 1] for r in p.records}
        after = {r.id for r in hs.pull(page.cursor)[0]}
        assert before | after == set(ids)


def test_a_tie_that_is_being_split_resumes_without_loss(hs):
    cursor = settle(hs)
    ids = [hs.sandbox.seed("contacts", {"email": f"p{n}@example.org"}) for n in range(900)]
    pages = hs.pages(cursor)
    assert any('"id":"' in p.cursor for p in pages)
    for n, page in enumerate(pages):
        before = {r.id for p in pages[: n + 1] for r in p.records}
        assert before | {r.id for r in hs.pull(page.cursor)[0]} == set(ids)


@pytest.mark.parametrize("cursor_of", ["full", "delta"])
def test_rows_edited_while_paging_push_none_of_the_others_out(hs, cursor_of):
    cursor = settle(hs) if cursor_of == "delta" else ""
    ids = hs.people(500)
    seen, moved = {}, iter(ids)
    for page in hs.hubspot.changes("contacts", cursor, WANT):
        seen |= {r.id: r.fields["phone"] for r in page.records}
        last = page.cursor
        # Each page shifts rows to the end, which would empty a page by number.
        for id in (next(moved), next(moved)):
            hs.clock.advance(1)
            hs.sandbox.edit("contacts", id, {"phone": f"new {id}"})
    assert set(seen) == set(ids)
    seen |= {r.id: r.fields["phone"] for r in hs.pull(last)[0]}
    held = hs.sandbox.rows("contacts")
    assert seen == {id: held[id].get("phone") for id in ids}


def test_an_index_that_fills_out_of_order_loses_nothing(lagging):
    hs = lagging
    cursor = settle(hs)
    known = {}
    for n in range(60):
        id = hs.sandbox.seed("contacts", {"email": f"p{n}@example.org"})
        hs.clock.advance(7)
        if n % 3 == 0:
            hs.sandbox.edit("contacts", id, {"phone": str(n)})
        records, cursor = hs.pull(cursor)
        known |= {r.id: r.fields["phone"] for r in sorted(records, key=lambda r: r.stamp)}
    hs.clock.advance(31)
    known |= {r.id: r.fields["phone"] for r in hs.pull(cursor)[0]}
    assert known == {id: row.get("phone") for id, row in hs.sandbox.rows("contacts").items()}


def test_a_stale_copy_carries_its_own_stamp(lagging):
    hs, everything = lagging, json.dumps({"bound": 1})
    id = hs.sandbox.seed("contacts", {"email": "a@example.org"})
    hs.clock.advance(300)
    [first], _ = hs.pull(everything)
    hs.sandbox.random.uniform = lambda low, high: high
    hs.sandbox.edit("contacts", id, {"phone": "2"})
    [stale], _ = hs.pull(everything)
    assert (stale.fields["phone"], stale.stamp) == (None, first.stamp)
    hs.clock.advance(31)
    [fresh], _ = hs.pull(everything)
    assert fresh.fields["phone"] == "2"
    assert fresh.stamp > stale.stamp
    assert fresh.version != stale.version


def test_a_wrong_clock_of_ours_misses_nothing(hs):
    cursor = settle(hs)
    hs.hubspot.context.clock = ManualClock(hs.clock.now() + 3600)
    _, cursor = hs.pull(cursor)
    hs.clock.advance(5)
    id = hs.sandbox.seed("contacts", {"email": "a@example.org"})
    records, _ = hs.pull(cursor)
    assert [r.id for r in records] == [id]


def test_the_last_page_says_up_to_when_nothing_can_be_missing(hs):
    hs.people(150)
    first, last = hs.pages()
    assert (first.covers, last.covers) == ("", "2023-11-14T22:15:50.000Z")
    assert hs.pages(last.cursor)[-1].covers == "2023-11-14T22:14:50.000Z"


def test_unknown_properties_are_absent_and_empty_ones_null(hs):
    hs.sandbox.seed("contacts", {"email": "a@example.org", "phone": "1"})
    [record], _ = hs.pull(want=replace(WANT, fields=("email", "firstname", "no_such_property")))
    assert record.fields == {"email": "a@example.org", "firstname": None}


def test_a_foreign_cursor_is_refused_with_advice(hs):
    for bad in ("nonsense", '{"page": 3}'):
        with pytest.raises(Reject, match="cursor") as error:
            hs.pull(bad)
        assert "--full" in error.value.next


def test_cancelling_stops_between_pages(hs):
    hs.people(250)
    hs.hubspot.context.cancelled = lambda: True
    assert len(list(hs.hubspot.changes("contacts", "", WANT))) == 1


def test_paging_in_a_circle_stops(hs):
    hs.people(150)
    body = {"results": [], "paging": {"next": {"after": "200"}}}
    hs.sandbox.fault("answer", response=Response(200, body), times=None)
    with pytest.raises(Stop, match="does not advance"):
        hs.pull()


# ---------------------------------------------------------------- deletes


def test_deleted_records_come_on_the_slow_clock_only(hs):
    ids = hs.people(3)
    cursor = settle(hs)
    hs.sandbox.remove("contacts", ids[1])
    hs.clock.advance(1)
    assert hs.pull(cursor)[0] == []
    [gone], _ = hs.pull(cursor, SLOW)
    assert (gone.id, gone.kind, gone.stamp) == (ids[1], "deleted", "2023-11-14T22:18:23.000Z")


def test_old_deletes_are_not_told_again(hs):
    ids = hs.people(4)
    cursor = settle(hs)
    told = []
    for id in (ids[2], ids[0], ids[3]):
        hs.sandbox.remove("contacts", id)
        hs.clock.advance(3600)
        records, cursor = hs.pull(cursor, SLOW)
        told.append([r.id for r in records])
    assert told == [[ids[2]], [ids[0]], [ids[3]]]
    assert hs.pull(cursor, SLOW)[0] == []


def test_a_record_archived_behind_the_pass_is_told_by_the_next_one(hs):
    ids = hs.people(250)
    cursor = settle(hs)
    for id in ids[1:]:
        hs.sandbox.remove("contacts", id)
    hs.clock.advance(600)
    told = set()
    for page in hs.hubspot.changes("contacts", cursor, SLOW):
        told |= {r.id for r in page.records if r.kind == "deleted"}
        cursor = page.cursor
        if len(told) == 100:
            hs.sandbox.remove("contacts", ids[0])  # its place in the list has been passed already
            hs.clock.advance(1)
    assert ids[0] not in told
    hs.clock.advance(3600)
    told |= {r.id for r in hs.pull(cursor, SLOW)[0]}
    assert told == set(ids)


def test_a_pull_broken_off_in_the_archived_list_goes_on_there(hs):
    ids = hs.people(250)
    cursor = settle(hs)
    for id in ids:
        hs.sandbox.remove("contacts", id)
    pages = hs.pages(cursor, SLOW)
    cut = next(p for p in pages if p.records)
    late = hs.sandbox.seed("contacts", {"email": "late@example.org"})
    rest = {r.id for r in hs.pull(cut.cursor, SLOW)[0]}
    assert {r.id for r in cut.records} | rest == {*ids, late}


def test_a_restored_record_comes_back_as_an_update_with_a_newer_stamp(hs):
    [id] = hs.people(1)
    cursor = settle(hs)
    hs.sandbox.remove("contacts", id)
    hs.clock.advance(200)
    [gone], cursor = hs.pull(cursor, SLOW)
    hs.sandbox.restore("contacts", id)
    hs.clock.advance(1)
    [back], _ = hs.pull(cursor, SLOW)
    assert (back.id, back.kind) == (id, "updated")
    assert back.stamp > gone.stamp


# ---------------------------------------------------------------- merges


def test_a_merge_names_both_losers_and_the_survivor(hs):
    a, b = hs.people(2)
    cursor = settle(hs)
    survivor = hs.sandbox.merge("contacts", a, b)
    records, _ = hs.pull(cursor)
    assert [(r.id, r.kind, r.into) for r in records] == [
        (survivor, "updated", ()),
        (a, "merged_into", (("contacts", survivor),)),
        (b, "merged_into", (("contacts", survivor),)),
    ]


def test_a_chain_of_merges_leads_to_the_last_survivor(hs):
    a, b, c = (hs.sandbox.seed("companies", {"name": n}) for n in "ABC")
    hs.clock.advance(300)
    cursor = hs.pull(object="companies", want=replace(WANT, fields=("name",)))[1]
    last = hs.sandbox.merge("companies", hs.sandbox.merge("companies", a, b), c)
    records, _ = hs.pull(cursor, replace(WANT, fields=("name",)), "companies")
    losers = {r.id: r.into for r in records if r.kind == "merged_into"}
    assert {a, b, c} <= set(losers)
    assert set(losers.values()) == {(("companies", last),)}


def test_a_merge_keeps_its_own_time_when_the_survivor_is_edited_later(hs):
    a, b = hs.people(2)
    cursor = settle(hs)
    survivor = hs.sandbox.merge("contacts", a, b)
    first, cursor = hs.pull(cursor)
    hs.clock.advance(600)
    hs.sandbox.edit("contacts", survivor, {"phone": "9"})
    again, _ = hs.pull(cursor)
    news = [(r.id, r.stamp, r.version) for r in first if r.kind == "merged_into"]
    assert [(r.id, r.stamp, r.version) for r in again if r.kind == "merged_into"] == news


def test_a_survivor_that_was_archived_before_it_was_seen_still_names_its_losers(hs):
    a, b = hs.people(2)
    cursor = settle(hs)
    survivor = hs.sandbox.merge("contacts", a, b)
    hs.sandbox.remove("contacts", survivor)
    hs.clock.advance(100)
    records, _ = hs.pull(cursor, SLOW)
    assert {(r.id, r.kind) for r in records} == {(survivor, "deleted"), (a, "merged_into"), (b, "merged_into")}


# ---------------------------------------------------------------- associations and owners


def test_the_primary_company_comes_without_a_call_of_its_own(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    with_one = hs.sandbox.seed("contacts", {"email": "a@example.org"}, company=company)
    without = hs.sandbox.seed("contacts", {"email": "b@example.org"})
    records, _ = hs.pull(want=LINKED)
    assert {r.id: r.fields["@companies.primary"] for r in records} == {with_one: company, without: None}
    assert len(hs.calls) == 1


def test_a_moved_association_that_stamps_nothing_is_found_on_the_slow_clock(hs):
    a, b = (hs.sandbox.seed("companies", {"name": n}) for n in "AB")
    contact = hs.sandbox.seed("contacts", {"email": "a@example.org"}, company=a)
    hs.clock.advance(300)
    cursor = hs.pull(want=LINKED)[1]
    hs.clock.advance(300)
    hs.sandbox.edit("contacts", contact, {"@companies.primary": b})
    assert hs.pull(cursor, LINKED)[0] == []
    [found], _ = hs.pull(cursor, replace(LINKED, slow=True))
    assert (found.id, found.fields["@companies.primary"], found.fields["email"]) == (contact, b, "a@example.org")


def test_the_association_pass_takes_a_few_pages_at_a_time_and_goes_round(hs):
    hs.people(450)
    hs.clock.advance(300)
    hs.connect(link_pages=2)
    cursor = hs.pull(want=LINKED)[1]
    hs.clock.advance(300)
    sizes = []
    for _ in range(4):
        records, cursor = hs.pull(cursor, replace(LINKED, slow=True))
        sizes.append(len(records))
    assert sizes == [200, 200, 50, 200]


def test_associations_without_a_mirror_are_read_in_batches(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    people = [hs.sandbox.seed("contacts", {"email": f"p{n}@example.org"}, company=company) for n in range(3)]
    alone = hs.sandbox.seed("companies", {"name": "Solo"})
    want = replace(WANT, fields=("name", "@contacts.primary"))
    records, _ = hs.pull(want=want, object="companies")
    assert {r.id: r.fields["@contacts.primary"] for r in records} == {company: people[0], alone: None}
    assert hs.calls == ["companies list", "companies associations read"]


def test_owners_are_read_on_the_slow_clock_with_the_archived_ones(hs):
    active = hs.sandbox.seed("owners", {"email": "o@example.org", "firstName": "Olga", "lastName": "Oak"})
    former = hs.sandbox.seed("owners", {"email": "f@example.org", "archived": True})
    want = replace(SLOW, fields=("email", "firstName", "archived"), key_field="")
    records, cursor = hs.pull(want=want, object="owners")
    assert {r.id: r.fields for r in records} == {
        active: {"email": "o@example.org", "firstName": "Olga", "archived": "false"},
        former: {"email": "f@example.org", "firstName": None, "archived": "true"},
    }
    hs.calls.clear()
    assert hs.pull(cursor, replace(want, slow=False), "owners")[0] == []
    assert hs.calls == []
    assert len(hs.pull(cursor, want, "owners")[0]) == 2


def test_a_hundred_and_fifty_owners_take_two_pages(hs):
    for n in range(150):
        hs.sandbox.seed("owners", {"email": f"o{n}@example.org"})
    records, _ = hs.pull(want=replace(SLOW, fields=("email",)), object="owners")
    assert len({r.id for r in records}) == 150
    [found, gone] = hs.hubspot.get("owners", [records[3].id, "1"], SLOW)
    assert (found.direct, gone.kind) == (True, "deleted")
