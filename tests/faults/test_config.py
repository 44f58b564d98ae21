"""A configuration file: what it means, what is wrong with it, and that nothing else ever comes of any text."""

import errno
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brownout.faults import Bandwidth, Duration, Latency, Rate, Reset, Share, Spec, Trigger
from brownout.faults.config.file import Config, parse, read
from brownout.faults.config.problem import MOST, ConfigError, ConfigProblem
from brownout.faults.config.proxy_section import ProxyEntry
from brownout.faults.profile import Profile, Target

GOOD = """\
seed: 7
proxies:
  payments:
    upstream: http://127.0.0.1:8080
    listen: 127.0.0.1:18080
    enabled: false
  cache: redis://127.0.0.1:6379
profiles:
  flaky:
    description: Slow, and sometimes gone.
    payments:
      - {fault: latency, latency: 800ms, probability: 30%}
      - reset
    "redis:": [&slow "bandwidth:10KB/s"]
    "*": [*slow]
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def problems(text: str, environ: Mapping[str, str] | None = None) -> list[tuple[int, int, str, str, str]]:
    """Line, column, key, message and hint of each problem."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "a.yaml", environ or {})
    assert {problem.file for problem in caught.value.problems} == {"a.yaml"}
    return [tuple(problem)[1:] for problem in caught.value.problems]


def test_a_file_says_seed_proxies_and_profiles() -> None:
    assert parse(GOOD, "a.yaml", {}) == Config(
        "a.yaml",
        7,
        {
            "payments": ProxyEntry("payments", "http://127.0.0.1:8080", "127.0.0.1:18080", False),
            "cache": ProxyEntry("cache", "redis://127.0.0.1:6379", "127.0.0.1:0", True),
        },
        {
            "flaky": Profile(
                "flaky",
                (
                    Target(
                        "payments",
                        (
                            Spec(Latency(latency=Duration(0.8)), Trigger(probability=Share(0.3))),
                            Spec(Reset()),
                        ),
                    ),
                    Target("redis:", (Spec(Bandwidth(rate=Rate(10_000))),)),
                    Target("*", (Spec(Bandwidth(rate=Rate(10_000))),)),
                ),
                "Slow, and sometimes gone.",
            )
        },
    )


@pytest.mark.parametrize(
    ("written", "strict"),
    [("true", True), ("false", False), ("null", False), ("", False), ("${S:-true}", True)],
)
def test_a_file_may_be_strict(written: str, strict: bool) -> None:
    assert parse(f"strict: {written}", "a.yaml", {}) == Config("a.yaml", strict=strict)


@pytest.mark.parametrize(
    ("written", "shown"), [("1", "1"), ("[true]", "a list"), ("{a: true}", "a mapping"), ("maybe", "'maybe'")]
)
def test_what_is_no_switch_is_not_strict(written: str, shown: str) -> None:
    assert problems(f"strict: {written}") == [(1, 1, "strict", f"{shown} is not a switch", "write true or false")]


@pytest.mark.parametrize("clock", ["launch", "traffic", "first-test"])
def test_a_profile_may_say_what_starts_its_clock(clock: str) -> None:
    for written, environ in ((clock, {}), (f'"{clock}"', {}), ("${CLOCK}", {"CLOCK": clock})):
        profile = parse(f"profiles:\n  a:\n    clock: {written}\n", "a.yaml", environ).profiles["a"]
        assert profile == Profile("a", (), clock=clock)
    assert parse("profiles: {a: {clock: }}", "a.yaml", {}).profiles["a"].clock is None
    assert parse("profiles: {a: {}}", "a.yaml", {}).profiles["a"].clock is None


def test_a_sign_that_there_is_not_starts_no_clock() -> None:
    assert problems("profiles:\n  a:\n    clock: luanch\n") == [
        (3, 5, "profiles.a.clock", "'luanch' is not a clock", "did you mean launch?")
    ]
    assert problems("profiles:\n  a:\n    clock: ${CLOCK}\n", {"CLOCK": "now"}) == [
        (
            3, 5, "profiles.a.clock", "'now' is not a clock (from ${CLOCK})",
            "known: first-test, launch, traffic",
        )
    ]  # fmt: skip


def test_a_list_below_clock_is_what_goes_on_the_proxy_of_that_name() -> None:
    text = "proxies: {clock: 'h:1', description: 'h:2'}\nprofiles: {a: {clock: [reset], description: [reset]}}"
    profile = parse(text, "a.yaml", {}).profiles["a"]
    assert profile == Profile("a", (Target("clock", (Spec(Reset()),)), Target("description", (Spec(Reset()),))))


