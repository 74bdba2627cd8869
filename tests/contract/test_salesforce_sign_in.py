"""Signing in to Salesforce, keeping the token, and where a connection may send anything at all."""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.salesforce import Salesforce
from connectors.salesforce.auth import Grant
from connectors.salesforce.hosts import Hosts, open_session
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox_login import SECRETS
from hub.connect.clock import ManualClock, MemoryTokens
from hub.connect.connector import Context
from hub.connect.limits import NoLimits
from hub.connect.sandbox import Response, on
from hub.core.errors import ConfigError, Retry, SignIn, Stop
from tests.contract.salesforce_world import CONTACT, World, create, drain

TOKEN = "/services/oauth2/token"


@pytest.fixture
def world() -> Iterator[World]:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now) as sandbox:
        yield World(sandbox, clock)
        assert not sandbox.bugs


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(kind, form, serialization.NoEncryption()).decode()


# ---------------------------------------------------------------- the flows


@pytest.mark.parametrize("kind", ["client_credentials", "password", "refresh"])
def test_each_flow_signs_in_and_knows_who_it_is(world: World, kind: str) -> None:
    identity = world.connect(kind).check()
    assert (identity.org[:3], identity.user) == ("00D", world.sandbox.us)
    assert world.sandbox.login.count == 1


def test_jwt_bearer_signs_in(world: World, private_key: str) -> None:
    assert world.connect("jwt", auth={"private_key": private_key}).check().user == world.sandbox.us


def test_the_oauth_form_of_the_password_flow_signs_in(world: World) -> None:
    app = {"client_id": SECRETS["client_id"], "client_secret": SECRETS["client_secret"]}
    assert world.connect("password", auth=app).check().user == world.sandbox.us
    assert world.calls(TOKEN) == 1


def test_a_rotated_refresh_token_is_kept_before_it_is_needed(world: World) -> None:
    world.connect("refresh").check()
    assert world.tokens.load("sf:refresh_token") == "refresh-1"
    # The one in the configuration is dead by now.
    world.connect("refresh").check()
    assert world.tokens.load("sf:refresh_token") == "refresh-2"


def test_a_refresh_token_that_cannot_be_kept_is_not_used(world: World) -> None:
    class Full(MemoryTokens):
        def save(self, name: str, value: str) -> None:
            raise OSError("no space left")

    world.tokens = Full()
    with pytest.raises(OSError, match="no space"):
        world.connect("refresh").check()
    assert world.calls("/services/data") == 0


def test_a_refresh_token_that_another_process_has_used_up_is_read_again(world: World) -> None:
    class Shared(MemoryTokens):
        """The first look-up comes just before the other process stores what it got."""

        asked = 0

        def load(self, name: str) -> str | None:
            self.asked += 1
            return None if self.asked == 1 else super().load(name)

    world.connect("refresh").check()
    world.tokens = Shared({"sf:refresh_token": "refresh-1"})
    assert world.connect("refresh").check().org
    assert world.sandbox.login.count == 3


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("client_credentials", {"client_secret": "wrong-secret"}),
        ("password", {"password": "wrong-secret"}),
        ("refresh", {"refresh_token": "wrong-secret"}),
        ("jwt", {"private_key": "wrong-secret"}),
        ("client_credentials", {"client_secret": ""}),
        ("smoke_signals", {}),
    ],
)
def test_a_refused_sign_in_says_what_to_do_and_no_secret(world: World, kind: str, wrong: dict[str, str]) -> None:
    known = kind if kind != "smoke_signals" else "jwt"
    sf = world.connect(known, auth={**wrong, "kind": kind})
    with pytest.raises(SignIn) as caught:
        sf.check()
    told = caught.value.explain() + "".join(traceback.format_exception_only(caught.value))
    assert "Next:" in told
    assert "wrong-secret" not in told
    assert not any(secret in told for name, secret in SECRETS.items() if name != "username")


def test_a_refused_sign_in_is_not_hammered(world: World) -> None:
    world.sandbox.login.refusal = "inactive_user"
    sf = world.connect()
    for _ in range(5):
        with pytest.raises(SignIn, match="inactive_user"):
            sf.check()
    assert world.sandbox.login.count == 1
    world.sandbox.login.refusal = ""
    world.clock.advance(31)
    assert sf.check().org


def test_a_sign_in_that_the_vendor_cannot_answer_is_tried_again(world: World) -> None:
    world.sandbox.fault("answer", when=on("POST", TOKEN), response=Response(503, "<html>"), times=2)
    assert world.connect().check().org
    assert world.calls(TOKEN) == 3


def test_client_credentials_at_the_common_login_host_are_refused_with_advice() -> None:
    context = Context(ManualClock(), MemoryTokens(), NoLimits())
    sf = Salesforce("sf", {"auth": {"kind": "client_credentials", "client_id": "a", "client_secret": "b"}}, context)
    with pytest.raises(SignIn, match="client credentials") as caught:
        sf.check()
    assert "My Domain" in caught.value.explain()


