"""Verdicts on clients, over real connections: embedded, beneath a running Brownout, and for all tests of a suite."""

import contextlib
import http.client
import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import brownout.testing.failure
import brownout.testing.verdict  # noqa: F401 - what an inner run imports first, it takes away with it
from brownout.faults.settings import SettingsError
from brownout.testing import Chaos, Proxied
from brownout.testing.verdict import NotGracefulError

from ..cli.conftest import Run as BrownoutRun
from .suites import Run, told

pytest_plugins = ["pytester"]


@pytest.fixture(params=["embedded", "running"])
def api(request: pytest.FixtureRequest, web: str) -> Iterator[Proxied]:
    """A proxy before an HTTP server, of this process and of another one."""
    with contextlib.ExitStack() as stack:
        where = "none"
        if request.param == "running":
            where = stack.enter_context(contextlib.closing(BrownoutRun("--api", "127.0.0.1:0"))).api
        chaos = stack.enter_context(Chaos(api=where))
        proxied = chaos.proxy("api", upstream=web)
        proxied.chaos = chaos  # type: ignore[attr-defined]
        yield proxied


def ask(api: Proxied, method: str = "GET", body: str | None = None) -> int:
    """Ask once, on a connection of its own; 0 where there is no answer."""
    client = http.client.HTTPConnection(api.host, api.port, timeout=20)
    try:
        client.request(method, "/charge", body)
        answer = client.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        client.close()


def retry(api: Proxied, times: int, pause: float, method: str = "GET", body: str | None = None) -> None:
    """Ask until there is a good answer, with pauses that double and vary."""
    for attempt in range(times):
        if ask(api, method, body) == 200:
            return
        time.sleep(pause * 2**attempt * random.Random(attempt).uniform(0.5, 1))


def rules(api: Proxied, **settings: object) -> list[str]:
    chaos: Chaos = api.chaos  # type: ignore[attr-defined]
    return [f"{each.level} {each.rule}" for each in chaos.verdict(api, **settings).findings]


def test_of_a_sound_client_nothing_is_said(api: Proxied) -> None:
    with api.inject("http.status:503", times=3):
        retry(api, times=5, pause=0.1)
    assert rules(api, max_attempts=5, deadline="60s", recover_within="60s") == []


def test_a_mistake_is_found_with_its_evidence(api: Proxied) -> None:
    with api.inject("http.status:404"):
        retry(api, times=2, pause=0.1)
    chaos: Chaos = api.chaos  # type: ignore[attr-defined]
    (finding,) = chaos.verdict("api").findings
    assert (finding.rule, finding.level) == ("final-failure", "error")
    assert finding.text == "the client tried again after '404', which says that the same request fails again"
    assert re.fullmatch(r"GET /charge: 404 at 0\.00 s, 404 at \d+\.\d\d s", finding.evidence)


def test_a_repeated_charge_is_an_error(api: Proxied) -> None:
    with api.inject("http.lost_reply", client_sees="reset"):
        retry(api, times=2, pause=0.1, method="POST", body="5 EUR")
    assert rules(api) == ["error unsafe-repeat"]


def test_a_wait_that_was_asked_for_is_judged(api: Proxied) -> None:
    with api.inject("http.status", status=429, retry_after="30s"):
        retry(api, times=2, pause=0.1)
    assert rules(api) == ["error retry-after"]


def test_where_no_client_has_come_nothing_is_graceful(api: Proxied) -> None:
    chaos: Chaos = api.chaos  # type: ignore[attr-defined]
    with pytest.raises(NotGracefulError, match="nothing to judge: no client of api has connected since the last reset"):
        chaos.verdict(api).assert_graceful()
    chaos.verdict(api).assert_graceful(allow_unused=True)
    assert str(chaos.verdict(api)) == "api: 0 requests, nothing was found"
    ask(api)
    chaos.verdict(api).assert_graceful()
    assert str(chaos.verdict(api)) == "api: 1 request, nothing was found"


