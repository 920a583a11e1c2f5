"""The JSON Schema of the configuration, made from the structs of the rooms that own the options."""

from collections.abc import Iterable

import msgspec

from gateway.admin.options import AdminOptions
from gateway.config.guards import GuardOptions
from gateway.config.keys import KeyOptions
from gateway.config.names import LONGEST_BYTES, MOST_STARS
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.config.passthrough import PassthroughOptions
from gateway.config.server import PARTS
from gateway.config.tables import fields_of
from gateway.config.teams import TeamOptions
from gateway.downstream.options import AuthOptions
from gateway.providers import Settings, openai
from gateway.providers.table import TABLE
from gateway.store.options import StoreOptions
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, object]

NULL: Schema = {"type": "null"}
SECRET: Schema = {"$ref": "#/$defs/secret"}

FAILED = "Who is asked when every home of a name has failed."
TOO_LONG = "Who is asked, instead of all others, when a prompt was too long for a name."


def schema() -> Schema:
    """Return the schema of a whole configuration, so that editors complete and check it."""
    shared: Schema = {"secret": _secret()}
    properties = {
        "server": _table("server", "Where to listen, and limits.", PARTS.values(), shared),
        "admin": _table("admin", AdminOptions.__doc__, [AdminOptions], shared),
        "defaults": _table("defaults", DefaultOptions.__doc__, [DefaultOptions], shared),
        "providers": _providers(shared),
        "models": {
            "title": "models",
            "description": "Only where there is something to say of a public name.",
            "type": "object",
            "propertyNames": _name(),
            "additionalProperties": _table("NAME", ModelOptions.__doc__, [ModelOptions], shared),
        },
        "fallbacks": _fallbacks("fallbacks", FAILED),
        "context_fallbacks": _fallbacks("context_fallbacks", TOO_LONG),
        "passthrough": _passthrough(shared),
        "groups": _groups(),
        "store": _store(shared),
        "auth": _table("auth", AuthOptions.__doc__, [AuthOptions], shared),
        "teams": _named("teams", "Who has keys together.", TeamOptions, shared),
        "keys": _keys(shared),
        "guards": _guards(shared),
        "telemetry": _telemetry(shared),
    }
    return {
        "$schema": DIALECT,
        "title": "gateway.toml",
        "description": "The configuration of the gateway. Every table is optional.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": shared,
    }


def _passthrough(shared: Schema) -> Schema:
    return _table("passthrough", PassthroughOptions.__doc__, [PassthroughOptions], shared)


def _store(shared: Schema) -> Schema:
    table = _table("store", StoreOptions.__doc__, [StoreOptions], shared)
    return _may_be_empty(_may_be_empty(table, "shared"), "database")


def _telemetry(shared: Schema) -> Schema:
    table = _table("telemetry", "What is told of calls.", [LogOptions], shared)
    return _may_be_empty(_may_be_empty(table, "receipts"), "otlp_endpoint")


def _may_be_empty(table: Schema, name: str) -> Schema:
    """An empty address is none, unlike any other secret."""
    properties = table["properties"]
    assert isinstance(properties, dict)
    said = properties[name]
    known = {key: said.pop(key) for key in ("description", "default") if key in said}
    properties[name] = {**known, "anyOf": [{"const": ""}, said]}
    return table


def _providers(shared: Schema) -> Schema:
    """A table's kind is its own name, unless it says otherwise; other names must say it."""
    for kind, module in TABLE.items():
        shared[f"provider-{kind}"] = _provider(kind, module.Options, shared)
    kinds = {kind: {"$ref": f"#/$defs/provider-{kind}"} for kind in TABLE}
    said = [{**table, "required": ["kind"]} for table in kinds.values()]
    shared["provider"] = {
        "title": "provider",
        "description": "A provider that says its kind.",
        "anyOf": said,
    }
    other: Schema = {"$ref": "#/$defs/provider"}
    return {
        "title": "providers",
        "description": "Who may answer, by names of your own; the kind defaults to the name.",
        "type": "object",
        "propertyNames": _name(),
        "properties": {name: {"anyOf": [table, other]} for name, table in kinds.items()},
        "additionalProperties": other,
    }


def _provider(kind: str, options: type[Settings], shared: Schema) -> Schema:
    table = _table(kind, options.__doc__, [options], shared)
    properties = table["properties"]
    assert isinstance(properties, dict)
    properties["kind"] = {**properties["kind"], "const": kind}
    del properties["kind"]["default"]
    if issubclass(options, openai.Options) and options is not openai.Options:
        table["properties"] = _as_openai(properties, shared)
    required = [field.name for field in fields_of(options) if field.required]
    return {**table, "required": required} if required else table


