"""Puts one configuration together from a file's tables, or from what was found without a file."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.admin.options import AdminOptions
from gateway.config.admin import faults
from gateway.config.discover import Discovery
from gateway.config.fallbacks import Fallbacks
from gateway.config.lines import Key
from gateway.config.mistakes import ConfigMistake, Finding, quoted
from gateway.config.namespace import read_namespace, with_echo
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.config.server import Server, beyond_loopback, exposed, is_self, read_server
from gateway.config.store import read_store
from gateway.config.tables import Reading, S, as_table, read_table
from gateway.downstream.options import AuthOptions, ListenOptions
from gateway.providers import Settings
from gateway.providers.address import parse_base_url
from gateway.store.options import StoreOptions
from gateway.telemetry.options import LogOptions

SECTIONS = (
    *("server", "admin", "defaults", "providers", "models", "fallbacks", "context_fallbacks"),
    *("store", "auth", "telemetry"),
)
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
    fallbacks: Fallbacks = msgspec.field(default_factory=dict)
    context_fallbacks: Fallbacks = msgspec.field(default_factory=dict)
    store: StoreOptions = StoreOptions()
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
    _check_door(server.listen, auth, reading)
    for name, text in faults(admin, server.listen):
        notes.mistake(("admin", name), text)
    names = read_namespace(document, reading)
    if not notes.is_wrong(("providers",)):
        for name in _own_addresses(names.providers, server.listen):
            text = "is the address on which the gateway itself listens"
            notes.mistake(("providers", name, "base_url"), text)
    store = read_store(document, reading)
    notes.settle()
    return Config(
        **msgspec.structs.asdict(server),
        **msgspec.structs.asdict(names),
        admin=admin,
        log=log,
        auth=auth,
        store=store,
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
