"""What a provider does, byte for byte: answers, refusals, and every way to break off. Pure."""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any, Final

import msgspec

from benchmarks.failover.records import Asked

TALE: Final = (
    "A small boat left the harbour at dawn, and by noon the wind had turned; so its two sailors "
    "lowered the sail, shared their bread, and waited for the tide to bring them home."
)
"""The one answer to everything."""

OTHER: Final = "Nobody knows how the lighthouse came to be built on that rock, or who paid for it."
"""Another one, different from its first letter on."""

WORDS: Final = TALE.split()
SAID: Final = 10
"""Words of a stream that breaks off."""

GAP: Final = 0.01
"""Seconds between two events."""

USAGES: Final = {"primary": (31, 41), "secondary": (59, 26)}
"""Tokens in and out, as each provider counts them."""


class End(Enum):
    """How a provider leaves a connection, where it does not keep it."""

    FIN = auto()
    RST = auto()
    SILENT = auto()


Act = tuple[bytes | float | End, ...]
"""What it sends, how many seconds it waits in between, and how it ends."""

Reply = Callable[[Asked, str], Act]
"""Chooses an act for a request; the second argument is the provider's own name."""

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
CLOSING: Final = b"connection: close\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
DONE: Final = b"data: [DONE]\n\n"
PING: Final = b": PROCESSING\n\n"
BROKEN: Final = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"ind\n\n'

_encode = msgspec.json.Encoder().encode


def chunk(data: bytes) -> bytes:
    """Return data as one chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def body(status: bytes, content_type: bytes, data: bytes, fields: bytes = b"") -> bytes:
    """Return a whole answer with its length."""
    head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\n%bcontent-length: %d\r\n\r\n"
    return head % (status, content_type, fields, len(data)) + data


def usage(provider: str) -> dict[str, int]:
    """Return the usage that a provider tells."""
    came, went = USAGES[provider]
    return {"prompt_tokens": came, "completion_tokens": went, "total_tokens": came + went}


class Teller:
    """Writes the parts of an answer as one provider tells it to one request."""

    def __init__(self, asked: Asked, provider: str, tale: str = TALE) -> None:
        self.asked = asked
        self.provider = provider
        self.id = f"chatcmpl-{provider}-{asked.number}"
        # What it was given to go on from is not told again.
        begun = bool(asked.prefill) and tale.startswith(asked.prefill)
        self.tale = tale[len(asked.prefill) :] if begun else tale

    def event(self, **more: Any) -> bytes:
        """Return one event."""
        fields = {
            "id": self.id, "object": "chat.completion.chunk",
            "created": 1_700_000_000, "model": self.asked.model, **more,
        }  # fmt: skip
        return b"data: %b\n\n" % _encode(fields)

    def delta(self, finish: str | None = None, **said: str) -> bytes:
        """Return an event with one choice."""
        return self.event(choices=[{"index": 0, "delta": said, "finish_reason": finish}])

    @property
    def role(self) -> bytes:
        return self.delta(role="assistant", content="")

    def words(self, most: int | None = None) -> Iterator[bytes]:
        """Return an event for each word, or for so many."""
        for place, word in enumerate(self.tale.split(" ")[:most]):
            yield self.delta(content=f" {word}" if place else word)

    def slices(self, size: int = 7) -> Iterator[bytes]:
        """Return the same text cut where no other provider cuts it."""
        for at in range(0, len(self.tale), size):
            yield self.delta(content=self.tale[at : at + size])

    @property
    def last(self) -> list[bytes]:
        """How a stream ends, without `[DONE]`."""
        ends = [self.delta("stop")]
        if self.asked.usage:
            ends.append(self.event(choices=[], usage=usage(self.provider)))
        return ends

    @property
    def whole(self) -> bytes:
        """The answer in one piece, as a body."""
        said = {"role": "assistant", "content": self.tale, "refusal": None}
        choice = {"index": 0, "message": said, "finish_reason": "stop", "logprobs": None}
        fields = {
            "id": self.id, "object": "chat.completion",
            "created": 1_700_000_000, "model": self.asked.model,
            "choices": [choice], "usage": usage(self.provider),
        }  # fmt: skip
        return _encode(fields)


def paced(*events: bytes) -> Act:
    """Send each event by itself, with a gap behind it."""
    return tuple(part for event in events for part in (chunk(event), GAP))


def told(teller: Teller, *events: bytes) -> Act:
    """Send a stream of these events, or the same answer in one piece."""
    if not teller.asked.stream:
        return (body(b"200 OK", b"application/json", teller.whole),)
    return (HEAD, *paced(*events), chunk(b"".join(teller.last) + DONE) + LAST_CHUNK)


def answers(asked: Asked, provider: str) -> Act:
    """Answer as one should, word by word."""
    teller = Teller(asked, provider)
    return told(teller, teller.role, *teller.words())


def answers_in_slices(asked: Asked, provider: str) -> Act:
    """Answer the same, cut otherwise."""
    teller = Teller(asked, provider)
    return told(teller, teller.role, *teller.slices())


def answers_otherwise(asked: Asked, provider: str) -> Act:
    """Answer something else."""
    teller = Teller(asked, provider, OTHER)
    return told(teller, teller.role, *teller.words())


def refuses(status: str, code: str, type: str = "server_error", **fields: str) -> Reply:
    """Refuse with an error; `fields` are header fields, `_` for `-`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    error = {"message": f"Refused: {code}.", "type": type, "param": None, "code": code}
    whole = body(
        status.encode(), b"application/json", _encode({"error": error}), lines.encode("ascii")
    )
    return lambda _asked, _provider: (whole,)


