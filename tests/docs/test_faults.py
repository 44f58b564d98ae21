"""The tables of the faults are generated from the faults: `make docs` writes them, these tests compare."""

import re

import pytest

from brownout.faults import CATALOGUE, Trigger
from brownout.faults.exchange import ExchangeFault
from brownout.faults.fault import opening_line
from brownout.faults.settings import Settings, fields
from brownout.proxy.shaping.budget import LIMITS

from .conftest import DOCS, README, write_or_compare


def default(setting: object) -> str:
    return "required" if setting.required else (setting.default or "none")


def short_table() -> str:
    """A row for each fault, for the README."""
    lines = ["| fault | settings | what it does |", "| --- | --- | --- |"]
    for name, fault in CATALOGUE.items():
        settings = ", ".join(f"`{s.name}`" if s.required else f"`{s.name}={default(s)}`" for s in fields(fault))
        lines.append(f"| `{name}` | {settings} | {opening_line(fault)} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def table(struct: type[Settings]) -> str:
    """A row for each setting."""
    lines = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in fields(struct):
        kind = setting.type.replace("|", "\\|")
        lines.append(f"| `{setting.name}` | {kind} | {default(setting)} | {setting.meaning} |")
    return "\n".join(lines) + "\n"


def test_the_readme_has_the_table_of_the_faults() -> None:
    old = re.search(r"(?<=\n## Faults\n\n)(\|.*\n)+", README)
    assert old
    write_or_compare("README.md", README.replace(old[0], short_table()))


def test_the_page_of_the_faults_has_each_with_its_settings() -> None:
    page = DOCS["faults.md"]
    sections = re.split(r"\n## ([\w.]+)\n", page)
    of_requests = [name for name, fault in CATALOGUE.items() if issubclass(fault, ExchangeFault)]
    others = [name for name in CATALOGUE if name not in of_requests]
    names = [*others, "Requests", *of_requests, "Triggers", "Turns"]
    assert sections[1::2] == names, "a section for each fault, in the catalogue's order"
    text = sections[0]
    for name, section in zip(sections[1::2], sections[2::2], strict=True):
        if name in ("Requests", "Turns"):
            text += f"\n## {name}\n{section}"
            continue
        struct = CATALOGUE.get(name, Trigger)
        first = (
            f"{opening_line(CATALOGUE[name])}\n\n" if name in CATALOGUE else section.split("\n\n")[0].lstrip() + "\n\n"
        )
        prose = re.sub(r"\A\n(.+\n)+\n(\|.*\n)*\n*", "", section)
        text += f"\n## {name}\n\n{first}" + (f"{table(struct)}\n" if fields(struct) else "") + prose
    write_or_compare("faults.md", text)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_page_says_of_each_fault_what_the_client_sees(name: str) -> None:
    section = DOCS["faults.md"].split(f"\n## {name}\n")[1].split("\n## ")[0]
    assert re.search(r"[Tt]he client('s| that|$|\s)|As `reset`", section), "what does the client see?"


def test_what_may_wait_in_memory_is_said_as_it_is() -> None:
    said = " ".join(DOCS["faults.md"].split())
    assert (
        f"up to {LIMITS.pipe // 2**20} MiB for each stream of a connection, and {LIMITS.total // 2**30} GiB for all"
        in said
    )
    assert f"each stream keeps at least {LIMITS.least // 2**10} KiB" in said
