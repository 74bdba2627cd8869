"""HTTP for connectors: one guarded httpx client per connection, and helpers that serve any transport.

`read_with_retries`, `retry_after` and `redact` know nothing of httpx, so connectors on a vendor's own library use them
too. `Http` checks each address before it connects, follows no redirect, takes nothing from the environment, limits the
size of answers, and turns what goes wrong into the errors of hub.core. It never repeats a write.
"""

from __future__ import annotations

import contextlib
import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar

from hub.connect.connector import Clock, Context
from hub.connect.network import Target, check_url
from hub.core.errors import Changed, Duplicate, Gone, HubError, Reject, Retry, SignIn, Stop, Unknown

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

LARGEST = 64 * 1024 * 1024
ADDRESS_SECONDS = 300.0
_DICE = random.Random()


# ---------------------------------------------------------------- for any transport


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), None without a readable one.

    A date is counted from the remote's own Date header where there is one: its clock set the date.
    """
    held = {name.lower(): value for name, value in headers.items()}
    text = held.get("retry-after", "").strip()
    try:
        return max(0.0, float(text)) if text.replace(".", "", 1).isdigit() else _until(text, held.get("date", ""), now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _until(date: str, remote_now: str, now: float) -> float | None:
    if not date:
        return None
    moment = parsedate_to_datetime(date).timestamp()
    # A Date header that cannot be read is as good as none.
    with contextlib.suppress(ValueError, TypeError):
        now = parsedate_to_datetime(remote_now).timestamp() if remote_now else now
    return max(0.0, moment - now)


def read_with_retries(
    call: Callable[[], T],
    clock: Clock,
    tries: int = 5,
    *,
    base: float = 0.5,
    longest: float = 60.0,
    rng: random.Random | None = None,
) -> T:
    """Call until it does not raise Retry, at most `tries` times, waiting through the Clock in between.

    `Retry.after` is honoured (plus up to a tenth, so that many do not come back at once); without it the pause is drawn
    from 0 to `base` doubled each time. A wait above `longest` is the caller's to plan: the Retry is raised at once.
    For reads only: a write must never be repeated here.
    """
    from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

    dice = rng or _DICE

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Retry) and error.after is not None:
            return error.after + dice.uniform(0, error.after / 10)
        return dice.uniform(0, min(longest, base * 2.0**state.attempt_number))

    def soon(error: BaseException) -> bool:
        return isinstance(error, Retry) and (error.after or 0.0) <= longest

    attempts = Retrying(
        stop=stop_after_attempt(tries), wait=pause, retry=retry_if_exception(soon), sleep=clock.sleep, reraise=True
    )
    return attempts(call)


_SHAPES = (
    (re.compile(r"[^\s\"'<>,;:()\[\]{}=]{1,64}@[\w.-]{1,253}"), "(e-mail)"),
    (re.compile(r"[A-Za-z0-9_~+/=.-]*\d[A-Za-z0-9_~+/=.-]{15,}|[A-Za-z0-9_~+/=-]{32,}"), "(token)"),
    (re.compile(r"\+?\d[\d ()./-]{5,}\d"), "(number)"),
)


def redact(body: bytes | str, secrets: Iterable[str] = (), limit: int = 200) -> str:
    """A sample of an answer that may stand in a message: one line, cut, without secrets or what looks personal."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    text = text[: limit * 20]
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = text.replace(secret, "(secret)")
    for shape, name in _SHAPES:
        text = shape.sub(name, text)
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


