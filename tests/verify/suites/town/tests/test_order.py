import httpx
from town.web import app

made = []


def test_a_makes():
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://town") as client:
        made.append(client.get("/visits").status_code)
    assert made


def test_b_needs_what_a_made():
    assert made == [200]
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://town") as client:
        client.get("/visits")
