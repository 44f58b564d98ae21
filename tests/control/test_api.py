import contextlib
import errno
import importlib.metadata
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Running

ECHO = "/v1/proxies/echo"
LATENCY = {"fault": "latency", "name": "latency", "stream": "downstream", "latency": "300ms"}


@pytest.fixture
def echo(running: Running) -> Running:
    running.client.add("echo", running.echo)
    return running


def receipt(**counts: object) -> dict[str, object]:
    none = {
        "seed": 7, "active": True, "matched": 0, "chosen": 0, "fired": 0, "bytes": 0, "untouched": [],
        "untouched_total": 0, "unseen": False, "refused": None, "cause": "", "reason": "", "hint": "", "waits_for": "",
        "profile": "", "key": "", "worker": "", "healed_at": None,
    }  # fmt: skip
    return none | counts


def unconnected(running: Running, **counts: object) -> dict[str, object]:
    """The receipt of a fault to whose proxy nobody has come yet."""
    hint = f"let the service connect to {running.client.proxy('echo')['address']}"
    return receipt(cause="no_connection", reason="no connection came", hint=hint) | counts


def without_time(injection: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    armed_at = injection["receipt"].pop("armed_at")
    assert isinstance(armed_at, str)
    assert armed_at.endswith("Z")
    if injection["receipt"]["healed_at"] is not None:
        injection["receipt"]["healed_at"] = "then"
    return injection


def test_health_says_who_answers(running: Running) -> None:
    version = importlib.metadata.version("brownout")
    assert running.ask("GET", "/v1/health") == (
        200,
        {"status": "ok", "version": version, "pid": os.getpid(), "seed": 7},
    )


def test_a_setting_under_its_former_name_is_refused_with_the_new_one(echo: Running) -> None:
    assert echo.ask("POST", f"{ECHO}/injections", '{"fault": "connection_limit", "connections": 1, "then": "queue"}') == (
        400,
        {
            "error": "unknown setting 'then'", "hint": "it is now when_full", "status": 400,
            "problems": [{"key": "then", "message": "unknown setting 'then'", "hint": "it is now when_full"}],
        },
    )  # fmt: skip


@pytest.mark.parametrize("secret", ["sec/ret", "sec#ret", "sec?ret"])
def test_a_password_that_is_not_encoded_is_not_shown(running: Running, secret: str) -> None:
    address = f"postgres://app:{secret}@127.0.0.1:5432/shop"
    for body in ({"upstream": address}, {"upstream": "127.0.0.1:1", "listen": address}):
        status, told = running.ask("PUT", ECHO, json.dumps(body))
        assert (status, secret in repr(told)) == (400, False)
        assert "app:***@127.0.0.1:5432/shop" in told["error"]


def test_a_proxy_is_made_shown_changed_and_removed(running: Running) -> None:
    status, made = running.ask("PUT", ECHO, f'{{"upstream": "redis://me:secret@{running.echo}/0"}}')
    assert status == 201
    address = made["address"]
    assert made == {
        "name": "echo",
        "listen": "127.0.0.1:0",
        "address": address,
        "upstream": f"redis://me:***@{running.echo}/0",
        "protocol": "redis",
        "enabled": True,
        "trouble": None,
        "connections": {"open": 0, "total": 0},
        "bytes": {"upstream": 0, "downstream": 0},
        "turns": 0,
        "errors": {},
        "callers": [],
        "injections": [],
    }
    assert running.ask("GET", ECHO) == (200, made)
    assert running.ask("GET", "/v1/proxies") == (200, [made])
    disabled = made | {"enabled": False, "address": None}
    assert running.ask("PATCH", ECHO, '{"enabled": false}') == (200, disabled)
    assert running.ask("PATCH", ECHO, '{"enabled": true}') == (200, made)
    assert running.ask("DELETE", ECHO) == (200, {"removed": "echo"})
    assert running.ask("GET", "/v1/proxies") == (200, [])


def test_the_same_proxy_again_is_no_error_and_another_one_is(echo: Running) -> None:
    known = echo.client.proxy("echo")
    assert echo.ask("PUT", ECHO, f'{{"upstream": "{echo.echo}"}}') == (200, known)
    assert echo.ask("PUT", ECHO, f'{{"upstream": "{echo.echo}", "listen": "{known["address"]}"}}') == (200, known)
    conflict = {"error": "the proxy 'echo' exists already and differs", "hint": "PATCH changes it", "status": 409}
    assert echo.ask("PUT", ECHO, '{"upstream": "127.0.0.1:1"}') == (409, conflict)
    assert echo.ask("PUT", ECHO, f'{{"upstream": "{echo.echo}", "enabled": false}}') == (409, conflict)


def test_an_injection_is_made_shown_changed_and_healed(echo: Running) -> None:
    status, made = echo.ask("POST", f"{ECHO}/injections", '{"fault": "latency", "latency": "300ms"}')
    assert (status, without_time(made)) == (201, LATENCY | {"receipt": unconnected(echo)})
    status, changed = echo.ask("PATCH", f"{ECHO}/injections/latency", '{"latency": "1s", "probability": "50%"}')
    expected = LATENCY | {"latency": "1s", "probability": "50%", "receipt": unconnected(echo)}
    assert (status, without_time(changed)) == (200, expected)
    status, shown = echo.ask("GET", f"{ECHO}/injections/latency")
    assert (status, without_time(shown)) == (200, expected)
    status, healed = echo.ask("DELETE", f"{ECHO}/injections/latency")
    assert (status, without_time(healed)) == (200, expected | {"receipt": unconnected(echo, healed_at="then")})
    assert echo.ask("GET", f"{ECHO}/injections") == (200, [])


def test_an_injection_has_a_match_that_a_change_replaces(echo: Running) -> None:
    echo.ask("PUT", "/v1/proxies/web", '{"upstream": "http://127.0.0.1:1"}')
    web = "/v1/proxies/web/injections"
    given = {"fault": "http.status", "status": 503, "match": {"method": "POST", "json.paid": True}}
    status, made = echo.ask("POST", web, json.dumps(given))
    assert (status, made["match"]) == (201, {"method": "POST", "json.paid": "true"})
    status, changed = echo.ask("PATCH", f"{web}/http.status", '{"match": {"path": "/a"}}')
    assert (status, changed["match"]) == (200, {"path": "/a"})
    assert [event["detail"]["injection"]["match"] for event in echo.client.journal(kind="changed")] == [{"path": "/a"}]
    status, changed = echo.ask("PATCH", f"{web}/http.status", '{"match": null}')
    assert (status, "match" in changed) == (200, False)
    assert echo.ask("PATCH", f"{web}/http.status", '{"match": {"pth": "/", "path": "~("}}') == (
        400,
        {
            "error": "match.pth: unknown key; match.path: '~(' is not a regular expression: missing ), unterminated "
            "subpattern at position 0",
            "hint": "did you mean path?; ~ begins a Python regular expression; without ~, * stands for any characters",
            "status": 400,
            "problems": [
                {"key": "match.pth", "message": "match.pth: unknown key", "hint": "did you mean path?"},
                {
                    "key": "match.path",
                    "message": "match.path: '~(' is not a regular expression: missing ), unterminated subpattern at "
                    "position 0",
                    "hint": "~ begins a Python regular expression; without ~, * stands for any characters",
                },
            ],
        },
    )


def test_a_fault_of_requests_is_for_proxies_that_follow_them(echo: Running) -> None:
    refused = {
        "error": "http.status acts on http requests, and echo carries tcp",
        "hint": "give it an upstream like http://HOST:PORT",
        "status": 400,
    }
    assert echo.ask("POST", f"{ECHO}/injections", '"http.status:503"') == (400, refused)
    echo.ask("PUT", "/v1/proxies/web", '{"upstream": "http://127.0.0.1:1"}')
    echo.ask("POST", "/v1/proxies/web/injections", '"http.status:503"')
    status, refused = echo.ask("PATCH", "/v1/proxies/web", '{"upstream": "127.0.0.1:1"}')
    assert (status, refused["hint"]) == (409, "heal http.status first, or give it an upstream like http://HOST:PORT")
    assert echo.fleet.proxies["web"].upstream.scheme == "http"


def test_the_short_form_is_a_json_string(echo: Running) -> None:
    status, made = echo.ask("POST", f"{ECHO}/injections", '"latency:300ms"')
    assert (status, without_time(made)) == (201, LATENCY | {"receipt": unconnected(echo)})


def test_a_receipt_counts_and_waits_for_its_start(echo: Running) -> None:
    echo.client.inject("echo", "noop")
    echo.client.inject("echo", {"fault": "slicer", "average_size": "2B", "stream": "upstream"})
    echo.client.inject("echo", {"fault": "reset", "start": "1h"})
    host, port = str(echo.client.proxy("echo")["address"]).split(":")
    with socket.create_connection((host, int(port)), timeout=60) as link:
        link.sendall(b"12345")
        assert link.recv(5) == b"12345"
        noop, slicer, reset = map(without_time, echo.ask("GET", f"{ECHO}/injections")[1])
        proxy = echo.client.proxy("echo")
    assert noop["receipt"] == receipt(matched=1, chosen=1, fired=0, bytes=5)
    assert slicer["receipt"] == receipt(matched=1, chosen=1, fired=1, bytes=5)
    assert reset["receipt"] == receipt(
        active=False, cause="not_begun", reason="its start after 1h had not come", hint="give a shorter start"
    )
    assert proxy["connections"] == {"open": 1, "total": 1}
    assert proxy["bytes"] == {"upstream": 5, "downstream": 5}


def test_heal_all_says_how_many(echo: Running) -> None:
    echo.client.add("other", echo.echo)
    for proxy in ("echo", "echo", "other"):
        echo.client.inject(proxy, "noop")
    assert echo.ask("DELETE", f"{ECHO}/injections") == (200, {"healed": 2})
    assert echo.ask("DELETE", "/v1/injections") == (200, {"healed": 1})
    assert echo.ask("DELETE", "/v1/injections") == (200, {"healed": 0})


def test_the_catalogue_shows_settings(running: Running) -> None:
    status, faults = running.ask("GET", "/v1/faults")
    assert status == 200
    assert {"latency", "reset", "half_open"} <= {fault["name"] for fault in faults}
    status, fault = running.ask("GET", "/v1/faults/slow_close")
    assert (status, fault["acts_on"]) == (200, "stream")
    assert [(each["name"], each["type"], each["required"]) for each in fault["settings"]] == [
        ("delay", "duration", True)
    ]
    assert running.ask("GET", "/v1/faults/half_open")[1]["acts_on"] == "connection"


WRONG = [
    ("GET", "/v1", None, 404, "there is no /v1", "begin at /v1/proxies"),
    ("GET", "/v1/proxy", None, 404, "there is no /v1/proxy", "begin at /v1/proxies"),
    ("GET", "/v1/faults/latncy", None, 404, "unknown fault 'latncy'", "did you mean latency?"),
    ("GET", "/v1/proxies/ecko", None, 404, "there is no proxy named 'ecko'", "did you mean echo?"),
    ("DELETE", "/v1/proxies/ecko", None, 404, "there is no proxy named 'ecko'", "did you mean echo?"),
    ("PATCH", "/v1/proxies/ecko", "{}", 404, "there is no proxy named 'ecko'", "did you mean echo?"),
    ("POST", ECHO, "{}", 405, f"{ECHO} takes no POST", "it takes DELETE, GET, HEAD, PATCH, PUT"),
    ("PUT", "/v1/proxies/%00", '{"upstream": "a:1"}', 400, r"'\x00' is not a name",
     "use letters, digits, '.', '_' and '-'"),
    ("PUT", "/v1/proxies/new", "[]", 400, "the body is not a JSON object", 'send one like {"enabled": false}'),
    ("PUT", "/v1/proxies/new", "{}", 400, "upstream is missing", "upstream is text"),
    ("PUT", "/v1/proxies/new", '{"upstream": "redsi://x"}', 400, "unknown scheme in 'redsi://x'", None),
    ("PATCH", ECHO, '{"upstream": 5}', 400, "upstream: 5 is not right", "upstream is text"),
    ("POST", f"{ECHO}/injections", "5", 400, "the body is not an injection", 'send one like {"fault": "reset"}'),
    ("POST", f"{ECHO}/injections", "{}", 400, "no fault is named", "write fault: latency, or another fault"),
    ("POST", f"{ECHO}/injections", '"latncy:1s"', 400, "unknown fault 'latncy'", "did you mean latency?"),
    ("POST", f"{ECHO}/injections", '{"fault": "noop", "name": "a\\nb"}', 400, r"'a\nb' is not a name",
     "use letters, digits, '.', '_' and '-'"),
    ("PATCH", f"{ECHO}/injections/nop", "{}", 404, "echo has no injection named 'nop'", "there is no injection here"),
    ("GET", "/v1/journal?since=x", None, 400, "since: 'x' is not right", "since is a number"),
    ("GET", "/v1/journal?sins=1", None, 400, "unknown setting 'sins'", "did you mean since?"),
    ("GET", "/v1/journal?kind=fird", None, 400, "unknown kind 'fird'", "did you mean fired?"),
    ("GET", "/v1/journal?kind=connexion_opened&follow=1", None, 400, "unknown kind 'connexion_opened'",
     "did you mean connection_opened?"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "error", "hint"), WRONG)
def test_what_is_wrong_is_said(
    echo: Running, method: str, path: str, body: str | None, status: int, error: str, hint: str | None
) -> None:
    got, answer = echo.ask(method, path, body)
    assert (got, answer["status"], answer["error"]) == (status, status, error)
    assert hint is None or answer["hint"] == hint


def test_a_body_that_is_no_json_is_said(echo: Running) -> None:
    for body in ("{", "", "nul", '"\ud800"', "[" * 200_000):
        status, answer = echo.ask("PUT", ECHO, body.encode("utf-8", "surrogatepass"))
        assert (status, answer["status"], answer["hint"]) == (400, 400, "send a JSON object")
        assert answer["error"].startswith("the body is not JSON: ")


def test_settings_errors_list_each_problem(echo: Running) -> None:
    body = '{"fault": "latency", "latency": 300, "jiter": "1s", "times": 0}'
    status, answer = echo.ask("POST", f"{ECHO}/injections", body)
    assert status == 400
    assert answer["problems"] == [
        {"key": "times", "message": "times: 0 is not right", "hint": "times is a number, 1 or more"},
        {"key": "latency", "message": "latency: 300 has no unit", "hint": "a duration is written like 300ms or 300s"},
        {"key": "jiter", "message": "unknown setting 'jiter'", "hint": "did you mean jitter?"},
    ]


def test_a_taken_name_is_a_conflict(echo: Running) -> None:
    body = '{"fault": "noop", "name": "mine"}'
    assert echo.ask("POST", f"{ECHO}/injections", body)[0] == 201
    status, answer = echo.ask("POST", f"{ECHO}/injections", body)
    assert (status, answer["status"]) == (409, 409)
    assert "mine" in answer["error"]


def test_a_busy_listen_address_is_a_conflict(running: Running) -> None:
    body = f'{{"upstream": "{running.echo}", "listen": "{running.echo}"}}'
    status, answer = running.ask("PUT", ECHO, body)
    assert (status, answer["error"]) == (409, f"{running.echo} is in use")
    assert running.ask("GET", "/v1/proxies") == (200, [])


def test_a_body_over_a_mebibyte_is_refused(echo: Running) -> None:
    body = f'{{"upstream": "{"x" * (1 << 20)}"}}'
    answer = {"error": "the body is too large", "hint": "at most 1 MiB", "status": 413}
    assert echo.ask("PATCH", ECHO, body) == (413, answer)


@pytest.mark.parametrize("path", ["/", "/nope", "/v1x"])
def test_paths_outside_v1_are_left_to_toxiproxys_api(running: Running, path: str) -> None:
    connection = running.connect()
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (404, b"404 page not found\n")
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["a/b", "a b", "ünïcode", "100%", "a%2Fb", "{x}", "a?b#c", "-", "a=b;c", "日本"])
def test_any_printable_name_works(running: Running, name: str) -> None:
    client = running.client
    assert client.add(name, running.echo)["name"] == name
    assert client.inject(name, {"fault": "noop", "name": name})["name"] == name
    assert client.injection(name, name)["name"] == name
    assert client.heal_one(name, name)["name"] == name
    assert [event["proxy"] for event in client.journal(proxy=name, kind="healed")] == [name]
    client.remove(name)
    assert client.proxies() == []


