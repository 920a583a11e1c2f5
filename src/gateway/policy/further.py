"""Models that a request names beside the one it asks for, and that a provider may run in its place.

What a provider is told as it came can hold a list of its own models to fall back on. Those names
say nothing of what a key may ask for here: a key that may ask for some models alone names no
further ones (S13). Pure.
"""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.words.call import Call
from gateway.words.errors import BadRequest

FURTHER: Final = ("models", "fallbacks", "fallback_models")
"""OpenRouter's and Anthropic's own fields; others have taken the words over."""

_SAYS_NOTHING: Final = frozenset({b"null", b"[]", b"{}", b'""'})


class _Tool(msgspec.Struct, gc=False):
    model: Raw = Raw(b"null")


_decode_tools = msgspec.json.Decoder(list[_Tool]).decode


def check_further(call: Call) -> None:
    """Refuse what names further models; for callers that may ask for some. Raises `BadRequest`."""
    fields = call.fields if call.native is None else call.native
    found = [name for name in FURTHER if _says(fields.get(name))]
    if not found and _has_tool_with_model(fields.get("tools")):
        found = ["tools"]
    if found:
        raise BadRequest(
            f"{found[0]!r} names further models, and this key may ask for some models alone.",
            param=found[0],
        )


def _says(value: Raw | None) -> bool:
    return value is not None and bytes(value) not in _SAYS_NOTHING


def _has_tool_with_model(tools: Raw | None) -> bool:
    """Say whether a provider's own tool runs a model; what is no list of tools runs none."""
    if tools is None or b'"model"' not in bytes(tools):
        return False
    try:
        return any(_says(tool.model) for tool in _decode_tools(tools))
    except (msgspec.DecodeError, RecursionError):
        return False
