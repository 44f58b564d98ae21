from pathlib import Path

import pytest

from brownout.cli import errors, plan
from brownout.cli.environment import prefix
from brownout.cli.errors import CombinedError
from brownout.faults import Spec
from brownout.faults.config import file as config
from brownout.faults.profile import Profile, Target
from brownout.wire.errors import BrownoutError

from .conftest import command


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("redis=redis://127.0.0.1:6379", ("redis", "redis://127.0.0.1:6379", "127.0.0.1:0")),
        ("a=127.0.0.1:1=127.0.0.1:2", ("a", "127.0.0.1:2", "127.0.0.1:1")),
        ("a=1234=127.0.0.1:2", ("a", "127.0.0.1:2", "1234")),
        ("a=[::1]:1=[::1]:2", ("a", "[::1]:2", "[::1]:1")),
        ("a=unix:///tmp/a=unix:///tmp/b", ("a", "unix:///tmp/b", "unix:///tmp/a")),
        ("db=postgres://h/db?sslmode=off&a=b", ("db", "postgres://h/db?sslmode=off&a=b", "127.0.0.1:0")),
        ("db=0.0.0.0:1=postgres://h/db?x=y", ("db", "postgres://h/db?x=y", "0.0.0.0:1")),
        ("db=redis://:p=w@h:1", ("db", "redis://:p=w@h:1", "127.0.0.1:0")),
        ("my db/1=h:1", ("my db/1", "h:1", "127.0.0.1:0")),
    ],
)
def test_a_proxy_is_name_listen_and_upstream(text: str, entry: tuple[str, str, str]) -> None:
    assert plan.entry(text) == (*entry, True)


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
        plan.entry(text)
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
    with pytest.raises(BrownoutError, match=r"^there is nothing to run(\n|$)"):
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
    for text, message in (("3", "3 has no unit"), ("0", "would fail every connection")):
        with pytest.raises(BrownoutError, match=message):
            plan.make(["a=h:1"], None, None, (), text)


