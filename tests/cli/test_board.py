from brownout.cli.board import Rates, with_addresses, with_rates
from brownout.control.views import ProxyView


def view(name: str, **more: object) -> ProxyView:
    known = {
        "name": name, "listen": "127.0.0.1:0", "address": "127.0.0.1:40000", "upstream": "redis://127.0.0.1:6379",
        "protocol": "redis", "enabled": True, "trouble": None, "connections": {"open": 1, "total": 12},
        "bytes": {"upstream": 1234, "downstream": 5_000_000}, "turns": 345, "errors": {}, "callers": [], "injections": [],
    }  # fmt: skip
    return known | more


def injection(fault: str, name: str, **settings: object) -> dict[str, object]:
    receipt = {
        "matched": 10, "chosen": 4, "fired": 3, "untouched_total": 0, "active": True, "unseen": False, "refused": None,
        "cause": "", "waits_for": "",
    }  # fmt: skip
    return {"fault": fault, "name": name, **settings, "receipt": receipt}


VIEWS = [
    view("redis", injections=[injection("latency", "latency-2", latency="1s"), injection("reset", "mine")]),
    view("a-long-name", address=None, enabled=False, errors={"dial_refused": 3, "accept_failed": 1}),
]


def test_what_is_not_met_yet_has_no_address() -> None:
    waiting = view("postgres", address=None, enabled=False, upstream="not met yet", protocol="auto")
    assert with_addresses([waiting], 200)[1].text.split("  ")[:2] == ["postgres", "not met yet"]


def test_the_board_shows_addresses() -> None:
    assert [tuple(line) for line in with_addresses(VIEWS, 200)] == [
        ("PROXY        LISTEN -> UPSTREAM                         CONNECTIONS  TURNS     SENT  RECEIVED", "head"),
        ("redis        127.0.0.1:40000 -> redis://127.0.0.1:6379         1/12    345  1.23 KB   5.00 MB", "proxy"),
        ("  latency-2  matched 10, chosen 4, fired 3  latency=1s", "fault"),
        ("  mine       matched 10, chosen 4, fired 3  reset", "fault"),
        ("a-long-name  disabled -> redis://127.0.0.1:6379                1/12    345  1.23 KB   5.00 MB", "off"),
        ("  dial refused: 3, accept failed: 1", "wrong"),
    ]


def test_the_board_shows_which_protocol_was_learnt() -> None:
    unknown = view("db", upstream="auto://127.0.0.1:6379", protocol="auto")
    shown = [with_addresses([each], 200)[1].text for each in (unknown, view("db", upstream=unknown["upstream"]))]
    assert [text.partition("  ")[2].strip().partition("  ")[0] for text in shown] == [
        "127.0.0.1:40000 -> auto://127.0.0.1:6379",
        "127.0.0.1:40000 -> auto://127.0.0.1:6379 (redis)",
    ]


def test_the_board_says_which_proxy_does_not_listen_though_it_should() -> None:
    troubled = view("redis", trouble="127.0.0.1:40000 is in use")
    assert with_addresses([troubled], 200)[-1] == ("  does not listen: 127.0.0.1:40000 is in use", "wrong")


def test_the_board_shows_a_match() -> None:
    match = {"method": "POST", "path": "/charge*"}
    faults = [injection("http.status", name, status=503, match=match) for name in ("http.status", "mine")]
    assert [line.text for line in with_addresses([view("api", injections=faults)], 200)[2:]] == [
        "  http.status  matched 10, chosen 4, fired 3  status=503 match: method=POST path=/charge*",
        "  mine         matched 10, chosen 4, fired 3  http.status status=503 match: method=POST path=/charge*",
    ]


def test_a_narrow_terminal_cuts_the_upstream_and_no_figure() -> None:
    lines = [line.text for line in with_addresses(VIEWS, 77)]
    assert lines[1] == "redis        127.0.0.1:40000 -> redis…         1/12    345  1.23 KB   5.00 MB"
    assert max(map(len, lines)) == 77


def test_the_board_shows_rates_in_columns_that_stand_still() -> None:
    busy = with_rates(VIEWS, {"redis": Rates(0, 123_456)})
    assert busy[0].text == "PROXY        CONNECTIONS  TURNS      SENT     SENT/S  RECEIVED  RECEIVED/S"
    assert busy[1].text == "redis               1/12    345   1.23 KB          -   5.00 MB    123 KB/s"
    assert len(with_rates(VIEWS, {})[0].text) == len(busy[0].text)


def test_a_fault_that_picks_among_turns_says_so() -> None:
    lines = with_addresses([view("redis", injections=[injection("reset", "reset", per="turn")])], 200)
    assert lines[2].text == "  reset  matched 10 turns, chosen 4, fired 3  per=turn"


def test_what_a_toxiproxy_does_not_count_is_a_dash() -> None:
    unknown = view("redis", connections=None, bytes=None, turns=None)
    assert with_addresses([unknown], 200)[1].text.split()[-4:] == ["-", "-", "-", "-"]


def test_the_board_shows_who_connects_where_that_is_asked_for() -> None:
    callers = [
        {
            "program": "python orders.py",
            "container": "3f2a8c1d9e0b",
            "worker": "",
            "connections": 1,
            "sent": 1234,
            "received": 0,
        },
        {"program": "psql", "container": "", "worker": "gw0", "connections": 12, "sent": 5, "received": 5_000_000},
    ]
    views = [view("redis", callers=callers, injections=[injection("reset", "mine")])]
    shown = [
        ("  by python orders.py (3f2a8c1d9e0b)    1 connection  sent 1.23 KB      received 0 B", "caller"),
        ("  by psql (gw0)                       12 connections      sent 5 B  received 5.00 MB", "caller"),
    ]
    for board in (with_addresses(views, 200, callers=True), with_rates(views, {}, callers=True)):
        assert [tuple(line) for line in board[2:4]] == shown
        assert [line.style for line in board] == ["head", "proxy", "caller", "caller", "fault"]
    assert [line.style for line in with_rates(views, {})] == ["head", "proxy", "fault"]
