"""Turns a JSON Schema into the part of JSON Schema that Gemini reads. Pure.

References are put in where they point; one that leads into itself stays a reference. What the
provider's part does not have is said in the description, in the schema's own words, so that the
model is told it still.

https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from gateway.forms.asked import unsupported

MAX_SCHEMAS: Final = 20_000
MAX_TOLD_BYTES: Final = 1_048_576
"""Schemas of one request, required names among them, and the bytes of what is put in by references
or said in words: a few lines could become any number (R15)."""

_ROOT: Final = "#"
_AT: Final = re.compile(r"[0-9]{1,6}")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")

_KEPT: Final = frozenset(
    {
        *("type", "format", "title", "description", "minimum", "maximum", "minItems", "maxItems"),
        "propertyOrdering",
    }
)
_SILENT: Final = frozenset(
    {
        *("$schema", "$id", "$anchor", "$comment", "$vocabulary", "$defs", "definitions"),
        *("deprecated", "readOnly", "writeOnly"),
    }
)
"""What says nothing of the values, or is read elsewhere."""

_WORDS: Final = "JSON Schema: "
"""Before what is said in the schema's own words."""

_NAMES: Final = frozenset({"title", "description"})
"""What a schema may say anew of what it is made of."""

Schema = dict[str, Any]

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Room:
    """How much the schemas of one request may still become."""

    schemas: int = MAX_SCHEMAS
    bytes: int = MAX_TOLD_BYTES


def subset_of(schema: Mapping[str, Any], param: str, room: Room) -> Schema:
    """Return the schema as the provider reads it; `param` is the field that it stands in.

    Raises `Unsupported` for a reference to nowhere, and for more than there is room for.
    """
    return _Reading(schema, param, room).whole()


class _Reading:
    """One schema on its way."""

    def __init__(self, root: Mapping[str, Any], param: str, room: Room) -> None:
        self._root = root
        self._param = param
        self._room = room
        self._within: list[str] = [_ROOT]
        self._cyclic: dict[str, Schema] = {}
        self._names: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def whole(self) -> Schema:
        read = self._read(self._root)
        if self._cyclic:
            read["$defs"] = self._cyclic
        return read

    def _read(self, schema: object) -> Schema:
        self._take_schemas(1)
        if not isinstance(schema, Mapping):
            return {}
        read, words = self._pointed_at(schema), {}
        refers = "$ref" in read
        made = self.all_of(schema["allOf"]) if "allOf" in schema else {}
        if made is None or (refers and made) or not _join(read, made):
            words["allOf"] = schema["allOf"]
        for key, value in schema.items():
            if key in _SILENT or key in _READ_BEFORE or key.startswith("x-"):
                continue
            write = _WRITERS.get(key)
            if write is not None:
                said = write(self, value)
            else:
                said = {key: value} if key in _KEPT else None
            if said is None or (refers and key not in _NAMES) or not _join(read, said, _NAMES):
                words[key] = value
        self._take_schemas(len(read.get("required", ())))
        return self._with_words(_settled(read), words)

    def _pointed_at(self, schema: Mapping[str, Any]) -> Schema:
        """Return what a schema refers to, if it does."""
        pointer = schema.get("$ref")
        if not isinstance(pointer, str):
            return {}
        if pointer in self._within:
            return {"$ref": self._kept(pointer)}
        found = self._found(pointer)
        self._within.append(pointer)
        read = self._read(found)
        self._within.pop()
        return read

    def _kept(self, pointer: str) -> str:
        """Keep what refers to itself where a reference finds it."""
        if pointer == _ROOT:
            return _ROOT
        name = self._names.get(pointer)
        if name is None:
            name = self._names[pointer] = self._new_name(pointer)
            self._cyclic[name] = {}
            outer, self._within = self._within, [_ROOT, pointer]
            self._cyclic[name] = self._read(self._found(pointer))
            self._within = outer
        return f"#/$defs/{name}"

    def _new_name(self, pointer: str) -> str:
        """Return a name that is one step of a pointer as it stands, and nobody else's."""
        name = _NO_NAME.sub("_", pointer.rpartition("/")[2])
        while name in self._cyclic:
            name = f"{name}_{len(self._cyclic)}"
        return name

    def _found(self, pointer: str) -> object:
        place: object = self._root
        if not pointer.startswith("#/"):
            raise self._refusal(f"refers to {pointer[:100]!r}, which is not within it")
        for step in unquote(pointer[2:]).split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(place, Mapping) and key in place:
                place = place[key]
            elif isinstance(place, list) and _AT.fullmatch(key) and int(key) < len(place):
                place = place[int(key)]
            else:
                raise self._refusal(f"refers to {pointer[:100]!r}, which is not there")
        if pointer not in self._sizes:
            self._sizes[pointer] = len(_encode(place))
        self._take_bytes(self._sizes[pointer])
        return place

    def _with_words(self, schema: Schema, words: Schema) -> Schema:
        if not words:
            return schema
        told = f"{_WORDS}{_encode(words).decode()}"
        self._take_bytes(len(told))
        said = schema.get("description")
        return {**schema, "description": f"{said} ({told})" if isinstance(said, str) else told}

    def _take_schemas(self, more: int) -> None:
        self._room.schemas -= more
        if self._room.schemas < 0:
            raise self._refusal(f"holds, with those beside it, more than {MAX_SCHEMAS} schemas")

    def _take_bytes(self, size: int) -> None:
        self._room.bytes -= size
        if self._room.bytes < 0:
            raise self._refusal(f"becomes, with those beside it, more than {MAX_TOLD_BYTES} bytes")

    def _refusal(self, what: str) -> Exception:
        return unsupported(self._param, f"A schema in {self._param!r} {what}.")

    def properties(self, value: object) -> Schema | None:
        if not isinstance(value, Mapping):
            return None
        return {"properties": {name: self._read(schema) for name, schema in value.items()}}

    def items(self, value: object) -> Schema | None:
        if isinstance(value, list):
            return {"prefixItems": [self._read(schema) for schema in value]}
        return None if value is False else {"items": self._read(value)}

    def prefix_items(self, value: object) -> Schema | None:
        return self.items(value) if isinstance(value, list) else None

    def additional(self, value: object) -> Schema | None:
        return {"additionalProperties": value if isinstance(value, bool) else self._read(value)}

    def any_of(self, value: object) -> Schema | None:
        if not isinstance(value, list):
            return None
        return {"anyOf": [self._read(schema) for schema in value]}

    def all_of(self, value: object) -> Schema | None:
        """Put together what holds together; what speaks twice of one thing stays in words."""
        whole: Schema = {}
        for schema in value if isinstance(value, list) else ():
            if not _join(whole, self._read(schema)):
                return None
        return whole or None

    def required(self, value: object) -> Schema | None:
        names = value if isinstance(value, list) else [None]
        is_told = all(isinstance(name, str) for name in names)
        return {"required": [*names]} if is_told else None

    def enum(self, value: object) -> Schema | None:
        values = value if isinstance(value, list) else [value]
        told = [each for each in values if each is not None]
        if not told or not all(type(each) in _CAN_BE_LISTED for each in told):
            return None
        return {"enum": told} if len(told) == len(values) else {"enum": told, "nullable": True}

    def nullable(self, value: object) -> Schema | None:
        return {"nullable": True} if value is True else {}


