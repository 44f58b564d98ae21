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
    assert finding.text == "it tried again after 404, which says that the same request fails again"
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
    with pytest.raises(NotGracefulError, match="nothing to judge: no client of api has come since the last reset"):
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
    with pytest.raises(NotGracefulError, match="the clients of api did not take it gracefully\nbounded-attempts: it"):
        verdict.assert_graceful(max_attempts=2)
    with pytest.raises(AssertionError, match="deadline: it took"):
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


def test_of_connections_that_were_held_back_nothing_is_said(api: Proxied) -> None:
    with api.inject("hang"):
        for _ in range(4):
            with socket.create_connection((api.host, api.port), timeout=20) as impatient:
                impatient.sendall(b"GET /charge HTTP/1.1\r\nHost: a\r\n\r\n")
    api.wait_for_connections(count=4, within=60)
    assert rules(api, max_attempts=1) == []


def test_where_nothing_is_parsed_connections_are_attempts(echo: str) -> None:
    with Chaos(api="none") as chaos:
        cache = chaos.proxy("cache", upstream=echo)
        with cache.inject("reset"):
            retry(cache, times=3, pause=0.1)
        (finding,) = chaos.verdict(cache, max_attempts=2).findings
        assert finding.text == "it tried 3 times; at most 2 are expected"
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
TWICE = "unsafe-repeat: it tried again after reset, when the work may have been done, and sent no idempotency key"


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
