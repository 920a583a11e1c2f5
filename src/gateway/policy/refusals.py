"""What follows from a failed attempt: who is asked next, and when; what it says of its target.

It is read from the tree of `words/errors.py` and, where a provider used words of its own, from
those. Pure; nothing is asked again here.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from gateway.forms.chat_errors import tells_of_filter
from gateway.words.errors import (
    AnswerTooLarge,
    ClientTimeout,
    GatewayError,
    NameFailed,
    NoCredentials,
    OwnKeyRefused,
    Timeout,
    TlsFailed,
    TotalTimeout,
    Unsupported,
    UpstreamAuth,
    UpstreamFailure,
    UpstreamFault,
    UpstreamRefused,
)

KEY_REST: Final = 3600.0
"""Seconds for which a key rests that the provider does not accept, or that has nothing left."""

GRANT_REST: Final = 30.0
"""Seconds for which fetched credentials rest at most: others are fetched meanwhile."""

KEY_PAUSE: Final = 5.0
"""Seconds for which a key rests that was used too often, where the provider says no time."""

LONGEST_WAIT: Final = 3600.0
"""Seconds. A provider that says more is taken to have said this."""


class Verdict(Enum):
    """Who may be asked after a failure, before anything has reached the client."""

    AGAIN = "again"
    """The same target: it refused, broke off or made a mistake of its own."""
    OTHER_KEY = "other_key"
    """Another key of the same home, else another home."""
    ELSEWHERE = "elsewhere"
    """Another home; this one is not asked again in this call."""
    LONGER = "longer"
    """A home that takes a longer prompt, and no other."""
    FINAL = "final"
    """Nobody: the error is told as it is."""


_COUNTED = frozenset({Verdict.AGAIN, Verdict.OTHER_KEY, Verdict.ELSEWHERE})

_AUTH = frozenset({401, 402, 403})
_TOO_OFTEN = 429
_CONFLICT = 409
_ASK_AGAIN = frozenset({408, _CONFLICT})
_NOT_THERE = frozenset({501, 505})
"""It cannot do this, and will not be able to in a moment."""

_UNKNOWN = 0
"""The status of an error that was told in a stream in words that nobody knows."""

_TELL_LENGTH = frozenset({_UNKNOWN, 400, 413, 422, 500})
"""Where a provider's sentence is believed that the prompt is too long. llama.cpp says it at 500."""

_MOST = 2000
"""Characters of a provider's sentence that are read."""

_STATUS = re.compile(r"[45][0-9]{2}")

# Types and codes that providers use; a type is often that of the class that raised it.
_LENGTH_WORD = re.compile(
    r"context_?(?:length|window|size)|tokens_limit_reached|max_prompt_tokens"
    r"|(?:prompt|input)_?too_?long",
    re.IGNORECASE,
)
_KEY_WORD = re.compile(
    r"insufficient.?(?:quota|balance|credit)|billing|invalid.?api.?key|account.?deactivated",
    re.IGNORECASE,
)
_STATUS_OF_WORDS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), status)
    for pattern, status in (
        (r"rate.?limit|too.?many.?requests|throttl|exhausted|quota", 429),
        (r"authentication|unauthorized|permission|access.?denied", 401),
        (r"overload|unavailable|capacity|internal|server|api_error|time.?out", 503),
        (r"invalid|bad.?request|not.?found|too.?large|validation|unsupported", 400),
    )
)
"""What the words of an error that is told in a stream would have been as a status."""

