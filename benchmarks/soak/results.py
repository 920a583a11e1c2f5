"""What a soak has come to, and every so often on its way, as it is saved in a file of JSON."""

from pathlib import Path
from typing import Any

import msgspec

from benchmarks.machine import Machine


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One moment: `at` in seconds from the load's beginning; milliseconds from leaving to news."""

    at: float
    calls: int
    rss_bytes: int
    admin_bytes: int
    gauges: dict[str, float]
    left: int = 0
    middle_ms: float = 0.0
    longest_ms: float = 0.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; `rate` is calls a second."""

    seed: int
    minutes: float
    rate: float
    workers: int

    @property
    def seconds(self) -> float:
        """How long the load lasts."""
        return self.minutes * 60


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """From a client's leaving to its provider's news of it, over all calls, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """What there was before the load, or `after` seconds behind its last connection.

    `playing` are requests that providers still have, `links` connections to them.
    """

    gauges: dict[str, float]
    after: float = 0.0
    playing: int = 0
    links: int = 0


class Results(msgspec.Struct, kw_only=True):
    """All that a run has come to. `outages` are (provider, gone, back) in seconds, as `samples`."""

    wish: Wish
    version: str
    machine: Machine
    notices: list[str]
    begun: int
    skipped: int
    calls: int
    unexplained: int
    examples: list[dict[str, Any]]
    outcomes: dict[str, int]
    plays: dict[str, int]
    outages: list[tuple[int, float, float]]
    leaving: Leaving
    before: Rest
    rest: Rest
    exit_code: int
    unscraped: int
    samples: list[Sample]


def save(results: Results, path: Path) -> None:
    """Write the file, a line for each sample."""
    fields = msgspec.to_builtins(results)
    samples = fields.pop("samples")
    text = msgspec.json.format(msgspec.json.encode(fields), indent=1).decode()
    lines = ",\n".join(msgspec.json.encode(sample).decode() for sample in samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{text.removesuffix("}").rstrip()},\n "samples": [\n{lines}\n]}}\n')


def load(path: Path) -> Results:
    """Read a file. Raises `msgspec.ValidationError` where it is of another form."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
