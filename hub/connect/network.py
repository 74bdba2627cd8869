"""Decide whether the hub may talk to an address that a person, or an answer from outside, has given.

Only https, and only to public addresses, unless `network.allow_private` of the connection names the private range. The
name is resolved once: connect to the address that was checked (`Target.address`), never to the name again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from hub.core.errors import Retry, Stop

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[..., Iterable[Any]]

# Ranges that carry an IPv4 address inside an IPv6 one: what counts is the address inside.
NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# Ports of other protocols, which a request could be made to speak by accident.
REFUSED_PORTS = frozenset({0, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049,
    2375, 2376, 3306, 3389, 3659, 4045, 5060, 5061, 5432, 5900, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6697,
    9200, 10080, 11211, 27017})  # fmt: skip
ADVICE = "if that is meant, name the range under `network: {allow_private: [...]}` of the connection"


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be talked to. `addresses`: what the name stood for when it was checked, all of them good."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def address(self) -> str:
        return self.addresses[0]

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


def check_url(
    url: str, allow_private: Sequence[str] = (), resolve: Resolve = socket.getaddrinfo, *, where: str = ""
) -> Target:
    """Check a URL before it is used. Raises Stop with the next step, or Retry if the name cannot be resolved now."""
    allowed = networks(allow_private, where)
    parts, host, port = _parts(url, where)
    addresses = _resolved(host, port, resolve, where)
    inner = [_inner(a) for a in addresses]
    private = [a for a in inner if not _public(a)]
    if any(not any(a in n for n in allowed if n.version == a.version) for a in private):
        raise _stop(f'the host "{host}" has a private address', where, ADVICE)
    if parts.scheme == "http" and len(private) < len(inner):
        raise _stop("plain http is refused: it would show the credentials to the network", where, "use https")
    if port in REFUSED_PORTS:
        raise _stop(f"port {port} belongs to another protocol", where, "use the port of the web server, mostly 443")
    return Target(parts.scheme, host, port, tuple(str(a) for a in addresses))


def same_origin(base: str, url: str, *, where: str = "") -> str:
    """`url` if it leads to the same scheme, host and port as `base`: for next-page links that a remote hands out."""
    one, two = _parts(base, where), _parts(url, where)
    if (one[0].scheme, *one[1:]) != (two[0].scheme, *two[1:]):
        raise _stop("the answer points to another host", where, "check the address of the connection")
    return url


def host_allowed(host: str, patterns: Sequence[str]) -> bool:
    """Is it one of these hosts? `*.example.org` stands for everything below example.org, and not for itself."""
    host = host.lower().rstrip(".")
    return any(host.endswith(p[1:].lower()) if p.startswith("*.") else host == p.lower() for p in patterns)


def networks(cidrs: Sequence[str], where: str = "") -> list[Network]:
    """`network.allow_private` as networks. Raises Stop on one that is none, or that means everything."""
    found: list[Network] = []
    for text in cidrs:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise _stop(f'"{text}" is no network', where, "write it as 10.1.0.0/16 or 127.0.0.1/32") from error
        if network.prefixlen == 0:
            raise _stop(f'"{text}" would allow every address', where, "name the ranges that are meant")
        found.append(network)
    return found


def _parts(url: str, where: str) -> tuple[SplitResult, str, int]:
    """Scheme, host and port, where nothing about the text can be read in two ways."""
    if any(c <= " " or c in '\\<>"^`{|}' or c == "\x7f" for c in url):
        raise _stop("the address holds characters that do not belong there", where, "write it out again")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _stop("this is no address", where, "write it as https://host or https://host:port") from error
    if parts.scheme not in ("https", "http"):
        raise _stop(f'the address does not start with https: "{parts.scheme}"', where, "use https")
    if parts.username is not None or parts.password is not None:
        raise _stop("the address carries a user name or password", where, "put credentials under `auth:`")
    return parts, _host(parts.hostname or "", where), (443 if parts.scheme == "https" else 80) if port is None else port


def _host(host: str, where: str) -> str:
    """The host in lower case, without a trailing dot. Only plain names and canonical addresses."""
    host = host.rstrip(".").split("%")[0] if ":" in host else host.rstrip(".")
    if not host:
        raise _stop("the address has no host", where, "write it as https://host")
    if ":" in host:
        return str(_canonical(host, where))
    if not host.isascii():
        raise _stop("the host is not plain ASCII", where, "write its xn-- form, and look twice whether it is yours")
    # 127.1, 0x7f000001 and 2130706433 all mean loopback to some resolvers.
    last = host.rsplit(".", 1)[-1]
    if last.isdigit() or last.startswith("0x"):
        return str(_canonical(host, where))
    if not all(c.isalnum() or c in "-._" for c in host):
        raise _stop("the host holds characters that do not belong there", where, "write it out again")
    return host


def _canonical(host: str, where: str) -> Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError as error:
        raise _stop("the host is a number that is no plain IP address", where, "write it as a.b.c.d") from error


def _resolved(host: str, port: int, resolve: Resolve, where: str) -> list[Address]:
    try:
        entries = list(resolve(host, port, type=socket.SOCK_STREAM))
        # A scope ("fe80::1%eth0") says which cable, not which address.
        addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in entries]
    except (OSError, UnicodeError, ValueError) as error:
        raise _unresolved(host, where) from error
    if not addresses:
        raise _unresolved(host, where)
    return list(dict.fromkeys(addresses))


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, compatible, 6to4, NAT64, Teredo), else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if found := address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1]):
        return found
    if any(address in n for n in NAT64) or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _unresolved(host: str, where: str) -> Retry:
    return Retry(
        f'the host "{host}" was not found', where=where, unchanged="Nothing was sent", next="check the name and DNS"
    )


def _stop(what: str, where: str, advice: str) -> Stop:
    return Stop(what, where=where, unchanged="Nothing was sent", next=advice, code="E-HOST")
