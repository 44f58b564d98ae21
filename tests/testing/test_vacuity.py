"""A test whose faults did nothing fails: as suites of users see it."""

import contextlib
import fnmatch
import re
from pathlib import Path

import pytest

import brownout.testing.failure  # noqa: F401 - what an inner run imports first, it takes away with it
from brownout.testing.vacuity import of_session
from brownout.wire.errors import BrownoutError

from ..cli.conftest import Run as BrownoutRun
from .suites import ALONE, PROFILES, Run, reports, told

pytest_plugins = ["pytester"]

LIFT = "a test proves nothing if its fault did nothing; if that is intended, inject it with allow_unused=True"

MISTAKES = {
    "not_behind_the_proxy": (
        """
    host, port = ECHO.split(":")
    proxy.inject("reset")
    with socket.create_connection((host, int(port)), timeout=20) as direct: trip(direct)
""",
        ["reset on echo never fired: no connection came", "hint: let the service connect to 127.0.0.1:*"],
    ),
    "wrong_path": (
        """
    web.inject("http.status:503", match={"path": "/charges"})
    assert ask(browser, "/charge", "POST") == 200
""",
        ["http.status on web never fired: none of 1 request matched", "hint: seen: POST /charge"],
    ),
    "after_the_traffic": (
        """
    trip(client)
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    proxy.inject("reset")
""",
        ["reset on echo never fired: no connection came", "hint: let the service connect to 127.0.0.1:*"],
    ),
    "an_older_connection": (
        """
    trip(client)
    proxy.inject("connect_delay:1s")
    trip(client)
""",
        ["connect_delay on echo never fired: 1 connection had been open before it, and it acts on new ones",
         "hint: inject it before the client connects"],
    ),
    "wrong_stream": (
        """
    with socket.create_server(("127.0.0.1", 0)) as greeter:
        greeting = chaos.proxy("greeting", upstream="127.0.0.1:%d" % greeter.getsockname()[1])
        greeting.inject("latency:1ms", stream="upstream")
        with socket.create_connection((greeting.host, greeting.port), timeout=20) as caller:
            with greeter.accept()[0] as server: server.sendall(b"hello")
            assert caller.recv(5) == b"hello"
""",
        ["latency on greeting never fired: no byte passed upstream, and 5 bytes did downstream",
         "hint: did you mean stream: downstream?"],
    ),
    "healed_too_early": (
        """
    with proxy.inject("latency:1ms"): pass
    trip(client)
""",
        ["latency on echo never fired: 1 connection and not a byte"],
    ),
    "after_is_never_reached": (
        """
    web.inject("http.status:503", after=3)
    assert [ask(browser) for _ in range(3)] == [200, 200, 200]
""",
        ["http.status on web never fired: after: 3 was not reached, with 3 matches"],
    ),
    "another_dependency": (
        """
    proxy.inject("reset")
    assert ask(browser) == 200
""",
        ["reset on echo never fired: no connection came", "hint: let the service connect to 127.0.0.1:*"],
    ),
    "a_cached_answer": (
        """
    answer = ask(browser)
    web.inject("http.status:503")
    assert answer == 200
""",
        ["http.status on web never fired: 1 connection and no request"],
    ),
    "a_disabled_proxy": (
        """
    proxy.disable()
    proxy.inject("latency:1s")
    with pytest.raises(ConnectionError): socket.create_connection((proxy.host, proxy.port), timeout=20)
""",
        ["latency on echo never fired: the proxy was disabled*"],
    ),
    "a_start_that_has_not_come": (
        """
    proxy.inject("reset", start="1h")
    trip(client)
""",
        ["reset on echo never fired: its start after 1h had not come", "hint: give a shorter start"],
    ),
    "a_profile_of_which_nothing_fires": (
        """
    assert proxy.name == "echo"
    chaos.profile("slow")
""",
        ["slow on echo* never fired: no connection came", "hint: let the service connect to 127.0.0.1:*"],
    ),
    "one_of_two": (
        """
    proxy.inject("latency:1ms")
    web.inject("http.status:503")
    trip(client)
""",
        ["http.status on web never fired: no connection came", "hint: let the service connect to 127.0.0.1:*"],
    ),
}  # fmt: skip
"""The bodies of tests that prove nothing, and what is said of them."""

