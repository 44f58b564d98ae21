"""`run --strict -- COMMAND`: a run that proves nothing is not green, and it is said why."""

import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from brownout.faults.config.file import shipped
from brownout.proxy.system.refusals import refusals

from .conftest import DEADLINE, Run

Start = Callable[..., Run]

ASK = """
import os, socket, sys
def ask(path="/", name="WEB", say=True, read=True):
    port = int(os.environ[f"BROWNOUT_{name}_PORT"])
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as link:
            if say:
                link.sendall(b"GET %s HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" % path.encode())
            if read:
                link.settimeout(read if isinstance(read, float) else 20)
                return link.recv(100_000)
    except OSError:
        return b""
"""
"""What a command begins with, that asks through a proxy once."""


class Told(NamedTuple):
    """How a run ended: its exit code, and what it said behind the command's output."""

    code: int
    said: list[str]


def strictly(run: Start, *args: str, code: str = "", before: str = "") -> Told:
    api = () if "--api" in args else ("--api", "none")  # which takes a third of the time that a start takes
    process = run("--strict", *args, *api, "--", sys.executable, "-c", before + code)
    exit_code = process.wait()
    return Told(exit_code, [line.removeprefix("brownout: ") for line in process.err.all() if "brownout: " in line])


# Ten set-ups of a CI stage that prove nothing, each with what is said of it


def test_an_address_that_was_not_mapped(run: Start, web: str) -> None:
    direct = f"import socket; socket.create_connection({tuple(web.split(':'))!r})"
    told = strictly(run, "-p", f"web={web}", "--profile", "slow-network", code=direct)
    assert told.code == 3
    assert told.said[-1] == "exit 3, nothing fired: slow-network on web (no connection came)"
    assert told.said[0].startswith(
        "slow-network on web  nothing fired: no connection came; let the service connect to "
    )


def test_a_key_of_a_profile_that_means_no_proxy(run: Start, web: str, tmp_path: Path) -> None:
    file = tmp_path / "ci.yaml"
    file.write_text(f"proxies: {{web: {web}}}\nprofiles: {{p: {{wbe: [reset]}}}}\n")
    process = run(str(file), "--strict", "--profile", "p", "--", sys.executable, "-c", "")
    assert process.wait() == 2
    assert "hint:  did you mean web?" in process.err.all()


def test_a_fault_that_was_over_before_the_tests(run: Start, web: str, tmp_path: Path) -> None:
    file = tmp_path / "ci.yaml"
    file.write_text(
        f"strict: true\nproxies: {{web: {web}}}\n"
        "profiles: {p: {clock: launch, web: [{fault: latency, latency: 1s, for: 50ms}]}}\n"
    )
    process = run(str(file), "--profile", "p", "--", sys.executable, "-c", f"{ASK}import time; time.sleep(1); ask()")
    assert process.wait() == 3
    assert process.err.all()[-1] == (
        "brownout: exit 3, nothing fired: p on web (no connection came in the 50ms that it lasted)"
    )


def test_another_port(run: Start, web: str) -> None:
    told = strictly(
        run, "-p", f"web={web}", "-p", f"other={web}", "--profile", "slow-network", code=ASK + "ask(name='OTHER')"
    )
    assert told.code == 0  # the profile's * has fired somewhere, and the summary shows where it has not
    assert told.said[0].startswith("slow-network on web    nothing fired: no connection came")
    assert told.said[1].startswith("slow-network on other  fired: 4 of 4 injections")


SILENT = "1 connection and not a byte"
UNREACHED = "1 connection had not reached the upstream yet"


@pytest.mark.parametrize(
    ("read", "reasons"),
    [
        (False, (SILENT, UNREACHED)),  # as the moment has it: the run is judged when the command has ended
        (0.05, (SILENT,)),
    ],
    ids=["closes at once", "listens"],
)
def test_health_checks_alone(run: Start, web: str, read: object, reasons: tuple[str, ...]) -> None:
    told = strictly(run, "-p", f"web={web}", "--profile", "half-open", code=f"{ASK}ask(say=False, read={read})")
    assert told in [
        (3, [f"half-open on web  nothing fired: {why}", f"exit 3, nothing fired: half-open on web ({why})"])
        for why in reasons
    ]


def test_answers_that_came_from_a_cache(run: Start, web: str, tmp_path: Path) -> None:
    file = tmp_path / "ci.yaml"
    file.write_text(
        f"proxies: {{web: 'http://{web}'}}\n"
        "profiles: {p: {web: [{fault: http.status, status: 503, match: {path: /prices}}]}}\n"
    )
    told = strictly(run, str(file), "--profile", "p", code=ASK + "ask('/login'); ask('/price-list')")
    assert told == (3, [
        "p on web  nothing fired: none of 2 requests matched; seen: GET /price-list, GET /login",
        "exit 3, nothing fired: p on web (none of 2 requests matched)",
    ])  # fmt: skip


