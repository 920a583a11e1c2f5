"""The scenes: in which phase a client leaves, and how its call is brought into that phase."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.clients import Client
from gateway.commands.demonstration.figures import Fate
from gateway.commands.demonstration.upstream import Asked
from gateway.commands.demonstration.wire import Dress

MODEL: Final = "demo"
MODEL_IN_TLS: Final = "demo-tls"
MODEL_FAR_AWAY: Final = "demo-far-away"

FLOOD_BYTES = 33_554_432
"""The most that a client is sent which reads nothing; a gateway holds back long before."""

QUIET = 0.010
"""Seconds without a byte taken, after which a write is stalled."""

BLOCK: Final = b"".join([wire.chunk(wire.event(MODEL, wire.FILLER))] * 64)

Reach = Callable[[Asked, Client], Awaitable[None]]
"""Brings a call into its phase; the request has been sent."""


class Missed(Exception):
    """A call that cannot come into its phase, and why."""


async def not_asked(asked: Asked, client: Client) -> None:
    """Nothing reaches the upstream in this phase."""


async def asked_for(asked: Asked, client: Client) -> None:
    """The upstream has been asked, and says nothing."""
    await asked.came()


async def headed(asked: Asked, client: Client) -> None:
    """The upstream has sent its head, and no event."""
    peer = await asked.came()
    await peer.send(wire.STREAM_HEAD)


async def in_mid_stream(asked: Asked, client: Client) -> None:
    """The client has received two words, and the upstream is silent."""
    peer = await asked.came()
    words = [wire.chunk(wire.event(MODEL, word)) for word in (wire.CONTENT, wire.MORE_CONTENT)]
    await peer.send(wire.STREAM_HEAD + b"".join(words))
    if not await client.read_until(wire.MORE_CONTENT.encode()):
        raise Missed(f"the client was told {await client.read_line()}")


async def stalled(asked: Asked, client: Client) -> None:
    """The client reads nothing, and every buffer up to it is full."""
    peer = await asked.came()
    await peer.send(wire.STREAM_HEAD)
    await peer.flood(BLOCK, FLOOD_BYTES, QUIET)


async def served(asked: Asked, client: Client) -> None:
    """The client has received the last event."""
    peer = await asked.came()
    await peer.send(wire.whole_stream(MODEL))
    if not await client.read_until(wire.LAST_WORD):
        raise Missed(f"the client was told {await client.read_line()}")


@dataclass(frozen=True, slots=True)
class Scene:
    """One phase, and the call that is left in it.

    A `small` client has little room for bytes. A scene `from_outside` needs nothing but an upstream
    that can be asked; the others need to look into the gateway, or to configure it.
    """

    phase: str
    reach: Reach
    fate: Fate = Fate.CLOSED
    outcome: str = "client_gone"
    model: str = MODEL
    stream: bool = True
    dress: Dress = Dress.PLAIN
    whole: bool = True
    small: bool = False
    from_outside: bool = True

    @property
    def in_tls(self) -> bool:
        """True where the upstream is asked for a TLS handshake, and never gets to the call."""
        return self.model == MODEL_IN_TLS


SCENES: Final = (
    Scene("request body arriving", not_asked, Fate.NOT_ASKED, whole=False, from_outside=False),
    Scene("connecting: TCP", not_asked, Fate.NOT_ASKED, model=MODEL_FAR_AWAY, from_outside=False),
    Scene("connecting: TLS handshake", asked_for, model=MODEL_IN_TLS, from_outside=False),
    Scene("waiting for the first byte", asked_for),
    Scene("waiting, bytes pipelined", asked_for, dress=Dress.PIPELINED),
    Scene("waiting, with Upgrade: h2c", asked_for, dress=Dress.UPGRADE),
    Scene("waiting, not streaming", asked_for, stream=False),
    Scene("after the upstream's head", headed),
    Scene("in mid-stream", in_mid_stream),
    Scene("stuck in a write", stalled, small=True),
    Scene("after [DONE]", served, Fate.KEPT, "completed", from_outside=False),
)
