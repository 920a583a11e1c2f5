"""The scenarios: what is asked of a gateway, and which figures are taken from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.bench import Bench, Measured, pause
from benchmarks.load import LoadFailed, Report

Values = dict[str, float]

LEAK_TIMEOUT: Final = 5.0
"""Seconds after which a stream that its client has left counts as leaked."""

QUIET: Final = 0.25
"""Seconds between two questions to the upstream, which is busy seeing who leaves."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of work; the first of its figures is the one it is about.

    `units` names each figure and its unit; a figure that a peer cannot have (processor time and
    memory where no process stands between) is left out of what `run` returns. `run` raises
    `LoadFailed` where the answers are wrong, so that failures are never counted as speed.
    """

    name: str
    title: str
    units: Mapping[str, str]
    better: Literal["higher", "lower"]
    run: Callable[[Bench], Values]

    @property
    def headline(self) -> str:
        """The figure that the scenario is about."""
        return next(iter(self.units))


def _quality(measured: Measured) -> Values:
    """Say how far the figures can be trusted: wrong answers, and how busy the load tools were."""
    return {"errors": measured.client["errors"], "load_busy": measured.busy * 100}


def _cpu(bench: Bench, measured: Measured, key: str, count: int) -> Values:
    """Divide the processor time of the system under test by what it did in it."""
    return {key: measured.cpu_seconds * 1e6 / count} if bench.pids and count else {}


def single(bench: Bench) -> Values:
    """Ask over 32 kept connections for answers in one piece, each again when it is answered."""
    measured = bench.measure("closed", "--connections", "32")
    client = measured.client
    if not client["requests"]:
        raise LoadFailed("no request was answered in time")
    return {
        "requests_per_second": client["requests_per_second"],
        "p50_ms": client["latency_p50"] / 1000,
        "p99_ms": client["latency_p99"] / 1000,
        **_cpu(bench, measured, "cpu_us_per_request", client["requests_total"]),
        **_quality(measured),
    }


def burst(bench: Bench) -> Values:
    """Ask over 32 kept connections for streams of 100 tokens that are all there at once."""
    measured = bench.measure("closed", "--connections", "32", "--stream", "--events", "100")
    client = measured.client
    if not client["events"]:
        raise LoadFailed("no event came in time")
    return {
        "chunks_per_second": client["events_per_second"],
        "streams_per_second": client["requests_per_second"],
        **_cpu(bench, measured, "cpu_us_per_chunk", client["events_total"]),
        **_quality(measured),
    }


def paced(bench: Bench, streams: int, pace: int) -> Values:
    """Read many streams at once that each have so many events a second."""
    streams = bench.streams(streams)
    measured = bench.measure("paced", "--streams", str(streams), "--events-per-second", str(pace))
    client = measured.client
    if not client["events"]:
        raise LoadFailed("no event came in time")
    cpu = _cpu(bench, measured, "cpu_us_per_event", client["events_total"])
    for used in [*cpu.values()]:  # while all streams are open, which is not the whole time
        cpu["cpu_percent"] = used * client["events_per_second"] / 1e4
    return {
        "events_per_second": client["events_per_second"],
        "delivered_percent": client["events_per_second"] / (streams * pace) * 100,
        "delay_p50_ms": client["delay_p50"] / 1000,
        "delay_p99_ms": client["delay_p99"] / 1000,
        "max_gap_ms": client["max_gap_ms"],
        "unfinished": client["unfinished"],
        "late_p99_ms": measured.upstream["late_p99_us"] / 1000,
        **cpu,
        **_quality(measured),
    }


def paced_300(bench: Bench) -> Values:
    """Read 300 streams of 50 events a second."""
    return paced(bench, 300, 50)


def paced_1000(bench: Bench) -> Values:
    """Read 1,000 streams of 10 events a second."""
    return paced(bench, 1000, 10)


def first_token(bench: Bench) -> Values:
    """Ask 50 times a second, whatever the answers do, and take the time to the first content."""
    measured = bench.measure(
        "first", "--rate", "50", "--stream", "--events", "3", seconds=bench.seconds * 2
    )
    client = measured.client
    return {
        "p50_ms": client["first_p50"] / 1000,
        "p90_ms": client["first_p90"] / 1000,
        "p99_ms": client["first_p99"] / 1000,
        "whole_p50_ms": client["latency_p50"] / 1000,
        "whole_p99_ms": client["latency_p99"] / 1000,
        "errors": client["errors"],
    }


def leaving(bench: Bench) -> Values:
    """Open 1,000 streams and leave them in mid-stream, one by one, then a second time at once."""
    apart, leaked_apart = _leave(bench)
    together, leaked_together = _leave(bench, "--at-once")
    return {
        "p50_ms": quantile(apart, 0.5),
        "p99_ms": quantile(apart, 0.99),
        "max_ms": max(apart, default=0.0),
        "leaked": leaked_apart + leaked_together,
        "at_once_p50_ms": quantile(together, 0.5),
        "at_once_p99_ms": quantile(together, 0.99),
        "at_once_max_ms": max(together, default=0.0),
    }


def _leave(bench: Bench, *more: str) -> tuple[list[float], int]:
    """Return how long after its client each stream was left, in ms, and how many never were."""
    streams = ("--streams", str(bench.streams(1000)), "--events-per-second", "10")
    client = bench.measure("leave", *streams, *more).client
    for _ in range(int(LEAK_TIMEOUT / QUIET)):
        pause(QUIET)
        upstream = bench.upstream.report()
        if not upstream["open_streams"]:
            break
    return delays(client, upstream)


def delays(client: Report, upstream: Report) -> tuple[list[float], int]:
    """Compare who left when with when the upstream saw it; see `_leave`."""
    seen = dict(upstream["left"])
    found = [(seen[name] - at) / 1e6 for name, at in client["closed"] if name in seen]
    return found, len(client["closed"]) - len(found)


def quantile(values: list[float], share: float) -> float:
    """Return the value below which this share of the values lies; 0 for none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def memory(bench: Bench) -> Values:
    """Read the memory of a fresh process, and again while it holds 100, 1,000, 5,000 streams."""
    if not bench.pids:
        return {}
    idle = bench.resident_kilobytes()
    found = {"idle_mb": idle / 1000}
    for wanted in HELD:
        streams = bench.streams(wanted)
        with bench.hold(streams):
            found[f"kb_per_stream_{wanted}"] = (bench.resident_kilobytes() - idle) / streams
    return found