# Parts of sentences in small letters, for providers that have no word for it.
_LENGTH_SAID: Final = (
    "maximum context length",  # OpenAI, vLLM, DeepSeek, OpenRouter, Mistral
    "exceeds the context window",  # OpenAI's responses
    "prompt is too long",  # Anthropic
    "exceed context limit",  # Anthropic, with max_tokens
    "input token count",  # Gemini
    "input is too long",  # Bedrock
    "is longer than the maximum model length",  # vLLM
    "is too long to fit into the model",  # vLLM
    "is too long and exceeds limit of",  # vLLM
    "exceeds the available context size",  # llama.cpp
    "exceed context window",  # llama-cpp-python
    "than the context length",  # LM Studio
    "exceeds context length",  # LM Studio
    "longer than the model's context length",  # SGLang
    "prompt too long",  # Ollama
    "maximum prompt length",  # xAI
    "reduce the length of the",  # Groq
    "too large for model with",  # Mistral
    "prompt token count of",  # GitHub
    "too many tokens: ",  # Cohere
    "exceeded model token limit",  # Kimi
    "maximum allowed input length",  # Poolside
    "length of all messages is too long",  # Perplexity
    "range of input length should be",  # Qwen
    "`inputs` tokens + ",  # Hugging Face's TGI
    "`inputs` must have less than",  # the same
)
_KEY_SAID: Final = (
    "api key not valid",  # Gemini
    "api key expired",  # the same
    "your credit balance is too low",  # Anthropic
    "insufficient balance",  # DeepSeek
)
"""At the beginning only: further on a provider may repeat what the client has written, and nobody
may put the operator's keys to rest with his words."""

_MORE_THAN_A_KEY_MAY: Final = "request too large for"
_IN_A_MINUTE: Final = "tokens per min"
"""OpenAI (429) and Groq (413): one request wants more than the key may have in a minute."""

_STRING_TOO_LONG = "string_above_max_length"
_PROMPTS = ("messages", "input", "prompt")


def verdict_of(error: GatewayError) -> Verdict:
    """Say who may be asked after this error."""
    match error:
        case OwnKeyRefused():
            return Verdict.FINAL
        case UpstreamRefused() | UpstreamFault():
            return _verdict_on_words(error)
        case UpstreamAuth():
            return Verdict.OTHER_KEY
        case NameFailed() | TlsFailed() | NoCredentials():
            return Verdict.ELSEWHERE
        case AnswerTooLarge() | TotalTimeout() | ClientTimeout():
            return Verdict.FINAL
        case UpstreamFailure():
            return Verdict.AGAIN
        case Unsupported() | Timeout():
            return Verdict.ELSEWHERE
        case _:
            return Verdict.FINAL


def counts(error: GatewayError) -> bool:
    """Say whether the error tells something of its target, and not of the request alone.

    What a client can bring about with its request or its own clock must not rest a target for
    everyone: a prompt too long, a total time of one second, an answer without end.
    """
    return (
        verdict_of(error) in _COUNTED
        and not isinstance(error, Unsupported)
        and _status_of(error) != _CONFLICT
        and not _wants_too_much(error)
    )


def key_rest_of(error: GatewayError, today: float | None) -> float:
    """Say for how many seconds the key is to rest; 0.0 where the key is not to blame.

    `today` as in `wait_of`.
    """
    if verdict_of(error) is not Verdict.OTHER_KEY or _wants_too_much(error):
        return 0.0
    if isinstance(error, UpstreamAuth) or _status_of(error) in _AUTH or _blames_key(error):
        return KEY_REST
    wait = wait_of(error, today)
    return KEY_PAUSE if wait is None else wait


def _verdict_on_words(error: UpstreamRefused | UpstreamFault) -> Verdict:
    if _is_filtered(error):
        return Verdict.FINAL
    status = _status_of(error)
    if _blames_key(error) or status == _TOO_OFTEN or status in _AUTH or _wants_too_much(error):
        return Verdict.OTHER_KEY
    if _is_too_long(error):
        return Verdict.LONGER
    if status in _NOT_THERE:
        return Verdict.ELSEWHERE
    if 400 <= status < 500 and status not in _ASK_AGAIN:
        return Verdict.FINAL
    # A provider that has itself tried in vain, as another gateway does, says so.
    refuses = (b"x-should-retry", b"false") in error.headers
    return Verdict.ELSEWHERE if refuses else Verdict.AGAIN


def _status_of(error: GatewayError) -> int:
    """Return the provider's status; of an error told in a stream the one that its words mean."""
    if not isinstance(error, UpstreamFault):
        return error.status
    if error.code is not None and _STATUS.fullmatch(error.code):
        return int(error.code)
    words = _words(error)
    for pattern, status in _STATUS_OF_WORDS:
        if pattern.search(words):
            return status
    return _UNKNOWN


def _words(error: GatewayError) -> str:
    return f"{error.type} {error.code or ''}"


