"""What the page of the metrics and the dashboard say of them, against the metrics that there are."""

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from brownout.control.metrics import expose
from brownout.faults import Spec
from brownout.proxy import Fleet
from brownout.proxy.record.tally import SECONDS

from .conftest import carried, entry

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text()
API = (DOCS / "api.md").read_text()
DASHBOARD = json.loads((DOCS / "grafana.json").read_text())
OF_PROMETHEUS = {"instance", "job"}
"""Labels that Prometheus adds."""


def exposed() -> str:
    """A scrape in which every metric has a sample."""

    async def scrape() -> str:
        async with Fleet(seed=7) as fleet:
            proxy = await fleet.add("p", "127.0.0.1:9")
            proxy.inject(Spec.parse("latency:1ms"))
            carried(proxy, entry(1))
            proxy.callers["psql", "", ""] = Counter(connections=1)
            return (await expose(fleet))[0].decode()

    return asyncio.run(scrape())


TEXT = exposed()
SAMPLES = {
    sample.name: set(sample.labels)
    for family in text_string_to_metric_families(TEXT)
    for sample in family.samples
}  # fmt: skip
"""The labels of each name that a query can ask for."""

NOT_NAMES = {
    "and", "by", "count", "histogram_quantile", "increase", "label_values", "max", "on", "or", "rate", "sum", "vector",
}  # fmt: skip
"""What else is a word in the queries."""


def mentions(query: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query of PromQL names."""
    labels: set[str] = set()
    bare = re.sub(r'"[^"]*"', '""', query)  # texts
    for selector in re.findall(r"\{([^}]*)\}", bare):
        labels |= set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*""', selector))
    for listed in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", bare):
        labels |= set(re.findall(r"\w+", listed))
    if found := re.fullmatch(r"label_values\((.*), (\w+)\)", bare):
        bare = found[1]
        labels.add(found[2])
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on)\s*\([^)]*\)|\b[\d.]+\b", " ", bare)
    return set(re.findall(r"[A-Za-z_:][\w:]*", bare)) - NOT_NAMES, labels


def check(query: str) -> None:
    """Every metric that a query names exists, and has every label that the query names."""
    names, labels = mentions(query)
    assert names, f"{query} asks for no metric"
    assert names <= set(SAMPLES), f"{query}: there is no {names - set(SAMPLES)}"
    for name in names:
        assert labels <= SAMPLES[name] | OF_PROMETHEUS, f"{query}: {name} has no {labels - SAMPLES[name]}"


def queries(value: object) -> Iterator[str]:
    """Everything in the dashboard that Prometheus is asked."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("expr", "definition", "query") and isinstance(each, str) and each != "prometheus":
                yield each
            yield from queries(each)
    elif isinstance(value, list):
        for each in value:
            yield from queries(each)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


QUERIES = sorted(set(queries(DASHBOARD)))
PANELS = DASHBOARD["panels"]


# The page


def test_the_table_is_what_is_exposed() -> None:
    table = [
        [cell.strip().replace("`", "") for cell in line.split("|")[1:-1]]
        for line in PAGE.splitlines()
        if line.startswith("| `brownout_")
    ]
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", TEXT, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", TEXT, re.MULTILINE))
    assert [[name, kind, what] for name, kind, _, what in table] == [[name, types[name], helps[name]] for name in types]
    for name, kind, labels, _ in table:
        assert SAMPLES[f"{name}_sum" if kind == "histogram" else name] == set(labels.split(", "))


def test_the_page_names_the_reasons_that_there_are() -> None:
    reasons = set(re.findall(r'reason="(\w+)"', TEXT))
    for text, before in ((PAGE, "`reason` is one of"), (API, "why connections failed:")):
        sentence = text.split(before)[1].split("; each")[0].split(".\n")[0]
        assert set(re.findall(r"`(\w+)`", sentence)) == reasons


