"""Reads an answer of AWS Bedrock's Converse, and tells it in OpenAI's chat form. Pure.

A stream is binary, and each of its messages is one event; what is not known (blocks, deltas, events
of a later day) is left out. The answer has ended once the last event has told what it cost.
"""

from typing import Final

from gateway.forms import chat_answer
from gateway.forms.bedrock_build import (
    annotation_of,
    completion,
    detail_of,
    id_of,
    image_of,
    is_asked_of_client,
    joined,
)
from gateway.forms.bedrock_errors import read_fault
from gateway.forms.bedrock_facts import (
    Citation,
    Delta,
    Happening,
    Reasoning,
    Use,
    finish_reason_of,
    read_answer,
    read_happening,
    usage_of,
)
from gateway.forms.bedrock_names import names_back
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.chat_build import as_stream
from gateway.forms.chat_chunks import Chunks, tool_call
from gateway.forms.chat_errors import error_body, raised
from gateway.forms.event_stream import MEDIA, Frames, Message
from gateway.forms.text import one_line
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    UpstreamMalformed,
    UpstreamTruncated,
)

_JSON: Final = "application/json"
_FAILS: Final = frozenset({"exception", "error"})

MOST_OPEN: Final = 1024
"""Blocks of which more may come at one time; the provider opens one after the other."""


class _Open:
    """A block of which more may come, and what of it is told only once it is whole.

    `call` is its place among the calls of tools, where it is one; `begin` is where its words begin.
    """

    __slots__ = ("begin", "call", "format", "kept", "lost", "parted", "sealed", "signs", "thoughts")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.call: int | None = None
        self.parted = False
        self.format = ""
        self.thoughts: list[str] = []
        self.signs: list[str] = []
        self.sealed: list[str] = []
        self.kept = 0
        self.lost = False

    def keep(self, part: Reasoning, size: int) -> None:
        """Keep a part of a thought."""
        self.thoughts.append(part.text)
        self.signs.append(part.signature)
        self.sealed.append(part.redacted_content)
        self.kept += size

    def lose(self) -> None:
        """Let go of a thought that is too large to be told again."""
        self.thoughts, self.signs, self.sealed = [], [], []
        self.kept, self.lost = 0, True

    def thought(self) -> Reasoning:
        """Return the thought that the parts make up."""
        return Reasoning("".join(self.thoughts), "".join(self.signs), joined(self.sealed))


