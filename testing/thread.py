"""An event loop on a thread of its own, on which any other thread calls."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

from ..proxy.system import loops
from ..wire.errors import BrownoutError
from .driver import hidden

__tracebackhide__ = hidden
T = TypeVar("T")

Resource = contextlib.AbstractAsyncContextManager[object]


class LoopThread:
    """Runs a loop until closed, inside the context that `opening` returns.

    Neither a loop of the caller's thread is needed nor one in the way: an async test may call, and waits for as long
    as the work takes. A forked child has no such thread; there every call is an error, and closing does nothing.
    """

    def __init__(self, opening: Callable[[], Resource]) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._open = False
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._main, args=(opening,), name="brownout", daemon=True)
        self._thread.start()
        try:
            self._result(self._started)
        except BrownoutError:
            self._thread.join()
            raise
        self._open = True
        atexit.register(self.close)  # a daemon thread that meets the end of the interpreter may crash

    def run(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Run a coroutine on the loop and return its result. Raises BrownoutError where that cannot be, and its own."""
        if os.getpid() != self._pid:
            raise BrownoutError(
                f"these proxies belong to process {self._pid}, not to its forked child {os.getpid()}",
                "make a Chaos in the child, or call in the parent",
            )
        if threading.current_thread() is self._thread:
            raise BrownoutError("the thread of the proxies cannot wait for itself", "call from another thread")
        with self._lock:
            if not self._open:
                raise BrownoutError("this Chaos is closed", "use it inside its `with` block")
            future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return self._result(future)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop's thread and return its result."""

        async def work() -> T:
            return function()

        return self.run(work)

    def close(self) -> None:
        """End the loop and wait for the thread."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._open:
                self._open = False
                self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        atexit.unregister(self.close)

    def _result(self, future: concurrent.futures.Future[T]) -> T:
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise BrownoutError("this Chaos was closed meanwhile") from None
        except BrownoutError as error:  # how it went on the other thread helps nobody
            raise error.with_traceback(None) from None

    def _main(self, opening: Callable[[], Resource]) -> None:
        with asyncio.Runner(loop_factory=loops.fastest()) as runner:
            runner.run(self._serve(opening))

    async def _serve(self, opening: Callable[[], Resource]) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        try:
            async with opening():
                self._started.set_result(None)
                await self._closing.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
