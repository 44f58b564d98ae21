"""One HTML page with all of it, for a browser: no other file, no network, no framework.

`../page` has what it is made of. The table is written here, so that it can be read where scripts do not run; what is
behind its cells is data, which the script shows. All texts come through `html.escape`, or as text of the data.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import TYPE_CHECKING

from ..document import Document, State
from .page_data import KEPT, columns_of, data
from .words import STATES, headline, many, noun, row_name, totals

if TYPE_CHECKING:
    from ..history import Trend

_ASKS = "; connect-src 'self'"
LARGEST = 1_900_000
"""Bytes that a page may have before it keeps less of each cell."""


def page(document: Document, trend: Trend | None = None, *, live: str | None = None) -> str:
    """Return the page. `live`: it is served, and loads itself anew when its server is at another state."""
    for kept in KEPT:
        found = json.dumps(data(document, trend, kept), ensure_ascii=False, separators=(",", ":"))
        found = found.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        text = _page(document, found, live=live)
        if len(text.encode()) <= LARGEST:
            break
    return text


def _page(document: Document, data: str, *, live: str | None) -> str:
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
        f"{_ASKS if live is not None else ''}"
    )
    given = {
        "policy": html.escape(policy),
        "title": html.escape(f"brownout verify: {headline(document)}"),
        "style": style,
        "script": script,
        "data": data,
        "live": f' data-live="{html.escape(live)}"' if live is not None else "",
        "headline": html.escape(_sentence(headline(document))),
        "totals": "\n".join(f"<p>{html.escape(each)}</p>" for each in [*_under_way(document), *totals(document)]),
        "command": html.escape(shlex.join(document.command)),
        "table": "\n".join(_table(document)) if document.cells else "<p>No cell was tried.</p>",
        "noun": noun(document),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: given[found[1]], _part("page.html"))


def _under_way(document: Document) -> Iterator[str]:
    if document.under_way:
        left = sum(cell.state == "not run" for cell in document.cells)
        yield f"Under way: {len(document.cells) - left} of {many(len(document.cells), 'cell')} are done."


def _part(name: str) -> str:
    return resources.files("brownout.verify").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return how a Content-Security-Policy names a text (W3C CSP Level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


# The table


def _table(document: Document) -> Iterator[str]:
    """Yield the table: a row for each journey, a column for each failure."""
    columns = columns_of(document)
    at = {(cell.journey, cell.row): number for number, cell in enumerate(document.cells)}
    groups = Counter(row_name(*each[:2]) for each in columns)
    yield '<table id="matrix" role="grid" aria-labelledby="matrix-title" aria-describedby="matrix-keys">'
    yield f'<thead><tr><th rowspan="2" scope="col" class="corner">{html.escape(_sentence(noun(document)))}</th>'
    for number, (name, count) in enumerate(groups.items()):
        said = html.escape(name)
        yield f'<th colspan="{count}" scope="colgroup" data-group="{number}" title="{said}"><span>{said}</span></th>'
    yield "</tr><tr>"
    for number, column in enumerate(columns):
        yield f'<th scope="col" data-column="{number}"><span>{html.escape(column[2])}</span></th>'
    yield "</tr></thead>"
    files: dict[str, list[str]] = {}
    for journey in dict.fromkeys(cell.journey for cell in document.cells):
        files.setdefault(journey.partition("::")[0] if "::" in journey else "", []).append(journey)
    states = [cell.state for cell in document.cells]
    for file, journeys in files.items():
        yield "<tbody>"
        if file:
            width, name = len(columns) + 1, html.escape(file)
            yield f'<tr class="file"><th colspan="{width}" scope="rowgroup"><span>{name}</span></th></tr>'
        for journey in journeys:
            name = html.escape(journey.partition("::")[2] or journey)
            fields = [_field(at.get((journey, column)), states) for column in columns]
            yield f'<tr><th scope="row"><span>{name}</span></th>{"".join(fields)}</tr>'
        yield "</tbody>"
    yield "</table>"


def _field(number: int | None, states: Sequence[State]) -> str:
    if number is None:
        return "<td></td>"
    state = states[number]
    return (
        f'<td class="s{list(STATES).index(state)}" data-cell="{number}" tabindex="-1">'
        f'<b aria-hidden="true">{html.escape(STATES[state].sign)}</b><i>{state}</i></td>'
    )
