"""The border to OpenTelemetry's wire: the one file that imports its types, which are an extra.

A batch becomes one `ExportTraceServiceRequest` of OTLP. Of OpenTelemetry's libraries only these
messages are used, so that no variable of the environment has any say.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from gateway import __version__
from gateway.telemetry.spans import Span, Value

SCOPE: Final = "gateway"
"""What made the spans."""

MAX_SAID: Final = 200
"""Characters of what a collector says of spans that it rejects."""

_REMOTE_KNOWN: Final = 0x100
_REMOTE: Final = 0x200
"""Flags of a span in OTLP: whether it is known, and whether it is so, that who is above is another
process."""


_LARGEST: Final = 2**63 - 1
"""A provider may report any number of tokens."""


class Pairs(Protocol):
    """Where attributes are written."""

    def add(self) -> KeyValue: ...


def encode(spans: Iterable[Span], resource: Mapping[str, Value]) -> bytes:
    """Write a batch as one request."""
    request = ExportTraceServiceRequest()
    whole = request.resource_spans.add()
    _say(whole.resource.attributes, resource)
    told = whole.scope_spans.add()
    told.scope.name, told.scope.version = SCOPE, __version__
    for span in spans:
        _write(told.spans.add(), span)
    return bytes(request.SerializeToString())


def rejected(answer: bytes) -> tuple[int, str]:
    """Return how many spans a collector has not taken of a batch that it took, and why."""
    try:
        said = ExportTraceServiceResponse.FromString(answer).partial_success
    except Exception:  # what is no such message says nothing
        return 0, ""
    return max(0, said.rejected_spans), str(said.error_message)[:MAX_SAID]


def _write(told: trace_pb2.Span, span: Span) -> None:
    """Write a span in its place: a message that is put into another is copied."""
    place = span.place
    told.trace_id = bytes.fromhex(place.trace_id)
    told.span_id = bytes.fromhex(place.span_id)
    told.name = span.name
    told.start_time_unix_nano, told.end_time_unix_nano = span.began_ns, span.ended_ns
    told.flags = place.sampled | _REMOTE_KNOWN
    if place.parent_id is not None:
        told.parent_span_id = bytes.fromhex(place.parent_id)
        told.flags |= 0 if span.asks else _REMOTE
    if place.state:
        told.trace_state = place.state.decode("ascii")
    told.kind = trace_pb2.Span.SPAN_KIND_CLIENT if span.asks else trace_pb2.Span.SPAN_KIND_SERVER
    if span.failed:
        told.status.code = trace_pb2.Status.STATUS_CODE_ERROR
    _say(told.attributes, span.values)
    for moment in span.moments:
        event = told.events.add()
        event.name, event.time_unix_nano = moment.name, moment.at_ns
        _say(event.attributes, moment.values)


def _say(pairs: Pairs, values: Mapping[str, Value]) -> None:
    for name, value in values.items():
        pair = pairs.add()
        pair.key = name
        match value:
            case str():
                pair.value.string_value = value
            case bool():
                pair.value.bool_value = value
            case int():
                pair.value.int_value = min(max(value, -_LARGEST), _LARGEST)
            case _:
                pair.value.double_value = value
