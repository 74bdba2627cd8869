"""HubSpot's refusals, each turned into the hub's next move, told in words that carry no personal value."""

from __future__ import annotations

import logging

import pytest

from connectors.hubspot.errors import Refusal, translate
from hub.connect.sandbox import Response, on
from hub.core.errors import ConfigError, Duplicate, Gone, Reject, Retry, SignIn, Stop, Unknown
from tests.contract.hubspot_kit import WANT, create, kit, update


@pytest.fixture
def hs():
    yield from kit()


def limit(policy="", **more):
    return {"status": "error", "errorType": "RATE_LIMIT", "category": "RATE_LIMITS", "policyName": policy, **more}


NOT_VALID = (
    'Property values were not valid: [{"isValid":false,"message":"wrong","error":"INVALID_EMAIL","name":"email"}]'
)
CONTEXT = {"errors": [{"message": "m", "code": "INVALID_OPTION", "context": {"propertyName": ["industry"]}}]}

# status, body, headers, writing → class, attribute → value
ROWS = [
    (429, limit("SECONDLY"), {}, True, Retry, {"after": 1.0}),
    (429, limit("TEN_SECONDLY_ROLLING"), {}, True, Retry, {"after": 10.0}),
    (429, limit("DAILY"), {}, True, Retry, {"after": 7200.0}),
    (429, limit("SECONDLY"), {"retry-after": "7"}, True, Retry, {"after": 7.0}),
    (429, {}, {}, True, Retry, {"after": None}),
    (429, {}, {"retry-after": "soon"}, True, Retry, {"after": None}),
    (423, {}, {}, True, Retry, {"after": 2.0}),
    (423, {}, {"retry-after": "5"}, True, Retry, {"after": 5.0}),
    (477, {}, {"retry-after": "600"}, True, Retry, {"after": 600.0}),
    (477, {}, {}, False, Retry, {"after": 3600.0}),
    (500, {}, {}, True, Unknown, {}),
    (503, {}, {}, False, Retry, {"after": None}),
    (524, {}, {}, True, Unknown, {}),
    (302, {}, {}, False, Stop, {}),
    (401, {"category": "INVALID_AUTHENTICATION"}, {}, True, SignIn, {}),
    (403, {"category": "MISSING_SCOPES"}, {}, True, Stop, {"code": "E-PERMISSION"}),
    (404, {"category": "OBJECT_NOT_FOUND"}, {}, True, Gone, {}),
    (0, {"category": "OBJECT_NOT_FOUND"}, {}, True, Gone, {}),
    (409, {"message": "Contact already exists. Existing ID: 77"}, {}, True, Duplicate, {"ids": ("77",)}),
    (0, {"category": "CONFLICT", "message": "Existing ID: 8"}, {}, True, Duplicate, {"ids": ("8",)}),
    (400, {"message": "Cannot set x. 480 already has that value."}, {}, True, Duplicate, {"ids": ("480",)}),
    (409, {"message": "conflict"}, {}, True, Duplicate, {"ids": ()}),
    (400, {"message": NOT_VALID}, {}, True, Reject, {"fields": ("email",), "vendor_code": "INVALID_EMAIL"}),
    (400, CONTEXT, {}, True, Reject, {"fields": ("industry",), "vendor_code": "INVALID_OPTION"}),
    (400, {"message": "not valid: [{broken", "category": "VALIDATION_ERROR"}, {}, True, Reject, {"fields": ()}),
    (413, {}, {}, True, Reject, {"vendor_code": "413"}),
    (415, {"category": "UNSUPPORTED"}, {}, True, Reject, {"vendor_code": "UNSUPPORTED"}),
]


@pytest.mark.parametrize(
    "status, body, headers, writing, kind, facts", ROWS, ids=[f"{r[0]}-{i}" for i, r in enumerate(ROWS)]
)
def test_each_refusal_has_its_meaning(status, body, headers, writing, kind, facts):
    error = translate(Refusal("hs: call", status, body, headers, writing, until_midnight=7200.0))
    assert type(error) is kind
    assert {name: getattr(error, name) for name in facts} == facts
    assert "hs: call" in error.explain()


