"""Where the faults of a pytest run come from: the API or the file that it names, the random seed, and `env:`.

The plugin imports this in every run of every user, so it imports pytest alone.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    import argparse

    from ..faults.config.file import Config
    from ..faults.config.proxy_section import ProxyEntry
    from ..wire.errors import BrownoutError
    from .chaos import Chaos
    from .environment import Environment

FILE = "brownout.yaml"
VARIABLE = "BROWNOUT_API"
VERIFY = "BROWNOUT_VERIFY"
"""Where a `brownout verify` waits for sessions: the path of a socket."""
NONE = "none"
CHAOS: pytest.StashKey[Chaos] = pytest.StashKey()
"""What a test that uses `chaos` has, from its set-up to its teardown."""
DRAWN = pytest.StashKey[int]()
"""The seed of a run for which none is given."""
ENVIRONMENT: pytest.StashKey[Environment] = pytest.StashKey()
_EARLY: pytest.StashKey[Chaos] = pytest.StashKey()
"""The proxies of a session that began with the variables of `env:`."""
_UNHEARD = pytest.StashKey[bool]()
"""Whether a running Brownout did not answer when it was told of a test."""
_LONGEST_TEST = 1000
"""How many characters of a test's id it is told."""
_ENV = rb"(?m)(?:^|[{,])\s*[\"']?env[\"']?\s*:"


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Show an error of Brownout without a traceback, and with its hint."""
    from ..wire.errors import BrownoutError

    try:
        yield
    except BrownoutError as error:
        raise pytest.fail.Exception(_said(error), pytrace=False) from None


def _said(error: BrownoutError) -> str:
    return f"{error.message}\nhint: {error.hint}" if error.hint else error.message


def header(config: pytest.Config) -> str:
    """Return the line of the header."""
    if api(config) != NONE:
        return _running(api(config))
    workers = getattr(config.option, "numprocesses", None)
    embedded = f"embedded in each of {workers} workers" if workers else "embedded"
    path = _path(config)
    try:
        found = _read(path)
    except Exception as error:  # what is wrong with it is an error of the tests that use it
        return f"{embedded}, {str(error).splitlines()[0]}"
    said = [embedded, f"seed {_seed(config, found)}"]
    if path is not None:
        said.append(f"config {os.path.relpath(path, config.rootpath)}")
    if workers and found and any(_free(entry, "gw0") != entry for entry in found.proxies.values()):
        said.append("free ports instead of those of the file")
    if found and found.env and ENVIRONMENT not in config.stash:
        said.append("env not set, because a conftest.py loaded the plugin; load it with -p brownout.testing.plugin")
    return ", ".join(said)


def new_chaos(config: pytest.Config) -> Chaos:
    """Return the proxies for the tests of this process, which may be there already. Raises BrownoutError."""
    from .chaos import Chaos

    if (begun := config.stash.get(_EARLY, None)) is not None:
        return begun
    worker: dict[str, object] | None = getattr(config, "workerinput", None)
    if api(config) == NONE:
        return _embedded(config, _read(_path(config)), str(worker["workerid"]) if worker else None)
    name = str(worker["workerid"]) if worker and int(str(worker["workercount"])) > 1 else ""
    return Chaos(config=_read(_path(config)), seed=config.getoption("brownout_seed"), api=api(config), worker=name)


def begin_verified(config: pytest.Config) -> None:
    """Hand the session over to the `brownout verify` that waits for it. Raises UsageError."""
    if VERIFY not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
        return
    from .verified.agent import Agent
    from .verified.channel import TAKEN, Channel

    if TAKEN in os.environ:
        return
    try:
        channel = Channel(os.environ[VERIFY])
    except OSError:
        return  # a session that outlives it, or whose environment does
    os.environ[TAKEN] = "1"
    config.pluginmanager.register(Agent(channel), "brownout-verify")


def begin_env(config: pytest.Config) -> None:
    """Set the variables of `env:`, with the proxies to which they lead. Raises UsageError."""
    if not _may_have_env(config):
        return
    from ..wire.errors import BrownoutError

    try:
        found = _read(_path(config))
        if found is None or not found.env:
            return
        begun = config.stash[ENVIRONMENT] = _environment(config, found)
    except BrownoutError as error:
        raise pytest.UsageError(_said(error)) from None
    config.add_cleanup(begun.end)
    config.pluginmanager.register(begun, "brownout-env")


def _may_have_env(config: pytest.Config) -> bool:
    """Say, without YAML, whether the file may have `env:` and there will be tests."""
    path, options = _path(config), config.known_args_namespace
    if path is None or options.help or options.version:
        return False
    try:
        return path.is_file() and re.search(_ENV, path.read_bytes()) is not None
    except OSError:  # an error of the tests that use it
        return False


def _environment(config: pytest.Config, found: Config) -> Environment:
    from . import environment

    if api(config) != NONE:
        return environment.AttachedEnvironment(found.env, api(config))
    for template in found.env.values():
        template.check(found.proxies)
    handed = environment.seed_of_controller()
    if handed is None and environment.distributes(config.known_args_namespace):
        return environment.WorkersEnvironment(found, drawn(config))
    if handed is not None:
        config.stash[DRAWN] = handed
    chaos = _embedded(config, found, None if handed is None else os.environ["PYTEST_XDIST_WORKER"])
    config.stash[_EARLY] = chaos
    config.add_cleanup(chaos.close)
    return environment.OwnEnvironment(chaos)


def _embedded(config: pytest.Config, found: Config | None, worker: str | None) -> Chaos:
    """Return the proxies of this process; in a worker of xdist they listen where no other worker does."""
    from .chaos import Chaos

    if found and worker:
        entries = [_free(entry, worker) for entry in found.proxies.values()]
        found = found._replace(proxies={entry.name: entry for entry in entries})
    return Chaos(config=found, seed=_seed(config, found), api=NONE)


def tell(what: Literal["announce_tests", "begin_tests"]) -> None:
    """Tell the Brownout beneath which this runs, if there is one; what may be wrong there the fixture says."""
    running = os.environ.get(VARIABLE)
    if not running or running.startswith("toxiproxy:"):
        return
    from ..control.client import Client
    from ..wire.errors import BrownoutError

    with contextlib.suppress(BrownoutError):
        getattr(Client(running, timeout=2), what)()


def tell_test(config: pytest.Config, test: str) -> None:
    """Tell the running Brownout which test this process runs from now on, if any; it may have ended."""
    running = api(config)
    if running == NONE or running.startswith("toxiproxy:") or config.stash.get(_UNHEARD, False):
        return
    from ..control.client import Client
    from ..wire.errors import BrownoutError

    name = str(getattr(config, "workerinput", {}).get("workerid", ""))
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "") if name else ""
    try:
        Client(running).put_worker(os.getpid(), name=name, run=run, test=test[:_LONGEST_TEST])
    except BrownoutError:
        config.stash[_UNHEARD] = True


def api(config: pytest.Config) -> str:
    """Return the address of the running Brownout that tests are to use, or `none`."""
    return _options(config).brownout_api or os.environ.get(VARIABLE) or NONE


def drawn(config: pytest.Config) -> int:
    """Return the drawn seed. It does not come from the random module: other plugins seed that."""
    return config.stash.setdefault(DRAWN, int.from_bytes(os.urandom(4), "big") % 10**6)


def _options(config: pytest.Config) -> argparse.Namespace:
    """Return the command line as far as it is read: wholly once the first conftest.py is loaded."""
    early = config.known_args_namespace
    return early if hasattr(early, "brownout_api") else config.option


def _running(api: str) -> str:
    from ..control.client_at import client_at
    from ..wire.errors import BrownoutError

    try:
        client = client_at(api, timeout=2)
        health = client.health()
        if health["seed"] is None:
            return f"the {client.noun} at {client.address.endpoint}, no seed"
        return f"the one at {client.address.endpoint}, seed {health['seed']}"
    except BrownoutError as error:
        return error.message


def _path(config: pytest.Config) -> Path | None:
    said = str(config.getini("brownout_config") or "")
    path = config.rootpath / (said or FILE)
    return path if said or path.exists() else None


def _read(path: Path | None) -> Config | None:
    if path is None:
        return None
    from ..faults.config.file import read

    return read(path)


def _seed(config: pytest.Config, found: Config | None) -> int:
    """Return the seed of the command line, else of the file, else the drawn one."""
    said: int | None = _options(config).brownout_seed
    if said is None and found is not None:
        said = found.seed
    return drawn(config) if said is None else said


def _free(entry: ProxyEntry, worker: str) -> ProxyEntry:
    """Return a proxy with an address that no other worker has: a free port, or a unix socket beside the other's."""
    from ..wire.address import Address

    at = Address.listen(entry.listen)
    return entry._replace(listen=f"{entry.listen}.{worker}" if at.path else at._replace(port=0).endpoint)
