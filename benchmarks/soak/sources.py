"""Reads what clients, providers and the gateway have written since last time, into the books."""

from pathlib import Path
from typing import Any

import msgspec

from benchmarks.soak.books import Books
from benchmarks.soak.plan import PROVIDERS
from benchmarks.soak.records import Began, Ended, Seen, Tail

_seen = msgspec.json.Decoder(Seen).decode
_note = msgspec.json.Decoder(Began | Ended).decode
_line = msgspec.json.Decoder(dict[str, Any]).decode


class Sources:
    """The files of a run, and how far each has been read."""

    def __init__(self, folder: Path) -> None:
        self.clients = folder / "clients.jsonl"
        self.providers = [folder / f"provider-{number}.jsonl" for number in range(PROVIDERS)]
        self.log = folder / "gateway.log"
        self._clients = Tail(self.clients)
        self._providers = [Tail(path) for path in self.providers]
        self._log = Tail(self.log)

    def read(self, books: Books) -> None:
        """Read on, in all of them."""
        for line in self._clients.lines():
            books.saw(_seen(line))
        for number, tail in enumerate(self._providers):
            for line in tail.lines():
                books.took(number, _note(line))
        for line in self._log.lines():
            try:
                fields = _line(line)
            except msgspec.DecodeError:
                books.scribbled(line)
            else:
                books.logged(fields)
