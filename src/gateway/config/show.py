"""Shows a configuration as it holds: defaults filled in, where each value is from, no secret."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from gateway.config.compose import Config
from gateway.config.homes import merged, seconds
from gateway.config.lines import Key
from gateway.config.mistakes import dotted, quoted
from gateway.config.providers import is_telling
from gateway.config.server import PARTS
from gateway.config.tables import fields_of
from gateway.words.secret import Secret
from gateway.words.target import Timeouts

DEFAULT = "default"
MASK = "***"

_CLOCKS = Timeouts.__slots__


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its value in plain types, secrets masked, and where it is from."""

    name: str
    value: object
    origin: str

    def __str__(self) -> str:
        return f"{dotted((self.name,))} = {literal(self.value)}"


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
    yield _section(config, ("auth",), config.auth)
    yield _section(config, ("telemetry",), config.log)
    defaults = ("defaults", "timeouts")
    yield _clocks(config, merged(config.defaults.timeouts), defaults)
    for name, settings in config.providers.items():
        path = ("providers", name)
        yield _section(config, path, settings)
        clocks = merged(config.defaults.timeouts, settings.timeouts)
        yield _clocks(config, clocks, (*path, "timeouts"), defaults)
    for name, options in config.models.items():
        path = ("models", name)
        yield _section(config, path, options)
        own = (*path, "timeouts")
        rows = [Row(k, v, _origin(config, (*own, k))) for k, v in seconds(options.timeouts).items()]
        yield Section(own, tuple(rows))


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
    rows = [
        Row(name, _plain(name, getattr(struct, name)), _origin(config, (*path, name)))
        for struct in structs
        for name in [field.name for field in fields_of(type(struct))]
        # The clocks have a table of their own, where all levels are merged.
        if name != "timeouts" and getattr(struct, name) is not None
    ]
    return Section(path, tuple(rows))


def _clocks(config: Config, clocks: Timeouts, *paths: tuple[str, ...]) -> Section:
    rows = [
        Row(name, getattr(clocks, name), _origin(config, *((*path, name) for path in paths)))
        for name in _CLOCKS
    ]
    return Section(paths[0], tuple(rows))


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
