"""Reads a provider's answer of Gemini's, and tells it in OpenAI's chat form. Pure.

Each event of a stream is a whole answer of what came since the last one; of one event come as many
chunks as it takes. How a body is told apart from a stream, and what is bounded, is the chat form's,
whose reader this one is built on.
"""

from typing import Any

import msgspec

from gateway.forms import chat_answer
from gateway.forms.chat_answer import EVENT_STREAM
from gateway.forms.chat_build import as_stream
from gateway.forms.chat_errors import error_body, raised
from gateway.forms.chat_facts import model_of
from gateway.forms.gemini_build import Chunks, completion
from gateway.forms.gemini_errors import read_fault
from gateway.forms.gemini_facts import (
    FAILURES,
    Candidate,
    Count,
    PromptFeedback,
    Response,
    finish_reason_of,
    has_too_many_parts,
    read_response,
)
from gateway.forms.gemini_names import Ids, names_back
from gateway.forms.gemini_sources import logprobs_of
from gateway.forms.gemini_voice import Voice, message_of
from gateway.forms.sse import BOM, Event
from gateway.forms.text import is_utf8, one_line
from gateway.words.answer import Fault, Piece
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    UpstreamMalformed,
    UpstreamTruncated,
)

_NULL = b"null"
_MOST_SAID = 1000
_STILL_THERE = Piece(b": waiting\n\n", comment=True)
"""What is said where an event says nothing: a comment is no event to any client."""


