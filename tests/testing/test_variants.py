"""The marker `faults`: a test runs healthy, then once under each fault. As suites of users see it."""

import re
from pathlib import Path

import pytest

import brownout.testing.failure  # noqa: F401 - what an inner run imports first, it takes away with it

from .suites import Run, told

pytest_plugins = ["pytester"]


def outcomes(result: pytest.RunResult) -> list[tuple[str, str]]:
    """Return what became of each test, in their order."""
    return re.findall(r"^test_it\.py::(\S.*?) (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)", told(result), re.MULTILINE)


def test_a_marked_test_runs_healthy_and_once_under_each_fault_with_ids_that_tell_which(run: Run) -> None:
    result = run("-v", suite="""
from brownout.faults import Latency
seen = []
@pytest.mark.faults("web", [
    "http.status:503",
    {"fault": "http.status", "status": 429, "match": {"path": "/a*"}},
    ["http.delay:1ms", "latency:1ms"],
])
@pytest.mark.parametrize("path", ["/a", "/ab"])
def test_pay(web, browser, path, brownout_fault, chaos):
    seen.append((brownout_fault, ask(browser, path), [handle.name for handle in chaos.injected]))
def test_what_was_seen():
    assert seen == 2 * [
        ("healthy", 200, []),
        ("web-http.status:503", 503, ["http.status"]),
        ("web-http.status status=429 match: path=/a*", 429, ["http.status"]),
        ("web-http.delay:1ms+latency:1ms", 200, ["http.delay", "latency"]),
    ]
""")  # fmt: skip
    faults = [
        "healthy",
        "web-http.status:503",
        "web-http.status status=429 match: path=/a*",
        "web-http.delay:1ms+latency:1ms",
    ]
    assert outcomes(result) == [
        *((f"test_pay[{path}-{fault}]", "PASSED") for path in ("/a", "/ab") for fault in faults),
        ("test_what_was_seen", "PASSED"),
    ]


def test_an_instance_of_a_fault_and_markers_on_class_and_module_add_up(run: Run) -> None:
    result = run("-v", suite="""
from brownout.faults import Latency
from brownout.faults.settings.units import Duration
pytestmark = pytest.mark.faults("echo", [Latency(latency=Duration(0.001))])
@pytest.mark.faults("echo", ["slicer:1B"], allow_unused=True)
class TestIt:
    @pytest.mark.faults("web", ["http.status:500"])
    def test_it(self, client, web, browser): trip(client); ask(browser)
""")  # fmt: skip
    assert [name for name, _ in outcomes(result)] == [
        f"TestIt::test_it[{each}]"
        for each in ("healthy", "echo-latency latency=1ms", "echo-slicer:1B", "web-http.status:500")
    ]
    result.assert_outcomes(passed=4)


def test_a_test_that_fails_while_healthy_is_skipped_under_faults_with_that_reason(run: Run) -> None:
    result = run("-v", "-rs", suite="""
@pytest.mark.faults("echo", ["latency:1ms", "reset"])
def test_it_fails(client): assert False
@pytest.mark.faults("echo", ["latency:1ms"])
@pytest.mark.xfail
def test_it_is_known_to_fail(client): assert False
@pytest.fixture
def broken(): raise RuntimeError
@pytest.mark.faults("echo", ["latency:1ms"])
def test_its_set_up_fails(broken, client): pass
@pytest.mark.faults("echo", ["latency:1ms"])
@pytest.mark.parametrize("number", [1, 2])
def test_one_of_two(client, number): trip(client); assert number == 2
""")  # fmt: skip
    assert outcomes(result) == [
        ("test_it_fails[healthy]", "FAILED"),
        ("test_it_fails[echo-latency:1ms]", "SKIPPED"),
        ("test_it_fails[echo-reset]", "SKIPPED"),
        ("test_it_is_known_to_fail[healthy]", "XFAIL"),
        ("test_it_is_known_to_fail[echo-latency:1ms]", "SKIPPED"),
        ("test_its_set_up_fails[healthy]", "ERROR"),
        ("test_its_set_up_fails[echo-latency:1ms]", "SKIPPED"),
        ("test_one_of_two[1-healthy]", "FAILED"),
        ("test_one_of_two[1-echo-latency:1ms]", "SKIPPED"),
        ("test_one_of_two[2-healthy]", "PASSED"),
        ("test_one_of_two[2-echo-latency:1ms]", "PASSED"),
    ]
    result.stdout.fnmatch_lines_random([
        "SKIPPED * test_it.py:*: it fails while healthy, so it is not run under faults",
        "SKIPPED * test_it.py:*: it xfails while healthy, so it is not run under faults",
    ])  # fmt: skip


