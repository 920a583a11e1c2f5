"""Tells a whole answer of the chat form as a message of Anthropic's. Pure."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.messages_build import FORMAT
from gateway.forms.messages_thoughts import UNSIGNED, seal
from gateway.forms.messages_write_facts import Choice, Detail, Said, ToolPart
from gateway.words.errors import UpstreamMalformed

Block = dict[str, Any]

_EMPTY: Final = Raw(b"{}")
_TEXTS: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}
_is_object = msgspec.json.Decoder(dict[str, Raw]).decode


def blocks_of(id: str, choice: Choice) -> list[Block]:
    """Return the content of an answer: thoughts, words, calls of tools.

    Raises `UpstreamMalformed` for a call that cannot be told.
    """
    said = choice.message or Said()
    words = [said.content or "", said.refusal or ""]
    calls = [_call(id, at, part) for at, part in enumerate(said.tool_calls or ())]
    return [*_thoughts(said), *[{"type": "text", "text": text} for text in words if text], *calls]


def _thoughts(said: Said) -> list[Block]:
    """Return the thoughts with their proofs; without any details they are one, and unsigned."""
    blocks = [block for detail in said.reasoning_details or () for block in _thought(detail)]
    if said.thought and not any(block["type"] == "thinking" for block in blocks):
        return [{"type": "thinking", "thinking": said.thought, "signature": UNSIGNED}, *blocks]
    return blocks


def _thought(detail: Detail) -> list[Block]:
    kind, own = detail.get("type"), detail.get("format") == FORMAT
    if kind == "reasoning.encrypted":
        data = detail.get("data")
        if not isinstance(data, str) or not data:
            return []
        return [{"type": "redacted_thinking", "data": data if own else seal(detail)}]
    name = _TEXTS.get(str(kind), "")
    words, signature = detail.get(name), detail.get("signature")
    text = words if isinstance(words, str) else ""
    if not isinstance(signature, str) or not signature:
        return [{"type": "thinking", "thinking": text, "signature": UNSIGNED}] if text else []
    proof = signature if own else seal({**detail, name: ""})
    return [{"type": "thinking", "thinking": text, "signature": proof}]


def _call(id: str, at: int, part: ToolPart) -> Block:
    function = part.function
    name = "" if function is None else function.name or ""
    arguments = "" if function is None else function.arguments or ""
    try:
        given: object = _is_object(arguments) if arguments else _EMPTY
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamMalformed(
            f"The provider called the tool {name[:100]!r} with arguments that are no JSON object."
        ) from None
    return {"type": "tool_use", "id": part.id or f"toolu_{id}_{at}", "name": name, "input": given}
