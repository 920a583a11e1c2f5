"""What is kept of a scenario: what the caller heard, what its providers were asked."""

from typing import Any, Literal

import msgspec

from benchmarks.machine import Machine

Mode = Literal["stream", "whole"]
"""How the caller wants its answer: bit by bit, or in one piece."""


class Asked(msgspec.Struct, frozen=True):
    """A request as a provider reads it. `prefill` is the beginning of an answer that it is given.

    `call` is the caller's mark, by which attempts are told apart; `number` counts, from 1, all that
    the provider got. `usage` says that the stream is to end in a usage.
    """

    call: str
    model: str
    stream: bool
    prefill: str = ""
    usage: bool = False
    number: int = 0


class Attempt(msgspec.Struct):
    """One request that a provider got. Times are seconds on the monotonic clock.

    `gone` is when the gateway was seen to leave before the provider had said all; else None.
    """

    asked: Asked
    at: float
    gone: float | None = None


class Heard(msgspec.Struct, kw_only=True):
    """What one caller heard: `sdk_` is what OpenAI's client made of it, all else was on the wire.

    `status` is 0 where no answer came. `done` says that `[DONE]` came, `late` is what came behind
    an error, `ended` says that the body ended as HTTP has it.
    """

    call: str
    mode: Mode
    began: float = 0.0
    seconds: float = 0.0
    status: int = 0
    headers: dict[str, str] = {}
    text: str = ""
    ids: list[str] = []
    models: list[str] = []
    finishes: list[str] = []
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    done: bool = False
    late: str = ""
    ended: bool = False
    sdk_text: str = ""
    sdk_error: str = ""


class Played(msgspec.Struct):
    """One scenario in one mode, as it went. `lines` are the log's, None where it is not ours."""

    mode: Mode
    heard: list[Heard]
    primary: list[Attempt]
    secondary: list[Attempt]
    lines: list[dict[str, Any]] | None = None


class Row(msgspec.Struct, frozen=True):
    """A line of the scorecard. Attempts are seconds since the call began.

    `seen` is False where a provider refuses connections, and so sees no attempt.
    """

    scenario: str
    title: str
    mode: Mode
    got: str
    problems: list[str]
    primary: list[float]
    secondary: list[float]
    seconds: float
    seen: bool = True

    @property
    def passed(self) -> bool:
        """Whether all bars were cleared."""
        return not self.problems


class Scorecard(msgspec.Struct):
    """What a run came to, and on what. `version` is empty where another gateway was asked."""

    version: str
    openai: str
    date: str
    machine: Machine
    notices: list[str]
    seconds: float
    rows: list[Row]

    @property
    def passed(self) -> int:
        """How many lines clear all bars."""
        return sum(row.passed for row in self.rows)
