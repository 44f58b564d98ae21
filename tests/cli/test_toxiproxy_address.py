"""The commands with `toxiproxy://HOST:PORT`; a `brownout run` plays the Toxiproxy."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Brownout, command, environment

KNOWN = (
    "hint:  its faults: latency, bandwidth, slow_close, timeout, reset, slicer, limit_data, noop; "
    "of the trigger it knows probability\n"
)


@pytest.fixture
def toxiproxy(brownout: Brownout) -> Brownout:
    return brownout._replace(api=f"toxiproxy://{brownout.api}")


def test_inject_change_heal(toxiproxy: Brownout, brownout: Brownout) -> None:
    assert toxiproxy.says("inject", "echo", "latency:300ms") == "injected latency on echo: latency=300ms\n"
    words = ("inject", "echo", "latency:1s", "jitter=5ms", "--stream", "upstream", "--probability", "30%")
    assert (
        toxiproxy(*words).stdout
        == "injected latency-2 on echo: stream=upstream latency=1s jitter=5ms probability=30%\n"
    )
    assert toxiproxy.says("inject", "echo", "reset", "--name", "mine") == "injected mine on echo\n"
    assert (
        toxiproxy.says("change", "echo", "latency-2", "jitter=0", "probability=none")
        == "changed latency-2 on echo: stream=upstream latency=1s\n"
    )
    # The other API has them too.
    assert [each["name"] for each in json.loads(brownout.says("status", "--json"))["proxies"][0]["injections"]] == [
        "latency", "latency-2", "mine"
    ]  # fmt: skip
    assert toxiproxy.says("heal", "echo", "mine") == "healed mine on echo: unseen\n"
    assert toxiproxy.says("heal", "echo") == "healed 2 injections\n"
    assert toxiproxy.says("heal") == "nothing to heal\n"


def test_status_says_what_is_not_known(toxiproxy: Brownout) -> None:
    toxiproxy.says("inject", "echo", "latency:300ms")
    where = f"{toxiproxy.address[0]}:{toxiproxy.address[1]} -> tcp://{toxiproxy.upstream}"
    head, blank, columns, *lines = toxiproxy.says("status").splitlines()
    assert head.startswith("Toxiproxy ")
    assert head.endswith(f" at {toxiproxy.api.removeprefix('toxiproxy://')}")
    assert lines == [f"echo   {where}            -      -     -         -", "  latency  unseen  latency=300ms"]
    told = json.loads(toxiproxy.says("status", "--json"))
    [proxy] = told.pop("proxies")
    assert (told["api"], told["pid"], told["seed"]) == (toxiproxy.api, None, None)
    assert (proxy["connections"], proxy["bytes"], proxy["injections"][0]["receipt"]["unseen"]) == (None, None, True)


def test_proxies_come_and_go(toxiproxy: Brownout, reserve: Callable[[], str]) -> None:
    listen = reserve()
    line = f"proxy own {listen} -> tcp://127.0.0.1:1\n"
    assert toxiproxy.says("proxy", "add", "own", "redis://127.0.0.1:1/0", "--listen", listen) == line
    assert toxiproxy.says("proxy", "disable", "own") == "proxy own disabled -> tcp://127.0.0.1:1\n"
    assert toxiproxy.says("proxy", "enable", "own") == line
    assert toxiproxy.says("proxy", "rm", "own") == "removed own\n"


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("inject", "echo", "half_open"), "error: half_open on echo: a Toxiproxy has no such fault\n" + KNOWN),
        (
            ("inject", "echo", "latency:1s", "--times", "3"),
            "error: latency on echo: a Toxiproxy has no times=3\n" + KNOWN,
        ),
        (("inject", "eco", "noop"), "error: there is no proxy named 'eco'\nhint:  did you mean echo?\n"),
        (
            ("profile", "apply", "blackout"),
            "error: profile blackout: refuse on echo: a Toxiproxy has no such fault\n" + KNOWN,
        ),
        (
            ("profile", "heal", "blackot"),
            "error: there is no profile named 'blackot'\nhint:  did you mean blackout?\n",
        ),
        (
            ("proxy", "add", "own", "unix:///tmp/x.sock"),
            "error: a Toxiproxy cannot connect to a unix socket: unix:///tmp/x.sock\nhint:  give HOST:PORT\n",
        ),
    ],
)
def test_what_it_cannot_is_said(toxiproxy: Brownout, args: tuple[str, ...], error: str) -> None:
    result = toxiproxy(*args)
    assert (result.exit_code, result.stderr, result.stdout) == (2, error, "")
    [proxy] = json.loads(toxiproxy.says("status", "--json"))["proxies"]
    assert (proxy["name"], proxy["injections"]) == ("echo", [])


def test_the_shipped_profiles_are_listed(toxiproxy: Brownout) -> None:
    listed = toxiproxy.says("profile", "list").splitlines()
    assert [line.split()[:3] for line in listed if line[0] != " "][:2] == [
        ["PROFILE", "FROM", "APPLIED"], ["blackout", "shipped", "-"]
    ]  # fmt: skip
    assert toxiproxy.says("profile", "show", "blackout").startswith("blackout: ships with Brownout\n")


def test_a_profile_of_a_file_is_applied_and_healed(toxiproxy: Brownout, brownout: Brownout, tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text('profiles: {slow-cache: {"e*": ["latency:300ms", {fault: reset, probability: 10%}]}}')
    assert toxiproxy.says("profile", "apply", "slow-cache", "--file", str(file)).splitlines() == [
        "applied slow-cache: 2 injections",
        "  echo  slow-cache~latency  latency latency=300ms",
        "  echo  slow-cache~reset    reset probability=10%",
    ]
    [echo] = json.loads(brownout.says("status", "--json"))["proxies"]
    assert [each["fault"] for each in echo["injections"]] == ["latency", "reset"]
    assert toxiproxy.says("profile", "heal", "slow-cache") == "healed slow-cache: 2 injections\n"
    refused = command("profile", "apply", "slow-cache", "--file", str(file), "--api", brownout.api)
    assert (refused.exit_code, refused.stderr) == (
        2, "error: a Brownout has the profiles of its own file\nhint:  give it the file: brownout run FILE\n"
    )  # fmt: skip


def test_nobody_answers(reserve: Callable[[], str]) -> None:
    address = reserve()
    result = command("heal", "--api", f"toxiproxy://{address}")
    assert (result.exit_code, result.stderr) == (
        2, f"error: no Toxiproxy answers at {address}\nhint:  say where it is: --api toxiproxy://HOST:PORT\n"
    )  # fmt: skip


def test_a_token_is_none_of_its_business(toxiproxy: Brownout) -> None:
    result = command("status", "--api", toxiproxy.api, "--token", "secret")
    assert (result.exit_code, result.stderr) == (2, "error: a Toxiproxy asks for no token\nhint:  leave --token out\n")
    assert command("status", "--api", toxiproxy.api, BROWNOUT_TOKEN="secret").exit_code == 0


def test_names_are_completed(toxiproxy: Brownout, reserve: Callable[[], str]) -> None:
    words = {"COMP_WORDS": f"brownout heal --api {toxiproxy.api} ", "COMP_CWORD": "4"}
    env = environment(_BROWNOUT_COMPLETE="bash_complete", BROWNOUT_API=reserve(), **words)
    argv = [sys.executable, "-c", "from brownout.cli.main import main; main()"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("plain,echo\n", "")


def test_other_addresses_import_nothing_of_it(reserve: Callable[[], str]) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from brownout.cli.main import cli\n"
        f"CliRunner().invoke(cli, ['inject', 'echo', 'latency:1ms', '--api', '{reserve()}'])\n"
        "print([name for name in ('requests', 'toxiproxy', 'asyncio', 'yaml') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=environment()) == "[]\n"
