"""Turns the messages of a chat completion into the contents of a request to Gemini. Pure.

There are two who speak, the user and the model: what one of them says in several messages is
joined. What comes back from tools stands in a turn of its own, by the names of the functions, which
are those of the calls that it answers, and in the order of these: it is by this alone that the
provider tells two calls of one function apart where it has no ids of them. Instructions stand
before all turns, in their order.
"""

from operator import itemgetter
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms import chat_turns
from gateway.forms.chat_turns import (
    Address,
    Detail,
    Said,
    ToolCall,
    arguments_of,
    check_assistant,
    check_turns,
    function_of,
    no_part,
    no_role,
    said_in,
)
from gateway.forms.gemini_media import Part, part_of, sound_of
from gateway.forms.gemini_names import MADE, told_name
from gateway.words.errors import BadRequest

FORMAT: Final = "google-gemini-v1"
"""Tells the details of this provider's thoughts from those of others."""

UNSIGNED: Final = "skip_thought_signature_validator"
"""What a newer model is told in place of a signature of a call that it did not make, or that is
lost: without one it refuses the turn.

https://ai.google.dev/gemini-api/docs/thought-signatures
"""


class _File(msgspec.Struct, gc=False):
    file_data: str = ""
    file_id: str = ""


class _Sound(msgspec.Struct, gc=False):
    data: str
    format: str = ""


class _Part(chat_turns.Part, gc=False):
    """A part of a message's content, with what the provider has beside."""

    video_url: Address | None = None
    file: _File | None = None
    input_audio: _Sound | None = None


class _Google(msgspec.Struct, gc=False):
    thought_signature: str | None = None


class _Extra(msgspec.Struct, gc=False):
    """Where Google's own servers of OpenAI's form put a signature."""

    google: _Google | None = None


class _ToolCall(ToolCall, gc=False):
    extra_content: _Extra | None = None


class _Detail(Detail, gc=False):
    """A thought as `gemini_voice` tells it, or one of another provider's."""

    id: str | None = None


class _Said(Said[_Part, _ToolCall], gc=False):
    """One message."""

    name: str | None = None
    reasoning_details: list[_Detail] | None = None
    images: list[_Part] | None = None


_decode_messages = msgspec.json.Decoder(list[_Said]).decode


