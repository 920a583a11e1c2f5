"""Callers who begin streams at a steady pace, whatever becomes of them, and what became of each."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import trio

WORDS = 10
WORDS_PER_SECOND = 40.0
PATIENCE = 20.0
"""Seconds after which a caller gives up: an answer takes a quarter of one."""

KEPT_FOR = 5.0
"""Seconds for which an idle connection is used again, as httpx keeps them: the proxy closes what
has been idle for long, and whoever asks on such a one gets no answer."""

DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"\r\n0\r\n\r\n"
WORD = b'"content":"word'


def wire(words: int = WORDS) -> bytes:
    """Return one request for so many words of `echo`, at a pace that can be told from a lump."""
    message = {"role": "user", "content": "word " * words}
    wish = {"model": "echo", "stream": True, "words_per_second": WORDS_PER_SECOND}
    body = json.dumps({**wish, "messages": [message]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    return head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


@dataclass(slots=True)
class Said:
    """What became of one call; `fault` is empty where its answer came whole."""

    began: float
    first: float = inf
    ended: float = inf
    fault: str = "still open"


@dataclass(slots=True)
class Callers:
    """Clients of one address. Connections are kept for the next call, as SDKs keep them."""

    connect: Callable[[], Awaitable[trio.abc.Stream]]
    words: int = WORDS
    calls: list[Said] = field(default_factory=list)
    _kept: list[tuple[float, trio.abc.Stream]] = field(default_factory=list)

    async def begin(
        self,
        rate: float,
        until: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Begin so many calls in a second until told to stop; return when all have ended.

        A call is due by the clock and not by the one before it. What is late is made up for, one in
        each round of the scheduler, so that a client that is late itself does not choke.
        """
        due = trio.current_time()
        async with trio.open_nursery() as nursery:
            task_status.started()
            while not until.is_set():
                nursery.start_soon(self.call)
                due += 1 / rate
                await trio.sleep_until(due)
        await self._drop(self._kept)

    async def call(self) -> None:
        """Ask once, and note what becomes of it. Nothing is tried again."""
        said = Said(trio.current_time())
        self.calls.append(said)
        stream = await self._idle()
        try:
            with trio.fail_after(PATIENCE):
                stream = stream or await self.connect()
                await stream.send_all(wire(self.words))
                said.fault = self._judge(await self._hear(stream, said))
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            said.fault = type(error).__name__
        said.ended = trio.current_time()
        if stream is None:
            return
        if said.fault:
            await trio.aclose_forcefully(stream)
        else:
            self._kept.append((said.ended, stream))

    async def _idle(self) -> trio.abc.Stream | None:
        """Take the connection that was used last, if it is not too old; with it all are."""
        if not self._kept:
            return None
        since, stream = self._kept.pop()
        if trio.current_time() - since < KEPT_FOR:
            return stream
        old, self._kept = [*self._kept, (since, stream)], []
        await self._drop(old)
        return None

    async def _drop(self, kept: list[tuple[float, trio.abc.Stream]]) -> None:
        for _, stream in kept:
            await trio.aclose_forcefully(stream)

    async def _hear(self, stream: trio.abc.Stream, said: Said) -> bytes:
        """Read one answer; of one that is no 200 only what came first."""
        answer = b""
        while not answer.endswith(LAST_CHUNK):
            data = await stream.receive_some(65_536)
            if not data:
                break
            answer += data
            if WORD in answer and said.first == inf:
                said.first = trio.current_time()
            if len(answer) > len("HTTP/1.1 200") and not answer.startswith(b"HTTP/1.1 200"):
                break
        return answer

    def _judge(self, answer: bytes) -> str:
        status = answer[9:12].decode("ascii", "replace")
        if status != "200":
            return f"status {status}" if status else "no answer"
        if not answer.endswith(LAST_CHUNK):
            return "broken off"
        if DONE not in answer or answer.count(WORD) != self.words:
            return "not whole"
        return ""

    def faults(self, since: float = -inf, until: float = inf) -> Counter[str]:
        """Count what went wrong with calls that began in a time."""
        return Counter(
            said.fault for said in self.calls if said.fault and since <= said.began < until
        )
