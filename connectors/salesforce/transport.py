"""Send one API request and bring back a trustworthy answer, or an error that says what happened.

A 401 is answered by one new sign-in and the same request again with all of its headers: it was certainly not carried
out. Reads are tried again when Salesforce is busy; writes never are, for that is the engine's to decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests
import tenacity
from requests.exceptions import ConnectTimeout
from urllib3.exceptions import MaxRetryError, NewConnectionError

from connectors.salesforce import errors
from connectors.salesforce.auth import Auth, Grant
from connectors.salesforce.hosts import Hosts, open_session
from hub.connect.connector import Context
from hub.core.errors import ConfigError, HubError, Place, Problem, Retry, SignIn, Stop

MOST_BYTES = 64 << 20
ATTEMPTS = 4
# 401s that a new token does not cure.
_HOPELESS = ("not valid for use with the REST API", "not attached to Agent")
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """`elapsed`: seconds that the request took by the hub's own clock, which a simulation may set."""

    status: int
    body: Any
    headers: Mapping[str, str]
    elapsed: float = 0.0


class Transport:
    """All traffic of one connection with the REST API."""

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        self.connection, self._context = connection, context
        self._version = str(config.get("api_version") or "68.0").lstrip("v")
        self._reserve = _share((config.get("limits") or {}).get("reserve"))
        page = int(config.get("page_size") or 2_000)
        self._paging = {} if page == 2_000 else {"Sforce-Query-Options": f"batchSize={page}"}
        hosts = Hosts(connection, config)
        self._http = open_session(hosts, float(config.get("timeout") or 60))
        self.auth = Auth(connection, config, context, hosts, self._http)
        self.usage: tuple[int, int] | None = None
        self._usage_seen = 0.0

        self._patient = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_pause,
            retry=tenacity.retry_if_exception(_worth_waiting),
            sleep=context.clock.sleep,
            reraise=True,
        )

    def signed_in(self) -> Grant:
        """The token in use and who we are with it; signs in if that has not happened yet."""
        return self._patient(self.auth.grant)

    @property
    def root(self) -> str:
        return f"/services/data/v{self._version}"

    def read(self, method: str, path: str, *, what: str, params: Any = None, body: Any = None) -> Answer:
        """A request that changes nothing, tried again a few times while Salesforce is busy or the line is bad."""
        return self._patient(self._call, method, path, what=what, params=params, body=body, write=False)

    def write(self, method: str, path: str, *, what: str, params: Any = None, body: Any = None) -> Answer:
        """A request that may change something, sent once."""
        self._keep_reserve()
        return self._call(method, path, what=what, params=params, body=body, write=True)

    def _call(self, method: str, path: str, *, what: str, params: Any, body: Any, write: bool) -> Answer:
        where = f"{self.connection} {what}"
        grant = self.auth.grant()
        answer = self._send(grant, method, path, params, body, where, write)
        if answer.status == 401:
            if any(words in str(answer.body) for words in _HOPELESS):
                raise errors.whole(403, answer.body, where=where, write=write)
            answer = self._send(self.auth.renew(grant), method, path, params, body, where, write)
        if answer.status == 401:
            raise SignIn(
                "Salesforce refuses a fresh token", where=where, next="Check the session policies of the connected app."
            )
        if answer.status >= 300:
            raise errors.whole(answer.status, answer.body, where=where, write=write, after=_seconds(answer))
        if answer.status != 204 and not isinstance(answer.body, (dict, list)):
            raise errors.broken("the answer is not JSON", where=where, write=write)
        return answer

    def _send(self, grant: Grant, method: str, path: str, params: Any, body: Any, where: str, write: bool) -> Answer:
        url = grant.base + (path if path.startswith("/services/") else self.root + path)
        headers = {"Authorization": f"Bearer {grant.token}", "Sforce-Call-Options": "client=accordant", **self._paging}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else orjson.dumps(body)
        self._context.on_call(f"{method} {where}")
        began = self._context.clock.now()
        try:
            with self._http.request(
                method, url, params=params, data=data, headers=headers, allow_redirects=False, stream=True
            ) as response:
                content = _content(response)
        except requests.RequestException as error:
            raise _unreachable(error, where, write) from error
        if content is None:
            raise errors.broken("the answer is too large", where=where, write=write)
        self._note_usage(response.headers.get("Sforce-Limit-Info"))
        return Answer(response.status_code, _json(content), response.headers, self._context.clock.now() - began)

    # -- the daily quota

    def _note_usage(self, text: str | None) -> None:
        found = _USAGE.search(text or "")
        if found:
            self.usage = (int(found[1]), int(found[2]))
            self._usage_seen = self._context.clock.now()

    def _keep_reserve(self) -> None:
        """Leave the configured share of the day's requests to people and other programs."""
        if not self._reserve or not self.usage or self.usage[0] < self.usage[1] * (1 - self._reserve):
            return
        left = errors.LONG_WAIT - (self._context.clock.now() - self._usage_seen)
        if left > 0:
            raise Retry(
                "the share of the org's API requests that the hub may use is used up",
                after=left,
                where=self.connection,
                why=f"{self.usage[0]} of {self.usage[1]} requests in 24 hours",
                unchanged="Nothing was sent.",
                next="It goes on by itself; lower `limits.reserve` or run less often if this recurs.",
            )

    def close(self) -> None:
        self._http.close()


def _content(response: requests.Response) -> bytes | None:
    """The whole body, or None if it is larger than any honest answer."""
    parts, size = [], 0
    for part in response.iter_content(1 << 16):
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None


def _unreachable(error: requests.RequestException, where: str, write: bool) -> HubError:
    why = type(error).__name__
    cause = error.args[0] if error.args else None
    never_sent = isinstance(error, ConnectTimeout) or (
        isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    )
    if never_sent:
        return Retry("Salesforce could not be reached", where=where, why=why, unchanged="Nothing was sent.")
    return errors.broken(f"the connection broke ({why})", where=where, write=write)


def _worth_waiting(error: BaseException) -> bool:
    return isinstance(error, Retry) and not isinstance(error, Stop) and (error.after or 0) <= errors.SHORT_WAIT


def _seconds(answer: Answer) -> float | None:
    """How long the answer asks us to wait, if it does; Salesforce itself never says, but proxies before it do."""
    text = answer.headers.get("Retry-After") or ""
    return float(text) if text.isdigit() else None


def _pause(state: tenacity.RetryCallState) -> float:
    """As long as the answer asked for, else one second, two, four."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, Retry) else None
    return asked if asked is not None else 2.0 ** (state.attempt_number - 1)


def _share(text: Any) -> float:
    """ "20%" or 0.2 as a share."""
    try:
        share = float(text[:-1]) / 100 if isinstance(text, str) and text.endswith("%") else float(text or 0)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        problem = Problem(Place(), "E-LIMITS", "limits.reserve is not a share", "Write it as `reserve: 20%`.")
        raise ConfigError([problem])
    return share
