"""The alerts and the dashboard in `deploy/`: each asks for what a gateway exposes, and can be read.

A metric that is renamed would else leave an alert that never comes.
"""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
import promql_parser
import pytest

from tests import exposed
from tests.house.source import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
CONFIG = ROOT / "deploy/prometheus/prometheus.yml"
DASHBOARD = ROOT / "deploy/grafana/nursery-gateway.json"
PAGE = ROOT / "docs/observability.md"

BUILT_IN = {"up": {"job", "instance"}}

WIDTH = 24


class Alert(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lasts": "for"}):
    alert: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    lasts: str = "0m"


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    rules: list[Alert]


class Groups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    groups: list[Group]


@cache
def known() -> Mapping[str, set[str]]:
    """Return all that can be asked for: names and labels."""
    return {**exposed.labels_of(exposed.text()), **BUILT_IN}


def alerts() -> list[Alert]:
    told = msgspec.yaml.decode(ALERTS.read_bytes(), type=Groups)
    return [rule for group in told.groups for rule in group.rules]


def dashboard() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return told


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def questions() -> list[str]:
    """Return every expression of the dashboard, as Grafana would ask it."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked += [each["expr"] for each in dashboard()["annotations"]["list"]]
    return [re.sub(r"\$__(rate_interval|range)", "5m", each) for each in asked]


def whole(expression: str) -> list[promql_parser.Expr]:
    """Return what an expression is made of, itself too. Raises `ValueError` where it is none."""
    nodes: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(expression), nodes.append)
    return nodes


def labels_in(node: object) -> set[str]:
    """Return the labels by which this part of an expression groups or joins."""
    found: set[str] = set()
    modifier = getattr(node, "modifier", None)
    for each in (modifier, getattr(modifier, "matching", None)):
        labels = getattr(each, "labels", None)
        if isinstance(labels, list):
            found.update(labels)
    return found


def misses(expression: str) -> list[str]:
    """Say which metrics and labels of an expression there are not."""
    found, possible = [], set(exposed.OF_PROMETHEUS)
    nodes = whole(expression)
    for node in nodes:
        if not isinstance(node, promql_parser.VectorSelector):
            continue
        labels = known().get(node.name or "")
        if labels is None:
            found.append(f"no metric {node.name}")
            continue
        possible |= labels
        asked = {matcher.name for matcher in node.matchers.matchers}
        found += [f"{node.name} has no {each}" for each in asked - labels - exposed.OF_PROMETHEUS]
    grouped = {label for node in nodes for label in labels_in(node)}
    return found + [f"nothing has {each}" for each in sorted(grouped - possible)]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.alert)
def test_an_alert_asks_for_what_there_is_and_says_what_it_means(alert: Alert) -> None:
    assert misses(alert.expr) == []
    assert alert.labels["severity"] in {"warning", "critical"}
    assert alert.annotations["summary"].endswith(".")
    assert alert.annotations["description"].endswith(".")
    page, _, anchor = alert.annotations["runbook"].partition("#")
    assert ROOT / page == PAGE
    assert anchor == alert.alert.lower()
    assert f"\n### {alert.alert}\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_has_a_row_for_each_metric_in_its_own_words() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if re.match(r"\| `(gateway|gen_ai)_", line)]
    assert sorted(told) == exposed.rows()


def test_every_runbook_is_that_of_an_alert() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^### (Gateway\w+)$", text, re.MULTILINE)) == {
        alert.alert for alert in alerts()
    }


def test_an_alerts_words_name_labels_that_it_has() -> None:
    for alert in alerts():
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))
        nodes = whole(alert.expr)
        kept = {label for node in nodes for label in labels_in(node)}
        for node in nodes:
            if isinstance(node, promql_parser.VectorSelector) and not kept:
                kept |= known()[node.name or ""] | exposed.OF_PROMETHEUS
        assert named <= kept, alert.alert


@pytest.mark.parametrize("question", questions())
def test_the_dashboard_asks_for_what_there_is(question: str) -> None:
    assert misses(question) == []


def test_the_dashboards_variables_ask_for_what_there_is() -> None:
    for each in dashboard()["templating"]["list"]:
        if each["type"] == "query":
            selector, label = re.fullmatch(
                r"label_values\((.+), (\w+)\)", each["definition"]
            ).groups()  # type: ignore[union-attr]
            assert misses(selector) == []
            name = selector.partition("{")[0]
            assert label in known()[name] | exposed.OF_PROMETHEUS


def test_every_panel_has_words_a_unit_and_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not fields & taken, panel["title"]
        taken |= fields
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (("test", "rules", "alerts_test.yml"), "SUCCESS"),
        (("check", "config", "prometheus.yml"), "SUCCESS: 1 rule files found"),
        (("check", "metrics"), ""),
    ],
    ids=["rules", "config", "metrics"],
)
def test_prometheuss_own_tool_finds_nothing(
    require: Callable[[str], str], what: tuple[str, ...], said: str
) -> None:
    done = subprocess.run(
        [require("promtool"), *what],
        cwd=ALERTS.parent,
        input=exposed.text(workers=2),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout


def test_prometheus_reads_the_admin_under_the_alerts_job() -> None:
    config = msgspec.yaml.decode(CONFIG.read_bytes())
    (scrape,) = config["scrape_configs"]
    assert config["rule_files"] == [ALERTS.name]
    assert scrape["job_name"] == "nursery-gateway"
    assert scrape["static_configs"] == [{"targets": ["127.0.0.1:4001"]}]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("gateway_open_calls", []),
        ("sum by (worker, job) (gateway_open_calls)", []),
        ("gateway_open_cals > 0", ["no metric gateway_open_cals"]),
        ('gateway_open_calls{phase="x"}', ["gateway_open_calls has no phase"]),
        ("sum by (fase) (rate(gateway_client_gone_total[5m]))", ["nothing has fase"]),
        ("gateway_open_calls unless on (wurker) up", ["nothing has wurker"]),
    ],
)
def test_a_question_that_nothing_answers_is_found(expression: str, said: list[str]) -> None:
    assert misses(expression) == said


def test_a_scrape_holds_no_contradiction() -> None:
    assert exposed.problems(exposed.text(workers=2)) == []


def test_a_contradiction_in_a_scrape_is_found() -> None:
    odd = "# HELP a A.\n# TYPE a histogram\n"
    odd += 'a_bucket{le="1"} 3\na_bucket{le="+Inf"} 2\na_count 4\na_sum 1\n'
    assert exposed.problems(odd) == [
        "a: buckets fall: [3, 2]",
        "a: 2 in buckets, 4 counted",
    ]
    assert exposed.problems("# HELP b B.\n# TYPE b gauge\nb 1\nb 2\n") == ["twice: b"]