@pytest.mark.parametrize("text", ["{}", "---\n{}\n...\n", "seed:\nproxies: null\nprofiles: ~\n", "seed: null"])
def test_a_key_without_a_value_is_as_if_it_were_not_there(text: str) -> None:
    assert parse(text, "a.yaml", {}) == Config("a.yaml")


def test_an_optional_setting_without_a_value_is_as_if_it_were_not_there() -> None:
    text = "profiles: {a: {description: , x: [{fault: latency, latency: 1s, jitter: null, name: ~, times: }]}}"
    (profile,) = parse(text, environ={}).profiles.values()
    assert profile == Profile("a", (Target("x", (Spec(Latency(latency=Duration(1))),)),))
    assert problems("profiles: {a: {x: [{fault: latency, latency: }]}}") == [
        (1, 20, "profiles.a.x[0]", "latency is missing", "latency is a duration")
    ]


def test_a_key_that_nobody_knows_is_an_error_without_a_value_too() -> None:
    assert problems("profiles: {a: {'*': [{fault: noop, tymes: }]}}") == [
        (1, 22, 'profiles.a."*"[0]', "unknown setting 'tymes'", "did you mean times?")
    ]
    text = "profiles: {a: {'*': [{fault: http.status, status: 503, match: {method: POST, pth: , path: }}]}}"
    assert problems(text) == [
        (1, 22, 'profiles.a."*"[0]', "match.pth: unknown key", "did you mean path?"),
    ]


def test_a_setting_may_be_a_mapping_or_a_list() -> None:
    text = """\
profiles:
  wrong:
    "*":
      - fault: http.status
        status: 429
        json: {error: {code: 7, hints: [wait, null, "${WORD}"]}}
        headers:
          X-Left: "0"
      - {fault: http.header, remove: [etag, vary], set: {Age: "${WORD}"}}
"""
    specs = parse(text, "a.yaml", {"WORD": "1d"}).profiles["wrong"].targets[0].specs
    assert [spec.to_mapping() for spec in specs] == [
        {
            "fault": "http.status", "name": "", "status": 429, "headers": {"X-Left": "0"},
            "json": {"error": {"code": 7, "hints": ["wait", None, "1d"]}},
        },
        {"fault": "http.header", "name": "", "remove": ["etag", "vary"], "set": {"Age": "1d"}},
    ]  # fmt: skip


def test_what_is_wrong_within_a_setting_is_said_once_and_where_it_stands() -> None:
    text = "profiles:\n  a:\n    x:\n      - fault: http.header\n        set:\n          A: {}\n"
    key = "profiles.a.x[0].set"
    assert problems(text.format("0x10")) == [
        (6, 11, f"{key}.A", "YAML programs disagree on what 0x10 is", "write it in decimals; text needs quotes"),
    ]  # fmt: skip
    assert problems(text.format("5")) == [
        (5, 9, key, "{'A': 5} is not right",
         "set is a mapping of names to text, numbers in quotes, or NAME: VALUE"),
    ]  # fmt: skip


