"""Calls to one HubSpot account: addresses, token, rate limits, retries of reads, and the first look at the answer.

The client library brings the connection pool and its TLS settings; its models are left out, since building them costs
more than everything else in a sync. Answers are read as plain JSON, up to a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from connectors.hubspot import auth, errors
from connectors.hubspot.hosts import Hosts, guard
from connectors.hubspot.paths import paths
from connectors.hubspot.quota import Quota
from hub.connect.connector import Context
from hub.connect.http import read_with_retries
from hub.core.errors import Retry

LARGEST = 64 * 1024 * 1024  # bytes of one answer, unpacked
LONGEST_NAP = 30.0  # a read waits so long by itself; more is for the caller to plan


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `what` names it in messages and counts; `form` is sent instead of JSON. `bulk`: one of many calls
    that can wait for another day when the quota runs low, as writes can."""

    what: str
    method: str
    path: str
    body: Any = None
    query: tuple[tuple[str, str], ...] = ()
    form: Mapping[str, str] | None = None
    writing: bool = False
    search: bool = False
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. `date`: HubSpot's own time when it answered, in ms since the epoch."""

    status: int
    body: Mapping[str, Any]
    date: int


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""


class Api:
    """One account. Shared by threads."""

    def __init__(self, connection: str, config: Mapping[str, Any], context: Context) -> None:
        self.connection, self.context = connection, context
        self.hosts = Hosts(connection, config)
        self.paths = paths(str(config.get("api_version") or "2026-09"))
        self.auth = auth.build(config, context, self._sign_in, connection)
        self.quota = Quota(connection, config.get("limits") or {}, context)
        self.timeout = float(config.get("timeout") or 30)
        self.can_exclude = True  # search takes NOT_IN for ids, until it says that it does not
        self._pool: Any = None

    # -- the two kinds of call

    def read(self, call: Call) -> Answer:
        """Ask, again where that may help. Raises Retry, Stop or Reject."""
        return read_with_retries(lambda: self.once(call), self.context.clock, longest=LONGEST_NAP)

    def rows(self, call: Call) -> Answer:
        """Ask for a list of rows. An answer without one is as broken as none."""
        return read_with_retries(lambda: self._with_rows(call), self.context.clock, longest=LONGEST_NAP)

    def once(self, call: Call) -> Answer:
        """Ask once; a token that has run out is renewed, because HubSpot has not looked at the request then."""
        token = self.auth.token()
        reply = self._send(call, token)
        if reply.status == 401 and self.auth.renew(token):
            reply = self._send(call, self.auth.token())
        return self._judge(call, reply)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.clear()

    # -- inside

    def _with_rows(self, call: Call) -> Answer:
        answer = self.once(call)
        if not isinstance(answer.body.get("results"), list):
            raise errors.broken("HubSpot's answer holds no results", where=self.where(call), writing=False)
        return answer

    def _sign_in(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        call = Call("sign-in", "POST", self.paths.token, form=form)
        reply = self._send(call, "")
        if 400 <= reply.status < 422:
            raise auth.refused(self.where(call))
        return self._judge(call, reply).body

    def _send(self, call: Call, token: str) -> Reply:
        if call.writing or call.bulk:
            self.quota.keep_reserve()
        self.quota.wait(search=call.search)
        self.context.on_call(call.what)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "accordant"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data: bytes | None = None
        if call.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urlencode(call.form).encode()
        elif call.body is not None:
            headers["Content-Type"] = "application/json"
            data = orjson.dumps(call.body)
        url = self.hosts.base + call.path + (f"?{urlencode(call.query)}" if call.query else "")
        return self._exchange(call, url, headers, data)

    def _exchange(self, call: Call, url: str, headers: dict[str, str], data: bytes | None) -> Reply:
        import urllib3.exceptions as broken

        try:
            answer = self.pool.request(call.method, url, headers=headers, body=data, preload_content=False)
            try:
                body = self._body(call, answer)
            finally:
                answer.release_conn()
        except (broken.HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, broken.NewConnectionError | broken.ConnectTimeoutError | broken.SSLError):
                # The request has not left the house, so even a write may simply be sent again.
                raise Retry("HubSpot cannot be reached", where=self.where(call), why=_kind(reason)) from None
            what = "HubSpot did not answer in full"
            raise errors.broken(what, where=self.where(call), writing=call.writing, kind=_kind(reason)) from None
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, body)
        self.quota.note(reply.headers)
        return reply

    def _body(self, call: Call, answer: Any) -> bytes:
        parts, size = [], 0
        for part in answer.stream(1 << 20, decode_content=True):
            size += len(part)
            if size > LARGEST:
                answer.close()
                raise errors.broken("HubSpot's answer is too large", where=self.where(call), writing=call.writing)
            parts.append(part)
        return b"".join(parts)

    def _judge(self, call: Call, reply: Reply) -> Answer:
        body = _json(reply.data)
        if reply.status >= 300:
            raise errors.translate(self.refusal(call, body or {}, status=reply.status, headers=reply.headers))
        if body is None:
            what = "HubSpot's answer is not JSON"
            raise errors.broken(what, where=self.where(call), writing=call.writing, status=reply.status)
        return Answer(reply.status, body, self._date(reply.headers))

    def refusal(
        self, call: Call, body: Mapping[str, Any], *, status: int = 0, headers: Mapping[str, str] | None = None
    ) -> errors.Refusal:
        """A refusal of this call, whole or one item of it, ready to be translated."""
        values = (*self.auth.secrets(), *(_texts(call.body) if call.writing else ()))
        left = self.quota.until_midnight()
        now = self.context.clock.now()
        return errors.Refusal(self.where(call), status, body, headers or {}, call.writing, now, left, values)

    def where(self, call: Call) -> str:
        return f"{self.connection}: {call.what}"

    def _date(self, headers: Mapping[str, str]) -> int:
        """HubSpot's clock, so that ours may be wrong without edits being missed."""
        try:
            return int(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
        except (KeyError, ValueError):
            return int(self.context.clock.now() * 1000)

    @property
    def pool(self) -> Any:
        """The client library's connection pool, set not to retry and not to follow redirects."""
        if self._pool is None:
            from hubspot.crm.objects import ApiClient, Configuration
            from urllib3 import Retry as Retries
            from urllib3 import Timeout

            settings = Configuration(host=self.hosts.base)
            settings.retries = Retries(0, raise_on_redirect=False, raise_on_status=False)
            pool = ApiClient(settings).rest_client.pool_manager
            pool.connection_pool_kw["timeout"] = Timeout(connect=min(10.0, self.timeout), read=self.timeout)
            guard(pool, self.hosts)
            self._pool = pool
        return self._pool


def _json(data: bytes) -> Mapping[str, Any] | None:
    if not data:
        return {}
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else {"results": body}


def _kind(error: object) -> str:
    return type(error).__name__


def _texts(body: Any) -> list[str]:
    """Every property value that a request carries."""
    inputs = body.get("inputs") or () if isinstance(body, dict) else ()
    return [str(v) for i in inputs if isinstance(i, dict) for v in (i.get("properties") or {}).values() if v]
