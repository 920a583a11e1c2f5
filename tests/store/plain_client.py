"""A client of a real server that does without a loop: a command, its reply."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.store.scripts import Script


class PlainClient:
    """One connection, in the old form of the protocol. Numbers, bytes, lists and None come back."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "PlainClient":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self._socket.close()

    def say(self, *command: bytes | int) -> Any:
        parts = [b"%d" % part if isinstance(part, int) else part for part in command]
        wire = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(b"*%d\r\n%b" % (len(parts), wire))
        return self._reply()

    def run(self, script: Script, keys: Sequence[bytes], *arguments: bytes | int) -> Any:
        return self.say(*script.spelt(script.call(keys, *arguments)))

    def _reply(self) -> Any:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
            case b"*":
                return [self._reply() for _ in range(int(rest))]
            case b"-":
                raise AssertionError(rest)
        return rest
