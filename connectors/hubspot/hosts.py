"""Which machine a connection talks to: the one it was given, over https, and not inside the house unless named.

The rules are those of `hub.connect.network`. They are applied to the address at the other end of the open socket, before
anything is sent, so that a name that is looked up again and leads elsewhere gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.connect.network import check_url, networks, same_origin
from hub.core.errors import Stop


class Hosts:
    """The rule for one connection."""

    def __init__(self, connection: str, config: Mapping[str, Any]) -> None:
        self.where = connection
        self.base = str(config.get("base_url") or "https://api.hubapi.com").rstrip("/")
        self.private = tuple(str(n) for n in (config.get("network") or {}).get("allow_private") or ())
        same_origin(self.base, self.base, where=connection)  # is it an address at all?
        networks(self.private, connection)

    def check(self, address: str) -> None:
        """Raise Stop unless this connection may talk to the machine at `address`."""
        check_url(self.base, self.private, lambda *_, **__: [(0, 0, 0, "", (address,))], where=self.where)


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
