"""A provider fails before it has spoken: what the real process does, seen from both ends."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from tests.process import Gateway, gateway
from tests.rows_client import Told, ask, request
from tests.scripted import Link, Scripted, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_provider_rows import answer, chunks, told

WHOLE = STREAM_HEAD + chunks(CHUNK % b"one", FINISH + DONE, b"")
SAID = CHUNK % b"one" + FINISH + DONE

CONFIG = """
[defaults]
retries = 2
[defaults.timeouts]
first_token = 0.3
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{up}/v1"
models = ["m"]
[providers.refusing]
kind = "openai"
base_url = "http://127.0.0.1:{refusing}/v1"
models = ["absent"]
[providers.spare]
kind = "openai"
base_url = "http://127.0.0.1:{spare}/v1"
models = ["n"]
[fallbacks]
"*" = "n"
"""


@dataclass
class Speaker:
    """A provider that says one part of its script after each request, over all connections."""

    parts: list[bytes] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)

    async def __call__(self, link: Link) -> None:
        while True:
            await link.request()
            self.asked_at.append(trio.current_time())
            await link.send(self.parts.pop(0))

    def say(self, *parts: bytes) -> None:
        """Say this from now on, and forget when it was asked before."""
        self.parts[:], self.asked_at[:] = parts, ()


@dataclass
class Place:
    """The gateway, a provider that can fail, and the one whose model is the fallback."""

    real: Gateway
    listening: Scripted
    up: Speaker
    spare: Speaker

    async def ask(self, *parts: bytes, model: str = "m") -> Told:
        """Ask once; the provider says these parts in turn, and the spare one is well."""
        self.up.say(*parts)
        self.spare.say(WHOLE)
        return await ask(self.real, request(model=model))


@pytest.fixture
async def place(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Place]:
    """Start the gateway anew, since it remembers who has failed. One port refuses."""
    up, spare = Speaker(), Speaker()
    at_up, at_spare = await listen(nursery, up), await listen(nursery, spare)
    with ExitStack() as held:
        refusing = held.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        config = CONFIG.format(
            up=at_up.port, spare=at_spare.port, refusing=refusing.getsockname()[1]
        )
        yield Place(held.enter_context(gateway(tmp_path, config)), at_up, up, spare)
    nursery.cancel_scope.cancel()


def outcomes(answered: Told) -> Sequence[str]:
    """Return target and outcome of each attempt, as the client was told them."""
    tried = answered.fields[b"x-gateway-attempts"].decode().split(", ")
    return [attempt.rpartition(";")[0] for attempt in tried]


async def test_u1_where_nobody_listens_it_is_tried_once_more_and_then_elsewhere(
    place: Place,
) -> None:
    """U1."""
    answered = await place.ask(model="absent")
    assert (answered.status, answered.body) == (200, SAID)
    refused = "refusing/absent;upstream_connect_error"
    assert outcomes(answered) == [refused, refused, "spare/n;ok"]
    assert (answered.line["outcome"], answered.line["target"]) == ("completed", "spare/n")


async def test_u7_a_failure_is_tried_again_and_what_lasts_is_answered_elsewhere(
    place: Place,
) -> None:
    """U7."""
    failure = answer("503 Busy", told("busy", "overloaded"))
    answered = await place.ask(failure, WHOLE)
    assert (answered.body, outcomes(answered)) == (SAID, ["up/m;overloaded", "up/m;ok"])
    assert place.up.asked_at[1] - place.up.asked_at[0] >= 0.4
    assert place.spare.asked_at == []
    answered = await place.ask(failure, failure)
    assert answered.body == SAID
    assert outcomes(answered) == ["up/m;overloaded", "up/m;overloaded", "spare/n;ok"]


@pytest.mark.parametrize("wait", ["Retry-After: 1", "Retry-After-Ms: 1000"])
async def test_u8_a_short_wait_is_kept_and_a_long_one_is_left_to_the_fallback(
    place: Place, wait: str
) -> None:
    """U8."""
    answered = await place.ask(answer("429 Wait", told("wait", "slow"), wait), WHOLE)
    assert (answered.body, outcomes(answered)) == (SAID, ["up/m;slow", "up/m;ok"])
    assert place.up.asked_at[1] - place.up.asked_at[0] >= 1.0
    answered = await place.ask(
        answer("429 Wait", told("wait", "slow"), wait.replace(": 1", ": 30"))
    )
    assert (answered.body, outcomes(answered)) == (SAID, ["up/m;slow", "spare/n;ok"])


@pytest.mark.parametrize("head", [b"", STREAM_HEAD, STREAM_HEAD + chunks(b": wait\n\n")])
async def test_u10_a_silent_provider_is_passed_over_and_closed(place: Place, head: bytes) -> None:
    """U10."""
    answered = await place.ask(head)
    assert (answered.status, answered.body) == (200, SAID)
    assert outcomes(answered) == ["up/m;first_token_timeout", "spare/n;ok"]
    assert len(place.up.asked_at) == 1
    with trio.fail_after(1):
        await place.listening.links[0].gone.wait()
