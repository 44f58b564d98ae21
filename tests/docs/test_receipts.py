"""The page of receipts names each cause that there is, and each that it names is there."""

import re
from pathlib import Path

import pytest

from brownout.faults.config.file import parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "receipts.md").read_text()


def test_the_causes_are_those_of_the_code() -> None:
    code = "".join((ROOT / "proxy" / name).read_text() for name in ("vacuity.py", "ledger.py"))
    found = set(re.findall(r'Finding\(\s*"(\w+)"', code)) | set(re.findall(r'CHANCE = "(\w+)"', code))
    table = PAGE.split("| cause |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == found


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
def test_the_profile_is_right(block: str) -> None:
    [profile] = parse(f"proxies: {{cache: 127.0.0.1:6379}}\n{block}").profiles.values()
    assert profile.clock == "traffic"
