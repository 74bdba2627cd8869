"""Where HubSpot keeps what, in both families of addresses.

Until 2025 a version stood in front (`/crm/v3/objects/...`); since 2026 a date stands behind the area
(`/crm/objects/2026-09/...`). The payloads are the same, so the rest of the connector never asks which one is in use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.core.errors import ConfigError, Place, Problem

DATED = re.compile(r"20\d\d-(03|09)")


@dataclass(frozen=True, slots=True)
class Paths:
    """Addresses for one API version: `v3` (with v4 for associations), or a date such as `2026-09`."""

    version: str

    @property
    def dated(self) -> bool:
        return self.version != "v3"

    def objects(self, object: str, rest: str = "") -> str:
        base = f"/crm/objects/{self.version}/{object}" if self.dated else f"/crm/v3/objects/{object}"
        return base + rest

    def associations(self, object: str, to: str, rest: str) -> str:
        base = f"/crm/associations/{self.version}" if self.dated else "/crm/v4/associations"
        return f"{base}/{object}/{to}{rest}"

    def properties(self, object: str) -> str:
        return f"/crm/properties/{self.version}/{object}" if self.dated else f"/crm/v3/properties/{object}"

    @property
    def owners(self) -> str:
        return f"/crm/owners/{self.version}" if self.dated else "/crm/v3/owners"

    @property
    def token(self) -> str:
        return f"/oauth/{self.version}/token" if self.dated else "/oauth/v1/token"

    @property
    def introspect(self) -> str:
        # The v1 address carries the token in its path, where proxies log it; this one takes it in the body.
        return f"/oauth/{self.version if self.dated else 'v3'}/token/introspect"

    @property
    def private_app(self) -> str:
        return "/oauth/v2/private-apps/get/access-token-info"

    @property
    def account(self) -> str:
        return f"/account-info/{self.version if self.dated else 'v3'}/details"


def paths(version: str) -> Paths:
    """The addresses of `version`. Raises ConfigError on a version that HubSpot does not have."""
    if version != "v3" and not DATED.fullmatch(version):
        text = f'api_version is "{version}"; it is "v3" or a date of March or September such as "2026-09"'
        raise ConfigError([Problem(Place(), "E-OPTION", text, "use 2026-09")])
    return Paths(version)
