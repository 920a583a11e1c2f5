"""Where it is played: the upstream, our own gateway or another's, and one scene after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import trio

from gateway.assembly import assemble
from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.figures import Figures
from gateway.commands.demonstration.inside import (
    Assemble,
    FarAway,
    Own,
    Receipts,
    config_for,
    seconds_off_cpu,
)
from gateway.commands.demonstration.play import Stage, play
from gateway.commands.demonstration.probe import Waiting, wait_until_asked
from gateway.commands.demonstration.scenes import MODEL, SCENES, Scene
from gateway.commands.demonstration.upstream import Upstream
from gateway.commands.demonstration.wire import Address
from gateway.services import run_services
from gateway.telemetry.log import Log

WAYS: Final = tuple(Way)

HELD_UP = 0.1


@dataclass(frozen=True, slots=True)
class Asking:
    """What is played how often, and in which time an upstream must be closed; in seconds.

    What has not been closed after `patience` never will be. `held_up` is the part of `within` that
    other programs may take; beyond it a run is played again.
    """

    runs: int
    within: float
    patience: float
    scenes: tuple[Scene, ...] = SCENES
    held_up: float = HELD_UP


class Unreached(Exception):
    """A gateway that does not ask the upstream, and the last that was seen of it."""


class Watch(Protocol):
    """Who shows what is played."""

    def begins(self, stage: Stage, scenes: Sequence[Scene]) -> None:
        """All is up."""

    def played(self, figures: Figures) -> None:
        """Some runs of a phase have ended."""

    def ended(self, figures: Figures) -> None:
        """The last run of a phase has ended."""


async def play_own(
    asking: Asking,
    log: Log,
    watch: Watch,
    build: Assemble = assemble,
    off_cpu: Callable[[], float] = seconds_off_cpu,
) -> list[Figures]:
    """Play on a gateway in this process, one call at a time. Raises `OSError`."""
    far = FarAway()
    upstream = Upstream(0, MODEL)
    try:
        receipts = Receipts()
        app = build(config_for(upstream, far.port), log, None, (receipts,))
        own = Own(app, receipts, upstream, off_cpu)
        async with trio.open_nursery() as services:
            services.start_soon(upstream.serve)
            await services.start(run_services, own.app)
            async with trio.open_nursery() as server:
                await server.start(own.listening.run)
                stage = Stage(upstream, own.address, asking.within, asking.patience, own=own)
                watch.begins(stage, asking.scenes)
                found = [await _play_all(scene, stage, asking, watch, 1) for scene in asking.scenes]
                server.cancel_scope.cancel()
            services.cancel_scope.cancel()
    finally:
        upstream.close()
        far.close()
    return found


async def play_against(
    upstream: Upstream, address: Address, model: str, asking: Asking, waiting: Waiting, watch: Watch
) -> list[Figures]:
    """Play on a gateway of the user's what can be seen from outside, three calls at a time.

    Raises `Unreached` where it does not ask the upstream in time.
    """
    found: list[Figures] = []
    scenes = [scene for scene in asking.scenes if scene.from_outside]
    stage = Stage(upstream, address, asking.within, asking.patience, model)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upstream.serve)
        missing = await wait_until_asked(upstream, address, model, waiting)
        if not missing:
            watch.begins(stage, scenes)
            found = [await _play_all(scene, stage, asking, watch, len(WAYS)) for scene in scenes]
        nursery.cancel_scope.cancel()
    if missing:
        raise Unreached(missing)
    return found


async def _play_all(
    scene: Scene, stage: Stage, asking: Asking, watch: Watch, at_once: int
) -> Figures:
    """Play a scene as often as asked, the ways in turn; one that was in vain is not tried again."""
    figures = Figures(scene.phase, scene.fate, scene.outcome, asking.within)
    in_vain: set[Way] = set()

    async def add(way: Way) -> None:
        nonlocal figures
        run = await play(scene, way, stage)
        while run.held_up > asking.within * asking.held_up and figures.repeated < asking.runs:
            figures = replace(figures, repeated=figures.repeated + 1)
            run = await play(scene, way, stage)
        figures = replace(figures, runs=(*figures.runs, run))
        if figures.never_closed(run) or run.missed:
            in_vain.add(way)

    ways = [WAYS[number % len(WAYS)] for number in range(asking.runs)]
    for first in range(0, asking.runs, at_once):
        async with trio.open_nursery() as nursery:
            for way in ways[first : first + at_once]:
                if way not in in_vain:
                    nursery.start_soon(add, way)
        watch.played(figures)
    watch.ended(figures)
    return figures
