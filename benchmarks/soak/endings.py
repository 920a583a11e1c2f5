"""How each call may end, told before it is asked: in the log, and in what its client sees. Pure."""

from dataclasses import dataclass
from typing import Final

ANYTHING: Final = "anything"
"""Told to whoever is not there any more, or to one who may have seen any part of it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One way to end: the log's outcome and cause, and what the client is told, and how.

    `told` is "whole" for an answer to its end, "status" for an error instead of one, "in band" for
    an error inside one, "cut" for none, "failed" for an error either way, or `ANYTHING`. `code` is
    the one in the error object.
    """

    outcome: str
    cause: str | None = None
    told: str = "whole"
    status: int = 200
    code: str | None = None


WHOLE: Final = Ending("completed")
GONE: Final = Ending("client_gone", "client_gone", ANYTHING)
STALLED: Final = Ending("client_stalled", "client_stalled", "cut")

TRUNCATED: Final = "upstream_truncated"
RESET: Final = "upstream_reset"

OUTAGE: Final = (
    Ending(TRUNCATED, TRUNCATED, "failed", 502, TRUNCATED),
    Ending("upstream_error", RESET, "failed", 502, RESET),
    Ending("upstream_error", "upstream_connect_error", "failed", 502, "upstream_connect_error"),
)
"""What may become of a call whose provider was killed in the middle of it, or was not there."""


def refused(status: int, code: str) -> Ending:
    """Return the ending of a request that the gateway refuses by itself."""
    return Ending("refused", code, "status", status, code)


def broken(outcome: str, cause: str, code: str, status: int, cut: int) -> tuple[Ending, ...]:
    """Return the endings of an answer that goes wrong: in band, once content has passed.

    Whoever reads the events and the end at once may not have passed on any of them.
    """
    before = Ending(outcome, cause, "status", status, code)
    within = Ending(outcome, cause, "in band", 200, code)
    return (within, before) if cut > 0 else (before,)
