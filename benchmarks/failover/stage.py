"""The course of a scenario: providers and a gateway are there, calls are made, the bars judge."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from benchmarks.failover import acts, judge
from benchmarks.failover.client import Caller
from benchmarks.failover.records import Heard, Mode, Played, Row
from benchmarks.failover.scenarios import TOGETHER, Course, Scenario
from benchmarks.failover.settings import MODEL, configuration
from benchmarks.failover.upstream import Upstream
from benchmarks.soak.processes import Failed, Gateway

AFTER: Final = 0.1
"""Seconds after a call in which an attempt that nobody waits for would come."""

BETWEEN: Final = 0.25
"""Seconds between two calls, where one comes after the other."""

BACK_PATIENCE: Final = 12.0
"""Seconds for which a provider that is well again is waited for."""

SETTLE_PATIENCE: Final = 90.0
"""Seconds in which a gateway that is not ours must have come to trust its primary again."""

Tell = Callable[[Row], None]
"""Hears of each line of the scorecard."""


@dataclass(slots=True)
class Stand:
    """Two providers, and who asks the gateway between them; where that is ours, its process."""

    primary: Upstream
    secondary: Upstream
    caller: Caller
    threads: trio.CapacityLimiter
    gateway: Gateway | None = None

    async def ask(self, call: str, mode: Mode) -> Heard:
        """Have one call made, in a thread."""
        return await trio.to_thread.run_sync(self.caller.ask, call, mode, limiter=self.threads)

    async def play(self, scenario: Scenario, mode: Mode, nursery: trio.Nursery) -> Played:
        """Make the calls of a scenario."""
        self.primary.follow(scenario.primary, nursery)
        self.secondary.follow(scenario.secondary, nursery)
        heard = await _COURSES[scenario.course](self, scenario, mode)
        await trio.sleep(AFTER)
        return Played(mode, heard, self.primary.attempts, self.secondary.attempts)

    async def settle(self, nursery: trio.Nursery) -> None:
        """Ask until the primary answers. Raises `Failed`."""
        until = time.monotonic() + SETTLE_PATIENCE
        while True:
            self.primary.follow((acts.answers,), nursery)
            self.secondary.follow((acts.answers,), nursery)
            heard = await self.ask("call-settle", "whole")
            if heard.text == acts.TALE and self.primary.attempts and not self.secondary.attempts:
                return
            if time.monotonic() > until:
                raise Failed(
                    f"for {SETTLE_PATIENCE:g} s the primary did not answer, though it is well; "
                    f"the last call got: {judge.got(heard)}"
                )
            await trio.sleep(2 * BETWEEN)

    def close(self) -> None:
        """Let the ports go."""
        self.primary.close()
        self.secondary.close()


async def _one(stand: Stand, scenario: Scenario, mode: Mode) -> list[Heard]:
    return [await stand.ask(scenario.call, mode)]


async def _together(stand: Stand, scenario: Scenario, mode: Mode) -> list[Heard]:
    heard: list[Heard] = []

    async def ask(number: int) -> None:
        heard.append(await stand.ask(f"{scenario.call}-{number}", mode))

    async with trio.open_nursery() as nursery:
        for number in range(TOGETHER):
            nursery.start_soon(ask, number)
    return sorted(heard, key=lambda each: each.began)


async def _until_back(stand: Stand, scenario: Scenario, mode: Mode) -> list[Heard]:
    """Ask again and again until the primary has come to the last reply of its script."""
    heard: list[Heard] = []
    until = time.monotonic() + BACK_PATIENCE
    while len(stand.primary.attempts) < len(scenario.primary) and time.monotonic() < until:
        heard.append(await stand.ask(f"{scenario.call}-{len(heard)}", mode))
        await trio.sleep(BETWEEN)
    return heard


_COURSES: Final[dict[Course, Callable[[Stand, Scenario, Mode], Awaitable[list[Heard]]]]] = {
    Course.ONE: _one,
    Course.TOGETHER: _together,
    Course.UNTIL_BACK: _until_back,
}


def row_of(scenario: Scenario, played: Played) -> Row:
    """Judge how it went, and write its line."""
    began = min(heard.began for heard in played.heard)
    found = sorted({judge.got(heard) for heard in played.heard})
    return Row(
        scenario=scenario.name,
        title=scenario.title,
        mode=played.mode,
        got="; ".join(found),
        problems=scenario.problems(played),
        primary=[round(each.at - began, 3) for each in played.primary],
        secondary=[round(each.at - began, 3) for each in played.secondary],
        seconds=round(max(each.began + each.seconds for each in played.heard) - began, 3),
        seen=bool(scenario.primary),
    )


def new_stand(caller: Caller, ports: Sequence[int] = (0, 0)) -> Stand:
    """Have two providers on these ports; on free ones unless they are named."""
    primary = Upstream("primary", ports[0])
    try:
        secondary = Upstream("secondary", ports[1])
    except OSError:
        primary.close()
        raise
    return Stand(primary, secondary, caller, trio.CapacityLimiter(2 * TOGETHER))


async def against(
    caller: Caller, ports: Sequence[int], scenarios: Sequence[Scenario], tell: Tell
) -> list[Row]:
    """Score a gateway that somebody has configured. Raises `Failed`, and `OSError` for a port."""
    rows = []
    stand = new_stand(caller, ports)
    try:
        async with trio.open_nursery() as nursery:
            for scenario, mode in _parts(scenarios):
                await stand.settle(nursery)
                rows.append(row_of(scenario, await stand.play(scenario, mode, nursery)))
                tell(rows[-1])
            nursery.cancel_scope.cancel()
    finally:
        stand.close()
    return rows


def _parts(scenarios: Sequence[Scenario]) -> list[tuple[Scenario, Mode]]:
    return [(scenario, mode) for scenario in scenarios for mode in scenario.modes]


async def ours(folder: Path, scenarios: Sequence[Scenario], tell: Tell) -> list[Row]:
    """Score this gateway: for each scenario and mode there is a new process, which knows nothing.

    The modes of a scenario are played at once. Configurations and logs stay in the folder.
    """
    rows = []
    for scenario in scenarios:
        for row in await _ours(folder, scenario):
            rows.append(row)
            tell(row)
    return rows


async def _ours(folder: Path, scenario: Scenario) -> list[Row]:
    stands: list[Stand] = []
    played: list[Played] = []

    async def begin(stand: Stand, place: Path) -> None:
        stand.gateway = await trio.to_thread.run_sync(_begun, stand, scenario, place)
        stand.caller = Caller(f"http://127.0.0.1:{stand.gateway.port}/v1", MODEL)

    async def play(stand: Stand, mode: Mode, actors: trio.Nursery) -> None:
        if scenario.kept:
            await stand.settle(actors)
        played.append(await stand.play(scenario, mode, actors))

    places = {mode: folder / f"{scenario.name}-{mode}" for mode in scenario.modes}
    try:
        async with trio.open_nursery() as nursery:
            for place in places.values():
                stand = new_stand(Caller("", MODEL))  # whom to ask is not known yet
                stands.append(stand)
                nursery.start_soon(begin, stand, place)
        async with trio.open_nursery() as actors:
            async with trio.open_nursery() as nursery:
                for stand, mode in zip(stands, places, strict=True):
                    nursery.start_soon(play, stand, mode, actors)
            actors.cancel_scope.cancel()
    finally:
        for stand in stands:
            _end(stand)
    for one in played:
        # What was asked before the scenario is no part of it.
        asked = {heard.headers.get("x-request-id") for heard in one.heard}
        lines = log_lines(places[one.mode] / "log")
        one.lines = [line for line in lines if line["request_id"] in asked]
    played.sort(key=lambda one: scenario.modes.index(one.mode))
    return [row_of(scenario, one) for one in played]


def _begun(stand: Stand, scenario: Scenario, place: Path) -> Gateway:
    """Start a gateway. Raises `Failed`. Blocks."""
    place.mkdir(parents=True)
    config = place / "gateway.toml"
    ports = (stand.primary.port, stand.secondary.port)
    config.write_text(configuration(*ports, rests=scenario.rests))
    return Gateway(config, 1, place / "log", place.parent)


def _end(stand: Stand) -> None:
    if stand.gateway is not None:
        stand.gateway.drain()
        stand.gateway.end()
    stand.close()


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Return what a gateway's log says of its requests."""
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    said = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
    return [fields for fields in said if fields.get("event") == "request"]
