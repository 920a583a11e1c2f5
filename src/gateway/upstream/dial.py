"""Opens connections to providers: TCP to the first address that answers, then TLS.

However it is left, by an error or by cancellation, also in the middle of a handshake, the socket
is closed on the way out, without waiting.
"""

import errno
import os
import socket
import ssl
from collections.abc import Callable

import trio

from gateway.upstream.failures import Exhausted, NameFailed, Refused, TlsFailed
from gateway.upstream.tls import TlsWire
from gateway.upstream.wire import UpstreamStream, Wire
from gateway.words.target import Origin

KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 60),
    (socket.TCP_KEEPINTVL, 15),
    (socket.TCP_KEEPCNT, 4),
)
"""A provider that has vanished is found after two minutes; Trio has set TCP_NODELAY already."""

_OUT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def tls_context(upstream_ca: str = "") -> ssl.SSLContext:
    """Trust the system's store, or the file of certificates. Raises `OSError`."""
    # Without a free descriptor the system's store would be taken for empty, from then on.
    os.close(os.open(os.devnull, os.O_RDONLY))
    context = ssl.create_default_context(cafile=upstream_ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialer:
    """Connects to origins. The trust store is read once, when it is first needed."""

    def __init__(self, upstream_ca: str = "") -> None:
        self._upstream_ca = upstream_ca
        self._context: ssl.SSLContext | None = None

    async def connect(self, origin: Origin) -> UpstreamStream:
        """Return a connection that is ready for HTTP.

        Raises `NameFailed`, `Refused`, `Exhausted`, `TlsFailed`. It has no clock of its own.
        """
        wire = Wire(await open_socket(origin))
        if origin.scheme == "http":
            return wire
        return await secure(wire, self._trusted, origin.host)

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = tls_context(self._upstream_ca)
        return self._context


async def secure(wire: Wire, trusted: Callable[[], ssl.SSLContext], host: str) -> TlsWire:
    """Put TLS over a connection, which is closed where that fails. Raises as `connect`."""
    try:
        return await _secured(wire, trusted, host)
    except BaseException:
        wire.close()
        raise


async def _secured(wire: Wire, trusted: Callable[[], ssl.SSLContext], host: str) -> TlsWire:
    try:
        secured = TlsWire(wire, trusted(), host)
    except (OSError, ValueError) as error:
        if not isinstance(error, ssl.SSLError) and getattr(error, "errno", 0) in _OUT_OF:
            raise Exhausted(f"no certificate could be read: {_reason(error)}") from error
        raise TlsFailed(f"TLS could not begin: {_reason(error)}") from error
    try:
        await secured.handshake()
    except trio.BrokenResourceError as error:
        raise TlsFailed(f"the TLS handshake broke off: {error}") from error
    except ssl.SSLError as error:
        raise TlsFailed(f"the TLS handshake failed: {_reason(error)}") from error
    return secured


async def open_socket(origin: Origin) -> socket.socket:
    """Open a TCP connection to the first address that answers. Raises as `connect`."""
    try:
        stream = await trio.open_tcp_stream(origin.host, origin.port)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno in _OUT_OF:
            raise Exhausted(f"no name could be looked up: {_reason(error)}") from error
        raise NameFailed(f"the host name does not resolve: {_reason(error)}") from error
    except OSError as error:
        raise unconnected(error) from error
    sock = socket.socket(fileno=stream.socket.detach())
    for option, value in KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def unconnected(error: OSError) -> Exhausted | Refused:
    """Name a failure; whoever raised it would be held by what it holds here."""
    causes = _causes(error)
    if any(cause.errno in _OUT_OF for cause in causes):
        return Exhausted(f"no socket could be made: {_reason(causes[0])}")
    return Refused(f"no connection: {_reason(causes[0])}")


def _causes(error: OSError) -> list[OSError]:
    """Unpack what Trio says when every address has failed."""
    if isinstance(error.__cause__, BaseExceptionGroup):
        return [each for each in error.__cause__.exceptions if isinstance(each, OSError)] or [error]
    return [error]


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror
    if isinstance(error, OSError) and error.errno:
        # Trio's own words name the address, and these reach clients.
        return os.strerror(error.errno)
    return str(error)
