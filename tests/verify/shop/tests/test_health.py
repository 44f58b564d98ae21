import httpx


def test_health(client: httpx.Client) -> None:
    reply = client.get("/health")
    assert reply.status_code == 200
    assert reply.json().keys() == {"payments", "redis", "postgres"}
