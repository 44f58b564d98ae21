import pytest

from brownout.cli import plan
from brownout.cli.environment import prefix
from brownout.cli.errors import CombinedError
from brownout.cli.plan import Entry
from brownout.wire.errors import BrownoutError


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("redis=redis://127.0.0.1:6379", ("redis", "127.0.0.1:0", "redis://127.0.0.1:6379")),
        ("a=127.0.0.1:1=127.0.0.1:2", ("a", "127.0.0.1:1", "127.0.0.1:2")),
        ("a=1234=127.0.0.1:2", ("a", "1234", "127.0.0.1:2")),
        ("a=[::1]:1=[::1]:2", ("a", "[::1]:1", "[::1]:2")),
        ("a=unix:///tmp/a=unix:///tmp/b", ("a", "unix:///tmp/a", "unix:///tmp/b")),
        ("db=postgres://h/db?sslmode=off&a=b", ("db", "127.0.0.1:0", "postgres://h/db?sslmode=off&a=b")),
        ("db=0.0.0.0:1=postgres://h/db?x=y", ("db", "0.0.0.0:1", "postgres://h/db?x=y")),
        ("db=redis://:p=w@h:1", ("db", "127.0.0.1:0", "redis://:p=w@h:1")),
        ("my db/1=h:1", ("my db/1", "127.0.0.1:0", "h:1")),
    ],
)
def test_a_proxy_is_name_listen_and_upstream(text: str, entry: tuple[str, str, str]) -> None:
    assert Entry.read(text) == entry


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("redis", "-p redis is not NAME=UPSTREAM"),
        ("redis=", "-p redis= is not NAME=UPSTREAM"),
        ("=h:1", "a name is empty"),
        ("a\tb=h:1", r"'a\tb' is not a name"),
        ("a=127.0.0.1=h:1", "'127.0.0.1' has no port"),
        ("a=127.0.0.1:99999=h:1", "99999 in '127.0.0.1:99999' is not a port"),
        ("a=redsi://h", "unknown scheme in 'redsi://h'"),
    ],
)
def test_what_is_wrong_with_a_proxy_is_said(text: str, message: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        Entry.read(text)
    assert caught.value.message == message


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(CombinedError) as caught:
        plan.make(["a=h:1", "a=h:2", "b", "c=redsi://h"], "unix:///tmp/api", None, ())
    assert [error.message for error in caught.value.errors] == [
        "two proxies are named 'a'",
        "-p b is not NAME=UPSTREAM",
        "unknown scheme in 'redsi://h'",
        "the API cannot listen at unix:///tmp/api",
    ]


def test_the_api_is_at_8474_and_with_a_command_at_a_free_port() -> None:
    assert plan.make(["a=h:1"], None, None, ()).api == "127.0.0.1:8474"
    assert plan.make([], None, None, ("true",)).api == "127.0.0.1:0"
    assert plan.make([], "127.0.0.1:1", None, ("true",)).api == "127.0.0.1:1"
    assert plan.make(["a=h:1"], "none", None, ()).api is None


def test_nothing_to_run_is_an_error() -> None:
    with pytest.raises(BrownoutError, match=r"^there is nothing to run$"):
        plan.make([], "none", None, ())


def test_names_that_collide_in_the_environment_are_an_error_for_a_command_alone() -> None:
    plan.make(["a-b=h:1", "a.b=h:2"], None, None, ())
    with pytest.raises(CombinedError) as caught:
        plan.make(["a-b=h:1", "a.b=h:2"], None, None, ("true",))
    assert str(caught.value) == "'a-b' and 'a.b' are both BROWNOUT_A_B in the command's environment"


def test_what_is_no_letter_or_digit_is_an_underscore() -> None:
    assert prefix("my-db.1/ü ß") == "BROWNOUT_MY_DB_1___SS"


def test_the_dial_time_out_needs_its_unit_and_some_length() -> None:
    assert plan.make(["a=h:1"], None, None, (), "300ms").dial == 0.3
    for text, message in (("3", "3 has no unit"), ("0", "would fail every link")):
        with pytest.raises(BrownoutError, match=message):
            plan.make(["a=h:1"], None, None, (), text)
