"""Requests as lines: what is shown, in which columns, and what gives way where there is no room."""

from datetime import datetime

import click
import pytest

from brownout.cli.request_lines import Lines
from brownout.control.views import RequestView

WIDE = 10_000


def view(**values: object) -> RequestView:
    example: dict[str, object] = {
        "seq": 1, "at": "2026-11-24T03:23:51.187Z", "proxy": "payments", "connection": 3, "operation": "POST /charge",
        "request": "POST /charge?token=*", "status": "503", "outcome": "5xx", "end": "", "first_seconds": None,
        "seconds": 0.000123, "request_bytes": 345, "reply_bytes": 6789, "fingerprint": "", "faults": ["http.status"],
    }  # fmt: skip
    return {**example, **values}


CLOCK = datetime.fromisoformat("2026-11-24T03:23:51+00:00").astimezone().strftime("%H:%M:%S.187")


def test_a_line_has_all_that_a_person_wants_to_know() -> None:
    line = click.unstyle(Lines(with_proxy=True).line(view(), WIDE))
    assert line == f"{CLOCK}  payments  503  0.12 ms    345 B  6.79 KB  POST /charge?token=*  <- http.status"
    line = click.unstyle(Lines(with_proxy=False).line(view(faults=[], reply_bytes=0), WIDE))
    assert line == f"{CLOCK}  503  0.12 ms    345 B      0 B  POST /charge?token=*"


@pytest.mark.parametrize(
    ("status", "end", "shown"), [("200", "", "200"), ("200", "cut", "200 cut"), ("", "reset", "reset")]
)
def test_an_end_that_is_no_whole_reply_is_shown(status: str, end: str, shown: str) -> None:
    line = Lines(with_proxy=False).line(view(status=status, end=end), WIDE)
    assert line.startswith(f"{CLOCK}  {shown}  0.12 ms  ")


def test_every_fault_is_named_and_stands_out() -> None:
    line = Lines(with_proxy=False).line(view(faults=["latency", "http.status"]), WIDE)
    assert line.endswith("\x1b[33m\x1b[1m  <- latency, http.status\x1b[0m")


def test_columns_grow_where_they_must_and_stay_so() -> None:
    lines = Lines(with_proxy=True)
    short, long = view(proxy="db", faults=[]), view(end="reset", status="", faults=[])
    assert [lines.line(each, WIDE).removeprefix(f"{CLOCK}  ") for each in (short, long, short)] == [
        "db  503  0.12 ms    345 B  6.79 KB  POST /charge?token=*",
        "payments  reset  0.12 ms    345 B  6.79 KB  POST /charge?token=*",
        "db        503    0.12 ms    345 B  6.79 KB  POST /charge?token=*",
    ]
    lines = Lines(with_proxy=True)
    lines.fit(long)
    assert "db        503    0.12 ms" in lines.line(short, WIDE)


def test_a_narrow_terminal_has_no_sizes_and_long_requests_are_cut_before_faults() -> None:
    lines, long = Lines(with_proxy=False), view(request="GET /" + "x" * 200)
    wide = f"{CLOCK}  503  0.12 ms    345 B  6.79 KB  GET /" + "x" * 52 + "…  <- http.status"
    assert (click.unstyle(lines.line(long, 120)), len(wide)) == (wide, 120)
    narrow = f"{CLOCK}  503  0.12 ms  GET /" + "x" * 30 + "…  <- http.status"
    assert (click.unstyle(lines.line(long, 80)), len(narrow)) == (narrow, 80)
    many = view(faults=["http.status"] * 9)
    squeezed = click.unstyle(lines.line(many, 80))
    assert (len(squeezed), squeezed[:51]) == (80, f"{CLOCK}  503  0.12 ms  POST /c…  <- http.statu")
    assert squeezed.endswith("…")


def test_a_request_cannot_drive_the_terminal() -> None:
    line = Lines(with_proxy=False).line(view(request="GET /\x1b[2J\nx é", faults=[]), WIDE)
    assert line.endswith("GET /�[2J�x é")