def test_expectations_are_judged_where_they_are_given(api: Proxied) -> None:
    with api.inject("http.status:503"):
        retry(api, times=3, pause=0.1)
    chaos: Chaos = api.chaos  # type: ignore[attr-defined]
    verdict = chaos.verdict(api)
    verdict.assert_graceful(max_attempts=3, strict=True)
    with pytest.raises(
        NotGracefulError, match="the clients of api did not handle it gracefully\nbounded-attempts: the client"
    ):
        verdict.assert_graceful(max_attempts=2)
    with pytest.raises(AssertionError, match="deadline: the client took"):
        verdict.assert_graceful(deadline="50ms")
    with pytest.raises(SettingsError, match="unknown setting 'max_atempts'"):
        verdict.assert_graceful(max_atempts=2)
    with pytest.raises(SettingsError, match="deadline: 5 has no unit"):
        chaos.verdict(api, deadline=5)
    assert repr(verdict) == "<verdict on api: 0 findings>"


def test_a_call_that_comes_again_is_no_retry_where_the_calls_are_counted(api: Proxied) -> None:
    with api.inject("http.status:503"):
        for _ in range(6):
            ask(api)
    assert rules(api) == ["error back-off"]
    assert rules(api, operations=6, max_attempts=1) == []
    assert rules(api, operations=3, max_attempts=1) == ["error bounded-attempts"]


def test_a_reply_that_looks_like_a_success_is_judged_where_the_calls_are_counted(api: Proxied) -> None:
    with api.inject("http.status", status=200, body="<h1>Down for maintenance</h1>"):
        for _ in range(4):
            ask(api)
    assert rules(api, max_attempts=3) == []
    assert rules(api, max_attempts=3, operations=1) == ["error bounded-attempts"]


def test_a_post_that_only_reads_may_be_repeated(api: Proxied) -> None:
    with api.inject("http.lost_reply", client_sees="reset"):
        retry(api, times=2, pause=0.1, method="POST", body="5 EUR")
    assert rules(api, idempotent=["POST /charge"]) == []
    assert rules(api, idempotent=["POST /search", "GET *"]) == ["error unsafe-repeat"]
    with pytest.raises(SettingsError, match="idempotent: '~\\(' is not a regular expression"):
        rules(api, idempotent=["~("])


def test_a_breaker_that_does_not_open_is_found(api: Proxied) -> None:
    with api.inject("http.status:503"):
        for number in range(4):
            ask(api, "POST", f"{number}")
    assert rules(api, opens_after=3, quiet_for="10s") == ["error circuit-breaker"]
    assert rules(api, opens_after=4, quiet_for="10s") == []


def test_it_is_judged_when_a_client_succeeds_after_healing(api: Proxied) -> None:
    with api.inject("http.status:503"):
        ask(api)
    assert rules(api, recover_within="30s") == []  # nobody has asked since
    with api.inject("http.status:503", allow_unused=True):
        pass
    ask(api)
    assert rules(api, recover_within="30s") == []


def test_a_connection_that_is_kept_although_its_reply_was_lost_is_found(api: Proxied) -> None:
    with api.inject("http.lost_reply", client_sees="hang"):
        with socket.create_connection((api.host, api.port), timeout=20) as kept:
            kept.sendall(b"GET /charge HTTP/1.1\r\nHost: a\r\n\r\n")
            api.wait_for("GET /charge", within=20)
            assert rules(api) == ["warning connections"]
        api.wait_for_connections(within=20)
        assert rules(api) == []


def leave(api: Proxied, times: int, request: bytes = b"GET /charge HTTP/1.1\r\nHost: a\r\n\r\n") -> None:
    """Ask, and close the connection when there is no answer, which is soon; then pause, each time for longer."""
    for attempt in range(times):
        with socket.create_connection((api.host, api.port), timeout=0.2) as impatient:
            impatient.sendall(request)
            with contextlib.suppress(TimeoutError):
                impatient.recv(1)
        time.sleep(0.05 * 2**attempt)


