"""A headless Chromium, driven over its DevTools protocol (chromedevtools.github.io/devtools-protocol)."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import aiohttp

DEADLINE = 60.0
_KEYS = {
    "Enter": 13,
    "Escape": 27,
    "Tab": 9,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Home": 36,
    "End": 35,
}


class Browser:
    """One page. `said` is what it wrote to the console, or raised, or was refused."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self.said: list[str] = []

    async def begin(self) -> None:
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")

    async def read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif said["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.said.append(json.dumps(said["params"]))

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        session = {} if self._session is None else {"sessionId": self._session}
        await self._socket.send_json({"id": number, "method": method, "params": params, **session})
        answer = await asyncio.wait_for(self._waiting[number], DEADLINE)
        assert "error" not in answer, answer
        return dict(answer["result"])

    async def go(self, url: str) -> None:
        """Load a page, from the start also where only what stands behind # is another."""
        for each in ("about:blank", url):
            await self.send("Page.navigate", url=each)
            wanted = json.dumps(each.partition("#")[0])
            await self.until(f"document.readyState === 'complete' && location.href.split('#')[0] === {wanted}")

    async def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Be a screen of this size, in one of the colour schemes."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def ask(self, expression: str) -> Any:
        """Evaluate JavaScript."""
        found = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until it is true. Between two pages there may be nothing to ask."""
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(AssertionError):
                    if await self.ask(expression):
                        return
                await asyncio.sleep(0.02)

    async def press(self, *keys: str) -> None:
        for key in keys:
            given = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
            text = {"text": "\r"} if key == "Enter" else {}
            await self.send("Input.dispatchKeyEvent", type="keyDown", **given, **text)
            await self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    async def click(self, selector: str) -> None:
        """Click with the mouse in the middle of an element."""
        quoted = json.dumps(selector)
        place = await self.ask(
            f"(() => {{ const e = document.querySelector({quoted}); e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        at = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        await self.send("Input.dispatchMouseEvent", type="mousePressed", **at)
        await self.send("Input.dispatchMouseEvent", type="mouseReleased", **at)

    async def shoot(self, path: Path) -> None:
        """Take a picture of what is seen."""
        found = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.asynccontextmanager
async def browser(program: str, folder: Path) -> AsyncIterator[Browser]:
    """Start one, with its files in a folder."""
    words = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
    ]
    with tempfile.TemporaryDirectory(prefix="chromium-") as temporary:  # with a short path: of a unix socket there
        async with _running(program, words, temporary) as found:
            yield found


@contextlib.asynccontextmanager
async def _running(program: str, words: Iterable[str], temporary: str) -> AsyncIterator[Browser]:
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        env={**os.environ, "TMPDIR": temporary},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        url = None
        async with asyncio.timeout(DEADLINE):
            while url is None:
                line = await process.stderr.readline()
                assert line, "the browser ended"
                url = re.search(rb"DevTools listening on (ws://\S+)", line)
        draining = asyncio.ensure_future(process.stderr.read())
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url[1].decode(), max_msg_size=0) as socket,
        ):
            found = Browser(socket)
            reading = asyncio.ensure_future(found.read())
            await found.begin()
            yield found
            reading.cancel()
        draining.cancel()
    finally:
        process.kill()
        await process.wait()
