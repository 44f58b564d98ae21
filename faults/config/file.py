"""What a configuration file says: the seed, the proxies, the variables that lead to them, the profiles.

    seed: 7
    proxies:
      payments: {listen: "127.0.0.1:18080", upstream: "http://127.0.0.1:8080"}
      cache: redis://127.0.0.1:6379
    env:
      REDIS_URL: "{cache.url}"
    profiles:
      flaky-payments:
        payments:
          - {fault: latency, latency: 800ms, probability: 30%}
          - reset

`read()` and `parse()` say everything that is wrong at once, each problem with its line.
"""

from __future__ import annotations

import difflib
import functools
import importlib.resources
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta

from ..profile import Profile
from ..text_file import open_regular
from . import nodes
from .env_section import read_env
from .mapping import as_user_set
from .nodes import Node
from .problem import ConfigError, ConfigProblem, Place, Problems
from .profile_section import read_profiles
from .proxy_section import ProxyEntry, read_proxies
from .reader import Reader, shape, switch
from .template import Template
from .verify_section import VerifySection, read_verify

__all__ = ["Config", "ConfigError", "ConfigProblem", "ProxyEntry", "parse", "read", "shipped"]

MOST_BYTES = 1 << 20
SEEDS = range(-(2**63), 2**63)
"""What a seed may be: what JSON carries."""


class Config(NamedTuple):
    """A whole file, read and checked."""

    path: str = ""
    seed: Annotated[int | None, Meta(description="The random seed: the same seed chooses the same faults.")] = None
    proxies: Annotated[dict[str, ProxyEntry], Meta(description="The proxies by name.")] = {}
    profiles: Annotated[dict[str, Profile], Meta(description="Named sets of injections.")] = {}
    strict: Annotated[bool, Meta(description="`brownout run -- COMMAND` fails if a fault did nothing.")] = False
    env: Annotated[
        dict[str, Template], Meta(description="Variables that lead to the proxies: templates like {db.url}.")
    ] = {}
    verify: Annotated[VerifySection, Meta(description="What `brownout verify` runs, breaks and expects.")] = (
        VerifySection()
    )


def read(path: str | Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file. Raises ConfigError with everything that is wrong with it."""
    return parse(_text(Path(path), str(path)), str(path), environ)


def parse(text: str, name: str = "brownout.yaml", environ: Mapping[str, str] = os.environ) -> Config:
    """Read the text of a configuration file; `name` stands in the errors. Raises ConfigError.

    What `env:` has set in the environment is read as the user set it before.
    """
    problems = Problems(name)
    environ = as_user_set(environ)
    root = nodes.load(text, problems, environ)
    config = Config(name) if root is None else _config(Reader(problems, Path(name).parent), root, name, environ)
    problems.check()
    return config


def _config(reader: Reader, root: Node, name: str, environ: Mapping[str, str]) -> Config:
    """Return what the file says; it holds only if no problem was found."""
    begin = "begin with proxies: or profiles:"
    if isinstance(root.value, list) and any(
        isinstance(each.value, dict) and "upstream" in each.value for each in root.value
    ):
        begin = f"a Toxiproxy's file is read by: brownout toxiproxy --config {name}"
    if root.value is None and not root.bad:
        reader.say(root._replace(place=Place()), "", "the file is empty", begin)
    items = reader.mapping(root, "", begin)
    reader.refuse_unknown(items, Config._fields[1:], "")
    proxies = read_proxies(reader, items.get("proxies"))
    return Config(
        name,
        seed=_seed(reader, items.get("seed")),
        proxies=proxies.entries,
        env=read_env(reader, items.get("env"), proxies, environ),
        profiles=read_profiles(reader, items.get("profiles"), proxies.protocols),
        strict=_strict(reader, items.get("strict")),
        verify=read_verify(reader, items.get("verify")),
    )


def _strict(reader: Reader, node: Node | None) -> bool:
    value = None if node is None else node.value
    if node is None or node.bad or value is None:
        return False
    if isinstance(value, bool):
        return value
    reader.say(node, "strict", f"{shape(node)} is not a switch", switch(node))
    return False


def _seed(reader: Reader, node: Node | None) -> int | None:
    value = None if node is None else node.value
    if node is None or node.bad or value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value in SEEDS:
        return value
    quoted = isinstance(value, str) and value.removeprefix("-").isdecimal()
    hint = "write it without quotes" if quoted else "write a whole number, like seed: 7"
    reader.say(node, "seed", f"{shape(node)} is not a seed", hint)
    return None


def shipped() -> dict[str, Profile]:
    """Return the profiles that come with Brownout, by name."""
    return dict(_shipped())


def with_shipped(own: Mapping[str, Profile]) -> dict[str, Profile]:
    """Return a file's own profiles, then those that come with Brownout, of which the file's may replace some."""
    return {**own, **shipped(), **own}


@functools.cache
def _shipped() -> dict[str, Profile]:
    found: dict[str, Profile] = {}
    for file in sorted(importlib.resources.files("brownout.configs").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            found |= parse(file.read_text(encoding="utf-8"), file.name, {}).profiles
    return found


def decode(data: bytes, name: str) -> str:
    """Return the text of a file's bytes. Raises ConfigError where it is not UTF-8, or too long."""
    if len(data) > MOST_BYTES:
        raise _unreadable(name, "the file is larger than 1 MiB", "is it the right one?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "save the file in the encoding UTF-8"
        raise ConfigError([ConfigProblem(name, line, 1, "", "this is not UTF-8", hint)]) from None


def _text(path: Path, name: str) -> str:
    try:
        with open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except IsADirectoryError:
        raise _unreadable(name, "this is a folder", f"name a file in it: {path / 'brownout.yaml'}") from None
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, _beside(path), 1)
        hint = f"did you mean {path.with_name(near[0])}?" if near else "check the path"
        raise _unreadable(name, "there is no such file", hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(name, f"the file cannot be read: {reason}", "check its path and permissions") from None
    return decode(data, name)


def _beside(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir() if each.suffix in (".yaml", ".yml")]
    except OSError:
        return []


def _unreadable(name: str, message: str, hint: str) -> ConfigError:
    return ConfigError([ConfigProblem(name, 0, 0, "", message, hint)])