def test_a_token_never_shows_in_a_repr() -> None:
    assert "secret" not in repr(Grant("secret", "https://acme.my.salesforce.com"))


# ---------------------------------------------------------------- keeping the token


def test_an_expired_token_is_renewed_in_the_middle_of_a_pull(world: World) -> None:
    world.sandbox.rest.pages.size = 200
    for n in range(450):
        world.contact(n)
    got = []
    for page in world.connect().changes("Contact", "", CONTACT):
        got += [r.id for r in page.records]
        world.sandbox.expire_tokens()
    assert len(set(got)) == 450
    assert world.sandbox.login.count == 3


def test_twenty_threads_with_a_dead_token_sign_in_once(world: World) -> None:
    id = world.contact()
    sf = world.connect()
    sf.check()
    gate, seen = threading.Barrier(20), []
    world.sandbox.expire_tokens()
    world.sandbox.fault("delay", when=on("POST", TOKEN), seconds=0.2, times=None)

    def read() -> None:
        gate.wait()
        seen.extend(sf.get("Contact", [id], CONTACT))

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.id for r in seen] == [id] * 20
    assert world.sandbox.login.count == 2


def _expired() -> Response:
    return Response(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])


def test_a_fresh_token_that_is_refused_ends_in_a_stop_not_in_a_loop(world: World) -> None:
    world.sandbox.fault("answer", when=on("GET"), response=_expired(), times=None)
    with pytest.raises(SignIn, match="fresh token"):
        world.connect().check()
    assert world.sandbox.login.count == 2


def test_a_session_that_may_not_use_the_api_does_not_sign_in_again(world: World) -> None:
    message = "This session is not valid for use with the REST API"
    refusal = Response(401, [{"errorCode": "INVALID_SESSION_ID", "message": message}])
    world.sandbox.fault("answer", when=on("GET"), response=refusal, times=None)
    with pytest.raises(Stop):
        world.connect().check()
    assert world.sandbox.login.count == 1


# ---------------------------------------------------------------- reads on a bad line


@pytest.mark.parametrize("what", ["drop", "drop_after", "cut"])
def test_a_read_on_a_bad_line_is_repeated(world: World, what: str) -> None:
    world.contact()
    sf = world.connect()
    world.sandbox.fault(what, when=on("GET", "/queryAll"), times=2)
    records, _ = drain(sf, "Contact")
    assert len(records) == 1
    assert world.clock.slept == [1, 2]


@pytest.mark.parametrize(
    "response",
    [
        Response(500),
        Response(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}]),
        Response(200, "<html>proxy</html>"),
        Response(400, [{"errorCode": "QUERY_TIMEOUT", "message": "too long"}]),
        Response(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}]),
    ],
)
def test_a_read_waits_for_a_busy_salesforce_and_then_gives_up(world: World, response: Response) -> None:
    world.sandbox.fault("answer", when=on("GET"), response=response, times=3)
    assert world.connect().check().org
    world.sandbox.fault("answer", when=on("GET"), response=response, times=None)
    with pytest.raises(Retry):
        world.connect().check()
    assert len(world.asked) == 8


def test_a_day_whose_requests_are_used_up_pauses_for_long_and_asks_once(world: World) -> None:
    world.sandbox.quota(0)
    with pytest.raises(Retry) as caught:
        world.connect().check()
    assert caught.value.after == 900.0
    assert len(world.asked) == 1


def test_writes_leave_the_configured_share_of_the_day_to_others(world: World) -> None:
    sf = world.connect(limits={"reserve": "20%"})
    world.sandbox.quota(20_000)
    sf.check()
    with pytest.raises(Retry, match="share"):
        sf.write("Contact", [create(1)])
    world.sandbox.quota(90_000)
    world.clock.advance(901)
    assert sf.write("Contact", [create(1)])[0].status == "done"


@pytest.mark.parametrize("reserve", ["much", "120%", -1])
def test_a_reserve_that_is_no_share_is_refused(world: World, reserve: Any) -> None:
    with pytest.raises(ConfigError, match="share"):
        world.connect(limits={"reserve": reserve})


def test_a_server_that_does_not_answer_in_time_is_given_up(world: World) -> None:
    world.sandbox.fault("delay", when=on("GET"), seconds=2.0, times=None)
    with pytest.raises(Retry) as caught:
        world.connect(timeout=0.05).check()
    assert "Timeout" in caught.value.why


def test_a_retired_api_version_stops_with_advice(world: World) -> None:
    with pytest.raises(Stop) as caught:
        world.connect(api_version="30.0").check()
    assert "api_version" in caught.value.explain()


