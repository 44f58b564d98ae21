"""One small application in three builds: with a mistake in each place, sound, and sound but awkward to look at.

Its tests know nothing of failures. Each mistake shows in the cells that find it, with the function in which it is; the
other two builds are clean.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from brownout.testing import servers

from ..serving import serving
from .running import Verified, once, verify

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="--intercept needs Linux")]

SHOP = Path(__file__).parent / "shop"
OPTIONS = ("--seed", "7", "--cell-timeout", "4s")
AGAIN = ("*/refused", "*/wrong", "*/cut")
"""The failures that are tried a second time: quick ones, which all tests meet."""
HTTP = ("refused", "slow", "hangs", "error", "wrong", "lost", "cut")
STREAM = ("refused", "slow", "hangs", "lost", "cut")
CLEAN = {"resilient", "degraded"}


class Row(NamedTuple):
    """What a journey of the mistaken build makes of the failures of a dependency, a letter for each: see STATES.

    `place` is the file and the function of the mistake, where a cell has one.
    """

    dependency: str
    journey: str
    states: str
    place: tuple[str, str] | None
    why: str


STATES = {
    ".": "resilient",
    "d": "degraded",
    "C": "crashed",
    "H": "hung",
    "N": "not recovered",
    "D": "doubled",
    "F": "failed",
    "R": "first request failed",
}
MISTAKEN = (
    Row(
        "payments", "test_charge", "d.Hdddd", ("payments.py", "charge"), "no time-out; else it is pending, and says so"
    ),
    Row(
        "payments", "test_refund", "dDDddDD", None, "a POST without a key is sent again after no reply, or half of one"
    ),
    Row("payments", "test_fee", "....F..", ("payments.py", "fee"), "a page is read as JSON; else the standard fee"),
    Row("payments", "test_checkout", "NNNNNNN", ("database.py", "checkout"), "the one connection is not given back"),
    Row("rates", "test_rate", "...RR..", ("rates.py", "rate"), "what came is kept for the next request, an error too"),
    Row("rates", "test_price", "FFFFFFF", None, "a connection is not given back, of a pool that has others"),
    Row("redis", "test_catalog", "FFFFF", ("cache.py", "catalog"), "without a cache there is no catalog"),
    Row("redis", "test_session", "..H..", ("cache.py", "session"), "no time-out; else visits are not counted"),
    Row("postgres", "test_orders", "NNNNN", ("database.py", "orders"), "the one connection is not opened again"),
    Row("postgres", "test_checkout", "NNNNN", ("database.py", "checkout"), "the one connection is not given back"),
    Row(
        "postgres", "test_price", ".....", None, "a connection that is broken need not be given back: the pool has more"
    ),
    Row("postgres", "test_audit", "CCCCC", ("database.py", "audit"), "os._exit() where the database is lost"),
)
USED = {(row.dependency, row.journey) for row in MISTAKEN}
HEALTH = {(dependency, "test_health") for dependency in ("payments", "redis", "postgres")}


class Service(BaseHTTPRequestHandler):
    """Payments and exchange rates."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        self._answer(200, {"fee": 3, "rate": 1.5})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, {"state": "done"})

    def _answer(self, status: int, body: Mapping[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


class Built(NamedTuple):
    """What was found of a build. `names` are those of the dependencies, by the names that they have in the run."""

    verified: Verified
    names: Mapping[str, str]

    @property
    def cells(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The cells by dependency, journey and failure."""
        return {
            (self.names[each["dependency"]], each["journey"].rpartition("::")[2], each["failure"]): each
            for each in self.verified.document["cells"]
        }

    @property
    def states(self) -> dict[tuple[str, str, str], str]:
        return {key: cell["state"] for key, cell in self.cells.items()}

    @property
    def used(self) -> set[tuple[str, str]]:
        return {(dependency, journey) for dependency, journey, _ in self.cells}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """All builds, side by side, and the mistaken one once more."""
    return once(tmp_path_factory, "builds", lambda: _built(tmp_path_factory))


def _built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    runs = {
        "mistaken": ("mistaken", "tests/test_shop.py", ("--jobs", "2")),
        "again": ("mistaken", "tests/test_shop.py", tuple(word for glob in AGAIN for word in ("--only", glob))),
        "sound": ("sound", "tests/test_shop.py", ("--jobs", "2")),
        "awkward": ("awkward", "tests", ("--jobs", "2")),
    }
    folders = {name: tmp_path_factory.mktemp(name) for name in runs}
    with (
        servers.redis() as redis,
        servers.postgres() as postgres,
        serving(Service) as payments,
        serving(Service) as rates,
    ):
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id serial PRIMARY KEY)")
        urls = {"payments": payments, "rates": rates, "redis": redis.url, "postgres": postgres.url}
        variables = {f"{name.upper()}_URL": url for name, url in urls.items()}

        def run(name: str) -> Built:
            build, tests, more = runs[name]
            folder = folders[name] / "shop"
            shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns("__pycache__"))
            command = (sys.executable, "-m", "pytest", tests)
            verified = verify(folder, *OPTIONS, *more, "--", *command, BUILD=build, **variables)
            found = verified.document.get("dependencies", [])
            ports = {url.rstrip("/").rpartition(":")[2].partition("/")[0]: name for name, url in urls.items()}
            return Built(verified, {each["name"]: ports[each["upstream"].rpartition(":")[2]] for each in found})

        with ThreadPoolExecutor(len(runs)) as pool:
            futures: dict[str, Future[Built]] = {name: pool.submit(run, name) for name in runs}
            return {name: future.result() for name, future in futures.items()}


def failures(dependency: str) -> tuple[str, ...]:
    return HTTP if dependency in ("payments", "rates") else STREAM


@pytest.mark.parametrize("row", MISTAKEN, ids=lambda row: f"{row.dependency}-{row.journey}")
def test_each_mistake_shows_in_its_cells_with_its_place(row: Row, built: dict[str, Built]) -> None:
    cells = {key[2]: cell for key, cell in built["mistaken"].cells.items() if key[:2] == row[:2]}
    told = {failure: f"{cell['state']}: {cell['why']}" for failure, cell in cells.items()}
    expected = dict(zip(failures(row.dependency), (STATES[letter] for letter in row.states), strict=True))
    assert {failure: cell["state"] for failure, cell in cells.items()} == expected, (row.why, told)
    for failure, cell in cells.items():
        place = cell["place"] and (Path(cell["place"]["file"]).name, cell["place"]["function"])
        assert place == (None if cell["state"] in CLEAN else row.place), failure


def test_times_are_those_since_the_failure_began(built: dict[str, Built]) -> None:
    """Wide bounds: a clock that is another one is off by hours."""
    for key, cell in built["mistaken"].cells.items():
        moments = [each["at"] for call in cell["calls"] for each in (call, *call["answers"])]
        assert moments, key
        assert all(-60 < moment < 600 for moment in moments), (key, moments)


def test_nothing_else_is_used_or_found(built: dict[str, Built]) -> None:
    assert built["mistaken"].used == USED
    found = [
        (each["state"], each["cells"][0][3].rpartition("::")[2])
        for each in built["mistaken"].verified.document["causes"]
    ]
    assert found == [
        ("crashed", "test_audit"),
        ("hung", "test_charge"),
        ("hung", "test_session"),
        ("not recovered", "test_checkout"),  # of the payments and of Postgres
        ("not recovered", "test_orders"),
        ("doubled", "test_refund"),
        ("failed", "test_price"),
        ("failed", "test_catalog"),
        ("failed", "test_fee"),
        ("first request failed", "test_rate"),
    ]
    assert built["mistaken"].verified.code == 1


@pytest.mark.parametrize(("build", "used"), [("sound", USED), ("awkward", USED | HEALTH)])
def test_a_sound_build_is_clean(build: str, used: set[tuple[str, str]], built: dict[str, Built]) -> None:
    found = built[build]
    bad = {key: (cell["state"], cell["why"]) for key, cell in found.cells.items() if cell["state"] not in CLEAN}
    assert not bad
    assert found.used == used
    assert found.cells.keys() == {(*each, failure) for each in used for failure in failures(each[0])}
    assert found.verified.code == 0, found.verified.err


def test_twice_with_one_seed_the_matrix_is_the_same(built: dict[str, Built]) -> None:
    for name, each in built.items():  # tests/manual/verify_builds.sh compares it with other runs
        for key, cell in sorted(each.cells.items()):
            print("cell", name, *key, cell["state"].replace(" ", "_"), (cell["place"] or {}).get("function"))
    once, again = built["mistaken"], built["again"]
    assert again.states == {key: state for key, state in once.states.items() if f"*/{key[2]}" in AGAIN}
    assert all(cell["place"] == once.cells[key]["place"] for key, cell in again.cells.items())
