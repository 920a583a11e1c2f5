"""The way from the admin to the gateway's own public listener, as it is configured."""

from gateway.admin.playground.approach import Approach
from gateway.config.compose import Config
from gateway.upstream.own import OwnDoor
from gateway.words.target import Origin

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (read, not bound)
"""Where a listener is found from here that takes what comes to any address."""

LOCAL = "localhost"
"""The name of what listens on a path: a gateway without keys answers to such alone (R27)."""


def approach_of(config: Config) -> Approach:
    """Return the way. The port is the one that is really listened on."""
    listen = config.listen
    scheme = "http" if listen.tls is None else "https"
    host = LOCAL if listen.unix else LOOPBACK.get(listen.host, listen.host)
    origin = Origin(scheme, host, 0 if listen.unix else listen.port)
    certificate = "" if listen.tls is None else listen.tls.certificate
    door = OwnDoor(origin, listen.unix, certificate)
    return Approach(origin, door.connect, config.inner_key, config.admin.public_url)
