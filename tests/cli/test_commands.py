import json
import subprocess
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from brownout.cli.main import cli

from .conftest import PROGRAM, Brownout, command, environment


def where(brownout: Brownout) -> str:
    return f"{brownout.address[0]}:{brownout.address[1]}"


def test_inject_change_heal(brownout: Brownout) -> None:
    assert brownout.says("inject", "echo", "latency:300ms") == "injected latency on echo: latency=300ms\n"
    words = ("latency:1s", "jitter=5ms", "--stream", "both", "--probability", "30%", "--name", "latency-2")
    assert (
        brownout.says("inject", "echo", *words)
        == "injected latency-2 on echo: stream=both latency=1s jitter=5ms probability=30%\n"
    )
    assert (
        brownout.says("inject", "echo", "reset", "--name", "mine", "--quota", "3 of 10", "--for", "1h")
        == "injected mine on echo: quota='3 of 10' for=1h\n"
    )
    assert brownout.says("inject", "echo", "half_open", "start=1h") == "injected half_open on echo: start=1h\n"
    assert (
        brownout.says("change", "echo", "latency-2", "jitter=0", "probability=none", "quota=1 of 2")
        == "changed latency-2 on echo: stream=both latency=1s quota='1 of 2'\n"
    )
    assert brownout.says("change", "echo", "mine", "bytes=4KB") == (
        "changed mine on echo: bytes=4KB quota='3 of 10' for=1h\n"
    )
    assert brownout.says("heal", "echo", "mine") == "healed mine on echo: matched 0, fired 0 (no connection)\n"
    assert brownout.says("heal", "echo", "half_open") == "healed half_open on echo: matched 0, fired 0, not begun\n"
    assert brownout.says("heal", "echo", "latency") == "healed latency on echo: matched 0, fired 0 (no connection)\n"
    assert brownout.says("heal", "echo") == "healed 1 injection\n"
    assert brownout.says("heal") == "nothing to heal\n"


def test_an_injection_in_place_of_its_proxy_is_told_from_one_that_is_not_there(brownout: Brownout) -> None:
    brownout.says("inject", "echo", "latency:300ms")
    told = brownout("heal", "latency")
    assert (told.exit_code, told.stderr.splitlines()[1:]) == (
        2, ["hint:  it is an injection there", "       brownout heal echo latency"]
    )  # fmt: skip
    assert "known: echo" in brownout("heal", "reset").stderr
    assert brownout.says("heal", "echo", "latency").startswith("healed latency on echo")


def test_inject_works_on_the_link(brownout: Brownout) -> None:
    with brownout.link() as link:
        link.sendall(b"ping")
        assert link.recv(4) == b"ping"
        brownout.says("inject", "echo", "reset")
        with pytest.raises(ConnectionResetError):
            link.recv(1)
    assert brownout.says("heal", "echo", "reset") == "healed reset on echo: matched 1, fired 1\n"


def test_json_is_what_the_api_answers(brownout: Brownout) -> None:
    made = json.loads(brownout.says("inject", "echo", "latency:300ms", "--json"))
    receipt = made.pop("receipt")
    assert made == {"fault": "latency", "name": "latency", "stream": "downstream", "latency": "300ms"}
    assert (receipt["seed"], receipt["matched"], receipt["active"]) == (7, 0, True)
    changed = json.loads(brownout.says("change", "echo", "latency", "latency=1s", "--json"))
    assert (changed["latency"], changed["receipt"]["armed_at"]) == ("1s", receipt["armed_at"])
    assert json.loads(brownout.says("heal", "echo", "latency", "--json"))["latency"] == "1s"
    assert json.loads(brownout.says("heal", "--json")) == {"healed": 0}
    assert json.loads(brownout.says("proxy", "add", "b", "127.0.0.1:1", "--disabled", "--json"))["enabled"] is False
    assert json.loads(brownout.says("proxy", "rm", "b", "--json")) == {"removed": "b"}
    status = json.loads(brownout.says("status", "--json"))
    proxies = status.pop("proxies")
    assert status == {"api": brownout.api, "version": "0.2.0", "pid": brownout.process.process.pid, "seed": 7}
    assert [(proxy["name"], proxy["address"]) for proxy in proxies] == [("echo", where(brownout))]


