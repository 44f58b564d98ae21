"""An alias of a protocol is the protocol, wherever one is named; only an address keeps it as it was written."""

import asyncio

import jsonschema
import pytest

from brownout.control.toxiproxy.entries import Entry
from brownout.control.views import proxy_view
from brownout.faults.config.file import parse
from brownout.faults.config.schema import schema
from brownout.faults.exchange import ExchangeFault, protocol_mismatch
from brownout.faults.match import Match
from brownout.faults.profile import Target
from brownout.proxy import Fleet
from brownout.wire.address import Address
from brownout.wire.protocol import Key, Protocol
from brownout.wire.protocols import PROTOCOLS

NATTER = Protocol("natter", 7001, aliases=("chat",), keys=(Key("verb", "head", "The verb."),))
NATTERS = Protocol("natters", 7002, encrypts="natter")
NAMES = [(name, alias) for name, protocol in PROTOCOLS.items() for alias in protocol.aliases] + [("natter", "chat")]


def acting_on(spoken: str) -> ExchangeFault:
    class Fault(ExchangeFault, frozen=True):
        name = "fault"
        protocol = spoken

    return Fault()


@pytest.fixture(autouse=True)
def other_packages(plug_in) -> None:
    plug_in("brownout.protocols", "natter", NATTER)
    plug_in("brownout.protocols", "natters", NATTERS)


def config(upstream: str, key: str) -> str:
    return f'proxies: {{db: "{upstream}"}}\nprofiles: {{p: {{"{key}:": [reset]}}}}\n'


@pytest.mark.parametrize(("name", "alias"), NAMES)
class TestAnAlias:
    def test_is_a_scheme_that_is_kept(self, name: str, alias: str) -> None:
        address = Address.upstream(f"{alias}://h")
        assert (address.scheme, address.protocol, address.masked) == (alias, name, f"{alias}://h")
        assert address.port == Address.upstream(f"{name}://h").port
        assert address.url_at(Address("127.0.0.1", 5555)) == f"{alias}://127.0.0.1:5555"
        over = Address.upstream(f"{alias.upper()}+unix:///tmp/x")
        assert (over.scheme, over.protocol) == (alias, name)

    def test_is_no_mismatch(self, name: str, alias: str) -> None:
        for acts, spoken in ((name, alias), (alias, name), (alias, alias), (name, name)):
            assert protocol_mismatch(acting_on(acts), "db", spoken) is None
        wrong = protocol_mismatch(acting_on("http"), "db", alias)
        assert wrong is not None
        assert wrong.message == f"fault acts on http requests, and db carries {name}"
        wrong = protocol_mismatch(acting_on(alias), "web", "http")
        assert wrong is not None
        assert wrong.message == f"fault acts on {name} requests, and web carries http"
        assert wrong.hint == f"give it an upstream like {name}://HOST:PORT"

    def test_is_a_key_of_a_profile(self, name: str, alias: str) -> None:
        for key, spoken in ((name, alias), (alias, name), (alias, alias)):
            assert Target(f"{key}:", ()).names({"db": spoken, "web": "http"}) == ["db"]

    def test_is_right_in_a_file_with_proxies_and_without(self, name: str, alias: str) -> None:
        for upstream, key in ((name, alias), (alias, name), (alias, alias)):
            assert list(parse(config(f"{upstream}://h", key)).profiles) == ["p"]
            assert list(parse(f'profiles: {{p: {{"{key}:": [reset]}}}}').profiles) == ["p"]

    def test_is_right_for_the_schema(self, name: str, alias: str) -> None:
        validator = jsonschema.Draft202012Validator(schema())
        for scheme in (name, alias, alias.upper(), f"{alias}+unix"):
            assert validator.is_valid({"proxies": {"db": f"{scheme}://h", "web": {"upstream": f"{scheme}://h"}}})
        assert not validator.is_valid({"proxies": {"db": f"{alias}x://h"}})

    def test_is_shown_as_the_protocol(self, name: str, alias: str) -> None:
        async def shown() -> None:
            async with Fleet(seed=7) as fleet:
                proxy = await fleet.add("db", f"{alias}://127.0.0.1:1", enabled=False)
                view = proxy_view(proxy)
                assert (view["protocol"], view["upstream"]) == (name, f"{alias}://127.0.0.1:1")
                assert fleet.protocols == {"db": name}

        asyncio.run(shown())
        assert Entry("db", "127.0.0.1:1", f"{alias}://127.0.0.1:1", True).protocol() == name


@pytest.mark.parametrize(
    ("inner", "outer"), [("http", "https"), ("redis", "rediss"), ("natter", "natters"), ("chat", "natters")]
)
def test_what_carries_a_protocol_encrypted_is_told_apart(inner: str, outer: str) -> None:
    wrong = protocol_mismatch(acting_on(inner), "db", outer)
    assert wrong is not None
    name = "natter" if inner == "chat" else inner
    assert wrong.hint == f"encrypted requests cannot be parsed; give it an upstream like {name}://HOST:PORT"


def test_a_match_has_the_keys_of_the_protocol_by_any_of_its_names() -> None:
    for name in ("natter", "chat"):
        assert [each.key for each in Match.parse(name, {"verb": "x"}).conditions] == ["verb"]
