"""What is done about garbage collections in processes that are ours."""

import gc
import signal
import subprocess
import sys

import pytest

from brownout.testing import Chaos

SAID = "import atexit, gc; atexit.register(lambda: print('frozen', gc.get_freeze_count() > 10_000)); from brownout.cli.main import main; main()"


@pytest.mark.parametrize("api", ["none", "127.0.0.1:0"])
def test_garbage_collections_pass_over_what_was_there_from_the_start_on(api: str) -> None:
    words = ["run", "--api", api, "-p", "db=127.0.0.1:1", "--", sys.executable, "-c", ""]
    done = subprocess.run([sys.executable, "-c", SAID, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "frozen True"


def test_so_they_do_in_the_place_of_a_toxiproxy() -> None:
    words = [sys.executable, "-c", SAID, "toxiproxy", "-host=127.0.0.1", "-port=0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "Starting Toxiproxy HTTP server" in line)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read().splitlines()[-1] == "frozen True"


STARTED = """
import atexit, gc
from brownout.cli.start import main
usual, before = gc.get_threshold(), gc.get_stats()
atexit.register(lambda: print("usual", gc.get_stats()[2] == before[2], gc.get_threshold() == usual))
main()
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["faults"], "usual True False"), (["run", "-p", "db=127.0.0.1:1", "--", "true"], "usual True True")],
    ids=["faults", "run"],
)
def test_garbage_is_not_looked_for_among_all_there_is_while_a_command_starts(words: list[str], expected: str) -> None:
    done = subprocess.run([sys.executable, "-c", STARTED, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == expected


def test_in_the_process_of_a_test_they_do_not() -> None:
    before = gc.get_freeze_count()
    with Chaos() as chaos:
        chaos.proxy("db", "127.0.0.1:1")
        assert gc.get_freeze_count() == before
