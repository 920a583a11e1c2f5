"""Judges requests for Ollama's own API by the types of its official client: `ollama` on PyPI.

Its types let messages and options be any mapping, and know little of JSON Schema: messages and
options are judged by their own types, and a schema has only to be an object.
"""

import base64
import binascii
from typing import Any, Final

from ollama._types import (  # the client gives its types no other name
    ChatRequest,
    EmbedRequest,
    Message,
    Options,
)

from tests.judges.strictly import Refused, by_model, only

ROLES: Final = {"system", "user", "assistant", "tool"}
FUNCTION: Final = ("name", "description", "parameters")
NEWER: Final = "min_p"
"""An option that the server's documents have, and the client's types have not."""

_CHAT: Final = by_model(ChatRequest)
_EMBED: Final = by_model(EmbedRequest)
_MESSAGE: Final = by_model(Message)
_OPTIONS: Final = by_model(Options)


def judge_chat(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/api/chat`."""
    kept = {name: value for name, value in body.items() if name not in {"messages", "tools"}}
    _CHAT(kept)
    if not body.get("messages"):
        raise Refused("messages: at least one is expected")
    for message in body["messages"]:
        _judge_message(message)
    for tool in body.get("tools", ()):
        only(tool, ("type", "function"))
        only(tool["function"], FUNCTION)
        if not isinstance(tool["function"].get("parameters", {}), dict):
            raise Refused("tools: the parameters are a schema")
    _judge_options(body)


def judge_embed(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/api/embed`."""
    _EMBED(body)
    _judge_options(body)


def _judge_options(body: dict[str, Any]) -> None:
    options = dict(body.get("options", {}))
    if not isinstance(options.pop(NEWER, 0), float | int):
        raise Refused(f"options.{NEWER}: a number is expected")
    _OPTIONS(options)


def _judge_message(message: dict[str, Any]) -> None:
    _MESSAGE({name: value for name, value in message.items() if name != "images"})
    if message["role"] not in ROLES:
        raise Refused("messages.role: one of " + ", ".join(sorted(ROLES)))
    for image in message.get("images", ()):
        try:
            base64.b64decode(image, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Refused("messages.images: base64 is expected") from None
