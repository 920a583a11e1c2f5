"""One connection to a real server, and to servers that are none, are hostile or say nothing."""

import signal
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme

from gateway.store.address import StoreAddress, parse_store_url
from gateway.store.line import UNKNOWN_SCRIPT, Line, Lost, Refused
from gateway.store.valkey import MOST_OPEN, MOST_UNREAD_BYTES, OVERDUE, open_line
from tests.store.real_store import RealStore, real_store, until

CHANNEL = b"gateway:test"
SECRET = "a-password-that-is-never-shown"
HELLO = b"%3\r\n$5\r\nproto\r\n:3\r\n$7\r\nversion\r\n$5\r\n6.2.0\r\n$2\r\nid\r\n:1\r\n"

Peer = Callable[[trio.SocketStream], Awaitable[None]]


@pytest.fixture
def store() -> Iterator[RealStore]:
    with real_store() as store:
        yield store


async def connect(nursery: trio.Nursery, address: StoreAddress) -> Line:
    line: Line = await nursery.start(partial(open_line, address, CHANNEL))
    return line


async def reason(address: StoreAddress, patience: float = 5.0) -> str:
    """Say why there is no line to this address, or not for long."""
    with trio.fail_after(patience), pytest.raises(Lost) as caught:
        await open_line(address, CHANNEL)
    return str(caught.value)


async def listen(nursery: trio.Nursery, peer: Peer) -> StoreAddress:
    """Be a server that does with each connection what a test says."""

    async def serve(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await peer(stream)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, [listener])
    return StoreAddress("127.0.0.1", listener.socket.getsockname()[1])


async def greet(stream: trio.abc.Stream) -> None:
    """Be a server until the client has subscribed."""
    await stream.receive_some()
    await stream.send_all(HELLO)
    heard = b""
    while b"PING" not in heard:
        heard += await stream.receive_some()
    await stream.send_all(b">3\r\n$9\r\nsubscribe\r\n$12\r\ngateway:test\r\n:1\r\n+PONG\r\n")


async def test_commands_have_their_replies_in_order(
    store: RealStore, nursery: trio.Nursery
) -> None:
    await store.start()
    line = await connect(nursery, parse_store_url(store.url))
    replies = await line.ask(
        (b"SET", b"a", b"value", b"PX", 60_000),
        (b"GETRANGE", b"a", 0, 2),
        (b"SADD", b"a", b"x"),
        (b"NONSENSE",),
        (b"GET", b"none"),
        (b"EXISTS", b"a"),
    )
    said, cut, wrong, unknown, absent, exists = replies
    assert (said, cut, absent, exists) == (b"OK", b"val", None, 1)
    assert isinstance(wrong, Refused)
    assert isinstance(unknown, Refused)
    assert not line.behind
    nursery.cancel_scope.cancel()


async def test_messages_of_the_channel_are_heard_and_no_others(
    store: RealStore, nursery: trio.Nursery
) -> None:
    await store.start()
    line = await connect(nursery, parse_store_url(store.url))
    heard: list[bytes] = []
    nursery.start_soon(line.hear, heard.append)
    store.say(b"PUBLISH", b"gateway:other", b"no")
    store.say(b"PUBLISH", CHANNEL, b"yes")
    await until(lambda: heard)
    assert heard == [b"yes"]
    nursery.cancel_scope.cancel()


async def test_a_database_of_its_own_is_chosen(store: RealStore, nursery: trio.Nursery) -> None:
    await store.start()
    line = await connect(nursery, parse_store_url(f"{store.url}?db=5"))
    await line.ask((b"SET", b"a", b"1"))
    assert store.say(b"EXISTS", b"a") == b":0\r\n"
    nursery.cancel_scope.cancel()


async def test_user_and_password_are_shown_to_the_server(
    store: RealStore, nursery: trio.Nursery
) -> None:
    await store.start()
    rights = (b"on", b"~*", b"&*", b"+@all", b">" + SECRET.encode())
    store.say(b"ACL", b"SETUSER", b"ada", *rights)
    line = await connect(nursery, parse_store_url(f"unix://ada:{SECRET}@{store.path}"))
    assert await line.ask((b"ACL", b"WHOAMI")) == [b"ada"]
    nursery.cancel_scope.cancel()


async def test_a_wrong_password_is_told_without_the_password(store: RealStore) -> None:
    await store.start()
    said = await reason(parse_store_url(f"unix://ada:{SECRET}@{store.path}"))
    assert "WRONGPASS" in said or "invalid" in said
    assert SECRET not in said


