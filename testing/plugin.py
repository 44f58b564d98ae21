"""The pytest plugin: the fixtures `brownout` and `chaos`, the marker `brownout`, two options, the variables of `env:`.

pytest imports this in every run of every user, so it imports pytest alone; the rest comes with the first fixture, or
with a file that has `env:`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from ..faults.config.file import Config
    from ..faults.config.proxy_section import ProxyEntry
    from ..wire.errors import BrownoutError
    from .chaos import Chaos
    from .environment import Environment

FILE = "brownout.yaml"
VARIABLE = "BROWNOUT_API"
NONE = "none"

_DRAWN = pytest.StashKey[int]()
_CHAOS = pytest.StashKey["Chaos"]()
_EARLY = pytest.StashKey["Chaos"]()
"""The proxies of a session that began with the variables of `env:`."""
_ENVIRONMENT = pytest.StashKey["Environment"]()
_ENV = re.compile(rb"(?m)(?:^|[{,])\s*[\"']?env[\"']?\s*:")
_BEGUN = pytest.StashKey[bool]()
_NOTHING = "brownout_nothing_fired"
"""The property of a test that passed although a fault did nothing in it; JUnit has it as well."""
_SHOWN = 20
MARKER = "brownout(*profiles, seed=None): apply profiles when the test begins, with this random seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting."""
    group = parser.getgroup("brownout", "Brownout: dependencies that fail on command")
    group.addoption("--brownout-seed", type=int, metavar="N", help="The seed of all faults, to meet the same again.")
    group.addoption(
        "--brownout-api",
        metavar="HOST:PORT",
        help=f"Use the running Brownout there, or toxiproxy://HOST:PORT; none: one of our own.  [env: {VARIABLE}]",
    )
    parser.addini("brownout_config", f"The file with proxies and profiles, from the root folder (default: {FILE}).")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Say that tests are to come, and set the variables of `env:`, before any of the user's code is imported."""
    _tell("announce_tests")
    if _may_have_env(early_config):
        _begin_env(early_config)
    result = yield
    if (environment := early_config.stash.get(_ENVIRONMENT, None)) is not None:
        environment.look("conftest.py or a plugin")
    return result


@pytest.hookimpl(specname="pytest_load_initial_conftests")
def pytest_look_before_conftests(early_config: pytest.Config) -> None:
    """Look what plugins, such as pytest-env, have made of the variables of `env:`."""
    if (environment := early_config.stash.get(_ENVIRONMENT, None)) is not None:
        from .environment import plugins

        environment.look(plugins(early_config))


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and draw a seed for when none is given: one for all workers of xdist."""
    config.addinivalue_line("markers", MARKER)
    handed: int | None = getattr(config, "workerinput", {}).get("brownout_seed")
    if handed is not None:
        config.stash[_DRAWN] = handed
    _drawn(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Node) -> None:
    """Hand the drawn seed to a worker of xdist."""
    node.workerinput["brownout_seed"] = node.config.stash[_DRAWN]


def pytest_report_header(config: pytest.Config) -> str:
    """Say where the faults will come from, and their seed."""
    if _api(config) != NONE:
        return f"brownout: {_running(_api(config))}"
    workers = getattr(config.option, "numprocesses", None)
    embedded = f"embedded in each of {workers} workers" if workers else "embedded"
    path = _path(config)
    try:
        found = _read(path)
    except Exception as error:  # what is wrong with it is an error of the tests that use it
        return f"brownout: {embedded}, config {path}: {str(error).splitlines()[0]}"
    said = [embedded, f"seed {_seed(config, found)}"]
    if path is not None:
        said.append(f"config {os.path.relpath(path, config.rootpath)}")
    if workers and found and any(_free(entry, "gw0") != entry for entry in found.proxies.values()):
        said.append("free ports in place of those of the file")
    return f"brownout: {', '.join(said)}"


@pytest.fixture(scope="session")
def brownout(request: pytest.FixtureRequest) -> Iterator[Chaos]:
    """The proxies of this session, of brownout.yaml and those that tests make. Nothing heals them: see `chaos`."""
    from .chaos import Chaos

    config = request.config
    if (begun := config.stash.get(_EARLY, None)) is not None:
        yield begun
        return
    worker: dict[str, object] | None = getattr(config, "workerinput", None)
    with _plainly():
        if _api(config) == NONE:
            session = _embedded(config, _read(_path(config)), str(worker["workerid"]) if worker else None)
        elif worker and int(str(worker["workercount"])) > 1:
            pytest.fail(
                f"{worker['workercount']} workers cannot share what is at {_api(config)}: "
                "what one injects, all meet\n"
                "hint: run without -n, or with --brownout-api none, which gives each worker its own",
                pytrace=False,
            )
        else:
            session = Chaos(config=_read(_path(config)), seed=config.getoption("brownout_seed"), api=_api(config))
    with session:
        yield session


@pytest.fixture
def chaos(request: pytest.FixtureRequest, brownout: Chaos) -> Iterator[Chaos]:
    """The proxies of this session; after the test all of them are healed and enabled again."""
    before = brownout.seed
    request.node.stash[_CHAOS] = brownout
    with _plainly():
        seed = _marked_seed(request.node)
        if seed is not None and request.config.getoption("brownout_seed") is None:
            brownout.seed = seed
    try:
        yield brownout
    finally:
        if before is not None:
            brownout.seed = before
        del request.node.stash[_CHAOS]
        brownout.reset()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a marked test have `chaos`, asked for or not."""
    if isinstance(item, pytest.Function) and item.get_closest_marker("brownout") and "chaos" not in item.fixturenames:
        item.fixturenames.append("chaos")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Apply the marker's profiles when all fixtures have made their proxies."""
    yield
    chaos = item.stash.get(_CHAOS, None)
    if chaos is not None:
        with _plainly():
            for mark in reversed(list(item.iter_markers("brownout"))):  # the module's first
                for profile in mark.args:
                    chaos.profile(profile)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Say that the first test begins: what `run` placed counts from here."""
    if _BEGUN not in item.config.stash:
        item.config.stash[_BEGUN] = True
        _tell("begin_tests")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Heal before other fixtures are torn down; the fixture heals again, whatever they did."""
    try:
        if (chaos := item.stash.get(_CHAOS, None)) is not None:
            chaos.reset()
    finally:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test which faults it met, and how to meet them again."""
    report = yield
    chaos = item.stash.get(_CHAOS, None)
    if report.failed and call.when != "teardown" and chaos is not None:
        from .failure import section

        report.sections.append(("brownout", section(chaos)))
    if report.passed and call.when == "call" and chaos is not None:
        from .vacuity import nothing_fired

        found = [(_NOTHING, said) for said in nothing_fired(chaos.injected)]
        report.user_properties += found  # for our summary
        item.user_properties += found  # for JUnit, which reads the report of the teardown
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which faults did nothing in tests that passed: these prove nothing about them."""
    passed = terminalreporter.stats.get("passed", [])
    found = [(report.nodeid, said) for report in passed for name, said in report.user_properties if name == _NOTHING]
    if not found:
        return
    terminalreporter.section("brownout: faults that did nothing", yellow=True)
    for nodeid, said in found[:_SHOWN]:
        terminalreporter.write_line(f"{nodeid}: {said}")
    if len(found) > _SHOWN:
        terminalreporter.write_line(f"... and {len(found) - _SHOWN} more")


