import pytest

from brownout.wire.address import Address, AddressError


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("8080", "127.0.0.1:8080"),
        (":8080", "127.0.0.1:8080"),
        ("[::1]:5", "[::1]:5"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("unix:///tmp/x.sock", "unix:///tmp/x.sock"),
    ],
)
def test_listen(text: str, endpoint: str) -> None:
    assert Address.listen(text).endpoint == endpoint


@pytest.mark.parametrize(
    ("text", "scheme", "endpoint", "shown", "for_a_client"),
    [
        ("127.0.0.1:80", "tcp", "127.0.0.1:80", "tcp://127.0.0.1:80", "tcp://127.0.0.1:5555"),
        ("redis://127.0.0.1", "redis", "127.0.0.1:6379", "redis://127.0.0.1", "redis://127.0.0.1:5555"),
        ("redis://u:p@h:1/0?x=y", "redis", "h:1", "redis://u:***@h:1/0?x=y", "redis://u:p@127.0.0.1:5555/0?x=y"),
        ("redis://:p@h", "redis", "h:6379", "redis://:***@h", "redis://:p@127.0.0.1:5555"),
        ("postgres://u:p@q:r@db/shop", "postgres", "db:5432", "postgres://u:***@db/shop", "postgres://u:p@q:r@127.0.0.1:5555/shop"),
        ("redis+unix:///tmp/x", "redis", "unix:///tmp/x", "redis+unix:///tmp/x", "redis://127.0.0.1:5555"),
        ("unix:///tmp/x", "tcp", "unix:///tmp/x", "unix:///tmp/x", "tcp://127.0.0.1:5555"),
        ("postgresql+psycopg://u:p@h/shop", "postgresql+psycopg", "h:5432", "postgresql+psycopg://u:***@h/shop", "postgresql+psycopg://u:p@127.0.0.1:5555/shop"),
        ("postgresql+asyncpg://h", "postgresql+asyncpg", "h:5432", "postgresql+asyncpg://h", "postgresql+asyncpg://127.0.0.1:5555"),
        ("MySQL+PyMySQL://u:p@h/shop", "mysql+pymysql", "h:3306", "MySQL+PyMySQL://u:***@h/shop", "mysql+pymysql://u:p@127.0.0.1:5555/shop"),
        ("HTTP://[::1]:99/a", "http", "[::1]:99", "HTTP://[::1]:99/a", "http://127.0.0.1:5555/a"),
    ],
)  # fmt: skip
def test_upstream(text: str, scheme: str, endpoint: str, shown: str, for_a_client: str) -> None:
    address = Address.upstream(text)
    assert (address.scheme, address.endpoint, address.masked) == (scheme, endpoint, shown)
    assert address.url_at(Address("127.0.0.1", 5555)) == for_a_client


