import math

import pytest

from brownout.control.toxiproxy.toxics import TYPES, Toxic, single
from brownout.faults import (
    Bandwidth,
    Disconnect,
    Duration,
    Fault,
    Latency,
    LimitData,
    Noop,
    Quota,
    Rate,
    Reset,
    Share,
    Size,
    Slicer,
    SlowClose,
    Spec,
    Timeout,
    Trigger,
)
from brownout.faults.tcp.toxic import ResetPeer, ResetPeerUpstream, TimeoutThatEnds
from brownout.testing.conformance import check_fault

ENORMOUS = 2**63 - 1

ms, KBs = (lambda n: Duration(n / 1000)), (lambda n: Rate(n * 1000))

WORDS: list[tuple[str, dict[str, int], Fault]] = [
    ("latency", {"latency": 100, "jitter": 10}, Latency(latency=ms(100), jitter=ms(10))),
    ("latency", {"latency": 0, "jitter": 0}, Latency(latency=ms(0))),
    ("bandwidth", {"rate": 32}, Bandwidth(rate=KBs(32))),
    ("bandwidth", {"rate": 0}, Bandwidth(rate=Rate(0))),
    ("slow_close", {"delay": 500}, SlowClose(delay=ms(500))),
    ("timeout", {"timeout": 250}, TimeoutThatEnds(timeout=ms(250))),
    ("timeout", {"timeout": 0}, TimeoutThatEnds()),
    ("reset_peer", {"timeout": 40}, ResetPeer(delay=ms(40))),
    (
        "slicer",
        {"average_size": 64, "size_variation": 32, "delay": 10},
        Slicer(average_size=Size(64), size_variation=Size(32), delay=Duration(10 * 1e-6)),
    ),
    ("slicer", {"average_size": 0, "size_variation": 0, "delay": 0}, Slicer(average_size=Size(0))),
    ("limit_data", {"bytes": 1024}, LimitData(bytes=Size(1024))),
    ("noop", {}, Noop()),
]


@pytest.mark.parametrize(("kind", "attributes", "fault"), WORDS)
def test_a_toxic_is_a_fault_and_the_fault_that_toxic(kind: str, attributes: dict[str, int], fault: Fault) -> None:
    toxic = Toxic("t", kind, "downstream", 1.0, attributes)

    assert toxic.spec() == Spec(fault, name="t")
    assert Toxic.of(Spec(fault, name="t")) == toxic


@pytest.mark.parametrize(
    ("kind", "fault", "attributes"),
    [("reset_peer", Reset(delay=ms(40)), {"timeout": 40}), ("timeout", Timeout(timeout=ms(9)), {"timeout": 9})],
)
def test_a_fault_of_ours_with_the_same_words_is_a_toxic_too(
    kind: str, fault: Fault, attributes: dict[str, int]
) -> None:
    toxic = Toxic.of(Spec(fault, name="t"))

    assert toxic == Toxic("t", kind, "downstream", 1.0, attributes)
    assert toxic.spec().to_mapping() == Spec(fault, name="t").to_mapping()


@pytest.mark.parametrize(
    ("kind", "attributes", "fault"),
    [
        ("latency", {"latency": -5, "jitter": -1}, Latency(latency=ms(0))),
        ("latency", {"latency": ENORMOUS, "jitter": 0}, Latency(latency=Duration(1e9))),
        ("bandwidth", {"rate": -1}, Bandwidth(rate=Rate(0))),
        ("bandwidth", {"rate": ENORMOUS}, Bandwidth(rate=Rate(1e15))),
        ("slow_close", {"delay": -1}, SlowClose(delay=ms(0))),
        ("timeout", {"timeout": -1}, TimeoutThatEnds()),
        ("reset_peer", {"timeout": -1}, ResetPeer()),
        ("slicer", {"average_size": -1, "size_variation": 7, "delay": -1}, Slicer(average_size=Size(0))),
        (
            "slicer",
            {"average_size": 1, "size_variation": 400, "delay": ENORMOUS},
            Slicer(average_size=Size(1), delay=Duration(1e9)),
        ),
        ("limit_data", {"bytes": -1}, LimitData(bytes=Size(0))),
        ("limit_data", {"bytes": ENORMOUS}, LimitData(bytes=Size(10**15))),
    ],
)
def test_attributes_without_sense_act_as_the_nearest_and_are_kept(
    kind: str, attributes: dict[str, int], fault: Fault
) -> None:
    toxic = Toxic.make(kind, attributes)

    assert toxic.spec().fault == fault
    assert toxic.answer()["attributes"] == attributes


