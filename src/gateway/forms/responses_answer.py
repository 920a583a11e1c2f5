"""Tells a chat's answer in the Responses form, as it comes. Pure.

Thoughts, words and calls of tools are items, each told from its beginning to its end. The object of
the response comes last, with all of them: so the whole answer is held until then.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.responses_build import Log, Sheet
from gateway.forms.responses_facts import Chunk, Said, ToolCall
from gateway.forms.responses_output import (
    Calling,
    Item,
    Thinking,
    Words,
    annotation_of,
    chances_of,
)
from gateway.forms.responses_read import wants_summary
from gateway.forms.responses_tools import Tool, known_tools
from gateway.words.answer import Usage
from gateway.words.call import Call

_GOOD: Final = frozenset({None, "stop", "tool_calls", "function_call"})
_CUT: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_SANE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")

_encode = msgspec.json.Encoder().encode


class Answer:
    """One answer: what has been said so far, and the events that tell it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._native: Mapping[str, Raw] = call.native or {}
        self._as_summary = wants_summary(self._native)
        self._tools: Mapping[str, Tool] | None = None
        self._sheet: Sheet | None = None
        self._output: list[bytes] = []
        self._open: dict[int, Item] = {}
        self._words: Words | None = None
        self._thinking: Thinking | None = None
        self._calls: dict[int, tuple[Calling, str]] = {}
        self._latest = 0
        self._reason: str | None = None
        self.log = Log()

    @property
    def has_begun(self) -> bool:
        """Say whether the client knows of a response."""
        return self._sheet is not None

    def take(self, chunk: Chunk) -> None:
        """Tell what a chunk, or a whole answer, says; of several choices the first."""
        if not chunk.choices:
            return
        self.begin(chunk)
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            said = choice.delta or choice.message
            if said is not None:
                chances = choice.logprobs
                self._say(said, [] if chances is None else chances_of(chances.content))
            self._reason = choice.finish_reason or self._reason

    def begin(self, chunk: Chunk) -> None:
        """Say that there is an answer; once."""
        if self._sheet is not None:
            return
        name = chunk.id or ""
        if _SANE.fullmatch(name) is None:
            name = sha256(_encode(chunk)).hexdigest()[:48]
        model = chunk.model or self._call.model
        self._sheet = sheet = Sheet(f"resp_{name}", chunk.created or 0, model, self._native)
        response = b'"response":' + sheet.write("in_progress", [])
        self.log.tell(b"response.created", response)
        self.log.tell(b"response.in_progress", response)

    def end(self, usage: Usage | None) -> bytes:
        """Say how it has ended; return the object of the response."""
        self.begin(Chunk())
        assert self._sheet is not None, "it has just begun"
        reason = self._reason
        if reason in _GOOD:
            self._close("completed")
            response = self._sheet.write("completed", self._told(), usage)
            self.log.tell(b"response.completed", b'"response":' + response)
        elif reason in _CUT:
            self._close("incomplete")
            response = self._sheet.write("incomplete", self._told(), usage, incomplete=_CUT[reason])
            self.log.tell(b"response.incomplete", b'"response":' + response)
        else:
            self._close("incomplete")
            message = f"The provider ended its answer with {reason!r}."
            response = self.fail("server_error", message, usage)
        return response

    def fail(self, code: str, message: str, usage: Usage | None = None) -> bytes:
        """Say that the answer has failed; return the object of the response."""
        assert self._sheet is not None, "who has not begun cannot fail"
        error = _encode({"code": code, "message": message})
        response = self._sheet.write("failed", self._told(), usage, error=error)
        self.log.tell(b"response.failed", b'"response":' + response)
        return response

    def _say(self, said: Said, chances: list[bytes]) -> None:
        thought = said.reasoning_content or said.reasoning
        details = said.reasoning_details
        if thought or details:
            thinking = self._think()
            if thought:
                field = "reasoning_content" if said.reasoning_content else "reasoning"
                thinking.think(thought, field)
            thinking.prove(details or [])
        if said.content:
            self._speak().say(said.content, chances)
        if said.refusal:
            self._speak().refuse(said.refusal)
        for annotation in said.annotations or ():
            self._speak().annotate(annotation_of(annotation))
        for call in said.tool_calls or ():
            self._call_tool(call)

    def _think(self) -> Thinking:
        if self._thinking is None:
            self._end_words()
            name, index = self._place("rs")
            self._thinking = Thinking(self.log, name, index, as_summary=self._as_summary)
            self._open[index] = self._thinking
        return self._thinking

    def _speak(self) -> Words:
        if self._words is None:
            self._end_words()
            name, index = self._place("msg")
            self._words = Words(self.log, name, index)
            self._open[index] = self._words
        return self._words

    def _call_tool(self, call: ToolCall) -> None:
        """Tell a call, or a part of one.

        Calls may come side by side: one that is whole is closed where the next begins, others stay
        open. Some providers number all their calls alike, or none: then an id beside a name tells
        them apart.
        """
        index = self._latest if call.index is None else call.index
        known = self._calls.get(index)
        named = call.function is not None and call.function.name
        if known is None or (named and call.id and call.id != known[1]):
            known = self._begin_call(index, call)
        self._latest = index
        if call.function is not None and call.function.arguments:
            known[0].add(call.function.arguments)

    def _begin_call(self, index: int, call: ToolCall) -> tuple[Calling, str]:
        self._end_words()
        if index in self._calls:
            self._end(self._calls[index][0], "completed")
        for item in list(self._open.values()):
            if isinstance(item, Calling) and item.has_become_whole:
                self._end(item, "completed")
        if self._tools is None:
            self._tools = known_tools(self._native.get("tools", Raw(b"[]")))
        name = (call.function and call.function.name) or ""
        tool = self._tools.get(name) or Tool(name)
        place = self._place("ctc" if tool.takes_text else "fc")
        call_id = call.id or f"call_{place[0]}"
        calling = Calling(self.log, place, call_id, tool)
        self._open[place[1]] = calling
        self._calls[index] = (calling, call_id)
        return self._calls[index]

    def _place(self, kind: str) -> tuple[str, int]:
        """Return the id and the index of the item that is next."""
        assert self._sheet is not None, "an item is of a response"
        index = len(self._output)
        self._output.append(b"")
        return f"{kind}_{self._sheet.id.removeprefix('resp_')}_{index}", index

    def _end_words(self) -> None:
        """End what is told one after the other: thoughts and words."""
        for item in (self._thinking, self._words):
            if item is not None:
                self._end(item, "completed")

    def _close(self, status: str) -> None:
        """End all that is open; in what order it began."""
        for item in list(self._open.values()):
            self._end(item, status)

    def _end(self, item: Item, status: str) -> None:
        for index, each in self._open.items():
            if each is item:
                self._output[index] = item.close(status)
                del self._open[index]
                break
        if item is self._thinking:
            self._thinking = None
        if item is self._words:
            self._words = None

    def _told(self) -> list[bytes]:
        return [item for item in self._output if item]
