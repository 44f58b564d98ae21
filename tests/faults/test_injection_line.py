import shlex

from brownout.faults import Spec, injection_line
from brownout.faults.injection_line import fault_and_settings


def test_settings_are_written_as_the_command_line_has_them() -> None:
    injection = {
        "fault": "bandwidth", "name": "slow", "stream": "downstream", "rate": "1MB/s", "shared": True,
        "quota": "3 of 10", "probability": None, "receipt": {},
    }  # fmt: skip
    assert injection_line.settings(injection) == "rate=1MB/s shared=true quota='3 of 10' probability=none"


def test_settings_of_more_than_one_value_are_written_as_the_command_line_takes_them() -> None:
    injection = {"fault": "http.header", "name": "x", "remove": ["a", "b"], "set": {"A": "it's"}, "message": "request"}
    line = injection_line.settings(injection)
    assert line == """remove='["a","b"]' set='{"A":"it'"'"'s"}' message=request"""
    words = dict(word.split("=", 1) for word in shlex.split(line))
    expected = Spec.parse({key: value for key, value in injection.items() if key != "name"})
    assert Spec.parse({"fault": "http.header", **words}, text=True) == expected
    assert injection_line.settings({"fault": "noop", "name": "noop", "stream": "both"}) == "stream=both"


def test_of_a_long_setting_the_first_200_characters_are_written() -> None:
    for length, end in ((200, ""), (201, "...")):
        injection = {"fault": "http.status", "name": "x", "body": "a" * length}
        assert injection_line.settings(injection) == f"body={'a' * 200}{end}"


def test_a_match_comes_last_in_words() -> None:
    match = {"method": "POST", "path": "/charge*", "header.x": "a b", "query": "", "body": "a\n\x1b[1m\N{SNOWMAN}"}
    injection = {"fault": "http.status", "name": "a", "match": match, "status": 503}
    assert injection_line.settings(injection) == (
        "status=503 match: method=POST path=/charge* header.x='a b' query='' body=a\\n\\x1b[1m\N{SNOWMAN}"
    )
    assert injection_line.settings({"fault": "http.hang", "name": "a", "match": {"path": "/"}}) == "match: path=/"


def test_a_fault_is_told_where_the_name_does_not_tell_it() -> None:
    injection = {"fault": "latency", "latency": "1s"}
    for name, said in (("latency", False), ("latency-2", False), ("latency-of-db", True), ("slow", True)):
        expected = "latency latency=1s" if said else "latency=1s"
        assert fault_and_settings({**injection, "name": name}) == expected
    assert fault_and_settings({"fault": "noop", "name": "x"}) == "noop"
