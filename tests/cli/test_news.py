import os
import threading
import time

import pytest

from brownout.cli.news import News, wrong_in
from brownout.cli.output import Output
from brownout.proxy import Event, Recorded
from brownout.proxy.record.event import (
    AcceptFailed,
    Changed,
    ConnectionClosed,
    ConnectionOpened,
    DialFailed,
    Fired,
    Healed,
    Injected,
    LeaseExpired,
    ListenFailed,
    Mistake,
    ParsingStopped,
    ProfileLeftOut,
    ProtocolLearnt,
    ProxyDisabled,
    ProxyRemoved,
    Reloaded,
    ServerShared,
    ToxicLeftOut,
)


def said(news: News, event: Event, at: float = 0.0) -> str | None:
    return news.line(Recorded(1, at, event))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)


def test_injections_are_news() -> None:
    injection = {"fault": "latency", "name": "slow", "stream": "downstream", "latency": "300ms"}
    injected = said(News(), Injected("redis", injection), 3661)
    assert injected == "01:01:01 redis: injected slow latency=300ms"
    assert said(News(), Changed("redis", injection)) == "00:00:00 redis: changed slow latency=300ms"
    assert said(News(), Healed("redis", "slow", 3, 3, 1)) == "00:00:00 redis: healed slow: matched 3, fired 1"
    some = Healed("redis", "slow", 3, 2, 1)
    assert said(News(), some) == "00:00:00 redis: healed slow: matched 3, chosen 2, fired 1"
    unseen = Healed("redis", "refuse", 0, 0, 0, unseen=True)
    assert said(News(), unseen) == "00:00:00 redis: healed refuse: unseen"
    nothing = Healed("redis", "slow", 1, 1, 0, "no_traffic", "1 connection and not a byte")
    assert said(News(), nothing) == "00:00:00 redis: healed slow: matched 1, fired 0 (1 connection and not a byte)"


def test_news_of_an_injection_have_its_match() -> None:
    injection = {"fault": "http.status", "name": "busy", "status": 503, "match": {"path": "/a*"}}
    told = said(News(), Injected("redis", injection))
    assert told == "00:00:00 redis: injected busy status=503 match: path=/a*"


def test_connections_are_no_news() -> None:
    assert said(News(), ConnectionOpened("redis", 1)) is None
    assert said(News(), ConnectionClosed("redis", 1, "closed", 4, 4, 0.1)) is None


def test_a_connection_that_is_no_longer_parsed_is_news() -> None:
    told = said(News(), ParsingStopped("redis", 3, "not HTTP/1"))
    assert told == "00:00:00 redis: connection 3 is no longer parsed (not HTTP/1)"


def test_a_proxy_that_cannot_listen_is_news() -> None:
    told = said(News(), ListenFailed("redis", "127.0.0.1:6379 is in use"))
    assert told == "00:00:00 redis: does not listen: 127.0.0.1:6379 is in use"


def test_a_toxic_that_was_left_out_is_news() -> None:
    told = said(News(), ToxicLeftOut("redis", "slow", "invalid toxic type"))
    assert told == "00:00:00 redis: toxic slow left out: invalid toxic type"


def test_a_protocol_that_was_learnt_is_news_with_what_could_not_be_placed() -> None:
    assert said(News(), ProtocolLearnt("cache", "redis")) == "00:00:00 cache: speaks redis"
    told = said(News(), ProfileLeftOut("cache", "slow", "the name is taken"))
    assert told == "00:00:00 cache: profile slow left out: the name is taken"


def test_a_proxy_that_stops_listening_or_goes_is_news() -> None:
    assert said(News(), ProxyDisabled("redis")) == "00:00:00 redis: disabled"
    assert said(News(), ProxyRemoved("redis")) == "00:00:00 redis: removed"


def test_a_client_that_cannot_be_accepted_is_news() -> None:
    told = said(News(), AcceptFailed("redis", "no_descriptor", "Too many open files"))
    assert told == "00:00:00 redis: a client could not be accepted: Too many open files"


def test_a_file_that_was_read_again_is_news_with_its_mistakes() -> None:
    mistakes = (Mistake("a: is wrong", "make it right"), Mistake("b: is wrong", ""))
    nothing = Reloaded("", "/etc/brownout.yaml", (), mistakes)
    assert said(News(), nothing) == "00:00:00 brownout.yaml read again: nothing changed, 2 errors"
    assert wrong_in(nothing) == ["error: a: is wrong", "hint:  make it right", "error: b: is wrong"]
    some = Reloaded("", "/etc/brownout.yaml", ("1 proxy added", "2 injections changed"), ())
    assert said(News(), some) == "00:00:00 brownout.yaml read again: 1 proxy added, 2 injections changed"
    assert wrong_in(some) == wrong_in(ProxyRemoved("redis")) == []


def test_only_the_first_firing_is_news_until_it_is_injected_again() -> None:
    news = News()
    first = "00:00:00 redis: slow fired for the first time, on connection 4"
    assert said(news, Fired("redis", 4, "slow", 1)) == first
    assert said(news, Fired("redis", 5, "slow", 2)) is None
    said(news, Injected("redis", {"name": "slow"}))
    assert said(news, Fired("redis", 4, "slow", 1)) == first


def test_the_first_firing_on_a_request_names_the_request() -> None:
    told = said(News(), Fired("redis", 4, "busy", 1, "GET /a/{}"))
    assert told == "00:00:00 redis: busy fired for the first time, on GET /a/{}"


def test_like_failures_are_news_once_a_second() -> None:
    news = News()

    def failed(number: int, reason: str = "dial_refused") -> DialFailed:
        return DialFailed("redis", number, reason, "connection refused", "127.0.0.1:1")

    text = "redis: no connection to 127.0.0.1:1: connection refused"
    assert said(news, failed(1), 10.0) == f"00:00:10 {text}"
    assert said(news, failed(2), 10.1) is None
    assert said(news, failed(3), 10.9) is None
    assert said(news, failed(4, "dial_timeout"), 10.9) == f"00:00:10 {text}"
    assert said(news, failed(5), 11.0) == f"00:00:11 {text} (and 2 times before)"
    assert said(news, failed(6), 12.0) == f"00:00:12 {text}"


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


def test_a_lease_that_expired_is_news() -> None:
    text = said(News(), LeaseExpired("", lease="9f86d081", duration="30s"))
    assert text == "00:00:00 a client with a lease is gone (silent for 30s): what it made is undone"


def test_a_server_that_workers_share_is_news() -> None:
    text = said(News(), ServerShared("", program="python app.py", process=7, workers=("gw0", "gw1")))
    assert text == (
        "00:00:00 python app.py (process 7) is used by gw0 and gw1: "
        "a fault for one worker, or one test, leaves its connections alone"
    )
