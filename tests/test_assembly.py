"""What one process holds, put together from its configuration."""

import json
import resource

from gateway.words.receipt import Receipt
from tests.made import LISTING, Make

pytest_plugins = ("tests.making",)


def test_the_most_calls_come_from_the_descriptors_unless_they_are_set(make: Make) -> None:
    """G8: each call holds two, and some are spared."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, limit), limit))
    made = make()
    assert 0 < 2 * made.app.calls.most < limit
    assert made.app.calls.most < made.app.most_connections < limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limit, limit)
    made = make("[server]\nmax_calls = 7\nmax_connections = 9\n")
    assert (made.app.calls.most, made.app.most_connections) == (7, 9)
    made.app.log.close()
    assert made.lines("fewer descriptors than may be needed") == []


NAMED = """
[providers.eu]
kind = "azure"
base_url = "https://eu.test"
api_version = "2025-04-01-preview"
api_key = {env = "KEY"}
models = {"gpt-5.2" = "prod"}
[models]
smart = {targets = ["gpt-5.2"]}
"""


def test_r10_the_names_in_metrics_are_those_of_the_configuration(make: Make) -> None:
    made = make(NAMED)
    for model in ("gpt-5.2", "smart", "prod"):
        receipt = Receipt("r", "POST", "/v1/chat/completions", "127.0.0.1", 0.0)
        receipt.endpoint, receipt.model, receipt.ended = "chat", model, 1.0
        receipt.target, receipt.answered_by = "eu/prod", "prod"
        receipt.complete()
        assert made.app.metrics in made.app.current.house.taps
        made.app.metrics.settled(receipt)
    (duration,) = [each for each in made.app.metrics.told() if "duration" in each.name]
    azure = ["chat", "azure.ai.openai", "eu"]
    assert [labels for labels, _ in duration.series] == [
        [*azure, "gpt-5.2", "prod", ""],
        [*azure, "smart", "prod", ""],
        [*azure, "other", "prod", ""],
    ]


def test_g8_limits_above_the_descriptors_are_told_at_the_start(make: Make) -> None:
    """G8."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    made = make(f"[server]\nmax_calls = 7\nmax_connections = {limit}\n")
    made.app.log.close()
    (line,) = made.lines("fewer descriptors than may be needed")
    assert (line["max_calls"], line["max_connections"]) == (7, limit)
    assert line["descriptors"] == limit


def test_a_bug_is_told_with_its_request_and_without_secrets(make: Make) -> None:
    """R11."""
    made = make(LISTING)
    key = made.app.homes.offers[0].keys[0].reveal()
    made.app.current.house.report("request", ValueError(f"bad key {key}"), "req_7")
    made.app.log.close()
    (line,) = made.lines("bug in request")
    assert (line["request_id"], line["level"]) == ("req_7", "error")
    assert "ValueError: bad key ***" in line["exception"]
    assert key not in json.dumps(line)
