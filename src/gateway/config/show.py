"""Shows a configuration as it holds: defaults filled in, where each value is from, no secret."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

import msgspec

from gateway.config.budgets import written
from gateway.config.compose import Config
from gateway.config.guards import is_read
from gateway.config.homes import rules_of
from gateway.config.levels import HOUSE, Said, merged, said
from gateway.config.lines import Key
from gateway.config.mistakes import dotted, quoted
from gateway.config.providers import PASSED_ON, is_telling
from gateway.config.server import PARTS
from gateway.config.tables import fields_of
from gateway.policy.keys import KeyRecord
from gateway.providers import CLIENT_KEY, ConductSettings
from gateway.words.caller import Limits
from gateway.words.secret import Secret

DEFAULT = "default"
MASK = "***"

Mask = Callable[[Secret], str]
"""What is shown of a secret."""

_DEFAULTS = ("defaults",)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its value in the types of TOML, secrets masked, and where it is from."""

    name: str
    value: object
    origin: str

    def __str__(self) -> str:
        return f"{_key(self.name)} = {literal(self.value)}"


@dataclass(frozen=True, slots=True)
class Section:
    """One table by its path, with its rows. `in_list`: it is one of several of that path."""

    path: tuple[str, ...]
    rows: tuple[Row, ...]
    in_list: bool = False

    def __str__(self) -> str:
        return f"[[{dotted(self.path)}]]" if self.in_list else f"[{dotted(self.path)}]"


def sections(config: Config, mask: Mask | None = None) -> Iterator[Section]:
    """Yield the tables of a configuration. What is unset and has no default is left out.

    Without a `mask` a secret is shown as it shows itself, and nothing of one in a header.
    """
    table = partial(_section, config, mask)
    server = [getattr(config, part) for part in PARTS]
    yield table(("server",), *server)
    yield table(("admin",), config.admin)
    yield table(("store",), config.store)
    yield table(("auth",), config.auth)
    yield table(("telemetry",), config.log)
    yield from _defaults(config)
    for name, settings in config.providers.items():
        own = table(("providers", name), settings)
        yield from _level(config, own, merged(config.defaults, settings, beneath=HOUSE), _DEFAULTS)
    for name, options in config.models.items():
        yield from _level(config, table(("models", name), options), said(options))
    for name, guard in config.guards.items():
        whole = table(("guards", name), guard)
        rows = tuple(row for row in whole.rows if is_read(guard, row.name))
        yield Section(whole.path, rows)
    if config.passthrough:
        yield Section(("passthrough",), _rows(config, config.passthrough, ("passthrough",)))
    for section in ("fallbacks", "context_fallbacks", "groups"):
        lists = {name: list(names) for name, names in getattr(config, section).items()}
        if lists:
            yield Section((section,), _rows(config, lists, (section,)))
    yield from _rights(config)


def merged_tables(config: Config) -> dict[str, object]:
    """Return the same as one nested table, in the types of JSON."""
    whole: dict[str, object] = {}
    for section in sections(config):
        rows = {row.name: _without_dates(row.value) for row in section.rows}
        table = whole
        *above, last = section.path
        for name in above:
            table = table.setdefault(name, {})  # type: ignore[assignment]  # tables all the way
        if section.in_list:
            table.setdefault(last, []).append(rows)  # type: ignore[attr-defined]  # a list of them
        else:
            table.setdefault(last, {}).update(rows)  # type: ignore[attr-defined]  # and a table
    return whole


