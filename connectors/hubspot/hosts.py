"""Which machines a connection may talk to: the one it was given, over https, and not inside the house.

The address is checked on the open socket, before anything is sent, so that a name that is looked up again and leads
elsewhere gains nothing. Private addresses, and plain http to them, need a line under `network: {allow_private: [...]}`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hub.core.errors import Stop

UNSENT = "Nothing was sent"


class Hosts:
    """The rule for one connection."""

    def __init__(self, connection: str, config: Mapping[str, Any]) -> None:
        self.where = connection
        self.base = str(config.get("base_url") or "https://api.hubapi.com").rstrip("/")
        self.private = [ipaddress.ip_network(n) for n in (config.get("network") or {}).get("allow_private") or ()]
        parts = urlsplit(self.base)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.username:
            raise self._stop("base_url is not an address", "write it as https://api.hubapi.com")
        if parts.scheme == "http" and not self.private:
            raise self._stop("base_url is plain http", "use https, or name a private address under network")

    def check(self, address: str) -> None:
        """Raise Stop unless this connection may talk to the machine at `address`."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if any(ip in network for network in self.private):
            return
        if not ip.is_global:
            raise self._stop("base_url leads to a private address", "name it under network: {allow_private: [...]}")
        if self.base.startswith("http:"):
            raise self._stop("plain http leads out of the house", "use https in base_url")

    def _stop(self, what: str, next: str) -> Stop:
        return Stop(what, where=self.where, unchanged=UNSENT, next=next, code="E-HOST")


def guard(pool: Any, hosts: Hosts) -> None:
    """Make every connection that `pool` opens from now on pass `hosts.check`."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    def checked(kind: type[HTTPConnection]) -> type[HTTPConnection]:
        def opened(connection: Any) -> Any:
            sock = kind._new_conn(connection)
            try:
                hosts.check(sock.getpeername()[0])
            except Stop:
                sock.close()
                raise
            return sock

        return type(f"Checked{kind.__name__}", (kind,), {"_new_conn": opened})

    plain = type("Plain", (HTTPConnectionPool,), {"ConnectionCls": checked(HTTPConnection)})
    secure = type("Secure", (HTTPSConnectionPool,), {"ConnectionCls": checked(HTTPSConnection)})
    pool.pool_classes_by_scheme = {"http": plain, "https": secure}
