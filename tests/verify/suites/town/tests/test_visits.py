import httpx
import pytest
from town.web import app


@pytest.fixture
def client():
    print("a client is made")
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://town") as client:
        yield client


def test_visits(client):
    assert client.get("/visits").status_code == 200


def test_hanging(client):
    assert client.get("/waits").status_code == 200


def test_exits(client):
    assert client.get("/exits").status_code == 200


def test_crashes(client):
    assert client.get("/crashes").status_code == 200


@pytest.mark.parametrize("path", ["/visits", "a/b[c]::d e", "ümlaut"])
def test_ids(client, path):
    assert client.get("/visits").status_code == 200


@pytest.mark.xfail(reason="it has never worked", strict=True)
def test_expected_to_fail(client):
    assert client.get("/visits").status_code == 201


@pytest.mark.skip(reason="not today")
def test_skipped(client):
    client.get("/visits")


def test_skips_itself(client):
    if client.get("/visits").status_code == 200:
        pytest.skip("it has seen enough")
