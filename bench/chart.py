"""The CPU time of a request in each candidate, as bars in SVG."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .measures import CPU
from .results import Result, number

COLOURS = {"brownout": "#d9480f", "haproxy": "#4c6ef5", "nginx": "#37b24d", "envoy": "#ae3ec9", "toxiproxy": "#868e96"}
_BAR, _GAP, _LEFT, _WIDTH = 12, 14, 190, 760


def chart(results: Iterable[Result]) -> str:
    """Return the chart of those measures whose figure is CPU time per request."""
    groups = [(each.name, bars) for each in results if each.figure == CPU and (bars := _bars(each))]
    longest = max((value for _, bars in groups for _, value in bars), default=1.0)
    scale = (_WIDTH - _LEFT - 110) / longest
    shapes, y = [_text(0, 14, "CPU time of the proxy per request, µs (less is better)", "start", bold=True)], 28
    for name, bars in groups:
        shapes.append(_text(_LEFT - 8, y + _BAR * len(bars) / 2 + 4, name, "end"))
        for candidate, value in bars:
            width = max(1.0, value * scale)
            shapes.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" fill="{COLOURS[candidate]}"/>'
            )
            shapes.append(_text(_LEFT + width + 5, y + 9, f"{number(value)} {candidate}", "start", size=10))
            y += _BAR
        y += _GAP
    style = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" fill="#777"'
    return (
        f'<svg {style} viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}">\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def _bars(result: Result) -> list[tuple[str, float]]:
    found = ((candidate, result.median(candidate, result.figure)) for candidate in COLOURS)
    return [(candidate, value) for candidate, value in found if value is not None]


def _text(x: float, y: float, text: str, anchor: str, size: int = 12, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
