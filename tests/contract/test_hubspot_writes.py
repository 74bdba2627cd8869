"""Writing to HubSpot: every write has its own receipt, and no row is ever sent twice after it was carried out."""

from __future__ import annotations

import orjson
import pytest

from connectors.hubspot.writes import text
from hub.connect.connector import Write
from hub.connect.sandbox import Response, on
from hub.core.errors import Duplicate, Gone, Reject, Retry, Stop, Unknown
from tests.contract.hubspot_kit import LINKED, WANT, create, kit, update


@pytest.fixture
def hs():
    yield from kit()


@pytest.fixture(params=[True, False], ids=["answers per row", "sinks whole batches"])
def either(request):
    for made in kit():
        made.sandbox.shop.multi_status = request.param
        yield made


def people(count, **more):
    return [create(f"o{n}", email=f"p{n}@example.org", **more) for n in range(count)]


def statuses(receipts):
    return {r.op: r.status for r in receipts if r.status != "done"}


def test_receipts_come_in_the_order_of_the_writes(hs):
    receipts = hs.hubspot.write("contacts", people(250))
    assert [r.op for r in receipts] == [f"o{n}" for n in range(250)]
    held = hs.sandbox.rows("contacts")
    assert all(held[r.id]["email"] == f"p{n}@example.org" for n, r in enumerate(receipts))
    assert hs.calls == ["contacts batch/create"] * 3


def test_one_bad_row_never_stops_the_others(either):
    hs = either
    batch = people(100)
    batch[37] = create("o37", email="not an address")
    receipts = hs.hubspot.write("contacts", batch)
    assert statuses(receipts) == {"o37": "rejected"}
    assert receipts[37].error.fields == ("email",)
    assert receipts[37].error.vendor_code == "INVALID_EMAIL"
    assert len(hs.sandbox.rows("contacts")) == 99


def test_several_bad_rows_are_found_among_good_ones(either):
    hs = either
    ids = hs.people(60)
    batch = [update(id, f"u{n}", phone=str(n)) for n, id in enumerate(ids)]
    batch[0] = update(ids[0], "u0", tags="no such tag")
    batch[31] = update("999999", "u31", phone="1")
    batch[59] = update(ids[59], "u59", email=f"p{3}@example.org")
    receipts = hs.hubspot.write("contacts", batch)
    assert statuses(receipts) == {"u0": "rejected", "u31": "gone", "u59": "duplicate"}
    assert receipts[59].error.ids == (ids[3],)
    held = hs.sandbox.rows("contacts")
    assert all(held[id]["phone"] == str(n) for n, id in enumerate(ids) if n not in (0, 31, 59))


def test_a_batch_that_is_halved_sends_no_row_twice_after_success(hs):
    hs.sandbox.shop.multi_status = False
    batch = people(64)
    batch[10] = create("o10", email="bad")
    hs.hubspot.write("contacts", batch)
    assert len(hs.calls) == 2 * 6 + 1
    assert {len(v) for row in hs.sandbox.account.table("contacts").rows.values() for v in row.history.values()} == {1}


def test_a_property_that_does_not_exist_is_told_once_for_the_whole_batch(hs):
    ids = hs.people(50)
    receipts = hs.hubspot.write("contacts", [update(id, f"u{id}", no_such="x", phone="1") for id in ids])
    assert {(r.status, r.error.fields, r.error.vendor_code) for r in receipts} == {
        ("rejected", ("no_such",), "PROPERTY_DOESNT_EXIST")
    }
    assert hs.calls == ["contacts batch/update"]


def test_a_property_that_one_row_should_not_have_sent_concerns_that_row(hs):
    ids = hs.people(4)
    batch = [update(id, f"u{id}", phone="1") for id in ids]
    batch[2] = update(ids[2], "odd", lastmodifieddate="2026-01-01T00:00:00Z")
    receipts = hs.hubspot.write("contacts", batch)
    assert statuses(receipts) == {"odd": "rejected"}
    assert receipts[2].error.vendor_code == "READ_ONLY_VALUE"


