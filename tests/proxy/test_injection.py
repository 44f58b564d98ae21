"""The counts of an injection: each connection once, however often it could not be touched."""

from brownout.faults import Latency, Spec
from brownout.proxy.shaping.injection import UNTOUCHED_SHOWN, Injection


class Connection:
    """A target with a number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True
        self.client_left = False


def test_an_untouched_connection_counts_once_also_behind_those_that_are_shown() -> None:
    injection = Injection(Spec(Latency(latency="1s"), name="late"), seed=1, proxy="p")
    connections = [Connection(number) for number in range(1, UNTOUCHED_SHOWN + 3)]
    for connection in [*connections, connections[0], connections[-1], connections[-1]]:
        injection.record_untouched(connection)
    assert injection.untouched_total == UNTOUCHED_SHOWN + 2
    assert injection.untouched == list(range(1, UNTOUCHED_SHOWN + 1))


def test_nothing_is_kept_of_a_connection_that_has_ended() -> None:
    injection = Injection(Spec(Latency(latency="1s"), name="late"), seed=1, proxy="p")
    connection = Connection(1)
    assert injection.chooses(connection)
    injection.record_fired(connection)
    injection.record_fired(connection)
    injection.record_untouched(connection)
    injection.forget(connection)
    assert (injection.hits, injection._untouched) == ({}, set())
    assert (injection.fired, injection.untouched) == (1, [1])
