"""Where traces go: the address of a collector, what it is shown, and what is wrong with that.

No sentence repeats what may hold a secret.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from gateway.forms.http import check_header
from gateway.store import sink_address
from gateway.store.sink_address import SinkAddress, parse_sink
from gateway.telemetry.options import LogOptions
from gateway.words.client import Header
from gateway.words.secret import Secret

PACKAGE: Final = "opentelemetry.proto"
MISSING: Final = "needs the extra `otel`: pip install 'nursery-gateway[otel]'"

TRACES: Final = "/v1/traces"
MOST_HEADERS: Final = 20

_WANTED: Final = (
    "is no address such as http://localhost:4318 or https://host/path;"
    " `@`, `/`, `:` and spaces in a password are written as %40, …"
)
_OURS: Final = frozenset(
    {
        *(b"accept-encoding", b"connection", b"content-encoding", b"content-length"),
        *(b"content-type", b"expect", b"host", b"te", b"transfer-encoding", b"upgrade"),
        b"user-agent",
    }
)


def parse_collector(text: str) -> SinkAddress:
    """Read an address. Raises `ValueError` with a sentence for the operator."""
    if not text.lower().startswith(("http://", "https://")):
        raise ValueError(_WANTED)
    place = parse_sink(text)
    assert place.target is not None
    path, mark, query = place.target.reveal().partition("?")
    path = path.rstrip("/")
    if not path.endswith(TRACES):
        path += TRACES
    return replace(place, target=Secret(path + mark + query))


def shown_to(options: LogOptions) -> tuple[Header, ...]:
    """Return the header fields that a collector is shown."""
    return tuple(
        (name.lower().encode(), unquote(value.reveal()).encode())
        for name, value in options.otlp_headers.items()
    )


def secrets_of(options: LogOptions) -> Iterator[Secret]:
    """Yield what nobody may read, for whoever scrubs texts of others (R11)."""
    yield from sink_address.secrets_of(options.otlp_endpoint)
    for value in options.otlp_headers.values():
        plain = unquote(value.reveal())
        yield from map(Secret, filter(None, {value.reveal(), plain, plain.rpartition(" ")[2]}))


def faults(options: LogOptions, package: str = PACKAGE) -> Iterator[tuple[str, str]]:
    """Yield what is wrong: the key, and a sentence. `package` is what the extra brings."""
    if len(options.otlp_headers) > MOST_HEADERS:
        yield "otlp_headers", f"has more than {MOST_HEADERS} fields"
    fields = shown_to(options)
    names = {name for name, _ in fields}
    if len(names) < len(fields):
        yield "otlp_headers", "names a field twice"
    for name, value in fields:
        if (wrong := _fault_of(name, value)) is not None:
            yield "otlp_headers", wrong
            break
    if options.otlp_endpoint is None:
        return
    try:
        place = parse_collector(options.otlp_endpoint.reveal())
    except ValueError as error:
        yield "otlp_endpoint", str(error)
    else:
        if place.authorization is not None and b"authorization" in names:
            yield "otlp_headers", "sets authorization, which the password of the address is"
        if not _is_there(package):
            yield "otlp_endpoint", MISSING


def _fault_of(name: bytes, value: bytes) -> str | None:
    if name in _OURS:
        return f"sets {name.decode()}, which is the gateway's to say"
    try:
        check_header(name, value)
    except ValueError:
        return "has a field that no header can hold"
    return None


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
