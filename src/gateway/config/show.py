"""Shows a configuration as it holds: defaults filled in, where each value is from, no secret."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from gateway.config.compose import Config
from gateway.config.homes import rules_of
from gateway.config.levels import HOUSE, Said, merged, said
from gateway.config.lines import Key
from gateway.config.mistakes import dotted, quoted
from gateway.config.providers import is_telling
from gateway.config.server import PARTS
from gateway.config.tables import fields_of
from gateway.providers import ConductSettings
from gateway.words.secret import Secret

DEFAULT = "default"
MASK = "***"

_DEFAULTS = ("defaults",)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its value in plain types, secrets masked, and where it is from."""

    name: str
    value: object
    origin: str

    def __str__(self) -> str:
        return f"{_key(self.name)} = {literal(self.value)}"


@dataclass(frozen=True, slots=True)
class Section:
    """One table by its path, with its rows."""

    path: tuple[str, ...]
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        return f"[{dotted(self.path)}]"


def sections(config: Config) -> Iterator[Section]:
    """Yield the tables of a configuration. What is unset and has no default is left out."""
    server = [getattr(config, part) for part in PARTS]
    yield _section(config, ("server",), *server)
    yield _section(config, ("admin",), config.admin)
    yield _section(config, ("store",), config.store)
    yield _section(config, ("auth",), config.auth)
    yield _section(config, ("telemetry",), config.log)
    yield from _defaults(config)
    for name, settings in config.providers.items():
        own = _section(config, ("providers", name), settings)
        yield from _level(config, own, merged(config.defaults, settings, beneath=HOUSE), _DEFAULTS)
    for name, options in config.models.items():
        yield from _level(config, _section(config, ("models", name), options), said(options))
    for section in ("fallbacks", "context_fallbacks"):
        fallbacks = getattr(config, section)
        if fallbacks:
            yield Section((section,), _rows(config, fallbacks, (section,)))


def merged_tables(config: Config) -> dict[str, object]:
    """Return the same as one nested table."""
    whole: dict[str, object] = {}
    for section in sections(config):
        table = whole
        for name in section.path:
            table = table.setdefault(name, {})  # type: ignore[assignment]  # tables all the way
        table.update({row.name: row.value for row in section.rows})
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
        case _:
            return str(value)


def _key(name: str) -> str:
    said = dotted((name,))
    return said if said == name else quoted(name, len(name))


def _section(config: Config, path: tuple[str, ...], *structs: msgspec.Struct) -> Section:
    values = {
        name: _plain(name, getattr(struct, name))
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
    own = {"order": list(rules.order), "strategy": rules.strategy, "affinity": rules.affinity}
    section = Section(_DEFAULTS, _rows(config, own, _DEFAULTS))
    return _level(config, section, merged(config.defaults, beneath=HOUSE))


def _level(config: Config, own: Section, whole: Said, *above: tuple[str, ...]) -> Iterator[Section]:
    """Yield what a level says for itself and of the conduct, then the tables within."""
    paths = (own.path, *above)
    tables = {name: value for name, value in whole.items() if isinstance(value, dict)}
    flat = {name: value for name, value in whole.items() if name not in tables}
    yield Section(own.path, own.rows + _rows(config, flat, *paths))
    for name, table in tables.items():
        inner = [(*path, name) for path in paths]
        yield Section(inner[0], _rows(config, table, *inner))


def _rows(config: Config, values: Mapping[str, object], *paths: tuple[str, ...]) -> tuple[Row, ...]:
    return tuple(
        Row(name, value, _origin(config, *((*path, name) for path in paths)))
        for name, value in values.items()
    )


def _origin(config: Config, *keys: Key) -> str:
    said = (config.origins.get(dotted(key)) for key in keys)
    return next((origin for origin in said if origin), DEFAULT)


def _plain(name: str, value: object) -> object:
    if name == "headers" and isinstance(value, Mapping):
        return {key: MASK if is_telling(key) else said for key, said in value.items()}
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_masked))


def _masked(value: object) -> str:
    if isinstance(value, Secret):
        return value.masked()
    raise NotImplementedError(type(value).__name__)
