"""Journeys of a file: HTTP requests and commands to a service that is started, or runs elsewhere."""

import sys
import textwrap
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ..serving import serving
from .running import Verified, verify

pytestmark = pytest.mark.slow

SERVICE = """
import json, os, sys, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def rates(timeout):
    with urllib.request.urlopen(os.environ["RATES"], timeout=timeout) as reply:
        return json.load(reply)["rates"]

broken = []

if "warm" in sys.argv:
    rates(0.5)
if "warm-and-patient" in sys.argv:
    rates(None)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = 200, {}
        if self.path == "/steady":
            try:
                body = {"rates": rates(0.5)}
            except Exception:
                status = 203
        elif self.path == "/frail":
            body = {"rates": rates(0.5)}
        elif self.path == "/patient":
            body = {"rates": rates(None)}
        elif self.path == "/stubborn":
            if not broken:
                try:
                    body = {"rates": rates(0.5)}
                except Exception:
                    broken.append(True)
            status = 500 if broken else 200
        elif self.path == "/deadly":
            try:
                rates(0.5)
            except Exception:
                os._exit(7)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Rates(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = b'{"rates": [1, 2]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def rates() -> Iterator[str]:
    with serving(Rates) as url:
        yield url


@pytest.fixture
def port() -> Iterator[int]:
    """A port for the service, held as long as nobody else may have it: it takes it over (SO_REUSEADDR)."""
    import socket

    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def written(folder: Path, text: str) -> Path:
    (folder / "service.py").write_text(textwrap.dedent(SERVICE))
    path = folder / "brownout.yaml"
    path.write_text(textwrap.dedent(text))
    return path


def run(folder: Path, rates: str, text: str, *words: str) -> Verified:
    file = written(folder, text)
    return verify(folder, "--cell-timeout", "3s", *words, str(file), RATES=rates)


def test_what_is_asked_of_a_service_is_judged_by_its_answers(tmp_path: Path, rates: str, port: int) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        proxies: {{rates: {rates}}}
        verify:
          command: {sys.executable} service.py {port}
          journeys:
            steady: {{url: "http://127.0.0.1:{port}/steady", contains: rates, degraded: [203]}}
            frail: {{url: "http://127.0.0.1:{port}/frail"}}
            patient: {{url: "http://127.0.0.1:{port}/patient"}}
            curl: curl -sf http://127.0.0.1:{port}/frail
          failures: {{rates: [refused, hangs, error]}}
          expect: {{"rates/error/frail": unavailable}}
        """,
    )
    assert found.code == 1, found.err
    assert found.states == {
        ("rates", "refused", "steady"): "degraded",
        ("rates", "refused", "frail"): "failed",
        ("rates", "refused", "patient"): "failed",
        ("rates", "refused", "curl"): "failed",
        ("rates", "hangs", "steady"): "degraded",
        ("rates", "hangs", "frail"): "failed",
        ("rates", "hangs", "patient"): "hung",
        ("rates", "hangs", "curl"): "failed",
        ("rates", "error", "steady"): "degraded",
        ("rates", "error", "frail"): "degraded",
        ("rates", "error", "patient"): "failed",
        ("rates", "error", "curl"): "failed",
    }
    for failure, journey in (("refused", "frail"), ("refused", "patient"), ("hangs", "patient")):
        place = found.cell("rates", failure, journey)["place"]
        assert (place["file"], place["function"]) == ("service.py", "rates"), (failure, journey)
    assert found.cell("rates", "refused", "frail")["why"].startswith("AssertionError: RemoteDisconnected: ")
    assert found.cell("rates", "refused", "curl")["place"] is None
    assert found.cell("rates", "hangs", "patient")["why"] == "GET /patient was still waiting when its time was over"


@pytest.mark.parametrize("wired", ["", 'env: {RATES: "{rates.url}"}'], ids=["intercepted", "by env"])
def test_the_start_of_a_service_is_a_journey(wired: str, tmp_path: Path, rates: str, port: int) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        proxies: {{rates: {rates}}}
        {wired}
        verify:
          command: {sys.executable} service.py {port} warm
          journeys: {{steady: {{url: "http://127.0.0.1:{port}/steady", degraded: [203]}}}}
          failures: {{rates: [refused]}}
        """,
    )
    assert found.states == {("rates", "refused", "(start)"): "failed", ("rates", "refused", "steady"): "degraded"}
    start = found.cell("rates", "refused", "(start)")
    assert start["why"].startswith("it ended with exit code 1: ")
    assert ("Connection reset by peer" if wired else "Connection refused") in start["why"]
    assert (start["place"]["file"], start["place"]["function"]) == ("service.py", "rates")


def test_where_a_start_hangs_is_told(tmp_path: Path, rates: str, port: int) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        proxies: {{rates: {rates}}}
        verify:
          command: {sys.executable} service.py {port} warm-and-patient
          journeys: {{steady: {{url: "http://127.0.0.1:{port}/steady", degraded: [203]}}}}
          failures: {{rates: [hangs]}}
        """,
    )
    assert found.states == {("rates", "hangs", "(start)"): "hung", ("rates", "hangs", "steady"): "degraded"}
    place = found.cell("rates", "hangs", "(start)")["place"]
    assert (place["file"], place["function"]) == ("service.py", "rates")


