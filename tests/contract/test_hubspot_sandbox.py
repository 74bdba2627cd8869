"""The HubSpot sandbox is as strict as HubSpot: what it accepts, refuses and rewrites, asked in plain HTTP."""

from __future__ import annotations

import orjson
import pytest
import urllib3

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.hubspot.sandbox_schema import Invalid, Property, clean
from hub.connect.clock import ManualClock


class Http:
    def __init__(self, sandbox):
        self.sandbox, self.pool = sandbox, urllib3.PoolManager()

    def __call__(self, method, path, body=None, token="pat-eu1-sandbox"):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else orjson.dumps(body)
        answer = self.pool.request(method, self.sandbox.url + path, body=data, headers=headers, retries=False)
        self.headers = answer.headers
        return answer.status, orjson.loads(answer.data) if answer.data else None


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def http(clock):
    with HubSpotSandbox(clock=clock.now) as sandbox:
        yield Http(sandbox)
        assert not sandbox.bugs


C = "/crm/v3/objects/contacts"
ANA = {"properties": {"email": "ana@example.org"}}


def inputs(*rows):
    return {"inputs": list(rows)}


def search(*filters, **more):
    return {
        "filterGroups": [
            {"filters": [dict(zip(("propertyName", "operator", "value"), f, strict=False)) for f in filters]}
        ],
        **more,
    }


REFUSED = [
    ("PUT", C, ANA, 405),
    ("GET", C + "/search", None, 404),
    ("GET", "/crm/v1/contacts", None, 404),
    ("GET", "/crm/v3/objects/gadgets", None, 404),
    ("GET", C + "?limit=101", None, 400),
    ("GET", C + "/999", None, 404),
    ("POST", C, {"properties": {"nonsense": "1"}}, 400),
    ("POST", C, {"properties": {"hs_object_id": "1"}}, 400),
    ("POST", C, {"properties": {"email": "no address"}}, 400),
    ("POST", C, {"properties": {"lifecyclestage": "Lead", "lastname": "x"}}, 400),
    ("POST", C, {"properties": {"hubspot_owner_id": "1", "lastname": "x"}}, 400),
    ("POST", C, {"properties": {"phone": "1"}}, 400),
    ("POST", C, {"properties": []}, 400),
    ("POST", C + "/batch/create", inputs(), 400),
    ("POST", C + "/batch/create", {"rows": []}, 400),
    ("POST", C + "/batch/create", inputs(*[ANA] * 101), 400),
    ("POST", C + "/batch/read", inputs(*[{"id": "1"}] * 101), 400),
    ("POST", C + "/batch/read", {**inputs(*[{"id": "1"}] * 51), "propertiesWithHistory": ["email"]}, 400),
    ("POST", C + "/batch/read", {**inputs({"id": "x"}), "idProperty": "phone"}, 400),
    ("POST", C + "/batch/update", inputs({"id": "1", "properties": {}}, {"id": "1", "properties": {}}), 400),
    ("POST", C + "/batch/upsert", inputs({"id": "x", "idProperty": "phone", "properties": {}}), 400),
    ("POST", C + "/search", search(("email", "EQ", "x"), limit=201), 400),
    ("POST", C + "/search", search(("email", "EQ", "x"), limit=200, after="9801"), 400),
    ("POST", C + "/search", search(("nonsense", "EQ", "x")), 400),
    ("POST", C + "/search", search(("email", "LIKE", "x")), 400),
    ("POST", C + "/search", search(*[("email", "EQ", "x")] * 7), 400),
    ("POST", C + "/search", {"filterGroups": [{"filters": []}] * 6}, 400),
    ("POST", C + "/search", {"sorts": ["email", "phone"]}, 400),
    ("POST", C + "/merge", {"primaryObjectId": "1", "objectIdToMerge": "2"}, 400),
    ("POST", "/crm/v4/associations/contacts/companies/batch/read", inputs(*[{"id": "1"}] * 1001), 400),
    ("POST", "/crm/v4/associations/contacts/deals/batch/read", inputs({"id": "1"}), 404),
]


@pytest.mark.parametrize("method, path, body, status", REFUSED)
def test_what_hubspot_refuses_is_refused_in_its_shape(http, method, path, body, status):
    got, said = http(method, path, body)
    assert got == status
    assert said["status"] == "error"
    assert {"message", "category", "correlationId"} <= said.keys()
    assert http.sandbox.rows("contacts") == {}


def test_a_body_that_is_no_json_is_refused(http):
    answer = http.pool.request(
        "POST", http.sandbox.url + C, body=b"{", headers={"Authorization": "Bearer pat-eu1-sandbox"}, retries=False
    )
    assert answer.status == 400


def test_without_a_valid_token_nothing_is_told(http):
    assert http("GET", C, token="wrong")[0] == 401
    assert http("GET", C, token="")[1]["category"] == "INVALID_AUTHENTICATION"


