"""Judges requests for Cohere's API v2 by its published reference.

Cohere's own SDK would bring 56 MB with it (a tokenizer, a hub's client), and its types take any
field and any word. So the types are written down here: they name the fields, the words and the
ranges of the reference, and have been compared with those of `cohere` 7.3.1 on PyPI.

https://docs.cohere.com/reference/chat, /embed and /rerank
"""

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tests.judges.strictly import Refused

Part = Annotated[float, Meta(ge=0, le=1)]
Words = Annotated[str, Meta(min_length=1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Takes no field that it has not."""


class Text(Strict, tag="text"):
    text: str


class Thinking(Strict, tag="thinking"):
    thinking: str


class Url(Strict):
    url: Words
    detail: Literal["auto", "low", "high"] = "auto"


class Image(Strict, tag="image_url"):
    image_url: Url


class Data(Strict):
    data: dict[str, Any]
    id: str | None = None


class Document(Strict, tag="document"):
    document: Data


class Function(Strict):
    name: Words
    arguments: str


class ToolCall(Strict):
    id: Words
    type: Literal["function"]
    function: Function


class System(Strict, tag="system", tag_field="role"):
    content: str | list[Text]


class User(Strict, tag="user", tag_field="role"):
    content: str | list[Text | Image]


class Assistant(Strict, tag="assistant", tag_field="role"):
    content: str | list[Text | Thinking] | None = None
    tool_calls: list[ToolCall] = []
    tool_plan: str | None = None


class Tool(Strict, tag="tool", tag_field="role"):
    tool_call_id: Words
    content: str | list[Text | Document]


class Declared(Strict):
    name: Words
    parameters: dict[str, Any]
    description: str | None = None


class Declaration(Strict):
    type: Literal["function"]
    function: Declared


class Plain(Strict, tag="text"):
    pass


class Json(Strict, tag="json_object"):
    json_schema: dict[str, Any] | None = None


class Thoughts(Strict):
    type: Literal["enabled", "disabled"]
    token_budget: Annotated[int, Meta(gt=0)] | None = None


class Citing(Strict):
    mode: Literal["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"]


class Chat(Strict):
    model: Words
    messages: Annotated[list[System | User | Assistant | Tool], Meta(min_length=1)]
    stream: bool = False
    tools: Annotated[list[Declaration], Meta(min_length=1)] | None = None
    strict_tools: bool = False
    documents: list[str | Data] = []
    citation_options: Citing | None = None
    response_format: Plain | Json | None = None
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF"] | None = None
    max_tokens: Annotated[int, Meta(gt=0)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] = []
    temperature: Annotated[float, Meta(ge=0)] | None = None
    seed: int | None = None
    frequency_penalty: Part = 0
    presence_penalty: Part = 0
    k: Annotated[int, Meta(ge=0, le=500)] | None = None
    p: Annotated[float, Meta(ge=0.01, le=0.99)] | None = None
    logprobs: bool = False
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    thinking: Thoughts | None = None
    priority: Annotated[int, Meta(ge=0, le=999)] | None = None


class Embed(Strict):
    model: Words
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Annotated[list[str], Meta(min_length=1, max_length=96)]
    max_tokens: int | None = None
    output_dimension: Literal[256, 512, 1024, 1536] | None = None
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]] = []
    truncate: Literal["NONE", "START", "END"] = "END"
    priority: Annotated[int, Meta(ge=0, le=999)] | None = None


class Rerank(Strict):
    model: Words
    query: str
    documents: Annotated[list[str], Meta(min_length=1)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    max_tokens_per_doc: int | None = None
    priority: Annotated[int, Meta(ge=0, le=999)] | None = None


def judge_chat(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v2/chat`."""
    asked = _read(body, Chat)
    if asked.tool_choice is not None and not asked.tools:
        raise Refused("tool_choice: it wants tools")
    for message in asked.messages:
        if isinstance(message, Assistant) and not (message.content or message.tool_calls):
            raise Refused("messages: an assistant that says nothing and calls nothing")


def judge_embed(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v2/embed`."""
    _read(body, Embed)


def judge_rerank(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v2/rerank`."""
    _read(body, Rerank)


def _read(body: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(json.dumps(body), type=kind)
    except msgspec.ValidationError as error:
        raise Refused(str(error)) from None
