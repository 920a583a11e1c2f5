"""What a client asks for: one request, ready to be sent, and what must be known of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from random import Random

from tests.stage import get, post

TOKEN_BYTES = 4
"""Bytes of a request's fields to a token, as the gateway estimates it."""

OVERSIZE = 6_000
"""Bytes of a body that is too long where the limit is small, and fine where it is not."""


@dataclass(frozen=True, slots=True)
class Asks:
    """What a client wishes of the routing, by header fields. Infinity and None are: nothing."""

    retries: int | None = None
    fallbacks: bool = True
    resume: bool = True
    hedge: bool = True
    total: float = inf
    reads_for: float = inf
    """Seconds for which its SDK says that it waits for a next byte."""

    @property
    def patience(self) -> float:
        """For how many seconds it can be kept waiting: it must hear before its SDK hangs up."""
        return max(self.reads_for / 2, self.reads_for - max(0.25, self.reads_for * 0.05))

    @property
    def fields(self) -> list[str]:
        """The lines of the head that say so."""
        said = {
            "X-Gateway-Retries": "" if self.retries is None else str(self.retries),
            "X-Gateway-Fallbacks": "" if self.fallbacks else "off",
            "X-Gateway-Resume": "" if self.resume else "off",
            "X-Gateway-Hedge": "" if self.hedge else "off",
            "X-Gateway-Timeout": "" if self.total == inf else f"{self.total:g}",
            "X-Stainless-Read-Timeout": "" if self.reads_for == inf else f"{self.reads_for:g}",
        }
        return [f"{name}: {value}" for name, value in said.items() if value]


NOTHING_ASKED = Asks()


@dataclass(frozen=True, slots=True)
class Takes:
    """What providers say that a call took, if they are `told` to: tokens.

    `asked` are those of the prompt; an answer is so many `per_word`, and `thoughts` that nobody
    sees.
    """

    asked: int
    per_word: int = 1
    thoughts: int = 0
    told: bool = True

    def so_far(self, words: int) -> tuple[int, int]:
        """Return what is in and out when so many words have been said."""
        return self.asked, words * self.per_word + (self.thoughts if words else 0)


@dataclass(frozen=True, slots=True)
class Wish:
    """One request. `id` is its request id; `wire` holds head and body, `head_bytes` ends the head.

    `clean` says that it is a request at all: one receipt is due. `chats` that a provider is asked,
    if the house takes it. `statuses` are what it can be answered where no provider is asked.
    """

    id: str
    kind: str
    wire: bytes
    method: str = "POST"
    stream: bool = False
    usage: bool = False
    chats: bool = False
    clean: bool = True
    expects: bool = False
    closes: bool = False
    statuses: tuple[int, ...] = ()
    asks: Asks = NOTHING_ASKED
    text: str = ""
    """What providers say of it; empty where each says what it likes."""
    holder: str = ""
    """Whose virtual key it shows; empty where it shows none, or a wrong one."""
    prompt: int = 0
    """Tokens that it asks, as they are taken from its size: four bytes each."""
    most: int | None = None
    """The most tokens that it wants to be answered."""
    takes: Takes | None = None
    form: str = "chat"
    """What it speaks."""
    mark: str = ""
    """Tells one answer to it from another: the id in its events."""

    @property
    def head_bytes(self) -> int:
        return self.wire.find(b"\r\n\r\n") + 4


WAYS = ("plain", "expect", "close", "upgrade", "chunked", "1.0", "1.0, kept")
"""How a chat is asked for."""


def _asks(lots: Random) -> Asks:
    """Draw what a client wishes of the routing; most wish nothing."""
    if lots.random() < 0.7:
        return NOTHING_ASKED
    return Asks(
        retries=lots.choice((None, None, 0, 1, 9)),
        fallbacks=lots.random() < 0.7,
        resume=lots.random() < 0.7,
        hedge=lots.random() < 0.7,
        total=lots.choice((inf, inf, inf, 3.0, 10.0)),
        reads_for=lots.choice((inf, inf, 2.0, 10.0, 40.0)),
    )


