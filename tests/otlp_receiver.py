"""A collector of traces: takes OTLP over HTTP, and reads it with OpenTelemetry's own messages."""

from collections.abc import Callable
from typing import Any, NamedTuple

import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.scripted import Link, Received

POLL = 0.01
SERVER, CLIENT = trace_pb2.Span.SPAN_KIND_SERVER, trace_pb2.Span.SPAN_KIND_CLIENT


class Heard(NamedTuple):
    """A span as a collector has it."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    state: str
    flags: int
    began: int
    ended: int
    values: dict[str, Any]
    moments: list[tuple[str, int, dict[str, Any]]]
    failed: bool
    about: dict[str, Any]


class Receiver:
    """A place that takes batches, answering by a list of statuses; None is silence."""

    def __init__(self, *answers: int | None, said: bytes = b"") -> None:
        self.heard: list[Received] = []
        self.answers = list(answers)
        self.said = said

    async def script(self, link: Link) -> None:
        while True:
            self.heard.append(await link.request())
            status = self.answers.pop(0) if self.answers else 200
            if status is not None:
                head = b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n"
                await link.send(head % (status, len(self.said)) + self.said)

    @property
    def spans(self) -> list[Heard]:
        return [span for each in self.heard for span in read(each.body)]

    async def wait_for(
        self, count: int, wanted: Callable[[Heard], bool] = lambda _: True, patience: float = 15.0
    ) -> list[Heard]:
        """Wait until so many spans have come; return them."""
        with trio.fail_after(patience):
            while len(found := [span for span in self.spans if wanted(span)]) < count:
                await trio.sleep(POLL)
        return found


def read(body: bytes) -> list[Heard]:
    """Return the spans of a request."""
    return [
        _heard(span, _values(whole.resource.attributes))
        for whole in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in whole.scope_spans
        for span in scope.spans
    ]


def _heard(span: trace_pb2.Span, about: dict[str, Any]) -> Heard:
    return Heard(
        name=span.name,
        kind=span.kind,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        state=span.trace_state,
        flags=span.flags,
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        values=_values(span.attributes),
        moments=[(e.name, e.time_unix_nano, _values(e.attributes)) for e in span.events],
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        about=about,
    )


def _values(pairs: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        assert isinstance(pair, KeyValue)
        assert pair.key not in found, f"{pair.key} is said twice"
        found[pair.key] = getattr(pair.value, str(pair.value.WhichOneof("value")))
    return found
