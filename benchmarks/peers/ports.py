"""Finds ports on loopback that nobody has."""

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

LENT: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
LEAST: Final = 10_000


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def steady_port() -> int:
    """Return a free port that the system gives to no outgoing connection: one can come back to it.

    Raises `OSError` where there is none.
    """
    ports = range(LEAST, int(LENT.read_text().split()[0]))
    # Two runs at once do not begin to look at the same place.
    first = secrets.randbelow(len(ports)) if ports else 0
    for port in (*ports[first:], *ports[:first]):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return int(port)
    raise OSError(f"no port below those of {LENT} is free")
