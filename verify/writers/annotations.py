"""Annotations of GitHub Actions: a finding at the line of the code where it happened.

The form is that of docs.github.com, "Workflow commands": `::error file=F,line=N,title=T::TEXT`. In TEXT `%`, CR and LF
are escaped, in values `:` and `,` as well. GitHub shows ten of each kind in a step and leaves out the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..document import Cause, Document
from ..findings import warnings
from .words import failures_of, known_of, named

_SHOWN = 10


def annotate(document: Document, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield them as lines for stdout; none where this is no job of GitHub's."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    known = known_of(document)
    causes = [each for each in document.causes if each.place is not None and not known.issuperset(each.cells)]
    for cause in causes[:_SHOWN]:
        yield _error(cause, workspace)
    for each in warnings(document.cells)[:_SHOWN]:
        yield _command("warning", f"{each.text}\n{each.evidence}", title=f"{each.rule}: {each.dependency}")


def _error(cause: Cause, workspace: Path) -> str:
    assert cause.place is not None
    tests = named(journey for *_, journey in cause.cells)
    text = f"{cause.text} (in {cause.place.function})\n{tests}\n{cause.evidence}\nrepeat: {cause.repeat}"
    title = f"{cause.state}: {failures_of(cause)}"
    return _command("error", text, file=_in(workspace, cause.place.file), line=str(cause.place.line), title=title)


def _in(workspace: Path, file: str) -> str:
    """Return a file from the root of the repository: the tests may run in a folder of it."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / file).is_file() and folder.is_relative_to(workspace.resolve()):
            return str((folder / file).relative_to(workspace.resolve()))
    return file


def _command(name: str, text: str, **values: str) -> str:
    escaped = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in values.items())
    return f"::{name} {escaped}::{_escaped(text)}"


def _escaped(text: str, also: str = "") -> str:
    for sign in f"%\r\n{also}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