_WRITERS: Final[Mapping[str, Callable[[_Reading, object], Schema | None]]] = {
    "properties": _Reading.properties,
    "items": _Reading.items,
    "prefixItems": _Reading.prefix_items,
    "additionalProperties": _Reading.additional,
    "anyOf": _Reading.any_of,
    "oneOf": _Reading.any_of,
    "required": _Reading.required,
    "enum": _Reading.enum,
    "const": _Reading.enum,
    "nullable": _Reading.nullable,
}


_CAN_BE_LISTED: Final = frozenset({str, int, float})
_READ_BEFORE: Final = frozenset({"$ref", "allOf"})


def _join(whole: Schema, said: Schema, anew: frozenset[str] = frozenset()) -> bool:
    """Add to a schema what is said beside it; say whether that holds together, else add nothing.

    Of `anew` the last word counts.
    """
    for key, value in said.items():
        if key not in whole or key in anew or key == "required":
            continue
        apart = key == "properties" and whole[key].keys().isdisjoint(value)
        if not apart and whole[key] != value:
            return False
    for key, value in said.items():
        if key == "properties" and key in whole:
            whole[key].update(value)
        elif key == "description" and key in whole:
            whole[key] = _said_anew(whole[key], value)
        elif key == "required":
            whole.setdefault(key, []).extend(value)
        else:
            whole[key] = value
    return True


def _said_anew(before: object, said: object) -> object:
    """Return a description in place of another, with what that one says in the schema's words."""
    at = before.find(_WORDS) if isinstance(before, str) and isinstance(said, str) else -1
    return f"{said} ({str(before)[at:].removesuffix(')')})" if at >= 0 else said


def _settled(schema: Schema) -> Schema:
    """Say in JSON Schema's own way that a value may be null, and what is said beside a reference.

    A reference stands alone: the provider takes nothing beside one.
    """
    if "required" in schema:
        schema["required"] = [*dict.fromkeys(schema["required"])]
    may_be_null = schema.pop("nullable", False)
    kind = schema.get("type")
    if may_be_null and isinstance(kind, str):
        return {**schema, "type": [kind, "null"]}
    names = {key: value for key, value in schema.items() if key in _NAMES}
    rest = {key: value for key, value in schema.items() if key not in _NAMES}
    if may_be_null and rest and not (isinstance(kind, list) and "null" in kind):
        return {**names, "anyOf": [rest, {"type": "null"}]}
    return {**names, "anyOf": [rest]} if names and "$ref" in rest else schema
