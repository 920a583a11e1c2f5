"""HTTP/1.1 and nothing else for the admin (R19).

Hypercorn speaks HTTP/2 to whoever begins with it, no setting turns that off, and one odd request
there ends its server. It chooses the protocol in one place, which has a name of its own only within
it: so what stands here holds for the versions of it that `pyproject.toml` allows, and
`tests/admin/test_http1.py` says when one learns to be told.
"""

from hypercorn import protocol
from hypercorn.protocol.h11 import H11Protocol


class Http1Protocol(H11Protocol):
    """Takes every request for one of HTTP/1.1; the wall refuses what is none."""

    async def _check_protocol(self, event: object) -> None:
        """Follow no wish for another protocol."""


def speak_http_1_1_alone() -> None:
    """Have all connections that Hypercorn takes from now on, in this process, be of HTTP/1.1."""
    vars(protocol)["H11Protocol"] = Http1Protocol
