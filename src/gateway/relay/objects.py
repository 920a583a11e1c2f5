"""Knows the owners of objects in this process's memory alone: nobody is asked or waited for."""

from collections.abc import Iterable, Mapping

from gateway.policy.owners import Owners, ids_in
from gateway.words.owned import Owned


class LocalObjects:
    """Who had what made (see `relay.house.Objects`), until the process ends."""

    def __init__(self, owners: Owners | None = None) -> None:
        self._owners = Owners() if owners is None else owners

    async def owner_of(self, id: str) -> Owned | None:
        return self._owners.get(id)

    async def owners_of(self, ids: Iterable[str]) -> Mapping[str, Owned]:
        found = ((one, self._owners.get(one)) for one in ids)
        return {one: owned for one, owned in found if owned is not None}

    async def claim(self, kind: str, ids: Iterable[str], provider: str, scope: bytes) -> None:
        owned = Owned(kind, provider, scope)
        for one in ids_in(ids):
            self._owners.put(one, owned)

    async def forget(self, id: str) -> None:
        self._owners.drop(id)
