"""Which calls are told to a collector of traces, and under what ids.

The sampled flag of a parent is heeded, either way; where a trace begins here, its own id decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.words.trace import TraceContext, read_context

TRACE_BITS: Final = 128
SPAN_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Tracing:
    """What it takes to take part in traces.

    `draw` returns a number of so many random bits; `share` of the traces that begin here is told.
    """

    draw: Callable[[int], int]
    share: float = 1.0

    def begin(self, above: TraceContext | None) -> TraceContext:
        """Return the place of a call: below the client's span, or at the top of a trace."""
        if above is None:
            trace = self._id(TRACE_BITS)
            low = trace & ((1 << SPAN_BITS) - 1)
            sampled = low < self.share * (1 << SPAN_BITS)
            return TraceContext(f"{trace:032x}", f"{self._id(SPAN_BITS):016x}", sampled)
        return self.below(above)

    def below(self, above: TraceContext) -> TraceContext:
        """Return a place right below another."""
        return TraceContext(
            trace_id=above.trace_id,
            span_id=f"{self._id(SPAN_BITS):016x}",
            sampled=above.sampled,
            parent_id=above.span_id,
            state=above.state,
        )

    def _id(self, bits: int) -> int:
        """Draw an id; zero is none."""
        return self.draw(bits) or 1


def trace_of(headers: Mapping[bytes, bytes], tracing: Tracing | None) -> TraceContext | None:
    """Return where in a trace a call stands; where nobody traces here, where its client stands."""
    given = read_context(headers)
    return given if tracing is None else tracing.begin(given)


def span_below(call: TraceContext, tracing: Tracing | None) -> TraceContext:
    """Return what an attempt tells its target.

    Who takes no part in a trace passes on what it was told, unchanged.
    """
    return call if tracing is None else tracing.below(call)
