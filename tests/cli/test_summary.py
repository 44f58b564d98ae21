"""What a run says of its faults at the end: each kind of line, and what --strict fails on."""

from __future__ import annotations

from collections.abc import Sequence

from brownout.cli import summary
from brownout.faults import Spec
from brownout.proxy import Injection
from brownout.proxy.ledger import Asked, Ledger
from brownout.proxy.record.finding import Finding

NO_CONNECTION = Finding("no_connection", "no connection came", "let the service connect to 127.0.0.1:40001")
NO_TRAFFIC = Finding("no_traffic", "1 connection and not a byte")
NOBODY_REFUSED = Finding("nobody_refused", "nobody tried to connect while the port was closed", "let it connect")
SPARED = Finding("spared_by_chance", "spared by chance: 10% of 3 matches", "a quota hits exactly that many")


class Books:
    """A ledger, filled by hand."""

    def __init__(self) -> None:
        self.healed = Ledger()
        self.placed: list[tuple[Injection, Finding | None, int | None]] = []

    def add(
        self,
        source: str,
        counts: tuple[int, int, int] = (0, 0, 0),
        finding: Finding | None = None,
        *,
        name: str = "",
        proxy: str = "cache",
        profile: str = "",
        key: str = "",
        refused: int | None = None,
        healed: bool = False,
    ) -> None:
        spec = Spec.parse(source)
        spec = spec._replace(name=name or spec.fault.name)
        injection = Injection(spec, seed=7, proxy=proxy, profile=profile, key=key)
        injection.matched, injection.chosen, injection.fired = counts
        if healed:
            injection.finding, injection.refused = finding, refused
            self.healed.add(injection)
        else:
            self.placed.append((injection, finding, refused))

    def asked(self) -> Sequence[Asked]:
        return self.healed.asked(self.placed)

    def lines(self) -> list[str]:
        return summary.lines(self.asked())


def test_a_run_without_faults_says_so() -> None:
    books = Books()
    assert (books.lines(), summary.verdict(books.asked()), summary.warnings(books.asked())) == (
        ["nothing was injected"], "", [],
    )  # fmt: skip


def test_an_injection_by_itself_has_its_counts() -> None:
    books = Books()
    books.add("latency:1s", (3, 3, 2))
    books.add("reset", (10, 4, 4), proxy="orders")
    assert books.lines() == [
        "latency on cache  matched 3, fired 2",
        "reset on orders   matched 10, chosen 4, fired 4",
    ]  # fmt: skip
    assert summary.verdict(books.asked()) == ""


def test_a_noop_is_no_reason_to_fail() -> None:
    books = Books()
    books.add("noop", (3, 3, 0))
    assert books.lines() == ["noop on cache  matched 3, fired 0"]
    assert summary.verdict(books.asked()) == ""


def test_an_injection_that_did_nothing_says_why_and_what_to_do() -> None:
    books = Books()
    books.add("latency:1s", finding=NO_CONNECTION)
    books.add("reset", (1, 1, 0), NO_TRAFFIC, proxy="db")
    assert books.lines() == [
        "latency on cache  nothing fired: no connection came; let the service connect to 127.0.0.1:40001",
        "reset on db       nothing fired: 1 connection and not a byte",
    ]
    assert summary.verdict(books.asked()) == (
        "exit 3, nothing fired: latency on cache (no connection came); reset on db (1 connection and not a byte)"
    )


def test_a_profile_of_which_all_fired_is_a_line_for_each_proxy() -> None:
    books = Books()
    for proxy in ("cache", "orders"):
        books.add("latency:1s", (3, 3, 3), proxy=proxy, profile="slow", key="*")
        books.add("reset", (3, 1, 1), proxy=proxy, profile="slow", key="*")
    assert books.lines() == ["slow on cache   fired: 2 of 2 injections", "slow on orders  fired: 2 of 2 injections"]
    assert summary.verdict(books.asked()) == ""