class Turns:
    """What was said: the instructions, and the turns of user and model."""

    def __init__(self, *, must_sign: bool, tells_ids: bool) -> None:
        """With `must_sign` the model refuses calls of tools without a signature.

        Without `tells_ids` the provider refuses ids of calls.
        """
        self._must_sign = must_sign
        self._tells_ids = tells_ids
        self._called: dict[str, tuple[int, str]] = {}
        self._calls_so_far = 0
        self._results: list[tuple[int, list[Part]]] = []
        self._answering = False
        self.system: list[Part] = []
        self.contents: list[dict[str, object]] = []

    def take(self, message: _Said) -> None:
        """Take one message in. Raises `BadRequest`."""
        match message.role:
            case "system" | "developer":
                self.system += _content(message)
            case "user":
                self._say("user", _content(message))
            case "assistant":
                self._say("model", self._spoken(message))
            case "tool":
                self._results.append(self._result(message))
            case _:
                raise no_role(message.role)

    def settle(self) -> None:
        """Say what came back from tools, where anything did, in a turn."""
        if self._results:
            self._results.sort(key=itemgetter(0))
            told = [part for _, parts in self._results for part in parts]
            self.contents.append({"role": "user", "parts": told})
            self._results = []
            self._answering = True

    def _say(self, role: str, parts: list[Part]) -> None:
        """Add to the turn of whoever speaks; nothing where nothing is said."""
        if not parts:
            return
        self.settle()
        last = self.contents[-1] if self.contents else None
        if last is not None and last["role"] == role and not self._answering:
            spoken = last["parts"]
            assert isinstance(spoken, list), "it was put there as one"
            spoken += parts
        else:
            self.contents.append({"role": role, "parts": parts})
        self._answering = False

    def _spoken(self, message: _Said) -> list[Part]:
        """Return what the model said: its own thoughts, words, pictures, calls, in this order."""
        check_assistant(message)
        own = [each for each in message.reasoning_details or () if each.format == FORMAT]
        signs = {each.id: each.data for each in own if each.id and each.data}
        thoughts = [
            {"thought": True, "text": each.text or "", "thoughtSignature": each.signature}
            for each in own
            if each.type == "reasoning.text" and each.signature
        ]
        words = [*_content(message), *_text(message.refusal or "")]
        last = next((each.data for each in reversed(own) if each.data and not each.id), None)
        if last is not None:
            words = [*words[:-1], {**(words[-1] if words else {"text": ""})}]
            words[-1]["thoughtSignature"] = last
        drawn = _drawn(message.images or [], signs)
        return [*thoughts, *words, *drawn, *self._calls(message.tool_calls or [], signs)]

    def _calls(self, calls: list[_ToolCall], signs: dict[str, str]) -> list[Part]:
        """Return calls of tools with their signatures; of calls side by side the first has one."""
        parts = [self._call(call, signs.get(call.id)) for call in calls]
        signed = any("thoughtSignature" in part for part in parts)
        if parts and self._must_sign and not signed:
            parts[0]["thoughtSignature"] = UNSIGNED
        return parts

    def _call(self, call: _ToolCall, signature: str | None) -> Part:
        function = function_of(call)
        name, arguments = told_name(function.name), arguments_of(function)
        self._called[call.id] = (self._calls_so_far, name)
        self._calls_so_far += 1
        if call.extra_content is not None and call.extra_content.google is not None:
            signature = signature or call.extra_content.google.thought_signature
        said: Part = {"functionCall": {**self._id(call.id), "name": name, "args": arguments}}
        return {**said, "thoughtSignature": signature} if signature else said

    def _result(self, message: _Said) -> tuple[int, list[Part]]:
        """Return the place of a call, and what came of it, under the name of its function.

        The key says whether it went well, in the provider's own words. What it shows is a part of
        it; older models, which know no such parts, see it behind.
        """
        asked = message.tool_call_id
        place, name = self._called.get(asked, (self._calls_so_far, ""))
        name = name or (told_name(message.name) if message.name else "")
        if not name:
            raise BadRequest(
                f"A message of a tool answers the call {asked[:100]!r}, which nobody made.",
                param="messages",
            )
        parts = _content(message)
        text = "".join([str(part["text"]) for part in parts if "text" in part])
        shown = [part for part in parts if "text" not in part]
        key = "error" if message.is_error else "output"
        result: Part = {**self._id(asked), "name": name, "response": {key: text}}
        if shown and self._must_sign:
            return place, [{"functionResponse": {**result, "parts": shown}}]
        return place, [{"functionResponse": result}, *shown]

    def _id(self, id: str) -> Part:
        """Return the id of a call, where it is one that the provider knows."""
        return {"id": id} if id and self._tells_ids and not id.startswith(MADE) else {}


def turns_of(messages: Raw, *, must_sign: bool, tells_ids: bool = True) -> Turns:
    """Translate the messages. Raises `BadRequest`."""
    turns = Turns(must_sign=must_sign, tells_ids=tells_ids)
    for message in said_in(messages, _decode_messages):
        turns.take(message)
    turns.settle()
    check_turns(turns.contents)
    return turns


def picture_id(at: int) -> str:
    """Return by which id the signature of a picture that a model drew is told."""
    return f"image_{at}"


def _drawn(images: list[_Part], signs: dict[str, str]) -> list[Part]:
    """Return pictures that the model drew, as it signed them."""
    parts: list[Part] = []
    for at, each in enumerate(images):
        sign = signs.get(picture_id(at))
        signed = {"thoughtSignature": sign} if sign else {}
        parts += [{**part, **signed} for part in _part(each, "user")]
    return parts


def _content(message: _Said) -> list[Part]:
    if isinstance(message.content, str):
        return _text(message.content)
    return [part for each in message.content or () for part in _part(each, message.role)]


def _text(text: str) -> list[Part]:
    """Return a part of text; none where it is empty."""
    return [{"text": text}] if text else []


def _part(part: _Part, role: str) -> list[Part]:
    shows = role in {"user", "tool"}
    match part.type:
        case "text":
            return _text(part.text)
        case "refusal":
            return _text(part.refusal)
        case "image_url" if shows and part.image_url is not None:
            return [part_of(part.image_url.url, "An image")]
        case "video_url" if shows and part.video_url is not None:
            return [part_of(part.video_url.url, "A video")]
        case "file" if shows and part.file is not None:
            return [part_of(part.file.file_data or part.file.file_id, "A file")]
        case "input_audio" if shows and part.input_audio is not None:
            return [sound_of(part.input_audio.data, part.input_audio.format)]
        case _:
            raise no_part(part, role)