def test_a_match_is_a_mapping_of_its_own() -> None:
    text = """
profiles:
  a:
    x:
      - {fault: http.status, status: 503, match: &posts {method: POST, path: "/a*", query: }}
      - {fault: http.delay, delay: 1s, match: {status: 200, json.paid: true, header.X: "${X}"}}
      - fault: http.status
        status: 500
        match: *posts
      - {fault: http.status, status: 502, match: null}
"""
    ((target,),) = (profile.targets for profile in parse(text, environ={"X": "1"}).profiles.values())
    assert [spec.match and spec.match.to_mapping() for spec in target.specs] == [
        {"method": "POST", "path": "/a*"},
        {"header.X": "1", "json.paid": "true", "status": "200"},
        {"method": "POST", "path": "/a*"},
        None,
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read(tmp_path / "a.yaml")[1:] == parse(GOOD)[1:]
    assert parse("\ufeff" + GOOD)[1:] == parse(GOOD)[1:]


@pytest.mark.parametrize("seed", [0, -3, 2**63 - 1, -(2**63)])
def test_any_whole_number_of_64_bits_is_a_seed(seed: int) -> None:
    assert parse(f"seed: {seed}").seed == seed


def test_a_listen_address_may_be_a_port_alone() -> None:
    assert parse("proxies: {a: {upstream: 'h:1', listen: 6379}}").proxies["a"].listen == "6379"


def test_a_profile_key_meets_proxies_only_where_there_are_any() -> None:
    text = "profiles: {a: {payments: [reset], 'redis:': [reset], '*': [reset]}}"
    assert [target.key for target in parse(text).profiles["a"].targets] == ["payments", "redis:", "*"]
    assert [problem[2] for problem in problems(f"proxies: {{db: 'h:1'}}\n{text}")] == [
        "profiles.a.payments", 'profiles.a."redis:"'
    ]  # fmt: skip


def test_a_protocol_is_not_missed_while_an_upstream_is_wrong() -> None:
    found = problems("proxies: {db: 'reddis://h:1'}\nprofiles: {a: {'redis:': [reset], x: [reset]}}")
    assert [(line, key) for line, _, key, _, _ in found] == [(1, "proxies.db"), (2, "profiles.a.x")]


def test_a_proxy_called_description_can_have_injections() -> None:
    text = "proxies: {description: 'h:1'}\nprofiles: {a: {description: [reset]}}"
    assert parse(text).profiles["a"] == Profile("a", (Target("description", (Spec(Reset()),)),))


def test_names_are_compared_as_the_proxies_will_give_them() -> None:
    text = "profiles: {a: {x: [reset, reset, {fault: noop, name: reset-2}], y: [{fault: noop, name: reset-2}]}}"
    assert problems(text) == [
        (1, 48, "profiles.a.x[2].name", "'reset-2' is taken on x, by the injection in line 1",
         "give each a name of its own, or none"),
    ]  # fmt: skip


def test_problems_come_in_the_order_of_the_file() -> None:
    found = problems("profiles:\n  a: x\n  b: y\nseed: x\nproxies: []\n")
    assert [(line, column, key) for line, column, key, *_ in found] == [
        (2, 3, "profiles.a"), (3, 3, "profiles.b"), (4, 1, "seed"), (5, 1, "proxies")
    ]  # fmt: skip


def test_a_problem_behind_an_alias_is_said_once() -> None:
    assert len(problems("profiles: {a: {x: &it [latency:3], y: *it, z: *it}}")) == 1


def test_an_error_reads_like_a_compiler() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("seed: x\nproxies: []")
    assert str(caught.value) == (
        "brownout.yaml:1: seed: 'x' is not a seed (write a whole number, like seed: 7)\n"
        "brownout.yaml:2: proxies: a list is given where a mapping is expected (write NAME: UPSTREAM below it, a line for each)"
    )
    assert str(caught.value.problems[0]) == "brownout.yaml:1: seed: 'x' is not a seed"
    assert str(ConfigProblem("f", 0, 0, "", "there is no such file")) == "f: there is no such file"


def test_what_is_long_is_cut_and_what_are_many_are_counted() -> None:
    ((_, _, key, message, hint),) = problems(f"{'k' * 500}: 1")
    assert (len(key), message, hint) == (303, "unknown key", "known: env, profiles, proxies, seed, strict, verify")
    found = problems("".join(f"k{number}: 1\n" for number in range(MOST + 5)))
    assert len(found) == MOST + 1
    assert found[-1] == (0, 0, "", "5 more problems", "fix these first")


# Variables.


@pytest.mark.parametrize(
    ("written", "environ", "value"),
    [
        ("${SEED}", {"SEED": "7"}, 7),
        ("${SEED:-7}", {}, 7),
        ("${SEED:-7}", {"SEED": ""}, 7),
        ("${SEED:-7}", {"SEED": "8"}, 8),
        ("${SEED:-}", {}, None),
        ("${A}${B:-2}", {"A": "1"}, 12),
        ("-${A}", {"A": "1"}, -1),
    ],
)
def test_a_plain_value_is_read_after_variables_were_put_in(
    written: str, environ: dict[str, str], value: int | None
) -> None:
    assert parse(f"seed: {written}", environ=environ).seed == value


def description(written: str, environ: Mapping[str, str]) -> str:
    return parse(f"profiles: {{a: {{description: {written}}}}}", environ=environ).profiles["a"].description


def test_a_quoted_value_stays_text_and_its_variables_are_put_in() -> None:
    assert description('"${N}"', {"N": "7"}) == "7"
    assert description("'a ${N:-b} c'", {}) == "a b c"
    assert problems('seed: "${N}"', {"N": "7"}) == [
        (1, 1, "seed", "'7' is not a seed (from ${N})", "write it without quotes")
    ]


def test_a_variable_is_never_yaml() -> None:
    evil = "x\nproxies: {a: b}\n# &a *b !!c [d"
    assert description('"${EVIL}"', {"EVIL": evil}) == evil
    text = "profiles:\n  a:\n    description: ${EVIL}\n"
    assert parse(text, environ={"EVIL": evil}) == Config("brownout.yaml", profiles={"a": Profile("a", (), evil)})


def test_two_dollars_keep_a_variable_as_it_is() -> None:
    assert description("'$${A} $A $$ ${A}'", {"A": "b"}) == "${A} $A $$ b"


def test_the_environment_is_that_of_the_process_unless_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SEED_OF_TESTS", "9")
    assert parse("seed: ${A_SEED_OF_TESTS}").seed == 9
    assert problems("seed: ${A_SEED_OF_TESTS}")[0][3] == "A_SEED_OF_TESTS is not set in the environment"


def test_a_variable_that_is_no_text_is_an_error() -> None:
    assert problems("seed: ${A}", {"A": "\udcff"})[0][3] == "a character that is half of one"


@pytest.mark.parametrize(
    "password", ["hunter2", "hun/ter2", "hun@ter2", "hun:ter2", "hun?ter2", "hun#ter2", "h'\\unter2"]
)
def test_a_password_is_never_shown_wherever_it_comes_to_stand(password: str) -> None:
    environ = {"URL": f"redis://admin:{password}@127.0.0.1:6379"}
    for text in (
        "proxies:\n  a: ${URL}9\n  b: x${URL}\n",
        "proxies:\n  a: {listen: '${URL}', upstream: '${URL}', enabled: '${URL}'}\n  b: '${URL}x'\n",
        "seed: ${URL}\nprofiles: {a: {x: ['${URL}', {fault: '${URL}', name: '${URL}'}, {fault: latency, latency: '${URL}'}]}}",
        "profiles: {a: {x: '${URL}'}}\nproxies: ${URL}",
    ):
        found = problems(text, environ)
        assert found
        assert not [problem for problem in found if "ter2" in str(problem)]


def test_a_password_is_not_shown_where_a_key_or_the_name_of_a_variable_is_due() -> None:
    url = "redis://admin:hunter2@127.0.0.1:6379"
    for text in (
        f"{url}: x",
        f"proxies: {{'{url}': 3}}",
        f"proxies: {{a: '${{{url}}}'}}",
        f"proxies: {{a: {{'{url}': 1}}}}",
    ):
        assert "redis://admin:***@127.0.0.1:6379" in str(problems(text))
        assert "hunter2" not in str(problems(text))


# Files.


def wrong(path: Path) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(path)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(f"{path.parent}{os.sep}"), problem.hint.replace(f"{path.parent}{os.sep}", "")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "brownout.yml").write_text(GOOD)
    assert wrong(tmp_path / "brownout.yaml") == ("brownout.yaml: there is no such file", "did you mean brownout.yml?")
    assert wrong(tmp_path / "none" / "a.yaml") == ("a.yaml: there is no such file", "check the path")
    (tmp_path / "folder").mkdir()
    assert wrong(tmp_path / "folder") == ("folder: this is a folder", "name a file in it: folder/brownout.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (1 << 20) + b"\n")
    assert wrong(tmp_path / "large.yaml") == ("large.yaml: the file is larger than 1 MiB", "is it the right one?")
    (tmp_path / "utf16.yaml").write_bytes("seed: 7".encode("utf-16"))
    assert wrong(tmp_path / "utf16.yaml") == ("utf16.yaml:1: this is not UTF-8", "save the file in the encoding UTF-8")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    assert wrong(tmp_path / "loop.yaml") == (
        "loop.yaml: the file cannot be read: Too many levels of symbolic links", "check its path and permissions"
    )  # fmt: skip
    assert wrong(tmp_path / "a\0.yaml")[0] == "a\0.yaml: the file cannot be read: embedded null byte"


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "open", refuse)  # root may read every file
    assert wrong(tmp_path / "a.yaml")[0] == "a.yaml: the file cannot be read: Permission denied"


