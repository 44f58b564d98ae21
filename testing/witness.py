"""What watches the tests of a pytest run, and fails one whose faults did nothing.

It is a plugin that `plugin` registers with the first fixture. A handle belongs to the test that is running, from the
set-up of its `chaos` to the end of its call phase, else to the session.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from .chaos import Chaos
from .failure import section
from .handle import Handle
from .vacuity import Trial, Vacuous, of_session

_LIFT = "a test whose fault does nothing proves nothing; if that is meant, inject it with allow_unused=True"


class Witness:
    """Knows what the running test has asked for. `warning` is the property of a report that tells the summary."""

    def __init__(self, chaos: Chaos, warning: str) -> None:
        self._chaos = chaos
        self._warning = warning
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
            if self._trial.over:  # a part of a test, which subtests report before, is not judged by itself
                self._judge(item, call, report, self._trial.vacuous())
            if report.failed:
                report.sections.append(("brownout", section(self._chaos, _typed(item))))
        return report

    def _judge(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, vacuous: list[Vacuous]
    ) -> None:
        expected = hasattr(report, "wasxfail")
        if call.excinfo is None and not all(each.spared for each in vacuous):
            said = [
                f"{each.said}\nhint: {each.hint}" if each.hint else each.said for each in vacuous if not each.spared
            ]
            with pytest.raises(pytest.fail.Exception) as failure:
                pytest.fail("\n".join([*said, _LIFT]), pytrace=False)
            report.outcome = "failed"
            report.longrepr = item.repr_failure(failure)
            if expected:
                del report.wasxfail
        elif call.excinfo is None or expected:
            found = [(self._warning, _line(each)) for each in vacuous]
            report.user_properties += found  # for the summary
            item.user_properties += found  # for JUnit, which reads the report of the teardown


def _typed(item: pytest.Item) -> str:
    """Return what one types to run a test alone, from the folder in which pytest was started."""
    _, colons, test = item.nodeid.partition("::")
    return f"{os.path.relpath(item.path, item.config.invocation_params.dir)}{colons}{test}"


def _line(vacuous: Vacuous) -> str:
    return f"{vacuous.said}; {vacuous.hint}" if vacuous.hint else vacuous.said
