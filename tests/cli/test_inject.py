"""`brownout inject` with a file: the command reads it, the one that runs gets its text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Context

from brownout.cli.complete import settings
from brownout.cli.inject import inject
from brownout.control.client import Client
from brownout.wire.errors import BrownoutError

from ..control.conftest import Running, serving
from .conftest import command


@pytest.fixture
def api() -> Iterator[Running]:
    with serving() as running:
        running.call(running.fleet.add("api", f"http://{running.echo}"))
        yield running


def test_a_file_is_read_by_the_command_from_where_it_runs(
    api: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "maintenance.html").write_text("<h1>Back soon</h1>\n" + "x" * 1000)
    monkeypatch.chdir(tmp_path)
    told = command("inject", "api", "http.status", "status=503", "file=maintenance.html", BROWNOUT_API=api.api)
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout == (
        'injected http.status on api: status=503 headers=\'{"content-type":"text/html; charset=utf-8"}\' '
        f"body='<h1>Back soon</h1>\\n{'x' * 181}...'\n"
    )
    assert Client(api.api).injection("api", "http.status")["body"] == "<h1>Back soon</h1>\n" + "x" * 1000


def test_the_api_reads_no_file(api: Running, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(BrownoutError) as caught:
        Client(api.api).inject("api", {"fault": "http.status", "status": 503, "file": str(tmp_path / "secret")})
    message = "file is for `brownout inject` and configuration files, which read it; the API and tests do not"
    assert (caught.value.message, caught.value.hint) == (message, "give its text as body")


def test_a_file_that_is_not_there_is_said_before_anything_is_asked() -> None:
    result = command("inject", "api", "http.status:503", "file=no.html", BROWNOUT_API="127.0.0.1:1")
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        "error: file: no.html cannot be read: No such file or directory\nhint:  check its path and permissions\n",
    )


def test_file_is_completed() -> None:
    context = Context(inject)
    context.params["fault"] = "http.status"
    (item,) = settings(context, inject.params[2], "f")
    assert item.value == "file="


def test_a_setting_under_its_former_name_is_refused_with_the_new_one(api: Running) -> None:
    told = command("inject", "api", "http.lost_reply", "sees=hang", BROWNOUT_API=api.api)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == "error: unknown setting 'sees'\nhint:  it is now client_sees\n"
    assert Client(api.api).injections("api") == []
