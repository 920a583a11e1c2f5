"""Turns the input of a Responses request into the messages of a chat completion. Pure.

What an assistant thought, said and called, item by item, is one message of a chat. What the common
form cannot tell is named, and left out: whoever asks decides whether it may be.

https://developers.openai.com/api/reference/responses
"""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.fields import NULL
from gateway.forms.responses_thoughts import NAMES, Thought, Unpacking
from gateway.forms.responses_tools import (
    MAX_OBJECTS,
    Beyond,
    Fields,
    arguments_for,
    called,
    kind_of,
    objects_of,
    says_who,
)
from gateway.words.errors import BadRequest

_INSTRUCTS: Final = frozenset({"system", "developer"})
_KNOWN: Final = frozenset(
    {
        *("message", "reasoning", "function_call", "function_call_output"),
        *("custom_tool_call", "custom_tool_call_output"),
    }
)


class _Part(msgspec.Struct, gc=False):
    """A part of a message's content, or of what a tool has returned."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None
    input_audio: Raw = NULL


class _Item(msgspec.Struct, gc=False):
    """One item of the input, of any type that is known."""

    type: str = "message"
    role: str = ""
    content: Raw = NULL
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str = ""
    input: str = ""
    output: str | list[_Part] = ""
    encrypted_content: str | None = None


_decode_item = msgspec.json.Decoder(_Item).decode
_decode_content = msgspec.json.Decoder(str | list[_Part]).decode
_decode_text = msgspec.json.Decoder(str).decode


def messages_of(input: Raw, instructions: str | None, beyond: Beyond) -> list[Fields]:
    """Translate what was said; the instructions stand before all of it. Raises `BadRequest`."""
    talk = _Talk(beyond)
    if instructions:
        talk.instruct(instructions)
    if bytes(input).lstrip()[:1] == b'"':
        talk.messages.append({"role": "user", "content": _decode_text(input)})
    elif bytes(input) != b"null":
        for raw in objects_of(input, "input"):
            talk.take(raw)
    return talk.end()


class _Talk:
    """The messages so far; what an assistant says is gathered until somebody else speaks."""

    def __init__(self, beyond: Beyond) -> None:
        self.messages: list[Fields] = []
        self._beyond = beyond
        self._system: Fields = {}
        self._orders: list[str] = []
        self._unpacking = Unpacking(MAX_OBJECTS)
        self._said: list[str] = []
        self._refused: list[str] = []
        self._calls: list[Fields] = []
        self._thoughts: list[Thought] = []

    def instruct(self, text: str) -> None:
        """Say how the model is to behave; instructions that follow each other are one message."""
        last = self.messages[-1] if self.messages else None
        if last is None or last is not self._system:
            self._end_orders()
            self._system, self._orders = {"role": "system"}, []
            self.messages.append(self._system)
        self._orders.append(text)

    def take(self, raw: Raw) -> None:
        """Take in the next item. Raises `BadRequest`."""
        kind = kind_of(raw) or ("message" if says_who(raw) else "item_reference")
        if kind not in _KNOWN:
            why = f"An item of the type {kind!r} says something to its own provider alone."
            self._beyond.setdefault(f"input.{kind}", why)
            return
        try:
            item = _decode_item(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(
                f"An item of 'input' cannot be read: {error}.", param="input"
            ) from None
        match item.type:
            case "function_call":
                self._call(item, item.arguments)
            case "custom_tool_call":
                self._call(item, arguments_for(item.input))
            case "function_call_output" | "custom_tool_call_output":
                self._return(item)
            case "reasoning":
                self._think(item)
            case _:
                self._say(item)

    def _end_orders(self) -> None:
        """Have the latest instructions written, all that follow each other at once."""
        if self._orders:
            self._system["content"] = "\n\n".join(self._orders)

    def end(self) -> list[Fields]:
        """Return the messages, all of them written."""
        self._close()
        self._end_orders()
        return self.messages

    def _close(self) -> None:
        """Have said what an assistant has said; a thought without a word is not given back."""
        if not (self._said or self._refused or self._calls):
            self._thoughts = []
            return
        message: Fields = {"role": "assistant", "content": "\n\n".join(self._said) or None}
        if self._refused:
            message["refusal"] = "\n\n".join(self._refused)
        if self._calls:
            message["tool_calls"] = self._calls
            # Who calls tools wants to be told its thoughts again; else they are of no use.
            for name in NAMES:
                texts = [text for thought in self._thoughts if (text := getattr(thought, name))]
                if texts:
                    message[name] = "".join(texts)
        details = [detail for thought in self._thoughts for detail in thought.reasoning_details]
        if details:
            message["reasoning_details"] = details
        self.messages.append(message)
        self._said, self._refused, self._calls, self._thoughts = [], [], [], []

    def _call(self, item: _Item, arguments: str) -> None:
        if not item.call_id or not item.name:
            raise BadRequest("A call of a tool in 'input' has no 'call_id' or name.", param="input")
        function = {"name": called(item.name, item.namespace), "arguments": arguments}
        self._calls.append({"id": item.call_id, "type": "function", "function": function})

    def _return(self, item: _Item) -> None:
        if not item.call_id:
            raise BadRequest("An output of a tool in 'input' has no 'call_id'.", param="input")
        self._close()
        content = self._content(item.output)
        self.messages.append({"role": "tool", "tool_call_id": item.call_id, "content": content})

    def _think(self, item: _Item) -> None:
        """Keep a thought if it is proved to be of a provider of chats; else nobody can be told."""
        thought = self._unpacking.unpack(item.encrypted_content or "")
        if thought is not None:
            self._thoughts.append(thought)

    def _say(self, item: _Item) -> None:
        try:
            content = _decode_content(item.content)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(
                f"The 'content' of a message in 'input' cannot be read: {error}.", param="input"
            ) from None
        if item.role == "assistant":
            self._utter(content)
            return
        self._close()
        if item.role in _INSTRUCTS:
            for text in [content] if isinstance(content, str) else self._texts(content):
                self.instruct(text)
        elif item.role == "user":
            self.messages.append({"role": "user", "content": self._content(content)})
        else:
            role = item.role[:40]
            raise BadRequest(f"A message in 'input' is of the role {role!r}.", param="input")

    def _utter(self, content: str | list[_Part]) -> None:
        if isinstance(content, str):
            self._said += [content] if content else []
            return
        self._refused += [part.refusal for part in content if part.type == "refusal"]
        said = self._texts([part for part in content if part.type != "refusal"])
        if text := "".join(said):
            self._said.append(text)

    def _texts(self, parts: list[_Part]) -> list[str]:
        """Return the texts of who can say nothing else."""
        told = [self._part(part) for part in parts]
        for part in told:
            if part is not None and part["type"] != "text":
                why = "Instructions and assistants of a chat have no words but text."
                self._beyond.setdefault(f"input.{part['type']}", why)
        return [str(part["text"]) for part in told if part is not None and part["type"] == "text"]

    def _content(self, content: str | list[_Part]) -> object:
        if isinstance(content, str):
            return content
        parts = [told for part in content if (told := self._part(part)) is not None]
        if not parts:
            return ""
        return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts

    def _part(self, part: _Part) -> Fields | None:
        """Translate a part; None where a chat has no word for it."""
        match part.type:
            case "input_text" | "output_text" | "text":
                return {"type": "text", "text": part.text}
            case "input_image" if part.image_url:
                detail = {"detail": part.detail} if part.detail else {}
                return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
            case "input_file" if part.file_data or part.file_id:
                told = {"file_data": part.file_data, "file_id": part.file_id}
                told["filename"] = part.filename
                return {"type": "file", "file": {name: it for name, it in told.items() if it}}
            case "input_audio" if bytes(part.input_audio) != b"null":
                return {"type": "input_audio", "input_audio": part.input_audio}
        kind = part.type[:60]
        why = f"A part of the type {kind!r}, as it stands, has no counterpart in a chat."
        self._beyond.setdefault(f"input.{kind}", why)
        return None
