"""Stock Hypercorn changes to HTTP/2, and waits for ever for who has left; ours does neither."""

from types import SimpleNamespace
from typing import Any

import h11
import pytest
import trio
import trio.testing
from hypercorn import protocol
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext

from gateway.admin.http1 import Http1Protocol, speak_http_1_1_alone

PREFACE = h11.Request(method=b"PRI", target=b"*", headers=[(b"host", b"a")], http_version=b"2.0")


async def test_r19_stock_hypercorn_changes_to_http_2_and_ours_does_not() -> None:
    """R19. Where the first half fails, Hypercorn has learnt it, and `http1.py` may go."""
    connection: Any = SimpleNamespace(connection=SimpleNamespace(trailing_data=(b"SM", False)))
    with pytest.raises(H2ProtocolAssumedError):
        await H11Protocol._check_protocol(connection, PREFACE)
    await Http1Protocol._check_protocol(connection, PREFACE)


def test_every_connection_is_made_with_ours() -> None:
    before = vars(protocol)["H11Protocol"]
    assert before is H11Protocol
    try:
        speak_http_1_1_alone()
        assert vars(protocol)["H11Protocol"] is Http1Protocol
    finally:
        vars(protocol)["H11Protocol"] = before


@pytest.mark.parametrize("kind", [H11Protocol, Http1Protocol])
async def test_a_request_that_waits_behind_another_ends_with_its_connection(
    kind: type[H11Protocol], autojump_clock: object
) -> None:
    """Where stock Hypercorn does too, it has learnt it, and `handle` may go."""

    async def site(_: object, receive: Any, *more: object) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def send(_: Event) -> None:
        await trio.lowlevel.checkpoint()

    ended = False
    async with TaskGroup() as group:
        more: Any = (False, ("127.0.0.1", 1), ("127.0.0.1", 2), send)
        context, state = WorkerContext(None), SimpleNamespace(copy=dict)
        ours = kind(site, Config(), context, group, state, *more)  # type: ignore[arg-type]

        async def read() -> None:
            nonlocal ended
            with trio.move_on_after(1):
                await ours.handle(RawData(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 2))
                await ours.handle(RawData(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"))
                ended = True

        group.spawn(read)
        await trio.testing.wait_all_tasks_blocked()
        await ours.handle(Closed())
    assert ended is (kind is Http1Protocol)


async def test_an_answer_to_a_connection_that_is_being_closed_is_no_bug() -> None:
    told = []

    async def closing(event: Event) -> None:
        told.append(type(event))
        raise trio.BusyResourceError("another task is currently sending data")

    async with TaskGroup() as group:
        more: Any = (False, ("127.0.0.1", 1), ("127.0.0.1", 2), closing)
        context, state = WorkerContext(None), SimpleNamespace(copy=dict)
        ours = Http1Protocol(None, Config(), context, group, state, *more)
        await ours.send(RawData(b"HTTP/1.1 505 \r\n\r\n"))
    assert told == [RawData]
