"""The JSON Schema of the file: it sees what a schema can see, and refuses nothing that `parse()` takes."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from brownout.faults import CATALOGUE
from brownout.faults.config.file import parse
from brownout.faults.config.problem import ConfigError
from brownout.faults.config.schema import schema
from brownout.faults.settings import fields
from brownout.faults.trigger import Trigger

from .test_config import GOOD, blocks

BROKEN = Path(__file__).parent / "broken"
SHIPPED = sorted(Path(__file__).parents[2].glob("configs/*.yaml"))
SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

UNSEEN = {
    "duplicate-keys": "the first of two keys",
    "listen-taken": "two addresses alike",
    "meets-no-proxy": "what a key means",
    "names-taken": "two names alike",
    "settings-together": "two settings that exclude each other",
    "unknown-protocol": "what a key means",
    "variables": "what a variable holds",
}
"""Broken files that a schema does not refuse, and what it cannot see."""
UNLOADED = {"aliases": "one is within what it repeats", "billion-laughs": "it would fill the memory"}
"""Broken files that a plain YAML reader should not be given."""


def value(text: str) -> object:
    return yaml.load(text, yaml.SafeLoader)


def setting(fault: str, key: str) -> dict[str, object]:
    return SCHEMA["$defs"][f"fault-{fault}"]["properties"][key]


def injection(given: object) -> bool:
    return VALIDATOR.is_valid({"profiles": {"a": {"*": [given]}}})


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == VALIDATOR.META_SCHEMA["$id"]


def parts(schema: object) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        yield schema
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for child in children:
        yield from parts(child)


def test_every_reference_leads_somewhere_and_every_pattern_compiles() -> None:
    for part in parts(SCHEMA):
        if isinstance(part.get("$ref"), str):
            assert str(part["$ref"]).removeprefix("#/$defs/") in SCHEMA["$defs"]
        if isinstance(part.get("pattern"), str):
            re.compile(str(part["pattern"]))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_ships_is_right(path: Path) -> None:
    VALIDATOR.validate(value(path.read_text()))


@pytest.mark.parametrize("text", [*blocks("yaml"), GOOD, "{}", "seed:\nproxies:\nprofiles:\n"])
def test_what_is_documented_is_right(text: str) -> None:
    VALIDATOR.validate(value(text))


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_broken_file_is_refused_where_a_schema_can_see_it(path: Path) -> None:
    if path.stem in UNLOADED:
        return
    try:
        loaded = value(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return  # no editor gets as far as the schema
    assert VALIDATOR.is_valid(loaded) is (path.stem in UNSEEN)


def test_every_setting_is_there_with_its_meaning_and_its_default() -> None:
    for name, fault in CATALOGUE.items():
        for field in fields(fault):
            found = setting(name, field.name)
            assert found["description"] == field.meaning
            if field.default and field.default not in ("true", "false"):
                assert str(found["default"]) == field.default
        triggers = {field.name for field in fields(Trigger)}
        known = set(SCHEMA["$defs"][f"fault-{name}"]["properties"])
        taken = triggers if fault.acts_on_turns else triggers - {"per"}
        assert known & triggers == ({"start", "for"} if fault.port != "open" else taken)
        assert ("stream" in known) is (fault.streams is None)


GOOD_INJECTIONS = [
    "reset", "latency:300ms", "latency : 1h30m", "timeout", "timeout:5s", "path_mtu", "path_mtu:1KiB", "hang", "bandwidth:0",
    "connection_limit:3", "${FAULT}", "latency:.5S", "bandwidth:1.5mbit/s",
    {"fault": "latency", "latency": "300ms"},
    {"fault": "latency", "latency": 0, "jitter": None, "stream": "both", "name": "x", "probability": "30%", "times": 3},
    {"fault": "latency", "latency": "${LATENCY}", "times": "${TIMES:-3}"},
    {"fault": "reset", "quota": "3 of 10", "after": 0, "every": 1, "start": "1s", "for": "1s"},
    {"fault": "bandwidth", "rate": "56kbit/s", "burst": "64KiB", "shared": True},
    {"fault": "refuse", "start": "1s", "for": "2s"}, {"fault": "reset", "name": ""},
    {"fault": "idle_cut", "idle": "1m", "how": "silent"},
    "http.status:503", "http.lost_reply:504", "http.lost_reply", "http.header:etag,vary", "http.truncate:1KB",
    {"fault": "http.lost_reply", "client_sees": 504}, {"fault": "http.lost_reply", "client_sees": "504"},
    {"fault": "http.status", "status": 200, "json": {"a": [1, None, {"b": 1.5}]}, "headers": {"X-A": "1"}},
    {"fault": "http.status", "status": 200, "json": [1, "${LATENCY}"], "headers": "X-A: 1"},
    {"fault": "http.status", "status": 200, "json": '{"a": 1}'},
    {"fault": "http.header", "remove": ["etag"], "set": {"X-A": "${LATENCY}"}, "add": None},
]  # fmt: skip
BAD_INJECTIONS = [
    "", "reste", "reset:x", "latency", "latency:", "latency:300", "latency:5sec", "drip:1B", "noop:1", "hang:1s", 3, None, [],
    {}, {"latency": "1s"}, {"fault": "latency"}, {"fault": "latncy"}, {"fault": "latency", "latency": 300},
    {"fault": "latency", "latency": "300"}, {"fault": "latency", "latency": "1s", "latancy": "1s"},
    {"fault": "latency", "latency": "1s", "stream": "up"}, {"fault": "reset", "stream": "both"}, {"fault": "reset", "every": 0},
    {"fault": "reset", "times": 1.5}, {"fault": "reset", "times": "3"}, {"fault": "reset", "probability": 0.3},
    {"fault": "reset", "quota": "3"}, {"fault": "refuse", "times": 1}, {"fault": "bandwidth", "rate": "64KB"},
    {"fault": "bandwidth", "rate": "64KB/s", "shared": "yes"}, {"fault": "idle_cut", "idle": "1m", "how": "quiet"},
    {"fault": "latency", "latency": "1s", "name": 3}, {"fault": "latency", "latency": True},
    "http.status", "http.status:busy", "http.lost_reply:503", "http.delay", {"fault": "http.lost_reply", "client_sees": 503},
    {"fault": "http.status", "status": 600}, {"fault": "http.status", "status": 200, "headers": {"X-A": 1}},
    {"fault": "http.status", "status": 200, "headers": ["X-A"]}, {"fault": "http.status", "status": 200, "json": 5},
    {"fault": "http.header", "remove": [1]}, {"fault": "http.header", "remove": {"etag": "x"}},
    {"fault": "http.header", "remove": "a", "stream": "both"}, {"fault": "latency", "latency": ["1s"]},
    {"fault": "latency", "latency": "1s", "name": ["a"]}, {"fault": "latency", "latency": "1s", "tymes": None},
]  # fmt: skip


@pytest.mark.parametrize("given", GOOD_INJECTIONS, ids=str)
def test_an_injection_that_is_right(given: object) -> None:
    parse(yaml.safe_dump({"profiles": {"a": {"*": [given]}}}), environ={"FAULT": "reset", "LATENCY": "1s"})
    assert injection(given)


@pytest.mark.parametrize("given", BAD_INJECTIONS, ids=str)
def test_an_injection_that_is_wrong(given: object) -> None:
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump({"profiles": {"a": {"*": [given]}}}), environ={})
    assert not injection(given)


@pytest.mark.parametrize(
    "upstream",
    [
        "h:1",
        "127.0.0.1:80",
        "[::1]:80",
        "redis://h",
        "REDIS://h",
        "redis+unix:///a",
        "unix:///a",
        "${U}",
        "mysql+PyMySQL://h",
    ],
)
def test_an_upstream_that_is_right(upstream: str) -> None:
    parse(yaml.safe_dump({"proxies": {"a": upstream}}), environ={"U": "h:1"})
    assert VALIDATOR.is_valid({"proxies": {"a": upstream, "b": {"upstream": upstream, "listen": 80}}})


@pytest.mark.parametrize("upstream", ["h", "reddis://h", "http+tls://h", "mongodb+SRV://h", "", 80, None, True])
def test_an_upstream_that_is_wrong(upstream: object) -> None:
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump({"proxies": {"a": {"upstream": upstream}}}), environ={})
    assert not VALIDATOR.is_valid({"proxies": {"a": {"upstream": upstream}}})


@pytest.mark.parametrize("strict", [True, False, None, "${STRICT}"])
def test_a_switch_is_right_for_strict(strict: object) -> None:
    parse(yaml.safe_dump({"strict": strict}), environ={"STRICT": "true"})
    assert VALIDATOR.is_valid({"strict": strict})


@pytest.mark.parametrize("strict", ["yes", "true", "", 1, 0, [True], {}])
def test_all_else_is_wrong_for_strict(strict: object) -> None:
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump({"strict": strict}), environ={})
    assert not VALIDATOR.is_valid({"strict": strict})


@pytest.mark.parametrize("clock", ["launch", "traffic", "first-test", None, "${CLOCK}", ["reset"], []])
def test_a_clock_that_is_right(clock: object) -> None:
    parse(yaml.safe_dump({"profiles": {"a": {"clock": clock}}}), environ={"CLOCK": "launch"})
    assert VALIDATOR.is_valid({"profiles": {"a": {"clock": clock}}})


@pytest.mark.parametrize("clock", ["first_test", "Launch", "", "5s", 5, True, {"launch": True}])
def test_a_clock_that_is_wrong(clock: object) -> None:
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump({"profiles": {"a": {"clock": clock}}}), environ={})
    assert not VALIDATOR.is_valid({"profiles": {"a": {"clock": clock}}})


def test_a_date_is_no_seed() -> None:
    assert not VALIDATOR.is_valid({"seed": datetime.date(2026, 11, 24)})


def test_a_match_has_the_keys_of_its_protocol_that_its_fault_can_see() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    status, delay = {"fault": "http.status", "status": 503}, {"fault": "http.delay", "delay": "1s"}

    def valid(injection: dict[str, object], match: object) -> bool:
        given = {**injection, "match": match}
        is_valid = validator.is_valid({"profiles": {"a": {"*": [given]}}})
        try:
            parse(yaml.safe_dump({"profiles": {"a": {"*": [given]}}}), environ={})
        except ConfigError:
            assert not is_valid
        else:
            assert is_valid
        return is_valid

    for match in (None, {"method": "POST", "path": "/a*"}, {"header.X-A": True, "json.items.0.n": 3, "path": None}):
        assert valid(status, match)
        assert valid(delay, match)
    for match in ({}, "POST", ["POST"], {"pth": "/"}, {"header.": "a"}, {"json.a": 1.5}, {"path": ["/"]}):
        assert not valid(status, match)
    for match in ({"status": 503}, {"reply_header.server": "*"}):
        assert valid(delay, match)
        assert not valid(status, match)
    assert not valid({"fault": "reset"}, {"path": "/"})


@pytest.mark.parametrize("path", sorted(BROKEN.glob("match-*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_match_is_refused(path: Path) -> None:
    assert not jsonschema.Draft202012Validator(schema()).is_valid(value(path.read_text()))


@pytest.mark.parametrize("env", [{"DATABASE_URL": "{a.url}"}, {"_P1": "x{a.port}"}, {"U": None}, {}, None])
def test_variables_that_are_right(env: object) -> None:
    parse(yaml.safe_dump({"proxies": {"a": "h:1"}, "env": env}), environ={})
    assert VALIDATOR.is_valid({"env": env})


@pytest.mark.parametrize(
    "env",
    [
        {"A-B": "{a.url}"},
        {"BROWNOUT_API": "{a.url}"},
        {"U": "a.url"},
        {"U": "{a.uri}"},
        {"U": 5},
        {"U": {"a.url": None}},
        [],
    ],
)
def test_variables_that_are_wrong(env: object) -> None:
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump({"proxies": {"a": "h:1"}, "env": env}), environ={})
    assert not VALIDATOR.is_valid({"env": env})