async def test_a_server_that_repeats_the_password_is_not_repeated(nursery: trio.Nursery) -> None:
    async def old(stream: trio.SocketStream) -> None:
        sent = await stream.receive_some()
        assert SECRET.encode() in sent
        await stream.send_all(
            f"-ERR unknown command `HELLO`, with args beginning with: `{SECRET}`\r\n".encode()
        )
        await stream.receive_some()

    there = await listen(nursery, old)
    address = parse_store_url(f"redis://:{SECRET}@127.0.0.1:{there.port}")
    said = await reason(address)
    assert SECRET not in said
    nursery.cancel_scope.cancel()


async def test_a_user_who_may_not_subscribe_is_told_so(store: RealStore) -> None:
    await store.start()
    store.say(b"ACL", b"SETUSER", b"default", b"resetchannels")
    assert "channel" in await reason(parse_store_url(store.url))


async def test_a_server_that_nobody_can_find_is_told_as_such(store: RealStore) -> None:
    assert "No such file" in await reason(parse_store_url(store.url))
    assert await reason(StoreAddress("127.0.0.1", 1))
    assert await reason(StoreAddress("a" * 70 + ".example"))


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n",
        b"%1\r\n+proto\r\n:2\r\n",
        b"$-7\r\n",
        b"*1000000000\r\n",
        b"-LOADING loading the dataset\r\n",
        b"\xff" * 100,
        b"",
    ],
)
async def test_what_is_no_store_is_given_up(reply: bytes, nursery: trio.Nursery) -> None:
    async def peer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(reply)

    assert await reason(await listen(nursery, peer))
    nursery.cancel_scope.cancel()