def test_a_key_that_met_no_proxy_is_a_line_and_a_reason_to_fail() -> None:
    unmet = Finding("protocol_unknown", "no proxy is known to carry redis", "give it another upstream")
    asked = [Asked("slow", "redis:", (), unmet)]
    assert summary.lines(asked) == [
        "slow on redis:  nothing fired: no proxy is known to carry redis; give it another upstream"
    ]
    assert summary.verdict(asked) == "exit 3, nothing fired: slow on redis: (no proxy is known to carry redis)"
    assert summary.warnings(asked) == []


def test_a_profile_with_one_injection_has_its_counts() -> None:
    books = Books()
    books.add("latency:1s", (3, 3, 3), profile="slow", key="cache")
    assert books.lines() == ["slow on cache  matched 3, fired 3"]


def test_injections_of_a_profile_stand_below_it_where_they_differ() -> None:
    books = Books()
    books.add("latency:1s", (3, 3, 3), profile="slow", key="cache")
    books.add("reset", (3, 0, 0), SPARED, profile="slow", key="cache")
    books.add("refuse", profile="slow", key="cache", refused=1)
    assert books.lines() == [
        "slow on cache  fired: 1 of 3 injections",
        "  latency      matched 3, fired 3",
        "  reset        nothing fired: spared by chance: 10% of 3 matches; a quota hits exactly that many",
        "  refuse       unseen: 1 connection attempt failed on this machine meanwhile",
    ]
    assert (summary.verdict(books.asked()), summary.warnings(books.asked())) == ("", [])


def test_injections_of_a_profile_with_one_reason_are_one_line() -> None:
    books = Books()
    for fault in ("latency:1s", "reset"):
        books.add(fault, finding=NO_CONNECTION, profile="slow", key="cache")
    books.add("refuse", finding=NOBODY_REFUSED, profile="slow", key="cache")
    assert books.lines() == [
        "slow on cache  nothing fired: no connection came; let the service connect to 127.0.0.1:40001",
    ]
    assert summary.verdict(books.asked()) == "exit 3, nothing fired: slow on cache (no connection came)"


def test_a_profile_is_one_thing_on_all_proxies_of_a_key() -> None:
    books = Books()
    books.add("latency:1s", (3, 3, 3), profile="slow", key="*")
    books.add("latency:1s", finding=NO_CONNECTION, proxy="orders", profile="slow", key="*")
    books.add("reset", (1, 1, 0), NO_TRAFFIC, proxy="db", profile="broken", key="*")
    books.add("reset", finding=NO_CONNECTION, proxy="queue", profile="broken", key="*")
    assert books.lines() == [
        "slow on cache    matched 3, fired 3",
        "slow on orders   nothing fired: no connection came; let the service connect to 127.0.0.1:40001",
        "broken on db     nothing fired: 1 connection and not a byte",
        "broken on queue  nothing fired: no connection came; let the service connect to 127.0.0.1:40001",
    ]
    assert summary.verdict(books.asked()) == (
        "exit 3, nothing fired: broken on db, queue (1 connection and not a byte)"
    )


def test_what_nobody_sees_has_the_count_of_the_machine() -> None:
    books = Books()
    for refused, proxy in ((None, "a"), (1, "b"), (2, "c")):
        books.add("refuse", proxy=proxy, refused=refused)
    books.add("refuse", finding=NOBODY_REFUSED, proxy="d", refused=0)
    assert books.lines() == [
        "refuse on a  unseen: nobody can count what it refuses",
        "refuse on b  unseen: 1 connection attempt failed on this machine meanwhile",
        "refuse on c  unseen: 2 connection attempts failed on this machine meanwhile",
        "refuse on d  nothing fired: nobody tried to connect while the port was closed; let it connect",
    ]
    assert summary.verdict(books.asked()) == (
        "exit 3, nothing fired: refuse on d (nobody tried to connect while the port was closed)"
    )


