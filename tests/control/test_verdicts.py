"""GET /v1/verdicts: what is found of the clients of a running fleet."""

import pytest

from brownout.faults.settings import SettingsError
from brownout.wire.errors import NotFoundError
from brownout.wire.http1.head import request_head

from .conftest import Running, carried, entry

WITHOUT_KEY = request_head(b"POST /charge/17 HTTP/1.1\r\n\r\n")


def carry(running: Running, name: str, *moments: float) -> None:
    """Let a proxy before an HTTP server have answered 503 at these moments, to one client that tries again."""

    async def feed() -> None:
        proxy = await running.fleet.add(name, f"http://{running.echo}")
        for moment in moments:
            carried(proxy, entry(0, name, began=moment, retry_after=None, at=1795490631.0 + moment))

    running.call(feed())


def test_what_clients_did_is_judged(running: Running) -> None:
    carry(running, "payments", 0.0, 0.001, 0.002, 0.003)
    carry(running, "sound", 0.0, 1.0, 3.0)
    found = {
        "proxy": "payments",
        "rule": "back-off",
        "level": "error",
        "text": "the client tried 3 times again without a pause",
        "evidence": "POST /charge/{}: 503 at 0.00 s, 503 at 0.00 s, 503 at 0.00 s, 503 at 0.00 s",
    }
    assert running.ask("GET", "/v1/verdicts") == (200, [found])
    assert running.ask("GET", "/v1/verdicts?proxy=sound") == (200, [])
    assert running.client.verdicts(proxy="payments") == [found]


def test_what_is_expected_is_part_of_the_question(running: Running) -> None:
    carry(running, "payments", 0.0, 1.0, 3.0)
    assert [each["rule"] for each in running.client.verdicts(deadline="2s", max_attempts=2)] == [
        "bounded-attempts",
        "deadline",
    ]
    with pytest.raises(SettingsError, match="deadline: 2 has no unit"):
        running.client.verdicts(deadline=2)
    with pytest.raises(SettingsError, match="unknown setting 'max_atempts'"):
        running.client.verdicts(max_atempts=2)


def test_a_request_that_only_reads_may_be_called_idempotent(running: Running) -> None:
    async def feed() -> None:
        proxy = await running.fleet.add("search", f"http://{running.echo}")
        for moment in (0.0, 1.0):
            failed = entry(0, "search", began=moment, retry_after=None, status="500", head=WITHOUT_KEY)
            carried(proxy, failed._replace(at=1795490631.0 + moment))

    running.call(feed())
    assert [each["rule"] for each in running.client.verdicts()] == ["unsafe-repeat"]
    assert running.client.verdicts(idempotent="POST /search, POST /charge/*") == []
    assert [each["rule"] for each in running.client.verdicts(idempotent="POST /search")] == ["unsafe-repeat"]
    with pytest.raises(SettingsError, match="idempotent: '~\\(' is not a regular expression"):
        running.client.verdicts(idempotent="~(")


def test_a_proxy_that_is_not_there_is_an_error(running: Running) -> None:
    carry(running, "payments")
    with pytest.raises(NotFoundError, match="there is no proxy named 'paymnets'"):
        running.client.verdicts(proxy="paymnets")
