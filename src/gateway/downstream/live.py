"""What is open now, as a tree: connection, call, attempt, upstream; and which homes rest.

It only looks. The tree is a picture of one moment, of values alone: it is told on the control
socket, drawn for people (`drawing.py`, the operator's page), and holds nothing of what it shows. No
prompt and no answer is in it. What others chose is bounded and safe to show (R20).
"""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Final

import msgspec

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.connection import Connection
from gateway.policy.health import Health, State
from gateway.telemetry.endings import SeenEnded, tokens_of
from gateway.telemetry.lines import printable
from gateway.words.receipt import Attempt, Phase, WaitsFor

MOST_CONNECTIONS = 2_000
"""What one tree may show, however many are asked for: all that time nothing else runs."""

MOST_RESTING: Final = 200
"""Homes that rest, or whose keys do, which one tree shows."""

MAX_NAME: Final = 200
"""Characters of what a client has chosen: a path, a model; behind a prefix a home's name too."""

SOON: Final = 0.1
"""Seconds after the first content in which nobody can say yet how fast it goes."""


class SeenUpstream(msgspec.Struct, frozen=True):
    """A connection to a provider. `age` in seconds; `requests` counts the present one too."""

    peer: str = ""
    age: float = 0.0
    requests: int = 0


class SeenAttempt(msgspec.Struct, frozen=True):
    """One try at one target; `upstream` is there while a connection carries it.

    `waits_for` is empty once it has ended, or its content has begun.
    """

    target: str = ""
    age: float = 0.0
    outcome: str = "open"
    upstream: SeenUpstream | None = None
    waits_for: str = ""


class SeenCall(msgspec.Struct, frozen=True):
    """An open call. `pieces` have been passed on; `cause` is why it is ending, if it is.

    `tokens` are those of the answer as far as they are known, `ttft` the seconds up to the first
    content. `key` names the virtual key.
    """

    id: str = ""
    method: str = ""
    path: str = ""
    model: str | None = None
    stream: bool = False
    age: float = 0.0
    phase: str = ""
    waits_for: str = ""
    cause: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    pieces: int = 0
    tokens: int = 0
    tokens_per_second: float | None = None
    ttft: float | None = None
    key: str = ""
    team: str | None = None
    attempts: list[SeenAttempt] = []


class SeenConnection(msgspec.Struct, frozen=True):
    """A client's connection; without a call it is idle, or its head is arriving."""

    peer: str = ""
    age: float | None = None
    call: SeenCall | None = None


class SeenKey(msgspec.Struct, frozen=True):
    """A key that rests, for so many seconds. Keys count from 1; 0 is the only one of its home."""

    number: int = 0
    rests_for: float = 0.0


class SeenHome(msgspec.Struct, frozen=True):
    """A home as a worker knows it (see `policy.health.State`). Its name is safe to show.

    `ttft` and `share` are figures of the recent calls, `calls` and `failed` count all.
    """

    name: str = ""
    state: str = "closed"
    rests_for: float = 0.0
    failures: int = 0
    open_calls: int = 0
    resting_keys: list[SeenKey] = []
    ttft: float | None = None
    share: float | None = None
    calls: int = 0
    failed: int = 0


class SeenProcess(msgspec.Struct, frozen=True):
    """One worker. `left_out` counts the connections that are open and not shown.

    `resting` are the homes that rest or are half open, and those with keys that rest. `ended` are
    the calls that ended last.
    """

    pid: int = 0
    supervisor: int = 0
    worker: int = 0
    version: str = ""
    uptime: float = 0.0
    draining: bool = False
    gauges: dict[str, float] = {}
    connections: list[SeenConnection] = []
    left_out: int = 0
    resting: list[SeenHome] = []
    resting_left_out: int = 0
    ended: list[SeenEnded] = []


def look(
    calls: Calls, connections: Iterable[Connection] | None, limit: int, now: float
) -> tuple[list[SeenConnection], int]:
    """Return what is open and how many were left out: calls first, the oldest first of each.

    Where another server has the connections, `None`, each call stands for its own.
    """
    if connections is None:
        found = list(calls)
        alone = [
            SeenConnection(call.receipt.peer, None, _call(call, now)) for call in found[:limit]
        ]
        return alone, len(found) - len(alone)
    all_of_them = list(connections)
    shown = nsmallest(limit, all_of_them, key=lambda each: (each.call is None, each.opened))
    seen = [_connection(each, now) for each in shown]
    return seen, len(all_of_them) - len(seen)


