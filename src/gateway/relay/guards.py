"""The guards of a house, and who is asked outside whether a text may pass."""

from dataclasses import dataclass

import httpx2

from gateway.policy.guards.guard import Guards


@dataclass(frozen=True, slots=True)
class Guarding:
    """All guards; `client` asks services of the operator's own."""

    guards: Guards
    client: httpx2.AsyncClient
