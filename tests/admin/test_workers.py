"""All workers of one gateway are asked at once; who cannot answer holds nobody up."""

import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gateway.admin.workers import MAX_ANSWER_BYTES, Workers, sockets, supervisors

OURS, ANOTHER = 70, 80
QUESTION = {"ask": "gauges"}

Answering = Callable[[trio.SocketStream, bytes], Awaitable[None]]


@pytest.fixture
def folder() -> Iterator[Path]:
    # The names of a test's own folders are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="gateway-") as made:
        yield Path(made)


async def listen(nursery: trio.Nursery, path: Path, answering: Answering) -> None:
    """Listen as a worker does."""
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(os.fspath(path))
    sock.listen(16)

    async def welcome(stream: trio.SocketStream) -> None:
        said = b""
        while not said.endswith(b"\n"):
            said += await stream.receive_some(4096)
        await answering(stream, said)

    nursery.start_soon(trio.serve_listeners, welcome, [trio.SocketListener(sock)])
    await wait_all_tasks_blocked()


def says(text: str) -> Answering:
    async def answer(stream: trio.SocketStream, _: bytes) -> None:
        await stream.send_all(text.encode())

    return answer


async def test_all_workers_of_a_gateway_answer_in_their_order_and_no_others(
    folder: Path, nursery: trio.Nursery
) -> None:
    heard: list[object] = []

    async def second(stream: trio.SocketStream, said: bytes) -> None:
        heard.append(json.loads(said))
        await stream.send_all(b'{"worker": 2,')
        await stream.send_all(b' "gauges": {}}\n')

    await listen(nursery, folder / f"{OURS}-72.sock", second)
    await listen(nursery, folder / f"{OURS}-73.sock", says('{"worker": 1}\n'))
    await listen(nursery, folder / f"{ANOTHER}-81.sock", says('{"worker": 1, "not": "ours"}\n'))
    answers = await Workers(folder, OURS).ask(QUESTION)
    assert answers == [{"worker": 1}, {"worker": 2, "gauges": {}}]
    assert heard == [QUESTION]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "said", ["", "no JSON\n", "[1]\n", '{"error": "a bug"}\n', '{"worker": 1}', "[" * 3000 + "\n"]
)
async def test_who_says_nothing_of_use_is_left_out(
    folder: Path, nursery: trio.Nursery, said: str
) -> None:
    await listen(nursery, folder / f"{OURS}-71.sock", says(said))
    await listen(nursery, folder / f"{OURS}-72.sock", says('{"worker": 2}\n'))
    assert await Workers(folder, OURS).ask(QUESTION) == [{"worker": 2}]
    nursery.cancel_scope.cancel()


async def test_one_that_is_silent_for_ever_is_not_waited_for(
    folder: Path, nursery: trio.Nursery
) -> None:
    async def silent(_: trio.SocketStream, __: bytes) -> None:
        await trio.sleep_forever()

    await listen(nursery, folder / f"{OURS}-71.sock", silent)
    await listen(nursery, folder / f"{OURS}-72.sock", says('{"worker": 2}\n'))
    began = trio.current_time()
    assert await Workers(folder, OURS).ask(QUESTION) == [{"worker": 2}]
    assert trio.current_time() - began < 5
    nursery.cancel_scope.cancel()


async def test_an_answer_without_an_end_is_read_in_bounds(
    folder: Path, nursery: trio.Nursery
) -> None:
    sent = 0

    async def endless(stream: trio.SocketStream, _: bytes) -> None:
        nonlocal sent
        with suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(b" " * 1_048_576)
                sent += 1_048_576

    await listen(nursery, folder / f"{OURS}-71.sock", endless)
    assert await Workers(folder, OURS).ask(QUESTION) == []
    assert sent <= MAX_ANSWER_BYTES + 4 * 1_048_576
    nursery.cancel_scope.cancel()


async def test_a_gateway_lives_while_one_of_its_workers_listens(
    folder: Path, nursery: trio.Nursery
) -> None:
    (folder / f"{ANOTHER}-81.sock").touch()
    (folder / "70.admin").touch()
    (folder / "x-1.sock").touch()
    await listen(nursery, folder / f"{OURS}-72.sock", says("{}\n"))
    assert supervisors(folder) == [OURS]
    assert [(supervisor, pid) for supervisor, pid, _ in sockets(folder)] == [(70, 72), (80, 81)]
    assert supervisors(folder / "nowhere") == []
    assert await Workers(folder / "nowhere", OURS).ask(QUESTION) == []
    nursery.cancel_scope.cancel()
