"""The story of a request that passes through: files, batches and such, and a provider's own API.

It is carried like a call (one nursery, one life, one receipt, leases, clocks), but nothing of it is
translated, and nobody else is asked after a failure. Where it goes is the table's word and the
configuration's; what the request says is data, encoded anew (R1, S14).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import trio

from gateway.endpoints import OWN_API
from gateway.policy.areas import HELD, Passage, own_passage, passage_of, query_of, root_of
from gateway.policy.holdings import words_in
from gateway.policy.limits import subjects_of
from gateway.policy.tracing import span_below
from gateway.relay.clock import Clock
from gateway.relay.exchange import Exchange, Raw, Way
from gateway.relay.guarding import check_passage
from gateway.relay.house import House
from gateway.relay.ownership import UNKNOWN, check_path
from gateway.relay.refusal import scrub
from gateway.relay.rights import Read, body_of, check_money
from gateway.words.caller import Caller
from gateway.words.errors import GatewayError, UnknownObject, UnknownPath
from gateway.words.receipt import Attempt, Phase, Receipt
from gateway.words.target import Target

_MAKING: Final = frozenset({"POST", "PATCH"})
"""Nobody knows whether such a request that broke off has made something: it is never sent again."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A request as the front hands it over: its path is decoded, its body is not read yet.

    Of a provider's own API the first of the segments is its name.
    """

    operation: str
    method: str
    segments: tuple[str, ...]
    query: str
    headers: Mapping[bytes, bytes]
    read: Read


async def pass_on(passing: Passing, receipt: Receipt, clock: Clock, house: House) -> None:
    """Pass a request on, and its answer back. Raises the tree of `words.errors`.

    When it returns, the last byte has been handed to the client's socket and the receipt says so.
    """
    caller = receipt.caller
    way = way_of(passing, caller, house, await keeper_of(passing, house))
    passage, target = way.passage, way.target
    check_money(passage, caller)
    if house.guarding is not None:
        check_passage(caller, receipt, house.guarding)
    named = (word for _, text in way.query for word in words_in(text))
    await check_path(passage, target.provider, named, caller, house)
    content_type = passing.headers.get(b"content-type", b"")
    body = await body_of(passage, content_type, passing.read, caller, house)
    receipt.phase = Phase.WAITING
    subjects = subjects_of(caller, "", {})
    with await house.gate.admit(subjects, 0, ()) as lease:
        clock.begin(target.timeouts, Raw())
        attempt = Attempt(target.name, trio.current_time(), alone=passage.method in _MAKING)
        if receipt.trace is not None:
            attempt.trace = span_below(receipt.trace, house.tracing)
        receipt.attempts, receipt.target = [attempt], target.name
        if house.books is not None:
            house.books.started(receipt)
        fields = house.gate.headers(subjects, lease) if subjects else ()
        exchange = Exchange(way, receipt, clock, house, fields)
        failure: BaseException | None = None
        try:
            await exchange.carry(body, attempt)
        except BaseException as error:
            failure = error
            if isinstance(error, GatewayError):
                scrub(error, exchange.scrubber)
            raise
        finally:
            attempt.close(trio.current_time(), failure)
            usage = receipt.usage
            lease.settle(0 if usage is None else usage.input_tokens + usage.output_tokens)
    receipt.complete()


async def keeper_of(passing: Passing, house: House) -> str:
    """Return the provider that keeps what the path names, where that decides; else none.

    Raises `UnknownObject`, `Busy`.
    """
    root = None if passing.operation == OWN_API else root_of(passing.segments)
    if root not in HELD:
        return ""
    owned = await house.objects.owner_of(passing.segments[len(root.path)])
    if owned is None or owned.provider not in house.ways.providers:
        raise UnknownObject(UNKNOWN)
    return owned.provider


def way_of(passing: Passing, caller: Caller, house: House, keeper: str = "") -> Way:
    """Return where a request goes: to who keeps what it is about, or to who is configured.

    Raises `UnknownPath`, `BadRequest`.
    """
    query = query_of(passing.query)
    if passing.operation == OWN_API:
        provider, *rest = passing.segments
        found = house.ways.providers.get(provider) if provider in caller.passthrough else None
        if found is None:
            raise UnknownPath(
                "No such path: a provider's own API is open to keys that have the right"
                " `passthrough` to it."
            )
        return _way(own_passage(passing.method, tuple(rest)), found, query, passing)
    root = root_of(passing.segments)
    assert root is not None, "the door has found it there"
    areas = house.ways.areas
    target = house.ways.providers[keeper] if keeper else areas.get(root.area)
    if target is None:
        raise UnknownPath(
            f"Nobody serves this path here: `{root.area}` is not set in [passthrough]."
        )
    return _way(passage_of(passing.method, passing.segments, root), target, query, passing)


def _way(
    passage: Passage, target: Target, query: tuple[tuple[str, str], ...], passing: Passing
) -> Way:
    """Let the operator's own parameters stand above those of the client."""
    fixed = query_of(target.query.removeprefix("?"))
    names = {name for name, _ in fixed}
    every = (*(pair for pair in query if pair[0] not in names), *fixed)
    return Way(passage, replace(target, query=""), every, passing.headers)
