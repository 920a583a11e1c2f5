"""Whose is it: asked of each id that a request names, before anybody is asked anything (API1).

What is another caller's and what nobody knows are told in the same words. A gateway without keys
has one caller, to whom all is open.
"""

from collections.abc import Iterable

from gateway.policy.areas import Passage
from gateway.policy.holdings import Claim, may_name_objects, named_in
from gateway.relay.house import House
from gateway.relay.scope import scope_of
from gateway.words.caller import Caller
from gateway.words.errors import UnknownObject

UNKNOWN = "No such object: it is not known here, or not yours."


def is_keyed(house: House) -> bool:
    """Say whether callers are told apart."""
    return house.keys is not None or house.issuers is not None


async def check_named(ids: Iterable[str], caller: Caller, house: House) -> None:
    """Refuse ids that are known to be another's. Raises `UnknownObject`, `Busy`."""
    if is_keyed(house):
        scope = scope_of(caller)
        owners = await house.objects.owners_of(ids)
        if any(owned.scope != scope for owned in owners.values()):
            raise UnknownObject(UNKNOWN)


async def check_path(
    passage: Passage, provider: str, also: Iterable[str], caller: Caller, house: House
) -> None:
    """Refuse a path to what is not the caller's own, and ids beside it that are another's.

    What another provider keeps under the same id is another's too. Whoever may ask all of a
    provider's own API may ask for everybody's.
    """
    if passage.root is None or not is_keyed(house):
        return
    await check_named((*passage.ids, *also), caller, house)
    if passage.object:
        owned = await house.objects.owner_of(passage.object)
        if owned is None or (owned.provider, owned.scope) != (provider, scope_of(caller)):
            raise UnknownObject(UNKNOWN)


async def check_body(body: bytes, caller: Caller, house: House) -> None:
    """Refuse a call to a model that names another's file; of callers that are told apart.

    It costs next to nothing where none is named. Raises `UnknownObject`, `Busy`, `BadRequest`.
    """
    if may_name_objects(body):
        await check_named(named_in(body), caller, house)


async def claim_all(made: Iterable[Claim], provider: str, caller: Caller, house: House) -> None:
    """Note what was made for a caller."""
    scope = scope_of(caller)
    by_kind: dict[str, list[str]] = {}
    for kind, said in made:
        by_kind.setdefault(kind, []).append(said)
    for kind, ids in by_kind.items():
        await house.objects.claim(kind, ids, provider, scope)
