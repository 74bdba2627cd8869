"""Which addresses the hub may talk to: a corpus of tricks, and the ones that are meant."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from hub.connect.network import check_url, host_allowed, networks, same_origin
from hub.core.errors import Retry, Stop

PUBLIC = "93.184.216.34"


def resolver(*addresses: str) -> Any:
    """A name service that answers every name with these, and numbers with themselves."""

    def resolve(host: str, port: int, **options: Any) -> list[Any]:
        found = addresses or (host if host.replace(".", "").isdigit() or ":" in host else PUBLIC,)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    return resolve


GOOD = [
    ("https://api.hubapi.com", "api.hubapi.com", 443),
    ("https://API.HubApi.com/crm?x=1", "api.hubapi.com", 443),
    ("https://acme.my.salesforce.com.", "acme.my.salesforce.com", 443),
    ("https://erp.example.org:8443/api", "erp.example.org", 8443),
    ("https://93.184.216.34", "93.184.216.34", 443),
    ("https://[2606:2800:220:1::1]", "2606:2800:220:1::1", 443),
    ("https://xn--mnchen-3ya.de", "xn--mnchen-3ya.de", 443),
]


@pytest.mark.parametrize(("url", "host", "port"), GOOD)
def test_public_https_addresses_are_allowed(url: str, host: str, port: int) -> None:
    target = check_url(url, resolve=resolver())
    assert (target.scheme, target.host, target.port) == ("https", host, port)


BAD = [
    "http://api.hubapi.com",
    "ftp://example.org",
    "file:///etc/passwd",
    "gopher://example.org",
    "javascript:alert(1)",
    "//example.org",
    "example.org",
    "",
    "https://",
    "https:///path",
    "https://:443",
    "https://user@example.org",
    "https://user:secret@example.org",
    "https://good.example@evil.example",
    "https://@example.org",
    "https://example.org\\@evil.example",
    "https://example.org/a b",
    "https://example.org/\r\nX-Header: 1",
    "https://example.org/\x00",
    "https://example.org:port",
    "https://example.org:99999",
    "https://example.org:22",
    "https://example.org:25",
    "https://example.org:6379",
    "https://example.org:5432",
    "https://exämple.org",
    "https://example。org",
    "https://１27.0.0.1",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://0177.0.0.1",
    "https://127.0.0.1.",
    "https://127.0.0.1",
    "https://127.8.8.8",
    "https://10.0.0.1",
    "https://172.16.3.4",
    "https://192.168.1.1",
    "https://169.254.169.254",
    "https://100.64.0.1",
    "https://0.0.0.0",
    "https://0.1.2.3",
    "https://224.0.0.1",
    "https://240.0.0.1",
    "https://255.255.255.255",
    "https://192.0.2.1",
    "https://198.18.0.1",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:169.254.169.254]",
    "https://[::ffff:7f00:1]",
    "https://[::127.0.0.1]",
    "https://[fe80::1]",
    "https://[fe80::1%25eth0]",
    "https://[fc00::1]",
    "https://[ff02::1]",
    "https://[2002:7f00:0001::]",
    "https://[2002:a00:1::1]",
    "https://[64:ff9b::7f00:1]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[64:ff9b:1::a00:1]",
    "https://[::1",
    "https://exa(mple.org",
    "https://exam%70le.org",
]


@pytest.mark.parametrize("url", BAD)
def test_tricks_and_private_addresses_are_refused_with_advice(url: str) -> None:
    with pytest.raises(Stop) as caught:
        check_url(url, resolve=resolver(), where="erp")
    assert caught.value.next
    assert caught.value.explain().startswith("erp: ")
    assert "secret" not in caught.value.explain()


@pytest.mark.parametrize(
    "addresses",
    [("10.0.0.1",), ("127.0.0.1",), ("::1",), ("fe80::1%eth0",), (PUBLIC, "192.168.0.1"), ("::ffff:10.0.0.1",)],
)
def test_a_public_name_that_stands_for_a_private_address_is_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(Stop, match="private address"):
        check_url("https://erp.example.org", resolve=resolver(*addresses))


@pytest.mark.parametrize("name", ["localhost", "localhost.", "LOCALHOST", "foo.localhost"])
def test_names_of_this_machine_are_refused_by_their_address(name: str) -> None:
    with pytest.raises(Stop, match="private address"):
        check_url(f"https://{name}", resolve=resolver("127.0.0.1"))


def test_a_private_range_that_is_named_is_allowed_also_over_plain_http() -> None:
    target = check_url("http://127.0.0.1:8080", ["127.0.0.1/32"], resolve=resolver())
    assert (target.port, target.address) == (8080, "127.0.0.1")
    assert check_url("https://erp.intra", ["10.1.0.0/16"], resolve=resolver("10.1.2.3")).address == "10.1.2.3"
    assert check_url("https://[::ffff:10.1.2.3]", ["10.1.0.0/16"], resolve=resolver()).addresses


def test_another_private_range_stays_closed() -> None:
    with pytest.raises(Stop, match="private address"):
        check_url("https://erp.intra", ["10.1.0.0/16", "fd00::/8"], resolve=resolver("10.2.0.1"))
    with pytest.raises(Stop, match="private address"):
        check_url("https://erp.intra", ["10.1.0.0/16"], resolve=resolver("10.1.0.1", "127.0.0.1"))


def test_plain_http_stays_closed_where_one_of_the_addresses_is_public() -> None:
    with pytest.raises(Stop, match="plain http"):
        check_url("http://erp.intra", ["10.1.0.0/16"], resolve=resolver("10.1.0.1", PUBLIC))


def test_the_name_is_resolved_once_and_the_checked_address_is_handed_on() -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    def rebinding(host: str, port: int, **options: Any) -> list[Any]:
        return [(2, 1, 6, "", (a, port)) for a in answers.pop(0)]

    assert check_url("https://rebind.example", resolve=rebinding).addresses == (PUBLIC,)
    assert len(answers) == 1


def fails(error: Exception) -> Any:
    def resolve(*args: Any, **options: Any) -> list[Any]:
        raise error

    return resolve


@pytest.mark.parametrize("resolve", [fails(socket.gaierror("x")), fails(UnicodeError("x")), lambda *a, **o: []])
def test_a_name_that_cannot_be_resolved_now_may_be_tried_again(resolve: Any) -> None:
    with pytest.raises(Retry, match="was not found"):
        check_url("https://gone.example", resolve=resolve)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "intra", "0.0.0.0/0", "::/0", "10.0.0.0/33"])
def test_a_range_that_is_none_or_everything_is_refused(text: str) -> None:
    with pytest.raises(Stop):
        networks([text])


def test_a_next_page_link_must_stay_on_the_host() -> None:
    base = "https://api.example.org/v1"
    assert same_origin(base, "https://API.example.org:443/v1?page=2").endswith("page=2")
    for other in ("https://api.example.org:8443/", "http://api.example.org/", "https://evil.example/", "/v1?page=2"):
        with pytest.raises(Stop):
            same_origin(base, other)


def test_host_patterns_stand_for_what_is_below_them() -> None:
    patterns = ["*.salesforce.com", "api.hubapi.com"]
    assert host_allowed("acme.my.salesforce.com", patterns)
    assert host_allowed("API.hubapi.com.", patterns)
    assert not any(host_allowed(h, patterns) for h in ("salesforce.com", "evilsalesforce.com", "x.api.hubapi.com"))
