"""Opens connections to the gateway's own public listener, for who asks it from this machine.

TLS trusts the certificate that this listener shows and no other, whatever name it is made out to.
"""

import socket
import ssl
from dataclasses import dataclass

import trio

from gateway.upstream.dial import open_socket, secure, unconnected
from gateway.upstream.wire import UpstreamStream, Wire
from gateway.words.target import Origin


@dataclass(frozen=True, slots=True)
class OwnDoor:
    """Where the listener is: `origin`, or the socket at the path `unix`, of which `origin` is then
    no more than the name. `certificate` is the file that it shows, empty without TLS.
    """

    origin: Origin
    unix: str = ""
    certificate: str = ""

    async def connect(self, _: Origin) -> UpstreamStream:
        """Return a connection that is ready for HTTP. Raises as `Dialer.connect`, has no clock."""
        wire = await self._wire()
        if not self.certificate:
            return wire
        return await secure(wire, self._trusted, self.origin.host)

    async def _wire(self) -> Wire:
        if not self.unix:
            return Wire(await open_socket(self.origin))
        try:
            stream = await trio.open_unix_socket(self.unix)
        except OSError as error:
            raise unconnected(error) from error
        return Wire(socket.socket(fileno=stream.socket.detach()))

    def _trusted(self) -> ssl.SSLContext:
        """Read the certificate anew each time: it is renewed while the gateway runs."""
        context = ssl.create_default_context(cafile=self.certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        # What is trusted is the certificate itself, whoever has signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.set_alpn_protocols(["http/1.1"])
        return context
