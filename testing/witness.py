"""What watches the tests of a pytest run, and fails one whose faults did nothing.

It is a plugin that `plugin` registers with the first fixture. A handle belongs to the test that is running, from the
set-up of its `chaos` to the end of its call phase, else to the session.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator

import pytest

from ..wire.errors import BrownoutError
from .chaos import Chaos
from .failure import section
from .handle import Handle
from .vacuity import Trial, Vacuous, of_session

_LIFT = "a test proves nothing if its fault did nothing; if that is intended, inject it with allow_unused=True"


class Witness:
    """Knows what the running test has asked for.

    `warning` and `finding` are the properties of a report that tell the summary of faults that did nothing, and of what
    clients did.
    """

    def __init__(self, chaos: Chaos, warning: str, finding: str) -> None:
        self._chaos = chaos
        self._warning = warning
        self._finding = finding
        self._trial: Trial | None = None
        self._session: list[Handle] = []
        chaos.watchers.append(self._keep)

    def _keep(self, handle: Handle) -> None:
        (self._session if self._trial is None else self._trial.handles).append(handle)

    def begin(self) -> None:
        """Begin a test."""
        self._trial = Trial()

    def end(self) -> None:
        """End it."""
        self._trial = None

    def of_session(self) -> list[str]:
        """Return what the session asked for, and came to nothing."""
        return [_line(each) for each in of_session(self._session)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None]:
        """Know where a test's call phase begins and ends."""
        trial = self._trial
        if trial is None:
            return (yield)
        trial.begin()
        try:
            return (yield)
        finally:
            trial.over = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # xfail has had its say by the time this has the report
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a test whose faults did nothing; add to the report of one that failed which faults it met."""
        report = yield
        if self._trial is not None and call.when != "teardown":
            if self._trial.over:
                self._judge(item, call, report, self._trial)
            elif call.when == "call" and not report.passed:  # a part of a test, which subtests report
                self._trial.broken = True
            if report.failed:
                report.sections.append(("brownout", section(self._chaos, _typed(item))))
        return report

    def _judge(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
        expected = hasattr(report, "wasxfail")
        if trial.broken or (call.excinfo is not None and not expected):
            return
        unmet = self._unmet()  # first, for it takes what came late
        vacuous = [*trial.vacuous(), *unmet]
        mistakes = [each for each in vacuous if not each.spared]
        if call.excinfo is None and mistakes:
            said = [f"{each.said}\nhint: {each.hint}" if each.hint else each.said for each in mistakes]
            _fail(item, report, "\n".join([*said, _LIFT]))
            return
        found = [(self._warning, _line(each)) for each in vacuous]
        if item.config.getoption("brownout_verdicts") == "warn":
            found += [(self._finding, said) for said in self._findings(trial)]
        report.user_properties += found  # for the summary
        item.user_properties += found  # for JUnit, which reads the report of the teardown

    def _unmet(self) -> list[Vacuous]:
        """Take what came late, and return the profiles of which nothing came."""
        with contextlib.suppress(BrownoutError):  # Brownout is gone
            said = "no proxy is known to carry the protocols of its keys"
            hint = "give the proxy an upstream that names its protocol"
            return [Vacuous(f"{name} never fired: {said}", hint, False) for name in self._chaos.look_again()]
        return []

    def _findings(self, trial: Trial) -> Iterator[str]:
        """Yield what is found of the clients of proxies on which the test has injected something."""
        for name in dict.fromkeys(handle.proxy for handle in trial.handles):
            with contextlib.suppress(BrownoutError):  # Brownout is gone, or it is a Toxiproxy, which tells nothing
                yield from (f"{name}: {finding}" for finding in self._chaos.verdict(name).findings)


def _fail(item: pytest.Item, report: pytest.TestReport, said: str) -> None:
    """Let a test fail that has passed, whatever xfail has made of that."""
    with pytest.raises(pytest.fail.Exception) as failure:
        pytest.fail(said, pytrace=False)
    report.outcome = "failed"
    report.longrepr = item.repr_failure(failure)
    if hasattr(report, "wasxfail"):
        del report.wasxfail


def _typed(item: pytest.Item) -> str:
    """Return what one types to run a test alone, from the folder in which pytest was started."""
    _, colons, test = item.nodeid.partition("::")
    return f"{os.path.relpath(item.path, item.config.invocation_params.dir)}{colons}{test}"


def _line(vacuous: Vacuous) -> str:
    return f"{vacuous.said}; {vacuous.hint}" if vacuous.hint else vacuous.said
