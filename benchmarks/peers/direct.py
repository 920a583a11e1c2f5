"""No proxy at all: what the provider and the clients can do by themselves."""

from typing import Final

from benchmarks.peers.peer import Peer

PEER: Final = Peer(
    name="direct",
    title="no proxy",
    settings="The clients ask the provider itself: the ceiling of the load tools.",
)
