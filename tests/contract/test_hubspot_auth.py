"""Signing in to HubSpot: static tokens, OAuth with refresh, and what happens when either is refused."""

from __future__ import annotations

import threading

import pytest

from hub.connect.sandbox import Response, on
from hub.core.errors import Retry, SignIn, Stop
from tests.contract.hubspot_kit import WANT, create, kit


@pytest.fixture
def hs():
    yield from kit(auth="oauth")


@pytest.fixture(params=["v3", "2026-09"])
def either(request):
    yield from kit(auth="oauth", api_version=request.param)


def signed_in(hs):
    return hs.calls.count("sign-in")


def test_one_sign_in_serves_many_calls(either):
    hs = either
    for _ in range(5):
        hs.pull()
    assert signed_in(hs) == 1


def test_the_token_is_renewed_before_it_ends(hs):
    hs.pull()
    hs.clock.advance(1800 - 119)
    hs.pull()
    assert signed_in(hs) == 2
    assert all(method != "GET" or "token" not in path for method, path in hs.sandbox.calls)


def test_a_token_that_ended_early_is_renewed_once_and_the_call_made_again(hs):
    hs.people(2)
    hs.pull()
    hs.sandbox.expire_tokens()
    assert len(hs.pull()[0]) == 2
    assert signed_in(hs) == 2


def test_a_write_with_an_ended_token_is_carried_out_once(hs):
    hs.pull()
    hs.sandbox.expire_tokens()
    [receipt] = hs.hubspot.write("contacts", [create(email="a@example.org")])
    assert receipt.status == "done"
    assert len(hs.sandbox.rows("contacts")) == 1


def test_twenty_threads_with_an_ended_token_renew_it_once(hs):
    hs.pull()
    hs.sandbox.expire_tokens()
    failed = []
    start = threading.Barrier(20)

    def work():
        start.wait()
        try:
            hs.hubspot.get("contacts", ["1"], WANT)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert signed_in(hs) == 2


def test_a_rotated_refresh_token_is_stored_before_the_new_access_token_is_used(hs):
    hs.sandbox.door.rotates = True
    order = []
    save, handle = hs.tokens.save, hs.sandbox.handle
    hs.tokens.save = lambda name, value: (order.append(f"saved {name}"), save(name, value))
    hs.sandbox.handle = lambda r: (order.append(r.path.rsplit("/", 1)[-1]), handle(r))[1]
    hs.pull()
    assert order == ["token", "saved refresh_token", "contacts"]
    assert hs.tokens.load("refresh_token") == hs.sandbox.door.refresh


def test_after_a_restart_the_stored_refresh_token_is_used(hs):
    hs.sandbox.door.rotates = True
    config = hs.hubspot.config
    hs.pull()
    hs.connect(auth=config["auth"])  # the file still has the first one
    hs.pull()
    assert signed_in(hs) == 2


def test_a_revoked_refresh_token_needs_a_person(hs):
    hs.sandbox.door.refresh = "another"
    with pytest.raises(SignIn) as error:
        hs.pull()
    assert "install the app again" in error.value.next
    assert signed_in(hs) == 1, "trying again does not help"
    assert "refresh-1" not in error.value.explain()


def test_a_token_server_that_is_down_is_for_later(hs):
    hs.sandbox.fault("answer", when=on("POST", "/oauth"), response=Response(503), times=None)
    with pytest.raises(Retry):
        hs.hubspot.write("contacts", [create(email="a@example.org")])
    assert hs.sandbox.rows("contacts") == {}


def test_a_token_that_is_refused_again_after_renewal_stops(hs):
    refused = Response(401, {"category": "INVALID_AUTHENTICATION", "message": "no"})
    hs.sandbox.fault("answer", when=on("GET", "contacts"), response=refused, times=None)
    with pytest.raises(SignIn):
        hs.pull()
    assert hs.calls.count("contacts list") == 2


def test_check_tells_the_user_and_the_scopes_of_an_installation(either):
    hs = either
    identity = hs.hubspot.check()
    assert (identity.org, identity.user) == ("24681357", "admin@sandbox.example")
    assert "crm.objects.contacts.read" in identity.granted
    assert identity.missing == ()


def test_a_wrong_static_token_is_refused_with_advice():
    for hs in kit():
        hs.connect(auth={"kind": "private_app", "token": "pat-wrong-1"})
        for act in (hs.pull, lambda hs=hs: hs.hubspot.write("contacts", [create(email="a@example.org")])):
            with pytest.raises(SignIn) as error:
                act()
            assert "accordant secrets set" in error.value.next
            assert "pat-wrong-1" not in error.value.explain()


def test_a_service_key_works_although_nobody_describes_it():
    for hs in kit():
        hs.connect(auth={"kind": "service_key", "token": hs.sandbox.door.static})
        hs.sandbox.fault(
            "answer", when=on("POST", "/oauth"), response=Response(404, {"message": "not here"}), times=None
        )
        identity = hs.hubspot.check()
        assert (identity.org, identity.granted, identity.missing) == ("24681357", (), ())


@pytest.mark.parametrize(
    "auth, said",
    [
        ({"kind": "private_app"}, "auth needs token"),
        ({"kind": "oauth", "client_id": "x"}, "auth needs client_secret, refresh_token"),
        ({"kind": "api_key", "token": "x"}, "private_app, service_key, oauth"),
    ],
)
def test_an_incomplete_auth_block_says_what_is_missing(hs, auth, said):
    with pytest.raises(Stop) as error:
        hs.connect(auth=auth)
    assert said in error.value.explain()
