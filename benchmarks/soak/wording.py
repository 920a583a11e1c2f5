"""The words of a soak: what clients ask and providers answer, so that each knows the other's. Pure.

Every event names its call and its place in it: what reaches a client that was meant for another, or
comes twice, or not at all, is seen by whoever reads it.
"""

from typing import Any, Final

import msgspec

from benchmarks.soak.explain import RETRY_AFTER
from benchmarks.soak.odd import JSON, LINE, head
from benchmarks.soak.plan import Plan, Play

CHUNKED_EVENTS: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
DONE: Final = b"data: [DONE]\n\n"
END: Final = b"0\r\n\r\n"
MALFORMED: Final = b'data: {"choices": [{"index": 0, "delta": \n\n'
FAULT: Final = (
    b'data: {"error": {"message": "overloaded", "type": "server_error", "param": null,'
    b' "code": "overloaded_error"}}\n\n'
)

_encode = msgspec.json.Encoder().encode


class Wish(msgspec.Struct):
    """What a provider is told in a request: whose it is, and how to answer it."""

    id: str
    play: Play


class Asked(msgspec.Struct):
    """A request as the provider reads it."""

    soak: Wish
    model: str
    stream: bool = False


def request(plan: Plan) -> tuple[bytes, bytes]:
    """Return head and body of a call's request."""
    fields: dict[str, Any] = {
        "model": f"m{plan.provider}",
        "messages": [{"role": "user", "content": "x" * plan.prompt}],
        "stream": plan.play.stream,
        "soak": Wish(plan.id, plan.play),
    }
    if plan.usage and plan.play.stream:
        fields["stream_options"] = {"include_usage": True}
    body = _encode(fields)
    return head(plan.id, LINE, JSON, f"Content-Length: {len(body)}"), body


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def said(name: str, place: int, size: int) -> str:
    """Return the text of an event, or of a whole answer."""
    return f"{place} {name} {'x' * size}"


def event(name: str, place: int, size: int) -> bytes:
    """Return the event in this place of a call's stream."""
    choice = {
        "index": 0, "delta": {"content": said(name, place, size)}, "finish_reason": None,
    }  # fmt: skip
    return b"data: %b\n\n" % _encode(
        {"id": name, "object": "chat.completion.chunk", "model": "soaked", "choices": [choice]}
    )


def usage(events: int) -> dict[str, int]:
    """Return the usage of an answer."""
    return {"prompt_tokens": 7, "completion_tokens": events, "total_tokens": 7 + events}


def last(name: str, events: int) -> tuple[bytes, bytes]:
    """Return the events behind the content: the finish, and the usage."""
    frame = {"id": name, "object": "chat.completion.chunk", "model": "soaked"}
    finish = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return (
        b"data: %b\n\n" % _encode({**frame, "choices": [finish]}),
        b"data: %b\n\n" % _encode({**frame, "choices": [], "usage": usage(events)}),
    )


def answer(name: str, size: int) -> bytes:
    """Return a whole answer in one piece."""
    message = {"role": "assistant", "content": said(name, 0, size)}
    body = _encode(
        {
            "id": name,
            "object": "chat.completion",
            "model": "soaked",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage(1),
        }
    )
    return _answer(b"200 OK", body)


def refusal(status: bytes, code: str) -> bytes:
    """Return an error of the provider's own."""
    told = {"message": "not now", "type": "provider_error", "param": None, "code": code}
    return _answer(status, _encode({"error": told}), b"retry-after: %b\r\n" % RETRY_AFTER.encode())


def _answer(status: bytes, body: bytes, fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b" % (
        status, len(body), fields, body,
    )  # fmt: skip
