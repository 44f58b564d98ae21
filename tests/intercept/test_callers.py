"""What becomes of connect() by who calls it: a port that is closed, or unreachable, for one program alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Done

MEASURE = """
PORT = int(sys.argv[1])
CODE = '''
import json, socket, sys, time
began = time.monotonic()
sock = socket.socket()
sock.settimeout(float(sys.argv[2]))
error = sock.connect_ex(("127.0.0.1", int(sys.argv[1])))
heard = ""
if error == 104:
    error, heard = 0, "ConnectionResetError"  # it came before connect() had ended
elif not error:
    sock.sendall(b"*1\\\\r\\\\n$4\\\\r\\\\nPING\\\\r\\\\n")
    try:
        heard = sock.recv(4).decode()
    except OSError as raised:
        heard = type(raised).__name__
print(json.dumps([error, heard]))
'''

def start(name, patience=30):
    words = [sys.executable, "-c", CODE, str(PORT), str(patience), name]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

start("first")  # gives it its name
"""


def profile(tmp_path: Path, *injections: dict[str, object]) -> tuple[str, ...]:
    (tmp_path / "b.yaml").write_text(json.dumps({"profiles": {"p": {"redis": injections}}}))
    return str(tmp_path / "b.yaml"), "--profile", "p"


CALLER = {"command": "* orders"}


@pytest.mark.parametrize(
    ("injection", "orders", "fired"),
    [
        ({"fault": "refuse", "caller": CALLER}, [111, ""], 1),
        ({"fault": "unreachable", "caller": CALLER}, [11, ""], 1),
        ({"fault": "unreachable", "how": "no_route", "caller": CALLER}, [113, ""], 1),
        ({"fault": "connection_limit", "connections": 0, "caller": CALLER}, [0, "ConnectionResetError"], 1),
        ({"fault": "reset", "caller": CALLER}, [0, "ConnectionResetError"], 1),
    ],
    ids=lambda value: f"{value['fault']}-{value.get('how', '')}" if isinstance(value, dict) else "",
)
def test_connect_ends_as_a_fault_has_it_for_its_callers_alone(
    run: Callable[..., Done], tmp_path: Path, echo: int, injection: dict[str, object], orders: list[object], fired: int
) -> None:
    done = run(
        MEASURE + 'say(payments=start("payments"), orders=start("orders", 0.5), again=start("payments"))',
        *profile(tmp_path, injection),
        args=(echo,),
    )
    assert done.one == {"payments": [0, "*1\r\n"], "orders": orders, "again": [0, "*1\r\n"]}, done.err
    (placed,) = done.proxies["redis"]["injections"]
    receipt = placed["receipt"]
    assert (receipt["matched"], receipt["chosen"], receipt["fired"]) == (fired, fired, fired), receipt


STOPPED = """
with open(f"/proc/{os.getppid()}/stat") as stat:  # the parent of the process that answers
    brownout = int(stat.read().rpartition(")")[2].split()[1])
os.kill(brownout, signal.SIGSTOP)
try:
    orders = start("orders", 0.5)
finally:
    os.kill(brownout, signal.SIGCONT)
say(orders=orders)
"""


@pytest.mark.parametrize(
    "injection", [{"fault": "refuse"}, {"fault": "unreachable", "how": "no_route"}], ids=lambda value: value["fault"]
)
def test_a_caller_that_has_ended_before_we_look_is_counted_too(
    run: Callable[..., Done], tmp_path: Path, echo: int, injection: dict[str, object]
) -> None:
    done = run(MEASURE + STOPPED, *profile(tmp_path, injection | {"caller": CALLER}), args=(echo,))
    assert done.one["orders"][0] in (111, 113)
    (placed,) = done.proxies["redis"]["injections"]
    assert (placed["receipt"]["matched"], placed["receipt"]["fired"]) == (1, 1)


def test_of_several_the_strictest_holds_for_each_caller(run: Callable[..., Done], tmp_path: Path, echo: int) -> None:
    done = run(
        MEASURE + 'say(payments=start("payments"), orders=start("orders"), stock=start("stock", 0.5))',
        *profile(
            tmp_path,
            {"fault": "unreachable", "caller": {"command": "* stock"}},
            {"fault": "unreachable", "caller": {"command": "*orders"}},
            {"fault": "connect_delay", "delay": "1ms", "caller": CALLER},
            {"fault": "refuse", "caller": CALLER},
        ),
        args=(echo,),
    )
    assert done.one == {"payments": [0, "*1\r\n"], "orders": [111, ""], "stock": [11, ""]}, done.err


def test_what_no_caller_met_is_said(run: Callable[..., Done], tmp_path: Path, echo: int) -> None:
    done = run(
        MEASURE + 'say(payments=start("payments"))',
        *profile(tmp_path, {"fault": "refuse", "caller": CALLER}),
        args=(echo,),
    )
    (placed,) = done.proxies["redis"]["injections"]
    assert (placed["receipt"]["cause"], placed["receipt"]["reason"]) == (
        "nobody_refused", "no connection by command='* orders' came while it was refused",
    )  # fmt: skip
    assert "hunter" not in done.err


def test_what_a_process_started_is_its_own_also_where_it_is_named_by_its_number(
    run: Callable[..., Done], tmp_path: Path, echo: int
) -> None:
    done = run(
        MEASURE
        + """
from urllib.request import Request, urlopen
def inject(**what):
    body = json.dumps(what).encode()
    urlopen(Request(f"http://{os.environ['BROWNOUT_API']}/v1/proxies/redis/injections", body, {"Content-Type": "application/json"}))
inject(fault="refuse", caller={"process": os.getpid()}, name="ours")
ours = start("x")
urlopen(Request(f"http://{os.environ['BROWNOUT_API']}/v1/injections", method="DELETE"))
inject(fault="refuse", caller={"process": 1 + os.getpid()}, name="others")
say(ours=ours, healed=start("x"))
""",
        args=(echo,),
    )
    assert done.one == {"ours": [111, ""], "healed": [0, "*1\r\n"]}, done.err