def _as_openai(properties: Schema, shared: Schema) -> Schema:
    """Say by reference what is as `openai` has it: the whole would be long if each kind said it."""
    openais = shared["provider-openai"]
    assert isinstance(openais, dict)
    return {
        name: {"$ref": f"#/$defs/provider-openai/properties/{name}"}
        if node == openais["properties"].get(name)
        else node
        for name, node in properties.items()
    }


def _fallbacks(title: str, description: str) -> Schema:
    name = {"type": "string", **_name()}
    return {
        "title": title,
        "description": description,
        "type": "object",
        "propertyNames": {**_name(), "pattern": rf"^[^*]*(\*[^*]*){{0,{MOST_STARS}}}$"},
        "additionalProperties": {"anyOf": [name, {"type": "array", "items": name}]},
    }


def _groups() -> Schema:
    return {
        "title": "groups",
        "description": "Names and patterns under one name, for `models` of keys and teams.",
        "type": "object",
        "propertyNames": {**_name(), "pattern": "^[^@*][^*]*$"},
        "additionalProperties": {"type": "array", "items": {"type": "string", **_name()}},
    }


def _named(title: str, description: str, struct: type[msgspec.Struct], shared: Schema) -> Schema:
    """Return the schema of tables that have names of the operator's own."""
    return {
        "title": title,
        "description": description,
        "type": "object",
        "propertyNames": _name(),
        "additionalProperties": _table("NAME", struct.__doc__, [struct], shared),
    }


def _guards(shared: Schema) -> Schema:
    whole = _named("guards", "What is looked for in what is said.", GuardOptions, shared)
    table = whole["additionalProperties"]
    assert isinstance(table, dict)
    return {**whole, "additionalProperties": {**table, "required": ["kind"]}}


def _keys(shared: Schema) -> Schema:
    table = _table("key", KeyOptions.__doc__, [KeyOptions], shared)
    required = [field.name for field in fields_of(KeyOptions) if field.required]
    return {
        "title": "keys",
        "description": "Virtual keys that are under version control: their hashes alone.",
        "type": "array",
        "items": {**table, "required": required},
    }


def _table(
    title: str, description: str | None, structs: Iterable[type[msgspec.Struct]], shared: Schema
) -> Schema:
    """Return the schema of a table with the fields of some structs, closed to all other keys."""
    properties: Schema = {}
    for struct in structs:
        (top,), parts = msgspec.json.schema_components([struct], schema_hook=_hook)
        own = parts.pop(str(top["$ref"]).rpartition("/")[2])
        shared |= {name: _tidy(part) for name, part in parts.items()}
        for field in fields_of(struct):
            made = field.default_factory
            default = {} if made is msgspec.NODEFAULT else {"default": made()}
            properties[field.name] = _tidy({**own["properties"][field.name], **default})
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _name() -> Schema:
    return {"minLength": 1, "maxLength": LONGEST_BYTES}


def _secret() -> Schema:
    text = {"type": "string", "minLength": 1}

    def reference(name: str, description: str) -> Schema:
        return {
            "title": name,
            "type": "object",
            "properties": {name: {**text, "description": description}},
            "required": [name],
            "additionalProperties": False,
        }

    return {
        "title": "secret",
        "description": "A secret, best by reference: it is never shown.",
        "oneOf": [
            reference("env", "The name of an environment variable."),
            reference("file", "The path of a file; a relative one begins in this file's folder."),
            {**text, "title": "plain", "description": "The secret itself: taken with a warning."},
        ],
    }


def _hook(kind: type) -> Schema:
    if kind is Secret:
        return SECRET
    raise NotImplementedError(kind.__name__)


def _tidy(node: object) -> object:
    """Take out null, which TOML does not have, and tuples, which JSON does not have.

    Where a table is optional, an empty one says that there is none.
    """
    match node:
        case dict():
            whole = {
                name: _tidy(value)
                for name, value in node.items()
                if not (name == "default" and value is None) and (name, value) != ("required", [])
            }
            whole.update({"default": {}} if isinstance(node.get("default"), dict) else {})
            return _without_null(whole)
        case list() | tuple():
            return [_tidy(item) for item in node]
        case _:
            return node


def _without_null(node: Schema) -> Schema:
    choices = node.get("anyOf")
    if not isinstance(choices, list) or NULL not in choices:
        return node
    left = [choice for choice in choices if choice != NULL]
    if "$ref" in left[0] and left[0] != SECRET:
        left.append({"title": "none", "type": "object", "maxProperties": 0})
    rest = {name: value for name, value in node.items() if name != "anyOf"}
    return {**left[0], **rest} if len(left) == 1 else {**rest, "anyOf": left}
