"""Asks the built-in model through a proxy, as a client does, and looks at the gateway meanwhile.

Nothing is paid: `echo` says what it is told. Of what is open at the gateway only the calls that are
made here are looked at, by the ids that they were given.
"""

import secrets
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import httpx2
import msgspec
import trio

from gateway.commands.asking import Asked, Unanswered
from gateway.commands.diagnosis.proxy import (
    PACE,
    REUSED,
    UNSEEN,
    WORDS,
    Streamed,
    find_ended,
    judge_connection,
    judge_leaving,
    judge_silence,
    judge_stream,
)
from gateway.commands.diagnosis.verdict import Verdict, fail, ok, skipped
from gateway.downstream.live import SeenProcess
from gateway.upstream.send import USER_AGENT, body_within, url_of
from gateway.words.client import Header
from gateway.words.errors import Internal
from gateway.words.secret import Secret
from gateway.words.target import Origin

MAX_BYTES: Final = 1_048_576
FIRST_TIMEOUT: Final = 1.2
"""Seconds for the list of models, of which a gateway knows its own without asking anybody."""

LOOKED_AT: Final = 200
"""Connections of each worker among which a call is looked for."""

STAYS: Final = 0.4
"""Seconds that a client stays before it leaves."""

LASTS: Final = 1.4
"""Seconds for which the call that is left would go on."""

SEEN_WITHIN: Final = 2.0
"""Seconds in which the end of a call that was left must be seen: it would be over by then."""

PAUSE: Final = 0.06
"""Seconds from one try to the next, so that what is asked first is first."""

POLL: Final = 0.1
SLOW: Final = 1.0
"""Words a second of an answer that is to be silent for long."""

SPACE: Final = b'"content":"word'

WORD: Final = "word "

