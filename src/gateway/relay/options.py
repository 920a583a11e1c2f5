"""What the operator can set about the course of a call. Seconds and bytes."""

import msgspec


class ClockOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The clocks towards the client."""

    write_timeout: float = 60.0
    keepalive_interval: float = 15.0
    head_after: float = 20.0


class AnswerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what a provider answers."""

    max_event_bytes: int = 16_777_216
    max_answer_bytes: int = 268_435_456