def test_proxies_come_and_go(brownout: Brownout, reserve: Callable[[], str]) -> None:
    listen = reserve()
    line = f"proxy a/b {listen} -> redis://me:***@127.0.0.1:1/0\n"
    assert brownout.says("proxy", "add", "a/b", "redis://me:secret@127.0.0.1:1/0", "--listen", listen) == line
    assert brownout.says("proxy", "disable", "a/b") == "proxy a/b disabled -> redis://me:***@127.0.0.1:1/0\n"
    assert brownout.says("proxy", "enable", "a/b") == line
    assert brownout.says("proxy", "rm", "a/b") == "removed a/b\n"
    brownout.process.out.until("a/b: removed")
    ours = [line for line in brownout.process.out.seen if "a/b" in line]
    lines = [line.partition(" ")[2] if line[2] == ":" else line for line in ours]
    assert lines == [line.rstrip(), "a/b: disabled", line.rstrip(), "a/b: removed"]


def test_status_shows_what_there_is_and_what_to_do(brownout: Brownout) -> None:
    echo = f"{where(brownout)} -> tcp://{brownout.upstream}"
    head = f"Brownout 0.2.0 at {brownout.api}, seed 7\n\n"
    width = max(len(echo), len("LISTEN -> UPSTREAM"))
    assert brownout.says("status") == (
        f"{head}PROXY  {'LISTEN -> UPSTREAM':{width}}  CONNECTIONS  TURNS  SENT  RECEIVED\n"
        f"echo   {echo:{width}}          0/0      0   0 B       0 B\n"
        "\nnothing is injected; try: brownout inject echo latency:300ms\n"
    )
    with brownout.link() as link:
        link.sendall(b"x" * 1234)
        assert link.recv(1)
        brownout.says("inject", "echo", "latency:300ms", "--probability", "0%")
        brownout.says("inject", "echo", "noop", "--name", "nothing")
        shown = brownout.says("status").splitlines()
        assert shown[3].split()[:7] == [
            "echo",
            where(brownout),
            "->",
            f"tcp://{brownout.upstream}",
            "1/1",
            "1",
            "1.23",
        ]
        assert shown[4:] == [
            "  latency  matched 1, chosen 0, fired 0 (trigger not reached)  latency=300ms probability=0%",
            "  nothing  matched 1, fired 0                                  noop",
        ]
    brownout.says("proxy", "rm", "echo")
    assert brownout.says("status") == f"{head}no proxies; add one: brownout proxy add redis redis://127.0.0.1:6379\n"


def test_status_counts_what_went_wrong(brownout: Brownout, reserve: Callable[[], str]) -> None:
    added = json.loads(brownout.says("proxy", "add", "dead", reserve(), "--json"))
    host, port = added["address"].split(":")
    dead = brownout._replace(address=(host, int(port)))
    with pytest.raises(ConnectionResetError), dead.link() as link:  # which may be heard of by connect() already
        link.recv(1)
    assert brownout.says("status").splitlines()[-3] == "  dial refused: 1"


WRONG = [
    (["inject", "ecko", "noop"], "there is no proxy named 'ecko'", "did you mean echo?"),
    (["inject", "echo", "latncy"], "unknown fault 'latncy'",
     "did you mean latency?\n       brownout inject echo latency:300ms"),
    (["inject", "echo", "latency:1s", "jiter=5ms"], "unknown setting 'jiter'", "did you mean jitter?"),
    (["inject", "echo", "latency:1s", "latency=2s"], "latency is given twice: '1s' and '2s'", "give it once"),
    (["inject", "echo", "latency", "latency=1s", "latency=2s"], "latency is given twice", ""),
    (["inject", "echo", "noop:5"], "noop has no settings", "write it alone\n       brownout inject echo noop"),
    (["inject", "echo", "noop", "--stream", "up"], "unknown stream 'up'", "upstream (to the server), downstream or both"),
    (["inject", "echo", "reset", "--stream", "both"], "reset acts on the whole connection", "leave stream out"),
    (["inject", "echo", "noop", "--times", "0"], "times: '0' is not right", "times is a number, 1 or more"),
    (["inject", "echo", "noop", "--name", "a\nb"], r"'a\nb' is not a name", "use letters, digits, '.', '_' and '-'"),
    (["change", "echo", "noop", "latency=1s"], "echo has no injection named 'noop'", "there is no injection here"),
    (["heal", "echo", "noop"], "echo has no injection named 'noop'", "there is no injection here"),
    (["heal", "ecko"], "there is no proxy named 'ecko'", "did you mean echo?"),
    (["proxy", "add", "echo", "127.0.0.1:1"], "the proxy 'echo' exists already and differs", "PATCH changes it"),
    (["proxy", "add", "b", "redsi://h"], "unknown scheme in 'redsi://h'",
     "did you mean redis://? known: tcp, auto, amqp, amqps, http, https, kafka, mongodb, mssql, mysql, nats, postgres, postgresql, redis,"
     " rediss, smtp, tls"),
    (["proxy", "rm", "zzz"], "there is no proxy named 'zzz'", "known: echo"),
    (["faults", "latncy"], "unknown fault 'latncy'", "did you mean latency?"),
    (["stauts"], "unknown command 'stauts'", "did you mean status?"),
    (["status", "--api", "nowhere"], "'nowhere' has no port", "write nowhere:0 for any free port"),
    (["change", "echo"], "missing argument 'NAME'",
     "brownout change [OPTIONS] PROXY NAME [KEY=VALUE]..., see brownout change --help"),
]  # fmt: skip


