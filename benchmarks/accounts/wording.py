"""What is asked and answered, byte for byte. A request says what its answer is to be. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Final

from benchmarks.accounts.settings import MODEL, SECRET
from gateway.forms.chat import read_request
from gateway.policy.estimates import prompt_of

HEAD_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
END: Final = b"0\r\n\r\n"
PLAY: Final = re.compile(rb"\[(\S+) tokens=(\d+) pause=(\d+) prompt=(\d{6})\]")
_STREAM: Final = re.compile(rb'"stream": *true')


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: its id, and the answer that it is to get, a token in each event.

    `pause` is milliseconds between events; a whole answer takes as long as a stream would, but for
    `prompt`, which is how many tokens its provider is to have read, as the gateway estimates them.
    """

    id: str
    tokens: int
    pause: int
    stream: bool = True
    prompt: int = 0

    @property
    def cost_tokens(self) -> int:
        """What a whole answer takes: prompt and answer."""
        return self.prompt + self.tokens


def body_of(asked: Asked) -> bytes:
    """Return the body of a request. It names a `max_tokens` that no answer comes near."""
    play = f"[{asked.id} tokens={asked.tokens} pause={asked.pause} prompt={{:06}}]"

    def made(prompt: int) -> bytes:
        content = f"{play.format(prompt)} Tell me the tale of the boat."
        said = [{"role": "user", "content": content}]
        whole = {"model": MODEL, "max_tokens": 100_000, "messages": said, "stream": asked.stream}
        return json.dumps(whole).encode()

    return made(prompt_of(read_request("chat", made(0))))


def request_of(asked: Asked) -> tuple[bytes, bytes]:
    """Return head and body of a request."""
    body = body_of(asked)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-request-id: {asked.id}\r\n"
        f"authorization: Bearer {SECRET}\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


def read(body: bytes) -> Asked | None:
    """Read a request as its provider gets it; None where it is none of ours."""
    found = PLAY.search(body)
    if found is None:
        return None
    name, tokens, pause, prompt = found.groups()
    stream = _STREAM.search(body) is not None
    return Asked(name.decode(), int(tokens), int(pause), stream, int(prompt))


def event(asked: Asked, **delta: str) -> bytes:
    """Return an event of a stream, as a chunk."""
    return _event(asked, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def farewell(asked: Asked) -> bytes:
    """Return the end of a stream: why it ended, its usage, `[DONE]`."""
    stop = _event(asked, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = _event(asked, {"choices": [], "usage": _usage(asked)})
    return stop + usage + _chunk(b"data: [DONE]\n\n") + END


def whole(asked: Asked) -> bytes:
    """Return an answer in one piece, with its head."""
    message = {"role": "assistant", "content": "wave " * asked.tokens}
    told = {
        "id": f"chatcmpl-{asked.id}",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(asked),
    }
    body = json.dumps(told).encode()
    fields = b"content-type: application/json\r\ncontent-length: %d" % len(body)
    return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, body)


def _usage(asked: Asked) -> dict[str, int]:
    return {
        "prompt_tokens": asked.prompt,
        "completion_tokens": asked.tokens,
        "total_tokens": asked.cost_tokens,
    }


def _event(asked: Asked, more: dict[str, object]) -> bytes:
    told = {
        "id": f"chatcmpl-{asked.id}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        **more,
    }
    return _chunk(b"data: " + json.dumps(told).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
