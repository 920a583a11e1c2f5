"""The bytes of the demonstration: what clients ask, what the upstream answers.

Pure. It speaks OpenAI's chat form by itself, so that the gateway is not measured by its own words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.upstream.outgoing import host_of
from gateway.words.secret import Secret
from gateway.words.target import Origin

CONTENT = "one"
MORE_CONTENT = "two"
LAST_WORD = b"[DONE]"
FILLER = "word " * 200
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
END_OF_BODY = b"0\r\n\r\n"


class Dress(StrEnum):
    """What a request wears besides itself: nothing, bytes behind it, or an offer to upgrade."""

    PLAIN = "plain"
    PIPELINED = "pipelined"
    UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway is: its origin, the path of its API, and the key to show there."""

    origin: Origin
    path: str = "/v1"
    key: Secret | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.origin}{self.path}"


def write_call(
    address: Address,
    fields: Mapping[str, object],
    dress: Dress = Dress.PLAIN,
    *,
    whole: bool = True,
) -> bytes:
    """Write a call's request; unless it is `whole`, the body breaks off in its middle."""
    body = json.dumps(fields).encode()
    host = b"host: " + host_of(address.origin)
    lines = [
        f"POST {address.path}/chat/completions HTTP/1.1".encode(),
        host,
        b"content-type: application/json",
        b"accept: */*",
        b"content-length: %d" % len(body),
    ]
    if address.key is not None:
        lines.append(b"authorization: Bearer " + address.key.reveal().encode())
    if dress is Dress.UPGRADE:
        lines += [b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AA"]
    request = b"\r\n".join([*lines, b"", b""]) + (body if whole else body[: len(body) // 2])
    if dress is Dress.PIPELINED:
        request += b"GET %b/models HTTP/1.1\r\n%b\r\n\r\n" % (address.path.encode(), host)
    return request


def fields_of(model: str, mark: str, *, stream: bool) -> dict[str, object]:
    """Return the fields of a call; by the mark in its message the upstream knows it again."""
    message = {"role": "user", "content": f"Say a few words. ({mark})"}
    return {"model": model, "stream": stream, "messages": [message]}


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(model: str, content: str | None = None) -> bytes:
    """Return a stream's event: a word, or where there is none the end of the answer."""
    choice: dict[str, object] = {
        "index": 0,
        "delta": {} if content is None else {"role": "assistant", "content": content},
        "finish_reason": "stop" if content is None else None,
    }
    body = {
        "id": "chatcmpl-demo",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [choice],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def end_of_stream(model: str) -> bytes:
    """Return the last events of a stream, and the end of its body."""
    return chunk(event(model)) + chunk(b"data: " + LAST_WORD + b"\n\n") + END_OF_BODY


def whole_stream(model: str) -> bytes:
    """Return a streamed answer from its head to its end."""
    return STREAM_HEAD + chunk(event(model, CONTENT)) + end_of_stream(model)


def whole_answer(model: str) -> bytes:
    """Return an answer that is not streamed."""
    message = {"role": "assistant", "content": CONTENT}
    return _json(
        {
            "id": "chatcmpl-demo",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    )


def models(model: str) -> bytes:
    """Return the list of models, for gateways that ask for it."""
    listed = {"id": model, "object": "model", "created": 1, "owned_by": "demo"}
    return _json({"object": "list", "data": [listed]})


def _json(fields: Mapping[str, object]) -> bytes:
    body = json.dumps(fields).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body