class AnswerReader(chat_answer.AnswerReader):
    """Reads one answer: a stream of events, or JSON in one piece (see `forms.Reader`).

    Each piece is an event, or the body, of the chat form.
    """

    __slots__ = ("_chunks", "_counted", "_id", "_ids", "_limits", "_names", "_voices", "_whole")

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
        self._chunks: Chunks | None = None
        self._counted = Count()
        self._id = ""
        self._ids = Ids(call.fields)
        self._names: dict[str, str] | None = None
        self._voices: dict[int, Voice] = {}
        self._whole = False

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended (see `forms.Reader`).

        The provider has no last event: a stream is whole where every candidate has said why it
        ended. What it all came to is told then.
        """
        if self.ended:
            return []
        pieces = super().end()
        if self._fault is not None or self._whole:
            return pieces
        if self._chunks is None or not self._seen or not self._seen <= self._finished:
            # The chat form would take a `[DONE]` for an end.
            self.ended = False
            raise UpstreamTruncated("The provider's stream ended before its last event.")
        usage = self._counted.usage()
        if usage is None:
            return pieces
        last = Piece(self._chunks.usage(usage), False, usage, True, model=self._model)
        return [*pieces, last]

    def _read(self, events: list[Event]) -> list[Piece]:
        pieces: list[Piece] = []
        for event in events:
            pieces += self._pieces_of(event)
            if self._fault is not None:
                break
        return pieces

    def _pieces_of(self, event: Event) -> list[Piece]:
        data = event.data
        if data is None:
            return [_STILL_THERE] if event.comments_only else []
        response = read_response(data) if is_utf8(data) else None
        if response is None:
            self.malformed_events += 1
            return []
        if bytes(response.error) != _NULL:
            return [self._tell(read_fault(data))]
        return self._tell_response(response)

    def _tell_response(self, response: Response) -> list[Piece]:
        chunks = self._begin(response)
        usage = self._counted.note(response.usage_metadata)
        word = self._word(response, chunks)
        if word is not None:
            return [Piece(word, True, usage, model=self._model)]
        pieces = [
            piece
            for candidate in response.candidates or ()
            for piece in self._tell_candidate(candidate, chunks)
        ]
        blocked = response.prompt_feedback
        if blocked is not None and blocked.block_reason and not self._seen:
            pieces += self._tell_block(blocked, chunks)
        if not pieces:
            return [_STILL_THERE]
        pieces[-1] = msgspec.structs.replace(pieces[-1], usage=usage)
        return pieces

    def _word(self, response: Response, chunks: Chunks) -> bytes | None:
        """Write what is said where it is a word and nothing else, as nearly always; else None."""
        candidates = response.candidates
        if candidates is None or len(candidates) != 1 or response.prompt_feedback is not None:
            return None
        candidate = candidates[0]
        voice = self._voices.get(candidate.index)
        if voice is None or candidate.index in self._finished:
            return None
        text = voice.word(candidate)
        return None if text is None else chunks.word(candidate.index, text)

    def _begin(self, response: Response) -> Chunks:
        """Take in what all chunks have in common; the first event says it."""
        if has_too_many_parts(response):
            raise AnswerTooLarge("The provider said more parts at once than the gateway takes.")
        if self._chunks is None:
            self._model = model_of(response.model_version)
            self._id = self._ids.of_answer(response.response_id)
            self._chunks = Chunks(
                self._id,
                self._model or self._call.model,
                shows_usage=self._call.stream and self._call.show_usage,
            )
        return self._chunks

    def _said(self, candidate: Candidate) -> tuple[Voice, list[dict[str, Any]]]:
        """Return who speaks, and what is said now."""
        voice = self._voices.get(candidate.index)
        if voice is None:
            voice = self._voices[candidate.index] = Voice()
            self._seen.add(candidate.index)
        if self._names is None:
            self._names = names_back(self._call.fields)
        return voice, list(voice.say(candidate, self._ids, self._names))

    def _tell_candidate(self, candidate: Candidate, chunks: Chunks) -> list[Piece]:
        at, reason = candidate.index, candidate.finish_reason
        if at in self._finished:
            return []
        voice, deltas = self._said(candidate)
        logprobs = logprobs_of(candidate.logprobs_result)
        pieces = []
        for delta in deltas:
            raw = chunks.delta(at, delta, logprobs)
            pieces.append(Piece(raw, True, model=self._model))
            logprobs = None
        if not reason:
            return pieces
        fault = _failure(candidate, reason)
        if fault is not None:
            return [*pieces, self._tell(fault)]
        self._finished.add(at)
        finish = finish_reason_of(reason, calls=voice.calls > 0)
        raw = chunks.delta(at, voice.end(), logprobs, finish)
        return [*pieces, Piece(raw, True, model=self._model)]

    def _tell_block(self, blocked: PromptFeedback, chunks: Chunks) -> list[Piece]:
        """Tell that the prompt is not answered: a refusal, cut by a filter."""
        self._seen.add(0)
        self._finished.add(0)
        said = chunks.delta(0, {"role": "assistant", "refusal": _refusal(blocked)}, None)
        end = chunks.delta(0, {}, None, "content_filter")
        return [Piece(raw, True, model=self._model) for raw in (said, end)]

    def _tell(self, fault: Fault) -> Piece:
        """Tell an error in the shape that OpenAI's SDKs raise (U26)."""
        self._fault = fault
        body = error_body(fault.message, fault.type, None, fault.code)
        return Piece(b"data: %b\n\n" % body, usage=self._counted.usage(), fault=fault)

    def _end_whole(self, whole: bytes) -> list[Piece]:
        body = whole.removeprefix(BOM)
        response = read_response(body) if is_utf8(body) else None
        if response is None or bytes(response.error) != _NULL:
            fault = read_fault(body) if is_utf8(body) and b'"error"' in body[:200] else None
            if fault is None:
                raise UpstreamMalformed("The provider's answer is not a JSON object of Gemini's.")
            raise raised(fault)
        self._whole = True
        self._begin(response)
        usage = self._counted.note(response.usage_metadata)
        choices = [self._choice(candidate) for candidate in response.candidates or ()]
        blocked = response.prompt_feedback
        if not choices and blocked is not None and blocked.block_reason:
            choices = [_choice(0, message_of([{"refusal": _refusal(blocked)}]), "content_filter")]
        if not choices:
            raise UpstreamMalformed("The provider answered JSON that is no whole answer.")
        model = self._model or self._call.model
        raw = completion(self._id, model, choices, usage)
        self.ended = True
        return (
            self._as_stream(raw)
            if self._call.stream
            else [Piece(raw, True, usage, model=self._model)]
        )

    def _choice(self, candidate: Candidate) -> dict[str, Any]:
        reason = candidate.finish_reason
        if not reason:
            raise UpstreamMalformed("The provider answered JSON that is no whole answer.")
        fault = _failure(candidate, reason)
        if fault is not None:
            raise raised(fault)
        voice, deltas = self._said(candidate)
        finish = finish_reason_of(reason, calls=voice.calls > 0)
        logprobs = logprobs_of(candidate.logprobs_result)
        return _choice(candidate.index, message_of(deltas), finish, logprobs)

    def _as_stream(self, body: bytes) -> list[Piece]:
        """Tell a whole answer as the stream that was asked for."""
        stream = chat_answer.AnswerReader(self._call, 200, EVENT_STREAM, *self._limits)
        events = as_stream(body)
        assert events is not None, "it has just been written"
        pieces = stream.feed(events)
        usage = self._counted.usage()
        return [msgspec.structs.replace(piece, usage=piece.usage and usage) for piece in pieces]


def _choice(
    index: int, message: dict[str, Any], finish: str, logprobs: object = None
) -> dict[str, Any]:
    said = {"index": index, "message": message, "logprobs": logprobs}
    return {**said, "finish_reason": finish}


def _failure(candidate: Candidate, reason: str) -> Fault | None:
    """Return the error that an answer's end is; None where it is none."""
    known = FAILURES.get(reason)
    if known is None:
        return None
    said = one_line(candidate.finish_message or "", _MOST_SAID)
    return Fault(said or f"The provider stopped: {reason}.", *known)


def _refusal(blocked: PromptFeedback) -> str:
    said = one_line(blocked.block_reason_message or "", _MOST_SAID)
    reason = one_line(blocked.block_reason or "", 100)
    return said or f"The provider does not answer this prompt: {reason}."
