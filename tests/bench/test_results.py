"""Figures, ratios and what is said of aims, from values that are written out."""

from __future__ import annotations

import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # bench is no package that is installed

from bench.candidates import candidates
from bench.chart import chart
from bench.measures import CPU, MEASURES, Aim, rules
from bench.results import Result, judged, number, section, table
from bench.route import Place, Route

RESULT = Result(
    "reply of 10 chunks",
    CPU,
    {
        "direct": {"requests/s": [90_000.0, 80_000.0, 100_000.0]},
        "brownout": {"requests/s": [30_000.0, 20_000.0, 40_000.0], CPU: [30.0, 33.0, 24.0]},
        "envoy": {"requests/s": [20_000.0, 20_000.0, 20_000.0], CPU: [40.0, 30.0, 30.0]},
    },
    0.25,
)


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert RESULT.median("envoy", CPU) == 30
    assert RESULT.ratio("envoy", CPU) == 0.8  # of 0.75, 1.1 and 0.8
    assert RESULT.ratio("direct", CPU) is None


@pytest.mark.parametrize(
    ("aim", "said"),
    [
        (Aim(CPU, most=0.8, of="envoy"), "at most 0.8 of envoy's: 0.80, met"),
        (Aim(CPU, most=0.7, of="envoy"), "at most 0.7 of envoy's: 0.80, missed"),
        (Aim("requests/s", least=1, of="envoy"), "at least 1 of envoy's: 1.50, met"),
        (Aim("requests/s", least=1, of="toxiproxy"), "at least 1 of toxiproxy's: not measured"),
        (Aim(CPU, most=29), "at most 29: 30.0, missed"),
    ],
)
def test_an_aim_is_judged(aim: Aim, said: str) -> None:
    assert judged(RESULT, aim) == f"reply of 10 chunks, {aim.figure}: {said}"


def test_numbers_have_three_digits_that_count() -> None:
    assert [number(value) for value in (None, 0.123, 12.34, 123.4, 83_600)] == ["", "0.12", "12.3", "123", "83,600"]


def test_a_section_has_a_line_for_each_candidate() -> None:
    assert section(RESULT) == (
        "reply of 10 chunks  requests/s        ratio  CPU µs/request        ratio\n"
        "  direct                90,000  ±11%   0.33\n"
        "  brownout              30,000  ±33%   1.00            30.0  ±15%   1.00\n"
        "  envoy                 20,000   ±0%   1.50            30.0  ±17%   0.80\n"
        "  other work used 0.2 cores"
    )


def test_the_table_is_markdown() -> None:
    assert table([RESULT], ["direct", "brownout", "envoy", "nginx"]) == (
        "| measure            | figure         | direct | brownout |       envoy |\n"
        "| ------------------ | -------------- | -----: | -------: | ----------: |\n"
        "| reply of 10 chunks | CPU µs/request |        |     30.0 | 30.0 (0.80) |"
    )


def test_the_chart_has_a_bar_for_each_candidate() -> None:
    root = xml.etree.ElementTree.fromstring(chart([RESULT]))
    assert [each.get("width") for each in root if each.tag.endswith("rect")] == ["460.0", "460.0"]


def test_every_measure_has_a_name_of_its_own_and_is_about_brownout() -> None:
    names = [each.name for each in MEASURES]
    assert len(names) == len(set(names))
    assert all("brownout" in each.beside for each in MEASURES)


def test_a_route_becomes_the_configuration_of_each_peer_or_none(tmp_path: Path) -> None:
    def able(route: Route) -> set[str]:
        return {
            each.name
            for each in candidates(None)
            if each.name != "direct" and each.command(Place("x", route, 1, 2, 3, tmp_path)) is not None
        }

    assert able(Route()) == {"brownout", "haproxy", "envoy", "toxiproxy", "mitmproxy", "microburst"}
    assert able(Route("http")) == {"brownout", "haproxy", "nginx", "envoy", "mitmproxy"}
    assert able(Route("http", rules(3))) == {"brownout", "haproxy", "nginx", "envoy"}
    assert able(Route("http", ({"fault": "http.delay", "delay": "1ms"},))) == {"brownout", "envoy"}
    assert able(Route("tcp", ({"fault": "latency", "latency": "1ms"},))) == {"brownout", "toxiproxy"}
    assert (tmp_path / "haproxy.cfg").read_text().count("req.hdr(x-tenant) -m str tenant-") == 3
