"""Who signs tokens for callers and operators: are their keys there, as the gateway fetches them."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import httpx2

from gateway.commands.diagnosis.examine import imported
from gateway.commands.diagnosis.heard import Heard
from gateway.commands.diagnosis.verdict import Verdict, fail, ok
from gateway.config.compose import Config
from gateway.config.issuers import issuers_of
from gateway.upstream.issuers import reader
from gateway.upstream.jwks import Jwks

FETCH_TIMEOUT: Final = 2.5

REMEDY: Final = (
    "Until they can be had, no token of this issuer opens anything. Try the address with curl from"
    " this machine; is `issuer` its name letter by letter, or should `jwks_url` be named?"
)


def issuers_in(config: Config) -> dict[str, str]:
    """Return all issuers, each with the address of its keys; empty: it tells that itself."""
    found = {each.name: each.jwks_url for each in issuers_of(config.auth)}
    if config.admin.sign_in is not None:
        found.setdefault(config.admin.sign_in.issuer, config.admin.sign_in.jwks_url)
    return found


async def keys_of_issuer(name: str, jwks_url: str, client: httpx2.AsyncClient) -> Sequence[Verdict]:
    """Fetch the keys of an issuer."""
    heard = Heard()
    keys = Jwks(name, jwks_url, await imported(reader), heard)
    await heard.from_service(partial(keys.serve, client), FETCH_TIMEOUT)
    if heard.reason is not None:
        return [fail("keys", heard.reason, REMEDY)]
    return [ok("keys", f"{heard.fields.get('keys')} that tokens may be signed with")]
