"""Decide which addresses this connection may talk to, and send requests only there.

Salesforce's own hosts over https are allowed, and the configured login host. A name is resolved once, checked, and then
connected to by the address that was checked; it is resolved anew only after a connection has failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from hub.connect.network import Target, check_url, host_allowed
from hub.core.errors import Stop

VENDOR_HOSTS = ("*.salesforce.com", "*.force.com", "*.salesforce.mil", "*.cloudforce.com")
# simple-salesforce appends this to every domain; a login host outside of it travels under an alias.
LOGIN_SUFFIX = ".salesforce.com"
ALIAS = "configured-login-host"


class Hosts:
    """The addresses of one connection."""

    def __init__(self, connection: str, config: Mapping[str, Any]) -> None:
        self._where = connection
        named = (config.get("network") or {}).get("allow_private") or ()
        self._allowed = [named] if isinstance(named, str) else list(named)
        self._checked: dict[tuple[str, str], Target] = {}
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
        if not host_allowed(parts.hostname, VENDOR_HOSTS) or parts.port not in (None, 443):
            raise self._stop(
                "the sign-in named an instance outside of Salesforce", "Check `login_url`: somebody else answered."
            )
        return f"https://{parts.hostname}"

    def route(self, url: str) -> str:
        """The address that a request is really for."""
        alias = f"https://{ALIAS}{LOGIN_SUFFIX}"
        return self.login + url[len(alias) :] if url.startswith(alias + "/") else url

    def target(self, url: str) -> Target:
        """The checked address behind a URL; raises Stop where this connection may not go."""
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._checked:
            if parts.netloc != self._login.netloc and not host_allowed(parts.hostname or "", VENDOR_HOSTS):
                raise self._stop("the request would leave Salesforce", "Check `login_url`.")
            self._checked[key] = check_url(f"{parts.scheme}://{parts.netloc}", self._allowed, where=self._where)
        return self._checked[key]

    def forget(self) -> None:
        """Resolve names anew: an org can move to other addresses."""
        self._checked.clear()

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
        try:
            return super().send(request, stream, timeout or self._timeout, verify, cert, proxies)
        except requests.ConnectionError:
            self._hosts.forget()
            raise

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """Connect to the checked address under the host's own name: certificates are still checked against that."""
        where, how = super().build_connection_pool_key_attributes(request, verify, cert)
        target = self._hosts.target(request.url or "")
        request.headers["Host"] = urlsplit(request.url or "").netloc
        where["host"] = target.address
        if target.scheme == "https":
            how |= {"server_hostname": target.host, "assert_hostname": target.host}
        return where, how


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
