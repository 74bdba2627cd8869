"""Conformance: what a connector makes of throttling, lost answers, broken answers, ended sessions and wrong hosts.

These checks script the sandbox's faults, so they need a connector that speaks HTTP to it. A read may be repeated by the
connector; a write never, because only the hub knows how to look before it writes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest

from hub.connect.conformance_base import MOST_CALLS, Checks, World, need
from hub.connect.connector import Receipt, Write
from hub.connect.sandbox import Request, Response
from hub.core.errors import HubError, Retry, SignIn, Stop, Unknown
from hub.core.model import Record

HTML = Response(200, "<html><body>We are down for maintenance</body></html>", {"Content-Type": "text/html"})
THROTTLED = Response(429, {"message": "too many requests"}, {"Retry-After": "7"})
BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("answer", {"response": Response(500, {"message": "internal error"})}),
    ("answer", {"response": Response(502, "<html>bad gateway</html>")}),
    ("answer", {"response": Response(503)}),
    ("drop", {}),
    ("drop_after", {}),
    ("cut", {}),
    ("replace", {"response": HTML}),
]
BROKEN_NAMES = ["500", "502", "503", "reset", "answer lost", "answer cut", "HTML with 200"]
broken = pytest.mark.parametrize(("do", "options"), BROKEN, ids=BROKEN_NAMES)


class FaultChecks(Checks):
    """Checks that need a sandbox with scripted faults."""

    @pytest.fixture
    def storm(self, spot: World) -> Iterator[World]:
        """The world, signed in and with the schema known, so that the next request is the one that matters."""
        need(self.http, "the connector does not speak HTTP")
        spot.connector.check()
        spot.created() if "create" in spot.can.writes else spot.read(spot.seed())
        yield spot
        spot.sandbox.faults.clear()

    # -- throttling

    def test_a_throttled_read_waits_as_long_as_it_was_asked_to(self, storm: World) -> None:
        id = storm.seed()
        self._next_read(storm, "answer", response=THROTTLED)
        asleep = len(storm.clock.slept)
        assert storm.read(id).kind == "updated"
        assert sum(storm.clock.slept[asleep:]) >= 7

    def test_a_throttled_write_is_handed_back_undone(self, storm: World) -> None:
        rows = len(storm.rows())
        self._next_write(storm, "answer", response=THROTTLED)
        status, error = self._try_to_create(storm)
        assert status == "retry"
        assert isinstance(error, Retry)
        assert error.after is not None
        assert 7 <= error.after < 60
        assert len(storm.rows()) == rows

    # -- answers that are broken or lost

    @broken
    def test_a_read_with_a_broken_answer_is_repeated(self, storm: World, do: str, options: dict[str, Any]) -> None:
        id = storm.seed()
        self._next_read(storm, do, **options)
        assert storm.read(id).kind == "updated"
        assert storm.sandbox.faults[-1].times == 0, "the fault did happen"

    def test_a_read_that_fails_for_good_says_so_in_the_end(self, storm: World) -> None:
        id = storm.seed()
        self._next_read(storm, "answer", times=None, response=Response(500))
        with pytest.raises(Retry):
            storm.read(id)

    @broken
    def test_a_write_whose_outcome_is_unknown_is_never_repeated(
        self, storm: World, do: str, options: dict[str, Any]
    ) -> None:
        rows = len(storm.rows())
        self._next_write(storm, do, **options)
        sent = self._writes_sent(storm)
        status, error = self._try_to_create(storm)
        assert storm.sandbox.faults[-1].times == 0, "the fault did happen"
        assert self._writes_sent(storm) == sent + 1
        carried_out = len(storm.rows()) - rows
        assert carried_out == (1 if do in ("drop_after", "cut", "replace") else 0)
        assert status == "unknown" or (status == "retry" and not carried_out and do == "answer")
        assert isinstance(error, Unknown | Retry)

    def test_a_lost_update_is_unknown_too(self, storm: World) -> None:
        need("update" in storm.can.writes, "updates are not claimed")
        record = storm.read(storm.seed())
        self._next_write(storm, "drop_after")
        status, _ = self._outcome(storm, storm.update(record, storm.sample.edit))
        assert status == "unknown"
        assert storm.rows()[record.id] | dict(storm.sample.edit) == storm.rows()[record.id]

    def test_a_create_that_was_lost_is_found_by_its_key(self, storm: World) -> None:
        need(storm.can.unique_key and storm.sample.key_field, "no field for create keys is claimed")
        self._next_write(storm, "drop_after")
        status, _ = self._outcome(storm, storm.create(key="accordant-lost"))
        assert status == "unknown"
        found = storm.connector.find_key(storm.object, storm.sample.key_field, ["accordant-lost"], storm.want)
        assert [r.key for r in found] == ["accordant-lost"]

    def test_a_system_that_is_down_has_done_nothing(self, storm: World) -> None:
        id = storm.seed()
        storm.sandbox.stop()
        try:
            with pytest.raises(Retry):
                storm.read(id)
            status, error = self._try_to_create(storm)
            assert status == "retry"
            assert isinstance(error, Retry)
        finally:
            storm.sandbox.start()

    def test_pages_that_never_end_are_noticed(self, storm: World) -> None:
        for _ in range(2 * self.page_size + 1):
            storm.seed(0.1)
        connector = storm.connect(**self.page_options)
        answers = self._replay(storm)
        pages = connector.changes(storm.object, "", storm.want)
        next(pages)
        answers.stuck = True
        with suppress(HubError):
            for _ in zip(range(MOST_CALLS // 2), pages, strict=False):
                continue
            assert next(pages, None) is None, "the same page comes for ever, and nobody minds"

    # -- sessions

    def test_an_ended_session_is_renewed_once_by_many_threads(self, storm: World) -> None:
        ids = [storm.seed() for _ in range(20)]
        before, gate = storm.sign_ins(), Barrier(len(ids), timeout=30)
        storm.sandbox.expire_tokens()

        def read_at_once(id: str) -> Record:
            gate.wait()
            return storm.read(id)

        with ThreadPoolExecutor(len(ids)) as pool:
            records = list(pool.map(read_at_once, ids))
        assert [r.id for r in records] == ids
        need(storm.sign_ins() > before, "the token never ends")
        assert storm.sign_ins() == before + 1

    def test_a_revoked_sign_in_stops_the_connection(self, storm: World) -> None:
        id = storm.seed()
        storm.sandbox.expire_tokens()
        refused = Response(400, {"error": "invalid_grant", "error_description": "expired", "message": "expired"})
        storm.sandbox.fault("answer", when=self._signs_in, times=None, response=refused)
        ended = Response(401, {"message": "expired", "status": "error", "category": "EXPIRED_AUTHENTICATION"})
        storm.sandbox.fault("answer", when=lambda r: not self._signs_in(r), times=None, response=ended)
        calls = len(storm.sandbox.calls)
        with pytest.raises(SignIn) as caught:
            storm.read(id)
        assert caught.value.next
        assert len(storm.sandbox.calls) - calls <= 4, "a refused sign-in is not tried again and again"
        with pytest.raises(SignIn):
            storm.write(storm.create()) if "create" in storm.can.writes else storm.read(id)

    # -- hosts and secrets

    def test_a_redirect_is_not_followed(self, storm: World) -> None:
        id = storm.seed()
        elsewhere = Response(302, None, {"Location": storm.sandbox.url + "/elsewhere"})
        self._next_read(storm, "answer", times=None, response=elsewhere)
        with pytest.raises(HubError):
            storm.read(id)
        assert "/elsewhere" not in {path for _, path in storm.sandbox.calls}

    def test_a_private_address_is_refused_unless_it_is_named(self, storm: World) -> None:
        config = {k: v for k, v in storm.sandbox.config().items() if k != "network"}
        calls = len(storm.sandbox.calls)
        with pytest.raises(Stop) as caught:
            storm.connect(config).check()
        assert "allow_private" in caught.value.explain()
        assert len(storm.sandbox.calls) == calls

    def test_no_secret_gets_into_messages_or_logs(self, storm: World, caplog: pytest.LogCaptureFixture) -> None:
        secrets = storm.secrets()
        need(secrets, "signs in without secrets")
        caplog.set_level(logging.DEBUG)
        told = [text for status in (400, 401, 403, 404, 409, 422, 429, 500) for text in self._provoke(storm, status)]
        storm.sandbox.faults.clear()
        fresh = storm.connect()
        fresh.check()
        told += [repr(fresh.context.tokens), caplog.text]
        assert told
        for secret in secrets:
            assert not [t for t in told if secret in t], "a secret was told"

    # -- inside

    def _provoke(self, storm: World, status: int) -> list[str]:
        """Make read and write fail with a status whose body repeats our secrets, and collect all that is said."""
        body = {"message": f"refused: {' '.join(storm.secrets())}", "error": "refused"}
        storm.sandbox.faults.clear()
        storm.sandbox.fault("answer", times=None, response=Response(status, body))
        told = []
        calls: list[Callable[[], Any]] = [
            lambda: storm.connector.check(),
            lambda: storm.pull(),
            lambda: storm.read("1"),
            lambda: [r.error for r in storm.write(Write("1", "update", dict(storm.sample.edit), id="1"))],
        ]
        for call in calls:
            try:
                answer = call()
            except HubError as error:
                told.append(_all_words(error))
            else:
                told += [_all_words(e) for e in answer if isinstance(e, HubError)] if isinstance(answer, list) else []
        return told

    def _signs_in(self, request: Request) -> bool:
        return self.sign_in_path in request.path.lower()

    def _next_read(self, storm: World, do: str, **options: Any) -> None:
        storm.sandbox.fault(do, when=lambda r: not self._signs_in(r), **options)

    def _next_write(self, storm: World, do: str, **options: Any) -> None:
        storm.sandbox.fault(do, when=self.is_write, **options)

    def _writes_sent(self, storm: World) -> int:
        return sum(self.is_write(Request(m, p, (), {}, b"")) for m, p in storm.sandbox.calls)

    def _try_to_create(self, storm: World) -> tuple[str, HubError | None]:
        need("create" in storm.can.writes, "creates are not claimed")
        return self._outcome(storm, storm.create())

    def _outcome(self, storm: World, write: Write) -> tuple[str, HubError | None]:
        """What became of one write, whether it was told by a receipt or raised for the whole batch."""
        try:
            receipt: Receipt = storm.write(write)[0]
        except Unknown as error:
            return "unknown", error
        except Retry as error:
            return "retry", error
        return receipt.status, receipt.error

    def _replay(self, storm: World) -> _Replay:
        replay = _Replay(storm.sandbox.handle, self._signs_in)
        storm.sandbox.handle = replay
        return replay


class _Replay:
    """Stands before a sandbox: once `stuck`, it gives the last answer of the same method and path for ever."""

    def __init__(self, handle: Callable[[Request], Response], signs_in: Callable[[Request], bool]) -> None:
        self._handle, self._signs_in, self.stuck = handle, signs_in, False
        self._last: dict[tuple[str, str], Response] = {}

    def __call__(self, request: Request) -> Response:
        key = (request.method, request.path)
        if self.stuck and key in self._last and not self._signs_in(request):
            return self._last[key]
        self._last[key] = self._handle(request)
        return self._last[key]


def _all_words(error: BaseException | None) -> str:
    """Everything that a log with tracebacks would show of an error, down its chain of causes."""
    words = []
    while error is not None:
        words.append(repr(error) + str(error))
        if isinstance(error, HubError):
            words.append(error.explain() + repr(error.facts))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(words)