def test_what_is_wrong_is_one_message_a_hint_and_exit_code_2(brownout: Brownout) -> None:
    for args, message, hint in WRONG:
        result = brownout(*args)
        expected = f"error: {message}\n" + (f"hint:  {hint}\n" if hint else "")
        assert (result.stderr, result.exit_code, result.stdout) == (expected, 2, ""), args


def test_all_problems_come_at_once(brownout: Brownout) -> None:
    result = brownout("inject", "echo", "latency", "latency=300", "jiter=5", "--times", "no")
    assert result.stderr == (
        "error: times: 'no' is not right\n"
        "hint:  times is a number, 1 or more\n"
        "error: latency: 300 has no unit\n"
        "hint:  a duration is written like 300ms or 300s\n"
        "error: unknown setting 'jiter'\n"
        "hint:  did you mean jitter?\n"
    )


def test_change_names_what_it_may_not(brownout: Brownout) -> None:
    brownout.says("inject", "echo", "noop")
    result = brownout("change", "echo", "noop", "for=1s")
    assert (result.exit_code, result.stderr) == (2, "error: for cannot change\nhint:  heal it and inject it again\n")


def test_no_brownout_is_said_with_what_to_do(reserve: Callable[[], str]) -> None:
    address = reserve()
    for args in (["status"], ["heal"], ["inject", "a", "noop"], ["proxy", "rm", "a"]):
        result = command(*args, "--api", address)
        assert (result.exit_code, result.stderr) == (
            2,
            f"error: no Brownout answers at {address}\n"
            "hint:  start one: brownout run -p NAME=UPSTREAM, or say where it is: --api HOST:PORT\n",
        )


def test_version() -> None:
    assert command("--version").stdout == "brownout 0.2.0\n"
    assert command("version").stdout.startswith("brownout 0.2.0 (Python 3.")
    assert json.loads(command("version", "--json").stdout)["version"] == "0.2.0"


def test_faults_lists_and_explains() -> None:
    lines = command("faults").stdout.splitlines()
    assert lines[-1] == "settings of one: brownout faults NAME"
    assert "reset              Breaks the connection with a TCP reset (RST), even if it is" in lines
    assert max(map(len, lines)) <= 80
    assert command("faults", "slow_close").stdout == (
        "slow_close: Passes data at once and delays the end of the connection.\n"
        "\n"
        "The client sees its whole reply, and then waits for the end.\n"
        "\n"
        "Use it for code that reads until the end of file, and for pools that wait for a\n"
        "close.\n"
        "\n"
        "delay  duration, required\n"
        "       How late the end comes.\n"
        "\n"
        "acts on the downstream, unless --stream says upstream or both\n"
        "fires on every connection, unless options say otherwise: brownout inject --help\n"
    )
    assert json.loads(command("faults", "--json").stdout)[0]["name"] == "latency"
    assert json.loads(command("faults", "half_open", "--json").stdout)["acts_on"] == "connection"
    assert command("faults", "http.lost_request").stdout.splitlines()[-2:] == [
        "acts on single requests, where the upstream is http://HOST:PORT",
        "fires on every request, unless options say otherwise: brownout inject --help",
    ]
    assert json.loads(command("faults", "http.status", "--json").stdout)["acts_on"] == "request"


COMMANDS = [
    "run",
    "deps",
    "verify",
    "report",
    "inject",
    "change",
    "heal",
    "profile",
    "status",
    "log",
    "proxy",
    "faults",
    "check",
    "schema",
    "toxiproxy",
    "demo",
    "version",
]


