"""A whole gateway in memory: clients, connections, corridor, transport and scripted providers.

Everything is the house's own but for the two ends of the wire, so that time is virtual and the
moment at which a provider's connection is closed is exact. A stage that is left looks whether
anything remains: a call, a connection, a bug that no test took, a request without its receipt.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import httpx2
import trio

from gateway.downstream.calls import Calls
from gateway.downstream.client import Guest
from gateway.downstream.connection import Connection, Hall
from gateway.downstream.front import Front
from gateway.downstream.head import Head
from gateway.downstream.idle import Idle
from gateway.downstream.options import HttpOptions
from gateway.policy.allowance import Allowance
from gateway.policy.areas import Ways
from gateway.policy.budgets import Purse, Purses
from gateway.policy.health import Health
from gateway.policy.keys import Keyring
from gateway.policy.limits import Limiter
from gateway.policy.offers import Alias, Offer, Rules
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.policy.tracing import Tracing
from gateway.relay.costs import Costs
from gateway.relay.gate import LocalGate
from gateway.relay.guards import Guarding
from gateway.relay.house import Current, Gate, House
from gateway.relay.kept import Answers
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.relay.shared import Sharing
from gateway.upstream.transport import Transport
from gateway.upstream.wire import UpstreamStream
from gateway.words.caller import Limits
from gateway.words.receipt import Receipt, Tap
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Origin, Target, Timeouts
from tests.caller import Caller, Line, Watching
from tests.memory import MemoryStream

PEER = "127.0.0.1"
KEY = "sk-provider-0123456789abcdef"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"


def event(text: str | None = None, *, finish: str | None = None, **more: Any) -> bytes:
    """Return one event of a stream; `more` goes beside its choices."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}
    return b"data: " + json.dumps(chunk | more).encode() + b"\n\n"


def fault(message: str = "overloaded", code: str = "overloaded_error") -> bytes:
    """Return an error as providers tell it in mid-stream."""
    told = {"message": message, "type": "server_error", "param": None, "code": code}
    return b"data: " + json.dumps({"error": told}).encode() + b"\n\n"


def chunk(*parts: bytes) -> bytes:
    """Return a chunk of a chunked body for each part."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def answer(status: int, body: bytes, *fields: bytes, media: bytes = b"application/json") -> bytes:
    """Return an answer of known length."""
    lines = (b"content-type: " + media, b"content-length: %d" % len(body), *fields)
    return b"HTTP/1.1 %d Status\r\n%b\r\n\r\n%b" % (status, b"\r\n".join(lines), body)


COMPLETION = json.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
).encode()
TODAY = 1_800_000_000.0
"""Unix time at the beginning of every play."""
STOP = event(finish="stop")
WHOLE_STREAM = (STREAM_HEAD, chunk(event("hel")), chunk(event("lo")), chunk(STOP, DONE) + END)


def get(path: str, *fields: str, version: str = "1.1", method: str = "GET") -> bytes:
    """Return a request without a body."""
    return "\r\n".join(
        [f"{method} {path} HTTP/{version}", "Host: localhost", *fields, "", ""]
    ).encode()


def post(
    body: bytes, *fields: str, path: str = "/v1/chat/completions", version: str = "1.1"
) -> bytes:
    """Return a request with a body; a field of the test's own frames it where there is one."""
    lines = [*fields]
    named = {line.partition(":")[0].lower() for line in lines}
    if "content-type" not in named:
        lines.append("Content-Type: application/json")
    if not named & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return get(path, *lines, version=version, method="POST") + body


def words(*, stream: bool = True, **more: Any) -> bytes:
    """Return the body of a chat request."""
    said = [{"role": "user", "content": "hello"}]
    return json.dumps({"model": "m", "messages": said, "stream": stream} | more).encode()


def chat(*fields: str, stream: bool = True, version: str = "1.1", **more: Any) -> bytes:
    """Return a chat request."""
    return post(words(stream=stream, **more), *fields, version=version)


class Provider(MemoryStream):
    """One connection to the provider. It says a script after each request, part by part.

    `asked` is set once a request has come, `taken` counts the bytes that the house has read,
    `closed_at` is when the house closed it.
    """

    def __init__(self, *script: bytes) -> None:
        super().__init__()
        self.asked = trio.Event()
        self.taken = 0
        self.closed_at = inf
        self._scripts = [script]

    def then(self, *script: bytes) -> "Provider":
        """Say this after the next request."""
        self._scripts.append(script)
        return self

    async def send_all(self, data: bytes | bytearray | memoryview, /) -> None:
        await super().send_all(data)
        if self._scripts:
            self.say(*self._scripts.pop(0))
        self.asked.set()

    def read_now(self, max_bytes: int, /) -> bytes | None:
        data = super().read_now(max_bytes)
        self.taken += len(data or b"")
        return data

    def close(self) -> None:
        self.closed_at = min(self.closed_at, trio.current_time())
        super().close()

    def sent_json(self) -> Any:
        """Return the body of the request as the provider reads it."""
        return json.loads(b"".join(self.sent).partition(b"\r\n\r\n")[2])


