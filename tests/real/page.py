"""What a page of the documents says that a test saw: compared, or written where that is asked for."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

_END = "<!-- until here -->\n"


def write_or_compare(page: Path, test: str, lines: Iterable[str]) -> None:
    """Compare the part of a page that a test makes with what was seen; BROWNOUT_WRITE_DOCS writes it."""
    begin, made = f"<!-- made by {test} -->\n", "".join(f"{line}\n" for line in lines)
    head, _, rest = page.read_text().partition(begin)
    shown, _, tail = rest.partition(_END)
    if os.environ.get("BROWNOUT_WRITE_DOCS"):
        page.write_text(head + begin + "\n" + made + "\n" + _END + tail)
        return
    differences = "\n".join(difflib.unified_diff(shown.strip().splitlines(), made.splitlines(), "the page", "seen"))
    if differences:
        pytest.fail(f"{differences}\n\nBROWNOUT_WRITE_DOCS=1 writes what was seen", pytrace=False)