def literal(value: object) -> str:
    """Write a plain value as TOML does."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value, len(value))
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            pairs = [f"{_key(name)} = {literal(inner)}" for name, inner in value.items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
        case datetime():
            return _moment(value)
        case _:
            return str(value)


def _moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _without_dates(value: object) -> object:
    return _moment(value) if isinstance(value, datetime) else value


def _key(name: str) -> str:
    said = dotted((name,))
    return said if said == name else quoted(name, len(name))


def _section(
    config: Config, mask: Mask | None, path: tuple[str, ...], *structs: msgspec.Struct
) -> Section:
    values = {
        name: _plain(name, getattr(struct, name), mask)
        for struct in structs
        for name in [field.name for field in fields_of(type(struct))]
        # What every level may say is shown as all levels come to.
        if getattr(struct, name) is not None and not _is_conduct(struct, name)
    }
    return Section(path, _rows(config, values, path))


def _is_conduct(struct: msgspec.Struct, name: str) -> bool:
    return isinstance(struct, ConductSettings) and name in ConductSettings.__struct_fields__


def _defaults(config: Config) -> Iterator[Section]:
    rules = rules_of(config)
    own: dict[str, object] = {"order": list(rules.order), "strategy": rules.strategy}
    own |= {"affinity": rules.affinity, "guards": config.defaults.guards}
    section = Section(_DEFAULTS, _rows(config, own, _DEFAULTS))
    return _level(config, section, merged(config.defaults, beneath=HOUSE))


def _rights(config: Config) -> Iterator[Section]:
    for name, team in config.teams.items():
        path = ("teams", name)
        values = {
            "models": list(team.models),
            "limits": _limits(team.limits),
            "budgets": [written(budget) for budget in team.budgets],
            "unpriced": team.unpriced,
            "members": list(team.members),
            "passthrough": list(team.passthrough),
            "guards": list(team.guards),
        }
        yield Section(path, _rows(config, values, path))
    for index, record in enumerate(config.keys):
        yield Section(("keys",), _rows(config, _shown(record), ("keys", index)), in_list=True)


def _shown(record: KeyRecord) -> dict[str, object]:
    """Return a key as it stands in a file; of its hash as much as tells it from others."""
    expires = None if record.expires is None else datetime.fromtimestamp(record.expires, UTC)
    values = {
        "name": record.name,
        "hash": f"{record.key_id}…",
        "team": record.team,
        "user": record.user,
        "models": list(record.models),
        "limits": _limits(record.limits),
        "budgets": [written(budget) for budget in record.budgets],
        "expires": expires,
        "metadata": record.metadata,
        "passthrough": list(record.passthrough),
        "guards": list(record.guards),
    }
    return {name: value for name, value in values.items() if value is not None}


def _limits(limits: Limits) -> dict[str, int]:
    return {name: number for name, number in asdict(limits).items() if number is not None}


def _level(config: Config, own: Section, whole: Said, *above: tuple[str, ...]) -> Iterator[Section]:
    """Yield what a level says for itself and of the conduct, then the tables within."""
    paths = (own.path, *above)
    tables = {name: value for name, value in whole.items() if isinstance(value, dict)}
    flat = {name: value for name, value in whole.items() if name not in tables}
    yield Section(own.path, own.rows + _rows(config, flat, *paths))
    for name, table in tables.items():
        inner = [(*path, name) for path in paths]
        yield Section(inner[0], _rows(config, table, *inner))


def _rows(config: Config, values: Mapping[str, object], *paths: Key) -> tuple[Row, ...]:
    return tuple(
        Row(name, value, _origin(config, value, [(*path, name) for path in paths]))
        for name, value in values.items()
    )


def _origin(config: Config, value: object, keys: Iterable[Key]) -> str:
    for key in keys:
        if (origin := config.origins.get(dotted(key))) is not None:
            return ", ".join([origin, *_references(config, key, value)])
    return DEFAULT


def _references(config: Config, key: Key, value: object) -> Iterator[str]:
    """Yield whence the secrets in a list or a table are, by the names of variables and files."""
    within: Iterable[str | int] = ()
    if isinstance(value, dict):
        within = value
    elif isinstance(value, list):
        within = range(len(value))
    for name in within:
        _, _, reference = config.origins.get(dotted((*key, name)), "").partition(", ")
        if reference:
            yield reference


def _plain(name: str, value: object, mask: Mask | None) -> object:
    if name == "headers" and isinstance(value, Mapping):
        hide = mask or _hidden
        return {
            key: hide(Secret(said)) if is_telling(key, said) else said
            for key, said in value.items()
        }
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=partial(_masked, mask)))


def _hidden(_: Secret) -> str:
    return MASK


def _masked(mask: Mask | None, value: object) -> str:
    if isinstance(value, Secret):
        if value is CLIENT_KEY:
            return PASSED_ON
        return value.masked() if mask is None else mask(value)
    raise NotImplementedError(type(value).__name__)
