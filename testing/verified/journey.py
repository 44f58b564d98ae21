"""Runs tests as an order says, and tells what happens while `brownout verify` arms its faults."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import random
import sys
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any, Literal

import pytest
from _pytest.outcomes import Failed
from _pytest.runner import call_and_report

from . import processes
from .channel import Channel, EndedError, Failure, Order, Phase, Renewed
from .entries import Entries
from .handed import handed
from .traces import Project

_LOG = 16_000
"""How many characters of what was logged and printed in a phase are told, the last ones: a traceback has some."""
_STANDS = Phase(outcome="passed", at=0.0, seconds=0.0, failure=None, reason="", ended=[], log="")
"""The set-up of a call on the fixtures of the call before."""


class TimeOverError(Failed):
    """A test is ended because its time is over."""


class Journeys:
    """The tests of a session, run one call after the other."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._project = Project.of(session.config)
        self._entries = Entries(self)
        self._entries.wrap()
        self._channel: Channel | None = None
        self._raised: BaseException | None = None
        self._calling = False
        self._fixture = ""
        self._logged: Failure | None = None
        """The exception that was logged last in the request under way."""

    def run(self, order: Order, channel: Channel) -> None:
        """Run what is ordered. Raises EndedError when nobody listens any more."""
        self._channel = channel
        known = {item.nodeid: item for item in self._session.items}
        items = [known[each] for each in order["tests"]]
        with _each_record(self._note_logged):
            for item, after in zip(items, [*items[1:], None], strict=True):
                channel.ask("test", test=item.nodeid, pid=os.getpid())
                self._run(item, after, order)
        channel.ask("done")
        self._channel = None

    def _run(self, item: Any, after: pytest.Item | None, order: Order) -> None:
        obj = getattr(item, "obj", None)
        calls, red = list(order["calls"]), list(order["red"])
        renews: Renewed | None = calls.pop(0)
        while renews is not None:
            item._report_sections.clear()  # else what was logged in the call before is told again
            if renews != "nothing" and hasattr(item, "_initrequest"):
                item._initrequest()
            if obj is not None and hasattr(item, "_initrequest") and not isinstance(item, _unittest_cases()):
                item.obj = obj  # plugins for coroutines wrap it again for each call
            outcome = self._set_up(item, renews)
            stands, green = outcome == "passed", outcome == "skipped"
            if stands:
                green = self._call(item)
                stands = not isinstance(self._raised, TimeOverError)  # which may have gone through fixtures as well
            renews = _next(calls, red, stands=stands, green=green)
            if renews != "nothing":
                nextitem = {"function": item.parent, "all": None, None: after}[renews]
                self._phase(item, "teardown", nextitem=nextitem)

    def _set_up(self, item: pytest.Item, renews: Renewed) -> str:
        if renews != "nothing":
            return self._phase(item, "setup", renews)
        self._tell_phase(item, "setup", _STANDS, renews)
        return "passed"

    def _call(self, item: pytest.Item) -> bool:
        self._entries.wrap()
        self._tell("calls", test=item.nodeid)
        self._calling = True
        try:
            return self._phase(item, "call") == "passed"
        finally:
            self._calling = False

    def _phase(
        self,
        item: pytest.Item,
        when: Literal["setup", "call", "teardown"],
        renewed: Renewed = "nothing",
        **given: Any,
    ) -> str:
        self._raised = None
        children = processes.children()
        at = time.monotonic()
        report = call_and_report(item, when, log=False, **given)
        failure: Failure | None = None
        if report.failed and self._raised is not None:
            failure = self._project.failure(self._raised, report.longreprtext)
        said = Phase(
            outcome=report.outcome,
            at=at,
            seconds=report.duration,
            failure=failure,
            reason=_reason(report),
            ended=processes.ended(children),
            log="\n".join(content for name, content in report.sections if when in name)[-_LOG:],
        )
        self._tell_phase(item, when, said, renewed)
        return report.outcome

    def _tell_phase(self, item: pytest.Item, when: str, said: Phase, renewed: Renewed) -> None:
        of_fixtures = {"renewed": renewed, **handed(item, self._project)._asdict()} if when == "setup" else {}
        self._tell("phase", test=item.nodeid, when=when, **of_fixtures, **said)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Say which fixture is set up: a server that it starts is called by its name."""
        before, self._fixture = self._fixture, _name(fixturedef)
        self._tell("fixture", name=self._fixture, at=time.monotonic())
        try:
            return (yield)
        finally:
            self._fixture = before
            self._tell("fixture", name=before, at=time.monotonic())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the exception: reports do not have it, and that of a TestCase is known only when its report is made."""
        report = yield
        self._raised = None if call.excinfo is None else call.excinfo.value
        return report

    # What entries tell

    def entered(self, what: str, port: int) -> None:
        """Say that the application begins to handle a request; `port`: where it listens, 0 for nowhere."""
        self._logged = None
        if self._calling:
            self._tell("enter", what=what, port=port)

    def left(self, status: int | None, error: BaseException | None, at: float, seconds: float, body: str) -> None:
        """Say that it has ended, which began at a moment of `time.monotonic()`."""
        if self._calling:
            failure = None if error is None else self._project.failure(error, "")
            self._tell("leave", status=status, failure=failure, logged=self._logged, at=at, seconds=seconds, body=body)

    def _note_logged(self, record: logging.LogRecord) -> None:
        """Keep the exception that was logged last: frameworks log what they answer with 500."""
        if self._calling and record.exc_info and record.exc_info[1] is not None:
            self._logged = self._project.failure(record.exc_info[1], "")

    def _tell(self, kind: str, **values: object) -> None:
        if self._channel is not None:
            try:
                self._channel.ask(kind, **values)
            except EndedError:
                sys.exit(1)


