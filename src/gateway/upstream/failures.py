"""What can go wrong between here and a provider: httpx2's own exceptions, told further apart."""

import httpx2


class NameFailed(httpx2.ConnectError):
    """The host name does not resolve, or not in time."""


class Refused(httpx2.ConnectError):
    """Nothing listens there, or the network says no."""


class TlsFailed(httpx2.ConnectError):
    """The certificate is not trusted, or the handshake broke."""


class Exhausted(httpx2.ConnectError):
    """This machine has no descriptor or no memory left for another socket."""


class Reset(httpx2.ReadError):
    """The provider reset the connection."""


class Truncated(httpx2.RemoteProtocolError):
    """The provider closed the connection before the end of its answer."""


class Malformed(httpx2.RemoteProtocolError):
    """What came is not HTTP, or not the HTTP that was asked for."""


class TooMuch(Malformed):
    """A head, a trailer or a row of informational answers beyond the limits."""


class WriteStalled(httpx2.WriteTimeout):
    """The provider did not take a part of the request in time."""