async def secured(
    nursery: trio.Nursery, authority: trustme.CA, peer: Callable[[trio.abc.Stream], Awaitable[None]]
) -> StoreAddress:
    """Be a server under TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.do_handshake()
            await peer(stream)

    (listener,) = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, [listener])
    inner = listener.transport_listener
    assert isinstance(inner, trio.SocketListener)
    return StoreAddress("127.0.0.1", inner.socket.getsockname()[1], tls=True)


async def test_under_tls_it_is_the_same(nursery: trio.Nursery, tmp_path: Path) -> None:
    async def peer(stream: trio.abc.Stream) -> None:
        await greet(stream)
        await stream.receive_some()
        await stream.send_all(b"$5\r\nvalue\r\n")
        await trio.sleep_forever()

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    address = await secured(nursery, authority, peer)
    opening = partial(open_line, address, CHANNEL, str(tmp_path / "ca.pem"))
    line: Line = await nursery.start(opening)
    assert await line.ask((b"GET", b"a")) == [b"value"]
    nursery.cancel_scope.cancel()


async def test_a_certificate_that_nobody_vouches_for_is_refused(nursery: trio.Nursery) -> None:
    address = await secured(nursery, trustme.CA(), greet)
    assert "CERTIFICATE_VERIFY_FAILED" in await reason(address)
    nursery.cancel_scope.cancel()


async def test_a_reply_without_an_end_is_cut_off(nursery: trio.Nursery) -> None:
    sent = 0

    async def flood(stream: trio.SocketStream) -> None:
        nonlocal sent
        await greet(stream)
        await stream.send_all(b"$1000000000\r\n")
        while True:
            await stream.send_all(b"x" * 1_048_576)
            sent += 1_048_576

    address = await listen(nursery, flood)
    assert await reason(address, patience=20.0)
    assert sent < 2 * MOST_UNREAD_BYTES
    nursery.cancel_scope.cancel()


async def test_messages_that_nobody_takes_are_cut_off(nursery: trio.Nursery) -> None:
    message = b">3\r\n$7\r\nmessage\r\n$12\r\ngateway:test\r\n$1000\r\n" + b"x" * 1000 + b"\r\n"

    async def flood(stream: trio.SocketStream) -> None:
        await greet(stream)
        while True:
            await stream.send_all(message * 1000)

    assert await reason(await listen(nursery, flood), patience=20.0)
    nursery.cancel_scope.cancel()


async def test_a_server_that_says_nothing_keeps_nobody(nursery: trio.Nursery) -> None:
    async def mute(stream: trio.SocketStream) -> None:
        await greet(stream)
        await trio.sleep_forever()

    line = await connect(nursery, await listen(nursery, mute))
    began = trio.current_time()
    with pytest.raises(Lost, match="did not reply"):
        await line.ask((b"GET", b"a"), patience=OVERDUE)
    assert trio.current_time() - began < 1
    await trio.sleep(0.001)
    assert line.behind
    nursery.cancel_scope.cancel()


async def test_s21_a_reply_to_one_who_left_is_taken_for_no_other(
    store: RealStore, nursery: trio.Nursery
) -> None:
    """It is given to whoever was named for it, and the next reply to whoever asked next."""
    await store.start()
    line = await connect(nursery, parse_store_url(store.url))
    late: list[object] = []
    for number in range(300):
        with trio.CancelScope() as scope:
            scope.deadline = trio.current_time() + number * 1e-6
            await line.ask((b"ECHO", b"%d" % number), late=late.extend)
            late.append(b"%d" % number)
        assert await line.ask((b"ECHO", b"next")) == [b"next"]
    await line.ask((b"PING",))
    assert late == [b"%d" % number for number in range(300)]
    nursery.cancel_scope.cancel()


async def test_a_reply_that_is_too_late_is_handed_on(nursery: trio.Nursery) -> None:
    async def slow(stream: trio.SocketStream) -> None:
        await greet(stream)
        await stream.receive_some()
        await trio.sleep(0.02)
        await stream.send_all(b":1\r\n-NOSCRIPT No matching script.\r\n")
        await stream.receive_some()
        await stream.send_all(b":2\r\n")
        await trio.sleep_forever()

    line = await connect(nursery, await listen(nursery, slow))
    late: list[object] = []
    with pytest.raises(Lost):
        await line.ask((b"A",), (b"B",), patience=0.001, late=late.extend)
    assert late == []
    assert await line.ask((b"C",)) == [2]
    assert late == [1, Refused(UNKNOWN_SCRIPT)]
    nursery.cancel_scope.cancel()


async def test_what_was_still_out_when_the_connection_ended_is_not_handed_on(
    nursery: trio.Nursery,
) -> None:
    async def leave(stream: trio.SocketStream) -> None:
        await greet(stream)
        await stream.receive_some()

    async def hold(address: StoreAddress, *, task_status: trio.TaskStatus[Line]) -> None:
        with suppress(Lost):
            await open_line(address, CHANNEL, task_status=task_status)

    line: Line = await nursery.start(partial(hold, await listen(nursery, leave)))
    late: list[object] = []
    for patience in (0.0, 5.0):
        with pytest.raises(Lost):
            await line.ask((b"GET", b"a"), patience=patience, late=late.extend)
    assert late == []
    nursery.cancel_scope.cancel()


async def test_who_waits_when_the_connection_ends_is_told_at_once(nursery: trio.Nursery) -> None:
    async def leave(stream: trio.SocketStream) -> None:
        await greet(stream)
        await stream.receive_some()

    async def hold(address: StoreAddress, *, task_status: trio.TaskStatus[Line]) -> None:
        with suppress(Lost):
            await open_line(address, CHANNEL, task_status=task_status)

    address = await listen(nursery, leave)
    line: Line = await nursery.start(partial(hold, address))
    with pytest.raises(Lost, match="ost"):
        await line.ask((b"GET", b"a"), patience=5.0)
    nursery.cancel_scope.cancel()


async def test_too_many_open_commands_are_enough(nursery: trio.Nursery) -> None:
    async def mute(stream: trio.SocketStream) -> None:
        await greet(stream)
        await trio.sleep_forever()

    line = await connect(nursery, await listen(nursery, mute))
    began = trio.current_time()
    for _ in range(MOST_OPEN):
        assert not line.behind or trio.current_time() - began > OVERDUE
        with trio.CancelScope() as scope:
            scope.cancel()
            await line.ask((b"GET", b"a"))
    assert line.behind
    nursery.cancel_scope.cancel()


async def test_replies_that_nobody_reads_any_more_do_not_shift_the_others(
    store: RealStore, nursery: trio.Nursery
) -> None:
    await store.start()
    line = await connect(nursery, parse_store_url(store.url))
    for number in range(200):
        with trio.CancelScope() as scope:
            scope.cancel()
            await line.ask((b"ECHO", b"lost %d" % number))
        assert await line.ask((b"ECHO", b"%d" % number)) == [b"%d" % number]
    nursery.cancel_scope.cancel()


async def test_who_asks_on_an_ended_connection_is_told(store: RealStore) -> None:
    await store.start()
    lines: list[Line] = []

    async def hold(nursery: trio.Nursery) -> None:
        lines.append(await connect(nursery, parse_store_url(store.url)))
        store.signal(signal.SIGKILL)

    with pytest.RaisesGroup(Lost):
        async with trio.open_nursery() as nursery:
            await hold(nursery)
    with pytest.raises(Lost):
        await lines[0].ask((b"PING",))
    with pytest.raises(Lost):
        await lines[0].hear(lambda _: None)


@pytest.mark.parametrize("steps", range(12))
async def test_wherever_it_is_cancelled_nothing_is_left(
    steps: int, store: RealStore, nursery: trio.Nursery
) -> None:
    """The check of leaks after each test does the rest."""
    await store.start()

    async def hold() -> None:
        try:
            await open_line(parse_store_url(store.url), CHANNEL)
        except Lost:  # coredis says so where it was cancelled while it connected
            await trio.lowlevel.checkpoint()

    with trio.CancelScope() as scope:
        nursery.start_soon(hold)
        async with trio.open_nursery() as inner:
            inner.start_soon(hold)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            scope.cancel()
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await until(lambda: store.clients() == 0)
