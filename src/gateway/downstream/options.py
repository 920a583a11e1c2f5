"""What the operator can set about clients. Seconds and bytes; the defaults are safe on the open net."""

import msgspec


class TlsFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificate and key files, where no proxy in front does this."""

    certificate: str
    key: str


class ListenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 4000
    unix: str = ""
    tls: TlsFiles | None = None
    max_connections: int = 0


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what a client sends."""

    max_body_bytes: int = 33_554_432
    head_timeout: float = 10.0
    body_timeout: float = 30.0
    keep_alive: float = 75.0
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls may be open, and how they end when the gateway stops."""

    max_calls: int = 0
    drain_delay: float = 0.0
    drain_timeout: float = 300.0


class AuthOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`required = false`, written out, allows open use beyond loopback."""

    required: bool | None = None