def test_a_service_that_stays_broken_is_started_again_for_the_next_cell(tmp_path: Path, rates: str, port: int) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        proxies: {{rates: {rates}}}
        verify:
          command: {sys.executable} service.py {port}
          journeys:
            stubborn: {{url: "http://127.0.0.1:{port}/stubborn"}}
          failures: {{rates: [refused, error]}}
        """,
    )
    assert found.states == {
        ("rates", "refused", "stubborn"): "not recovered",
        ("rates", "error", "stubborn"): "not recovered",
    }
    assert [each["fired"] for each in found.document["cells"]] == [1, 1]


def test_a_service_that_ends_has_crashed_and_is_started_again(tmp_path: Path, rates: str, port: int) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        proxies: {{rates: {rates}}}
        verify:
          command: {sys.executable} service.py {port}
          journeys:
            deadly: {{url: "http://127.0.0.1:{port}/deadly"}}
            steady: {{url: "http://127.0.0.1:{port}/steady", degraded: [203]}}
          failures: {{rates: [error]}}
        """,
    )
    assert found.states == {("rates", "error", "deadly"): "crashed", ("rates", "error", "steady"): "degraded"}
    assert found.cell("rates", "error", "deadly")["why"] == "the service ended with exit code 7"


def test_what_is_red_in_health_ends_it(tmp_path: Path, rates: str, port: int) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        verify:
          command: {sys.executable} service.py {port}
          journeys: {{steady: {{url: "http://127.0.0.1:{port}/steady", contains: something else}}}}
        """,
    )
    assert found.code == 1
    assert "red with nothing broken: steady" in found.err
    assert "does not contain 'something else'" in found.err


def test_a_service_that_does_not_start_ends_it(tmp_path: Path, rates: str) -> None:
    found = run(
        tmp_path,
        rates,
        f"""
        verify:
          command: {sys.executable} -c "raise SystemExit('no such disk')"
          journeys: {{steady: {{url: "http://127.0.0.1:9/steady"}}}}
        """,
    )
    assert found.code == 1
    assert "the service does not start, with nothing broken: it ended with exit code 1" in found.err
    assert "no such disk" in found.err


def test_a_command_is_one_journey(tmp_path: Path, rates: str) -> None:
    (tmp_path / "frail.sh").write_text(f"curl -sf -m 2 {rates} >/dev/null\n")
    (tmp_path / "steady.sh").write_text(f"curl -sf -m 2 {rates} >/dev/null || echo later\n")
    frail = verify(tmp_path, "--cell-timeout", "3s", "--only", "error", "--only", "hangs", "--", "sh", "frail.sh")
    assert frail.code == 1, frail.err
    assert {state for _, state in frail.states.items()} == {"failed"}
    assert any("one journey" in each for each in frail.document["notes"])
    steady = verify(tmp_path, "--cell-timeout", "3s", "--only", "error", "--", "sh", "steady.sh")
    assert steady.code == 0, steady.err
    assert {state for _, state in steady.states.items()} == {"resilient"}


def test_a_command_that_reaches_nothing_has_nothing_to_break(tmp_path: Path) -> None:
    found = verify(tmp_path, "--", "true")
    assert found.code == 3
    assert found.err.endswith("hint:  `brownout deps -- COMMAND` says what was not seen\n")


def test_a_command_that_fails_in_health_ends_it(tmp_path: Path) -> None:
    found = verify(tmp_path, "--", "sh", "-c", "echo no luck today; exit 4")
    assert found.code == 1
    assert "no luck today" in found.err
    assert "the command fails with nothing broken: exit code 4" in found.err


def test_a_command_that_is_not_there_is_a_matter_of_usage(tmp_path: Path) -> None:
    found = verify(tmp_path, "--", "no-such-command")
    error, hint = found.err.splitlines()[-2:]
    assert (found.code, error) == (2, "error: no-such-command: command not found")
    assert "name its Python" in hint


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{}", "verify needs a COMMAND that runs tests"),
        ("{journeys: {a: {url: ftp://h/}}}", "'ftp://h/' is not an address of HTTP"),
        ("{command: 'sh -c \"'}", "no closing quotation"),
        ("{command: pytest, failures: {redis: [slowly]}}", ":1: verify.failures.redis: unknown failure 'slowly'"),
        ("{expect: {redis: maybe}}", "'maybe' is not a level of availability"),
        ("{jorneys: {}}", "unknown key"),
    ],
)
def test_a_file_with_a_mistake_says_what_is_wrong(tmp_path: Path, section: str, said: str) -> None:
    (tmp_path / "brownout.yaml").write_text(f"verify: {section}\n")
    found = verify(tmp_path, "brownout.yaml")
    assert found.code == 2
    assert said in found.err.lower() if said.islower() else said in found.err, found.err
    assert "Traceback" not in found.err
