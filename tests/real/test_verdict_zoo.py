"""The zoo: what the rules of verdicts find of clients as people write them.

Of a sound client they must find nothing at all, of another at least its mistake. The clients are real, and so are the
servers. Pauses are so long that a busy machine changes no finding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from brownout.control.verdicts.finding import Finding
from brownout.testing import Chaos
from brownout.testing.servers import Server

from . import blind_clients as blind
from . import sound_clients as sound
from . import unsound_clients as unsound
from .site import Site
from .warehouse import warehouse

pytestmark = pytest.mark.slow


class Row(NamedTuple):
    """A client, what goes wrong, what is expected of it, and which rules it breaks: none if it is sound."""

    client: Callable[[Site], None]
    fault: str
    settings: dict[str, object] = {}
    expected: dict[str, object] = {}
    rules: tuple[str, ...] = ()
    server: str = "http"
    at_once: bool = True
    """Whether it fails from the start; else the client says when."""
    slow: bool = False
    """Whether a failure takes its time, so that callers who ask for the same are seen to be several."""


SOUND = [
    Row(sound.urllib3_retry, "http.status:503", expected={"max_attempts": 4}),
    Row(sound.urllib3_retry_after, "http.status:429", {"retry_after": "1s", "times": 1}, {"max_attempts": 4}),
    Row(sound.httpx_transport, "http.lost_reply", expected={"max_attempts": 1}),
    Row(sound.tenacity_exponential, "http.status:503", expected={"max_attempts": 4}),
    Row(sound.stamina_time_outs, "http.delay", {"delay": "1h", "times": 2}, {"max_attempts": 3, "deadline": "20s"}),
    Row(sound.backoff_giveup, "http.status:400", expected={"max_attempts": 4}),
    Row(sound.aiohttp_jitter, "http.status:503", expected={"max_attempts": 4}),
    Row(sound.redis_exponential, "reset", {"times": 3}, {"max_attempts": 4}, server="redis", at_once=False),
    Row(sound.psycopg_pool, "reset", {"times": 3}, {"max_attempts": 4}, server="postgres", at_once=False),
    Row(sound.sqlalchemy_pre_ping, "reset", {"times": 1}, {"max_attempts": 2}, server="postgres", at_once=False),
    Row(sound.pybreaker_opens, "http.status:503", {"times": 4}, {"opens_after": 3, "quiet_for": "500ms"}),
    Row(sound.boto_standard, "http.lost_reply", expected={"max_attempts": 3}),
    Row(sound.same_get_from_many, "http.status:503", expected={"max_attempts": 3}, slow=True),
    Row(sound.breaker_same_url, "http.status:503", expected={"opens_after": 5, "quiet_for": "500ms"}),
    Row(sound.fresh_token, "http.status:401", {"times": 1}, {"max_attempts": 2}),
    Row(sound.hedged_with_key, "http.delay", {"delay": "500ms", "times": 1}, {"max_attempts": 2}),
    Row(sound.google_style, "http.status:503", expected={"deadline": "20s"}),
    Row(sound.yesterdays_rates, "http.status:503", expected={"operations": 12, "max_attempts": 2}),
    Row(
        sound.searches_by_post,
        "http.lost_reply",
        {"times": 2},
        {"max_attempts": 4, "idempotent": ["POST /search"]},
    ),
]
UNSOUND = [
    Row(unsound.tenacity_bare, "http.status:503", {"times": 50}, rules=("bounded-attempts", "back-off")),
    Row(unsound.urllib3_no_pause, "http.status:503", rules=("back-off",)),
    Row(unsound.backoff_all_errors, "http.status:400", rules=("final-failure",)),
    Row(unsound.unit_slip, "http.status:503", rules=("back-off",)),
    Row(unsound.repeats_the_work, "http.lost_reply", {"times": 2}, rules=("unsafe-repeat",)),
    Row(unsound.deaf_to_retry_after, "http.status:429", {"retry_after": "5s", "times": 3}, rules=("retry-after",)),
    Row(unsound.stamina_no_jitter, "http.status:503", rules=("jitter",)),
    Row(unsound.aiohttp_time_outs_add_up, "http.delay", {"delay": "1h"}, {"deadline": "500ms"}, ("deadline",)),
    Row(unsound.retries_of_retries, "http.status:503", rules=("retry-storm", "bounded-attempts")),
    Row(unsound.redis_no_pause, "reset", rules=("back-off",), server="redis", at_once=False),
    Row(
        unsound.breaker_never_opens,
        "http.status:503",
        expected={"opens_after": 3, "quiet_for": "1s"},
        rules=("circuit-breaker",),
    ),
    Row(unsound.pauses_without_cap, "http.status:503", {"for_": "800ms"}, {"recover_within": "500ms"}, ("recovery",)),
    Row(unsound.aiohttp_defaults, "http.status:500", {"times": 1}, rules=("unsafe-repeat",)),
    Row(unsound.leaks_on_failure, "http.lost_reply", {"client_sees": "hang", "times": 2}, rules=("connections",)),
    Row(unsound.catch_all_loop, "http.status:404", {"times": 12}, rules=("bounded-attempts", "final-failure")),
    Row(unsound.connects_in_a_loop, "reset", {"times": 30}, rules=("back-off", "bounded-attempts")),
    Row(
        unsound.all_probe_at_once,
        "http.delay",
        {"delay": "1h"},
        {"opens_after": 1, "quiet_for": "500ms"},
        rules=("circuit-breaker",),
    ),
]
BLIND_SOUND = [
    Row(blind.health_check, "http.status:503", {"times": 4}, at_once=False),
    Row(blind.decorrelated_jitter, "http.status:503", expected={"max_attempts": 5}),
    Row(
        blind.resumes_a_download, "http.truncate", {"share": "40%", "times": 2}, {"max_attempts": 5}, server="warehouse"
    ),
    Row(
        blind.updates_on_conflict,
        "http.status:412",
        {"times": 2, "match": {"method": "PUT"}},
        {"max_attempts": 5},
        server="warehouse",
    ),
    Row(blind.stale_connection, "reset", {"times": 1}, {"max_attempts": 2}, at_once=False),
    Row(blind.heartbeat, "http.lost_reply", {"times": 1}, server="warehouse", at_once=False),
    Row(blind.shared_throttle, "http.status:429", {"retry_after": "1s", "times": 6}, {"max_attempts": 3}),
    Row(blind.transaction_again, "reset", {"times": 2}, {"max_attempts": 4}, server="postgres", at_once=False),
]
BLIND_UNSOUND = [
    Row(blind.times_out_and_charges_again, "http.delay", {"delay": "1h", "times": 2}, rules=("unsafe-repeat",)),
    Row(
        blind.retry_after_as_number,
        "http.status:429",
        {"retry_after": "5s", "retry_as": "date", "times": 2},
        rules=("retry-after",),
    ),
    Row(
        blind.streams_and_forgets,
        "http.status:503",
        {"body": "down for maintenance"},
        rules=("connections",),
        server="warehouse",
    ),
    Row(blind.wrong_password, "http.status:401", rules=("final-failure",)),
    Row(blind.flushes_its_backlog, "http.status:503", rules=("retry-storm",)),
    Row(
        blind.time_out_per_read,
        "http.drip",
        {"bytes": "1KB", "interval": "200ms"},
        {"deadline": "1s"},
        rules=("deadline",),
        server="warehouse",
    ),
    Row(
        blind.retries_bad_json,
        "http.status:200",
        {"body": "<h1>Down for maintenance</h1>"},
        {"operations": 1},
        rules=("bounded-attempts",),
    ),
]


@pytest.fixture(scope="module")
def upstreams(shop: str, redis_server: Server, postgres_server: Server) -> Iterator[dict[str, str]]:
    with warehouse() as url:
        yield {"http": shop, "redis": redis_server.url, "postgres": postgres_server.url, "warehouse": url}


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    with Chaos(seed=7) as chaos:
        yield chaos


def findings(row: Row, upstream: str, chaos: Chaos) -> list[Finding]:
    """Let a client run while its dependency fails, and judge it."""
    proxy = chaos.proxy("zoo", upstream)

    def fail() -> None:
        if row.slow:
            proxy.inject("http.delay", delay="100ms", delays="request")
        proxy.inject(row.fault, **row.settings)

    with contextlib.ExitStack() as kept:
        if row.at_once:
            fail()
        row.client(Site(proxy.url, proxy.host, proxy.port, fail, kept))
        found = chaos.verdict(proxy, **row.expected).findings
    assert all(handle.receipt.fired for handle in chaos.injected)
    print(f"found {sorted(f'{each.level} {each.rule}' for each in found)}")
    return found


@pytest.mark.parametrize("row", SOUND + BLIND_SOUND, ids=lambda row: row.client.__name__)
def test_nothing_is_found_of_a_sound_client(row: Row, upstreams: dict[str, str], chaos: Chaos) -> None:
    assert findings(row, upstreams[row.server], chaos) == []


@pytest.mark.parametrize("row", UNSOUND + BLIND_UNSOUND, ids=lambda row: row.client.__name__)
def test_the_mistake_of_a_client_is_found(row: Row, upstreams: dict[str, str], chaos: Chaos) -> None:
    assert {finding.rule for finding in findings(row, upstreams[row.server], chaos)} >= set(row.rules)
