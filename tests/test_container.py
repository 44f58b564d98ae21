"""The Dockerfiles, compose files and the manifest for Kubernetes, as far as they can be looked at where there is no Docker."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml

from brownout.cli.main import cli
from brownout.faults.config.file import read

ROOT = Path(__file__).parents[1]
INSTRUCTIONS = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "ENV", "EXPOSE", "ENTRYPOINT", "CMD", "HEALTHCHECK"}
COMPOSE = {
    name: yaml.safe_load((ROOT / name).read_text()) for name in ("examples/compose.yaml", "examples/shop/compose.yaml")
}
MANIFEST = {each["kind"]: each for each in yaml.safe_load_all((ROOT / "examples/shop/kubernetes.yaml").read_text())}
composed = pytest.mark.parametrize("file", COMPOSE)


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
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])  # Kubernetes does not know names
    check(json.loads(last["HEALTHCHECK"].partition("CMD ")[2])[1:])
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
    images += [each["image"] for file in COMPOSE.values() for each in file["services"].values() if "image" in each]
    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]*", image) for image in images)


@composed
def test_compose_runs_what_brownout_takes_and_publishes_on_loopback_alone(file: str) -> None:
    services = COMPOSE[file]["services"]
    check(services["brownout"]["command"])
    assert ((ROOT / file).parent / services["brownout"]["build"] / "Dockerfile").resolve() == ROOT / "Dockerfile"
    ports = [port for each in services.values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


@composed
def test_compose_depends_on_what_it_has(file: str) -> None:
    services = COMPOSE[file]["services"]
    for service in services.values():
        assert set(service.get("depends_on", [])) <= set(services)


def test_the_shop_of_compose_reaches_its_dependencies_by_brownout_alone() -> None:
    services = COMPOSE["examples/shop/compose.yaml"]["services"]
    proxies = [word.split("=") for word in services["brownout"]["command"] if "=" in word]
    assert {upstream.partition("://")[2].partition(":")[0] for _, _, upstream in proxies} <= set(services)
    urls = {key: value for key, value in services["shop"]["environment"].items() if key.endswith("_URL")}
    assert {f"{name.upper()}_URL": listen.rpartition(":")[2] for name, listen, _ in proxies} == {
        key: port(value, "brownout") for key, value in urls.items()
    }


def test_the_shop_of_kubernetes_reaches_its_dependencies_by_its_sidecar_alone(tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text(MANIFEST["ConfigMap"]["data"]["brownout.yaml"])
    proxies = read(str(file)).proxies
    pod = MANIFEST["Deployment"]["spec"]["template"]["spec"]
    (sidecar,), (shop,) = pod["initContainers"], pod["containers"]
    check(sidecar["args"])
    check(sidecar["startupProbe"]["exec"]["command"][1:])
    urls = {each["name"]: each["value"] for each in shop["env"] if each["name"].endswith("_URL")}
    assert {f"{name.upper()}_URL": each.listen.rpartition(":")[2] for name, each in proxies.items()} == {
        key: port(value, "127.0.0.1") for key, value in urls.items()
    }


def port(url: str, host: str) -> str:
    """The port of a URL, which must lead to a host."""
    found = re.fullmatch(rf"\w+://(?:\w+@)?{re.escape(host)}:(\d+)(?:/\w*)?", url)
    assert found, url
    return found[1]


STYLE = "{extends: default, rules: {line-length: {max: 160}, document-start: disable, comments: {min-spaces-from-content: 1}}}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hadolint", ["Dockerfile", "examples/shop/Dockerfile"]),
        ("check-jsonschema", ["--builtin-schema", "vendor.compose-spec", *COMPOSE]),
        ("kubernetes-validate", ["--strict", "examples/shop/kubernetes.yaml"]),
        ("yamllint", ["--strict", "-d", STYLE, "examples", "configs", "faults/failures.yaml"]),
    ],
)
def test_a_linter_finds_nothing(name: str, words: list[str], program: Callable[..., str]) -> None:
    path = program(name, "pip install --group test", [Path(sys.executable).parent])
    done = subprocess.run([path, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_word_that_brownout_does_not_take_is_found() -> None:
    with pytest.raises((AssertionError, click.UsageError, KeyError)):
        check(["run", "--proxies", "redis=redis://redis:6379"])
