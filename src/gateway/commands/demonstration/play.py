"""Plays a scene: one call, brought into its phase and left there, with what is measured of it."""

from dataclasses import dataclass
from typing import Self

import trio

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.clients import Client, Way, connect
from gateway.commands.demonstration.figures import Counted, Fate, Run
from gateway.commands.demonstration.inside import Mark, Own
from gateway.commands.demonstration.scenes import Missed, Scene
from gateway.commands.demonstration.upstream import Upstream
from gateway.commands.demonstration.wire import Address

REACH_TIMEOUT = 3.0
"""Seconds in which a call must come into its phase."""

SAY_TIMEOUT = 0.05
"""Seconds that a gateway is given to say why it did not. It has had time to say it before."""

TURNS = 5
TURN = 0.001
"""Turns of the loop, a millisecond each, in which the gateway follows into the phase."""

MEANWHILE = 200
"""Turns that all tasks have before something counts as left, also where the machine stood still."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What scenes are played on; times are seconds.

    `model` replaces that of the scenes where the gateway is not ours. `own` is None there.
    """

    upstream: Upstream
    address: Address
    within: float
    patience: float
    model: str = ""
    own: Own | None = None
    reach_timeout: float = REACH_TIMEOUT


async def play(scene: Scene, way: Way, stage: Stage) -> Run:
    """Play a scene once."""
    with _Played(scene, stage) as played:
        missed = await played.reach()
        return Run(way, missed=missed) if missed else await played.leave(way)


class _Played:
    """One call on the stage; leaving its `with` removes what is left of it."""

    def __init__(self, scene: Scene, stage: Stage) -> None:
        self._scene = scene
        self._stage = stage
        self._asked = stage.upstream.expect(in_tls=scene.in_tls)
        self._before: Mark | None = None
        self._client: Client | None = None

    def __enter__(self) -> Self:
        if self._stage.own is not None:
            self._before = self._stage.own.mark()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stage.upstream.forget(self._asked)
        if self._client is not None:
            self._client.close()
        if self._scene.fate is not Fate.KEPT:
            self._asked.end()

    async def reach(self) -> str:
        """Bring the call into its phase; return why it could not be, or nothing."""
        try:
            with trio.move_on_after(self._stage.reach_timeout):
                self._client = await connect(self._stage.address, small=self._scene.small)
                await self._client.send(self._request())
                await self._scene.reach(self._asked, self._client)
                if self._scene.fate is Fate.KEPT:
                    return ""
                for _ in range(TURNS):
                    await trio.sleep(TURN)
                early = self._asked.left_at is not None
                return "the upstream was left before the client had left" if early else ""
        except Missed as missed:
            return str(missed)
        except (OSError, trio.BrokenResourceError) as error:
            return f"no connection to the gateway: {error}"
        return await self._told()

    async def leave(self, way: Way) -> Run:
        """Let the client leave, and see what becomes of the rest."""
        assert self._client is not None, "it has come into its phase"
        opened = self._counted()
        off_cpu = self._off_cpu()
        left_at = self._client.leave(way)
        if self._scene.fate is Fate.CLOSED:
            with trio.move_on_at(left_at + self._stage.patience):
                await self._asked.left()
        cleared_at, left = await self._clear(left_at + self._stage.within)
        closed_at = self._asked.left_at
        return Run(
            way,
            asked=len(self._asked.peers),
            closed_after=None if closed_at is None else closed_at - left_at,
            waited=self._stage.patience,
            cleared_after=None if cleared_at is None else cleared_at - left_at,
            open=opened,
            left=left,
            held_up=self._off_cpu() - off_cpu,
        )

    def _request(self) -> bytes:
        scene = self._scene
        model = self._stage.model or scene.model
        fields = wire.fields_of(model, self._asked.mark, stream=scene.stream)
        return wire.write_call(self._stage.address, fields, scene.dress, whole=scene.whole)

    async def _told(self) -> str:
        """Return what the client was told instead, if anything."""
        line = ""
        if self._client is not None:
            with trio.move_on_after(SAY_TIMEOUT):
                line = await self._client.read_line()
        if line:
            return f"the client was told {line}"
        return f"nothing came of it within {self._stage.reach_timeout:g} s"

    def _off_cpu(self) -> float:
        """Return how long we were held up, and with us our own gateway; of others it is unknown."""
        return 0.0 if self._stage.own is None else self._stage.own.off_cpu()

    def _counted(self) -> Counted | None:
        own = self._stage.own
        if own is None or self._before is None or self._client is None:
            return None
        return own.since(self._before, [self._client.fileno()])

    async def _clear(self, deadline: float) -> tuple[float | None, Counted | None]:
        """Wait until nothing is left; return when that was, and what is left at the deadline."""
        turns = 0
        while (left := self._counted()) is not None:
            now = trio.current_time()
            if left.settled:
                return now, left
            if now >= deadline and turns >= MEANWHILE:
                break
            turns += 1
            await trio.lowlevel.checkpoint()
        return None, left
