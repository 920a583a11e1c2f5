"""What the operator can set about the course of a call. Seconds and bytes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.words.units import Bytes, Seconds, Timeout


class ClockOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The clocks towards the client."""

    write_timeout: Annotated[
        Timeout, Meta(description="Longest stall of one write to a client; then it is cut.")
    ] = 60.0
    keepalive_interval: Annotated[
        Seconds,
        Meta(description="An SSE comment is sent while the provider is silent; 0 is never."),
    ] = 15.0
    head_after: Annotated[
        Seconds,
        Meta(
            description="No content yet: status 200 is sent and keepalives begin;"
            " a later error is told in band."
        ),
    ] = 20.0


class AnswerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what a provider answers."""

    max_event_bytes: Annotated[
        Bytes, Meta(description="The longest single event of a provider's stream.")
    ] = 16_777_216
    max_answer_bytes: Annotated[
        Bytes, Meta(description="The longest whole answer of a provider.")
    ] = 268_435_456
