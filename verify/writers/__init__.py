"""What a document is written as.

    page            all of it for a browser         verify.html
    text            the matrix and the findings     verify.txt, and the terminal
    svg             the matrix as a picture         verify.svg
    junit           JUnit XML                       verify.xml
    markdown        a summary for people            verify.md, and the summary of a step in GitHub Actions
    metrics         coverage, for Prometheus        verify.prom
    annotations     findings beside the code, in GitHub Actions
    matrix, words   what they share
    page_data, advice   what is behind the cells of the page

The document itself is verify.json.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..document import Document, encode
from .junit import junit
from .markdown import markdown
from .metrics import metrics
from .page import page
from .svg import svg
from .text import summary

if TYPE_CHECKING:
    from ..history import Trend

_WIDTH = 120
_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def write(document: Document, folder: Path, trend: Trend | None = None) -> None:
    """Write all files into a folder; the page shows the runs of `trend` as well. Raises OSError."""
    save(document, folder)
    (folder / "verify.xml").write_bytes(junit(document))
    (folder / "verify.prom").write_bytes(metrics(document))
    draw(document, folder, trend)


def save(document: Document, folder: Path) -> None:
    """Write the data, all of it or nothing: somebody may read it meanwhile. Raises OSError."""
    new = folder / "verify.json.new"
    new.write_bytes(encode(document))
    new.replace(folder / "verify.json")


def draw(document: Document, folder: Path, trend: Trend | None = None) -> None:
    """Write the files for people. Raises OSError."""
    (folder / "verify.md").write_text(markdown(document), encoding="utf-8")
    (folder / "verify.svg").write_bytes(svg(document))
    (folder / "verify.txt").write_text("\n".join(summary(document, _WIDTH)) + "\n", encoding="utf-8")
    (folder / "verify.html").write_text(page(document, trend), encoding="utf-8")


def append_summary(document: Document) -> None:
    """Append the Markdown to the summary of the step, where this is a job of GitHub's that can show one."""
    path = os.environ.get(_STEP_SUMMARY)
    if path:
        with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(document))