HELD: Final = (100, 1000, 5000)

_QUALITY: Final = {"errors": "wrong answers", "load_busy": "% of the load core"}
_PACED: Final = {
    "events_per_second": "events/s",
    "delivered_percent": "% of what was sent",
    "delay_p50_ms": "ms",
    "delay_p99_ms": "ms",
    "max_gap_ms": "ms",
    "cpu_percent": "% of a core",
    "cpu_us_per_event": "µs",
    "unfinished": "streams",
    "late_p99_ms": "ms, at the provider",
    **_QUALITY,
}

SCENARIOS: Final = (
    Scenario(
        "memory",
        "Memory, idle and for each open stream",
        {"idle_mb": "MB", **{f"kb_per_stream_{count}": "KB" for count in HELD}},
        "lower",
        memory,
    ),
    Scenario(
        "single",
        "Answers in one piece, 32 connections",
        {
            "requests_per_second": "requests/s",
            "p50_ms": "ms",
            "p99_ms": "ms",
            "cpu_us_per_request": "µs",
            **_QUALITY,
        },
        "higher",
        single,
    ),
    Scenario(
        "burst",
        "Streams of 100 tokens in bursts, 32 connections",
        {
            "chunks_per_second": "chunks/s",
            "streams_per_second": "streams/s",
            "cpu_us_per_chunk": "µs",
            **_QUALITY,
        },
        "higher",
        burst,
    ),
    Scenario("paced-300", "300 streams at 50 events/s", _PACED, "higher", paced_300),
    Scenario("paced-1000", "1,000 streams at 10 events/s", _PACED, "higher", paced_1000),
    Scenario(
        "first-token",
        "Time to the first token at 50 requests/s",
        {
            "p50_ms": "ms",
            "p90_ms": "ms",
            "p99_ms": "ms",
            "whole_p50_ms": "ms",
            "whole_p99_ms": "ms",
            "errors": "wrong answers",
        },
        "lower",
        first_token,
    ),
    Scenario(
        "leaving",
        "Client gone to upstream closed, 1,000 open streams",
        {
            "p50_ms": "ms",
            "p99_ms": "ms",
            "max_ms": "ms",
            "leaked": "streams",
            "at_once_p50_ms": "ms",
            "at_once_p99_ms": "ms",
            "at_once_max_ms": "ms",
        },
        "lower",
        leaving,
    ),
)
"""In this order: memory is read from a process that has done nothing yet."""