NO_MISTAKES = {
    "chance": """
    web.inject("http.status:503", probability="0.01%")
    assert [ask(browser) for _ in range(3)] == [200] * 3
""",
    "one_proxy_of_a_profile": """
    chaos.profile("slow")
    trip(client)
""",
    "refuse": """
    proxy.inject("refuse")
    with pytest.raises(ConnectionRefusedError): socket.create_connection((proxy.host, proxy.port), timeout=20)
""",
    "noop": """
    proxy.inject("noop")
""",
    "meant": """
    proxy.inject("latency:1ms", allow_unused=True)
    chaos.profile("slow", allow_unused=True)
""",
    "healed_and_reset_by_the_test": """
    proxy.inject("latency:1ms")
    trip(client)
    chaos.reset()
""",
}


def suite_of(bodies: dict[str, str], mark: str = "") -> str:
    """Return tests with the fixtures that they name."""
    tests = []
    for name, body in bodies.items():
        fixtures = sorted({*re.findall(r"\b(?:chaos|proxy|web|client|browser)\b", body)})
        tests.append(f"{mark}\ndef test_{name}({', '.join(fixtures)}):{body}")
    return "\n".join(tests)


def test_each_mistake_fails_with_its_reason_and_each_sound_test_passes(run: Run) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    mistakes = {name: body for name, (body, _) in MISTAKES.items()}
    result = run("-v", "--brownout-seed=7", suite=suite_of(mistakes) + suite_of(NO_MISTAKES))
    result.assert_outcomes(failed=len(MISTAKES), passed=len(NO_MISTAKES))
    for name, (_, said) in MISTAKES.items():
        lines = told(result).partition(f"_ test_{name} _")[2].splitlines()[1:]
        for line, pattern in zip(lines, [*said, LIFT], strict=False):
            assert fnmatch.fnmatch(line, pattern), (name, line, pattern)


@pytest.mark.parametrize("mark", ["@pytest.mark.xfail", "@pytest.mark.xfail(strict=True)"])
def test_no_xfail_hides_a_mistake(run: Run, mark: str) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    mistakes = {name: body for name, (body, _) in MISTAKES.items()}
    result = run("--brownout-seed=7", "--junit-xml=junit.xml", suite=suite_of(mistakes, mark))
    result.assert_outcomes(failed=len(MISTAKES))
    assert "XPASS" not in told(result)
    assert Path("junit.xml").read_text().count("<failure message=") == len(MISTAKES)


def test_an_xfail_that_passes_for_good_reasons_stays_what_it_is(run: Run) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    result = run("--brownout-seed=7", suite=suite_of(NO_MISTAKES, "@pytest.mark.xfail"))
    result.assert_outcomes(xpassed=len(NO_MISTAKES))


BY_ITSELF = """
def test_it_fails(proxy): proxy.inject("latency:1ms"); assert False
def test_it_is_skipped(proxy): proxy.inject("latency:1ms"); pytest.skip("no")
@pytest.mark.xfail
def test_it_is_known_to_fail(proxy): proxy.inject("latency:1ms"); assert False
@pytest.fixture
def broken(proxy): proxy.inject("latency:1ms"); raise RuntimeError
def test_its_set_up_fails(broken): pass
"""


def test_a_test_that_is_not_green_is_left_as_it_is(run: Run) -> None:
    result = run(suite=BY_ITSELF)
    result.assert_outcomes(failed=1, skipped=1, xfailed=1, errors=1)
    assert LIFT not in told(result)
    result.stdout.fnmatch_lines([
        "*= brownout: faults that did nothing =*",
        "test_it.py::test_it_is_known_to_fail: latency on echo never fired: no connection came; let the service *",
    ])  # fmt: skip


