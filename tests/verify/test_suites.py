"""Suites as people have them, each taken as it is: what becomes of its tests, and what is said of the others."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brownout.testing import servers
from brownout.testing.servers import Server

from .running import DEADLINE, PROGRAM, Verified, once, verify

pytestmark = pytest.mark.slow

SUITES = Path(__file__).with_name("suites")
PYTEST = (sys.executable, "-m", "pytest", "-q")
PING = """
    import os, redis

    def ping():
        try:
            with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=1) as client:
                client.ping()
        except redis.RedisError:
            pass
"""


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Server]:
    with servers.redis() as server:
        yield server


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Server]:
    with servers.postgres() as server:
        yield server


def environment(*running: Server) -> dict[str, str]:
    """Where these are, for suites that have all of pytest's plugins but Faker's, which takes long in each fork."""
    names = {"redis": "REDIS_URL", "postgres": "DATABASE_URL"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    programs = {f"{each.kind.upper()}_SERVER": str(each.program) for each in running}
    return {"PYTEST_ADDOPTS": "-p no:faker", "PATH": path} | programs | {names[each.kind]: each.url for each in running}


def written(folder: Path, **files: str) -> Path:
    """Write a suite, of files without their suffix."""

    for name, text in files.items():
        path = folder / (name if name == "Makefile" else f"{name}.py")
        path.write_text(textwrap.dedent(text).lstrip())
    return folder


class TestTown:
    """One suite of many kinds of tests, with `addopts` of its own, in a folder with spaces and umlauts."""

    @pytest.fixture(scope="class")
    @staticmethod
    def town(tmp_path_factory: pytest.TempPathFactory, redis_server: Server, postgres_server: Server) -> Verified:
        def run() -> Verified:
            folder = tmp_path_factory.mktemp("town") / "Müllers Stadt (alt)"
            shutil.copytree(SUITES / "town", folder)
            words = ("--cell-timeout", "6s", "--only", "refused", "--only", "redis/hangs/*::test_hanging")
            return verify(folder, *words, "--", *PYTEST, **environment(redis_server, postgres_server))

        return once(tmp_path_factory, "town", run)

    def test_findings_fail_it(self, town: Verified) -> None:
        assert town.code == 1, town.err

    def test_a_test_that_hangs(self, town: Verified) -> None:
        cell = town.cell("redis", "hangs", "::test_hanging")
        assert (cell["state"], cell["place"]["function"]) == ("hung", "waits")

    def test_a_service_that_crashes(self, town: Verified) -> None:
        exits, crashes = (town.cell("redis", "refused", f"::test_{each}") for each in ("exits", "crashes"))
        assert (exits["state"], exits["why"]) == (
            "crashed",
            "the process ended with exit code 3 while it handled GET /exits",
        )
        assert (crashes["state"], crashes["why"]) == (
            "crashed",
            "the process was ended by signal 11 while it handled GET /crashes",
        )
        assert crashes["place"]["function"] == "crashes"

    def test_a_service_beside_the_tests_that_crashes(self, town: Verified) -> None:
        cell = town.cell("redis", "refused", "::test_served_and_dies")
        assert cell["state"] == "crashed"
        assert cell["why"].endswith("-m town.serve ended with exit code 3")
        assert town.cell("redis", "refused", "::test_served")["state"] == "resilient"

    def test_a_service_beside_the_tests_that_fails(self, town: Verified) -> None:
        cell = town.cell("redis", "refused", "::test_served_and_fails")
        assert cell["state"] == "failed"
        assert cell["why"].startswith("the service printed ConnectionError: ")
        assert ", and the test failed: HTTPStatusError: " in cell["why"]
        assert cell["place"]["file"] == "town/web.py"

    @pytest.mark.parametrize(
        ("test", "note"),
        [
            (
                "test_flaky",
                "it is flaky, or depends on others: red among them, green alone: AssertionError: assert 1 > 1",
            ),
            ("test_b_needs_what_a_made", "it is red when it runs alone: AssertionError: assert [] == [200]"),
            ("test_skipped", "it is skipped: not today"),
            ("test_skips_itself", "it is skipped: it has seen enough"),
            ("test_expected_to_fail", "it is expected to fail: it has never worked"),
            ("test_only_the_set_up_reaches_it", "only its fixtures, or its own code, reach something"),
        ],
    )
    def test_what_is_in_no_cell_is_named(self, town: Verified, test: str, note: str) -> None:
        (journey,) = [each for each in town.document["journeys"] if each["name"].endswith(f"::{test}")]
        assert journey["note"] == note
        assert not [each for each in town.document["cells"] if each["journey"] == journey["name"]]

    @pytest.mark.parametrize("test", ["TestVisits::test_opened", "TestPlain::test_plain", "TestAsync::test_isolated"])
    def test_classes(self, town: Verified, test: str) -> None:
        dependency, state = ("postgres", "failed") if "Async" in test else ("redis", "resilient")
        assert town.cell(dependency, "refused", f"::{test}")["state"] == state

    def test_the_exception_of_a_test_case_is_told(self, town: Verified) -> None:
        cell = town.cell("redis", "refused", "::test_without_an_entry")
        assert cell["state"] == "inconclusive"
        assert cell["why"].startswith("the test's own code failed: ConnectionError: ")
        assert cell["place"]["function"] == "test_without_an_entry"

    @pytest.mark.parametrize("test", ["test_engine", "test_pooled_engine", "test_pooled_engine_on_one_loop"])
    def test_coroutines_and_an_engine_that_is_made_at_import(self, town: Verified, test: str) -> None:
        """A pool cannot go from one loop to another: what has a loop for each test is no witness of recovery."""
        (journey,) = [each for each in town.document["journeys"] if each["name"].endswith(f"::{test}")]
        assert journey["repeatable"] == (test != "test_pooled_engine")
        cell = town.cell("postgres", "refused", f"::{test}")
        assert (cell["state"], cell["why"][-31:]) == ("failed", "returned 503 (200 when healthy)")

    def test_a_session_of_the_database_that_tests_share_with_the_application(self, town: Verified) -> None:
        cell = town.cell("postgres", "refused", "::test_session_is_shared")
        assert (cell["state"], cell["place"]["function"]) == ("inconclusive", "add")
        assert cell["why"].startswith("the test handed its own Connection to the application, and that failed: ")
        assert [call["outcome"] for call in cell["calls"]] == ["failed", "failed", "failed", "passed"]

    def test_a_session_of_the_database_that_is_the_tests_alone(self, town: Verified) -> None:
        cell = town.cell("postgres", "refused", "::test_session_of_the_test_alone")
        assert (cell["state"], cell["why"][:27]) == ("inconclusive", "the test's own code failed:")

    def test_names_that_must_be_unique(self, town: Verified) -> None:
        (journey,) = [each for each in town.document["journeys"] if each["name"].endswith("::test_names_are_unique")]
        assert (journey["note"], journey["repeatable"]) == ("", True)

    def test_a_fixture_on_the_pool_of_the_application(self, town: Verified) -> None:
        cell = town.cell("postgres", "refused", "::test_fixture_on_the_pool")
        assert (cell["state"], cell["place"]["function"]) == ("failed", "count")
        assert [call["outcome"] for call in cell["calls"]] == ["failed", "passed"]

    def test_ids_with_brackets_slashes_and_umlauts(self, town: Verified) -> None:
        cells = [each for each in town.document["cells"] if "::test_ids[" in each["journey"]]
        ids = [each["journey"].partition("::")[2] for each in cells]
        assert ids == ["test_ids[/visits]", "test_ids[a/b[c]::d e]", "test_ids[\\xfcmlaut]"]
        assert {each["state"] for each in cells} == {"resilient"}

    def test_a_server_that_a_test_starts_keeps_its_name(self, town: Verified) -> None:
        assert {each["name"] for each in town.document["dependencies"]} == {"postgres", "redis", "redis-2"}
        (cell,) = [each for each in town.document["cells"] if each["journey"].endswith("::test_own_redis")]
        assert (cell["dependency"], cell["fired"], cell["state"]) == ("redis-2", 1, "resilient")

    @pytest.mark.parametrize("test", ["test_fork", "test_multiprocessing", "test_subprocess"])
    def test_tests_with_processes_of_their_own(self, town: Verified, test: str) -> None:
        cell = town.cell("redis", "refused", f"::{test}")
        assert (cell["state"], cell["fired"] > 0) == ("resilient", True)

    def test_options_that_are_taken_back_are_named(self, town: Verified) -> None:
        said = "taken back, since each test runs alone: -x, --maxfail, -n, --cov-fail-under"
        assert said in town.document["notes"]
        assert "Required test coverage" not in town.log


# What is red, or reaches nothing


def test_red_tests_are_named_with_what_is_wrong(tmp_path: Path, redis_server: Server) -> None:
    suite = """
        from ping import ping

        def test_red():
            ping()
            assert 1 == 2

        def test_green():
            ping()

        def test_with_a_fixture_that_is_not_there(missing):
            pass
    """
    done = verify(written(tmp_path, ping=PING, test_it=suite), "--", *PYTEST, **environment(redis_server))
    assert done.code == 1
    assert "error: red with nothing broken: test_it.py::test_red (AssertionError: assert 1 == 2), " in done.err
    assert "test_it.py::test_with_a_fixture_that_is_not_there (FixtureLookupError" in done.err
    assert "test_green" not in done.err.partition("error: ")[2]


def test_a_test_that_hangs_with_nothing_broken(tmp_path: Path, redis_server: Server) -> None:
    suite = """
        import time
        from ping import ping

        def test_hangs():
            ping()
            time.sleep(1000)

        def test_hangs_as_well():
            ping()
            time.sleep(1000)

        def test_later():
            ping()
    """
    impatient = """
        from brownout.cli.start import main
        from brownout.verify import watch

        watch.PATIENCE = 6.0
        watch.Watch.__init__.__kwdefaults__["healthy"] = 2.0
        main()
    """
    written(tmp_path, ping=PING, test_it=suite, impatient=impatient)
    program = (sys.executable, str(tmp_path / "impatient.py"))
    done = verify(tmp_path, "--", *PYTEST, program=program, **environment(redis_server))
    assert "error: hangs with nothing broken: test_it.py::test_hangs, test_it.py::test_hangs_as_well\n" in done.err
    assert done.code == 1


def test_a_process_that_ends_with_nothing_broken(tmp_path: Path) -> None:
    suite = "import os\ndef test_it(): pass\ndef test_ends(): os._exit(0)\ndef test_later(): pass\n"
    done = verify(written(tmp_path, test_it=suite), "--", *PYTEST, **environment())
    assert done.code == 1
    assert "error: the process of the tests ended in test_it.py::test_ends, with nothing broken\n" in done.err


def test_tests_that_cannot_be_collected(tmp_path: Path) -> None:
    done = verify(written(tmp_path, test_it="import nothing_of_the_kind"), "--", *PYTEST, **environment())
    assert (done.code, "No module named 'nothing_of_the_kind'" in done.err) == (1, True)
    assert "error: tests cannot be collected, with nothing broken\n" in done.err


def test_no_tests(tmp_path: Path) -> None:
    done = verify(written(tmp_path, test_it=""), "--", *PYTEST, **environment())
    assert (done.code, done.err[-90:].partition("error: ")[2]) == (
        2, "the command collects no tests\nhint:  brownout verify -- pytest tests\n"
    )  # fmt: skip


def test_tests_that_reach_nothing(tmp_path: Path) -> None:
    done = verify(written(tmp_path, test_it="def test_it(): pass"), "--", *PYTEST, **environment())
    assert done.code == 3
    assert "error: the test is green, and reaches nothing over TCP\n" in done.err


def test_a_command_that_fails_with_nothing_broken(tmp_path: Path) -> None:
    written(tmp_path, Makefile="check:\n\techo this is wrong; exit 7\n")
    done = verify(tmp_path, "--", "make", "check", **environment())
    assert (done.code, "this is wrong\n" in done.err) == (1, True)
    assert "error: the command fails with nothing broken: exit code 2\n" in done.err


# Commands


def test_a_makefile_whose_recipe_is_pytest(tmp_path: Path, redis_server: Server) -> None:
    """Its tests are seen; those of a session within a test are not, and a later session is named."""
    suite = """
        import subprocess, sys
        from ping import ping

        def test_loud():
            print("a line\\n" * 1_000_000)
            ping()

        def test_of_a_plugin(tmp_path):
            (tmp_path / "test_inner.py").write_text("def test_inner(): pass")
            done = subprocess.run([sys.executable, "-m", "pytest", "-q", tmp_path], capture_output=True, text=True)
            assert "1 passed" in done.stdout
    """
    recipe = "check:\n\tpython -m pytest -q test_one.py\n\tpython -m pytest -q test_two.py\n"
    more = "from ping import ping\ndef test_later(): ping()\ndef test_last(): ping()\n"
    written(tmp_path, ping=PING, test_one=suite, test_two=more, Makefile=recipe)
    done = verify(tmp_path, "--only", "refused", "--", "make", "check", **environment(redis_server))
    assert done.code == 0, done.err
    assert done.states == {("redis", "refused", "test_loud"): "resilient"}
    notes = {each["name"].rpartition("::")[2]: each["note"] for each in done.document["journeys"]}
    assert notes == {"test_loud": "", "test_of_a_plugin": "it reaches nothing"}
    said = "another session of pytest comes later, whose 2 tests are left out: verify it by itself"
    assert said in done.document["notes"]


def test_a_makefile_whose_recipe_is_a_script_is_one_journey(
    tmp_path: Path, shop: str, program: Callable[..., str]
) -> None:
    program("curl", "apt-get install curl")
    script = tmp_path / "smoke.sh"
    script.write_text(
        f"#!/bin/sh\nset -e\ncurl -sf --max-time 20 {shop}/one\ncurl -sf --max-time 20 {shop}/two || true\n"
    )
    script.chmod(0o755)
    written(tmp_path, Makefile="smoke:\n\t./smoke.sh\n")
    done = verify(tmp_path, "--only", "refused", "--only", "error", "--", "make", "smoke", **environment())
    assert done.code == 1, done.err
    assert set(done.states.values()) == {"failed"}
    assert {each["why"] for each in done.document["cells"]} == {"exit code 2"}
    assert (
        "no session of pytest with this Brownout in its environment: the command is one journey"
        in done.document["notes"]
    )


def test_a_connection_that_is_made_at_import(tmp_path: Path, redis_server: Server) -> None:
    suite = """
        import os, redis

        cache = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=1)
        cache.ping()

        def test_it():
            try:
                cache.ping()
            except redis.RedisError:
                pass
    """
    only = ("--only", "redis/refused/*::test_it")
    done = verify(written(tmp_path, test_it=suite), *only, "--", *PYTEST, **environment(redis_server))
    cell = done.cell("redis", "refused", "::test_it")
    assert (done.code, cell["state"], cell["fired"]) == (0, "resilient", 1), done.err
    said = "connections are open when all tests are collected, so it cannot be forked"
    assert [each for each in done.document["notes"] if each.endswith(said)]


def test_a_server_of_a_test_and_one_that_was_there_before_have_names_of_their_own(
    tmp_path: Path, redis_server: Server
) -> None:
    shutil.copy(SUITES / "town" / "tests" / "test_own_redis.py", tmp_path)
    again = "from test_own_redis import own\nfrom test_own_redis import test_own_redis as test_own_again\n"
    written(tmp_path, ping=PING, test_shared="from ping import ping\ndef test_shared(): ping()\n", test_then=again)
    done = verify(tmp_path, "--only", "refused", "--", *PYTEST, **environment(redis_server))
    assert done.code == 0, done.err
    assert done.states == {
        ("redis", "refused", "test_own_redis"): "resilient",
        ("redis", "refused", "test_own_again"): "resilient",
        ("redis-2", "refused", "test_shared"): "resilient",
    }
    assert [(each["name"], each["started"]) for each in done.document["dependencies"]] == [
        ("redis", True), ("redis-2", False),
    ]  # fmt: skip


def test_ctrl_c_leaves_a_report_and_no_process(tmp_path: Path, redis_server: Server) -> None:
    suite = """
        import os, redis, subprocess

        def test_it():
            daemon = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            with open("started", "a") as started:
                print(daemon.pid, os.getpid(), file=started)
            try:
                redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
            except redis.RedisError:
                pass

        def test_later():
            redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
    """
    written(tmp_path, test_it=suite)
    words = (*PROGRAM, "verify", "--report-dir", "report", "--cell-timeout", "200s", "--only", "hangs", "--", *PYTEST)
    process = subprocess.Popen(
        words, cwd=tmp_path, env=os.environ | environment(redis_server), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    started = tmp_path / "started"
    deadline = time.monotonic() + DEADLINE
    calls = 5  # among the others; alone, again, and on the same fixtures; broken
    while not started.exists() or len(started.read_text().splitlines()) < calls:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, out
    document = json.loads((tmp_path / "report" / "verify.json").read_text())
    assert document["ended"] == "ended by SIGINT"
    assert {(each["state"], each["why"]) for each in document["cells"]} == {("not run", "ended by SIGINT")}
    assert "not run" in out
    assert not [pid for pid in started.read_text().split() if is_running(int(pid))]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
