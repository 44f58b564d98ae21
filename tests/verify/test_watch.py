"""What is heard of a run."""

import asyncio
from typing import Any

from brownout.proxy import Fleet
from brownout.verify.watch import Breaking, Watch

TEST = "tests/test_shop.py::test_pay"


def _said(kind: str, **values: Any) -> dict[str, Any]:
    return {"kind": kind, "test": TEST, **values}


def _phase(when: str) -> dict[str, Any]:
    return _said(
        "phase", when=when, outcome="passed", at=0.0, seconds=0.1, failure=None, log="", reason="", ended=(), hands=()
    )


def test_a_call_began_when_its_process_says_so() -> None:
    async def at() -> list[float]:
        async with Fleet(seed=1) as fleet:
            watch = Watch(fleet, None)
            for said in (_said("test"), _phase("setup"), _said("calls"), _phase("call") | {"at": 17.5}):
                watch.hear(said)
            return [each.at for each in watch.seen[0].calls]

    assert asyncio.run(at()) == [17.5]


def test_what_hung_is_what_was_asked_when_the_time_was_over() -> None:
    async def stood() -> str:
        async with Fleet(seed=1) as fleet:
            watch = Watch(fleet, None)
            for said in (_said("test"), _phase("setup"), _said("calls"), _said("enter", what="GET /slow")):
                watch.hear(said)
            watch.let_go()
            watch.hear(_said("leave", status=None, at=0.0, seconds=9.0, failure=None, logged=None, body=""))
            watch.hear(_said("enter", what="GET /next"))
            return watch.stood

    assert asyncio.run(stood()) == "GET /slow"


def test_a_call_that_ends_a_moment_after_its_time_hung_itself() -> None:
    async def hung() -> tuple[int | None, int]:
        async with Fleet(seed=1) as fleet:
            watch = Watch(fleet, None)
            for said in (_said("test"), _phase("setup"), _said("calls")):
                watch.hear(said)
            watch.late()
            for said in (_phase("call"), _phase("teardown"), _phase("setup"), _said("calls")):
                watch.hear(said)
            watch.let_go()
            return watch.hung, len(watch.seen[0].calls)

    assert asyncio.run(hung()) == (0, 2)


def test_only_what_the_application_takes_for_requests_counts_against_its_budget() -> None:
    """The set-up of a unittest case is part of the call, and a busy machine is slow in it."""

    async def left() -> list[float]:
        async with Fleet(seed=1) as fleet:
            fleet.expect("postgres")
            watch, found = Watch(fleet, Breaking("postgres", (), None, 9.0, by_entry=True)), []
            for said in (
                *(_said("test"), _phase("setup"), _said("calls"), _said("enter", what="GET /a")),
                _said("leave", status=200, at=0.0, seconds=4.0, failure=None, logged=None, body=""),
                _said("enter", what="GET /b"),
            ):
                watch.hear(said)
                assert watch.deadline is not None
                found.append(round(watch.deadline - asyncio.get_running_loop().time()))
            return found[2:]

    assert asyncio.run(left()) == [129, 9, 129, 5]
