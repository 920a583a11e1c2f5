"""The programs that the shared store runs for us, each of which decides all at once.

They lie beside this file in `lua/`. The store knows a program by its digest once it has been told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib import resources
from typing import Final

from gateway.store.line import UNKNOWN_SCRIPT, Command, Late, Line, Refused

SERVERS_TIME: Final = 0
"""Given to a program in place of a time: it goes by the store's own clock."""


@dataclass(frozen=True, slots=True)
class Script:
    """One program, and the digest that the store calls it by."""

    text: bytes
    digest: bytes

    def call(self, keys: Sequence[bytes], *arguments: bytes | int) -> Command:
        return (b"EVALSHA", self.digest, len(keys), *keys, *arguments)

    def spelt(self, command: Command) -> Command:
        """Return a call of it with the whole program in place of its digest."""
        return (b"EVAL", self.text, *command[2:])


@dataclass(frozen=True, slots=True)
class Scripts:
    """All programs there are."""

    admit: Script
    settle: Script
    renew: Script
    purse: Script

    async def load(self, line: Line) -> None:
        """Tell the store of them."""
        every = (self.admit, self.settle, self.renew, self.purse)
        await line.ask(*[(b"SCRIPT", b"LOAD", script.text) for script in every])

    async def run(
        self, line: Line, commands: Sequence[Command], late: Late | None = None
    ) -> list[object]:
        """Run some of them in one round trip; a second one where the store has forgotten them.

        Raises `Lost`; what comes after that, or after a cancellation, is given to `late`.
        """
        replies = list(await line.ask(*commands, late=late))
        forgotten = [at for at, reply in enumerate(replies) if _is_unknown(reply)]
        if not forgotten:
            return replies

        def put(again: Sequence[object]) -> None:
            for at, reply in zip(forgotten, again, strict=True):
                replies[at] = reply

        def put_late(again: Sequence[object]) -> None:
            put(again)
            if late is not None:
                late(replies)

        put(await line.ask(*[self._spelt(commands[at]) for at in forgotten], late=put_late))
        return replies

    def _spelt(self, command: Command) -> Command:
        every = (self.admit, self.settle, self.renew, self.purse)
        return next(script.spelt(command) for script in every if script.digest == command[1])


def _is_unknown(reply: object) -> bool:
    return isinstance(reply, Refused) and reply.reason.startswith(UNKNOWN_SCRIPT)


def read_scripts() -> Scripts:
    """Read them from beside this file."""
    subject = _text("subject")
    return Scripts(
        _script(subject + _text("admit")),
        _script(subject + _text("settle")),
        _script(subject + _text("renew")),
        _script(_text("purse")),
    )


def _script(text: bytes) -> Script:
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


def _text(name: str) -> bytes:
    return (resources.files("gateway.store") / f"lua/{name}.lua").read_bytes()