def _is_filtered(error: GatewayError) -> bool:
    message = error.message if _status_of(error) < 500 else ""
    return tells_of_filter(_words(error), message)


def _is_too_long(error: GatewayError) -> bool:
    if error.code == _STRING_TOO_LONG:
        return error.param is None or error.param.startswith(_PROMPTS)
    if _LENGTH_WORD.search(_words(error)):
        return True
    return _status_of(error) in _TELL_LENGTH and _says(_LENGTH_SAID, error)


def _blames_key(error: GatewayError) -> bool:
    """Say whether the key itself is refused, or has nothing left."""
    if _KEY_WORD.search(_words(error)):
        return True
    return _status_of(error) in {_UNKNOWN, 400} and _text(error).startswith(_KEY_SAID)


def _wants_too_much(error: GatewayError) -> bool:
    if _status_of(error) not in {413, _TOO_OFTEN}:
        return False
    text = _text(error)
    return _MORE_THAN_A_KEY_MAY in text and _IN_A_MINUTE in text


def _says(sentences: tuple[str, ...], error: GatewayError) -> bool:
    text = _text(error)
    return any(sentence in text for sentence in sentences)


def _text(error: GatewayError) -> str:
    return error.message[:_MOST].lower()


_NUMBER = re.compile(rb"[0-9]{1,15}(?:\.[0-9]{0,15})?")
_DURATION = re.compile(
    rb"(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,6})m)?"
    rb"(?:([0-9]{1,9}(?:\.[0-9]{0,9})?)s)?(?:([0-9]{1,9}(?:\.[0-9]{0,9})?)ms)?"
)
_UNITS: Final = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
_RESETS: Final = (b"x-ratelimit-reset-requests", b"x-ratelimit-reset-tokens")

_LONGEST_TIME = 64
"""Bytes of a header that says a time; a date has 29."""


def wait_of(error: GatewayError, today: float | None) -> float | None:
    """Return how many seconds the provider wants to be left alone; None where it does not say.

    `retry-after-ms` comes before `retry-after` (seconds, or a date), as OpenAI's SDKs read them;
    where neither can be read, a 429 means the longer of the two `x-ratelimit-reset-*`, since either
    limit may be the one (other answers have them too, and mean nothing by it). `today` is seconds
    since 1970, for a date; None: not known.
    """
    headers = dict(error.headers)
    after = headers.get(b"retry-after", b"")
    wait = _number(headers.get(b"retry-after-ms", b""), 0.001)
    if wait is None:
        wait = _number(after, 1.0)
    if wait is None and today is not None:
        wait = _until(after, today)
    if wait is None and _status_of(error) == _TOO_OFTEN:
        wait = max(_duration(headers.get(name, b"")) for name in _RESETS) or None
    return None if wait is None else min(wait, LONGEST_WAIT)


def _number(value: bytes, unit: float) -> float | None:
    return float(value) * unit if _NUMBER.fullmatch(value) else None


def _until(value: bytes, today: float) -> float | None:
    """Read an HTTP date; one that has passed is now."""
    if len(value) > _LONGEST_TIME or not value.isascii():
        return None
    try:
        date = parsedate_to_datetime(value.decode("ascii"))
        # Without a zone it would be taken for the machine's own.
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(date.timestamp() - today, 0.0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _duration(value: bytes) -> float:
    """Read a duration as OpenAI writes it (`120ms`, `6m0s`); what is none is no time."""
    found = _DURATION.fullmatch(value)
    if found is None:
        return 0.0
    return sum(
        float(number) * unit
        for number, unit in zip(found.groups(), _UNITS, strict=True)
        if number is not None
    )


_PAUSES: Final = ((0.4, 0.6), (1.2, 1.8), (2.0, 3.0), (4.0, 6.0), (5.5, 8.0))
"""Seconds, at least and at most, before the first retry at a target, the second, and so on."""


def backoff(number: int, draw: float) -> float:
    """Return the pause before the retry of that number (from 1) at one target.

    `draw` is a lot in [0, 1): calls that failed together do not come back together.
    """
    least, most = _PAUSES[min(number, len(_PAUSES)) - 1]
    return least + (most - least) * draw
