"""Asks outside whether texts may pass: a service of the operator's, or a moderation model."""

from functools import partial
from math import inf
from typing import Final

import msgspec
import trio
from msgspec import Raw

from gateway.policy.guards.finding import AWAY
from gateway.policy.guards.guard import Check, Guard
from gateway.policy.wishes import NOTHING
from gateway.relay.errand import Errand
from gateway.relay.start import first_to_speak
from gateway.upstream.posting import Posting
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import GatewayError, GuardAway, UpstreamMalformed
from gateway.words.receipt import Receipt

MOST_CHECKED: Final = 1_048_576
"""Characters that are shown to whoever is asked. Where there are more, nobody can be asked."""

_OK: Final = 200
_JSON: Final = b"application/json"


class _Judged(msgspec.Struct):
    """What a service says."""

    match: bool


class _Result(msgspec.Struct):
    """What a moderation model says of one text; not all say in a word what they make of it."""

    flagged: bool | None = None
    categories: dict[str, bool | None] = {}
    category_scores: dict[str, float | None] = {}


class _Results(msgspec.Struct):
    results: list[_Result]


_decode_judged = msgspec.json.Decoder(_Judged).decode
_decode_results = msgspec.json.Decoder(_Results).decode
_encode = msgspec.json.Encoder().encode


class _Nobody:
    """A clock (see `relay.hearing.CallClock`) that nobody looks at: a check has one deadline."""

    silent = False

    def received(self) -> None:
        pass

    def heard(self) -> None:
        pass

    def commit(self) -> float:
        return trio.current_time()

    def doubt(self) -> None:
        pass

    def watch(self, reading: trio.CancelScope | None) -> None:
        pass


async def is_match(guard: Guard, check: Check, texts: list[str], on: str, errand: Errand) -> bool:
    """Ask whether a guard finds something in texts. Raises `GuardAway` where it must answer."""
    asks = partial(_service, guard) if check.origin is not None else _moderation
    try:
        with trio.fail_after(check.timeout):
            if sum(map(len, texts)) > MOST_CHECKED:
                raise UpstreamMalformed("too long to be checked")
            return await asks(check, [text for text in texts if text], on, errand)
    except (GatewayError, trio.TooSlowError, msgspec.DecodeError, UnicodeDecodeError):
        go_without(guard, errand)
        return False


def go_without(guard: Guard, errand: Errand) -> None:
    """Let a call pass that nobody has judged. Raises `GuardAway` where it may not."""
    errand.receipt.note_guard(guard.name, AWAY)
    if guard.check is None or not guard.check.opens:
        raise GuardAway(f"The guard {guard.name!r} could not be asked.") from None


async def _service(guard: Guard, check: Check, texts: list[str], on: str, errand: Errand) -> bool:
    guarding = errand.house.guarding
    assert guarding is not None, "there is a guard"
    assert check.origin is not None, "it is a service"
    assert check.target is not None, "it has an address"
    fields: tuple[Header, ...] = ((b"accept", _JSON),)
    post = Posting(
        *(guarding.client, check.origin, check.target, check.authorization),
        timeout=check.timeout,
        media=_JSON,
        fields=fields,
    ).post
    said = {"guard": guard.name, "on": on, "model": errand.call.model, "texts": texts}
    status, body = await post(_encode(said))
    if status != _OK:
        raise UpstreamMalformed(f"it answered {status}")
    return _decode_judged(body).match


async def _moderation(check: Check, texts: list[str], on: str, errand: Errand) -> bool:
    """Ask a model in the ways of the house; nobody pays for it, and it has a receipt of its own."""
    if not texts:
        return False
    fields = {"model": Raw(_encode(check.model)), "input": Raw(_encode(texts))}
    call = Call("raw", "moderation", check.model, False, True, fields)
    house, now = errand.house, trio.current_time()
    receipt = Receipt(f"{errand.receipt.request_id}-{on}", "", "", "", now)
    until = now + check.timeout
    asking = Errand(call, NOTHING, receipt, _Nobody(), house, until, inf)
    plan = house.plan_for(check.model, call, now)
    said = b""
    async with await first_to_speak(plan, asking, _Nobody()) as answer:
        while True:
            said += b"".join([piece.raw for piece in await answer.next()])
            if answer.ended:
                break
    results = _decode_results(said).results
    if len(results) < len(texts):
        raise UpstreamMalformed("it does not speak of all that was said")
    return any(_is_beyond(check, result) for result in results)


def _is_beyond(check: Check, result: _Result) -> bool:
    """Say whether a result is a match: by scores, by categories, or by the model's own word.

    Raises `UpstreamMalformed` where it does not speak of what is asked for.
    """
    scores, categories = result.category_scores, result.categories
    if not (check.limits.keys() <= scores.keys() and check.categories <= categories.keys()):
        raise UpstreamMalformed("it does not know all categories")
    if any((scores[name] or 0.0) >= least for name, least in check.limits.items()):
        return True
    if check.categories:
        return any(categories[name] for name in check.categories)
    if check.limits:
        return False
    if result.flagged is None and not categories:
        raise UpstreamMalformed("it says nothing of a text")
    return any(categories.values()) if result.flagged is None else result.flagged
