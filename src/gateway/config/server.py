"""Reads `[server]`, which several rooms share, and checks that it opens no door by mistake."""

import ipaddress
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.config.lines import Key
from gateway.config.tables import Reading, read_struct, refuse_unknown
from gateway.downstream.options import AuthOptions, CallOptions, HttpOptions, ListenOptions
from gateway.policy.callers import is_loopback
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.upstream.options import UpstreamOptions
from gateway.words.target import Origin


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The table `[server]`, as the rooms that own its keys take it."""

    listen: ListenOptions = ListenOptions()
    http: HttpOptions = HttpOptions()
    calls: CallOptions = CallOptions()
    clocks: ClockOptions = ClockOptions()
    answers: AnswerOptions = AnswerOptions()
    upstream: UpstreamOptions = UpstreamOptions()


PARTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    field.name: field.type for field in msgspec.structs.fields(Server)
}
"""The names in `Server` and the structs behind them; together they are `[server]`."""

_KEY: Key = ("server",)


def read_server(table: Mapping[str, object], reading: Reading) -> Server:
    """Read `[server]` piece by piece."""
    refuse_unknown(table, list(PARTS.values()), _KEY, reading)
    parts = {
        name: read_struct(struct, table, _KEY, reading) or struct()
        for name, struct in PARTS.items()
    }
    server = Server(**parts)  # type: ignore[arg-type]  # PARTS says which struct each name has
    proxies = [
        _address(address, (*_KEY, "trusted_proxies", index), reading)
        for index, address in enumerate(server.http.trusted_proxies)
    ]
    return msgspec.structs.replace(
        server,
        http=msgspec.structs.replace(server.http, trusted_proxies=tuple(proxies)),
        listen=_listen(server.listen, reading),
        upstream=_upstream(server.upstream, reading),
    )


def _address(text: str, key: Key, reading: Reading) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        reading.notes.mistake(key, "is not an IP address")
        return text


def _listen(listen: ListenOptions, reading: Reading) -> ListenOptions:
    """Take relative paths from the file's own folder; what must be read is tried at once."""
    unix = reading.files.place(listen.unix) if listen.unix else ""
    tls = listen.tls and msgspec.structs.replace(
        listen.tls,
        certificate=_pem(listen.tls.certificate, "CERTIFICATE", ("tls", "certificate"), reading),
        key=_pem(listen.tls.key, "PRIVATE KEY", ("tls", "key"), reading),
    )
    return msgspec.structs.replace(listen, unix=unix, tls=tls)


def _upstream(upstream: UpstreamOptions, reading: Reading) -> UpstreamOptions:
    path = upstream.upstream_ca
    return UpstreamOptions(
        upstream_ca=_pem(path, "CERTIFICATE", ("upstream_ca",), reading) if path else ""
    )


def _pem(path: str, holds: str, key: Key, reading: Reading) -> str:
    """Return a file's whole path; whether its content is any good, TLS itself will say."""
    try:
        if f"{holds}-----".encode() not in reading.files.read(path):
            raise ValueError(f"{path} holds no {holds.lower()} in PEM")
    except ValueError as error:
        reading.notes.mistake((*_KEY, *key), str(error))
    return reading.files.place(path)


def beyond_loopback(listen: ListenOptions) -> bool:
    """Say whether others than this machine may reach the listener."""
    return not listen.unix and not is_loopback(listen.host.lower())


def exposed(listen: ListenOptions, auth: AuthOptions, *, keyed: bool) -> bool:
    """Say whether a gateway would listen where nobody has allowed it to.

    `keyed`: somebody may have a key, so that all others can be told to show one.
    """
    return beyond_loopback(listen) and auth.required is not False and not keyed


def is_self(origin: Origin, listen: ListenOptions) -> bool:
    """Say whether a provider's address is the gateway's own: each call would ask it again."""
    if listen.unix or origin.port != listen.port:
        return False
    host = listen.host.lower()
    return origin.host == host or (is_loopback(origin.host) and takes_loopback(host))


def takes_loopback(host: str) -> bool:
    """Say whether who listens there hears what is said to loopback."""
    try:
        return is_loopback(host) or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
