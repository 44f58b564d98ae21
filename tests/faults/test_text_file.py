"""A body that is in a file: read where a folder is given, and nowhere else."""

import os
from pathlib import Path

import pytest

from brownout.faults import Spec
from brownout.faults.config.file import parse, read
from brownout.faults.config.problem import ConfigError
from brownout.faults.settings import SettingsError

PAGE = "<h1>Back söon</h1>\r\n"
FILE = """\
profiles:
  away:
    "*":
      - {fault: http.status, status: 503, file: pages/away.html}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "away.html").write_bytes(PAGE.encode())
    (tmp_path / "away.json").write_text('{"error": "away"}')
    (tmp_path / "null").write_text("null")
    (tmp_path / "latin.txt").write_bytes("größer".encode("latin-1"))
    (tmp_path / "most").write_bytes(b"x" * 2**20)
    (tmp_path / "more").write_bytes(b"x" * (2**20 + 1))
    return tmp_path


def injected(folder: Path, *, text: bool = True, **settings: object) -> dict[str, object]:
    spec = Spec.parse(
        {"fault": "http.status", "status": "503", **settings} if text else settings, text=text, folder=folder
    )
    return {key: value for key, value in spec.to_mapping().items() if key not in ("fault", "name", "status")}


def problems(folder: Path, **settings: object) -> list[tuple[str, str, str]]:
    with pytest.raises(SettingsError) as caught:
        injected(folder, **settings)
    return [tuple(problem) for problem in caught.value.problems]


def test_its_text_is_the_body_to_the_byte_and_its_name_tells_the_type(folder: Path) -> None:
    page = {"body": PAGE, "headers": {"content-type": "text/html; charset=utf-8"}}
    assert injected(folder, file="pages/away.html") == page
    assert injected(folder / "pages", file="away.html") == page
    assert injected(Path("elsewhere"), file=str(folder / "pages" / "away.html")) == page
    assert injected(folder, file="away.json") == {
        "body": '{"error": "away"}',
        "headers": {"content-type": "application/json"},
    }


def test_a_name_that_tells_no_type_leaves_it_to_the_body(folder: Path) -> None:
    assert injected(folder, file="null") == {"body": "null"}
    assert len(str(injected(folder, file="most")["body"])) == 2**20


def test_headers_of_the_user_stay_and_one_with_a_type_counts(folder: Path) -> None:
    assert injected(folder, file="away.json", headers="X-Left: 0")["headers"] == {
        "X-Left": "0",
        "content-type": "application/json",
    }
    headers = {"Content-Type": "application/problem+json"}
    assert injected(folder, file="away.json", headers=headers)["headers"] == headers


def test_what_is_wrong_with_it_is_said_with_all_else(folder: Path) -> None:
    check = "check its path and permissions"
    gone = ("file", f"file: {folder}/gone cannot be read: No such file or directory", check)
    assert problems(folder, file="gone", retry_after="2") == [
        gone,
        ("retry_after", "retry_after: 2 has no unit", "a duration is written like 2ms or 2s"),
    ]
    assert problems(folder, file="gone", times="0")[1:] == [gone]
    assert problems(folder, file="pages") == [("file", f"file: {folder}/pages cannot be read: Is a directory", check)]
    assert problems(folder, file="a\0b") == [("file", f"file: {folder}/a\0b cannot be read: embedded null byte", check)]
    assert problems(folder, file="latin.txt") == [("file", f"file: {folder}/latin.txt is not UTF-8", "use a text file")]
    assert problems(folder, file="more") == [
        ("file", f"file: {folder}/more is larger than 1 MiB", "is it the right one?")
    ]


@pytest.mark.parametrize(("key", "value"), [("body", ""), ("json", "[]"), ("html", "true")])
def test_it_goes_with_no_other_body(folder: Path, key: str, value: str) -> None:
    message = f"file: file and {key} exclude each other"
    assert problems(folder, file="null", **{key: value}) == [("file", message, "give one of them")]


def test_a_status_that_has_no_body_takes_no_file(folder: Path) -> None:
    assert problems(folder, file="null", status="204")[0][1] == "a reply with status 204 has no body"


def test_without_a_folder_nobody_reads_a_file(folder: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "http.status", "status": 503, "file": str(folder / "away.json")})
    message = "file is for `brownout inject` and configuration files, which read it; the API and tests do not"
    assert caught.value.problems == [("file", message, "give its text as body")]


def test_a_fault_without_a_body_has_no_file(folder: Path) -> None:
    with pytest.raises(SettingsError, match="unknown setting 'file'"):
        Spec.parse({"fault": "latency", "latency": "1s", "file": "null"}, folder=folder)


def test_a_configuration_names_it_from_where_it_stands(folder: Path) -> None:
    (folder / "brownout.yaml").write_text(FILE)
    (target,) = read(folder / "brownout.yaml").profiles["away"].targets
    assert target.specs[0].to_mapping() == {
        "fault": "http.status", "name": "", "status": 503, "body": PAGE,
        "headers": {"content-type": "text/html; charset=utf-8"},
    }  # fmt: skip


def test_a_configuration_says_what_is_wrong_with_it_where_it_stands(folder: Path) -> None:
    text = FILE.replace("away.html}", "gone.html, times: 0}") + "      - {fault: http.status, status: 503, file: 5}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, str(folder / "a.yaml"))
    first, second = (f'profiles.away."*"[{number}]' for number in (0, 1))
    assert [tuple(problem)[1:] for problem in caught.value.problems] == [
        (4, 43, f"{first}.file", f"{folder}/pages/gone.html cannot be read: No such file or directory",
         "check its path and permissions"),
        (4, 66, f"{first}.times", "0 is not right", "times is a number, 1 or more"),
        (5, 43, f"{second}.file", "5 is not right", "file is text"),
    ]  # fmt: skip


def test_a_pipe_is_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "http.status", "status": 503, "file": "pipe"}, folder=folder)
    assert caught.value.message == f"file: {folder / 'pipe'} cannot be read: it is not a regular file"