def test_the_healthy_run_comes_first_whatever_shuffles_the_tests(run: Run) -> None:
    with Path("conftest.py").open("a") as conftest:
        conftest.write("\ndef pytest_collection_modifyitems(items): items.reverse()\n")
    result = run("-v", suite="""
@pytest.mark.faults("echo", ["latency:1ms", "slicer:1B"], allow_unused=True)
@pytest.mark.parametrize("number", [1, 2])
def test_it(client, number): trip(client)
""")  # fmt: skip
    names = [name for name, _ in outcomes(result)]
    assert [name for name in names if "healthy" in name] == ["test_it[2-healthy]", "test_it[1-healthy]"]
    assert names.index("test_it[2-healthy]") == 0
    assert names.index("test_it[1-healthy]") == 3
    result.assert_outcomes(passed=6)


def test_a_test_that_hangs_is_healed_fails_and_says_where_it_was(run: Run) -> None:
    result = run("-v", suite="""
@pytest.mark.faults("echo", ["hang"], timeout=0.2)
def test_it_waits_for_ever(proxy):
    with socket.create_connection((proxy.host, proxy.port), timeout=60) as waiting:
        trip(waiting)
@pytest.mark.faults("echo", [["hang", "timeout"]], timeout="200ms")
def test_it_is_cut_off(proxy):
    with socket.create_connection((proxy.host, proxy.port), timeout=60) as waiting:
        trip(waiting)
@pytest.mark.faults("echo", ["hang"], timeout="200ms")
@pytest.mark.xfail(reason="it waits for ever")
def test_it_is_known_to_hang(proxy, brownout_fault):
    assert brownout_fault != "healthy" or pytest.fail("this one too")
    with socket.create_connection((proxy.host, proxy.port), timeout=60) as waiting:
        trip(waiting)
@pytest.mark.faults("echo", ["hang"])
def test_it_gives_up(proxy, brownout_fault):
    with socket.create_connection((proxy.host, proxy.port), timeout=0.2) as impatient:
        try: trip(impatient)
        except TimeoutError: assert brownout_fault == "echo-hang"
""")  # fmt: skip
    said = dict(outcomes(result))
    assert said["test_it_waits_for_ever[healthy]"] == "PASSED"
    assert said["test_it_waits_for_ever[echo-hang]"] == "FAILED"
    assert said["test_it_is_cut_off[echo-hang+timeout]"] == "FAILED"
    assert said["test_it_is_known_to_hang[echo-hang]"] == "SKIPPED"
    assert said["test_it_gives_up[echo-hang]"] == "PASSED"
    result.stdout.fnmatch_lines([
        "the test hung for 0.2 s under echo-hang, and passed only once it was healed",
        "the test hung for 0.2 s under echo-hang; it was waiting here:",
        '*test_it.py", line *, in test_it_waits_for_ever',
        "*conftest.py*, in trip",
        "*hang on echo:*",
    ])  # fmt: skip


def test_a_fault_that_does_nothing_fails_its_variant_alone(run: Run) -> None:
    result = run("-v", suite="""
@pytest.mark.faults("web", ["http.status:503", {"fault": "http.status", "status": 503, "match": {"path": "/b"}}])
def test_it(web, browser): ask(browser, "/a")
""")  # fmt: skip
    assert [outcome for _, outcome in outcomes(result)] == ["PASSED", "PASSED", "FAILED"]
    result.stdout.fnmatch_lines(["http.status on web never fired: none of 1 request matched"])


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (
            '"web"',
            [
                "test_it: the marker faults takes a proxy and a list of faults, not ('web')",
                "hint: @pytest.mark.faults(*",
            ],
        ),
        ('"web", "hang"', ["test_it: the marker faults takes a proxy and a list of faults, not ('web', 'hang')"]),
        ('"web", []', ["test_it: the marker faults takes a proxy and a list of faults, not ('web', [[]])"]),
        ('"web", ["hang"], tiemout=3', ["test_it: the marker faults takes a proxy * tiemout=3)"]),
        ('"web", ["hnag"]', ["test_it: unknown fault 'hnag'", "hint: did you mean hang?"]),
        ('"web", ["latency:5"]', ["test_it: latency: 5 has no unit"]),
        ('"web", [{"latency": "5s"}]', ["test_it: {'latency': '5s'} names no fault"]),
        ('"web", [3]', ["test_it: 3 is not a fault"]),
        ('"web", ["hang"], timeout=0', ["test_it: timeout=0 is not a number of seconds above 0, at most a day"]),
        ('"web", ["hang"], timeout="5"', ["test_it: 5 has no unit", "hint: a duration is written like 5ms or 5s"]),
    ],
)
def test_a_wrong_marker_is_an_error_of_collecting_that_says_what_is_right(run: Run, mark: str, said: list[str]) -> None:
    result = run(suite=f"@pytest.mark.faults({mark})\ndef test_it(web): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(said)
    assert "Traceback" not in told(result)
    assert "variants.py" not in told(result)


def test_a_wrong_proxy_is_an_error_that_says_what_is_right(run: Run) -> None:
    result = run(suite="""
@pytest.mark.faults("wbe", ["hang"])
def test_it(web): pass
""")  # fmt: skip
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["there is no proxy named 'wbe'", "hint: did you mean web?*"])
    assert "variants.py" not in told(result)


