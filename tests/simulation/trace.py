"""What happened in a world, moment by moment: kept short, hashed whole, told when it is asked for.

The Date field is the only thing in a world that comes from the real clock. It is masked where an
answer stands whole; of the pieces in which clients hear it the length alone is hashed.
"""

import hashlib
import re
from collections.abc import Iterator

HEARS = "hears"
_DATE = re.compile(rb"(?<=date: )[^\r]+")
SHOWN_BYTES = 160

Note = tuple[float, str, str, bytes]
"""When (virtual seconds), who, what, and the bytes that went with it."""


class Trace:
    """The notes of one world."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def add(self, now: float, who: str, what: str, data: bytes = b"") -> None:
        """Keep a note."""
        self.notes.append((now, who, what, data))

    @property
    def hash(self) -> str:
        """The same for the same course of things, in whichever process."""
        digest = hashlib.sha256()
        for now, who, what, data in self.notes:
            digest.update(f"{now!r}|{who}|{what}|{len(data)}|".encode())
            if what != HEARS:
                digest.update(_DATE.sub(b"", data))
        return digest.hexdigest()[:16]

    def lines(self) -> Iterator[str]:
        """Tell the notes for a reader."""
        for now, who, what, data in self.notes:
            shown = repr(data[:SHOWN_BYTES])[1:] if data else ""
            more = f" … {len(data)} bytes" if len(data) > SHOWN_BYTES else ""
            yield f"{now:10.3f}  {who:<12} {what} {shown}{more}".rstrip()