def _chat(lots: Random, name: str, more: Mapping[str, int], *, routed: bool) -> Wish:
    stream = lots.random() < 0.75
    usage = stream and lots.random() < 0.4
    said: dict[str, object] = {
        "model": "m",
        "user": name,
        "messages": [{"role": "user", "content": f"hello {name}" if routed else "hello"}],
        "stream": stream,
    }
    if usage:
        said["stream_options"] = {"include_usage": True}
    if (size := lots.choices((0, OVERSIZE, 200_000), (86, 7, 7))[0]) > 0:
        said["padding"] = "x" * size
    said |= more
    body = json.dumps(said).encode()
    asks = _asks(lots) if routed else NOTHING_ASKED
    fields = [f"X-Request-Id: {name}", *asks.fields]
    expects = closes = False
    version = "1.1"
    match lots.choices(WAYS, (64, 6, 6, 6, 6, 6, 6))[0]:
        case "expect":
            fields.append("Expect: 100-continue")
            expects = True
        case "close":
            fields.append("Connection: close")
            closes = True
        case "upgrade":
            fields += ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAA"]
        case "chunked":
            fields.append("Transfer-Encoding: chunked")
            size = lots.choice((7, 1000))
            parts = [body[begin : begin + size] for begin in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
        case "1.0":
            version, closes = "1.0", True
        case "1.0, kept":
            version = "1.0"
            fields.append("Connection: keep-alive")
    wire = post(body, *fields, version=version)
    return Wish(
        name, "chat", wire, stream=stream, usage=usage, chats=True, expects=expects, closes=closes,
        asks=asks, prompt=-(-sum(len(json.dumps(each)) for each in said.values()) // TOKEN_BYTES),
        most=more.get("max_tokens"),
    )  # fmt: skip


def _plain(path: str, statuses: tuple[int, ...], method: str = "GET") -> Callable[[str], Wish]:
    def make(name: str) -> Wish:
        wire = get(path, f"X-Request-Id: {name}", method=method)
        return Wish(name, f"{method} {path}", wire, method=method, statuses=statuses)

    return make


def _refused(kind: str, body: bytes, status: int, *fields: str) -> Callable[[str], Wish]:
    def make(name: str) -> Wish:
        wire = post(body, f"X-Request-Id: {name}", *fields)
        return Wish(name, kind, wire, statuses=(status,))

    return make


MALFORMED = (
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
)


def _malformed(lots: Random) -> Callable[[str], Wish]:
    wire = lots.choice(MALFORMED)
    return lambda name: Wish(name, "malformed", wire, clean=False, statuses=(400, 431))


PLAIN: tuple[Callable[[str], Wish], ...] = (
    _plain("/v1/models", (200,)),
    _plain("/v1/models/m", (200,)),
    _plain("/v1/models/nobody", (404,)),
    _plain("/healthz", (200,)),
    _plain("/readyz", (200, 503)),
    _plain("/nowhere", (404,)),
    _plain("/v1/chat/completions", (405,)),
    _plain("/v1/models", (405,), "DELETE"),
    _plain("/v1/models", (200,), "HEAD"),
    _refused("bad JSON", b'{"model": ', 400),
    _refused("no messages", b'{"model": "m"}', 400),
    _refused("unknown model", b'{"model": "z", "messages": [{}]}', 404),
    _refused("foreign media", b"a=b", 415, "Content-Type: text/plain"),
    _refused("web page", b"{}", 403, "Sec-Fetch-Site: cross-site"),
    _refused("bad chunks", b"zz\r\n{}\r\n0\r\n\r\n", 400, "Transfer-Encoding: chunked"),
    _refused("too long", b"{}", 413, "Content-Length: 999999999"),
)


def draw_wish(
    lots: Random, name: str, more: Mapping[str, int] | None = None, *, routed: bool
) -> Wish:
    """Draw a request; most are chats. Where calls are `routed` it may say how.

    A chat asks for `more`, which changes no lots.
    """
    drawn = lots.random()
    if drawn < 0.84:
        return _chat(lots, name, more or {}, routed=routed)
    if drawn < 0.96:
        return lots.choice(PLAIN)(name)
    return _malformed(lots)(name)
