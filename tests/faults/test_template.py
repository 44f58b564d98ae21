"""Templates of `env:`, and the note of what the variables held before."""

import pytest

from brownout.faults.config.file import ConfigError, parse
from brownout.faults.config.mapping import NOTE, as_user_set, mapping, note_in
from brownout.faults.config.template import Field, Template
from brownout.wire.address import Address
from brownout.wire.errors import BrownoutError

UPSTREAM = Address.upstream("postgresql+psycopg://me:secret@db.example/shop?sslmode=disable")


def filled(text: str, at: str) -> str:
    return Template.parse(text).fill(lambda field: field.of(UPSTREAM, Address.listen(at)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{db.url}", "postgresql+psycopg://me:secret@127.0.0.1:5555/shop?sslmode=disable"),
        ("{db.host}", "127.0.0.1"),
        ("{db.port}", "5555"),
        ("{db.address}", "127.0.0.1:5555"),
        ("jdbc:{db.host}/{db.port}", "jdbc:127.0.0.1/5555"),
        ('{{"db": "{db.address}"}}', '{"db": "127.0.0.1:5555"}'),
        ("{{{db.port}}}", "{5555}"),
    ],
)
def test_a_template_has_the_address_in_its_places(text: str, value: str) -> None:
    assert filled(text, "127.0.0.1:5555") == value


def test_an_address_of_ipv6_has_brackets_and_its_host_has_none() -> None:
    assert filled("{db.address} {db.host}", "[::1]:5555") == "[::1]:5555 ::1"


def test_a_unix_socket_has_a_path_and_neither_host_nor_port() -> None:
    assert filled("{db.address}", "unix:///tmp/s") == "/tmp/s"
    assert filled("{db.url}", "unix:///tmp/s") == "postgresql+unix:///tmp/s"
    with pytest.raises(BrownoutError, match=r"^db listens on a unix socket, which has no port"):
        filled("{db.port}", "unix:///tmp/s")


def test_a_name_may_have_dots() -> None:
    assert Template.parse("{my.db.url}").fields == [Field("my.db", "url")]


@pytest.mark.parametrize(
    "text", ["x://me:hunter{2}@{db.host}", "x://me:{hunter2.x}@{db.host}", "x://me:{hunter2@{db.host}"]
)
def test_what_may_be_a_password_is_not_in_the_error(text: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        Template.parse(text)
    assert "2" not in caught.value.message + caught.value.hint


def test_braces_that_come_out_of_variables_are_no_places() -> None:
    text = 'proxies: {db: "h:1"}\nenv: {X: "${PASSWORD}@{db.host}"}'
    template = parse(text, environ={"PASSWORD": "a{db.port}}b{"}).env["X"]
    assert template.fill(lambda field: field.field) == "a{db.port}}b{@host"
    assert template.masked == "${PASSWORD}@{db.host}"


def test_a_file_without_proxies_may_name_those_of_the_command_line() -> None:
    assert list(parse('env: {X: "{db.url}"}').env) == ["X"]
    with pytest.raises(ConfigError, match="there is no proxy named 'db'"):
        parse('proxies: {cache: "h:1"}\nenv: {X: "{db.url}"}')


def test_a_variable_without_a_template_is_not_mapped() -> None:
    assert parse('proxies: {db: "h:1"}\nenv: {X: , Y: "{db.url}"}').env.keys() == {"Y"}


class TestTheNote:
    """Of what variables held before."""

    def test_a_file_reads_variables_as_the_user_set_them(self) -> None:
        user = {"URL": "redis://mine:1", "OTHER": "x"}
        environ = user | mapping({"URL": "redis://127.0.0.1:5555", "NEW": "y"}, user)
        assert as_user_set(environ).items() >= user.items()
        assert "NEW" not in as_user_set(environ)
        config = parse("proxies: {cache: '${URL}', other: '${NEW:-h:1}'}", environ=environ)
        assert [entry.upstream for entry in config.proxies.values()] == ["redis://mine:1", "h:1"]

    def test_a_variable_that_was_set_since_is_the_users(self) -> None:
        environ = mapping({"URL": "redis://127.0.0.1:5555"}, {}) | {"URL": "redis://another:1"}
        assert note_in(environ) == {}
        assert as_user_set(environ)["URL"] == "redis://another:1"

    def test_one_mapping_within_another_leads_back_to_the_user(self) -> None:
        user = {"A": "a", "B": "b"}
        outer = user | mapping({"A": "outer", "B": "outer"}, user)
        inner = outer | mapping({"A": "inner"}, outer)
        assert (inner["A"], inner["B"]) == ("inner", "outer")
        assert as_user_set(inner).items() >= user.items()

    @pytest.mark.parametrize("note", ["", "{", "[]", '{"A": 1}', '{"A": ["a"]}', '{"A": ["a", null]}', "\udcff"])
    def test_a_note_that_cannot_be_read_means_nothing(self, note: str) -> None:
        assert as_user_set({"A": "x", NOTE: note})["A"] == "x"

    def test_nothing_is_noted_where_nothing_is_mapped(self) -> None:
        assert mapping({}, {"A": "a"}) == {}
