"""Joins the chunks of a streamed chat completion into the completion in one piece. Pure.

The two differ in where things stand: what a delta adds belongs to a message, calls of tools are
known by their index, and usage comes at the end. Texts are joined; of all else the last word counts
that says anything. What is not known is kept.
"""

import json
import re
from collections.abc import Mapping
from itertools import starmap
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.chat_facts import MAX_CHOICES
from gateway.words.errors import UpstreamMalformed

MAX_CALLS: Final = 256
"""Calls of tools, or parts of a message, that are known by an index."""

MAX_VALUES: Final = 8_388_608
"""Values of all chunks, about: read, each takes many times the bytes that it had (R15)."""

MAX_DEPTH: Final = 100
TOO_DEEP: Final = "The provider's stream is nested too deeply to be joined."

_NOT_JOINED: Final = frozenset({"role", "type", "id", "format", "signature", "status", "object"})
"""Texts of a message that come whole: the last one counts."""

_OF_CHUNKS: Final = frozenset({"choices", "object", "obfuscation"})
_HALVES = re.compile(r"[\ud800-\udfff]")


class _Number(float):
    """A number with a fraction, which is told as it was written."""

    __slots__ = ("written",)

    written: str

    def __new__(cls, written: str) -> "_Number":
        """Keep how it was written."""
        number = super().__new__(cls, written)
        number.written = written
        return number


class _Text:
    """A text that grows; it is put together once."""

    __slots__ = ("parts",)

    def __init__(self, text: str) -> None:
        self.parts = [text]

    def __str__(self) -> str:
        text = "".join(self.parts)
        if _HALVES.search(text) is None:
            return text
        # Halves of a pair that came apart find each other here; one that is alone is no character.
        whole = text.encode("utf-16", "surrogatepass")
        return whole.decode("utf-16", errors="replace")


_decode = msgspec.json.Decoder(dict[str, Any], float_hook=_Number).decode
_encode = msgspec.json.Encoder().encode


class Joiner:
    """Takes the chunks of one answer; what they come to is `completion`."""

    __slots__ = ("_choices", "_head", "_values")

    def __init__(self) -> None:
        self._values = 0
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, data: bytes) -> None:
        """Take the data of one event, which is JSON already. Raises `UpstreamMalformed`."""
        self._values += data.count(b",") + data.count(b"{") + data.count(b"[")
        if self._values > MAX_VALUES:
            raise UpstreamMalformed("The provider's stream holds too much to be joined.")
        chunk = _read(data)
        for name, value in chunk.items():
            if name not in _OF_CHUNKS:
                _tell(self._head, name, value)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._choose(choice)

    def completion(self) -> bytes:
        """Write the completion. Raises `UpstreamMalformed` where there was no choice."""
        if not self._choices:
            raise UpstreamMalformed("The provider's stream ended without an answer.")
        choices = list(starmap(_choice, sorted(self._choices.items())))
        head = {"id": None, "object": "chat.completion", **self._head}
        usage = {"usage": head.pop("usage")} if "usage" in head else {}
        try:
            return _encode(_whole({**head, "choices": choices, **usage}))
        except RecursionError:
            raise UpstreamMalformed(TOO_DEEP) from None

    def _choose(self, choice: dict[str, Any]) -> None:
        index = choice.pop("index", None)
        index = 0 if index is None else index
        if type(index) is not int or not 0 <= index < MAX_CHOICES:
            return
        whole = self._choices.setdefault(index, {"message": {}})
        delta = choice.pop("delta", None)
        chances = choice.pop("logprobs", None)
        if isinstance(delta, dict):
            _grow(whole["message"], delta)
        if isinstance(chances, dict):
            _grow(whole.setdefault("logprobs", {}), chances)
        for name, value in choice.items():
            _tell(whole, name, value)


def _tell(whole: dict[str, Any], name: str, value: object) -> None:
    """Take the last word of what says anything: Azure's last results are empty."""
    if (value is not None and value != {}) or name not in whole:
        whole[name] = value


