"""The thread with the event loop: what becomes of those who wait for it."""

import asyncio
import contextlib
import threading

import pytest

from brownout.testing.thread import LoopThread
from brownout.wire.errors import BrownoutError

DEADLINE = 60.0


def test_who_waits_when_it_is_closed_is_told() -> None:
    thread, begun, told = LoopThread(contextlib.AsyncExitStack), threading.Event(), []

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    def call() -> None:
        with pytest.raises(BrownoutError) as error:
            thread.run(for_ever)
        told.append(error.value.message)

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(DEADLINE)
    thread.close()
    caller.join(DEADLINE)
    assert told == ["this Chaos was closed meanwhile"]


def test_what_cannot_be_opened_is_an_error_of_the_caller_and_no_thread_is_left() -> None:
    @contextlib.asynccontextmanager
    async def shut():
        raise BrownoutError("it is shut")
        yield

    before = set(threading.enumerate())
    with pytest.raises(BrownoutError, match="it is shut"):
        LoopThread(shut)
    assert {thread for thread in set(threading.enumerate()) - before if thread.name == "brownout"} == set()


def test_a_mistake_keeps_its_traceback() -> None:
    thread = LoopThread(contextlib.AsyncExitStack)
    try:
        with pytest.raises(ZeroDivisionError) as error:
            thread.call(lambda: 1 // 0)
        assert "<lambda>" in [entry.name for entry in error.traceback]
    finally:
        thread.close()
