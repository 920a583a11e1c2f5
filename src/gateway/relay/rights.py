"""May this caller have this passed through: the provider, the money, the model, what it names."""

import re
from collections.abc import Awaitable, Callable

from gateway.forms.multipart import Scanner, boundary_of
from gateway.policy.areas import Passage
from gateway.policy.holdings import FormIds, models_in, named_in
from gateway.relay.house import House
from gateway.relay.ownership import check_named, is_keyed
from gateway.words.body import Body
from gateway.words.caller import Caller
from gateway.words.errors import BadRequest, Unpriced, UnsupportedMedia

PART_BYTES = 65_536
_PLAIN = frozenset({"model", "file_id"})
"""Fields of forms that decide something: each stands once, in plain text."""

_CHARSET = re.compile(rb"charset\s*=\s*\"?([^\s;\"]*)")
_SPOKEN = frozenset({b"utf-8", b"utf8", b"us-ascii"})

Read = Callable[[], Awaitable[Body]]
"""Reads the body of a request, once."""


def check_money(passage: Passage, caller: Caller) -> None:
    """Refuse what puts models to work where a budget holds: nobody could tell its price.

    Raises `Unpriced`, unless the caller's team says that such calls are free.
    """
    works = passage.root is None or passage.root.works
    asks = passage.method not in {"GET", "DELETE"} and passage.segments[-1:] != ("cancel",)
    held = any(not account.budget.models for account in caller.accounts)
    if works and asks and held and caller.unpriced == "refuse":
        raise Unpriced(
            "A budget holds for this caller, and nobody can tell what this costs. The operator can"
            ' let it pass with unpriced = "free" for the team.'
        )


async def body_of(
    passage: Passage, content_type: bytes, read: Read, caller: Caller, house: House
) -> Body:
    """Read the body; refuse one that names another's things, or a model that is not the caller's.

    Raises `UnknownObject`, `UnknownModel`, `UnsupportedMedia`, `BadRequest`, `Busy`.
    """
    body = await read()
    if not body:
        return b""
    if passage.method == "GET":
        raise BadRequest("A request with GET has no body.")
    if passage.root is None:
        return body
    media, _, parameters = (part.strip() for part in content_type.lower().partition(b";"))
    if not _SPOKEN.issuperset(_CHARSET.findall(parameters)):
        raise UnsupportedMedia(
            "A body is read as UTF-8 here, and must be declared as nothing else."
        )
    if media == b"application/json":
        whole = await _whole(body)
        ids, models = named_in(whole), models_in(whole)
    elif media == b"multipart/form-data":
        ids, models = await _look_through(body, boundary_of(content_type))
    else:
        raise UnsupportedMedia("Declare the body: application/json or multipart/form-data.")
    if is_keyed(house):
        for model in models:
            _check_model(model, caller, house)
    await check_named(ids, caller, house)
    return body


async def _whole(body: Body) -> bytes:
    """Return a body of JSON, which has to be looked at as a whole."""
    if isinstance(body, bytes):
        return body
    whole = bytearray()
    while piece := await body.read(len(whole), PART_BYTES):
        whole += piece
    return bytes(whole)


async def _look_through(body: Body, boundary: bytes) -> tuple[list[str], list[str]]:
    """Return what may be ids in a form, and the model that it asks for, if any.

    Raises `BadRequest` for a form in which a provider might see other parts.
    """
    scanner, ids = Scanner(boundary, _PLAIN), FormIds(boundary)
    at = 0
    while piece := await _piece(body, at):
        scanner.feed(piece)
        ids.feed(piece)
        at += len(piece)
    values = scanner.end().values
    return ids.ids, [values["model"]] if "model" in values else []


async def _piece(body: Body, at: int) -> bytes:
    if isinstance(body, bytes):
        return body[at : at + PART_BYTES]
    return await body.read(at, PART_BYTES)


def _check_model(model: str, caller: Caller, house: House) -> None:
    """The key's own names hold here too; that the gateway has a home for one does not matter."""
    if house.keys is not None and not house.keys.may(caller, model):
        raise house.routes.unknown(model, house.names_for(caller))