ASYNC = """
import asyncio
@MARK
@pytest.mark.faults("echo", ["latency:1ms", "hang"], timeout="200ms")
async def test_it(proxy):
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    writer.close()
    await writer.wait_closed()
"""


@pytest.mark.parametrize(("plugin", "mark"), [("asyncio", "pytest.mark.asyncio"), ("anyio", "pytest.mark.anyio")])
def test_async_tests_run_under_faults_too(run: Run, plugin: str, mark: str) -> None:
    options = ["-o", "asyncio_default_fixture_loop_scope=function"] if plugin == "asyncio" else []
    suite = ASYNC.replace("@MARK", f"@{mark}")
    if plugin == "anyio":
        suite += '\n@pytest.fixture\ndef anyio_backend(): return "asyncio"\n'
    result = run("-v", *options, suite=suite, plugins=(plugin,))
    assert [outcome for _, outcome in outcomes(result)] == ["PASSED", "PASSED", "FAILED"]
    result.stdout.fnmatch_lines([
        "the test hung for 0.2 s under echo-hang, and passed only once it was healed",
        '  File "*test_it.py", line *, in test_it',
        '    assert await reader.readexactly(1) == b"x"',
    ])  # fmt: skip


def test_of_several_healthy_runs_the_last_one_counts(run: Run) -> None:
    result = run("-v", "--reruns=1", plugins=("rerunfailures",), suite="""
tries = []
@pytest.mark.faults("echo", ["latency:1ms"])
def test_it(client):
    tries.append(1)
    assert len(tries) > 1
    trip(client)
""")  # fmt: skip
    assert result.parseoutcomes() == {"passed": 2, "rerun": 1}


def test_a_fault_has_marks_and_a_name_of_its_own(run: Run) -> None:
    result = run("-v", suite="""
@pytest.mark.faults("echo", [
    "latency:1ms",
    pytest.param("reset", marks=pytest.mark.xfail(raises=ConnectionError)),
    pytest.param(["latency:1ms", "slicer:1B"], id="slow"),
])
def test_it(client): trip(client); trip(client)
""")  # fmt: skip
    assert outcomes(result) == [
        ("test_it[healthy]", "PASSED"),
        ("test_it[echo-latency:1ms]", "PASSED"),
        ("test_it[echo-reset]", "XFAIL"),
        ("test_it[echo-slow]", "FAILED"),  # of single bytes the slicer makes nothing
    ]


def test_a_healthy_run_that_passes_against_its_xfail_is_healthy(run: Run) -> None:
    result = run("-v", suite="""
@pytest.mark.faults("echo", ["reset"])
@pytest.mark.xfail(raises=ConnectionError)
def test_it(client): trip(client)
""")  # fmt: skip
    assert outcomes(result) == [("test_it[healthy]", "XPASS"), ("test_it[echo-reset]", "XFAIL")]


@pytest.mark.parametrize(
    "suite",
    [
        '@pytest.mark.parametrize("n", [pytest.param(2, marks=pytest.mark.faults("echo", ["reset"]))])\ndef test_it(n): pass',
        "import unittest\n@pytest.mark.faults('echo', ['hang'])\nclass Case(unittest.TestCase):\n    def test_it(self): pass",
    ],
)
def test_a_marker_that_would_do_nothing_is_refused_with_the_way_out(run: Run, suite: str) -> None:
    result = run(suite=suite)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the marker faults does nothing here: *", "hint: put it on a function, *"])


def test_no_time_passes_at_a_debuggers_prompt(run: Run) -> None:
    with Path("conftest.py").open("a") as conftest:
        conftest.write("""
import time
class Prompt:
    def __init__(self, config): self.config = config
    def set_trace(self, frame=None):
        self.config.hook.pytest_enter_pdb(config=self.config, pdb=self)
        time.sleep(0.5)
@pytest.fixture
def prompt(request): return Prompt(request.config)
""")
    result = run("-v", suite="""
@pytest.mark.faults("echo", ["hang"], timeout=0.3)
def test_it(proxy, prompt, brownout_fault):
    prompt.set_trace()
    with socket.create_connection((proxy.host, proxy.port), timeout=0.2) as impatient:
        try: trip(impatient)
        except TimeoutError: assert brownout_fault == "echo-hang"
        else: assert brownout_fault == "healthy"
""")  # fmt: skip
    assert [outcome for _, outcome in outcomes(result)] == ["PASSED", "PASSED"]


def test_what_is_only_shown_is_not_set_up(run: Run) -> None:
    result = run("--setup-plan", suite="""
@pytest.mark.faults("echo", ["reset"])
def test_it(client): pass
""")  # fmt: skip
    assert "KeyError" not in told(result)
