import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from brownout.cli.profile import profile
from brownout.cli.run import run as run_command
from brownout.control.client import Client

from .conftest import DEADLINE, Brownout, Run, command
from .test_run import Start

FILE = """
seed: 7
proxies:
  cache: {{upstream: "redis://{echo}"}}
  db: {{upstream: "{echo}"}}
profiles:
  slow:
    description: Everything is slow.
    "*": ["latency:300ms"]
    cache: [{{fault: reset, times: 1, probability: 30%, name: cut}}]
  mine:
    db: [noop]
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, echo: str) -> str:
    path = tmp_path_factory.mktemp("profiles") / "brownout.yaml"
    path.write_text(FILE.format(echo=echo))
    return str(path)


@pytest.fixture(scope="module")
def process(file: str) -> Iterator[Run]:
    with contextlib.closing(Run(file, "--api", "127.0.0.1:0")) as process:
        yield process


@pytest.fixture
def brownout(process: Run, echo: str) -> Iterator[Brownout]:
    yield Brownout(process, process.api, process.address("cache"), echo)
    Client(process.api).heal()


def test_list_shows_the_files_profiles_and_the_shipped_ones(brownout: Brownout) -> None:
    lines = brownout.says("profile", "list").splitlines()
    assert lines[0].split() == ["PROFILE", "FROM", "APPLIED", "WHAT", "IT", "DOES"]
    assert [line.split()[:3] for line in lines[1:3]] == [["slow", "file", "-"], ["mine", "file", "-"]]
    assert lines[1].endswith("  Everything is slow.")
    brownout.says("profile", "apply", "slow")
    assert brownout.says("profile", "list").splitlines()[1].split()[:3] == ["slow", "file", "yes"]
    views = json.loads(brownout.says("profile", "list", "--json"))
    assert [(each["name"], each["applied"]) for each in views[:2]] == [("slow", True), ("mine", False)]
    assert {each["source"] for each in views[2:]} <= {"shipped"}


def test_show_writes_what_a_file_would_have(brownout: Brownout) -> None:
    assert brownout.says("profile", "show", "slow") == (
        "slow: from the file\n\nEverything is slow.\n\n"
        "'*':\n- {fault: latency, latency: 300ms}\n"
        "cache:\n- {fault: reset, name: cut, probability: 30%, times: 1}\n"
    )
    assert json.loads(brownout.says("profile", "show", "mine", "--json")) == {
        "name": "mine", "description": "", "source": "file", "clock": "", "applied": False, "targets": {"db": [{"fault": "noop"}]},
    }  # fmt: skip
    brownout.says("profile", "apply", "mine")
    assert brownout.says("profile", "show", "mine") == "mine: from the file, applied\n\ndb:\n- {fault: noop}\n"


def test_apply_says_what_went_where_and_heal_takes_it_back(brownout: Brownout) -> None:
    assert brownout.says("profile", "apply", "slow") == (
        "applied slow: 3 injections\n"
        "  cache  latency  latency=300ms\n"
        "  db     latency  latency=300ms\n"
        "  cache  cut      reset probability=30% times=1\n"
    )
    placed = json.loads(brownout.says("profile", "apply", "mine", "--json"))
    assert [(each["proxy"], each["injection"]["name"]) for each in placed] == [("db", "noop")]
    assert brownout.says("profile", "heal", "slow") == "healed slow: 3 injections\n"
    assert brownout.says("profile", "heal", "slow") == "nothing to heal\n"
    assert json.loads(brownout.says("profile", "heal", "mine", "--json")) == {"healed": 1}


@pytest.mark.parametrize("verb", ["show", "apply", "heal"])
def test_an_unknown_profile_is_said_with_the_nearest(brownout: Brownout, verb: str) -> None:
    result = brownout("profile", verb, "slwo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: there is no profile named 'slwo'\nhint:  did you mean slow?\n"


def test_without_a_running_brownout_there_are_the_shipped_ones(reserve: Callable[[], str]) -> None:
    address = reserve()
    listed = command("profile", "list", "--json", BROWNOUT_API=address)
    assert listed.exit_code == 0
    assert listed.stderr == f"no Brownout answers at {address}; these ship with Brownout\n"
    views = json.loads(listed.stdout)
    assert {(each["source"], each["applied"]) for each in views} == {("shipped", False)}
    shown = command("profile", "show", views[0]["name"], BROWNOUT_API=address)
    assert shown.stdout.startswith(f"{views[0]['name']}: ships with Brownout\n")
    assert command("profile", "apply", views[0]["name"], BROWNOUT_API=address).exit_code == 2


def test_names_are_completed(brownout: Brownout, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_API", brownout.api)
    for verb in ("show", "apply", "heal"):
        found = profile.commands[verb]
        assert [item.value for item in found.params[0].shell_complete(click.Context(found), "sl")][:1] == ["slow"]
    context = click.Context(run_command)
    context.params = {"file": file}
    [option] = [each for each in run_command.params if each.name == "profiles"]
    assert "mine" in [item.value for item in option.shell_complete(context, "m")]
    context.params = {"file": f"{file}.missing"}
    assert "mine" not in [item.value for item in option.shell_complete(context, "m")]


def test_what_is_asked_for_is_applied_and_announced(run: Start, file: str, echo: str) -> None:
    process = run(file, "-p", f"more={echo}", "--profile", "mine", "--profile", "slow", "--api", "127.0.0.1:0")
    process.out.until("seed ")
    assert [line.split()[1] for line in process.out.seen[:3]] == ["cache", "db", "more"]
    assert process.out.seen[3:5] == ["profile mine applied: 1 injection", "profile slow applied: 4 injections"]
    assert process.out.seen[6:] == ["seed 7"]


def test_the_first_connection_meets_the_profile(
    run: Start, tmp_path: Path, echo: str, reserve: Callable[[], str]
) -> None:
    """A client that tries from before the start is never served: what it hears is a refusal or the reset."""
    listen = reserve()
    path = tmp_path / "brownout.yaml"
    path.write_text(f"proxies: {{p: {{listen: '{listen}', upstream: '{echo}'}}}}\nprofiles: {{gone: {{p: [reset]}}}}\n")
    process = run(str(path), "--profile", "gone", "--api", "none")
    assert first_answer(process, listen) == "reset"


def first_answer(process: Run, listen: str) -> str:
    """Connect again and again until somebody listens, and return what became of that connection."""
    host, port = listen.split(":")
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        assert process.process.poll() is None
        try:
            with socket.create_connection((host, int(port)), timeout=DEADLINE) as link:
                link.sendall(b"x")
                return "served" if link.recv(1) else "closed"
        except ConnectionRefusedError:
            continue
        except ConnectionResetError:
            return "reset"
    raise AssertionError("nobody listened")
