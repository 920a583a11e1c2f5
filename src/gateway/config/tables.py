"""Reads a table of the file into the struct of the room that owns it, noting every mistake.

msgspec stops at the first mistake, so each field is converted by itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from gateway.config.files import Files
from gateway.config.lines import Key
from gateway.config.mistakes import Notes, quoted
from gateway.config.secrets import Secrets, source_of
from gateway.providers import ConductSettings, Settings
from gateway.words.secret import Secret

S = TypeVar("S", bound=Struct)

_PLACE = re.compile(r" - at `\$(?:\[(?P<index>\d+)\])?.*`$")
_TYPE_NAMES = re.compile(r"`([^`]+)`")
_TYPES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "list": "a list",
    "dict": "a table",
    "datetime": "a date and time",
    "date": "a date",
    "time": "a time of day",
}
_HOLDERS: Mapping[object, str] = {list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What every reader of a table needs: where mistakes are noted, where files and secrets are."""

    notes: Notes
    files: Files
    secrets: Secrets


def fields_of(struct: type[Struct]) -> tuple[FieldInfo, ...]:
    """Return the fields of a struct that a file may set; what every level may say comes last."""
    refused = struct.REFUSES if issubclass(struct, Settings) else ()
    fields = [field for field in msgspec.structs.fields(struct) if field.name not in refused]
    if issubclass(struct, ConductSettings):
        fields.sort(key=lambda field: field.name in ConductSettings.__struct_fields__)
    return tuple(fields)


def as_table(value: object, key: Key, reading: Reading) -> Mapping[str, object]:
    """Return a value that should be a table; where it is none, note it and return an empty one."""
    if isinstance(value, dict):
        return value
    reading.notes.mistake(key, f"expected a table, got {_TYPES[type(value).__name__]}")
    return {}


def refuse_unknown(
    table: Mapping[str, object], structs: Sequence[type[Struct]], key: Key, reading: Reading
) -> None:
    """Note each key of a table that none of the structs has."""
    known = [field.name for struct in structs for field in fields_of(struct)]
    for name in table:
        if name not in known:
            reading.notes.unknown((*key, name), name, known)


def read_table(struct: type[S], value: object, key: Key, reading: Reading) -> S | None:
    """Read a table that belongs to one struct; None where no struct comes of it."""
    table = as_table(value, key, reading)
    if not isinstance(value, dict):
        return None
    refuse_unknown(table, [struct], key, reading)
    return read_struct(struct, table, key, reading)


def read_struct(
    struct: type[S], table: Mapping[str, object], key: Key, reading: Reading
) -> S | None:
    """Read those keys of a table that a struct has; None where one that must be there is not.

    A value that is mistaken is noted and left at its default, so that reading goes on.
    """
    values: dict[str, object] = {}
    for field in fields_of(struct):
        where = (*key, field.name)
        if field.name in table:
            value = read_value(field.type, table[field.name], where, reading)
            if not reading.notes.is_wrong(where):
                values[field.name] = value
        elif field.required:
            reading.notes.mistake(where, "is missing")
    if any(field.required and field.name not in values for field in fields_of(struct)):
        return None
    return struct(**values)


def read_value(kind: object, value: object, key: Key, reading: Reading) -> object:
    """Read one value of a type as msgspec knows it; a mistake is noted, and None returned."""
    members = _members(kind)
    inner = next((m for m in members if isinstance(m, type) and issubclass(m, Struct)), None)
    reading.notes.came_from(key)
    if isinstance(value, list) and (listed := _listed(members)) is not None:
        return _read_list(listed, _most(kind), value, key, reading)
    if inner is not None:
        if value == {} and NoneType in members:
            return None
        return read_table(inner, value, key, reading)
    try:
        result: object = msgspec.convert(
            value, type=kind, dec_hook=lambda _, said: reading.secrets.fetch(said)
        )
    except msgspec.ValidationError as error:
        _note_invalid(str(error), members, value, key, reading.notes)
        return None
    if Secret in members:
        _note_source(value, key, reading.notes)
    elif list[Secret] in members and isinstance(value, list):
        for index, said in enumerate(value):
            _note_source(said, (*key, index), reading.notes)
    elif dict[str, Secret] in members and isinstance(value, dict):
        for name, said in value.items():
            _note_source(said, (*key, name), reading.notes)
    return result


def _read_list(
    struct: type[Struct], most: int | None, value: Sequence[object], key: Key, reading: Reading
) -> list[Struct]:
    """Read a list of tables that all belong to one struct."""
    if most is not None and len(value) > most:
        reading.notes.mistake(key, f"expected a list of length <= {most}")
        return []
    tables = [read_table(struct, each, (*key, at), reading) for at, each in enumerate(value)]
    return [table for table in tables if table is not None]


def _members(kind: object) -> list[object]:
    """Return the types that a field takes, without annotations."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [member for part in get_args(kind) for member in _members(part)]
    return [kind]


def _listed(members: list[object]) -> type[Struct] | None:
    """Return the struct of which a field takes a list."""
    for member in members:
        for inner in get_args(member) if get_origin(member) is list else ():
            if isinstance(inner, type) and issubclass(inner, Struct):
                return inner
    return None


def _most(kind: object) -> int | None:
    """Return how long a list may be; None where nothing is said of it."""
    said = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((meta.max_length for meta in said if isinstance(meta, Meta)), None)


def _note_invalid(said: str, members: list[object], value: object, key: Key, notes: Notes) -> None:
    place = _PLACE.search(said)
    if place is not None:
        said = said[: place.start()]
        key = (*key, int(place["index"])) if place["index"] else key
    choices = [c for m in members if get_origin(m) is Literal for c in get_args(m)]
    if choices and isinstance(value, str):
        others = [_HOLDERS[held] for m in members if (held := get_origin(m)) in _HOLDERS]
        wanted = " or ".join([*map(quoted, choices), *others])
        near = notes.nearest(value, choices)
        notes.mistake(key, f"expected {wanted}, got {quoted(value)}", near)
    else:
        notes.mistake(key, _plain(said))


def _plain(said: str) -> str:
    """Turn msgspec's words for types into those of a TOML file."""

    def names(match: re.Match[str]) -> str:
        # There is no null in TOML: a key that is not to be set is not written.
        known = [_TYPES.get(name, name) for name in match[1].split(" | ") if name != "null"]
        return " or ".join(known)

    plain = _TYPE_NAMES.sub(names, said)
    return plain[:1].lower() + plain[1:]


def _note_source(said: object, key: Key, notes: Notes) -> None:
    source = source_of(said)
    if source is not None:
        notes.came_from(key, source)
    else:
        notes.literal(key, "a secret")
