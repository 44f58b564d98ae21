"""An injection as users write it: every wrong key is reported at once, with what would be right."""

import pytest

from brownout.faults import CATALOGUE, Bandwidth, Duration, Latency, Quota, Rate, Share, Spec, Timeout, Trigger
from brownout.faults.match import Match
from brownout.faults.settings import Settings, SettingsError, convert, fields, unknown
from brownout.faults.spec import RESERVED, match_keys
from brownout.wire.http1 import HTTP

TURNS = "leave per out; it is for latency, drip, slicer, corrupt, reset, disconnect"


def problems(source: object, *, text: bool = False) -> list[tuple[str, str, str]]:
    with pytest.raises(SettingsError) as caught:
        Spec.parse(source, text=text)
    return [tuple(problem) for problem in caught.value.problems]


def test_a_mapping_says_it_all() -> None:
    given = {
        "fault": "latency", "name": "slow", "stream": "both", "latency": "300ms", "jitter": "50ms",
        "probability": "30%", "for": "10s",
    }  # fmt: skip
    spec = Spec.parse(given)
    assert spec == Spec(
        Latency(latency=Duration(0.3), jitter=Duration(0.05)),
        Trigger(probability=Share(0.3), for_=Duration(10)),
        "both",
        "slow",
    )
    assert spec.to_mapping() == given


def test_the_short_form_sets_the_first_field() -> None:
    assert Spec.parse("latency:5s") == Spec(Latency(latency=Duration(5)))
    assert Spec.parse("bandwidth: 10KB/s").fault == Bandwidth(rate=Rate(10_000))
    assert Spec.parse("timeout").fault == Timeout()


def test_text_of_a_command_line_is_read_by_the_type_of_its_field() -> None:
    given = {"fault": "bandwidth", "rate": "10KB/s", "shared": "true", "times": "3", "quota": "3 of 10"}
    spec = Spec.parse(given, text=True)
    assert spec.fault == Bandwidth(rate=Rate(10_000), shared=True)
    assert spec.trigger == Trigger(times=3, quota=Quota(3, 10))
    assert Spec.parse({"fault": "timeout", "timeout": "none"}, text=True).fault == Timeout()


def test_all_problems_come_at_once() -> None:
    given = {
        "fault": "latency", "latancy": 300, "probabilty": "3%", "jitter": 5, "times": "x", "distribution": "norml",
        "stream": "up", "every": 0, "match": {},
    }  # fmt: skip
    assert problems(given) == [
        ("match", "match picks requests of a protocol; this fault acts on bytes", "leave match out"),
        ("stream", "unknown stream 'up'", "upstream (to the server), downstream or both"),
        ("every", "every: 0 is not right", "every is a number, 1 or more"),
        ("times", "times: 'x' is not right", "times is a number, 1 or more"),
        ("latancy", "unknown setting 'latancy'", "did you mean latency?"),
        ("probabilty", "unknown setting 'probabilty'", "did you mean probability?"),
        ("jitter", "jitter: 5 has no unit", "a duration is written like 5ms or 5s"),
        (
            "distribution",
            "distribution: 'norml' is not one of uniform, normal, lognormal, pareto",
            "did you mean normal?",
        ),
        ("latency", "latency is missing", "latency is a duration"),
    ]


@pytest.mark.parametrize(
    ("source", "key", "message", "hint"),
    [
        ("latncy", "fault", "unknown fault 'latncy'", "did you mean latency?"),
        ("noop:3", "fault", "noop has no settings", "write noop"),
        ({"latency": "3s"}, "fault", "no fault is named", "write fault: latency, or another fault"),
        ({"fault": "reset", "stream": "both"}, "stream", "reset acts on the whole connection", "leave stream out"),
        ({"fault": "noop", "name": 3}, "name", "name: 3 is not text", "a name is text"),
        (
            {"fault": "bandwidth", "rate": "1KB/s", "shared": "yes"},
            "shared", "shared: 'yes' is not right", "shared is true or false",
        ),
        (
            {"fault": "noop", "probability": "3%", "quota": "3 of 10"},
            "", "probability and quota exclude each other", "give one of them",
        ),
        (
            {"fault": "slicer", "average_size": "10B", "size_variation": "10B"},
            "", "slices of 10B varied by 10B could be empty",
            "size_variation must be smaller than average_size",
        ),
        (
            {"fault": "latency", "latency": "0ms", "jitter": "1s", "distribution": "pareto"},
            "", "pareto needs a latency above 0", "give latency=100ms, or use uniform",
        ),
    ],
)  # fmt: skip
def test_one_problem(source: object, key: str, message: str, hint: str) -> None:
    assert problems(source) == [(key, message, hint)]


