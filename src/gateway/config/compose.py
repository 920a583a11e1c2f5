"""Puts one configuration together from a file's tables, or from what was found without a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from gateway.admin.options import AdminOptions
from gateway.config.admin import faults
from gateway.config.budgets import UNKEPT
from gateway.config.discover import Discovery
from gateway.config.fallbacks import Fallbacks
from gateway.config.files import Stamp
from gateway.config.guards import Tables as GuardTables
from gateway.config.guards import read_guards
from gateway.config.issuers import read_auth
from gateway.config.keys import ALONE, Rights, check_auth, has_budgets, is_limited, read_rights
from gateway.config.known import Known
from gateway.config.lines import Key
from gateway.config.mistakes import ConfigMistake, Finding, quoted
from gateway.config.models import limits_of_models
from gateway.config.namespace import Namespace, read_namespace, with_echo
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.config.passthrough import APART, Served, read_passthrough
from gateway.config.server import Server, beyond_loopback, exposed, is_self, read_server
from gateway.config.sign_in import check_sign_in
from gateway.config.store import read_store
from gateway.config.tables import Reading, S, as_table, read_table
from gateway.config.telemetry import read_telemetry
from gateway.downstream.options import AuthOptions, ListenOptions
from gateway.policy.keys import KeyRecord, Team
from gateway.providers import Settings
from gateway.providers.address import parse_base_url
from gateway.store.options import StoreOptions
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret

SECTIONS = (
    *("server", "admin", "defaults", "providers", "models", "fallbacks", "context_fallbacks"),
    *("passthrough", "groups", "store", "auth", "teams", "keys", "guards", "telemetry"),
)
"""The tables that exist. One that is not built yet is unknown."""

FIXED: Final = ("server", "admin", "store", "telemetry")
"""The tables that hold from one start to the next: a reload takes all others."""

EXPOSED = (
    "listens beyond loopback, and there are no keys: whoever reaches it spends what your providers'"
    " keys can spend. Write [auth] required = false to allow that, or give out keys: [[keys]], or a"
    " [store] database for them"
)
OPEN = "open to whoever reaches {}: there are no keys"
UNASKED = "open to whoever reaches {}: there are keys, and nobody has to show one"


_OPTIONS: Final = {
    "server.host": "--host",
    "server.port": "--port",
    "server.workers": "--workers",
    "admin.port": "--admin-port",
}
"""The options of the command line that stand over a key of the file."""


@dataclass(frozen=True, slots=True)
class Unshown:
    """Tables as they were written, and the files of secrets that they name. They never print
    themselves, for a secret may stand in them.
    """

    tables: Mapping[str, object] = field(default_factory=dict, repr=False)
    files: Mapping[Path, bytes] = field(default_factory=dict, repr=False)


class Config(Server, frozen=True, kw_only=True):
    """All settings, merged and checked; `source` is None where no file was read.

    `origins` says of each key that was set where; `warnings` are for whoever starts the gateway.
    `inner_key` is no setting: with it the operator's page asks, and it is of one start alone. Nor
    is `keyed`: before a reload there were keys or issuers, so that nobody comes in without.
    `fixed` holds the tables of `FIXED` as they were written, for a reload; `files` are those that
    were read, `source` and what it names.
    """

    admin: AdminOptions = AdminOptions()
    log: LogOptions = LogOptions()
    auth: AuthOptions = AuthOptions()
    defaults: DefaultOptions = DefaultOptions()
    providers: dict[str, Settings] = msgspec.field(default_factory=dict)
    models: dict[str, ModelOptions] = msgspec.field(default_factory=dict)
    fallbacks: Fallbacks = msgspec.field(default_factory=dict)
    context_fallbacks: Fallbacks = msgspec.field(default_factory=dict)
    passthrough: Served = msgspec.field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    store: StoreOptions = StoreOptions()
    teams: dict[str, Team] = msgspec.field(default_factory=dict)
    keys: tuple[KeyRecord, ...] = ()
    guards: GuardTables = msgspec.field(default_factory=dict)
    inner_key: Secret | None = None
    keyed: bool = False
    warnings: tuple[str, ...] = ()
    origins: dict[str, str] = msgspec.field(default_factory=dict)
    source: Path | None = None
    fixed: Unshown = Unshown()
    files: Mapping[Path, Stamp] = msgspec.field(default_factory=dict)


def compose(document: Mapping[str, object], reading: Reading, source: Path) -> Config:
    """Read a whole document. Raises `ConfigMistake` with all that is wrong in it."""
    notes = reading.notes
    for name in [each for each in document if each not in SECTIONS]:
        notes.unknown((name,), name, SECTIONS, "table or key")
    server = read_server(as_table(document.get("server", {}), ("server",), reading), reading)
    admin = _section(AdminOptions, "admin", document, reading)
    auth = read_auth(document, reading)
    log = read_telemetry(document, reading)
    _check_admin(admin, server.listen, auth, reading)
    names = read_namespace(document, reading)
    providers = None if notes.is_wrong(("providers",)) else names.providers
    passthrough = read_passthrough(document, providers, reading)
    known = _known(names, reading)
    rights = read_rights(document, known, reading)
    guards = read_guards(document, names, rights, known, reading)
    _check_addresses(names, server.listen, reading)
    store = read_store(document, reading)
    _check_counting(server.listen, rights, names.models, store, reading)
    check_auth(auth, rights.keys, has_database(store), reading)
    _check_door(server.listen, auth, rights.keys, has_database(store), reading)
    keyed = bool(passthrough) and bool(rights.keys or auth.issuers)
    if keyed and knows_apart(server.listen, store) and not notes.is_wrong(("store",)):
        notes.mistake(("server", "workers"), APART)
    notes.settle()
    return Config(
        **msgspec.structs.asdict(server),
        **msgspec.structs.asdict(names),
        **msgspec.structs.asdict(rights),
        admin=admin,
        log=log,
        auth=auth,
        store=store,
        passthrough=passthrough,
        guards=guards,
        warnings=tuple(notes.warnings),
        origins=notes.origins,
        source=source,
        fixed=_fixed(document, reading),
        files=reading.files.seen,
    )


def _fixed(document: Mapping[str, object], reading: Reading) -> Unshown:
    tables = {name: document[name] for name in FIXED if name in document}
    read = reading.files.contents
    named = {reading.files.folder / path for path in _files_in(tables)}
    return Unshown(tables, {path: read[path] for path in named & read.keys()})


def _files_in(said: object) -> Iterator[str]:
    """Yield the files that stand anywhere in tables."""
    match said:
        case {"file": str(path)}:
            yield path
        case dict():
            for inner in said.values():
                yield from _files_in(inner)
        case list():
            for inner in said:
                yield from _files_in(inner)


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
        config = said_at_start(config, "admin.port", "--admin-port")
        config = msgspec.structs.replace(config, admin=admin)
    if host is None and port is None:
        return config if admin_port is None else _guarded(config)
    for name, said in (("host", host), ("port", port)):
        if said is not None:
            config = said_at_start(config, f"server.{name}", f"--{name}")
            config = said_at_start(config, "server.unix", f"--{name}")
    listen = msgspec.structs.replace(
        config.listen,
        host=config.listen.host if host is None else host,
        port=config.listen.port if port is None else port,
        unix="",
    )
    return _guarded(msgspec.structs.replace(config, listen=listen))


def said_at_start(config: Config, key: str, option: str) -> Config:
    """Return the configuration with a key that an option of the command line stands over."""
    return msgspec.structs.replace(config, origins={**config.origins, key: option})


def served_by(config: Config, workers: int) -> Config:
    """Return the configuration with another number of workers. Raises `ConfigMistake`."""
    listen = msgspec.structs.replace(config.listen, workers=workers)
    limited = is_limited(config.teams, config.keys) or limits_of_models(config.models)
    keyed = bool(config.passthrough) and bool(config.keys or config.auth.issuers)
    texts = [
        *([ALONE] if limited and counts_apart(listen, config.store) else ()),
        *([APART] if keyed and knows_apart(listen, config.store) else ()),
    ]
    if texts:
        raise ConfigMistake([Finding("--workers", None, None, None, text) for text in texts])
    config = said_at_start(config, "server.workers", "--workers")
    return msgspec.structs.replace(config, listen=listen)


def as_started(config: Config, runs: Config) -> Config:
    """Return a file's configuration under the options of the command line that what runs has.

    Raises `ConfigMistake`.
    """
    said = {key for key, origin in runs.origins.items() if origin == _OPTIONS.get(key)}
    config = listening(
        config,
        runs.listen.host if "server.host" in said else None,
        runs.listen.port if "server.port" in said else None,
        runs.admin.port if "admin.port" in said else None,
    )
    return served_by(config, runs.listen.workers) if "server.workers" in said else config


def must_show_key(config: Config, known: int) -> bool:
    """Say whether a call must show a virtual key, where so many keys are known."""
    if config.auth.required is not None:
        return config.auth.required
    keyed = config.keyed or known > 0 or bool(config.auth.issuers)
    return keyed or beyond_loopback(config.listen)


def has_database(store: StoreOptions) -> bool:
    """Say whether there is a database that may hold keys."""
    return bool(store.database)


def counts_apart(listen: ListenOptions, store: StoreOptions) -> bool:
    """Say whether several processes would serve, and each count by itself what is used."""
    return listen.workers > 1 and store.shared is None


def knows_apart(listen: ListenOptions, store: StoreOptions) -> bool:
    """Say whether several processes would serve, and each know by itself whose objects are."""
    return listen.workers > 1 and not has_database(store)


def _guarded(config: Config) -> Config:
    """Check an address that no file has set."""
    listen = config.listen
    where = f"{listen.host}:{listen.port}"
    findings = [
        Finding(where, None, None, None, f"is the base_url of the provider {quoted(name)} too")
        for name in _own_addresses(config.providers, listen)
    ]
    keyed = bool(config.keys) or bool(config.auth.issuers) or has_database(config.store)
    if exposed(listen, config.auth, keyed=keyed):
        findings.append(Finding(where, None, None, None, EXPOSED))
    findings += [
        Finding(f"{config.admin.host}:{config.admin.port}", None, None, f"admin.{name}", text)
        for name, text in faults(config.admin, listen)
        # Where nobody has written anything the admin gives way, once the port is seen to be taken.
        if config.source is not None or name != "port"
    ]
    if findings:
        raise ConfigMistake(findings)
    if beyond_loopback(listen) and config.auth.required is False:
        said = UNASKED if config.keys or config.auth.issuers else OPEN
        warnings = (*config.warnings, said.format(listen.host))
        return msgspec.structs.replace(config, warnings=tuple(dict.fromkeys(warnings)))
    return config


def _section(struct: type[S], name: str, document: Mapping[str, object], reading: Reading) -> S:
    return read_table(struct, document.get(name, {}), (name,), reading) or struct()


def _known(names: Namespace, reading: Reading) -> Known | None:
    """Return the names that are answered; None where a provider or a model could not be read."""
    if any(reading.notes.is_wrong((name,)) for name in ("providers", "models")):
        return None
    return Known(names.providers, names.models)


def _check_counting(
    listen: ListenOptions,
    rights: Rights,
    models: Mapping[str, ModelOptions],
    store: StoreOptions,
    reading: Reading,
) -> None:
    """Note limits and budgets that would not hold, among several processes or after a restart."""
    notes = reading.notes
    if notes.is_wrong(("store",)):
        return  # What it was to name nobody knows, and that it could not be read is told.
    limited = is_limited(rights.teams, rights.keys) or limits_of_models(models)
    if limited and counts_apart(listen, store):
        notes.mistake(("server", "workers"), ALONE)
    if has_budgets(rights.teams, rights.keys) and not has_database(store):
        notes.mistake(("store", "database"), UNKEPT)


def _check_addresses(names: Namespace, listen: ListenOptions, reading: Reading) -> None:
    if reading.notes.is_wrong(("providers",)):
        return
    for name in _own_addresses(names.providers, listen):
        text = "is the address on which the gateway itself listens"
        reading.notes.mistake(("providers", name, "base_url"), text)


def _check_admin(
    admin: AdminOptions, listen: ListenOptions, auth: AuthOptions, reading: Reading
) -> None:
    for name, text in faults(admin, listen):
        reading.notes.mistake(("admin", name), text)
    check_sign_in(admin, auth, reading)


def _check_door(
    listen: ListenOptions,
    auth: AuthOptions,
    keys: Sequence[KeyRecord],
    database: bool,
    reading: Reading,
) -> None:
    notes = reading.notes
    required: Key = ("auth", "required")
    holders = bool(keys) or bool(auth.issuers)
    # Keys, issuers or a store that could not be read are meant to be there.
    meant: tuple[Key, ...] = (("keys",), ("store",), ("auth", "issuers"))
    keyed = holders or database or any(notes.is_wrong(key) for key in meant)
    if exposed(listen, auth, keyed=keyed):
        notes.mistake(("server", "host"), EXPOSED)
    elif auth.required is False and holders:
        notes.warn(required, UNASKED.format(listen.unix or listen.host))
    elif auth.required is False and beyond_loopback(listen):
        notes.warn(required, OPEN.format(listen.host))


def _own_addresses(providers: Mapping[str, Settings], listen: ListenOptions) -> list[str]:
    return [
        name
        for name, settings in providers.items()
        if settings.base_url and is_self(parse_base_url(settings.base_url)[0], listen)
    ]
