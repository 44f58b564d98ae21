"""docs/comparison.md: each cell is backed, Brownout's by a test, the others' by a link; and the tests that only it names.

No link is fetched: a test needs no network.
"""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from brownout.faults import CATALOGUE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/comparison.md").read_text()
OURS = "Brownout"
COLUMNS = {OURS: "b", "Toxiproxy": "t", "Envoy fault filter": "e", "WireMock": "w", "MockServer": "m"}
"""The columns and the first letter of the notes that may back their cells."""
SITES = {
    "t": {"github.com/Shopify/toxiproxy", "java.testcontainers.org", "golang.testcontainers.org"},
    "e": {"github.com/envoyproxy/envoy", "www.envoyproxy.io"},
    "w": {"github.com/wiremock", "wiremock.org"},
    "m": {"github.com/mock-server", "mock-server.com", "www.mock-server.com"},
    "f": {"github.com/filibuster-testing"},
    "p": {"github.com/alexei-led/pumba"},
    "c": {"chaos-mesh.org"},
}
"""What is a tool's own: its sites and repositories, by the first letter of its notes."""
NOTE = re.compile(r"\[\^([a-z]-[a-z0-9]+)\]")


def notes(page: str) -> dict[str, str]:
    """The notes at the end of the page by name, each with the indented lines that continue it."""
    found = re.findall(r"^\[\^(.+?)\]:((?:.*)(?:\n    .*)*)$", page, re.MULTILINE)
    assert len(found) == len(dict(found)), "a note is there twice"
    return dict(found)


def rows(page: str) -> list[dict[str, str]]:
    """The rows of the tables with a column for Brownout, each as cells by column; the first column has no name."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        head, line, *body = ([cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines())
        if OURS in head:
            assert line == ["---"] * len(head), table
            found += [dict(zip(head, cells, strict=True)) for cells in body]
    return found


NOTES = notes(PAGE)
ROWS = rows(PAGE)
BODY = PAGE.split("\n[^")[0]


@cache
def functions(path: str) -> set[str]:
    """The functions that pytest would call in a file: those at the top and the methods of classes."""
    tree = ast.parse((ROOT / path).read_text())
    inside = [node for each in tree.body if isinstance(each, ast.ClassDef) for node in each.body]
    return {node.name for node in [*tree.body, *inside] if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def missing_tests(note: str) -> list[str]:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", note)
    return [
        f"{path}::{name}"
        for path, name in named
        if not name.startswith("test_") or not (ROOT / path).is_file() or name not in functions(path)
    ] or ([] if named else ["no test named"])


def foreign_links(note: str, sites: set[str]) -> list[str]:
    links = re.findall(r"\]\(([^)]*)\)", note)
    places = [(link, urlsplit(link)) for link in links]
    return [
        link
        for link, at in places
        if at.scheme != "https" or not any(f"{at.netloc}{at.path}/".startswith(f"{site}/") for site in sites)
    ] or ([] if links else ["no link"])


def unbacked(row: dict[str, str]) -> list[str]:
    """The columns whose cell has no note of its own kind; that a tool was not found out about needs none."""
    return [
        column
        for column, kind in COLUMNS.items()
        if not (row[column] == "?" and column != OURS)
        and (not NOTE.search(row[column]) or any(name[0] != kind for name in NOTE.findall(row[column])))
    ]


def test_the_tables_have_these_columns_and_rows_enough() -> None:
    assert {tuple(row) for row in ROWS} == {("", *COLUMNS)}
    assert len(ROWS) >= 16
    assert len({row[""] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[""] for row in ROWS])
def test_each_cell_is_backed(row: dict[str, str]) -> None:
    assert unbacked(row) == []


@pytest.mark.parametrize("name", [name for name in NOTES if name.startswith("b-")])
def test_a_note_on_brownout_names_tests_that_exist(name: str) -> None:
    assert missing_tests(NOTES[name]) == []


@pytest.mark.parametrize("name", [name for name in NOTES if not name.startswith("b-")])
def test_a_note_on_another_tool_links_to_what_is_that_tools_own(name: str) -> None:
    assert foreign_links(NOTES[name], SITES[name[0]]) == []


def test_every_note_is_used_and_every_reference_has_its_note() -> None:
    assert set(NOTE.findall(BODY)) == set(NOTES)
    assert BODY.count("[^") == len(NOTE.findall(BODY)), "a reference that is not written as the others"
    assert not any("[^" in note for note in NOTES.values())


def test_links_within_the_repository_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    for link in re.findall(r"\]\(((?!https:)[^)]*)\)", PAGE):
        path, _, anchor = link.partition("#")
        assert (ROOT / "docs" / path).exists(), link
        assert path or anchor in anchors, link


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (("yes", "?", "?", "?", "?"), [OURS]),
        (("?", "?", "?", "?", "?"), [OURS]),
        (("yes[^t-tcp]", "?", "?", "?", "?"), [OURS]),
        (("yes[^b-rst]", "no", "?", "yes[^e-docs]", "?"), ["Toxiproxy", "WireMock"]),
        (("yes[^b-rst]", "no[^t-tcp]", "no[^e-docs]", "no[^w-faults]", "?"), []),
    ],
)
def test_a_cell_without_backing_is_found(cells: tuple[str, ...], found: list[str]) -> None:
    assert unbacked(dict(zip(COLUMNS, cells, strict=True))) == found


def test_a_test_or_link_that_is_none_is_found() -> None:
    here = "tests/test_comparison.py"
    assert missing_tests(f"`{here}::test_it_works_without_root`") == []
    assert missing_tests(f"`{here}::rows`, `{here}::test_gone`") == [f"{here}::rows", f"{here}::test_gone"]
    assert missing_tests("`tests/gone.py::test_it`") == ["tests/gone.py::test_it"]
    assert missing_tests("trust us") == ["no test named"]
    assert foreign_links("[a](https://wiremock.org/docs), [b](https://github.com/wiremock/x)", SITES["w"]) == []
    assert foreign_links("[a](https://wiremock.org.example/docs)", SITES["w"]) == ["https://wiremock.org.example/docs"]
    assert foreign_links("[a](http://wiremock.org/docs)", SITES["w"]) == ["http://wiremock.org/docs"]
    assert foreign_links("trust us", SITES["w"]) == ["no link"]


def test_faults_of_requests_are_those_of_http() -> None:
    """When this fails, Brownout can do more than the page says."""
    assert {name.partition(".")[0] for name in CATALOGUE if "." in name} == {"http"}


WITHOUT_ROOT = """
import asyncio, os
from brownout.faults import Spec
from brownout.proxy import Fleet

