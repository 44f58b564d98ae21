"""Which requests are meant, as the commands take it and show it."""

from collections.abc import Iterator

import pytest
import yaml

from brownout.cli.complete import matches
from brownout.cli.main import cli
from brownout.faults.config.file import parse

from ..control.conftest import Running, serving
from .conftest import command

FILE = """
profiles:
  busy:
    "api":
      - {fault: http.status, status: 503, match: {method: POST, path: "~^/charge", header.X-Tenant: "a b"}}
      - latency:300ms
"""


@pytest.fixture
def api() -> Iterator[Running]:
    with serving() as running:
        running.call(running.fleet.add("api", f"http://{running.echo}"))
        running.fleet.profiles.update(parse(FILE, environ={}).profiles)
        yield running


def says(api: Running, *words: str) -> str:
    result = command(*words, BROWNOUT_API=api.api)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(*words: str) -> str:
    result = command(*words, BROWNOUT_API="127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def test_a_match_is_given_key_by_key_and_shown(api: Running) -> None:
    words = ("--match", "path=/charge*", "--match", "query=a=b", "--match", "method=POST", "--times", "3")
    told = says(api, "inject", "api", "http.status:503", *words)
    assert told == "injected http.status on api: status=503 times=3 match: method=POST path=/charge* query=a=b\n"
    assert says(api, "status").splitlines()[-1] == (
        "  http.status  matched 0, fired 0 (no connection)  status=503 times=3 match: method=POST path=/charge* query=a=b"
    )
    assert says(api, "change", "api", "http.status", "status=500", "times=none") == (
        "changed http.status on api: status=500 match: method=POST path=/charge* query=a=b\n"
    )


def test_a_profile_shows_its_matches_also_as_a_file_has_them(api: Running) -> None:
    assert says(api, "profile", "apply", "busy").splitlines() == [
        "applied busy: 2 injections",
        "  api  http.status  status=503 match: method=POST path=~^/charge header.X-Tenant='a b'",
        "  api  latency      latency=300ms",
    ]
    shown = says(api, "profile", "show", "busy").partition("\n\n")[2]
    assert yaml.safe_load(shown) == {
        "api": [
            {
                "fault": "http.status",
                "status": 503,
                "match": {"method": "POST", "path": "~^/charge", "header.X-Tenant": "a b"},
            },
            {"fault": "latency", "latency": "300ms"},
        ]
    }


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--match", "POST"], "error: 'POST' is not a match\nhint:  write it like --match method=POST\n"),
        (["--match", "=POST"], "error: '=POST' is not a match\nhint:  write it like --match method=POST\n"),
        (["--match", "path=/a", "--match", "path=/b"], "error: path is given twice\n"),
        (["--match", "pth=/a"], "error: match.pth: unknown key\nhint:  did you mean path?\n"),
        (["match=POST"], "error: match is not a setting\nhint:  write it like --match method=POST\n"),
        (["match.method=POST"], "error: match is not a setting\nhint:  write it like --match method=POST\n"),
    ],
)
def test_a_wrong_match_is_one_clear_error(words: list[str], error: str) -> None:
    assert refused("inject", "api", "http.status:503", *words) == error


def test_another_match_takes_the_place_of_all_of_the_one_before(api: Running) -> None:
    says(api, "inject", "api", "http.status:503", "--match", "path=/a", "--match", "method=POST")
    assert says(api, "change", "api", "http.status", "--match", "path=/b") == (
        "changed http.status on api: status=503 match: path=/b\n"
    )
    assert says(api, "change", "api", "http.status", "status=500", "--match", "path=/c", "--match", "host=x") == (
        "changed http.status on api: status=500 match: host=x path=/c\n"
    )


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "error: there is nothing to change\nhint:  give settings like latency=500ms, or --match path=/charge*\n"),
        (["match=/b"], "error: match is not a setting\nhint:  write it like --match method=POST\n"),
        (["--match", "pth=/b"], "error: match.pth: unknown key\nhint:  did you mean path?\n"),
        (
            ["--match", "status=503"],
            "error: match.status: http.status acts before there is a reply\n"
            "hint:  match the request, or take a fault of replies, such as http.delay\n",
        ),
    ],
)
def test_a_wrong_change_changes_nothing(api: Running, words: list[str], error: str) -> None:
    says(api, "inject", "api", "http.status:503", "--match", "path=/a")
    result = command("change", "api", "http.status", *words, BROWNOUT_API=api.api)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", error)
    assert (
        says(api, "status").splitlines()[-1]
        == "  http.status  matched 0, fired 0 (no connection)  status=503 match: path=/a"
    )


