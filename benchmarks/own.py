"""Scenarios of the rounds themselves: start, installation, and two workers against one."""

from typing import Final

from benchmarks.peers.peer import Installed
from benchmarks.results import ScenarioNote

READY: Final = ScenarioNote(
    name="ready",
    title="Start to ready",
    units={"seconds": "s"},
    better="lower",
)

INSTALLED: Final = ScenarioNote(
    name="installed",
    title="Installed size",
    units={"megabytes": "MB of files", "packages": "packages"},
    better="lower",
)

WORKERS: Final = ScenarioNote(
    name="workers",
    title="Processor time of a request, one worker and two",
    units={"cpu_us_per_request": "µs", "requests_per_second": "requests/s"},
    better="lower",
)
"""Measured as answers in one piece are; for those peers alone that are there for nothing else."""


def installation(found: Installed) -> dict[str, float]:
    """Return the values of an installation."""
    return {"megabytes": found.megabytes, "packages": float(found.packages)}
