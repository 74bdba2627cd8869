"""The small translations of the Salesforce connector: literals, ids, stamps, and the meaning of each refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.format import quote_soql_value

from connectors.salesforce import errors, soql
from connectors.salesforce.changes import Cursor
from connectors.salesforce.objects import capabilities, info
from hub.connect.connector import Write
from hub.core.errors import Duplicate, HubError, Reject, Retry, Stop, Unknown


@given(st.text())
def test_a_literal_is_what_the_vendors_library_would_write(value: str) -> None:
    assert soql.quote(value) == quote_soql_value(value)


@given(st.text())
def test_no_value_can_leave_its_literal(value: str) -> None:
    inner = soql.quote(value)[1:-1]
    assert "'" not in inner.replace("\\\\", "").replace("\\'", "")


@pytest.mark.parametrize("text", ["Name; DROP", "a b", "", "1st", "Name'", "Owner..Name", "Nаme"])
def test_only_names_pass_for_names(text: str) -> None:
    with pytest.raises(ValueError, match="name"):
        soql.name(text)


@pytest.mark.parametrize("text", ["Id", "Accordant_Id__c", "Owner.Name"])
def test_names_pass(text: str) -> None:
    assert soql.name(text) == text


@pytest.mark.parametrize("text", ["2020-01-01", "now", "2020-01-01T00:00:00.000+00:00", "2020-01-01T00:00:00Z OR 1"])
def test_only_instants_pass_for_instants(text: str) -> None:
    with pytest.raises(ValueError, match="instant"):
        soql.instant(text)


@pytest.mark.parametrize(
    ("short", "check"), [("001000000000001", "AAA"), ("0013000000ABcDE", "AA1"), ("001A0000006Vm9r", "IAC")]
)
def test_an_id_of_15_gets_a_check_of_3_for_its_capitals(short: str, check: str) -> None:
    assert soql.id18(short) == short + check
    assert soql.id18(short + check) == short + check


def test_ids_that_differ_in_case_alone_differ_without_regard_to_case() -> None:
    assert soql.id18("001000000000AAa").lower() != soql.id18("001000000000aAa").lower()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("2026-01-01T10:00:00.000+0000", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T10:00:00.000Z", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T12:00:00.000+02:00", "2026-01-01T10:00:00.000Z"),
        (None, ""),
    ],
)
def test_stamps_are_read_in_every_form(theirs: str | None, ours: str) -> None:
    assert soql.stamp(theirs) == ours


def test_a_stamp_survives_the_way_into_a_header_and_back() -> None:
    stamp = "2026-01-01T10:00:00.000Z"
    assert soql.http_date(stamp) == "Thu, 01 Jan 2026 10:00:00 GMT"
    assert soql.from_epoch(soql.from_http_date(soql.http_date(stamp)) or 0) == stamp
    assert soql.from_http_date("soon") is None


@given(st.lists(st.text(max_size=300), max_size=400))
def test_chunks_lose_nothing_and_fit(values: list[str]) -> None:
    parts = list(soql.chunks(values, most=50, room=2_000))
    assert [v for p in parts for v in p] == values
    assert all(0 < len(p) <= 50 for p in parts)


@given(st.sampled_from(["", "2026-01-01T10:00:00.000Z"]), st.sampled_from(["", "2026-01-01T10:00:00.000Z"]))
def test_a_cursor_survives_its_text(since: str, at: str) -> None:
    cursor = Cursor(since, "", at, "003000000000001AAA" if at else "")
    assert Cursor.parse(str(cursor)) == cursor


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "code", "message", "write", "kind", "after"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", True, Retry, 900.0),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.", True, Retry, 10.0),
        (403, "API_DISABLED_FOR_ORG", "", True, Stop, None),
        (403, "INSUFFICIENT_ACCESS", "", False, Stop, None),
        (410, "UNSUPPORTED_API_VERSION", "", False, Stop, None),
        (503, "SERVER_UNAVAILABLE", "", True, Retry, None),
        (429, "", "", True, Retry, None),
        (400, "UNABLE_TO_LOCK_ROW", "", True, Retry, 2.0),
        (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "x: UNABLE_TO_LOCK_ROW", True, Retry, 2.0),
        (500, "UNKNOWN_EXCEPTION", "", True, Unknown, None),
        (500, "UNKNOWN_EXCEPTION", "", False, Retry, None),
        (504, "", "", True, Unknown, None),
        (302, "", "", True, Stop, None),
        (400, "MALFORMED_QUERY", "", False, Reject, None),
        (404, "NOT_FOUND", "", False, Reject, None),
    ],
)
def test_a_failed_call_means_one_thing(
    status: int, code: str, message: str, write: bool, kind: type[HubError], after: float | None
) -> None:
    body = [{"errorCode": code, "message": message}] if code else "<html>"
    error = errors.whole(status, body, where="sf", write=write)
    assert type(error) is kind
    assert getattr(error, "after", None) == after
    assert error.explain().startswith("sf: ")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (412, "", "changed"),
        (400, "ENTITY_IS_DELETED", "gone"),
        (404, "NOT_FOUND", "gone"),
        (400, "INVALID_CROSS_REFERENCE_KEY", "gone"),
        (400, "DUPLICATE_VALUE", "duplicate"),
        (400, "UNABLE_TO_LOCK_ROW", "retry"),
        (400, "PROCESSING_HALTED", "retry"),
        (403, "REQUEST_LIMIT_EXCEEDED", "retry"),
        (503, "", "retry"),
        (500, "", "unknown"),
        (400, "ENTITY_IS_LOCKED", "rejected"),
        (400, "SOMETHING_NEW", "rejected"),
    ],
)
def test_a_refused_write_becomes_one_receipt(status: int, code: str, expected: str) -> None:
    found = errors.faults([{"errorCode": code, "message": ""}] if code else [])
    receipt = errors.item(found, Write("a", "update", {"Phone": "1"}, "003"), where="sf", status=status)
    assert (receipt.op, receipt.id, receipt.status) == ("a", "003", expected)


def test_an_unknown_reference_is_not_taken_for_an_unknown_record() -> None:
    found = errors.faults([{"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "", "fields": []}])
    receipt = errors.item(found, Write("a", "update", {"AccountId": "001"}, "003"), where="sf")
    assert receipt.status == "rejected"


def test_ids_are_read_out_of_both_kinds_of_duplicate() -> None:
    message = "duplicate value found: Ext__c duplicates value on record with id: 003000000000001"
    block = {"matchResults": [{"matchRecords": [{"record": {"Id": "003000000000002AAA"}}]}]}
    body: list[dict[str, Any]] = [
        {"statusCode": "DUPLICATE_VALUE", "message": message, "fields": []},
        {"errorCode": "DUPLICATES_DETECTED", "message": "?", "duplicateResult": block},
    ]
    error = errors.item(errors.faults(body), Write("a", "create"), where="sf").error
    assert isinstance(error, Duplicate)
    assert error.ids == ("003000000000001AAA", "003000000000002AAA")


def test_what_was_looked_up_does_not_stand_in_the_error() -> None:
    message = "\nSELECT X FROM Contact WHERE Email = 'ana@example.org'\n^\nERROR at Row:1:Column:8\nNo such column 'X'"
    error = errors.whole(400, [{"errorCode": "INVALID_FIELD", "message": message}], where="sf", write=False)
    assert "ana@example.org" not in error.explain()
    assert isinstance(error, Reject) and error.fields == ("X",)


# ---------------------------------------------------------------- objects


def test_users_can_only_be_read_and_never_vanish() -> None:
    user, contact = capabilities("User"), capabilities("Contact")
    assert (user.writes, user.deletes, user.unique_key) == (frozenset(), "flag", False)
    assert (contact.conditional_write, contact.deletes, contact.receipts) == ("coarse", "tombstone", "body")


def test_an_object_that_nobody_knows_has_the_common_traits() -> None:
    assert capabilities("Anything__c").deletes == "tombstone"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("currency", "money"), ("multipicklist", "choices"), ("reference", "reference"), ("new", "other")],
)
def test_describe_types_become_the_hubs(theirs: str, ours: str) -> None:
    field = {"name": "X", "label": "X", "type": theirs, "nillable": True, "createable": True, "updateable": True}
    described = {"name": "O", "label": "O", "fields": [{**field, "defaultedOnCreate": False}]}
    assert info(described).fields[0].type == ours