def test_the_page_names_the_buckets() -> None:
    sentence = re.search(r"Buckets end at ([^ ].*) ms, (.*) s\.", PAGE)
    assert sentence
    bounds = [float(n) / 1000 for n in sentence[1].split(", ")] + [float(n) for n in sentence[2].split(", ")]
    assert bounds == list(SECONDS)


def test_the_scrape_configuration_is_yaml_that_prometheus_knows() -> None:
    (block,) = blocks("yaml")
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert job == {
        "job_name": "brownout",
        "scrape_interval": "5s",
        "static_configs": [{"targets": ["127.0.0.1:8474"]}],
    }


@pytest.mark.parametrize("query", [line for block in blocks("promql") for line in block.splitlines()])
def test_a_query_of_the_page_names_what_there_is(query: str) -> None:
    check(query)


# The dashboard


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_dashboard_names_what_there_is(query: str) -> None:
    check(query)


@pytest.mark.parametrize(
    "query",
    [
        "rate(brownout_byte_total[1m])",
        'brownout_bytes_total{strem="upstream"}',
        "sum by (stream) (rate(brownout_connections_total[1m]))",
        "brownout_faults_fired_total == 0 and on (reason) brownout_fault_active",
        "label_values(brownout_connections_open, stream)",
        "sum(rate(brownout_dial_seconds[1m]))",
        "up",
        "1 + 1",
    ],
)
def test_a_query_that_names_what_there_is_not_is_found(query: str) -> None:
    with pytest.raises(AssertionError):
        check(query)


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(mentions(query)[0] for query in QUERIES))
    assert shown == {
        *(name for name in SAMPLES if not re.search("_(bucket|count|sum)$", name)),
        "brownout_dial_seconds_bucket",
        "brownout_request_seconds_bucket",
        "brownout_fault_delay_seconds_bucket",
        "brownout_fault_delay_seconds_count",
        "brownout_fault_delay_seconds_sum",
    }


def test_brackets_of_queries_close() -> None:
    for query in (*QUERIES, *(line for block in blocks("promql") for line in block.splitlines())):
        for pair in ("()", "[]", "{}"):
            assert query.count(pair[0]) == query.count(pair[1]), query


def test_every_rate_goes_over_the_interval_that_grafana_proposes() -> None:
    for query in QUERIES:
        assert re.findall(r"\[(.*?)\]", query) == ["$__rate_interval"] * len(re.findall("rate\\(|increase\\(", query))


def test_variables_that_are_used_are_there() -> None:
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "instance", "proxy"]
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(DASHBOARD)))
    assert used - {"__rate_interval", "__all"} == set(names)
    for query in QUERIES:
        if "proxy" in mentions(query)[1] and not query.startswith("label_values"):
            names, _ = mentions(query)
            assert query.count('proxy=~"$proxy"') == query.count("brownout_"), query


def test_no_datasource_is_wired_in() -> None:
    found: list[Any] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            found.extend(each for key, each in value.items() if key == "datasource")
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                collect(each)

    collect(DASHBOARD)
    assert len(found) > len(PANELS)
    assert all(each == {"type": "prometheus", "uid": "${datasource}"} for each in found)
    assert DASHBOARD["id"] is None  # Grafana gives one on import


def test_panels_have_ids_titles_and_places_of_their_own() -> None:
    assert [panel["id"] for panel in PANELS] == list(range(1, len(PANELS) + 1))
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["y"] >= 0
        assert place["x"] + place["w"] <= 24
    for one, other in itertools.combinations((panel["gridPos"] for panel in PANELS), 2):
        apart = (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        )  # fmt: skip
        assert apart, (one, other)
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in PANELS)
    assert sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in PANELS) == 24 * bottom, "there is a gap"


def test_legends_name_labels_that_the_query_keeps() -> None:
    for target in (target for panel in PANELS for target in panel.get("targets", ())):
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept, target
    for panel in PANELS:
        references = [target["refId"] for target in panel.get("targets", ())]
        assert len(references) == len(set(references))
