"""Operations of a proxy are counted apart, up to a bound."""

from brownout.proxy.record.tally import Operations


def test_exchanges_are_counted_by_operation_and_outcome() -> None:
    operations = Operations()
    operations.count("GET /", "2xx", 0.003)
    operations.count("GET /", "2xx", 100.0)
    operations.count("GET /", "reset", 0.5)
    operations.count("POST /", "5xx", 0.002)
    tally = operations.tallies["GET /"]
    assert tally.outcomes == {"2xx": 2, "reset": 1}
    assert tally.seconds.counts == [0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert tally.seconds.sum == 100.503
    assert operations.tallies["POST /"].outcomes == {"5xx": 1}


def test_after_a_hundred_operations_new_ones_are_others() -> None:
    operations = Operations()
    for number in range(100):
        operations.count(f"GET /{number}", "2xx", 0.1)
    for number in range(90, 110):
        operations.count(f"GET /{number}", "5xx", 0.1)
    assert len(operations.tallies) == 101
    assert operations.tallies["GET /99"].outcomes == {"2xx": 1, "5xx": 1}
    assert operations.tallies["others"].outcomes == {"5xx": 10}


def test_a_name_is_known_from_when_it_was_asked_for() -> None:
    operations = Operations()
    names = [operations.name(f"GET /{number}") for number in range(102)]
    assert names == [*(f"GET /{number}" for number in range(100)), "others", "others"]
    assert [operations.name(name) for name in ("GET /0", "GET /101", "others")] == ["GET /0", "others", "others"]
    operations.count("GET /0", "2xx", 0.1)
    assert operations.tallies["GET /0"].outcomes == {"2xx": 1}
