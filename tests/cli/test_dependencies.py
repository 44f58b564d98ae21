"""The table of what a command talked to."""

import pytest

from brownout.cli.dependencies import lines
from brownout.control.dependencies import DependenciesView


@pytest.mark.parametrize(("met", "last"), [(11, "10.0.0.10:80 (1 time)"), (12, "2 more"), (300, "290 more")])
def test_a_long_list_is_cut(met: int, last: str) -> None:
    refused = {f"10.0.0.{number}:80": 1 for number in range(met)}
    view = DependenciesView(dependencies=[], refused=refused, silent={}, unseen=[], taken=True)
    told = lines(view)
    assert told[:2] == ["it talked to nothing over TCP", "refused: 10.0.0.0:80 (1 time)"]
    assert (len(told), told[-1]) == (12, f"refused: {last}")
