"""Makes docs/api.md: the public endpoints of the table, the admin's API of its own description."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.endpoints import AZURE, ENDPOINTS, Endpoint
from gateway.policy.areas import AREAS, HELD
from tests.docs.admin_api import described
from tests.house.source import ROOT

PAGE: Final = ROOT / "docs/api.md"

TEXT: Final = Path(__file__).with_name("api.in.md")
"""The words around the tables."""

FAR: Final = 1_000_000_000
"""A bound beyond any use only catches slips, and would make the page harder to read."""

FORMS: Final = {
    "chat": "OpenAI's chat",
    "responses": "OpenAI's Responses",
    "messages": "Anthropic's Messages",
    "raw": "OpenAI's own",
}


def page() -> str:
    """Return the page."""
    text = TEXT.read_text(encoding="utf-8")
    for place, made in _made().items():
        mark = f"<!-- {place} -->"
        assert text.count(mark) == 1, f"no place for {place}"
        text = text.replace(mark, made.strip("\n"))
    return text


def _made() -> dict[str, str]:
    """Return what is made of the code, by its place in the text."""
    areas = sorted({*AREAS, *(root.area for root in HELD)} - {"responses"})
    told = described()
    schemas = told["components"]["schemas"]
    return {
        "endpoints": "".join(_row(each) for each in ENDPOINTS if not each.path.startswith(AZURE)),
        "azure": AZURE.replace("{id}", "{model}"),
        "areas": ", ".join(f"`/v1/{area}`" for area in areas),
        "operations": "".join(
            _operation(method, path, said, schemas)
            for path, methods in told["paths"].items()
            for method, said in methods.items()
        ),
    }


def _row(endpoint: Endpoint) -> str:
    asked = "a model's provider" if endpoint.carried else "the gateway itself"
    path = endpoint.path.replace("{rest}", "{model}")
    form = FORMS[endpoint.form] if endpoint.carried else ""
    form += ", with files" if endpoint.uploads else ""
    return f"| {endpoint.method} | `{path}` | `{endpoint.operation}` | {form} | {asked} |\n"


def _operation(method: str, path: str, said: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    text = f"\n### {method.upper()} {path}\n\n{said['summary']} {said.get('description', '')}"
    lines = [text.strip(" ") + "\n"]
    asked = [
        (each["name"], each["schema"], each["required"])
        for each in said.get("parameters", ())
        if each["in"] == "query"
    ]
    if asked:
        lines += [
            "\n| asked | type | default |\n|---|---|---|\n",
            *map(_field, *zip(*asked, strict=True)),
        ]
    if "requestBody" in said:
        body = _named(said["requestBody"]["content"]["application/json"]["schema"], schemas)
        needed = body.get("required", ())
        lines.append("\n| in the body | type | default |\n|---|---|---|\n")
        lines += [_field(name, each, name in needed) for name, each in body["properties"].items()]
    ((kind, content),) = said["responses"]["200"]["content"].items()
    lines.append(f"\nAnswers with {_answer(kind, content.get('schema', {}), schemas)}.\n")
    return "".join(lines)


def _field(name: str, schema: Mapping[str, Any], needed: bool) -> str:
    default = "must be there" if needed else _literal(schema.get("default"))
    return f"| `{name}` | {_type(schema)} | {default} |\n"


def _literal(value: object) -> str:
    if value in ("", None, [], {}):
        return ""
    if isinstance(value, dict):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _named(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = schemas[schema["$ref"].rpartition("/")[2]]
    return found


def _answer(kind: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if kind != "application/json":
        return f"`{kind}`"
    fields = _named(schema, schemas).get("properties", {})
    return "JSON: " + ", ".join(f"`{name}`" for name in fields) if fields else "JSON"


def _type(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"enum": list(values)}:
            return " or ".join(f"`{value}`" for value in values if value != "")
        case {"anyOf": list(choices)}:
            return " or ".join(_types(choices))
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}s"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object of {_type(values)}s"
        case {"$ref": str() as name}:
            return f"`{name.rpartition('/')[2].rpartition('.')[2]}`"
        case {"type": str() as name}:
            return name + _bounds(schema)
        case _:
            return "anything"


def _types(choices: list[Mapping[str, Any]]) -> Iterator[str]:
    return (_type(each) for each in choices if each.get("type") != "null")


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "above",
        "maxLength": "at most",
    }
    said = [
        f"{word} {schema[name]}{' characters' if name == 'maxLength' else ''}"
        for name, word in words.items()
        if name in schema and abs(schema[name]) < FAR
    ]
    return f", {', '.join(said)}" if said else ""