def _connection(connection: Connection, now: float) -> SeenConnection:
    call = connection.call
    seen = None if call is None else _call(call, now)
    return SeenConnection(connection.peer, _age(connection.opened, now), seen)


def _call(call: OpenCall, now: float) -> SeenCall:
    receipt, client = call.receipt, call.client
    tokens = tokens_of(receipt)
    first = receipt.first_content_at
    return SeenCall(
        id=receipt.request_id,
        method=_shown(receipt.method),
        path=_shown(receipt.path),
        model=None if receipt.model is None else _shown(receipt.model),
        stream=receipt.stream,
        age=_age(receipt.began, now),
        phase=receipt.phase,
        waits_for=waits_for(call),
        cause=call.cause,
        bytes_in=client.bytes_in,
        bytes_out=client.bytes_out,
        pieces=receipt.pieces,
        tokens=tokens,
        tokens_per_second=None if first is None else _rate(tokens, now - first),
        ttft=None if first is None else _age(receipt.began, first),
        key=receipt.caller.key,
        team=receipt.caller.team,
        attempts=[_attempt(each, receipt.phase, now) for each in receipt.attempts],
    )


def _rate(tokens: int, seconds: float) -> float | None:
    """Return how many tokens a second have followed the first; None where it is too early."""
    return round(max(tokens - 1, 0) / seconds, 1) if seconds >= SOON else None


def waits_for(call: OpenCall) -> WaitsFor:
    """Say what a call waits for."""
    receipt = call.receipt
    if call.client.torn:
        return WaitsFor.CLIENT
    if call.ending:
        return WaitsFor.END
    if receipt.phase is Phase.BODY:
        return WaitsFor.BODY
    if receipt.phase is Phase.WAITING and receipt.attempts:
        return receipt.attempts[-1].waits_for
    return WaitsFor.PROVIDER


def _attempt(attempt: Attempt, phase: Phase, now: float) -> SeenAttempt:
    carried = None
    if (upstream := attempt.upstream) is not None:
        carried = SeenUpstream(upstream.peer, _age(upstream.opened, now), upstream.requests)
    is_asking = attempt.ended is None and phase is Phase.WAITING
    return SeenAttempt(
        target=_shown(attempt.target),
        age=_age(attempt.began, now if attempt.ended is None else attempt.ended),
        outcome=attempt.outcome,
        waits_for=attempt.waits_for if is_asking else "",
        upstream=carried,
    )


def look_at_homes(health: Health, limit: int, now: float) -> tuple[list[SeenHome], int]:
    """Return the homes that are known, those in trouble first, and how many were left out."""
    return _worst(health.states(now), limit)


def look_at_rests(health: Health, limit: int, now: float) -> tuple[list[SeenHome], int]:
    """Return the homes that are not asked like others, or whose keys are not, and the rest's count.

    Half open, a home is asked by one call only.
    """
    known = health.states(now)
    return _worst([each for each in known if each.state != "closed" or each.resting_keys], limit)


def _worst(states: list[State], limit: int) -> tuple[list[SeenHome], int]:
    found = nsmallest(limit, states, key=_soundness)
    return [_home(each) for each in found], len(states) - len(found)


def _soundness(state: State) -> tuple[bool, bool, bool, bool, str]:
    """Order homes: those that rest, have keys that rest, have failed, are busy, and all others."""
    return (
        state.state == "closed",
        not state.resting_keys,
        not state.failures,
        not state.open_calls,
        state.name,
    )


def _home(state: State) -> SeenHome:
    figures = state.figures
    return SeenHome(
        name=_shown(state.name),
        state=state.state,
        rests_for=round(state.rests_for, 3),
        failures=state.failures,
        open_calls=state.open_calls,
        resting_keys=[SeenKey(number, round(rest, 3)) for number, rest in state.resting_keys],
        ttft=None if figures.ttft is None else round(figures.ttft, 6),
        share=None if figures.share is None else round(figures.share, 6),
        calls=figures.calls,
        failed=figures.failed,
    )


def _shown(name: str) -> str:
    """Return what others chose in a form that is safe to show, and not too long."""
    name = printable(name)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def _age(since: float, now: float) -> float:
    return round(now - since, 3)