def test_both_missing_scopes_are_named_with_what_to_do():
    errors = [{"context": {"requiredGranularScopes": ["b.write", "a.read"]}}]
    error = translate(Refusal("hs", 403, {"category": "MISSING_SCOPES", "errors": errors}))
    assert error.facts["scopes"] == ("a.read", "b.write")
    assert error.next == "grant a.read, b.write to the app or key in HubSpot"


def test_hubspots_words_are_kept_and_personal_values_are_not(hs, caplog):
    caplog.set_level(logging.DEBUG)
    [id] = hs.people(1)
    [bad] = hs.hubspot.write("contacts", [update(id, email="ana.private(at)example", lastname="Tellnobody")])
    [twin] = hs.hubspot.write("contacts", [create(email="p0@example.org", lastname="Tellnobody")])
    said = bad.error.explain() + twin.error.explain()
    assert "Email address" in said and "is invalid" in said and "already exists" in said
    for secret in ("ana.private", "Tellnobody", "p0@example.org", "pat-eu1-sandbox"):
        assert secret not in said
        assert secret not in caplog.text


# ---------------------------------------------------------------- reads that are tried again


@pytest.mark.parametrize("do", ["drop", "cut"])
def test_a_read_without_a_full_answer_is_asked_again(hs, do):
    hs.people(3)
    hs.sandbox.fault(do, times=2)
    assert len(hs.pull()[0]) == 3
    assert len(hs.clock.slept) == 2
    assert all(0 <= slept <= most for slept, most in zip(hs.clock.slept, (1, 2), strict=True))


BROKEN = [
    Response(503),
    Response(200, "<html>"),
    Response(500, {"message": "x"}),
    Response(200),
    Response(200, {"a": 1}),
]


@pytest.mark.parametrize("response", BROKEN)
def test_a_read_that_fails_five_times_is_for_later(hs, response):
    hs.sandbox.fault("answer", response=response, times=None)
    with pytest.raises(Retry):
        hs.pull()
    assert len(hs.calls) == 5


@pytest.mark.parametrize("policy, wait", [("SECONDLY", 1.0), ("TEN_SECONDLY_ROLLING", 10.0)])
def test_a_read_waits_as_long_as_the_policy_says(hs, policy, wait):
    hs.people(1)
    hs.sandbox.fault("answer", response=Response(429, limit(policy)))
    assert len(hs.pull()[0]) == 1
    [slept] = hs.clock.slept
    assert wait <= slept <= wait * 1.1


def test_a_used_up_day_parks_until_midnight_of_the_account(hs):
    hs.hubspot.check()
    hs.sandbox.limit("DAILY", 0)
    with pytest.raises(Retry) as error:
        hs.pull()
    # 22:13:20 UTC is 23:13:20 in Berlin, where the account lives.
    assert error.value.after == 46 * 60 + 40
    assert hs.clock.slept == []


def test_a_time_zone_that_nobody_knows_counts_as_utc(hs):
    hs.hubspot.api.quota.set_zone("Moon/Tranquility")
    assert hs.hubspot.api.quota.until_midnight() == 3600 + 46 * 60 + 40


def test_the_fewest_calls_are_known_beforehand(hs):
    assert hs.hubspot.minimum_calls("contacts", read=0, written=0, created=0) == 0
    ids = hs.people(150)
    hs.calls.clear()
    hs.pull()
    assert len(hs.calls) == hs.hubspot.minimum_calls("contacts", read=150, written=0, created=0)
    hs.hubspot.history("contacts", [], ["phone"])  # finds out who we are, once
    hs.calls.clear()
    hs.hubspot.get("contacts", ids[:100], WANT)
    hs.hubspot.write("contacts", [update(id, f"u{id}", phone="1") for id in ids[:100]])
    hs.hubspot.history("contacts", ids[:100], ["phone"])
    assert len(hs.calls) == hs.hubspot.minimum_calls("contacts", read=0, written=100, created=0)


@pytest.mark.parametrize("policy", ["TEN_SECONDLY_ROLLING", "SECONDLY", "SEARCH"])
def test_real_limits_slow_a_pull_and_lose_nothing(hs, policy):
    ids = hs.people(700)
    hs.sandbox.limit(policy, 2)
    cursor = '{"bound":1}' if policy == "SEARCH" else ""
    assert {r.id for r in hs.pull(cursor)[0]} == set(ids)
    assert hs.clock.slept