def test_a_redirect_is_not_followed(world: World) -> None:
    away = Response(302, None, {"Location": f"{world.sandbox.url}/services/data/v68.0/sobjects"})
    world.sandbox.fault("answer", when=on("GET"), response=away)
    with pytest.raises(Stop):
        world.connect().check()
    assert world.calls("/services/data") == 1


def test_an_answer_larger_than_any_honest_one_is_not_swallowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.salesforce.transport.MOST_BYTES", 100)
    with pytest.raises(Retry) as caught:
        world.connect().check()
    assert "too large" in caught.value.explain()


# ---------------------------------------------------------------- hosts


def test_an_instance_outside_of_salesforce_gets_no_token(world: World) -> None:
    answer = {"access_token": "x", "instance_url": "https://evil.example"}
    world.sandbox.fault("answer", when=on("POST", TOKEN), response=Response(200, answer))
    with pytest.raises(Stop, match="outside of Salesforce"):
        world.connect().check()


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("acme--dev.sandbox.my.salesforce.com", "https://acme--dev.sandbox.my.salesforce.com"),
        ("acme.my.salesforce.com:443", "https://acme.my.salesforce.com"),
        ("evil.example", None),
        ("salesforce.com.evil.example", None),
        ("evilsalesforce.com", None),
        ("evil.example/.salesforce.com", None),
        ("user@acme.my.salesforce.com", None),
        ("acme.my.salesforce.com:8443", None),
        ("", None),
    ],
)
def test_only_salesforces_own_hosts_are_taken_for_an_instance(host: str, base: str | None) -> None:
    hosts = Hosts("sf", {"login_url": "https://login.salesforce.com"})
    if base:
        assert hosts.instance(host) == base
    else:
        with pytest.raises(Stop):
            hosts.instance(host)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"login_url": "http://127.0.0.1:9"}, "private address"),
        ({"login_url": "https://127.0.0.1:9"}, "private address"),
        ({"login_url": "https://10.0.0.1", "network": {"allow_private": ["127.0.0.1/32"]}}, "private address"),
        ({"login_url": "http://10.0.0.1", "network": {"allow_private": "127.0.0.1/32"}}, "private address"),
        ({"login_url": "http://8.8.8.8"}, "plain http"),
        ({"login_url": "https://login.salesforce.com"}, "leave Salesforce"),
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_allowed(config: dict[str, Any], words: str) -> None:
    hosts = Hosts("sf", config)
    url = hosts.login if "leave" not in words else "https://evil.example"
    with pytest.raises(Stop, match=words):
        hosts.target(url + "/services/data")


class Secure(ThreadingHTTPServer):
    """A server with a certificate for one name, which keeps what it was asked under."""

    daemon_threads = True

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Named)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        day, begin = timedelta(days=1), datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        made = made.serial_number(1).not_valid_before(begin - day).not_valid_after(begin + day)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
        (folder / f"{name}.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, folder / f"{name}.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not like the certificate hangs up."""


class _Named(BaseHTTPRequestHandler):
    server: Secure

    def do_GET(self) -> None:
        self.server.asked.append(self.headers["Host"])
        self.send_response_only(204)
        self.end_headers()


@pytest.mark.parametrize(("name", "accepted"), [("acme.my.salesforce.com", True), ("other.my.salesforce.com", False)])
def test_a_host_is_reached_at_the_checked_address_and_must_prove_its_name(
    name: str, accepted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up once; the certificate is that of the name all the same."""
    looked_up = []

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("hub.connect.network.check_url.__defaults__", ((), resolve))
    with Secure(tmp_path, name) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"https://acme.my.salesforce.com:{server.server_address[1]}"
        hosts = Hosts("sf", {"login_url": url, "network": {"allow_private": ["127.0.0.1/32"]}})
        with open_session(hosts, 5) as http:
            for _ in range(2):
                if accepted:
                    assert http.get(url, verify=str(server.ca)).status_code == 204
                else:
                    with pytest.raises(requests.exceptions.SSLError):
                        http.get(url, verify=str(server.ca))
        server.shutdown()
    assert looked_up == ["acme.my.salesforce.com"] * (1 if accepted else 2)
    assert server.asked == ([url.removeprefix("https://")] * 2 if accepted else [])


@pytest.mark.parametrize("url", ["acme.my.salesforce.com", "ftp://acme.my.salesforce.com", "https://"])
def test_a_login_url_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Stop, match="login_url"):
        Hosts("sf", {"login_url": url})


def test_proxies_and_credentials_of_the_environment_are_ignored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert world.connect().check().org


def test_every_api_request_is_counted_and_sign_ins_are_not(world: World) -> None:
    sf = world.connect()
    sf.check()
    drain(sf, "Contact")
    sf.close()
    assert len(world.asked) == world.calls("/services/data") == 2
