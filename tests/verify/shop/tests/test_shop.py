import httpx


def test_charge(client: httpx.Client) -> None:
    reply = client.post("/charge")
    assert reply.status_code in (201, 202)
    assert reply.json()["charge"] in ("done", "pending")


def test_refund(client: httpx.Client) -> None:
    reply = client.post("/refund")
    assert reply.status_code in (201, 202)
    assert reply.json()["refund"] in ("done", "pending")


def test_fee(client: httpx.Client) -> None:
    reply = client.get("/fee")
    assert reply.status_code == 200
    assert reply.json()["fee"] > 0


def test_rate(client: httpx.Client) -> None:
    reply = client.get("/rate")
    assert reply.status_code == 200
    assert reply.json()["rate"] > 0


def test_catalog(client: httpx.Client) -> None:
    reply = client.get("/catalog")
    assert reply.status_code == 200
    assert reply.json()["catalog"] == ["tea", "cups"]


def test_session(client: httpx.Client) -> None:
    reply = client.get("/session")
    assert reply.status_code == 200
    assert reply.json()["visits"] >= 0


def test_orders(client: httpx.Client) -> None:
    reply = client.get("/orders")
    assert reply.status_code == 200
    assert reply.json()["orders"] >= 0


def test_checkout(client: httpx.Client) -> None:
    reply = client.post("/checkout")
    assert reply.status_code in (201, 409)


def test_audit(client: httpx.Client) -> None:
    reply = client.post("/audit")
    assert reply.status_code in (201, 202)


def test_price(client: httpx.Client) -> None:
    reply = client.get("/price")
    assert reply.status_code == 200
    assert reply.json()["price"] >= 0
