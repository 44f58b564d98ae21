"""Where in a project an exception came from."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from brownout.testing.verified import traces
from brownout.testing.verified.traces import Project


def _raised(call: object) -> BaseException:
    try:
        call()  # type: ignore[operator]
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_code_that_was_made_at_run_time_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__)
    monkeypatch.chdir(here.parent)
    made: dict[str, object] = {}
    exec(compile("def made(call):\n    call()", "<made at run time>", "exec"), made)

    def mine() -> None:
        raise RuntimeError

    project = Project(str(here.parent), (), ("test_*.py",))
    failure = project.failure(_raised(lambda: made["made"](mine)), "")  # type: ignore[operator]
    assert {frame["file"] for frame in failure["frames"]} == {here.name}
    assert failure["frames"][-1]["function"] == "mine"


def test_code_that_was_compiled_elsewhere_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__)
    monkeypatch.chdir(here.parent)  # where its names, which are relative, would lead
    project = Project(str(here.parent), (), ("test_*.py",))
    assert project.frame("client/connection.pyx", 255, "execute") is None
    assert project.frame(here.name, 1, "mine") is not None


DUMP = """\
Thread 0x2 (most recent call first):
  File "{root}/shop/poller.py", line 3 in poll
  File "/usr/lib/python3.11/threading.py", line 982 in run

Current thread 0x1 (most recent call first):
  File "/usr/lib/python3.11/socket.py", line 5 in recv
  File "{root}/shop/pay.py", line 7 in pay
  File "{root}/shop/app.py", line 2 in serve
  File "{root}/test_shop.py", line 9 in test_pay
"""


def project(root: Path) -> Project:
    """A project with an application and a test, in empty files."""
    (root / "shop").mkdir()
    for name in ("test_shop.py", "shop/poller.py", "shop/pay.py", "shop/app.py"):
        (root / name).touch()
    return Project(str(root), (), ("test_*.py",))


def test_a_process_stands_where_its_test_stands_and_not_where_a_thread_waits(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    here = project(root)
    stuck = here.stuck(here.in_order(DUMP.format(root=root)))
    assert stuck == {"file": "shop/pay.py", "line": 7, "function": "pay", "test": False}


def test_where_the_test_waits_for_another_thread_that_one_is_it(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    served = DUMP.replace(
        '  File "{root}/shop/pay.py", line 7 in pay\n  File "{root}/shop/app.py", line 2 in serve\n', ""
    )
    here = project(root)
    stuck = here.stuck(here.in_order(served.format(root=root)))
    assert stuck is not None
    assert stuck["file"] == "shop/poller.py"


def test_the_thread_of_the_test_comes_first_and_frames_of_ours_are_left_out(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    idle = 'Thread 0x3 (most recent call first):\n  File "/usr/lib/python3.11/threading.py", line 331 in wait\n\n'
    ours = f'  File "{Path(traces.__file__).parent}/agent.py", line 111 in exit_at_once\n  File "/usr/lib/python3.11/socket'
    given = idle + DUMP.format(root=root).replace('  File "/usr/lib/python3.11/socket', ours)
    threads = project(root).in_order(given).split("\n\n")
    assert [each.split()[1] for each in threads] == ["thread", "0x2", "0x3"]
    assert "exit_at_once" not in threads[0]


PYTHON = """\
Traceback (most recent call last):
  File "{here}", line 3, in first
    raise OSError("first")
OSError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/pytest/__main__.py", line 5, in <module>
    raise SystemExit(pytest.console_main())
  File "{here}", line 7, in ready
    connection.info()
    ^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3/dist-packages/redis/client.py", line 873, in execute
    raise ConnectionError(text)
redis.exceptions.ConnectionError: Error 111 connecting to redis://me:secret@127.0.0.1:6379
it is gone
"""
PYTEST = """\
ImportError while loading conftest '{here}'.
{here}:10: in <module>
    from shop import settings
{here}:11: in read
    raise KeyError(name)
E   KeyError: 'PORT'
"""


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        (PYTHON, "redis.exceptions.ConnectionError: Error 111 connecting to redis://me:***@127.0.0.1:6379", 7),
        (PYTEST, "KeyError: 'PORT'", 11),
        ("no traceback\n", "", None),
    ],
)
def test_a_traceback_that_a_command_prints_is_read(text: str, said: str, line: int | None) -> None:
    here = Path(__file__)
    found, frame = Project(str(here.parent), (), ()).printed(text.format(here=here))
    assert found == said
    assert (None if frame is None else frame["line"]) == line


@pytest.mark.parametrize(
    ("call", "handed"),
    [
        ("people.count(connection)", "Connection"),
        ("people.count(connection=connection)", "Connection"),
        ("people.count_all([connection])", ""),  # which is no connection
        ("people.count_mine()", ""),
        ("apply(people.count, connection)", ""),  # a framework's, which hands over what is the application's
    ],
)
def test_what_a_test_handed_to_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, handed: str
) -> None:
    root = tmp_path.resolve()
    files = {
        "site-packages/driver.py": "class Base:\n def run(self): raise OSError\nclass Connection(Base): pass\n"
        "def apply(function, *args): function(*args)",
        "people.py": "import driver\nmine = driver.Connection()\ndef count(connection): connection.run()\n"
        "def count_all(each): each[0].run()\ndef count_mine(): mine.run()",
        "test_people.py": "import people\nfrom driver import Connection, apply\n"
        f"def test_people():\n connection = Connection()\n {call}",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        monkeypatch.setitem(sys.modules, path.stem, module := ModuleType(path.stem))
        module.__file__ = str(path)
        exec(compile(text, path, "exec"), module.__dict__)
    error = _raised(module.test_people)
    assert Project(str(root), (), ("test_*.py",)).failure(error, "")["handed"] == handed
