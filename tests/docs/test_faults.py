"""The tables of the faults are generated from the faults: `make docs` writes them, these tests compare."""

import re

import pytest

from brownout.faults import CATALOGUE, Trigger
from brownout.faults.exchange import ExchangeFault
from brownout.faults.fault import Fault
from brownout.faults.settings import Settings, fields
from brownout.proxy.shaping.budget import LIMITS

from .conftest import DOCS, README, write_or_compare


def default(setting: object) -> str:
    return "required" if setting.required else (setting.default or "none")


def table(struct: type[Settings]) -> str:
    """A row for each setting."""
    lines = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in fields(struct):
        kind = setting.type.replace("|", "\\|")
        lines.append(f"| `{setting.name}` | {kind} | {default(setting)} | {setting.meaning} |")
    return "\n".join(lines) + "\n"


def test_the_readme_has_each_fault_in_one_of_its_groups() -> None:
    rows = re.findall(r"^\| \*\*\w[\w ,]*\*\* \|.*$", README, re.MULTILINE)
    assert len(rows) == 4
    links = re.findall(r"\[`([\w.]+)`\]\(docs/faults\.md#([\w-]+)\)", "\n".join(rows))
    assert sorted(name for name, _ in links) == sorted(CATALOGUE)
    assert [anchor for _, anchor in links] == [name.replace(".", "") for name, _ in links]


GENERATED = r"\A\n.+\n(?:\n(?:No settings\..*|(?:\|.*\n)*\|.*|\*\*(?:The client sees|Use it)\*\* .*)\n)*\n*"
"""What a section begins with: a sentence, the settings, what the client sees and when to use the fault."""


def generated(fault: type[Fault]) -> str:
    sentence, *rest = (" ".join(part.split()) for part in (fault.__doc__ or "").split("\n\n"))
    settings = table(fault) if fields(fault) else "No settings.\n"
    words = (re.sub(r"^(The client sees|Use it)\b", r"**\1**", part) for part in rest)
    return "\n".join([f"{sentence}\n", settings, *(f"{part}\n" for part in words)])


def test_the_page_of_the_faults_has_each_with_its_settings() -> None:
    page = DOCS["faults.md"]
    sections = re.split(r"\n## ([\w.]+)\n", page)
    of_requests = [name for name, fault in CATALOGUE.items() if issubclass(fault, ExchangeFault)]
    others = [name for name in CATALOGUE if name not in of_requests]
    names = [*others, "Requests", *of_requests, "Triggers", "Turns"]
    assert sections[1::2] == names, "a section for each fault, in the catalogue's order"
    text = sections[0]
    for name, section in zip(sections[1::2], sections[2::2], strict=True):
        text += f"\n## {name}\n"
        if name in CATALOGUE:
            prose = re.sub(GENERATED, "", section)
            text += f"\n{generated(CATALOGUE[name])}" + (f"\n{prose}" if prose else "")
        elif name == "Triggers":
            text += re.sub(r"\n\|.*\|\n(?:\|.*\n)+", f"\n{table(Trigger)}", section, count=1)
        else:
            text += section
    write_or_compare("faults.md", text)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_says_what_it_does_what_the_client_sees_and_when_to_use_it(name: str) -> None:
    first, sees, use = (CATALOGUE[name].__doc__ or "").split("\n\n")
    assert first.endswith(".")
    assert sees.strip().startswith("The client sees ")
    assert use.strip().startswith("Use it ")


def test_what_may_wait_in_memory_is_said_as_it_is() -> None:
    said = " ".join(DOCS["faults.md"].split())
    assert (
        f"up to {LIMITS.pipe // 2**20} MiB for each stream of a connection, and {LIMITS.total // 2**30} GiB for all"
        in said
    )
    assert f"each stream keeps at least {LIMITS.least // 2**10} KiB" in said
