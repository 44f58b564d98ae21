"""`env:` in runs of pytest: applications that read their settings when they are imported."""

import contextlib
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import brownout.testing.environment
import brownout.testing.failure  # what an inner run imports first, it takes away with it
from brownout.faults.config.mapping import NOTE
from brownout.testing import Chaos
from brownout.testing.environment import SEED

from ..cli.conftest import Run as BrownoutRun
from .suites import WITHOUT

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

FILE = """
proxies: {db: "${DATABASE_URL}"}
env: {DATABASE_URL: "{db.url}", DB_PORT: "{db.port}"}
"""
APPLICATION = """
import os, socket
URL = os.environ["DATABASE_URL"]
PORT = int(os.environ["DB_PORT"])

def trip():
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as client:
        client.sendall(b"x")
        return client.recv(1)
"""
SUITE = """
import app

def test_the_application_goes_through_the_proxy(chaos):
    assert app.URL == chaos["db"].url
    latency = chaos["db"].inject("latency:1ms")
    assert app.trip() == b"x"
    assert latency.receipt.fired == 1
"""
ANY = "def test_it(): pass"
ALONE: tuple[str, ...] = ()
"""The words that start a process of its own: none but those of pytest."""
DEADLINE = 120.0


@pytest.fixture
def run(pytester: pytest.Pytester, echo: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write an application with its suite and run it, with every warning an error: here, or as a process of its own."""
    monkeypatch.setenv("ECHO", echo)
    monkeypatch.setenv("DATABASE_URL", f"redis://me:secret@{echo}/0")
    monkeypatch.syspath_prepend(pytester.path)
    pytester.makefile(".yaml", brownout=FILE)
    pytester.makepyfile(app=APPLICATION, conftest="import app")

    def run(*args: str, suite: str = SUITE, within: tuple[str, ...] | None = None) -> pytest.RunResult:
        pytester.makepyfile(test_it=suite)
        options = ["-W", "error", "-p", "no:cacheprovider", *WITHOUT, *args]
        if within is None:
            return pytester.runpytest_inprocess(*options)
        return pytester.run(*within, sys.executable, "-m", "pytest", *options, timeout=DEADLINE)

    return run


def environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def said(result: pytest.RunResult) -> list[str]:
    lines = (line for line in [*result.outlines, *result.errlines] if "DATABASE_URL" in line)
    return [line for line in lines if line.startswith(("brownout: ", "DATABASE_URL ", "ERROR: "))]


POINT = "brownout: DATABASE_URL and DB_PORT point at the proxies"


def test_an_application_that_reads_its_settings_at_import_goes_through_the_proxies(run: Run) -> None:
    result = run()
    result.assert_outcomes(passed=1)
    assert said(result) == [POINT]
    assert "secret" not in "\n".join(result.outlines)


def test_at_the_end_the_environment_is_as_it_was_and_nobody_listens(run: Run) -> None:
    before = environ()
    result = run("-s", suite=f"{SUITE}\ndef test_its_port(): print('port', app.PORT, end=';')")
    result.assert_outcomes(passed=2)
    assert environ() == before
    port = re.search(r"port (\d+);", "\n".join(result.outlines))
    assert port is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port[1])), timeout=20)


def test_without_a_fixture_the_application_goes_through_the_proxy_as_well(run: Run, echo: str) -> None:
    result = run(suite=f"import app\ndef test_it(): assert app.trip() == b'x'; assert '{echo}' not in app.URL")
    result.assert_outcomes(passed=1)


def test_where_the_file_has_no_env_nothing_starts(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", brownout='proxies: {db: "${DATABASE_URL}"}')
    pytester.makepyfile(conftest="import os; os.environ['DB_PORT'] = '1'", app=APPLICATION)
    result = run(
        suite="import sys, app, os, threading\n"
        "def test_it():\n"
        "    assert 'secret' in app.URL and [each.name for each in threading.enumerate()] == ['MainThread']\n"
        f"    assert {NOTE!r} not in os.environ\n",
        within=ALONE,
    )
    result.assert_outcomes(passed=1)
    assert said(result) == []


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_who_asks_for_no_tests_starts_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    started = []
    monkeypatch.setattr(brownout.testing.environment, "OwnEnvironment", started.append)
    monkeypatch.setenv("DB_PORT", "1")
    assert run(option).ret == 0
    assert started == []


def test_tests_can_be_collected_alone(run: Run) -> None:
    result = run("--collect-only")
    assert result.ret == 0
    assert said(result) == [POINT]
    assert NOTE not in os.environ


# Workers


def test_each_worker_has_proxies_of_its_own_and_all_have_one_seed(run: Run, tmp_path: Path) -> None:
    result = run(
        "-n", "2", within=ALONE,
        suite=f"""
import os, pytest
import app

@pytest.mark.parametrize("number", range(8))
def test_it(chaos, number, worker_id):
    assert app.URL == chaos["db"].url and app.trip() == b"x"
    assert {SEED!r} not in os.environ
    with open({str(tmp_path / "met")!r}, "a") as file:
        print(worker_id, chaos.seed, app.PORT, file=file)
""",
    )  # fmt: skip
    result.assert_outcomes(passed=8)
    assert said(result) == ["brownout: DATABASE_URL and DB_PORT point at the proxies of each worker"]
    met = {*(tmp_path / "met").read_text().splitlines()}
    workers, seeds, ports = ({line.split()[place] for line in met} for place in range(3))
    assert (len(seeds), len(ports)) == (1, len(workers))


def test_the_controller_of_xdist_has_no_proxies_and_imports_with_the_upstreams_themselves(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        conftest="""
import os, threading, app
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        assert app.URL == f"redis://me:secret@{os.environ['ECHO']}/0" and app.URL.endswith(f":{app.PORT}/0")
        assert not any(thread.name == "brownout" for thread in threading.enumerate())
"""
    )
    run("-n", "1", within=ALONE).assert_outcomes(passed=1)


def test_without_xdists_workers_the_variables_are_those_of_the_process(run: Run) -> None:
    result = run("-n", "0")
    result.assert_outcomes(passed=1)
    assert said(result) == [POINT]


def test_what_is_wrong_is_said_once_before_workers_start(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", brownout=FILE.replace("{db.url}", "{dbx.url}"))
    result = run("-n", "2", within=ALONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert len([line for line in result.errlines if "no proxy named 'dbx' (did you mean db?)" in line]) == 1


# Runs within runs


def test_pytest_that_a_test_runs_stands_before_what_the_user_has_set(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(inner="""
import app
def test_inner(chaos): print("upstream", chaos["db"].upstream, "port", app.PORT)
""")  # fmt: skip
    result = run(
        within=ALONE,
        suite=f"""
import subprocess, sys
import app

def test_outer():
    words = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "inner.py"]
    inner = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    assert "upstream redis://me:***@{os.environ["ECHO"]}/0" in inner.stdout
    assert f"port {{app.PORT}}" not in inner.stdout
