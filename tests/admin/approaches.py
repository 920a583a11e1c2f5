"""A public listener for tests of who asks it: its script, and the approach to it."""

import trio

from gateway.admin.playground.approach import Approach
from gateway.upstream.own import OwnDoor
from gateway.words.secret import Secret
from gateway.words.target import Origin
from tests.scripted import Script, Scripted, listen

KEY = "the-inner-key-of-a-test"


async def approach_to(nursery: trio.Nursery, script: Script) -> tuple[Approach, Scripted]:
    """Start a listener; return the approach there."""
    server = await listen(nursery, script)
    return approach_at(server.port), server


def approach_at(port: int) -> Approach:
    """Return the approach to a port on this machine."""
    origin = Origin("http", "127.0.0.1", port)
    return Approach(origin, OwnDoor(origin).connect, Secret(KEY))
