"""Turns what is said in a request of Anthropic's Messages into messages of the chat form. Pure.

Results of tools become messages of their own, before what the user says beside them; thoughts go
along with their signatures, as `messages_build` tells them, so that they come back unchanged. What
has no place in the chat form is left out by name, and whoever is asked in it knows the names.

https://docs.claude.com/en/api/messages
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.fields import NULL
from gateway.forms.messages_build import detail_of
from gateway.forms.messages_facts import Block
from gateway.forms.messages_floods import check_flood, content_of, mark_of
from gateway.forms.messages_thoughts import UNSIGNED, is_sealed, unseal
from gateway.words.errors import BadRequest

MOST_NAMED: Final = 256
"""Names of what cannot be said; nobody is told more of them."""

Part = dict[str, object]
Message = dict[str, object]


class _Marked(msgspec.Struct, gc=False):
    """A block, which may bear a mark that the prompt is to be cached up to it."""

    cache_control: Raw = NULL


class _Text(_Marked, gc=False, kw_only=True):
    text: str


class _Source(msgspec.Struct, gc=False):
    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    content: Raw = NULL


class _Image(_Marked, gc=False, kw_only=True):
    source: _Source


class _Citations(msgspec.Struct, gc=False):
    enabled: bool | None = None


class _Document(_Marked, gc=False, kw_only=True):
    source: _Source
    title: str | None = None
    context: str | None = None
    citations: _Citations | None = None


class _Found(_Marked, gc=False, kw_only=True):
    """A result of a search, which the client has made itself."""

    source: str
    title: str
    content: list[_Text]
    citations: _Citations | None = None


class _Use(_Marked, gc=False, kw_only=True):
    id: str
    name: str
    input: Raw


class _Result(_Marked, gc=False, kw_only=True):
    tool_use_id: str
    content: Raw = NULL
    is_error: bool | None = None


class _Thinking(msgspec.Struct, gc=False):
    thinking: str
    signature: str = ""


class _Redacted(msgspec.Struct, gc=False):
    data: str


class _Turn(msgspec.Struct, gc=False):
    role: str
    content: Raw


_BLOCKS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "text": msgspec.json.Decoder(_Text),
    "image": msgspec.json.Decoder(_Image),
    "document": msgspec.json.Decoder(_Document),
    "search_result": msgspec.json.Decoder(_Found),
    "tool_use": msgspec.json.Decoder(_Use),
    "tool_result": msgspec.json.Decoder(_Result),
    "thinking": msgspec.json.Decoder(_Thinking),
    "redacted_thinking": msgspec.json.Decoder(_Redacted),
}
_KNOWN: Final = {
    kind: frozenset(decoder.type.__struct_fields__) for kind, decoder in _BLOCKS.items()
}
_HINTS: Final = frozenset({"type", "citations", "caller", "toolset_name"})
"""Fields of blocks that change nothing of what is said: where it came from, who called a tool."""

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_turns = msgspec.json.Decoder(list[_Turn]).decode


class Said:
    """What was said so far, in the chat form, and the names of what has no place there."""

    __slots__ = ("beyond", "messages")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.beyond: dict[str, None] = {}

    def lose(self, name: str) -> None:
        """Note what cannot be said, once, in the order in which it stood."""
        if len(self.beyond) < MOST_NAMED:
            self.beyond[name] = None


def said_in(system: Raw, messages: Raw) -> Said:
    """Translate instructions and turns. Raises `BadRequest` for what is malformed."""
    check_flood("system", system)
    check_flood("messages", messages)
    said = Said()
    try:
        _instruct(said, content_of(system))
        turns = _decode_turns(messages)
        if not turns:
            raise BadRequest(
                "'messages' must be an array of at least one object.", param="messages"
            )
        for turn in turns:
            _take(said, turn)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"What is said cannot be read: {error}.", param="messages") from None
    return said


def _take(said: Said, turn: _Turn) -> None:
    content = content_of(turn.content)
    match turn.role:
        case _ if content is None:
            raise BadRequest("A message has no 'content'.", param="messages")
        case "user":
            _hear(said, content)
        case "assistant":
            _recall(said, content)
        case "system":
            _instruct(said, content)
        case _:
            role = turn.role[:40]
            raise BadRequest(f"A message of the role {role!r} is not known.", param="messages")


def _instruct(said: Said, content: str | list[Raw] | None) -> None:
    if isinstance(content, str):
        said.messages.append({"role": "system", "content": content})
        return
    parts = _parts(said, content or [])
    if parts:
        said.messages.append({"role": "system", "content": parts})


def _hear(said: Said, content: str | list[Raw]) -> None:
    """Take what the user says: first what came back from tools, which stands right behind them."""
    if isinstance(content, str):
        said.messages.append({"role": "user", "content": content})
        return
    spoken = []
    for raw in content:
        block = _read(said, raw)
        if isinstance(block, _Result):
            said.messages.append(_result(said, block))
        elif block is not None:
            spoken += _part(said, block)
    if spoken:
        said.messages.append({"role": "user", "content": spoken})


def _result(said: Said, result: _Result) -> Message:
    content = content_of(result.content)
    told: object = _parts(said, content) if isinstance(content, list) else content or ""
    failed = {"is_error": True} if result.is_error else {}
    message = {"role": "tool", "tool_call_id": result.tool_use_id, "content": told, **failed}
    return _marked(message, result)


def _recall(said: Said, content: str | list[Raw]) -> None:
    """Take what the assistant has said: thoughts, words, calls of tools."""
    if isinstance(content, str):
        said.messages.append({"role": "assistant", "content": content})
        return
    spoken: list[Part] = []
    calls: list[Part] = []
    details: list[dict[str, Any]] = []
    unsigned = []
    for index, raw in enumerate(content):
        block = _read(said, raw)
        match block:
            case None:
                continue
            case _Thinking() | _Redacted():
                if (detail := _detail(index, block)) is not None:
                    details.append(detail)
                elif isinstance(block, _Thinking):
                    unsigned.append(block.thinking)
            case _Use():
                calls.append(_call(block))
            case _:
                spoken += _part(said, block)
    message: Message = {"role": "assistant", "content": _plainly(spoken)}
    if unsigned:
        message["reasoning_content"] = "".join(unsigned)
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    elif not spoken:
        message["content"] = ""
    said.messages.append(message)


def _plainly(spoken: list[Part]) -> object:
    """Return words as most servers want them of an assistant: as a text, where they are one."""
    match spoken:
        case []:
            return None
        case [{"type": "text", "text": text, **more}] if not more:
            return text
        case _:
            return spoken


def _detail(index: int, block: _Thinking | _Redacted) -> dict[str, Any] | None:
    """Return a thought with what proves whose it is; None for one without a proof."""
    if isinstance(block, _Redacted):
        if is_sealed(block.data):
            return unseal(block.data)
        return detail_of(index, Block("redacted_thinking", data=block.data))
    if block.signature == UNSIGNED:
        return None
    if is_sealed(block.signature):
        detail = unseal(block.signature)
        return detail and {**detail, _text_key(detail): block.thinking}
    thought = Block("thinking", thinking=block.thinking, signature=block.signature)
    return detail_of(index, thought)


def _text_key(detail: dict[str, Any]) -> str:
    return "summary" if detail.get("type") == "reasoning.summary" else "text"


def _call(use: _Use) -> Part:
    arguments = msgspec.json.format(bytes(use.input), indent=-1).decode()
    if not arguments.startswith("{"):
        name = use.name[:100]
        raise BadRequest(f"The 'input' of the call of {name!r} is no object.", param="messages")
    function = {"name": use.name, "arguments": arguments}
    return _marked({"id": use.id, "type": "function", "function": function}, use)


def _read(said: Said, raw: Raw) -> Any:
    """Read a block; None, and its name noted, for one of a kind that the chat form has not."""
    fields = _decode_fields(raw)
    kind = _decode_text(fields.get("type", NULL))
    decoder = _BLOCKS.get(kind)
    if decoder is None:
        said.lose(f"messages.{kind[:80]}")
        return None
    for name in sorted(fields.keys() - _KNOWN[kind] - _HINTS):
        if bytes(fields[name]) != b"null":
            said.lose(f"messages.{kind}.{name[:80]}")
    return decoder.decode(raw)


def _parts(said: Said, content: list[Raw]) -> list[Part]:
    blocks = [_read(said, raw) for raw in content]
    return [part for block in blocks if block is not None for part in _part(said, block)]


def _part(said: Said, block: Any) -> list[Part]:
    """Return a block as parts of a message; the last one bears its mark."""
    match block:
        case _Text():
            parts: list[Part] = [{"type": "text", "text": block.text}]
        case _Image():
            parts = _image(said, block.source)
        case _Document():
            parts = _document(said, block)
        case _Found():
            texts = [block.title, block.source, *[text.text for text in block.content]]
            parts = [{"type": "text", "text": "\n".join(texts)}]
            _cited(said, block.citations)
        case _:
            kind = type(block).__name__.strip("_").lower()
            raise BadRequest(f"A block ({kind}) stands where it cannot be.", param="messages")
    if parts:
        parts[-1] = _marked(parts[-1], block)
    return parts


def _image(said: Said, source: _Source) -> list[Part]:
    match source.type:
        case "base64":
            url = f"data:{source.media_type};base64,{source.data}"
        case "url":
            url = source.url
        case _:
            said.lose(f"messages.image.{source.type[:80]}")
            return []
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(said: Said, document: _Document) -> list[Part]:
    source, title = document.source, document.title
    _cited(said, document.citations)
    match source.type:
        case "base64":
            url = f"data:{source.media_type};base64,{source.data}"
            named = {"filename": title} if title else {}
            parts: list[Part] = [{"type": "file", "file": {"file_data": url, **named}}]
            title = None
        case "text":
            parts = [{"type": "text", "text": source.data}]
        case "content":
            content = content_of(source.content) or []
            whole: list[Part] = [{"type": "text", "text": content}]
            parts = whole if isinstance(content, str) else _parts(said, content)
        case _:
            said.lose(f"messages.document.{source.type[:80]}")
            return []
    before: list[Part] = [
        {"type": "text", "text": text} for text in (title, document.context) if text
    ]
    return before + parts


def _cited(said: Said, citations: _Citations | None) -> None:
    if citations is not None and citations.enabled:
        said.lose("messages.citations")


def _marked(part: Part, block: _Marked) -> Part:
    """Return a part with the mark of the block that it was."""
    mark = mark_of(block.cache_control)
    return part if mark is None else {**part, "cache_control": mark}
