"""The shared store: is it there, is it new enough, how long does a round trip take."""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from statistics import median
from typing import Final

import trio

from gateway.commands.diagnosis.examine import imported
from gateway.commands.diagnosis.verdict import Verdict, fail, ok, skipped, warn
from gateway.store.address import StoreAddress, parse_store_url
from gateway.store.line import Line, Lost
from gateway.store.rests import CHANNEL
from gateway.store.shared import opener
from gateway.words.secret import Secret

CONNECT_TIMEOUT: Final = 1.5
TRIPS: Final = 5
SLOW: Final = 0.005
"""Seconds for a round trip: a call that a limit holds for waits for one."""

OLDEST: Final = 6

REMEDY: Final = (
    "Try `valkey-cli -u …` from this machine with the address of [store] shared: is it running, is"
    " the password right, may this machine come in?"
)
OLD: Final = "It must be Valkey, or Redis 6 or later."
FAR: Final = "Each call that a limit holds for waits for one: have the store nearer."
EVICTS: Final = (
    "Set maxmemory-policy noeviction: else what was spent may be forgotten when memory is short."
)

_VERSION = re.compile(rb"^(valkey|redis)_version:([0-9]+)\.([0-9.]{1,20})\s*$", re.MULTILINE)
_POLICY = re.compile(rb"^maxmemory_policy:([a-z-]{1,40})\s*$", re.MULTILINE)
_LIMIT = re.compile(rb"^maxmemory:([0-9]{1,20})\s*$", re.MULTILINE)


async def shared_store(address: Secret, ca: str) -> Sequence[Verdict]:
    """Connect as the gateway does, and ask how it is."""
    place = parse_store_url(address.reveal())
    open_line = await imported(opener)
    return await ask_store(place, partial(open_line, place, CHANNEL, ca))


async def ask_store(
    place: StoreAddress, open_line: Callable[..., Awaitable[None]]
) -> Sequence[Verdict]:
    """Ask over a line that is opened here and left at the end."""
    found: list[Verdict] = []
    late = f"{place}: no connection within {CONNECT_TIMEOUT:g} seconds"
    patience = trio.CancelScope()
    reason = late
    try:
        async with trio.open_nursery() as nursery:
            with patience:
                patience.deadline = trio.current_time() + CONNECT_TIMEOUT
                line = await nursery.start(open_line)
            if patience.cancelled_caught:
                raise Lost(late)
            found += await _asked(place, line)
            nursery.cancel_scope.cancel()
    except* Lost as group:
        reason = late if patience.cancel_called and not found else _first(group)
    await trio.lowlevel.checkpoint_if_cancelled()
    return found or [
        fail("ping", f"{place}: {reason.removeprefix(f'{place}: ')}", REMEDY),
        skipped("version", "not reached"),
    ]


async def _asked(place: StoreAddress, line: Line) -> list[Verdict]:
    took = []
    for _ in range(TRIPS):
        began = trio.current_time()
        await line.ask((b"PING",))
        took.append(trio.current_time() - began)
    trip = median(took)
    seen = f"{place}, {trip * 1000:.2f} ms for a round trip"
    ping = warn("ping", seen, FAR) if trip > SLOW else ok("ping", seen)
    server, memory = await line.ask((b"INFO", b"server"), (b"INFO", b"memory"))
    return [ping, judge_version(server), judge_memory(memory)]


def judge_version(said: object) -> Verdict:
    """Judge what the store says of itself."""
    versions = {name: (major, rest) for name, major, rest in _VERSION.findall(_text(said))}
    if not versions:
        return skipped("version", "it does not say")
    # Valkey says both: its own, and the version of Redis that it can stand for.
    name = b"valkey" if b"valkey" in versions else b"redis"
    major, rest = versions[name]
    seen = f"{name.decode().capitalize()} {major.decode()}.{rest.decode()}"
    return ok("version", seen) if int(major) >= OLDEST else fail("version", seen, OLD)


def judge_memory(said: object) -> Verdict:
    """Judge what the store does when its memory is full."""
    text = _text(said)
    policy, limit = _POLICY.search(text), _LIMIT.search(text)
    if policy is None:
        return skipped("memory", "it does not say what it does when it is full")
    seen = f"maxmemory-policy {policy[1].decode()}"
    limited = limit is None or int(limit[1]) > 0
    if policy[1] == b"noeviction" or not limited:
        return ok("memory", seen if limited else f"{seen}, and no maxmemory")
    return warn("memory", seen, EVICTS)


def _text(said: object) -> bytes:
    return said.encode(errors="replace") if isinstance(said, str) else bytes(_bytes(said))


def _bytes(said: object) -> bytes:
    return said if isinstance(said, bytes) else b""


def _first(group: BaseExceptionGroup[Lost]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
