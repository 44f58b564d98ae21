"""Systems that allow less: where sockets cannot be taken, where nothing can be had, and older kernels."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.supervisor import kernel

from .conftest import DEADLINE, Done, environment
from .test_connects import STORM

LIMITED = str(Path(__file__).with_name("limited.py"))
GETFD = "438"


def patched(code: str) -> tuple[str, ...]:
    """Return what stands before Brownout's own words, so that its supervisor begins with some code."""
    boot = f"""
import sys
from brownout.proxy.intercept import supervised
supervised._BOOT = supervised._BOOT.replace("main(sys", {code!r} + "\\nmain(sys")
sys.argv = sys.argv[3:]
from brownout.cli.start import main
main()
"""
    return (sys.executable, "-c", boot)


def test_before_linux_5_19_signals_interrupt_nothing_either(run: Callable[..., Done], echo: int) -> None:
    done = run(
        STORM,
        args=(echo, 1000),
        before=patched("kernel = sys.modules['brownout.supervisor.kernel']; kernel.WAIT_KILLABLE_RECV = 0"),
    )
    assert done.one == {"results": {"0": 1000}, "trips": 1000}, done.err
    (proxy,) = done.proxies.values()
    assert proxy["connections"]["total"] == 1000, "each came once"


def test_where_sockets_cannot_be_taken_addresses_are_written_over(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nowhere = closed.getsockname()[1]
            refused = [connect(socket.socket(), v4(nowhere))]
            other = socket.socket()
            other.settimeout(30)
            refused.append(other.connect_ex(("127.0.0.1", nowhere)))
        address = ctypes.create_string_buffer(v4(port), 16)
        sock = socket.socket()
        results = [connect(sock, address, 16), connect(sock, address, 16)]

        def is_put_back():
            deadline = time.monotonic() + 30
            while address.raw != v4(port) and time.monotonic() < deadline:
                time.sleep(0.01)
            return address.raw == v4(port)

        put_back = [is_put_back()]
        again = socket.socket()
        results.append(connect(again, address, 16))
        put_back.append(is_put_back())
        six = socket.create_connection(("::1", port))

        async def trips():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"ping")
            found = await reader.readexactly(4)
            writer.close()
            return found == b"ping"

        say(refused=refused, results=results, trips=[trip(each) for each in (sock, again, six)], asyncio=asyncio.run(trips()))
        say(put_back=put_back)
        """,
        args=(echo,),
        before=(sys.executable, LIMITED, GETFD),
    )  # fmt: skip
    first, second = done.said
    assert first == {"refused": [111, 111], "results": [0, 106, 0], "trips": [True] * 3, "asyncio": True}
    assert second == {"put_back": [True, True]}
    (proxy,) = done.proxies.values()
    assert proxy["connections"]["total"] == 4
    assert "addresses were written over" in done.err


@pytest.mark.parametrize(
    ("before", "code", "message"),
    [
        ("seccomp", "", "this system does not let Brownout install a seccomp filter: Operation not permitted"),
        ("", "import errno\ndef no(*_): raise OSError(errno.ENOSYS, '')\nsys.modules['brownout.supervisor.kernel'].install = no", "this system does not let Brownout install a seccomp filter: Function not implemented"),
        ("", "import errno\ndef no(*_): raise PermissionError(errno.EPERM, '')\nk = sys.modules['brownout.supervisor.kernel']\nk.descriptor_of = k.read_address = no", "this system does not let Brownout look into processes that it has started: Operation not permitted"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_had_one_message_says_what_to_do(
    run: Callable[..., Done], before: str, code: str, message: str
) -> None:
    done = run("say(never=True)", before=(sys.executable, LIMITED, before) if before else patched(code))
    assert (done.code, done.said) == (2, [])
    assert f"error: --intercept: {message}\n" in done.err
    assert done.err.endswith("hint:  let a variable lead to the proxy instead: --env DATABASE_URL={db.url}\n")


def test_one_interception_within_another_is_refused(run: Callable[..., Done]) -> None:
    done = run(
        """
        inner = [sys.executable, "-m", "brownout.cli", "run", "--intercept", "--api", "none", "--", "true"]
        done = subprocess.run(inner, capture_output=True, text=True)
        say(code=done.returncode, err=done.stderr.splitlines()[-2:])
        """
    )
    assert done.one["code"] == 2
    assert done.one["err"] == [
        "error: --intercept: the connections of this process are intercepted already", "hint:  leave one out"
    ]  # fmt: skip


def test_a_processor_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from brownout.proxy.intercept import InterceptError, Supervised

    monkeypatch.setattr(kernel.platform, "machine", lambda: "riscv64")
    with pytest.raises(InterceptError, match="--intercept knows x86_64 and aarch64, and this is riscv64"):
        Supervised.check()


def test_elsewhere_than_on_linux_it_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from brownout.cli import intercepting

    monkeypatch.setattr(intercepting.sys, "platform", "darwin")
    monkeypatch.setattr(intercepting.platform, "system", lambda: "Darwin")
    wrong: list = []
    assert intercepting.choice(True, (), (), ("true",), wrong) is None
    assert [(each.message, each.hint) for each in wrong] == [
        ("--intercept needs Linux, and this is Darwin", "let a variable lead to the proxy instead: --env DATABASE_URL={db.url}")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--intercept"], "--intercept needs a COMMAND"),
        (["run", "--only", "*:1", "--", "true"], "--only is for --intercept, which is not given"),
        (["run", "--not", "*:1", "--", "true"], "--not is for --intercept, which is not given"),
        (["deps"], "deps needs a COMMAND to run"),
        (["deps", "true"], "'true' is one argument too many"),
        (["deps", "--write", "/", "--", "echo"], "--write /: the file exists already"),
        (["deps", "--write", "/none/b.yaml", "--", "echo"], "--write /none/b.yaml: there is no folder /none"),
    ],
)
def test_words_that_do_not_go_together(words: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "brownout.cli", *words], capture_output=True, text=True, timeout=DEADLINE, env=environment()
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}\n")


def test_an_address_that_was_written_over_can_be_given_again_at_once(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        address = ctypes.create_string_buffer(v4(int(sys.argv[1])), 16)
        trips = 0
        for _ in range(50):
            with socket.socket() as sock:
                assert connect(sock, address, 16) == 0
                sock.settimeout(10)
                trips += trip(sock)
        say(trips=trips)
        """,
        args=(echo,),
        before=(sys.executable, LIMITED, GETFD),
    )
    assert done.one == {"trips": 50}, done.err
    (proxy,) = done.proxies.values()
    assert proxy["connections"]["total"] == 50
