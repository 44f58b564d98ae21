import multiprocessing
import os
import subprocess
import sys

from town.web import visits


def test_fork():
    if (child := os.fork()) == 0:
        os._exit(0 if visits()[0] == "200 OK" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_multiprocessing():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert {status for status, _ in pool.starmap(visits, [()] * 4)} == {"200 OK"}


def test_subprocess():
    subprocess.run([sys.executable, "-c", "from town.web import visits; visits()"], check=True)
