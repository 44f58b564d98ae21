"""`env:` of a configuration file in a run of pytest: variables that lead to the proxies before anything is imported.

    a process that runs tests     its proxies start, its variables are set, and put back at the end
    the controller of xdist       starts none; points variables that are unset straight at the upstreams
    attached to a running one     sets nothing: `brownout run` has set them for its COMMAND

What others change afterwards is said, and stays.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

from ..control.client_at import client_at
from ..faults.config.file import Config
from ..faults.config.mapping import mapping, note_in
from ..faults.config.problem import listed
from ..faults.config.template import Field, Template
from ..wire.address import Address
from ..wire.errors import BrownoutError
from .chaos import Chaos

SEED = "BROWNOUT_XDIST_SEED"
"""The variable by which the controller of xdist hands the seed to its workers."""
_CHANGED = "brownout_changed"
"""What a worker of xdist tells of variables that were changed."""

if TYPE_CHECKING:

    class _Node:
        """What xdist's controller has of a worker that ended."""

        workeroutput: dict[str, dict[str, str]]


class Environment:
    """The variables, and what became of them: a plugin of pytest, registered where the file has `env:`.

    `held` is what we, or `brownout run`, put into variables of this process; `find` says where a proxy is reached.
    """

    def __init__(self, env: Mapping[str, Template], held: Mapping[str, str], find: Callable[[str], Address]) -> None:
        self._env = env
        self._held = held
        self._find = find
        self._changed: dict[str, str] = {}
        self._said: set[str] = set()
        self._put: dict[str, str] = {}
        self._before: dict[str, str | None] = {}

    def put(self, values: Mapping[str, str]) -> None:
        """Put values into variables of this process, until the end."""
        self._put = dict(values)
        self._before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)

    def end(self) -> None:
        """Put the variables back that nobody else has changed."""
        for name, value in self._before.items():
            if os.environ.get(name) != self._put[name]:
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    def look(self, who: str) -> None:
        """Look which variables no longer lead to the proxies: it is `who` that has changed those."""
        for name in self._held:
            if name not in self._changed and not self._leads_there(name):
                self._changed[name] = who

    def pytest_report_header(self, config: pytest.Config) -> list[str]:
        """Say which variables lead to the proxies, and which do not."""
        self._said = {*self._changed}
        return [f"brownout: {text}" for text in (*self._standing(config), *_sentences(self._env, self._changed))]

    def pytest_collection_finish(self) -> None:
        """Look what the modules of tests, and what they import, have changed."""
        self.look("what tests import")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the header could not."""
        found = {name: who for name, who in self._changed.items() if name not in self._said}
        if found:
            terminalreporter.section("brownout: variables that do not lead to the proxies", yellow=True)
        for text in _sentences(self._env, found):
            terminalreporter.write_line(text)

    def _standing(self, config: pytest.Config) -> Iterable[str]:
        if names := [name for name in self._held if name not in self._changed]:
            yield f"{listed(names)} {_verb(names, 'point')} at the proxies"

    def _leads_there(self, name: str) -> bool:
        now = os.environ.get(name)
        if now is None or now == self._held[name]:
            return now is not None
        try:
            return all(field.is_met(now, self._find(field.proxy)) for field in self._env[name].fields)
        except BrownoutError:
            return False


class OwnEnvironment(Environment):
    """Variables of this process that lead to proxies of this process."""

    def __init__(self, chaos: Chaos) -> None:
        super().__init__(chaos.config.env, chaos.env(), lambda proxy: Address.listen(chaos[proxy].endpoint))
        self.put(mapping(self._held, os.environ))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the controller of xdist, if this is a worker."""
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_CHANGED] = self._changed


class WorkersEnvironment(Environment):
    """Variables of the workers of xdist, as their controller knows them.

    It imports conftest.py and runs no test. So what the user has set stays, and what is not set leads straight to the
    upstreams. Workers inherit that with the note that it is ours, and the seed.
    """

    def __init__(self, config: Config, seed: int) -> None:
        super().__init__(config.env, {}, Address.listen)

        def straight(field: Field) -> str:
            upstream = Address.upstream(config.proxies[field.proxy].upstream)
            return field.of(upstream, upstream)

        unset: dict[str, str] = {}
        for name, template in config.env.items():
            with contextlib.suppress(BrownoutError):  # the upstream's unix socket has no port
                if name not in os.environ:
                    unset[name] = template.fill(straight)
        self.put(mapping(unset, os.environ) | {SEED: str(seed)})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: _Node) -> None:
        """Take what a worker found changed."""
        self._changed |= getattr(node, "workeroutput", {}).get(_CHANGED, {})

    def _standing(self, config: pytest.Config) -> Iterable[str]:
        names = [*self._env]
        if config.option.tx:
            yield f"{listed(names)} {_verb(names, 'point')} at the proxies of each worker"
        else:  # -n auto came to none
            yield f"{listed(names)} {_verb(names, 'lead')} to no proxy, because there are no workers; run with -n 0"


class AttachedEnvironment(Environment):
    """Variables that `brownout run` has set, where the tests drive what runs elsewhere."""

    def __init__(self, env: Mapping[str, Template], api: str) -> None:
        held = {name: mapped.value for name, mapped in note_in(os.environ).items() if name in env}
        super().__init__(env, held, self._there)
        self._api = api

    def _there(self, proxy: str) -> Address:
        return Address.listen(client_at(self._api).proxy(proxy)["address"] or "").reachable

    def _standing(self, config: pytest.Config) -> Iterable[str]:
        yield from super()._standing(config)
        if names := [name for name in self._env if name not in self._held]:
            hint = "to have them set: brownout run FILE -- pytest"
            yield f"{listed(names)} not set, because the proxies are those at {self._api}; {hint}"


def seed_of_controller() -> int | None:
    """Take the seed that the controller of xdist drew; None where this is not one of its workers."""
    seed = os.environ.pop(SEED, None)  # pytest that a test runs is no worker
    return None if seed is None or "PYTEST_XDIST_WORKER" not in os.environ else int(seed)


def distributes(options: argparse.Namespace) -> bool:
    """Say whether xdist is about to start workers."""
    count = getattr(options, "numprocesses", None)
    if count in ("auto", "logical"):
        return not options.usepdb
    return bool(count) or (count is None and bool(getattr(options, "tx", None)))


def plugins(config: pytest.Config) -> str:
    """Return the plugins that may have changed variables by now."""
    found = config.hook.pytest_load_initial_conftests.get_hookimpls()
    names = [each.plugin_name for each in found if not _module(each.plugin).startswith(("_pytest.", "brownout."))]
    return f"a plugin ({', '.join(names)})" if names else "a plugin"


def _module(plugin: object) -> str:
    return getattr(plugin, "__name__", type(plugin).__module__)


def _sentences(env: Mapping[str, Template], changed: Mapping[str, str]) -> Iterable[str]:
    for name, who in changed.items():
        proxies = listed(dict.fromkeys(field.proxy for field in env[name].fields))
        yield f"{name} was changed afterwards, by {who}: the application does not go through {proxies}"


def _verb(names: Sequence[str], verb: str) -> str:
    return verb if len(names) > 1 else f"{verb}s"