def test_every_bad_value_of_a_record_is_listed_inside_the_message(http):
    _, said = http(
        "POST", C, {"properties": {"email": "x", "tags": "nope", "date_of_joining": "yesterday", "odd": "1"}}
    )
    start = said["message"].index("[")
    found = {item["name"]: item["error"] for item in orjson.loads(said["message"][start:])}
    assert found == {
        "email": "INVALID_EMAIL",
        "tags": "INVALID_OPTION",
        "date_of_joining": "INVALID_DATE",
        "odd": "PROPERTY_DOESNT_EXIST",
    }


VALUES = [
    (Property("email", ""), "  Ana@Example.ORG ", "", "ana@example.org"),
    (Property("domain", ""), "https://www.Acme.example/a/b", "", "acme.example"),
    (Property("lastname", ""), " Díaz ", "", " Díaz "),
    (Property("n", "", "number", "number"), " 12.50 ", "", "12.50"),
    (Property("b", "", "bool", "booleancheckbox"), "true", "", "true"),
    (Property("d", "", "date", "date"), "2026-01-31", "", "2026-01-31"),
    (Property("d", "", "date", "date"), "1767225600000", "", "2026-01-01"),
    (Property("t", "", "datetime", "date"), "2026-01-31T10:00:00+02:00", "", "2026-01-31T08:00:00.000Z"),
    (Property("t", "", "datetime", "date"), "1767225600123", "", "2026-01-01T00:00:00.123Z"),
    (Property("m", "", "enumeration", "checkbox", ("a", "b", "c")), "a;b;a", "", "a;b"),
    (Property("m", "", "enumeration", "checkbox", ("a", "b", "c")), ";c", "a;b", "a;b;c"),
    (Property("m", "", "enumeration", "checkbox", ("a", "b", "c")), "c", "a;b", "c"),
    (Property("email", ""), "   ", "x@example.org", ""),
]


@pytest.mark.parametrize("p, value, before, stored", VALUES)
def test_values_are_stored_as_hubspot_stores_them(p, value, before, stored):
    assert clean(p, value, before) == stored


BAD = [
    (Property("n", "", "number", "number"), "12,5"),
    (Property("b", "", "bool", "booleancheckbox"), "yes"),
    (Property("d", "", "date", "date"), "1767225600001"),
    (Property("t", "", "datetime", "date"), "noon"),
    (Property("s", "", "enumeration", "select", ("A",)), "a"),
    (Property("email", ""), "a..b@example.org"),
    (Property("lastname", ""), "x" * 65_537),
]


@pytest.mark.parametrize("p, value", BAD)
def test_values_that_hubspot_does_not_take_are_invalid(p, value):
    with pytest.raises(Invalid):
        clean(p, value, None)


def test_a_duplicate_email_is_a_conflict_also_for_secondary_addresses(http):
    a, b = (http.sandbox.seed("contacts", {"email": f"{n}@example.org"}) for n in "ab")
    survivor = http.sandbox.merge("contacts", a, b)
    status, said = http("POST", C, {"properties": {"email": "B@example.org"}})
    assert (status, said["category"], said["message"]) == (
        409,
        "CONFLICT",
        f"Contact already exists. Existing ID: {survivor}",
    )


def test_a_batch_with_traces_answers_per_row_and_without_them_as_a_whole(http):
    bad = {"properties": {"email": "bad"}}
    assert http("POST", C + "/batch/create", inputs(ANA, bad))[0] == 400
    assert http.sandbox.rows("contacts") == {}
    status, said = http(
        "POST", C + "/batch/create", inputs({**ANA, "objectWriteTraceId": "1"}, {**bad, "objectWriteTraceId": "2"})
    )
    assert (status, said["numErrors"], len(said["results"])) == (207, 1, 1)
    assert said["errors"][0]["context"]["objectWriteTraceId"] == ["2"]


def test_an_upsert_says_what_is_new(http):
    http("POST", C, ANA)
    rows = [{"idProperty": "email", "id": f"{n}@example.org", "properties": {"phone": "1"}} for n in ("ana", "bo")]
    status, said = http("POST", C + "/batch/upsert", inputs(*rows))
    assert (status, {r["properties"]["email"]: r["new"] for r in said["results"]}) == (
        200,
        {"ana@example.org": False, "bo@example.org": True},
    )


def test_a_merge_makes_a_third_record_and_both_old_ids_lead_to_it(http):
    a, b = (http.sandbox.seed("contacts", {"email": f"{n}@example.org", "phone": n}) for n in "ab")
    status, survivor = http("POST", C + "/merge", {"primaryObjectId": a, "objectIdToMerge": b})
    assert status == 200 and survivor["id"] not in (a, b)
    for old in (a, b):
        assert http("GET", f"{C}/{old}")[1]["id"] == survivor["id"]
    assert http("GET", C + "?archived=true")[1]["results"] == []
    _, read = http("GET", f"{C}/{a}?properties=hs_merged_object_ids,phone&properties=hs_additional_emails")
    assert read["properties"]["hs_merged_object_ids"] == f"{a};{b}"
    assert (read["properties"]["phone"], read["properties"]["hs_additional_emails"]) == ("a", "b@example.org")


