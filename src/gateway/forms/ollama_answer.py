"""Reads an answer of Ollama's own API, and tells it in OpenAI's form. Pure.

A stream is lines of JSON, of which the last says `done`; what does not stream is one such line.
"""

from typing import Final

from gateway.forms.chat_chunks import Chunks, Whole, tool_call
from gateway.forms.chat_errors import error_body, raised
from gateway.forms.chat_facts import model_of
from gateway.forms.chat_join import MAX_CALLS
from gateway.forms.lines import Lines
from gateway.forms.ollama_embed import embeddings_body
from gateway.forms.ollama_errors import fault_in
from gateway.forms.ollama_facts import (
    Answered,
    ToolCall,
    finish_reason_of,
    moment_of,
    read_answered,
)
from gateway.forms.text import is_utf8, one_line
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    UpstreamMalformed,
    UpstreamTruncated,
)

NDJSON: Final = "application/x-ndjson"

_TYPES: Final = frozenset({NDJSON, "application/ndjson", "application/jsonl", "application/json"})
_SAYS_NOTHING: Final = frozenset({"", "text/plain", "application/octet-stream"})


class AnswerReader:
    """Reads one answer (see `forms.Reader`); each piece is an event or a body of OpenAI's form."""

    __slots__ = (
        "_body",
        "_call",
        "_chunks",
        "_fault",
        "_lines",
        "_max_bytes",
        "_model",
        "_moment",
        "_taken",
        "_tools",
        "ended",
        "malformed_events",
    )

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        media = content_type.partition(";")[0].strip().lower()
        if media not in _TYPES and media not in _SAYS_NOTHING:
            given = one_line(content_type, 100)
            raise UpstreamMalformed(
                f"The provider answered {status} with content of the type {given!r}, not {NDJSON}."
            )
        self._call = call
        self._lines = Lines(max_event_bytes)
        self._body = bytearray()
        self._max_bytes = max_answer_bytes
        self._taken = 0
        self._chunks: Chunks | None = None
        self._moment = "0"
        self._model: str | None = None
        self._tools = 0
        self._fault: Fault | None = None
        self.malformed_events = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        if self.ended or self._fault is not None:
            return []
        self._taken += len(data)
        if self._taken > self._max_bytes:
            raise AnswerTooLarge(f"The provider answered more than {self._max_bytes} bytes.")
        if not self._call.stream:
            self._body += data
            return []
        return self._read(self._lines.feed(data))

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended; only a line that says `done` makes it whole."""
        if self.ended:
            return []
        if self._fault is not None:
            raise raised(self._fault)
        if not self._call.stream:
            return self._whole(bytes(self._body))
        pieces = self._read(self._lines.end())
        if not self.ended and self._fault is None:
            raise UpstreamTruncated("The provider's stream ended before its last line.")
        return pieces

    def _read(self, lines: list[bytes]) -> list[Piece]:
        pieces: list[Piece] = []
        for line in lines:
            said = read_answered(line) if is_utf8(line) else None
            if said is None:
                self.malformed_events += 1
                continue
            pieces += self._stream(said)
            if self.ended or self._fault is not None:
                break
        return pieces

    def _stream(self, said: Answered) -> list[Piece]:
        if said.error:
            return [self._tell_fault(said)]
        pieces = []
        chunks = self._chunks
        if chunks is None:
            chunks = self._begin(said)
            pieces.append(Piece(chunks.role(), model=self._model))
        message = said.message
        if message is not None:
            if message.thinking:
                pieces.append(self._said(chunks.thought(message.thinking)))
            if message.content:
                pieces.append(self._said(chunks.content(message.content, said.tokens())))
            for call in message.tool_calls or ():
                index = self._tools
                pieces.append(self._said(chunks.tool(index, self._tool(call))))
        if said.done:
            pieces += self._finish(chunks, said)
        return pieces

    def _begin(self, said: Answered) -> Chunks:
        self._model = model_of(said.model)
        self._moment, created = moment_of(said.created_at)
        self._chunks = Chunks(
            self._id(),
            self._model or self._call.model,
            created,
            shows_usage=self._call.show_usage,
        )
        return self._chunks

    def _id(self) -> str:
        """Return a name for the answer, which the server does not give it: its first moment."""
        return f"chatcmpl-{self._moment}"

    def _tool(self, call: ToolCall) -> dict[str, object]:
        """Return the call of a tool, with an id of its own. Raises `UpstreamMalformed`."""
        if self._tools == MAX_CALLS:
            raise UpstreamMalformed(f"The provider called more than {MAX_CALLS} tools.")
        given = call.id or f"call_{self._moment}_{self._tools}"
        self._tools += 1
        return tool_call(given, call.function.name, call.function.told())

    def _finish(self, chunks: Chunks, said: Answered) -> list[Piece]:
        self.ended = True
        usage = said.usage()
        reason = finish_reason_of(said.done_reason, calls=self._tools > 0)
        pieces = [Piece(chunks.finish(reason), True, usage, model=self._model)]
        if usage is not None:
            pieces.append(Piece(chunks.usage(usage), False, usage, True, model=self._model))
        return pieces

    def _said(self, raw: bytes) -> Piece:
        return Piece(raw, True, model=self._model)

    def _tell_fault(self, said: Answered) -> Piece:
        """Tell an error in the shape that OpenAI's SDKs raise (U26)."""
        self._fault = fault = fault_in(said.error)
        body = error_body(fault.message, fault.type, None, fault.code)
        return Piece(b"data: %b\n\n" % body, usage=said.usage(), fault=fault)

    def _whole(self, body: bytes) -> list[Piece]:
        said = read_answered(body) if is_utf8(body) else None
        if said is None:
            raise UpstreamMalformed("The provider's answer is not a JSON object of a message.")
        if said.error:
            raise raised(fault_in(said.error))
        usage = said.usage()
        if self._call.operation == "embeddings":
            return self._embedded(said, usage)
        if said.message is None or not said.done:
            raise UpstreamMalformed("The provider answered JSON that is no whole message.")
        self._model = model_of(said.model)
        self._moment, created = moment_of(said.created_at)
        calls = [self._tool(call) for call in said.message.tool_calls or ()]
        message: dict[str, object] = {"content": said.message.content or None}
        if said.message.thinking:
            message["reasoning_content"] = said.message.thinking
        if calls:
            message["tool_calls"] = calls
        whole = Whole(
            id=self._id(),
            model=self._model or self._call.model,
            message=message,
            finish_reason=finish_reason_of(said.done_reason, calls=bool(calls)),
            created=created,
            usage=usage,
            logprobs=said.tokens(),
        )
        self.ended = True
        return [Piece(whole.written(), True, usage, model=self._model)]

    def _embedded(self, said: Answered, usage: Usage | None) -> list[Piece]:
        if said.embeddings is None:
            raise UpstreamMalformed("The provider answered JSON that holds no embeddings.")
        model = model_of(said.model)
        named = model or self._call.model
        body = embeddings_body(said.embeddings, named, usage or Usage(), self._call)
        self.ended = True
        return [Piece(body, True, usage, model=model)]
