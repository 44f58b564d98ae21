import os
import threading
import time

import pytest

from brownout.cli.news import News
from brownout.cli.output import Output
from brownout.proxy import Event


def said(news: News, kind: str, at: float = 0.0, link: int | None = None, **detail: object) -> str | None:
    return news.line(Event(1, at, kind, "redis", link, detail))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)


def test_injections_are_news() -> None:
    injection = {"fault": "latency", "name": "slow", "stream": "downstream", "latency": "300ms"}
    assert said(News(), "injected", 3661, injection=injection) == "01:01:01 redis: injected slow latency=300ms"
    assert said(News(), "changed", injection=injection) == "00:00:00 redis: changed slow latency=300ms"
    assert said(News(), "healed", name="slow", matched=3, fired=1) == "00:00:00 redis: healed slow: matched 3, fired 1"


def test_news_of_an_injection_have_its_match() -> None:
    injection = {"fault": "http.status", "name": "busy", "status": 503, "match": {"path": "/a*"}}
    told = said(News(), "injected", injection=injection)
    assert told == "00:00:00 redis: injected busy status=503 match: path=/a*"


def test_links_are_no_news() -> None:
    assert said(News(), "link_opened", link=1) is None
    assert said(News(), "link_closed", link=1) is None


def test_only_the_first_firing_is_news_until_it_is_injected_anew() -> None:
    news = News()
    first = "00:00:00 redis: slow fired for the first time, on link 4"
    assert said(news, "fired", link=4, name="slow", n=1) == first
    assert said(news, "fired", link=5, name="slow", n=2) is None
    said(news, "injected", injection={"name": "slow"})
    assert said(news, "fired", link=4, name="slow", n=1) == first


def test_like_failures_are_news_once_a_second() -> None:
    news = News()
    why = {"reason": "dial_refused", "error": "connection refused", "upstream": "127.0.0.1:1"}
    text = "redis: no connection to 127.0.0.1:1: connection refused"
    assert said(news, "dial_failed", 10.0, 1, **why) == f"00:00:10 {text}"
    assert said(news, "dial_failed", 10.1, 2, **why) is None
    assert said(news, "dial_failed", 10.9, 3, **why) is None
    assert said(news, "dial_failed", 10.9, 4, **why | {"reason": "dial_timeout"}) == f"00:00:10 {text}"
    assert said(news, "dial_failed", 11.0, 5, **why) == f"00:00:11 {text} (and 2 times before)"
    assert said(news, "dial_failed", 12.0, 6, **why) == f"00:00:12 {text}"


def test_a_reader_that_does_not_read_holds_up_nothing() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb") as other:
        output = Output(stream)

        def say() -> None:
            for number in range(100):
                output.say(f"{number} {'x' * 5000}")

        thread = threading.Thread(target=say, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        taken = other.read1(10**6).decode().splitlines()
        assert 1 <= len(taken) < 100
        assert all(len(line) == 4095 for line in taken)
        output.say("again")
        assert other.read1(100).decode() == f"... {100 - len(taken)} lines left out, nobody read them\nagain\n"


def test_a_reader_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        os.close(reader)
        output = Output(stream)
        output.say("one")
        output.say("two")
