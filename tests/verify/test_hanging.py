"""Where an application stands that hangs."""

import asyncio
import gc
import io
import random
import sys
import threading
from pathlib import Path

from brownout.testing.verified import coroutines
from brownout.testing.verified.journey import generators, reseed
from brownout.testing.verified.traces import Project

from ..serving import serving
from .running import Prices, verify


async def _inner() -> None:
    await asyncio.Event().wait()


async def _outer() -> None:
    inner = asyncio.ensure_future(_inner())
    gc.collect()  # which moves tasks, and keeps them in no order
    await asyncio.wait_for(inner, 60)


def test_a_task_stands_where_its_innermost_coroutine_waits() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        task = asyncio.run_coroutine_threadsafe(_outer(), loop)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result()
        written = io.StringIO()
        coroutines.write(written)
        here = Path(__file__)
        stuck = Project(str(here.parent), (), ()).stuck(written.getvalue())
        assert stuck is not None
        assert (stuck["file"], stuck["function"]) == (here.name, "_inner")
        task.cancel()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


SHOP = """
import asyncio
import os


async def price():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["PORT"]))
    writer.write(b"GET / HTTP/1.1\\r\\nHost: shop\\r\\nConnection: close\\r\\n\\r\\n")
    try:
        return await answer(reader)
    finally:
        writer.close()


async def answer(reader):
    return (await reader.read()).rpartition(b"\\r\\n\\r\\n")[2]
"""
TESTS = """
import asyncio

import shop


def test_price():
    assert asyncio.run(shop.price()) == b"5"
"""


def test_a_finding_names_the_coroutine_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_price.py").write_text(TESTS)
    with serving(Prices) as url:
        found = verify(
            tmp_path, "--cell-timeout", "3s", "--only", "*/hangs", "--",
            sys.executable, "-m", "pytest", "-p", "no:asyncio", PORT=url.rpartition(":")[2],
        )  # fmt: skip
    (cell,) = found.document["cells"]
    assert cell["state"] == "hung"
    assert (cell["place"]["file"], cell["place"]["function"]) == ("shop.py", "answer")


def test_a_lazy_object_is_not_woken_for_new_seeds() -> None:
    class Lazy:
        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise RuntimeError("woken")

    lazy, dice = Lazy(), random.Random(7)
    before = dice.getstate()
    reseed(generators())
    assert dice.getstate() != before
    assert lazy is not None