def test_a_duplicate_email_names_the_record_that_has_it(either):
    hs = either
    [id] = hs.people(1)
    [receipt] = hs.hubspot.write("contacts", [create(email="P0@example.org")])
    assert isinstance(receipt.error, Duplicate)
    assert (receipt.status, receipt.error.ids) == ("duplicate", (id,))


def test_a_create_key_makes_one_record_only(either):
    hs = either
    [first] = hs.hubspot.write("contacts", [create(email="a@example.org", key="k")])
    [second] = hs.hubspot.write("contacts", [create(email="b@example.org", key="k")])
    assert (second.status, second.error.ids) == ("duplicate", (first.id,))
    assert len(hs.sandbox.rows("contacts")) == 1


def test_twins_inside_one_batch_become_one_record(either):
    hs = either
    receipts = hs.hubspot.write("contacts", [create("a", email="x@example.org"), create("b", email="x@example.org")])
    assert sorted(r.status for r in receipts) == ["done", "duplicate"]
    assert len(hs.sandbox.rows("contacts")) == 1


def test_receipts_show_what_hubspot_made_of_the_values(hs):
    [made] = hs.hubspot.write("companies", [create(name="Acme", domain="https://WWW.Acme.example/about")])
    assert made.fields == {"name": "Acme", "domain": "acme.example"}
    [cleared] = hs.hubspot.write("companies", [update(made.id, domain=None)])
    assert cleared.fields == {"domain": None}


@pytest.mark.parametrize(
    "value, sent",
    [
        (None, ""),
        (True, "true"),
        (12, "12"),
        (12.5, "12.5"),
        (1e16, "10000000000000000"),
        (["a", "b"], "a;b"),
        (" x ", " x "),
    ],
)
def test_every_value_is_sent_as_text(value, sent):
    assert text(value) == sent


def test_numbers_are_taken_as_text(hs):
    [made] = hs.hubspot.write("companies", [create(name="Acme", numberofemployees=12)])
    assert hs.sandbox.rows("companies")[made.id]["numberofemployees"] == "12"


def test_a_delete_archives_and_an_unknown_id_is_no_failure(hs):
    [id] = hs.people(1)
    receipts = hs.hubspot.write("contacts", [Write("d1", "delete", id=id), Write("d2", "delete", id="999")])
    assert [r.status for r in receipts] == ["done", "done"]
    assert hs.sandbox.rows("contacts") == {}


def test_creates_updates_and_deletes_mix_in_one_batch(hs):
    a, b = hs.people(2)
    batch = [update(a, "u", phone="1"), Write("d", "delete", id=b), create("c", email="c@example.org")]
    assert [r.op for r in hs.hubspot.write("contacts", batch)] == ["u", "d", "c"]
    assert {row["email"] for row in hs.sandbox.rows("contacts").values()} == {"p0@example.org", "c@example.org"}


def test_a_write_to_an_old_id_reaches_the_survivor_and_says_so(hs):
    a, b = hs.people(2)
    survivor = hs.sandbox.merge("contacts", a, b)
    [receipt] = hs.hubspot.write("contacts", [update(b, phone="5")])
    assert (receipt.status, receipt.id) == ("done", survivor)


def test_owners_refuse_every_write(hs):
    with pytest.raises(Reject, match="cannot be written"):
        hs.hubspot.write("owners", [update("701", email="x@example.org")])


# ---------------------------------------------------------------- answers that leave questions


@pytest.mark.parametrize("do", ["drop", "drop_after", "cut"])
def test_a_write_without_a_full_answer_is_unknown_and_not_repeated(hs, do):
    fault = hs.sandbox.fault(do, when=on("POST", "/batch/create"))
    with pytest.raises(Unknown, match="did not answer"):
        hs.hubspot.write("contacts", people(3))
    assert fault.times == 0
    assert hs.calls == ["contacts batch/create"]
    assert len(hs.sandbox.rows("contacts")) == (0 if do == "drop" else 3)


@pytest.mark.parametrize("response", [Response(200, "<html>sorry</html>"), Response(502, "bad gateway"), Response(500)])
def test_an_answer_that_makes_no_sense_is_unknown(hs, response):
    hs.sandbox.fault("replace", when=on("POST", "/batch/create"), response=response)
    with pytest.raises(Unknown):
        hs.hubspot.write("contacts", people(3))
    found = hs.hubspot.find_key("contacts", "accordant_id", ["key-o0", "key-o1", "key-o2"], WANT)
    assert len(found) == 3, "the create key tells what became of it"


