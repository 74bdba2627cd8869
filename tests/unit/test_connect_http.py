"""HTTP for connectors: what each answer means, what is retried, and what never gets into a message."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Context
from hub.connect.http import Answer, Call, Http, read_with_retries, redact, retry_after
from hub.connect.limits import NoLimits
from hub.connect.sandbox import Request, Response, Sandbox
from hub.core.errors import Changed, Duplicate, Gone, HubError, Reject, Retry, SignIn, Stop, Unknown


class Echo(Sandbox):
    """Answers with what it was asked."""

    def handle(self, request: Request) -> Response:
        return Response(200, {"path": request.path, "query": request.query, "host": request.headers["host"],
            "cookie": request.headers.get("cookie"), "body": request.body.decode()}, {"Set-Cookie": "session=1"})  # fmt: skip


OPEN: list[Http] = []


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as sandbox:
        assert isinstance(sandbox, Echo)
        yield sandbox
    while OPEN:
        OPEN.pop().close()


def client(to: Sandbox, calls: list[str] | None = None, **options: Any) -> Http:
    counted: list[str] = calls if calls is not None else []
    context = Context(ManualClock(), MemoryTokens(), NoLimits(), on_call=counted.append)
    options = {"allow_private": ["127.0.0.1/32"], "secrets": ["s3cret-token"], "rng": random.Random(1), **options}
    OPEN.append(Http("shop", context, to.url, **options))
    return OPEN[-1]


# ---------------------------------------------------------------- Retry-After


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "10"}, 10),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": formatdate(1030, usegmt=True)}, 30),
        ({"Retry-After": formatdate(930, usegmt=True)}, 0),
        ({"Retry-After": formatdate(5030, usegmt=True), "Date": formatdate(5000, usegmt=True)}, 30),
        ({"Retry-After": formatdate(1030, usegmt=True), "Date": "yesterday"}, 30),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date_of_the_remote(headers: dict[str, str], seconds: Any) -> None:
    assert retry_after(headers, now=1000) == seconds


# ---------------------------------------------------------------- retries of reads


class Flaky:
    def __init__(self, *errors: HubError) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "fine"


def test_a_read_is_tried_again_after_the_time_the_remote_asked_for() -> None:
    clock = ManualClock()
    assert read_with_retries(Flaky(Retry("busy", after=10)), clock, rng=random.Random(1)) == "fine"
    assert [10 <= s <= 11 for s in clock.slept] == [True]


def test_pauses_grow_have_full_jitter_and_the_last_error_is_raised() -> None:
    clock, flaky = ManualClock(), Flaky(*(Retry(f"busy {n}") for n in range(9)))
    with pytest.raises(Retry, match="busy 4"):
        read_with_retries(flaky, clock, rng=random.Random(3))
    assert flaky.calls == 5
    assert all(0 <= s <= 2.0**n for n, s in enumerate(clock.slept))
    assert len(set(clock.slept)) == 4


def test_a_long_wait_is_the_callers_to_plan() -> None:
    clock = ManualClock()
    with pytest.raises(Retry) as caught:
        read_with_retries(Flaky(Retry("daily quota", after=3600)), clock)
    assert (caught.value.after, clock.slept) == (3600, [])


@pytest.mark.parametrize("error", [Unknown("x"), Reject("x"), Stop("x"), SignIn("x")])
def test_nothing_but_a_retry_is_tried_again(error: HubError) -> None:
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        read_with_retries(flaky, ManualClock())
    assert flaky.calls == 1


# ---------------------------------------------------------------- redaction


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b'{"error": "no such field Phnoe"}', '{"error": "no such field Phnoe"}'),
        ("ana.diaz+x@example.org is taken", "(e-mail) is taken"),
        ("call +34 600 000 000 now", "call (number) now"),
        ("token s3cret-token expired", "token (secret) expired"),
        ("Bearer 00Dx0000000abcdefgh1234567", "Bearer (token)"),
        ("a\r\nb\x1b[31mc", "a b [31mc"),
        ("x" * 500, "(token)"),
        ("word " * 100, "word " * 40 + "…"),
        (b"\xff\xfe", "��"),
        ("", ""),
    ],
)
def test_samples_of_answers_are_short_and_free_of_what_looks_personal(text: Any, shown: str) -> None:
    assert redact(text, ["s3cret-token", ""]) == shown


# ---------------------------------------------------------------- the client


def test_a_call_reaches_the_checked_address_under_the_right_name(echo: Echo) -> None:
    calls: list[str] = []
    http = client(echo, calls)
    answer = http.read(Call("list", path="/items", query=[("page", "2"), ("page", "3")]))
    assert answer.json["path"] == "/items"
    assert answer.json["query"] == [["page", "2"], ["page", "3"]]
    assert answer.json["host"] == echo.url.removeprefix("http://")
    assert calls == ["list"]
    http.close()


def test_cookies_are_never_kept(echo: Echo) -> None:
    http = client(echo)
    http.once(Call("one"))
    assert http.once(Call("two")).json["cookie"] is None


def test_bodies_go_out_as_json_or_as_a_form(echo: Echo) -> None:
    http = client(echo)
    assert http.once(Call("w", "POST", json={"a": "é"})).json["body"] == '{"a":"é"}'
    assert http.once(Call("w", "POST", form={"a": "1"})).json["body"] == "a=1"


def test_an_address_that_is_not_named_is_refused_before_anything_is_sent(echo: Echo) -> None:
    with pytest.raises(Stop, match="private address"):
        client(echo, allow_private=[]).once(Call("x"))
    with pytest.raises(Stop, match="user name"):
        client(echo).once(Call("x", path=echo.url.replace("//", "//user:pw@")))
    assert echo.calls == []


TABLE: list[tuple[int, bool, type[HubError]]] = [
    (400, True, Reject),
    (401, False, SignIn),
    (403, False, Stop),
    (404, False, Gone),
    (408, False, Retry),
    (409, True, Duplicate),
    (412, True, Changed),
    (418, True, Reject),
    (422, True, Reject),
    (429, False, Retry),
    (429, True, Retry),
    (500, False, Retry),
    (500, True, Unknown),
    (502, True, Unknown),
    (503, True, Unknown),
    (301, False, Stop),
    (302, True, Stop),
]


@pytest.mark.parametrize(("status", "writing", "raises"), TABLE)
def test_each_status_stands_for_the_callers_next_move(
    echo: Echo, status: int, writing: bool, raises: type[HubError]
) -> None:
    echo.fault("answer", response=Response(status, "no: ana@example.org s3cret-token"))
    with pytest.raises(HubError) as caught:
        client(echo).once(Call("save", "POST", writing=writing))
    told = caught.value.explain()
    assert type(caught.value) is raises
    assert told.startswith("shop: save: ")
    assert f"status {status}" in told
    assert "ana@example.org" not in told
    assert "s3cret" not in told


def test_throttling_with_a_time_is_certain_also_for_writes(echo: Echo) -> None:
    for status in (429, 503):
        echo.fault("answer", response=Response(status, None, {"Retry-After": "7"}))
        with pytest.raises(Retry) as caught:
            client(echo).once(Call("save", "POST", writing=True))
        assert caught.value.after == 7


def test_a_connector_may_name_errors_better_than_the_status(echo: Echo) -> None:
    def translate(call: Call, answer: Answer) -> HubError | None:
        return Reject("bad e-mail", fields=("email",)) if b"EMAIL" in answer.body else None

    http = client(echo, translate=translate)
    echo.fault("answer", response=Response(400, "EMAIL"))
    echo.fault("answer", response=Response(404, "other"))
    with pytest.raises(Reject, match="bad e-mail"):
        http.once(Call("save"))
    with pytest.raises(Gone):
        http.once(Call("save"))


def test_a_redirect_is_refused_and_not_followed(echo: Echo) -> None:
    echo.fault("answer", response=Response(302, None, {"Location": echo.url + "/elsewhere"}))
    with pytest.raises(Stop, match="redirect"):
        client(echo).read(Call("list"))
    assert len(echo.calls) == 1


BROKEN = [
    ("drop", {}),
    ("drop_after", {}),
    ("cut", {}),
    ("replace", {"response": Response(200, "<html>maintenance</html>")}),
    ("replace", {"response": Response(200, '{"half":')}),
    ("replace", {"response": Response(200, b"\xff\xfe")}),
]


@pytest.mark.parametrize(("do", "options"), BROKEN)
def test_a_broken_answer_is_unknown_for_a_write_and_is_asked_again_for_a_read(
    echo: Echo, do: str, options: dict[str, Any]
) -> None:
    echo.fault(do, **options)
    with pytest.raises(Unknown):
        client(echo).once(Call("save", "POST", writing=True))
    assert len(echo.calls) == 1
    echo.fault(do, **options)
    assert client(echo).read(Call("list", path="/x")).json["path"] == "/x"


def test_a_system_that_is_down_has_done_nothing(echo: Echo) -> None:
    http = client(echo)
    echo.stop()
    with pytest.raises(Retry, match="cannot be reached") as caught:
        http.once(Call("save", "POST", writing=True))
    assert caught.value.unchanged == "Nothing was sent"
    echo.start()


def test_an_answer_that_unpacks_to_too_much_is_dropped(echo: Echo) -> None:
    bomb = Response(200, gzip.compress(b" " * 5_000_000), {"Content-Encoding": "gzip"})
    echo.fault("replace", response=bomb)
    with pytest.raises(Retry, match="did not answer properly") as caught:
        client(echo, largest=1_000_000).once(Call("list"))
    assert "larger than 1000000" in caught.value.why


def test_other_bodies_are_handed_over_as_they_are(echo: Echo) -> None:
    echo.fault("replace", response=Response(200, b"a,b\n1,2\n"))
    assert client(echo).once(Call("export", expects_json=False)).body == b"a,b\n1,2\n"
    echo.fault("replace", response=Response(204))
    assert client(echo).once(Call("delete", "DELETE", writing=True)).json is None


def test_the_environment_does_not_send_us_through_a_proxy(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert client(echo).once(Call("list")).status == 200


def test_the_name_is_looked_up_once_and_again_after_some_minutes(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.connect import http as module

    checked: list[str] = []
    check = module.check_url
    monkeypatch.setattr(module, "check_url", lambda url, *a, **o: checked.append(url) or check(url, *a, **o))
    http = client(echo)
    http.once(Call("one"))
    http.once(Call("two"))
    assert len(checked) == 1
    assert isinstance(http.context.clock, ManualClock)
    http.context.clock.advance(301)
    http.once(Call("three"))
    assert len(checked) == 2


def test_tls_is_asked_for_by_name_though_we_connect_to_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.connect import http as module
    from hub.connect.network import Target

    seen: list[httpx.Request] = []
    target = Target("https", "api.example.org", 443, ("93.184.216.34",))
    monkeypatch.setattr(module, "check_url", lambda url, *a, **o: target)
    context = Context(ManualClock(), MemoryTokens(), NoLimits())
    http = Http("shop", context, "https://api.example.org")
    monkeypatch.setattr(http.client, "send", lambda request, **o: seen.append(request) or httpx.Response(200, json={}))
    http.once(Call("list", path="/x"))
    assert str(seen[0].url) == "https://93.184.216.34/x"
    assert seen[0].headers["host"] == "api.example.org"
    assert seen[0].extensions["sni_hostname"] == "api.example.org"