def test_what_hangs_has_the_count_of_its_port() -> None:
    books = Books()
    books.add("unreachable", refused=1)
    books.add("unreachable", proxy="db", refused=3)
    assert books.lines() == [
        "unreachable on cache  unseen: 1 SYN dropped",
        "unreachable on db     unseen: 3 SYNs dropped",
    ]
    assert summary.verdict(books.asked()) == ""


def test_an_injection_that_was_placed_several_times_is_one_line() -> None:
    books = Books()
    for fired in (1, 1, 1):
        books.add("latency:1s", (2, 2, fired), healed=True)
    books.add("reset", (1, 1, 1), healed=True)
    books.add("reset", (1, 1, 0), NO_TRAFFIC, healed=True)
    books.add("reset", (1, 1, 0), NO_TRAFFIC)
    books.add("timeout", finding=NO_CONNECTION, healed=True)
    books.add("timeout", (1, 1, 0), NO_TRAFFIC, healed=True)
    assert books.lines() == [
        "latency on cache  matched 6, fired 3",
        "reset on cache    matched 3, fired 1 (2 of 3 times nothing)",
        "timeout on cache  nothing fired: 1 connection and not a byte (2 of 2 times nothing)",
    ]
    assert summary.verdict(books.asked()) == (
        "exit 3, nothing fired: reset on cache (2 of 3 times: 1 connection and not a byte); "
        "timeout on cache (1 connection and not a byte)"
    )


def test_other_settings_under_one_name_are_another_line() -> None:
    books = Books()
    books.add("latency:1s", (1, 1, 1), healed=True)
    books.add("latency:2s", (2, 2, 2))
    assert books.lines() == ["latency on cache  matched 1, fired 1", "latency on cache  matched 2, fired 2"]


def test_to_ask_changes_no_count() -> None:
    books = Books()
    books.add("latency:1s", (1, 1, 1), healed=True)
    books.add("latency:1s", (2, 2, 2))
    assert books.lines() == books.lines() == ["latency on cache  matched 3, fired 3"]


def test_a_proxy_that_two_keys_of_a_profile_mean_has_each_injection_once() -> None:
    books = Books()
    books.add("latency:1s", finding=NO_CONNECTION, profile="slow", key="*")
    books.add("latency:1s", (1, 1, 1), proxy="orders", profile="slow", key="*")
    books.add("reset", (1, 1, 0), NO_TRAFFIC, proxy="orders", profile="slow", key="orders")
    assert books.lines() == [
        "slow on cache   nothing fired: no connection came; let the service connect to 127.0.0.1:40001",
        "slow on orders  fired: 1 of 2 injections",
        "  latency       matched 1, fired 1",
        "  reset         nothing fired: 1 connection and not a byte",
    ]
    assert summary.verdict(books.asked()) == ""


def test_what_chance_spared_is_a_warning_and_no_failure() -> None:
    books = Books()
    books.add("reset", (3, 0, 0), SPARED, proxy="cache")
    for proxy in ("db", "queue"):
        books.add("reset", (3, 0, 0), SPARED, proxy=proxy, profile="unlucky", key="*")
    assert summary.verdict(books.asked()) == ""
    assert summary.warnings(books.asked()) == [
        "warning: reset on cache: spared by chance: 10% of 3 matches; a quota hits exactly that many",
        "warning: unlucky on db, queue: spared by chance: 10% of 3 matches; a quota hits exactly that many",
    ]


def test_lines_beyond_forty_are_counted() -> None:
    books = Books()
    for number in range(40):
        books.add("reset", (1, 1, 1), proxy=f"p{number:02}")
    assert books.lines() == [f"reset on p{number:02}  matched 1, fired 1" for number in range(40)]
    for number in range(40, 43):
        books.add("reset", (1, 1, 1), proxy=f"p{number:02}")
    assert books.lines()[39:] == ["reset on p39  matched 1, fired 1", "... and 3 more"]