def test_a_file_of_2000_injections_is_read_in_seconds() -> None:
    """About 1.3 s here; the bound is wide, for a busy machine."""
    injection = "{fault: latency, name: n%d, latency: 300ms, jitter: 50ms, probability: 30%%, stream: both}"
    lists = ["[" + ", ".join(injection % number for number in range(20)) + "]" for _ in range(100)]
    text = "profiles:\n" + "".join(f"  p{number}: {{x: {each}}}\n" for number, each in enumerate(lists))
    before = time.process_time()
    config = parse(text)
    assert sum(len(target.specs) for profile in config.profiles.values() for target in profile.targets) == 2000
    assert time.process_time() - before < 15


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_files_in_the_document_are_right(block: str) -> None:
    parse(block, "docs/configuration.md", {"REDIS_URL": "redis://127.0.0.1:6379"})


def test_the_broken_file_in_the_document_has_the_errors_that_are_shown() -> None:
    ((broken,), (shown,)) = blocks("broken"), blocks("errors")
    with pytest.raises(ConfigError) as caught:
        parse(broken)
    assert "".join(f"error: {problem}\nhint:  {problem.hint}\n" for problem in caught.value.problems) == shown


# Any text at all.

_PIECES = st.sampled_from(
    ["&a ", "*a", "<<: ", "!!str ", "${A", "${A}", "${A:-b}", "$${", "- ", "? ", ": ", "[", "]", "{", "}", "\t", '"', "'", "#",
     "|\n", ">\n", "---\n", "...\n", "%YAML 1.1\n", "\x00", "\x85", "\u2028", "\ufeff", "\U0010ffff", '"\\U00110000"', '"\\ud800"',
     '"\\xff"', "0x10", "1:30", "yes", "~", "null", ".inf", "9" * 5000, "9" * 5000 + ".0", "1e999", "redis://a:b@c:1", "latency:1s",
     "fault: ", "refuse", "hang:3", "description: ", "name: latency", "seed: ", "proxies: ", "profiles: ", "connection_limit:-1",
     "٣ms", "300ms", "match: ", "bandwidth:inf", "1" * 400 + "s", "of"]
)  # fmt: skip
_TEXTS = st.one_of(st.text(max_size=2000), st.lists(_PIECES | st.text(max_size=5), max_size=60).map("".join))


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(_PIECES | st.text(max_size=5)) + text[start + draw(st.integers(0, 12)) :]
    return text


