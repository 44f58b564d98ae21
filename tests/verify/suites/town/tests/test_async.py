import httpx
import pytest
from town.engine import app


@pytest.fixture
async def client():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://town") as client:
        yield client


async def test_engine(client):
    assert (await client.get("/")).status_code == 200


async def test_pooled_engine(client):
    assert (await client.get("/pooled")).status_code == 200


@pytest.mark.asyncio(loop_scope="session")
async def test_pooled_engine_on_one_loop():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://town") as client:
        assert (await client.get("/one-loop")).status_code == 200
