"""The base of every sandbox: a real HTTP server on loopback that stands in for a vendor.

A sandbox is strict: it refuses what the vendor refuses, in the vendor's words. Subclasses implement `handle`. Faults are
scripted on the side, so that the vendor's code stays plain: see `Fault`.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is decoded; `query` keeps repeated keys; header names are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    raw_path: str = ""

    def get(self, name: str, default: str = "") -> str:
        return next((v for k, v in self.query if k == name), default)

    def json(self) -> Any:
        """The body as JSON; raises ValueError on anything else."""
        return orjson.loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    """`body`: None, bytes, text, or anything that JSON can hold."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        if self.body is None:
            return b"", ""
        if isinstance(self.body, bytes):
            return self.body, "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return orjson.dumps(self.body), "application/json;charset=UTF-8"


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with matching requests.

    `do`: "answer" (send `response`, the request is not carried out) · "drop" (close the socket, not carried out) ·
    "drop_after" (carried out, then the socket closes without an answer) · "cut" (carried out, half the body is sent) ·
    "delay" (carried out after `seconds`) · "replace" (carried out, but `response` is sent instead).
    `when`: which requests; `times`: how often (None = always); `chance`: of each match.
    """

    do: str
    when: Callable[[Request], bool] = lambda request: True
    response: Response = Response(500)
    times: int | None = 1
    chance: float = 1.0
    seconds: float = 0.0


def on(method: str = "", path: str = "") -> Callable[[Request], bool]:
    """A matcher for `Fault.when`: the method and a part of the path."""
    return lambda r: (not method or r.method == method) and path in r.path


class Sandbox:
    """A vendor on loopback. Use as a context manager, or `start()` and `stop()`; `url` is its address.

    `calls` lists what was asked (method and path), for tests that count. `lock` guards the record store: `handle` runs
    under it, so a sandbox needs no locks of its own.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, str]] = []
        self.lock = threading.RLock()
        self._server: _Server | None = None

    def handle(self, request: Request) -> Response:
        """Answer one request. Any exception becomes a 500 and is kept in `self.bugs`."""
        raise NotImplementedError

    # -- life

    @property
    def url(self) -> str:
        assert self._server, "the sandbox is not started"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, port: int = 0) -> Sandbox:
        self.bugs: list[BaseException] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.sandbox = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.drop_all()
            self._server = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # -- faults

    def fault(self, do: str, **options: Any) -> Fault:
        """Script a fault; see `Fault` for the options."""
        made = Fault(do, **options)
        self.faults.append(made)
        return made

    def _next_fault(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.times != 0 and fault.when(request) and self.random.random() < fault.chance:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def respond(self, request: Request) -> tuple[Response, Fault | None]:
        with self.lock:
            self.calls.append((request.method, request.path))
            fault = self._next_fault(request)
            if fault and fault.do in ("answer", "drop"):
                return fault.response, fault
            try:
                response = self.handle(request)
            except Exception as bug:
                self.bugs.append(bug)
                response = Response(500, {"sandbox_bug": repr(bug)})
            return (fault.response if fault and fault.do == "replace" else response), fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sandbox: Sandbox
    request_queue_size = 64

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    def drop_all(self) -> None:
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(parts.path),
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={k.lower(): v for k, v in self.headers.items()},
            body=body,
            raw_path=self.path,
        )
        response, fault = self.server.sandbox.respond(request)
        if fault and fault.seconds:
            threading.Event().wait(fault.seconds)
        if fault and fault.do in ("drop", "drop_after"):
            return self._hang_up()
        data, kind = response.encoded()
        self.send_response_only(response.status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault and fault.do == "cut":
            self.wfile.write(data[: len(data) // 2])
            return self._hang_up()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        # Linger 0 sends a reset, which a client cannot mistake for an end of the answer.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Sandboxes are silent."""
