"""Reading from Salesforce: pulls, cursors, deletes and merges, reads by id and by value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.salesforce import soql
from connectors.salesforce.sandbox import SalesforceSandbox
from hub.connect.clock import ManualClock
from hub.connect.connector import Want
from hub.connect.sandbox import Response, on
from hub.core.errors import Reject, Retry, Stop
from tests.contract.salesforce_world import ACCOUNT, CONTACT, KEY, World, create, drain


@pytest.fixture
def world() -> Iterator[World]:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now) as sandbox:
        yield World(sandbox, clock)
        assert not sandbox.bugs


def test_the_first_pull_brings_every_record_once_in_order_of_change(world: World) -> None:
    ids = [world.contact(n) for n in range(5)]
    records, _ = drain(world.connect(), "Contact")
    assert [r.id for r in records] == ids
    assert records[0].fields == {"FirstName": None, "LastName": "Person 0", "Email": "p0@example.org"}
    assert records[0].stamp == records[0].version == soql.from_epoch(world.clock.now())


def test_a_pull_in_which_nothing_changed_is_one_call_and_no_record(world: World) -> None:
    world.contact()
    sf = world.connect()
    _, cursor = drain(sf, "Contact")
    world.clock.advance(300)
    _, cursor = drain(sf, "Contact", cursor)
    world.clock.advance(300)
    before = len(world.asked)
    records, _ = drain(sf, "Contact", cursor)
    assert records == []
    assert len(world.asked) - before == 1


def test_only_what_changed_comes_in_the_next_pull(world: World) -> None:
    first, second = world.contact(1), world.contact(2)
    sf = world.connect()
    world.clock.advance(300)
    _, cursor = drain(sf, "Contact")
    world.clock.advance(10)
    world.sandbox.edit("Contact", second, {"FirstName": "Ana"})
    records, _ = drain(sf, "Contact", cursor)
    assert [(r.id, r.fields["FirstName"]) for r in records] == [(second, "Ana")]
    assert first != second


def test_an_edit_that_commits_after_its_stamp_is_not_missed() -> None:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now) as sandbox:
        world = World(sandbox, clock)
        id = world.contact()
        sf = world.connect()
        sandbox._lag = lambda: 90.0
        sandbox.edit("Contact", id, {"FirstName": "Late"})
        clock.advance(60)
        before, cursor = drain(sf, "Contact")
        clock.advance(60)
        after, _ = drain(sf, "Contact", cursor)
    assert before[0].fields["FirstName"] is None
    assert [r.fields["FirstName"] for r in after] == ["Late"]


def test_a_deleted_record_comes_as_deleted_and_an_undeleted_one_comes_back(world: World) -> None:
    id = world.contact()
    sf = world.connect()
    _, cursor = drain(sf, "Contact")
    world.sandbox.remove("Contact", id)
    records, cursor = drain(sf, "Contact", cursor)
    assert [(r.kind, r.id, r.fields) for r in records] == [("deleted", id, {})]
    world.sandbox.undelete("Contact", id)
    records, _ = drain(sf, "Contact", cursor)
    assert [(r.kind, r.fields["LastName"]) for r in records] == [("updated", "Person 0")]


def test_a_merged_record_names_its_survivor(world: World) -> None:
    winner, loser = world.contact(1), world.contact(2)
    sf = world.connect()
    _, cursor = drain(sf, "Contact")
    world.sandbox.merge("Contact", winner, loser)
    records = {r.id: r for r in drain(sf, "Contact", cursor)[0]}
    assert records[loser].kind == "merged_into"
    assert records[loser].into == (("Contact", winner),)
    assert records[winner].kind == "updated"


def test_merging_two_accounts_moves_their_contacts(world: World) -> None:
    winner, loser = (world.sandbox.seed("Account", {"Name": n}) for n in ("Acme", "Acme Inc"))
    contact = world.contact(AccountId=loser)
    world.sandbox.merge("Account", winner, loser)
    records, _ = drain(world.connect(), "Contact", want=Want(("AccountId",)))
    assert [(r.id, r.fields["AccountId"]) for r in records] == [(contact, winner)]


def test_a_converted_lead_names_what_it_became(world: World) -> None:
    lead = world.sandbox.seed("Lead", {"LastName": "Lee", "Company": "Acme"})
    account, contact = world.sandbox.convert(lead)
    records, _ = drain(world.connect(), "Lead", want=Want(("LastName",)))
    assert [(r.kind, r.into) for r in records] == [("converted_into", (("Contact", contact), ("Account", account)))]


def test_users_are_read_without_a_recycle_bin(world: World) -> None:
    records, _ = drain(world.connect(), "User", want=Want(("Email", "IsActive")))
    assert {r.id: r.fields["IsActive"] for r in records}[world.sandbox.former] is False


@pytest.mark.parametrize("count", [0, 1, 200, 201, 401])
def test_no_record_is_lost_at_a_page_boundary(world: World, count: int) -> None:
    world.sandbox.rest.pages.size = 200
    ids = {world.contact(n) for n in range(count)}
    records, _ = drain(world.connect(), "Contact")
    assert {r.id for r in records} == ids
    assert len(records) == count
    assert world.calls("/query") == max(1, -(-count // 200))


def test_every_page_leaves_a_cursor_from_which_nothing_is_lost(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    ids = set()
    for n in range(500):
        ids.add(world.contact(n))
        world.clock.advance(n % 3)
    world.clock.advance(300)
    sf = world.connect()
    pages = list(sf.changes("Contact", "", CONTACT))
    assert len(pages) == 3
    for stop in range(len(pages)):
        seen = {r.id for p in pages[: stop + 1] for r in p.records}
        rest, _ = drain(sf, "Contact", pages[stop].cursor)
        assert seen | {r.id for r in rest} == ids


def test_resuming_in_the_middle_does_not_start_again(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    for n in range(500):
        world.contact(n)
    world.clock.advance(300)
    sf = world.connect()
    first = next(iter(sf.changes("Contact", "", CONTACT)))
    rest, _ = drain(sf, "Contact", first.cursor)
    assert len(first.records) == 200
    assert len(rest) == 300


def test_a_record_edited_while_pages_are_read_is_not_lost(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    ids = [world.contact(n) for n in range(450)]
    world.clock.advance(300)
    sf = world.connect()
    seen = {}
    for page in sf.changes("Contact", "", CONTACT):
        seen |= {r.id: r for r in page.records}
        world.clock.advance(10)
        for id in (ids[10], ids[440]):
            world.sandbox.edit("Contact", id, {"FirstName": f"At {world.clock.now():.0f}"})
    last = world.sandbox.rows("Contact")
    again, _ = drain(sf, "Contact", page.cursor)
    seen |= {r.id: r for r in again}
    assert len(seen) == 450
    assert all(seen[i].fields["FirstName"] == last[i]["FirstName"] for i in (ids[10], ids[440]))


def test_an_edit_during_the_pull_does_not_push_the_cursor_past_rows_not_read_yet(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    ids = [world.contact(n) for n in range(600)]
    world.clock.advance(300)
    sf = world.connect()
    pages = sf.changes("Contact", "", CONTACT)
    next(pages)
    world.sandbox.edit("Contact", ids[250], {"FirstName": "Moved"})
    second = next(pages)
    rest, _ = drain(sf, "Contact", second.cursor)
    assert {r.id for r in rest} >= set(ids[400:])


def test_a_locator_that_has_expired_is_replaced_from_the_last_row(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    for n in range(500):
        world.contact(n)
    world.clock.advance(300)
    sf = world.connect()
    got = []
    for number, page in enumerate(sf.changes("Contact", "", CONTACT)):
        got += [r.id for r in page.records]
        if number == 0:
            world.sandbox.rest.pages.locators.clear()
    assert len(got) == len(set(got)) == 500


def test_a_list_shorter_than_announced_is_not_believed(world: World) -> None:
    world.contact()
    answer = {"totalSize": 500, "done": True, "records": []}
    world.sandbox.fault("replace", when=on("GET", "/queryAll"), response=Response(200, answer), times=None)
    with pytest.raises(Retry, match="fewer rows"):
        drain(world.connect(), "Contact")


def test_pages_that_do_not_go_on_are_noticed(world: World) -> None:
    row = {"attributes": {"type": "Contact"}, "Id": world.contact()}
    page = {"totalSize": 900, "done": False, "records": [row], "nextRecordsUrl": "/services/data/v68.0/query/01g-1"}
    world.sandbox.fault("answer", when=on("GET", "/query"), response=Response(200, page), times=None)
    with pytest.raises(Retry, match="no trustworthy answer"):
        list(world.connect().ids("Contact"))
    assert world.calls("/query") == 2


@pytest.mark.parametrize("url", ["https://evil.example/next", "//evil.example", None, "/other/place"])
def test_a_next_page_that_leads_elsewhere_is_not_fetched(world: World, url: str | None) -> None:
    row = {"attributes": {"type": "Contact"}, "Id": world.contact()}
    page = {"totalSize": 900, "done": False, "records": [row], "nextRecordsUrl": url}
    world.sandbox.fault("answer", when=on("GET", "/query"), response=Response(200, page), times=None)
    with pytest.raises(Stop, match="not on this instance"):
        list(world.connect().ids("Contact"))


@pytest.mark.parametrize("body", [{}, {"records": None, "done": True}, {"records": []}, [], {"error": "proxy"}])
def test_an_answer_without_rows_is_not_taken_for_no_rows(world: World, body: Any) -> None:
    world.sandbox.fault("answer", when=on("GET", "/queryAll"), response=Response(200, body), times=None)
    with pytest.raises(Retry):
        drain(world.connect(), "Contact")


@pytest.mark.parametrize("body", [{}, [], [None, None]])
def test_a_read_by_id_that_leaves_records_out_is_no_proof_of_their_absence(world: World, body: Any) -> None:
    id = world.contact()
    world.sandbox.fault("answer", when=on("POST", "/composite/sobjects"), response=Response(200, body), times=None)
    with pytest.raises(Retry):
        world.connect().get("Contact", [id], CONTACT)


def test_a_cursor_from_the_future_reads_everything_again(world: World) -> None:
    world.contact()
    records, cursor = drain(world.connect(), "Contact", json.dumps({"since": "2999-01-01T00:00:00.000Z"}))
    assert len(records) == 1
    assert json.loads(cursor)["since"] < "2999"


@pytest.mark.parametrize("text", ["{", '{"since": "2020-01-01"}', '{"when": "x"}', "[1]", '{"at": "\' OR Name != \'"}'])
def test_a_cursor_that_is_not_ours_is_refused(world: World, text: str) -> None:
    with pytest.raises(Reject, match="cursor"):
        drain(world.connect(), "Contact", text)


def test_records_written_by_the_integration_user_say_so(world: World) -> None:
    sf = world.connect()
    theirs = world.contact(1)
    [receipt] = sf.write("Contact", [create(1)])
    records, _ = drain(sf, "Contact")
    assert {r.id: (r.by_us, r.key) for r in records} == {theirs: (False, None), receipt.id: (True, "key-1")}


def test_reads_by_id_tell_live_deleted_merged_purged_and_unknown_apart(world: World) -> None:
    live, dead, loser, purged = (world.contact(n) for n in range(4))
    world.sandbox.remove("Contact", dead)
    world.sandbox.merge("Contact", live, loser)
    world.sandbox.remove("Contact", purged)
    world.sandbox.purge("Contact", purged)
    records = world.connect().get("Contact", [live[:15], dead, loser, purged, "nonsense"], CONTACT)
    assert [(r.id, r.kind) for r in records] == [
        (live, "updated"),
        (dead, "deleted"),
        (loser, "merged_into"),
        (purged, "deleted"),
        ("nonsense", "deleted"),
    ]
    assert records[2].into == (("Contact", live),)
    assert all(r.direct for r in records)


def test_reads_by_id_take_one_call_per_thousand(world: World) -> None:
    ids = [world.contact(n) for n in range(1500)]
    records = world.connect().get("Contact", ids, CONTACT)
    assert {r.id for r in records} == set(ids)
    assert len(world.asked) == 2


def test_find_looks_up_by_value_in_any_case_and_survives_quotes(world: World) -> None:
    ana = world.contact(1, LastName='O\'Hara \\ "x"', Email="Ana@Example.org")
    world.contact(2)
    sf = world.connect()
    assert [r.id for r in sf.find("Contact", "Email", ["ana@example.ORG"], CONTACT)] == [ana]
    assert [r.id for r in sf.find("Contact", "LastName", ['O\'Hara \\ "x"'], CONTACT)] == [ana]
    assert sf.find("Contact", "LastName", ["x') OR (LastName != '"], CONTACT) == []


def test_a_long_list_of_values_is_cut_to_what_a_uri_holds(world: World) -> None:
    ids = [world.contact(n) for n in range(900)]
    found = world.connect().find("Contact", "Email", [f"p{n}@example.org" for n in range(900)], CONTACT)
    assert {r.id for r in found} == set(ids)
    assert world.calls("/query") == 3


def test_find_key_sees_a_record_at_once(world: World) -> None:
    sf = world.connect()
    [receipt] = sf.write("Contact", [create(7)])
    [record] = sf.find_key("Contact", KEY, ["key-7", "key-8"], Want(("LastName",)))
    assert (record.id, record.key, record.fields) == (receipt.id, "key-7", {"LastName": "New 7"})


def test_ids_bring_live_records_only(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    ids = [world.contact(n) for n in range(450)]
    world.sandbox.remove("Contact", ids[3])
    pages = list(world.connect().ids("Contact"))
    assert [len(p) for p in pages] == [200, 200, 49]
    assert {i for p in pages for i in p} == set(ids) - {ids[3]}


def test_a_parents_field_can_be_read_along(world: World) -> None:
    account = world.sandbox.seed("Account", {"Name": "Acme"})
    world.contact(1, AccountId=account)
    world.contact(2)
    records, _ = drain(world.connect(), "Contact", want=Want(("Account.Name",)))
    assert [r.fields["Account.Name"] for r in records] == ["Acme", None]


def test_a_field_that_the_user_may_not_see_is_named(world: World) -> None:
    world.sandbox.hide_field("Contact", "Email")
    with pytest.raises(Reject) as caught:
        drain(world.connect(), "Contact")
    assert caught.value.fields == ("Email",)
    assert "field-level access" in caught.value.explain()


def test_describe_tells_types_lengths_choices_and_what_is_required(world: World) -> None:
    info = world.connect().describe("Contact")
    last, email, source, tags, name = (info.field(n) for n in ("LastName", "Email", "LeadSource", "Tags__c", "Name"))
    assert last and last.required and last.length == 80
    assert email and email.type == "email" and not email.required
    assert source and source.type == "choice" and "Web" in source.choices
    assert tags and tags.type == "choices"
    assert name and not name.writable
    owner, key = info.field("OwnerId"), info.field(KEY)
    assert owner and owner.refers_to == ("User",) and not owner.required
    assert key and key.unique


def test_describe_hides_what_the_user_may_not_see_and_refuses_unknown_objects(world: World) -> None:
    world.sandbox.hide_field("Account", "Website")
    sf = world.connect()
    assert sf.describe("Account").field("Website") is None
    with pytest.raises(Reject):
        sf.describe("Nothing__c")


def test_check_names_org_user_and_rights(world: World) -> None:
    identity = world.connect().check()
    assert identity.org.startswith("00D")
    assert identity.user == world.sandbox.us
    assert identity.missing == ()
    assert "Contact: createable" in identity.granted
    world.sandbox.store.tables["Contact"].kind.writable = False
    assert "Contact: createable" in world.connect().check().missing


def test_objects_lists_what_can_be_queried(world: World) -> None:
    assert set(world.connect().objects()) == {"Account", "Contact", "Lead", "User"}


def test_accounts_are_read_like_contacts(world: World) -> None:
    id = world.sandbox.seed("Account", {"Name": "Acme", "Website": "acme.example"})
    records, _ = drain(world.connect(), "Account", want=ACCOUNT)
    assert [(r.id, r.fields) for r in records] == [(id, {"Name": "Acme", "Website": "acme.example"})]