def test_a_change_keeps_the_rest_and_refuses_what_cannot_change() -> None:
    spec = Spec.parse({"fault": "latency", "latency": "3s", "jitter": "1s", "times": 4})
    changed = spec.changed({"latency": "5s", "probability": "10%"})
    assert changed.to_mapping() == {
        "fault": "latency", "name": "", "stream": "downstream", "latency": "5s", "jitter": "1s", "times": 4,
        "probability": "10%",
    }  # fmt: skip
    with pytest.raises(SettingsError) as caught:
        spec.changed({"stream": "both", "for": "3s", "latensy": "1s"})
    assert [problem.key for problem in caught.value.problems] == ["stream", "for", "latensy"]


POSTS = {"fault": "http.status", "status": 503, "match": {"method": "POST", "path": "/charge*"}}


def test_a_match_says_which_requests_an_exchange_fault_is_for() -> None:
    spec = Spec.parse(POSTS)
    assert spec.match == Match.parse("http", {"path": "/charge*", "method": "POST"})
    assert spec.to_mapping() == {"name": "", **POSTS}
    assert Spec.parse(spec.to_mapping()) == spec
    assert Spec.parse({**POSTS, "status": "503"}, text=True) == spec
    assert hash(spec) != hash(Spec.parse("http.status:503"))
    assert Spec.parse("http.status:503").match is None
    assert Spec.parse({**POSTS, "match": None}).match is None
    assert "match" not in Spec.parse("http.status:503").to_mapping()


def test_a_changed_match_takes_the_place_of_all_of_it() -> None:
    spec = Spec.parse(POSTS)
    changed = spec.changed({"match": {"header.X": "1"}})
    assert changed.to_mapping() == {"name": "", **POSTS, "match": {"header.X": "1"}}
    assert spec.changed({"match": None}) == Spec.parse("http.status:503")
    assert spec.changed({"status": 500}).match == spec.match
    with pytest.raises(SettingsError) as caught:
        spec.changed({"match": {"pth": "/"}, "staus": 500})
    assert [problem.key for problem in caught.value.problems] == ["staus", "match.pth"]
    with pytest.raises(SettingsError, match="match picks requests of a protocol"):
        Spec.parse("reset").changed({"match": {"path": "/"}})


LATE = ("match the request, or take a fault of replies, such as http.delay", "let it act on the reply")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ({**POSTS, "stream": "both"}, [("stream", "http.status acts on requests", "leave stream out")]),
        (
            {**POSTS, "match": {"status": 5, "path": "/", "reply_header.X": "*"}},
            [
                ("match.status", "match.status: http.status acts before there is a reply", LATE[0]),
                ("match.reply_header.X", "match.reply_header.X: http.status acts before there is a reply", LATE[0]),
            ],
        ),
        (
            {"fault": "http.delay", "delay": "1s", "delays": "request", "match": {"status": 200}},
            [("match.status", "match.status: http.delay as it is set acts before there is a reply", LATE[1])],
        ),
        (
            {"fault": "http.delay", "delay": 5, "match": {"pth": "/"}},
            [
                ("match.pth", "match.pth: unknown key", "did you mean path?"),
                ("delay", "delay: 5 has no unit", "a duration is written like 5ms or 5s"),
            ],
        ),
    ],
)
def test_a_match_that_its_fault_cannot_have(source: object, found: list[tuple[str, str, str]]) -> None:
    assert problems(source) == found


def test_a_change_that_leaves_a_match_on_the_reply_without_one_is_refused() -> None:
    spec = Spec.parse({"fault": "http.delay", "delay": "1s", "match": {"status": 200}})
    assert spec.match is not None
    assert [each.part for each in spec.match.conditions] == ["reply"]
    with pytest.raises(SettingsError, match=r"^match\.status: http\.delay as it is set acts before there is a reply"):
        spec.changed({"delays": "request"})
    assert spec.changed({"delays": "request", "match": {"path": "/"}}).fault.delays == "request"


def test_a_fault_takes_the_keys_that_are_known_when_it_acts() -> None:
    every = [key.name for key in HTTP.keys]
    assert [key.name for key in match_keys(CATALOGUE["http.delay"])] == every
    assert [key.name for key in match_keys(CATALOGUE["http.status"])] == every[:-2]
    assert match_keys(Latency) == ()


def test_a_fault_that_is_there_is_placed_by_the_reserved_keys() -> None:
    fault = Spec.parse("http.status:503").fault
    assert Spec.of(fault, {"match": {"path": "/a"}, "times": 3, "name": "x"}) == Spec(
        fault, Trigger(times=3), name="x", match=Match.parse("http", {"path": "/a"})
    )
    with pytest.raises(SettingsError) as caught:
        Spec.of(CATALOGUE["refuse"](), {"probability": "3%", "status": 500})
    assert [tuple(problem) for problem in caught.value.problems] == [
        ("probability", "refuse closes the port, so probability has nothing to count", "it takes only start and for"),
        ("status", "unknown setting 'status'", "did you mean start?"),
    ]