def test_clients_that_left_while_they_were_held_back_are_judged_once_it_is_healed(api: Proxied) -> None:
    handle = api.inject("hang")
    leave(api, times=4)
    held = api.wait_for_connections(count=4, within=60)
    assert {(each.end, each.opened) for each in held} == {("closed by client", False)}
    before = time.monotonic()
    handle.heal()
    requests = api.wait_for("GET /charge", count=4, within=60)
    assert {each.end for each in requests} == {"left"}
    assert max(each.began + each.seconds for each in requests) < before
    assert rules(api, max_attempts=4, deadline="60s") == []
    assert rules(api, max_attempts=3, deadline="1s") == ["error bounded-attempts", "error deadline"]


def test_they_are_judged_as_well_where_their_bytes_tell_the_protocol(web: str) -> None:
    with Chaos(api="none") as chaos:
        proxy = chaos.proxy("web", upstream=f"auto://{web.removeprefix('http://')}")
        handle = proxy.inject("hang")
        leave(proxy, times=2)
        proxy.wait_for_connections(count=2, within=60)
        before = time.monotonic()
        handle.heal()
        requests = proxy.wait_for("GET /charge", count=2, within=60)
        assert max(each.began + each.seconds for each in requests) < before


def test_where_nothing_is_parsed_they_are_judged_while_it_lasts(echo: str) -> None:
    with Chaos(api="none") as chaos:
        cache = chaos.proxy("cache", upstream=echo)
        with cache.inject("hang"):
            leave(cache, times=4)
            cache.wait_for_connections(count=4, within=60)
            (finding,) = chaos.verdict(cache, max_attempts=3).findings
            assert finding.text == "the client tried 4 times; at most 3 are expected"


def test_when_a_client_left_that_had_sent_more_than_is_read_nobody_knows(api: Proxied) -> None:
    long = b"PUT /charge HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
    with api.inject("hang"):
        leave(api, times=2, request=long)
        time.sleep(0.1)
    api.wait_for("PUT /charge", count=2, within=60)
    assert rules(api, max_attempts=1, deadline="50ms") == []


def test_where_nothing_is_parsed_connections_are_attempts(echo: str) -> None:
    with Chaos(api="none") as chaos:
        cache = chaos.proxy("cache", upstream=echo)
        with cache.inject("reset"):
            retry(cache, times=3, pause=0.1)
        (finding,) = chaos.verdict(cache, max_attempts=2).findings
        assert finding.text == "the client tried 3 times; at most 2 are expected"
        assert finding.evidence.startswith("connect: reset at 0.00 s, reset at ")


SUITE = """
def charge(browser):
    try: return ask(browser, method="POST")
    except ConnectionError: browser.close()
def test_it_charges_twice(web, browser):
    web.inject("http.lost_reply")
    assert [charge(browser), charge(browser)] == [None, None]
def test_it_is_sound(web, browser):
    web.inject("http.lost_reply")
    assert charge(browser) is None
@pytest.mark.xfail
def test_it_is_known_to_fail(web, browser):
    web.inject("http.lost_reply")
    assert [charge(browser), charge(browser)] == [200, 200]
"""
TWICE = "unsafe-repeat: the client tried again after 'reset' without an idempotency key, although the work may have been done"


def test_a_suite_lists_what_its_clients_did(run: Run) -> None:
    result = run("--brownout-verdicts=warn", "--junit-xml=junit.xml", suite=SUITE)
    result.assert_outcomes(passed=2, xfailed=1)
    result.stdout.fnmatch_lines([
        "*= brownout: clients that made a failure worse =*",
        f"test_it.py::test_it_charges_twice: web: {TWICE}",
        "  POST /: reset at 0.00 s, reset at *",
        f"test_it.py::test_it_is_known_to_fail: web: {TWICE}",
    ])  # fmt: skip
    assert Path("junit.xml").read_text().count('name="brownout_finding"') == 2
    assert "test_it_is_sound:" not in told(result)


def test_a_suite_that_does_not_ask_is_not_judged(run: Run) -> None:
    result = run(suite=SUITE)
    result.assert_outcomes(passed=2, xfailed=1)
    assert "unsafe-repeat" not in told(result)
