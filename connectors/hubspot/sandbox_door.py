"""The sandbox's door: who may come in, for what, and how often.

Tokens, scopes and rate limits in HubSpot's own words. All times in ms since the epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from connectors.hubspot.sandbox_account import Refuse
from hub.connect.sandbox import Request, Response

READING = ("/search", "/batch/read")
WINDOWS = {"SECONDLY": 1000, "TEN_SECONDLY_ROLLING": 10_000, "DAILY": 86_400_000, "SEARCH": 1000}
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
SCOPES = (
    *(f"crm.objects.{object}.{verb}" for object in ("companies", "contacts") for verb in ("read", "write")),
    "crm.objects.owners.read",
    "oauth",
)


@dataclass(slots=True)
class Door:
    """`static`: the token that always works, "" for OAuth only. `rotates`: each sign-in gives a new refresh token."""

    now: Callable[[], int]
    random: Random
    static: str = ""
    refresh: str = "refresh-1"
    rotates: bool = False
    access: dict[str, int] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)
    used: dict[str, deque[int]] = field(default_factory=lambda: {policy: deque() for policy in WINDOWS})

    def sign_in(self, form: Mapping[str, str]) -> Response:
        known = {**CLIENT, "grant_type": "refresh_token", "refresh_token": self.refresh}
        if {name: form.get(name) for name in known} != known:
            bad = {"status": "BAD_REFRESH_TOKEN", "error": "invalid_grant", "message": "missing or unknown"}
            return Response(400, bad)
        access = f"access-{self.random.getrandbits(64):016x}"
        self.access[access] = self.now() + 1_800_000
        if self.rotates:
            self.refresh = f"refresh-{self.random.getrandbits(32):08x}"
        token = {"access_token": access, "refresh_token": self.refresh}
        return Response(200, {**token, "expires_in": 1800, "token_type": "bearer"})

    def authenticate(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token == self.static:
            return
        if token not in self.access:
            raise Refuse(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")
        if self.now() >= self.access[token]:
            ago = (self.now() - self.access[token]) // 1000
            text = f"The OAuth token used to make this call expired {ago} second(s) ago."
            raise Refuse(401, "EXPIRED_AUTHENTICATION", text)

    def permit(self, method: str, path: str) -> None:
        parts = path.split("/")
        name = next((o for o in ("contacts", "companies", "owners") if o in parts), "")
        verb = "read" if method == "GET" or path.endswith(READING) else "write"
        scope = f"crm.objects.{name}.{verb}"
        if scope in self.hidden:
            errors = [{"message": "Scopes are missing", "context": {"requiredGranularScopes": [scope]}}]
            raise Refuse(403, "MISSING_SCOPES", "This app has not been granted all required scopes.", errors=errors)

    def count(self, *, searching: bool) -> None:
        """Count a call in every window, and refuse it where one is full."""
        now = self.now()
        for policy, span in WINDOWS.items():
            used, most = self.used[policy], self.limits.get(policy)
            while used and used[0] <= now - span:
                used.popleft()
            if policy == "SEARCH" and not searching:
                continue
            if most is not None and len(used) >= most:
                shown = "SECONDLY" if policy == "SEARCH" else policy
                text = f"You have reached your {shown.lower()} limit."
                raise Refuse(429, "RATE_LIMITS", text, errorType="RATE_LIMIT", policyName=shown)
            used.append(now)

    def headers(self) -> dict[str, str]:
        """What HubSpot says of its limits; OAuth apps are not told about the day."""
        told = {"": ("TEN_SECONDLY_ROLLING", 100_000), "-Daily": ("DAILY", 1_000_000)}
        headers = {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
        for name, (policy, most) in told.items():
            if policy == "DAILY" and not self.static:
                continue
            most = self.limits.get(policy, most)
            headers[f"X-HubSpot-RateLimit{name or '-Max'}"] = str(most)
            headers[f"X-HubSpot-RateLimit{name}-Remaining"] = str(max(0, most - len(self.used[policy])))
        return headers

    def scopes(self) -> list[str]:
        return [scope for scope in SCOPES if scope not in self.hidden]

    def about(self, **more: Any) -> dict[str, Any]:
        return {**more, "scopes": self.scopes()}
