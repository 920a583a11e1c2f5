"""A bar is met, met as hoped, or missed by so much."""

import pytest

from benchmarks.bars import BARS, Bar, verdict
from benchmarks.peers.table import PEERS
from benchmarks.play import all_scenarios
from benchmarks.results import Measurement
from tests.benchmarks.fixtures import requests, results

RATIO = Bar(
    text="against vllm-router",
    scenario="single",
    key="requests_per_second",
    against="vllm-router",
    better="higher",
    at_least=0.3,
    hoped=0.5,
)

LEAKED = Bar(text="leaked", scenario="leaving", key="leaked", better="lower", at_least=0, hoped=0)


@pytest.mark.parametrize(
    ("ours", "state", "words"),
    [
        (60, "hoped", "met, as hoped"),
        (50, "hoped", "met, as hoped"),
        (40, "met", "met"),
        (30, "met", "met"),
        (29.9, "missed", "**missed** by less than 1%"),
        (24, "missed", "**missed** by 20%"),
    ],
)
def test_a_ratio_is_judged_by_its_median(ours: float, state: str, words: str) -> None:
    measured = results(*requests("gateway", ours), *requests("vllm-router", 100))
    found = verdict(RATIO, measured)
    assert (found.state, found.words) == (state, words)


def test_what_misses_by_far_is_told_as_a_multiple() -> None:
    bar = Bar(text="p99", scenario="single", key="p50_ms", better="lower", at_least=0.5, hoped=0.1)
    assert verdict(bar, results(*requests("gateway", 60))).words == "**missed**: 3 times as much"


@pytest.mark.parametrize(("leaked", "words"), [(0, "met, as hoped"), (3, "**missed** by 3")])
def test_where_nothing_is_allowed_anything_misses(leaked: float, words: str) -> None:
    measured = results(Measurement(0, "leaving", "gateway", {"leaked": leaked}))
    assert verdict(LEAKED, measured).words == words


def test_what_is_added_is_a_difference_within_each_round() -> None:
    bar = Bar(
        text="added",
        scenario="single",
        key="p50_ms",
        against="direct",
        compared="difference",
        better="lower",
        at_least=1.0,
        hoped=0.5,
    )
    measured = results(
        Measurement(0, "single", "gateway", {"p50_ms": 1.0}),
        Measurement(0, "single", "direct", {"p50_ms": 0.25}),
    )
    found = verdict(bar, measured)
    assert found.measured is not None
    assert (found.measured.middle, found.state) == (0.75, "met")


def test_without_the_other_there_is_no_verdict() -> None:
    found = verdict(RATIO, results(*requests("gateway", 60)))
    assert (found.state, found.words) == ("not measured", "not measured")


def test_every_bar_asks_for_what_is_measured() -> None:
    values = {(note.name, key) for note in all_scenarios() for key in note.units}
    peers = {peer.name for peer in PEERS}
    assert [bar.text for bar in BARS if (bar.scenario, bar.key) not in values] == []
    assert {bar.peer for bar in BARS} | {bar.against for bar in BARS if bar.against} <= peers


def test_no_bar_hopes_for_less_than_it_demands() -> None:
    wrong = [
        bar.text
        for bar in BARS
        if (bar.hoped < bar.at_least if bar.better == "higher" else bar.hoped > bar.at_least)
    ]
    assert wrong == []
