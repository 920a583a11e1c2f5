"""Results as a run brings them home, small enough to be checked by hand."""

from benchmarks.machine import Machine
from benchmarks.results import Measurement, PeerNote, Results, ScenarioNote

SINGLE = ScenarioNote(
    name="single",
    title="Answers in one piece",
    units={"requests_per_second": "requests/s", "p50_ms": "ms", "errors": "wrong answers"},
    better="higher",
)

MACHINE = Machine(
    processor="A processor",
    cores=2,
    memory_gigabytes=4.0,
    kernel="Linux 6",
    python="3.11",
    load=0.1,
)


def results(*measurements: Measurement, scenarios: tuple[ScenarioNote, ...] = (SINGLE,)) -> Results:
    """Return results of three rounds with the gateway, one router and no proxy."""
    return Results(
        machine=MACHINE,
        seconds=5,
        quick=False,
        wanted_rounds=3,
        peers=[
            PeerNote("gateway", "nursery-gateway", "1.0", "As it comes."),
            PeerNote("vllm-router", "vllm-router", "0.1", "One worker."),
            PeerNote("direct", "no proxy", "", "The ceiling."),
        ],
        skipped={"nginx": "not installed"},
        scenarios=[*scenarios],
        measurements=[*measurements],
        rounds=3,
    )


def requests(peer: str, *figures: float) -> list[Measurement]:
    """Return what a peer did in `single`, round by round."""
    return [
        Measurement(turn, SINGLE.name, peer, {"requests_per_second": figure, "p50_ms": 1.5})
        for turn, figure in enumerate(figures)
    ]
