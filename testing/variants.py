"""A test marked `faults` runs healthy first, then once under each fault.

Each of these runs is a variant: a test of its own, with an id that tells the fault. pytest makes them before it knows
any proxy, so what is wrong with a fault is told then, and what is wrong with a proxy when the test is set up. This
module is a plugin, which `plugin` registers with the first marked test.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import traceback
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import ClassVar, NamedTuple

import pytest

from ..faults import injection_line
from ..faults.fault import Fault
from ..faults.settings.units import Duration
from ..wire.errors import BrownoutError
from .chaos import Chaos
from .proxied import spec_of
from .pytest_session import CHAOS, plainly

_PARAMETER = "brownout_fault"
_SICK = pytest.StashKey["dict[_Family, str]"]()
"""The tests that do not pass while healthy, with what became of them."""
_BUDGET = pytest.StashKey["Budget"]()
_HINT = '@pytest.mark.faults("payments", ["http.status:503", "latency:5s", "hang"], timeout=30)'
_TIMEOUT = 30.0
_LONGEST = 86400.0
_OUTER, _INNER = 4, 8
"""How many frames of a waiting test are shown, from both ends."""

_Family = tuple[str, str, tuple[tuple[str, int], ...]]


class Placement(NamedTuple):
    """A fault to inject, with settings."""

    fault: str | Fault
    settings: Mapping[str, object]


class Variant(NamedTuple):
    """How a marked test runs: under faults on a proxy, all at once; healthy with none. `timeout` is in seconds."""

    id: str
    proxy: str = ""
    placements: tuple[Placement, ...] = ()
    timeout: float = _TIMEOUT
    allow_unused: bool = False
    marks: tuple[pytest.MarkDecorator | pytest.Mark, ...] = ()

    def inject(self, chaos: Chaos) -> None:
        """Inject its faults."""
        for each in self.placements:
            chaos[self.proxy].inject(each.fault, allow_unused=self.allow_unused, **each.settings)


HEALTHY = Variant("healthy")


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Make the variants of a marked test. Raises BrownoutError for a marker that is not right."""
    found = [HEALTHY]
    for mark in reversed(list(metafunc.definition.iter_markers("faults"))):  # the module's first
        try:
            found += _variants(mark)
        except BrownoutError as error:
            raise BrownoutError(f"{metafunc.definition.name}: {error.message}", error.hint) from None
    if _PARAMETER not in metafunc.fixturenames:
        metafunc.fixturenames.append(_PARAMETER)
    metafunc.parametrize(
        _PARAMETER, [pytest.param(each, marks=each.marks, id=each.id) for each in found], indirect=True
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a variant have its fixture, and with it `chaos`: pytest forgets what a test does not name."""
    if _variant(item) is not None and isinstance(item, pytest.Function) and _PARAMETER not in item.fixturenames:
        item.fixturenames.append(_PARAMETER)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the healthy run of a test come before its others, whatever has shuffled them."""
    first: dict[_Family, int] = {}
    for index, item in enumerate(items):
        if (variant := _variant(item)) is not None:
            start = first.setdefault(_family(item), index)
            if not variant.placements:
                items[start], items[index] = item, items[start]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Inject the faults when all fixtures have made their proxies; skip a test that does not pass while healthy."""
    variant = _variant(item)
    if variant is None or not variant.placements:
        return (yield)
    if became := item.config.stash.get(_SICK, {}).get(_family(item)):
        item.add_marker(pytest.mark.skip(reason=f"it {became} while healthy, so it is not run under faults"))
    yield
    if (chaos := item.stash.get(CHAOS, None)) is not None:  # else nothing is set up, but shown
        with plainly():
            variant.inject(chaos)
        item.stash[_BUDGET] = Budget(variant.timeout, chaos)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """End a test that a fault makes hang."""
    budget = item.stash.get(_BUDGET, None)
    if budget is None:
        return (yield)
    with budget:
        result = yield
    if budget.waited:
        pytest.fail(f"{_hung(item)}, and passed only once it was healed", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say where a test hung; note that one does not pass while healthy."""
    report = yield
    variant = _variant(item)
    if variant is not None and not variant.placements:
        _note_health(item.config.stash.setdefault(_SICK, {}), _family(item), report)
    budget = item.stash.get(_BUDGET, None)
    if budget is not None and budget.waited and call.when == "call":
        report.sections.append(("brownout", f"{_hung(item)}; it was waiting here:\n{budget.waited}"))
    return report


def _note_health(sick: dict[_Family, str], family: _Family, report: pytest.TestReport) -> None:
    """Take what became of a healthy run; of several, as a rerun makes them, the last one counts."""
    if report.when == "setup":
        sick.pop(family, None)
    if report.failed:
        sick[family] = "fails"
    elif report.skipped and hasattr(report, "wasxfail"):
        sick[family] = "xfails"


def pytest_enter_pdb() -> None:
    """Let no time pass at a debugger's prompt."""
    for budget in tuple(Budget.running):
        budget.stop()


def _hung(item: pytest.Item) -> str:
    variant = _variant(item)
    assert variant is not None
    return f"the test hung for {variant.timeout:g} s under {variant.id}"


def _variant(item: pytest.Item) -> Variant | None:
    """Return how a test runs, None for one that is not marked."""
    found: Variant | None = item.callspec.params.get(_PARAMETER) if hasattr(item, "callspec") else None
    return found


def _family(item: pytest.Item) -> _Family:
    """Return what the variants of a test have in common: all but the fault."""
    assert isinstance(item, pytest.Function)
    assert item.parent is not None
    others = sorted((name, id(value)) for name, value in item.callspec.params.items() if name != _PARAMETER)
    return item.parent.nodeid, item.originalname, tuple(others)


def _variants(mark: pytest.Mark) -> Iterator[Variant]:
    """Yield what a marker asks for. Raises BrownoutError where it is not right."""
    match mark.args:
        case [str(proxy), [_, *_] as faults] if not set(mark.kwargs) - {"timeout", "allow_unused"}:
            for fault in faults:
                one, marks, name = _param(fault)
                at_once = one if isinstance(one, list | tuple) else [one]
                text = name or "+".join(_text(each) for each in at_once)
                timeout = _seconds(mark.kwargs.get("timeout", _TIMEOUT))
                allow_unused = bool(mark.kwargs.get("allow_unused"))
                yield Variant(f"{proxy}-{text}", proxy, tuple(map(_placement, at_once)), timeout, allow_unused, marks)
        case _:
            words = [*map(repr, mark.args), *(f"{key}={value!r}" for key, value in mark.kwargs.items())]
            raise BrownoutError(
                f"the marker faults takes a proxy and a list of faults, not ({', '.join(words)})", _HINT
            )


def _param(fault: object) -> tuple[object, tuple[pytest.MarkDecorator | pytest.Mark, ...], str]:
    """Return the fault, the marks and the name of what may be a `pytest.param`."""
    if not isinstance(fault, type(pytest.param())):
        return fault, (), ""
    if len(fault.values) != 1:
        raise BrownoutError(f"{fault.values!r} is not one fault", 'write it like pytest.param("hang", marks=...)')
    return fault.values[0], tuple(fault.marks), str(fault.id or "")


def _placement(one: object) -> Placement:
    if isinstance(one, Mapping):
        settings = {str(key): value for key, value in one.items()}
        if "fault" not in settings:
            raise BrownoutError(f"{dict(one)!r} names no fault", _HINT)
        placed = Placement(str(settings.pop("fault")), settings)
    elif isinstance(one, str | Fault):
        placed = Placement(one, {})
    else:
        raise BrownoutError(f"{one!r} is not a fault", _HINT)
    spec_of(*placed)  # raises what is wrong with it
    return placed


def _text(one: object) -> str:
    if isinstance(one, str):
        return one
    mapping = spec_of(*_placement(one)).to_mapping()
    return f"{mapping['fault']} {injection_line.settings(mapping)}".rstrip()


def _seconds(timeout: object) -> float:
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout <= _LONGEST:
        return float(timeout)
    if isinstance(timeout, str):
        return float(Duration.parse(timeout))
    raise BrownoutError(f"timeout={timeout!r} is not a number of seconds above 0, at most a day", _HINT)


class Budget:
    """Ends what a fault makes hang: when the time is over, all faults are healed, and the test can go on.

    As a context manager it is entered by the thread that runs the test. `waited` is where that thread was when the time
    was over, empty if it never was. `running` are those that were entered.
    """

    running: ClassVar[set[Budget]] = set()

    def __init__(self, seconds: float, chaos: Chaos) -> None:
        self.waited = ""
        self._chaos = chaos
        self._timer = threading.Timer(seconds, self._end, args=[threading.get_ident()])
        self._timer.daemon = True

    def __enter__(self) -> None:
        """Start the time."""
        self.running.add(self)
        self._timer.start()

    def __exit__(self, *exc: object) -> None:
        """Stop it."""
        self.running.discard(self)
        self.stop()
        self._timer.join()

    def stop(self) -> None:
        """Let it never be over."""
        self._timer.cancel()

    def _end(self, thread: int) -> None:
        self.waited = _stack(sys._current_frames()[thread])
        with contextlib.suppress(BrownoutError):  # a running Brownout may be gone by now
            self._chaos.heal()


def _stack(frame: FrameType) -> str:
    """Return where a test is, without what runs it; of a loop of asyncio's, where its tasks are."""
    loop = next((each.f_locals["self"] for each, _ in traceback.walk_stack(frame) if _runs_a_loop(each)), None)
    if loop is not None:
        with contextlib.suppress(RuntimeError):  # tasks that begin or end meanwhile
            stacks = [_listed(traceback.StackSummary.extract(_walked(task))) for task in asyncio.all_tasks(loop)]
            return "\n".join(filter(None, stacks)) or "in no task of its event loop\n"
    frames = traceback.extract_stack(frame)
    runs = [index for index, each in enumerate(frames) if Path(each.filename).parent.name in ("_pytest", "pluggy")]
    return _listed(frames[max(runs, default=-1) + 1 :])


def _runs_a_loop(frame: FrameType) -> bool:
    return isinstance(frame.f_locals.get("self"), asyncio.BaseEventLoop) and frame.f_code.co_name == "run_forever"


def _walked(task: asyncio.Task[object]) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames of a task, down to the one that waits."""
    awaited: object = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        yield frame, frame.f_lineno
        awaited = getattr(awaited, "cr_await", None)


def _listed(frames: list[traceback.FrameSummary]) -> str:
    lines = traceback.format_list(frames)
    return "".join(lines if len(lines) <= _OUTER + _INNER else [*lines[:_OUTER], "  ...\n", *lines[-_INNER:]])
