"""Whatever processes a command makes, and whatever becomes of them or of us, every connect() ends."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .conftest import DEADLINE, PRELUDE, Done, environment

ENOSYS = 38


def test_children_of_every_kind_are_caught(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        one = f"import socket; s = socket.create_connection(('127.0.0.1', {port})); s.sendall(b'ping'); assert s.recv(4) == b'ping'"

        def visit():
            with socket.create_connection(("127.0.0.1", port)) as sock:
                assert trip(sock)

        for _ in range(5):  # forks
            if (child := os.fork()) == 0:
                visit()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        if (child := os.fork()) == 0:  # one that closes all that it has
            os.closerange(3, 4096)
            visit()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        subprocess.run([sys.executable, "-c", one], check=True)  # an exec
        subprocess.run(f'"{sys.executable}" -c "{one}" & wait $!', shell=True, check=True)
        deaf = f"import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; {one}"
        subprocess.run([sys.executable, "-c", deaf], check=True, start_new_session=True)
        failed = []

        def many():
            try:
                for _ in range(5):
                    visit()
            except Exception as error:
                failed.append(repr(error))

        threads = [threading.Thread(target=many) for _ in range(40)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if os.fork() == 0:  # a daemon: its parent is gone, and so is its parent's
            os.setsid()
            if os.fork() == 0:
                time.sleep(0.3)
                visit()
                open("daemon", "w").close()
            os._exit(0)
        deadline = time.monotonic() + 30
        while not os.path.exists("daemon") and time.monotonic() < deadline:
            time.sleep(0.01)
        say(failed=failed, daemon=os.path.exists("daemon"))
        """,
        args=(echo,),
    )
    assert (done.code, done.one) == (0, {"failed": [], "daemon": True}), done.err
    (proxy,) = done.proxies.values()
    assert proxy["connections"]["total"] == 5 + 1 + 3 + 40 * 5 + 1


def test_a_child_that_is_killed_while_it_connects_leaves_nothing(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        for _ in range(5):
            if (child := os.fork()) == 0:
                socket.socket().connect(full.getsockname())
                os._exit(1)
            time.sleep(0.1)
            os.kill(child, signal.SIGKILL)
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
        with socket.create_connection(("127.0.0.1", port)) as sock:
            say(trip=trip(sock))
        """,
        "--only", "127.0.0.1:*",
        args=(echo,),
    )  # fmt: skip
    assert (done.code, done.one) == (0, {"trip": True}), done.err


def test_the_commands_end_is_ours(run: Callable[..., Done]) -> None:
    assert run("sys.exit(7)").code == 7
    assert run("os.kill(os.getpid(), signal.SIGTERM)").code == 128 + 15
    assert run("os.kill(os.getpid(), signal.SIGKILL)").code == 128 + 9
    done = run("say(ignored=[signal.getsignal(n) == signal.SIG_IGN for n in (1, 2, 3, 13, 15)], args=sys.argv[1:], fds=sorted(map(int, os.listdir('/proc/self/fd')))[:3], env=os.environ.get('LC_CTYPE'), parent=os.getppid() > 1)", args=("a b", ""))  # fmt: skip
    assert done.one == {
        "ignored": [False, False, False, True, False],  # SIGPIPE is by Python itself
        "args": ["a b", ""], "fds": [0, 1, 2], "env": os.environ.get("LC_CTYPE"), "parent": True,
    }  # fmt: skip


def test_the_command_stays_in_our_session_and_the_process_that_answers_leaves_it(run: Callable[..., Done]) -> None:
    done = run("say(command=os.getsid(0), group=os.getpgid(0) == os.getpgid(os.getppid()), alone=os.getsid(os.getppid()) == os.getppid())")  # fmt: skip
    assert done.one == {"command": os.getsid(0), "group": False, "alone": True}


@contextmanager
def running(program: str, folder: Path, *args: object) -> Iterator[subprocess.Popen[str]]:
    """Run a program that is caught, until the block ends."""
    script = folder / "program.py"
    script.write_text(PRELUDE + textwrap.dedent(program))
    words = [sys.executable, "-m", "brownout.cli", "run", "--intercept", "--api", "none", "--", sys.executable]
    process = subprocess.Popen(
        [*words, str(script), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment(), cwd=folder,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def said(process: subprocess.Popen[str]) -> dict:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def ask(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


VISITOR = """
    port = int(sys.argv[1])
    say(pid=os.getpid(), supervisor=os.getppid())
    for _ in sys.stdin:
        sock = socket.socket()
        result = connect(sock, v4(port))
        say(result=result, trip=result == 0 and trip(sock))
"""


def test_a_supervisor_that_is_stopped_delays_and_loses_nothing(tmp_path: Path, echo: int) -> None:
    with running(VISITOR, tmp_path, echo) as process:
        supervisor = said(process)["supervisor"]
        ask(process)
        assert said(process) == {"result": 0, "trip": True}
        os.kill(supervisor, signal.SIGSTOP)
        ask(process)
        time.sleep(0.3)
        os.kill(supervisor, signal.SIGCONT)
        assert said(process) == {"result": 0, "trip": True}


def test_a_supervisor_that_is_killed_fails_every_connect_at_once(tmp_path: Path, echo: int) -> None:
    with running(VISITOR, tmp_path, echo) as process:
        os.kill(said(process)["supervisor"], signal.SIGKILL)
        for _ in range(2):
            ask(process)
            assert said(process) == {"result": ENOSYS, "trip": False}
        _, err = process.communicate(timeout=DEADLINE)  # which closes its stdin, so that it ends
        assert process.returncode == 1
        assert "error: the process that answers connect() for the command was ended" in err


def test_brownout_that_is_killed_fails_every_connect_at_once(tmp_path: Path, echo: int) -> None:
    with running(VISITOR, tmp_path, echo) as process:
        supervisor = said(process)["supervisor"]
        process.kill()
        deadline = time.monotonic() + DEADLINE
        while Path(f"/proc/{supervisor}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        ask(process)
        assert said(process) == {"result": ENOSYS, "trip": False}


def test_brownout_that_is_stopped_keeps_no_connect_waiting(tmp_path: Path, echo: int) -> None:
    program = VISITOR.replace("trip=result == 0 and trip(sock)", "trip=None")
    with running(program, tmp_path, echo) as process:
        said(process)
        ask(process)
        said(process)
        process.send_signal(signal.SIGSTOP)
        ask(process)
        assert said(process) == {"result": 0, "trip": None}
        process.send_signal(signal.SIGCONT)


def test_a_signal_is_the_commands(tmp_path: Path) -> None:
    with running("signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nsay(ready=True)\ntime.sleep(60)", tmp_path) as process:  # fmt: skip
        said(process)
        process.terminate()
        assert process.wait(DEADLINE) == 9