# ---------------------------------------------------------------- the client


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole. `headers` by lower-case name; `json`: the parsed body where JSON was expected."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    json: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `what` names it in messages and counts. `path` is put after the base URL unless it is a whole URL.
    `writing`: a lost answer means Unknown, not Retry. `expects_json`: any other body is a broken answer."""

    what: str
    method: str = "GET"
    path: str = ""
    query: Sequence[tuple[str, str]] = ()
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    writing: bool = False
    expects_json: bool = True


Translate = Callable[[Call, Answer], HubError | None]
Table = Mapping[int, tuple[type[HubError], str]]

STATUS: Table = {
    400: (Reject, "the request was refused"),
    401: (SignIn, "the credentials were refused"),
    402: (Stop, "the account does not allow this"),
    403: (Stop, "the permission for this is missing"),
    404: (Gone, "the record does not exist"),
    409: (Duplicate, "the record is there already"),
    410: (Gone, "the record does not exist any more"),
    412: (Changed, "the record moved since it was read"),
    413: (Reject, "the request is too large"),
    422: (Reject, "the values were refused"),
}


class Http:
    """The client of one connection, shared by threads.

    `translate(call, answer)` may name the error for an answer of status 300 or more (None: the table `STATUS` decides).
    `secrets` never appear in messages.
    """

    def __init__(
        self,
        connection: str,
        context: Context,
        base_url: str,
        *,
        allow_private: Sequence[str] = (),
        timeout: float = 30.0,
        translate: Translate = lambda call, answer: None,
        secrets: Sequence[str] = (),
        largest: int = LARGEST,
        rng: random.Random | None = None,
    ) -> None:
        self.connection, self.context, self.base = connection, context, base_url.rstrip("/")
        self._allow, self._timeout, self._largest = tuple(allow_private), timeout, largest
        self._translate, self._secrets, self._rng = translate, tuple(secrets), rng
        self._targets: dict[tuple[str, str, int], tuple[float, Target]] = {}
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def read(self, call: Call, tries: int = 5) -> Answer:
        """Ask, again where that may help."""
        return read_with_retries(lambda: self.once(call), self.context.clock, tries, rng=self._rng)

    def once(self, call: Call) -> Answer:
        """Ask once. Raises the errors of hub.core for anything but a good answer."""
        self.context.on_call(call.what)
        answer = self._exchange(call)
        if answer.status >= 300:
            raise self._translate(call, answer) or self.refusal(call, answer)
        if not call.expects_json or not answer.body:
            return answer
        import orjson

        try:
            return Answer(answer.status, answer.headers, answer.body, orjson.loads(answer.body))
        except orjson.JSONDecodeError as error:
            raise self.broken(call, f"the answer is not JSON: {redact(answer.body, self._secrets)}") from error

    def refusal(self, call: Call, answer: Answer) -> HubError:
        """The error that the status alone stands for."""
        after = retry_after(answer.headers, self.context.clock.now())
        why = (
            f"status {answer.status}: {redact(answer.body, self._secrets)}"
            if answer.body
            else f"status {answer.status}"
        )
        if 300 <= answer.status < 400:
            what = "the system answers with a redirect, which is never followed"
            return Stop(what, where=self._where(call), why=why, next="check the address of the connection")
        if answer.status == 429 or (answer.status == 503 and after is not None):
            what = "the system asks to wait"
            return Retry(
                what, after=after, where=self._where(call), why=why, unchanged="Nothing was done", code="E-BUSY"
            )
        if answer.status == 408 or answer.status >= 500:
            return self.broken(call, why, after=after)
        kind, words = STATUS.get(answer.status, (Reject, "the request was refused"))
        return kind(words, where=self._where(call), why=why)

    def broken(self, call: Call, why: str, *, after: float | None = None) -> HubError:
        """The error for an answer that says nothing certain: Unknown for a write, Retry for a read."""
        what = "the system did not answer properly"
        if call.writing:
            return Unknown(what, where=self._where(call), why=why, next="look the record up before writing again")
        return Retry(what, after=after, where=self._where(call), why=why)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # -- inside

    def _where(self, call: Call) -> str:
        return f"{self.connection}: {call.what}"

    def _exchange(self, call: Call) -> Answer:
        import httpx

        request = self._request(call)
        try:
            response = self.client.send(request, stream=True)
            try:
                body = self._body(call, response)
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._targets.clear()
            # Nothing has left the house, so even a write may simply be sent again.
            raise Retry(
                "the system cannot be reached",
                where=self._where(call),
                why=type(error).__name__,
                unchanged="Nothing was sent",
            ) from error
        except httpx.HTTPError as error:
            raise self.broken(call, type(error).__name__) from error
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)

    def _body(self, call: Call, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._largest:
                raise self.broken(call, f"the answer is larger than {self._largest} bytes")
            parts.append(part)
        return b"".join(parts)

    def _request(self, call: Call) -> httpx.Request:
        """The request, aimed at the address that was checked: a second look-up could name another one."""
        import httpx

        url = httpx.URL(call.path if "://" in call.path else self.base + call.path)
        target = self._target(str(url))
        request = self.client.build_request(
            call.method,
            url.copy_merge_params(list(call.query)) if call.query else url,
            json=call.json,
            data=call.form,
            headers=dict(call.headers),
        )
        request.extensions["sni_hostname"] = target.host
        request.url = request.url.copy_with(host=target.address)
        return request

    def _target(self, url: str) -> Target:
        import httpx

        parts, now = httpx.URL(url), self.context.clock.now()
        key = (parts.scheme, parts.host, parts.port or 0)
        checked, target = self._targets.get(key, (0.0, None))
        if target is None or parts.userinfo or now - checked > ADDRESS_SECONDS:
            target = check_url(url, self._allow, where=self.connection)
            self._targets[key] = (now, target)
        return target

    @property
    def client(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _open(self) -> httpx.Client:
        import httpx

        client = httpx.Client(
            timeout=httpx.Timeout(self._timeout, connect=min(10.0, self._timeout)),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "accordant", "Accept": "application/json"},
        )
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client
