"""What there is of the admin before its process begins: the socket, the token, the way to it.

Whoever forks may import this: it knows nothing of Quart.
"""

import mmap
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.admin.entry.tickets import TICKET_BYTES, shared_page
from gateway.admin.options import AdminOptions
from gateway.admin.routes import Identity, Role
from gateway.words.secret import Secret

TOKEN_BYTES = 32
BACKLOG = 64

STALL_TIMEOUT = 20.0
"""Seconds after which a connection is dead whose peer takes nothing, or answers nothing."""


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin that listens already; `workers` is how many there should be.

    What is made here outlives each process that serves: the token that tools find in a file, the
    ticket that is printed and opens one session, whether it was used, the key that signs sessions.
    """

    options: AdminOptions
    sock: socket.socket
    token: Secret
    workers: int
    ticket: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(TICKET_BYTES)))
    used: mmap.mmap = field(default_factory=shared_page)
    session_key: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(TOKEN_BYTES)))

    @property
    def url(self) -> str:
        """The address that a client on this machine can use."""
        host, port = self.sock.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (shown, not bound)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def credentials(self) -> Iterator[tuple[Secret, Identity]]:
        """Yield whatever opens the door for good, and who comes in by it."""
        yield self.token, Identity(Role.ADMIN, "token")
        if self.options.key is not None:
            yield self.options.key, Identity(Role.ADMIN, "admin key")
        if self.options.viewer_key is not None:
            yield self.options.viewer_key, Identity(Role.VIEWER, "viewer key")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What was made here and may be told to nobody."""
        return (self.token, self.ticket, self.session_key)

    @property
    def sign_in(self) -> str:
        """The address that opens one session. What is behind its `#` is sent to nobody."""
        return f"{self.url}/sign-in#{self.ticket.reveal()}"


def open_admin(options: AdminOptions, workers: int) -> Admin:
    """Bind and listen, so that who comes before the process serves need only wait.

    Raises `OSError`, as when the port is taken.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in options.host else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Hypercorn waits for a client that reads nothing without a deadline; the kernel has one.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_TIMEOUT * 1000))
        sock.bind((options.host, options.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return Admin(options, sock, Secret(secrets.token_urlsafe(TOKEN_BYTES)), workers)