@contextlib.contextmanager
def _each_record(note: Callable[[logging.LogRecord], None]) -> Generator[None]:
    """Let each record of logging be noted as it is made, whichever handlers its logger has."""
    make = logging.getLogRecordFactory()

    def noted(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        note(record)
        return record

    logging.setLogRecordFactory(noted)
    try:
        yield
    finally:
        if logging.getLogRecordFactory() is noted:
            logging.setLogRecordFactory(make)


def generators() -> list[random.Random]:
    """Return what draws random numbers here.

    Objects are known by their type alone: `isinstance` would ask a lazy one what it stands for.
    """
    return [
        each
        for each in gc.get_objects()
        if issubclass(type(each), random.Random) and not issubclass(type(each), random.SystemRandom)
    ]


def reseed(drawing: Iterable[random.Random]) -> None:
    """Let no two forks draw the same numbers: names that must be unique would be taken."""
    for each in drawing:
        each.seed()
    random.seed()
    if (numpy := sys.modules.get("numpy.random")) is not None:
        with contextlib.suppress(Exception):
            numpy.seed()


def _next(calls: list[Renewed], red: list[Renewed], *, stands: bool, green: bool) -> Renewed | None:
    """Return which fixtures the next call renews, and take it off its list; None if no call is left.

    `stands`: the fixtures of the call before can be used again.
    """
    while calls or (red and not green):
        renews = (calls or red).pop(0)
        if stands or renews != "nothing":
            return renews
    return None


def _name(fixture: pytest.FixtureDef[Any]) -> str:
    """Return the name that its author gave to a fixture, empty where pytest has: for setUpClass() and its like."""
    return "" if fixture.argname.startswith(("_xunit_", "_unittest_")) else fixture.argname


def _reason(report: pytest.TestReport) -> str:
    if not report.skipped:
        return ""
    if hasattr(report, "wasxfail"):
        return f"it is expected to fail: {report.wasxfail}".removesuffix(": ")
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return f"it is skipped: {text.removeprefix('Skipped: ')}".removesuffix(": ")


def _unittest_cases() -> Any:
    from _pytest.unittest import TestCaseFunction

    return TestCaseFunction