class AnswerReader:
    """Reads one answer: a stream of messages, or JSON in one piece (see `forms.Reader`).

    Each piece is an event, or the body, of the chat form.
    """

    __slots__ = (
        "_blocks",
        "_body",
        "_call",
        "_calls",
        "_chunks",
        "_events",
        "_fault",
        "_finished",
        "_frames",
        "_kept",
        "_limits",
        "_names",
        "_said",
        "_taken",
        "_usage",
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
        self._events = media == MEDIA and call.stream
        if not self._events and media != _JSON:
            wanted, given = MEDIA if call.stream else _JSON, one_line(content_type, 100)
            raise UpstreamMalformed(
                f"The provider answered {status} with content of the type {given!r}, not {wanted}."
            )
        self._call = call
        self._limits = (max_event_bytes, max_answer_bytes)
        self._frames = Frames(max_event_bytes)
        self._body = bytearray()
        self._taken = 0
        self._chunks: Chunks | None = None
        self._usage: Usage | None = None
        self._fault: Fault | None = None
        self._finished = False
        self._said = self._kept = self._calls = 0
        self._blocks: dict[int, _Open] = {}
        self._names: dict[str, str] | None = None
        self.malformed_events = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """Read bytes (see `forms.Reader`)."""
        if self.ended or self._fault is not None:
            return []
        self._taken += len(data)
        if self._taken > self._limits[1]:
            raise AnswerTooLarge(f"The provider answered more than {self._limits[1]} bytes.")
        if not self._events:
            self._body += data
            return []
        pieces: list[Piece] = []
        for message in self._frames.feed(data):
            pieces += self._read(message)
            if self.ended or self._fault is not None:
                break
        return pieces

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`).

        A stream is whole if it has said why it ended, although it may not have told its cost.
        """
        if self.ended:
            return []
        if self._fault is not None:
            raise raised(self._fault)
        if not self._events:
            return self._end_whole(bytes(self._body))
        self._frames.feed(b"")
        if not self._finished:
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        self.ended = True
        return []

    def _read(self, message: Message) -> list[Piece]:
        kind, name = message.headers.get(":message-type"), message.headers.get(":event-type")
        if kind in _FAILS:
            return [self._tell_fault(message)]
        happening = read_happening(message.payload)
        if happening is None:
            self.malformed_events += 1
            return []
        begun = [] if self._chunks is not None else [self._begin(message.payload)]
        match name:
            case "contentBlockDelta":
                return begun + self._read_delta(happening)
            case "contentBlockStart":
                return begun + self._start(happening)
            case "contentBlockStop":
                return begun + self._stop(happening)
            case "messageStop":
                return begun + self._finish(happening)
            case "metadata":
                return begun + self._account(happening)
            case _:
                return begun

    def _begin(self, payload: bytes) -> Piece:
        """Open the answer; whatever comes first, it has begun."""
        self._chunks = Chunks(
            id_of(self._call, payload), self._call.model, shows_usage=self._call.show_usage
        )
        return Piece(self._chunks.role())

    @property
    def _write(self) -> Chunks:
        assert self._chunks is not None, "the answer has begun with its first event"
        return self._chunks

    def _open(self, index: int) -> _Open:
        """Begin a block; one that is open there already is forgotten."""
        self._close(index)
        if len(self._blocks) >= MOST_OPEN:
            raise UpstreamMalformed(f"The provider has more than {MOST_OPEN} blocks open at once.")
        block = self._blocks[index] = _Open(self._said)
        return block

    def _close(self, index: int) -> _Open | None:
        block = self._blocks.pop(index, None)
        self._kept -= 0 if block is None else block.kept
        return block

    def _start(self, happening: Happening) -> list[Piece]:
        block, start = self._open(happening.content_block_index), happening.start
        if start is not None and start.image is not None:
            block.format = start.image.format
        use = None if start is None else start.tool_use
        if use is None or not is_asked_of_client(use):
            return []
        block.call = self._calls
        self._calls += 1
        self._rename(use)
        return [Piece(self._write.tool(block.call, tool_call(use.tool_use_id, use.name, "")), True)]

    def _rename(self, use: Use) -> None:
        """Call a tool by its own name again."""
        if self._names is None:
            self._names = names_back(self._call.fields)
        use.name = self._names.get(use.name, use.name)

    def _read_delta(self, happening: Happening) -> list[Piece]:
        delta = happening.delta
        if delta is None:
            return []
        index = happening.content_block_index
        block = self._blocks.get(index) or self._open(index)
        if delta.text:
            self._said += len(delta.text)
            return [Piece(self._write.content(delta.text), True)]
        if delta.reasoning_content is not None:
            return self._think(block, delta.reasoning_content)
        if delta.image is not None and delta.image.source is not None:
            # What an image is made of waits where sealed thoughts do: no block holds both.
            return self._think(block, Reasoning(redacted_content=delta.image.source.bytes))
        if delta.citation is not None:
            return self._cite(block, delta.citation)
        return self._argue(block, delta)

    def _cite(self, block: _Open, citation: Citation) -> list[Piece]:
        """Tell what the text of a block rests on, as far as it has been told."""
        told = annotation_of(citation, block.begin, self._said)
        return [] if told is None else [Piece(self._write.add("annotations", [told]))]

    def _argue(self, block: _Open, delta: Delta) -> list[Piece]:
        if block.call is None or delta.tool_use is None or not delta.tool_use.input:
            return []
        block.parted = True
        return [Piece(self._write.arguments(block.call, delta.tool_use.input), True)]

    def _think(self, block: _Open, part: Reasoning) -> list[Piece]:
        """Tell a part of a thought, and keep it: once it is whole it is told with its signature.

        One that would make too large an event is not told again.
        """
        size = len(part.text) + len(part.signature) + len(part.redacted_content)
        if not block.lost and self._kept + size <= self._limits[0]:
            self._kept += size
            block.keep(part, size)
        else:
            self._kept -= block.kept
            block.lose()
        return [Piece(self._write.thought(part.text), True)] if part.text else []

    def _stop(self, happening: Happening) -> list[Piece]:
        """Tell what is known only once a block is whole: a signature, arguments, an image."""
        block = self._close(happening.content_block_index)
        if block is None:
            return []
        if block.format:
            image = image_of(block.format, joined(block.sealed))
            return [] if image is None else [Piece(self._write.add("images", [image]), True)]
        if block.call is not None:
            told = [] if block.parted else [self._write.arguments(block.call, "{}")]
        else:
            detail = detail_of(happening.content_block_index, block.thought())
            told = [] if detail is None else [self._write.add("reasoning_details", [detail])]
        return [Piece(raw, True) for raw in told]

    def _finish(self, happening: Happening) -> list[Piece]:
        if self._finished or not happening.stop_reason:
            return []
        self._finished = True
        return [Piece(self._write.finish(finish_reason_of(happening.stop_reason)), True)]

    def _account(self, happening: Happening) -> list[Piece]:
        """Tell what the answer cost: the last event, unless the answer is not whole."""
        self.ended = self._finished
        usage = usage_of(happening.usage)
        if usage is None:
            return []
        self._usage = usage
        return [Piece(self._write.usage(self._usage), False, self._usage, True)]

    def _tell_fault(self, message: Message) -> Piece:
        """Tell an error in the shape that OpenAI's SDKs raise (U26)."""
        self._fault = fault = read_fault(message)
        body = error_body(fault.message, fault.type, None, fault.code)
        return Piece(b"data: %b\n\n" % body, usage=self._usage, fault=fault)

    def _end_whole(self, body: bytes) -> list[Piece]:
        answer = read_answer(body)
        said = None if answer is None or answer.output is None else answer.output.message
        if answer is None or said is None or said.content is None or not answer.stop_reason:
            raise UpstreamMalformed("The provider answered JSON that is no whole message.")
        usage = usage_of(answer.usage)
        head = (id_of(self._call, body), self._call.model)
        for block in said.content:
            if block.tool_use is not None:
                self._rename(block.tool_use)
        raw = completion(head, said.content, answer.stop_reason, usage)
        pieces = [Piece(raw, True, usage)]
        if self._call.stream:
            stream = as_stream(raw)
            assert stream is not None, "it has just been written"
            pieces = _tell_as_stream(self._call, stream, usage)
        self.ended = True
        return pieces


def _tell_as_stream(call: Call, stream: bytes, usage: Usage | None) -> list[Piece]:
    """Tell a whole answer as the stream that was asked for: of its usage all parts count."""
    most = len(stream)
    reader = chat_answer.AnswerReader(call, 200, EVENT_STREAM, most, most)
    return [
        Piece(piece.raw, piece.has_content, piece.usage and usage, piece.usage_only)
        for piece in reader.feed(stream)
    ]
