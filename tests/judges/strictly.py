"""Judges JSON by the types that a provider's official SDK publishes: no field that they have not.

What those types hold as anything iterable is judged as a list, item by item: an iterator would be
taken for sound until somebody looks.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaValidator, ValidationError

Judge = Callable[[object], None]

SHOWN = 6
"""So many of a judge's reasons are told."""


class Refused(ValueError):
    """What a provider would not accept, and why."""


def by_type(kind: Any, *, strict: bool = True) -> Judge:
    """Return who judges by a typed dictionary; not `strict` takes a number that is a text."""
    validator = SchemaValidator(_eager(TypeAdapter(kind).core_schema))

    def judge(body: object) -> None:
        try:
            validator.validate_json(json.dumps(body), strict=strict, extra="forbid")
        except ValidationError as error:
            raise Refused(reasons_of(error)) from None

    return judge


def by_model(kind: type[BaseModel]) -> Judge:
    """Return who judges by one of pydantic's models."""

    def judge(body: object) -> None:
        try:
            kind.model_validate_json(json.dumps(body), extra="forbid")
        except ValidationError as error:
            raise Refused(reasons_of(error)) from None

    return judge


def reasons_of(error: ValidationError) -> str:
    """Tell a few of the reasons, those that lie deepest first: they are about what is meant."""
    told = sorted(error.errors(include_url=False), key=lambda each: -len(each["loc"]))
    lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in told[:SHOWN]]
    return "\n".join(lines)


def only(body: dict[str, Any], known: Iterable[str]) -> None:
    """Refuse fields that are not known."""
    odd = body.keys() - set(known)
    if odd:
        raise Refused(f"not known: {', '.join(sorted(odd))}")


def _eager(schema: Any) -> Any:
    if isinstance(schema, dict):
        eager = {name: _eager(part) for name, part in schema.items()}
        return {**eager, "type": "list"} if eager.get("type") == "generator" else eager
    if isinstance(schema, list | tuple):
        return type(schema)(_eager(part) for part in schema)
    return schema