NO_KEY: Final = "Set GATEWAY_DOCTOR_KEY to a key that may ask for this model."
NO_PATH: Final = "Does the address end with /v1, and does the proxy leave paths as they are?"
NO_GATEWAY: Final = "Does the proxy find the gateway? Its own error log says more."
NOT_HERE: Final = (
    "Without keys a gateway answers to names of this machine alone, as deploy/nginx tells: give out"
    " keys, or have the proxy say `Host: localhost`."
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where clients come in, what is shown there, which model is asked for.

    `silent` is for how many seconds an answer is to be silent; 0: that is not tried.
    """

    origin: Origin
    path: str
    model: str
    key: Secret | None = None
    silent: int = 0


class Visitor:
    """A client that comes through the proxy."""

    def __init__(self, proxy: Proxy, client: httpx2.AsyncClient, asked: Asked) -> None:
        """`asked` are the gateways that may be behind it."""
        self._proxy = proxy
        self._client = client
        self._asked = asked
        self._unanswered = ""
        """Why nobody could be asked the last time."""

    async def visit(self) -> list[Verdict]:
        """Do all that clients do. Raises nothing of the network."""
        answer = await self._first()
        if answer.remedy:
            return [answer]
        found: dict[int, Sequence[Verdict]] = {}
        # What is asked first has the connection that carried the list, so that one sees it again,
        # older than the call by the pause.
        await trio.sleep(2 * REUSED)
        tries = (self._stream, self._leave_stream, self._leave_whole, self._stay_silent)

        async def make(number: int) -> None:
            try:
                found[number] = await tries[number]()
            except* (httpx2.HTTPError, httpx2.StreamError) as group:
                found[number] = [fail("stream", _reason(group), NO_GATEWAY)]

        async with trio.open_nursery() as nursery:
            for number in range(len(tries)):
                nursery.start_soon(make, number)
                await trio.sleep(PAUSE)
        return [answer, *(each for number in sorted(found) for each in found[number])]

    async def _first(self) -> Verdict:
        """Ask for the list of models: cheap, and it says whether calls will be let in."""
        try:
            with trio.fail_after(FIRST_TIMEOUT):
                async with self._request("GET", "/models", b"", _name()) as answer:
                    await _read(answer)
                    return _judge_status(answer.status_code)
        except trio.TooSlowError:
            seen = f"no list of models within {FIRST_TIMEOUT:g} seconds"
            return fail("answer", seen, NO_GATEWAY)
        except (httpx2.HTTPError, httpx2.StreamError, Internal) as error:
            return fail("answer", str(error) or type(error).__name__, NO_GATEWAY)

    async def _stream(self) -> list[Verdict]:
        """Have a stream told, note when its words come, and look at it in its middle."""
        names = [_name()]
        streamed: list[Streamed] = []
        seen: list[Verdict] = []

        async def look() -> None:
            await trio.sleep(WORDS / PACE / 2)
            workers = await self._look(LOOKED_AT)
            if self._unanswered:
                seen.append(skipped("arrives", self._unanswered, UNSEEN))
            else:
                seen.extend(judge_connection(workers, names[-1]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            async with self._call(PACE, WORDS, stream=True, name=names[0]) as answer:
                names.append(answer.headers.get("x-request-id", names[0]))
                came = await _arrivals(answer)
                fields = {name.lower(): value for name, value in answer.headers.items()}
                streamed.append(Streamed(answer.status_code, fields, came))
        return [*judge_stream(streamed[0]), *seen]

    async def _leave_stream(self) -> list[Verdict]:
        """Leave a stream in its middle; where it is held back, before it has come."""
        name = _name()
        with trio.move_on_after(STAYS):
            async with self._call(PACE, round(PACE * LASTS), stream=True, name=name) as answer:
                name = answer.headers.get("x-request-id", name)
                await trio.sleep(STAYS)
        return [await self._after("leaving a stream", name)]

    async def _leave_whole(self) -> list[Verdict]:
        """Leave while an answer in one piece is waited for, of which no byte has come."""
        name = _name()
        with trio.move_on_after(STAYS):
            async with self._call(PACE, round(PACE * LASTS), stream=False, name=name):
                pass
        return [await self._after("leaving an answer", name)]

    async def _after(self, check: str, call: str) -> Verdict:
        """Wait until a call is seen to have ended whose client has just left."""
        left_at = trio.current_time()
        ended = None
        while ended is None and trio.current_time() < left_at + SEEN_WITHIN:
            ended = find_ended(await self._look(0), call)
            if ended is None:
                await trio.sleep(POLL)
        ago = 0.0 if ended is None else ended.ago
        return judge_leaving(check, ended, trio.current_time() - ago - left_at)

    async def _stay_silent(self) -> list[Verdict]:
        """Wait for an answer in one piece that takes long."""
        seconds = self._proxy.silent
        if not seconds:
            remedy = "--silent 70 tries whether an answer may take 70 s, and takes as long."
            return [skipped("silence of answers", "not tried", remedy)]
        began, status = trio.current_time(), 0
        try:
            async with self._call(SLOW, seconds, stream=False) as answer:
                await _read(answer)
                status = answer.status_code
        except (httpx2.HTTPError, httpx2.StreamError):
            pass  # it was cut, which is told by the missing status
        return [judge_silence(seconds, status, trio.current_time() - began)]

    async def _look(self, limit: int) -> list[SeenProcess]:
        self._unanswered = ""
        try:
            return await self._asked.tree(limit)
        except Unanswered as error:
            self._unanswered = str(error)
            return []

    def _call(
        self, pace: float, words: int, *, stream: bool, name: str = ""
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        fields = {
            "model": self._proxy.model,
            "stream": stream,
            "words_per_second": pace,
            "messages": [{"role": "user", "content": WORD * words}],
        }
        body = msgspec.json.encode(fields)
        return self._request("POST", "/chat/completions", body, name or _name())

    def _request(
        self, method: str, path: str, body: bytes, name: str
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        proxy = self._proxy
        fields: list[Header] = [
            (b"user-agent", USER_AGENT),
            (b"x-request-id", name.encode()),
            (b"accept", b"text/event-stream, application/json"),
            (b"accept-encoding", b"identity"),
        ]
        if body:
            fields.append((b"content-type", b"application/json"))
        if proxy.key is not None:
            fields.append((b"authorization", b"Bearer " + proxy.key.reveal().encode()))
        url = url_of(proxy.origin, proxy.path, path)
        return self._client.stream(method, url, content=body, headers=fields)


def _name() -> str:
    """Return an id by which a call can be found at the gateway."""
    return f"doctor-{secrets.token_hex(8)}"


async def _arrivals(answer: httpx2.Response) -> list[float]:
    """Read a stream to its end; return when each of its words was there."""
    came: list[float] = []
    said = bytearray()
    async for part in answer.aiter_raw():
        said += part
        came += [trio.current_time()] * (said.count(SPACE) - len(came))
        if len(said) > MAX_BYTES:
            break
    return came


async def _read(answer: httpx2.Response) -> None:
    """Read an answer to its end, so that its connection can be kept."""
    await body_within(answer, MAX_BYTES)


def _judge_status(status: int) -> Verdict:
    match status:
        case 200:
            return ok("answer", "the list of models comes through")
        case 401:
            return fail("answer", "it wants a key (401)", NO_KEY)
        case 403:
            return fail("answer", "it refuses calls by this name (403)", NOT_HERE)
        case 404 | 405:
            return fail("answer", f"there is no list of models ({status})", NO_PATH)
        case _:
            return fail("answer", f"answered {status}", NO_GATEWAY)


def _reason(group: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
