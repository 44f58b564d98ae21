"""Runs that are kept, how cells fared in them, and the page that is drawn anew or served."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from brownout.cli.main import cli
from brownout.cli.report_server import Source, served
from brownout.verify import history
from brownout.verify.document import Document
from brownout.verify.writers import save, write
from brownout.wire.errors import BrownoutError

from .documents import cell, document, small
from .running import PROGRAM


def run(day: int, *states: str, **more: Any) -> Document:
    cells = [cell("redis slow", f"t::{number}", state, judged=()) for number, state in enumerate(states)]
    return document(cells, began=f"2026-01-{day:02}T03:04:05+00:00", **more)


def test_a_cell_has_a_sign_for_each_run_in_their_order(tmp_path: Path) -> None:
    for each in (run(3, "hung", "resilient"), run(1, "resilient"), run(2, "failed", "vacuous")):
        history.keep(each, tmp_path / "runs")
    found = history.trend(tmp_path / "runs", run(4, "hung", "hung"))
    assert found.signs([("redis", "", "slow", "t::0"), ("redis", "", "slow", "t::1"), ("db", "", "cut", "t::0")]) == [
        ".FHH",
        " -.H",
        "    ",
    ]


def test_a_run_has_its_cells_and_what_it_tested(tmp_path: Path) -> None:
    history.keep(small(), tmp_path)
    [(began, seed, counts, tested, of)] = history.trend(tmp_path).counts()
    assert (began, seed) == ("2026-01-02T03:04:05+00:00", 7)
    assert counts == {"failed": 1, "resilient": 1, "hung": 1, "vacuous": 1, "doubled": 1}
    assert (tested, of) == (4, len(small().coverage))


def test_a_run_that_went_on_is_kept_once(tmp_path: Path) -> None:
    history.keep(run(1, "not run"), tmp_path)
    history.keep(run(1, "hung"), tmp_path)
    assert history.trend(tmp_path, run(1, "hung")).signs([("redis", "", "slow", "t::0")]) == ["H"]
    assert [each.name for each in tmp_path.iterdir()] == ["verify-20260101T030405-7.json"]


def test_the_last_thirty_runs_are_shown(tmp_path: Path) -> None:
    for day in range(1, 29):
        history.keep(run(day, "hung"), tmp_path)
        history.keep(run(day, "hung", seed=8), tmp_path)
    assert len(history.trend(tmp_path).runs) == 30
    assert history.trend(tmp_path).runs[-1].began.startswith("2026-01-28")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    history.keep(run(1, "hung"), tmp_path)
    history.keep(run(2, "hung", schema="brownout.verify/0"), tmp_path)
    (tmp_path / "verify-3-7.json").write_text("{")
    found = history.trend(tmp_path)
    assert len(found.runs) == 1
    assert found.unread == ("verify-20260102T030405-7.json (brownout.verify/0)", "verify-3-7.json")


# brownout report


def page(folder: Path) -> Any:
    text = (folder / "verify.html").read_text()
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_a_report_is_drawn_anew(tmp_path: Path) -> None:
    write(small(), tmp_path)
    (tmp_path / "verify.html").unlink()
    result = CliRunner().invoke(cli, ["report", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, f"{tmp_path}/verify.html\n")
    assert len(page(tmp_path)["cells"]) == 5
    assert page(tmp_path)["trend"] is None


def test_of_runs_that_are_kept_the_last_one_is_drawn_with_those_before(tmp_path: Path) -> None:
    for each in (run(1, "resilient"), run(2, "hung")):
        history.keep(each, tmp_path)
    assert CliRunner().invoke(cli, ["report", str(tmp_path)]).exit_code == 0
    assert page(tmp_path)["trend"]["signs"] == [".H"]
    assert not (tmp_path / "verify.json").exists()


def test_a_report_shows_the_history_that_is_named(tmp_path: Path) -> None:
    history.keep(run(1, "resilient"), tmp_path / "runs")
    write(run(2, "hung"), tmp_path)
    assert CliRunner().invoke(cli, ["report", "--history", str(tmp_path / "runs"), str(tmp_path)]).exit_code == 0
    assert page(tmp_path)["trend"]["signs"] == [".H"]


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["report", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{tmp_path} has no report" in result.stderr


# --serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    write(small(), tmp_path)
    with (
        served(Source(tmp_path, None), 0) as url,
        contextlib.closing(
            http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=60)
        ) as connection,
    ):
        yield connection


def got(connection: http.client.HTTPConnection, path: str, **headers: str) -> tuple[int, str]:
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def test_it_is_served_as_it_is_now(server: http.client.HTTPConnection, tmp_path: Path) -> None:
    status, text = got(server, "/")
    assert (status, "data-live" in text) == (200, True)
    before = got(server, "/state")
    assert got(server, "/state") == before
    save(msgspec.structs.replace(small(), under_way=True, notes=("another one",)), tmp_path)
    assert got(server, "/state") != before
    _, text = got(server, "/")
    assert "another one" in text
    assert "Under way: 5 of 5 cells are done." in text


def test_nothing_else_is_served(server: http.client.HTTPConnection) -> None:
    assert got(server, "/verify.json")[0] == 404
    assert got(server, "/", Host="evil.example:80") == (403, "this is http://127.0.0.1, and goes by no other name\n")


def test_a_report_that_went_away_is_said(server: http.client.HTTPConnection, tmp_path: Path) -> None:
    (tmp_path / "verify.json").write_text("{")
    status, text = got(server, "/")
    assert status == 503
    assert "verify.json is not what verify writes" in text


def test_a_port_that_is_taken_is_refused(server: http.client.HTTPConnection, tmp_path: Path) -> None:
    with pytest.raises(BrownoutError, match="Address already in use"), served(Source(tmp_path, None), server.port):
        pass


@pytest.mark.slow
def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    write(small(), tmp_path)
    with subprocess.Popen(
        [*PROGRAM, "report", "--serve", str(tmp_path)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("/ until ctrl-C\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
