"""Everything that a gateway can expose to Prometheus, in one scrape: each metric, with its labels.

It is made by the house's own code, of workers that have counted a bit of everything.
"""

from typing import Any

import msgspec
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.figures.metrics import HELP, exposition
from gateway.admin.figures.targets import Names
from gateway.downstream.calls import Calls
from gateway.downstream.crowd import crowd
from gateway.policy.balances import Balance
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.naming import Naming
from gateway.words.answer import Usage
from gateway.words.errors import ConnectFailed
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Receipt

OF_PROMETHEUS = frozenset({"job", "instance"})
"""Labels that Prometheus adds."""


def receipts() -> list[Receipt]:
    """Return one that was completed, one whose provider failed, and one whose client left."""
    found = []
    for number in range(3):
        receipt = Receipt(f"req_{number}", "POST", "/v1/chat/completions", "127.0.0.1", 0.0)
        receipt.endpoint, receipt.model, receipt.target = "chat", "m", "up/m-1"
        receipt.answered_by, receipt.stream, receipt.usage = "m-1", True, Usage(100, 20)
        receipt.body_at, receipt.first_content_at, receipt.ended = 0.01, 0.2, 1.2
        receipt.cost_nanos = 1_000
        receipt.attempts = [Attempt("up/m-1", 0.02, 1.1, "completed", usage=receipt.usage)]
        found.append(receipt)
    found[0].note_guard("people", "redact")
    found[0].complete()
    found[1].fail(ConnectFailed("Nothing listens there."))
    found[2].cut_at = 1.1
    found[2].end(Cause.CLIENT_GONE)
    return found


def text(workers: int = 1) -> str:
    """Return a scrape of so many workers."""
    tap = Metrics(Naming({"up": "openai"}, ["m"], ["m-1"]))
    for receipt in receipts():
        tap.settled(receipt)
    purse: dict[str, Any] = {"name": "team a day", "of": "team", "whose": "a", "team": "a"}
    purse |= {"per": "day", "models": (), "limit": 100, "spent": 10, "reserved": 1, "known": 10}
    budget = Balance(**purse, start=0, end=86_400)
    homes = [{"name": "up/m-1", "open_calls": 1}]
    families = [*tap.told(), *crowd(Calls(1), 0.0)]
    gauges, metrics = [], []
    for number in range(1, workers + 1):
        who: dict[str, Any] = {"worker": number, "pid": number, "uptime": 1.0, "draining": False}
        gauges.append({**who, "gauges": dict.fromkeys(HELP, 1), "homes": homes})
        told = {**who, "families": families, "budgets": [budget]}
        metrics.append(msgspec.json.decode(msgspec.json.encode(told)))
    numbers = range(1, workers + 1)
    return exposition(gauges, numbers, "1.2.3", Names(), metrics).decode()


def families(scrape: str) -> list[Metric]:
    """Return the families of a scrape as Prometheus reads them."""
    return list(text_string_to_metric_families(scrape))


def labels_of(scrape: str) -> dict[str, set[str]]:
    """Return the names of all series with the labels that they may have."""
    found: dict[str, set[str]] = {}
    for family in families(scrape):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rows() -> list[str]:
    """Return the rows of the page's tables: name, kind, labels, meaning of each metric."""
    found = []
    labels = labels_of(text())
    for family in families(text()):
        name = family.name + ("_total" if family.type == "counter" else "")
        first = family.samples[0].name
        said = " ".join(f"`{each}`" for each in sorted(labels[first] - {"le"}))
        found.append(f"| `{name}` | {family.type} | {said} | {family.documentation} |")
    return sorted(found)


def problems(scrape: str) -> list[str]:
    """Find what no scrape may hold: a series twice, buckets that fall, counts that do not agree."""
    found = []
    lines = [line.rpartition(" ")[0] for line in scrape.splitlines() if line[:1] != "#"]
    found += [f"twice: {line}" for line in sorted(set(lines)) if lines.count(line) > 1]
    for family in families(scrape):
        if not family.documentation:
            found.append(f"{family.name} says nothing")
        if family.type == "histogram":
            found += _broken_histograms(family)
        elif family.type == "counter":
            found += [f"{each.name} is below 0" for each in family.samples if each.value < 0]
    return found


def _broken_histograms(family: Metric) -> list[str]:
    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    counts: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        key = tuple(sorted(labels.items()))
        if sample.name.endswith("_bucket"):
            buckets.setdefault(key, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_count"):
            counts[key] = sample.value
    found = [f"{family.name}: no count for {key}" for key in buckets if key not in counts]
    for key, pairs in buckets.items():
        bounds = [bound for bound, _ in pairs]
        values = [value for _, value in pairs]
        if bounds != sorted(bounds) or bounds[-1] != float("inf"):
            found.append(f"{family.name}: bounds {bounds}")
        if values != sorted(values):
            found.append(f"{family.name}: buckets fall: {values}")
        if values[-1] != counts.get(key):
            found.append(f"{family.name}: {values[-1]} in buckets, {counts.get(key)} counted")
    return found
