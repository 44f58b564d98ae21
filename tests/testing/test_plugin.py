"""The pytest plugin, as suites of users see it: each test runs pytest on a small suite of its own.

Most run it in this process, which takes 0.1 s. A process of its own takes 2 s: it is for the plugin's imports, for
workers of xdist, and for `brownout run -- pytest`.
"""

import contextlib
import glob
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import brownout.testing.failure  # noqa: F401 - what an inner run imports first, it takes away with it

from ..cli.conftest import Run as BrownoutRun
from .suites import ALONE, PROFILES, WITHOUT, Run, header, told

pytest_plugins = ["pytester"]

HITS_OF_SEED_7 = [1, 3, 8, 10, 12, 13, 18, 19, 23, 24, 25, 35, 36, 37, 40, 44, 45, 48, 49]  # on echo, reset, 30%


# What is left of a test


def test_the_next_test_meets_health_whatever_the_last_one_left(run: Run) -> None:
    result = run(suite="""
def test_a_fault_is_left(proxy): proxy.inject("half_open", allow_unused=True)
def test_after_it(client): client.settimeout(5); trip(client)
def test_it_fails(proxy): proxy.inject("half_open"); assert False
def test_after_the_failure(client): client.settimeout(5); trip(client)
def test_it_is_left_disabled(proxy): proxy.disable()
def test_after_it_was_disabled(client): trip(client)
@pytest.fixture
def broken(proxy): proxy.inject("reset"); raise RuntimeError("of a fixture")
def test_its_set_up_fails(broken): pass
def test_after_the_set_up(client): trip(client)
def test_it_ends_by_force(proxy): proxy.inject("reset"); raise SystemExit
def test_after_it_was_ended(client): trip(client)
@pytest.fixture
def late(proxy): yield; proxy.inject("reset")
def test_its_tear_down_injects(late): pass
def test_after_the_tear_down(client, chaos): trip(client); assert chaos.heal() == 0
""")  # fmt: skip
    result.assert_outcomes(passed=9, failed=2, errors=1)


def test_other_fixtures_take_leave_in_health(run: Run) -> None:
    result = run(
        suite="""
@pytest.fixture
def polite(client):
    yield client
    client.settimeout(5)
    client.sendall(b"q")
    assert client.recv(1) == b"q"
def test_it_hangs(polite, proxy): proxy.inject("latency:100s", allow_unused=True)
"""
    )
    result.assert_outcomes(passed=1)


def test_it_gets_on_with_all_plugins_that_are_installed(run: Run) -> None:
    everyone = tuple(option.removeprefix("-pno:") for option in WITHOUT)
    scope = "asyncio_default_fixture_loop_scope=function"
    result = run("-o", scope, "--reruns=1", within=(), plugins=everyone, suite="""
def test_a_fault_is_left(proxy): proxy.inject("half_open", allow_unused=True)
def test_after_it(client, faker): client.settimeout(5); trip(client)
def test_a_fault_hits_nothing(proxy): proxy.inject("latency:1ms")
""")  # fmt: skip
    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "rerun": 1}


def test_proxies_live_for_the_session(run: Run) -> None:
    result = run(
        suite="""
seen = []
def test_one(proxy): seen.append(proxy.address)
def test_two(proxy, chaos, brownout): assert [proxy.address] == seen; assert chaos is brownout
def test_three(chaos):
    assert chaos["echo"].address == seen[0]
    with pytest.raises(Exception, match="the proxy echo is in front of .*, not tcp://127.0.0.1:9"):
        chaos.proxy("echo", upstream="127.0.0.1:9")
"""
    )
    result.assert_outcomes(passed=3)


def test_who_asks_for_nothing_pays_nothing(run: Run) -> None:
    result = run(
        "-p",
        "no:xdist",
        within=ALONE,
        suite="""
import sys, threading
def test_it():
    assert [thread.name for thread in threading.enumerate() if thread.name == "brownout"] == []
    loaded = sorted(name for name in sys.modules if name.startswith("brownout."))
    ours = ["testing", "testing.plugin", "testing.pytest_session", "wire", "wire.lazily"]
    assert loaded == [f"brownout.{name}" for name in ours]
""",
    )
    result.assert_outcomes(passed=1)


