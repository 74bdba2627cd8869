"""Writing to Salesforce: creates by key, careful and fast updates, deletes, and what each refusal becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.salesforce import Salesforce
from connectors.salesforce.sandbox import SalesforceSandbox
from hub.connect.clock import ManualClock
from hub.connect.connector import Receipt, Write
from hub.connect.sandbox import Response, on
from hub.core.errors import Changed, Duplicate, Gone, Reject, Retry, Stop, Unknown
from hub.core.model import Record
from tests.contract.salesforce_world import CONTACT, KEY, World, create, drain, update


@pytest.fixture
def world() -> Iterator[World]:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now) as sandbox:
        yield World(sandbox, clock)
        assert not sandbox.bugs


def read(sf: Salesforce, *ids: str) -> list[Record]:
    return sf.get("Contact", ids, CONTACT)


def reason(receipt: Receipt) -> Any:
    """The error of a receipt, which must be there."""
    assert receipt.error is not None
    return receipt.error


# ---------------------------------------------------------------- creates


def test_a_create_answers_with_id_stamp_and_the_fields_as_stored(world: World) -> None:
    [receipt] = world.connect().write("Contact", [create(1, FirstName="Ana  ", Email="ana@example.org")])
    row = world.sandbox.rows("Contact")[receipt.id]
    assert receipt.status == "done"
    assert receipt.fields == {"LastName": "New 1", "FirstName": "Ana", "Email": "ana@example.org"}
    assert receipt.stamp == receipt.version == row["SystemModstamp"].replace("+0000", "Z")
    assert row[KEY] == "key-1"


def test_creating_twice_with_one_key_makes_one_record(world: World) -> None:
    sf = world.connect()
    [first], [second] = sf.write("Contact", [create(1)]), sf.write("Contact", [create(1)])
    assert first.id == second.id
    assert len(world.sandbox.rows("Contact")) == 1


def test_two_hundred_creates_are_one_write_and_one_read_back(world: World) -> None:
    receipts = world.connect().write("Contact", [create(n) for n in range(200)])
    assert {r.status for r in receipts} == {"done"}
    assert [r.op for r in receipts] == [f"op{n}" for n in range(200)]
    assert len(world.asked) == 2


def test_a_create_without_a_key_is_a_plain_create(world: World) -> None:
    [receipt] = world.connect().write("Contact", [Write("a", "create", {"LastName": "Plain"})])
    assert world.sandbox.rows("Contact")[receipt.id]["LastName"] == "Plain"


def test_one_bad_record_does_not_stop_the_good_ones(world: World) -> None:
    receipts = world.connect().write("Contact", [create(1), create(2, Email="nonsense"), create(3)])
    assert [r.status for r in receipts] == ["done", "rejected", "done"]
    assert reason(receipts[1]).fields == ("Email",)
    assert reason(receipts[1]).vendor_code == "INVALID_EMAIL_ADDRESS"


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "LastName"),
        ({"LeadSource": "Carrier Pigeon"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "LeadSource"),
        ({"Tags__c": "vip;unheard-of"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Tags__c"),
        ({"FirstName": "x" * 41}, "STRING_TOO_LONG", "FirstName"),
        ({"Email": "ana@@example.org"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ({"Name": "Ana"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Name"),
        ({"AccountId": "001000000000999AAA"}, "INVALID_CROSS_REFERENCE_KEY", "AccountId"),
        ({"AccountId": "x"}, "MALFORMED_ID", "AccountId"),
        ({"Birthdate": "31.12.1999"}, "INVALID_TYPE_ON_FIELD_IN_RECORD", "Birthdate"),
        ({"DoNotCall": "yes"}, "INVALID_TYPE_ON_FIELD_IN_RECORD", "DoNotCall"),
        ({"FirstName": 7}, "INVALID_TYPE_ON_FIELD_IN_RECORD", "FirstName"),
        ({"Nothing__c": "x"}, "INVALID_FIELD", "Nothing__c"),
    ],
)
def test_a_refused_value_names_field_and_code_and_never_the_value(
    world: World, fields: dict[str, Any], code: str, named: str
) -> None:
    [receipt] = world.connect().write("Contact", [create(1, **fields)])
    error = reason(receipt)
    assert (receipt.status, error.vendor_code, error.fields) == ("rejected", code, (named,))
    value = fields[named]
    assert value is None or len(str(value)) < 2 or str(value) not in error.explain()
    assert world.sandbox.rows("Contact") == {}


def test_a_record_given_to_an_inactive_owner_is_refused_with_advice(world: World) -> None:
    [receipt] = world.connect().write("Contact", [create(1, OwnerId=world.sandbox.former)])
    assert reason(receipt).vendor_code == "INACTIVE_OWNER_OR_USER"
    assert "Activate the owner" in reason(receipt).explain()


def test_an_unknown_field_rejects_the_record_that_has_it_and_sends_the_others(world: World) -> None:
    receipts = world.connect().write("Contact", [create(1), create(2, Gone__c="x"), create(3)])
    assert [r.status for r in receipts] == ["done", "rejected", "done"]
    assert world.calls("/composite/sobjects/Contact/") == 2


def test_a_call_refused_without_naming_anything_is_split_until_the_culprit_is_alone(world: World) -> None:
    def poisoned(request: Any) -> bool:
        return b"Poison" in request.body and request.method == "PATCH"

    body = [{"errorCode": "JSON_PARSER_ERROR", "message": "Unexpected value Poison"}]
    world.sandbox.fault("answer", when=poisoned, response=Response(400, body), times=None)
    batch = [create(n) for n in range(7)] + [create(7, FirstName="Poison")]
    receipts = world.connect().write("Contact", batch)
    assert [r.status for r in receipts] == ["done"] * 7 + ["rejected"]
    assert "Poison" not in reason(receipts[7]).explain()
    assert len(world.sandbox.rows("Contact")) == 7


def test_a_duplicate_rule_names_the_record_that_it_found(world: World) -> None:
    there = world.contact(1, Email="ana@example.org")
    world.sandbox.duplicate_rule("Contact", by="Email")
    receipts = world.connect().write("Contact", [create(1), create(2, Email="ana@example.org")])
    assert [r.status for r in receipts] == ["done", "duplicate"]
    assert isinstance(receipts[1].error, Duplicate)
    assert receipts[1].error.ids == (there,)


def test_a_unique_field_held_by_another_record_is_a_duplicate_with_its_id(world: World) -> None:
    there = world.contact(1, **{KEY: "taken"})
    [receipt] = world.connect().write("Contact", [Write("a", "create", {"LastName": "X", KEY: "taken"})])
    assert receipt.status == "duplicate"
    assert reason(receipt).ids == (there,)


def test_a_validation_rule_speaks_in_its_own_words(world: World) -> None:
    world.sandbox.rule("Contact", lambda row: bool(row["Phone"]), "Give a phone number.", "Phone")
    [receipt] = world.connect().write("Contact", [create(1)])
    assert reason(receipt).fields == ("Phone",)
    assert "Give a phone number." in reason(receipt).explain()


# ---------------------------------------------------------------- updates


@pytest.mark.parametrize("careful", [True, False])
def test_an_update_changes_only_the_given_fields_and_reads_them_back(world: World, careful: bool) -> None:
    id = world.contact(FirstName="Ana", Phone="1")
    sf = world.connect()
    [record] = read(sf, id)
    world.clock.advance(5)
    [receipt] = sf.write("Contact", [replace(update(record, FirstName=" Eva ", Phone=None), careful=careful)])
    row = world.sandbox.rows("Contact")[id]
    assert (receipt.status, receipt.fields) == ("done", {"FirstName": "Eva", "Phone": None})
    assert receipt.version > record.version
    assert (row["FirstName"], row["Phone"], row["Email"]) == ("Eva", None, "p0@example.org")


def test_a_careful_update_of_a_record_that_moved_writes_nothing(world: World) -> None:
    id = world.contact()
    sf = world.connect()
    [record] = read(sf, id)
    world.clock.advance(5)
    world.sandbox.edit("Contact", id, {"FirstName": "Person"})
    [receipt] = sf.write("Contact", [update(record, FirstName="Hub")])
    assert receipt.status == "changed"
    assert isinstance(receipt.error, Changed)
    assert world.sandbox.rows("Contact")[id]["FirstName"] == "Person"


def test_a_new_sign_in_keeps_the_precondition_of_the_write(world: World) -> None:
    id = world.contact()
    sf = world.connect()
    [record] = read(sf, id)
    world.clock.advance(5)
    world.sandbox.edit("Contact", id, {"FirstName": "Person"})
    world.sandbox.expire_tokens()
    [receipt] = sf.write("Contact", [update(record, FirstName="Hub")])
    assert receipt.status == "changed"
    assert world.sandbox.login.count == 2


def test_twenty_four_careful_updates_with_their_read_back_are_one_call(world: World) -> None:
    sf = world.connect()
    records = read(sf, *[world.contact(n) for n in range(48)])
    world.clock.advance(5)
    before = len(world.asked)
    receipts = sf.write("Contact", [update(r, FirstName="Hub") for r in records])
    assert {r.status for r in receipts} == {"done"}
    assert all(r.fields == {"FirstName": "Hub"} for r in receipts)
    assert len(world.asked) - before == 2


def test_two_hundred_fast_updates_are_one_write_and_one_read_back(world: World) -> None:
    sf = world.connect()
    records = read(sf, *[world.contact(n) for n in range(200)])
    before = len(world.asked)
    receipts = sf.write("Contact", [replace(update(r, FirstName="Hub"), careful=False) for r in records])
    assert {r.status for r in receipts} == {"done"}
    assert len(world.asked) - before == 2


@pytest.mark.parametrize("careful", [True, False])
def test_an_update_of_a_record_that_is_gone_says_so(world: World, careful: bool) -> None:
    dead, purged = world.contact(1), world.contact(2)
    sf = world.connect()
    records = read(sf, dead, purged)
    for id in (dead, purged):
        world.sandbox.remove("Contact", id)
    world.sandbox.purge("Contact", purged)
    writes = [replace(update(r, FirstName="x"), careful=careful) for r in records]
    receipts = sf.write("Contact", [*writes, Write("n", "update", {"FirstName": "x"}, "nonsense", careful=careful)])
    assert [r.status for r in receipts] == ["gone", "gone", "gone"]
    assert all(isinstance(r.error, Gone) for r in receipts)


@pytest.mark.parametrize("careful", [True, False])
def test_a_locked_row_is_to_be_tried_again(world: World, careful: bool) -> None:
    id = world.contact()
    sf = world.connect()
    [record] = read(sf, id)
    world.sandbox.lock_row(id)
    [receipt] = sf.write("Contact", [replace(update(record, FirstName="x"), careful=careful)])
    assert receipt.status == "retry"
    assert isinstance(receipt.error, Retry) and receipt.error.after == 2.0


def test_values_that_salesforce_rewrites_come_back_as_stored(world: World) -> None:
    world.sandbox.rewrite("Contact", "Phone", lambda v: "".join(c for c in v if c.isdigit()))
    fields = {"Phone": "+34 600 100 200", "Tags__c": "vip;customer;vip", "LastName": "  Díaz 😀 "}
    [receipt] = world.connect().write("Contact", [create(1, **fields)])
    assert receipt.fields == {"Phone": "34600100200", "Tags__c": "customer;vip", "LastName": "Díaz 😀"}


def test_what_somebody_else_wrote_right_after_us_is_not_taken_for_ours(world: World) -> None:
    sf = world.connect()
    id = world.contact()
    [record] = read(sf, id)

    def meddle(request: Any) -> bool:
        if request.method == "POST" and request.path.endswith("/composite/sobjects/Contact"):
            world.sandbox.edit("Contact", id, {"FirstName": "Person"})
        return False

    world.sandbox.fault("answer", when=meddle)
    [receipt] = sf.write("Contact", [replace(update(record, FirstName="Hub"), careful=False)])
    assert (receipt.status, receipt.fields, receipt.version) == ("done", None, "")


def test_a_read_back_that_fails_leaves_the_write_done(world: World) -> None:
    lost = on("POST", "/composite/sobjects/Contact")
    world.sandbox.fault("answer", when=lost, response=Response(503), times=None)
    [receipt] = world.connect().write("Contact", [create(1)])
    assert (receipt.status, receipt.fields) == ("done", None)
    assert receipt.id in world.sandbox.rows("Contact")


# ---------------------------------------------------------------- deletes


def test_deletes_go_in_one_call_and_show_in_the_next_pull(world: World) -> None:
    ids = [world.contact(n) for n in range(3)]
    sf = world.connect()
    _, cursor = drain(sf, "Contact")
    world.sandbox.remove("Contact", ids[2])
    before = len(world.asked)
    receipts = sf.write("Contact", [Write(i, "delete", id=i) for i in ids])
    assert [r.status for r in receipts] == ["done", "done", "gone"]
    assert len(world.asked) - before == 1
    records, _ = drain(sf, "Contact", cursor)
    assert {r.id for r in records if r.kind == "deleted"} == set(ids)


def test_a_mixed_batch_answers_in_its_own_order(world: World) -> None:
    sf = world.connect()
    a, b = read(sf, world.contact(1), world.contact(2))
    batch = [Write("d", "delete", id=a.id), create(9), replace(update(b, FirstName="x"), careful=False)]
    receipts = sf.write("Contact", batch)
    assert [(r.op, r.status) for r in receipts] == [("d", "done"), ("op9", "done"), (f"up-{b.id}", "done")]


def test_users_are_never_written_and_there_are_no_associations(world: World) -> None:
    sf = world.connect()
    with pytest.raises(Reject, match="never written"):
        sf.write("User", [Write("a", "create", {"LastName": "X"})])
    [receipt] = sf.write("Contact", [Write("a", "associate", id="003000000000001AAA")])
    assert receipt.status == "rejected"


# ---------------------------------------------------------------- when the line breaks


@pytest.mark.parametrize("what", ["drop", "drop_after", "cut"])
def test_a_write_without_an_answer_is_unknown_and_adopted_by_key(world: World, what: str) -> None:
    sf = world.connect()
    world.sandbox.fault(what, when=on("PATCH", "/composite/sobjects/Contact/"))
    [receipt] = sf.write("Contact", [create(1)])
    assert (receipt.status, type(receipt.error)) == ("unknown", Unknown)
    found = sf.find_key("Contact", KEY, ["key-1"], CONTACT)
    assert len(found) == len(world.sandbox.rows("Contact")) == (0 if what == "drop" else 1)


@pytest.mark.parametrize(
    "response",
    [Response(500), Response(502, "<html>bad</html>"), Response(200, "<html>proxy</html>"), Response(200, [])],
)
def test_an_answer_that_cannot_be_believed_makes_a_write_unknown(world: World, response: Response) -> None:
    world.sandbox.fault("replace", when=on("PATCH", "/composite/sobjects"), response=response)
    [receipt] = world.connect().write("Contact", [create(1)])
    assert receipt.status == "unknown"


def test_a_composite_answer_that_lacks_results_is_unknown(world: World) -> None:
    id = world.contact()
    sf = world.connect()
    [record] = read(sf, id)
    world.sandbox.fault("replace", when=on("POST", "/composite"), response=Response(200, {"compositeResponse": []}))
    [receipt] = sf.write("Contact", [update(record, FirstName="x")])
    assert receipt.status == "unknown"


def test_what_follows_a_lost_answer_in_the_batch_is_not_sent(world: World) -> None:
    world.sandbox.fault("drop_after", when=on("PATCH", "/composite/sobjects"))
    receipts = world.connect().write("Contact", [create(n) for n in range(250)])
    assert [r.status for r in receipts] == ["unknown"] * 200 + ["retry"] * 50
    assert len(world.sandbox.rows("Contact")) == 200


def test_a_busy_salesforce_did_not_write(world: World) -> None:
    busy = Response(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}])
    world.sandbox.fault("answer", when=on("PATCH"), response=busy)
    with pytest.raises(Retry):
        world.connect().write("Contact", [create(1)])
    assert world.calls("/composite/sobjects") == 1


def test_a_batch_stopped_half_way_says_what_was_written(world: World) -> None:
    sf = world.connect()
    sf.check()
    world.sandbox.quota(2)
    receipts = sf.write("Contact", [create(n) for n in range(250)])
    assert [r.status for r in receipts] == ["done"] * 200 + ["retry"] * 50
    assert reason(receipts[-1]).after == 900.0


def test_a_server_that_is_not_there_wrote_nothing(world: World) -> None:
    sf = world.connect()
    sf.check()
    world.sandbox.stop()
    with pytest.raises(Retry, match="could not be reached"):
        sf.write("Contact", [create(1)])


def test_a_write_that_is_forbidden_stops_the_connection(world: World) -> None:
    body = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "no"}]
    world.sandbox.fault("answer", when=on("PATCH"), response=Response(403, body))
    with pytest.raises(Stop, match="does not let"):
        world.connect().write("Contact", [create(1)])
