"""What the documents say is true: tables against the catalogue, examples by running them."""

import contextlib
import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from brownout.cli.main import cli
from brownout.faults import CATALOGUE, Trigger
from brownout.faults.fault import opening_line
from brownout.faults.settings import fields
from brownout.testing import servers

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])}
ENV = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")} | {
    "LC_ALL": "C",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}
DEADLINE = 30.0
PASSING = {"address", "armed_at", "at", "healed_at", "pid", "seed", "seq", "version"}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def rows(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, its cells without markup."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def default(setting: object) -> str:
    return "required" if setting.required else (setting.default or "none").lower()  # type: ignore[attr-defined]


@contextlib.contextmanager
def running(*args: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """A `brownout run`: the lines with which it begins, and the environment in which commands find it."""
    env = ENV | {"BROWNOUT_API": "127.0.0.1:0"}
    with subprocess.Popen(["brownout", "run", *args], env=env, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(DEADLINE, process.kill)
        late.start()
        try:
            assert process.stdout
            lines = [process.stdout.readline().rstrip() for _ in range(args.count("-p") + 2)]
            yield lines, env | {"BROWNOUT_API": lines[-2].removeprefix("api ")}
        finally:
            late.cancel()
            process.terminate()


def steady(text: str) -> list[str]:
    """The lines of an output without what differs from run to run."""
    for changing, name in (
        (r"127\.0\.0\.1:\d+", "HOST:PORT"), (r"PORT=\d+", "PORT=PORT"), (r"seed \d+", "seed N"),
        (r"\d+m\d+\.\d+s", "TIME"), (r" \d+/(\d+) ", r" OPEN/\1 "), (r"Brownout \S+ at", "Brownout VERSION at"),
    ):  # fmt: skip
        text = re.sub(changing, name, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_the_readme_is_short_and_begins_with_something_to_copy() -> None:
    assert len(README.splitlines()) <= 150
    assert "```console" in README.splitlines()[:30]


def test_the_readmes_table_and_the_page_of_faults_hold_the_catalogue() -> None:
    shown = [(name, settings.lower(), what) for name, settings, what in rows(README, "Faults")]
    assert shown == [
        (f"`{name}`", ", ".join(f"`{s.name}`" if s.required else f"`{s.name}={default(s)}`" for s in fields(fault)), opening_line(fault))
        for name, fault in CATALOGUE.items()
    ]  # fmt: skip
    assert re.findall(r"^## (.*)$", DOCS["faults.md"], re.MULTILINE) == [*CATALOGUE, "Triggers"]


@pytest.mark.parametrize("name", [*CATALOGUE, "Triggers"])
def test_the_page_of_faults_has_every_setting(name: str) -> None:
    struct = CATALOGUE.get(name, Trigger)
    expected = [[f"`{s.name}`", s.type, default(s), s.meaning] for s in fields(struct)]
    assert [[key, kind, value.lower(), what] for key, kind, value, what in rows(DOCS["faults.md"], name)] == expected
    if name in CATALOGUE:
        assert f"\n## {name}\n\n{opening_line(CATALOGUE[name])}\n" in DOCS["faults.md"]


@pytest.mark.parametrize("document", DOCS)
def test_commands_that_are_mentioned_exist_with_their_options(document: str) -> None:
    for mention in re.findall(r"^(?:\$ )?(brownout [a-z].*)$|`(brownout [a-z][^`]*)`", DOCS[document], re.MULTILINE):
        command: click.Command = cli
        for word in shlex.split("".join(mention), comments=True)[1:]:
            if isinstance(command, click.Group):
                command = command.commands[word]
            elif word == "--":
                break
            elif word.startswith("-"):
                assert word in {"--help", *(option for param in command.params for option in param.opts)}, mention


@pytest.mark.parametrize("document", [name for name in DOCS if "\nbrownout " in "".join(blocks(DOCS[name], "sh"))])
def test_commands_to_copy_work(document: str) -> None:
    lines = [line for line in "".join(blocks(DOCS[document], "sh")).splitlines() if line.startswith("brownout ")]
    with running("-p", "redis=redis://127.0.0.1:6379") as (_, env):
        for line in lines:
            result = CliRunner().invoke(cli, shlex.split(line, comments=True)[1:], env=env)
            assert (result.exit_code, result.stderr) == (0, ""), line


def test_the_sessions_of_the_readme_go_as_they_are_shown() -> None:
    first, second, third = blocks(README, "console")
    start, *shown = first.splitlines()
    shown_port = shown[0].split()[2].rpartition(":")[2]
    with servers.redis() as redis:
        with running(*shlex.split(start.replace("6379", str(redis.port)))[3:]) as (lines, env):
            assert steady("\n".join(lines)) == steady("\n".join(shown))
            env["PATH"] += os.pathsep + str(redis.program.parent)  # where redis-cli is as well
            port, said = lines[0].split()[2].rpartition(":")[2], ""
            for line in re.findall(r"^\$ .*\n", second, re.MULTILINE):
                said += line + said_by(line[2:].replace(shown_port, port), env)
        assert steady(said) == steady(second)
        slow = [[float(time) >= 0.3 for time in re.findall(r"real\s+0m(.*)s", text)] for text in (said, second)]
        assert slow == [[True, False], [True, False]]
        line, _, output = third.partition("\n")
        assert steady(said_by(line[2:].replace("6379", str(redis.port)), ENV)) == steady(output)


def said_by(command: str, env: dict[str, str]) -> str:
    argv, both = ["bash", "-c", command], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(argv, env=env, timeout=DEADLINE, text=True, **both)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_api_answers_as_its_page_shows() -> None:
    with running() as (_, env), contextlib.closing(http.client.HTTPConnection(env["BROWNOUT_API"])) as connection:
        for example in blocks(DOCS["api.md"], "http"):
            asked, _, answered = example.partition("\n\n")
            method, path, *body = asked.split(maxsplit=2)
            connection.request(method, path, *body)
            response = connection.getresponse()
            shown = answered.split(maxsplit=1)
            assert (response.status, still(json.load(response))) == (int(shown[0]), still(json.loads(shown[1]))), asked


def still(value: object) -> object:
    """A value of JSON without what differs from run to run."""
    if isinstance(value, list):
        return [still(each) for each in value]
    if isinstance(value, dict):
        return {key: type(each) if key in PASSING else still(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("code", [code for text in DOCS.values() for code in blocks(text, "python")])
def test_python_in_the_documents_runs(code: str) -> None:
    exec(compile(code, "a document", "exec"), {"__name__": "document"})
