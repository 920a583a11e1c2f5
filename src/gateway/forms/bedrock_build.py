"""Writes what AWS Bedrock's Converse says in OpenAI's chat form. Pure.

A thought goes out as `reasoning_content`; once it is whole, it goes out again with its signature in
`reasoning_details`. Claude's signatures hold wherever Claude runs, so that they have the format of
Anthropic's own; what only this provider can read has a format of its own.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from msgspec import Raw

from gateway.forms.bedrock_facts import Block, Citation, Reasoning, Use, finish_reason_of
from gateway.forms.chat_chunks import Whole, tool_call
from gateway.forms.messages_build import FORMAT, arguments_of
from gateway.words.answer import Usage
from gateway.words.call import Call

SIGNED: Final = FORMAT
"""Tells the details of thoughts that Claude has signed."""

SEALED: Final = "bedrock-converse-v1"
"""Tells the details of thoughts that this provider alone can read."""

_HASHED_BYTES: Final = 65_536
_SERVER_SIDE: Final = "server_tool_use"
_NONE: Final = Raw(b"")


def id_of(call: Call, said: bytes) -> str:
    """Return an id for an answer, since the provider gives none: of what was asked and said.

    In one conversation no two answers have the same, for each is asked for with more messages.
    """
    asked = bytes(call.fields.get("messages", _NONE))
    told = hashlib.blake2b(b"%d:" % len(asked), digest_size=12)
    told.update(asked[-_HASHED_BYTES:])
    told.update(said[-_HASHED_BYTES:])
    return f"chatcmpl-{told.hexdigest()}"


def joined(parts: Sequence[str]) -> str:
    """Join parts of which each is base64 of its own; nothing where one is not."""
    told = [part for part in parts if part]
    if len(told) < 2:
        return "".join(told)
    try:
        return b64encode(b"".join([b64decode(part, validate=True) for part in told])).decode()
    except ValueError:
        return ""


def annotation_of(citation: Citation, begin: int, end: int) -> dict[str, object] | None:
    """Return what a part of the text rests on; None where that has no address."""
    web = None if citation.location is None else citation.location.web
    if web is None or not web.url:
        return None
    told = {"url": web.url, "title": citation.title or web.domain}
    return {
        "type": "url_citation",
        "url_citation": {**told, "start_index": begin, "end_index": end},
    }


def image_of(format: str, data: str) -> dict[str, object] | None:
    """Return an image as a `data:` URL; None where nothing is shown."""
    if not data or not format.isalnum():
        return None
    url = f"data:image/{format};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}


def is_asked_of_client(use: Use) -> bool:
    """Say whether a call is the client's to answer: what the provider does itself is not told."""
    return use.type != _SERVER_SIDE


def detail_of(index: int, thought: Reasoning) -> dict[str, object] | None:
    """Return a thought with what proves that it is the provider's; None where there is no proof."""
    if thought.redacted_content:
        sealed = {"type": "reasoning.encrypted", "data": thought.redacted_content}
        return {**sealed, "format": SEALED, "index": index}
    if not thought.signature:
        return None
    said = {"type": "reasoning.text", "text": thought.text, "signature": thought.signature}
    return {**said, "format": SIGNED, "index": index}


def completion(
    head: tuple[str, str], blocks: Sequence[Block], stop_reason: str, usage: Usage | None
) -> bytes:
    """Write a whole answer in one piece; `head` is its id and the name of its model."""
    reason = finish_reason_of(stop_reason)
    return Whole(*head, _message(blocks), reason, usage=usage).written()


def _message(blocks: Sequence[Block]) -> dict[str, object]:
    texts = [text for block in blocks for text in _texts(block)]
    thoughts = [(at, _whole(block.reasoning_content)) for at, block in enumerate(blocks)]
    details = [detail_of(at, thought) for at, thought in thoughts if thought is not None]
    proved = [detail for detail in details if detail is not None]
    calls = [
        tool_call(use.tool_use_id, use.name, arguments_of(use.input))
        for use in (block.tool_use for block in blocks)
        if use is not None and is_asked_of_client(use)
    ]
    message: dict[str, object] = {"content": "".join(texts) if texts else None}
    if said := "".join([thought.text for _, thought in thoughts if thought is not None]):
        message["reasoning_content"] = said
    if proved:
        message["reasoning_details"] = proved
    if calls:
        message["tool_calls"] = calls
    if cited := _annotations(blocks):
        message["annotations"] = cited
    if images := _images(blocks):
        message["images"] = images
    return message


def _texts(block: Block) -> list[str]:
    cited = block.citations_content
    texts = [] if cited is None else [part.text for part in cited.content]
    return texts if block.text is None else [block.text, *texts]


def _annotations(blocks: Sequence[Block]) -> list[dict[str, object]]:
    """Return what each cited text rests on, by where it stands in the whole."""
    found: list[dict[str, object] | None] = []
    end = 0
    for block in blocks:
        begin, end = end, end + sum(map(len, _texts(block)))
        if block.citations_content is not None:
            cited = block.citations_content.citations
            found += [annotation_of(citation, begin, end) for citation in cited]
    return [annotation for annotation in found if annotation is not None]


def _images(blocks: Sequence[Block]) -> list[dict[str, object]]:
    shown = [block.image for block in blocks if block.image is not None]
    found = [image_of(each.format, each.source.bytes) for each in shown if each.source is not None]
    return [image for image in found if image is not None]


def _whole(thought: Reasoning | None) -> Reasoning | None:
    """Return a thought of a whole answer as the parts of a stream make it up."""
    if thought is None or thought.reasoning_text is None:
        return thought
    said = thought.reasoning_text
    return Reasoning(said.text, said.signature, thought.redacted_content)