def test_an_archived_record_is_found_only_among_the_archived(http):
    id = http.sandbox.seed("contacts", {"email": "a@example.org"})
    assert http("DELETE", f"{C}/{id}")[0] == 204
    assert http("DELETE", f"{C}/{id}")[0] == 204
    assert http("GET", f"{C}/{id}")[0] == 404
    status, gone = http("GET", f"{C}/{id}?archived=true")
    assert (status, gone["archived"], gone["archivedAt"]) == (200, True, "2023-11-14T22:13:20.000Z")
    http.sandbox.restore("contacts", id)
    assert http("GET", f"{C}/{id}")[0] == 200


def test_a_gdpr_delete_leaves_no_trace(http):
    http.sandbox.seed("contacts", {"email": "a@example.org"})
    assert http("POST", C + "/gdpr-delete", {"objectId": "a@example.org", "idProperty": "email"})[0] == 204
    assert http("GET", C + "?archived=true")[1]["results"] == []
    assert http.sandbox.rows("contacts") == {}


def test_search_trails_behind_and_batch_read_does_not(clock):
    with HubSpotSandbox(clock=clock.now, lag=20) as sandbox:
        http = Http(sandbox)
        id = sandbox.seed("contacts", {"email": "a@example.org"})
        assert http("POST", C + "/search", {})[1]["total"] == 0
        assert http("POST", C + "/batch/read", inputs({"id": id}))[0] == 200
        clock.advance(20)
        assert http("POST", C + "/search", {})[1]["total"] == 1
        sandbox.remove("contacts", id)
        assert http("POST", C + "/search", {})[1]["total"] == 1
        clock.advance(20)
        assert http("POST", C + "/search", {})[1]["total"] == 0


SEARCHES = [
    (("phone", "EQ", "2"), {"b"}),
    (("phone", "NEQ", "2"), {"a", "c"}),
    (("phone", "GT", "1"), {"b"}),
    (("phone", "GTE", "1"), {"a", "b"}),
    (("phone", "LT", "2"), {"a"}),
    (("phone", "LTE", "2"), {"a", "b"}),
    (("phone", "HAS_PROPERTY"), {"a", "b"}),
    (("phone", "NOT_HAS_PROPERTY"), {"c"}),
    (("lastname", "CONTAINS_TOKEN", "nr*"), {"a", "b", "c"}),
    (("lastname", "NOT_CONTAINS_TOKEN", "a"), {"b", "c"}),
    (("hs_lastmodifieddate", "GTE", "0"), set()),
    (("lastmodifieddate", "GTE", "1700000001000"), {"b", "c"}),
]


@pytest.mark.parametrize("filter, found", SEARCHES)
def test_operators_find_what_they_say(http, clock, filter, found):
    for name, phone in (("a", "1"), ("b", "2"), ("c", "")):
        http.sandbox.seed("contacts", {"email": f"{name}@example.org", "lastname": f"Nr {name}", "phone": phone})
        clock.advance(1)
    _, said = http("POST", C + "/search", search(filter))
    assert {r["properties"]["email"][0] for r in said["results"]} == found


def test_values_of_in_are_compared_in_lower_case(http):
    http.sandbox.seed("contacts", {"lastname": "Ana"})
    one = {"propertyName": "lastname", "operator": "IN"}
    for values, total in ((["ana"], 1), (["Ana"], 0)):
        assert (
            http("POST", C + "/search", {"filterGroups": [{"filters": [{**one, "values": values}]}]})[1]["total"]
            == total
        )
    between = {"propertyName": "lastname", "operator": "BETWEEN", "value": "a", "highValue": "b"}
    _, said = http("POST", C + "/search", {"filterGroups": [{"filters": [between]}], "sorts": ["-lastname"]})
    assert said["total"] == 1


def test_the_first_company_is_primary_and_each_direction_has_its_types(http):
    a, b = (http.sandbox.seed("companies", {"name": n}) for n in "AB")
    contact = http.sandbox.seed("contacts", {"email": "x@example.org"})
    pair = f"/crm/v4/objects/contacts/{contact}/associations/companies"
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    for company in (a, b):
        assert http("PUT", f"{pair}/{company}", types)[0] == 201
    assert http("PUT", f"{pair}/{a}", [{"associationTypeId": 280}])[0] == 400
    _, said = http("GET", pair)
    assert {r["toObjectId"]: [t["typeId"] for t in r["associationTypes"]] for r in said["results"]} == {
        int(a): [279, 1],
        int(b): [279],
    }
    _, said = http("GET", f"/crm/objects/2026-09/companies/{a}/associations/contacts")
    assert [t["typeId"] for t in said["results"][0]["associationTypes"]] == [280, 2]
    assert http("DELETE", f"{pair}/{a}")[0] == 204
    assert http.sandbox.rows("contacts")[contact]["@companies.primary"] is None


