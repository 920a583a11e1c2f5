"""What one process has found out about a home, told to all: it is left alone, it is up again.

    tell ──▶ mailbox ──▶ a key that expires when the rest is over, and a message ──▶ learn

A key's time to live says how long is left, so nobody's wall clock is trusted. A set holds the
numbers of all keys: whoever connects looks there and need not search a store full of other things.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final, NoReturn

import msgspec
import trio
from msgspec import Meta

from gateway.store.line import PREFIX, Command, Line, Refused

CHANNEL: Final = PREFIX + b"rests:1"
INDEX: Final = PREFIX + b"resting:1"
KEYS: Final = PREFIX + b"rest:1:"

LONGEST_REST: Final = 3600.0
"""Seconds; whoever says more is not one of us."""

LONGEST_NAME: Final = 512
"""Bytes; a longer name is not told."""

LONGEST_WORD: Final = 1024
"""Bytes of what is said of one home."""

MOST: Final = 1024
"""Rests that wait to be told, and that are read when a connection is made."""

AT_ONCE: Final = 64
"""Keys that are read in one go."""

NEWS: Final = 5.0
"""Seconds that it is worth telling that a home is up again."""

_KEPT_FOR = 2 * int(LONGEST_REST) * 1000
_NUMBER = re.compile(rb"[0-9a-f]{32}")

Learn = Callable[[str, int | None, float], None]
"""Takes a home's name, a key's number or None for the home itself, and the seconds that are left.

0.0 says that it is up again.
"""


class _Word(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What is said of one home or key, and who says it."""

    who: Annotated[bytes, Meta(max_length=32)]
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    key_number: Annotated[int, Meta(ge=0, le=65_535)] | None
    milliseconds: Annotated[int, Meta(ge=0, le=int(LONGEST_REST * 1000))]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Word)


@dataclass(frozen=True, slots=True)
class _Rest:
    """Until when there is something to tell; `up`: that it is up again."""

    until: float
    up: bool


class Rests:
    """The rests of this process and of all others. `who` is the process, by lot."""

    def __init__(self, who: bytes, learn: Learn, most: int = MOST) -> None:
        self._who = who
        self._learn = learn
        self._most = most
        self._mailbox: OrderedDict[tuple[str, int | None], _Rest] = OrderedDict()
        self._news = trio.Event()
        self.dropped = 0
        """What was never told: the mailbox was full, or the store refused it."""
        self.foreign = 0
        """What was read and is none of ours."""

    def tell(self, name: str, key_number: int | None, seconds: float) -> None:
        """Tell all others to leave a home alone, or one of its keys; 0.0: it is up again.

        It never waits. The last word about a home stands, and of too many the oldest is dropped.
        """
        if not 0 < len(name.encode()) <= LONGEST_NAME:
            self.dropped += 1
            return
        up = seconds <= 0.0
        lasts = NEWS if up else min(seconds, LONGEST_REST)
        self._mailbox.pop((name, key_number), None)
        self._mailbox[name, key_number] = _Rest(trio.current_time() + lasts, up)
        if len(self._mailbox) > self._most:
            self._mailbox.popitem(last=False)
            self.dropped += 1
        self._news.set()

    async def send(self, line: Line) -> NoReturn:
        """Send what is in the mailbox; what was not is told on the next line. A job of the link."""
        while True:
            self._news = trio.Event()
            while self._mailbox:
                which, rest = next(iter(self._mailbox.items()))
                commands = list(self._commands(*which, rest))
                if commands:
                    replies = await line.ask(*commands)
                    self.dropped += any(isinstance(reply, Refused) for reply in replies)
                if self._mailbox.get(which) is rest:
                    del self._mailbox[which]
            await self._news.wait()

    async def listen(self, line: Line) -> None:
        """Learn what rests already, then what others tell. A job of the link.

        The line has heard of all that was told since it was made.
        """
        await self._load(line)
        await line.hear(self._hear)

    def _commands(self, name: str, key_number: int | None, rest: _Rest) -> Iterator[Command]:
        """Yield what the store is told; nothing once the time is over."""
        left = int((rest.until - trio.current_time()) * 1000)
        if left <= 0:
            return
        number = _number(name, key_number)
        word = _ENCODER.encode(_Word(self._who, name, key_number, 0 if rest.up else left))
        if rest.up:
            yield b"DEL", KEYS + number
            yield b"SREM", INDEX, number
        else:
            yield b"SET", KEYS + number, word, b"PX", left
            yield b"SADD", INDEX, number
            yield b"PEXPIRE", INDEX, _KEPT_FOR
        yield b"PUBLISH", CHANNEL, word

    async def _load(self, line: Line) -> None:
        (found,) = await line.ask((b"SRANDMEMBER", INDEX, self._most))
        if not isinstance(found, list):
            self.foreign += 1
            return
        numbers = [each for each in found if isinstance(each, bytes) and _NUMBER.fullmatch(each)]
        self.foreign += len(found) - len(numbers)
        for begin in range(0, len(numbers), AT_ONCE):
            await self._read(line, numbers[begin : begin + AT_ONCE])

    async def _read(self, line: Line, numbers: Sequence[bytes]) -> None:
        keys = [KEYS + number for number in numbers]
        asked: list[Command] = [(b"GETRANGE", key, 0, LONGEST_WORD) for key in keys]
        asked += [(b"PTTL", key) for key in keys]
        replies = await line.ask(*asked)
        over = []
        for number, said, left in zip(
            numbers, replies[: len(keys)], replies[len(keys) :], strict=True
        ):
            if said == b"":
                over.append(number)
            elif isinstance(left, int) and left > 0:
                self._take(said, left, number)
            else:
                self.foreign += left != -2
        if over:
            await line.ask((b"SREM", INDEX, *over))

    def _hear(self, message: bytes) -> None:
        self._take(message, None, None)

    def _take(self, said: object, left: int | None, number: bytes | None) -> None:
        """Learn from what was said, if it is one of us who says it, and another one."""
        word = _word(said)
        if (
            word is None
            or (number is not None and number != _number(word.name, word.key_number))
            or (left is not None and left > LONGEST_REST * 1000)
        ):
            self.foreign += 1
        elif word.who != self._who:
            milliseconds = word.milliseconds if left is None else left
            self._learn(word.name, word.key_number, milliseconds / 1000)


def _word(said: object) -> _Word | None:
    if not isinstance(said, bytes) or len(said) > LONGEST_WORD:
        return None
    try:
        return _DECODER.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _number(name: str, key_number: int | None) -> bytes:
    """Return the number under which a rest is kept: no name stands in a key."""
    which = f"{name}\0{'' if key_number is None else key_number}"
    return sha256(which.encode()).hexdigest()[:32].encode()
