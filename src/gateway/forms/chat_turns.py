"""Reads the messages of a chat completion for whoever tells them in another form. Pure.

Here is what all of them read alike. What a provider has beside, such as marks of where to cache, a
form adds to these structs; what its provider cannot be told it refuses with these words.
"""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Raw

from gateway.forms.asked import unsupported
from gateway.forms.fields import NULL
from gateway.words.errors import BadRequest, Unsupported

MAX_OBJECTS: Final = 65_536
"""Objects of the messages; of more, the turns would cost more than the body is worth (R15)."""

Block = dict[str, object]


class Address(msgspec.Struct, gc=False):
    """Where a picture is, or the picture itself as a `data:` URL."""

    url: str


class File(msgspec.Struct, gc=False):
    """A file, which is there itself."""

    file_data: str = ""
    filename: str = ""


class Part(msgspec.Struct, gc=False):
    """A part of a message's content."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: Address | None = None


class Function(msgspec.Struct, gc=False):
    """What is called; the arguments are a text of JSON, so far as the model has told them well."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct, gc=False):
    """The call of a tool."""

    id: str
    function: Function | None = None


class Detail(msgspec.Struct, gc=False):
    """A thought as a form tells it, or one of another provider's: `format` says whose."""

    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    format: str | None = None


_Part = TypeVar("_Part", bound=Part)
_Call = TypeVar("_Call", bound=ToolCall)


class Said(msgspec.Struct, Generic[_Part, _Call], gc=False):
    """One message, of a form's own parts and calls. `is_error` is of a tool that failed."""

    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str = ""
    is_error: bool | None = None
    function_call: Raw = NULL
    audio: Raw = NULL

    def answers(self) -> str:
        """Return which call this message of a tool answers. Raises `BadRequest`."""
        if not self.tool_call_id:
            raise BadRequest("A message of a tool has no 'tool_call_id'.", param="messages")
        return self.tool_call_id


_Said = TypeVar("_Said", bound=Said[Any, Any])
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


def said_in(messages: Raw, decode: Callable[[Raw], list[_Said]]) -> list[_Said]:
    """Read the messages, in bounds. Raises `BadRequest`."""
    if bytes(messages).count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"'messages' holds more than {MAX_OBJECTS} objects.", param="messages")
    try:
        return decode(messages)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'messages' cannot be read: {error}.", param="messages") from None


def check_assistant(message: Said[Any, Any]) -> None:
    """Refuse what an assistant may have done that no other form has. Raises `Unsupported`."""
    if bytes(message.function_call) != b"null":
        raise unsupported("messages", "'function_call' is not understood; use 'tool_calls'.")
    if bytes(message.audio) != b"null":
        raise unsupported("messages", "'audio' of an assistant is not understood.")


def function_of(call: ToolCall) -> Function:
    """Return what is called. Raises `Unsupported` for a tool that is no function."""
    if call.function is None:
        raise unsupported("messages", "A call in 'tool_calls' that is of no function.")
    return call.function


def arguments_of(function: Function) -> dict[str, Raw]:
    """Return the arguments of a call, each with its own bytes. Raises `BadRequest`."""
    try:
        return _decode_object(function.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        raise no_object(function) from None


def no_object(function: Function) -> BadRequest:
    """Return the refusal of arguments that are no JSON object."""
    name = function.name[:100]
    return BadRequest(
        f"The 'arguments' of the call of {name!r} in 'tool_calls' are no JSON object.",
        param="messages",
    )


def no_role(role: str) -> Unsupported:
    """Return the refusal of a role that is not known."""
    return unsupported("messages", f"A message of the role {role[:40]!r} is not understood.")


def no_part(part: Part, role: str) -> Unsupported:
    """Return the refusal of a part that whoever has this role cannot say."""
    kind = part.type[:40]
    return unsupported("messages", f"A part of the type {kind!r} cannot be said by {role}.")


def check_turns(turns: list[Block]) -> None:
    """Refuse messages of which there are no turns. Raises `BadRequest`."""
    if not turns:
        raise BadRequest("'messages' says nothing: no user and no assistant.", param="messages")


def add_to_turns(turns: list[Block], role: str, content: list[Block]) -> None:
    """Add to the turn of whoever speaks; nothing where nothing is said."""
    if not content:
        return
    if turns and turns[-1]["role"] == role:
        spoken = turns[-1]["content"]
        assert isinstance(spoken, list), "it was put there as one"
        spoken += content
    else:
        turns.append({"role": role, "content": content})