def refuses_prefill(asked: Asked, provider: str) -> Act:
    """Refuse to go on from the beginning of an answer; else answer."""
    if asked.prefill:
        return refuses("400 Bad Request", "invalid_prefill", "invalid_request_error")(
            asked, provider
        )
    return answers_in_slices(asked, provider)


def resets(_asked: Asked, _provider: str) -> Act:
    """Reset the connection before a byte of an answer."""
    return (End.RST,)


def stays_silent(_asked: Asked, _provider: str) -> Act:
    """Read the request, and say nothing ever."""
    return (End.SILENT,)


def begins_late(seconds: float) -> Reply:
    """Send head and role at once, and content only after so many seconds."""

    def reply(asked: Asked, provider: str) -> Act:
        teller = Teller(asked, provider)
        return (HEAD, *paced(teller.role), seconds, *told(teller, *teller.words())[1:])

    return reply


def breaks_off(end: End) -> Reply:
    """Break off after some words of a stream, or within the body of an answer in one piece."""

    def reply(asked: Asked, provider: str) -> Act:
        teller = Teller(asked, provider)
        if not asked.stream:
            whole = body(b"200 OK", b"application/json", teller.whole)
            return (whole[:-100], 2 * GAP, end)
        return (HEAD, *paced(teller.role, *teller.words(SAID)), end)

    return reply


def starts_only(asked: Asked, provider: str) -> Act:
    """Begin a stream with a role and pings, and break off before its first word."""
    teller = Teller(asked, provider)
    return (HEAD, *paced(PING, teller.role, PING, PING), End.FIN)


def stumbles(asked: Asked, provider: str) -> Act:
    """Send half an event in the middle, and go on with the whole of it."""
    teller = Teller(asked, provider)
    words = list(teller.words())
    return told(teller, teller.role, *words[:SAID], BROKEN, *words[SAID:])


def forgets_done(asked: Asked, provider: str) -> Act:
    """End a stream properly, without `[DONE]`."""
    teller = Teller(asked, provider)
    ends = chunk(b"".join(teller.last)) + LAST_CHUNK
    return (HEAD, *paced(teller.role, *teller.words()), ends)


def shows_a_page(_asked: Asked, _provider: str) -> Act:
    """Answer with status 200 and a page of HTML."""
    return (body(b"200 OK", b"text/html", b"<!doctype html><h1>Welcome!</h1>"),)


def tells_an_error(_asked: Asked, _provider: str) -> Act:
    """Answer with status 200 and an error in JSON."""
    error = {"message": "The model is loading.", "type": "server_error", "code": "loading"}
    return (body(b"200 OK", b"application/json", _encode({"error": error})),)
