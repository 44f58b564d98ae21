"""What the documents say is true: commands that exist, examples that run."""

import contextlib
import http.client
import json
import re
import shlex

import click
import pytest
from click.testing import CliRunner

from brownout.cli.main import cli

from .conftest import DOCS, blocks, running

PASSING = {"address", "armed_at", "at", "clock", "healed_at", "id", "pid", "seed", "seq", "version"}
ELSEWHERE = {
    "pools.md",
    "pytest.md",
    "writing-a-fault.md",
    "resilience-tests.md",
    "verdicts.md",
    "writing-a-protocol.md",
    "README.md",
}
"""Pages whose blocks have tests of their own."""


@pytest.mark.parametrize("document", DOCS)
def test_commands_that_are_mentioned_exist_with_their_options(document: str) -> None:
    for mention in re.findall(r"^(?:\$ )?(brownout [a-z].*)$|`(brownout [a-z][^`]*)`", DOCS[document], re.MULTILINE):
        command: click.Command = cli
        for word in shlex.split("".join(mention), comments=True)[1:]:
            if isinstance(command, click.Group):
                command, *_ = (
                    command.get_command(click.Context(command), each) for each in word.split("|")
                )  # list|show: both exist
            elif word == "--":
                break
            elif word.startswith("-"):
                assert word in {"--help", *(option for param in command.params for option in param.opts)}, mention


@pytest.mark.parametrize(
    "document", [name for name in DOCS if name not in ELSEWHERE and "\nbrownout " in "".join(blocks(DOCS[name], "sh"))]
)
def test_commands_to_copy_work(document: str) -> None:
    lines = [line for line in "".join(blocks(DOCS[document], "sh")).splitlines() if line.startswith("brownout ")]
    with running("-p", "redis=redis://127.0.0.1:6379", "-p", "api=http://127.0.0.1:8000") as (_, env):
        for line in lines:
            result = CliRunner().invoke(cli, shlex.split(line, comments=True)[1:], env=env)
            said = re.sub(r"^note:  .* act together; .*\n.*\n", "", result.stderr)  # examples of one fault on one proxy
            assert (result.exit_code, said) == (0, ""), line


@pytest.mark.parametrize(("document", "passing"), [("api.md", PASSING), ("toxiproxy.md", {"listen"})])
def test_the_api_answers_as_its_page_shows(document: str, passing: set[str]) -> None:
    with running() as (_, env), contextlib.closing(http.client.HTTPConnection(env["BROWNOUT_API"])) as connection:
        for example in blocks(DOCS[document], "http"):
            asked, _, answered = example.partition("\n\n")
            method, path, *body = asked.split(maxsplit=2)
            connection.request(method, path, *body)
            response = connection.getresponse()
            status, _, shown = answered.partition("\n")
            said = [still(json.loads(text or "null"), passing) for text in (response.read(), shown)]
            assert (response.status, said[0]) == (int(status), said[1]), asked


def still(value: object, passing: set[str]) -> object:
    """A value of JSON without what differs from run to run."""
    if isinstance(value, list):
        return [still(each, passing) for each in value]
    if isinstance(value, dict):
        return {key: type(each) if key in passing else still(each, passing) for key, each in value.items()}
    return value


def test_python_is_in_pages_that_have_tests_of_their_own() -> None:
    assert {name for name, text in DOCS.items() if blocks(text, "python")} <= {"http.md", "recipes.md", *ELSEWHERE}
