"""Who may use the API: requests as they come over the wire, allowed and refused."""

import json
import socket
from collections.abc import Iterator

import pytest

from brownout.control.client import Client
from brownout.control.guard import Guard
from brownout.wire.errors import BrownoutError

from .conftest import Running, serving

TOKEN = "s3cret-0123456789"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"


def status(running: Running, path: str = "/v1/health", method: str = "GET", **headers: str) -> int:
    """The status of a request; `{port}` in a header is the API's."""
    return answer(running, path, method, **headers)[0]


def answer(running: Running, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    said = {key.replace("_", "-"): text.format(port=running.server.address.port) for key, text in headers.items()}
    connection = running.connect()
    try:
        connection.request(method, path, headers=said)
        response = connection.getresponse()
        return response.status, response.read(), dict(response.headers)
    finally:
        connection.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Running]:
    with serving(Guard.of(None, ["Chaos.Example.com", "*.Default", "proxy-?.test.example"])) as running:
        yield running


@pytest.fixture(scope="module")
def closed() -> Iterator[Running]:
    with serving(Guard.of(TOKEN)) as running:
        yield running


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://127.0.0.1:{port}", "127.0.0.1:{port}", 200),
        ("http://localhost:{port}", "localhost:{port}", 200),
        ("http://brownout:{port}", "brownout:{port}", 200),
        ("http://chaos.example.com:{port}", "chaos.example.com:{port}", 200),
        ("http://127.0.0.1:{port}", "localhost:{port}", 403),
        ("https://127.0.0.1:{port}", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1:1", "127.0.0.1:{port}", 403),
        ("http://127.0.0.1", "127.0.0.1:{port}", 403),
        ("https://evil.example", "127.0.0.1:{port}", 403),
        ("http://evil.example:{port}", "127.0.0.1:{port}", 403),
        ("http://evil.example:{port}", "evil.example:{port}", 403),
        ("null", "127.0.0.1:{port}", 403),
        ("", "127.0.0.1:{port}", 403),
    ],
)
def test_an_origin_must_be_the_apis_own(plain: Running, origin: str, host: str, expected: int) -> None:
    for path in ("/v1/health", "/metrics", "/proxies"):
        assert status(plain, path, Origin=origin, Host=host) == expected


def test_a_token_does_not_let_a_web_page_in(closed: Running) -> None:
    shown = {"Authorization": f"Bearer {TOKEN}"}
    assert status(closed, Origin="https://evil.example", **shown) == 403
    assert status(closed, Origin="http://127.0.0.1:{port}", Host="127.0.0.1:{port}", **shown) == 200


HOSTS = [
    ("127.0.0.1:{port}", 200),
    ("127.0.0.1", 200),
    ("10.1.2.3:8474", 200),
    ("[::1]:{port}", 200),
    ("[fe80::1]", 200),
    ("localhost:{port}", 200),
    ("LOCALHOST", 200),
    ("api.localhost:80", 200),
    ("brownout:8474", 200),
    ("toxiproxy", 200),
    ("chaos.example.com:8474", 200),
    ("CHAOS.example.COM", 200),
    ("host.docker.internal:8474", 200),
    ("host.testcontainers.internal:{port}", 200),
    ("Toxiproxy.local", 200),
    ("toxiproxy.default.svc:8474", 200),
    ("toxiproxy.default.svc.cluster.local:8474", 200),
    ("toxiproxy.default:8474", 200),
    ("proxy-1.test.example", 200),
    ("proxy-10.test.example", 403),
    ("toxiproxy.other", 403),
    ("default.evil.example", 403),
    ("internal.evil.example", 403),
    ("evil-internal.example", 403),
    ("localtest.me", 403),
    ("127-0-0-1.nip.io", 403),
    ("evil.example:{port}", 403),
    ("chaos.example.com.evil.example", 403),
    ("127.0.0.1.evil.example:{port}", 403),
    ("localhost.evil.example", 403),
    ("evillocalhost.example", 403),
    ("127.1", 403),
    ("localhost.", 403),
]


@pytest.mark.parametrize(("host", "expected"), HOSTS)
def test_a_host_is_an_address_or_a_name_that_public_dns_cannot_have(plain: Running, host: str, expected: int) -> None:
    granted = {
        "/v1/health": ("GET", 200),
        "/metrics": ("GET", 200),
        "/v1/injections": ("DELETE", 200),
        "/reset": ("POST", 204),
    }
    for path, (method, code) in granted.items():
        assert status(plain, path, method, Host=host) == (code if expected == 200 else 403)


@pytest.mark.parametrize(("host", "expected"), [("chaos.example.com", 200), ("other.example.com", 403)])
def test_the_name_at_which_it_listens_is_its_own(host: str, expected: int) -> None:
    with serving(Guard().at("Chaos.example.com")) as running:
        assert status(running, Host=host) == expected


def test_a_host_that_is_refused_learns_of_allow_host(plain: Running) -> None:
    code, body, headers = answer(plain, "/v1/proxies", Host="evil.example:99")
    assert (code, headers["Content-Type"]) == (403, "application/json")
    assert json.loads(body) == {
        "error": "this API does not answer to the name 'evil.example'",
        "hint": "start it with --allow-host evil.example, or with a --token",
        "status": 403,
    }


