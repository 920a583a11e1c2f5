"""Checks `[admin.sign_in]`: that the issuer can be asked, and that groups are groups."""

import importlib.util
from typing import Final

from gateway.admin.options import AdminOptions
from gateway.config.issuers import MISSING, PACKAGE, fault_of
from gateway.config.lines import Key
from gateway.config.names import check_name
from gateway.config.tables import Reading
from gateway.config.teams import check_members
from gateway.downstream.options import AuthOptions
from gateway.policy.callers import is_loopback
from gateway.upstream.issuer_address import address_of, discovery_of

NO_URL: Final = (
    "needs admin.url, the address by which browsers come: the issuer sends them back there"
)
UNNAMED: Final = "{}; name its authorize_url, token_url and jwks_url"

_SIGN_IN: Final[Key] = ("admin", "sign_in")


def check_sign_in(
    admin: AdminOptions, auth: AuthOptions, reading: Reading, package: str = PACKAGE
) -> None:
    """Note what is wrong. `package` is what checks signatures, and is not installed everywhere."""
    options, notes = admin.sign_in, reading.notes
    if options is None:
        return
    if importlib.util.find_spec(package) is None:
        notes.mistake(_SIGN_IN, MISSING)
    if not admin.url and not is_loopback(admin.host.lower()):
        notes.mistake(_SIGN_IN, NO_URL)
    for name in ("authorize_url", "token_url", "jwks_url"):
        url = getattr(options, name)
        if url and (wrong := fault_of(address_of, url)) is not None:
            notes.mistake((*_SIGN_IN, name), wrong)
    for name in ("admins", "viewers"):
        check_members(getattr(options, name), (*_SIGN_IN, name), reading)
    keys = options.jwks_url or any(each.issuer == options.issuer for each in auth.issuers)
    wrong = fault_of(check_name, options.issuer)
    if wrong is None and not (options.authorize_url and options.token_url and keys):
        wrong = fault_of(discovery_of, options.issuer)
        wrong = None if wrong is None else UNNAMED.format(wrong)
    if wrong is not None:
        notes.mistake((*_SIGN_IN, "issuer"), wrong)