def test_a_proxy_that_is_disabled(run: Start, web: str, tmp_path: Path) -> None:
    file = tmp_path / "ci.yaml"
    file.write_text(f"proxies: {{web: {{upstream: {web}, enabled: false}}}}\nprofiles: {{p: {{web: [latency:1s]}}}}\n")
    told = strictly(run, str(file), "--profile", "p", code="")
    assert told == (3, [
        "p on web  nothing fired: the proxy was disabled",
        "exit 3, nothing fired: p on web (the proxy was disabled)",
    ])  # fmt: skip


def test_the_wrong_stream(run: Start, web: str, tmp_path: Path) -> None:
    greeting = tmp_path / "ci.yaml"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as link:
                link.sendall(b"220 hello\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        where = f"127.0.0.1:{server.getsockname()[1]}"
        greeting.write_text(
            f"proxies: {{web: {where}}}\nprofiles: {{p: {{web: [{{fault: limit_data, bytes: 1B, stream: upstream}}]}}}}\n"
        )
        told = strictly(run, str(greeting), "--profile", "p", code=ASK + "ask(say=False)")
        thread.join(DEADLINE)
    assert told.code == 3
    assert told.said[0] == (
        "p on web  nothing fired: no byte passed upstream, and 11 bytes did downstream; did you mean stream: downstream?"
    )


@pytest.mark.parametrize(
    ("trigger", "code", "said"),
    [
        ("after: 10", 3, "after: 10 was not reached, with 2 matches"),
        ("every: 7", 3, "every: 7 was not reached, with 2 matches"),
        ("probability: 0.0001%", 0, "spared by chance: probability 0.0001%, with 2 matches"),
        ("quota: 1 of 1000", 0, "spared by chance: quota 1 of 1000, with 2 matches"),
    ],
)
def test_a_trigger_that_chose_none(run: Start, web: str, tmp_path: Path, trigger: str, code: int, said: str) -> None:
    file = tmp_path / "ci.yaml"
    file.write_text(
        f"seed: 7\nproxies: {{web: {web}}}\nprofiles: {{p: {{web: [{{fault: latency, latency: 1ms, {trigger}}}]}}}}\n"
    )
    told = strictly(run, str(file), "--profile", "p", code=ASK + "ask(); ask()")
    assert (told.code, told.said[0].split("; ")[0]) == (code, f"p on web  nothing fired: {said}")
    last = told.said[-1]
    assert (
        last == f"exit 3, nothing fired: p on web ({said})" if code else last.startswith(f"warning: p on web: {said}; ")
    )


# What --strict is, and what it is not


def test_a_fault_that_fired_is_green(run: Start, web: str) -> None:
    told = strictly(run, "-p", f"web={web}", "--profile", "slow-network", code=ASK + "ask()")
    assert told == (0, ["slow-network on web  fired: 4 of 4 injections"])


@pytest.mark.parametrize("code", [1, 3, 5])
def test_another_exit_code_stays(run: Start, web: str, code: int) -> None:
    told = strictly(run, "-p", f"web={web}", "--profile", "slow-network", code=f"raise SystemExit({code})")
    assert told.code == code
    assert "exit 3" not in told.said[-1]


def test_without_strict_the_summary_alone_tells(run: Start, web: str) -> None:
    process = run("-p", f"web={web}", "--profile", "half-open", "--", sys.executable, "-c", "print('out')")
    assert process.wait() == 0
    assert process.err.all()[-1].startswith("brownout: half-open on web  nothing fired: no connection came")
    assert process.out.all() == ["out"]


def test_quiet_leaves_the_summary_out_and_not_the_reason(run: Start, web: str) -> None:
    told = strictly(run, "-q", "-p", f"web={web}", "--profile", "half-open", code="")
    assert told == (3, ["exit 3, nothing fired: half-open on web (no connection came)"])


def test_nothing_injected_is_said_and_is_no_failure(run: Start, web: str) -> None:
    assert strictly(run, "-p", f"web={web}", code=ASK + "ask()") == (0, ["nothing was injected"])


def test_strict_needs_a_command(run: Start, web: str) -> None:
    process = run("-p", f"web={web}", "--strict")
    assert process.wait() == 2
    assert process.err.all()[0] == "error: --strict needs a COMMAND"


def test_what_the_command_injects_by_the_api_is_judged_as_well(run: Start, web: str) -> None:
    code = """
from brownout.testing import Chaos
with Chaos() as chaos:
    for used in (False, True):
        with chaos["web"].inject("latency:1ms"):
            used and ask()
"""
    told = strictly(run, "-p", f"web={web}", "--api", "127.0.0.1:0", code=ASK + code)
    assert told == (3, [
        "latency on web  matched 1, fired 1 (1 of 2 times nothing)",
        "exit 3, nothing fired: latency on web (1 of 2 times: no connection came)",
    ])  # fmt: skip


# Every profile that ships

NOBODY = "exit 3, nothing fired: {} on web (no connection came)"
BLACKOUT = "exit 3, nothing fired: blackout on web (nobody tried to connect while the port was closed)"
ROLLING = "exit 3, nothing fired: rolling-deploy on web (nobody tried to connect while the port was closed)"
IDLE = "exit 3, nothing fired: nat-idle on web (its moment never came: 10s without traffic ("
CLIENTS = {
    "no client": "",
    "one request": ASK + "ask(read=3.0)",
    "100 requests": ASK
    + "from concurrent.futures import ThreadPoolExecutor\n"
    + "with ThreadPoolExecutor(100) as pool: list(pool.map(lambda n: ask(read=3.0), range(100)))",
}
CHANCE = "warning: flaky-api on web: spared by chance: "
PROFILES = {
    "blackout": (BLACKOUT, "", ""),
    "brownout": (NOBODY, "", ""),
    "flaky-api": (NOBODY, CHANCE, ""),
    "flaky-network": (NOBODY, "", ""),
    "half-open": (NOBODY, "", ""),
    "mobile-3g": (NOBODY, "", ""),
    "nat-idle": (NOBODY, IDLE, IDLE),
    "rolling-deploy": (ROLLING, "", ""),
    "satellite": (NOBODY, "", ""),
    "slow-network": (NOBODY, "", ""),
}
CELLS = [
    pytest.param(profile, CLIENTS[client], expected, id=f"{profile}, {client}")
    for profile, row in PROFILES.items()
    for client, expected in zip(CLIENTS, row, strict=True)
]


def test_no_profile_is_missing() -> None:
    assert PROFILES.keys() == shipped().keys()


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "code", "expected"), CELLS)
def test_a_shipped_profile(run: Start, web: str, profile: str, code: str, expected: str) -> None:
    before = refusals()
    told = strictly(run, "-p", f"web=http://{web}", "--profile", profile, "--seed", "7", code=code)
    if told.code == 0 and profile in ("blackout", "rolling-deploy") and not code:
        assert refusals() != before  # another program of this machine was refused, or refused somebody, meanwhile
        assert "connection attempt" in "".join(told.said)
        return
    strict = expected.startswith("exit 3")
    assert told.code == (3 if strict else 0)
    if expected:
        assert told.said[-1].startswith(expected.format(profile))
    else:
        assert not [line for line in told.said if line.startswith(("exit", "warning"))]