def test_clients_of_toxiproxy_learn_of_it_in_the_error_itself(plain: Running) -> None:
    code, body, _ = answer(plain, "/proxies", Host="toxiproxy.other:8474")
    assert (code, json.loads(body)["error"]) == (
        403,
        "this API does not answer to the name 'toxiproxy.other': start it with --allow-host toxiproxy.other, or with a --token",
    )


def test_a_request_without_a_host_is_no_browsers(plain: Running) -> None:
    with socket.create_connection((plain.server.address.host, plain.server.address.port), timeout=60) as connection:
        connection.sendall(b"GET /v1/health HTTP/1.0\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.0 200 OK"


AGENTS = [
    (CHROME, "/v1/health", 403),
    ("Mozilla/", "/v1/health", 403),
    ("mozilla/5.0", "/v1/health", 200),
    ("Mozilla", "/v1/health", 200),
    ("x Mozilla/5.0", "/v1/health", 200),
    ("", "/v1/health", 200),
    ("Prometheus/3.0.0", "/metrics", 200),
    (CHROME, "/metrics", 200),
    (CHROME, "/proxies", 403),
    (CHROME, "/v1/nope", 404),
    (CHROME, "/nope", 404),
]


@pytest.mark.parametrize(("agent", "path", "expected"), AGENTS)
def test_browsers_may_look_at_the_metrics_alone(plain: Running, agent: str, path: str, expected: int) -> None:
    assert status(plain, path, User_Agent=agent) == expected


def test_a_browser_is_told_so(plain: Running) -> None:
    code, body, headers = answer(plain, "/v1/proxies", User_Agent=CHROME)
    assert (code, json.loads(body)["error"]) == (403, "browsers may not use this API")
    assert status(plain, "/v1/proxies", "PURGE", User_Agent=CHROME) == 405
    code, body, headers = answer(plain, "/proxies", User_Agent=CHROME)
    assert (code, body, headers["Content-Type"]) == (403, b"User agent not allowed\n", "text/plain; charset=utf-8")
    assert (headers["X-Content-Type-Options"], len(headers["X-Toxiproxy-Request-Id"])) == ("nosniff", 20)


TOKENS = [
    (f"Bearer {TOKEN}", 200),
    (f"bearer {TOKEN}", 200),
    (f"BEARER  {TOKEN}", 200),
    (f"Bearer {TOKEN}x", 401),
    (f"Bearer {TOKEN[:-1]}", 401),
    (f"Basic {TOKEN}", 401),
    (TOKEN, 401),
    ("Bearer", 401),
    ("Bearer ünïcode", 401),
    (None, 401),
]


@pytest.mark.parametrize(("shown", "expected"), TOKENS)
def test_where_there_is_a_token_it_must_be_shown(closed: Running, shown: str | None, expected: int) -> None:
    headers = {} if shown is None else {"Authorization": shown}
    for path in ("/v1/health", "/metrics", "/proxies"):
        code, body, said = answer(closed, path, **headers)
        assert (code, said.get("WWW-Authenticate")) == (expected, "Bearer" if expected == 401 else None)
        assert TOKEN.encode() not in body
    assert status(closed, "/nope", **headers) == (404 if expected == 200 else expected)


def test_with_a_token_the_host_is_not_looked_at(closed: Running) -> None:
    assert status(closed, Host="evil.example", Authorization=f"Bearer {TOKEN}") == 200
    assert status(closed, Host="evil.example") == 401


def test_the_client_shows_the_token(closed: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROWNOUT_TOKEN", raising=False)
    assert Client(closed.api, token=TOKEN).health()["status"] == "ok"
    assert Client(closed.api, token=TOKEN).within(5).health()["status"] == "ok"
    hint = "give it with --token or BROWNOUT_TOKEN; over HTTP, Authorization: Bearer TOKEN"
    for token, message in (("", "this API asks for a token"), ("wrong", "the token is not the one of this API")):
        with pytest.raises(BrownoutError) as caught:
            Client(closed.api, token=token).health()
        assert (caught.value.message, caught.value.hint, caught.value.status) == (message, hint, 401)
    monkeypatch.setenv("BROWNOUT_TOKEN", TOKEN)
    assert Client(closed.api).health()["status"] == "ok"
    with pytest.raises(BrownoutError, match="asks for a token"):
        Client(closed.api, token="").health()


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(token: str) -> None:
    for refused in (lambda: Guard.of(token), lambda: Client("127.0.0.1:1", token=token or " ")):
        with pytest.raises(BrownoutError) as caught:
            refused()
        assert caught.value.message == "the token is empty, or contains a space or a character beyond ASCII"
        assert "schl" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("host", ["", "a b", "chaos.example.com:80", "http://chaos.example.com", "[::1]"])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(BrownoutError, match=r"is not a host name\n"):
        Guard.of(None, [host])


def test_what_cannot_be_read_is_not_logged(closed: Running, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_connection((closed.server.address.host, closed.server.address.port), timeout=60) as connection:
        header = f"Authorization: Bearer {TOKEN}\x01"
        connection.sendall(f"GET /v1/health HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.0 400"
    assert caplog.text == ""


def test_a_guard_does_not_show_its_token() -> None:
    assert repr(Guard.of(TOKEN, ["a.example"])) == "Guard(token='***', hosts={'a.example'})"