def test_what_chance_has_spared_is_listed_at_the_end_with_the_way_out(run: Run) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    result = run("--brownout-seed=7", "--junit-xml=junit.xml", suite=suite_of({"chance": NO_MISTAKES["chance"]}))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([
        "*= brownout: faults that did nothing =*",
        "test_it.py::test_chance: http.status on web never fired: spared by chance: probability 0.01%, with 3 matches; "
        "a quota, such as '1 of 10', hits exactly that many",
    ])  # fmt: skip
    assert 'name="brownout_nothing_fired"' in Path("junit.xml").read_text()


def test_what_fired_in_the_set_up_alone_did_nothing_in_the_test(run: Run) -> None:
    result = run(suite="""
@pytest.fixture
def busy(web, browser):
    with web.inject("http.delay:1ms"):
        ask(browser)
        yield
def test_it_asks_too(busy, browser): ask(browser)
def test_it_asks_nothing(busy): pass
@pytest.fixture
def slow(proxy, client):
    with proxy.inject("latency:1ms"):
        trip(client)
        yield
def test_the_connection_goes_on(slow, client): trip(client)
@pytest.fixture
def warmed(web, browser):
    with web.inject("http.status:503"): assert ask(browser) == 503
def test_after_an_outage(warmed, browser): assert ask(browser) == 200
""")  # fmt: skip
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["http.delay on web never fired: it fired while the test was set up, and not in *"])


SESSION = """
@pytest.fixture(scope="session")
def cut_off(brownout):
    brownout.proxy("other", upstream=ECHO).inject("reset")
@pytest.mark.parametrize("number", range(4))
def test_it(cut_off, number): pass
"""


def test_the_faults_of_session_fixtures_are_judged_at_the_end(run: Run) -> None:
    result = run(suite=SESSION)
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    result.stdout.fnmatch_lines([
        "*= brownout: faults that did nothing =*",
        "fixtures of the session: reset on other never fired: no connection came; let the service connect to *",
    ])  # fmt: skip


def test_those_of_the_session_that_fired_are_not_listed(run: Run) -> None:
    result = run(suite="""
@pytest.fixture(scope="session")
def slow(brownout):
    other = brownout.proxy("other", upstream=ECHO)
    other.inject("latency:1ms")
    return other
def test_it(slow):
    assert hits(slow, 1) == []
def test_it_is_healed_by_this_one(slow, chaos): pass
""")  # fmt: skip
    result.assert_outcomes(passed=2)
    assert "never fired" not in told(result)


@pytest.mark.slow
def test_workers_fail_and_list_the_same(run: Run) -> None:
    mistakes = {name: body for name, (body, _) in MISTAKES.items()}
    Path("brownout.yaml").write_text(PROFILES)
    suite = suite_of(mistakes, "@pytest.mark.xfail") + suite_of(NO_MISTAKES) + BY_ITSELF + SESSION
    result = run("-n", "2", "--junit-xml=junit.xml", "--brownout-seed=7", suite=suite, within=ALONE)
    result.assert_outcomes(
        failed=len(MISTAKES) + 1, passed=len(NO_MISTAKES) + 4, skipped=1, xfailed=1, errors=1
    )  # fmt: skip
    assert Path("junit.xml").read_text().count("<failure message=") == len(MISTAKES) + 1
    result.stdout.fnmatch_lines_random([
        "test_it.py::test_chance: http.status on web never fired: *",
        "test_it.py::test_it_is_known_to_fail: latency on echo never fired: *",
        "fixtures of the session: reset on other never fired: no connection came; let the service connect to *",
    ])  # fmt: skip


# Other kinds of tests


