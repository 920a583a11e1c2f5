"""Writes `docs/configuration.md` from the schema, so that it cannot say anything else."""

from collections.abc import Mapping
from dataclasses import asdict

from gateway.config.levels import HOUSE
from gateway.config.schema import SECRET, Schema, schema
from gateway.config.show import literal
from gateway.policy.offers import Rules
from gateway.providers.known import KNOWN, Named
from gateway.providers.table import TABLE

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

A name that several providers offer has several homes, in the order in which they stand in the file
unless an `order` says otherwise. Each table also takes the keys of [Conduct](#conduct).
"""

_KINDS = """\
### Further kinds

Providers and servers that speak OpenAI's form. Each takes the keys of `kind = "openai"` with
defaults of its own, and `running_usage` only where this table says so. Under its own name a
provider that lists its models needs a key and nothing else:

```toml
[providers.groq]
api_key = { env = "GROQ_API_KEY" }
```

[Providers](providers.md) tells more of each.

| kind | who | `base_url` | `models` | `running_usage` |
|---|---|---|---|---|
"""

_PASSTHROUGH = """\
What is not named here is a 404 that says so. [Pass-through](passthrough.md) tells whose things are.

```toml part
[passthrough]
files = "openai"
batches = "openai"
```
"""

_GROUPS = """\
## `[groups]`

Names of models and patterns under one name of your own, without `@` in front. In the `models` of a
key or a team `"@frontier"` stands for all of them. A group holds no other group.

```toml part
[groups]
frontier = ["gpt-5.2", "claude-opus-*"]
```
"""

_KEYS = """\
## `[[keys]]`

Virtual keys that are under version control, one table for each; `name` and `hash` must be there.
The hash cannot be turned back, and it is made with `auth.pepper`. What a key asks for, its own
`models` and those of its team must both allow; any other name is as unknown to it as one that
nobody answers.

```toml part
[auth]
pepper = { env = "GATEWAY_PEPPER" }

[teams.research]
models = ["@frontier", "local/*"]
limits = { requests_per_minute = 600, concurrency = 50 }

[[keys]]
name = "ci"
hash = "6ab2c9eeb1f9b2bd3b8d4c1e9f0a7d5566778899aabbccddeeff001122334455"
team = "research"
limits = { requests_per_minute = 60 }
expires = 2027-01-01
```
"""

_LIMITS = """\
### `limits`

Of a key, of a team, whose keys share them, and of a model, whose callers all share them. Several
`workers` count together by the shared store alone: without `store.shared` there is one worker.
"""

_BUDGETS = """\
### `budgets`

Of a key, and of a team: a list of tables, each for money within a calendar window in UTC. A call is
paid from every budget that means its name, and comes in where none of them is short. A week begins
on Monday. What has been spent is in the ledger, so `store.database` must be named.

```toml part
[teams.research]
budgets = [
  { usd = 20_000, per = "month" },
  { usd = 60, per = "day", each = "user" },
  { usd = 3_000, per = "month", models = ["claude-opus-*"], then = "gpt-5.2", alert = [0.8] },
]
```
"""

_GUARDS = """\
Each kind reads its own keys and `on`, `then`, `unseen`; [Guards](guards.md) tells what each finds.

```toml part
[defaults]
guards = ["people"]

[guards.people]
kind = "pii"
then = "redact"
```
"""

_SECRETS = """\
## Secrets

A secret is `{ env = "NAME" }`, a variable of the environment, or `{ file = "path" }`, the content
of a file without the space around it. A plain string is taken too, with a warning; in a file that
everybody on the machine may read `gateway check` refuses it. A secret that is missing or empty is
a mistake. No secret is ever shown: at most its last four characters.
"""

_SIGN_IN = """\
### `[admin.sign_in]`

Who signs people in to the admin, and what they are there then
([how to](howto/sign-in-with-oidc.md)):

```toml
[admin.sign_in]
issuer = "https://id.example.com"
client_id = "gateway"
client_secret = { env = "GATEWAY_CLIENT_SECRET" }
admins = ["oidc:platform-team"]
```
"""

_PROBES = """\
### `probe`

Whether a provider is there, asked now and again beside all calls:

```toml part
[providers.local]
probe = { interval = 10.0, path = "/health" }
```
"""

_CONDUCT = """\
## Conduct

How a call goes about its targets, in `[defaults]`, `[providers.NAME]` and `[models.NAME]`. Each key
is taken from the model, else from its provider, else from the defaults, else from this page; so is
each key of the tables below by itself. Only the `cooldown` of a model is one thing: what it leaves
out is taken from the defaults, and its provider's counts no more.
"""

_COOLDOWN = """\
### `cooldown`

When a home that fails is left alone. A name's only home never is.
"""

_CACHE = """\
### `cache`

Answers that are kept and told again.
"""

_CLOCKS = """\
### `timeouts`

The clocks towards providers.
"""

_FALLBACKS = """\
## `[fallbacks]`, `[context_fallbacks]`

Where a call goes when every home of its name has failed, and where it goes at once when the prompt
was too long for one. Before `=` stands a name or a pattern, in which `*` is anything; behind it one
name or a list of names, each of a provider's model or of `[models]`. The name itself counts before
patterns, and of those the one with the most letters before the others; only the first that fits
counts, and an empty list is for a name that falls back on nothing. What a fallback falls back on is
not asked.

```toml part
[fallbacks]
"claude-*" = "gpt-5.2"
"gpt-5.2" = ["claude-sonnet-4-5", "local/writer"]

[context_fallbacks]
"gpt-5.2-mini" = "gpt-5.2"
```
"""

FAR = 100_000

_NONE: Mapping[str, object] = {}


def markdown() -> str:
    """Return the page, with a line break at its end."""
    whole = schema()
    shared = _inner(whole, "$defs")
    tables = _inner(whole, "properties")
    page = _HEAD
    page += _table("## `[server]`", _inner(tables, "server"), shared)
    page += _table("## `[admin]`", _inner(tables, "admin"), shared)
    page += "\n" + _SIGN_IN + _rows(_inner(shared, "SignInOptions"), shared, {})
    page += _table("## `[defaults]`", _own(_inner(tables, "defaults")), shared, asdict(Rules()))
    page += "\nIt also takes the keys of [Conduct](#conduct).\n"
    page += "\n## `[providers.NAME]`\n\n" + _PROVIDERS
    known = {each.kind for each in KNOWN}
    for kind in (kind for kind in TABLE if kind not in known):
        table = _own(_inner(shared, f"provider-{kind}"))
        page += _table(f'### kind = "{kind}"', table, shared)
    page += "\n" + _KINDS + "".join(map(_kind, KNOWN))
    page += "\n" + _PROBES + _rows(_inner(shared, "ProbeOptions"), shared, {})
    model = _own(_inner(_inner(tables, "models"), "additionalProperties"))
    page += _table("## `[models.NAME]`", model, shared)
    page += "\nIt also takes the keys of [Conduct](#conduct).\n"
    page += _conduct(_inner(tables, "defaults"), shared)
    page += "\n" + _FALLBACKS
    page += _table("## `[passthrough]`", _inner(tables, "passthrough"), shared)
    page += "\n" + _PASSTHROUGH
    page += "\n" + _GROUPS
    page += _table("## `[store]`", _inner(tables, "store"), shared)
    page += _table("## `[auth]`", _inner(tables, "auth"), shared)
    team = _inner(_inner(tables, "teams"), "additionalProperties")
    page += _table("## `[teams.NAME]`", team, shared)
    page += "\n" + _KEYS + _rows(_inner(_inner(tables, "keys"), "items"), shared, {})
    page += "\n" + _LIMITS + _rows(_inner(shared, "LimitOptions"), shared, {})
    page += "\n" + _BUDGETS + _rows(_inner(shared, "BudgetOptions"), shared, {})
    guard = _inner(_inner(tables, "guards"), "additionalProperties")
    page += _table("## `[guards.NAME]`", guard, shared)
    page += "\n" + _GUARDS
    page += _table("## `[telemetry]`", _inner(tables, "telemetry"), shared)
    return page + "\n" + _SECRETS


def _kind(named: Named) -> str:
    cells = [
        f"`{named.kind}`",
        named.title,
        f"`{literal(named.base_url)}`" if named.base_url else "no default",
        '`"*"`' if named.lists else "no default",
        "yes" if named.running_usage else "",
    ]
    return f"| {' | '.join(cells)} |\n"


def _conduct(defaults: Schema, shared: Schema) -> str:
    """Return what every level may say, with what holds where none does."""
    said = "\n" + _CONDUCT + _rows(_own(defaults, own=False), shared, HOUSE)
    for text, struct, key in (
        (_COOLDOWN, "CooldownSettings", "cooldown"),
        (_CACHE, "CacheSettings", "cache"),
        (_CLOCKS, "TimeoutSettings", "timeouts"),
    ):
        said += "\n" + text + _rows(_inner(shared, struct), shared, HOUSE[key])
    return said


def _own(table: Schema, *, own: bool = True) -> Schema:
    """Return a table without what every level may say, or with nothing else."""
    properties = _inner(table, "properties")
    names = [name for name in properties if (name in HOUSE) != own]
    return {**table, "properties": {name: properties[name] for name in names}}


def _table(
    heading: str, table: Schema, shared: Schema, defaults: Mapping[str, object] = _NONE
) -> str:
    return f"\n{heading}\n\n{table['description']}\n{_rows(table, shared, defaults)}"


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
            return f"table of {_keys_of(ref, shared)}"
        case {"anyOf": list(choices)}:
            return " or ".join(_type(choice, shared) for choice in choices)
        case {"enum": list(choices)}:
            return " or ".join(f"`{literal(choice)}`" for choice in choices)
        case {"const": str(choice)}:
            return f"`{literal(choice)}`"
        case {"type": "array", "items": {"$ref": str(ref)}} if ref != SECRET["$ref"]:
            return f"list of tables of {_keys_of(ref, shared)}"
        case {"type": "array", "items": dict(items)} if items.get("type") == "number":
            return f"list of numbers{_bounds(items)}"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items, shared)}s"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"table of {_type(values, shared)}s"
        case {"maxProperties": 0}:
            return "`{}`"
        case {"format": str(form)}:
            return "date and time" if form == "date-time" else form
        case _:
            return str(node["type"]) + _bounds(node)


def _keys_of(ref: str, shared: Schema) -> str:
    keys = _inner(_inner(shared, ref.rpartition("/")[2]), "properties")
    return ", ".join(f"`{key}`" for key in keys)


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
