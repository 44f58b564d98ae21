"""The table of protocols, and those of other packages."""

import importlib.metadata

import pytest

from brownout.wire import protocols
from brownout.wire.address import Address, AddressError
from brownout.wire.http1 import HTTP, Http1
from brownout.wire.plugins import PluginError
from brownout.wire.protocol import Key, Protocol
from brownout.wire.protocols import PROTOCOLS, broken, canonical, dialect_of, find, keys_of, known

GROUP = "brownout.protocols"
NATTER = Protocol(
    "natter", 7001, aliases=("chat", "chat2"), keys=(Key("verb", "head", "The verb."),), dialect=Http1()
)  # fmt: skip


def test_what_comes_with_brownout() -> None:
    assert [(each.name, each.port) for each in PROTOCOLS.values()] == [
        ("tcp", None), ("auto", None), ("amqp", 5672), ("amqps", 5671), ("http", 80), ("https", 443), ("kafka", 9092), ("mongodb", 27017),
        ("mssql", 1433), ("mysql", 3306), ("nats", 4222),
        ("postgres", 5432), ("redis", 6379), ("rediss", 6379), ("smtp", 25), ("tls", None),
    ]  # fmt: skip
    assert {each.name: each.aliases for each in PROTOCOLS.values() if each.aliases} == {"postgres": ("postgresql",)}
    assert {each.name: each.encrypts for each in PROTOCOLS.values() if each.encrypts} == {
        "amqps": "amqp",
        "https": "http",
        "rediss": "redis",
    }
    assert known() == [
        "tcp", "auto", "amqp", "amqps", "http", "https", "kafka", "mongodb", "mssql", "mysql", "nats", "postgres", "postgresql", "redis", "rediss", "smtp", "tls",
    ]  # fmt: skip


def test_http_is_the_one_that_is_followed() -> None:
    assert find("http") is HTTP
    assert isinstance(dialect_of("http"), Http1)
    assert [each.name for each in PROTOCOLS.values() if each.dialect is not None] == ["http"]


def test_what_can_be_followed_can_be_matched() -> None:
    assert all(bool(each.keys) is (each.dialect is not None) for each in PROTOCOLS.values())


def test_every_key_has_a_meaning() -> None:
    assert all(key.meaning for each in PROTOCOLS.values() for key in each.keys)


def test_our_own_are_found_without_looking_for_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: pytest.fail(f"looked for {group}"))
    protocols.PLUGINS.forget()
    assert find("postgresql") is PROTOCOLS["postgres"]
    assert canonical("redis") == "redis"
    assert Address.upstream("amqp://h").port == 5672


def test_packages_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: looked.append(group) or ())
    protocols.PLUGINS.forget()
    assert [find("gopher"), find("gopher"), find("finger")] == [None, None, None]
    assert looked == [GROUP]
    protocols.PLUGINS.forget()


def test_one_of_another_package_is_used_like_ours(plug_in) -> None:
    plug_in(GROUP, "natter", NATTER)
    assert find("natter") is find("chat") is find("chat2") is NATTER
    assert canonical("chat2") == "natter"
    assert dialect_of("chat") is NATTER.dialect
    assert keys_of("chat") == NATTER.keys
    assert known()[-3:] == ["natter", "chat", "chat2"]
    address = Address.upstream("chat://u:p@h/x")
    assert (address.scheme, address.protocol, address.endpoint) == ("chat", "natter", "h:7001")
    assert address.url_at(Address("127.0.0.1", 5555)) == "chat://u:p@127.0.0.1:5555/x"


def test_a_name_comes_before_another_packages_alias(plug_in) -> None:
    plug_in(GROUP, "natter", NATTER)
    plug_in(GROUP, "chat", chat := Protocol("chat", 9))
    assert find("chat") is chat
    assert find("chat2") is NATTER


def test_a_name_that_nothing_bears() -> None:
    assert find("gopher") is None
    assert canonical("gopher") == "gopher"
    assert (dialect_of("gopher"), keys_of("gopher")) == (None, ())


BROKEN = [
    ("gone", None, "the protocol gone of other_package:the_gone cannot be loaded: ", "fix or remove that package"),
    ("number", 3, "the protocol number of other_package:the_number is not a Protocol: 3",
     "it must be a brownout.wire.protocol.Protocol"),
    ("klass", Protocol, "the protocol klass of other_package:the_klass is not a Protocol: ",
     "it must be a brownout.wire.protocol.Protocol"),
    ("otherwise", NATTER, "the protocol otherwise of other_package:the_otherwise calls itself 'natter'",
     "its name must be that of its entry point"),
    ("text", Protocol("text", aliases="txt"), "the protocol text of other_package:the_text has aliases that are not a tuple: 'txt'",
     "write aliases=('NAME',)"),
    ("alias", Protocol("alias", aliases=("postgresql",)),
     "the protocol alias of other_package:the_alias has the name 'postgresql', which is Brownout's own", "choose another name"),
    ("sock", Protocol("sock", aliases=("unix",)),
     "the protocol sock of other_package:the_sock has the name 'unix', which is Brownout's own", "choose another name"),
    ("A_b", Protocol("A_b"), "the protocol A_b of other_package:the_A_b has a name that cannot be the scheme of a URL: 'A_b'",
     "take a-z and 0-9"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "thing", "message", "hint"), BROKEN, ids=[each[0] for each in BROKEN])
def test_a_broken_one_is_said_and_the_others_work(plug_in, name: str, thing: object, message: str, hint: str) -> None:
    plug_in(GROUP, name, thing)
    plug_in(GROUP, "natter", NATTER)
    for ask in (find, dialect_of, keys_of):
        with pytest.raises(PluginError) as caught:
            ask(name)
        assert caught.value.message.startswith(message)
        assert caught.value.hint == hint
    assert canonical(name) == name
    assert [error.message for error in broken()] == [caught.value.message]
    assert find("chat") is NATTER
    assert find("postgresql") is PROTOCOLS["postgres"]


def test_ours_cannot_be_replaced(plug_in) -> None:
    plug_in(GROUP, "http", Protocol("http", 81))
    plug_in(GROUP, "postgresql", Protocol("postgresql", 81))
    assert find("http") is HTTP
    assert find("postgresql") is PROTOCOLS["postgres"]
    assert known()[-1] == "tls"
    assert [error.message for error in broken()] == [
        "the protocol http of other_package:the_http has the name 'http', which is Brownout's own",
        "the protocol postgresql of other_package:the_postgresql has the name 'postgresql', which is Brownout's own",
    ]


def test_an_address_of_a_broken_one_says_why(plug_in) -> None:
    plug_in(GROUP, "number", 3)
    with pytest.raises(PluginError, match="is not a Protocol: 3"):
        Address.upstream("number://h:1")


def test_an_unknown_scheme_proposes_other_packages_and_says_which_are_broken(plug_in) -> None:
    plug_in(GROUP, "natter", NATTER)
    plug_in(GROUP, "number", 3)
    with pytest.raises(AddressError) as caught:
        Address.upstream("nattr://h:1")
    assert caught.value.hint == (
        "did you mean natter://? known: tcp, auto, amqp, amqps, http, https, kafka, mongodb, mssql, mysql, nats, postgres, postgresql, redis, rediss, "
        "smtp, tls, natter, chat, chat2; the protocol number of other_package:the_number is not a Protocol: 3"
    )