def test_a_unittest_case_is_marked_like_any_test(run: Run) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    result = run(
        suite="""
import unittest
from brownout.testing import Chaos
@pytest.mark.brownout("slow")
class Marked(unittest.TestCase):
    def test_it(self):
        assert len(self.chaos.injected) == 1
        assert hits(self.chaos["echo"], 1) == []
    @pytest.fixture(autouse=True)
    def take(self, chaos, proxy): self.chaos = chaos
class Own(unittest.TestCase):
    def setUp(self): self.chaos = self.enterContext(Chaos(seed=7))
    def test_it(self): assert self.chaos.seed == 7
"""
    )
    result.assert_outcomes(passed=2)


# The marker


def test_a_marker_applies_profiles_when_the_fixtures_are_there(run: Run) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    result = run(
        suite="""
pytestmark = pytest.mark.brownout("slow", allow_unused=True)
def names(chaos): return [(handle.name, handle.receipt.matched) for handle in chaos.injected]
def test_of_the_module(chaos, client): assert names(chaos) == [("latency", 1)]
@pytest.mark.brownout("slower", allow_unused=True)
class TestOfTheClass:
    def test_both(self, chaos, client): assert names(chaos) == [("latency", 1), ("slower", 1)]
    @pytest.mark.brownout(seed=9)
    def test_a_seed_of_its_own(self, chaos, client):
        assert chaos.seed == 9
        assert [handle.receipt.seed for handle in chaos.injected] == [9, 9]
    def test_the_seed_of_before(self, chaos, client): assert chaos.seed == 7
def test_it_is_not_asked_for(brownout): assert names(brownout) == [("latency", 0)]
"""
    )
    result.assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('"slwo"', ["there is no profile named 'slwo'", "hint: did you mean slow?"]),
        ('"slow", sed=7', ["*is not valid", 'hint: @pytest.mark.brownout("profile", seed=7)']),
        ('seed="7"', ["*is not valid", 'hint: @pytest.mark.brownout("profile", seed=7)']),
        ("7", ["*is not valid", 'hint: @pytest.mark.brownout("profile", seed=7)']),
    ],
)
def test_a_wrong_marker_is_an_error_that_says_what_is_right(run: Run, mark: str, said: list[str]) -> None:
    Path("brownout.yaml").write_text(PROFILES)
    result = run(
        suite=f"""
@pytest.mark.brownout({mark})
def test_it(proxy): pass
def test_next(client, chaos): trip(client); assert chaos.seed == 7
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(said)
    assert "Traceback" not in told(result)
    assert "plugin.py" not in told(result)


# Seeds and chances


def test_the_seed_is_of_the_command_line_then_the_marker_then_the_file(run: Run) -> None:
    suite = """
def test_plain(chaos): print("plain", chaos.seed)
@pytest.mark.brownout(seed=9)
def test_marked(chaos): print("marked", chaos.seed)
"""
    drawn = run("-s", suite=suite)
    number = re.search(r"plain (\d+)", told(drawn))
    assert number
    assert "marked 9" in told(drawn)
    assert header(drawn) == f"brownout: embedded, seed {number[1]}"
    Path("brownout.yaml").write_text(PROFILES)
    of_file = run("-s")
    assert "plain 7\n" in told(of_file).replace(".", "\n")
    assert "marked 9" in told(of_file)
    assert header(of_file) == "brownout: embedded, seed 7, config brownout.yaml"
    given = run("-s", "--brownout-seed", "5")
    assert "plain 5" in told(given)
    assert "marked 5" in told(given)
    assert header(given) == "brownout: embedded, seed 5, config brownout.yaml"


def test_a_test_meets_the_same_chances_alone_in_the_suite_in_any_order_and_beside_others(run: Run) -> None:
    suite = """
import json, os, pathlib
def met(name, proxy):
    proxy.inject("reset", probability="30%")
    pathlib.Path(os.environ["HITS"], name).write_text(json.dumps(hits(proxy)))
def test_one(proxy): met("one", proxy)
def test_two(proxy): proxy.inject("latency:1ms"); met("two", proxy)
def test_three(chaos):
    proxy = chaos.proxy("echo-3", upstream=os.environ["ECHO"])
    met("three", proxy)
    proxy.inject("reset", probability="30%", allow_unused=True)
"""
    runs = {
        "suite": [],
        "one": ["test_it.py::test_one"],
        "two": ["test_it.py::test_two"],
        "three": ["test_it.py::test_three"],
        "order": ["test_it.py::test_three", "test_it.py::test_two", "test_it.py::test_one"],
        "beside": ["-n", "2"],
    }
    found: dict[str, set[str]] = {"one": set(), "two": set(), "three": set()}
    for name, args in runs.items():
        Path(name).mkdir()
        os.environ["HITS"] = name
        try:
            within = ALONE if name == "beside" else None
            result = run("--brownout-seed", "7", *args, suite=suite, within=within)
        finally:
            del os.environ["HITS"]
        result.assert_outcomes(passed=len(list(Path(name).iterdir())))
        for each in Path(name).iterdir():
            found[each.name].add(each.read_text())
    assert found["one"] == found["two"] == {str(HITS_OF_SEED_7)}
    assert len(found["three"]) == 1
    assert found["three"] != found["one"]  # another proxy has chances of its own


# What a failure says


def test_a_failed_test_says_what_it_met_and_how_to_meet_it_again(run: Run) -> None:
    result = run("--brownout-seed", "7", suite="""
def test_it(proxy, client):
    with proxy.inject("latency", latency="1ms", stream="both"):
        trip(client)
    proxy.inject("reset", probability="0%")
    proxy.inject("latency", latency="1s", start="1h")
    proxy.inject("refuse")
    assert False
def test_nothing_injected(chaos): assert False
def test_without(): assert False
""")  # fmt: skip
    result.assert_outcomes(failed=3)
    sections = told(result).split(" brownout ---")[1:]
    lines = [line for line in sections[0].splitlines()[1:] if not line.startswith("___")][:9]
    said = lines[-1]
    assert lines == [
        "random seed 7; to repeat it: pytest test_it.py::test_it --brownout-seed 7",
        "latency on echo: stream=both latency=1ms",
        "  matched 1, chosen 1, fired 1, 2 bytes; healed",
        "reset on echo: probability=0%",
        "  matched 1, chosen 0, fired 0, 0 bytes; it never fired: its trigger chooses nothing",
        "latency on echo: latency=1s start=1h",
        "  matched 0, chosen 0, fired 0, 0 bytes; it never fired: its start after 1h had not come",
        "refuse on echo:",
        said,  # it is certain only where nobody else on this machine was refused meanwhile
    ]
    assert re.sub("it never fired: nobody tried to connect while the port was closed; ", "", said) == (
        "  nobody can count what it hit; connections on which it could not act: 1"
    )
    assert sections[1].splitlines()[1:3] == [
        "random seed 7; to repeat it: pytest test_it.py::test_nothing_injected --brownout-seed 7",
        "nothing was injected",
    ]
    assert len(sections) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('proxy.inject("latncy")', ["unknown fault 'latncy'", "hint: did you mean latency?"]),
        ("proxy.inject(3)", ["3 is not a fault", "hint: give a name such as 'latency', *"]),
        (
            'proxy.inject("latency", latency=3)',
            ["latency: 3 has no unit", "hint: a duration is written like 3ms or 3s"],
        ),
        ('chaos["ehco"]', ["there is no proxy named 'ehco'", "hint: did you mean echo?*"]),
        ('chaos.profile("blckout")', ["there is no profile named 'blckout'", "hint: did you mean blackout?"]),
        ('chaos.seed = "7"', ["a random seed is a number, not '7'"]),
        ('chaos.proxy("echo", "127.0.0.1:9")', ["the proxy echo is in front of *", "hint: give the other one *"]),
        ('Chaos(config="nope.yaml")', ["nope.yaml: there is no such file (check the path)"]),
    ],
)
def test_an_error_points_at_the_users_line_and_is_told_once(run: Run, line: str, said: list[str]) -> None:
    result = run(suite=f"""
from brownout.testing import Chaos
def test_it(chaos, proxy):
    {line}
""")  # fmt: skip
    first, *rest = said
    result.stdout.fnmatch_lines(
        [f">   *{glob.escape(line)}", f"E*Error: {first}", *(f"E*{each}" for each in rest), "test_it.py:6: *"]
    )
    assert [line for line in result.outlines if re.match(r"\S+\.py:\d+: ", line)] == [
        next(line for line in result.outlines if line.startswith("test_it.py:6: "))
    ]
    assert len(re.findall(r"^E .*Error: ", told(result), re.MULTILINE)) == 1


def test_the_command_that_repeats_a_test_is_one_that_a_shell_takes(run: Run) -> None:
    result = run("--brownout-seed", "7", suite="""
@pytest.mark.parametrize("path", ["/a b"])
def test_it(chaos, path): assert False
""")  # fmt: skip
    result.stdout.fnmatch_lines(
        ["random seed 7; to repeat it: pytest 'test_it.py::test_it[[]/a b[]]' --brownout-seed 7"]
    )


# The configuration


def test_the_file_may_have_another_name(run: Run) -> None:
    Path("pytest.ini").write_text("[pytest]\nbrownout_config = conf/chaos.yaml\n")
    suite = """
def test_it(chaos): assert chaos["cache"].upstream == "redis://127.0.0.1:9"
"""
    result = run(suite=suite)
    result.assert_outcomes(errors=1)
    assert re.search(r"conf/chaos.yaml: there is no such file", told(result))
    Path("conf").mkdir()
    Path("conf/chaos.yaml").write_text('proxies: {cache: {upstream: "redis://127.0.0.1:9"}}')
    result = run()
    result.assert_outcomes(passed=1)
    assert header(result).endswith(", config conf/chaos.yaml")


def test_a_broken_file_stops_those_tests_alone_that_use_it(run: Run) -> None:
    Path("brownout.yaml").write_text("sede: 7\nproxies: {a: {upstrem: x}}\n")
    result = run(
        suite="""
def test_one(chaos): pass
def test_without(): pass
"""
    )
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["brownout: embedded, *brownout.yaml:1: sede: *", "*brownout.yaml:1: sede*", "*brownout.yaml:2: *"]
    )
    assert "Traceback" not in told(result)


# xdist


def test_workers_have_one_seed_and_proxies_of_their_own(run: Run, tmp_path: Path, reserve: Callable[[], str]) -> None:
    port = reserve().rpartition(":")[2]
    sock = tmp_path / "p.sock"
    Path("brownout.yaml").write_text(f"""
proxies:
  fixed: {{listen: "127.0.0.1:{port}", upstream: "127.0.0.1:9"}}
  path: {{listen: "unix://{sock}", upstream: "127.0.0.1:9"}}
""")
    result = run(
        "-n",
        "2",
        "-v",
        within=ALONE,
        suite="""
import os, pathlib, time
@pytest.mark.parametrize("number", range(2))
def test_it(chaos, number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    pathlib.Path(f"met-{worker}").write_text(f"{chaos.seed} {chaos['fixed'].port} {chaos['path'].endpoint}")
    deadline = time.monotonic() + 20  # until each worker has a fleet
    while len(list(pathlib.Path(".").glob("met-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
""",
    )
    result.assert_outcomes(passed=2)
    met = {path.name: path.read_text().split() for path in Path().glob("met-*")}
    assert header(result) == (
        f"brownout: embedded in each of 2 workers, seed {met['met-gw0'][0]}, config brownout.yaml, "
        "free ports instead of those of the file"
    )
    assert len({seed for seed, _, _ in met.values()}) == 1
    assert len({at for _, at, _ in met.values()} | {port}) == 3
    assert {at for _, _, at in met.values()} == {f"unix://{sock}.gw{number}" for number in range(2)}


@pytest.mark.slow
def test_two_hundred_tests_with_faults_of_their_own_in_four_workers_meet_no_fault_of_another(run: Run) -> None:
    result = run("-n", "4", "-q", within=ALONE, suite="""
@pytest.mark.parametrize("code", range(400, 600))
def test_it(web, browser, proxy, client, code):
    with web.inject("http.status", status=code, times=1) as status, proxy.inject("latency:1ms") as latency:
        assert [ask(browser), ask(browser)] == [code, 200]
        trip(client)
    assert (status.receipt.matched, status.receipt.fired, latency.receipt.fired) == (2, 1, 1)
    web.inject("http.delay:1ms", match={"path": f"/{code}"}, allow_unused=True)  # left to the fixture
""")  # fmt: skip
    result.assert_outcomes(passed=200)


# A running Brownout


RUNNING = PROFILES.replace("profiles:", 'proxies: {echo: {upstream: "ECHO"}}\nprofiles:')
OF_A_RUN = """
import threading, time
def test_the_run_has_a_profile(chaos, client):
    start = time.monotonic(); trip(client)
    assert time.monotonic() - start >= 0.1
    chaos["echo"].inject("half_open", allow_unused=True)
def test_it_stays_and_ours_is_gone(chaos, client):
    start = time.monotonic(); trip(client)
    assert time.monotonic() - start >= 0.1
    assert chaos.heal() == 0
    assert not any(thread.name == "brownout" for thread in threading.enumerate())
@pytest.mark.brownout("slower", allow_unused=True)
def test_the_marker_too(chaos, proxy): assert [handle.name for handle in chaos.injected] == ["slower"]
@pytest.mark.brownout(seed=9)
def test_another_seed(chaos): pass
"""


def test_beneath_brownout_run_the_faults_are_those_of_that_process(run: Run) -> None:
    Path("brownout.yaml").write_text(RUNNING.replace("ECHO", os.environ["ECHO"]))
    beneath = (sys.executable, "-m", "brownout.cli", "run", "brownout.yaml", "--profile", "slow", "--")
    result = run(suite=OF_A_RUN, within=beneath)
    result.assert_outcomes(passed=3, errors=1)
    assert re.fullmatch(r"brownout: the one at 127\.0\.0\.1:\d+, seed 7", header(result))
    result.stdout.fnmatch_lines(["the Brownout at * runs with seed 7, not 9"])


def test_what_the_environment_names_is_used_unless_pytest_is_told_not_to(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("brownout.yaml").write_text(RUNNING.replace("ECHO", os.environ["ECHO"]))
    running = BrownoutRun("brownout.yaml", "--profile", "slow", "--api", "127.0.0.1:0")
    with contextlib.closing(running):
        monkeypatch.setenv("BROWNOUT_API", running.api)
        run("--brownout-seed", "7", suite=OF_A_RUN).assert_outcomes(passed=4)
        alone = run("--brownout-api", "none", "-k", "marker or seed")
        alone.assert_outcomes(passed=2, deselected=2)
        assert header(alone) == "brownout: embedded, seed 7, config brownout.yaml"


def test_nobody_answers_where_the_option_says(run: Run, reserve: Callable[[], str]) -> None:
    address = reserve()
    result = run(
        "--brownout-api",
        address,
        suite="""
def test_it(chaos): pass
def test_without(): pass
""",
    )
    result.assert_outcomes(passed=1, errors=1)
    assert header(result) == f"brownout: no Brownout answers at {address}"
    result.stdout.fnmatch_lines([f"no Brownout answers at {address}"])