@pytest.mark.parametrize(
    ("text", "reachable"),
    [
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("[::]:80", "[::1]:80"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("unix:///tmp/x.sock", "unix:///tmp/x.sock"),
    ],
)
def test_a_listener_on_all_addresses_is_reachable_by_loopback(text: str, reachable: str) -> None:
    assert Address.listen(text).reachable == Address.listen(reachable)


def test_the_url_of_a_unix_listener_keeps_the_protocol() -> None:
    assert Address.upstream("redis://h").url_at(Address.listen("unix:///tmp/a")) == "redis+unix:///tmp/a"
    assert Address.upstream("h:1").url_at(Address.listen("unix:///tmp/a")) == "unix:///tmp/a"
    driven = Address.upstream("postgresql+psycopg://h").url_at(Address.listen("unix:///tmp/a"))
    assert driven == "postgresql+unix:///tmp/a"
    assert Address.upstream(driven).protocol == "postgres"


def test_a_driver_after_a_plus_is_not_part_of_the_protocol() -> None:
    protocols = [
        Address.upstream(f"{text}://h").protocol for text in ("postgresql+psycopg2", "mysql+aiomysql", "redis+x")
    ]
    assert protocols == ["postgres", "mysql", "redis"]


@pytest.mark.parametrize(
    "scheme", ["mongodb+srv", "redis+sentinel", "amqp+ssl", "smtp+TLS", "redis+", "redis++x", "redis+x+unix", "redis+1"]
)
def test_what_reaches_a_server_in_another_way_is_no_driver(scheme: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.upstream(f"{scheme}://h:1")
    assert caught.value.message == f"unknown scheme in '{scheme}://h:1'"


@pytest.mark.parametrize(
    ("read", "text", "message", "hint"),
    [
        (Address.listen, "localhost", "'localhost' has no port", "write localhost:0 for any free port"),
        (Address.listen, "", "'' has no port", "write 127.0.0.1:0 for any free port"),
        (Address.listen, "1.2.3.4:99999", "99999 in '1.2.3.4:99999' is not a port", "a port is at most 65535"),
        (Address.listen, "::1:5", "'::1:5' is not an address", "write it like HOST:PORT, IPv6 as [::1]:PORT"),
        (Address.listen, "unix://x", "'unix://x' has no path", "write it with three slashes: unix:///tmp/name.sock"),
        (Address.upstream, "foo", "'foo' has no port", "write it like foo:PORT"),
        (Address.upstream, "6379", "'6379' has no host", "write it like 127.0.0.1:6379"),
        (Address.upstream, ":6379", "':6379' has no host", "write it like 127.0.0.1:6379"),
        (Address.upstream, "http://:80", "'http://:80' has no host", "write it like http://127.0.0.1:80"),
        (Address.upstream, "mqtt://h", "'mqtt://h' has no port", "write it like mqtt://h:PORT"),
        (Address.upstream, "mongodb://u:s3cret@a:1,b:2/x", "'mongodb://u:***@a:1,b:2/x' names several servers", "a proxy is in front of one server: make one for each, such as mongodb://a:1"),
        (Address.upstream, "postgresql:///db?host=/tmp", "'postgresql:///db?host=/tmp' sends clients to the socket in host=, past a proxy", "write the socket as the upstream: postgres+unix:///tmp/.s.PGSQL.5432"),
        (Address.upstream, "postgres://h/db?a=b&host=c", "'postgres://h/db?a=b&host=c' sends clients elsewhere with host=, past a proxy", "write it before the path: postgres://HOST:PORT"),
        (Address.upstream, "mysql+pymysql://h/db?unix_socket=/m.sock", "'mysql+pymysql://h/db?unix_socket=/m.sock' sends clients to the socket in unix_socket=, past a proxy", "write the socket as the upstream: mysql+unix:///m.sock"),
        (Address.upstream, "mongodb+srv://h", "unknown scheme in 'mongodb+srv://h'", "clients find several servers by it, past a proxy; name one of them: mongodb://HOST:PORT"),
        (Address.upstream, "redis+socket:///r", "unknown scheme in 'redis+socket:///r'", "write it like redis+unix:///PATH"),
        (Address.upstream, "redis+ssl://h", "unknown scheme in 'redis+ssl://h'", "what is encrypted passes as it is: rediss://HOST:PORT"),
        (Address.upstream, "smtp+tls://h", "unknown scheme in 'smtp+tls://h'", "what is encrypted passes as it is: tcp://HOST:PORT"),
        (Address.upstream, "h\x1b:1", r"'h\x1b:1' is not an address", "write it like HOST:PORT, IPv6 as [::1]:PORT"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_what_would_be_right(read, text: str, message: str, hint: str) -> None:
    with pytest.raises(AddressError) as caught:
        read(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("text", ["mqtt://u:p@h:1883/x?y=z", "cockroachdb+psycopg2://h:26257/db", "wss://h:1"])
def test_an_unknown_scheme_is_carried_as_tcp_and_given_back(text: str) -> None:
    address = Address.upstream(text)
    assert (address.protocol, address.unknown) == ("tcp", True)
    assert address.url_at(Address("127.0.0.1", 9)) == text.replace(f"h:{address.port}", "127.0.0.1:9")
    assert not Address.upstream("redis://h").unknown


def test_the_other_servers_are_only_those_of_the_protocol() -> None:
    assert Address.upstream("http://h/?host=/tmp").endpoint == "h:80"
    assert Address.upstream("mongodb://u:a,b@h/").endpoint == "h:27017"
    assert Address.upstream("amqps://h").endpoint == "h:5671"


def test_an_unknown_scheme_proposes_the_nearest_and_hides_the_password() -> None:
    with pytest.raises(AddressError) as caught:
        Address.upstream("reddis://me:secret@h")
    assert caught.value.message == "unknown scheme in 'reddis://me:***@h'"
    assert caught.value.hint.startswith("did you mean redis://?")


def test_a_unix_path_that_the_system_would_cut_is_an_error() -> None:
    with pytest.raises(AddressError, match="too long"):
        Address.listen(f"unix:///tmp/{'x' * 100}")


ENCODE = "percent-encode what is special in a password: / is %2F, ? is %3F, # is %23, @ is %40"


@pytest.mark.parametrize("password", ["pa/ss", "pa?ss", "pa#ss", "p@ss/w", "p@s?s", "p@s#s", "123/4"])
def test_a_password_that_ends_the_host_too_early_is_not_shown_and_should_be_encoded(password: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.upstream(f"postgres://app:{password}@127.0.0.1:5432/shop")
    assert caught.value.message == (
        "'postgres://app:***@127.0.0.1:5432/shop' is not an address: there is an @ behind the host"
    )
    assert caught.value.hint == ENCODE


def test_an_at_is_no_error_where_no_password_can_have_ended() -> None:
    assert Address.upstream("amqp://u:p@h/v?user=a@b").endpoint == "h:5672"
    assert Address.upstream("unix:///tmp/a@b.sock").path == "/tmp/a@b.sock"
    assert Address.upstream("postgres://app:p%2Fss@h/shop").masked == "postgres://app:***@h/shop"


@pytest.mark.parametrize(
    "text", ["redis://u:secret@h:1", "u:secret/x@h:1", "unix://u:secret@", "redis://h:1?password=secret"]
)
def test_a_listen_address_shows_no_password(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.listen(text)
    assert "secret" not in caught.value.message + caught.value.hint
    assert "***" in caught.value.message


def test_what_python_says_of_an_address_is_not_shown() -> None:
    with pytest.raises(AddressError) as caught:
        Address.upstream("postgres://app:secret\N{FULLWIDTH SOLIDUS}@h")
    assert caught.value.message == "'postgres://app:***@h' is not an address"
