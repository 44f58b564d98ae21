"""`/toxiproxy-cli` of the container: its words, its lines, its exit codes."""

import sys
from collections.abc import Callable, Iterator

import pytest

from brownout.cli import toxiproxy_cli
from brownout.control.guard import Guard

from ..control.conftest import Running, serving

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving() as running:
        yield running


@pytest.fixture
def running(server: Running) -> Iterator[Running]:
    yield server
    for name in list(server.fleet.proxies):
        server.call(server.fleet.remove(name))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], running: Running) -> Call:
    """Run a command against the API that TOXIPROXY_URL says: its exit code, stdout, stderr."""
    monkeypatch.setenv("TOXIPROXY_URL", running.api)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["toxiproxy-cli", *words])
        with pytest.raises(SystemExit) as ended:
            toxiproxy_cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def made(call: Call, running: Running, name: str = "redis") -> str:
    """Make a proxy and return where it listens."""
    assert call("create", "-l", "127.0.0.1:0", "-u", "127.0.0.1:1", name) == (0, f"Created new proxy {name}\n", "")
    return str(running.fleet.proxies[name].address)


@pytest.mark.parametrize("word", ["list", "l", "li", "ls"])
def test_the_list_is_a_line_for_each_proxy(call: Call, running: Running, word: str) -> None:
    listen = running.ask("POST", "/proxies", '{"name":"b","upstream":"127.0.0.1:1","listen":"127.0.0.1:0"}')[1][
        "listen"
    ]
    running.ask("POST", "/proxies", '{"name":"a","upstream":"x:1","listen":"127.0.0.1:9","enabled":false}')
    running.ask("POST", "/proxies/b/toxics", '{"type":"noop"}')
    lines = f"a\t127.0.0.1:9\tx:1\tdisabled\t0\nb\t{listen}\t127.0.0.1:1\tenabled\t1\n"
    assert call(word) == (0, lines, "")


@pytest.mark.parametrize("word", ["create", "c", "new"])
def test_a_proxy_is_made(call: Call, running: Running, word: str) -> None:
    words = (word, "--listen=127.0.0.1:0", "-upstream", "127.0.0.1:1", "redis")
    assert call(*words) == (0, "Created new proxy redis\n", "")
    assert running.fleet.proxies["redis"].enabled
    assert call(*words) == (1, "", "HTTP 409: proxy already exists\n")


@pytest.mark.parametrize("words", [("toxic", "add"), ("t", "a")])
def test_a_toxic_is_added_and_inspected(call: Call, running: Running, words: tuple[str, ...]) -> None:
    made(call, running)
    said = call(*words, "-t", "latency", "-a", "latency=1000", "--tox=0.5", "redis")
    assert said == (0, "Added downstream latency toxic 'latency_downstream' on proxy 'redis'\n", "")
    said = call(*words, "--type", "latency", "-toxicName", "slow", "-u", "--attribute", "jitter=3", "redis")
    assert said == (0, "Added upstream latency toxic 'slow' on proxy 'redis'\n", "")
    for inspect in ("inspect", "i", "ins"):
        assert call(inspect, "redis")[:2] == (
            0,
            "slow\ttype=latency\tstream=upstream\ttoxicity=1.00\tattributes=[\tjitter=3\tlatency=0\t]\n"
            "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=0.50\tattributes=[\tjitter=0\tlatency=1000\t]\n",
        )


@pytest.mark.parametrize("word", ["update", "u"])
def test_an_update_changes_what_it_says_and_nothing_else(call: Call, running: Running, word: str) -> None:
    made(call, running)
    call("toxic", "add", "-t", "latency", "-n", "slow", "-a", "latency=10", "--toxicity", "0.3", "redis")
    said = call("toxic", word, "-n", "slow", "-a", "jitter=7", "redis")
    assert said == (0, "Updated toxic 'slow' on proxy 'redis'\n", "")
    assert call("inspect", "redis")[1].split("\t")[3:] == [
        "toxicity=0.30",
        "attributes=[",
        "jitter=7",
        "latency=10",
        "]\n",
    ]
    call("toxic", word, "-n", "slow", "-tox", "1", "redis")
    assert "toxicity=1.00" in call("inspect", "redis")[1]
    code, _, error = call("toxic", word, "-n", "slow", "-a", "jitter=x", "redis")
    assert (code, error) == (1, "HTTP 400: bad request body: json: cannot unmarshal string into jitter of type int64\n")


@pytest.mark.parametrize("word", ["remove", "r", "delete", "d"])
def test_a_toxic_is_removed(call: Call, running: Running, word: str) -> None:
    made(call, running)
    call("toxic", "add", "-t", "noop", "redis")
    said = call("toxic", word, "-n", "noop_downstream", "redis")
    assert said == (0, "Removed toxic 'noop_downstream' on proxy 'redis'\n", "")
    assert call("toxic", word, "-n", "noop_downstream", "redis") == (1, "", "HTTP 404: toxic not found\n")


def test_a_proxy_is_toggled_and_deleted(call: Call, running: Running) -> None:
    made(call, running)
    assert call("toggle", "redis") == (0, "Proxy redis is now disabled\n", "")
    assert not running.fleet.proxies["redis"].enabled
    assert call("tog", "redis") == (0, "Proxy redis is now enabled\n", "")
    assert call("delete", "redis") == (0, "Deleted proxy redis\n", "")
    assert call("d", "redis") == (1, "", "HTTP 404: proxy not found\n")
    assert running.fleet.proxies == {}


def test_the_api_may_be_named_with_its_scheme_and_in_place_of_the_environments(call: Call, running: Running) -> None:
    assert call("-h", f"http://{running.api}", "list") == (0, "", "")
    assert call("--host", running.api, "list") == (0, "", "")


def test_an_api_that_is_not_there_or_another_is_an_error(
    call: Call, reserve: Callable[[], str], running: Running
) -> None:
    where = reserve()
    code, _, error = call("-h", where, "list")
    assert (code, error.startswith(f"no answer from http://{where}: ")) == (1, True)
    assert call("-h", "[", "list")[0] == 1


@pytest.mark.parametrize("words", [("nope",), ("toxic", "nope")])
def test_a_command_that_there_is_not_ends_with_3(call: Call, words: tuple[str, ...]) -> None:
    assert call(*words) == (3, "", "No help topic for 'nope'\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("create", "-l", "127.0.0.1:0", "p"), "Missing option '-u'"),
        (("toxic", "add", "-t", "latency", "-a", "latency", "p"), "latency is not KEY=VALUE"),
        (("toxic", "add", "-t", "latency", "--tox", "2", "p"), "2.0 is not in the range"),
        (("inspect",), "Missing argument 'PROXY'"),
    ],
)
def test_wrong_words_are_an_error(call: Call, words: tuple[str, ...], error: str) -> None:
    code, out, said = call(*words)
    assert (code, out, error in said) == (1, "", True)


def test_the_version_is_that_of_the_api(call: Call) -> None:
    assert call("-v") == (0, "toxiproxy-cli version 2.12.0\n", "")


def test_the_token_is_shown(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Guard.of("s3cret")) as closed:
        code, _, error = call("-h", closed.api, "list")
        assert (code, "this API asks for a token" in error) == (1, True)
        monkeypatch.setenv("BROWNOUT_TOKEN", "s3cret")
        assert call("-h", closed.api, "list") == (0, "", "")
