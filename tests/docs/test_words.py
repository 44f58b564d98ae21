"""What users read is free of phrases that no native writer would write: pages, help, faults, profiles and messages."""

import ast
import re
from collections.abc import Iterator

import pytest

from brownout.faults import CATALOGUE, Trigger
from brownout.faults.config.file import shipped
from brownout.faults.settings import fields

from .conftest import DOCS, ROOT
from .test_cli import COMMANDS

INSTEAD = {
    r"\bso many\b": "how many, or a number",
    r"\bso much (?:for|of)\b": "an amount",
    r"\banew\b": "again",
    r"\bthereof\b": "of it",
    r"\bfor who\b": "if you, or for those who",
    r"\bfor ever\b": "forever",
    r"\bas ever\b": "as before, or as usual",
    r"\btakes? (?:note|their leave)\b": "a plain verb",
    r"\b(?:can|could|to) be had\b": "is available",
    r"\bstands? before\b": "is in front of",
    r"\bof no such\b|\bwhat is no\b": "not a",
    r"\bas (?:the moment|\w+) (?:has|have) it\b": "depending on, or as in",
    r"\bis warned of\b": "Brownout warns",
    r"; and there is none\b|, and there is none\b": "is missing",
    r", for (?:nobody|it|they|there|then|that is|who|nothing|no|what)\b": "because",
}
"""Phrases that readers stumbled over, each with what to write."""

ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")}


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def messages(code: str) -> Iterator[str]:
    """The texts of a module that are no docstrings: what it writes, and a few that nobody reads."""
    tree = ast.parse(code)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def texts() -> Iterator[tuple[str, str]]:
    for name, text in DOCS.items():
        yield name, prose(text)
    for path, command in COMMANDS.items():
        yield (
            f"{path} --help",
            "\n".join([command.help or "", *(getattr(each, "help", None) or "" for each in command.params)]),
        )
    for struct in (*CATALOGUE.values(), Trigger):
        yield (
            f"brownout faults: {struct.__name__}",
            "\n".join([struct.__doc__ or "", *(each.meaning for each in fields(struct))]),
        )
    for profile in shipped().values():
        yield f"profile {profile.name}", profile.description
    for path in sorted(ROOT.glob("*/**/*.py")):
        if path.relative_to(ROOT).parts[0] in ROOMS:
            yield str(path.relative_to(ROOT)), "\n".join(messages(path.read_text()))


@pytest.fixture(scope="module")
def read() -> list[tuple[str, str]]:
    """All that users read, each text in one line, with where it stands."""
    return [(where, " ".join(text.split())) for where, text in texts()]


@pytest.mark.parametrize("phrase", INSTEAD)
def test_nobody_reads(phrase: str, read: list[tuple[str, str]]) -> None:
    found = [
        f"{where}: ...{text[max(0, hit.start() - 40) : hit.end() + 20]!r}"
        for where, text in read
        for hit in re.finditer(phrase, text, re.IGNORECASE)
    ]
    assert not found, f"write instead: {INSTEAD[phrase]}"


@pytest.mark.parametrize("page", DOCS)
def test_timeout_and_login_are_one_word(page: str) -> None:
    assert re.findall(r"time-out|log-in", prose(DOCS[page]), re.IGNORECASE) == []
