"""Puts one configuration together from a file's tables, or from what was found without a file."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.admin.options import AdminOptions
from gateway.config.admin import faults
from gateway.config.discover import Discovery
from gateway.config.lines import Key
from gateway.config.mistakes import ConfigMistake, Finding, quoted
from gateway.config.models import check_homes, read_models
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.config.providers import public_names, read_providers
from gateway.config.server import Server, beyond_loopback, exposed, is_self, read_server
from gateway.config.tables import Reading, S, as_table, read_table
from gateway.downstream.options import AuthOptions, ListenOptions
from gateway.providers import Settings, echo
from gateway.providers.address import parse_base_url
from gateway.telemetry.options import LogOptions

SECTIONS = ("server", "admin", "defaults", "providers", "models", "auth", "telemetry")
"""The tables that exist. One that is not built yet is unknown."""

EXPOSED = (
    "listens beyond loopback, and there are no keys: whoever reaches it spends what your providers'"
    " keys can spend. Write [auth] required = false to allow that"
)
OPEN = "open to whoever reaches {}: there are no keys"


class Config(Server, frozen=True, kw_only=True):
    """All settings, merged and checked; `source` is None where no file was read.

    `origins` says of each key that was set where; `warnings` are for whoever starts the gateway.
    """

    admin: AdminOptions = AdminOptions()
    log: LogOptions = LogOptions()
    auth: AuthOptions = AuthOptions()
    defaults: DefaultOptions = DefaultOptions()
    providers: dict[str, Settings] = msgspec.field(default_factory=dict)
    models: dict[str, ModelOptions] = msgspec.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    origins: dict[str, str] = msgspec.field(default_factory=dict)
    source: Path | None = None


def compose(document: Mapping[str, object], reading: Reading, source: Path) -> Config:
    """Read a whole document. Raises `ConfigMistake` with all that is wrong in it."""
    notes = reading.notes
    for name in document:
        if name not in SECTIONS:
            notes.unknown((name,), name, SECTIONS, "table or key")
    server = read_server(as_table(document.get("server", {}), ("server",), reading), reading)
    admin = _section(AdminOptions, "admin", document, reading)
    auth = _section(AuthOptions, "auth", document, reading)
    log = _section(LogOptions, "telemetry", document, reading)
    defaults = _section(DefaultOptions, "defaults", document, reading)
    _check_door(server.listen, auth, reading)
    for name, text in faults(admin, server.listen):
        notes.mistake(("admin", name), text)
    before = len(notes.findings)
    providers = read_providers(
        as_table(document.get("providers", {}), ("providers",), reading), reading
    )
    models = read_models(as_table(document.get("models", {}), ("models",), reading), reading)
    if len(notes.findings) == before:
        # A provider that could not be read would make its models look forgotten.
        check_homes(providers, models, reading)
        for name in _own_addresses(providers, server.listen):
            text = "is the address on which the gateway itself listens"
            notes.mistake(("providers", name, "base_url"), text)
    notes.settle()
    return Config(
        **msgspec.structs.asdict(server),
        admin=admin,
        log=log,
        auth=auth,
        defaults=defaults,
        providers=with_echo(providers, models),
        models=models,
        warnings=tuple(notes.warnings),
        origins=notes.origins,
        source=source,
    )


def config_of(found: Discovery, listen: ListenOptions) -> Config:
    """Make a configuration of what was found where there is no file. Raises `ConfigMistake`."""
    providers = with_echo(found.providers, {})
    return _guarded(Config(providers=providers, origins=dict(found.origins), listen=listen))


def listening(
    config: Config,
    host: str | None = None,
    port: int | None = None,
    admin_port: int | None = None,
) -> Config:
    """Return the configuration with other addresses to listen on. Raises `ConfigMistake`."""
    if admin_port is not None:
        admin = msgspec.structs.replace(config.admin, port=admin_port)
        config = msgspec.structs.replace(config, admin=admin)
    if host is None and port is None:
        return config if admin_port is None else _guarded(config)
    listen = msgspec.structs.replace(
        config.listen,
        host=config.listen.host if host is None else host,
        port=config.listen.port if port is None else port,
        unix="",
    )
    return _guarded(msgspec.structs.replace(config, listen=listen))


def _guarded(config: Config) -> Config:
    """Check an address that no file has set."""
    listen = config.listen
    where = f"{listen.host}:{listen.port}"
    findings = [
        Finding(where, None, None, None, f"is the base_url of the provider {quoted(name)} too")
        for name in _own_addresses(config.providers, listen)
    ]
    if exposed(listen, config.auth):
        findings.append(Finding(where, None, None, None, EXPOSED))
    findings += [
        Finding(f"{config.admin.host}:{config.admin.port}", None, None, f"admin.{name}", text)
        for name, text in faults(config.admin, listen)
        # Where nobody has written anything the admin gives way, once the port is seen to be taken.
        if config.source is not None or name != "port"
    ]
    if findings:
        raise ConfigMistake(findings)
    if beyond_loopback(listen):
        warnings = (*config.warnings, OPEN.format(listen.host))
        return msgspec.structs.replace(config, warnings=tuple(dict.fromkeys(warnings)))
    return config


def with_echo(
    providers: Mapping[str, Settings], models: Mapping[str, ModelOptions]
) -> dict[str, Settings]:
    """Add the built-in model, unless its kind or its public name is taken."""
    if echo.MODEL in models or any(
        isinstance(settings, echo.Options) or echo.MODEL in public_names(settings)
        for settings in providers.values()
    ):
        return dict(providers)
    name = echo.MODEL
    while name in providers:
        name += "+"
    return {**providers, name: echo.Options(kind=echo.KIND)}


def _section(struct: type[S], name: str, document: Mapping[str, object], reading: Reading) -> S:
    return read_table(struct, document.get(name, {}), (name,), reading) or struct()


def _check_door(listen: ListenOptions, auth: AuthOptions, reading: Reading) -> None:
    host: Key = ("server", "host")
    required: Key = ("auth", "required")
    if auth.required:
        reading.notes.mistake(required, "keys are not built yet, so none can be required")
    elif exposed(listen, auth):
        reading.notes.mistake(host, EXPOSED)
    elif beyond_loopback(listen):
        reading.notes.warn(required, OPEN.format(listen.host))


def _own_addresses(providers: Mapping[str, Settings], listen: ListenOptions) -> list[str]:
    return [
        name
        for name, settings in providers.items()
        if settings.base_url and is_self(parse_base_url(settings.base_url)[0], listen)
    ]