def test_no_fault_has_a_field_with_a_reserved_name_and_each_field_has_a_meaning() -> None:
    for fault in CATALOGUE.values():
        for field in fields(fault):
            assert field.name not in RESERVED
            assert field.meaning
    assert all(field.meaning for field in fields(Trigger))


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({f"s{n}": 1 for n in range(65)}, "there are 65 settings", "at most 64"),
        ({"times": 2**53 + 1}, "times: 9007199254740993 is too large", "at most 9007199254740992"),
        ({"times": 10**400}, f"times: 1{'0' * 400} is too large", "at most 9007199254740992"),
    ],
)
def test_every_number_has_a_bound(given: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "noop", **given})
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_the_largest_number_is_taken_and_a_negative_one_has_the_same_bound() -> None:
    class Offset(Settings, frozen=True):
        offset: int = 0

    assert Spec.parse({"fault": "noop", "times": 2**53}).trigger.times == 2**53
    assert convert(Offset, {"offset": -(2**53)}).offset == -(2**53)
    with pytest.raises(SettingsError, match="offset: -9007199254740993 is too large"):
        convert(Offset, {"offset": -(2**53) - 1})


def test_no_name_is_proposed_for_one_of_more_than_a_hundred_characters() -> None:
    known = "x" * 102
    assert unknown("setting", "x" * 100, [known]).hint == f"did you mean {known}?"
    assert unknown("setting", "x" * 101, [known]).hint == f"known: {known}"


def test_json_may_have_a_hundred_levels() -> None:
    def nested(levels: int) -> list[object]:
        value: list[object] = []
        for _ in range(levels - 1):
            value = [value]
        return value

    Spec.parse({"fault": "http.status", "status": 503, "json": nested(100)})
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "http.status", "status": 503, "json": nested(101)})
    assert caught.value.message == "json: it has more than 100 levels"
    with pytest.raises(SettingsError):
        Spec.parse({"fault": "http.status", "status": 503, "json": "[" * 100_000})


def test_a_fault_names_at_most_a_hundred_headers() -> None:
    for key, given in (("headers", {f"h{n}": "1" for n in range(101)}), ("headers", "a: 1\n" * 9)):
        spec = {"fault": "http.status", "status": 503, key: given}
        if isinstance(given, str):
            Spec.parse(spec)
            continue
        with pytest.raises(SettingsError) as caught:
            Spec.parse(spec)
        assert (caught.value.message, caught.value.hint) == ("there are 101 headers", "at most 100")


def test_an_error_shows_the_beginning_of_what_is_long() -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "x" * 900_000})
    (problem,) = caught.value.problems
    assert len(problem.message) < 2100
    assert problem.message.startswith("unknown fault 'xxxx")
    assert problem.message.endswith("... (900016 characters)")


def test_faults_that_act_on_single_turns_say_so_themselves() -> None:
    turns = {name for name, fault in CATALOGUE.items() if fault.acts_on_turns}
    assert turns == {"latency", "drip", "slicer", "corrupt", "reset", "disconnect"}
    spec = Spec.parse({"fault": "reset", "per": "turn", "quota": "3 of 10"})
    assert spec.to_mapping() == {"fault": "reset", "name": "", "per": "turn", "quota": "3 of 10"}
    assert Spec.parse(spec.to_mapping()) == spec
    assert "per" not in Spec.parse({"fault": "reset", "per": "connection"}).to_mapping()


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"fault": "timeout"}, "timeout acts on the connection", TURNS),
        ({"fault": "connect_delay", "delay": "1s"}, "connect_delay acts on the connection", TURNS),
        ({"fault": "http.status", "status": 503}, "http.status acts on single requests", TURNS),
        ({"fault": "refuse"}, "refuse closes the port, so per has nothing to count", "it takes only start and for"),
    ],
)
def test_the_other_faults_do_not_act_on_single_turns(given: dict[str, object], message: str, hint: str) -> None:
    assert problems({**given, "per": "turn"}) == [("per", message, hint)]


def test_what_a_fault_picks_cannot_change_and_is_one_of_two() -> None:
    with pytest.raises(SettingsError, match="per cannot change"):
        Spec.parse("reset").changed({"per": "turn"})
    assert problems({"fault": "reset", "per": "turns"}) == [
        ("per", "per: 'turns' is not one of connection, turn", "did you mean turn?")
    ]