def test_a_limit_that_hubspot_announces_is_kept_to(hs):
    asked = []
    hs.hubspot.context.buckets = type("B", (), {"acquire": lambda _, *rate: asked.append(rate)})()
    hs.people(150)
    hs.sandbox.limit("TEN_SECONDLY_ROLLING", 40)
    hs.pull()
    hs.pull('{"bound":1}')
    assert asked == [("burst", 100_000.0, 10), ("burst", 40, 10), ("search", 10_000.0, 1), ("burst", 40, 10)]
    assert hs.hubspot.api.quota.seen["daily"] == 1_000_000


@pytest.mark.parametrize("reserve, stops", [("20%", True), (0.2, True), ("5%", False), (None, False)])
def test_the_last_share_of_a_day_is_left_to_others(hs, reserve, stops):
    [id] = hs.people(1)
    hs.sandbox.limit("DAILY", 10)
    hs.connect(limits={"reserve": reserve})
    hs.hubspot.check()
    for _ in range(6):
        hs.hubspot.get("contacts", [id], WANT)
    for act in (hs.pull, lambda: hs.hubspot.write("contacts", [update(id, phone="1")])) if stops else ():
        with pytest.raises(Retry, match="reserve") as error:
            act()
        assert error.value.after == 46 * 60 + 39
    if not stops:
        assert len(hs.pull()[0]) == 1
    assert hs.hubspot.find("contacts", "email", ["p0@example.org"], WANT), "people are still served"
    hs.clock.advance(3 * 3600)
    hs.sandbox.limit("DAILY", None)
    assert len(hs.pull()[0]) == 1


@pytest.mark.parametrize("bad", ["a fifth", "120%", -1])
def test_a_reserve_that_is_no_share_is_a_mistake_in_the_file(hs, bad):
    with pytest.raises(ConfigError, match="reserve"):
        hs.connect(limits={"reserve": bad})


def test_redirects_are_not_followed(hs):
    hs.sandbox.fault("answer", response=Response(302, None, {"Location": hs.sandbox.url + "/elsewhere"}))
    with pytest.raises(Stop, match="redirect"):
        hs.pull()
    assert len(hs.sandbox.calls) == 1


def test_an_answer_without_end_is_cut_off(hs, monkeypatch):
    monkeypatch.setattr("connectors.hubspot.api.LARGEST", 1000)
    hs.people(50)
    with pytest.raises(Retry, match="too large"):
        hs.pull()


def test_a_packed_answer_is_measured_unpacked(hs, monkeypatch):
    import gzip

    monkeypatch.setattr("connectors.hubspot.api.LARGEST", 1000)
    bomb = gzip.compress(b" " * 100_000)
    packed = Response(200, bomb, {"Content-Encoding": "gzip"})
    hs.sandbox.fault("answer", response=packed, times=None)
    with pytest.raises(Retry, match="too large"):
        hs.pull()


def test_a_packed_answer_is_read(hs):
    import gzip

    body = gzip.compress(b'{"results": []}')
    hs.sandbox.fault("answer", when=on("GET"), response=Response(200, body, {"Content-Encoding": "gzip"}))
    assert hs.pull()[0] == []


def test_a_missing_read_scope_stops_the_pull(hs):
    hs.sandbox.hide_scope("crm.objects.contacts.read")
    with pytest.raises(Stop, match="does not allow"):
        hs.pull()


def test_a_field_that_vanished_is_absent_when_read_and_named_when_written(hs):
    [id] = hs.people(1)
    hs.sandbox.account.properties["contacts"].pop("phone")
    [record] = hs.hubspot.get("contacts", [id], WANT)
    assert "phone" not in record.fields
    [receipt] = hs.hubspot.write("contacts", [update(id, phone="1")])
    assert receipt.error.fields == ("phone",)


def test_a_version_that_hubspot_does_not_have_is_a_mistake_in_the_file(hs):
    for bad in ("v9", "2026-04", "2026"):
        with pytest.raises(ConfigError, match=bad):
            hs.connect(api_version=bad)
