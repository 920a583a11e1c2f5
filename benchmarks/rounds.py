"""Who is measured when: in each round every peer starts afresh, and all take turns.

Peers that wait are stopped by a signal, so they take no time from the one that is measured.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.figures import rotated
from benchmarks.own import READY, WORKERS
from benchmarks.peers.peer import Peer, Ready
from benchmarks.peers.running import NotStarted, Running
from benchmarks.results import Measurement

GRACE: Final = 1.0
"""Seconds in which a peer may close what its clients have left, before it is started again."""

POLL: Final = 0.02

RESERVED: Final = frozenset({WORKERS.name})
"""Scenarios for those peers alone that are there for nothing else."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the rounds need of the world: all of it can be replaced by a test.

    `start` raises `NotStarted`; `measure` returns the values of a scenario or raises; `left_open`
    counts the streams that the provider still has open; `note` takes each measurement, failed ones
    too; `now` is told each step before it is done.
    """

    start: Callable[[Peer, Ready, Path], Running]
    measure: Callable[[str, Running], Mapping[str, float]]
    left_open: Callable[[], int]
    note: Callable[[Measurement], None]
    now: Callable[[str], None]


@dataclass(slots=True)
class Round:
    """One round: `turn` is its number, from 0; `failed` says who could not be started, and why."""

    stage: Stage
    turn: int
    peers: Mapping[Peer, Ready]
    scenarios: Sequence[str]
    folder: Path
    failed: dict[str, str] = field(default_factory=dict)
    _running: dict[str, Running] = field(default_factory=dict)
    _starts: int = 0

    def play(self) -> None:
        """Start all, measure all, stop all."""
        try:
            for peer in rotated([*self.peers], self.turn):
                self._start_first(peer)
            for scenario in self.scenarios:
                for peer in rotated(self.participants(scenario), self.turn):
                    self._measure(scenario, peer)
        finally:
            for running in self._running.values():
                running.stop()

    def participants(self, scenario: str) -> list[Peer]:
        """Return the peers that take part in a scenario."""
        return [
            peer
            for peer in self.peers
            if takes_part(peer, scenario) and peer.name not in self.failed
        ]

    def _start_first(self, peer: Peer) -> None:
        """Start a peer for the first time in this round: the time it takes is a figure too."""
        self.stage.now(f"round {self.turn + 1}: {peer.name} starts")
        try:
            running = self._start(peer)
        except NotStarted as problem:
            self.failed[peer.name] = str(problem)
            self._note(READY.name, peer, failure=str(problem))
            return
        if takes_part(peer, READY.name) and running.pids:
            self._note(READY.name, peer, {"seconds": running.ready_after})
        running.pause()

    def _start(self, peer: Peer) -> Running:
        self._starts += 1
        folder = self.folder / f"{self.turn}-{self._starts}-{peer.name}"
        running = self.stage.start(peer, self.peers[peer], folder)
        self._running[peer.name] = running
        return running

    def _measure(self, scenario: str, peer: Peer) -> None:
        self.stage.now(f"round {self.turn + 1}: {scenario}, {peer.name}")
        try:
            running = self._running.get(peer.name) or self._start(peer)
        except NotStarted as problem:
            self.failed[peer.name] = str(problem)
            self._note(scenario, peer, failure=str(problem))
            return
        running.resume()
        try:
            values = self.stage.measure(scenario, running)
        except Exception as error:  # whatever it is, the others are measured still
            self._note(scenario, peer, failure=told(error))
            self._drop(peer)
        else:
            self._note(scenario, peer, values)
            self._rest(peer, running)

    def _rest(self, peer: Peer, running: Running) -> None:
        """Let a peer wait; one that keeps what its clients left is started again next time."""
        until = time.monotonic() + GRACE
        while self.stage.left_open() and time.monotonic() < until:
            time.sleep(POLL)
        if self.stage.left_open() or not running.alive:
            self._drop(peer)
        else:
            running.pause()

    def _drop(self, peer: Peer) -> None:
        running = self._running.pop(peer.name, None)
        if running is not None:
            running.stop()

    def _note(
        self,
        scenario: str,
        peer: Peer,
        values: Mapping[str, float] | None = None,
        failure: str = "",
    ) -> None:
        short = {key: float(f"{value:.6g}") for key, value in (values or {}).items()}
        self.stage.note(Measurement(self.turn, scenario, peer.name, short, failure))


def takes_part(peer: Peer, scenario: str) -> bool:
    """Say whether a peer is measured in a scenario: some are there for one, others for the rest."""
    if peer.only or scenario in RESERVED:
        return scenario in peer.only
    return scenario not in peer.never


def told(error: BaseException) -> str:
    """Say in a line what went wrong."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
