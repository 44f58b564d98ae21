"""The pytest plugin: the fixtures `brownout` and `chaos`, the markers `brownout` and `faults`, two options.

pytest imports this in every run of every user, so it imports pytest alone. What watches and judges tests is a plugin of
its own, `witness`, which is there from the first fixture on; `variants` is another one, for the marker `faults`, and
`environment` one for a file that has `env:`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from .pytest_session import (
    CHAOS,
    DRAWN,
    ENVIRONMENT,
    FILE,
    VARIABLE,
    begin_env,
    begin_verified,
    drawn,
    header,
    new_chaos,
    plainly,
    tell,
    tell_test,
)

if TYPE_CHECKING:
    from .chaos import Chaos
    from .witness import Witness

_WITNESS: pytest.StashKey[Witness] = pytest.StashKey()
_BEGUN = pytest.StashKey[bool]()
_SESSION = pytest.StashKey[list[str]]()
"""What fixtures of the session asked for in vain, in all workers."""
_NOTHING = "brownout_nothing_fired"
"""The property of a green test in which a fault did nothing; JUnit has it as well."""
_FOUND = "brownout_finding"
"""The property of a green test whose clients made a failure worse, with --brownout-verdicts."""
_SHOWN = 20
_MARKERS = (
    "brownout(*profiles, seed=None, allow_unused=False): apply profiles when the test begins, with this random seed",
    "faults(proxy, faults, *, timeout=30, allow_unused=False): run the test healthy first, then once under each fault",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting."""
    group = parser.getgroup("brownout", "Brownout: dependencies that fail on command")
    group.addoption("--brownout-seed", type=int, metavar="N", help="The random seed of all tests, to repeat a run.")
    group.addoption(
        "--brownout-api",
        metavar="HOST:PORT",
        help=f"Use the Brownout that runs there, or toxiproxy://HOST:PORT; none: do not.  [env: {VARIABLE}]",
    )
    group.addoption(
        "--brownout-verdicts",
        choices=("off", "warn"),
        default="off",
        help="Judge how clients behaved under the faults of each test, and list the findings at the end.",
    )
    parser.addini("brownout_config", f"The configuration file, relative to the root folder (default: {FILE}).")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Say that tests are to come, and set the variables of `env:`, before any of the user's code is imported."""
    tell("announce_tests")
    begin_verified(early_config)
    begin_env(early_config)
    result = yield
    if (environment := early_config.stash.get(ENVIRONMENT, None)) is not None:
        environment.look("conftest.py or a plugin")
    return result


@pytest.hookimpl(specname="pytest_load_initial_conftests")
def pytest_look_before_conftests(early_config: pytest.Config) -> None:
    """Look what plugins, such as pytest-env, have made of the variables of `env:`."""
    if (environment := early_config.stash.get(ENVIRONMENT, None)) is not None:
        from .environment import plugins

        environment.look(plugins(early_config))


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and draw a seed for when none is given: one for all workers of xdist."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[_SESSION] = []
    handed: int | None = getattr(config, "workerinput", {}).get("brownout_seed")
    if handed is not None:
        config.stash[DRAWN] = handed
    drawn(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Node) -> None:
    """Hand the drawn seed to a worker of xdist."""
    node.workerinput["brownout_seed"] = node.config.stash[DRAWN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: _Node) -> None:
    """Take over what fixtures of a worker's session asked for in vain; a worker that was killed tells nothing."""
    node.config.stash[_SESSION].extend(getattr(node, "workeroutput", {}).get("brownout_session", []))


def pytest_report_header(config: pytest.Config) -> str:
    """Say where the faults will come from, and their seed."""
    return f"brownout: {header(config)}"


@pytest.fixture(scope="session")
def brownout(request: pytest.FixtureRequest) -> Iterator[Chaos]:
    """The proxies of this session: those of brownout.yaml, and those that tests make. It heals nothing; see `chaos`."""
    from .witness import Witness

    config = request.config
    with plainly():
        session = new_chaos(config)
    with session:  # closed twice where it began with the variables of `env:`
        witness = config.stash[_WITNESS] = Witness(session, _NOTHING, _FOUND)
        config.pluginmanager.register(witness)
        yield session
        config.pluginmanager.unregister(witness)
        config.stash[_SESSION].extend(witness.of_session())
        if hasattr(config, "workeroutput"):
            config.workeroutput["brownout_session"] = config.stash[_SESSION]


