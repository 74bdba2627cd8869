"""The sandbox refuses what Salesforce refuses, in the same shapes; spoken to without the connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from connectors.salesforce import soql
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox_login import SECRETS
from connectors.salesforce.sandbox_schema import Column
from hub.connect.clock import ManualClock
from tests.contract.salesforce_world import KEY

ROOT = "/services/data/v68.0"


class Raw:
    """A signed-in session that speaks plain HTTP with the sandbox."""

    def __init__(self, sandbox: SalesforceSandbox, clock: ManualClock) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.http = requests.Session()
        self.http.trust_env = False
        self.sign_in()

    def sign_in(self) -> None:
        pair = (SECRETS["client_id"], SECRETS["client_secret"])
        form = {"grant_type": "client_credentials"}
        answer = self.http.post(f"{self.sandbox.url}/services/oauth2/token", form, auth=pair).json()
        self.http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.http.request(method, self.sandbox.url + ROOT + path, json=body, **more)

    def query(self, text: str, verb: str = "query") -> requests.Response:
        return self.ask("GET", f"/{verb}", params={"q": text})

    def found(self, where: str, object: str = "Contact", verb: str = "query") -> list[str]:
        answer = self.query(f"SELECT Id FROM {object} {where}", verb)
        assert answer.status_code == 200, answer.text
        return [r["Id"] for r in answer.json()["records"]]


@pytest.fixture
def raw() -> Iterator[Raw]:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now) as sandbox:
        made = Raw(sandbox, clock)
        yield made
        made.http.close()
        assert not sandbox.bugs


def code(answer: requests.Response) -> str:
    [error] = answer.json()
    return str(error["errorCode"])


# ---------------------------------------------------------------- SOQL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nothing__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Nothing__c = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Nothing__c", "INVALID_FIELD"),
        ("SELECT Owner.Nothing FROM Contact", "INVALID_FIELD"),
        ("SELECT Boss.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE SystemModstamp > '2020-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE LastName = 2020-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE DoNotCall = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE DoNotCall > true", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD"),
        ("", "MALFORMED_QUERY"),
        ("SELECT FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Contact", "MALFORMED_QUERY"),
        ("SELECT * FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 'x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName == 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName IN 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE (LastName = 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact ORDER BY Description", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Account.Name = 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact; DELETE", "MALFORMED_QUERY"),
        ("DELETE FROM Contact", "MALFORMED_QUERY"),
    ],
)
def test_bad_soql_is_refused(raw: Raw, text: str, expected: str) -> None:
    answer = raw.query(text)
    assert (answer.status_code, code(answer)) == (400, expected)


@pytest.fixture
def people(raw: Raw) -> dict[str, str]:
    """Three contacts, ten seconds apart."""
    made = {}
    for name, fields in {
        "ana": {"FirstName": "Ana", "LastName": "Díaz", "Email": "ana@example.org", "Tags__c": "vip;press"},
        "bo": {"FirstName": "Bo", "LastName": "O'Hara", "LeadSource": "Web", "DoNotCall": True},
        "cy": {"LastName": "100% Cy", "Birthdate": "1999-12-31"},
    }.items():
        made[name] = raw.sandbox.seed("Contact", fields)
        raw.clock.advance(10)
    return made


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("", "ana bo cy"),
        ("WHERE LastName = 'díaz'", "ana"),
        ("WHERE LastName != 'díaz'", "bo cy"),
        ("WHERE LastName = 'O\\'Hara'", "bo"),
        ("WHERE LastName LIKE '%a%'", "ana bo"),
        ("WHERE LastName LIKE '100%'", "cy"),
        ("WHERE FirstName = null", "cy"),
        ("WHERE FirstName != null", "ana bo"),
        ("WHERE DoNotCall = true", "bo"),
        ("WHERE Birthdate >= 1999-12-31", "cy"),
        ("WHERE Email IN ('ANA@example.org', 'x@example.org')", "ana"),
        ("WHERE LeadSource NOT IN ('Web')", "ana cy"),
        ("WHERE Tags__c INCLUDES ('press')", "ana"),
        ("WHERE Tags__c EXCLUDES ('press')", "bo cy"),
        ("WHERE FirstName = 'Ana' OR LastName = 'O\\'Hara' AND DoNotCall = false", "ana"),
        ("WHERE (FirstName = 'Ana' OR FirstName = 'Bo') AND NOT DoNotCall = true", "ana"),
        ("ORDER BY LastName DESC", "bo ana cy"),
        ("ORDER BY FirstName, Id", "cy ana bo"),
        ("ORDER BY SystemModstamp DESC LIMIT 2", "cy bo"),
        ("WHERE FirstName < 'B'", "ana"),
    ],
)
def test_soql_selects_and_orders(raw: Raw, people: dict[str, str], where: str, names: str) -> None:
    assert raw.found(where) == [people[n] for n in names.split()]


def test_soql_by_stamp_and_id_is_exact_at_the_edge(raw: Raw, people: dict[str, str]) -> None:
    stamp = soql.stamp(raw.sandbox.rows("Contact")[people["bo"]]["SystemModstamp"])
    assert raw.found(f"WHERE SystemModstamp >= {stamp}") == [people["bo"], people["cy"]]
    assert raw.found(f"WHERE SystemModstamp > {stamp}") == [people["cy"]]
    keyset = f"WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{people['bo']}')"
    assert raw.found(keyset) == [people["cy"]]
    assert raw.found(f"WHERE Id IN ('{people['cy'][:15]}')") == [people["cy"]]


def test_count_and_parents_are_answered(raw: Raw, people: dict[str, str]) -> None:
    assert raw.query("SELECT COUNT() FROM Contact").json() == {"totalSize": 3, "done": True, "records": []}
    [row] = raw.query(f"SELECT Owner.Email, Owner.Name FROM Contact WHERE Id = '{people['bo']}'").json()["records"]
    assert row["Owner"]["Email"] == "pat@sandbox.example"
    assert row["Owner"]["Name"] == "Pat Person"


def test_query_all_alone_shows_the_recycle_bin(raw: Raw, people: dict[str, str]) -> None:
    raw.sandbox.remove("Contact", people["bo"])
    assert people["bo"] not in raw.found("")
    assert people["bo"] in raw.found("", verb="queryAll")
    assert raw.found("WHERE IsDeleted = true", verb="queryAll") == [people["bo"]]


def test_pages_follow_their_locator_until_it_expires(raw: Raw) -> None:
    for n in range(450):
        raw.sandbox.seed("Contact", {"LastName": f"P{n}"})
    headers = {"Sforce-Query-Options": "batchSize=200"}
    first = raw.ask("GET", "/query", params={"q": "SELECT Id FROM Contact"}, headers=headers).json()
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    path = first["nextRecordsUrl"].removeprefix(ROOT)
    assert len(raw.ask("GET", path, headers=headers).json()["records"]) == 200
    raw.clock.advance(3 * 24 * 3600)
    assert code(raw.ask("GET", path, headers=headers)) == "INVALID_QUERY_LOCATOR"


def test_a_uri_that_is_too_long_is_refused(raw: Raw) -> None:
    values = ",".join(f"'{n:030}'" for n in range(600))
    assert raw.query(f"SELECT Id FROM Contact WHERE LastName IN ({values})").status_code == 414


# ---------------------------------------------------------------- resources


def test_single_records_are_made_read_changed_and_deleted(raw: Raw) -> None:
    made = raw.ask("POST", "/sobjects/Contact/", {"LastName": "Díaz"})
    id = made.json()["id"]
    assert (made.status_code, made.headers["Location"]) == (201, f"{ROOT}/sobjects/Contact/{id}")
    assert raw.ask("GET", f"/sobjects/Contact/{id}?fields=Id,LastName").json()["LastName"] == "Díaz"
    assert raw.ask("PATCH", f"/sobjects/Contact/{id}", {"FirstName": "Ana"}).status_code == 204
    assert raw.ask("DELETE", f"/sobjects/Contact/{id}").status_code == 204
    again = raw.ask("DELETE", f"/sobjects/Contact/{id}")
    assert (again.status_code, code(again)) == (404, "ENTITY_IS_DELETED")


def test_upserts_by_external_id_answer_created_updated_or_not_found(raw: Raw) -> None:
    path = f"/sobjects/Contact/{KEY}/k%2F1"
    first, second = (raw.ask("PATCH", path, {"LastName": n}) for n in ("One", "Two"))
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"], second.json()["id"]) == (200, False, first.json()["id"])
    assert raw.ask("GET", path).json()["LastName"] == "Two"
    assert raw.ask("GET", f"/sobjects/Contact/{KEY}/other").status_code == 404
    assert raw.ask("PATCH", "/sobjects/Contact/LastName/x", {"Email": None}).status_code == 404


def test_an_external_id_that_several_records_hold_is_answered_with_300(raw: Raw) -> None:
    raw.sandbox.add_field("Contact", Column("Old__c", length=20, external=True))
    ids = [raw.sandbox.seed("Contact", {"LastName": "X", "Old__c": "same"}) for _ in range(2)]
    answer = raw.ask("PATCH", "/sobjects/Contact/Old__c/same", {"FirstName": "Y"})
    assert answer.status_code == 300
    assert [url.rsplit("/", 1)[1] for url in answer.json()] == ids


def test_if_unmodified_since_guards_one_row_to_the_second(raw: Raw) -> None:
    id = raw.sandbox.seed("Contact", {"LastName": "X"})
    path, seen = f"/sobjects/Contact/{id}", soql.http_date(soql.from_epoch(raw.clock.now()))
    raw.clock.advance(1)
    raw.sandbox.edit("Contact", id, {"FirstName": "Person"})
    late = raw.ask("PATCH", path, {"FirstName": "Hub"}, headers={"If-Unmodified-Since": seen})
    bad = raw.ask("PATCH", path, {"FirstName": "Hub"}, headers={"If-Unmodified-Since": "yesterday"})
    now = soql.http_date(soql.from_epoch(raw.clock.now()))
    good = raw.ask("PATCH", path, {"FirstName": "Hub"}, headers={"If-Unmodified-Since": now})
    assert (late.status_code, bad.status_code, good.status_code) == (412, 400, 204)


def many(count: int, **fields: Any) -> dict[str, Any]:
    records = [{"attributes": {"type": "Contact"}, "LastName": f"P{n}", **fields} for n in range(count)]
    return {"allOrNone": False, "records": records}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expected"),
    [
        ("POST", "/composite/sobjects", many(201), 400, "EXCEEDED_MAX_SIZE_REQUEST"),
        ("POST", "/composite/sobjects", many(0), 400, "MISSING_ARGUMENT"),
        ("POST", "/composite/sobjects", many(1, Nothing__c="x"), 400, "INVALID_FIELD"),
        ("POST", "/composite/sobjects", {"records": [{"LastName": "X"}]}, 400, "INVALID_INPUT"),
        ("POST", "/composite/sobjects", [1], 400, "JSON_PARSER_ERROR"),
        (
            "POST",
            "/composite/sobjects/Contact",
            {"ids": ["003"] * 2001, "fields": ["Id"]},
            400,
            "EXCEEDED_MAX_SIZE_REQUEST",
        ),
        ("POST", "/composite/sobjects/Contact", {"ids": ["003"], "fields": ["Id"]}, 400, "MALFORMED_ID"),
        ("POST", "/composite/sobjects/Contact", {"ids": [], "fields": ["Nothing__c"]}, 400, "INVALID_FIELD"),
        ("PATCH", "/composite/sobjects/Contact/LastName", many(1), 404, "NOT_FOUND"),
        ("DELETE", "/composite/sobjects?ids=nonsense", None, 400, "MALFORMED_ID"),
        ("PUT", "/sobjects/Contact/003000000000001AAA", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/composite", None, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/sobjects/Nothing/describe", None, 404, "NOT_FOUND"),
        ("GET", "/nothing", None, 404, "NOT_FOUND"),
        ("POST", "/sobjects/Contact", {}, 400, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_wrong_requests_are_refused(raw: Raw, method: str, path: str, body: Any, status: int, expected: str) -> None:
    answer = raw.ask(method, path, body)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert raw.sandbox.rows("Contact") == {}


def sub(n: int, url: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    return {"method": method, "url": ROOT + url, "referenceId": f"r{n}", **more}


def test_composite_takes_at_most_25_requests_and_5_queries(raw: Raw) -> None:
    rows = [sub(n, "/sobjects/Contact/003000000000001AAA") for n in range(26)]
    queries = [sub(n, "/query?q=SELECT+Id+FROM+Contact") for n in range(6)]
    assert code(raw.ask("POST", "/composite", {"compositeRequest": rows})) == "EXCEEDED_MAX_SIZE_REQUEST"
    assert code(raw.ask("POST", "/composite", {"compositeRequest": queries})) == "EXCEEDED_MAX_SIZE_REQUEST"
    answer = raw.ask("POST", "/composite", {"compositeRequest": rows[:20] + queries[:1]})
    assert code(answer) == "INVALID_INPUT"


def test_composite_answers_each_request_with_its_own_status(raw: Raw) -> None:
    subs = [
        sub(1, "/sobjects/Contact", "POST", body={"LastName": "X"}),
        sub(2, "/sobjects/Contact", "POST", body={}),
        sub(3, "/query?q=SELECT+Id+FROM+Contact"),
    ]
    answers = raw.ask("POST", "/composite", {"compositeRequest": subs}).json()["compositeResponse"]
    assert [(a["referenceId"], a["httpStatusCode"]) for a in answers] == [("r1", 201), ("r2", 400), ("r3", 200)]
    assert answers[2]["body"]["totalSize"] == 1


def test_collections_report_each_record_with_status_code(raw: Raw) -> None:
    body = many(2)
    body["records"][1]["Email"] = "nonsense"
    good, bad = raw.ask("POST", "/composite/sobjects", body).json()
    assert good["success"] and not bad["success"]
    assert bad["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert bad["errors"][0]["fields"] == ["Email"]


# ---------------------------------------------------------------- the organisation


def test_values_are_stored_as_the_vendor_stores_them(raw: Raw) -> None:
    account = raw.sandbox.seed("Account", {"Name": " Acme ", "AnnualRevenue": 10.239, "NumberOfEmployees": 7.0})
    contact = raw.sandbox.seed(
        "Contact",
        {"LastName": "X", "FirstName": "", "Phone": "0034 / 600", "AccountId": account[:15], "DoNotCall": None},
    )
    assert raw.sandbox.rows("Account")[account]["Name"] == "Acme"
    assert raw.sandbox.rows("Account")[account]["AnnualRevenue"] == 10.24
    row = raw.sandbox.rows("Contact")[contact]
    assert (row["FirstName"], row["Phone"], row["AccountId"], row["DoNotCall"]) == (None, "0034 / 600", account, False)
    assert row["Name"] == "X"


def test_stamps_are_whole_seconds_and_carry_the_vendors_zone(raw: Raw) -> None:
    raw.clock.advance(0.75)
    id = raw.sandbox.seed("Contact", {"LastName": "X"})
    assert raw.sandbox.rows("Contact")[id]["SystemModstamp"].endswith(":20.000+0000")


def test_a_late_commit_becomes_visible_after_its_lag_with_its_old_stamp() -> None:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now, lag=30) as sandbox:
        raw = Raw(sandbox, clock)
        id = sandbox.seed("Contact", {"LastName": "X"})
        began = soql.from_epoch(clock.now())
        assert raw.found("") == []
        clock.advance(31)
        assert raw.found("") == [id]
        assert soql.stamp(sandbox.rows("Contact")[id]["SystemModstamp"]) == began
        raw.http.close()


def test_changes_of_one_record_commit_in_their_order_whatever_their_lag() -> None:
    clock, lags = ManualClock(), iter([60.0, 5.0])
    with SalesforceSandbox(clock=clock.now, lag=lambda: next(lags)) as sandbox:
        raw = Raw(sandbox, clock)
        id = sandbox.seed("Contact", {"LastName": "X"})
        sandbox.edit("Contact", id, {"FirstName": "Ana"})
        clock.advance(10)
        assert raw.found("") == []
        clock.advance(51)
        assert raw.found("WHERE FirstName = 'Ana'") == [id]
        raw.http.close()


def test_a_write_waits_for_the_transaction_that_holds_its_record() -> None:
    clock, lags = ManualClock(), iter([0.0, 60.0])
    with SalesforceSandbox(clock=clock.now, lag=lambda: next(lags)) as sandbox:
        raw = Raw(sandbox, clock)
        id = sandbox.seed("Contact", {"LastName": "X"})
        seen = soql.http_date(soql.from_epoch(clock.now()))
        clock.advance(2)
        sandbox.edit("Contact", id, {"FirstName": "Person"})
        clock.advance(2)
        late = raw.ask("PATCH", f"/sobjects/Contact/{id}", {"FirstName": "Hub"}, headers={"If-Unmodified-Since": seen})
        assert late.status_code == 412
        assert sandbox.rows("Contact")[id]["FirstName"] == "Person"
        raw.http.close()


def test_the_limit_header_counts_down_to_a_403(raw: Raw) -> None:
    raw.sandbox.quota(1)
    first, second = raw.query("SELECT Id FROM User"), raw.query("SELECT Id FROM User")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=100000/100000"
    assert (second.status_code, code(second)) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_tokens_end_by_lever_and_by_age(raw: Raw) -> None:
    raw.sandbox.expire_tokens()
    assert code(raw.query("SELECT Id FROM User")) == "INVALID_SESSION_ID"
    raw.sandbox.login.life = 60.0
    raw.sign_in()
    assert raw.query("SELECT Id FROM User").status_code == 200
    raw.clock.advance(61)
    assert raw.query("SELECT Id FROM User").status_code == 401


def test_a_hidden_or_removed_field_is_nowhere(raw: Raw) -> None:
    raw.sandbox.hide_field("Contact", "Email")
    raw.sandbox.remove_field("Contact", "Phone")
    names = {f["name"] for f in raw.ask("GET", "/sobjects/Contact/describe").json()["fields"]}
    assert not names & {"Email", "Phone"}
    assert code(raw.query("SELECT Phone FROM Contact")) == "INVALID_FIELD"
    assert code(raw.ask("POST", "/sobjects/Contact", {"LastName": "X", "Email": "a@b.example"})) == "INVALID_FIELD"


def test_a_block_rule_answers_with_the_records_that_match(raw: Raw) -> None:
    there = raw.sandbox.seed("Contact", {"LastName": "X", "Email": "a@b.example"})
    raw.sandbox.duplicate_rule("Contact", by="Email")
    [error] = raw.ask("POST", "/sobjects/Contact", {"LastName": "Y", "Email": "A@b.example"}).json()
    assert error["errorCode"] == "DUPLICATES_DETECTED"
    assert error["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == there
