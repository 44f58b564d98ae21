"""docs/pytest.md: its files, as they stand there, are a suite that passes against a real Redis."""

import re
import sys
from pathlib import Path

import pytest

from brownout.testing import servers

from .suites import WITHOUT

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text()
BLOCKS = re.findall(r"^```(?:python|yaml)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = {found[1]: text for text in BLOCKS if (found := re.match(r"# ([\w.]+)\n", text))}


def test_every_block_of_python_is_a_file_that_runs() -> None:
    assert len(FILES) == len(BLOCKS)
    others = ("conftest.py", "brownout.yaml", "settings.py", "script.py")
    runs = {name for name in FILES if name.startswith("test_") or name in others}
    assert runs == set(FILES)


@pytest.mark.slow
def test_the_files_are_a_suite_that_passes(pytester: pytest.Pytester) -> None:
    with servers.redis() as redis:
        for name, text in FILES.items():
            (pytester.path / name).write_text(text.replace("6379", str(redis.port)))
        args = ["-W", "error", "-p", "no:cacheprovider", "--strict-markers", *WITHOUT]
        pytester.runpytest_inprocess(*args).assert_outcomes(passed=18, failed=1)  # test_mistake.py
        pytester.runpytest_inprocess(*args, "-n", "2").assert_outcomes(passed=18, failed=1)
        for name in ("test_case.py", "script.py"):
            done = pytester.run(sys.executable, "-W", "error", name, timeout=30)
            assert done.ret == 0
        assert done.outlines == ["latency:100ms True", "latency:200ms True"]
