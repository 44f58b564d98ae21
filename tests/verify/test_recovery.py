"""A test that can run twice on its fixtures does so after a failure, which shows what stays broken."""

import sys
from pathlib import Path
from typing import Any

import pytest

from brownout.testing import servers

from ..serving import serving
from .running import Prices, verify

pytestmark = pytest.mark.slow

SHOP = """
import json, os, time, urllib.request

class Shop:
    def __init__(self, cache):
        self.cache = cache

    def rate(self, keeps):
        if "rate" not in self.cache:
            try:
                with urllib.request.urlopen(os.environ["RATES"], timeout=2) as reply:
                    self.cache["rate"] = json.load(reply)
            except OSError:
                if not keeps:
                    return 1.0
                self.cache["rate"] = None  # which is never asked for again
        return round(self.cache["rate"], 1)

    def patient(self):
        while True:
            try:
                with urllib.request.urlopen(os.environ["RATES"]) as reply:
                    return json.load(reply)
            except OSError:
                time.sleep(600)
"""

TESTS = """
import pytest, shop

CACHE = {}

@pytest.fixture
def emptied():
    CACHE.clear()
    return CACHE

@pytest.fixture
def made(emptied):
    return shop.Shop(emptied)

def test_keeps_what_failed(emptied):
    assert shop.Shop(CACHE).rate(keeps=True) > 0

def test_of_a_shop_that_a_fixture_makes(made):
    assert made.rate(keeps=True) > 0

def test_asks_again(made):
    assert made.rate(keeps=False) > 0

def test_waits_for_ever(emptied):
    assert shop.Shop(CACHE).patient() == 5

def test_that_cannot_run_twice_on_its_fixtures(emptied):
    assert not emptied
    assert shop.Shop(emptied).rate(keeps=True) > 0

def test_whose_own_connection_breaks(once):
    assert once.rate() > 0
"""

CONFTEST = """
import os, urllib3, pytest

class Once:
    '''A client of a library, which the test hands to the application and which a failure ends.'''

    def __init__(self):
        self.pool = urllib3.PoolManager(retries=False)
        self.broken = False

    def rate(self):
        try:
            if self.broken:
                raise urllib3.exceptions.HTTPError("closed")
            return self.pool.request("GET", os.environ["RATES"], timeout=2).json()
        except urllib3.exceptions.HTTPError:
            self.broken = True
            raise

@pytest.fixture
def once():
    return Once()
"""


ORDERS = """
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

def orders(request):
    try:
        return JSONResponse(request.app.state.session.scalar(text("select 2")))
    except Exception:
        return JSONResponse("sorry", 500)

app = Starlette(routes=[Route("/orders", orders)])
"""
OVER_A_SESSION = """
import os, pytest, orders
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

@pytest.fixture(scope="session")
def engine():
    return create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)

@pytest.fixture
def session(engine):
    with Session(engine) as session:
        session.scalar(text("select 1"))
        yield session

@pytest.fixture
def client(session):
    orders.app.state.session = session
    return TestClient(orders.app)

def test_orders(client):
    assert client.get("/orders").json() == 2
"""


def renewed(cell: dict[str, Any]) -> list[str]:
    return [each["renewed"] for each in cell["calls"]]


def test_what_a_fixture_would_mend_is_found(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    with serving(Prices) as url:
        only = ("--only", "*/refused", "--only", "*/hangs/*for_ever", "--cell-timeout", "4s")
        found = verify(tmp_path, *only, "--", sys.executable, "-m", "pytest", "-p", "no:asyncio", RATES=url)
    assert {test: state for (_, failure, test), state in found.states.items() if failure == "refused"} == {
        "test_keeps_what_failed": "not recovered",
        "test_of_a_shop_that_a_fixture_makes": "not recovered",
        "test_asks_again": "resilient",
        "test_waits_for_ever": "hung",
        "test_that_cannot_run_twice_on_its_fixtures": "failed",
        "test_whose_own_connection_breaks": "inconclusive",
    }
    [cell] = [each for each in found.document["cells"] if each["journey"].endswith("keeps_what_failed")]
    assert cell["why"].startswith(
        "still broken after the dependency was healthy again, until the test's fixtures were set up again, as after a restart"
    )
    assert renewed(cell) == ["function", "nothing", "nothing", "function"]
    hung = found.cell("http", "hangs", "for_ever")
    assert (hung["state"], renewed(hung)) == ("hung", ["function", "function"]), "its end may have broken fixtures"


def test_a_session_of_the_fixtures_that_stays_broken_is_not_the_application_s(tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(ORDERS)
    (tmp_path / "test_orders.py").write_text(OVER_A_SESSION)
    with servers.postgres() as server:
        words = ("--only", "postgres/cut", "--", sys.executable, "-m", "pytest", "-p", "no:asyncio")
        found = verify(tmp_path, *words, DATABASE_URL=server.url.replace("postgres:", "postgresql+psycopg:"))
    cell = found.cell("postgres", "cut", "test_orders")
    assert (cell["state"], cell["why"]) == ("failed", "GET /orders returned 500 (200 when healthy)")
    assert renewed(cell) == ["function", "nothing", "nothing", "function"], "it stays broken on the same fixtures"