def test_a_method_of_a_test_case_fails_too(run: Run) -> None:
    result = run(suite="""
import unittest
class Case(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, proxy, chaos): self.proxy, self.chaos = proxy, chaos
    def test_it_fires(self): self.proxy.inject("latency:1ms"); hits(self.proxy, 1)
    def test_it_does_not(self): self.proxy.inject("latency:1ms")
    def test_it_does_not_in_a_set_up_of_its_own(self):
        self.addCleanup(self.chaos.reset)
        self.proxy.inject("latency:1ms")
    def test_it_fails_by_itself(self): self.proxy.inject("latency:1ms"); self.fail("by itself")
    def test_it_is_skipped(self): self.proxy.inject("latency:1ms"); self.skipTest("no")
    @unittest.expectedFailure
    def test_it_is_known_to_fail(self): self.proxy.inject("latency:1ms"); self.fail("as known")
    @unittest.expectedFailure
    def test_it_is_thought_to_fail(self): self.proxy.inject("latency:1ms")
    def test_the_second_part_fires(self):
        self.proxy.inject("latency:1ms")
        with self.subTest("without"): pass
        with self.subTest("with"): hits(self.proxy, 1)
    def test_no_part_fires(self):
        self.proxy.inject("latency:1ms")
        with self.subTest("without"): pass
        with self.subTest("without, too"): pass
""")  # fmt: skip
    failed = set(re.findall(r"^FAILED test_it.py::Case::(\w+)", told(result), re.MULTILINE))
    assert failed == {
        "test_it_does_not", "test_it_does_not_in_a_set_up_of_its_own", "test_it_fails_by_itself",
        "test_it_is_thought_to_fail", "test_no_part_fires",
    }  # fmt: skip
    assert reports(result).count(LIFT) == 3


def test_a_subtest_may_be_the_one_in_which_a_fault_fires(run: Run) -> None:
    result = run(suite="""
def test_the_second_part_fires(proxy, subtests):
    proxy.inject("latency:1ms")
    with subtests.test("without"): pass
    with subtests.test("with"): hits(proxy, 1)
def test_no_part_fires(proxy, subtests):
    proxy.inject("latency:1ms")
    with subtests.test("without"): pass
    with subtests.test("without, too"): pass
""")  # fmt: skip
    assert re.findall(r"^FAILED test_it.py::(\w+)", told(result), re.MULTILINE) == ["test_no_part_fires"]


ASYNC = """
import asyncio
async def trip_once(proxy):
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    writer.close()
    await writer.wait_closed()
@MARK
async def test_it_fires(proxy): proxy.inject("latency:1ms"); await trip_once(proxy)
@MARK
async def test_it_does_not(proxy): proxy.inject("latency:1ms"); await asyncio.sleep(0)
"""


@pytest.mark.parametrize(("plugin", "mark"), [("asyncio", "pytest.mark.asyncio"), ("anyio", "pytest.mark.anyio")])
def test_an_async_test_fails_too(run: Run, plugin: str, mark: str) -> None:
    options = ["-o", "asyncio_default_fixture_loop_scope=function"] if plugin == "asyncio" else []
    suite = ASYNC.replace("@MARK", f"@{mark}")
    if plugin == "anyio":
        suite += '\n@pytest.fixture\ndef anyio_backend(): return "asyncio"\n'
    result = run(*options, suite=suite, plugins=(plugin,))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["latency on echo never fired: no connection came"])


def test_a_rerun_is_judged_by_itself(run: Run) -> None:
    result = run("--reruns=1", plugins=("rerunfailures",), suite="""
tries = []
def test_it_fires_at_the_second_time(proxy):
    tries.append(1)
    proxy.inject("latency:1ms")
    if len(tries) > 1: hits(proxy, 1)
def test_it_never_fires(proxy): proxy.inject("latency:1ms")
""")  # fmt: skip
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "rerun": 2}


def test_against_a_toxiproxy_nothing_is_said(run: Run) -> None:
    running = BrownoutRun("--api", "127.0.0.1:0")
    with contextlib.closing(running):
        result = run("--brownout-api", f"toxiproxy://{running.api}", suite="""
def test_it(proxy): proxy.inject("latency:1ms")
""")  # fmt: skip
    result.assert_outcomes(passed=1)
    assert "never fired" not in told(result)


