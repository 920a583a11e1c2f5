"""Says a client's request in Anthropic's Messages to a target that speaks them too. Pure.

The client's own fields go as they came, each with its own bytes; only the model has the target's
name. Thoughts of other providers, which bear the gateway's own signature, are left out: Anthropic
would refuse them.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.messages_thoughts import SEAL, is_sealed
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Target

_SEAL: Final = SEAL.encode()


class _Proved(msgspec.Struct, gc=False):
    """A block, as far as it may be a thought."""

    type: Any = None
    signature: Any = None
    data: Any = None


class _Turn(msgspec.Struct, gc=False):
    role: Raw
    content: str | list[Raw]


_encode = msgspec.json.Encoder().encode
_decode_turns = msgspec.json.Decoder(list[_Turn]).decode
_decode_proved = msgspec.json.Decoder(_Proved).decode


def native_body(call: Call, target: Target) -> bytes:
    """Return the body of the request for a target. Raises `BadRequest`."""
    assert call.native is not None, "whoever speaks this form has fields of its own"
    fields = dict(call.native)
    if target.model != call.model:
        fields["model"] = Raw(_encode(target.model))
    if _SEAL in bytes(fields["messages"]):
        fields["messages"] = _without_sealed(fields["messages"])
    return _encode(fields)


def _without_sealed(messages: Raw) -> Raw:
    try:
        turns = _decode_turns(messages)
        for turn in turns:
            if isinstance(turn.content, list):
                turn.content = [block for block in turn.content if not _is_sealed(block)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'messages' cannot be read: {error}.", param="messages") from None
    # A turn of which nothing is left says nothing.
    return Raw(_encode([turn for turn in turns if turn.content]))


def _is_sealed(block: Raw) -> bool:
    if _SEAL not in bytes(block):
        return False
    proved = _decode_proved(block)
    match proved.type:
        case "thinking":
            return isinstance(proved.signature, str) and is_sealed(proved.signature)
        case "redacted_thinking":
            return isinstance(proved.data, str) and is_sealed(proved.data)
        case _:
            return False