@given(_TEXTS | _mutated())
@example("[" * 100_000)
@example("{a: " * 100_000)
@example("- " * 5_000)
@example("a: &a [*a, *a]")
@example('"\\U00110000"')
@example('seed: "\\UFFFFFFFF"')
@example("%YAML 2.0\n---\n{}")
@example("%TAG ! x\n---\n!a b")
@example("!<tag:a\x7fb> c")
def test_of_any_text_comes_a_config_or_its_errors(text: str) -> None:
    for problem in errors(text):
        assert str(problem).isprintable()
        assert problem.hint.isprintable()
        assert len(str(problem)) < 700
        assert problem.line <= len(text.splitlines()) + 1


def errors(text: str) -> list[ConfigProblem]:
    try:
        parse(text, "a.yaml", {"A": "x"})
    except ConfigError as error:
        return error.problems
    return []


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "brownout.yaml")
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert caught.value.problems[0].message == "the file cannot be read: it is not a regular file"


def test_a_list_of_too_many_injections_and_a_long_glob_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("proxies: {a: 'h:1'}\nprofiles: {p: {a: [" + "noop, " * 50_000 + "noop], '" + "*a" * 200 + "': [noop]}}")
    first, second = caught.value.problems
    assert (first.message, first.hint) == ("there are 50001 injections", "a proxy has at most 1000")
    assert second.message == "the name '*a*a*a*a*a*a*a*a*a*a...' is too long"


def test_a_key_may_wait_for_a_protocol_where_a_proxy_leaves_it_open() -> None:
    found = parse(
        "proxies: {a: 'auto://h:1'}\nprofiles: {p: {'redis:': [noop], '*': [{fault: http.status, status: 503}]}}"
    )
    assert [target.key for target in found.profiles["p"].targets] == ["redis:", "*"]
    with pytest.raises(ConfigError) as caught:
        parse("proxies: {a: 'auto://h:1'}\nprofiles: {p: {'redsi:': [noop], 'https:': [noop], b: [noop]}}")
    assert [each.message for each in caught.value.problems] == [
        "no proxy of this file speaks it",
        "no proxy of this file speaks it",
        "matches no proxy of this file",
    ]
