"""The sandbox's sign-in: every flow of the vendor, tokens that end, and refresh tokens that rotate."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from connectors.salesforce import soql
from connectors.salesforce.sandbox_values import Refusal
from hub.connect.sandbox import Request, Response

ORG = soql.id18("00D000000000001")
SECRETS = {
    "client_id": "sandbox-key",
    "client_secret": "sandbox-secret",
    "username": "integration@sandbox.example",
    "password": "sandbox-password",
    "security_token": "sandboxToken",
    "refresh_token": "refresh-0",
}
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Login:
    """`count`: sign-ins asked for. `refusal`: the error with which every sign-in is refused, "" for none. `life`: seconds
    that a token lives. `rotate`: whether a refresh token dies with its use."""

    def __init__(
        self, clock: Callable[[], float], chance: random.Random, url: Callable[[], str], user: Callable[[], str]
    ) -> None:
        self._clock, self._random, self._url, self._user = clock, chance, url, user
        self.tokens: dict[str, float] = {}
        self.life = float("inf")
        self.count = 0
        self.refusal = ""
        self.rotate = True
        self._refresh_token = SECRETS["refresh_token"]

    def admit(self, request: Request) -> None:
        """Refuse a request that carries no living token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.tokens.get(token, -1.0) < self._clock():
            self.tokens.pop(token, None)
            raise Refusal("INVALID_SESSION_ID", "Session expired or invalid", status=401)

    def token(self, request: Request) -> Response:
        self.count += 1
        form = request.form()
        if self.refusal:
            return _denied(self.refusal, "authentication failure")
        problem = self._problem(form, request.headers.get("authorization", ""))
        if problem:
            return _denied(*problem)
        more = {}
        if form["grant_type"] == "refresh_token" and self.rotate:
            self._refresh_token = f"refresh-{self.count}"
            more = {"refresh_token": self._refresh_token}
        identity = {"id": f"{self._url()}/id/{ORG}/{self._user()}", "token_type": "Bearer", "scope": "api"}
        return Response(200, {"access_token": self._issue(), "instance_url": self._url(), **identity, **more})

    def _issue(self) -> str:
        token = f"00D!{self._random.getrandbits(128):032x}"
        self.tokens[token] = self._clock() + self.life
        return token

    def _problem(self, form: Mapping[str, str], authorization: str) -> tuple[str, str] | None:
        """Why a token request is refused, None if it is not."""
        held = SECRETS | {"refresh_token": self._refresh_token}
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            pair = base64.b64encode(f"{held['client_id']}:{held['client_secret']}".encode()).decode()
            return None if authorization == f"Basic {pair}" else ("invalid_client", "invalid client credentials")
        if kind == _JWT:
            return self._jwt_problem(form.get("assertion", ""))
        if kind == "password":
            held["password"] = f"{held['password']}{held['security_token']}"
        names = {"refresh_token": ("refresh_token",), "password": ("username", "password")}.get(kind)
        if names is None:
            return "unsupported_grant_type", "grant type not supported"
        if (form.get("client_id"), form.get("client_secret")) != (held["client_id"], held["client_secret"]):
            return "invalid_client_id", "client identifier invalid"
        good = all(form.get(n) == held[n] for n in names)
        return None if good else ("invalid_grant", "expired access/refresh token")

    def _jwt_problem(self, assertion: str) -> tuple[str, str] | None:
        import jwt

        try:
            claims = jwt.decode(assertion, options={"verify_signature": False, "verify_exp": False})
        except jwt.PyJWTError:
            return "invalid_grant", "invalid assertion"
        expected = (SECRETS["client_id"], SECRETS["username"])
        if (claims.get("iss"), claims.get("sub")) != expected or not str(claims.get("exp")).isdigit():
            return "invalid_grant", "invalid assertion"
        hosts = ("https://login.salesforce.com", "https://test.salesforce.com")
        return None if claims.get("aud") in hosts else ("invalid_grant", "audience is invalid")

    def soap(self, request: Request) -> Response:
        self.count += 1
        body = request.body.decode()
        secret = escape(SECRETS["password"] + SECRETS["security_token"])
        good = f">{SECRETS['username']}<" in body and f">{secret}<" in body and not self.refusal
        if (
            request.headers.get("soapaction") != "login"
            or int(request.path.split("/")[-1].split(".")[0]) > 64
            or not good
        ):
            fault = "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>no</sf:exceptionMessage>"
            return Response(500, f'<e xmlns:sf="urn:fault.partner.soap.sforce.com">{fault}</e>')
        who = f"<organizationId>{ORG}</organizationId><userId>{self._user()}</userId>"
        where = f"<serverUrl>{self._url()}/services/Soap/u/64.0/{ORG}</serverUrl>"
        return Response(200, f"<r><sessionId>{self._issue()}</sessionId>{where}<userInfo>{who}</userInfo></r>")


def _denied(error: str, words: str) -> Response:
    return Response(400, {"error": error, "error_description": words})