def test_a_slow_answer_is_unknown(hs):
    hs.connect(timeout=0.1)
    hs.sandbox.fault("delay", when=on("POST", "/batch/create"), seconds=0.6)
    with pytest.raises(Unknown):
        hs.hubspot.write("contacts", people(1))


def test_a_server_that_cannot_be_reached_got_nothing(hs):
    hs.connect(base_url="http://127.0.0.1:1")
    with pytest.raises(Retry, match="cannot be reached"):
        hs.hubspot.write("contacts", people(1))


def test_a_row_that_the_answer_does_not_mention_is_unknown(hs):
    body = {"status": "COMPLETE", "results": []}
    hs.sandbox.fault("replace", when=on("POST", "/batch/create"), response=Response(201, body))
    with_one, other = hs.hubspot.write("contacts", people(2))
    assert (with_one.status, other.status) == ("unknown", "unknown")


def test_results_without_trace_ids_are_matched_by_id_or_create_key(hs):
    handle = hs.sandbox.handle

    def without_traces(request):
        answer = handle(request)
        for row in (answer.body or {}).get("results", ()):
            row.pop("objectWriteTraceId", None)
        return answer

    hs.sandbox.handle = without_traces
    made = hs.hubspot.write(
        "contacts", [create(f"o{n}", lastname=f"L{n}", accordant_id=f"k{n}", key=f"k{n}") for n in range(5)]
    )
    held = hs.sandbox.rows("contacts")
    assert [held[r.id]["lastname"] for r in made] == [f"L{n}" for n in range(5)]
    changed = hs.hubspot.write("contacts", [update(r.id, f"u{n}", phone=str(n)) for n, r in enumerate(made)])
    assert [r.fields["phone"] for r in changed] == [str(n) for n in range(5)]


# ---------------------------------------------------------------- stopping half-way


def limited(times):
    body = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "category": "RATE_LIMITS"}
    return {"when": on("POST", "/batch/create"), "response": Response(429, body), "times": times}


def test_a_limit_before_anything_was_sent_raises(hs):
    hs.sandbox.fault("answer", **limited(1))
    with pytest.raises(Retry) as error:
        hs.hubspot.write("contacts", people(150))
    assert error.value.after == 10
    assert hs.sandbox.rows("contacts") == {}


def second_batch(request):
    return request.path.endswith("/batch/create") and b"o100" in request.body


def test_a_limit_half_way_keeps_the_receipts_of_what_was_done(hs):
    hs.sandbox.fault("answer", **{**limited(1), "when": second_batch})
    receipts = hs.hubspot.write("contacts", people(250))
    assert [r.status for r in receipts] == ["done"] * 100 + ["retry"] * 150
    assert receipts[200].error.after == 10
    assert len(hs.sandbox.rows("contacts")) == 100


def test_after_an_unknown_batch_the_rest_is_not_sent(hs):
    hs.sandbox.fault("drop_after", when=second_batch)
    receipts = hs.hubspot.write("contacts", people(250))
    assert [r.status for r in receipts] == ["done"] * 100 + ["unknown"] * 100 + ["retry"] * 50
    assert len(hs.sandbox.rows("contacts")) == 200


def test_a_missing_scope_stops_and_names_it(hs):
    hs.sandbox.hide_scope("crm.objects.contacts.write")
    with pytest.raises(Stop) as error:
        hs.hubspot.write("contacts", people(2))
    assert "crm.objects.contacts.write" in error.value.explain()
    assert error.value.code == "E-PERMISSION"


def test_a_locked_record_is_tried_later(hs):
    hs.sandbox.fault("answer", when=on("POST", "/batch/update"), response=Response(423, {"message": "locked"}))
    with pytest.raises(Retry) as error:
        hs.hubspot.write("contacts", [update("101", phone="1")])
    assert error.value.after >= 2


# ---------------------------------------------------------------- associations


