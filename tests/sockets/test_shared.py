"""The sweep: sockets that are not read are looked after, and the trouble of one is its own."""

import asyncio

import pytest

from brownout.proxy import shared


class Broken:
    """A socket of which nothing can be asked."""

    @property
    def disconnected(self) -> bool:
        raise RuntimeError("broken")


class Counted:
    """A socket that counts how often it was looked at."""

    looks = 0

    @property
    def disconnected(self) -> bool:
        self.looks += 1
        return True

    def let_go(self) -> None:
        """Nobody waits for it, and it has no link."""


async def test_one_that_raises_is_reported_and_the_others_are_swept_on(world, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    monkeypatch.setattr(shared, "_SWEEP_SECONDS", 0.001)
    counted = Counted()
    world.fleet.unread.update({Broken(): None, counted: None})
    await world.until(lambda: counted.looks >= 3)
    world.fleet.unread.clear()
    assert {str(context["exception"]) for context in told} == {"broken"}