def test_a_bug_is_an_answer_too(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def heal() -> int:
        raise KeyError("oh")

    monkeypatch.setattr(running.fleet, "heal", heal)
    answer = {"error": "a bug in Brownout: KeyError('oh')", "hint": "its stderr has the traceback", "status": 500}
    assert running.ask("DELETE", "/v1/injections") == (500, answer)
    assert "KeyError: 'oh'" in caplog.text
    monkeypatch.undo()  # the fleet heals when it closes


def test_equal_calls_at_once_all_get_a_proxy_that_listens(running: Running) -> None:
    body = json.dumps({"upstream": running.echo})
    with ThreadPoolExecutor(8) as pool:
        for number in range(15):
            path = f"/v1/proxies/p{number}"
            answers = list(pool.map(lambda path: running.ask("PUT", path, body), [path] * 8))
            assert sorted(status for status, _ in answers) == [200] * 7 + [201]
            assert len({made["address"] for _, made in answers}) == 1
            assert answers[0][1]["address"] is not None


def test_health_and_metrics_need_no_descriptor(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(name: str) -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(importlib.metadata, "version", none_left)
    assert running.ask("GET", "/v1/health")[0] == 200
    with contextlib.closing(running.connect()) as connection:
        connection.request("GET", "/metrics")
        assert connection.getresponse().status == 200
