"""A provider's connection is kept for the next call only where its last answer has come to its end.

One real gateway, whose calls come one after the other.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from tests.process import Gateway, gateway, provider
from tests.rows_client import ask, request
from tests.scripted import Link, Scripted, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_provider_rows import answer, chunks, says, streams

ONE = CHUNK % b"one"
WHOLE = ONE + FINISH + DONE


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    hasty = '[models]\nhasty = { targets = ["m"], timeouts = { first_token = 0.15 } }\n'
    config = provider(upstream_port) + hasty
    with gateway(tmp_path_factory.mktemp("kept"), config) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, says(), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


async def test_one_that_closes_as_it_is_used_again_is_replaced_once(
    real: Gateway, upstream: Scripted
) -> None:
    """U5."""

    async def stale(link: Link) -> None:
        await streams(ONE, FINISH + DONE, b"")(link)
        if not link.number:
            await link.request()
            link.close()

    upstream.script = stale
    for links in (1, 2):
        answered = await ask(real)
        assert (answered.body, len(upstream.links)) == (WHOLE, links)
        assert answered.line["attempts"] == 1
        assert answered.line["stale_connections"] == links - 1


async def test_one_that_resets_every_call_is_replaced_no_second_time(
    real: Gateway, upstream: Scripted
) -> None:
    """U5 in part: once more means once."""

    async def resets(link: Link) -> None:
        if not link.number:
            await streams(ONE, FINISH + DONE, b"")(link)
        await link.request()
        link.rst()

    upstream.script = resets
    await ask(real)
    answered = await ask(real)
    assert (answered.status, answered.error["code"]) == (502, "upstream_reset")
    assert len(upstream.links) == 2


@pytest.mark.parametrize("begun", [b"HTTP/1.1 2", STREAM_HEAD])
async def test_one_that_had_begun_to_answer_is_not_replaced(
    real: Gateway, upstream: Scripted, begun: bytes
) -> None:
    """U5 in part: a single byte is enough."""

    async def breaks_off(link: Link) -> None:
        await streams(ONE, FINISH + DONE, b"")(link)
        await link.request()
        await link.send(begun)
        link.fin()

    upstream.script = breaks_off
    await ask(real)
    answered = await ask(real)
    assert (answered.status, answered.error["code"]) == (502, "upstream_truncated")
    assert len(upstream.links) == 1


async def test_a_timeout_is_not_tried_again(real: Gateway, upstream: Scripted) -> None:
    """U5 in part: the kept connection was well; its provider is only slow."""

    async def falls_silent(link: Link) -> None:
        await streams(ONE, FINISH + DONE, b"")(link)
        await link.request()

    upstream.script = falls_silent
    await ask(real)
    answered = await ask(real, request(model="hasty"))
    assert (answered.status, answered.error["code"]) == (504, "first_token_timeout")
    assert len(upstream.links) == 1


@pytest.mark.parametrize("ends", [True, False])
async def test_one_whose_stream_goes_on_after_done_is_used_again_once_that_has_ended(
    real: Gateway, upstream: Scripted, ends: bool
) -> None:
    """U25: the client waits for neither; and who comes next does not wait either."""
    rest = trio.Event()

    async def goes_on(link: Link) -> None:
        await streams(ONE, FINISH + DONE, DONE + ONE)(link)
        await rest.wait()
        await link.chunk(ONE, b"")
        await streams(ONE, FINISH + DONE, b"")(link)

    upstream.script = goes_on
    answered = await ask(real)
    assert (answered.body, answered.whole) == (WHOLE, True)
    if ends:
        rest.set()
        (link,) = upstream.links
        sent = -1
        while sent != link.sent:
            sent = link.sent
            await trio.sleep(0.01)
    answered = await ask(real)
    assert (answered.body, answered.whole) == (WHOLE, True)
    assert len(upstream.links) == (1 if ends else 2)


async def test_bytes_behind_an_answer_are_never_the_next_one(
    real: Gateway, upstream: Scripted
) -> None:
    """U38."""
    forged = answer("200 OK", b'{"choices":[]}')
    upstream.script = says(STREAM_HEAD, chunks(ONE, FINISH + DONE, b"") + forged)
    for links in (1, 2):
        answered = await ask(real)
        assert (answered.body, len(upstream.links)) == (WHOLE, links)
