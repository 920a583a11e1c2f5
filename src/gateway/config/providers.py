"""Reads `[providers.NAME]`: each table by its own kind's options, then what no type can say."""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from gateway.config.lines import Key
from gateway.config.names import check_name
from gateway.config.tables import Reading, as_table, read_table
from gateway.forms.http import check_header
from gateway.policy.callers import is_loopback
from gateway.providers import CLIENT_KEY, Settings
from gateway.providers.address import parse_base_url
from gateway.providers.table import TABLE
from gateway.words.client import Header
from gateway.words.grants import AwsGrant, GoogleGrant, Grant
from gateway.words.secret import Secret

_OURS: Final = frozenset(
    {
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Header fields that say how a request travels: the gateway writes them, or none."""

PASSED_ON: Final = "client"
"""What `api_key` says where the caller's own key is passed on."""

EXTRAS: Final[Mapping[type, tuple[str, str]]] = {
    AwsGrant: ("botocore", "aws"),
    GoogleGrant: ("joserfc", "oidc"),
}
"""What must be installed to fetch credentials: the package, and the extra that brings it."""

_TELLING: Final = re.compile(r"auth|cookie|credential|key|password|secret|token", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"(?:basic|bearer) ", re.IGNORECASE)


def read_providers(table: Mapping[str, object], reading: Reading) -> dict[str, Settings]:
    """Read all providers, in the file's order."""
    found: dict[str, Settings] = {}
    for name, value in table.items():
        settings = _read_provider(name, value, reading)
        if settings is not None:
            found[name] = settings
    return found


def keys_of(settings: Settings) -> tuple[Secret, ...]:
    """Return a provider's keys, one or several; none where it is shown the caller's own."""
    if settings.api_key is CLIENT_KEY:
        return ()
    return (settings.api_key,) if settings.api_key else tuple(settings.api_keys)


def secrets_in(settings: Settings) -> Iterator[Secret]:
    """Yield all secrets of a provider: its keys, and what its credentials are fetched with."""
    yield from settings.api_keys
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, Secret) and value is not CLIENT_KEY:
            yield value


def public_names(settings: Settings) -> dict[str, str]:
    """Return the names by which clients ask for a provider's models, and its own for each."""
    match settings.models:
        case str():
            return {}
        case list() as names:
            return {settings.prefix + name: name for name in names}
        case table:
            return {settings.prefix + name: own for name, own in table.items()}


def header_fields(settings: Settings) -> tuple[Header, ...]:
    """Return a provider's own header fields as they travel. Raises `ValueError`."""
    return tuple((_field_name(name), value.encode()) for name, value in settings.headers.items())


def is_telling(header: str, value: str = "") -> bool:
    """Say whether a header field carries a secret, by its name or its value: it is never shown."""
    return _TELLING.search(header) is not None or _CREDENTIALS.match(value) is not None


def missing_extra(
    grant: Grant | None, extras: Mapping[type, tuple[str, str]] = EXTRAS
) -> str | None:
    """Say what must be installed to fetch credentials; None where nothing is missing."""
    package, extra = extras.get(type(grant), ("", ""))
    if not package or importlib.util.find_spec(package) is not None:
        return None
    return f"needs the extra `{extra}`: pip install 'nursery-gateway[{extra}]'"


def _read_provider(name: str, value: object, reading: Reading) -> Settings | None:
    key: Key = ("providers", name)
    table = as_table(value, key, reading)
    _name(name, key, reading)
    kind = table.get("kind", name)
    if not isinstance(kind, str):
        reading.notes.mistake((*key, "kind"), "expected a string")
    elif kind in TABLE:
        passed = table.get("api_key") == PASSED_ON and "api_key" not in TABLE[kind].Options.REFUSES
        told = {name: said for name, said in table.items() if name != "api_key" or not passed}
        settings = read_table(TABLE[kind].Options, told, key, reading)
        if settings is not None and passed:
            reading.notes.came_from((*key, "api_key"))
            settings = msgspec.structs.replace(settings, api_key=CLIENT_KEY)
        return settings and _checked(settings, key, kind, reading)
    elif "kind" in table:
        reading.notes.unknown((*key, "kind"), kind, TABLE, "kind")
    else:
        text = 'has no kind, and its name is none: add one, such as kind = "openai"'
        reading.notes.mistake(key, text, reading.notes.nearest(name, TABLE))
    return None


def _checked(settings: Settings, key: Key, kind: str, reading: Reading) -> Settings:
    if settings.api_key and settings.api_keys:
        text = "stands beside api_key: one of the two is enough"
        reading.notes.mistake((*key, "api_keys"), text)
    _check_models(settings, key, reading)
    _check_headers(settings, key, kind, reading)
    if settings.base_url:
        _check_address(settings, key, reading)
    if missing := missing_extra(settings.grant()):
        reading.notes.mistake(key, missing)
    for name, text in settings.mistakes():
        reading.notes.mistake((*key, name), text)
    if settings.probe is not None:
        _check_path(settings.probe.path, (*key, "probe", "path"), reading)
    return msgspec.structs.replace(settings, kind=kind)


def _check_models(settings: Settings, key: Key, reading: Reading) -> None:
    models = settings.models
    where = (*key, "models")
    if settings.prefix:
        _name(settings.prefix, (*key, "prefix"), reading)
    if not models and not settings.prefix and not reading.notes.is_wrong(key):
        reading.notes.mistake(where, 'no models: name them, or write "*" or a prefix')
    elif models == "*" and settings.api_key is CLIENT_KEY:
        text = "nobody's key is there to ask for the list: name the models, or write a prefix"
        reading.notes.mistake(where, text)
    elif isinstance(models, list):
        seen: set[str] = set()
        for index, name in enumerate(models):
            _name(name, (*where, index), reading)
            if name in seen:
                reading.notes.mistake((*where, index), "stands here twice")
            seen.add(name)
    elif isinstance(models, dict):
        for name, own in models.items():
            _name(name, (*where, name), reading)
            _name(own, (*where, name), reading)


def _check_headers(settings: Settings, key: Key, kind: str, reading: Reading) -> None:
    keys = keys_of(settings)
    shown = {name for name, _ in TABLE[kind].credentials(keys[0] if keys else None)}
    seen: set[bytes] = set()
    for name, value in settings.headers.items():
        where = (*key, "headers", name)
        try:
            field = _field_name(name)
            check_header(field, value.encode())
        except ValueError as error:
            reading.notes.mistake(where, str(error))
            continue
        if field in _OURS:
            reading.notes.mistake(where, "is a header that the gateway writes itself")
        elif field in shown:
            reading.notes.mistake(where, "is how the key is shown already: see api_key")
        elif field in seen:
            reading.notes.mistake(where, "stands here twice: upper and lower case are one")
        elif is_telling(name, value):
            reading.notes.literal(where, "what looks like a secret", "api_key")
        seen.add(field)


def _check_address(settings: Settings, key: Key, reading: Reading) -> None:
    where = (*key, "base_url")
    try:
        origin, _ = parse_base_url(settings.base_url)
    except ValueError as error:
        reading.notes.mistake(where, str(error))
        return
    shown = settings.api_key or settings.api_keys or settings.grant()
    if origin.scheme == "http" and shown and not is_loopback(origin.host):
        reading.notes.warn(where, "the key goes over the network unencrypted: prefer https://")


def _check_path(path: str, key: Key, reading: Reading) -> None:
    if not path.startswith("/"):
        reading.notes.mistake(key, "does not begin with /")
        return
    try:
        _, literal = parse_base_url(f"http://localhost{path}")
    except ValueError as error:
        reading.notes.mistake(key, str(error))
        return
    if path not in {literal, f"{literal}/"}:
        reading.notes.mistake(key, "has more than one slash at its end")


def _field_name(name: str) -> bytes:
    return name.lower().encode()


def _name(name: str, key: Key, reading: Reading) -> None:
    try:
        check_name(name)
    except ValueError as error:
        reading.notes.mistake(key, str(error))
