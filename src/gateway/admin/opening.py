"""What there is of the admin before its process begins: the socket, the token, the way to it.

Whoever forks may import this: it knows nothing of Quart.
"""

import secrets
import socket
from dataclasses import dataclass

from gateway.admin.options import AdminOptions
from gateway.words.secret import Secret

TOKEN_BYTES = 32
BACKLOG = 64

STALL_TIMEOUT = 20.0
"""Seconds after which a connection is dead whose peer takes nothing, or answers nothing."""


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin that listens already; `workers` is how many there should be.

    The token outlives each process that serves here, so that what was printed stays true.
    """

    options: AdminOptions
    sock: socket.socket
    token: Secret
    workers: int

    @property
    def url(self) -> str:
        """The address that a client on this machine can use."""
        host, port = self.sock.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (shown, not bound)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def credentials(self) -> tuple[Secret, ...]:
        """Whatever opens the door: the token, and the key where one is configured."""
        return (self.token,) if self.options.key is None else (self.token, self.options.key)


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
