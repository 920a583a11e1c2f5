"""All peers, in the order of the report."""

from typing import Final

from benchmarks.peers import direct, gateway, litellm, nginx, portkey, routers
from benchmarks.peers.peer import Peer

PEERS: Final[tuple[Peer, ...]] = (
    gateway.PEER,
    routers.VLLM,
    routers.SGLANG,
    nginx.PEER,
    portkey.PEER,
    litellm.PEER,
    direct.PEER,
    gateway.ONE_WORKER,
    gateway.TWO_WORKERS,
)
