"""Decide which addresses this connection may talk to, and send requests only there.

Salesforce's own hosts over https are allowed, and the configured login host. Plain http and private addresses are
allowed only where `network.allow_private` names them, which is how a sandbox on loopback is reached.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter

from hub.core.errors import Retry, Stop

VENDOR_HOSTS = (".salesforce.com", ".force.com", ".salesforce.mil", ".cloudforce.com")
# simple-salesforce appends this to every domain; a login host outside of it travels under an alias.
LOGIN_SUFFIX = ".salesforce.com"
ALIAS = "configured-login-host"


class Hosts:
    """The addresses of one connection."""

    def __init__(self, connection: str, config: Mapping[str, Any]) -> None:
        self._where = connection
        named = (config.get("network") or {}).get("allow_private") or ()
        self._allowed = [ipaddress.ip_network(n) for n in ([named] if isinstance(named, str) else named)]
        self._cleared: set[tuple[str, str, int | None]] = set()
        self.login = str(config.get("login_url") or "https://login.salesforce.com").rstrip("/")
        self._login = urlsplit(self.login)
        if self._login.scheme not in ("https", "http") or not self._login.hostname:
            raise self._stop("login_url is not an address", "Write it as https://your-domain.my.salesforce.com.")

    @property
    def domain(self) -> str:
        """The login host as simple-salesforce wants it: without the suffix."""
        host = self._login.hostname or ""
        return host.removesuffix(LOGIN_SUFFIX) if host.endswith(LOGIN_SUFFIX) else ALIAS

    def instance(self, host: str) -> str:
        """The base address of the instance that a sign-in named, refused unless it is Salesforce's."""
        parts = urlsplit(f"//{host}")
        if parts.path.strip("/") or parts.query or parts.username or not parts.hostname:
            raise self._stop("the sign-in named an instance that is no host", "Check `login_url`.")
        if parts.netloc == self._login.netloc:
            return self.login
        if not parts.hostname.endswith(VENDOR_HOSTS) or parts.port not in (None, 443):
            raise self._stop(
                "the sign-in named an instance outside of Salesforce", "Check `login_url`: somebody else answered."
            )
        return f"https://{parts.hostname}"

    def route(self, url: str) -> str:
        """The address to really send to; raises Stop where this connection may not go."""
        alias = f"https://{ALIAS}{LOGIN_SUFFIX}"
        if url.startswith(alias + "/"):
            url = self.login + url[len(alias) :]
        self._clear(urlsplit(url))
        return url

    def _clear(self, parts: SplitResult) -> None:
        key = (parts.scheme, parts.hostname or "", parts.port)
        if key in self._cleared:
            return
        host = parts.hostname or ""
        if parts.netloc != self._login.netloc and not host.endswith(VENDOR_HOSTS):
            raise self._stop("the request would leave Salesforce", "Check `login_url`.")
        private = self._private(host, parts.port or 443)
        if private and not all(any(a in n for n in self._allowed) for a in private):
            raise self._stop(
                "the host has a private address", "Name it under `network: {allow_private: [...]}` if that is meant."
            )
        if parts.scheme != "https" and not private:
            raise self._stop("plain http is refused", "Use https in `login_url`.")
        self._cleared.add(key)

    def _private(self, host: str, port: int) -> Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Retry("the host of Salesforce was not found", where=self._where, next="Check `login_url`.") from error
        addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
        return [a for a in addresses if not a.is_global]

    def _stop(self, what: str, advice: str) -> Stop:
        return Stop(what, where=self._where, unchanged="Nothing was sent.", next=advice)


class _Adapter(HTTPAdapter):
    """Sends with a time-out, and only where `Hosts` allows."""

    def __init__(self, hosts: Hosts, timeout: float, connections: int) -> None:
        self._hosts, self._timeout = hosts, timeout
        super().__init__(pool_maxsize=connections, max_retries=0)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        request.url = self._hosts.route(request.url or "")
        return super().send(request, stream, timeout or self._timeout, verify, cert, proxies)


def open_session(hosts: Hosts, timeout: float, connections: int = 20) -> requests.Session:
    """A session that several threads may share: no cookies, nothing from the environment, guarded addresses."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(hosts, timeout, connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"Accept": "application/json", "User-Agent": "accordant"})
    return session
