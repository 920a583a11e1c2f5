"""Spans as they travel, read back by OpenTelemetry's own messages."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from gateway.telemetry import otlp
from gateway.telemetry.spans import Moment, Span, Values
from gateway.words.trace import TraceContext
from tests.otlp_receiver import CLIENT, SERVER, read

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ROOT = TraceContext(TRACE, "01" * 8, sampled=True)
BELOW = TraceContext(TRACE, "02" * 8, True, "01" * 8, b"a=1,b=2")


def span(place: TraceContext, *, asks: bool = False, failed: bool = False) -> Span:
    values: Values = {"text": "wörd", "number": 7, "share": 0.5, "truth": True}
    return Span("name", asks, place, 1, 2, values, [Moment("then", 1, {"a": 1})], failed)


def test_a_batch_says_all_of_its_spans_and_which_process_it_is_of() -> None:
    told = read(otlp.encode([span(ROOT), span(BELOW, asks=True, failed=True)], {"pid": 7}))
    first, second = told
    assert (first.trace, first.id, first.parent) == (TRACE, "01" * 8, "")
    assert (second.trace, second.id, second.parent) == (TRACE, "02" * 8, "01" * 8)
    assert (first.kind, second.kind) == (SERVER, CLIENT)
    assert (first.failed, second.failed) == (False, True)
    assert (first.state, second.state) == ("", "a=1,b=2")
    assert (first.began, first.ended, first.moments) == (1, 2, [("then", 1, {"a": 1})])
    assert first.values == {"text": "wörd", "number": 7, "share": 0.5, "truth": True}
    assert first.about == second.about == {"pid": 7}


def test_flags_say_whether_who_is_above_is_another_process() -> None:
    spans = [span(ROOT), span(BELOW), span(BELOW, asks=True)]
    assert [each.flags for each in read(otlp.encode(spans, {}))] == [0x101, 0x301, 0x101]


def test_a_number_that_is_too_large_is_the_largest() -> None:
    large = Span("name", True, ROOT, 1, 2, {"tokens": 10**30, "less": -(10**30)})
    (told,) = read(otlp.encode([large], {}))
    assert told.values == {"tokens": 2**63 - 1, "less": 1 - 2**63}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", (0, "")),
        (b"<html>", (0, "")),
        (b'{"partialSuccess":{}}', (0, "")),
        (
            ExportTraceServiceResponse(
                partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="x" * 999)
            ).SerializeToString(),
            (3, "x" * otlp.MAX_SAID),
        ),
        (
            ExportTraceServiceResponse(
                partial_success=ExportTracePartialSuccess(rejected_spans=-3)
            ).SerializeToString(),
            (0, ""),
        ),
    ],
)
def test_a_collector_may_reject_some(answer: bytes, told: tuple[int, str]) -> None:
    assert otlp.rejected(answer) == told
