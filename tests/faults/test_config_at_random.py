"""Files made by spoiling good and broken ones: each is read, or refused with its errors, and what is read can be written back."""

import contextlib
import datetime
import os
import random
from pathlib import Path

import jsonschema
import pytest
import yaml

from brownout.faults import CATALOGUE, Spec
from brownout.faults.config.file import Config, read
from brownout.faults.config.problem import ConfigError
from brownout.faults.config.schema import schema
from brownout.faults.profile import ProfileError
from brownout.faults.settings import fields
from brownout.faults.trigger import Trigger

from .test_config import GOOD, blocks

FIRST = int(os.environ.get("BROWNOUT_FUZZ_SEED", "1"))
FILES = 400
HERE = Path(__file__).parent
CORPUS = [
    *(path.read_bytes() for folder in (HERE.parents[1] / "configs", HERE / "broken") for path in sorted(folder.glob("*.yaml"))),
    *(text.encode() for text in (*blocks("yaml"), GOOD)),
]  # fmt: skip
LINES = [line for text in CORPUS for line in text.splitlines(keepends=True)]
VALUES = (
    *("1", "0", "-1", "1s", "300ms", "1h", "1KB", "10KB/s", "30%", "3 of 10", "fin", "both", "true", "null", "~", "''"),
    *("1" * 400 + "s", "9" * 25, "1" * 5000, "1e400", ".inf", "infs", "999999h", "0.0000001us", "٣ms", "0x10", "1:30"),
    *("~(a+)+", "~a.*b", '"*a*"', '"["', '"~["', '"\\0"', '"\\ud800"', '"a: b\\r\\nc: d"', "x" * 3000, "2026-11-28"),
    *("[]", "{}", "[[[1]]]", "{a: 1}", "{method: POST}", "{status: 503}", "*a", "&a b", "!!str x", "${A}", "${A:-1s}"),
    *("127.0.0.1:0", "0", "redis://u:p@h", "postgres://u:p#w@h:1/d", "http://h:1", "unix:///tmp/x", "tcp://", "past"),
)  # fmt: skip
RIGHT = {
    "duration": "300ms", "rate": "10KB/s", "size": "1KB", "share": "30%", "number": "3", "quota": "3 of 10",
    "text": "hello", "JSON": "{a: [1, null]}", "headers": "{X-A: b}", "names": "[X-A]",
}  # fmt: skip
"""A value of each type of field."""
SECRET = b"postgres://app:pa#s/s?w@127.0.0.1:5432/shop"
BYTES = (
    b"\xff",
    b"\0",
    b"\t",
    b"\r",
    b"\x85",
    b"\xe2\x80\xa8",
    b"---\n",
    b"? ",
    b"- ",
    b": ",
    b"{",
    b"]",
    b'"',
    b"#",
    b"${",
    SECRET,
)


def injection(rng: random.Random) -> bytes:
    """Return a fault with some of its settings, most of them right."""
    name = rng.choice(list(CATALOGUE))
    own = fields(CATALOGUE[name])
    chosen = [field for field in (*own, *fields(Trigger)) if field.required or rng.random() < 0.2]
    given = {field.name: RIGHT.get(field.type, field.type.split(" | ")[0]) for field in chosen}
    if rng.random() < 0.5:
        given[rng.choice([*given, "match", "stream", "name", "latency"])] = rng.choice(VALUES)
    return ("{fault: " + ", ".join([name, *(f"{key}: {value}" for key, value in given.items())]) + "}").encode()


def spoilt(rng: random.Random) -> bytes:
    lines = rng.choice(CORPUS).splitlines(keepends=True)
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        at = rng.randrange(len(lines) + 1)
        line = lines[at] if at < len(lines) else b""
        match rng.randrange(7):
            case 0:
                lines[at : at + 1] = []
            case 1:
                lines.insert(at, rng.choice(LINES))
            case 2:
                lines[at : at + 1] = [b" " * rng.randint(1, 4) + line]
            case 3:
                key, colon, _ = line.partition(b":")
                lines[at : at + 1] = [
                    key + (colon or b":") + b" " + rng.choice(VALUES).encode("utf-8", "replace") + b"\n"
                ]
            case 4:
                lines.insert(at, b"      - " + injection(rng) + b"\n")
            case 5:
                column = rng.randrange(len(line) + 1)
                lines[at : at + 1] = [line[:column] + rng.choice(BYTES) + line[column + rng.randint(0, 4) :]]
            case 6:
                spec = injection(rng)
                lines = [b"proxies: {a: 'h:1', w: 'http://h:2'}\nprofiles:\n  p:\n    \"*\": [" + spec + b"]\n"]
    return b"".join(lines)


def refused(error: ConfigError, data: bytes) -> None:
    assert error.problems
    for problem in error.problems:
        said = f"{problem} {problem.hint}"
        assert said.isprintable()
        assert len(said) < 1000
        assert problem.line <= len(data.decode("utf-8", "replace").splitlines()) + 1
        assert "pa#s/s?w" not in said


def taken(config: Config, data: bytes) -> None:
    for profile in config.profiles.values():
        for target in profile.targets:
            for spec in target.specs:
                assert Spec.parse(spec.to_mapping()).to_mapping() == spec.to_mapping()
        with contextlib.suppress(ProfileError):
            profile.resolve({"a": "tcp", "w": "http"})
    if b"${" not in data:
        VALIDATOR.validate(present(yaml.load(data, yaml.SafeLoader)))


def present(value: object) -> object:
    """Return a file's values as YAML 1.2 has them, where a date is text, without the keys that have none."""
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: present(each) for key, each in value.items() if each is not None}
    return [present(each) for each in value] if isinstance(value, list) else value


VALIDATOR = jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 4))
def test_files_at_random(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = tmp_path / "brownout.yaml"
    outcomes = {"taken": 0, "refused": 0}
    for _ in range(FILES):
        data = spoilt(rng)
        path.write_bytes(data)
        try:
            config = read(path, {"A": "x"})
        except ConfigError as error:
            outcomes["refused"] += 1
            refused(error, data)
        else:
            outcomes["taken"] += 1
            taken(config, data)
    assert min(outcomes.values()) > FILES / 100