@pytest.fixture
def chaos(request: pytest.FixtureRequest, brownout: Chaos) -> Iterator[Chaos]:
    """The proxies of this session. After the test, all of them are healed and enabled again."""
    before = brownout.seed
    witness = request.config.stash[_WITNESS]
    request.node.stash[CHAOS] = brownout
    witness.begin()
    with plainly():
        brownout.forget()
    with plainly():
        seed = _marked_seed(request.node)
        if seed is not None and request.config.getoption("brownout_seed") is None:
            brownout.seed = seed
    try:
        yield brownout
    finally:
        if before is not None:
            brownout.seed = before
        witness.end()
        del request.node.stash[CHAOS]
        brownout.reset()


@pytest.fixture
def brownout_fault(request: pytest.FixtureRequest, chaos: Chaos) -> str:
    """The proxy and the fault under which a test marked `faults` runs, as in its id; or `healthy`."""
    if not hasattr(request, "param"):
        pytest.fail("the fixture brownout_fault is for tests that are marked faults", pytrace=False)
    return str(request.param.id)


@pytest.hookimpl(trylast=True)  # behind the parameters of the test itself
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each fault that the markers name."""
    if metafunc.definition.get_closest_marker("faults"):
        from . import variants

        manager = metafunc.config.pluginmanager
        if not manager.is_registered(variants):
            manager.register(variants)
        with plainly():
            variants.parametrize(metafunc)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a marked test have `chaos`, asked for or not."""
    if isinstance(item, pytest.Function) and item.get_closest_marker("brownout") and "chaos" not in item.fixturenames:
        item.fixturenames.append("chaos")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Apply the marker's profiles when all fixtures have made their proxies."""
    made = hasattr(item, "callspec") and "brownout_fault" in item.callspec.params
    if isinstance(item, pytest.Function) and item.get_closest_marker("faults") and not made:
        pytest.fail(
            "the marker faults does nothing here: it works when tests are collected\n"
            "hint: put it on a function, on a plain class (not a TestCase) or on a module, not on a parameter",
            pytrace=False,
        )
    yield
    chaos = item.stash.get(CHAOS, None)
    if chaos is not None:
        with plainly():
            for mark in reversed(list(item.iter_markers("brownout"))):  # the module's first
                for profile in mark.args:
                    chaos.profile(profile, allow_unused=mark.kwargs.get("allow_unused", False))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Say which test runs, before its set-up: what `caller: {test: ...}` means goes by that."""
    tell_test(item.config, item.nodeid)
    done = yield
    if nextitem is None:
        tell_test(item.config, "")
    return done


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Say that the first test begins: what `run` placed counts from here."""
    if _BEGUN not in item.config.stash:
        item.config.stash[_BEGUN] = True
        tell("begin_tests")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Heal before other fixtures are torn down; the fixture heals again, whatever they did."""
    try:
        if (chaos := item.stash.get(CHAOS, None)) is not None:
            chaos.reset()
    finally:
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which faults did nothing in tests that are green, and which of the session; and what clients did."""
    green = [report for kind in ("passed", "xfailed", "xpassed") for report in terminalreporter.stats.get(kind, [])]
    told = [(name, f"{each.nodeid}: {said}") for each in green for name, said in each.user_properties]
    session: list[str] = terminalreporter.config.stash[_SESSION]
    vain = [f"fixtures of the session: {said}" for said in dict.fromkeys(session)]
    _list(terminalreporter, "faults that did nothing", [line for name, line in told if name == _NOTHING] + vain)
    _list(terminalreporter, "clients that made a failure worse", [line for name, line in told if name == _FOUND])


def _list(terminalreporter: pytest.TerminalReporter, title: str, lines: list[str]) -> None:
    if not lines:
        return
    terminalreporter.section(f"brownout: {title}", yellow=True)
    for line in lines[:_SHOWN]:
        terminalreporter.write_line(line)
    if len(lines) > _SHOWN:
        terminalreporter.write_line(f"... and {len(lines) - _SHOWN} more")


if TYPE_CHECKING:

    class _Node:
        """What xdist's controller has of a worker."""

        config: pytest.Config
        workerinput: dict[str, object]
        workeroutput: dict[str, list[str]]


def _marked_seed(item: pytest.Item) -> int | None:
    """Return the seed of the nearest marker that has one."""
    seeds = [mark.kwargs["seed"] for mark in item.iter_markers("brownout") if "seed" in mark.kwargs]
    for mark in item.iter_markers("brownout"):
        wrong = [*(set(mark.kwargs) - {"seed", "allow_unused"}), *(each for each in mark.args if type(each) is not str)]
        if wrong or not all(isinstance(seed, int) for seed in seeds):
            pytest.fail(f'{mark} is not valid\nhint: @pytest.mark.brownout("profile", seed=7)', pytrace=False)
    return seeds[0] if seeds else None
