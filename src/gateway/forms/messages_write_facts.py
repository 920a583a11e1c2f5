"""Reads what an answer in the chat form says, to tell it in Anthropic's Messages. Pure.

A typed partial decode. Of JSON with other types than these, as much is read as can be.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from gateway.forms.text import without_halves

_T = TypeVar("_T")

Detail = dict[str, Any]


class Function(msgspec.Struct, gc=False):
    """A function that is called, or a part of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolPart(msgspec.Struct, gc=False):
    """The call of a tool, whole or in part."""

    index: int = 0
    id: str | None = None
    function: Function | None = None


class Said(msgspec.Struct, gc=False):
    """A message, or what a chunk adds to one."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    tool_calls: list[ToolPart] | None = None
    refusal: str | None = None

    @property
    def thought(self) -> str:
        """What was thought, by either of the names that there are for it."""
        return self.reasoning_content or self.reasoning or ""


class Choice(msgspec.Struct, gc=False):
    """An answer. Some servers name in `stop_reason` the text that has stopped it."""

    index: int = 0
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None


class Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream, or a whole answer."""

    id: str = ""
    model: str = ""
    choices: list[Choice] = []

    @property
    def first(self) -> Choice | None:
        """The answer, of those that stand side by side; there is one, by all that was asked."""
        return next((choice for choice in self.choices if not choice.index), None)


_decode = msgspec.json.Decoder(Chunk).decode
_decode_any = msgspec.json.Decoder().decode
_NOTHING: Final = Chunk()


def read_chunk(data: bytes) -> Chunk:
    """Read an event's data, or a body: JSON in UTF-8, as whoever read it before has found."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _oddly(_decode_any(without_halves(data)))
    except (msgspec.DecodeError, RecursionError):
        return _NOTHING


def _oddly(value: object) -> Chunk:
    """Read a chunk field by field: what is not of its type is not there."""
    fields = _object(value)
    choices = fields.get("choices")
    return Chunk(
        _text(fields.get("id")) or "",
        _text(fields.get("model")) or "",
        [_choice(_object(choice)) for choice in (choices if isinstance(choices, list) else ())],
    )


def _choice(fields: dict[str, Any]) -> Choice:
    delta, message = fields.get("delta"), fields.get("message")
    index = fields.get("index")
    return Choice(
        index if isinstance(index, int) else 0,
        _said(delta) if isinstance(delta, dict) else None,
        _said(message) if isinstance(message, dict) else None,
        _text(fields.get("finish_reason")),
        fields.get("stop_reason"),
    )


def _said(fields: dict[str, Any]) -> Said:
    content, thought = fields.get("content"), _text(fields.get("reasoning_content"))
    if isinstance(content, list):
        thought = thought or _joined(content, "thinking")
        content = _joined(content, "text")
    return Said(
        _text(content),
        thought,
        _text(fields.get("reasoning")),
        _fitting(fields.get("reasoning_details"), list[Detail]),
        _fitting(fields.get("tool_calls"), list[ToolPart]),
        _text(fields.get("refusal")),
    )


def _joined(parts: list[Any], kind: str) -> str:
    """Join the texts of the parts of a kind; Mistral tells thoughts and words as such."""
    texts = []
    for part in parts:
        value = _object(part).get(kind)
        if isinstance(value, list):
            value = _joined(value, "text")
        texts.append(_text(value) or "")
    return "".join(texts)


def _fitting(value: object, type: type[_T]) -> _T | None:
    convert: Callable[..., _T] = msgspec.convert
    try:
        return convert(value, type)
    except msgspec.ValidationError:
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