if TYPE_CHECKING:

    class _Node:
        """What xdist's controller has of a worker."""

        config: pytest.Config
        workerinput: dict[str, object]


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Show an error of Brownout without a traceback, and with its hint."""
    from ..wire.errors import BrownoutError

    try:
        yield
        return
    except BrownoutError as error:
        said = _said(error)
    pytest.fail(said, pytrace=False)


def _said(error: BrownoutError) -> str:
    return f"{error.message}\nhint: {error.hint}" if error.hint else error.message


def _tell(what: Literal["announce_tests", "begin_tests"]) -> None:
    """Tell the Brownout beneath which this runs, if there is one; what may be wrong there the fixture says."""
    api = os.environ.get(VARIABLE)
    if not api or api.startswith("toxiproxy:"):
        return
    from ..control.client import Client
    from ..wire.errors import BrownoutError

    with contextlib.suppress(BrownoutError):
        getattr(Client(api, timeout=2), what)()


def _may_have_env(config: pytest.Config) -> bool:
    """Say, without YAML, whether the file may have `env:` and there will be tests."""
    path, options = _path(config), config.known_args_namespace
    if path is None or options.help or options.version:
        return False
    try:
        return path.is_file() and _ENV.search(path.read_bytes()) is not None
    except OSError:  # an error of the tests that use it
        return False


def _begin_env(config: pytest.Config) -> None:
    """Set the variables of `env:`, with the proxies to which they lead. Raises UsageError."""
    from ..wire.errors import BrownoutError

    try:
        found = _read(_path(config))
        if found is None or not found.env:
            return
        begun = config.stash[_ENVIRONMENT] = _environment(config, found)
    except BrownoutError as error:
        raise pytest.UsageError(_said(error)) from None
    config.add_cleanup(begun.end)
    config.pluginmanager.register(begun, "brownout-env")


def _environment(config: pytest.Config, found: Config) -> Environment:
    from . import environment

    if _api(config) != NONE:
        return environment.AttachedEnvironment(found.env, _api(config))
    for template in found.env.values():
        template.check(found.proxies)
    handed = environment.seed_of_controller()
    if handed is None and environment.distributes(config.known_args_namespace):
        return environment.WorkersEnvironment(found, _drawn(config))
    if handed is not None:
        config.stash[_DRAWN] = handed
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


def _drawn(config: pytest.Config) -> int:
    """Return the drawn seed. It does not come from the random module: other plugins seed that."""
    return config.stash.setdefault(_DRAWN, int.from_bytes(os.urandom(4), "big") % 10**6)


def _api(config: pytest.Config) -> str:
    return config.known_args_namespace.brownout_api or os.environ.get(VARIABLE) or NONE


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
    said: int | None = config.known_args_namespace.brownout_seed
    if said is None and found is not None:
        said = found.seed
    return _drawn(config) if said is None else said


def _free(entry: ProxyEntry, worker: str) -> ProxyEntry:
    """Return a proxy with an address that no other worker has: a free port, or a unix socket beside the other's."""
    from ..wire.address import Address

    at = Address.listen(entry.listen)
    return entry._replace(listen=f"{entry.listen}.{worker}" if at.path else at._replace(port=0).endpoint)


def _marked_seed(item: pytest.Item) -> int | None:
    """Return the seed of the nearest marker that has one."""
    seeds = [mark.kwargs["seed"] for mark in item.iter_markers("brownout") if "seed" in mark.kwargs]
    for mark in item.iter_markers("brownout"):
        wrong = [*(set(mark.kwargs) - {"seed"}), *(each for each in mark.args if not isinstance(each, str))]
        if wrong or not all(isinstance(seed, int) for seed in seeds):
            pytest.fail(f'{mark} is not right\nhint: @pytest.mark.brownout("profile", seed=7)', pytrace=False)
    return seeds[0] if seeds else None
