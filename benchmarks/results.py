"""What a run brings home: kept whole, written after each round, read again for the report."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.machine import Machine


class PeerNote(msgspec.Struct, frozen=True):
    """Who was measured."""

    name: str
    title: str
    version: str
    settings: str


class ScenarioNote(msgspec.Struct, frozen=True):
    """What was measured; `units` has one for each value, `better` is "higher" or "lower"."""

    name: str
    title: str
    units: dict[str, str]
    better: str


class Measurement(msgspec.Struct, frozen=True):
    """One peer in one scenario in one round: values, or why there are none."""

    round: int
    scenario: str
    peer: str
    values: dict[str, float] = {}
    failure: str = ""


class Results(msgspec.Struct):
    """A whole run, or as much of it as there is yet."""

    machine: Machine
    seconds: float
    quick: bool
    wanted_rounds: int
    peers: list[PeerNote]
    skipped: dict[str, str]
    scenarios: list[ScenarioNote]
    measurements: list[Measurement] = []
    rounds: int = 0
    notices: list[str] = []

    def of(self, scenario: str, peer: str) -> Iterable[Measurement]:
        """Yield what one peer did in one scenario, round by round."""
        return (one for one in self.measurements if (one.scenario, one.peer) == (scenario, peer))


NONE: Final = '"measurements": []'
"""How the formatted text says that there are none; each has a line of its own instead."""


def save(results: Results, path: Path) -> None:
    """Write the results; who reads meanwhile finds the old ones or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    around = msgspec.structs.replace(results, measurements=[])
    text = msgspec.json.format(msgspec.json.encode(around), indent=1).decode()
    lines = ",\n".join(msgspec.json.encode(one).decode() for one in results.measurements)
    draft.write_text(text.replace(NONE, f'"measurements": [\n{lines}\n ]') + "\n")
    draft.replace(path)


def load(path: Path) -> Results:
    """Read results. Raises `OSError` and `msgspec.MsgspecError`."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