def _read(data: bytes) -> dict[str, Any]:
    try:
        return _decode(data)
    except msgspec.ValidationError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # Half a pair of surrogates: JSON has them, and the other half may be in the next chunk.
        read = json.loads(data, parse_float=_Number)
    except (ValueError, RecursionError):
        raise UpstreamMalformed("The provider's stream holds what cannot be joined.") from None
    return read if isinstance(read, dict) else {}


def _grow(whole: dict[str, Any], more: Mapping[str, Any], depth: int = 0) -> None:
    """Add what a delta says to what was said before. Raises `UpstreamMalformed`."""
    if depth > MAX_DEPTH:
        raise UpstreamMalformed(TOO_DEEP)
    for name, value in more.items():
        before = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif isinstance(value, str) and name not in _NOT_JOINED:
            _speak(whole, name, value)
        elif isinstance(value, dict) and isinstance(before, dict):
            _grow(before, value, depth + 1)
        elif isinstance(value, dict):
            whole[name] = {}
            _grow(whole[name], value, depth + 1)
        elif isinstance(value, list):
            if not isinstance(before, list):
                before = whole[name] = []
            _extend(before, value, depth + 1)
        else:
            whole[name] = value


def _speak(whole: dict[str, Any], name: str, text: str) -> None:
    said = whole.get(name)
    if not isinstance(said, _Text):
        whole[name] = _Text(text)
    elif name != "name" or str(said) != text:
        # Some servers say a function's whole name again with each part of its arguments.
        said.parts.append(text)


def _extend(whole: list[Any], more: list[Any], depth: int) -> None:
    """Add to a list; what has the index and type of something that is there is a part of it."""
    for part in more:
        index = part.get("index") if isinstance(part, dict) else None
        if type(index) is not int:
            whole.append(part)
            continue
        # The last one of that index: some servers say the same one of several calls.
        recent = reversed(whole[-MAX_CALLS:])
        same = next((each for each in recent if _has_index_of(part, each)), None)
        if same is None or _is_another_call(part, same):
            if len(whole) >= MAX_CALLS:
                raise UpstreamMalformed(f"The provider's stream has more than {MAX_CALLS} parts.")
            same = {}
            whole.append(same)
        _grow(same, part, depth)


def _has_index_of(part: Mapping[str, Any], other: object) -> bool:
    if not isinstance(other, dict) or other.get("index") != part["index"]:
        return False
    kind = part.get("type")
    return kind is None or other.get("type") in {None, kind}


def _is_another_call(part: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether a call begins here, whose index another has: it has a name and an id of its own.

    An id alone says nothing: some servers make up one for each part.
    """
    function, known = part.get("function"), other.get("id")
    named = isinstance(function, dict) and bool(function.get("name"))
    return named and bool(known) and bool(part.get("id")) and part["id"] != known


def _choice(index: int, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return a choice as it stands in a completion."""
    said = choice["message"]
    message = {"role": "assistant", "content": None, "refusal": None, **said}
    elsewhere = ("tool_calls", "function_call", "refusal", "audio")
    content = message["content"]
    if isinstance(content, _Text) and not str(content) and any(map(said.get, elsewhere)):
        # A stream opens with an empty text; a completion that says no text has none.
        message["content"] = None
    for name in ("refusal", "reasoning_content", "reasoning"):
        if isinstance(text := message.get(name), _Text) and not str(text):
            message[name] = None
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [_without_index(call) for call in sorted(calls, key=_index)]
    rest = {name: value for name, value in choice.items() if name != "message"}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": None, **rest}


def _index(call: object) -> int:
    index = call.get("index") if isinstance(call, dict) else None
    return index if isinstance(index, int) else MAX_CALLS


def _without_index(call: object) -> object:
    if not isinstance(call, dict):
        return call
    return {name: value for name, value in call.items() if name != "index"}


def _whole(value: object) -> object:
    """Put the texts together, however deep they stand."""
    match value:
        case _Text():
            return str(value)
        case _Number():
            return Raw(value.written.encode())
        case str():
            return str(_Text(value))
        case dict():
            return {str(_Text(name)): _whole(each) for name, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case _:
            return value