@pytest.mark.parametrize(
    "spec",
    [
        Spec(Disconnect(), name="t"),
        Spec(Reset(bytes=Size(3)), name="t"),
        Spec(Latency(latency=ms(1)), stream="both", name="t"),
        Spec(Latency(latency=ms(1)), Trigger(quota=Quota(1, 2)), name="t"),
        Spec(Latency(latency=ms(1)), Trigger(times=1), name="t"),
        Spec(Latency(latency=ms(1)), Trigger(for_=ms(1)), name="t"),
        Spec(Latency(latency=ms(1), jitter=ms(1), distribution="normal"), name="t"),
        Spec(Latency(latency=ms(1), correlation=Share(0.5)), name="t"),
        Spec(Latency(latency=Duration(0.0015)), name="t"),
        Spec(Bandwidth(rate=KBs(1), burst=Size(1)), name="t"),
        Spec(Bandwidth(rate=KBs(1), shared=True), name="t"),
        Spec(Bandwidth(rate=Rate(1500)), name="t"),
        Spec(Timeout(timeout=ms(0)), name="t"),
    ],
    ids=lambda spec: str(spec.to_mapping()),
)
def test_what_toxiproxy_has_no_words_for_is_no_toxic(spec: Spec) -> None:
    assert Toxic.of(spec) is None


def test_every_number_of_milliseconds_comes_back() -> None:
    for number in range(2000):
        given = Spec.parse({"fault": "latency", "latency": f"{number / 1000}s", "name": "t"})
        assert Toxic.of(given) == Toxic("t", "latency", "downstream", 1.0, {"latency": number, "jitter": 0})


@pytest.mark.parametrize(
    ("toxicity", "probability"),
    [(1.0, None), (5.0, None), (0.5, Share(0.5)), (0.0, Share(0)), (-1.0, Share(0)), (0.1, Share(0.1))],
)
def test_toxicity_is_a_probability(toxicity: float, probability: Share | None) -> None:
    toxic = Toxic.make("noop", toxicity=toxicity)

    assert toxic.spec().trigger == Trigger(probability=probability)
    assert toxic.answer()["toxicity"] == toxicity


def test_a_probability_is_a_toxicity() -> None:
    toxic = Toxic.of(Spec.parse({"fault": "noop", "name": "t", "probability": "30%"}))

    assert toxic is not None
    assert toxic.toxicity == 0.3


def test_the_stream_is_kept_as_it_is_spelled() -> None:
    toxic = Toxic.make("latency", stream="UPSTREAM")

    assert (toxic.name, toxic.stream, toxic.direction) == ("latency_UPSTREAM", "UPSTREAM", "upstream")
    assert toxic.spec().stream == "upstream"


def test_reset_peer_acts_on_its_stream() -> None:
    toxic = Toxic.make("reset_peer", stream="upstream")

    assert toxic.spec().fault == ResetPeerUpstream()
    assert (toxic.stream, toxic.spec().streams()) == ("upstream", ("upstream",))
    assert Toxic.of(toxic.spec()) == toxic


def test_all_attributes_are_there_and_no_others() -> None:
    toxic = Toxic.make("latency", {"jitter": 3, "foo": 1})

    assert list(toxic.attributes.items()) == [("latency", 0), ("jitter", 3)]
    assert list(toxic.answer()) == ["attributes", "name", "type", "stream", "toxicity"]


def test_a_change_merges() -> None:
    toxic = Toxic.make("latency", {"latency": 100, "jitter": 10}, toxicity=0.5)

    assert toxic.changed({"latency": 200, "foo": 1}, None) == toxic._replace(attributes={"latency": 200, "jitter": 10})
    assert toxic.changed({}, 0.25) == toxic._replace(toxicity=0.25)


def test_toxicity_is_a_32_bit_float() -> None:
    assert single(0.123456789) == 0.12345679
    assert [single(number) for number in (1.0, 0.1, 0.99, -1.0, 0.0, 3.4028235e38)] == [
        1.0, 0.1, 0.99, -1.0, 0.0, 3.4028235e38,
    ]  # fmt: skip
    with pytest.raises(OverflowError):
        single(1e39)
    with pytest.raises(OverflowError):
        single(math.inf)


def test_every_type_has_its_attributes() -> None:
    assert {kind: list(sort.attributes) for kind, sort in TYPES.items()} == {
        "latency": ["latency", "jitter"],
        "bandwidth": ["rate"],
        "slow_close": ["delay"],
        "timeout": ["timeout"],
        "reset_peer": ["timeout"],
        "slicer": ["average_size", "size_variation", "delay"],
        "limit_data": ["bytes"],
        "noop": [],
    }


@pytest.mark.parametrize("fault", [ResetPeer(), ResetPeer(delay=ms(40)), ResetPeerUpstream(), TimeoutThatEnds()])
def test_what_only_toxics_mean_keeps_to_what_every_fault_must(fault: Fault) -> None:
    check_fault(fault)
