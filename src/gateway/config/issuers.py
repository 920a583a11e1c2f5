"""Reads `[auth]` with its `[[auth.issuers]]`: whose tokens are taken instead of a virtual key."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gateway.config.lines import Key
from gateway.config.names import check_name
from gateway.config.tables import Reading, as_table, read_table
from gateway.downstream.options import AuthOptions, IssuerOptions
from gateway.policy.issuers import Issuer
from gateway.upstream.issuer_address import address_of, discovery_of

PACKAGE: Final = "joserfc"
MISSING: Final = "needs the extra `oidc`: pip install 'nursery-gateway[oidc]'"
NO_LIST: Final = "is a list of tables: begin each with [[auth.issuers]]"

_ISSUERS: Final[Key] = ("auth", "issuers")


def read_auth(
    document: Mapping[str, object], reading: Reading, package: str = PACKAGE
) -> AuthOptions:
    """Read the table. `package` is what checks signatures, and is not installed everywhere."""
    table = as_table(document.get("auth", {}), ("auth",), reading)
    rest = {name: value for name, value in table.items() if name != "issuers"}
    auth = read_table(AuthOptions, rest, ("auth",), reading) or AuthOptions()
    if "issuers" not in table:
        return auth
    reading.notes.came_from(_ISSUERS)
    issuers = _read_issuers(table["issuers"], reading)
    if issuers and importlib.util.find_spec(package) is None:
        reading.notes.mistake(_ISSUERS, MISSING)
    return msgspec.structs.replace(auth, issuers=issuers)


def issuers_of(auth: AuthOptions) -> tuple[Issuer, ...]:
    """Return the issuers in the words of those who check tokens."""
    return tuple(
        Issuer(
            name=each.issuer,
            audience=(each.audience,) if isinstance(each.audience, str) else tuple(each.audience),
            jwks_url=each.jwks_url,
            team=each.claims.team,
            user=each.claims.user,
            models=each.claims.models,
            algorithms=tuple(each.algorithms),
            leeway=each.leeway,
        )
        for each in auth.issuers
    )


def _read_issuers(value: object, reading: Reading) -> tuple[IssuerOptions, ...]:
    if not isinstance(value, list):
        reading.notes.mistake(_ISSUERS, NO_LIST)
        return ()
    found: dict[str, IssuerOptions] = {}
    for index, table in enumerate(value):
        key: Key = (*_ISSUERS, index)
        options = read_table(IssuerOptions, table, key, reading)
        if options is None:
            continue
        if options.issuer in found:
            reading.notes.mistake((*key, "issuer"), "is the name of an issuer before it, too")
        _check(options, key, reading)
        found[options.issuer] = options
    return tuple(found.values())


def _check(options: IssuerOptions, key: Key, reading: Reading) -> None:
    """Note a name that tokens could not be compared with, and an address that leads nowhere."""
    wrong = fault_of(check_name, options.issuer)
    if wrong is not None:
        reading.notes.mistake((*key, "issuer"), wrong)
    elif options.jwks_url:
        wrong = fault_of(address_of, options.jwks_url)
        if wrong is not None:
            reading.notes.mistake((*key, "jwks_url"), wrong)
    elif (wrong := fault_of(discovery_of, options.issuer)) is not None:
        text = f"{wrong}; without a jwks_url the issuer's own address leads to its keys"
        reading.notes.mistake((*key, "issuer"), text)


def fault_of(check: Callable[[str], object], text: str) -> str | None:
    """Return what a check says of a text, in a sentence; None where it says nothing."""
    try:
        check(text)
    except ValueError as error:
        return str(error)
    return None
