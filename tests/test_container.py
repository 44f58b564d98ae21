"""The Dockerfile and the compose example, as far as they can be looked at where there is no Docker."""

import json
import re
from pathlib import Path

import click
import pytest
import yaml

from brownout.cli.main import cli

ROOT = Path(__file__).parents[1]
INSTRUCTIONS = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"}
COMPOSE = yaml.safe_load((ROOT / "examples/compose.yaml").read_text())


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(re.split(r"\s+", line.strip(), maxsplit=1)) for line in text.splitlines() if line.strip()]


def check(words: list[str]) -> None:
    """Parse the words of a `brownout` command, without running it."""
    command = cli.load(words[0])
    command.make_context(words[0], words[1:], resilient_parsing=True)
    options = {option for param in command.params for option in param.opts}
    assert {word for word in words[1:] if word.startswith("-")} <= options


def test_the_dockerfile_has_known_instructions_and_begins_with_an_image() -> None:
    names = [name for name, _ in instructions()]
    assert set(names) <= INSTRUCTIONS
    assert names[0] == "FROM"


def test_what_runs_is_brownout_in_exec_form_and_not_as_root() -> None:
    last = dict(instructions())  # of each instruction the last one
    assert json.loads(last["ENTRYPOINT"]) == ["brownout"]
    check(json.loads(last["CMD"]))
    names = [name for name, _ in instructions()]
    assert last["USER"] == "brownout"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert not {name for name, text in instructions()[names.index("USER") :] if name == "RUN"}


def stage(name: str) -> dict[str, str]:
    """The last of each instruction in a stage."""
    start = next(n for n, (_, text) in enumerate(instructions()) if text.endswith(f"AS {name}"))
    rest = instructions()[start + 1 :]
    end = next((n for n, (word, _) in enumerate(rest) if word == "FROM"), len(rest))
    return dict(rest[:end])


def test_the_stage_for_users_of_toxiproxy_runs_it_as_theirs_does() -> None:
    found = stage("toxiproxy")
    assert json.loads(found["ENTRYPOINT"]) == ["/toxiproxy"]
    assert json.loads(found["CMD"]) == ["-host=0.0.0.0"]
    assert found["ENV"] == "LOG_LEVEL=info"
    cli.load("toxiproxy").make_context("toxiproxy", json.loads(found["CMD"]), resilient_parsing=True)
    installed = stage("installed")["RUN"]
    for script, words in (
        ("/toxiproxy", "brownout toxiproxy"),
        ("/toxiproxy-cli", "python -m brownout.cli.toxiproxy_cli"),
    ):
        assert f"""printf '#!/bin/sh\\nexec {words} "$@"\\n' > {script} """ in installed


def test_nothing_that_the_build_needs_is_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"}
    assert {"pyproject.toml", "README.md", "LICENSE", *packages} & set(ignored) == set()


def test_the_images_are_pinned_to_a_version() -> None:
    sources = [text.split() for name, text in instructions() if name == "FROM"]
    images = [words[0] for words in sources if words[0] not in {words[-1] for words in sources}]
    images += [service["image"] for service in COMPOSE["services"].values() if "image" in service]
    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]*", image) for image in images)


def test_compose_runs_what_brownout_takes_and_publishes_on_loopback_alone() -> None:
    service = COMPOSE["services"]["brownout"]
    check(service["command"])
    check(service["healthcheck"]["test"][2:])
    assert (ROOT / "examples" / service["build"] / "Dockerfile").resolve() == ROOT / "Dockerfile"
    ports = [port for each in COMPOSE["services"].values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_depends_on_what_it_has() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", [])) <= set(COMPOSE["services"])
        assert set(service) <= {"image", "build", "command", "ports", "healthcheck", "depends_on"}


def test_a_word_that_brownout_does_not_take_is_found() -> None:
    with pytest.raises((AssertionError, click.UsageError, KeyError)):
        check(["run", "--proxies", "redis=redis://redis:6379"])