def test_help_lists_every_command_in_the_order_of_use() -> None:
    lines = command("--help").stdout.splitlines()
    begun = lines.index("Commands:") + 1
    assert [line.split()[0] for line in lines[begun : begun + len(COMMANDS)]] == COMMANDS


@pytest.mark.parametrize("words", [[name] for name in COMMANDS if name not in ("profile", "proxy")]
                         + [["profile", name] for name in ("list", "show", "apply", "heal")]
                         + [["proxy", name] for name in ("add", "rm", "enable", "disable")])  # fmt: skip
def test_each_help_has_an_example_to_copy(words: list[str]) -> None:
    shown = command(*words, "--help").stdout
    assert f"\n  Examples:\n    brownout {' '.join(words)}" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_triggers_options_are_its_fields() -> None:
    shown = command("inject", "--help").stdout
    options = [line.split()[0] for line in shown.splitlines() if line.startswith("  --")]
    assert options == [
        "--probability", "--quota", "--after", "--every", "--times", "--per", "--start", "--for",
        "--stream", "--match", "--caller", "--name", "--api", "--token", "--json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("inject x lat", ["latency"]),
        ("inject x latency j", ["jitter="]),
        ("inject x latency:1s d", ["distribution="]),
        ("inject x latency --stream ", ["upstream", "downstream", "both"]),
        ("faults half", ["half_open"]),
        ("proxy en", ["enable"]),
        ("inject ", ["echo"]),
        ("heal e", ["echo"]),
        ("log ", ["echo"]),
        ("heal echo ", ["noop", "noop-2"]),
    ],
)
def test_the_shell_completes(brownout: Brownout, words: str, expected: list[str]) -> None:
    for name in ("noop", "noop-2"):
        brownout.says("inject", "echo", "noop", "--name", name)
    line = f"brownout {words}"
    env = {"_BROWNOUT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    shown = subprocess.check_output(PROGRAM, env=environment(BROWNOUT_API=brownout.api, **env), text=True)
    assert [each.removeprefix("plain,") for each in shown.splitlines()] == expected


@pytest.mark.parametrize(
    "words", ["--help", "inject --help", "faults latency", "status", "inject a noop", "run --api none"]
)
def test_commands_import_no_server_no_loop_no_terminal(words: str, reserve: Callable[[], str]) -> None:
    code = (
        "import sys\n"
        "from brownout.cli.main import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = ('aiohttp', 'prometheus_client', 'asyncio', 'rich', 'uvloop', 'yaml')\n"
        "print('heavy:', [name for name in heavy if name in sys.modules])"
    )
    args = [PROGRAM[0], "-c", code, *words.split()]
    env = environment(BROWNOUT_API=reserve())
    shown = subprocess.check_output(args, text=True, stderr=subprocess.DEVNULL, env=env)
    assert shown.splitlines()[-1] == "heavy: []"


def test_a_closed_pipe_is_no_traceback(brownout: Brownout) -> None:
    shell = f"{' '.join(PROGRAM)} faults --json | head -c 1 > /dev/null"
    done = subprocess.run(shell, shell=True, stderr=subprocess.PIPE, env=environment(BROWNOUT_API=brownout.api))
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (
            "version",
            "msgspec http.client brownout.wire.address brownout.control.client brownout.faults.settings",
        ),
        ("run --help", "http.client brownout.wire.http1.head brownout.wire.http1.reader importlib.metadata"),
        ("status", "brownout.wire.http1.head brownout.wire.http1.reader brownout.faults.catalogue importlib.metadata"),
    ],
)
def test_a_command_imports_only_what_it_needs(words: str, spared: str, reserve: Callable[[], str]) -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from brownout.cli.main import cli\n"
        "try: cli.main(sys.argv[2:])\n"
        "except SystemExit: pass\n"
        "print('spared:', sorted(set(sys.argv[1].split()) & set(sys.modules) - before))"
    )
    args = [PROGRAM[0], "-c", code, spared, *words.split()]
    env = environment(BROWNOUT_API=reserve())
    shown = subprocess.check_output(args, text=True, stderr=subprocess.DEVNULL, env=env)
    assert shown.splitlines()[-1] == "spared: []"


def test_help_says_in_a_line_what_each_command_does() -> None:
    said = CliRunner().invoke(cli, ["--help"], terminal_width=80).stdout
    listed = said.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    assert len(listed) > 15
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
