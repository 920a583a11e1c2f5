"""Reads what a chat completion asks for beside its messages, for whoever tells it in another form.

Here is what all of them read alike; a form adds what its provider has beside. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from gateway.forms.asked import Asked, is_positive
from gateway.words.errors import BadRequest


class Function(msgspec.Struct, gc=False):
    """What a tool does, and what it takes."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, gc=False):
    """A tool that may be called."""

    type: Literal["function"]
    function: Function


class Named(msgspec.Struct, gc=False):
    """A function by its name."""

    name: str


class Chosen(msgspec.Struct, gc=False):
    """The one tool that must be called."""

    type: Literal["function"]
    function: Named


class Text(msgspec.Struct, tag="text", gc=False):
    """The answer may look as it likes."""


class Json(msgspec.Struct, tag="json_object", gc=False):
    """The answer must be JSON."""


class Schema(msgspec.Struct, gc=False):
    """What the answer must look like."""

    schema: dict[str, Any]


class Shape(msgspec.Struct, tag="json_schema", gc=False):
    """The answer must be JSON that looks so."""

    json_schema: Schema


class _Known(msgspec.Struct, gc=False):
    name: str = ""


class _Declared(msgspec.Struct, gc=False):
    function: _Known | None = None


_NONE: Final = Raw(b"[]")
_decode_names = msgspec.json.Decoder(list[_Declared]).decode

is_choice = msgspec.json.Decoder(Literal["auto", "none", "required"] | Chosen).decode
is_tools = msgspec.json.Decoder(list[Tool]).decode
is_shape = msgspec.json.Decoder(Text | Json | Shape).decode


def room_in(asked: Asked) -> int | None:
    """Return for how many tokens there is room; the newer of the two names comes first."""
    newer = asked.take("max_completion_tokens", is_positive)
    older = asked.take("max_tokens", is_positive)
    return newer or older


def wants_a_tool(choice: object) -> bool:
    """Say whether a `tool_choice` demands that a tool be called."""
    return choice not in (None, "auto", "none")  # noqa: PLR6201 (a named tool has no hash)


def check_no_tool(choice: object) -> None:
    """Refuse to call a tool where there are none. Raises `BadRequest`."""
    if wants_a_tool(choice):
        raise BadRequest("'tool_choice' wants a tool, and there are none.", param="tool_choice")


def names_of(fields: Mapping[str, Raw], told_name: Callable[[str], str]) -> dict[str, str]:
    """Return the own names of a request's tools, by those that a provider is told instead."""
    try:
        tools = _decode_names(fields.get("tools", _NONE))
    except (msgspec.DecodeError, RecursionError):
        return {}
    names = [tool.function.name for tool in tools if tool.function is not None]
    return {told_name(name): name for name in names if told_name(name) != name}
