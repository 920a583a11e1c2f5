"""Reads an answer of Cohere's API v2, and tells it in OpenAI's form. Pure.

A stream is translated event by event; what is not known (events of a later day) is left out. How a
body is told apart from a stream, and what is bounded, is the chat form's, whose reader this one is
built on.
"""

import msgspec

from gateway.forms import chat_answer
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.chat_build import as_stream
from gateway.forms.chat_chunks import Chunks, Whole, tool_call
from gateway.forms.chat_errors import error_body, raised
from gateway.forms.chat_join import MAX_CALLS
from gateway.forms.cohere_build import annotations_of, plan_of, thought_of, tokens_of
from gateway.forms.cohere_errors import fault_of
from gateway.forms.cohere_facts import (
    FAULTS,
    Answered,
    Citation,
    Content,
    Delta,
    Happening,
    Said,
    ToolCall,
    finish_reason_of,
    read_answered,
    read_happening,
    usage_of,
)
from gateway.forms.cohere_operations import embeddings_told, ranking_told
from gateway.forms.sse import BOM, Event
from gateway.forms.text import is_utf8
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.errors import UpstreamMalformed, UpstreamTruncated

_DONE = b"[DONE]"


class AnswerReader(chat_answer.AnswerReader):
    """Reads one answer: a stream of events, or JSON in one piece (see `forms.Reader`).

    Each piece is an event, or the body, of OpenAI's form.
    """

    __slots__ = (
        "_bare",
        "_begun",
        "_chunks",
        "_kept",
        "_limits",
        "_offsets",
        "_over",
        "_plan",
        "_said_so_far",
        "_thought",
        "_tools",
    )

    def __init__(
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        super().__init__(call, status, content_type, max_event_bytes, max_answer_bytes)
        self._limits = (max_event_bytes, max_answer_bytes)
        self._chunks = Chunks("", call.model, shows_usage=call.show_usage)
        self._offsets: dict[int, int] = {}
        self._said_so_far = 0
        self._thought: list[str] = []
        self._plan: list[str] = []
        self._kept = 0
        self._tools: dict[int, int] = {}
        self._begun = 0
        self._bare: set[int] = set()
        self._over = False

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended: only `message-end` makes a stream whole."""
        if self.ended:
            return []
        pieces = super().end()
        if not self._over and self._fault is None:
            # The chat form would take a `[DONE]` for an end.
            self.ended = False
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        return pieces

    def _read(self, events: list[Event]) -> list[Piece]:
        pieces: list[Piece] = []
        for event in events:
            pieces += self._told_by(event)
            if self.ended or self._fault is not None:
                break
        return pieces

    def _told_by(self, event: Event) -> list[Piece]:
        """Return what is told for one event: mostly one piece."""
        data = event.data
        if data is None or data.startswith(_DONE):
            return []
        happening = read_happening(data) if is_utf8(data) else None
        if happening is None:
            self.malformed_events += 1
            return []
        return self._tell(happening, happening.delta or Delta())

    def _tell(self, happening: Happening, delta: Delta) -> list[Piece]:
        said = delta.message or Said()
        match happening.type:
            case "content-delta":
                return self._add(happening, said)
            case "content-start":
                self._offsets[happening.index] = self._said_so_far
                return self._add(happening, said)
            case "content-end":
                return self._whole_thought(happening.index)
            case "tool-plan-delta" if said.tool_plan:
                self._keep(self._plan, said.tool_plan)
                return [self._said(self._chunks.thought(said.tool_plan))]
            case "tool-call-start" | "tool-call-delta" | "tool-call-end":
                return self._call_tool(happening, said.tool_calls)
            case "citation-start" if isinstance(said.citations, Citation):
                return self._cite(said.citations)
            case "message-start":
                return self._begin(happening)
            case "message-end":
                return self._finish(delta)
            case _:
                return []

    def _begin(self, happening: Happening) -> list[Piece]:
        call = self._call
        self._chunks = Chunks(happening.id, call.model, shows_usage=call.show_usage)
        return [Piece(self._chunks.role())]

    def _add(self, happening: Happening, said: Said) -> list[Piece]:
        """Tell a part of what is said or thought."""
        content = said.content
        if not isinstance(content, Content):
            return []
        if content.thinking:
            self._keep(self._thought, content.thinking)
            return [self._said(self._chunks.thought(content.thinking))]
        if not content.text:
            return []
        self._said_so_far += len(content.text)
        tokens = None if happening.logprobs is None else tokens_of([happening.logprobs])
        return [self._said(self._chunks.content(content.text, tokens))]

    def _keep(self, kept: list[str], text: str) -> None:
        """Keep a part of a thought or a plan; what would make too large an event is let go."""
        self._kept += len(text)
        if self._kept <= self._limits[0]:
            kept.append(text)
        else:
            kept.clear()

    def _whole_thought(self, index: int) -> list[Piece]:
        text = "".join(self._thought)
        self._thought.clear()
        return [self._detail(thought_of(text, index))] if text else []

    def _call_tool(self, happening: Happening, call: object) -> list[Piece]:
        """Tell of a call: that it begins, a part of its arguments, or that it has none: `{}`."""
        if happening.type == "tool-call-start":
            return self._begin_call(happening.index, call) if isinstance(call, ToolCall) else []
        at = self._tools.get(happening.index)
        if at is None:
            return []
        if happening.type == "tool-call-end":
            return self._without_arguments({at} & self._bare)
        part = call.function.arguments if isinstance(call, ToolCall) else None
        if not part:
            return []
        self._bare.discard(at)
        return [self._said(self._chunks.arguments(at, part))]

    def _without_arguments(self, bare: set[int]) -> list[Piece]:
        pieces = [self._said(self._chunks.arguments(at, "{}")) for at in sorted(bare)]
        self._bare -= bare
        return pieces

    def _begin_call(self, index: int, call: ToolCall) -> list[Piece]:
        """Tell that a call begins, and before the first of the plan that it follows."""
        pieces = self._whole_plan()
        function, at = call.function, self._begun
        self._tools[index], self._begun = at, at + 1
        told = tool_call(call.id, function.name or "", function.arguments or "")
        pieces.append(self._said(self._chunks.tool(at, told)))
        if not function.arguments:
            self._bare.add(at)
        return pieces

    def _whole_plan(self) -> list[Piece]:
        text = "".join(self._plan)
        self._plan.clear()
        return [self._detail(plan_of(text))] if text else []

    def _cite(self, citation: Citation) -> list[Piece]:
        told = annotations_of(citation, self._offsets)
        return [Piece(self._chunks.add("annotations", told))] if told else []

    def _finish(self, delta: Delta) -> list[Piece]:
        """Tell why the answer has ended, and what it took. An error is no end."""
        usage = usage_of(delta.usage)
        reason = delta.finish_reason or ""
        if reason in FAULTS or delta.error:
            self._fault = fault = fault_of(reason, delta.error or "")
            body = error_body(fault.message, fault.type, None, fault.code)
            return [Piece(b"data: %b\n\n" % body, usage=usage, fault=fault)]
        if not reason:
            return []
        self._over = self.ended = True
        told = finish_reason_of(reason)
        pieces = self._whole_plan()
        if told == "tool_calls":
            pieces += self._without_arguments(self._bare)
        pieces.append(Piece(self._chunks.finish(told), True, usage))
        if usage is not None:
            pieces.append(Piece(self._chunks.usage(usage), False, usage, True))
        return pieces

    def _said(self, raw: bytes) -> Piece:
        return Piece(raw, True)

    def _detail(self, detail: dict[str, object]) -> Piece:
        return self._said(self._chunks.add("reasoning_details", [detail]))

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        if not is_utf8(body):
            raise UpstreamMalformed("The provider's answer is not UTF-8.")
        if self._call.operation != "chat":
            read = ranking_told if self._call.operation == "rerank" else embeddings_told
            raw, usage = read(body, self._call)
            self._over = self.ended = True
            return [Piece(raw, True, usage)]
        answered = read_answered(body)
        if answered is None or answered.message is None or not answered.finish_reason:
            raise UpstreamMalformed("The provider's answer is no whole message.")
        if len(answered.message.tool_calls or ()) > MAX_CALLS:
            raise UpstreamMalformed(f"The provider called more than {MAX_CALLS} tools.")
        if answered.finish_reason in FAULTS or answered.error:
            fault = fault_of(answered.finish_reason, answered.error or "")
            raise raised(fault)
        usage = usage_of(answered.usage)
        raw = completion(answered, self._call.model)
        self._over = self.ended = True
        if not self._call.stream:
            return [Piece(raw, True, usage)]
        return self._tell_as_stream(raw)

    def _tell_as_stream(self, body: bytes) -> list[Piece]:
        """Tell a whole answer as the stream that was asked for."""
        stream = chat_answer.AnswerReader(self._call, 200, EVENT_STREAM, *self._limits)
        events = as_stream(body)
        assert events is not None, "it has just been written"
        pieces = stream.feed(events)
        return [msgspec.structs.replace(piece, model=None) for piece in pieces]


def completion(answered: Answered, model: str) -> bytes:
    """Write a whole answer in OpenAI's form."""
    said = answered.message
    assert said is not None, "it has been looked at"
    texts: list[str] = []
    details: list[dict[str, object]] = []
    offsets: dict[int, int] = {}
    thoughts = [said.tool_plan] if said.tool_plan else []
    for index, block in enumerate(said.content or ()):
        if block.thinking:
            thoughts.append(block.thinking)
            details.append(thought_of(block.thinking, index))
        offsets[index] = sum(map(len, texts))
        texts.append(block.text)
    if said.tool_plan:
        details.append(plan_of(said.tool_plan))
    cited = [each for one in said.citations or () for each in annotations_of(one, offsets)]
    calls = [
        tool_call(call.id, call.function.name or "", call.function.arguments or "{}")
        for call in said.tool_calls or ()
    ]
    told = {
        "content": "".join(texts) or None,
        "reasoning_content": "".join(thoughts),
        "reasoning_details": details,
        "annotations": cited,
        "tool_calls": calls,
    }
    return Whole(
        id=answered.id,
        model=model,
        message={name: value for name, value in told.items() if value},
        finish_reason=finish_reason_of(answered.finish_reason),
        usage=usage_of(answered.usage),
        logprobs=tokens_of(answered.logprobs),
    ).written()