def test_a_brownout_that_is_gone_tells_of_nothing() -> None:
    class Gone:
        allow_unused = False

        @property
        def receipt(self) -> None:
            raise BrownoutError("nothing listens at 127.0.0.1:1")

    assert of_session([Gone()]) == []


def test_of_a_test_that_has_failed_or_skipped_parts_nothing_is_said(run: Run) -> None:
    result = run(suite="""
import unittest
def test_a_part_is_skipped(subtests, proxy):
    for number in range(2):
        with subtests.test(number=number), proxy.inject("latency:1ms", name=f"late-{number}"):
            if not number: pytest.skip("not here")
            hits(proxy, 1)
def test_a_part_fails(subtests, proxy):
    for number in range(2):
        with subtests.test(number=number), proxy.inject(f"latency:{number + 1}ms"):
            assert number
            hits(proxy, 1)
class Case(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, proxy): self.proxy = proxy
    def test_a_part_is_skipped(self):
        for number in range(2):
            with self.subTest(number=number), self.proxy.inject(f"latency:{number + 1}ms"):
                if not number: self.skipTest("not here")
                hits(self.proxy, 1)
""")  # fmt: skip
    assert LIFT not in told(result)


def test_equal_injections_are_judged_together(run: Run) -> None:
    result = run("-p", "no:hypothesispytest", suite="""
from hypothesis import HealthCheck, given, settings, strategies
@given(strategies.integers(0, 5))
@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None, database=None)
def test_some_examples_need_no_server(proxy, number):
    with proxy.inject("latency:1ms"):
        if number: hits(proxy, 1)
def test_no_round_needs_it(proxy):
    for _ in range(30):
        with proxy.inject("latency:1ms"): pass
""")  # fmt: skip
    result.assert_outcomes(passed=1, failed=1)
    assert reports(result).count("latency on echo never fired: no connection came") == 1
    assert "30 injections, the last 20 of them:" in told(result)


def test_a_profile_is_one_thing_whatever_its_keys(run: Run) -> None:
    Path("brownout.yaml").write_text("profiles: {two: {echo: ['latency:1ms'], web: ['http.status:503']}}")
    result = run(suite="""
def test_one_is_enough(chaos, client, web): chaos.profile("two"); trip(client)
def test_none_is_not(chaos, proxy, web): chaos.profile("two")
""")  # fmt: skip
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["two on echo, web never fired: no connection came"])


def test_what_clients_did_before_a_test_is_not_the_tests(run: Run) -> None:
    result = run(suite="""
import http.client
@pytest.fixture
def late(brownout):  # it is torn down after chaos
    web = brownout.proxy("web", upstream=WEB)
    yield
    browser = http.client.HTTPConnection(web.host, web.port, timeout=20)
    ask(browser, "/of-the-teardown")
    browser.close()
def test_one(late, chaos): pass
def test_two(web, browser):
    ask(browser, "/two")
    assert [request.operation for request in web.requests] == ["GET /two"]
""")  # fmt: skip
    result.assert_outcomes(passed=2)


def test_a_profile_whose_protocol_is_never_spoken_fails_its_test(run: Run) -> None:
    result = run(
        suite="""
def waiting(chaos, **options):
    proxy = chaos.proxy("open", upstream=f"auto://{ECHO}")
    chaos.profile("flaky-api", **options)
    with socket.create_connection((proxy.host, proxy.port), timeout=20) as client:
        trip(client)

def test_waits(chaos):
    waiting(chaos)

def test_may_wait(chaos):
    waiting(chaos, allow_unused=True)
"""
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([
        "flaky-api never fired: no proxy is known to carry the protocols of its keys",
        "hint: give the proxy an upstream that names its protocol",
    ])  # fmt: skip
