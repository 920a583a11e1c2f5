"""Tools as the Responses API has them, told as functions of a chat completion. Pure.

A chat knows functions, one beside the other. A function in a namespace is called by both names; a
tool that takes free text is a function of one text. What a provider does of its own accord (search
the web, run code) is no function, and only who speaks Responses can be asked for it.

https://developers.openai.com/api/docs/guides/function-calling
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.fields import NULL
from gateway.words.errors import BadRequest

MAX_OBJECTS: Final = 65_536
"""Objects of one field; of more, the translation would cost more than the body is worth (R15)."""

Fields = dict[str, object]
Beyond = dict[str, str]
"""What the common form cannot tell: names, and a sentence why."""

MOST_REPEATED: Final = 4_194_304
"""Characters of what namespaces say, which stands before each of their tools."""

_MOST = 60
"""Characters of a type that are told."""

_LOADS = frozenset({"function", "custom"})


class Tool(msgspec.Struct, frozen=True):
    """A tool that its client runs: its names, and whether it takes free text."""

    name: str
    namespace: str | None = None
    takes_text: bool = False


class _Object(msgspec.Struct, gc=False):
    """Any JSON object, of which nothing is read."""


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None
    role: Any = None


class _Syntax(msgspec.Struct, gc=False):
    type: str = "text"
    syntax: str = ""
    definition: str = ""


class _Named(msgspec.Struct, gc=False):
    """A function, or a tool that takes free text."""

    name: str
    type: str = "function"
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    format: _Syntax | None = None


class _Namespace(msgspec.Struct, gc=False):
    name: str
    tools: Raw = NULL
    description: str = ""


class _Choice(msgspec.Struct, gc=False):
    type: str
    name: str = ""
    namespace: str | None = None
    mode: str = "auto"
    tools: list["_Choice"] = []


_encode = msgspec.json.Encoder().encode
_decode_objects = msgspec.json.Decoder(list[_Object]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_named = msgspec.json.Decoder(_Named).decode
_decode_namespace = msgspec.json.Decoder(_Namespace).decode
_decode_choice = msgspec.json.Decoder(str | _Choice).decode


def objects_of(raw: Raw, name: str) -> list[Raw]:
    """Return the objects of an array, in bounds. Raises `BadRequest`."""
    if bytes(raw).count(b"{") > MAX_OBJECTS:
        raise BadRequest(f"'{name}' holds more than {MAX_OBJECTS} objects.", param=name)
    try:
        _decode_objects(raw)
        return _decode_list(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"'{name}' must be an array of objects: {error}.", param=name) from None


def object_in(raw: Raw, name: str) -> Raw | None:
    """Return what must be an object, unread; None for null. Raises `BadRequest`."""
    first = bytes(memoryview(raw)[:1])
    if first not in {b"{", b"n"}:
        raise BadRequest(f"A schema in '{name}' must be an object.", param=name)
    return raw if first == b"{" else None


def kind_of(raw: Raw) -> str:
    """Return the type of an object, as far as it can be told; empty where it has none."""
    try:
        return (_decode_kind(raw).type or "")[:_MOST]
    except msgspec.DecodeError:
        return ""


def says_who(raw: Raw) -> bool:
    """Say whether somebody says something in an object of no type; else it but names another."""
    try:
        return bool(_decode_kind(raw).role)
    except msgspec.DecodeError:
        return True  # whoever reads it says what is wrong


def called(name: str, namespace: str | None) -> str:
    """Return the one name by which a chat knows a tool."""
    return f"{namespace}__{name}" if namespace else name


def tools_of(raw: Raw, beyond: Beyond) -> dict[str, Fields]:
    """Return the functions that tools are told as, by their names. Raises `BadRequest`."""
    functions: dict[str, Fields] = {}
    for tool, named, about in _each(raw):
        if named is None:
            kind = tool.name
            why = f"A tool of the type {kind!r} is one that only its provider can run."
            beyond.setdefault(f"tools.{kind}", why)
            continue
        name = called(tool.name, tool.namespace)
        if name in functions:
            raise BadRequest(f"Two 'tools' have the name {name[:_MOST]!r}.", param="tools")
        functions[name] = _function(name, named, about)
    return functions


def known_tools(raw: Raw) -> Mapping[str, Tool]:
    """Return a request's own tools by the names that a chat has for them."""
    return {
        called(tool.name, tool.namespace): tool
        for tool, named, _ in _each(raw)
        if named is not None
    }


def choice_of(raw: Raw, functions: dict[str, Fields], beyond: Beyond) -> object:
    """Return the choice of a tool as a chat has it; of `functions` those that may be chosen stay.

    None where nothing is said. Raises `BadRequest`.
    """
    try:
        choice = _decode_choice(raw)
    except msgspec.DecodeError as error:
        raise BadRequest(f"'tool_choice' cannot be read: {error}.", param="tool_choice") from None
    if isinstance(choice, str):
        return choice if functions else None
    if choice.type in _LOADS:
        function = {"name": called(choice.name, choice.namespace)}
        return {"type": "function", "function": function}
    if choice.type != "allowed_tools":
        kind = choice.type[:_MOST]
        beyond["tool_choice"] = f"A tool of the type {kind!r} is one that only its provider runs."
        return None
    allowed = {called(each.name, each.namespace) for each in choice.tools if each.type in _LOADS}
    for name in functions.keys() - allowed:
        del functions[name]
    return choice.mode if functions else None


def arguments_for(text: str) -> str:
    """Return the arguments of a function that takes one free text."""
    return _encode({"input": text}).decode()


def _each(raw: Raw) -> Iterator[tuple[Tool, _Named | None, str]]:
    """Yield each tool, what it says, and what its namespace says; a provider's own says nothing."""
    repeated = 0
    for each in objects_of(raw, "tools"):
        kind = kind_of(each)
        if kind == "namespace":
            space = _read(_decode_namespace, each)
            tools = objects_of(space.tools, "tools")
            repeated += len(tools) * (len(space.name) + len(space.description))
            if repeated > MOST_REPEATED:
                raise BadRequest("A namespace of so many 'tools' says too much.", param="tools")
            yield from _inside(space, tools)
        elif kind in _LOADS:
            named = _read(_decode_named, each)
            yield Tool(named.name, None, kind == "custom"), named, ""
        else:
            yield Tool(kind), None, ""


def _inside(space: _Namespace, tools: list[Raw]) -> Iterator[tuple[Tool, _Named | None, str]]:
    for each in tools:
        kind = kind_of(each)
        if kind in _LOADS:
            named = _read(_decode_named, each)
            yield Tool(named.name, space.name, kind == "custom"), named, space.description
        else:
            yield Tool(kind), None, ""


def _read(decode: Any, raw: Raw) -> Any:
    try:
        return decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"One of the 'tools' cannot be read: {error}.", param="tools") from None


def _function(name: str, named: _Named, about: str) -> Fields:
    said = [text for text in (about, named.description) if text]
    function: Fields = {"name": name}
    if named.type == "custom":
        said += _grammar(named.format)
        function["parameters"] = {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": False,
        }
    elif (parameters := object_in(named.parameters, "tools")) is not None:
        function["parameters"] = parameters
    if said:
        function["description"] = "\n\n".join(said)
    if named.strict is not None:
        function["strict"] = named.strict
    return {"type": "function", "function": function}


def _grammar(syntax: _Syntax | None) -> list[str]:
    """Tell in words what a text must be like: a chat's functions have no grammar."""
    if syntax is None or syntax.type != "grammar":
        return []
    return [f"The input must match this {syntax.syntax} grammar:\n{syntax.definition}"]
