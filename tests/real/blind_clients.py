"""Clients written before a look at the rules, each with what a fair judge says of it.

The first eight are sound: a fair judge finds nothing. The others have a mistake, which is named. Pauses are scaled down.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import time

import httpx
import psycopg
import requests
import sqlalchemy
import tenacity

from .site import PATIENCE, Site, together
from .warehouse import EXPORT


def health_check(site: Site) -> None:
    """A health check keeps its pace while the service is down. Sound: a failure makes it ask no more often."""
    with requests.Session() as session:
        for beat in range(14):
            if beat == 5:
                site.fail()
            session.get(f"{site.url}/health", timeout=PATIENCE)
            time.sleep(0.2)


def decorrelated_jitter(site: Site) -> None:
    """The decorrelated jitter of the AWS blog, four threads at once. Sound, though a pause may be shorter than the last."""

    def get(number: int) -> None:
        drawn, pause = random.Random(number), 0.1
        for _ in range(5):
            if session.get(f"{site.url}/items/{number}", timeout=PATIENCE).status_code != 503:
                return
            pause = min(1.0, drawn.uniform(0.1, pause * 3))
            time.sleep(pause)

    with requests.Session() as session:
        together(4, get)


def resumes_a_download(site: Site) -> None:
    """A download goes on where it broke off, as pip's does. Sound: each attempt asks for the rest alone."""
    have = bytearray()
    for _ in range(5):
        headers = {"Range": f"bytes={len(have)}-"} if have else {}
        with (
            contextlib.suppress(requests.exceptions.ChunkedEncodingError, requests.ConnectionError),
            requests.get(f"{site.url}/export", headers=headers, stream=True, timeout=PATIENCE) as reply,
        ):
            for piece in reply.iter_content(1024):
                have += piece
        if len(have) == len(EXPORT):
            return
    raise AssertionError(f"{len(have)} bytes of {len(EXPORT)} after five attempts")


def updates_on_conflict(site: Site) -> None:
    """Read, change, write; after 412 read again, as Kubernetes' RetryOnConflict does. Sound: 412 asks for just that."""
    with httpx.Client(timeout=PATIENCE) as client:
        for _ in range(5):
            item = client.get(f"{site.url}/items/1")
            changed = {"stock": item.json()["stock"] - 1}
            reply = client.put(f"{site.url}/items/1", json=changed, headers={"If-Match": item.headers["ETag"]})
            if reply.status_code != 412:
                return
            time.sleep(0.05 * random.uniform(1, 1.1))


def stale_connection(site: Site) -> None:
    """A kept connection that turns out dead is replaced, and the GET sent again at once, one time. Sound."""
    connection = http.client.HTTPConnection(site.host, site.port, timeout=PATIENCE)

    def get() -> bytes:
        connection.request("GET", "/items/1")
        return connection.getresponse().read()

    get()
    site.fail()
    for _ in range(3):
        try:
            get()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            get()
    connection.close()


def heartbeat(site: Site) -> None:
    """A ping every so often, always the same POST. Sound: the one after a failure is the next, and no repeat."""
    for beat in range(12):
        if beat == 5:
            site.fail()
        with contextlib.suppress(requests.RequestException):
            requests.post(f"{site.url}/ping/web-1", timeout=PATIENCE)
        time.sleep(0.2)


def shared_throttle(site: Site) -> None:
    """Six threads that share what Retry-After says, each with jitter on top of it. Sound."""
    not_before = 0.0

    def get(number: int) -> None:
        nonlocal not_before
        for _ in range(3):
            time.sleep(max(0.0, not_before - time.monotonic()) + random.uniform(0, 0.5) * bool(not_before))
            reply = client.get(f"{site.url}/items/{number}")
            if reply.status_code != 429:
                return
            not_before = max(not_before, time.monotonic() + int(reply.headers["Retry-After"]))

    with httpx.Client(timeout=PATIENCE) as client:
        together(6, get)


def transaction_again(site: Site) -> None:
    """SQLAlchemy, with tenacity around the whole transaction. Sound: back-off, jitter, four attempts."""
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(site.url))

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(sqlalchemy.exc.OperationalError),
        wait=tenacity.wait_exponential(multiplier=0.2, max=2) + tenacity.wait_random(0, 0.2),
        stop=tenacity.stop_after_attempt(4),
        reraise=True,
    )
    def order() -> None:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))

    order()
    site.fail()
    order()
    engine.dispose()


def times_out_and_charges_again(site: Site) -> None:
    """A timeout is taken for a failure, and the charge is made again without a key. Unsafe repeat."""

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(requests.Timeout),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=1),
        stop=tenacity.stop_after_attempt(3),
    )
    def charge() -> None:
        requests.post(f"{site.url}/charges", json={"order": 17, "cents": 4200}, timeout=0.3).raise_for_status()

    charge()


def retry_after_as_number(site: Site) -> None:
    """Retry-After is read as a number; where it is a date, the client's own short pause is used. Retry-After ignored."""
    with httpx.Client(timeout=PATIENCE) as client:
        for attempt in range(4):
            reply = client.get(f"{site.url}/items/1")
            if reply.status_code != 429:
                return
            try:
                pause = float(reply.headers["Retry-After"])
            except ValueError:
                pause = 0.2 * 2**attempt
            time.sleep(pause)


def streams_and_forgets(site: Site) -> None:
    """Streamed replies that are raised upon, kept in a list of errors and never read. Leaks a connection for each."""
    failures: list[requests.HTTPError] = []
    session = requests.Session()
    site.kept.callback(session.close)
    site.kept.callback(failures.clear)
    for attempt in range(4):
        try:
            reply = session.get(f"{site.url}/export", stream=True, timeout=PATIENCE)
            reply.raise_for_status()
        except requests.HTTPError as error:
            failures.append(error)
            time.sleep(0.1 * 2**attempt + random.uniform(0, 0.1))


def wrong_password(site: Site) -> None:
    """A login that is refused is tried again with the same password, until the account is locked. A retry of a final failure."""
    with httpx.Client(timeout=PATIENCE, auth=("batch", "old secret")) as client:
        for attempt in range(5):
            if client.post(f"{site.url}/login").status_code < 400:
                return
            time.sleep(0.1 * 2**attempt + random.uniform(0, 0.1))


def flushes_its_backlog(site: Site) -> None:
    """What could not be sent is kept, and all of it sent again every 400 ms, in step. A storm without jitter."""
    backlog = set(range(30))

    def put(number: int) -> None:
        if client.put(f"{site.url}/events/{number}", json={"number": number}).status_code < 500:
            backlog.discard(number)

    with httpx.Client(timeout=PATIENCE) as client:
        for _ in range(6):
            together(30, put)
            time.sleep(0.4)


def time_out_per_read(site: Site) -> None:
    """The timeout of requests is one for each read, so a reply in drops is never too late. Beyond its deadline."""
    requests.get(f"{site.url}/export", timeout=0.5)


def retries_bad_json(site: Site) -> None:
    """A page of HTML with 200 is no JSON: ask again at once, twenty times. No back-off."""
    with httpx.Client(timeout=PATIENCE) as client:
        for _ in range(20):
            with contextlib.suppress(ValueError):
                client.get(f"{site.url}/items/1").json()
                return