def test_all_labels_of_a_pair_can_be_archived(http):
    company = http.sandbox.seed("companies", {"name": "A"})
    contact = http.sandbox.seed("contacts", {"email": "x@example.org"}, company=company)
    path = "/crm/associations/2026-09/contacts/companies/batch/archive"
    assert http("POST", path, inputs({"from": {"id": contact}, "to": [{"id": company}]}))[0] == 204
    assert http.sandbox.account.links[int(contact)] == {}


def test_an_association_need_not_move_the_modified_stamp(http, clock):
    company = http.sandbox.seed("companies", {"name": "A"})
    contact = http.sandbox.seed("contacts", {"email": "x@example.org"})
    clock.advance(5)
    before = http.sandbox.rows("contacts")[contact]["lastmodifieddate"]
    http.sandbox.edit("contacts", contact, {"@companies.primary": company})
    assert http.sandbox.rows("contacts")[contact]["lastmodifieddate"] == before
    http.sandbox.account.links_touch = True
    http.sandbox.edit("contacts", contact, {"@companies.primary": None})
    assert http.sandbox.rows("contacts")[contact]["lastmodifieddate"] > before


def test_the_lifecycle_moves_forward_only_unless_cleared(http):
    id = http.sandbox.seed("contacts", {"email": "a@example.org", "lifecyclestage": "customer"})
    for value, held in (("lead", "customer"), ("", None), ("lead", "lead")):
        http("PATCH", f"{C}/{id}", {"properties": {"lifecyclestage": value}})
        assert http.sandbox.rows("contacts")[id].get("lifecyclestage") == held


def test_an_inactive_owner_is_refused_and_an_active_one_taken(http):
    former = http.sandbox.seed("owners", {"email": "f@example.org", "archived": True})
    active = http.sandbox.seed("owners", {"email": "o@example.org"})
    assert http("POST", C, {"properties": {"lastname": "x", "hubspot_owner_id": former}})[0] == 400
    assert http("POST", C, {"properties": {"lastname": "x", "hubspot_owner_id": active}})[0] == 201
    http.sandbox.edit("owners", active, {"archived": True})
    assert http.sandbox.rows("owners")[active]["archived"] is True


def test_limits_answer_with_their_policy_and_headers_are_absent_on_search(http):
    http.sandbox.limit("SEARCH", 1)
    http("POST", C + "/search", {})
    assert "X-HubSpot-RateLimit-Max" not in http.headers
    status, said = http("POST", C + "/search", {})
    assert (status, said["policyName"], said["errorType"]) == (429, "SECONDLY", "RATE_LIMIT")
    http.sandbox.limit("SEARCH", None)
    http.sandbox.limit("TEN_SECONDLY_ROLLING", 5)
    http("GET", C)
    assert (http.headers["X-HubSpot-RateLimit-Max"], http.headers["X-HubSpot-RateLimit-Remaining"]) == ("5", "2")


def test_properties_can_be_made_once_and_then_written(http):
    made = {
        "name": "tier",
        "label": "Tier",
        "type": "enumeration",
        "fieldType": "select",
        "options": [{"value": "gold"}],
    }
    assert http("POST", "/crm/properties/2026-09/contacts", made)[0] == 201
    assert http("POST", "/crm/v3/properties/contacts", made)[0] == 409
    assert http("POST", C, {"properties": {"lastname": "x", "tier": "gold"}})[0] == 201
    assert http("POST", C, {"properties": {"lastname": "x", "tier": "iron"}})[0] == 400


def test_an_opt_out_can_only_come_from_hubspot(http):
    id = http.sandbox.seed("contacts", {"email": "a@example.org"})
    assert http("PATCH", f"{C}/{id}", {"properties": {"hs_email_optout": "true"}})[0] == 400
    http.sandbox.optout(id)
    assert http.sandbox.rows("contacts")[id]["hs_email_optout"] == "true"


def test_a_unique_property_reads_one_record(http):
    http.sandbox.seed("contacts", {"email": "ana+x@example.org", "accordant_id": "k1"})
    assert http("GET", f"{C}/k1?idProperty=accordant_id")[0] == 200
    assert http("PATCH", f"{C}/Ana%2Bx%40example.org?idProperty=email", {"properties": {"phone": "1"}})[0] == 200
    assert http("GET", f"{C}/k2?idProperty=accordant_id")[0] == 404