""",
    )
    result.assert_outcomes(passed=1)


def test_beneath_brownout_run_the_variables_are_those_that_it_has_set(run: Run) -> None:
    result = run(within=(sys.executable, "-m", "brownout.cli", "run", "brownout.yaml", "--"))
    result.assert_outcomes(passed=1)
    assert said(result) == [POINT]


def test_attached_to_a_running_brownout_nothing_is_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    running = BrownoutRun("brownout.yaml", "--api", "127.0.0.1:0")
    with contextlib.closing(running):
        monkeypatch.setenv("DB_PORT", "1")
        result = run("--brownout-api", running.api, suite="import app\ndef test_it(): assert app.PORT == 1")
        result.assert_outcomes(passed=1)
        assert said(result) == [
            f"brownout: DATABASE_URL and DB_PORT not set, because the proxies are those at {running.api}; "
            "to have them set: brownout run FILE -- pytest"
        ]


# What others change


def changed(who: str) -> str:
    return f"DATABASE_URL was changed afterwards, by {who}: the application does not go through db"


LEADS = "brownout: DB_PORT points at the proxies"


def test_a_conftest_that_overwrites_a_variable_is_named_in_the_header(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(conftest="import os; os.environ['DATABASE_URL'] = 'redis://elsewhere:1'")
    result = run(suite="import app\ndef test_it(): assert app.URL == 'redis://elsewhere:1'")
    result.assert_outcomes(passed=1)
    assert said(result) == [f"brownout: {changed('conftest.py or a plugin')}"]
    assert LEADS in result.outlines
    assert os.environ["DATABASE_URL"] == "redis://elsewhere:1"


def test_a_plugin_that_overwrites_a_variable_is_named_in_the_header(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        settings_of_tests="""
import os, pytest
@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(): os.environ["DATABASE_URL"] = "redis://elsewhere:1"
"""
    )
    assert said(run("-p", "settings_of_tests", suite=ANY)) == [f"brownout: {changed('a plugin (settings_of_tests)')}"]


def test_an_application_that_overwrites_a_variable_is_named_at_the_end(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(conftest="")
    result = run(suite=f"import os; os.environ['DATABASE_URL'] = 'redis://elsewhere:1'\n{ANY}")
    assert said(result) == [POINT, changed("what tests import")]


def test_what_a_worker_finds_changed_is_said_at_the_end(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(conftest="import os; os.environ['DATABASE_URL'] = 'redis://elsewhere:1'")
    result = run("-n", "1", within=ALONE, suite=ANY)
    assert said(result)[1:] == [changed("conftest.py or a plugin")]


@pytest.mark.parametrize("edit", ["+= '_test'", "= os.environ['DATABASE_URL'].replace('redis', 'redis+x')"])
def test_a_variable_that_still_leads_to_the_proxy_is_not_changed(
    run: Run, pytester: pytest.Pytester, edit: str
) -> None:
    pytester.makepyfile(conftest=f"import os; os.environ['DATABASE_URL'] {edit}")
    assert said(run(suite=ANY)) == [POINT]


# What is wrong


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            FILE.replace("{db.url}", "{dbx.url}"),
            "ERROR: *: env.DATABASE_URL: there is no proxy named 'dbx' (did you mean db?)",
        ),
        ("env: {A: b", "ERROR: *:1: a bracket that is never closed*"),
        ('env: {DATABASE_URL: "{db.url}"}', "ERROR: there is no proxy named 'db'"),
    ],
)
def test_a_file_that_is_wrong_is_an_error_of_usage(
    run: Run, pytester: pytest.Pytester, file: str, message: str
) -> None:
    pytester.makefile(".yaml", brownout=file)
    before = environ()
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stderr.no_fnmatch_line("*Traceback*")
    assert environ() == before


def test_a_port_that_is_taken_is_an_error_of_usage(run: Run, pytester: pytest.Pytester, echo: str) -> None:
    pytester.makefile(
        ".yaml", brownout=f'proxies: {{db: {{upstream: "h:1", listen: "{echo}"}}}}\nenv: {{U: "{{db.url}}"}}'
    )
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{echo}*"])


def test_a_conftest_that_cannot_be_imported_leaves_nothing(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(conftest="raise RuntimeError")
    before = environ()
    assert run().ret == pytest.ExitCode.USAGE_ERROR
    assert environ() == before
    assert not any(thread.name == "brownout" for thread in threading.enumerate())


def test_without_the_plugin_nothing_is_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PORT", "1")
    run("-p", "no:brownout", suite="import app\ndef test_it(): assert app.PORT == 1").assert_outcomes(passed=1)


def test_a_plugin_that_comes_with_a_conftest_says_that_it_came_too_late(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PORT", "1")
    pytester.makepyfile(conftest="import app; pytest_plugins = ['brownout.testing.plugin']")
    result = run(
        "-p", "no:brownout", "--brownout-seed", "7", within=ALONE, suite="def test_it(chaos): assert chaos.seed == 7"
    )
    result.assert_outcomes(passed=1)
    late = "env not set, because a conftest.py loaded the plugin; load it with -p brownout.testing.plugin"
    assert f"brownout: embedded, seed 7, config brownout.yaml, {late}" in result.outlines


def test_chaos_returns_the_variables_without_setting_them(tmp_path: Path, echo: str) -> None:
    (tmp_path / "a.yaml").write_text(f'proxies: {{db: "redis://me:secret@{echo}/0"}}\nenv: {{U: "{{db.url}}"}}')
    with Chaos(config=tmp_path / "a.yaml") as chaos:
        assert chaos.env() == {"U": chaos["db"].url}
        assert "U" not in os.environ
