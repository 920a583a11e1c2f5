"""Tokens of Microsoft's directory, for an application that shows its secret there.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from urllib.parse import quote

import httpx2

from gateway.upstream.asking import Question, ask_for_token
from gateway.upstream.issuer_address import address_of
from gateway.upstream.tokens import Fetched
from gateway.words.grants import EntraGrant


class Entra:
    """The source of one application's tokens."""

    def __init__(self, grant: EntraGrant) -> None:
        """Raises `ValueError` for an authority that is no address."""
        tenant = quote(grant.tenant, safe="")
        url = f"{grant.authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._origin, self._path = address_of(url)
        self._grant = grant

    async def fetch(self, client: httpx2.AsyncClient) -> Fetched:
        """Ask for a token. Raises `GatewayError`."""
        grant = self._grant
        form = {
            "grant_type": "client_credentials",
            "client_id": grant.client_id,
            "client_secret": grant.client_secret.reveal(),
            "scope": grant.scope,
        }
        return await ask_for_token(Question(self._origin, self._path, form), client)
