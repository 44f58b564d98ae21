"""The shop of examples/shop: its two builds side by side, and that both of them work where nothing is broken."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from brownout.examples.shop.shop.services.tokens import issued, owner
from brownout.faults.config.file import read

ROOT = Path(__file__).parents[2] / "examples" / "shop"
FRAGILE, GRACEFUL = ROOT / "shop" / "fragile", ROOT / "shop" / "graceful"
MISTAKES = {
    "fatal-start", "writes-fatal", "cache-fatal", "no-timeout", "restart-unnoticed", "notify-in-path", "error-cached",
    "no-key", "contract", "blind-retries",
}  # fmt: skip


def mistakes(build: Path) -> set[str]:
    return {name for file in build.glob("*.py") for name in re.findall(r"MISTAKE ([a-z-]+):", file.read_text())}


def test_the_builds_have_the_same_files_and_their_difference_can_be_read() -> None:
    assert {file.name for file in FRAGILE.glob("*.py")} == {file.name for file in GRACEFUL.glob("*.py")}
    done = subprocess.run(
        ["diff", "-r", "-x", "__pycache__", FRAGILE, GRACEFUL], capture_output=True, text=True, check=False
    )
    assert 100 < len(done.stdout.splitlines()) < 400


def test_each_mistake_has_its_comment() -> None:
    assert mistakes(FRAGILE) == MISTAKES
    assert mistakes(GRACEFUL) == set()


def run(build: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest beside what the shop depends on."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BROWNOUT_", "PYTEST_XDIST"))}
    return subprocess.run(
        [sys.executable, "-m", "shop.outside", "--", sys.executable, "-m", "pytest", "-q", *words, "-p", "no:cacheprovider"],
        cwd=ROOT, env=kept | {"SHOP_BUILD": build}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("build", ["fragile", "graceful"])
def test_the_journeys_of_a_build_are_green_where_nothing_is_broken(build: str) -> None:
    done = run(build, "journeys")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


@pytest.mark.slow
def test_the_resilience_suite_passes_with_the_graceful_build() -> None:
    """It plays each profile as well."""
    done = run("graceful", "resilience")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "14 passed" in done.stdout


def test_the_resilience_suite_fails_with_the_fragile_build() -> None:
    done = run("fragile", "resilience")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "passed" not in done.stdout.splitlines()[-1]


def test_the_profiles_of_classic_failures_are_right() -> None:
    config = read(str(ROOT / "brownout.yaml"))
    assert set(config.profiles) == {
        "contract-drift", "schema-drift", "auth-outage", "upstream-timeouts", "lost-events", "broken-third-party",
        "redis-restart", "postgres-restart",
    }  # fmt: skip
    assert all(each.description for each in config.profiles.values())


def test_the_verify_file_has_a_token_that_is_good() -> None:
    journeys = yaml.safe_load((ROOT / "brownout.yaml").read_text())["verify"]["journeys"]
    token = journeys["checkout"]["headers"]["Authorization"].removeprefix("Bearer ")
    assert owner(token) == "ann@example.com"


def test_the_token_service_knows_its_own_tokens_alone() -> None:
    token = issued("ann@example.com")
    assert owner(token) == "ann@example.com"
    assert owner(issued("bob@example.com").partition(".")[0] + "." + token.partition(".")[2]) is None
    assert owner("") is None
    assert owner("?.?") is None
    assert owner("YQ.é") is None
