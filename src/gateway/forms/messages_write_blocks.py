"""Tells an answer of the chat form as the blocks of a stream of Anthropic's Messages. Pure.

One block is open at a time. A thought is closed by its signature, which every thought gets: one
that is not Anthropic's own gets the gateway's (see `messages_thoughts`). Where the parts of several
calls of tools are mixed, those of the later one wait until the earlier one is whole.
"""

from collections import deque
from typing import Any, Final

import msgspec

from gateway.forms.messages_build import FORMAT
from gateway.forms.messages_thoughts import UNSIGNED, seal
from gateway.forms.messages_write_events import block_start, block_stop, delta
from gateway.forms.messages_write_facts import Detail, Function, ToolPart
from gateway.words.errors import UpstreamMalformed

_TEXTS: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""What kinds of details tell, and in which field of theirs."""

MOST_LOOKED_AT: Final = 1_048_576
"""Characters in which it is looked, over and over, whether a call's arguments are whole; a longer
call is taken for whole when all is said."""

_NO_FUNCTION: Final = Function()
_is_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Call:
    """A call of a tool whose block is open, or has yet to be opened."""

    __slots__ = ("ended", "id", "length", "looked_at", "name", "parts")

    def __init__(self, id: str, name: str) -> None:
        self.id = id
        self.name = name
        self.parts: list[str] = []
        self.length = 0
        self.looked_at = 0
        self.ended = False

    def add(self, arguments: str) -> None:
        """Take in a part of its arguments."""
        self.parts.append(arguments)
        self.length += len(arguments)

    def is_whole(self) -> bool:
        """Say whether its arguments are an object; nothing may still become one."""
        if not self.parts or not self.parts[-1].rstrip().endswith("}"):
            return False
        self.looked_at += self.length
        if self.looked_at > MOST_LOOKED_AT:
            return False
        try:
            _is_object("".join(self.parts))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class Blocks:
    """The blocks of one answer, so far."""

    __slots__ = ("_count", "_index", "_kind", "_known", "_message", "_waiting")

    def __init__(self, message: str) -> None:
        """`message` is the id of the message; calls without an id of their own get one of it."""
        self._message = message
        self._index = -1
        self._kind = ""
        self._known: dict[int, _Call] = {}
        self._waiting: deque[_Call] = deque()
        self._count = 0

    @property
    def calls(self) -> bool:
        """Whether a tool is called."""
        return self._count > 0

    def text(self, text: str) -> bytes:
        """Tell words."""
        opened = b"" if self._kind == "text" else self._open("text", {"text": ""})
        return opened + delta(self._index, b"text", text)

    def thought(self, text: str) -> bytes:
        """Tell a part of a thought; of one without words that there is one."""
        blank = {"thinking": "", "signature": ""}
        opened = b"" if self._kind == "thinking" else self._open("thinking", blank)
        return opened + delta(self._index, b"thinking", text) if text else opened

    def detail(self, detail: Detail, *, told: bool) -> bytes:
        """Tell what proves a thought; with `told` its words are in the same chunk."""
        kind, own = detail.get("type"), detail.get("format") == FORMAT
        if kind == "reasoning.encrypted":
            data = detail.get("data")
            if not isinstance(data, str) or not data:
                return b""
            data = data if own else seal(detail)
            return self._open("redacted_thinking", {"data": data}) + self.close()
        name = _TEXTS.get(str(kind), "")
        words, signature = detail.get(name), detail.get("signature")
        words = words if isinstance(words, str) else ""
        if not isinstance(signature, str) or not signature:
            return self.thought(words) if words and not told else b""
        began = b"" if self._kind == "thinking" else self.thought(words)
        proof = signature if own else seal({**detail, name: ""})
        return began + delta(self._index, b"signature", proof) + self._close(signed=True)

    def call(self, part: ToolPart) -> bytes:
        """Tell a part of a call of a tool."""
        function = part.function or _NO_FUNCTION
        call = self._known.get(part.index)
        if call is None or (function.name and part.id not in {None, "", call.id}):
            return self._begin(part.index, part.id, function)
        if not function.arguments:
            return b""
        if call.ended:
            raise UpstreamMalformed("The provider went on with a call of a tool that had ended.")
        call.add(function.arguments)
        if call is not self._waiting[0]:
            return b""
        told = delta(self._index, b"partial_json", function.arguments)
        return told + self._next(must=False)

    def close(self) -> bytes:
        """Close what is open."""
        return self._close(signed=False)

    def _begin(self, index: int, id: str | None, function: Function) -> bytes:
        """Take in a new call: it is told at once unless another one is not whole yet."""
        own = id or f"toolu_{self._message}_{self._count}"
        call = self._known[index] = _Call(own, function.name or "")
        self._count += 1
        if function.arguments:
            call.add(function.arguments)
        if self._kind == "tool_use":
            self._waiting.append(call)
            return self._next(must=False)
        closed = self.close()
        self._waiting = deque([call])
        return closed + self._open_call(call)

    def _next(self, *, must: bool) -> bytes:
        """Go on to the calls that wait, as long as the one before is whole, or `must` be."""
        told = []
        while len(self._waiting) > 1 and (must or self._waiting[0].is_whole()):
            told += [self._end_call(self._waiting.popleft()), self._open_call(self._waiting[0])]
        return b"".join(told)

    def _open_call(self, call: _Call) -> bytes:
        opened = self._open("tool_use", {"id": call.id, "name": call.name, "input": {}})
        told = "".join(call.parts)
        return opened + delta(self._index, b"partial_json", told) if told else opened

    def _end_call(self, call: _Call) -> bytes:
        """Close the block of a call; one without arguments has an empty object."""
        empty = b"" if call.parts else delta(self._index, b"partial_json", "{}")
        self._kind, call.ended = "", True
        return empty + block_stop(self._index)

    def _open(self, kind: str, fields: dict[str, Any]) -> bytes:
        closed = self.close()
        self._index += 1
        self._kind = kind
        return closed + block_start(self._index, {"type": kind, **fields})

    def _close(self, *, signed: bool) -> bytes:
        kind = self._kind
        if kind == "tool_use":
            told = self._next(must=True)
            return told + self._end_call(self._waiting.pop())
        if not kind:
            return b""
        self._kind = ""
        proof = b""
        if kind == "thinking" and not signed:
            proof = delta(self._index, b"signature", UNSIGNED)
        return proof + block_stop(self._index)