def test_a_match_on_bytes_is_refused() -> None:
    assert refused("inject", "api", "latency:1s", "--match", "path=/a") == (
        "error: match picks requests of a protocol; this fault acts on bytes\nhint:  leave match out\n"
    )


def test_a_toxiproxy_has_no_such_fault(api: Running) -> None:
    words = ("inject", "api", "http.status:503", "--match", "path=/a", "--api", f"toxiproxy://{api.api}")
    result = command(*words)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "error: http.status on api: a Toxiproxy has no such fault"


def test_the_keys_of_a_match_are_completed_for_the_fault_that_was_named() -> None:
    inject = cli.load("inject")
    parameter = next(each for each in inject.params if each.name == "matches")

    def complete(fault: str, incomplete: str) -> list[str]:
        context = inject.make_context("inject", ["api", fault], resilient_parsing=True)
        return [item.value for item in matches(context, parameter, incomplete)]

    assert complete("http.status:503", "") == [
        "method=", "host=", "path=", "query=", "header.", "content_type=", "body=", "json."
    ]  # fmt: skip
    assert complete("http.delay", "re") == ["reply_header."]
    assert complete("latency", "") == []
    assert complete("latncy", "") == []


def test_the_keys_of_a_match_are_completed_for_the_injection_that_was_named(api: Running) -> None:
    says(api, "inject", "api", "http.delay:1s", "--name", "slow")
    change = cli.load("change")
    parameter = next(each for each in change.params if each.name == "matches")

    def complete(*words: str) -> list[str]:
        context = change.make_context("change", [*words, "--api", api.api], resilient_parsing=True)
        return [item.value for item in matches(context, parameter, "re")]

    assert complete("api", "slow") == ["reply_header."]
    assert complete("api", "slo") == complete("api") == []


def test_a_caller_is_given_as_a_program_or_key_by_key_and_shown(api: Running) -> None:
    told = says(api, "inject", "api", "reset", "--caller", "orders")
    assert told == "injected reset on api: caller: orders\n"
    told = says(api, "inject", "api", "reset", "--name", "two", "--caller", "command=*x y*", "--caller", "process=4711")
    assert told == "injected two on api: caller: command='*x y*' process=4711\n"
    assert says(api, "change", "api", "two", "bytes=1B") == (
        "changed two on api: bytes=1B caller: command='*x y*' process=4711\n"
    )
    assert says(api, "inject", "api", "reset", "--name", "three", "caller=psql") == (
        "injected three on api: caller: psql\n"
    )


def test_what_is_wrong_with_a_caller_is_said() -> None:
    assert refused("inject", "api", "reset", "--caller", "program=a", "--caller", "b") == (
        "error: 'b' is not a caller\nhint:  write it like --caller orders or --caller process=4711\n"
    )
    assert refused("inject", "api", "reset", "--caller", "programm=a") == (
        "error: caller.programm: unknown key\nhint:  did you mean program?\n"
    )


def test_a_caller_cannot_be_changed(api: Running) -> None:
    says(api, "inject", "api", "reset", "--caller", "orders")
    result = command("change", "api", "reset", "caller=psql", BROWNOUT_API=api.api)
    assert (result.exit_code, result.stderr) == (
        2, "error: caller cannot change\nhint:  heal it and inject it again\n",
    )  # fmt: skip
