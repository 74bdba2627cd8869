"""Tokens: a static one (private app, service key) or OAuth with refresh.

An OAuth token is renewed before it runs out, by one thread while the others wait. A refresh token that HubSpot rotates
is stored before the new access token is used, so that a crash cannot lose the way back in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hub.connect.connector import Context, Option
from hub.core.errors import SignIn

REFRESH = "refresh_token"
AHEAD = 120.0  # seconds before it runs out that an access token counts as used up

STATIC = (Option("token", "Access token of a private app, or a service key", secret=True, required=True),)
KINDS: Mapping[str, tuple[Option, ...]] = {
    "private_app": STATIC,
    "service_key": STATIC,
    "oauth": (
        Option("client_id", "Client id of the app", required=True),
        Option("client_secret", "Client secret of the app", secret=True, required=True),
        Option("refresh_token", "Refresh token of the installation", secret=True, required=True),
    ),
}

Post = Callable[[Mapping[str, str]], Mapping[str, Any]]


class Auth(Protocol):
    def token(self) -> str:
        """A token that is good for now."""

    def renew(self, used: str) -> bool:
        """HubSpot refused `used`. True if another one can be had."""

    def secrets(self) -> tuple[str, ...]:
        """What must not be told, even where HubSpot repeats it in an answer."""


class Static:
    """One token that does not change."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        return self._token

    def renew(self, used: str) -> bool:
        return False

    def secrets(self) -> tuple[str, ...]:
        return (self._token,)


class OAuth:
    """Access tokens from a refresh token. `post` sends a form to the token address and raises as any call does."""

    def __init__(self, config: Mapping[str, Any], context: Context, post: Post) -> None:
        self._config, self._context, self._post = config, context, post
        self._lock = threading.Lock()
        self._access, self._until = "", 0.0

    def token(self) -> str:
        with self._lock:
            if self._context.clock.now() >= self._until - AHEAD:
                self._refresh()
            return self._access

    def renew(self, used: str) -> bool:
        with self._lock:
            # Another thread may have renewed it while ours was on its way.
            if self._access == used:
                self._refresh()
        return True

    def secrets(self) -> tuple[str, ...]:
        told = (self._config["client_secret"], self._config["refresh_token"], self._context.tokens.load(REFRESH))
        return (*(str(secret) for secret in told if secret), *filter(None, [self._access]))

    def _refresh(self) -> None:
        current = self._context.tokens.load(REFRESH) or str(self._config["refresh_token"])
        form = {
            "grant_type": "refresh_token",
            "client_id": str(self._config["client_id"]),
            "client_secret": str(self._config["client_secret"]),
            "refresh_token": current,
        }
        answer = self._post(form)
        rotated = str(answer.get("refresh_token") or current)
        if rotated != current:
            self._context.tokens.save(REFRESH, rotated)
        self._access = str(answer["access_token"])
        self._until = self._context.clock.now() + float(answer.get("expires_in") or 1800)


def refused(where: str) -> SignIn:
    """HubSpot does not accept the refresh token any more."""
    return SignIn(
        "HubSpot refused the refresh token",
        where=where,
        why="the app was uninstalled, or the client id or secret is wrong",
        unchanged="Nothing was read or written",
        next="install the app again, store the new refresh token, then run `accordant connections test`",
    )


def build(config: Mapping[str, Any], context: Context, post: Post, where: str) -> Auth:
    """The way to sign in that the connection's `auth` block asks for."""
    auth = config.get("auth") or {}
    kind = str(auth.get("kind") or "private_app")
    missing = [option.name for option in KINDS.get(kind, ()) if option.required and not auth.get(option.name)]
    if kind not in KINDS or missing:
        why = f"auth needs {', '.join(missing)}" if missing else f'auth kind "{kind}" is not one of {", ".join(KINDS)}'
        raise SignIn("the connection cannot sign in", where=where, why=why, next="fix it in config/connections.yaml")
    return OAuth(auth, context, post) if kind == "oauth" else Static(str(auth["token"]))
