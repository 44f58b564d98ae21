"""Getting started, done as it says."""

from collections.abc import Callable
from pathlib import Path

from .conftest import DOCS, blocks, play


def test_the_sessions_go_as_they_are_shown(tmp_path: Path, reserve: Callable[[], str]) -> None:
    play(blocks(DOCS["getting-started.md"], "console"), tmp_path, reserve)
