"""Sign in to Salesforce, and keep one access token per connection.

simple-salesforce speaks the flows that it knows (client credentials, JWT bearer, password); refresh tokens are ours. A
token has no end date: it is renewed when the API says 401, once, however many threads are told so at the same moment.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from connectors.salesforce.hosts import Hosts
from connectors.salesforce.soql import id18
from hub.connect.connector import Context, Option
from hub.core.errors import HubError, Retry, SignIn

# The password flow is SOAP, which later versions of the API do not have any more.
SOAP_VERSION = "64.0"
FORBEAR = 30.0
_IDENTITY = re.compile(r"/id/(00D\w{12,15})/(005\w{12,15})\Z")
_PUBLIC_WORDS = re.compile(r"[a-z_']+( [a-z_']+)*\Z")

_APP = (
    Option("client_id", "Consumer key of the connected app.", required=True),
    Option("client_secret", "Consumer secret of the connected app.", secret=True, required=True),
)
KINDS: Mapping[str, tuple[Option, ...]] = {
    "client_credentials": _APP,
    "jwt": (
        Option("client_id", "Consumer key of the connected app.", required=True),
        Option("username", "The integration user.", required=True),
        Option("private_key", "Private key of the app's certificate, as PEM text.", secret=True, required=True),
    ),
    "password": (
        Option("username", "The integration user.", required=True),
        Option("password", "Its password.", secret=True, required=True),
        Option("security_token", "Its security token (SOAP sign-in).", secret=True),
        Option("client_id", "Consumer key, for the OAuth form of this flow."),
        Option("client_secret", "Consumer secret, for the OAuth form of this flow.", secret=True),
    ),
    "refresh": (
        *_APP,
        Option("refresh_token", "The first refresh token; later ones are kept by the hub.", secret=True),
    ),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gave: the token, the instance to talk to, and who we are there ("" if it did not say)."""

    token: str
    base: str
    org: str = ""
    user: str = ""

    def __repr__(self) -> str:
        return f"Grant(base={self.base!r}, org={self.org!r}, user={self.user!r})"


class Auth:
    """The access token of one connection, shared by its threads."""

    def __init__(
        self, connection: str, config: Mapping[str, Any], context: Context, hosts: Hosts, http: requests.Session
    ) -> None:
        self._connection, self._context, self._hosts, self._http = connection, context, hosts, http
        self._settings: Mapping[str, Any] = config.get("auth") or {}
        self._lock = threading.Lock()
        self._grant: Grant | None = None
        self.user = ""
        self._refusal: tuple[float, SignIn] | None = None

    def grant(self) -> Grant:
        """The token in use; signs in if there is none yet."""
        with self._lock:
            return self._grant or self._renew()

    def renew(self, stale: Grant) -> Grant:
        """A token other than `stale`. Of many threads that hold the same stale one, the first signs in for all."""
        with self._lock:
            if self._grant and self._grant is not stale:
                return self._grant
            return self._renew()

    def _renew(self) -> Grant:
        now = self._context.clock.now()
        # A refused sign-in is not repeated by every waiting thread: that would lock the user out.
        if self._refusal and 0 <= now - self._refusal[0] < FORBEAR:
            raise self._refusal[1]
        self._grant = None
        try:
            self._grant = self._sign_in()
        except SignIn as refusal:
            self._refusal = (now, refusal)
            raise
        self._refusal, self.user = None, self._grant.user
        return self._grant

    # -- the flows

    def _sign_in(self) -> Grant:
        kind = str(self._settings.get("kind") or "")
        flow = _FLOWS.get(kind)
        if not flow:
            raise self._refused(f"auth kind {kind!r} is unknown", f"Use one of: {', '.join(sorted(KINDS))}.")
        self._require(kind)
        return flow(self)

    def _require(self, kind: str) -> None:
        missing = [o.name for o in KINDS[kind] if o.required and not self._settings.get(o.name)]
        if missing:
            raise self._refused(f"auth lacks {', '.join(missing)}", "Add it to the connection's `auth` block.")

    def _client_credentials(self) -> Grant:
        if self._hosts.domain in ("login", "test"):
            raise self._refused("client credentials are not accepted there", "Set `login_url` to your My Domain host.")
        return self._library(
            domain=self._hosts.domain,
            consumer_key=self._settings["client_id"],
            consumer_secret=self._settings["client_secret"],
        )

    def _jwt(self) -> Grant:
        return self._library(
            # The audience is the vendor's common host even where the token is asked of the customer's own one.
            domain="test" if self._is_test else "login",
            instance_url=self._hosts.domain,
            username=self._settings["username"],
            consumer_key=self._settings["client_id"],
            privatekey=self._settings["private_key"],
        )

    @property
    def _is_test(self) -> bool:
        return self._hosts.domain == "test" or ".sandbox." in self._hosts.login

    def _password(self) -> Grant:
        settings = self._settings
        given = {"username": settings["username"], "password": settings["password"], "domain": self._hosts.domain}
        if settings.get("client_id"):
            given["password"] += str(settings.get("security_token") or "")
            given |= {"consumer_key": settings["client_id"], "consumer_secret": settings.get("client_secret") or ""}
            return self._library(**given)
        return self._library(**given, security_token=str(settings.get("security_token") or ""), sf_version=SOAP_VERSION)

    def _refresh(self) -> Grant:
        name = f"{self._connection}:refresh_token"
        held = self._context.tokens.load(name) or self._settings.get("refresh_token")
        if not held:
            raise self._refused("there is no refresh token", "Authorize the connected app once and store its token.")
        try:
            return self._exchange(name, held)
        except SignIn:
            newer = self._context.tokens.load(name)
            if newer in (None, held):
                raise
            # Another process has used up the token that we held, and has stored the next one.
            return self._exchange(name, newer)

    def _exchange(self, name: str, held: str) -> Grant:
        post = _TokenPost(self._http, self._refused, self._connection)
        form = {"grant_type": "refresh_token", "refresh_token": held}
        form |= {"client_id": self._settings["client_id"], "client_secret": self._settings["client_secret"]}
        answer = post.post(f"{self._hosts.login}/services/oauth2/token", form).json()
        if answer.get("refresh_token") not in (None, held):
            # The old one died as this answer was made: lose the new one and only a person can sign in again.
            self._context.tokens.save(name, answer["refresh_token"])
        return self._granted(answer["access_token"], answer["instance_url"].split("://")[-1], post.identity)

    def _library(self, **given: Any) -> Grant:
        # Imported late: it pulls in a SOAP stack, which nobody needs who does not sign in.
        from simple_salesforce.exceptions import SalesforceAuthenticationFailed
        from simple_salesforce.login import SalesforceLogin

        post = _TokenPost(self._http, self._refused, self._connection)
        try:
            token, host = SalesforceLogin(**given, session=post)  # type: ignore[arg-type]
        except SalesforceAuthenticationFailed as error:
            raise self._refused(f"the sign-in was refused ({error.code})") from error
        except HubError:
            raise
        except Exception as error:  # the library lets key and XML errors through as they are
            raise self._refused(f"the sign-in failed ({type(error).__name__})", "Check the private key.") from error
        return self._granted(token, host, post.identity)

    def _granted(self, token: str, host: str, identity: tuple[str, str]) -> Grant:
        return Grant(token, self._hosts.instance(host.rstrip("/")), *(id18(i) for i in identity))

    def _refused(self, what: str, advice: str = "") -> SignIn:
        return SignIn(
            what,
            where=self._connection,
            unchanged="Nothing was read or written.",
            next=advice or "Check the connected app, its policies and the secrets of this connection.",
        )


