"""The profiles that ship: they are there, they are right, they say what they are, and the documents say the same."""

import re
from pathlib import Path

import pytest

from brownout.faults import Bandwidth, Latency, Share
from brownout.faults.config.file import read, shipped
from brownout.faults.profile import Placement

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("configs/*.yaml"))
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
NAMES = [
    "blackout", "brownout", "flaky-api", "flaky-network", "half-open", "mobile-3g", "nat-idle", "rolling-deploy",
    "satellite", "slow-network",
]  # fmt: skip


def placed(name: str) -> list[Placement]:
    return shipped()[name].resolve({"api": "http"})


def test_these_ship_and_a_caller_cannot_spoil_them_for_the_next() -> None:
    assert list(shipped()) == NAMES
    shipped().clear()
    assert list(shipped()) == NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_a_file_of_its_own_that_checks_by_itself(path: Path) -> None:
    config = read(path, {})
    assert (config.seed, config.proxies, list(config.profiles)) == (None, {}, [path.stem])
    assert config.profiles[path.stem] == shipped()[path.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_has_a_description_its_figures_in_a_comment_and_acts_on_every_proxy_that_it_can(path: Path) -> None:
    profile = shipped()[path.stem]
    assert re.fullmatch(r"[A-Z].{20,100}\.", profile.description)
    assert path.read_text().startswith("# ")
    assert [target.key for target in profile.targets] == ["http:" if path.stem == "flaky-api" else "*"]
    assert profile.targets[0].specs


def test_the_document_has_the_table_of_them() -> None:
    section = DOCUMENT.split("\n## Profiles that ship\n")[1].split("\n## ")[0]
    table = re.findall(r"^\| `(.*?)` \| (.*) \|$", section, re.MULTILINE)
    assert table == [(profile.name, profile.description) for profile in shipped().values()]


@pytest.mark.parametrize(
    ("name", "round_trip", "down", "up"),
    [
        ("slow-network", 0.050, 1_500_000, 384_000),
        ("mobile-3g", 0.300, 1_600_000, 768_000),
        ("satellite", 0.600, 19_700_000, 2_400_000),
    ],
)
def test_a_network_has_the_figures_of_its_source(name: str, round_trip: float, down: int, up: int) -> None:
    """Rates in bits per second; half of the round trip is on each stream, a new link waits for a whole one."""
    connect, *bandwidths, latency = [placement.spec for placement in placed(name)]
    assert connect.to_mapping()["delay"] == f"{round(round_trip * 1000)}ms"
    assert isinstance(latency.fault, Latency)
    assert (latency.stream, float(latency.fault.latency)) == ("both", round_trip / 2)
    rates = {}
    for spec in bandwidths:
        assert isinstance(spec.fault, Bandwidth)
        rates[spec.stream] = round(float(spec.fault.rate) * 8)
    assert rates == {"downstream": down, "upstream": up}


def test_a_rolling_deploy_is_a_sequence() -> None:
    told = [(spec.fault.name, float(spec.trigger.start), spec.trigger.for_) for _, spec, _ in placed("rolling-deploy")]
    assert told == [("drain", 0.0, 7.0), ("reset", 5.0, 2.0), ("connect_delay", 7.0, 5.0), ("latency", 7.0, 10.0)]


def test_a_brownout_resets_some_and_slows_all() -> None:
    told = [(spec.fault.name, spec.trigger.probability) for _, spec, _ in placed("brownout")]
    assert told == [("latency", None), ("reset", Share(0.1))]


def test_an_api_that_is_flaky_turns_away_is_late_and_loses_replies() -> None:
    told = [spec.to_mapping() for _, spec, _ in placed("flaky-api")]
    status = {"fault": "http.status", "name": "", "status": 503, "retry_after": "1s", "probability": "10%"}
    delay = {"fault": "http.delay", "name": "", "delay": "2s", "jitter": "1s", "probability": "5%"}
    lost = {"fault": "http.lost_reply", "name": "", "probability": "1%"}
    assert told == [status, delay, lost]


def test_two_of_them_can_be_combined_for_no_injection_has_a_name_that_is_taken() -> None:
    assert {placement.spec.name for name in NAMES for placement in placed(name)} == {""}
