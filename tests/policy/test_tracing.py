"""Who is sampled, and under what ids; a parent's word holds."""

from collections.abc import Callable

import pytest

from gateway.policy.tracing import Tracing, span_below, trace_of
from gateway.words.trace import TraceContext

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def drawing(*numbers: int) -> Callable[[int], int]:
    left = list(numbers)
    return lambda bits: left.pop(0) % (1 << bits)


def given(flags: str = "01") -> dict[bytes, bytes]:
    return {b"traceparent": f"00-{TRACE}-{SPAN}-{flags}".encode(), b"tracestate": b"a=1"}


def test_a_trace_begins_here_where_the_client_is_in_none() -> None:
    place = trace_of({}, Tracing(drawing(7, 9)))
    assert place == TraceContext(f"{7:032x}", f"{9:016x}", True)


def test_an_id_is_never_zero() -> None:
    place = trace_of({}, Tracing(drawing(0, 0)))
    assert place is not None
    assert (int(place.trace_id, 16), int(place.span_id, 16)) == (1, 1)


@pytest.mark.parametrize(
    ("share", "low", "sampled"),
    [
        (1.0, (1 << 64) - 1, True),
        (0.0, 1, False),
        (0.25, (1 << 62) - 1, True),
        (0.25, 1 << 62, False),
    ],
)
def test_the_low_half_of_an_id_decides(share: float, low: int, sampled: bool) -> None:
    place = trace_of({}, Tracing(drawing((5 << 64) | low, 9), share))
    assert place is not None
    assert place.sampled is sampled


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True)])
def test_a_parents_word_holds_either_way(share: float, flags: str, sampled: bool) -> None:
    place = trace_of(given(flags), Tracing(drawing(9), share))
    assert place == TraceContext(TRACE, f"{9:016x}", sampled, SPAN, b"a=1")


def test_an_attempt_is_right_below_its_call() -> None:
    tracing = Tracing(drawing(7, 9, 11))
    call = trace_of({}, tracing)
    assert call is not None
    attempt = span_below(call, tracing)
    assert (attempt.trace_id, attempt.parent_id) == (call.trace_id, call.span_id)
    assert attempt.span_id == f"{11:016x}"


def test_who_takes_no_part_passes_on_what_it_was_told() -> None:
    fields = {b"traceparent": f"cc-{TRACE}-{SPAN}-01-more".encode(), b"tracestate": b"a=1, b=2"}
    call = trace_of(fields, None)
    assert call is not None
    assert dict(span_below(call, None).headers) == fields
    assert trace_of({}, None) is None