async def main():
    kept = []  # what is forgotten is closed, from Python 3.13 on
    server = await asyncio.start_server(lambda *both: kept.append(both), "127.0.0.1", 0)
    async with Fleet(seed=7) as fleet:
        proxy = await fleet.add("p", "127.0.0.1:%d" % server.sockets[0].getsockname()[1])
        where = proxy.address.host, proxy.address.port
        reader, writer = await asyncio.open_connection(*where)
        while not proxy.links:
            await asyncio.sleep(0.001)
        seen = []
        for fault, what_fails in ("reset", reader.read), ("refuse", lambda: asyncio.open_connection(*where)):
            proxy.inject(Spec.parse(fault))
            try:
                await what_fails()
            except OSError as error:
                seen.append(type(error).__name__)
            proxy.heal()
        writer.close()
    for _, server_writer in kept:
        server_writer.close()
    server.close()
    return seen

if os.geteuid() == 0:
    asyncio.run(main())  # so that all is imported: nobody may not read where root's Python lies
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(os.geteuid() != 0, *asyncio.run(main()))
"""


def test_it_works_without_root() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_ROOT], capture_output=True, text=True, timeout=60, cwd="/")
    assert (done.stdout, done.stderr) == ("True ConnectionResetError ConnectionRefusedError\n", "")


def test_the_readmes_rows_are_rows_of_the_page() -> None:
    columns = ["", *COLUMNS][:5]
    found = rows((ROOT / "README.md").read_text())
    assert found
    assert {tuple(row) for row in found} == {tuple(columns)}
    assert {tuple(row.values()) for row in found} <= {
        tuple(NOTE.sub("", row[each]) for each in columns) for row in ROWS
    }
