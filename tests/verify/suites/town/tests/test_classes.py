import unittest

import httpx
import redis
from town.web import URL, app


class TestVisits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cache = redis.Redis.from_url(URL)
        cls.cache.set("opened", 1)

    @classmethod
    def tearDownClass(cls):
        cls.cache.close()

    def setUp(self):
        self.client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://town")
        self.addCleanup(self.client.close)

    def test_opened(self):
        assert self.cache.get("opened") == b"1"
        self.assertEqual(self.client.get("/visits").status_code, 200)  # noqa: PT009 - as they are written

    def test_without_an_entry(self):
        self.assertEqual(self.cache.get("opened"), b"1")  # noqa: PT009


class TestPlain:
    @classmethod
    def setup_class(cls):
        cls.made = 0

    def setup_method(self):
        self.client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://town")

    def teardown_method(self):
        self.client.close()

    def test_plain(self):
        assert self.client.get("/visits").status_code == 200


class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def test_isolated(self):
        from town.engine import app

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://town") as client:
            assert (await client.get("/")).status_code == 200
