"""The HubSpot connector talks to the machine it was given and to no other."""

from __future__ import annotations

import pytest

from connectors.hubspot.hosts import Hosts
from hub.core.errors import Stop
from tests.contract.hubspot_kit import create, kit

LOOPBACK = {"allow_private": ["127.0.0.1/32"]}


@pytest.fixture
def hs():
    yield from kit()


@pytest.mark.parametrize("base", ["api.hubapi.com", "ftp://x", "https://", "https://u:p@x"])
def test_an_address_that_is_none_is_refused_at_once(base):
    with pytest.raises(Stop) as error:
        Hosts("hs", {"base_url": base})
    assert error.value.next


CASES = [
    ("https://api.hubapi.com", {}, "93.184.216.34", True),
    ("https://api.hubapi.com", {}, "127.0.0.1", False),
    ("https://api.hubapi.com", {}, "10.1.2.3", False),
    ("https://api.hubapi.com", {}, "169.254.169.254", False),
    ("https://api.hubapi.com", {}, "::1", False),
    ("https://api.hubapi.com", {}, "fe80::1%eth0", False),
    ("http://127.0.0.1:1", LOOPBACK, "127.0.0.1", True),
    ("http://127.0.0.1:1", LOOPBACK, "127.0.0.2", False),
    ("http://example.org", LOOPBACK, "93.184.216.34", False),
    ("http://example.org", {}, "93.184.216.34", False),
    ("https://api.hubapi.com", {}, "::ffff:10.1.2.3", False),
]


@pytest.mark.parametrize("base, network, address, allowed", CASES)
def test_private_addresses_and_plain_http_need_to_be_named(base, network, address, allowed):
    hosts = Hosts("hs", {"base_url": base, "network": network})
    if allowed:
        hosts.check(address)
    else:
        with pytest.raises(Stop) as error:
            hosts.check(address)
        assert error.value.unchanged == "Nothing was sent"


def test_a_network_that_allows_everything_is_refused():
    with pytest.raises(Stop, match="every address"):
        Hosts("hs", {"network": {"allow_private": ["0.0.0.0/0"]}})


def test_nothing_is_sent_to_a_private_address_that_was_not_named(hs):
    hs.connect(network={"allow_private": ["127.0.0.2/32"]})
    for act in (hs.pull, lambda: hs.hubspot.write("contacts", [create(email="a@example.org")])):
        with pytest.raises(Stop, match="private address"):
            act()
    assert hs.sandbox.calls == []


def test_proxies_of_the_environment_are_left_alone(hs, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    hs.connect()
    assert hs.pull()[0] == []