class Book(Tap):
    """A tap that keeps every receipt."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.some = trio.Event()

    def settled(self, receipt: Receipt) -> None:
        assert all(receipt is not known for known in self.receipts), "settled twice"
        self.receipts.append(receipt)
        self.some.set()


class Stage:
    """The gateway and its surroundings. What a test wants otherwise it sets before it connects."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.idle = Idle()
        nursery.start_soon(self.idle.run)
        self.http = HttpOptions()
        self.clocks = ClockOptions()
        self.answers = AnswerOptions()
        self.timeouts = Timeouts()
        self.conduct = Conduct(retries=0)
        self.homes = ["up"]
        """Names of the providers that offer the model `m`; each listens at NAME.test."""
        self.offered: dict[str, dict[str, str]] = {}
        """What some of them offer instead: public names, and their own."""
        self.spares: list[str] = []
        """Those that offer `n`; `m` falls back on it."""
        self.rules = Rules(fallbacks={"m": ("n",)})
        self.keys = [KEY]
        self.limiter = Limiter()
        self.gate: Gate = LocalGate(self.limiter, trio.current_time)
        self.purses = Purses()
        self.limits_of_models: dict[str, Limits] = {}
        self.alerts: list[tuple[str, float]] = []
        self.costs: Costs | None = None
        self.keyring: Keyring | None = None
        self.prefill = False
        self.also: tuple[str, ...] = ("raw",)
        """The forms that providers speak beside chat."""
        self.health = Health()
        self.hedges = Allowance(0.1, 10.0)
        self.sharing = Sharing()
        self.kept = Answers(1_000_000)
        self.draw: Callable[[], float] = lambda: 0.0
        self.aliases: dict[str, Alias] = {}
        self.ways: Callable[[], Ways] = Ways
        self.tracing: Tracing | None = None
        self.guarding: Guarding | None = None
        self.max_calls = self.max_connections = 100
        self.open_use = False
        self.taps: tuple[Tap, ...] = ()
        self.book = Book()
        self.bugs: list[tuple[str, BaseException, str]] = []
        self.accepted = 0
        self.watching = Watching()
        self.transport = Transport(self._connect)
        self.others: dict[str, httpx2.AsyncBaseTransport] = {}
        self.dialled: list[Origin] = []
        self.lines: list[Line] = []
        self.connections: list[Connection] = []
        self.ended = 0
        self._providers: dict[str, list[Provider | Exception]] = {}
        self._built: tuple[Hall, Front] | None = None

    def provider(self, *script: bytes, at: str = "up") -> Provider:
        """Prepare a provider's next connection, and what it says once it was asked."""
        provider = Provider(*script)
        self.prepare(provider, at)
        return provider

    def prepare(self, provider: Provider, at: str = "up") -> None:
        """Make this the provider's next connection."""
        self._providers.setdefault(at, []).append(provider)

    def refuse(self, error: Exception, at: str = "up") -> None:
        """Let the next connection to the provider fail."""
        self._providers.setdefault(at, []).append(error)

    async def _connect(self, origin: Origin) -> UpstreamStream:
        await trio.lowlevel.checkpoint()
        self.dialled.append(origin)
        waiting = self._providers.get(origin.host.removesuffix(".test"))
        if not waiting:
            await trio.sleep_forever()
        assert waiting
        provider = waiting.pop(0)
        if isinstance(provider, Exception):
            raise provider
        return provider

    @property
    def hall(self) -> Hall:
        """What the connections share; built when it is first asked for."""
        return self._rooms[0]

    @property
    def front(self) -> Front:
        return self._rooms[1]

    @property
    def _rooms(self) -> tuple[Hall, Front]:
        if self._built is None:
            self._built = self._build()
        return self._built

    @property
    def calls(self) -> Calls:
        return self.hall.calls

    def house(self) -> House:
        """Build a house of what is set."""
        models = {"m": "m-1", "org/big": "big"}
        offers = [self._offer(name, self.offered.get(name, models)) for name in self.homes]
        offers += [self._offer(name, {"n": "n-1"}) for name in self.spares]
        aliases = {"m": Alias(seconds=_clocks_of(self.timeouts)), **self.aliases}
        rules = self.rules if self.spares else replace(self.rules, fallbacks={})
        return House(
            routes=Routes(offers, aliases, {}, rules),
            keys=self.keyring,
            gate=self.gate,
            limits_of_models=self.limits_of_models,
            purses=self.purses,
            warn_of=self._warn_of,
            costs=self.costs,
            books=None,
            health=self.health,
            hedges=self.hedges,
            sharing=self.sharing,
            kept=self.kept,
            clocks=self.clocks,
            answers=self.answers,
            transports={"http": self.transport, **self.others},
            scrubber=Scrubber([Secret(KEY)]),
            taps=(*self.taps, self.book),
            turns=itertools.count(),
            draw=self.draw,
            today=lambda: TODAY + trio.current_time(),
            new_id=map("req_{}".format, itertools.count(1)).__next__,
            report=lambda what, error, request_id: self.bugs.append((what, error, request_id)),
            ways=self.ways(),
            tracing=self.tracing,
            open_use=self.open_use,
            guarding=self.guarding,
        )

    def _warn_of(self, purse: Purse, part: float) -> None:
        self.alerts.append((purse.account.name, part))

    def target(self, name: str = "up", model: str = "m-1") -> Target:
        """Return the target that a provider's model is, by its own key."""
        return replace(self._offer(name, {}).target, model=model)

    def _offer(self, name: str, models: dict[str, str]) -> Offer:
        target = Target(
            provider=name,
            kind="openai",
            form="chat",
            origin=Origin("http", f"{name}.test", 80),
            path="/v1",
            model="",
            max_connections=self.max_connections,
            timeouts=self.timeouts,
            conduct=self.conduct,
            prefill=self.prefill,
            also=self.also,
        )
        return Offer(name, models, "", False, False, target, tuple(map(Secret, self.keys)))

    def _build(self) -> tuple[Hall, Front]:
        house = self.house()
        calls = Calls(self.max_calls)
        self.current = Current(house)
        front = Front(self.current, calls, frozenset({PEER}))

        async def serve(client: Guest, head: Head, peer: str) -> None:
            self.accepted += 1
            await front.serve(client, head, peer)

        hall = Hall(self.http, calls, self.watching, self.idle, serve, house.new_id, house.report)
        return hall, front

    def connect(self, window: float = inf) -> Caller:
        """Open a client's connection."""
        return self.accept(Line(window))

    def accept(self, line: Line) -> Caller:
        """Serve a connection."""
        self.lines.append(line)
        connection = Connection(line, PEER, self.hall)
        self.connections.append(connection)
        self.nursery.start_soon(self._serve, connection, line)
        return Caller(line)

    async def _serve(self, connection: Connection, line: Line) -> None:
        try:
            await connection.run()
        finally:
            line.close()
            self.ended += 1

    def ask(self, *parts: bytes) -> Caller:
        """Open a connection and send."""
        caller = self.connect()
        caller.send(*parts)
        return caller

    async def receipt(self) -> Receipt:
        """Wait until a call has ended and no other is open; return the one receipt there is."""
        await self.book.some.wait()
        await self.calls.ended()
        (receipt,) = self.book.receipts
        return receipt

    async def tries(self) -> list[tuple[str, str]]:
        """Return target and outcome of each attempt of the only call, once that has ended."""
        receipt = await self.receipt()
        return [(attempt.target, attempt.outcome) for attempt in receipt.attempts]

    def take_bugs(self) -> list[tuple[str, str]]:
        """Return what was reported and where, and forget it."""
        taken, self.bugs = self.bugs, []
        return [(what, request_id) for what, _, request_id in taken]

    async def strike(self) -> None:
        """Let all clients leave, and look whether anything remains."""
        for line in self.lines:
            Caller(line).leave()
        with trio.fail_after(10_000):
            while self.ended < len(self.lines):
                await trio.sleep(1)
        assert self.bugs == []
        assert (len(self.calls), self.calls.body_bytes) == (0, 0)
        assert self.watching.watched == 0
        assert [purse.reserved for purse in self.purses if purse.reserved] == []
        pool = self.transport.pool
        assert (pool.busy, pool.waiting, self.transport.streams) == (0, 0, 0)
        assert len(self.book.receipts) == self.accepted
        assert all(receipt.outcome is not None for receipt in self.book.receipts)
        assert all(
            attempt.ended is not None
            for receipt in self.book.receipts
            for attempt in receipt.attempts
        )


def _clocks_of(timeouts: Timeouts) -> dict[str, float]:
    names = ("connect", "first_token", "idle", "total")
    return {name: getattr(timeouts, name) for name in names}


async def hand_over(stage: Stage) -> None:
    """Have a call read along with another whose client leaves in mid-stream: it hears the end."""
    provider = stage.provider(STREAM_HEAD)
    first = stage.ask(chat())
    await trio.sleep(0.5)
    second = stage.ask(chat())
    await trio.sleep(0.5)
    provider.say(chunk(event("hel")))
    await trio.sleep(1)
    first.leave()
    await trio.sleep(1)
    provider.say(chunk(event("lo"), STOP, DONE) + END)
    assert (await second.reply()).text == "hello"
    await stage.calls.ended()
