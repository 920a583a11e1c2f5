"""Writes `docs/configuration.md` from the schema, so that it cannot say anything else."""

from collections.abc import Mapping
from dataclasses import asdict

from gateway.config.schema import Schema, schema
from gateway.config.show import literal
from gateway.providers.table import TABLE
from gateway.words.target import Timeouts

_HEAD = """\
# Configuration

This page is made by `gateway schema --markdown`; `gateway schema` prints the same as a JSON Schema,
from which editors complete a file.

The configuration is one TOML file: the one that `--config` names, else the one that the environment
variable `GATEWAY_CONFIG` names, else `gateway.toml` in the current folder. Every table and every
key is optional. A key that is not on this page is a mistake, and `gateway check` names file, line
and the nearest key that exists.

Without a file the gateway finds providers by the usual environment variables and by servers on this
machine. With a file nothing is looked for. The built-in model `echo` is always there, unless the
file gives its name away.

Durations are seconds, sizes are bytes. Relative paths begin in the file's own folder.
"""

_PROVIDERS = """\
One table for each provider, under a name of your own. `kind` says how it is spoken to; by default
it is the table's name. A server that speaks OpenAI's form needs only a `kind` and a `base_url`:

```toml
[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"
prefix = "local/"
```
"""

_SECRETS = """\
## Secrets

A secret is `{ env = "NAME" }`, a variable of the environment, or `{ file = "path" }`, the content
of a file without the space around it. A plain string is taken too, with a warning; in a file that
everybody on the machine may read `gateway check` refuses it. A secret that is missing or empty is
a mistake. No secret is ever shown: at most its last four characters.
"""

_CLOCKS = """\
## Timeouts

The clocks towards providers, in `[defaults.timeouts]`, `[providers.NAME.timeouts]` and
`[models.NAME.timeouts]`. Each clock is taken from the model, else from its provider, else from the
defaults, else from this page.
"""

FAR = 100_000


def markdown() -> str:
    """Return the page, with a line break at its end."""
    whole = schema()
    shared = _inner(whole, "$defs")
    tables = _inner(whole, "properties")
    clocks = _inner(shared, "TimeoutSettings")
    page = _HEAD
    page += _table("## `[server]`", _inner(tables, "server"), shared)
    page += _table("## `[admin]`", _inner(tables, "admin"), shared)
    page += "\n## `[providers.NAME]`\n\n" + _PROVIDERS
    for kind in TABLE:
        page += _table(f'### kind = "{kind}"', _inner(shared, f"provider-{kind}"), shared)
    model = _inner(_inner(tables, "models"), "additionalProperties")
    page += _table("## `[models.NAME]`", model, shared)
    page += "\n" + _CLOCKS + _rows(clocks, shared, asdict(Timeouts()))
    page += _table("## `[auth]`", _inner(tables, "auth"), shared)
    page += _table("## `[telemetry]`", _inner(tables, "telemetry"), shared)
    return page + "\n" + _SECRETS


def _table(heading: str, table: Schema, shared: Schema) -> str:
    return f"\n{heading}\n\n{table['description']}\n{_rows(table, shared, {})}"


def _rows(table: Schema, shared: Schema, defaults: Mapping[str, object]) -> str:
    properties = _inner(table, "properties")
    rows = [_row(name, _inner(properties, name), defaults.get(name), shared) for name in properties]
    return "\n| key | type | default | unit | meaning |\n|---|---|---|---|---|\n" + "".join(rows)


def _row(name: str, node: Schema, default: object, shared: Schema) -> str:
    default = node.get("default", default)
    cells = [
        f"`{name}`",
        _type(node, shared),
        "" if default is None else f"`{literal(default)}`",
        str(node.get("x-unit", "")),
        str(node["description"]),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _type(node: Schema, shared: Schema) -> str:
    match node:
        case {"$ref": "#/$defs/secret"}:
            return "secret"
        case {"$ref": str(ref)}:
            keys = _inner(_inner(shared, ref.rpartition("/")[2]), "properties")
            return f"table of {', '.join(f'`{key}`' for key in keys)}"
        case {"anyOf": list(choices)}:
            return " or ".join(_type(choice, shared) for choice in choices)
        case {"enum": list(choices)}:
            return " or ".join(f"`{literal(choice)}`" for choice in choices)
        case {"const": str(choice)}:
            return f"`{literal(choice)}`"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items, shared)}s"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"table of {_type(values, shared)}s"
        case {"maxProperties": 0}:
            return "`{}`"
        case _:
            return str(node["type"]) + _bounds(node)


def _bounds(node: Schema) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "maximum": "≤"}
    numbers = [(sign, node[name]) for name, sign in signs.items() if name in node]
    # A bound far beyond any use only catches slips: it would make the page harder to read.
    said = [f"{sign} {n}" for sign, n in numbers if isinstance(n, int | float) and n < FAR]
    return f" {', '.join(said)}" if said else ""


def _inner(table: Mapping[str, object], name: str) -> Schema:
    inner = table[name]
    assert isinstance(inner, dict)
    return inner
