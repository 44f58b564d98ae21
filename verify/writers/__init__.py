"""What a document is written as.

    text            the matrix and the findings, for a terminal
    junit           JUnit XML                       verify.xml
    markdown        a summary for people            verify.md, and the summary of a step in GitHub Actions
    metrics         coverage, for Prometheus        verify.prom
    annotations     findings beside the code, in GitHub Actions
    matrix, words   what they share

The document itself is verify.json.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..document import Document, encode
from .junit import junit
from .markdown import markdown
from .metrics import metrics

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def write(document: Document, folder: Path) -> None:
    """Write all files into a folder. Raises OSError."""
    (folder / "verify.json").write_bytes(encode(document))
    (folder / "verify.xml").write_bytes(junit(document))
    (folder / "verify.md").write_text(markdown(document), encoding="utf-8")
    (folder / "verify.prom").write_bytes(metrics(document))


def append_summary(document: Document) -> None:
    """Append the Markdown to the summary of the step, where this is a job of GitHub's that can show one."""
    path = os.environ.get(_STEP_SUMMARY)
    if path:
        with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(document))