def test_an_association_to_a_company_that_is_not_there_is_told_for_its_row(either):
    hs = either
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    good = create("good", email="g@example.org", **{"@companies.primary": company})
    bad = create("bad", email="b@example.org", **{"@companies.primary": "999"})
    assert statuses(hs.hubspot.write("contacts", [good, bad])) == {"bad": "rejected"}
    ids = hs.people(2)
    moves = [
        update(ids[0], "m0", **{"@companies.primary": company}),
        update(ids[1], "m1", **{"@companies.primary": "999"}),
    ]
    receipts = hs.hubspot.write("contacts", moves)
    assert statuses(receipts) == {"m1": "rejected"}
    assert receipts[1].error.fields == ("@companies.primary",)


def test_fields_and_association_of_one_write_share_a_receipt(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    [id] = hs.people(1)
    [receipt] = hs.hubspot.write("contacts", [update(id, phone="3", **{"@companies.primary": company})])
    assert receipt.fields == {"phone": "3", "@companies.primary": company}
    assert receipt.stamp == hs.hubspot.get("contacts", [id], WANT)[0].stamp


def test_a_refused_field_leaves_the_association_alone(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    [id] = hs.people(1)
    [receipt] = hs.hubspot.write("contacts", [update(id, email="bad", **{"@companies.primary": company})])
    assert receipt.status == "rejected"
    assert hs.hubspot.get("contacts", [id], LINKED)[0].fields["@companies.primary"] is None


def test_moving_two_hundred_contacts_is_one_association_call(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    ids = hs.people(200)
    hs.calls.clear()
    receipts = hs.hubspot.write(
        "contacts", [Write(f"m{id}", "associate", {"@companies.primary": company}, id=id) for id in ids]
    )
    assert {r.status for r in receipts} == {"done"}
    assert hs.calls == ["contacts associations/batch/create"]
    assert {hs.sandbox.rows("contacts")[id]["@companies.primary"] for id in ids} == {company}


def test_from_the_side_of_the_company_the_other_type_is_used(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    [contact] = hs.people(1)
    [receipt] = hs.hubspot.write("companies", [update(company, **{"@contacts.primary": contact})])
    assert receipt.status == "done"
    assert hs.sandbox.rows("contacts")[contact]["@companies.primary"] == company


def test_an_association_that_hubspot_does_not_have_is_refused_before_a_call(hs):
    [id] = hs.people(1)
    hs.calls.clear()
    [receipt] = hs.hubspot.write("contacts", [update(id, **{"@companies.secondary": "1"})])
    assert isinstance(receipt.error, Reject)
    assert "@companies.primary" in receipt.error.explain()
    assert hs.calls == []


def test_clearing_an_association_that_is_not_there_is_done(hs):
    [id] = hs.people(1)
    [receipt] = hs.hubspot.write("contacts", [update(id, **{"@companies.primary": None})])
    assert (receipt.status, receipt.fields) == ("done", {"@companies.primary": None})


@pytest.mark.parametrize("do, status", [("drop_after", "unknown"), ("answer", "unknown")])
def test_an_association_without_an_answer_is_unknown(hs, do, status):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    [id] = hs.people(1)
    hs.sandbox.fault(do, when=on("POST", "/batch/create"), response=Response(503))
    [receipt] = hs.hubspot.write("contacts", [update(id, phone="1", **{"@companies.primary": company})])
    assert (receipt.status, type(receipt.error)) == (status, Unknown)


def test_a_missing_record_is_gone_for_its_association_too(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    [receipt] = hs.hubspot.write("contacts", [update("999", **{"@companies.primary": company})])
    assert isinstance(receipt.error, Reject | Gone)
    assert receipt.status in ("gone", "rejected")


def test_requests_carry_only_text_and_trace_ids(hs):
    bodies = []
    handle = hs.sandbox.handle
    hs.sandbox.handle = lambda request: (bodies.append(request.body), handle(request))[1]
    hs.hubspot.write("contacts", [create("op-9", email="a@example.org", firstname=None, key="k9")])
    [body] = [orjson.loads(b) for b in bodies]
    properties = {"email": "a@example.org", "accordant_id": "k9"}
    assert body == {"inputs": [{"properties": properties, "objectWriteTraceId": "op-9"}]}