_FLOWS: Mapping[str, Callable[[Auth], Grant]] = {
    "client_credentials": Auth._client_credentials,
    "jwt": Auth._jwt,
    "password": Auth._password,
    "refresh": Auth._refresh,
}


class _TokenPost:
    """What simple-salesforce takes for its session: posts without redirects, refuses in our words, and keeps the
    identity that the answer carries, which the library throws away."""

    def __init__(self, http: requests.Session, refused: Callable[..., SignIn], where: str) -> None:
        self._http, self._refused, self._where = http, refused, where
        self.identity = ("", "")

    def post(self, url: str, data: Any = None, headers: Any = None, proxies: Any = None) -> requests.Response:
        try:
            answer = self._http.post(url, data, headers=headers, allow_redirects=False)
        except requests.RequestException as error:
            raise self._later("Salesforce did not answer the sign-in", type(error).__name__) from error
        if "/Soap/" in url:
            self.identity = (_tag(answer.text, "organizationId"), _tag(answer.text, "userId"))
            return answer
        self._check(answer)
        return answer

    def _check(self, answer: requests.Response) -> None:
        try:
            body = answer.json()
        except ValueError as error:
            raise self._later("the answer to the sign-in is not JSON", f"HTTP {answer.status_code}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise self._later("Salesforce cannot sign us in just now", f"HTTP {answer.status_code}")
        if answer.status_code != 200:
            words = " ".join(w for w in (_public(body.get("error")), _public(body.get("error_description"))) if w)
            raise self._refused(f"the sign-in was refused: {words or f'HTTP {answer.status_code}'}")
        if not body.get("access_token") or not body.get("instance_url"):
            raise self._refused("the answer to the sign-in has no token", "Check `login_url`.")
        found = _IDENTITY.search(str(body.get("id") or ""))
        self.identity = (found[1], found[2]) if found else ("", "")

    def _later(self, what: str, why: str) -> Retry:
        return Retry(what, where=self._where, why=why, unchanged="Nothing was read or written.")


def _public(text: Any) -> str:
    """Words of an error, unless they look as if they could hold something secret or personal."""
    return text if isinstance(text, str) and len(text) < 80 and _PUBLIC_WORDS.match(text) else ""


def _tag(xml: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(\w+)</{tag}>", xml)
    return found[1] if found else ""