def test_a_client_that_was_refused_is_seen(run: Start, web: str) -> None:
    told = strictly(run, "-p", f"web={web}", "--profile", "blackout", code=ASK + "assert ask() == b''")
    assert told.code == 0
    assert "failed on this machine meanwhile" in told.said[1]


@pytest.mark.slow
def test_a_client_that_only_retries_comes_through(run: Start, web: str, tmp_path: Path) -> None:
    file = tmp_path / "ci.yaml"
    file.write_text(f"proxies: {{web: {web}}}\nprofiles: {{p: {{web: [{{fault: refuse, for: 5s}}]}}}}\n")
    told = strictly(run, str(file), "--profile", "p", code=ASK + "while not ask(): pass")
    assert told.code == 0
    assert told.said[0].startswith("p on web  unseen: ")


PYTEST = """
import pathlib, socket, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "conftest.py").write_text(sys.argv[2] + "import time; migrated = ask(); time.sleep(1)")
(folder / "test_it.py").write_text(sys.argv[2] + '''
import time
def test_it():
    began = time.monotonic()
    while len(ask()) == 0 or time.monotonic() - began < 0.2: pass
    while ask(): assert time.monotonic() - began < 10
''')
for _ in range(3):
    ask()
raise SystemExit(subprocess.call([sys.executable, "-m", "pytest", "-q", str(folder)]))
"""


def test_a_start_counts_from_the_first_test_whatever_connects_before(run: Start, web: str, tmp_path: Path) -> None:
    file, tests = tmp_path / "ci.yaml", tmp_path / "tests"
    tests.mkdir()
    file.write_text(
        f"proxies: {{web: {web}}}\nprofiles: {{p: {{web: [{{fault: limit_data, bytes: 0, start: 300ms, for: 5s}}]}}}}\n"
    )
    process = run("--strict", str(file), "--profile", "p", "--", sys.executable, "-c", ASK + PYTEST, str(tests), ASK)
    assert process.wait() == 0
    assert [line for line in process.err.all() if line.startswith("brownout: p on web")]
    assert "1 passed" in process.out.all()[-1]
