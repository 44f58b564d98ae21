"""Services that tests start themselves: the application's are dependencies, and the application itself is none."""

from pathlib import Path

import pytest

from .running import Verified, once, verify
from .test_suites import PYTEST, environment, written

pytestmark = pytest.mark.slow

SHOP = """
    import http.client, json, sys
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args): pass

    def ask(address, path):
        host, _, port = address.partition(":")
        link = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            link.request("GET", path)
            return json.loads(link.getresponse().read())
        finally:
            link.close()

    def pay(payments):
        try:
            return ask(payments, "/pay")
        except OSError as error:
            raise LookupError("no payments") from error

    def price(rates):
        try:
            return ask(rates, "/rate")
        except OSError:
            return 1

    def shop(payments, rates):
        def app(environ, start):
            body = json.dumps(pay(payments) if environ["PATH_INFO"] == "/pay" else price(rates)).encode()
            start("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        return app

    if __name__ == "__main__":
        server = make_server("127.0.0.1", 0, shop(*sys.argv[1:]), handler_class=Quiet)
        print(server.server_port, flush=True)
        server.serve_forever()
"""
CONFTEST = """
    import contextlib, subprocess, sys, threading
    from wsgiref.simple_server import make_server
    import pytest
    from shop import Quiet, shop

    SERVERS = []  # nobody closes them

    @contextlib.contextmanager
    def serving(app, port=0):
        server = make_server("127.0.0.1", port, app, handler_class=Quiet)
        SERVERS.append(server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()

    def one(environ, start):
        start("200 OK", [("Content-Length", "1")])
        return [b"1"]

    @pytest.fixture(scope="session")
    def make_payments():
        with serving(one) as address:
            yield address

    @pytest.fixture
    def fake_rates():
        with serving(one) as address:
            yield address

    @pytest.fixture
    def thread(make_payments, fake_rates):
        with serving(shop(make_payments, fake_rates)) as address:
            yield address

    @pytest.fixture
    def process(make_payments, fake_rates):
        words = [sys.executable, "shop.py", make_payments, fake_rates]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
            yield f"127.0.0.1:{running.stdout.readline().strip()}"
            running.terminate()
"""
CALLED = """
    from werkzeug.test import Client
    from shop import shop

    def test_pay_called(make_payments, fake_rates): assert Client(shop(make_payments, fake_rates)).get("/pay").text == "1"
    def test_price_called(make_payments, fake_rates): assert Client(shop(make_payments, fake_rates)).get("/price").text == "1"
"""
ASKED = """
    import json, urllib.request

    def ask(where, path):
        with urllib.request.urlopen(f"http://{{where}}{{path}}", timeout=20) as reply:
            return json.loads(reply.read())

    def test_pay_{where}({where}): assert ask({where}, "/pay") == 1
    def test_price_{where}({where}): assert ask({where}, "/price") == 1
"""
AIOHTTP = """
    import asyncio
    from aiohttp import ClientSession, web
    from aiohttp.test_utils import TestClient, TestServer

    async def one(request):
        return web.Response(text="1")

    def serving(answer):
        app = web.Application()
        app.router.add_get("/{path}", answer)
        return TestServer(app)

    async def pay():
        async with serving(one) as rates:
            async def asked(request):
                async with ClientSession() as session, session.get(rates.make_url("/rate")) as reply:
                    return web.Response(text=await reply.text())
            async with TestClient(serving(asked)) as client:
                reply = await client.get("/pay")
                assert (reply.status, await reply.text()) == (200, "1")

    def test_pay_aiohttp(): asyncio.run(pay())
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    def make() -> Verified:
        folder = written(
            tmp_path_factory.mktemp("started"),
            shop=SHOP,
            conftest=CONFTEST,
            test_called=CALLED,
            test_thread=ASKED.format(where="thread"),
            test_process=ASKED.format(where="process"),
            test_aiohttp=AIOHTTP,
        )
        return verify(folder, "--only", "refused", "--", *PYTEST, **environment())

    return once(tmp_path_factory, "started", make)


@pytest.mark.parametrize("kind", ["called", "thread", "process"])
def test_a_service_of_a_fixture_is_a_dependency_by_its_name(ran: Verified, kind: str) -> None:
    assert {key: state for key, state in ran.states.items() if key[2].endswith(kind)} == {
        ("payments", "refused", f"test_pay_{kind}"): "failed",
        ("fake-rates", "refused", f"test_price_{kind}"): "resilient",
    }


def test_a_service_of_a_test_itself_is_one_as_well_and_its_application_is_none(ran: Verified) -> None:
    assert {key: state for key, state in ran.states.items() if key[2].endswith("aiohttp")} == {
        ("http", "refused", "test_pay_aiohttp"): "failed",
    }


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_service_beside_the_tests_is_read_for_the_line_at_which_it_failed(ran: Verified, kind: str) -> None:
    cell = ran.cell("payments", "refused", f"test_pay_{kind}")
    assert cell["why"].startswith("the service printed LookupError: ")
    assert cell["why"].endswith(", and the test failed: HTTPError: HTTP Error 500: Internal Server Error")
    assert (cell["place"]["file"], cell["place"]["function"]) == ("shop.py", "pay")
    broken, well = cell["calls"]
    assert "Traceback" in broken["log"]
    assert well["log"] == ""


def test_a_server_that_nobody_closed_is_followed_by_that_of_the_next_test(ran: Verified) -> None:
    assert sorted(each["name"] for each in ran.document["dependencies"]) == ["fake-rates", "http", "payments"]


AT_A_PORT_THAT_WAS_TAKEN = """
    import socket
    import pytest
    from conftest import one, serving
    from shop import shop
    from werkzeug.test import Client

    HELD = []

    @pytest.fixture
    def payments():
        port = 0
        for held in HELD:
            port = held.getsockname()[1]
            held.close()
        HELD.clear()
        with serving(one, port) as address:
            yield address

    def test_first(payments):
        assert Client(shop(payments, payments)).get("/pay").text == "1"
        HELD.append(socket.create_server(("127.0.0.1", 0)))

    def test_second(payments):
        assert Client(shop(payments, payments)).get("/pay").text == "1"
"""


def test_a_port_at_which_another_server_was_before_changes_no_name(tmp_path: Path) -> None:
    written(tmp_path, shop=SHOP, conftest=CONFTEST, test_ports=AT_A_PORT_THAT_WAS_TAKEN)
    ran = verify(tmp_path, "--only", "*/refused", "--", *PYTEST, **environment())
    assert [each["name"] for each in ran.document["dependencies"]] == ["payments"], ran.err
    assert {key[:2] for key in ran.states} == {("payments", "refused")}
    assert set(ran.states.values()) == {"failed"}