FILE = """
seed: 7
proxies:
  db: {upstream: "postgres://h", listen: "127.0.0.1:15432", enabled: false}
profiles:
  slow: {"*": ["latency:1s"]}
  blackout: {db: [reset]}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    shipped = {"cache-only": (Target("redis:", (Spec.parse("reset"),)),), "blackout": (), "other": ()}
    profiles = {name: Profile(name, targets, "shipped") for name, targets in shipped.items()}
    monkeypatch.setattr(config, "shipped", lambda: dict(profiles))
    path = tmp_path / "brownout.yaml"
    path.write_text(FILE)
    return str(path)


def test_proxies_are_the_files_and_then_those_of_p(file: str) -> None:
    made = plan.make(["a=h:1"], None, None, (), file=file)
    assert made.proxies == [("db", "postgres://h", "127.0.0.1:15432", False), ("a", "h:1", "127.0.0.1:0", True)]


def test_the_seed_of_the_command_line_goes_before_the_files(file: str) -> None:
    assert plan.make([], None, None, (), file=file).seed == 7
    assert plan.make([], None, 0, (), file=file).seed == 0
    assert plan.make(["a=h:1"], None, None, ()).seed is None


def test_a_profile_of_the_file_goes_before_a_shipped_one(file: str) -> None:
    made = plan.make([], None, None, (), file=file, profiles=["other", "blackout", "other"])
    assert [(each.name, each.description) for each in made.profiles] == [("other", "shipped"), ("blackout", "")]
    assert [each.name for each in plan.make(["a=h:1"], None, None, (), profiles=["blackout"]).profiles] == ["blackout"]


def test_everything_wrong_with_a_file_and_what_is_asked_of_it_is_said_at_once(file: str, tmp_path: Path) -> None:
    with pytest.raises(CombinedError) as caught:
        plan.make(["db=h:1"], None, None, (), file=file, profiles=["slwo", "cache-only"], report=str(tmp_path))
    assert [(error.message, error.hint) for error in errors.parts(caught.value)] == [
        ("two proxies are named 'db'", "give each its own name"),
        ("there is no profile named 'slwo'", "did you mean slow?"),
        (f"--report {tmp_path}: it is not a file", "write it like --report report.json"),
    ]
    Path(file).write_text(FILE.replace("latency:1s", "latency:1").replace("enabled: false", "enabled: no"))
    with pytest.raises(CombinedError) as caught:
        plan.make(["b"], None, None, (), file=file, profiles=["slow", "unheard-of"])
    messages = [error.message for error in errors.parts(caught.value)]
    assert [message.split(": ")[:2] for message in messages[:2]] == [
        [f"{file}:4", "proxies.db.enabled"],
        [f"{file}:6", 'profiles.slow."*"[0]'],
    ]
    assert messages[2:] == ["-p b is not NAME=UPSTREAM"]


def test_a_profile_that_meets_no_proxy_is_an_error(file: str) -> None:
    with pytest.raises(CombinedError, match=r"^profile cache-only: 'redis:' matches no proxy$"):
        plan.make([], None, None, (), file=file, profiles=["slow", "cache-only"])
    assert len(plan.make(["c=redis://h"], None, None, (), file=file, profiles=["cache-only"]).profiles) == 1


def test_only_a_file_can_be_watched(file: str) -> None:
    assert plan.make([], None, None, (), file=file, watch=True).watch
    with pytest.raises(CombinedError, match=r"^there is no file to watch$"):
        plan.make(["a=h:1"], None, None, (), watch=True)


def test_what_is_no_word_of_run_is_said(file: str) -> None:
    result = command("run", file, "pytest", "-p", "a=h:1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "error: 'pytest' is one argument too many",
        "hint:  put the command after --",
        f"       brownout run {file} -- pytest -p a=h:1",
    ]


def test_env_of_the_command_line_goes_before_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text('proxies: {db: "h:1"}\nenv: {URL: "{db.url}", PORT: "{db.port}"}')
    given = ["PORT={b.port}", "HOST={db.host}=x"]
    made = plan.make(["b=h:2"], None, None, ("true",), file=str(tmp_path / "a.yaml"), env=given)
    written = {name: template.written for name, template in made.env.items()}
    assert written == {"URL": "{db.url}", "PORT": "{b.port}", "HOST": "{db.host}=x"}
    assert plan.make([], None, None, (), file=str(tmp_path / "a.yaml")).env == {}


@pytest.mark.parametrize(
    ("env", "message", "hint"),
    [
        (["URL"], "--env URL has no template", "write it like --env DATABASE_URL={db.url}"),
        (["URL="], "--env URL has no template", "write it like --env DATABASE_URL={db.url}"),
        (["a-b={db.url}"], "--env a-b: 'a-b' is not a variable's name", "use letters, digits and _"),
        (["U={dbb.url}"], "--env U: there is no proxy named 'dbb'", "did you mean db?"),
        (["U={db.prot}"], "--env U: {db.prot} is not an address of a proxy", "did you mean port?"),
        (["U={db.url}", "U={db.port}"], "--env U is given twice", "leave one of them"),
        (["U=redis://me:hunter2@h"], "--env U: the template names no proxy", "write it like {db.url}"),
        (
            ["redis://me:hunter2@h"],
            "--env redis://me:***@h has no template",
            "write it like --env DATABASE_URL={db.url}",
        ),
    ],
)
def test_what_is_wrong_with_env_is_said(env: list[str], message: str, hint: str) -> None:
    with pytest.raises(CombinedError) as caught:
        plan.make(["db=h:1"], None, None, ("true",), env=env)
    assert [(error.message, error.hint) for error in errors.parts(caught.value)] == [(message, hint)]


def test_env_is_for_a_command_and_names_proxies_that_have_an_address(file: str) -> None:
    with pytest.raises(CombinedError, match=r"^--env needs a COMMAND$"):
        plan.make(["a=h:1"], None, None, (), env=["U={a.url}"])
    with pytest.raises(CombinedError, match=r"^--env U: db is disabled, so it has no address$"):
        plan.make([], None, None, ("true",), file=file, env=["U={db.url}"])
    nested = Path(file).with_name("nested.yaml")
    nested.write_text('env: {U: "{db.url}"}')
    with pytest.raises(CombinedError, match=r"^env U: there is no proxy named 'db'$"):
        plan.make(["a=h:1"], None, None, ("true",), file=str(nested))
