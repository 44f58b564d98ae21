"""The page in a browser: with the mouse and the keyboard, on a screen and a phone, light and dark, and as axe-core sees it."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from brownout.cli.report_server import Source, served
from brownout.verify import shown
from brownout.verify.baseline import compare
from brownout.verify.document import Call, Document, Timeline
from brownout.verify.history import Run, Trend
from brownout.verify.writers import save
from brownout.verify.writers.page import page

from .browser import Browser, browser
from .documents import cell, detailed, document, hostile, small

pytestmark = pytest.mark.slow

SCREEN, PHONE = (1280, 1000), (390, 844)
SEARCH, PAY = "tests/test_shop.py::test_search", "tests/test_shop.py::test_pay"
OPEN = "document.getElementById('cell').open"
CLOSED = "!document.getElementById('cell').open && location.hash === ''"


@pytest.fixture(scope="module")
def chromium(program: Callable[..., str]) -> str:
    return program("chromium", "apt-get install chromium")


@pytest.fixture(scope="module")
def axe(npm_install: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    folder = tmp_path_factory.mktemp("axe")
    npm_install(folder, "axe-core@4")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def look(chromium: str, tmp_path: Path) -> Callable[..., None]:
    """Shows a document to a browser and lets something be done there; nothing may go wrong on the page."""

    def show(given: Document, work: Callable[[Browser, str], Awaitable[None]], **more: Any) -> None:
        (tmp_path / "verify.html").write_text(page(given, **more))

        async def main() -> None:
            async with browser(chromium, tmp_path / "profile") as found:
                await found.look(*SCREEN)
                await found.go(f"file://{tmp_path}/verify.html")
                await work(found, f"file://{tmp_path}/verify.html")
                assert found.said == []

        asyncio.run(main())

    return show


def full() -> Document:
    """All that a page may have: a level with operations, a baseline, notes."""
    cells = [
        *small().cells,
        cell("pay POST /charge error", PAY, "failed"),
        cell("pay GET /price slow", PAY, "degraded"),
    ]
    before = document([cell("redis slow", SEARCH, "hung"), cell("redis hangs", SEARCH), cell("db cut", SEARCH)])
    return document(
        cells, level="full", notes=("a note",), journeys=small().journeys, compared=compare(before, cells, ())
    )


def trend(given: Document) -> Trend:
    cells = [each for each in given.cells if each.state != "hung"]
    earlier = msgspec.structs.replace(given, began="2026-01-01T03:04:05+00:00", cells=tuple(cells))
    return Trend(
        [msgspec.convert(each, Run, from_attributes=True) for each in (earlier, given)],
        ["old.json (brownout.verify/0)"],
    )


def at(row: str, journey: str) -> str:
    return "#" + quote(f"{row}/{journey}", safe="~()*!.'-_")


def test_cells_open_with_the_mouse_and_the_keyboard(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        await found.click("[data-cell='2']")
        await found.until(OPEN)
        text = await found.ask("document.getElementById('content').innerText")
        for said in (
            "H hung",
            "GET /search was still waiting when its time was over.",
            "Nothing ended the wait for redis",
            "Seen at shop/app.py:25 in handle",
            "E  ValueError",
        ):
            assert said in text
        assert await found.ask("location.hash") == at("redis/hangs", SEARCH)
        await found.press("Escape")
        await found.until(CLOSED)
        assert await found.ask("document.activeElement.dataset.cell") == "2"

        await found.press("Home", "ArrowRight")
        assert await found.ask("document.activeElement.dataset.cell") == "1"
        await found.press("ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight")  # there is nothing below or beyond
        assert await found.ask("document.activeElement.dataset.cell") == "2"
        await found.press("Home", "Enter")
        await found.until(OPEN)
        assert "F failed" in await found.ask("document.getElementById('content').innerText")
        await found.click("#next")
        await found.until("document.getElementById('content').innerText.includes('. resilient')")
        await found.click("#close")
        await found.until(CLOSED)
        assert await found.ask("document.activeElement.dataset.cell") == "1"
        assert await found.ask("document.querySelectorAll('td[tabindex=\"0\"]').length") == 1

    look(small(), work)


def test_the_whole_page_is_reached_with_the_tab_key(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        reached = []
        for _ in range(12):
            await found.press("Tab")
            reached.append(
                await found.ask(
                    "document.activeElement.name || document.activeElement.dataset.cell || document.activeElement.tagName"
                )
            )
        assert reached[:5] == ["journey", "dependency", "state", "DIV", "0"]
        assert {"SUMMARY", "A", "BUTTON", "PRE"} <= {*reached}

    look(small(), work)


def test_a_link_leads_to_a_cell(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        await found.go(url + at("pay/lost", PAY))
        await found.until(OPEN)
        assert "tried again after 'reset'" in await found.ask("document.getElementById('content').innerText")
        await found.go(f"{url}#nothing%of-ours")
        assert not await found.ask(OPEN)

    look(small(), work)


def test_a_run_without_cells_says_so(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        assert "No cell was tried." in await found.ask("document.body.innerText")
        assert not await found.ask("document.getElementById('filters').checkVisibility()")

    look(document([], ended="the command ended"), work)


def test_a_process_that_ended_is_told_from_a_test_that_did_not_end(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        for number, said in enumerate(
            [
                "its process ended after 400 ms",
                "the test had not ended after 5.00 s\n\nThat was its time limit.",
            ]
        ):
            await found.click(f"[data-cell='{number}']")
            await found.until(OPEN)
            assert f"While redis failed: {said}" in await found.ask("document.getElementById('content').innerText")
            await found.press("Escape")
            await found.until(CLOSED)

    broken = ((0.0, 5.0),)
    cells = [
        cell("redis slow", "t::x", "crashed", calls=(Call("ended", 0.4, at=0.0),), timeline=Timeline(((0.0, 0.4),))),
        cell("redis hangs", "t::x", "hung", calls=(Call("ended", 5.0, at=0.0),), timeline=Timeline(broken, over=5.0)),
    ]
    look(document(cells), work)


def test_what_is_shown_can_be_narrowed(look: Callable[..., None]) -> None:
    async def choose(found: Browser, name: str, value: str) -> list[str]:
        await found.ask(
            f"(() => {{ const e = document.forms.filters.elements[{name!r}]; e.value = {value!r};"
            " e.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )
        return list(
            await found.ask(
                "[...document.querySelectorAll('#matrix td[data-cell]:not(.pale)')].filter(e => e.checkVisibility())"
                ".map(e => e.title.replace('tests/test_shop.py::', ''))"
            )
        )

    async def work(found: Browser, url: str) -> None:
        assert await choose(found, "state", "hung") == ["hung: redis hangs, test_search"]
        assert await found.ask("document.getElementById('shown').textContent") == "1 cell of 7"
        assert len(await choose(found, "state", "bad")) == 4
        assert await choose(found, "state", "worse") != []
        assert len(await choose(found, "state", "")) == 7
        assert {each.split()[1] for each in await choose(found, "dependency", "pay")} == {"pay"}
        assert len(await choose(found, "level", "smoke")) == 4
        assert await choose(found, "journey", "search") == []
        assert len(await choose(found, "dependency", "")) == 3

    look(full(), work)


def test_a_phone_is_wide_enough(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        await found.look(*PHONE)
        for place in ("", at("redis/refused", "tests/test_1.py::test_1")):
            await found.go(url + place)
            assert await found.ask("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
            assert await found.ask("document.getElementById('cell').scrollWidth <= 390")
        await found.until("document.querySelectorAll('.time .window').length > 3")

    look(detailed(), work)


def test_whatever_tests_are_called_stays_text(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        await found.look(*PHONE)
        for number in range(len(hostile().cells)):
            await found.click(f"[data-cell='{number}']")
            await found.until(OPEN)
            assert "<script>alert(1)</script>" in await found.ask("document.getElementById('content').innerText")
            assert (
                await found.ask("document.getElementById('content').querySelectorAll('script, img, iframe').length")
                == 0
            )
            assert await found.ask("document.documentElement.scrollWidth") == 390
            await found.press("Escape")
            await found.until(CLOSED)

    look(shown.struct(hostile()), work)


def test_axe_finds_nothing_serious(look: Callable[..., None], axe: str) -> None:
    async def work(found: Browser, url: str) -> None:
        await found.send("Page.setBypassCSP", enabled=True)
        for screen, dark in itertools.product((SCREEN, PHONE), (False, True)):
            await found.look(*screen, dark=dark)
            for place in ("", at("redis/hangs", SEARCH)):
                await found.go(url + place)
                await found.ask("document.querySelectorAll('details').forEach(e => { e.open = true; })")
                await found.ask(f"{axe}; 0")
                report = await found.ask("axe.run().then(r => JSON.stringify([r.violations, r.passes.length]))")
                violations, passes = json.loads(report)
                assert passes > 20
                serious = [each for each in violations if each["impact"] in ("serious", "critical")]
                assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []

    given = full()
    look(given, work, trend=trend(given))


def test_earlier_runs_are_shown(look: Callable[..., None]) -> None:
    async def work(found: Browser, url: str) -> None:
        text = await found.ask("document.getElementById('trend').innerText")
        assert "2026-01-01 03:04" in text
        assert "old.json (brownout.verify/0) is not read" in text
        await found.click("[data-cell='2']")
        await found.until(OPEN)
        strip = await found.ask("document.querySelector('#content .strip').textContent")
        assert strip == "\u00a0no such cellH2026-01-02 03:04: hung"

    given = full()
    look(given, work, trend=trend(given))


def test_a_page_that_is_served_follows_the_run(chromium: str, tmp_path: Path) -> None:
    async def main(url: str) -> None:
        async with browser(chromium, tmp_path / "profile") as found:
            await found.go(f"{url}{at('redis/hangs', SEARCH)}")
            await found.until(OPEN)
            save(msgspec.structs.replace(small(), under_way=True), tmp_path)
            await found.until("document.querySelector('.totals').innerText.includes('Under way')")
            await found.until(OPEN)
            assert found.said == []

    save(small(), tmp_path)
    with served(Source(tmp_path, None), 0) as url:
        asyncio.run(main(url))
