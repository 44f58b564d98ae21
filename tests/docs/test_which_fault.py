"""docs/which-fault.md: what its tables name can be injected as it stands there."""

import re
import shlex
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from brownout.cli.main import cli
from brownout.faults import CATALOGUE

from .conftest import DOCS, running

PAGE = DOCS["which-fault.md"]


def cells() -> Iterator[str]:
    """The code of the second column of each table, or of the first, that begins with the name of a fault."""
    for row in re.findall(r"^\| (.*) \|$", PAGE, re.MULTILINE):
        for code in re.findall(r"`([^`]*)`", " ".join(row.split(" | ")[:2])):
            if code.split()[0] in CATALOGUE:
                yield code


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with running("-p", "api=http://127.0.0.1:8000") as (_, env):
        yield env


@pytest.mark.parametrize("fault", sorted({*cells()}))
def test_what_it_names_can_be_injected(fault: str, env: dict[str, str]) -> None:
    done = CliRunner().invoke(cli, ["inject", "api", *shlex.split(fault)], env=env)
    CliRunner().invoke(cli, ["heal"], env=env)
    assert (done.exit_code, done.stderr) == (0, "")


def test_it_names_most_faults() -> None:
    assert {*CATALOGUE} - {code.split()[0] for code in cells()} == {"limit_data", "noop", "slow_close"}
