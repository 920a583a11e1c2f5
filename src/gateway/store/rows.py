"""A receipt as a row of the ledger: plain values in the order of its columns, all of them bounded.

It holds nothing of what was asked or answered (R21).
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.words.answer import MOST_TOKENS, Usage
from gateway.words.receipt import STATUS_CLIENT_GONE, Attempt, Outcome, Receipt

Value = str | int | float | None
Row = list[Value]

COLUMNS: Final = (
    *("started_at_ns", "key", "team", "model", "target", "outcome", "tokens_in", "tokens_out"),
    *("cached_tokens", "cost_nanos", "ended_at_ns", "request_id", "key_id", "user", "endpoint"),
    *("answered_by", "stream", "phase", "cause", "status", "reasoning_tokens", "usage_quality"),
    *("ttft_ms", "duration_ms", "attempts", "lost_tokens_in", "cache", "shared_with", "tags"),
    *("session", "client", "drained", "asked", "cache_write_tokens"),
)
"""What a row says of a call, beside its number."""

BEFORE: Final[Mapping[str, Value]] = {"drained": 0}
"""What is said in rows of versions that did not know a column yet; of all others, nothing."""

LOST: Final = "lost"
"""The outcome of a call whose process died before it ended; and of an attempt that another beat."""

MOST_TEXT: Final = 256
"""Characters of what a client or a provider chose."""

MOST_ATTEMPTS: Final = 32
MOST_TAGS: Final = 32
GUARD: Final = "guard:"
"""How a tag begins that says what a guard has done; no client's tag does."""

MOST_NANOS: Final = 2**53
"""A provider may report any number; the database must be able to add up those of all calls."""

_NOTHING: Final = Usage()


def row_of(receipt: Receipt, started_at_ns: int, ended_at_ns: int | None) -> Row:
    """Return the row of a call, of one that is still open where `ended_at_ns` is None.

    What an open call has not come to yet is left empty, so it may be read while the call goes on.
    """
    caller = receipt.caller
    is_open = ended_at_ns is None
    outcome = receipt.outcome or Outcome.INTERNAL
    usage = None if is_open else receipt.usage
    attempts = [] if is_open else receipt.attempts
    cost = receipt.cost_nanos
    return [
        started_at_ns,
        _plain(caller.key),
        _text(caller.team),
        _text(receipt.model),
        _text(receipt.target),
        None if is_open else str(outcome),
        None if usage is None else _tokens(usage.input_tokens),
        None if usage is None else _tokens(usage.output_tokens),
        None if usage is None else _tokens(usage.cached_tokens),
        None if is_open or cost is None else min(cost, MOST_NANOS),
        ended_at_ns,
        _plain(receipt.request_id),
        caller.key_id,
        _text(caller.user),
        receipt.endpoint,
        None if is_open else _text(receipt.answered_by),
        int(receipt.stream),
        None if is_open else str(receipt.phase),
        None if is_open else _text(receipt.cause),
        None if is_open else _status(receipt, outcome),
        None if usage is None else _tokens(usage.reasoning_tokens),
        receipt.usage_quality,
        None if is_open else _milliseconds(receipt.began, receipt.first_content_at),
        None if is_open else _milliseconds(receipt.began, receipt.ended),
        _attempts(receipt.began, attempts[:MOST_ATTEMPTS]) if attempts else "[]",
        _lost_tokens(attempts),
        receipt.cache,
        _text(receipt.shared_with),
        *_labels(receipt),
        *_turns(receipt),
        None if usage is None else _tokens(usage.cache_write_tokens),
    ]


def _labels(receipt: Receipt) -> tuple[str, str | None, str | None]:
    """Tell what the client says of the call for the ledger's sake, behind what guards have done."""
    tags = receipt.tags
    if receipt.guards:
        said = [tag for tag in tags if not tag.startswith(GUARD)]
        tags = (*(GUARD + each for each in receipt.guards), *said)
    kept = [_plain(tag) for tag in tags[:MOST_TAGS]]
    return _json(kept) if kept else "[]", _text(receipt.session), _text(receipt.client)


def _turns(receipt: Receipt) -> tuple[int, str | None]:
    """Tell what became of the call beside its answer: read on, or answered by another model."""
    return int(receipt.drained), _text(receipt.asked)


def _status(receipt: Receipt, outcome: Outcome) -> int:
    return STATUS_CLIENT_GONE if outcome is Outcome.CLIENT_GONE else receipt.status


def _attempts(began: float, attempts: Sequence[Attempt]) -> str:
    """Tell each attempt: target, outcome, when in the call it began, how long it took, and usage.

    Times are milliseconds; tokens and cost are there where they are known.
    """
    return _json(
        [
            {
                "target": _plain(each.target),
                "outcome": _plain(each.outcome),
                "at_ms": _milliseconds(began, each.began),
                "ms": _milliseconds(each.began, each.ended),
                **_used(each),
            }
            for each in attempts
        ]
    )


def _used(attempt: Attempt) -> dict[str, int]:
    usage, cost = attempt.usage, attempt.cost_nanos
    if usage is None:
        return {}
    priced = {} if cost is None else {"cost_nanos": min(cost, MOST_NANOS)}
    return {
        "tokens_in": _tokens(usage.input_tokens),
        "tokens_out": _tokens(usage.output_tokens),
        **priced,
    }


def _lost_tokens(attempts: Sequence[Attempt]) -> int:
    """Count what was asked of targets that lost their race: it may have to be paid too."""
    lost = [each.usage or _NOTHING for each in attempts if each.outcome == LOST]
    return _tokens(sum(usage.input_tokens for usage in lost))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _tokens(count: int) -> int:
    return min(max(count, 0), MOST_TOKENS)


def _milliseconds(began: float, then: float | None) -> float | None:
    return None if then is None else round((then - began) * 1000, 3)


def _text(text: str | None) -> str | None:
    return None if text is None else _plain(text)


def _plain(text: str) -> str:
    """Return a text bounded, and without what a terminal obeys or a database cannot keep."""
    if len(text) > MOST_TEXT:
        text = text[: MOST_TEXT - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
